r"""One line of a results file: from an outcome to bytes and back.

Every outcome is one physical line, so a file can be split at ``\n`` without a parser, and a line that
was cut short is known by its missing end. For that, a CSV cell never holds a control character
(`escaping`). In JSONL, JSON's own escapes do this, and the values stay as they are.

Here is the rule. `lines` and `reader` hold to it where they write and read many lines at once.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple

import orjson

from importer.model import Outcome, Status
from importer.results import escaping
from importer.results.row_and_item import ITEM_BITS, MOST_ITEM, MOST_ROW
from importer.text import cut

COLUMNS_BEFORE: Final = (
    "row", "line", "success", "status", "status_code", "event", "distinct_id", "insert_id", "error", "note",
)  # fmt: skip
"""The columns of an older results file, in order."""

COLUMNS: Final = (*COLUMNS_BEFORE, "time")
"""The columns of a new results file, in order."""

COLUMNS_OF_ITEMS: Final = (*COLUMNS, "item")
"""The columns of a results file with a line for each of several events of a record, in order."""

TEXTS: Final = ("event", "distinct_id", "insert_id", "error", "note")
"""The columns of texts; they stand together."""

READ_TEXTS: Final = ("insert_id", "error")
"""Those of them that are read back as columns."""

LONGEST_ERROR: Final = 300
"""Characters of an ``error``, the ellipsis included."""

MOST_DIGITS: Final = 18
"""Digits of a number in a results file: 64 bits hold it."""

_NAMED = {status.value: status for status in Status}
_END = 10**MOST_DIGITS


class ParsedRow(NamedTuple):
    """A line that was read back.

    Attributes:
        row: As in `Outcome`.
        status: As in `Outcome`.
        item: Which of the events of the record it is for, from 1; 0 if the file does not say.
    """

    row: int
    status: Status
    item: int = 0

    @property
    def place(self) -> tuple[int, int]:
        """What goes up from line to line."""
        return self.row, self.item


@dataclass(frozen=True)
class RowFormat(ABC):
    """One of the forms of a results file.

    Attributes:
        columns: The columns, in order.
    """

    columns: tuple[str, ...]

    before_code: ClassVar[str]  # what stands between the status and the HTTP status
    no_code: ClassVar[str]  # what stands for no HTTP status
    no_time: ClassVar[str]  # what stands for no time

    @property
    @abstractmethod
    def header(self) -> bytes:
        """The bytes before the first outcome; empty for JSONL."""

    @property
    @abstractmethod
    def start(self) -> bytes:
        """How the first line begins in every file of ours."""

    @property
    @abstractmethod
    def pieces(self) -> list[bytes]:
        """What stands before each value and behind the last one; what `middle` returns is one value."""

    @abstractmethod
    def middle(self, status: Status, code: int | None) -> str:
        """Return what a line holds from success to status_code."""

    @abstractmethod
    def text(self, value: str) -> str | None:
        """Return what stands for a text in a line; None if that depends on the rest of the line."""

    @abstractmethod
    def error(self, value: str) -> str | None:
        """Return what stands for an error in a line; None as for `text`."""

    @abstractmethod
    def encode(self, outcome: Outcome) -> bytes:
        """Return the line of an outcome, with its newline."""

    @abstractmethod
    def parse(self, line: bytes) -> ParsedRow | None:
        """Read one line with its newline; return None if it is not well-formed."""

    def reading_plan(self) -> dict[str, Any]:
        """Return the arguments of a `speedups.ResultLineReader` that reads as `parse` and `read_text` do."""
        end = self.before_code + self.no_code
        return {
            "pieces": self.pieces,
            "is_csv": bool(self.header),
            "code": self.before_code.encode(),
            "no_code": self.no_code.encode(),
            "no_time": self.no_time.encode(),
            "statuses": [(self.middle(each, None).removesuffix(end).encode(), each) for each in Status],
            "most_digits": MOST_DIGITS,
            "item_bits": ITEM_BITS,
            "parse": self.parse,
            "read": lambda line, text: self.read_text(line, READ_TEXTS[text]),
        }

    @abstractmethod
    def values(self, line: bytes) -> dict[str, Any]:
        """Return what a well-formed line holds by column, as it stands there; of CSV, all as text."""

    @abstractmethod
    def read_text(self, line: bytes, column: str) -> str:
        """Return a text of a well-formed line; ``insert_id`` as it was sent, others as they stand there."""


# ── CSV ──────────────────────────────────────────────────────────────────────────────────────────

_PAIRS = {(b"true" if status.success else b"false", status.value.encode()): status for status in Status}
_GUARDED = tuple(f"'{start}" for start in escaping.FORMULA_STARTS)
_is_number = re.compile(rb"[0-9]{1,%d}" % MOST_DIGITS).fullmatch
_is_time = re.compile(rb"(?:-?[0-9]{1,%d})?" % MOST_DIGITS).fullmatch
_cells = re.compile(r'(?:^|,)((?:[^",]+|"[^"]*")*)').findall  # between quotes a comma is text


class CsvFormat(RowFormat):
    """CSV: a header, and a line for each outcome."""

    before_code, no_code, no_time = ",", "", ""

    @property
    def header(self) -> bytes:
        """As in `RowFormat`."""
        return (",".join(self.columns) + "\n").encode()

    @property
    def start(self) -> bytes:
        """As in `RowFormat`."""
        return b"row,line,success,"

    @property
    def pieces(self) -> list[bytes]:
        """As in `RowFormat`."""
        return [b"", *[b","] * (len(self.columns) - 3), b"\n"]

    def middle(self, status: Status, code: int | None) -> str:
        """As in `RowFormat`."""
        return f"{str(status.success).lower()},{status.value},{self.no_code if code is None else code}"

    def text(self, value: str) -> str:
        """As in `RowFormat`."""
        return escaping.cell(value)

    def error(self, value: str) -> str:
        """As in `RowFormat`."""
        # The escapes count toward its length.
        return escaping.cell(cut(escaping.escape_cell(value), LONGEST_ERROR))

    def encode(self, outcome: Outcome) -> bytes:
        """As in `RowFormat`."""
        row, line, status, code, event, user, insert_id, error, note, time, item = outcome
        texts = [self.text(event), self.text(user), self.text(insert_id), self.error(error), self.text(note)]
        cells = [str(row), str(line), self.middle(status, code), *texts]
        if "time" in self.columns:
            cells.append(self.no_time if time is None else str(time))
        if "item" in self.columns:
            cells.append(str(item))
        return (",".join(cells) + "\n").encode()

    def parse(self, line: bytes) -> ParsedRow | None:
        """As in `RowFormat`."""
        head = line.split(b",", 4)
        if len(head) <= 4 or not line.endswith(b"\n"):  # noqa: PLR2004  the four cells before the code
            return None
        status = _PAIRS.get((head[2], head[3]))
        if status is None or not (_is_number(head[0]) and _is_number(head[1])):
            return None
        # A doubled quote closes and opens at once, so parity holds.
        parts = line.split(b'"')
        commas = sum([part.count(b",") for part in parts[::2]])
        if commas != len(self.columns) - 1 or len(parts) % 2 == 0 or not _is_utf8(line):
            return None
        names = self.columns[len(COLUMNS_BEFORE) :]
        # A comma before a number is in no quotes.
        numbers = dict(zip(names, line[:-1].rsplit(b",", len(names))[1:], strict=True))
        item = numbers.get("item", b"0")
        if not (_is_time(numbers.get("time", b"")) and _is_number(item)):
            return None
        row, number = int(head[0]), int(item)
        return ParsedRow(row, status, number) if row <= MOST_ROW and number <= MOST_ITEM else None

    def values(self, line: bytes) -> dict[str, Any]:
        """As in `RowFormat`."""
        cells = _cells(line.decode().rstrip("\n"))
        texts = [cell[1:-1].replace('""', '"') if cell.startswith('"') else cell for cell in cells]
        return dict(zip(self.columns, texts, strict=True))

    def read_text(self, line: bytes, column: str) -> str:
        """As in `RowFormat`."""
        text: str = self.values(line)[column]
        # The apostrophe keeps spreadsheets from running the cell.
        return text[1:] if column == "insert_id" and text.startswith(_GUARDED) else text


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


# ── JSONL ────────────────────────────────────────────────────────────────────────────────────────


class JsonlFormat(RowFormat):
    """JSON lines: an object for each outcome."""

    before_code, no_code, no_time = ',"status_code":', "null", "null"

    @property
    def header(self) -> bytes:
        """As in `RowFormat`."""
        return b""

    @property
    def start(self) -> bytes:
        """As in `RowFormat`."""
        return b'{"row":'

    @property
    def pieces(self) -> list[bytes]:
        """As in `RowFormat`."""
        row, line, _, _, _, *others = self.columns
        pieces, end = [f'{{"{row}":', f',"{line}":', ","], ""
        for name in others:
            quote = '"' if name in TEXTS else ""
            pieces.append(f'{end},"{name}":{quote}')
            end = quote
        return [piece.encode() for piece in [*pieces, end + "}\n"]]

    def middle(self, status: Status, code: int | None) -> str:
        """As in `RowFormat`."""
        values = {"success": status.success, "status": status.value, "status_code": code}
        return orjson.dumps(values).decode()[1:-1]

    def text(self, value: str) -> str | None:
        """As in `RowFormat`."""
        try:
            text = orjson.dumps(value).decode()[1:-1]
        except orjson.JSONEncodeError:  # a lone surrogate
            return None
        return text if text.isprintable() else None

    def error(self, value: str) -> str | None:
        """As in `RowFormat`."""
        return self.text(cut(value, LONGEST_ERROR))

    def encode(self, outcome: Outcome) -> bytes:
        """As in `RowFormat`. A line with a character that does not print is written in ASCII."""
        row, line, status, code, *others, error, note, time, item = outcome
        texts = [*others, cut(error, LONGEST_ERROR), note]
        every = (row, line, status.success, status.value, code, *texts, time, item)
        values = dict(zip(self.columns, every, strict=False))
        try:
            text = orjson.dumps(values).decode()
        except orjson.JSONEncodeError:  # a lone surrogate: no JSON can hold it
            event, user, insert_id, error, note = (text.translate(escaping.SURROGATES) for text in texts)
            clean = Outcome(row, line, status, code, event, user, insert_id, error, note, time, item)
            return self.encode(clean)
        if not text.isprintable():
            text = json.dumps(values, separators=(",", ":"))
        return f"{text}\n".encode()

    def parse(self, line: bytes) -> ParsedRow | None:
        """As in `RowFormat`."""
        if not line.endswith(b"\n"):
            return None
        try:
            values: Any = orjson.loads(line)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(values, dict) or tuple(values) != self.columns:
            return None
        status = _NAMED.get(values["status"]) if isinstance(values["status"], str) else None
        row, code, time = values["row"], values["status_code"], values.get("time")
        item = values.get("item", 0)
        well_formed = (
            status is not None
            and values["success"] is status.success
            and type(row) is int
            and isinstance(code, int | None)
            and all(isinstance(values[name], str) for name in TEXTS)
            and (time is None or (type(time) is int and abs(time) < _END))
            and type(item) is int
        )
        if status is None or not well_formed or row > MOST_ROW or item > MOST_ITEM:
            return None
        return ParsedRow(row, status, item)

    def values(self, line: bytes) -> dict[str, Any]:
        """As in `RowFormat`."""
        found: dict[str, Any] = orjson.loads(line)
        return found

    def read_text(self, line: bytes, column: str) -> str:
        """As in `RowFormat`."""
        text: str = self.values(line)[column]
        return text


_LAYOUTS = (COLUMNS_BEFORE, COLUMNS, COLUMNS_OF_ITEMS)

CSV_FORMATS: Final = tuple(map(CsvFormat, _LAYOUTS))
JSONL_FORMATS: Final = tuple(map(JsonlFormat, _LAYOUTS))
"""All forms of results files: of older ones, of new ones, and with a line for each of several events."""

CSV, JSONL = CSV_FORMATS[1], JSONL_FORMATS[1]
"""The forms of new results files."""

CSV_OF_ITEMS, JSONL_OF_ITEMS = CSV_FORMATS[2], JSONL_FORMATS[2]
"""Those of new results files in which a record may have several lines."""
