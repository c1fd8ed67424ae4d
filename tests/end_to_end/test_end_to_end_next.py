"""What a command offers to type next does what it says, in every state in which a command can end.

Each test brings about a state, then types what is offered, and what that offers, until nothing is. At the end
every record is at the server, once.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import fault_server
import httpx
import pytest
from end_to_end_helpers import TOKEN, CommandResult, Recorder, Server, Shell, simple_csv, statuses

pytestmark = pytest.mark.slow

HEADER = "event,user_id,time,n\n"
GOOD = "Hi,u1,2024-03-01T10:00:01Z,1\nHi,u2,2024-03-01T10:00:02Z,2\n"
NAMELESS = ",u3,2024-03-01T10:00:03Z,3\n,u4,2024-03-01T10:00:04Z,4\n"
NAIVE = "Hi,u5,2024-03-01 10:00:05,5\nHi,u6,2024-03-01 10:00:06,6\n"
BROKEN = HEADER + GOOD + NAMELESS
FAST = ("--max-retries", "1", "--retry-wait", "0.05", "--concurrency", "1", "--batch-size", "1")
POISON = ("--poison", '503:"n":2}')


def offered(result: CommandResult) -> list[str]:
    """The commands that were offered, in order, as they stand on the screen."""
    lines = (result.err + result.out).splitlines()
    return [line.removeprefix("Next: ") for line in lines if line.startswith("Next: ")]


def mend(path: Path) -> None:
    """Give its records the names that they lack, as a person does in an editor."""
    path.write_text(re.sub("^,", "Hi,", path.read_text(), flags=re.MULTILINE))


def type_offer(shell: Shell, line: str) -> CommandResult:
    """Type a command as it was offered, with a zone for ZONE, agreeing to what it asks."""
    line = line.replace("ZONE", "Europe/Berlin")
    stdin = None
    if line.startswith("… | "):
        line, stdin = line.removeprefix("… | "), (shell.folder / "stdin").read_text()
    program, *words = shlex.split(line)
    assert program == "mixpanel-importer"
    if words[0] == "run" and "--mapping" in words:
        mend(shell.folder / words[1])
    asks = words[0] in ("run", "retry") and not {"--yes", "--dry-run", "--sandbox"} & {*words}
    agree = ["--yes"] if asks else []
    return shell.type(*words, *agree, stdin=stdin)


def go_on(shell: Shell, result: CommandResult) -> list[str]:
    """Type what is offered, until nothing is; return what was typed."""
    trail: list[str] = []
    left = offered(result)
    while left:
        line = left.pop(0)
        assert line not in trail, (trail, line)
        trail.append(line)
        result = type_offer(shell, line)
        assert result.code in (0, 1), (line, result.code, result.err)
        left = left or offered(result)
    assert result.code == 0, (trail, result.err)
    return trail


# ── states that one command brings about ─────────────────────────────────────────────────────────


class State(NamedTuple):
    """A command after which something is left to do, and what is then typed, without the program's name."""

    name: str
    words: str
    text: str
    numbers: Sequence[int]
    offers: Sequence[str]
    code: int = 1


