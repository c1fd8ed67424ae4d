from __future__ import annotations

import io
import re
import threading
import time

import pytest

from importer.cli.progress_bar import ProgressBar, ProgressLines, progress_for
from importer.progress import NullProgress, stage


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_and_everything_else_lines() -> None:
    assert isinstance(progress_for(Terminal()), ProgressBar)
    assert isinstance(progress_for(io.StringIO()), ProgressLines)
    assert isinstance(progress_for(Terminal(), quiet=True), NullProgress)


def test_the_bar_counts_bytes_of_the_file_and_says_how_many_records_were_not_taken() -> None:
    screen = Terminal()
    bar = ProgressBar(screen)
    with stage(bar, "Importing", 2_000):
        bar.update(1_000, 50, 2)
        bar.resumed()  # nothing waits
        bar.waiting("Mixpanel asks to slow down (429)", time.monotonic() + 60)
    shown = screen.getvalue()
    assert re.search(r"Importing:  50%\|.*1\.00k/2\.00k", shown)
    assert "50 records, 2 not taken" in shown
    assert re.search(r"waiting until \d\d:\d\d:\d\d: Mixpanel asks to slow down", shown)


def test_the_bar_shows_no_wait_after_sending_resumed() -> None:
    screen = Terminal()
    bar = ProgressBar(screen)
    with stage(bar, "Importing", 100):
        bar.waiting("slow", time.monotonic() + 5)
        bar.update(10, 1, 0)
        assert "1 records · waiting until" in screen.getvalue()
        bar.resumed()
        screen.seek(0)
        screen.truncate()
        time.sleep(0.25)  # tqdm redraws at most every 0.2 s
        bar.update(90, 9, 0)
    assert "waiting" not in screen.getvalue()


def test_a_bar_that_was_not_begun_ignores_updates() -> None:
    bar = ProgressBar(Terminal())
    bar.update(1, 1, 0)
    bar.waiting("slow", 0.0)
    bar.end()


def test_lines_come_every_ten_seconds_and_for_each_wait() -> None:
    now = [0.0]
    out = io.StringIO()
    lines = ProgressLines(out, lambda: now[0])
    with stage(lines, "Importing", 400):
        for second in range(25):
            now[0] = float(second)
            lines.update(second * 10, second * 100, int(second > 15))
        lines.waiting("429", time.monotonic() + 1)
        lines.resumed()
    first, second, wait = out.getvalue().splitlines()
    assert first == "Importing: 25%, 1,000 records"
    assert second == "Importing: 50%, 2,000 records, 1 not taken"
    assert wait.startswith("waiting until ")


def test_lines_written_by_several_threads_do_not_mix() -> None:
    out = io.StringIO()
    lines = ProgressLines(out)
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
    assert capsys.readouterr() == ("", "")
