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
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Final

from importer import speedups
from importer.model import Record, Rejection
from importer.reading import Dialect
from importer.source.encoding import BOM, encoder, error_handler, find_bad_byte
from importer.source.format import DialectOptions, Format
from importer.source.formats.csv_detect import detect_csv
from importer.source.formats.csv_parser import LINE_ENDS, Disguise, parse
from importer.source.formats.csv_problems import (
    DOUBLED,
    STRAY,
    header_problem,
    names_in_bytes,
    width_problem,
)
from importer.source.line_reader import NOT_PARSED, LineReader, ParsedBlock
from importer.source.lines import TextLines
from importer.source.oversized import OversizedSink, discard
from importer.text import counted, quoted

MAX_RECORD_SIZE: Final = 2_000_000
"""Most characters of one record, its line ends included."""

_TAIL: Final = f"an odd number of quotes, below a line whose quote is never closed; {DOUBLED}"
_NUL: Final = "the record holds a NUL character, which text never does: damaged or binary data"

# The limit belongs to the process. It is only ever raised, and whole records are capped below it.
csv.field_size_limit(max(csv.field_size_limit(), MAX_RECORD_SIZE))


class CsvReader(LineReader[str]):
    """Records and rejections of a text, in order; read once, one by one or in chunks.

    Args:
        source: The lines of the text.
        dialect: How they are written. A header gets the row 0.
        width: Number of columns.
        oversized: Where the bytes of a line longer than `MAX_RECORD_SIZE` go.
    """

    source: TextLines

    def __init__(
        self,
        source: TextLines,
        dialect: Dialect,
        width: int,
        *,
        oversized: OversizedSink = discard,
    ) -> None:
        has_fast_path = speedups.COMPILED and _can_be_cut(dialect)
        end_of_text = speedups.end_of_text if has_fast_path else None
        super().__init__(source, -1 if dialect.header else 0, oversized, end_of_text)
        self.line = 1
        self._header: list[str] = []  # with the lines above it that belong to it
        self._names: tuple[str, ...] = ()  # the cells of the header
        self._are_names: frozenset[str] = frozenset()
        self._readline = partial(source.readline, MAX_RECORD_SIZE + 1)
        self._dialect = dialect
        self._disguise = Disguise(dialect)
        self._line_ends = LINE_ENDS[dialect.line_end]
        self._width = width
        self._encoder = encoder(source.encoding)
        if has_fast_path:
            self._cut = partial(
                speedups.cut_csv,
                delimiter=ord(dialect.delimiter),
                quote=ord(dialect.quote) if dialect.quote else speedups.NO_QUOTE,
                width=width,
                skip_space=dialect.skip_space,
                trailing=dialect.trailing_delimiter,
                comment=ord(dialect.comment) if dialect.comment else speedups.NO_QUOTE,
            )
        self._above = ""  # the line above the item
        self._last_cut = b""  # the last line that went the fast path since
        self._ahead: list[str] = []  # at most one line, which was read and is part of no item yet
        self._problem = ""  # why the record in `lines` is rejected

    def read_header(self) -> Sequence[str] | None:
        """Read the header and return its cells, none if it can't be read; None if the file has no header."""
        if not self._dialect.header:
            return None
        item = next(self._items, None)
        self._header += self.lines
        self._names = tuple(item.values) if isinstance(item, Record) else ()
        self._are_names = frozenset(self._names)
        if self._end_of_text:
            self._cut.keywords["names"] = names_in_bytes(self._names, self._dialect.quote)
        return self._names

    def header_bytes(self) -> bytes:
        """Return the header as it stands in the file; empty without a header.

        With it come the byte order mark and the line that names the delimiter, but no lines that are skipped.
        """
        return b"".join(map(self._encode, self._header)) if self._dialect.header else b""

    def parse_block(self, data: bytes, start: int, stop: int) -> ParsedBlock:
        """Return the items of some lines, up to the first that must go the slow path."""
        if stop - start > MAX_RECORD_SIZE:
            return NOT_PARSED
        line = self.line + len(self.lines)  # those of the last item are counted when the next is read
        reject = None if self._dialect.trailing_delimiter else partial(self._reject_line, data, start)
        block, lines, defers = self._cut(
            data, row=self.row + 1, line=line, reject=reject, start=start, stop=stop
        )
        if lines:
            self._last_cut = data[_start_of_line(data, start, block.end) : block.end]
        return ParsedBlock(block, lines, block.end, defers)

    def _reject_line(
        self, data: bytes, top: int, row: int, number: int, start: int, stop: int, cells: int
    ) -> Rejection:
        """Return the rejection of a record on one line, as the slow path words it.

        Args:
            data: UTF-8 in which its line stands.
            top: Where the lines begin that go the fast path at once.
            row: Its row.
            number: Of its line.
            start: Where that starts.
            stop: Where it ends.
            cells: How many it has, another number than it should; 0 if a quote is out of place.
        """
        line = data[start:stop].decode()
        above, lines = self._above, self.lines
        if start > top:
            begin = _start_of_line(data, top, start)
            if data.find(b"\\", begin, stop) < 0:  # no hint is about anything else
                return Rejection(row, number, self._line_problem(line, cells))
            self._above = data[begin:start].decode()
        else:
            self._above = self._last_cut.decode() or (lines[-1] if lines else above)
        self.lines = [line]
        try:
            hint = self._width_hint() if cells else ""
            return Rejection(row, number, self._line_problem(line, cells) + hint + self._escape_hint())
        finally:
            self._above, self.lines = above, lines

    def _line_problem(self, line: str, cells: int) -> str:
        return width_problem(line, cells, self._width, self._dialect) if cells else STRAY

    def _encode(self, part: str) -> bytes:
        return self._encoder.encode(part)

    def _read_items(self) -> Iterator[Record | Rejection]:
        first = self.source.readline(MAX_RECORD_SIZE + 2)  # one more, for the byte order mark
        if first.startswith(BOM):
            self._header = [BOM]
        self._ahead = [first.removeprefix(BOM)]
        if self._dialect.sep_line:
            self._header += self._ahead
            self._skip_lines(1)
        self._skip_lines(self._dialect.skip_lines)
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

    def _skip_lines(self, count: int) -> None:
        """Read the next lines without holding them."""
        for _ in range(count):
            piece = self._ahead.pop() if self._ahead else self._readline()
            if not piece:
                return
            self._read_rest_of_line(piece, lambda _: None)
            self.line += 1

    def _record_lines(self) -> Iterator[str]:
        """Yield lines for the parser; stop above the one that would make the record too long."""
        lines, ahead, size = self.lines, self._ahead, 0
        comment, disguise = self._dialect.comment, self._disguise
        self._ahead = []
        joined = ""  # lines whose ends are escaped
        for line in chain(filter(None, ahead), iter(self._readline, "")):
            size = size + len(line) if lines else len(line)
            if size > MAX_RECORD_SIZE:
                self._ahead = [line]
                self._problem = _unclosed(f"the record passes {MAX_RECORD_SIZE:,} characters")
                return
            lines.append(line)
            if comment and len(lines) == 1 and line.startswith(comment):
                yield "\n"  # as if it were blank
            elif disguise.goes_on(line):
                joined += line
            else:
                yield disguise.hide(joined + line)
                joined = ""
        if joined:
            yield disguise.hide(joined)
        self._problem = _unclosed("the file ends first")

    def _parse_records(self) -> Iterator[Record | Rejection]:
        """Yield items up to a record that can't be parsed: its lines stay in `lines`."""
        lines, disguise = self.lines, self._disguise
        width = self._width if not self._dialect.trailing_delimiter else -1  # -1: no record is as simple
        self._problem = ""
        try:
            for cells in parse(self._record_lines(), self._dialect):
                line = lines[0]
                values = disguise.show(cells) if disguise.used else cells
                if (
                    values is cells
                    and len(cells) == width
                    and len(lines) == 1
                    and _is_plain(line)
                    and cells[0] not in self._are_names
                ):
                    self.row += 1
                    yield Record(self.row, self.line, values)
                elif values:
                    if len(values) != self._expected() and len(lines) > 1:
                        next_lines = "line" if len(lines) == 2 else f"{len(lines) - 1} lines"  # noqa: PLR2004
                        self._problem = _unclosed(
                            f"with the next {next_lines} it makes "
                            f"{counted(len(values), 'field')}, expected {self._expected()}"
                        )
                        return
                    yield self._item(values)
                self._go_below(lines[-1])
                lines.clear()
        except csv.Error:
            if not self._problem:
                last = self.line + len(lines) - 1
                self._problem = STRAY if len(lines) == 1 else _unclosed(f"line {last} breaks it off")

    def _reject_first_line(self) -> Iterator[Record | Rejection]:
        """Reject the first of `lines`, then parse the others one by one."""
        first, *others = self.lines
        others += self._ahead
        self._ahead = []
        self.lines[:] = [first]
        self.at_record_start = not others
        yield self._reject(self._problem)
        self._go_below(first)
        quote = self._dialect.quote
        for left, line in zip(range(len(others) - 1, -1, -1), others, strict=True):
            oversized = len(line) > MAX_RECORD_SIZE
            values, problem = ([], "") if oversized else self._parse_line(line)
            if not left and (problem == _NEEDS_MORE or oversized):
                self._ahead = [line]
                break
            self.lines[:] = [line]
            self.at_record_start = not left
            if problem or (quote and self._disguise.hide(line).count(quote) % 2):
                self._disguise.used = False
                yield self._reject(problem or _TAIL)
            elif values:
                yield self._item(values)
            self._go_below(line)
        self.lines.clear()
        self.at_record_start = False

    def _go_below(self, last: str) -> None:
        """Count the lines of the item, whose last is given; the fast path may have read others since."""
        self.line += len(self.lines)
        self._above = last
        if self._last_cut:
            self._above, self._last_cut = self._last_cut.decode(), b""

    def _reject_oversized_line(self) -> Rejection:
        """Read a line longer than `MAX_RECORD_SIZE` to its end without holding it, and reject it."""
        self._read_rest_of_line(self._ahead.pop(), self._pass_on)
        rejection = self._reject(f"the line is longer than {MAX_RECORD_SIZE:,} characters")
        self.line += 1
        return rejection

    def _read_rest_of_line(self, piece: str, take: Callable[[str], None]) -> None:
        """Read a line to its end, and hand on its pieces, the first of which is ``piece``."""
        take(piece)
        while not piece.endswith(self._line_ends) and (piece := self._readline()):
            take(piece)
        if piece.endswith("\r") and self._dialect.line_end == "any" and (following := self._readline()):
            if following == "\n":  # the piece ended between CR and LF
                take(following)
            else:
                self._ahead = [following]

    def _parse_line(self, line: str) -> tuple[list[str], str]:
        """Return the cells of a line by itself, and why it can't be parsed, else empty."""
        dialect, disguise = self._dialect, self._disguise
        if dialect.comment and line.startswith(dialect.comment):
            return [], ""
        if disguise.goes_on(line):
            return [], _NEEDS_MORE
        lines = iter((disguise.hide(line), ""))
        try:
            cells = next(parse(lines, dialect))
            return disguise.show(cells) if disguise.used else cells, ""
        except csv.Error:
            return [], STRAY if next(lines, None) == "" else _NEEDS_MORE

    def _expected(self) -> int:
        """Return how many cells the next record must have: in a header, nothing is behind the last name."""
        return self._width + (self._dialect.trailing_delimiter and self.row >= 0)

    def _item(self, values: list[str]) -> Record | Rejection:
        """Return the item of a record that was parsed."""
        problem = self._problem_with(values)
        if problem:
            return self._reject(problem)
        self.row += 1
        return Record(self.row, self.line, values[: self._width])

    def _reject(self, error: str) -> Rejection:
        self.row += 1
        return Rejection(self.row, self.line, error + self._escape_hint())

    def _escape_hint(self) -> str:
        r"""Return how ``\"`` would be read, if that may be why a record is rejected."""
        quote = self._dialect.quote
        if quote and not self._dialect.escape and any(f"\\{quote}" in line for line in self.lines):
            return f"; if \\{quote} is a quote in a cell: --escape '\\'"
        return ""

    def _width_hint(self) -> str:
        r"""Return what a backslash may mean, as MySQL writes it, if that may be why a width is wrong."""
        if self._dialect.escape or self._escape_hint():
            return ""
        delimiter = self._dialect.delimiter
        if any(f"\\{delimiter}" in line for line in self.lines):
            what = f"a backslash ahead of {delimiter!r} makes it part of the cell"
        elif any(line.rstrip("\r\n").endswith("\\") for line in (self._above, *self.lines)):
            what = "a line that ends in a backslash goes on in the next"
        else:
            return ""
        return f"; if {what}: --escape '\\'"

    def _problem_with(self, values: list[str]) -> str:
        """Return why a record that was parsed is rejected; empty if it is not."""
        if bad := find_bad_byte(self.lines):
            return (
                f"byte 0x{bad.byte:02X} at character {bad.position} of line {self.line + bad.line} is not "
                f"{self.source.encoding}; if the file is in another encoding, name it with --encoding "
                "(often cp1252 or latin-1)"
            )
        if any("\0" in text for text in (*self.lines, *values)):
            return _NUL
        if again := header_problem(values, self._names, self._dialect):
            return again
        if len(values) != self._expected():
            return self._line_problem(self.lines[0], len(values)) + self._width_hint()
        if len(values) > self._width and values[-1]:
            return f"expected nothing behind the last delimiter, found {quoted(values[-1])}"
        return ""


