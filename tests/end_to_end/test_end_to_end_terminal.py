"""What a person sees on a terminal: the plan, the question, the bar, the sum, at 80 columns and at 100."""

from __future__ import annotations

import gzip
import json
import random
import re
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from end_to_end_helpers import RecordedRequest, Recorder, Server, Shell, simple_csv, statuses
from terminal import Seen, type_in_terminal

WIDTHS = pytest.mark.parametrize("columns", [80, 100])
NAIVE = "Page View,u,2024-03-01T10:00:00,0"
JSON_OR_COMMAND = ('{"event"', "Next: ", "mixpanel-importer ")


def question(seen: Seen) -> str:
    """The question that was asked; empty if there was none."""
    asked = re.search(r"Send (.*\?) \[y/N\]", seen.text)
    return asked[1] if asked else ""


def broken_csv(rows: int, broken: int) -> str:
    return simple_csv(rows, broken=dict.fromkeys(range(1, broken + 1), NAIVE))


# ── counts of what will be sent ──────────────────────────────────────────────────────────────────


@WIDTHS
def test_what_a_dry_run_found_invalid_is_not_offered_to_be_sent(shell: Shell, columns: int):
    shell.write("events.csv", broken_csv(100, 20))
    shell.type("run", "events.csv", "--dry-run")
    seen = type_in_terminal(shell, "run", "events.csv", columns=columns, answers=["n"])
    assert seen.code == 2
    assert question(seen) == "80 events?"
    assert "Volume 80 events;" in seen.text


def test_what_no_event_can_be_made_of_is_not_offered_to_be_sent(shell: Shell):
    shell.write("events.csv", broken_csv(100, 20))
    assert question(type_in_terminal(shell, "run", "events.csv", answers=["n"])) == "at most 80 events?"


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        ("Page View,anonymous,2024-03-01T10:00:00Z,0", "Mixpanel refuses 'anonymous': invalid"),
        ("Page View,u,2099-03-01T10:00:00Z,0", "ahead of the clock: invalid"),
        (
            'Page View,u,2024-03-01T10:00:00Z,"{""a"":{""b"":{""c"":{""d"":1}}}}"',
            "that Mixpanel takes: invalid",
        ),
    ],
)
def test_what_the_plan_calls_invalid_is_not_offered_to_be_sent(
    shell: Shell, server: Server, broken: str, what: str
):
    deep = ["--type", "n=json"] if "{" in broken else []
    shell.write("some.csv", simple_csv(100, broken=dict.fromkeys(range(1, 21), broken)))
    seen = type_in_terminal(shell, "run", "some.csv", *deep, answers=["n"])
    assert what in seen.text
    assert question(seen) == "at most 80 events?"
    assert "Volume at most 80 events;" in seen.text

    shell.write("all.csv", simple_csv(20, broken=dict.fromkeys(range(1, 21), broken)))
    seen = type_in_terminal(shell, "run", "all.csv", *deep)
    assert what in seen.text
    assert (seen.code, question(seen)) == (1, "")
    assert "Nothing can be sent: all 20 records are invalid." in seen.text
    assert statuses(shell.results("all.results.csv")) == ["invalid"] * 20
    assert server.events() == []


def test_what_lay_ahead_of_the_clock_may_be_sent_when_a_run_is_resumed(shell: Shell):
    soon = datetime.now(UTC) + timedelta(days=3)
    ahead = f"Page View,u,{soon.isoformat()},0"
    shell.write("events.csv", simple_csv(10, broken=dict.fromkeys(range(1, 5), ahead)))
    shell.type("run", "events.csv", "--yes", "--limit", "2")
    path = shell.folder / "events.results.csv.run.json"
    manifest = json.loads(path.read_text("ascii"))
    assert [each["invalid"] for each in manifest["attention"] if each["code"] == "ahead"] == [4]
    seen = type_in_terminal(shell, "run", "events.csv", "--resume", answers=["n"])
    assert question(seen) == "at most 6 events?"
    # As if four days went by: then its events lie in the past.
    quarters = manifest["audit"]["facts"]["quarters"]
    last = max(quarters, key=int)
    quarters[str(int(last) - 4 * 96)] = quarters.pop(last)
    path.write_text(json.dumps(manifest), "ascii")
    seen = type_in_terminal(shell, "run", "events.csv", "--resume", answers=["n"])
    assert question(seen) == "at most 8 events?"
    assert "ahead of the clock" not in seen.text


