"""JSON that is not one object a line: arrays, objects over many lines, lists inside of objects.

A file is values, one after another: objects are records, and so are the elements of arrays. Or, with the path
of a list, the elements of that list in each object. It is read in pieces: braces and quotes tell where a
record begins and ends, and the record itself is read from its own bytes, just as a line of JSONL.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Generator, Iterator
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Final

from importer import speedups
from importer.model import Record, Rejection
from importer.reading import Dialect, FormatName
from importer.source.format import BrokenSourceError, DetectedFormat, DialectOptions, Format, SourceHead
from importer.source.formats.json_item import MAX_LINE_SIZE, OVERSIZED, read_part
from importer.source.formats.json_layout import find_layout, find_records, is_one_record, refuse_other_layouts
from importer.source.formats.json_nesting import Nesting, UnbalancedError
from importer.source.formats.json_window import JsonWindow
from importer.source.item_reader import ItemReader, Items
from importer.source.oversized import OversizedSink, discard
from importer.text import quoted

_REMEDY: Final = "Mend it there, or export the file again."
_LINE_ENDS: Final = bytes.maketrans(b"\r\n", b"  ")
_LINE_BREAKS: Final = re.compile(rb"[ \t]*[\r\n][ \t\r\n]*")
_WORD: Final = re.compile(rb"[^\s,{}\[\]\"]*+")
_MOST_LEFT: Final = 3  # bytes of a character that is cut off

FindEnd = Callable[[bytes, int], int]
ReadValue = Callable[[bytes], Iterator[Record | Rejection]]


class JsonReader(ItemReader):
    """Records and rejections of a file of JSON, in order; read once, one by one or in chunks.

    Args:
        file: The decompressed bytes.
        records: The dotted path of the list that holds the records; empty if they are the file.
        oversized: Where the bytes of a record longer than `MAX_LINE_SIZE` go.
    """

    def __init__(
        self, file: io.BufferedIOBase, records: str = "", *, oversized: OversizedSink = discard
    ) -> None:
        super().__init__(0, oversized, has_fast_path=speedups.COMPILED)
        self._window = JsonWindow(file)
        self._path = records
        self._last = b""
        self._in_list = False  # a comma stands ahead of the next record

    def last_size(self) -> int:
        """Return the size of the last item in bytes; 0 if it was too long to be held."""
        return len(self._last)

    def last_bytes(self) -> bytes:
        """Return the last item as a line of JSONL; empty if it was too long to be held."""
        return _LINE_BREAKS.sub(b" ", self._last) + b"\n" if self._last else b""

    def read_header(self) -> None:
        """Return None: there is no header."""

    def header_bytes(self) -> bytes:
        """Return nothing: there is no header."""
        return b""

    def _fast_path(self) -> Iterator[tuple[Items, int]]:
        """Cut records up to the first that must go the slow path."""
        window = self._window
        while True:
            data, start = window.data, window.at
            stop = speedups.end_of_text(data, start, len(data), nul=True)
            block, lines, defers = speedups.cut_objects(
                data,
                self.row + 1,
                window.line,
                read_part if self.fit is None else partial(read_part, fit=self.fit),
                self._in_list,
                MAX_LINE_SIZE,
                start=start,
                stop=stop,
            )
            if block:
                window.move(block.end, lines)
                self.row += len(block)
                yield block, block.end - start
            if defers or len(data) - stop > _MOST_LEFT or not window.more():
                return

    def _read_items(self) -> Iterator[Record | Rejection]:
        window = self._window
        window.skip_mark()
        read = self._read_record if not self._path else self._read_page
        while found := window.next_byte(between=True):
            self._in_list = False
            if found == b"[":
                yield from self._read_list(read)
            else:
                yield from read(found)

    def _read_list(self, read: ReadValue) -> Iterator[Record | Rejection]:
        """Read the elements of an array."""
        window = self._window
        begins = f"the list that begins on line {window.line:,}, column {window.column:,}"
        window.move(window.at + 1)
        found = self._next(begins)
        while found != b"]":
            self._in_list = True
            yield from read(found)
            found = self._next(begins)
            if found == b",":
                window.move(window.at + 1)
                found = self._next(begins)
                if found == b"]":
                    raise self._broken("a comma stands behind the last element of a list")
            elif found != b"]":
                raise self._broken(f"expected a comma or the end of the list, found {_shown(found)}")
        window.move(window.at + 1)
        self._in_list = False

    def _read_record(self, found: bytes) -> Iterator[Record | Rejection]:
        """Read a value that is a record."""
        line, row = self._window.line, self.row + 1
        self.line, self._last = line, b""
        text = self._value(found, self._oversized(row), row)
        self.row, self._last = row, b"" if text is OVERSIZED else text
        self.at_record_start = True
        yield read_part(row, line, text, self.fit)
        self.at_record_start = False

    def _read_page(self, found: bytes) -> Iterator[Record | Rejection]:
        """Read the records in the list of an object."""
        line = self._window.line
        is_found = False
        if found == b"{":
            is_found = yield from self._search(self._path)
        else:
            self._skip(found)
        if not is_found:
            self.row += 1
            self.line, self._last = line, b""
            yield Rejection(self.row, line, f"expected an object with the list {quoted(self._path)}")

    def _search(self, path: str) -> Generator[Record | Rejection, None, bool]:
        """Read the records in the list of an object that stands here.

        Args:
            path: The path of the list from this object.

        Returns:
            Whether there is one.
        """
        window = self._window
        begins = f"the object that begins on line {window.line:,}, column {window.column:,}"
        window.move(window.at + 1)
        is_found = False
        found = self._next(begins)
        while found != b"}":
            key = self._key(found)
            if (found := self._next(begins)) != b":":
                raise self._broken(f"expected a colon, found {_shown(found)}")
            window.move(window.at + 1)
            found = self._next(begins)
            if key == path and found == b"[" and not is_found:
                yield from self._read_list(self._read_record)
                is_found = True
            elif path.startswith(f"{key}.") and found == b"{" and not is_found:
                is_found = yield from self._search(path[len(key) + 1 :])
            else:
                self._skip(found)
            found = self._next(begins)
            if found == b",":
                window.move(window.at + 1)
                found = self._next(begins)
            elif found != b"}":
                raise self._broken(f"expected a comma or the end of the object, found {_shown(found)}")
        window.move(window.at + 1)
        return is_found

    def _key(self, found: bytes) -> str:
        """Read the name of a value in an object."""
        if found != b'"':
            raise self._broken(f"expected a name in double quotes, found {_shown(found)}")
        text = self._value(found, None, self.row + 1)
        try:
            return str(json.loads(text))
        except ValueError:
            return ""

    def _skip(self, found: bytes) -> None:
        """Read a value without holding it."""
        row = self.row + 1
        self._value(found, None, row)

    def _value(self, found: bytes, write: Callable[[bytes], object] | None, row: int) -> bytes:
        """Read the value that begins here, and return its bytes; `OVERSIZED` if they are too many to be held.

        Args:
            found: Its first byte.
            write: Where its bytes go if it is too long; None for nowhere.
            row: The row of the record that it belongs to, for messages.

        Raises:
            BrokenSourceError: None begins here, or it has no end.
        """
        window = self._window
        if found in b"}]:,":
            raise self._broken(f"expected an object, found {_shown(found)}")
        begins = f"record {row:,}, which begins on line {window.line:,}, column {window.column:,}"
        end_in = Nesting().end if found in b'{["' else _end_of_word
        at = window.at
        while (end := self._end(end_in, at, begins)) < 0 and len(window.data) - window.at <= MAX_LINE_SIZE:
            at = len(window.data) - window.at  # once what is taken is dropped
            if not window.more():
                if end_in != _end_of_word:
                    raise self._ends_in(begins)
                end = len(window.data)
                break
        if not 0 <= end - window.at <= MAX_LINE_SIZE:
            self._pass_value(end_in, end, write, begins)
            return OVERSIZED
        text = window.data[window.at : end]
        window.move(end)
        return text

    def _pass_value(
        self, end_in: FindEnd, end: int, write: Callable[[bytes], object] | None, begins: str
    ) -> None:
        """Read a value that is too long to be held to its end.

        Args:
            end_in: Finds that.
            end: Where it is in what is at hand; -1 if it goes on beyond.
            write: Where its bytes go; None for nowhere.
            begins: What it is and where, for messages.
        """
        window = self._window
        while True:
            stop = len(window.data) if end < 0 else end
            if write is not None:
                write(window.data[window.at : stop].translate(_LINE_ENDS))
            window.move(stop)
            if end >= 0:
                break
            if not window.more():
                raise self._ends_in(begins)
            end = self._end(end_in, window.at, begins)
        if write is not None:
            write(b"\n")

    def _end(self, end_in: FindEnd, at: int, begins: str) -> int:
        """Return where a value ends in what is at hand; -1 if it goes on beyond.

        Raises:
            BrokenSourceError: It can't end.
        """
        try:
            return end_in(self._window.data, at)
        except UnbalancedError as error:
            self._window.move(error.at)
            raise self._broken(f"{error.problem}, in {begins}") from None

    def _next(self, begins: str) -> bytes:
        """Return the next byte of a list or an object.

        Raises:
            BrokenSourceError: The file ends.
        """
        found = self._window.next_byte()
        if not found:
            raise self._ends_in(begins)
        return found

    def _ends_in(self, begins: str) -> BrokenSourceError:
        self._window.move(len(self._window.data))
        problem = (
            f"the file ends on line {self._window.line:,}, column {self._window.column:,}, inside of {begins}"
        )
        return BrokenSourceError(problem, "Copy or download the file again, or mend its end.")

    def _broken(self, problem: str) -> BrokenSourceError:
        window = self._window
        return BrokenSourceError(f"line {window.line:,}, column {window.column:,}: {problem}", _REMEDY)


def _end_of_word(data: bytes, at: int) -> int:
    """Return where a number or a word ends; -1 if it may go on beyond."""
    found = _WORD.match(data, at)
    end = at if found is None else found.end()
    return end if end < len(data) else -1


def _shown(byte: bytes) -> str:
    return quoted(byte.decode("ascii", "backslashreplace"))


def _recognizes(head: SourceHead, named: AbstractSet[FormatName]) -> bool:
    return find_layout(head.text) == "values" and not is_one_record(head.text, named)


def _detect(head: SourceHead, options: DialectOptions) -> DetectedFormat:
    refuse_other_layouts(head, "JSON")
    records, attention = find_records(head, options.get("records"))
    return DetectedFormat(Dialect("json", head.compression, records=records), (), attention)


def _open_reader(
    file: io.BufferedIOBase, dialect: Dialect, _columns: tuple[str, ...], oversized: OversizedSink
) -> JsonReader:
    return JsonReader(file, dialect.records, oversized=oversized)


FORMAT: Final = Format(
    name="json",
    title="JSON",
    extensions=(".json",),
    has_cells=False,
    recognizes=_recognizes,
    detect=_detect,
    open_reader=_open_reader,
    order=40,
    options=frozenset({"encoding", "records"}),  # the encoding must be UTF-8
    copies="jsonl",
)
