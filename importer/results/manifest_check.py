"""What a manifest can't mean though each of its values has the right type: it was damaged or edited."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from importer.facts import ProfileSummary, SourceAudit
from importer.model import DeliverySettings
from importer.reading import FORMAT_NAMES, Dialect, Reading, same_marks
from importer.results.row_ranges import read_ranges
from importer.text import quoted

_MOST_MENDED = 10**8  # records; nobody mends more by hand
_MAX_PATH = 4_096  # characters; no system opens a longer path
_COMPRESSIONS = ("", "gzip", "zstd", "bz2", "xz")
_is_template = re.compile(r"(?:\{\{|\}\}|\{[^{}]+\}|[^{}])*").fullmatch
_MARKS = re.compile(r"[.\[]")  # between the parts of a path
_CONSTANT = "= "  # ahead of a value in place of a column
_in_braces = re.compile(r"\{([^{}]+)\}").findall
_FIRST_NS = -62_135_596_800 * 10**9  # the year 1
_LAST_NS = 253_402_300_800 * 10**9  # the year 10,000
_MAY_BE_NEGATIVE = {"first", "last", "mtime_ns", "missing_time", "exit_code"}


class _Manifest(Protocol):
    """What is checked of a `manifest.Manifest`."""

    @property
    def source(self) -> str: ...
    @property
    def parent(self) -> str | None: ...
    @property
    def retried_by(self) -> str | None: ...
    @property
    def base_url(self) -> str: ...
    @property
    def mended_rows(self) -> str: ...
    @property
    def refused_at(self) -> tuple[str, ...]: ...
    @property
    def settings(self) -> DeliverySettings: ...
    @property
    def reading(self) -> Reading: ...
    @property
    def audit(self) -> SourceAudit | None: ...


def find_fault(manifest: _Manifest) -> str:
    """Return what is wrong with a manifest, with the path to the value; empty if nothing is."""
    return next(_faults(manifest), "")


def _faults(manifest: _Manifest) -> Iterator[str]:
    paths = {"source": manifest.source, "parent": manifest.parent, "retried_by": manifest.retried_by}
    for name, value in paths.items():
        if value is not None and (not value or "\0" in value or len(value) > _MAX_PATH):
            yield f"{name} is {quoted(value)}, expected a path"
    if not manifest.base_url.startswith(("http://", "https://")):
        yield f"base_url is {quoted(manifest.base_url)}, expected http:// or https://"
    if manifest.settings.batch_size < 1:
        yield f"settings.batch_size is {manifest.settings.batch_size}, expected at least 1"
    if manifest.settings.rate == 0:
        yield "settings.rate is 0, expected at least 1"
    yield from _faults_of_rows(manifest)
    for url in manifest.refused_at:
        if not url.startswith(("http://", "https://")):
            yield f"refused_at holds {quoted(url)}, expected http:// or https://"
    yield from _negative(manifest, "")
    yield from _faults_of_reading(manifest.reading)
    if manifest.audit is not None:
        yield from _faults_of_facts(manifest.audit.facts)


def _faults_of_rows(manifest: _Manifest) -> Iterator[str]:
    if not manifest.mended_rows:
        return
    try:
        rows = sum(map(len, read_ranges(manifest.mended_rows)))
    except ValueError as error:
        yield f"mended_rows is {quoted(manifest.mended_rows)}: {error}"
        return
    if manifest.parent is None:
        yield "mended_rows needs a parent"
    if rows > _MOST_MENDED:
        yield f"mended_rows are {rows:,}, expected at most {_MOST_MENDED:,}"


def _negative(value: Any, where: str) -> Iterator[str]:
    """Yield the counts and sizes in a dataclass that are negative."""
    for each in fields(value):
        inner = getattr(value, each.name)
        if isinstance(inner, (int, float)):
            if inner < 0 and each.name not in _MAY_BE_NEGATIVE:
                yield f"{where}{each.name} is {inner}, expected no negative number"
        elif is_dataclass(inner) and not isinstance(inner, type):
            yield from _negative(inner, f"{where}{each.name}.")


def _faults_of_reading(reading: Reading) -> Iterator[str]:
    yield from _faults_of_dialect(reading.dialect)
    if reading.timezone:
        try:
            ZoneInfo(reading.timezone)
        except (KeyError, ValueError, OSError):  # `ZoneInfoNotFoundError` is a KeyError
            yield f"reading.timezone is {quoted(reading.timezone)}, which is not a time zone"
    for name, conditions in reading.conditions.items():
        if len(conditions) != len(reading.alternatives.get(name, ())):
            yield f"reading.conditions.{name} has {len(conditions)} parts, expected one for each alternative"
    if reading.dialect.has_cells:
        yield from _faults_of_columns(reading)


def _faults_of_columns(reading: Reading) -> Iterator[str]:
    offset = reading.time_offset
    if offset and not _is_column(offset, reading) and reading.missing_columns == "refuse":
        yield f"reading.time_offset is {quoted(offset)}, which is not one of its columns"
    for name, column in reading.fields.items():
        if column not in reading.columns:
            yield f"reading.fields.{name} is {quoted(column)}, which is not one of its columns"
    for name, entries in reading.alternatives.items():
        if not entries:
            yield f"reading.alternatives.{name} is empty, expected a column"
        for text in entries:
            if not _names_columns(text, reading):
                yield f"reading.alternatives.{name} holds {quoted(text)}, which names none of its columns"
    for property_name, text in reading.templates.items():
        if not _names_columns(text, reading):
            yield f"reading.templates.{property_name} is {quoted(text)}, which names none of its columns"


def _names_columns(text: str, reading: Reading) -> bool:
    """Return whether a text is a column, a path into one or a value, or has only columns in its braces."""
    if text.startswith(_CONSTANT) or _is_column(text, reading):
        return True
    found = _in_braces(text.replace("{{", "").replace("}}", ""))
    return bool(_is_template(text)) and bool(found) and all(_is_column(name, reading) for name in found)


def _is_column(text: str, reading: Reading) -> bool:
    """Return whether a text is a column, or begins with one at which a path may begin."""
    begins = (text[: mark.start()] for mark in _MARKS.finditer(text))
    return text in reading.columns or any(
        begin in reading.columns or begin.strip('"') in reading.columns for begin in begins
    )


def _faults_of_dialect(dialect: Dialect) -> Iterator[str]:
    where = "reading.dialect."
    if dialect.format not in FORMAT_NAMES:
        yield f"{where}format is {quoted(dialect.format)}, expected {' or '.join(FORMAT_NAMES)}"
    if dialect.compression not in _COMPRESSIONS:
        yield f"{where}compression is {quoted(dialect.compression)}, which is none that can be read"
    if not dialect.has_cells:
        return
    try:
        codecs.lookup(dialect.encoding)
    except (LookupError, ValueError):
        yield f"{where}encoding is {quoted(dialect.encoding)}, which is not an encoding"
    if len(dialect.delimiter) != 1:
        yield f"{where}delimiter is {quoted(dialect.delimiter)}, expected one character"
    for name in ("quote", "escape", "comment"):
        mark = getattr(dialect, name)
        if len(mark) > 1:
            yield f"{where}{name} is {quoted(mark)}, expected one character or none"
    if same := same_marks(dialect):
        yield f"{where}{same[0]} and {where}{same[1]} are the same character"


def _faults_of_facts(facts: ProfileSummary) -> Iterator[str]:
    where = "audit.facts."
    for name, moment in (("first", facts.first), ("last", facts.last)):
        if (moment is None) != (not facts.quarters):
            yield f"{where}{name} and {where}quarters don't fit each other"
        elif moment is not None and not _FIRST_NS <= moment <= _LAST_NS:
            yield f"{where}{name} is {moment}, which is in no calendar"
    if facts.first is not None and facts.last is not None and facts.first > facts.last:
        yield f"{where}first is after {where}last"
    for name in ("names", "forms"):
        if any(count < 0 for count in getattr(facts, name).values()):
            yield f"{where}{name} holds a negative number"
