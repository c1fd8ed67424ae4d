"""Where records come from: standard input, archives, several files, parts of a file; and what is kept of them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shlex
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import delivery_server
import pytest
import zstandard
from end_to_end_helpers import Server, Shell, simple_csv, statuses

pytestmark = pytest.mark.slow

NO_ZONE = {n: f"Page View,user-{n},2024-03-01 12:00:00,{n}" for n in (2, 5)}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# ── standard input ───────────────────────────────────────────────────────────────────────────────


def test_standard_input_can_be_rehearsed(bare: Shell) -> None:
    result = bare.type("run", "-", "--sandbox", stdin=simple_csv(70))

    assert result.code == 0
    assert "Landed in the sandbox: 70 events" in result.err
    assert statuses(bare.results("stdin.sandbox.csv")) == ["imported"] * 70


def test_the_copy_of_standard_input_is_deleted_once_every_record_was_imported(
    shell: Shell, server: Server
) -> None:
    result = shell.type("run", "-", "--yes", "--results", "r.csv", stdin=simple_csv(70))

    assert result.code == 0
    assert server.numbers() == list(range(1, 71))
    assert sorted(path.name for path in shell.folder.iterdir()) == ["r.csv", "r.csv.run.json"]


def test_standard_input_without_yes_stops_before_it_is_read_or_sent(shell: Shell, server: Server) -> None:
    result = shell.type("run", "-", stdin=simple_csv(3))

    assert result.code == 2
    assert "--yes" in result.err
    assert not server.numbers()
    assert list(shell.folder.iterdir()) == []


def test_standard_input_is_kept_for_the_retry_where_records_were_not_taken(
    shell: Shell, server: Server
) -> None:
    result = shell.type("run", "-", "--yes", "--results", "r.csv", stdin=simple_csv(6, broken=NO_ZONE))
    assert result.code == 1
    assert result.next_command == "mixpanel-importer retry r.csv --timezone ZONE"
    assert mode(shell.folder / "r.csv.source") == 0o600
    assert (shell.folder / "r.csv.source").read_text() == simple_csv(6, broken=NO_ZONE)

    again = shell.type_line(result.next_command.replace("ZONE", "Europe/Berlin"), "--yes")

    assert again.code == 0
    assert [int(row["row"]) for row in shell.results("r.retry-1.csv")] == [2, 5]
    assert server.numbers() == [1, 2, 3, 4, 5, 6]
    (second,) = [event for event in server.events() if event["properties"]["n"] == 2]
    assert second["properties"]["time"] == 1_709_290_800_000, "12:00 in Berlin is 11:00 UTC"
    assert not (shell.folder / "r.csv.source").exists()


def test_standard_input_is_kept_while_a_retry_leaves_some_records_open(shell: Shell) -> None:
    broken = {2: NO_ZONE[2], 5: ",user-5,2024-03-01T00:00:00Z,5"}
    shell.type("run", "-", "--yes", "--results", "r.csv", stdin=simple_csv(6, broken=broken))

    part = shell.type("retry", "r.csv", "--error", "time zone", "--timezone", "Europe/Berlin", "--yes")

    assert statuses(shell.results("r.retry-1.csv")) == ["imported"]
    assert (shell.folder / "r.csv.source").exists(), "row 5 is still to be mended"
    assert part.next_command, "and the run says so"


def test_an_empty_standard_input_is_a_clear_error(shell: Shell) -> None:
    result = shell.type("run", "-", "--yes", stdin="")

    assert result.code == 2
    assert "empty" in result.err
    assert list(shell.folder.iterdir()) == []


# ── archives ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [
        ("gz", gzip.compress),
        ("zst", lambda data: zstandard.ZstdCompressor().compress(data)),
        ("bz2", bz2.compress),
        ("xz", lzma.compress),
    ],
)
def test_a_compressed_source_is_read_as_what_it_holds(
    shell: Shell, server: Server, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    shell.write(f"events.csv.{suffix}", pack(simple_csv(70).encode()))

    result = shell.type("run", f"events.csv.{suffix}", "--yes", "--results", "r.csv")

    assert result.code == 0
    assert server.numbers() == list(range(1, 71))


def test_a_truncated_gzip_is_a_clear_error_and_its_records_are_not_called_the_whole(
    shell: Shell, server: Server
) -> None:
    packed = gzip.compress(simple_csv(5_000).encode())
    shell.write("events.csv.gz", packed[: len(packed) // 2])

    result = shell.type("run", "events.csv.gz", "--yes", "--results", "r.csv")

    assert result.code == 2
    assert "events.csv.gz" in result.err
    assert "Traceback" not in result.err
    assert not server.numbers()


# ── several sources ──────────────────────────────────────────────────────────────────────────────


def numbered(first: int, last: int, code: str) -> str:
    rows = [f"Hi,u,2024-03-01T00:00:00Z,{n},{code}{n}" for n in range(first, last + 1)]
    return "\n".join(["event,user_id,time,n,code", *rows]) + "\n"


def test_several_sources_have_results_each_and_one_type_per_column(shell: Shell, server: Server) -> None:
    shell.write("january.csv", numbered(1, 60, ""))
    shell.write("february.csv", numbered(61, 80, "0"))

    result = shell.type("run", "january.csv", "february.csv", "--yes", "--results", "out")

    assert result.code == 0
    assert len(shell.results("out/january.csv.csv")) == 60
    assert len(shell.results("out/february.csv.csv")) == 20
    codes = {event["properties"]["n"]: event["properties"]["code"] for event in server.events()}
    assert codes == {n: str(n) if n <= 60 else f"0{n}" for n in range(1, 81)}


def test_several_sources_are_sent_on_the_same_connections(bare: Shell) -> None:
    names = [bare.write(f"{n}.csv", numbered(100 * n, 100 * n + 60, "")).name for n in range(5)]
    with delivery_server.Server(lambda request, connection: connection.take(request)) as mixpanel:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN="0123456789abcdef", MIXPANEL_BASE_URL=mixpanel.url)
        words = ("--concurrency", "1", "--workers", "1", "--yes", "--results", "out")
        result = shell.type("run", *names, *words)
    assert result.code == 0
    assert mixpanel.connections == 1
    assert sum(len(request.events()) for request in mixpanel.requests) == 5 * 61


def test_several_sources_without_a_folder_for_their_results_stop_with_an_example(
    shell: Shell, server: Server
) -> None:
    shell.write("a.csv", numbered(1, 3, ""))
    shell.write("b.csv", numbered(4, 6, ""))

    result = shell.type("run", "a.csv", "b.csv", "--yes")

    assert result.code == 2
    assert "several sources have one folder for their results, which must be named" in result.err
    assert f"--results {shell.folder.name}.results" in result.err
    assert not server.numbers()


@pytest.mark.parametrize("is_there", [True, False])
def test_results_of_several_sources_go_to_a_folder(shell: Shell, is_there: bool) -> None:
    shell.write("a.csv", numbered(1, 3, ""))
    shell.write("b.csv", numbered(4, 6, ""))
    if is_there:
        (shell.folder / "out").mkdir()

    assert shell.type("run", "a.csv", "b.csv", "--yes", "--results", "out").code == 0

    assert sorted(path.name for path in (shell.folder / "out").iterdir()) == [
        "a.csv.csv", "a.csv.csv.run.json", "b.csv.csv", "b.csv.csv.run.json", "set.run.json",
    ]  # fmt: skip


def test_sources_of_one_name_have_results_of_their_own(shell: Shell, server: Server) -> None:
    (shell.folder / "sub").mkdir()
    shell.write("a.csv", numbered(1, 3, ""))
    shell.write("sub/a.csv", numbered(4, 6, ""))

    assert shell.type("run", "a.csv", "sub/a.csv", "--yes", "--results", "out").code == 0

    assert len(shell.results("out/a.csv.csv")) == len(shell.results("out/sub/a.csv.csv")) == 3
    assert server.numbers() == [1, 2, 3, 4, 5, 6]


def test_a_source_without_a_mapped_column_stops_before_anything_is_sent(shell: Shell, server: Server) -> None:
    shell.write("a.csv", numbered(1, 3, ""))
    shell.write("b.csv", simple_csv(3).replace("time", "day"))

    result = shell.type("run", "a.csv", "b.csv", "--yes", "--results", "out")

    assert result.code == 2
    assert "b.csv: it has no 'time' (time)" in result.err
    assert not server.numbers()
    assert not (shell.folder / "out").exists()

    skipped = shell.type("run", "a.csv", "b.csv", "--yes", "--results", "out", "--skip-unfit")

    assert skipped.code == 1
    assert server.numbers() == [1, 2, 3]
    assert [each["state"] for each in shell.manifest("out/set")["sources"]] == ["ready", "unfit"]


@pytest.mark.parametrize("names", [("a.csv", "b.jsonl"), ("b.jsonl", "a.csv")])
def test_sources_of_two_formats_stop_before_anything_is_sent(shell: Shell, names: tuple[str, str]) -> None:
    shell.write("a.csv", "event,time\nHi,2024-03-01T00:00:00Z\n")
    shell.write("b.jsonl", '{"event":"Hi","time":"2024-03-01T00:00:00Z"}\n')

    result = shell.type("run", *names, "--dry-run", "--results", "out")

    assert result.code == 2
    assert "b.jsonl: it is JSONL, and the others are CSV" in result.err or (
        "a.csv: it is CSV, and the others are JSONL" in result.err
    )


def test_the_exit_code_of_several_sources_is_that_of_the_worst(shell: Shell, server: Server) -> None:
    shell.write("a.csv", simple_csv(6, broken=NO_ZONE))
    shell.write("b.csv", simple_csv(3))

    result = shell.type("run", "a.csv", "b.csv", "--yes", "--results", "out")

    assert result.code == 1
    assert statuses(shell.results("out/b.csv.csv")) == ["imported"] * 3


def test_several_stopped_sources_are_resumed_by_one_command(shell: Shell, server: Server) -> None:
    shell.write("a.csv", numbered(1, 60, ""))
    shell.write("b.csv", numbered(61, 120, ""))
    stopped = shell.type("run", "a.csv", "b.csv", "--yes", "--limit", "70", "--results", "out")
    assert stopped.code == 0
    assert server.numbers() == list(range(1, 71))

    assert shell.type("run", "a.csv", "b.csv", "--yes", "--resume", "--results", "out").code == 0

    assert server.counts()["raw_count"] == 120
    assert server.numbers() == list(range(1, 121))


# ── parts of a source ────────────────────────────────────────────────────────────────────────────


def test_limit_sends_the_first_records_and_a_resume_without_it_the_rest(shell: Shell, server: Server) -> None:
    shell.write("events.csv", simple_csv(120))

    assert shell.type("run", "events.csv", "--yes", "--limit", "30").code == 0
    assert server.numbers() == list(range(1, 31))
    assert len(shell.results("events.results.csv")) == 30

    assert shell.type("run", "events.csv", "--yes", "--resume").code == 0
    assert server.counts()["raw_count"] == 120
    assert server.numbers() == list(range(1, 121))
    assert [int(row["row"]) for row in shell.results("events.results.csv")] == list(range(1, 121))


def test_limit_reads_the_file_with_the_types_of_the_whole_file(shell: Shell, server: Server) -> None:
    shell.write("events.csv", numbered(1, 5, "") + numbered(6, 9, "0").partition("\n")[2])

    shell.type("run", "events.csv", "--yes", "--limit", "3")

    assert [event["properties"]["code"] for event in server.events()] == ["1", "2", "3"]


# ── what is written ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
def test_results_and_manifest_can_be_read_by_their_owner_alone(shell: Shell, name: str) -> None:
    shell.write("events.csv", simple_csv(3))

    shell.type("run", "events.csv", "--yes", "--results", name)

    assert [mode(shell.folder / each) for each in (name, f"{name}.run.json")] == [0o600, 0o600]


def test_results_in_jsonl_hold_the_values_themselves_and_can_be_retried(shell: Shell, server: Server) -> None:
    shell.write("events.csv", simple_csv(6, broken=NO_ZONE))

    result = shell.type("run", "events.csv", "--yes", "--results", "r.jsonl")

    rows = shell.results("r.jsonl")
    assert [row["row"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["success"] for row in rows] == [n not in NO_ZONE for n in range(1, 7)]
    assert rows[0]["status_code"] == 200
    assert rows[1]["status_code"] is None
    again = shell.type_line(result.next_command, "--yes", "--timezone", "Europe/Berlin")
    assert again.code == 0
    assert [(row["row"], row["status"]) for row in shell.results("r.retry-1.jsonl")] == [
        (2, "imported"),
        (5, "imported"),
    ]
    assert server.numbers() == [1, 2, 3, 4, 5, 6]


def test_json_prints_the_manifest_and_nothing_else_on_standard_output(shell: Shell) -> None:
    shell.write("events.csv", simple_csv(3))

    result = shell.type("run", "events.csv", "--yes", "--json")

    assert result.out.encode() == (shell.folder / "events.results.csv.run.json").read_bytes()


def test_quiet_says_nothing_when_everything_was_imported(shell: Shell) -> None:
    shell.write("events.csv", simple_csv(3))

    result = shell.type("run", "events.csv", "--yes", "--quiet")

    assert result == (0, "", "")


# ── what has to be mended ────────────────────────────────────────────────────────────────────────

MENDABLE = (
    'event;user_id;time;zip;"my note"\r\n'
    'Hi;u1;2024-03-01T00:00:00Z;"01234";fine\r\n'
    'Hi;u2;tomorrow;"12345";"two\r\nlines; and ""quotes"""\r\n'
    "Hi;u3;2024-03-01T00:00:00Z;23456;\r\n"
    "Hi;u4;;34567;no time\r\n"
)


