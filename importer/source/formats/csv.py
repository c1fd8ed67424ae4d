"""CSV: lines of text → records, by the standard library's reader.

A quote that is opened and never closed would make one record of the rest of the file. Therefore a record over
several lines must have as many cells as the header. If it has not, or can't be parsed, its first line alone
is rejected, and reading starts again at the second.

The lines below that first line, up to where the parser stopped, are then parsed one by one. Each of them was
inside a quoted cell at both of its ends, so a record that starts on one of them and needs the next would fail
like the rejected one: it is not tried. Only the last of these lines may go on with lines that follow. So no
line is parsed more than three times, whatever the file holds.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from itertools import chain
from typing import Final

from importer import speedups
from importer.model import Record, Rejection
from importer.reading import Dialect, FormatName
from importer.source.encoding import BOM, encoder, error_handler, find_bad_byte
from importer.source.formats.csv_dialect import (
    DELIMITERS,
    check_header,
    detect_delimiter,
    first_row,
    parse,
)
from importer.source.formats.format import DialectOptions, Format, SourceHead
from importer.source.header import column_names
from importer.source.line_reader import NOT_PARSED, LineReader, ParsedBlock
from importer.source.lines import TextLines
from importer.source.oversized import OversizedSink, discard

MAX_RECORD_SIZE: Final = 2_000_000
"""Most characters of one record, its line ends included."""

_DOUBLED: Final = "a quote inside a cell is doubled"
_STRAY: Final = f"a cell goes on after its closing quote; {_DOUBLED}"
_TAIL: Final = f"an odd number of quotes, below a line whose quote is never closed; {_DOUBLED}"
_NUL: Final = "the record holds a NUL character, which text never does: damaged or binary data"

# The limit belongs to the process. It is only ever raised, and whole records are capped below it.
csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD_SIZE))


class CsvReader(LineReader[str]):
    """Records and rejections of a text, in order; read once, one by one or in chunks.

    Args:
        source: The lines of the text.
        delimiter: One character.
        width: Number of cells of a record.
        quote: What encloses a cell: one character, or nothing.
        header: True if the first record is a header: it gets the row 0.
        oversized: Where the bytes of a line longer than `MAX_RECORD_SIZE` go.
    """

    source: TextLines

    def __init__(
        self,
        source: TextLines,
        delimiter: str,
        width: int,
        *,
        quote: str = '"',
        header: bool = False,
        oversized: OversizedSink = discard,
    ) -> None:
        super().__init__(source, -1 if header else 0, oversized)
        self.line = 1
        self._has_header = header
        self._header: list[str] = []
        self._has_bom = False
        self._readline = partial(source.readline, MAX_RECORD_SIZE + 1)
        self._delimiter = delimiter
        self._quote = quote
        self._width = width
        self._encoder = encoder(source.encoding)
        self._has_fast_path = speedups.COMPILED and (delimiter + quote).isascii()
        self._ahead: list[str] = []  # at most one line, which was read and is part of no item yet
        self._problem = ""  # why the record in `lines` is rejected

    def read_header(self) -> Sequence[str] | None:
        """Read the header and return its cells, none if it can't be read; None if the file has no header."""
        if not self._has_header:
            return None
        item = next(self._items, None)
        self._header = [BOM, *self.lines] if self._has_bom else self.lines.copy()
        return tuple(item.values) if isinstance(item, Record) else ()

    def header_bytes(self) -> bytes:
        """Return the header as it stands in the file, with the byte order mark; empty without a header."""
        return b"".join(map(self._encode, self._header))

    def parse_block(self, lines: list[str], size: int) -> ParsedBlock:
        """Return the items of the next lines, up to the first that must go the slow path."""
        if not self._has_fast_path or size > MAX_RECORD_SIZE or not self.source.clean:
            return NOT_PARSED
        start = self.line + len(self.lines)  # those of the last item are counted when the next is read
        data = "".join(lines).encode()
        delimiter = ord(self._delimiter)
        quote = ord(self._quote) if self._quote else speedups.NO_QUOTE
        return ParsedBlock(*speedups.cut_csv(data, delimiter, quote, self._width, self.row + 1, start))

    def _encode(self, part: str) -> bytes:
        return self._encoder.encode(part)

    def _read_items(self) -> Iterator[Record | Rejection]:
        first = self.source.readline(MAX_RECORD_SIZE + 2)  # one more, for the byte order mark
        self._has_bom = first.startswith(BOM)
        self._ahead = [first.removeprefix(BOM)]
        while True:
            self.at_record_start = True
            yield from self._parse_records()
            self.at_record_start = False
            if self.lines:
                yield from self._reject_first_line()
            elif self._ahead:
                yield self._reject_oversized_line()
            else:
                return

    def _record_lines(self) -> Iterator[str]:
        """Yield lines for the parser; stop above the one that would make the record too long."""
        lines, ahead, size = self.lines, self._ahead, 0
        self._ahead = []
        for line in chain(filter(None, ahead), iter(self._readline, "")):
            size = size + len(line) if lines else len(line)
            if size > MAX_RECORD_SIZE:
                self._ahead = [line]
                self._problem = _unclosed(f"the record passes {MAX_RECORD_SIZE:,} characters")
                return
            lines.append(line)
            yield line
        self._problem = _unclosed("the file ends first")

    def _parse_records(self) -> Iterator[Record | Rejection]:
        """Yield items up to a record that can't be parsed: its lines stay in `lines`."""
        lines, width = self.lines, self._width
        self._problem = ""
        try:
            for values in parse(self._record_lines(), self._delimiter, self._quote):
                line = lines[0]
                if len(values) == width and len(lines) == 1 and line.isascii() and "\0" not in line:
                    self.row += 1
                    yield Record(self.row, self.line, values)
                elif values:
                    if len(values) != width and len(lines) > 1:
                        self._problem = _unclosed(
                            f"with the next {len(lines) - 1} lines it makes "
                            f"{_fields(len(values))}, expected {width}"
                        )
                        return
                    yield self._item(values)
                self.line += len(lines)
                lines.clear()
        except csv.Error:
            if not self._problem:
                last = self.line + len(lines) - 1
                self._problem = _STRAY if len(lines) == 1 else _unclosed(f"line {last} breaks it off")

    def _reject_first_line(self) -> Iterator[Record | Rejection]:
        """Reject the first of `lines`, then parse the others one by one."""
        first, *others = self.lines
        others += self._ahead
        self._ahead = []
        self.lines[:] = [first]
        yield self._reject(self._problem)
        self.line += 1
        for left, line in zip(range(len(others) - 1, -1, -1), others, strict=True):
            oversized = len(line) > MAX_RECORD_SIZE
            values, problem = ([], "") if oversized else _parse_line(line, self._delimiter, self._quote)
            if not left and (problem == _NEEDS_MORE or oversized):
                self._ahead = [line]
                break
            self.lines[:] = [line]
            if problem or (self._quote and line.count(self._quote) % 2):
                yield self._reject(problem or _TAIL)
            elif values:
                yield self._item(values)
            self.line += 1
        self.lines.clear()

    def _reject_oversized_line(self) -> Rejection:
        """Read a line longer than `MAX_RECORD_SIZE` to its end without holding it, and reject it."""
        (piece,) = self._ahead
        self._ahead = []
        self._pass_on(piece)
        while not piece.endswith(("\n", "\r")) and (piece := self._readline()):
            self._pass_on(piece)
        if piece.endswith("\r") and (following := self._readline()):
            if following == "\n":  # the piece ended between CR and LF
                self._pass_on(following)
            else:
                self._ahead = [following]
        rejection = self._reject(f"the line is longer than {MAX_RECORD_SIZE:,} characters")
        self.line += 1
        return rejection

    def _item(self, values: list[str]) -> Record | Rejection:
        """Return the item of a record that was parsed."""
        problem = self._problem_with(values)
        if problem:
            return self._reject(problem)
        self.row += 1
        return Record(self.row, self.line, values)

    def _reject(self, error: str) -> Rejection:
        self.row += 1
        return Rejection(self.row, self.line, error)

    def _problem_with(self, values: list[str]) -> str:
        """Return why a record that was parsed is rejected; empty if it is not."""
        if bad := find_bad_byte(self.lines):
            return (
                f"byte 0x{bad.byte:02X} at character {bad.position} of line {self.line + bad.line} is not "
                f"{self.source.encoding}; if the file is in another encoding, name it with --encoding "
                "(often cp1252 or latin-1)"
            )
        if any("\0" in line for line in self.lines):
            return _NUL
        found, expected = len(values), self._width
        if found == expected:
            return ""
        return f"expected {_fields(expected)}, found {found}{self._hint(found)}"

    def _hint(self, found: int) -> str:
        """Return what may have made the wrong number of fields; empty if nothing is known."""
        line = self.lines[0]
        others = [d for d in DELIMITERS if d != self._delimiter and line.count(d) == self._width - 1]
        if found == 1 and others:
            return f"; its delimiter looks like {others[0]!r}, the file's is {self._delimiter!r}"
        if found > self._width and self._quote and self._quote not in line:
            return f"; a cell that holds {self._delimiter!r} must be quoted"
        return ""