def test_a_single_old_event_is_spoken_of_as_one(shell: Shell):
    shell.write("events.csv", "event,user_id,time\nPaid,u,2019-05-01T10:00:00Z\n")
    text = type_in_terminal(shell, "run", "events.csv", "--dry-run", columns=100).text
    assert "1 event is older than 180 days: Mixpanel's UI can't delete it" in text
    assert "1 event is older than 5 years: Mixpanel deletes it, in projects of any age" in text


def test_where_nothing_is_sent_nothing_is_said_of_what_becomes_of_it(shell: Shell):
    shell.write("old.csv", simple_csv(20))
    assert "are older than" in type_in_terminal(shell, "run", "old.csv", "--yes").text
    seen = type_in_terminal(shell, "run", "old.csv", "--resume")
    assert "Nothing is left to send: every record has its outcome." in seen.text
    assert "older than" not in seen.text

    copies = dict.fromkeys(range(1, 5), "Page View,anonymous,2024-03-01T10:00:00Z,0")
    shell.write("refused.csv", simple_csv(4, broken=copies))
    seen = type_in_terminal(shell, "run", "refused.csv")
    assert "Nothing can be sent: all 4 records are invalid." in seen.text
    assert "Mixpanel keeps one" not in seen.text
    assert "older than" not in seen.text


def test_a_limit_counts_and_so_does_a_dry_run_with_the_same_one(shell: Shell):
    shell.write("events.csv", broken_csv(100, 2))
    words = ("run", "events.csv", "--limit", "10")
    assert question(type_in_terminal(shell, *words, answers=["n"])) == "at most 10 events?"
    shell.type("run", "events.csv", "--dry-run")
    assert question(type_in_terminal(shell, *words, answers=["n"])) == "at most 10 events?"
    shell.type("run", "events.csv", "--dry-run", "--limit", "10", "--overwrite")
    assert question(type_in_terminal(shell, *words, answers=["n"])) == "8 events?"


def test_what_a_resumed_run_has_delivered_is_not_offered_again(shell: Shell, server: Server):
    shell.write("events.csv", broken_csv(100, 20))
    shell.type("run", "events.csv", "--yes", "--limit", "40")
    seen = type_in_terminal(shell, "run", "events.csv", "--resume", answers=["y"])
    assert seen.code == 1
    assert question(seen) == "at most 60 events?"
    assert "Volume at most 60 events;" in seen.text
    assert len(server.events()) == 80


def test_a_dry_run_says_exactly_what_is_left_of_a_resumed_run(shell: Shell):
    shell.write("events.csv", simple_csv(100, broken=dict.fromkeys(range(51, 61), NAIVE)))
    shell.type("run", "events.csv", "--dry-run")
    shell.type("run", "events.csv", "--yes", "--limit", "55")
    seen = type_in_terminal(shell, "run", "events.csv", "--resume", answers=["n"])
    assert question(seen) == "40 events?"


def test_a_dry_run_with_another_reading_says_nothing_of_what_will_be_sent(shell: Shell):
    shell.write("events.csv", broken_csv(100, 20))
    shell.type("run", "events.csv", "--dry-run")
    seen = type_in_terminal(shell, "run", "events.csv", "--timezone", "Asia/Tokyo", answers=["n"])
    assert question(seen) == "at most 100 events?"


def test_the_question_before_a_retry_is_of_what_it_sends(shell: Shell):
    shell.write("events.csv", broken_csv(100, 20))
    shell.type("run", "events.csv", "--yes")
    seen = type_in_terminal(shell, "retry", "events.results.csv", "--timezone", "Asia/Tokyo", answers=["n"])
    assert question(seen) == "at most 20 events?"


