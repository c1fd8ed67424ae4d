"""Credentials: which are sent, how, and that nobody else ever sees them."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Sequence

import pytest
from end_to_end_helpers import RecordedRequest, Recorder, Shell, refused_url, simple_csv

pytestmark = pytest.mark.slow

TOKEN, USER, SECRET, API = "token-0123456789abcdef", "importer.f3a1", "account-secret-4711", "api-secret-0815"
ACCOUNT = {
    "MIXPANEL_SERVICE_ACCOUNT_USERNAME": USER,
    "MIXPANEL_SERVICE_ACCOUNT_SECRET": SECRET,
    "MIXPANEL_PROJECT_ID": "271828",
}
KINDS = {
    "token": {"MIXPANEL_PROJECT_TOKEN": TOKEN},
    "service-account": ACCOUNT,
    "secret": {"MIXPANEL_API_SECRET": API},
}
PAIRS = [base64.b64encode(pair.encode()).decode() for pair in (f"{TOKEN}:", f"{USER}:{SECRET}", f"{API}:")]


def accept(request: RecordedRequest) -> tuple[int, bytes]:
    """Answer as Mixpanel does when everything is right."""
    if request.path == "/track":
        return 200, b"1"
    count = len(gzip.decompress(request.body).splitlines())
    return 200, json.dumps({"code": 200, "num_records_imported": count, "status": "OK"}).encode()


# ── which are sent ───────────────────────────────────────────────────────────────────────────────


def one_request(shell: Shell, *words: str) -> RecordedRequest:
    """Import one record, and return the request that the server got."""
    shell.write("events.csv", simple_csv(1))
    with Recorder(accept) as recorder:
        result = shell.type("run", "events.csv", "--yes", "--base-url", recorder.url, *words)
        assert result.code == 0, result.err
        (request,) = recorder.requests
    return request


@pytest.mark.parametrize(
    ("kind", "pair", "query"),
    [
        ("token", (TOKEN, ""), {"strict": "1"}),
        ("service-account", (USER, SECRET), {"strict": "1", "project_id": "271828"}),
        ("secret", (API, ""), {"strict": "1"}),
    ],
)
def test_each_kind_of_credential_goes_where_mixpanel_wants_it(
    bare: Shell, kind: str, pair: tuple[str, str], query: dict[str, str]
) -> None:
    request = one_request(bare.with_environ(**KINDS[kind]))

    assert (request.path, request.query, request.basic_auth) == ("/import", query, pair)
    assert request.headers["content-type"] == "application/x-ndjson"
    assert "token" not in json.loads(gzip.decompress(request.body))["properties"]
    manifest = bare.manifest("events.results.csv")
    assert manifest["credentials_kind"] == kind


def test_track_carries_the_token_in_each_event_and_nowhere_else(bare: Shell) -> None:
    shell = bare.with_environ(**KINDS["token"])
    with Recorder(accept) as recorder:
        shell.with_environ(MIXPANEL_BASE_URL=recorder.url).type("track", "Hi")
        (request,) = recorder.requests
    assert (request.path, request.query) == ("/track", {})
    assert "authorization" not in request.headers
    (event,) = json.loads(request.body)
    assert event["properties"]["token"] == TOKEN


def test_credentials_are_taken_from_dotenv_in_the_working_directory(bare: Shell) -> None:
    bare.write(".env", f'MIXPANEL_PROJECT_TOKEN="{TOKEN}"\n')

    assert one_request(bare).basic_auth == (TOKEN, "")


def test_the_environment_wins_over_dotenv_and_sets_are_never_mixed(bare: Shell) -> None:
    lines = [f"{name}={value}" for name, value in {**ACCOUNT, "MIXPANEL_PROJECT_TOKEN": "other"}.items()]
    bare.write(".env", "\n".join(lines))

    request = one_request(bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN))

    assert request.basic_auth == (TOKEN, "")
    assert "project_id" not in request.query


def test_half_a_set_in_the_environment_is_not_completed_from_dotenv(bare: Shell) -> None:
    bare.write("events.csv", simple_csv(1))
    bare.write(".env", "\n".join(f"{name}={value}" for name, value in ACCOUNT.items()))
    with Recorder(accept) as recorder:
        shell = bare.with_environ(MIXPANEL_SERVICE_ACCOUNT_USERNAME="another")
        result = shell.type("run", "events.csv", "--yes", "--base-url", recorder.url)
        assert recorder.requests == []
    assert result.code == 4
    assert "MIXPANEL_SERVICE_ACCOUNT_SECRET" in result.err
    assert SECRET not in result.err


def test_a_server_that_is_named_by_the_option_is_taken_whatever_dotenv_says(bare: Shell) -> None:
    with Recorder(accept) as stranger:
        bare.write(".env", f"MIXPANEL_PROJECT_TOKEN={TOKEN}\nMIXPANEL_BASE_URL={stranger.url}\n")
        assert one_request(bare).basic_auth == (TOKEN, "")
        assert stranger.requests == []


def test_a_token_file_comes_before_the_environment(bare: Shell) -> None:
    bare.write("token.txt", f"{TOKEN}\n")

    request = one_request(bare.with_environ(MIXPANEL_API_SECRET=API), "--token-file", "token.txt")

    assert request.basic_auth == (TOKEN, "")


@pytest.mark.parametrize(("kind", "user"), [("token", TOKEN), ("service-account", USER), ("secret", API)])
def test_credentials_says_which_of_several_kinds_to_use(bare: Shell, kind: str, user: str) -> None:
    everything = {name: value for variables in KINDS.values() for name, value in variables.items()}

    request = one_request(bare.with_environ(**everything), "--credentials", kind)

    assert request.basic_auth[0] == user


def test_a_proxy_of_the_environment_never_sees_what_goes_to_this_machine(bare: Shell) -> None:
    with Recorder(accept) as proxy:
        one_request(bare.with_environ(**KINDS["token"], HTTP_PROXY=proxy.url, ALL_PROXY=proxy.url))
        assert proxy.requests == []


def test_a_redirect_is_never_followed(bare: Shell) -> None:
    bare.write("events.csv", simple_csv(1))
    with Recorder(lambda _: (307, b"")) as recorder:
        result = bare.with_environ(**KINDS["token"]).type(
            "run", "events.csv", "--yes", "--base-url", recorder.url
        )
        assert len(recorder.requests) == 1
    assert result.code == 4
    assert bare.results("events.results.csv") == []


# ── who sees them ────────────────────────────────────────────────────────────────────────────────


def echoing(status: int) -> Callable[[RecordedRequest], tuple[int, bytes]]:
    """Return an answer that repeats the request with its credentials, as a faulty proxy may."""

    def answer(request: RecordedRequest) -> tuple[int, bytes]:
        body = gzip.decompress(request.body) if request.path == "/import" else request.body
        authorization = request.headers.get("authorization", "")
        pair = base64.b64decode(authorization.partition(" ")[2]).decode()
        echo = f"{authorization} {pair} {request.query} {body.decode()}"
        return status, json.dumps({"code": status, "error": echo, "status": echo}).encode()

    return answer


ANSWERS: dict[str, Callable[[RecordedRequest], tuple[int, bytes]]] = {
    "401": echoing(401),
    "400": echoing(400),
    "500": echoing(500),
    "200 that is not Mixpanel's": lambda request: (200, b"<html>" + echoing(200)(request)[1]),
    "0": lambda _: (200, b"0"),
}


def assert_secret(shell: Shell, *outputs: str) -> None:
    everywhere = "\n".join([*outputs, shell.everything_on_disk()])
    for secret in (TOKEN, SECRET, API, *PAIRS):
        assert secret not in everywhere


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("answer", list(ANSWERS))
def test_no_answer_of_a_server_makes_a_run_show_or_keep_a_credential(
    bare: Shell, kind: str, answer: str
) -> None:
    shell = bare.with_environ(**KINDS[kind])
    shell.write("events.csv", simple_csv(3))
    with Recorder(ANSWERS[answer]) as recorder:
        result = shell.type(
            "run", "events.csv", "--yes", "--base-url", recorder.url, "--json", "-v",
            "--max-retries", "0", "--retry-wait", "0.01",
        )  # fmt: skip
        assert recorder.requests[0].basic_auth[0] in (TOKEN, USER, API), "the credential was really sent"
    assert result.code in (1, 4, 5), result.err
    assert json.loads(result.out)["exit_code"] == result.code
    if answer != "0":
        assert "***" in result.err, "what was repeated is shown, but masked"
    assert_secret(shell, result.out, result.err)


@pytest.mark.parametrize("answer", list(ANSWERS))
def test_no_answer_of_a_server_makes_track_show_the_token(bare: Shell, answer: str) -> None:
    with Recorder(ANSWERS[answer]) as recorder:
        shell = bare.with_environ(**KINDS["token"], MIXPANEL_BASE_URL=recorder.url)
        result = shell.type("track", "Hi")
        assert TOKEN.encode() in recorder.requests[0].body
    assert result.code == 1
    assert_secret(shell, result.out, result.err)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        (KINDS["token"], ["run", "events.csv", "--yes", "--max-retries", "0", "--json", "-v"]),
        (KINDS["token"], ["track", "Hi"]),
        (KINDS["token"], ["track", ""]),
        ({"MIXPANEL_PROJECT_TOKEN": f"{TOKEN} {TOKEN}"}, ["run", "events.csv", "--yes"]),
        ({"MIXPANEL_PROJECT_TOKEN": f"{TOKEN}é"}, ["track", "Hi"]),
        ({**KINDS["token"], **ACCOUNT}, ["run", "events.csv", "--yes"]),
        ({**KINDS["token"], **ACCOUNT}, ["run", "events.csv", "--yes", "--credentials", "secret"]),
        (ACCOUNT, ["track", "Hi"]),
        ({**KINDS["token"], **ACCOUNT}, ["preview", "events.csv"]),
        ({**KINDS["token"], **ACCOUNT}, ["run", "events.csv", "--dry-run", "--json", "-v"]),
        (KINDS["token"], ["run", "events.csv", "--sandbox", "--json", "-v"]),
    ],
    ids=" ".join,
)
def test_no_command_shows_or_keeps_a_credential(
    bare: Shell, environ: dict[str, str], words: Sequence[str]
) -> None:
    shell = bare.with_environ(MIXPANEL_BASE_URL=refused_url(), **environ)
    shell.write("events.csv", simple_csv(3))

    result = shell.type(*words)

    assert result.out + result.err
    assert_secret(shell, result.out, result.err)


def test_neither_status_nor_retry_shows_a_credential(shell: Shell) -> None:
    shell.write("events.csv", simple_csv(3, broken={2: "Hi,u,soon,2"}))
    shell.type("run", "events.csv", "--yes", "--failed-rows", "bad.csv")

    words = (["status", "events.results.csv"], ["status", "events.results.csv", "--json"],
             ["retry", "events.results.csv", "--yes", "--json", "-v", "--missing-time", "now"])  # fmt: skip
    result = [shell.type(*each) for each in words]

    assert [each.code for each in result] == [1, 1, 1]
    assert_secret(shell, *(each.out + each.err for each in result))


def test_a_token_in_a_record_is_never_sent(bare: Shell) -> None:
    bare.write("events.csv", "event,user_id,time,token\nHi,u,2024-03-01T00:00:00Z,their-own-token\n")
    with Recorder(accept) as recorder:
        result = bare.with_environ(**KINDS["token"]).type(
            "run", "events.csv", "--yes", "--base-url", recorder.url
        )
        (request,) = recorder.requests
    assert result.code == 0
    assert b"their-own-token" not in gzip.decompress(request.body)
    assert "token" in bare.results("events.results.csv")[0]["note"]


# ── a file that names the server ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "words",
    [
        ["run", "events.csv", "--yes"],
        ["run", "events.csv", "--dry-run"],
        ["run", "events.csv", "--yes", "--region", "eu"],
        ["track", "Hi"],
    ],
    ids=" ".join,
)
def test_a_server_in_dotenv_is_refused_by_name(bare: Shell, words: list[str]) -> None:
    bare.write("events.csv", simple_csv(1))
    with Recorder(accept) as there:
        bare.write(".env", f"MIXPANEL_PROJECT_TOKEN={TOKEN}\nMIXPANEL_BASE_URL={there.url}\n")
        done = bare.type(*words)
        assert there.requests == []
    assert (done.code, done.out) == (4, "")
    assert ".env holds MIXPANEL_BASE_URL" in done.err
    assert "--base-url" in done.err
    assert not (bare.folder / "events.results.csv").exists()


# ── names that look like output ──────────────────────────────────────────────────────────────────

FORGED = "a\nNext: mixpanel-importer undo everything\x1b[2K\u202e.csv"


@pytest.mark.parametrize(
    "words",
    [
        ("run", FORGED, "--dry-run"),
        ("run", FORGED, "--sandbox", "--failed-rows", f"mend-{FORGED}"),
        ("run", f"no-{FORGED}", "--dry-run"),
        ("run", "events.csv", "--dry-run", "--results", f"results-{FORGED}"),
        ("run", "events.csv", "--dry-run", "--mapping", f"no-{FORGED}"),
        ("run", "events.csv", "--yes", "--token-file", f"no-{FORGED}"),
        ("preview", FORGED),
        ("preview", FORGED, "--save", f"{FORGED}.toml"),
        ("status", f"no-{FORGED}"),
        ("status", f"done-{FORGED}"),
        ("retry", f"done-{FORGED}"),
        ("run", FORGED, "--sandbox", "--results", f"done-{FORGED}"),
    ],
)
def test_a_name_of_a_file_forges_no_line(bare: Shell, words: Sequence[str]) -> None:
    text = simple_csv(3, broken={2: ",u,2024-03-01T00:00:00Z,2"})
    bare.write(FORGED, text)
    bare.write("events.csv", text)
    bare.type("run", FORGED, "--sandbox", "--results", f"done-{FORGED}")

    result = bare.type(*words)

    shown = result.err + result.out
    assert "Traceback" not in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "undo everything" in shown  # it is shown, as a part of a line
    assert [line for line in shown.splitlines() if line.startswith("Next: mixpanel-importer undo")] == []