COPY = "run events.csv {URL} --resume --failed-rows events.failed.csv"
COPIED = "run events.failed.csv --mapping events.failed.csv.toml {URL}"
STATES = [
    State("all imported", "run events.csv --yes", HEADER + GOOD, [1, 2], [], 0),
    State("all valid", "run events.csv --dry-run", HEADER + GOOD, [1, 2], ["run events.csv"], 0),
    State("rehearsed", "run events.csv --sandbox -q", HEADER + GOOD, [1, 2], ["run events.csv"], 0),
    State(
        "rehearsed with outputs",
        "run events.csv --dry-run --results r.csv --failed-rows=f.csv --tag x",
        HEADER + GOOD,
        [1, 2],
        ["run events.csv --tag x"],
        0,
    ),
    State(
        "rehearsed in a hurry",
        "run events.csv --sandbox --retry-wait 0.1 --timeout 2 --log-file l.jsonl --max-retries=1 --tag x",
        HEADER + GOOD,
        [1, 2],
        ["run events.csv --tag x"],
        0,
    ),
    State(
        "a dry run without zones",
        "run events.csv --dry-run",
        HEADER + NAIVE,
        [5, 6],
        ["run events.csv --dry-run --timezone ZONE", "run events.csv --timezone Europe/Berlin"],
    ),
    State(
        "a rehearsal without zones",
        "run events.csv --sandbox",
        HEADER + NAIVE,
        [5, 6],
        ["run events.csv --sandbox --timezone ZONE", "run events.csv --timezone Europe/Berlin"],
    ),
    State(
        "a run without zones",
        "run events.csv --yes",
        HEADER + NAIVE,
        [5, 6],
        ["retry events.results.csv --timezone ZONE"],
    ),
    State(
        "a run without zones for some, and without names",
        "run events.csv --yes",
        BROKEN + NAIVE,
        [1, 2, 3, 4, 5, 6],
        [
            "retry events.results.csv --timezone ZONE",
            "retry events.results.csv --resume --failed-rows events.retry-1.failed.csv",
            "run events.retry-1.failed.csv --mapping events.retry-1.failed.csv.toml {URL}",
        ],
    ),
    State("only invalid left", "run events.csv --yes", BROKEN, [1, 2, 3, 4], [COPY, COPIED]),
    State("only invalid", "run events.csv --yes", HEADER + NAMELESS, [3, 4], [COPY, COPIED]),
    State(
        "only invalid left, and copied",
        "run events.csv --yes --failed-rows events.failed.csv",
        BROKEN,
        [1, 2, 3, 4],
        [COPIED],
    ),
    State(
        "a dry run that found some invalid",
        "run events.csv --dry-run",
        BROKEN,
        [1, 2, 3, 4],
        ["run events.csv", COPY, COPIED],
    ),
    State(
        "a rehearsal that found some invalid",
        "run events.csv --sandbox",
        BROKEN,
        [1, 2, 3, 4],
        ["run events.csv", COPY, COPIED],
    ),
    State(
        "a retry that changed nothing",
        "retry events.results.csv --yes",
        HEADER + NAIVE,
        [5, 6],
        ["retry events.results.retry-1.csv --timezone ZONE"],
    ),
    State(
        "stopped at the limit of errors",
        "run events.csv --yes --max-errors 1 --batch-size 1 --concurrency 1",
        HEADER + NAMELESS + GOOD,
        [1, 2, 3, 4],
        ["run events.csv {URL} --resume", COPY, COPIED],
        3,
    ),
    State(
        "a retry beyond the limit of errors",
        "retry events.results.csv --yes --max-errors 0",
        HEADER + NAMELESS,
        [3, 4],
        [
            "retry events.results.csv --resume --failed-rows events.retry-1.failed.csv",
            "run events.retry-1.failed.csv --mapping events.retry-1.failed.csv.toml {URL}",
        ],
        3,
    ),
    State(
        "a limited run",
        "run events.csv --yes --limit 1",
        HEADER + GOOD,
        [1, 2],
        ["run events.csv {URL} --resume"],
        0,
    ),
    State("a limit beyond the end", "run events.csv --yes --limit 2", HEADER + GOOD, [1, 2], [], 0),
    State(
        "a limited dry run",
        "run events.csv --dry-run --limit 1",
        HEADER + GOOD,
        [1, 2],
        ["run events.csv --limit 1", "run events.csv {URL} --resume"],
        0,
    ),
    State(
        "too old for /track",
        "run events.csv --yes --endpoint track",
        HEADER + GOOD,
        [1, 2],
        ["retry events.results.csv --endpoint import"],
    ),
]


@pytest.mark.parametrize("state", STATES, ids=[state.name for state in STATES])
def test_what_is_offered_after_a_command_brings_every_record_to_its_place(
    shell: Shell, server: Server, state: State
) -> None:
    shell.write("events.csv", state.text)
    if state.words.startswith("retry"):
        shell.type("run", "events.csv", "--yes")

    result = shell.type(*state.words.split())

    assert result.code == state.code, result.err
    url = f"--base-url {server.url}"
    assert go_on(shell, result) == [
        f"mixpanel-importer {line}".replace("{URL}", url) for line in state.offers
    ]
    assert server.numbers() == list(state.numbers)
    if state.code != 3:  # what is on the wire when a run stops is sent again
        assert server.counts()["raw_count"] == len(state.numbers), "nothing was sent twice"
    results = shell.folder / "events.results.csv"
    status = shell.type("status", results.name)
    assert (status.code, "Nothing is left to do." in status.out) == (0, True), status.out