def test_a_retry_of_what_is_invalid_for_good_asks_nothing(shell: Shell):
    shell.write("events.csv", broken_csv(100, 20))
    shell.type("run", "events.csv", "--yes")
    seen = type_in_terminal(shell, "retry", "events.results.csv")
    assert (seen.code, question(seen)) == (1, "")
    assert "Nothing can be sent: all 20 records are invalid." in seen.text
    assert statuses(shell.results("events.results.retry-1.csv")) == ["invalid"] * 20


def test_what_lay_ahead_of_the_clock_may_be_sent_by_a_retry(shell: Shell):
    ahead = dict.fromkeys(range(1, 4), "Page View,u,2099-03-01T10:00:00Z,0")
    shell.write("events.csv", simple_csv(10, broken={**ahead, 7: NAIVE}))
    shell.type("run", "events.csv", "--yes")
    seen = type_in_terminal(shell, "retry", "events.results.csv", answers=["n"])
    assert question(seen) == "at most 3 events?"


@WIDTHS
def test_what_is_known_of_several_sources_is_not_said_of_one(shell: Shell, columns: int):
    shell.write("a.csv", broken_csv(30, 4).replace("Page View", "Paid"))
    shell.write("b.csv", simple_csv(5))
    shell.type("run", "a.csv", "b.csv", "--dry-run", "--results", "out")
    seen = type_in_terminal(shell, "run", "b.csv", columns=columns, answers=["n"])
    assert "bytes · 5 records\n" in seen.text
    assert "Page View (5)" in seen.text
    assert "Paid" not in seen.text
    assert "a time without a zone" not in seen.text
    assert question(seen) == "at most 5 events?"


def test_a_set_that_is_resumed_says_what_is_known_of_all_of_it_and_asks_for_what_is_left(shell: Shell):
    refused = dict.fromkeys(range(1, 5), "Page View,anonymous,2024-03-01T10:00:00Z,0")
    shell.write("a.csv", simple_csv(30).replace("Page View", "Paid"))
    shell.write("b.csv", simple_csv(40, broken={**refused, 9: "Page View,null,2024-03-01T10:00:00Z,0"}))
    words = ("run", "a.csv", "b.csv", "--results", "out")
    shell.type(*words, "--yes", "--limit", "30")
    seen = type_in_terminal(shell, *words, "--resume", columns=100, answers=["y"])
    assert "Done 30 imported" in seen.text
    assert "Events Page View (40) · Paid (30)" in seen.text
    assert "Time 2024-03-01T00:00:01Z to 2024-03-01T10:00:00Z (UTC)" in seen.text
    assert "5 records have a word as distinct_id that may mean no value" in seen.text
    assert "(rows 1, 2, 3, 4, 9 of b.csv)" in seen.text
    assert question(seen) == "at most 40 events?"
    assert statuses(shell.results("out/b.csv.csv")).count("imported") == 35


@pytest.mark.parametrize("ahead", ["y\n", "y\ny\nyes\n", "\ny"])
def test_what_was_typed_before_the_question_does_not_answer_it(shell: Shell, server: Server, ahead: str):
    shell.write("events.csv", simple_csv(3))
    refused = type_in_terminal(shell, "run", "events.csv", ahead=ahead, answers=["n"])
    assert refused.code == 2
    assert "Nothing was sent." in refused.text
    assert server.counts()["raw_count"] == 0
    agreed = type_in_terminal(shell, "run", "events.csv", ahead="n\n", answers=["y"])
    assert agreed.code == 0
    assert server.counts()["raw_count"] == 3


# ── where nothing is left ────────────────────────────────────────────────────────────────────────


def test_where_everything_is_invalid_nobody_is_asked_and_the_results_say_why(shell: Shell, server: Server):
    shell.write("naive.csv", broken_csv(20, 20))
    seen = type_in_terminal(shell, "run", "naive.csv")
    assert seen.code == 1
    assert question(seen) == ""
    assert "Nothing can be sent: all 20 records are invalid." in seen.text
    assert "Volume" not in seen.text
    assert statuses(shell.results("naive.results.csv")) == ["invalid"] * 20
    assert server.requests()["total"] == 0 if "total" in server.requests() else not server.events()


