r"""What a line of a results file looks like: from an outcome to bytes and back.

Every outcome is one physical line, so a file can be split at ``\n`` without a parser, and a line that
was cut short is known by its missing end. For that, a CSV cell never holds a control character: it
holds the escape (``\n``, ``\x1b``, ``\u2028``). In JSONL, JSON's own escapes do this, and the values
stay as they are.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from importer.model import Outcome, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

COLUMNS = (
    "row",
    "line",
    "success",
    "status",
    "status_code",
    "event",
    "distinct_id",
    "insert_id",
    "error",
    "note",
)
"""The columns of a results file, in order."""

LONGEST_ERROR = 300
"""Characters of an ``error``, the ellipsis included."""

FORMULA_STARTS = ("=", "+", "-", "@")
"""A spreadsheet takes a cell that begins so for a formula and runs it."""

_COMMAS = len(COLUMNS) - 1


class Line(NamedTuple):
    """What counts of one line that was read back: its record and its status."""

    row: int
    status: Status


class Format(NamedTuple):
    """One of the two forms of a results file.

    Attributes:
        header: The bytes before the first outcome; empty for JSONL.
        encode: Outcomes to whole lines, each with its newline.
        parse: One line with its newline to what counts of it; None if it is not well-formed.
        start: How the first line begins in every file of ours.
    """

    header: bytes
    encode: Callable[[Sequence[Outcome]], bytes]
    parse: Callable[[bytes], Line | None]
    start: bytes


def format_of(path: Path) -> Format:
    """Tell the form of a results file by its name: JSONL if it ends in ``.jsonl``, else CSV."""
    return JSONL if path.suffix.lower() == ".jsonl" else CSV


# ── escapes ──────────────────────────────────────────────────────────────────────────────────────


def _escapes() -> dict[int, str]:
    """Map each character that must not stand in a cell to its escape."""
    controls = [*range(0x20), *range(0x7F, 0xA0)]
    breaks_and_bidi = [0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
    table = {code: f"\\x{code:02x}" for code in controls}
    table |= {ord("\t"): "\\t", ord("\n"): "\\n", ord("\r"): "\\r"}
    table |= {code: f"\\u{code:04x}" for code in breaks_and_bidi}
    return table | _surrogates()


def _surrogates() -> dict[int, str]:
    r"""Map lone surrogates: a byte that was not UTF-8 to ``\xNN``, any other to ``\uNNNN``."""
    undecoded = {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(0x80, 0x100)}
    return {code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)} | undecoded


_SURROGATES = _surrogates()
_ESCAPES = _escapes()


def _cut(error: str) -> str:
    return error if len(error) <= LONGEST_ERROR else f"{error[: LONGEST_ERROR - 1]}…"


# ── CSV ──────────────────────────────────────────────────────────────────────────────────────────

_MIDDLES = {status: f",{str(status.success).lower()},{status.value}," for status in Status}
_STATUSES = {(b"true" if status.success else b"false", status.value.encode()): status for status in Status}


def _csv_encode(outcomes: Sequence[Outcome]) -> bytes:
    """Write outcomes as CSV.

    Nearly every line needs no care at all. That is asked once for all of them, by a few searches at
    C speed; only where the answer is no is it asked line by line.
    """
    if not outcomes:
        return b""
    middles = _MIDDLES
    lines = [
        f"{row},{line}{middles[status]}{'' if code is None else code},{event},{distinct_id},"
        f"{insert_id},{error and _cut(error)},{note}"
        for row, line, status, code, event, distinct_id, insert_id, error, note in outcomes
    ]
    if not _is_plain("".join(lines), len(lines)):
        lines = [
            line if _is_plain(line, 1) else _careful(outcome)
            for line, outcome in zip(lines, outcomes, strict=True)
        ]
    lines.append("")
    return "\n".join(lines).encode()


def _is_plain(text: str, lines: int) -> bool:
    """Tell whether lines, joined by nothing, need neither quotes nor escapes nor apostrophes."""
    return (
        text.count(",") == _COMMAS * lines
        and '"' not in text
        and ",=" not in text
        and ",-" not in text
        and ",+" not in text
        and ",@" not in text
        and text.isprintable()
    )


def _careful(outcome: Outcome) -> str:
    """Write one outcome cell by cell."""
    row, line, status, code, event, distinct_id, insert_id, error, note = outcome
    return (
        f"{row},{line}{_MIDDLES[status]}{'' if code is None else code},{_cell(event)},"
        f"{_cell(distinct_id)},{_cell(insert_id)},"
        f"{error and _cell(_cut(error.translate(_ESCAPES)))},{_note_cell(note)}"
    )


def _cell(text: str) -> str:
    """Escape, guard and quote one value, in this order."""
    if not text.isprintable():
        text = text.translate(_ESCAPES)
    if text.startswith(FORMULA_STARTS):
        text = f"'{text}"
    if "," in text or '"' in text:
        return '"' + text.replace('"', '""') + '"'
    return text


_note_cell = lru_cache(maxsize=1024)(_cell)  # notes are few; names and ids may be many and long


def _csv_parse(line: bytes) -> Line | None:
    head = line.split(b",", 4)
    if len(head) <= 4 or not line.endswith(b"\n"):  # noqa: PLR2004  the four cells before the code
        return None
    status = _STATUSES.get((head[2], head[3]))
    if status is None or not (head[0].isdigit() and head[1].isdigit()):
        return None
    # Between quotes a comma is text. A doubled quote opens and closes at once, so parity holds.
    parts = line.split(b'"')
    commas = sum([part.count(b",") for part in parts[::2]])
    if commas != _COMMAS or len(parts) % 2 == 0 or not _is_utf8(line):
        return None
    return Line(int(head[0]), status)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


# ── JSONL ────────────────────────────────────────────────────────────────────────────────────────


def _jsonl_encode(outcomes: Sequence[Outcome]) -> bytes:
    return "".join([f"{_json(outcome)}\n" for outcome in outcomes]).encode()


def _json(outcome: Outcome) -> str:
    row, line, status, code, *texts = outcome
    texts[3] = _cut(texts[3])
    values = (row, line, status.success, status.value, code, *texts)
    try:
        text = orjson.dumps(dict(zip(COLUMNS, values, strict=True))).decode()
    except orjson.JSONEncodeError:  # a lone surrogate: no JSON can hold it
        clean = [text.translate(_SURROGATES) for text in texts]
        return _json(Outcome(row, line, status, code, *clean))
    if text.isprintable():
        return text
    return json.dumps(dict(zip(COLUMNS, values, strict=True)), separators=(",", ":"))


def _jsonl_parse(line: bytes) -> Line | None:
    if not line.endswith(b"\n"):
        return None
    try:
        values: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(values, dict) or tuple(values) != COLUMNS:
        return None
    row, _, success, name, code, *texts = values.values()
    status = _NAMED.get(name) if isinstance(name, str) else None
    well_formed = (
        status is not None
        and success is status.success
        and type(row) is int
        and isinstance(code, int | None)
        and all(isinstance(text, str) for text in texts)
    )
    return Line(row, status) if status is not None and well_formed else None


_NAMED = {status.value: status for status in Status}

CSV = Format((",".join(COLUMNS) + "\n").encode(), _csv_encode, _csv_parse, b"row,line,success,")
JSONL = Format(b"", _jsonl_encode, _jsonl_parse, b'{"row":')
