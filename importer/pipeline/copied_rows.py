"""What the mapping file beside a copy of failed records says of them: which they are, of which results."""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import xxhash

from importer.errors import MappingError
from importer.events.mapping_keys import FAILED_ROWS
from importer.events.toml_lines import line_of_long_key
from importer.pipeline.copied_items import read_items
from importer.results.manifest import relative_link, resolve_link
from importer.results.paths import failed_rows_mapping_path
from importer.results.row_ranges import read_ranges
from importer.source.fingerprint import take_fingerprint

_DIGITS: Final = 16
"""Hexadecimal digits of the digest of a record."""

_COMMENT: Final = (
    "# Which records of which results these are: --mapping needs it. Keep their number and their order."
)


@dataclass(frozen=True, slots=True)
class CopiedRows:
    """What a mapping file says of a copy of failed records.

    Attributes:
        parent: The results that they were copied for.
        rows: Their numbers in the source of these, as `row_ranges` writes them.
        digests: A digest of the bytes of each, in order.
        digest: Of the copy as it was made.
        columns: Those of the source, where a copy has no header that names them; else empty.
        items: Where a record is several events: which events of each are to be mended, from `items_text`.
        others: A digest of the other events of each, in order.
        missing_time: The time of a record without one, as in `reading.Reading`.
    """

    parent: Path
    rows: str
    digests: tuple[str, ...]
    digest: str
    columns: tuple[str, ...] = ()
    missing_time: int | None = None
    items: str = ""
    others: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many records were copied."""
        return len(self.digests)


def record_digest(record: bytes) -> str:
    """Return a digest of the bytes of a record, without the end of its line."""
    return xxhash.xxh3_64_hexdigest(record.rstrip(b"\r\n"))


def copied_rows_text(copied: CopiedRows, mapping: Path) -> str:
    """Return the table that says in a mapping file what a copy holds."""
    link = relative_link(mapping, copied.parent)
    values = {
        **({"parent": link} if _is_utf8(link) else {"parent_bytes": os.fsencode(link).hex()}),
        "rows": copied.rows,
        "digests": "".join(copied.digests),
        **({"items": copied.items, "others": "".join(copied.others)} if copied.items else {}),
        "copy": copied.digest,
        **({"columns": copied.columns} if copied.columns else {}),
        **({} if copied.missing_time is None else {"missing_time": copied.missing_time}),
    }
    lines = [f"{key} = {_toml_text(value)}" for key, value in values.items()]
    return "\n".join(["", _COMMENT, f"[{FAILED_ROWS}]", *lines, ""])


def _toml_text(value: Any) -> str:
    """Return a value as TOML: that is JSON, but for the one control character that JSON does not escape."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _is_utf8(name: str) -> bool:
    """Return whether all bytes of a name are text: a mapping file holds nothing else."""
    return not any("\ud800" <= char <= "\udfff" for char in name)


def read_copied_rows(mapping: Path) -> CopiedRows | None:
    """Return what a mapping file says of a copy; None if it is of none, or no mapping file.

    Raises:
        MappingError: What it says can't be used.
    """
    try:
        text = mapping.read_text("utf-8-sig")
        holds_table = FAILED_ROWS in text and line_of_long_key(text) is None
        table = tomllib.loads(text).get(FAILED_ROWS) if holds_table else None
    except (OSError, ValueError, RecursionError):  # whoever reads the rest of it says so
        return None
    if table is None:
        return None
    try:
        rows, digests, digest = (table[key] for key in ("rows", "digests", "copy"))
        name = table.get("parent_bytes")
        parent = table["parent"] if name is None else os.fsdecode(bytes.fromhex(name))
        each, others = _cut(digests), _cut(table.get("others", ""))
        items = table.get("items", "")
        has_items = sum(1 for _ in read_items(items))
        fits = bool(parent) and "\0" not in parent and sum(map(len, read_ranges(rows))) == len(each)
        link = resolve_link(mapping, parent)
        columns, missing_time = table.get("columns", []), table.get("missing_time")
        fits = fits and all(isinstance(column, str) for column in columns)
        fits = fits and (missing_time is None or type(missing_time) is int)
        fits = fits and len(others) == has_items and has_items in (0, len(each))
    except (AttributeError, KeyError, TypeError, ValueError):
        fits = False
    if not fits:
        raise MappingError(
            f"{mapping}: [{FAILED_ROWS}] is not as it was written",
            "Put it back, or copy the records again with --failed-rows.",
        )
    return CopiedRows(link, rows, each, str(digest), tuple(columns), missing_time, items, others)


def _cut(digests: str) -> tuple[str, ...]:
    return tuple(digests[at : at + _DIGITS] for at in range(0, len(digests), _DIGITS))


def is_as_copied(copy: Path) -> bool:
    """Return whether nobody has touched a copy of failed records since it was made, if it is there."""
    mapping = failed_rows_mapping_path(copy)
    try:
        copied = read_copied_rows(mapping)
    except MappingError:
        return False
    if copied is None:
        return not copy.exists() and not mapping.exists()
    return not copy.exists() or take_fingerprint(copy).digest == copied.digest
