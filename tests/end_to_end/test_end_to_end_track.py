"""One event: the answer that a caller can store, from the command and from Python."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import delivery_server
import pytest
from end_to_end_helpers import TOKEN, RecordedRequest, Recorder, Row, Server, Shell, exact, refused_url

import importer
from importer.errors import RefusedError, UsageError

pytestmark = pytest.mark.slow

Answer = tuple[int, bytes]

ANSWERS: dict[str, tuple[Answer, Row]] = {
    "success": (
        (200, b"1"),
        {"success": True, "event": "Hi", "status_code": 200, "error": None},
    ),
    "Mixpanel's 0": (
        (200, b"0"),
        {"success": False, "event": "Hi", "status_code": 400, "error": "Mixpanel returned error: 0"},
    ),
    "503": (
        (503, b"no server is available"),
        {"success": False, "event": "Hi", "status_code": 503, "error": "HTTP error 503: no server is available"},
    ),
    "429": (
        (429, b'{"code": 429, "error": "Project exceeded rate limits", "status": "Too Many Requests"}'),
        {
            "success": False,
            "event": "Hi",
            "status_code": 429,
            "error": "HTTP error 429: Project exceeded rate limits",
        },
    ),
    "a page of HTML": (
        (200, b"<html>log in</html>"),
        {
            "success": False,
            "event": "Hi",
            "status_code": 200,
            "error": "Mixpanel returned error: HTTP 200, but the answer is neither 1 nor 0: <html>log in</html>",
        },
    ),
}  # fmt: skip


NOT_CHECKED = "does not check the token"


@pytest.fixture
def python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Set this process up as a program that calls ``importer.track``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIXPANEL_PROJECT_TOKEN", TOKEN)

    def reach(url: str) -> None:
        monkeypatch.setenv("MIXPANEL_BASE_URL", url)

    return reach


@pytest.mark.parametrize("name", list(ANSWERS))
def test_the_command_prints_the_answer_as_one_line_of_json(bare: Shell, name: str) -> None:
    answer, expected = ANSWERS[name]
    with Recorder(lambda _: answer) as recorder:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=recorder.url)
        result = shell.type("track", "Hi", "--distinct-id", "u")
        assert len(recorder.requests) == 1, "exactly one request, whatever comes of it"
    assert result.out == json.dumps(expected) + "\n"
    assert (NOT_CHECKED in result.err) == expected["success"]
    assert len(result.err.splitlines()) == expected["success"]
    assert result.code == (0 if expected["success"] else 1)


@pytest.mark.parametrize("name", list(ANSWERS))
def test_python_gets_the_same_answer(python: Callable[[str], None], name: str) -> None:
    answer, expected = ANSWERS[name]
    with Recorder(lambda _: answer) as recorder:
        python(recorder.url)
        assert importer.track("Hi", "u") == expected


def test_no_answer_has_no_status_code(bare: Shell, python: Callable[[str], None]) -> None:
    url = refused_url()
    shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=url)

    result = shell.type("track", "Hi")

    answer = json.loads(result.out)
    assert (result.code, answer["success"], answer["status_code"]) == (1, False, None)
    assert "refused" in answer["error"]
    python(url)
    assert importer.track("Hi") == answer


# ── where it is sent, and as whom ────────────────────────────────────────────────────────────────


def test_quiet_leaves_the_note_out(bare: Shell) -> None:
    with Recorder(lambda _: (200, b"1")) as recorder:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN)
        result = shell.type("track", "Hi", "--base-url", recorder.url, "-q")
    assert (result.code, result.err) == (0, "")


def test_import_checks_the_token_so_there_is_nothing_to_note(bare: Shell) -> None:
    body = b'{"code": 200, "num_records_imported": 1, "status": "OK"}'
    with Recorder(lambda _: (200, body)) as recorder:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=recorder.url)
        result = shell.type("track", "Hi", "--endpoint", "import")
        assert [request.path for request in recorder.requests] == ["/import"]
    assert (result.code, result.err) == (0, "")


def test_an_old_event_is_not_sent_to_where_it_would_be_dropped(bare: Shell) -> None:
    with Recorder(lambda _: (200, b"1")) as recorder:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=recorder.url)
        result = shell.type("track", "Hi", "--endpoint", "track", "--time", "2024-03-01T00:00:00Z")
        assert recorder.requests == []
    assert (result.code, result.out) == (2, "")
    assert "--endpoint import" in result.err


def test_a_token_file_is_sent_to_the_base_url(bare: Shell) -> None:
    bare.write("token.txt", "from-the-file\r\n")
    with Recorder(lambda _: (200, b"1")) as recorder:
        result = bare.type("track", "Hi", "--token-file", "token.txt", "--base-url", recorder.url)
        assert sent(recorder.requests[0])["properties"]["token"] == "from-the-file"
    assert result.code == 0


@pytest.mark.parametrize(("region", "host"), [("eu", "api-eu.mixpanel.com"), ("in", "api-in.mixpanel.com")])
def test_a_region_names_the_host(bare: Shell, region: str, host: str) -> None:
    with delivery_server.Server(lambda _, connection: connection.reply(407, b"")) as proxy:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, HTTPS_PROXY=proxy.url)
        result = shell.type("track", "Hi", "--region", region)
    assert [(request.method, request.target) for request in proxy.requests] == [("CONNECT", f"{host}:443")]
    assert json.loads(result.out)["success"] is False


def test_a_rehearsal_needs_no_account(bare: Shell) -> None:
    result = bare.type("track", "Hi", "--distinct-id", "u", "--sandbox")
    assert result.out == '{"success": true, "event": "Hi", "status_code": 200, "error": null}\n'
    assert (result.code, "nothing reached Mixpanel" in result.err) == (0, True)


def test_a_server_that_hangs_is_left_after_the_timeout(bare: Shell) -> None:
    with Recorder(lambda _: (time.sleep(3), (200, b"1"))[1]) as recorder:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=recorder.url)
        began = time.monotonic()
        result = shell.type("track", "Hi", "--timeout", "0.2")
        assert time.monotonic() - began < 3
    assert (result.code, json.loads(result.out)["status_code"]) == (1, None)


def test_python_takes_a_region_and_a_base_url_too(python: Callable[[str], None]) -> None:
    with Recorder(lambda _: (200, b"1")) as recorder:
        python("")
        assert importer.track("Hi", base_url=recorder.url)["success"]
        with pytest.raises(RefusedError, match="both say where"):
            importer.track("Hi", base_url=recorder.url, region="eu")


# ── what is sent ─────────────────────────────────────────────────────────────────────────────────


def sent(request: RecordedRequest) -> Row:
    (event,) = json.loads(request.body)
    return event


def test_the_event_is_sent_with_its_properties_and_an_id_of_its_own(python: Callable[[str], None]) -> None:
    with Recorder(lambda _: (200, b"1")) as recorder:
        python(recorder.url)
        for _ in range(2):
            importer.track("Hi", "u", {"amount": 49.99, "tags": ["a", None]}, ip="203.0.113.9")
        first, second = map(sent, recorder.requests)
    own = first["properties"].pop("$insert_id")
    assert abs(first["properties"].pop("time") - time.time() * 1000) < 60_000
    assert exact(first) == exact(
        {
            "event": "Hi",
            "properties": {
                "token": TOKEN, "distinct_id": "u", "ip": "203.0.113.9", "amount": 49.99, "tags": ["a", None],
            },
        }
    )  # fmt: skip
    assert own != second["properties"]["$insert_id"], "two equal calls are two facts"


def test_values_are_trimmed(python: Callable[[str], None]) -> None:
    with Recorder(lambda _: (200, b"1")) as recorder:
        python(recorder.url)
        answer = importer.track("  Hi \n", " u ", None, " 203.0.113.9 ")
        event = sent(recorder.requests[0])
    assert answer["event"] == event["event"] == "Hi"
    assert event["properties"]["distinct_id"] == "u"
    assert event["properties"]["ip"] == "203.0.113.9"


def test_without_an_ip_the_place_of_this_machine_is_not_looked_up(python: Callable[[str], None]) -> None:
    with Recorder(lambda _: (200, b"1")) as recorder:
        python(recorder.url)
        importer.track("Hi")
        assert exact(sent(recorder.requests[0])["properties"]["ip"]) == exact(0)


@pytest.mark.parametrize("options", [["--time", "2024-03-01T01:00:00+01:00"], ["--time", "1709251200"]])
def test_an_old_event_goes_to_import_and_gives_the_same_answer(
    shell: Shell, server: Server, options: Sequence[str]
) -> None:
    result = shell.type("track", "Hi", "--distinct-id", "u", *options, "--properties", '{"n": 1}')

    assert result.out == '{"success": true, "event": "Hi", "status_code": 200, "error": null}\n'
    (event,) = server.events()
    assert event["properties"]["time"] == 1_709_251_200_000
    assert "token" not in event["properties"]


def test_a_refusal_by_import_has_the_same_answer(python: Callable[[str], None]) -> None:
    def refuse(request: RecordedRequest) -> Answer:
        event = json.loads(gzip.decompress(request.body))
        failed = {
            "index": 0,
            "insert_id": event["properties"]["$insert_id"],
            "field": "properties.time",
            "message": "is not to our taste",
        }
        body = {"code": 400, "num_records_imported": 0, "failed_records": [failed], "status": "Bad Request"}
        return 400, json.dumps(body).encode()

    with Recorder(refuse) as recorder:
        python(recorder.url)
        answer = importer.track("Hi", "u", time=1_709_251_200)
        assert [request.path for request in recorder.requests] == ["/import"]
    assert (answer["success"], answer["status_code"]) == (False, 400)
    assert "is not to our taste" in str(answer["error"])


@pytest.mark.parametrize("age", [0, 86_400, 428_000])
def test_a_recent_event_goes_to_track_with_its_time(python: Callable[[str], None], age: int) -> None:
    moment = int(time.time()) - age
    with Recorder(lambda _: (200, b"1")) as recorder:
        python(recorder.url)
        importer.track("Hi", time=moment)
        (request,) = recorder.requests
    assert request.path == "/track"
    assert sent(request)["properties"]["time"] == moment * 1000


# ── what is not sent ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["track", "  "], "no name"),
        (["track"], "EVENT"),
        (["track", "Hi", "--properties", "[1, 2]"], "JSON object"),
        (["track", "Hi", "--properties", '{"a": '], "JSON"),
        (["track", "Hi", "--properties", '"text"'], "JSON object"),
        (["track", "Hi", "--time", "2024-03-01 12:00:00"], "time zone"),
        (["track", "Hi", "--time", "soon"], "soon"),
        (["track", "Hi", "--time", "2999-01-01T00:00:00Z"], "time"),
        (["track", "Hi", "--distinct-id", "anonymous"], "anonymous"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_invalid_event_exits_with_2_and_is_not_sent(bare: Shell, words: Sequence[str], found: str) -> None:
    with Recorder(lambda _: (200, b"1")) as recorder:
        result = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=recorder.url).type(*words)
        assert recorder.requests == []
    assert (result.code, result.out) == (2, "")
    assert found in result.err


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"event": " "}, "no name"),
        ({"event": "Hi", "properties": [1]}, "JSON object"),
        ({"event": "Hi", "properties": {"a": object()}}, "JSON"),
        ({"event": "Hi", "time": "2024-03-01 12:00:00"}, "time zone"),
        ({"event": "Hi", "distinct_id": "null"}, "null"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_track_raises_for_an_invalid_event_and_sends_nothing(
    python: Callable[[str], None], arguments: dict[str, Any], found: str
) -> None:
    with Recorder(lambda _: (200, b"1")) as recorder:
        python(recorder.url)
        with pytest.raises(UsageError) as raised:
            importer.track(**arguments)
        assert recorder.requests == []
    assert found in raised.value.message


def test_without_a_token_nothing_is_sent(
    bare: Shell, python: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Recorder(lambda _: (200, b"1")) as recorder:
        result = bare.with_environ(MIXPANEL_BASE_URL=recorder.url).type("track", "Hi")
        python(recorder.url)
        monkeypatch.delenv("MIXPANEL_PROJECT_TOKEN")
        with pytest.raises(RefusedError):
            importer.track("Hi")
        assert recorder.requests == []
    assert (result.code, result.out) == (4, "")
    assert "MIXPANEL_PROJECT_TOKEN" in result.err


def test_a_token_can_be_handed_in(python: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIXPANEL_API_SECRET", "unused")
    with Recorder(lambda _: (200, b"1")) as recorder:
        python(recorder.url)
        assert importer.track("Hi", token="handed-in")["success"]
        assert sent(recorder.requests[0])["properties"]["token"] == "handed-in"


def test_a_message_of_a_server_becomes_one_escaped_line(bare: Shell) -> None:
    with Recorder(lambda _: (503, b"\x1b[2Jline one\nline two\x07" + b"x" * 5_000)) as recorder:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=recorder.url)
        result = shell.type("track", "Hi")
    assert result.out.count("\n") == 1
    assert result.out[:-1].isprintable()
    assert len(result.out) < 1_000