def mended(text: str) -> str:
    return text.replace("tomorrow", "2024-03-02T00:00:00Z").replace("u4;;", "u4;2024-03-04T00:00:00Z;")


@pytest.mark.parametrize("options", [(), ("--base-url", "URL")], ids=["from the environment", "as an option"])
def test_failed_rows_are_copied_as_they_stand_and_the_printed_command_imports_them_mended(
    bare: Shell, server: Server, options: Sequence[str]
) -> None:
    given = [server.url if word == "URL" else word for word in options]
    shell = bare.with_environ(
        MIXPANEL_PROJECT_TOKEN="any", **({} if given else {"MIXPANEL_BASE_URL": server.url})
    )
    shell.write("events.csv", MENDABLE)

    result = shell.type("run", "events.csv", "--yes", "--failed-rows", "my bad.csv", *given)

    assert result.code == 1
    lines = MENDABLE.split("\r\n")
    kept = shell.folder / "my bad.csv"
    assert kept.read_bytes().decode() == "\r\n".join([lines[0], lines[2], lines[3], lines[5], ""])
    assert mode(kept) == 0o600
    assert mode(kept.with_name(f"{kept.name}.toml")) == 0o600
    assert [event["properties"]["zip"] for event in server.events()] == ["01234", "23456"]

    kept.write_bytes(mended(kept.read_bytes().decode()).encode())
    printed = next(line for line in result.err.splitlines() if "my bad.csv.toml" in line)
    again = shell.type_line("mixpanel-importer" + printed.partition("mixpanel-importer")[2], "--yes")

    assert again.code == 0, again.err
    zips = {event["properties"]["distinct_id"]: event["properties"]["zip"] for event in server.events()}
    assert zips == {"u1": "01234", "u2": "12345", "u3": "23456", "u4": "34567"}, "types are those of the file"


