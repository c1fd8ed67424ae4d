"""The formats that a source can have: a module of the folder ``formats`` for each."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Final, cast

from importer.errors import SourceError, UsageError
from importer.reading import FORMAT_NAMES, FormatName
from importer.source.format import DialectOptions, Format
from importer.text import PROGRAM, one_line, quoted_name, shell_word

_FLAGS: Final = {"header": "--no-header"}
"""The options that are not called as the part of a dialect that they declare."""


def _load_formats() -> dict[FormatName, Format]:
    modules = (import_module(f"importer.source.formats.{name}") for name in FORMAT_NAMES)
    formats = sorted((cast(Format, module.FORMAT) for module in modules), key=lambda each: each.order)
    return {each.name: each for each in formats}


FORMATS: Final = _load_formats()
"""Each format by its name, in the order in which they are asked whether they recognize a file."""


def find_format(name: str) -> Format:
    """Return a format by its name.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in FORMATS:
        raise UsageError(f"{quoted_name(name)} is not a format.", f"Formats are {_joined(sorted(FORMATS))}.")
    return FORMATS[name]


def check_installed(format_: Format, source: object) -> None:
    """Check that what reads a format is installed.

    Args:
        format_: The format.
        source: What is to be read, for the message.

    Raises:
        SourceError: It is not.
    """
    missing: list[str] = []
    reasons: list[str] = []
    for module in format_.modules:
        try:
            import_module(module)
        except ImportError as error:
            missing.append(module)
            if not isinstance(error, ModuleNotFoundError) or error.name != module:
                reasons.append(f" or can't be loaded ({one_line(error)})")
    if missing:
        raise SourceError(
            f"{source} is {format_.title}, and {_joined(missing)}, which reads that, "
            f"is not installed{''.join(reasons)}.",
            f"pip install {shell_word(f'{PROGRAM}[{format_.extra}]')}",
        )


def check_options(format_: Format, options: DialectOptions) -> None:
    """Check that what is declared of a dialect means something in a format.

    Raises:
        UsageError: Something means nothing there.
    """
    meant = {name for name in options if name not in ("format", *format_.options)}
    for name in sorted(meant - {"header"} if options.get("header", True) else meant):
        takers = _joined([each.title for each in FORMATS.values() if name in each.options])
        flag = _FLAGS.get(name, f"--{name.replace('_', '-')}")
        raise UsageError(
            f"{flag} is for {takers}, not for {format_.title}", "Leave it out, here or in the mapping file"
        )


def _joined(texts: Sequence[str]) -> str:
    """Return texts as a sentence lists them: ``a, b and c``."""
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last
