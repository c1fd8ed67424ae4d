"""CSV: lines of text → records, by the standard library's reader.

A quote that opens and never closes would make one record of the rest of the file. So a record over
several lines has to fit the header; if it doesn't, it is *broken*: its first line alone is given up, and
reading starts again at the next one. Its other lines are then read one by one. Where the broken record
was inside a quoted cell at both ends of a line, a record that starts on that line and needs the next one
would run into the same wall, so it isn't tried; only the last line may go on behind what was read. That
also bounds the work: whatever a file holds, no line is read more than three times.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Final

from importer import speedups
from importer.model import Record, Rejection
from importer.source.blocks import NOT_PARSED, Parsed
from importer.source.encoding import BOM, bad_byte, ignore
from importer.source.lines import TextLines

if TYPE_CHECKING:
    from _csv import Reader

LIMIT: Final = 2_000_000
"""Most characters of one record, its line ends included."""

DELIMITERS: Final = (",", ";", "\t", "|")
"""Those that are looked for where none is given."""

_DOUBLED: Final = "a quote inside a cell is doubled"
_STRAY: Final = f"a cell goes on after its closing quote; {_DOUBLED}"
_TAIL: Final = f"an odd number of quotes, below a line whose quote is never closed; {_DOUBLED}"
_NUL: Final = "the record holds a NUL character, which text never does: damaged or binary data"

# The limit belongs to the process. It is only ever raised, and whole records are capped below it.
csv.field_size_limit(max(csv.field_size_limit(), LIMIT))


def parse(lines: Iterable[str], delimiter: str, quote: str = '"') -> Reader:
    """The cells of each record; none for a blank line.

    Raises:
        csv.Error: A cell goes on after its closing quote, or the lines end inside a quoted cell.
    """
    if not quote:
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
    return csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=True)


class CsvReader:
    """Records and rejections of a text, in order; to be iterated once.

    Args:
        source: The lines of the text.
        delimiter: One character.
        quote: What encloses a cell: one character, or nothing.
        width: Number of cells of a record.
        header: True if the first record is a header: it gets the row 0.
        keep: Gets a line longer than `LIMIT` in pieces, each with the record's row.

    Attributes:
        row: Number of the last item.
        lines: Physical lines of the last item until the next is asked for; none if it was too long.
        bom: True if a byte order mark was taken off the first line.
        line: Number of the physical line on which the last item starts.
        between: True if the line below the last item begins a record, whatever stands above it.
    """

    def __init__(
        self,
        source: TextLines,
        delimiter: str,
        width: int,
        *,
        quote: str = '"',
        header: bool = False,
        keep: Callable[[int, str], object] = ignore,
    ) -> None:
        self.row = -1 if header else 0
        self.lines: list[str] = []
        self.bom = False
        self.line = 1
        self.between = False
        self.source = source
        self._readline = partial(source.readline, LIMIT + 1)
        self._delimiter = delimiter
        self._quote = quote
        self._width = width
        self._keep = keep
        self._is_quick = speedups.COMPILED and (delimiter + quote).isascii()
        self._ahead: list[str] = []  # a line that was read and not taken; at most one
        self._why = ""  # what broke the record in `lines`

    def __iter__(self) -> Iterator[Record | Rejection]:
        first = self.source.readline(LIMIT + 2)  # one more, for the mark
        self.bom = first.startswith(BOM)
        self._ahead = [first.removeprefix(BOM)]
        while True:
            self.between = True
            yield from self._whole()
            self.between = False
            if self.lines:
                yield from self._broken()
            elif self._ahead:
                yield self._too_long()
            else:
                return

    def prove(self, lines: list[str], size: int) -> Parsed:
        """The records of the next lines, as far as they need no care.

        Args:
            lines: To be asked for `between` two records alone.
            size: Of all lines, at most.
        """
        if not self._is_quick or size > LIMIT or not self.source.clean:
            return NOT_PARSED
        start = self.line + len(self.lines)  # the last item's are counted when the next is asked for
        data = "".join(lines).encode()
        delimiter = ord(self._delimiter)
        quote = ord(self._quote) if self._quote else speedups.NO_QUOTE
        return Parsed(*speedups.cut_csv(data, delimiter, quote, self._width, self.row + 1, start))

    def skip(self, items: int, lines: int) -> None:
        """Go on below records that were proven."""
        self.row += items
        self.line += lines

    def _feed(self) -> Iterator[str]:
        """Physical lines; stops ahead of the one that would make the record too long."""
        lines, ahead, size = self.lines, self._ahead, 0
        self._ahead = []
        for line in chain(filter(None, ahead), iter(self._readline, "")):
            size = size + len(line) if lines else len(line)
            if size > LIMIT:
                self._ahead = [line]
                self._why = _unclosed(f"the record passes {LIMIT:,} characters")
                return
            lines.append(line)
            yield line
        self._why = _unclosed("the file ends first")

    def _whole(self) -> Iterator[Record | Rejection]:
        """Items up to a broken record, whose lines stay in `lines`."""
        lines, width = self.lines, self._width
        self._why = ""
        try:
            for values in parse(self._feed(), self._delimiter, self._quote):
                line = lines[0]
                if len(values) == width and len(lines) == 1 and line.isascii() and "\0" not in line:
                    self.row += 1
                    yield Record(self.row, self.line, values)
                elif values:
                    if len(values) != width and len(lines) > 1:
                        self._why = _unclosed(
                            f"with the next {len(lines) - 1} lines it makes "
                            f"{_fields(len(values))}, expected {width}"
                        )
                        return
                    yield self._item(values)
                self.line += len(lines)
                lines.clear()
        except csv.Error:
            if not self._why:
                last = self.line + len(lines) - 1
                self._why = _STRAY if len(lines) == 1 else _unclosed(f"line {last} breaks it off")

    def _broken(self) -> Iterator[Record | Rejection]:
        """The first line of a broken record as a rejection, then its other lines one by one."""
        first, *others = self.lines
        others += self._ahead
        self._ahead = []
        self.lines[:] = [first]
        yield self._reject(self._why)
        self.line += 1
        for left, line in zip(range(len(others) - 1, -1, -1), others, strict=True):
            values, error = ([], "") if len(line) > LIMIT else _alone(line, self._delimiter, self._quote)
            if not left and (error == _NEEDS_MORE or len(line) > LIMIT):
                self._ahead = [line]
                break
            self.lines[:] = [line]
            if error or (self._quote and line.count(self._quote) % 2):
                yield self._reject(error or _TAIL)
            elif values:
                yield self._item(values)
            self.line += 1
        self.lines.clear()

    def _too_long(self) -> Rejection:
        """A line beyond `LIMIT`, read to its end and not held."""
        row = self.row + 1
        (piece,) = self._ahead
        self._ahead = []
        self._keep(row, piece)
        while not piece.endswith(("\n", "\r")) and (piece := self._readline()):
            self._keep(row, piece)
        if piece.endswith("\r") and (following := self._readline()):
            if following == "\n":  # the cut fell between CR and LF
                self._keep(row, following)
            else:
                self._ahead = [following]
        rejection = self._reject(f"the line is longer than {LIMIT:,} characters")
        self.line += 1
        return rejection

    def _item(self, values: list[str]) -> Record | Rejection:
        """What the lines of a whole record are."""
        error = self._fault(values)
        if error:
            return self._reject(error)
        self.row += 1
        return Record(self.row, self.line, values)

    def _reject(self, error: str) -> Rejection:
        self.row += 1
        return Rejection(self.row, self.line, error)

    def _fault(self, values: list[str]) -> str:
        """Why a whole record is none, else empty."""
        if bad := bad_byte(self.lines):
            index, position, byte = bad
            return (
                f"byte 0x{byte:02X} at character {position} of line {self.line + index} is not "
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
        """What may have made the wrong number of fields."""
        line = self.lines[0]
        others = [d for d in DELIMITERS if d != self._delimiter and line.count(d) == self._width - 1]
        if found == 1 and others:
            return f"; its delimiter looks like {others[0]!r}, the file's is {self._delimiter!r}"
        if found > self._width and self._quote and self._quote not in line:
            return f"; a cell that holds {self._delimiter!r} must be quoted"
        return ""


def _alone(line: str, delimiter: str, quote: str) -> tuple[list[str], str]:
    """The cells of a line read by itself, and what is wrong with it."""
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