@pytest.mark.parametrize(("broken", "code"), [(0, 0), (1, 1)])
def test_a_finished_run_that_is_resumed_asks_nothing(shell: Shell, server: Server, broken: int, code: int):
    shell.write("events.csv", broken_csv(30, broken))
    shell.type("run", "events.csv", "--yes")
    before = Path(shell.folder / "events.results.csv").read_bytes()
    seen = type_in_terminal(shell, "run", "events.csv", "--resume")
    assert seen.code == code
    assert question(seen) == ""
    assert "Nothing is left to send: every record has its outcome." in seen.text
    assert "Volume" not in seen.text
    without = shell.type("run", "events.csv", "--resume")
    assert without.code == code
    assert "Nothing is left to send" in without.err
    assert Path(shell.folder / "events.results.csv").read_bytes() == before
    assert len(server.events()) == 30 - broken


def test_a_resumed_run_of_which_only_invalid_records_are_left_asks_nothing(shell: Shell, server: Server):
    shell.write("events.csv", simple_csv(30, broken=dict.fromkeys(range(11, 31), NAIVE)))
    shell.type("run", "events.csv", "--yes", "--limit", "10")
    seen = type_in_terminal(shell, "run", "events.csv", "--resume")
    assert (seen.code, question(seen)) == (1, "")
    assert "Nothing can be sent: all 20 records that are left are invalid." in seen.text
    assert statuses(shell.results("events.results.csv")) == ["imported"] * 10 + ["invalid"] * 20


def test_a_resumed_run_with_records_left_needs_somebody_to_ask(shell: Shell, server: Server):
    shell.write("events.csv", simple_csv(30))
    shell.type("run", "events.csv", "--yes", "--limit", "10")
    done = shell.type("run", "events.csv", "--resume")
    assert done.code == 2
    assert "nobody to ask" in done.err
    assert len(server.events()) == 10


# ── a set of sources ─────────────────────────────────────────────────────────────────────────────


@WIDTHS
def test_several_sources_have_one_plan_one_question_and_one_sum(shell: Shell, server: Server, columns: int):
    shell.write("a.csv", broken_csv(30, 10))
    shell.write("b.csv", simple_csv(20))
    shell.write("c.csv", simple_csv(10))
    words = ("run", "a.csv", "b.csv", "c.csv", "--results", "out", "--insert-id", "row")
    seen = type_in_terminal(shell, *words, columns=columns, answers=["y", "y", "y"])
    assert seen.code == 1
    assert seen.text.count("[y/N]") == 1
    assert question(seen) == "at most 50 events?"
    assert "Sources a.csv, b.csv, c.csv · 3 sources" in seen.text
    assert "60 records" in seen.text
    assert seen.text.count("Events Page View") == 1
    assert seen.text.count("Result 60 records = 50 imported + 10 invalid ✓ adds up") == 1
    assert "a.csv: 20 imported · 10 invalid" in seen.text, "the worst source is named"
    assert "Sources 3 finished" in seen.text
    assert len(server.events()) == 50
    again = type_in_terminal(shell, *words, "--resume", columns=columns)
    assert (again.code, question(again)) == (1, "")


@pytest.mark.parametrize("checked", [True, False])
def test_a_dry_run_of_a_set_leaves_the_question_of_the_run_as_it_is(shell: Shell, checked: bool):
    shell.write("a.csv", broken_csv(30, 10))
    shell.write("b.csv", simple_csv(20))
    if checked:
        shell.type("run", "a.csv", "b.csv", "--dry-run", "--results", "checked")
    seen = type_in_terminal(shell, "run", "a.csv", "b.csv", "--results", "out", answers=["n"])
    assert question(seen) == "at most 40 events?"
    assert not (shell.folder / "out").exists()


