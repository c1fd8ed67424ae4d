"""Lines in the columns of a terminal: they break between words, and never within what is to be typed."""

from __future__ import annotations

import io

import pytest

from importer.cli.console import Console
from importer.cli.fold import fold, width
from importer.errors import ResultsError

LONG = "--a-long-option " * 8


@pytest.mark.parametrize(
    "command",
    [
        f"mixpanel-importer run {LONG}x",
        f"… | mixpanel-importer run - {LONG}x",
        f"pip install {LONG}x",
        f"chmod u+r {LONG}x",
    ],
)
def test_a_command_stands_on_one_line_whatever_stands_ahead_of_it(command: str) -> None:
    assert fold(command, 40).split("\n") == [command]
    *_, last = fold(f"some words that tell what to do about it, to be typed: {command}", 40, 2).split("\n")
    assert last.strip() == command


def test_the_name_of_the_program_among_words_is_no_command() -> None:
    text = (
        "events.csv.run.json was written by a newer mixpanel-importer (manifest_version 9, this one reads 1)"
    )
    lines = fold(text, 40, 2).split("\n")
    assert len(lines) == 3
    assert all(width(line) <= 40 for line in lines)
    assert [line[:2] for line in lines[1:]] == ["  ", "  "]
    assert " ".join(line.strip() for line in lines) == text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_whatever_is_written_to_a_terminal_breaks_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    text = "nobody knows the trouble that I have seen, and nobody knows my sorrow"
    screen, pipe = Terminal(), io.StringIO()
    for stream in (screen, pipe):
        console = Console(stream=stream)
        console.say(text)
        console.warn(text)
        console.advise(text)
        console.fail(ResultsError(text, text))
        console.lines([("Attention", text)])
    assert all(width(line) <= 40 for line in screen.getvalue().split("\n"))
    assert set(screen.getvalue().split()) == {*text.split(), "Stopped:", "Attention"}
    assert pipe.getvalue().count("\n") == 6