def test_status_offers_what_the_run_offered(shell: Shell) -> None:
    for name, text in [("naive.csv", HEADER + NAIVE), ("broken.csv", BROKEN)]:
        shell.write(name, text)
        offer = offered(shell.type("run", name, "--yes"))
        status = shell.type("status", name.replace(".csv", ".results.csv"))
        assert (status.code, offered(status)) == (1, offer)


def test_where_only_invalid_records_are_left_to_mend_them_is_said_once(shell: Shell) -> None:
    shell.write("events.csv", BROKEN)

    for words in (["run", "events.csv", "--yes"], ["status", "events.results.csv"]):
        result = shell.type(*words)
        said = result.out + result.err
        assert len(re.findall("[Mm]end", said)) == 1, said
        assert said.count("Next:") == 1
        assert "Next: mixpanel-importer retry" not in said


def test_a_dry_run_without_a_valid_record_offers_no_run(shell: Shell, server: Server) -> None:
    source = shell.write("events.csv", HEADER + NAMELESS)
    result = shell.type("run", "events.csv", "--dry-run")
    assert offered(result) == ["mixpanel-importer run events.csv --dry-run"]
    assert "Mend the data" in result.err

    mend(source)

    assert go_on(shell, result) == [
        "mixpanel-importer run events.csv --dry-run",
        "mixpanel-importer run events.csv",
    ]
    assert server.numbers() == [3, 4]


def test_what_to_mend_before_the_same_command_is_typed_again_is_said_on_a_quiet_console_too(
    shell: Shell,
) -> None:
    shell.write("events.csv", HEADER + NAMELESS)
    result = shell.type("run", "events.csv", "--dry-run", "-q")
    assert result.err == (
        "2 invalid: see events.dry-run.csv\n"
        "Mend the data, or read it differently (--map, --type, --where, …), then check again:\n"
        "Next: mixpanel-importer run events.csv --dry-run -q\n"
    )


@pytest.mark.parametrize("how", ["--yes", "--dry-run"])
def test_a_copy_of_failed_records_is_named_where_an_option_mends_them(shell: Shell, how: str) -> None:
    shell.write("events.csv", HEADER + NAIVE)

    result = shell.type("run", "events.csv", how, "--failed-rows", "bad.csv")

    copied = "The records to mend are copied to bad.csv.\nSay in which zone the times were written"
    assert copied in result.err
    assert (shell.folder / "bad.csv").read_text() == HEADER + NAIVE
    go_on(shell, result)


def test_a_rehearsal_of_what_was_imported_offers_its_status(shell: Shell) -> None:
    shell.write("events.csv", HEADER + GOOD)
    shell.type("run", "events.csv", "--yes")

    result = shell.type("run", "events.csv", "--dry-run")

    assert (
        "events.results.csv is of an earlier import of events.csv. To see where that stands:\n" in result.err
    )
    assert go_on(shell, result) == ["mixpanel-importer status events.results.csv"]
    shell.write("events.csv", BROKEN)
    again = shell.type("run", "events.csv", "--sandbox")
    assert "2 records can't be imported. Mend them and check again.\nevents.results.csv is of" in again.err
    assert "import the others" not in again.err


def test_a_dry_run_with_collisions_offers_options_that_let_the_run_pass(shell: Shell, server: Server) -> None:
    lines = [f"Hi,u,2024-03-01T10:00:00Z,same,{n}\n" for n in (1, 2)]
    shell.write("events.csv", "event,user_id,time,insert_id,n\n" + "".join(lines))

    result = shell.type("run", "events.csv", "--dry-run")

    assert (result.code, offered(result)) == (2, [])
    assert "--map insert_id=\n" in result.err
    assert "--allow-collisions" in result.err
    again = shell.type("run", "events.csv", "--dry-run", "--map", "insert_id=")
    assert go_on(shell, again) == ["mixpanel-importer run events.csv --map insert_id="]
    assert server.numbers() == [1, 2]