@pytest.mark.parametrize("path", ["missing/bad.csv", "."])
def test_failed_rows_that_can_not_be_written_stop_before_anything_is_sent(
    shell: Shell, server: Server, path: str
) -> None:
    shell.write("events.csv", MENDABLE)

    result = shell.type("run", "events.csv", "--yes", "--failed-rows", path)

    assert result.code == 2
    assert "--failed-rows" in result.err
    assert "Traceback" not in result.err
    assert not server.numbers()


def test_failed_rows_of_jsonl_are_copied_as_they_stand(shell: Shell) -> None:
    lines = [
        '{"event": "Hi", "distinct_id": "u", "time": 1700000000, "n": 1.50}',
        '{"event" : "Hi", "distinct_id": "u", "time": "soon", "n": 2.50}',
        '{"event": "broken',
    ]
    shell.write("events.jsonl", "\n".join(lines))

    result = shell.type("run", "events.jsonl", "--yes", "--failed-rows", "bad.jsonl")

    assert result.code == 1
    assert (shell.folder / "bad.jsonl").read_text().rstrip("\n") == "\n".join(lines[1:])


# ── what a file could do to a terminal ───────────────────────────────────────────────────────────

ANSI, BELL, BIDI = "\x1b[2J\x1b]0;owned\x07", "\x07", "\u202e"


