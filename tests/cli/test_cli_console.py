from __future__ import annotations

import io
import pkgutil
from importlib import import_module

import pytest

import importer
from importer.cli.console import Console
from importer.errors import (
    DeliveryError,
    EmptySourceError,
    ImporterError,
    Interrupted,
    LostSourceError,
    LostWorkerError,
    MappingError,
    ReconciliationError,
    RefusedError,
    ResultsError,
    SourceError,
    StorageError,
    TooManyErrors,
    UsageError,
)
from importer.pipeline.sets.retry import SetNotRetriableError
from importer.results.status import NotRetriableError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_control_characters_are_escaped() -> None:
    out = io.StringIO()
    Console(stream=out).say("a\x1b[31mb\r\x00\u202ec\nd\x85e\u2028 é 杯")
    assert out.getvalue() == "a\\x1b[31mb\\r\\x00\\u202ec\\nd\\x85e\\u2028 é 杯\n"


def test_every_message_is_one_line_of_what_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    out = io.StringIO()
    console = Console(stream=out)
    name = "a\nNext: undo\r\x1b[2J\x9b31m\u202e\x85"
    console.say(name)
    console.warn(name)
    console.lines([(name, name)])
    console.next(name)
    console.fail(UsageError(name, name, f"second {name}"))
    console.ask(name)
    assert out.getvalue().count("\n") == 7
    assert out.getvalue().replace("\n", "").isprintable()


def test_quiet_still_writes_errors_and_the_next_command() -> None:
    out = io.StringIO()
    console = Console(quiet=True, stream=out)
    console.say("hello")
    console.lines([("Source", "x")])
    console.fail(UsageError("wrong", "mend it"))
    console.next("mixpanel-importer run x --resume")
    assert out.getvalue() == "Stopped: wrong\nmend it\nNext: mixpanel-importer run x --resume\n"


def test_labels_are_styled_on_a_terminal_unless_no_color_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Terminal()
    Console(stream=screen).lines([("Source", "x")])
    assert screen.getvalue().startswith("\x1b[1mSource")
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    Console(stream=plain).lines([("Source", "x")])
    assert "\x1b" not in plain.getvalue()


@pytest.mark.parametrize(
    ("answer", "meant"),
    [("y\n", True), ("YES\n", True), ("\n", False), ("", False), ("n\n", False), ("No\n", False)],
)
def test_only_yes_counts_as_consent(answer: str, meant: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    out = io.StringIO()
    assert Console(stream=out).ask("Send?") is meant
    assert out.getvalue() == "Send? [y/N] " + ("" if answer else "\n")


def test_a_word_that_is_neither_yes_nor_no_is_asked_about_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("sure\nyess\nyes\n"))
    out = io.StringIO()
    assert Console(stream=out).ask("Send?")
    assert out.getvalue() == "Send? [y/N] " + "Please answer yes or no. [y/N] " * 2


EXIT_CODES = {
    UsageError: 2,
    MappingError: 2,
    ResultsError: 2,
    NotRetriableError: 2,
    SetNotRetriableError: 2,
    SourceError: 2,
    EmptySourceError: 2,
    LostSourceError: 5,
    TooManyErrors: 3,
    RefusedError: 4,
    DeliveryError: 5,
    StorageError: 5,
    LostWorkerError: 5,
    ReconciliationError: 6,
    Interrupted: 130,
}


@pytest.mark.parametrize("kind", [kind for kind in EXIT_CODES if "__init__" not in vars(kind)])
def test_every_error_says_what_and_how(kind: type[ImporterError]) -> None:
    error = kind("what", "how")
    assert (error.message, error.remedy, str(error)) == ("what", "how", "what")


def test_every_error_has_the_documented_exit_code() -> None:
    def below(kind: type[ImporterError]) -> set[type[ImporterError]]:
        return {kind}.union(*map(below, kind.__subclasses__()))

    for module in pkgutil.walk_packages(importer.__path__, "importer."):  # whatever other tests have loaded
        if not module.name.endswith("__main__"):
            import_module(module.name)
    kinds = {kind for kind in below(ImporterError) if kind.__module__.startswith("importer.")}
    assert {kind: kind.exit_code for kind in kinds - {ImporterError}} == EXIT_CODES
