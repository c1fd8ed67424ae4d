"""Rows of formats that have types of their own, as lines of JSON: they are read as those of JSONL."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final

from importer import speedups
from importer.model import Record, Rejection
from importer.source.formats.json_item import MAX_LINE_SIZE, read_item
from importer.source.formats.jsonl import JsonlReader
from importer.source.item_reader import Fit
from importer.source.line_reader import NOT_PARSED, ParsedBlock
from importer.source.lines import ByteLines
from importer.source.oversized import OversizedSink

_NOTE: Final = b"\x01"
"""What stands between a line of JSON, in which it can't be, and the note on it."""
_TEXT_OR_NO_NUMBER: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|-?Infinity|NaN')


class RowsReader(JsonlReader):
    """Records and rejections of rows, each of which is given as a line of JSON; read once.

    A NaN or an infinity in a row is null, with a note. A line may have a note of its own (`noted_line`).

    Args:
        lines: The lines, as bytes. A row without values is a blank one.
        oversized: Where the bytes of a line go that is too long to be held.
    """

    def __init__(self, lines: io.BufferedIOBase, *, oversized: OversizedSink) -> None:
        super().__init__(ByteLines(lines, MAX_LINE_SIZE), oversized=oversized)

    def parse_block(self, data: bytes, start: int, stop: int) -> ParsedBlock:
        """As in `JsonlReader`."""
        if stop - start > MAX_LINE_SIZE:
            return NOT_PARSED
        row, line = self.row + 1, self.line + 1
        read = _read_row if self.fit is None else partial(_read_row, fit=self.fit)
        block, taken = speedups.cut_lines(data, row, line, read, start=start, stop=stop)
        return ParsedBlock(block, taken, block.end, defers=False)

    def _encode(self, part: bytes) -> bytes:
        text, mark, _ = part.partition(_NOTE)
        return text + b"\n" if mark else part

    def _read_items(self) -> Iterator[Record | Rejection]:
        for item in super()._read_items():
            yield (
                _read_row(item.row, item.line, self.lines[0], self.fit)
                if _may_lack_number(item, self.lines)
                else item
            )


def _may_lack_number(item: Record | Rejection, lines: list[bytes]) -> bool:
    return isinstance(item, Rejection) and bool(lines)


def noted_line(text: str, note: str) -> str:
    """Return a line of JSON with a note on it, for `RowsReader`; none if that is empty."""
    return f"{text}{_NOTE.decode()}{note}\n" if note else f"{text}\n"


def _read_row(row: int, number: int, line: bytes, fit: Fit | None = None) -> Record | Rejection:
    """Return the item of a row, given as a line of JSON: a NaN or an infinity in it is null, with a note."""
    text, _, note = line.partition(_NOTE)
    item = read_item(row, number, text if note else line, fit)
    if not isinstance(item, Record) and (b"NaN" in text or b"Infinity" in text):
        item = _without_nan(item, text, fit)
    if not note or not isinstance(item, Record):
        return item
    return item._replace(note="; ".join(filter(None, (note.decode("utf-8", "replace").strip(), item.note))))


def _without_nan(item: Rejection, line: bytes, fit: Fit | None) -> Record | Rejection:
    """Return the item of a row again, with null for a NaN or an infinity in it."""
    found: set[str] = set()

    def mended(match: re.Match[bytes]) -> bytes:
        token = match.group()
        if token.startswith(b'"'):
            return token
        found.add(token.decode("ascii"))
        return b"null"

    text = _TEXT_OR_NO_NUMBER.sub(mended, line)  # all else stays as it is written
    if not found:
        return item
    again = read_item(item.row, item.line, text, fit)
    if not isinstance(again, Record):
        return again
    words = " and ".join(sorted(found))
    notes = [again.note, f"{words} is no number of JSON: sent as null"]
    return again._replace(note="; ".join(filter(None, notes)))


def json_text(value: Any) -> str:
    """Return the text of JSON for a value, as `parquet_values` writes it; NaN as Python writes that."""
    if isinstance(value, dict):
        members = (f"{json_text(str(key))}:{json_text(each)}" for key, each in value.items())
        return f"{{{','.join(members)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(json_text, value))}]"
    if isinstance(value, Decimal):
        text = f"{value:f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return text if text not in ("-0", "") else "0"
    if value is None or isinstance(value, bool | int | float | str):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(_plain_text(value), ensure_ascii=False)


def _plain_text(value: Any) -> str:
    """Return the text for a value of a kind that JSON does not have."""
    if isinstance(value, datetime):
        is_aware = value.tzinfo is not None
        naive = value.astimezone(UTC).replace(tzinfo=None) if is_aware else value
        return _iso(naive) + ("Z" if is_aware else "")
    if isinstance(value, time):
        return _iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


def _duration(value: timedelta) -> str:
    """Return hours, minutes and seconds, with what is left of a second: ``-30:01:05.250``."""
    sign, length = ("-", -value) if value < timedelta() else ("", value)
    seconds, left = divmod(length, timedelta(seconds=1))
    rest = time(microsecond=left.microseconds)
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{_iso(rest.replace(second=seconds % 60))[6:]}"


def _iso(value: datetime | time) -> str:
    return value.isoformat(
        timespec="auto" if value.microsecond % 1000 else "milliseconds" if value.microsecond else "seconds"
    )