def test_sources_that_a_stopped_run_did_not_come_to_are_counted_in_the_sum(shell: Shell):
    shell.write("a.csv", broken_csv(30, 10))
    shell.write("b.csv", simple_csv(20))
    words = ("--yes", "--max-errors", "3", "--workers", "1", "--results", "out")
    done = shell.type("run", "a.csv", "b.csv", *words)
    assert done.code == 3
    assert re.search(r"Result       50 records = .* unattempted", done.err)
    assert re.search(r"Sources      [01] of 2 finished", done.err)


# ── progress ─────────────────────────────────────────────────────────────────────────────────────


def slow_answer(request: RecordedRequest) -> tuple[int, bytes]:
    time.sleep(0.08)
    return taken(request)


def taken(request: RecordedRequest) -> tuple[int, bytes]:
    return 200, b'{"code":200,"num_records_imported":%d,"status":"OK"}' % request_events(request)


def request_events(request: RecordedRequest) -> int:
    import gzip

    body = request.body
    if request.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return body.count(b'"event"')


@WIDTHS
def test_the_bar_follows_what_has_an_outcome(shell: Shell, columns: int):
    shell.write("events.csv", simple_csv(4_000))
    with Recorder(slow_answer) as recorder:
        slow = shell.with_environ(MIXPANEL_BASE_URL=recorder.url)
        seen = type_in_terminal(slow, "run", "events.csv", "--yes", "--concurrency", "4", columns=columns)
    assert seen.code == 0
    drawn = [re.match(r"Importing: +(\d+)%\|.{8,}\| ([\d,]+) records?", line) for line in seen.drawn]
    shown = [(int(each[1]), int(each[2].replace(",", ""))) for each in drawn if each]
    assert len(set(shown)) > 3
    for percent, records in shown:
        # That the last outcome was the last record is known a moment later: until then it is not all.
        assert percent == 100 * records // 4_000 or (percent, records) == (99, 4_000)
    assert seen.too_wide() == []
    assert "Importing" not in "\n".join(seen.screen)


def test_a_run_of_429s_is_one_line(shell: Shell):
    shell.write("events.csv", simple_csv(100))
    answers = iter([429] * 15)
    lock = threading.Lock()

    def answer(request: RecordedRequest) -> tuple[int, bytes]:
        with lock:
            status = next(answers, 200)
        return taken(request) if status == 200 else (429, b"{}")

    with Recorder(answer) as recorder:
        throttled = shell.with_environ(MIXPANEL_BASE_URL=recorder.url)
        done = throttled.type("run", "events.csv", "--yes", "--retry-wait", "0.002", "--max-retries", "20")
        assert done.code == 0
        assert done.err.count("waiting until") == 1
        assert "429" in done.err
    with Recorder(answer) as recorder:
        answers = iter([429] * 15)
        throttled = shell.with_environ(MIXPANEL_BASE_URL=recorder.url)
        seen = type_in_terminal(
            throttled,
            "run",
            "events.csv",
            "--yes",
            "--overwrite",
            "--retry-wait",
            "0.02",
            "--max-retries",
            "20",
        )
        assert seen.code == 0
        assert seen.too_wide() == []
        waits = [line for line in seen.drawn if "waiting until" in line]
        assert all(re.match(r"Importing: +\d+%\|.{8,}\| .*\(429\)", line) for line in waits)


@pytest.mark.slow
def test_off_a_terminal_a_line_comes_every_ten_seconds(shell: Shell):
    shell.write("events.csv", simple_csv(1_200))

    def answer(request: RecordedRequest) -> tuple[int, bytes]:
        time.sleep(1)
        return taken(request)

    with Recorder(answer) as recorder:
        slow = shell.with_environ(MIXPANEL_BASE_URL=recorder.url)
        done = slow.type("run", "events.csv", "--yes", "--concurrency", "2")
    (line,) = [line for line in done.err.splitlines() if line.startswith("Importing")]
    found = re.fullmatch(r"Importing: (\d+)%, ([\d,]+) records, [\d.,]+ a second, \d+ s left", line)
    assert found
    assert int(found[1]) == 100 * int(found[2].replace(",", "")) // 1_200


