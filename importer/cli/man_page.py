"""The manual page, made from the text of the help."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from importer.cli import help_page
from importer.cli.declared import Command, Example
from importer.text import PROGRAM

_ESCAPES: Final = {
    "\\": "\\e",
    "-": "\\-",
    "'": "\\(aq",
    "`": "\\(ga",
    "^": "\\(ha",
    "~": "\\(ti",
    '"': "\\(dq",
}


def man_page(commands: Sequence[Command], version: str) -> str:
    """Return the manual page of all commands, as ``man`` reads it.

    Args:
        commands: All commands, in the order in which they are shown.
        version: The version of the program.
    """
    return "\n".join(_lines(commands, version)) + "\n"


def _lines(commands: Sequence[Command], version: str) -> Iterator[str]:
    summary = help_page.SUMMARY
    yield f'.TH {PROGRAM.upper()} 1 "" "{PROGRAM} {version}" "User Commands"'
    yield from (".nh", ".ad l")  # no word is broken, and none drawn apart
    yield from (
        ".SH NAME",
        f"{_roff(PROGRAM)} \\- {_roff(summary[0].lower() + summary[1:].removesuffix('.'))}",
    )
    yield ".SH SYNOPSIS"
    for command in commands:
        yield from (".br", f".B {_roff(command.usage)}")
    yield ".SH DESCRIPTION"
    yield _roff(summary)
    yield from _examples(help_page.EXAMPLES)
    yield ".SH OPTIONS"
    yield from _table([*help_page.OTHER_OPTIONS, help_page.HELP_OPTION])
    for command in commands:
        yield f".SH {_roff(command.name.upper())}"
        yield f".B {_roff(command.usage)}"
        for paragraph in command.paragraphs:
            yield from (".PP", _roff(" ".join(paragraph.split())))
        yield from _examples(command.examples)
        if command.argument:
            yield ".SS Argument"
            yield from _table([command.argument[1][:2]])
        for heading, note, rows in help_page.sections(command):
            yield f".SS {heading}"
            if note:
                yield _roff(note)
            yield from _table(rows)
    yield ".SH ENVIRONMENT"
    yield _roff(help_page.ENVIRONMENT_NOTE)
    yield from _table(help_page.ENVIRONMENT)
    yield ".SH EXIT STATUS"
    yield from _table([(str(code), text) for code, text in help_page.EXIT_CODES])


def _examples(examples: Iterable[Example]) -> Iterator[str]:
    for example in examples:
        yield from (".PP", _roff(example.does), ".RS 4", ".nf", f"{_roff(example.line)}", ".fi", ".RE")


def _table(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, text in rows:
        yield from (".TP", f".B {_roff(name)}", _roff(text))


def _roff(text: str) -> str:
    """Return a text in which nothing is a request or an escape, in ASCII."""
    escaped = "".join(_ESCAPES.get(c, c if c.isascii() else f"\\[u{ord(c):04X}]") for c in text)
    return f"\\&{escaped}" if escaped.startswith(".") else escaped