def _is_plain(line: str) -> bool:
    return line.isascii() and "\0" not in line


def _start_of_line(data: bytes, top: int, stop: int) -> int:
    """Return where the line starts that ends at a place, of those that begin at ``top``."""
    return max(top, data.rfind(b"\n", top, stop - 1) + 1)


def _can_be_cut(dialect: Dialect) -> bool:
    """Return whether the compiled code reads this dialect."""
    marks = dialect.delimiter + dialect.quote + dialect.comment
    return marks.isascii() and not dialect.escape and dialect.line_end != "cr"


def _unclosed(what: str) -> str:
    return f"a quote that opens on this line is never closed properly ({what}); {DOUBLED}"


_NEEDS_MORE: Final = _unclosed("nor was the one above it")


def _open_reader(
    file: io.BufferedIOBase, dialect: Dialect, columns: tuple[str, ...], oversized: OversizedSink
) -> CsvReader:
    return CsvReader(
        TextLines(file, dialect.encoding, error_handler(dialect.encoding), MAX_RECORD_SIZE, dialect.line_end),
        dialect,
        len(columns),
        oversized=oversized,
    )


FORMAT: Final = Format(
    name="csv",
    title="CSV",
    extensions=(".csv", ".tsv", ".tab", ".psv", ".txt"),
    has_cells=True,
    recognizes=lambda _head, _named: True,  # any text can be CSV
    detect=detect_csv,
    open_reader=_open_reader,
    order=100,
    options=frozenset(DialectOptions.__annotations__) - {"records", "sheet"},
)