# ── several sources, standard input ──────────────────────────────────────────────────────────────


def test_a_set_of_sources_that_was_stopped_goes_on_as_a_set(bare: Shell) -> None:
    with fault_server.running("--at", "2=401") as url:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=url)
        for number, name in enumerate(("a.csv", "b.csv", "c.csv")):
            shell.write(name, HEADER + f"Hi,u,2024-03-01T10:00:00Z,{number}\n")
        words = ("--workers", "1", "--results", "out")
        result = shell.type("run", "a.csv", "b.csv", "c.csv", "--yes", *words)

        assert result.code == 4
        assert go_on(shell, result) == [f"mixpanel-importer run --results out --base-url {url} --resume"]
        assert Server(url).numbers() == [0, 1, 2]
        assert Server(url).counts()["raw_count"] == 3


def test_a_rehearsed_set_is_run_as_a_set(shell: Shell, server: Server) -> None:
    shell.write("a.csv", HEADER + GOOD)
    shell.write("b.csv", HEADER + NAMELESS.replace("\n,", "\nHi,").replace(",u3", "Hi,u3", 1))

    result = shell.type("run", "a.csv", "b.csv", "--dry-run", "--results", "out")

    assert go_on(shell, result) == ["mixpanel-importer run a.csv b.csv --results out.results"]
    assert server.numbers() == [1, 2, 3, 4]


def test_standard_input_that_was_rehearsed_is_piped_in_again(shell: Shell, server: Server) -> None:
    text = shell.write("stdin", HEADER + NAIVE).read_text()

    result = shell.type("run", "-", "--dry-run", stdin=text)

    assert go_on(shell, result) == [
        "… | mixpanel-importer run - --dry-run --timezone ZONE",
        "… | mixpanel-importer run - --timezone Europe/Berlin --yes",
    ]
    assert server.numbers() == [5, 6]


def test_what_is_to_be_mended_of_standard_input_is_copied(shell: Shell, server: Server) -> None:
    result = shell.type("run", "-", "--yes", stdin=BROKEN)

    url = f"--base-url {server.url}"
    assert go_on(shell, result) == [
        f"mixpanel-importer run - {url} --yes --resume --failed-rows stdin.failed.csv",
        f"mixpanel-importer run stdin.failed.csv --mapping stdin.failed.csv.toml {url}",
    ]
    assert server.numbers() == [1, 2, 3, 4]


# ── servers that refuse, or are not there ────────────────────────────────────────────────────────


def with_faults(bare: Shell, url: str) -> Shell:
    return bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=url)


@pytest.mark.parametrize(
    ("faults", "text", "code", "offers"),
    [
        (("--at", "1=401"), HEADER + GOOD, 4, ["run events.csv {URL} --resume"]),
        (("--at", "2=403"), HEADER + GOOD, 4, ["run events.csv {URL} --resume"]),
        (("--at", "1+=503"), HEADER + GOOD, 5, ["run events.csv {URL} --resume"]),
        (POISON, HEADER + GOOD, 1, ["retry events.results.csv"]),
        (
            POISON,
            BROKEN,
            1,
            [
                "retry events.results.csv --status failed",
                "retry events.results.csv --resume --failed-rows events.retry-1.failed.csv",
                "run events.retry-1.failed.csv --mapping events.retry-1.failed.csv.toml {URL}",
            ],
        ),
    ],
    ids=["401", "403 later", "nothing gets through", "failed", "failed and invalid"],
)
def test_what_is_offered_after_a_server_refused_or_failed_works_once_it_is_well(
    bare: Shell, faults: Sequence[str], text: str, code: int, offers: Sequence[str]
) -> None:
    with fault_server.running(*faults) as url:
        shell = with_faults(bare, url)
        # Another record that passes makes the one that does not a failed one.
        last = "Hi,u9,2024-03-01T10:00:09Z,9\n"
        shell.write("events.csv", text + last)

        result = shell.type("run", "events.csv", "--yes", *FAST)

        assert result.code == code, result.err
        httpx.get(f"{url}/faults/mend")
        expected = [f"mixpanel-importer {line}".replace("{URL}", f"--base-url {url}") for line in offers]
        assert go_on(shell, result) == expected
        assert Server(url).numbers() == [*range(1, 1 + text.count("\n") - 1), 9]


