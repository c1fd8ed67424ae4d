"""Records that were copied to be mended: one instruction, and each record lands once, whatever is typed."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import fault_server
import httpx
import pytest
from end_to_end_helpers import TOKEN, CommandResult, Server, Shell, statuses, wait_until

pytestmark = pytest.mark.slow

HEADER = "event,user_id,time,n\n"
TEXT = HEADER + "".join(
    f"{'' if n in (2, 5, 6) else 'Hi'},u{n},2024-03-01T10:00:0{n}Z,{n}\n" for n in range(1, 8)
)
COPY, MAPPING, MENDED_RESULTS = "bad.csv", "bad.csv.toml", "bad.results.csv"
RUN = ("run", COPY, "--mapping", MAPPING, "--yes")


def mend(path: Path, name: str = "Mended") -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(name + line if line.startswith(",") else line for line in lines))


@pytest.fixture
def copied(shell: Shell) -> Shell:
    """A folder in which a run has left three records to be mended."""
    shell.write("events.csv", TEXT)
    result = shell.type("run", "events.csv", "--yes", "--failed-rows", COPY)
    assert result.code == 1, result.err
    return shell


def stands(shell: Shell, results: str = "events.results.csv") -> CommandResult:
    return shell.type("status", results)


def test_the_mapping_file_says_which_records_they_are_and_both_files_are_private(copied: Shell) -> None:
    assert (copied.folder / COPY).read_text().count("\n") == 4
    text = (copied.folder / MAPPING).read_text()
    assert 'parent = "events.results.csv"' in text
    assert 'rows = "2,5-6"' in text
    for name in (COPY, MAPPING):
        assert stat.S_IMODE((copied.folder / name).stat().st_mode) == 0o600
    assert not list(copied.folder.glob("*.part"))


def test_mended_records_are_part_of_the_run_that_they_come_from(copied: Shell, server: Server) -> None:
    mend(copied.folder / COPY)

    assert copied.type(*RUN).code == 0

    assert server.numbers() == list(range(1, 8))
    assert server.counts()["raw_count"] == 7
    for results in ("events.results.csv", MENDED_RESULTS):
        status = stands(copied, results)
        assert (status.code, "7 records = 7 imported + 0 unattempted  (adds up)" in status.out) == (0, True)
        assert "Nothing is left to do." in status.out
    manifest = copied.manifest(MENDED_RESULTS)
    assert (manifest["parent"], manifest["mended_rows"]) == ("events.results.csv", "2,5-6")
    assert copied.manifest("events.results.csv")["retried_by"] == MENDED_RESULTS


@pytest.mark.parametrize(
    "again",
    [
        RUN,
        (*RUN, "--results", "other.csv"),
        (*RUN, "--overwrite"),
        ("run", COPY, "--yes"),
        ("run", COPY, "--yes", "--results", "other.csv"),
        ("retry", "events.results.csv", "--yes"),
        ("retry", "events.results.csv", "--yes", "--results", "other.csv"),
        ("run", "events.csv", "--yes", "--overwrite"),
    ],
    ids=" ".join,
)
def test_mended_records_are_not_imported_twice(copied: Shell, server: Server, again: tuple[str, ...]) -> None:
    copy = copied.folder / COPY
    mend(copy)
    assert copied.type(*RUN).code == 0
    copy.write_text(copy.read_text().replace("Mended", "Mended again"))
    before = server.requests()

    refused = copied.type(*again)

    assert refused.code == 2, refused.err
    assert server.requests() == before
    assert server.numbers() == list(range(1, 8))
    assert not (copied.folder / "other.csv").exists()


@pytest.mark.parametrize("sent", [0, 1])
def test_a_copy_that_was_still_invalid_goes_on_by_the_command_that_is_named(
    copied: Shell, server: Server, sent: int
) -> None:
    copy = copied.folder / COPY
    copy.write_text(copy.read_text().replace("\n,", "\nMended,", sent))
    assert copied.type(*RUN).code == 1
    same = copied.type(*RUN, "--results", "other.csv")
    assert f"mixpanel-importer status {MENDED_RESULTS}" in same.err, same.err
    mend(copy)

    refused = copied.type(*RUN, "--results", "other.csv")

    assert refused.code == 2
    found = "mended and sent already" if sent else "run already, and none could be sent as it was mended"
    assert f"these records were {found}: {MENDED_RESULTS}" in refused.err
    line = refused.err.splitlines()[-1]
    assert line == f"mixpanel-importer retry {MENDED_RESULTS} --source-changed"
    assert copied.type_line(line, "--yes").code == 0
    assert server.numbers() == list(range(1, 8))
    assert server.counts()["raw_count"] == 7


def test_two_mended_copies_at_once_are_sent_once(bare: Shell) -> None:
    with fault_server.running("--share", "slow=1.0", "--delay", "0.2") as url:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=url)
        shell.write("events.csv", TEXT)
        shell.type("run", "events.csv", "--yes", "--failed-rows", COPY)
        mend(shell.folder / COPY)
        results: list[CommandResult] = []
        threads = [
            threading.Thread(target=lambda n=n: results.append(shell.type(*RUN, "--results", f"{n}.csv")))
            for n in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(result.code for result in results) == [0, 2]
        assert Server(url).counts()["raw_count"] == 7


def test_a_copy_without_its_mapping_file_names_the_command(copied: Shell, server: Server) -> None:
    mend(copied.folder / COPY)

    refused = copied.type("run", COPY, "--yes")

    assert refused.code == 2
    command = refused.err.strip().splitlines()[-1]
    assert command == f"mixpanel-importer run {COPY} --mapping {MAPPING}"
    assert copied.type_line(command, "--yes").code == 0
    assert server.numbers() == list(range(1, 8))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda lines: lines[:-1], "has 2 records, but 3 were copied"),
        (lambda lines: [*lines, "New,u9,2024-03-01T10:00:09Z,9\n"], "has 4 records, but 3 were copied"),
        (lambda lines: [lines[0], lines[2], lines[1], lines[3]], "was record"),
        (lambda lines: [lines[0], *lines[:0:-1]], "was record"),
    ],
    ids=["one less", "one more", "two swapped", "backwards"],
)
def test_a_copy_with_other_records_is_refused(copied: Shell, server: Server, change, found: str) -> None:
    copy = copied.folder / COPY
    before = server.numbers()
    copy.write_text("".join(change(copy.read_text().splitlines(keepends=True))))

    for words in (RUN, ("run", COPY, "--mapping", MAPPING, "--dry-run")):
        refused = copied.type(*words)
        assert (refused.code, found in refused.err) == (2, True), refused.err
    assert server.numbers() == before
    assert not (copied.folder / MENDED_RESULTS).exists()


def test_a_part_of_the_mended_records_is_not_imported(copied: Shell) -> None:
    mend(copied.folder / COPY)
    assert copied.type(*RUN, "--limit", "1").code == 2


def test_a_copy_is_out_of_date_once_its_records_were_imported_otherwise(
    copied: Shell, server: Server
) -> None:
    source = copied.folder / "events.csv"
    source.write_text(source.read_text().replace("\n,u2", "\nMended,u2"))
    assert copied.type("retry", "events.results.csv", "--yes", "--source-changed").code == 1
    mend(copied.folder / COPY)
    before = server.requests()

    refused = copied.type(*RUN)

    assert refused.code == 2
    assert "Copy them again" in refused.err
    assert server.requests() == before


def test_a_mended_copy_can_be_rehearsed_first(copied: Shell, server: Server) -> None:
    mend(copied.folder / COPY)
    for kind in ("--dry-run", "--sandbox"):
        rehearsed = copied.type("run", COPY, "--mapping", MAPPING, kind)
        assert rehearsed.code == 0, rehearsed.err
        assert stands(copied).code == 1

    assert copied.type_line(rehearsed.next_command, "--yes").code == 0

    assert stands(copied).code == 0
    assert server.numbers() == list(range(1, 8))


def test_what_is_still_wrong_is_copied_and_mended_again(copied: Shell, server: Server) -> None:
    copy = copied.folder / COPY
    copy.write_text(copy.read_text().replace("\n,u5", "\nMended,u5"))

    result = copied.type(*RUN)

    assert result.code == 1
    assert "7 records = 5 imported + 2 invalid" in stands(copied).out
    again = copied.type_line(result.next_command, "--yes")
    assert again.code == 1
    (second,) = copied.folder.glob("bad.failed.csv")
    assert second.read_text().count("\n") == 3
    assert 'rows = "1,3"' in (copied.folder / "bad.failed.csv.toml").read_text()
    mend(second)

    assert copied.type_line(again.next_command, "--yes").code == 0

    assert server.numbers() == list(range(1, 8))
    status = stands(copied)
    assert (status.code, "7 records = 7 imported + 0 unattempted  (adds up)" in status.out) == (0, True)
    assert json.loads(copied.type("status", "events.results.csv", "--json").out)["imported"] == 7


def test_mended_records_that_are_still_wrong_are_retried_from_their_own_file(
    copied: Shell, server: Server
) -> None:
    copy = copied.folder / COPY
    copy.write_text(copy.read_text().replace("\n,u5", "\nMended,u5"))
    assert copied.type(*RUN).code == 1
    mend(copy)

    assert copied.type("retry", MENDED_RESULTS, "--yes", "--source-changed").code == 0

    assert [int(row["row"]) for row in copied.results("bad.results.retry-1.csv")] == [1, 3]
    assert server.numbers() == list(range(1, 8))
    assert stands(copied).code == 0


def test_mended_records_are_read_just_as_the_others_were(shell: Shell) -> None:
    shell.write(
        "events.csv",
        "act;who;day;hour;price;zip;extra\nHi; u1;01.03.2024;10;1.234,5;01234;NULL\n;u2 ;01.03.2024;11;2,5;12345;x\n",
    )
    words = [
        "--map", "event=act", "--map", "distinct_id=who", "--map", "time={day} {hour}",
        "--time-format", "%d.%m.%Y %H", "--timezone", "Europe/Berlin", "--type", "price=number",
        "--type", "zip=string", "--decimal", ",", "--thousands", ".", "--null", "NULL", "--trim",
        "--set", "source=shop {zip}", "--set", "kind=old", "--tag", "t", "--geoip", "request",
    ]  # fmt: skip
    result = shell.type("run", "events.csv", "--yes", "--failed-rows", COPY, *words)
    assert statuses(shell.results("events.results.csv")) == ["imported", "invalid"], result.err
    copy = shell.folder / COPY
    copy.write_text(copy.read_text().replace("\n;u2", "\nHi;u2"))

    assert shell.type(*RUN).code == 0

    one, other = (shell.manifest(name)["reading"] for name in ("events.results.csv", MENDED_RESULTS))
    assert (one.pop("source_name"), other.pop("source_name")) == ("events.csv", COPY)
    assert one == other


def jsonl(*records: dict[str, object]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def mended_jsonl(shell: Shell, good: dict[str, object], bad: dict[str, object], *words: str) -> CommandResult:
    """Import two records, of which one is invalid; mend its name, and import that."""
    shell.write("events.jsonl", jsonl(good, bad))
    result = shell.type("run", "events.jsonl", "--yes", "--failed-rows", "bad.jsonl", *words)
    assert statuses(shell.results("events.results.csv")) == ["imported", "invalid"], result.err
    copy = shell.folder / "bad.jsonl"
    copy.write_text(copy.read_text().replace('"name": ""', '"name": "Hi"'))
    return shell.type_line(result.next_command, "--yes")


def test_mended_lines_of_json_are_read_just_as_the_others_were(shell: Shell, server: Server) -> None:
    result = mended_jsonl(
        shell,
        {"what.ever": {"name": "Hi"}, "at": "2024-03-01T10:00:00Z", "who": "u1", "n": 1},
        {"what": {"ever": {"name": ""}}, "at": "2024-03-01T10:00:02Z", "n": 2, "what.ever": {"name": ""}},
        "--map", "event=what.ever.name", "--map", "time=at", "--map", "distinct_id=who",
    )  # fmt: skip

    assert result.code == 0, result.err
    one, other = (shell.manifest(name)["reading"] for name in ("events.results.csv", MENDED_RESULTS))
    assert (one.pop("source_name"), other.pop("source_name")) == ("events.jsonl", "bad.jsonl")
    assert one == other
    assert server.numbers() == [1, 2]
    assert stands(shell).code == 0


def test_a_mended_record_without_a_time_gets_that_of_the_first_run(shell: Shell, server: Server) -> None:
    good, bad = {"name": "Hi", "who": "u1", "n": 1}, {"name": "", "who": "u2", "n": 2}
    words = ["--map", "time=when", "--missing-time", "now", "--map", "event=name", "--map", "distinct_id=who"]
    result = mended_jsonl(shell, {**good, "when": None}, bad, *words)

    assert result.code == 0, result.err
    times = {event["properties"]["time"] for event in server.events()}
    assert len(times) == 1 == len(server.events()) - 1
    one, other = (shell.manifest(name)["reading"] for name in ("events.results.csv", MENDED_RESULTS))
    assert one["missing_time"] == other["missing_time"] is not None


def test_records_copied_in_a_rehearsal_get_the_time_of_the_run(shell: Shell) -> None:
    shell.write("events.csv", "event,user_id,time,n\nHi,u1,,1\n,u2,,2\n")
    words = ("run", "events.csv", "--missing-time", "now")
    shell.type(*words, "--dry-run", "--failed-rows", COPY)
    rehearsed = shell.manifest("events.dry-run.csv")["reading"]["missing_time"]
    mend(shell.folder / COPY)
    assert shell.type("run", COPY, "--mapping", MAPPING, "--dry-run").code == 0
    assert shell.manifest("bad.dry-run.csv")["reading"]["missing_time"] == rehearsed
    shell.type(*words, "--yes")

    assert shell.type(*RUN).code == 0

    run, mended = (shell.manifest(name)["reading"] for name in ("events.results.csv", MENDED_RESULTS))
    assert rehearsed < run["missing_time"] == mended["missing_time"]


def test_a_mended_copy_without_a_header_has_the_columns_of_its_source(shell: Shell, server: Server) -> None:
    rows = ["Hi,u1,2024-03-01T10:00:01Z,1", "Hi,u2,2024-03-01T10:00:02Z,2,too,many", "Hi,u3"]
    shell.write("events.csv", "\n".join([*rows, ""]))
    words = ["--no-header", "--map", "event=1", "--map", "distinct_id=2", "--map", "time=3", "--set", "n={4}"]
    result = shell.type("run", "events.csv", "--yes", "--failed-rows", COPY, *words)
    assert statuses(shell.results("events.results.csv")) == ["imported", "invalid", "invalid"], result.err
    copy = shell.folder / COPY
    copy.write_text(copy.read_text().replace("Hi,u3", "Hi,u3,2024-03-01T10:00:03Z,3"))

    assert shell.type_line(result.next_command, "--yes").code == 1

    assert statuses(shell.results(MENDED_RESULTS)) == ["invalid", "imported"]
    assert sorted(event["properties"]["n"] for event in server.events()) == ["1", "3"]


@pytest.mark.parametrize("point", ["before it sent", "as it sent"])
def test_a_run_of_mended_records_that_was_killed_goes_on(bare: Shell, point: str) -> None:
    faults = ("--at", "2=hold") if point == "as it sent" else ()
    with fault_server.running(*faults) as url:
        shell = bare.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL=url)
        shell.write("events.csv", TEXT)
        shell.type("run", "events.csv", "--yes", "--failed-rows", COPY)
        mend(shell.folder / COPY)
        if faults:
            with shell.started(*RUN) as process:
                wait_until(lambda: Server(url).counts()["raw_count"] == 7, "the mended records landed")
                process.kill()
                process.wait()
        else:  # the parent was not linked yet
            assert shell.type(*RUN).code == 0
            parent = shell.folder / "events.results.csv.run.json"
            manifest = json.loads(parent.read_bytes())
            parent.write_text(json.dumps({**manifest, "retried_by": None}))
            os.truncate(shell.folder / MENDED_RESULTS, 100)
        httpx.get(f"{url}/faults/mend")
        result = shell.type("run", COPY, "--yes", "--resume")

        assert result.code == 0, result.err
        assert Server(url).numbers() == list(range(1, 8))
        assert stands(shell).code == 0
        assert shell.manifest("events.results.csv")["retried_by"] == MENDED_RESULTS


def test_a_copy_of_a_rehearsal_waits_for_its_source_and_joins_the_run(shell: Shell, server: Server) -> None:
    shell.write("events.csv", TEXT)
    assert shell.type("run", "events.csv", "--dry-run", "--failed-rows", COPY).code == 1
    mend(shell.folder / COPY)
    refused = shell.type(*RUN)
    assert (refused.code, "Import that first" in refused.err) == (2, True)
    assert server.numbers() == []
    assert shell.type("run", "events.csv", "--yes").code == 1

    assert shell.type(*RUN).code == 0

    assert server.numbers() == list(range(1, 8))
    assert stands(shell).code == 0


def test_mended_records_go_to_where_the_others_went(copied: Shell) -> None:
    mend(copied.folder / COPY)
    other = copied.with_environ(MIXPANEL_PROJECT_TOKEN="another-token")
    refused = other.type(*RUN)
    assert (refused.code, "went elsewhere" in refused.err) == (2, True), refused.err


def test_a_resume_replaces_a_copy_that_nobody_touched_and_no_other(copied: Shell) -> None:
    again = ("run", "events.csv", "--yes", "--resume", "--failed-rows", COPY)
    before = (copied.folder / COPY).read_bytes()
    assert copied.type(*again).code == 1
    assert (copied.folder / COPY).read_bytes() == before
    mend(copied.folder / COPY)
    mended = (copied.folder / COPY).read_bytes()

    refused = copied.type(*again)

    assert (refused.code, "is there already" in refused.err) == (2, True)
    assert (copied.folder / COPY).read_bytes() == mended


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('rows = "2,5-6"', 'rows = "2,5"'),
        lambda text: text.replace('rows = "2,5-6"', 'rows = "6,5,2"'),
        lambda text: text.replace('parent = "events.results.csv"', "parent = 7"),
        lambda text: text.replace("digests = ", "digest = "),
        lambda text: text.replace("[failed_rows]", "failed_rows = 7"),
    ],
    ids=["rows", "order", "parent", "no digests", "no table"],
)
def test_a_mapping_file_whose_table_was_changed_is_refused_by_name(
    copied: Shell, server: Server, change
) -> None:
    mapping = copied.folder / MAPPING
    mapping.write_text(change(mapping.read_text()))
    before = server.requests()

    refused = copied.type(*RUN)

    assert refused.code == 2
    assert MAPPING in refused.err
    assert "Traceback" not in refused.err
    assert server.requests() == before


def test_without_records_to_mend_nothing_is_copied(shell: Shell) -> None:
    shell.write("events.csv", HEADER + "Hi,u,2024-03-01T10:00:00Z,1\n")
    result = shell.type("run", "events.csv", "--yes", "--failed-rows", COPY)
    assert result.code == 0
    assert "No record has to be mended" in result.err
    assert not (shell.folder / COPY).exists()


def test_a_run_that_stopped_copies_its_records_once_it_is_finished(shell: Shell, server: Server) -> None:
    shell.write("events.csv", HEADER + ",u,2024-03-01T10:00:00Z,0\n" + TEXT.removeprefix(HEADER))
    words = ["--max-errors", "0", "--batch-size", "1", "--concurrency", "1", "--failed-rows", COPY]
    result = shell.type("run", "events.csv", "--yes", *words)
    assert result.code == 3
    assert not (shell.folder / COPY).exists()

    finished = shell.type_line(result.next_command, "--yes")

    assert finished.code == 1
    assert statuses(shell.results("events.results.csv")).count("invalid") == 4
    mend(shell.folder / COPY)
    assert shell.type_line(finished.next_command, "--yes").code == 0
    assert server.numbers() == list(range(8))


def test_what_a_retry_left_is_copied_by_its_run_as_well(shell: Shell, server: Server) -> None:
    shell.write("events.csv", TEXT.replace("10:00:02Z", "10:00:02").replace(",u2", "Hi,u2", 1))
    assert shell.type("run", "events.csv", "--yes").code == 1
    assert shell.type("retry", "events.results.csv", "--yes", "--timezone", "UTC").code == 1

    result = shell.type("run", "events.csv", "--yes", "--resume", "--failed-rows", COPY)

    assert (result.code, "2 records to mend" in result.err) == (1, True)
    assert 'rows = "5-6"' in (shell.folder / MAPPING).read_text()
    mend(shell.folder / COPY)
    assert shell.type_line(result.next_command, "--yes").code == 0
    assert server.numbers() == list(range(1, 8))
    assert "Nothing is left to do." in stands(shell).out


def test_what_a_mended_copy_left_is_not_copied_by_the_first_run(copied: Shell) -> None:
    assert copied.type(*RUN).code == 1

    result = copied.type("run", "events.csv", "--yes", "--resume", "--failed-rows", "again.csv")

    assert result.code == 1
    assert "No record has to be mended" not in result.err
    assert not (copied.folder / "again.csv").exists()
    assert copied.type_line(result.next_command, "--yes").code == 1
    assert (copied.folder / result.next_command.split()[-1]).exists()
