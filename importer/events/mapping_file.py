"""Mapping files: how to read a source, as TOML that a team can keep.

::

    timezone = "Europe/Berlin"      # the same names as the options of the command line

    [fields]                        # which column is which field
    event = "action"
    time = "{date} {hour}"          # a template: both columns stay properties
    distinct_id = ["user", "device"]    # the first that has a value; or "user, device"

    [types]                         # a type for a column; "skip" leaves it out
    zip = "string"

    [rename]                        # other names for properties
    "Zip Code" = "zip"
    "utm_*" = "campaign_*"

    [set]                           # a field or property for every record
    source = "legacy shop"
    full = "{first} {last}"         # a template; {{ and }} are braces
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

from importer.errors import MappingError
from importer.events.declared_reading import DeclaredReading
from importer.events.mapping_keys import Checker
from importer.events.mapping_text import render
from importer.events.toml_lines import MOST_PARTS, line_of_long_key
from importer.reading import ColumnProfile, Reading


def load(path: Path) -> DeclaredReading:
    """Read a mapping file.

    Raises:
        MappingError: It can't be read, or has an unknown key or a wrong value; names the key and its line.
    """
    text = _text_of(path)
    try:
        return Checker(path, text).declared(tomllib.loads(text))
    except MappingError:
        raise
    except ValueError as error:
        raise _not_toml(path, error, "Mend that line.") from None
    except RecursionError:
        raise _too_deep(path) from None


def save(path: Path, reading: Reading, profiles: Iterable[ColumnProfile], begin_with: str = "") -> None:
    """Write the mapping file that reads a source in just this way; comments of one that is there are kept.

    Args:
        path: Where.
        reading: As for `render`.
        profiles: As for `render`.
        begin_with: A mapping file whose comments are kept where none is there; else empty.

    Raises:
        MappingError: What is there is no mapping file.
        OSError: It can't be written.
    """
    existing = _text_of(path) if path.exists() else begin_with
    try:
        text = render(reading, profiles, existing)
    except RecursionError:
        raise _too_deep(path) from None
    except ValueError as error:
        raise _not_toml(path, error, "Mend that line, or name another file.") from None
    path.write_text(text, "utf-8")


def _text_of(path: Path) -> str:
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise MappingError(f"{path}: can't be read: {error.strerror}", "Check the path.") from None
    except UnicodeDecodeError as error:
        raise MappingError(f"{path}: not TOML: {error}", "Save it as UTF-8.") from None
    if line := line_of_long_key(text):
        raise MappingError(
            f"{path}: line {line} has a key of more than {MOST_PARTS} parts",
            "If its dots are part of a name, put the name in quotes.",
        )
    return text


def _not_toml(path: Path, error: ValueError, remedy: str) -> MappingError:
    """Return the error for a text that a parser of TOML refuses, or Python on its behalf."""
    if "set_int_max_str_digits" in str(error):  # Python's own advice is for programmers
        return MappingError(f"{path}: a number in it has thousands of digits", "Put it in quotes: as a text.")
    return MappingError(f"{path}: not TOML: {error}", remedy)


def _too_deep(path: Path) -> MappingError:
    return MappingError(f"{path}: its tables or lists are too deep in one another", "Mend it.")
