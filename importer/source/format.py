"""What a format is to the rest of the package.

A new format is a module in the folder ``formats`` that is called as the format is, and defines a `Format` of
the name ``FORMAT``. It is found by being there: no other file names it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypedDict

from importer.errors import SourceError
from importer.model import Record, Rejection
from importer.reading import Attention, Dialect, FormatName, LineEnd
from importer.source.members import SourcePath
from importer.source.oversized import OversizedSink


class BrokenSourceError(Exception):
    """The bytes of a file are no records any more, from some place on. `Source` names the file.

    Attributes:
        problem: The place, what was found there, and what was expected; without a full stop.
        remedy: What to do.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy

    def named(self, path: SourcePath) -> SourceError:
        """Return it as the error of a file."""
        return SourceError(f"{path}: {self.problem}.", self.remedy)


class DialectOptions(TypedDict, total=False):
    """What was declared of a dialect, as `reading.Dialect` holds it; the content tells the rest."""

    format: str
    encoding: str
    delimiter: str
    quote: str
    header: bool
    escape: str
    skip_space: bool
    trailing_delimiter: bool
    skip_lines: int
    comment: str
    line_end: LineEnd
    records: str
    sheet: str


class DetectedFormat(NamedTuple):
    """What a format found out about a file.

    Attributes:
        dialect: How its bytes become records.
        columns: The names of its columns; none if only its records tell them.
        attention: What its owner might not expect of how it is read.
    """

    dialect: Dialect
    columns: tuple[str, ...]
    attention: tuple[Attention, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceHead:
    """The beginning of a source, by which its format and dialect are detected.

    Attributes:
        path: The file, for its name and for messages.
        text: The first megabyte, decompressed and decoded, without a byte order mark; empty while binary
            formats are asked.
        compression: As in `reading.Dialect`.
        encoding: What the text was decoded with: as declared, or by the byte order mark, else UTF-8.
        data: The first megabyte, decompressed.
    """

    path: SourcePath
    text: str
    compression: str
    encoding: str
    data: bytes = b""


class RecordReader(Protocol):
    """Reads the records of a file in order, once.

    Attributes:
        fit: As `ItemReader.fit`, where it may be set before the first record is read.
    """

    fit: Callable[[Record], Record | Rejection] | None

    @property
    def row(self) -> int:
        """Number of the last item; 0 or less before the first."""

    def __iter__(self) -> Iterator[Record | Rejection]:
        """Return the one iterator over the items, the header first if there is one."""

    def chunks(self) -> Iterator[Sequence[Record | Rejection]]:
        """Yield the items that are left, many at once; those that were read before an error come first.

        Raises:
            SourceError: The file can't be read on.
            BrokenSourceError: Its bytes are no records any more.
            UnicodeError: The bytes are not in the encoding at all.
        """

    def read_header(self) -> Sequence[str] | None:
        """Read the header and return its cells, none if it can't be read; None if the file has no header."""

    def header_bytes(self) -> bytes:
        """Return the header as it stands in the file, with the byte order mark; empty without a header."""

    def last_size(self) -> int:
        """Return the size of the last item in characters or bytes; 0 if it was too long to be held."""

    def last_bytes(self) -> bytes:
        """Return the last item as a copy has it; empty if it was too long to be held.

        That is how it stands in the decompressed file, or the line that it is in the format `Format.copies`.
        """

    def keep_lines(self) -> None:
        """Keep what is made of the file, so that it can be read again with less: before a record is read."""

    def share_read(self) -> float | None:
        """Return how much of the file has been read, from 0 to 1; None if the place in its bytes tells."""

    def close(self) -> None:
        """End what it does beside reading; the file is closed by others."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format that a source can have.

    Attributes:
        name: As in `reading.Dialect`, and as its module is called.
        title: What people call it, such as ``CSV``.
        extensions: The extensions of files that have it, in lower case, with the dot.
        has_cells: True if a record is a row of text cells, whose types are to be inferred; else it is an
            object. The same as `reading.Dialect.has_cells`.
        recognizes: Return whether a file is of this format, by its head and by the formats that use the
            extension of its name.
        detect: Return what a file of this format is. What is declared is taken as it is. Raises
            `SourceError`, or `BrokenSourceError`, if it can't be read in this format; its remedy says how to
            convert it.
        open_reader: Return what reads the records of a file: of its decompressed bytes, in a dialect, with
            these columns. Oversized records are handed on in pieces.
        order: Formats are asked in this order whether they recognize a file. What any text can be comes last.
        binary: True if it holds no text: it is recognized by its first bytes, before anything is decoded.
        seekable: True if the file that `open_reader` gets must allow to be read at any place.
        options: What can be declared of its dialect beside its name: keys of `DialectOptions`.
        copies: The format of copies of its records; empty for its own.
        extra: What is installed with the package for it, as in ``mixpanel-importer[extra]``; else empty.
        modules: What must be there to be imported then.
    """

    name: FormatName
    title: str
    extensions: tuple[str, ...]
    has_cells: bool
    recognizes: Callable[[SourceHead, AbstractSet[FormatName]], bool]
    detect: Callable[[SourceHead, DialectOptions], DetectedFormat]
    open_reader: Callable[[io.BufferedIOBase, Dialect, tuple[str, ...], OversizedSink], RecordReader]
    order: int = 0
    binary: bool = False
    seekable: bool = False
    options: AbstractSet[str] = field(default_factory=frozenset)
    copies: FormatName = ""
    extra: str = ""
    modules: tuple[str, ...] = ()