@pytest.mark.parametrize(
    "words",
    [
        ["run", "events.csv", "--yes", "-v"],
        ["run", "events.csv", "--sandbox", "-v"],
        ["run", "events.csv", "--dry-run", "-v"],
        ["run", "events.csv", "--dry-run", "--map", "time=nope"],
        ["run", "events.csv", "--dry-run", "--map", "event="],
        ["preview", "events.csv"],
    ],
    ids=" ".join,
)
def test_control_characters_of_a_file_are_escaped_on_the_terminal(shell: Shell, words: Sequence[str]) -> None:
    header = f'event,user_id,time,"x{ANSI}{BIDI}"'
    rows = [f'"Hi {ANSI}{BIDI}",u{BELL},2024-03-01T00:00:00Z,{ANSI}', f'"Hi {ANSI}",u,"{ANSI}{BIDI}",v']
    shell.write("events.csv", "\n".join([header, *rows]))

    result = shell.type(*words)

    shown = result.out + result.err
    assert "Hi" in shown or "x" in shown
    assert not {character for character in shown if not character.isprintable()} - {"\n"}


def test_control_characters_are_escaped_in_csv_results(shell: Shell) -> None:
    shell.write("events.csv", f'event,user_id,time\n"Hi\n{ANSI}{BIDI}",=1+1,2024-03-01T00:00:00Z\n')

    shell.type("run", "events.csv", "--yes")

    text = (shell.folder / "events.results.csv").read_text("utf-8")
    assert not {character for character in text if not character.isprintable()} - {"\n"}
    assert text.count("\n") == 2
    assert shell.results("events.results.csv")[0]["distinct_id"] == "'=1+1"


def test_a_mapping_line_for_a_hostile_column_is_one_line_for_the_shell(shell: Shell) -> None:
    shell.write("events.csv", "event $(touch owned);time\nHi;2024-03-01T00:00:00Z\n")

    result = shell.type("run", "events.csv", "--dry-run")

    line = next(line for line in result.err.splitlines() if "--map" in line)
    assert shlex.split(line)[-2:] == ["--map", "event=event $(touch owned)"]


def test_a_copy_that_may_have_been_mended_is_not_overwritten(shell: Shell, server: Server) -> None:
    shell.write("events.csv", MENDABLE)
    for name in ("mend.csv", "mend.csv.toml"):
        shell.write(name, "hours of work")
        result = shell.type("run", "events.csv", "--yes", "--failed-rows", "mend.csv")
        assert result.code == 2
        assert f"{name} is there already" in result.err
        assert (shell.folder / name).read_text() == "hours of work"
        (shell.folder / name).unlink()
    assert not server.numbers()