# ── the width of the terminal ────────────────────────────────────────────────────────────────────


def wide_csv() -> str:
    head = (
        "event,user_id,time,"
        + ",".join(f"a rather long name of a column {n}" for n in range(12))
        + ",商品の名前と説明"
    )
    line = "ページを見た,u-{n},2024-03-01T10:00:{n:02}Z," + ",".join(["some words in a cell"] * 12)
    return (
        "\n".join([head, *(f"{line},漢字かな交じり文が続きます{{n}}".format(n=n) for n in range(20))]) + "\n"
    )


@WIDTHS
@pytest.mark.parametrize(
    "words",
    [
        ("preview", "wide.csv"),
        ("run", "wide.csv", "--dry-run"),
        ("run", "wide.csv", "--sandbox"),
        ("run", "broken.csv", "--sandbox", "-v"),
        ("run", "wide.csv", "--map", "event=nothing of this name"),
        ("run", "missing/" * 12 + "file.csv", "--dry-run"),
        ("status", "broken.results.csv"),
        ("run", "broken.csv", "--yes"),
        ("run", "broken.csv", "--dry-run", "--strict"),
    ],
)
def test_no_line_is_wider_than_the_terminal(shell: Shell, words: tuple[str, ...], columns: int):
    shell.write("wide.csv", wide_csv())
    shell.write("broken.csv", broken_csv(100, 20))
    if words[-1] != "--yes":
        shell.type("run", "broken.csv", "--yes")
    seen = type_in_terminal(shell, *words, columns=columns)
    assert seen.screen
    assert seen.too_wide(*JSON_OR_COMMAND) == []


@pytest.mark.parametrize("columns", [40, 80, 100])
def test_no_line_breaks_inside_a_word(shell: Shell, columns: int):
    shell.write("wide.csv", wide_csv())
    plain = shell.type("run", "wide.csv", "--sandbox").err
    (shell.folder / "wide.sandbox.csv").unlink()
    seen = type_in_terminal(shell, "run", "wide.csv", "--sandbox", columns=columns)
    words = set(plain.split())
    broken = [word for word in " ".join(seen.screen).split() if word.isascii() and word not in words]
    at_slashes = {part for word in words for part in word.split("/")}  # a URL may be wider than the terminal
    assert [word for word in broken if not re.search(r"\d|/", word) and word not in at_slashes] == []


def test_a_narrow_terminal_gets_paragraphs_for_the_table(shell: Shell):
    shell.write("wide.csv", wide_csv())
    seen = type_in_terminal(shell, "preview", "wide.csv", columns=60)
    assert seen.too_wide(*JSON_OR_COMMAND) == []
    assert "  becomes property · type string · filled 20" in seen.screen


@pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_no_codes_are_written_where_they_are_not_wanted(shell: Shell, environ: dict[str, str]):
    shell.write("events.csv", broken_csv(3_000, 20))
    for words in (
        ("run", "events.csv", "--yes"),
        ("status", "events.results.csv"),
        ("preview", "events.csv"),
    ):
        seen = type_in_terminal(shell, *words, **environ)
        assert seen.screen
        assert "\x1b" not in seen.raw
        if environ.get("TERM") == "dumb":
            assert not re.search(r"\r(?!\n)", seen.raw)


# ── sentences ────────────────────────────────────────────────────────────────────────────────────


def test_a_zone_that_is_utc_is_not_said_twice(shell: Shell):
    shell.write("events.csv", simple_csv(3))
    done = shell.type("run", "events.csv", "--dry-run", "--timezone", "UTC")
    assert done.err.count("2024-03-01T00:00:01Z to 2024-03-01T00:00:03Z") == 1
    assert "+00:00" not in done.err
    elsewhere = shell.type("run", "events.csv", "--dry-run", "--overwrite", "--timezone", "Asia/Tokyo")
    assert "(Asia/Tokyo)" in elsewhere.err


