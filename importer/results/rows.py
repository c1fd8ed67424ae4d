r"""The lines of a results file: from outcomes to bytes and back.

Every outcome is one physical line, so a file can be split at ``\n`` without a parser, and a line that
was cut short is known by its missing end. For that, a CSV cell never holds a control character
(`escaping`). In JSONL, JSON's own escapes do this, and the values stay as they are.
"""

from __future__ import annotations

import json
from functools import cache
from itertools import starmap
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from importer.model import Outcome, Status, Verdict
from importer.results import escaping
from importer.text import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
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

_COMMAS = len(COLUMNS) - 1


class OutcomeColumns(NamedTuple):
    """Outcomes of consecutive records. All columns are equally long.

    Attributes:
        rows: As in `Outcome`.
        lines: As in `Outcome`.
        events: As in `Outcome`.
        distinct_ids: As in `Outcome`.
        insert_ids: As in `Outcome`.
        notes: As in `Outcome`.
        verdicts: What became of each record.
    """

    rows: Sequence[int]
    lines: Sequence[int]
    events: Sequence[str]
    distinct_ids: Sequence[str]
    insert_ids: Sequence[str]
    notes: Sequence[str]
    verdicts: Sequence[Verdict]

    @property
    def alike(self) -> Verdict | None:
        """The verdict of all records, where they have one and the same."""
        first = self.verdicts[0] if self.verdicts else None
        # Nearly always they are one object, and are counted as fast as pointers are compared.
        return first if first is not None and self.verdicts.count(first) == len(self.verdicts) else None

    def first(self, count: int) -> OutcomeColumns:
        """Return the first ``count`` of them."""
        return OutcomeColumns._make(column[:count] for column in self)

    def texts(self, errors: str | Sequence[str]) -> tuple[str | Sequence[str], ...]:
        """Return the columns of texts in the order of a line; a single text is the value of each record."""
        notes = self.notes if any(self.notes) else ""
        return self.events, self.distinct_ids, self.insert_ids, errors, notes

    def each(self) -> Iterator[Outcome]:
        """Yield the outcomes one by one."""
        statuses, codes, errors = zip(*self.verdicts, strict=True) if self.verdicts else ((), (), ())
        columns = (self.rows, self.lines, statuses, codes, *self[2:5], errors, self.notes)
        return starmap(Outcome, zip(*columns, strict=True))


class ParsedRow(NamedTuple):
    """A line that was read back: its record and its status."""

    row: int
    status: Status


class RowFormat(NamedTuple):
    """One of the two forms of a results file.

    Attributes:
        header: The bytes before the first outcome; empty for JSONL.
        encode: Outcomes to whole lines, each with its newline.
        parse: One line with its newline to its row and status; None if it is not well-formed.
        start: How the first line begins in every file of ours.
    """

    header: bytes
    encode: Callable[[OutcomeColumns], bytes]
    parse: Callable[[bytes], ParsedRow | None]
    start: bytes


def row_format_of(path: Path) -> RowFormat:
    """Return the format of a results file by its name: JSONL if it ends in ``.jsonl``, else CSV."""
    return JSONL if path.suffix.lower() == ".jsonl" else CSV


def _cut(error: str) -> str:
    return cut(error, LONGEST_ERROR)


# ── CSV ──────────────────────────────────────────────────────────────────────────────────────────

STATUSES = {(b"true" if status.success else b"false", status.value.encode()): status for status in Status}
"""The cells ``success`` and ``status`` of each status."""


def _csv_encode(outcomes: OutcomeColumns) -> bytes:
    """Write outcomes as CSV."""
    if not outcomes.rows:
        return b""
    middle, errors = _ends(outcomes, _csv_middle, _escaped_and_cut)
    event, distinct_id, insert_id, error, note = map(escaping.for_csv, outcomes.texts(errors))
    row, line = escaping.digits(outcomes.rows), escaping.digits(outcomes.lines)
    parts = (row, ",", line, middle, event, ",", distinct_id, ",", insert_id, ",", error, ",", note, "\n")
    return escaping.join_columns(parts, len(outcomes.rows))