def test_what_may_have_landed_is_not_retried_under_another_shape(bare: Shell) -> None:
    with fault_server.running(*POISON) as url:
        shell = with_faults(bare, url)
        shell.write("events.csv", BROKEN + "Hi,u9,2024-03-01T10:00:09Z,9\n")
        assert shell.type("run", "events.csv", "--yes", *FAST).code == 1
        httpx.get(f"{url}/faults/mend")
        before = Server(url).numbers()
        column = BROKEN.split(",")[1]
        for options in (("--where", f"{column} is not null"), ("--delimiter", ",", "--quote", "'")):
            ended = shell.type("retry", "events.results.csv", "--yes", *options)
            assert ended.code == 2, ended.err
            assert "records that failed may have landed, and would be read in another way" in ended.err
            assert "--status failed" in ended.err
        assert Server(url).numbers() == before
        assert shell.type("retry", "events.results.csv", "--yes", "--status", "failed").code == 0
        assert len(Server(url).numbers()) == len(before) + 1


def test_rejected_records_are_mended_and_not_offered_for_a_retry(bare: Shell) -> None:
    with fault_server.running("--refuse-every", "2") as url:
        shell = with_faults(bare, url)
        shell.write("events.csv", simple_csv(40))

        result = shell.type("run", "events.csv", "--yes", "--failed-rows", "bad.csv")

        rejected = statuses(shell.results("events.results.csv")).count("rejected")
        assert 0 < rejected < 40
        assert f"{rejected} records to mend are in bad.csv" in result.err
        httpx.get(f"{url}/faults/mend")
        assert go_on(shell, result) == [
            f"mixpanel-importer run bad.csv --mapping bad.csv.toml --base-url {url}"
        ]
        assert Server(url).numbers() == list(range(1, 41))


# ── what can't be done names what can ────────────────────────────────────────────────────────────


def command_in(text: str) -> str:
    """The last command that a text names."""
    return "mixpanel-importer" + text.rstrip().rpartition("mixpanel-importer")[2].partition("\n")[0]


def test_a_retry_of_what_was_retried_names_itself_with_the_right_results(
    shell: Shell, server: Server
) -> None:
    shell.write("events.csv", HEADER + NAIVE)
    shell.type("run", "events.csv", "--yes")
    shell.type("retry", "events.results.csv", "--yes")

    refused = shell.type("retry", "events.results.csv", "--yes", "--timezone", "Europe/Berlin")

    assert refused.code == 2
    command = command_in(refused.err)
    assert command == "mixpanel-importer retry events.results.retry-1.csv --yes --timezone Europe/Berlin"
    assert shell.type_line(command).code == 0
    assert server.numbers() == [5, 6]
    assert "Nothing is left to retry." in shell.type("retry", "events.results.csv", "--yes").err


def test_a_retry_of_a_run_that_was_stopped_names_the_command_that_finishes_it(
    shell: Shell, server: Server
) -> None:
    shell.write("events.csv", HEADER + NAMELESS + GOOD)
    shell.type("run", "events.csv", "--yes", "--max-errors", "0", "--batch-size", "1", "--concurrency", "1")

    refused = shell.type("retry", "events.results.csv", "--yes")

    assert refused.code == 2
    assert shell.type_line(command_in(refused.err), "--yes").code == 1
    assert server.numbers() == [1, 2]


