"""A source: its records in order, and how far it has been read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from types import TracebackType
from typing import Protocol, Self, TypeVar

from importer.errors import SourceError
from importer.model import Fingerprint, Record, Rejection
from importer.reading import Dialect
from importer.source.files import StoredSource, open_binary, open_hashed, open_seekable
from importer.source.format import BrokenSourceError, RecordReader
from importer.source.header import column_names
from importer.source.item_reader import Fit
from importer.source.members import SourcePath
from importer.source.options import known_encoding
from importer.source.oversized import OversizedSink, discard
from importer.source.raw import DecompressedFile, source_error
from importer.source.registry import check_installed, find_format
from importer.text import counted, escaped_cut, was_or_were

_T = TypeVar("_T")

Items = Sequence[Record | Rejection]
"""Consecutive records and rejections: a list or a `speedups.Block`."""


class Reshape(Protocol):
    """Makes other records of some: `events.shape.Shaper`."""

    @property
    def fit(self) -> Fit | None:
        """What is asked for records with integers of more than 64 bits, as `ItemReader.fit`."""

    def __call__(self, items: Items) -> Iterable[Items]:
        """Return other records, in their order: fewer, or several of one, which may come in parts."""


class Source:
    """A file, or a member of an archive, that is being read; a context manager, to be iterated once.

    Args:
        path: The source.
        dialect: How its bytes become records.
        columns: The names that its header must have (CSV).
        oversized: Where the bytes of records go that are too long to be held.
        hashed: True if `fingerprint` will be called: the bytes on disk are hashed as they are read.
        reshape: What makes other records of those that are read; None for nothing.

    Attributes:
        size: Bytes as they are stored.
        broken: Why the records end ahead of the end of the file, if they do and `end_at_break` was called.

    Raises:
        SourceError: It can't be read, or its header names other columns.
        UsageError: The encoding of the dialect is not known.
    """

    def __init__(
        self,
        path: SourcePath,
        dialect: Dialect,
        columns: tuple[str, ...],
        *,
        oversized: OversizedSink = discard,
        hashed: bool = False,
        reshape: Reshape | None = None,
    ) -> None:
        self._path = path
        self._reshape = reshape
        dialect = replace(dialect, encoding=known_encoding(dialect.encoding))
        format_ = find_format(dialect.format)
        check_installed(format_, path)
        self._hashed = open_hashed(path) if hashed else None
        self._at_end = self._ends_at_break = False
        self.broken: SourceError | None = None
        self._reader: RecordReader | None = None
        self._disk: DecompressedFile | StoredSource
        try:
            if format_.seekable:  # it is hashed at the end
                self._file, self._disk = open_seekable(path, dialect.compression, hashed=hashed)
            else:  # the bytes are hashed as they are read
                raw = self._hashed
                self._file, self._disk = open_binary(path, dialect.compression, raw, hashed=hashed)
            self.size = self._disk.size
        except BaseException:
            if self._hashed is not None:
                self._hashed.close()
            raise
        try:
            with self._errors_explained():
                self._reader = format_.open_reader(self._file, dialect, columns, oversized)
                if hashed:  # to be sent later
                    self._reader.keep_lines()
            self._check_header(columns)
        except BaseException:
            self.close()
            raise
        if reshape is not None:
            self._reader.fit = reshape.fit
        self._items = self._to_the_end(self._reshaped_items())

    @property
    def reader(self) -> RecordReader:
        """What reads the records."""
        assert self._reader is not None, "it is there once the source is open"
        return self._reader

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._reader is not None:
            self._reader.close()
        self._file.close()
        if self._hashed is not None:
            self._hashed.close()

    def position(self) -> int:
        """Return how many stored bytes have been read; never less than before, `size` at the end."""
        if self._at_end:
            return self.size
        share = self.reader.share_read()
        return min(self._disk.position() if share is None else int(share * self.size), self.size)

    def fingerprint(self) -> Fingerprint:
        """Return what `take_fingerprint` returns for the file, of the bytes that were read.

        What is left of the file is read first: bytes behind a compressed stream, and records that nobody
        asked for. Call it once the records are read, before the source is closed: no record can be read
        after it.

        Raises:
            SourceError: The file can't be read, or it has changed since it was opened.
            ValueError: The source was opened without ``hashed``, or is closed.
        """
        if self._hashed is None:
            raise ValueError("the source was not opened with hashed=True")
        return self._hashed.fingerprint()

    def content_digest(self) -> str:
        """Return a digest of the decompressed bytes; an empty text if the source is not compressed.

        Call it once the records are read. The source must have been opened with ``hashed``.
        """
        return self._disk.content_digest()

    def end_at_break(self) -> None:
        """Let the records end where the bytes of the file are none any more, which is an error otherwise."""
        self._ends_at_break = True

    def items(self) -> Iterator[Record | Rejection]:
        """Yield the records and rejections one by one.

        Raises:
            SourceError: The file can't be read on.
        """
        return self._items

    def chunks(self) -> Iterator[Items]:
        """Yield the records and rejections that are left, many at once: lists or `speedups.Block`.

        Those that were read before an error come first.

        Raises:
            SourceError: The file can't be read on.
        """
        chunks = self.reader.chunks()
        if self._reshape is None:
            return self._to_the_end(chunks)
        return self._to_the_end(chain.from_iterable(map(self._reshape, chunks)))

    def _reshaped_items(self) -> Iterator[Record | Rejection]:
        if self._reshape is None:
            yield from self.reader
        else:
            for item in self.reader:
                yield from chain.from_iterable(self._reshape([item]))

    def _to_the_end(self, items: Iterator[_T]) -> Iterator[_T]:
        with self._errors_explained():
            yield from items
        self._at_end = True

    @contextmanager
    def _errors_explained(self) -> Iterator[None]:
        """Turn an error of reading into a `SourceError` that counts the records before it."""
        try:
            yield
        except (SourceError, BrokenSourceError, UnicodeError) as error:
            if isinstance(error, BrokenSourceError):
                cause = error.named(self._path)
            else:
                cause = error if isinstance(error, SourceError) else source_error(self._path, error)
            row = 0 if self._reader is None else max(self._reader.row, 0)
            message = f"{cause.message} {counted(row, 'record')} {was_or_were(row)} read before."
            found = SourceError(message, *cause.steps)
            if not (self._ends_at_break and isinstance(error, BrokenSourceError)):
                raise found from error
            self.broken = found

    def _check_header(self, columns: tuple[str, ...]) -> None:
        """Read the header, if there is one, and check that it names the columns of the reading."""
        with self._errors_explained():
            cells = self.reader.read_header()
        names = columns if cells is None else column_names(self._path, cells)
        if columns not in (names, tuple(name.strip() for name in names)):  # as `Reading.trim` has them
            raise SourceError(
                f"{self._path}: the header doesn't name the expected {len(columns)} columns "
                f"({escaped_cut(', '.join(columns))}).",
                "Give the file that these columns were taken from.",
            )


def open_source(
    path: SourcePath,
    dialect: Dialect,
    columns: tuple[str, ...],
    *,
    hashed: bool = False,
    reshape: Reshape | None = None,
) -> Source:
    """Return a source that is ready to be read.

    Args:
        path: The source.
        dialect: As `detect_source` found it or the manifest holds it.
        columns: Likewise.
        hashed: True if `Source.fingerprint` will be called.
        reshape: As for `Source`.

    Raises:
        SourceError: It can't be read, or its header names other columns.
        UsageError: The encoding of the dialect is not known.
    """
    return Source(path, dialect, columns, hashed=hashed, reshape=reshape)