def _ends(
    outcomes: OutcomeColumns, middle: Callable[[Status, int | None], str], error_of: Callable[[str], str]
) -> tuple[str | Sequence[str], str | Sequence[str]]:
    """Return the text from success to status_code, and the error: for each line, or one for all."""
    alike, verdicts = outcomes.alike, outcomes.verdicts
    if alike is not None:
        return middle(alike.status, alike.status_code), error_of(alike.error)
    middles = [middle(status, code) for status, code, _ in verdicts]
    return middles, [error and error_of(error) for _, _, error in verdicts]


@cache
def _csv_middle(status: Status, code: int | None) -> str:
    return f",{str(status.success).lower()},{status.value},{'' if code is None else code},"


def _escaped_and_cut(error: str) -> str:
    return _cut(escaping.escape_cell(error))  # the escapes count toward its length


def _csv_parse(line: bytes) -> ParsedRow | None:
    head = line.split(b",", 4)
    if len(head) <= 4 or not line.endswith(b"\n"):  # noqa: PLR2004  the four cells before the code
        return None
    status = STATUSES.get((head[2], head[3]))
    if status is None or not (head[0].isdigit() and head[1].isdigit()):
        return None
    # Between quotes a comma is text. A doubled quote opens and closes at once, so parity holds.
    parts = line.split(b'"')
    commas = sum([part.count(b",") for part in parts[::2]])
    if commas != _COMMAS or len(parts) % 2 == 0 or not _is_utf8(line):
        return None
    return ParsedRow(int(head[0]), status)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


# ── JSONL ────────────────────────────────────────────────────────────────────────────────────────


def _jsonl_encode(outcomes: OutcomeColumns) -> bytes:
    """Write outcomes as JSONL; by columns, if every character in them is printable."""
    if not outcomes.rows:
        return b""
    middle, errors = _ends(outcomes, _json_middle, _cut)
    texts = list(map(escaping.for_json, outcomes.texts(errors)))
    if None in texts:  # each line is then escaped by itself
        return "".join([f"{_json(outcome)}\n" for outcome in outcomes.each()]).encode()
    row, line = escaping.digits(outcomes.rows), escaping.digits(outcomes.lines)
    event, distinct_id, insert_id, error, note = (text for text in texts if text is not None)
    parts = (
        '{"row":', row, ',"line":', line, ",", middle, ',"event":"', event, '","distinct_id":"', distinct_id,
        '","insert_id":"', insert_id, '","error":"', error, '","note":"', note, '"}\n',
    )  # fmt: skip
    return escaping.join_columns(parts, len(outcomes.rows))


@cache
def _json_middle(status: Status, code: int | None) -> str:
    values = {"success": status.success, "status": status.value, "status_code": code}
    return orjson.dumps(values).decode()[1:-1]


def _json(outcome: Outcome) -> str:
    row, line, status, code, *texts = outcome
    texts[3] = _cut(texts[3])
    values = (row, line, status.success, status.value, code, *texts)
    try:
        text = orjson.dumps(dict(zip(COLUMNS, values, strict=True))).decode()
    except orjson.JSONEncodeError:  # a lone surrogate: no JSON can hold it
        clean = [text.translate(escaping.SURROGATES) for text in texts]
        return _json(Outcome(row, line, status, code, *clean))
    if text.isprintable():
        return text
    return json.dumps(dict(zip(COLUMNS, values, strict=True)), separators=(",", ":"))


def _jsonl_parse(line: bytes) -> ParsedRow | None:
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
    return ParsedRow(row, status) if status is not None and well_formed else None


_NAMED = {status.value: status for status in Status}

CSV = RowFormat((",".join(COLUMNS) + "\n").encode(), _csv_encode, _csv_parse, b"row,line,success,")
JSONL = RowFormat(b"", _jsonl_encode, _jsonl_parse, b'{"row":')
