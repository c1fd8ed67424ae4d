"""Credentials: which are sent, how, and that nobody else ever sees them."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Sequence

import pytest
from end_to_end_helpers import Asked, Recorder, Shell, refused_url, simple_csv

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


def taking(asked: Asked) -> tuple[int, bytes]:
    """Answer as Mixpanel does when everything is right."""
    if asked.path == "/track":
        return 200, b"1"
    count = len(gzip.decompress(asked.body).splitlines())
    return 200, json.dumps({"code": 200, "num_records_imported": count, "status": "OK"}).encode()


# ── which are sent ───────────────────────────────────────────────────────────────────────────────


def one_request(shell: Shell, *words: str) -> Asked:
    """Import one record to a server that writes down what it is asked."""
    shell.write("events.csv", simple_csv(1))
    with Recorder(taking) as recorder:
        said = shell.type("run", "events.csv", "--yes", "--base-url", recorder.url, *words)
        assert said.code == 0, said.err
        (asked,) = recorder.asked
    return asked


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
    asked = one_request(bare.with_environ(**KINDS[kind]))

    assert (asked.path, asked.query, asked.basic_auth) == ("/import", query, pair)
    assert asked.headers["content-type"] == "application/x-ndjson"
    assert "token" not in json.loads(gzip.decompress(asked.body))["properties"]
    manifest = bare.manifest("events.results.csv")
    assert manifest["credentials_kind"] == kind


def test_track_carries_the_token_in_each_event_and_nowhere_else(bare: Shell) -> None:
    shell = bare.with_environ(**KINDS["token"])
    with Recorder(taking) as recorder:
        shell.with_environ(MIXPANEL_BASE_URL=recorder.url).type("track", "Hi")
        (asked,) = recorder.asked
    assert (asked.path, asked.query) == ("/track", {})
    assert "authorization" not in asked.headers
    (event,) = json.loads(asked.body)
    assert event["properties"]["token"] == TOKEN


def test_credentials_are_taken_from_dotenv_in_the_working_directory(bare: Shell) -> None:
    bare.write(".env", f'MIXPANEL_PROJECT_TOKEN="{TOKEN}"\n')

    assert one_request(bare).basic_auth == (TOKEN, "")


def test_the_environment_wins_over_dotenv_and_sets_are_never_mixed(bare: Shell) -> None:
    lines = [f"{name}={value}" for name, value in {**ACCOUNT, "MIXPANEL_PROJECT_TOKEN": "other"}.items()]
    bare.write(".env", "\n".join(lines))

    asked = one_request(bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN))

    assert asked.basic_auth == (TOKEN, "")
    assert "project_id" not in asked.query


def test_half_a_set_in_the_environment_is_not_completed_from_dotenv(bare: Shell) -> None:
    bare.write("events.csv", simple_csv(1))
    bare.write(".env", "\n".join(f"{name}={value}" for name, value in ACCOUNT.items()))
    with Recorder(taking) as recorder:
        shell = bare.with_environ(MIXPANEL_SERVICE_ACCOUNT_USERNAME="another")
        said = shell.type("run", "events.csv", "--yes", "--base-url", recorder.url)
        assert recorder.asked == []
    assert said.code == 4
    assert "MIXPANEL_SERVICE_ACCOUNT_SECRET" in said.err
    assert SECRET not in said.err


def test_the_server_is_not_taken_from_dotenv(bare: Shell) -> None:
    with Recorder(taking) as stranger:
        bare.write(".env", f"MIXPANEL_PROJECT_TOKEN={TOKEN}\nMIXPANEL_BASE_URL={stranger.url}\n")
        assert one_request(bare).basic_auth == (TOKEN, "")
        assert stranger.asked == []


def test_a_token_file_comes_before_the_environment(bare: Shell) -> None:
    bare.write("token.txt", f"{TOKEN}\n")

    asked = one_request(bare.with_environ(MIXPANEL_API_SECRET=API), "--token-file", "token.txt")

    assert asked.basic_auth == (TOKEN, "")


@pytest.mark.parametrize(("kind", "user"), [("token", TOKEN), ("service-account", USER), ("secret", API)])
def test_credentials_says_which_of_several_kinds_to_use(bare: Shell, kind: str, user: str) -> None:
    everything = {name: value for variables in KINDS.values() for name, value in variables.items()}

    asked = one_request(bare.with_environ(**everything), "--credentials", kind)

    assert asked.basic_auth[0] == user


def test_a_proxy_of_the_environment_never_sees_what_goes_to_this_machine(bare: Shell) -> None:
    with Recorder(taking) as proxy:
        one_request(bare.with_environ(**KINDS["token"], HTTP_PROXY=proxy.url, ALL_PROXY=proxy.url))
        assert proxy.asked == []


def test_a_redirect_is_never_followed(bare: Shell) -> None:
    bare.write("events.csv", simple_csv(1))
    with Recorder(lambda _: (307, b"")) as recorder:
        said = bare.with_environ(**KINDS["token"]).type(
            "run", "events.csv", "--yes", "--base-url", recorder.url
        )
        assert len(recorder.asked) == 1
    assert said.code == 4
    assert bare.results("events.results.csv") == []


# ── who sees them ────────────────────────────────────────────────────────────────────────────────


def echoing(status: int) -> Callable[[Asked], tuple[int, bytes]]:
    """A server, or what stands before it, that repeats all it was told in its answer."""

    def answer(asked: Asked) -> tuple[int, bytes]:
        body = gzip.decompress(asked.body) if asked.path == "/import" else asked.body
        authorization = asked.headers.get("authorization", "")
        pair = base64.b64decode(authorization.partition(" ")[2]).decode()
        told = f"{authorization} {pair} {asked.query} {body.decode()}"
        return status, json.dumps({"code": status, "error": told, "status": told}).encode()

    return answer


ANSWERS: dict[str, Callable[[Asked], tuple[int, bytes]]] = {
    "401": echoing(401),
    "400": echoing(400),
    "500": echoing(500),
    "200 that is not Mixpanel's": lambda asked: (200, b"<html>" + echoing(200)(asked)[1]),
    "0": lambda _: (200, b"0"),
}


def assert_secret(shell: Shell, *said: str) -> None:
    everywhere = "\n".join([*said, shell.everything_on_disk()])
    for secret in (TOKEN, SECRET, API, *PAIRS):
        assert secret not in everywhere


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("answer", list(ANSWERS))
def test_whatever_a_server_answers_no_run_shows_or_keeps_a_credential(
    bare: Shell, kind: str, answer: str
) -> None:
    shell = bare.with_environ(**KINDS[kind])
    shell.write("events.csv", simple_csv(3))
    with Recorder(ANSWERS[answer]) as recorder:
        said = shell.type(
            "run", "events.csv", "--yes", "--base-url", recorder.url, "--json", "-v",
            "--max-retries", "0", "--retry-wait", "0.01",
        )  # fmt: skip
        assert recorder.asked[0].basic_auth[0] in (TOKEN, USER, API), "the credential was really sent"
    assert said.code in (1, 4, 5), said.err
    assert json.loads(said.out)["exit_code"] == said.code
    if answer != "0":
        assert "***" in said.err, "what was repeated is shown, but masked"
    assert_secret(shell, said.out, said.err)


@pytest.mark.parametrize("answer", list(ANSWERS))
def test_whatever_track_is_answered_it_shows_no_token(bare: Shell, answer: str) -> None:
    with Recorder(ANSWERS[answer]) as recorder:
        shell = bare.with_environ(**KINDS["token"], MIXPANEL_BASE_URL=recorder.url)
        said = shell.type("track", "Hi")
        assert TOKEN.encode() in recorder.asked[0].body
    assert said.code == 1
    assert_secret(shell, said.out, said.err)


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

    said = shell.type(*words)

    assert said.out + said.err
    assert_secret(shell, said.out, said.err)


def test_neither_status_nor_retry_shows_a_credential(shell: Shell) -> None:
    shell.write("events.csv", simple_csv(3, broken={2: "Hi,u,soon,2"}))
    shell.type("run", "events.csv", "--yes", "--failed-rows", "bad.csv")

    words = (["status", "events.results.csv"], ["status", "events.results.csv", "--json"],
             ["retry", "events.results.csv", "--yes", "--json", "-v", "--missing-time", "now"])  # fmt: skip
    said = [shell.type(*each) for each in words]

    assert [each.code for each in said] == [1, 1, 1]
    assert_secret(shell, *(each.out + each.err for each in said))


def test_a_token_in_a_record_is_never_sent(bare: Shell) -> None:
    bare.write("events.csv", "event,user_id,time,token\nHi,u,2024-03-01T00:00:00Z,their-own-token\n")
    with Recorder(taking) as recorder:
        said = bare.with_environ(**KINDS["token"]).type(
            "run", "events.csv", "--yes", "--base-url", recorder.url
        )
        (asked,) = recorder.asked
    assert said.code == 0
    assert b"their-own-token" not in gzip.decompress(asked.body)
    assert "token" in bare.results("events.results.csv")[0]["note"]