def test_a_retry_beside_old_results_of_one_goes_to_another_file(shell: Shell, server: Server) -> None:
    shell.write("events.csv", HEADER + NAIVE)
    shell.type("run", "events.csv", "--yes")
    shell.type("retry", "events.results.csv", "--yes")
    for name in ("events.results.csv", "events.results.csv.run.json"):
        (shell.folder / name).unlink()
    result = shell.type("run", "events.csv", "--yes")
    assert offered(result) == [
        "mixpanel-importer retry events.results.csv --results events.results.retry-1-2.csv --timezone ZONE"
    ]
    refused = shell.type("retry", "events.results.csv", "--yes")
    assert refused.code == 2
    assert command_in(refused.err).startswith("mixpanel-importer retry events.results.csv --results")

    go_on(shell, result)

    assert server.numbers() == [5, 6]


def test_a_source_that_was_mended_in_its_place_is_retried(shell: Shell, server: Server) -> None:
    source = shell.write("events.csv", BROKEN)
    shell.type("run", "events.csv", "--yes")
    mend(source)
    refused = shell.type("run", "events.csv", "--yes", "--resume")
    assert refused.code == 2
    assert "mixpanel-importer retry events.results.csv --source-changed\n" in refused.err

    status = shell.type("status", "events.results.csv")

    assert go_on(shell, status) == ["mixpanel-importer retry events.results.csv --source-changed"]
    assert server.numbers() == [1, 2, 3, 4]


# ── a wrong host or credential, put right ────────────────────────────────────────────────────────


def refuse(_: object) -> tuple[int, bytes]:
    return 401, b'{"code": 401, "error": "Invalid credentials", "status": "Unauthorized"}'


@pytest.mark.parametrize("concurrency", [[], ["--concurrency", "1"]], ids=["many at once", "one by one"])
def test_a_wrong_host_is_put_right_while_every_request_was_refused(
    bare: Shell, server: Server, concurrency: list[str]
) -> None:
    shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN)
    shell.write("events.csv", simple_csv(300))
    with Recorder(refuse) as wrong:
        words = ["--yes", "--base-url", wrong.url, "--batch-size", "10", *concurrency]
        result = shell.type("run", "events.csv", *words)
    assert result.code == 4
    assert shell.manifest("events.results.csv")["unauthorized"] is True

    moved = result.next_command.replace(wrong.url, server.url)

    assert shell.type_line(moved, "--yes").code == 0
    assert server.numbers() == list(range(1, 301))
    manifest = shell.manifest("events.results.csv")
    assert (manifest["base_url"], manifest["refused_at"]) == (server.url, [wrong.url])
    assert manifest["unauthorized"] is False


def test_a_wrong_token_is_put_right_while_every_request_was_refused(bare: Shell) -> None:
    with fault_server.running("--at", "1=401") as url:
        bare.write("events.csv", HEADER + GOOD)
        wrong = bare.with_environ(MIXPANEL_PROJECT_TOKEN="wrong-token", MIXPANEL_BASE_URL=url)
        result = wrong.type("run", "events.csv", "--yes")
        assert result.code == 4

        assert go_on(with_faults(bare, url), result) == [
            f"mixpanel-importer run events.csv --base-url {url} --resume"
        ]

        assert Server(url).numbers() == [1, 2]


@pytest.mark.parametrize(
    "faults",
    [("--at", "1=reset_after,2+=401"), ("--at", "2+=401"), ("--at", "1=503,2+=401"), ("--at", "1+=404")],
    ids=["an answer was lost", "some landed", "the first was a 503", "no 401"],
)
def test_the_host_stays_once_anything_may_have_landed(
    bare: Shell, server: Server, faults: Sequence[str]
) -> None:
    with fault_server.running(*faults) as url:
        shell = with_faults(bare, url)
        shell.write("events.csv", HEADER + GOOD)
        result = shell.type(
            "run", "events.csv", "--yes", "--batch-size", "1", "--concurrency", "1", "--retry-wait", "0.01"
        )
        assert result.code == 4, result.err
        before = (shell.folder / "events.results.csv").read_bytes()

        moved = shell.type("run", "events.csv", "--yes", "--resume", "--base-url", server.url)

        assert moved.code == 2
        assert "host: was" in moved.err
        assert server.requests()["requests"] == 0
        assert (shell.folder / "events.results.csv").read_bytes() == before