def _parse_line(line: str, delimiter: str, quote: str) -> tuple[list[str], str]:
    """Return the cells of a line by itself, and why it can't be parsed, else empty."""
    lines = iter((line, ""))
    try:
        return next(parse(lines, delimiter, quote)), ""
    except csv.Error:
        return [], _STRAY if next(lines, None) == "" else _NEEDS_MORE


def _unclosed(what: str) -> str:
    return f"a quote that opens on this line is never closed properly ({what}); {_DOUBLED}"


def _fields(count: int) -> str:
    return f"{count} field" if count == 1 else f"{count} fields"


_NEEDS_MORE: Final = _unclosed("nor was the one above it")


def _recognizes(_head: SourceHead, _named: AbstractSet[FormatName]) -> bool:
    """Any text can be CSV."""
    return True


def _detect(head: SourceHead, options: DialectOptions) -> tuple[Dialect, tuple[str, ...]]:
    quote, has_header = options.get("quote", '"'), options.get("header", True)
    delimiter = options.get("delimiter") or detect_delimiter(head.text, quote)
    dialect = Dialect("csv", head.compression, head.encoding, delimiter, has_header, quote)
    cells = first_row(head.path, head.text, delimiter, quote)
    if not has_header:
        return dialect, tuple(str(number) for number in range(1, len(cells) + 1))
    check_header(head.path, cells, head.encoding)
    return dialect, column_names(head.path, cells)


def _open_reader(
    file: io.BufferedIOBase, dialect: Dialect, columns: tuple[str, ...], oversized: OversizedSink
) -> CsvReader:
    return CsvReader(
        TextLines(file, dialect.encoding, error_handler(dialect.encoding), MAX_RECORD_SIZE),
        dialect.delimiter,
        len(columns),
        quote=dialect.quote,
        header=dialect.header,
        oversized=oversized,
    )


CSV: Final = Format(
    name="csv",
    extensions=(".csv", ".tsv", ".tab", ".psv"),
    has_cells=True,
    recognizes=_recognizes,
    detect=_detect,
    open_reader=_open_reader,
)
