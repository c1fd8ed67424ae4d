"""What options and mapping files declare of a dialect."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Final

from importer.events.declared_reading import DeclaredReading
from importer.reading import Dialect
from importer.source.options import check_dialect, dialect_options
from importer.source.registry import check_options, find_format

_OPTIONS: Final = sorted(
    {each.name for each in fields(DeclaredReading)}
    & {each.name for each in fields(Dialect)} - {"format", "header"}
)
"""Options of which a dialect is made."""


def declared_dialect(declared: DeclaredReading) -> dict[str, Any]:
    """Return what is declared of a dialect, by the names that a `Dialect` has for it."""
    return {name: getattr(declared, name) for name in _OPTIONS}


def redeclare_dialect(dialect: Dialect, declared: DeclaredReading) -> Dialect:
    """Return a dialect with what is declared now in place of what was declared or detected before.

    Raises:
        UsageError: A declaration can't be used, or means nothing in this format.
    """
    options = dialect_options(**declared_dialect(declared))
    options["format"] = declared.format or dialect.format
    if declared.header is not None:
        options["header"] = declared.header
    check_options(find_format(dialect.format), options)
    changed = replace(dialect, **options)
    if dialect.has_cells:
        if declared.skip_lines is not None:
            changed = replace(changed, sep_line=False)  # it is among the lines that are skipped
        check_dialect(changed)
    return changed