def test_the_host_stays_after_a_second_try_that_died(bare: Shell, server: Server) -> None:
    shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN)
    shell.write("events.csv", HEADER + GOOD)
    with Recorder(refuse) as wrong:
        shell.type("run", "events.csv", "--yes", "--base-url", wrong.url)
    with fault_server.running("--at", "1=hold") as url:
        with shell.started("run", "events.csv", "--yes", "--resume", "--base-url", url) as process:
            while not Server(url).numbers():
                assert process.poll() is None
            process.kill()
            process.wait()
        assert shell.results("events.results.csv") == []

        moved = shell.type("run", "events.csv", "--yes", "--resume", "--base-url", server.url)
        assert (moved.code, server.requests()["requests"]) == (2, 0)
        httpx.get(f"{url}/faults/mend")
        assert shell.type("run", "events.csv", "--yes", "--resume", "--base-url", url).code == 0
        assert Server(url).numbers() == [1, 2]


def test_a_retry_to_a_wrong_host_is_put_right_where_nothing_was_sent_before(
    bare: Shell, server: Server
) -> None:
    shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN)
    shell.write("events.csv", HEADER + NAIVE)
    with Recorder(refuse) as wrong:
        assert shell.type("run", "events.csv", "--yes", "--base-url", wrong.url).code == 1
        assert wrong.requests == []
        result = shell.type("retry", "events.results.csv", "--timezone", "Europe/Berlin", "--yes")
        assert (result.code, len(wrong.requests)) == (4, 1)
    assert "--region" not in result.err
    assert "Nothing was taken. Put the credentials right, and go on:\n" in result.err
    assert result.next_command == "mixpanel-importer retry events.results.csv --resume"

    moved = shell.type_line(result.next_command, "--base-url", server.url, "--yes")

    assert moved.code == 0, moved.err
    assert server.numbers() == [5, 6]
    manifest = shell.manifest("events.results.retry-1.csv")
    assert (manifest["base_url"], manifest["refused_at"]) == (server.url, [wrong.url])
    assert "Nothing is left to do." in shell.type("status", "events.results.csv").out
    # What landed there is known, also to a run that would replace the one that sent nothing.
    doubled = shell.type(
        "run", "events.csv", "--yes", "--overwrite", "--timezone", "UTC", "--base-url", server.url
    )
    assert (doubled.code, "they would double" in doubled.err) == (2, True), doubled.err
    assert server.numbers() == [5, 6]


def test_a_retry_of_what_was_never_sent_may_go_elsewhere_and_stays_there(bare: Shell, server: Server) -> None:
    shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN)
    shell.write("events.csv", HEADER + NAIVE + NAMELESS)
    with Recorder(refuse) as wrong:
        shell.type("run", "events.csv", "--yes", "--base-url", wrong.url)
        words = ["--timezone", "Europe/Berlin", "--yes", "--base-url", server.url]
        assert shell.type("retry", "events.results.csv", *words).code == 1

        back = shell.type("retry", "events.results.retry-1.csv", "--yes", "--base-url", wrong.url)

        assert (back.code, "went elsewhere: host: was" in back.err) == (2, True), back.err
        assert (wrong.requests, server.numbers()) == ([], [5, 6])
    go_on(shell, shell.type("status", "events.results.csv"))
    assert server.numbers() == [3, 4, 5, 6]


def test_a_retry_stays_where_it_was_once_a_try_of_it_died(bare: Shell, server: Server) -> None:
    shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN)
    shell.write("events.csv", HEADER + NAIVE)
    with fault_server.running("--at", "1=hold") as url:
        shell.type("run", "events.csv", "--yes", "--base-url", server.url)
        words = ["retry", "events.results.csv", "--timezone", "Europe/Berlin", "--yes"]
        with shell.started(*words, "--base-url", url) as process:
            while not Server(url).numbers():
                assert process.poll() is None
            process.kill()
            process.wait()

        moved = shell.type("retry", "events.results.csv", "--yes", "--resume", "--base-url", server.url)

        assert (moved.code, server.requests()["requests"]) == (2, 0), moved.err
        httpx.get(f"{url}/faults/mend")
        assert shell.type("retry", "events.results.csv", "--yes", "--resume").code == 0
        assert Server(url).numbers() == [5, 6]


