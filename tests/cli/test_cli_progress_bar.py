from __future__ import annotations

import io
import re
import threading

import pyte
import pytest

from importer.cli.progress_bar import ProgressBar, ProgressLines, progress_for
from importer.progress import NullProgress, stage


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def screen(self, columns: int) -> list[str]:
        screen = pyte.Screen(columns, 24)
        pyte.Stream(screen).feed(self.getvalue())
        return [line.rstrip() for line in screen.display if line.strip()]


class Hands:
    """A clock whose hands are moved by the test."""

    def __init__(self) -> None:
        self.time = 1_000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Hands:
    return Hands()


def test_a_terminal_gets_a_bar_and_everything_else_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(progress_for(Terminal()), ProgressBar)
    assert isinstance(progress_for(io.StringIO()), ProgressLines)
    assert isinstance(progress_for(Terminal(), quiet=True), NullProgress)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(progress_for(Terminal()), ProgressLines)


@pytest.mark.parametrize("columns", [80, 100])
def test_the_bar_shows_outcomes_their_rate_those_not_taken_and_the_time_that_is_left(
    columns: int, clock: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = Terminal()
    bar = ProgressBar(terminal, clock)
    bar.begin("Importing", 2_000)
    bar.update(0, 0, 0)
    clock.time += 10
    bar.update(1_000, 500, 2)
    (line,) = terminal.screen(columns)
    assert re.fullmatch(r"Importing:  50%\|[█#]+ +\| 500 records, 50/s, 2 not taken, 10 s left", line)
    bar.end()
    assert terminal.screen(columns) == []


def test_what_has_no_room_beside_the_bar_is_left_out(clock: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    terminal = Terminal()
    bar = ProgressBar(terminal, clock)
    bar.begin("Importing", 2_000_000_000)
    bar.update(0, 0, 0)
    clock.time += 100
    bar.update(4_000_000, 12_000_000, 1_234_567)
    (line,) = terminal.screen(80)
    assert re.fullmatch(r"Importing:   0%\|.{8,}\| 12,000,000 records, 1,234,567 not taken", line)


@pytest.mark.parametrize("columns", [80, 100])
def test_a_bar_that_waits_keeps_its_bar_and_says_why(
    columns: int, clock: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = Terminal()
    bar = ProgressBar(terminal, clock)
    bar.begin("Importing", 1_000)
    for number in range(15):
        bar.waiting("asked to slow down (429)", clock.time + 60)
        clock.time += 1
        bar.update(500, 500_000 + number, 0)
    (line,) = terminal.screen(columns)
    assert re.search(
        r"^Importing:  50%\|[█#]+.* +\| .*waiting until [\d:]{8}: asked to slow down \(429\)$", line
    )
    bar.resumed()
    clock.time += 1
    bar.update(600, 600_000, 0)
    (line,) = terminal.screen(columns)
    assert "waiting" not in line


def test_a_long_reason_of_wide_characters_is_cut_and_not_wrapped(
    clock: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    terminal = Terminal()
    bar = ProgressBar(terminal, clock)
    bar.begin("Importing", 1_000)
    bar.waiting("服务器" * 40 + "{bar}\x1b[2J", clock.time + 60)
    clock.time += 1
    bar.update(500, 1, 0)
    (line,) = terminal.screen(80)
    assert line.endswith("…")
    assert "\x1b" not in terminal.getvalue()


def test_braces_in_a_reason_are_shown(clock: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    terminal = Terminal()
    bar = ProgressBar(terminal, clock)
    bar.begin("Importing", 1_000)
    bar.waiting('{"error": {bar}}', clock.time)
    clock.time += 1
    bar.update(500, 1, 0)
    assert terminal.screen(100)[0].endswith('{"error": {bar}}')


def test_messages_replace_the_bar_until_it_is_drawn_again(
    clock: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    terminal = Terminal()
    bar = ProgressBar(terminal, clock)
    bar.begin("Importing", 1_000)
    bar.clear()
    terminal.write("Result 1\r\n")
    bar.update(100, 10, 0)
    first, second = terminal.screen(80)
    assert first == "Result 1"
    assert second.startswith("Importing:  10%|")


def test_a_bar_that_was_not_begun_ignores_updates() -> None:
    bar = ProgressBar(Terminal())
    bar.update(1, 1, 0)
    bar.waiting("slow", 0.0)
    bar.clear()
    bar.end()


def test_lines_come_every_ten_seconds_with_rate_not_taken_and_the_time_that_is_left(clock: Hands) -> None:
    out = io.StringIO()
    lines = ProgressLines(out, clock)
    with stage(lines, "Importing", 400):
        for second in range(25):
            clock.time = 1_000.0 + second
            lines.update(second * 10, second * 100, int(second > 15))
    assert out.getvalue().splitlines() == [
        "Importing: 25%, 1,000 records, 100 a second, 30 s left",
        "Importing: 50%, 2,000 records, 100 a second, 1 not taken, 20 s left",
    ]


def test_what_a_resumed_run_had_done_before_does_not_count_as_its_pace(clock: Hands) -> None:
    out = io.StringIO()
    lines = ProgressLines(out, clock)
    lines.begin("Importing", 1_000)
    lines.update(500, 50_000, 0)
    clock.time += 10
    lines.update(600, 60_000, 0)
    assert out.getvalue() == "Importing: 60%, 60,000 records, 1,000 a second, 40 s left\n"


def test_a_stage_without_outcomes_has_no_count_of_records(clock: Hands) -> None:
    out = io.StringIO()
    lines = ProgressLines(out, clock)
    lines.begin("Looking at every value", 1_000)
    lines.update(0)
    clock.time += 10
    lines.update(250)
    assert out.getvalue() == "Looking at every value: 25%, 30 s left\n"


def test_a_run_of_waits_is_one_line_and_stays_in_the_lines_that_follow(clock: Hands) -> None:
    out = io.StringIO()
    lines = ProgressLines(out, clock)
    with stage(lines, "Importing", 400):
        lines.update(0, 0, 0)
        for _ in range(15):
            lines.waiting("asked to slow down (429)", clock.time + 2)
            clock.time += 1
            lines.update(100, 100, 0)
            lines.resumed()
            lines.waiting("the server answered 503", clock.time + 2)
        clock.time += 61
        lines.waiting("asked to slow down (429)", clock.time + 2)
    first, second, third = out.getvalue().splitlines()
    assert re.fullmatch(r"waiting until [\d:]{8}: asked to slow down \(429\)", first)
    assert re.match(r"Importing: 25%, 100 records, .*waiting until [\d:]{8}: ", second)
    assert third.startswith("waiting until ")


@pytest.mark.parametrize(
    ("columns", "names"),
    [(80, r"2024/01\.csv\.gz \+4"), (120, r"2024/01\.csv\.gz x\.zip/b\.csv data/3\.csv \+2")],
)
def test_the_bar_names_as_many_sources_at_work_as_there_is_room_for(
    columns: int, names: str, clock: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    terminal = Terminal()
    bar = ProgressBar(terminal, clock)
    bar.begin("Importing", 2_000)
    bar.at_work(["x.zip::2024/01.csv.gz", "x.zip::b.csv", "data/3.csv", "data/4.csv", "data/5.csv"])
    bar.update(0, 0, 0)
    clock.time += 10
    bar.update(1_000, 500, 2)
    (line,) = terminal.screen(columns)
    assert re.search(rf"\| 500 records, (50/s, )?2 not taken, (10 s left, )?{names}$", line)


def test_a_line_names_the_sources_at_work(clock: Hands) -> None:
    out = io.StringIO()
    lines = ProgressLines(out, clock)
    with stage(lines, "Importing", 400):
        lines.update(0, 0, 0)
        for names in (["a.zip::x/1.csv", "b.csv", "3.csv", "4.csv"], ["evil\x1b[2J.csv"], []):
            lines.at_work(names)
            clock.time += 10
            lines.update(100, 100, 0)
    first, second, third = out.getvalue().splitlines()
    assert first.endswith(" left, x/1.csv b.csv 3.csv +1")
    assert "evil" in second
    assert "\x1b" not in second
    assert third.endswith(" left")


def test_lines_written_by_several_threads_do_not_mix() -> None:
    out = io.StringIO()
    times = iter(range(0, 100_000, 100))
    lines = ProgressLines(out, lambda: float(next(times)))
    threads = [
        threading.Thread(target=lambda: [lines.waiting("x", 0.0) for _ in range(50)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(out.getvalue().splitlines()) == 200
    assert all(line.endswith(": x") for line in out.getvalue().splitlines())


def test_null_progress_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    silent = NullProgress()
    with stage(silent, "Importing", 1):
        silent.update(1, 1, 1)
        silent.waiting("x", 0.0)
        silent.resumed()
        silent.clear()
    assert capsys.readouterr() == ("", "")