def test_a_form_of_times_can_not_be_taken_for_a_number(shell: Shell):
    shell.write("events.csv", simple_csv(60))
    assert "written as: ISO 8601 with offset (60 records)" in shell.type("run", "events.csv", "--dry-run").err
    shell.write("one.csv", simple_csv(1))
    one = shell.type("run", "one.csv", "--dry-run").err
    assert "ISO 8601 with offset (1 record)" in one
    assert not re.search(r"\b1 (events|records)\b", one)


@pytest.mark.parametrize(
    ("rows", "latency", "rate"), [(3, "2000ms", ", 1 record a second"), (1, "2500ms", "")]
)
def test_a_slow_rate_is_one_record_a_second_or_none(shell: Shell, rows: int, latency: str, rate: str):
    shell.write("events.csv", simple_csv(rows))
    done = shell.type("run", "events.csv", "--sandbox", "--faults", f"latency={latency}")
    (took,) = [line for line in done.err.splitlines() if line.startswith("Took")]
    assert re.fullmatch(rf"Took +[2-4]\.\d s{rate}", took)


# ── records that were not counted ────────────────────────────────────────────────────────────────


def long_jsonl(rows: int) -> str:
    """Lines that are not all looked at: of so many bytes, and with a word that means no value."""
    return "".join(
        json.dumps(
            {"event": "Page View", "time": 1_709_290_800 + n, "distinct_id": "u", "page": "x" * 2_000, "n": n}
        )
        + "\n"
        for n in range(rows)
    )


@WIDTHS
def test_records_that_were_not_counted_are_offered_as_about_so_many(
    shell: Shell, server: Server, columns: int
):
    shell.write("long.jsonl", long_jsonl(8_765))
    words = ("run", "long.jsonl", "--null", "NULL", "--rate", "1460")
    seen = type_in_terminal(shell, *words, columns=columns, answers=["n"])
    assert question(seen) == "about 8,760 events?"
    assert "bytes · about 8,760 records" in seen.text
    assert "Volume about 8,760 events; at the 1,460 a second of --rate, about 6 s" in seen.text
    assert not seen.too_wide(*JSON_OR_COMMAND)

    assert question(type_in_terminal(shell, *words, "--limit", "5", answers=["n"])) == "at most 5 events?"
    limited = type_in_terminal(shell, *words, "--limit", "9999", answers=["n"])
    assert question(limited) == "about 8,760 events?"
    shell.type(*words, "--yes", "--limit", "1000")
    resumed = type_in_terminal(shell, *words, "--resume", answers=["n"])
    assert question(resumed) == "about 7,760 events?"


def test_what_is_invalid_among_the_first_records_is_left_out_of_the_estimate(shell: Shell):
    lines = long_jsonl(9_000).splitlines(keepends=True)
    lines = [line.replace('"time"', '"when"') if n % 4 == 0 else line for n, line in enumerate(lines)]
    shell.write("long.jsonl", "".join(lines))
    seen = type_in_terminal(shell, "run", "long.jsonl", "--null", "NULL", "--map", "time=time", answers=["n"])
    assert question(seen) == "about 6,750 events?"


def test_compressed_records_are_counted_as_they_are_read_to_the_end(shell: Shell):
    noise = random.Random(1)
    text = "".join(
        line.replace("x" * 2_000, noise.randbytes(1_500).hex())
        for line in long_jsonl(14_000).splitlines(True)
    )
    shell.write("long.jsonl.gz", gzip.compress(text.encode(), 1))
    seen = type_in_terminal(shell, "run", "long.jsonl.gz", "--null", "NULL", answers=["n"])
    assert question(seen) == "at most 14,000 events?"


def test_all_records_of_several_sources_are_counted_however_large_they_are(shell: Shell):
    shell.write("a.jsonl", long_jsonl(4_500))
    shell.write("b.jsonl", long_jsonl(4_500).replace('"u"', '"v"', 1))
    words = ("run", "a.jsonl", "b.jsonl", "--null", "NULL", "--results", "out")
    seen = type_in_terminal(shell, *words, answers=["n"])
    assert question(seen) == "at most 9,000 events?"
    assert "2 sources" in seen.text
    assert "9,000 records" in seen.text