@pytest.mark.parametrize("quiet", [[], ["-q"]], ids=["", "quiet"])
def test_what_to_put_right_after_a_401_is_said_by_the_run_and_by_its_status(
    bare: Shell, quiet: list[str]
) -> None:
    bare.write("events.csv", HEADER + GOOD)
    with Recorder(refuse) as wrong:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN)
        result = shell.type("run", "events.csv", "--yes", "--base-url", wrong.url, *quiet)
    assert result.code == 4
    assert "--region" not in result.err, "it is refused beside --base-url"

    said = (
        "Nothing was taken. Put the credentials right, and go on:\n"
        f"Next: mixpanel-importer run events.csv --base-url {wrong.url} --resume\n"
    )
    assert result.err.endswith(said)
    assert shell.type("status", "events.results.csv").out.endswith(said)


# ── another host in the environment ──────────────────────────────────────────────────────────────


def test_a_retry_does_not_overlook_another_host_in_the_environment(
    bare: Shell, shell: Shell, server: Server
) -> None:
    shell.write("events.csv", HEADER + GOOD + NAIVE)
    shell.type("run", "events.csv", "--yes")
    with fault_server.running() as other:
        elsewhere = with_faults(bare, other)
        for words in (
            ["retry", "events.results.csv", "--timezone", "Europe/Berlin"],
            ["run", "events.csv", "--resume"],
        ):
            refused = elsewhere.type(*words, "--yes")
            assert refused.code == 2
            assert f"host: was {server.url}, is {other}\n" in refused.err
            assert (
                "MIXPANEL_BASE_URL in the environment names another host: unset it,"
                f" or add --base-url {server.url}\n"
            ) in refused.err
        assert (Server(other).numbers(), server.numbers()) == ([], [1, 2])

        status = elsewhere.type("status", "events.results.csv")
        assert go_on(elsewhere, status) == [
            f"mixpanel-importer retry events.results.csv --base-url {server.url} --timezone ZONE"
        ]
        assert (Server(other).numbers(), server.numbers()) == ([], [1, 2, 5, 6])


def test_a_retry_says_where_it_sends_before_it_sends(bare: Shell, server: Server) -> None:
    bare.write("events.csv", HEADER + GOOD + NAIVE)
    shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN)
    shell.type("run", "events.csv", "--yes", "--base-url", server.url)

    retry = shell.type("retry", "events.results.csv", "--timezone", "UTC", "--yes")

    assert retry.code == 0
    assert f"Destination  {server.url}/import, with the project token\n" in retry.err
    assert retry.err.index("Destination") < retry.err.index("Result ")


def test_status_of_a_rehearsal_does_not_say_that_all_is_done(shell: Shell, server: Server) -> None:
    shell.write("events.csv", simple_csv(3))
    words = ["run", "events.csv", "--sandbox", "--faults", "429=5%,seed=1"]
    assert shell.type(*words).code == 0
    status = shell.type("status", "events.sandbox.csv")
    said = "Nothing reached Mixpanel: the same command without --sandbox (and --faults) imports it."
    assert (status.code, status.out.splitlines()[-1]) == (0, said)
    assert "left to do" not in status.out
    assert shell.type(*words[:2], "--yes").code == 0
    assert server.counts()["raw_count"] == 3
    assert "Nothing is left to do." in shell.type("status", "events.results.csv").out


@pytest.mark.parametrize("kind", ["--dry-run", "--sandbox"])
def test_after_a_resumed_rehearsal_no_line_leaves_out_what_its_first_part_declared(shell: Shell, kind: str):
    shell.write("events.csv", HEADER + GOOD * 2)
    shell.write("m.toml", '[mask]\nn = "redact"\n')
    first = shell.type("run", "events.csv", "--mapping", "m.toml", kind, "--limit", "1")
    assert first.next_command.startswith("mixpanel-importer run events.csv --mapping m.toml")
    result = shell.type("run", "events.csv", kind, "--resume")
    assert (result.code, result.next_command) == (0, "")
    assert f"the command of the first run without {kind} imports it" in result.err.replace("\n", " ")
