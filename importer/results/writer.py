"""Writing a results file: by one thread, in whole lines, in the order of the source."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from itertools import chain, islice
from typing import TYPE_CHECKING, Self

from importer.errors import ResultsError, StorageError
from importer.model import Status
from importer.results.counts import Counts, ResultsState
from importer.results.formats import existing_format, new_format
from importer.results.lines import EncodedLines, LineEncoder, outcomes_of
from importer.results.storage import BINARY, PRIVATE, Durability, storage_error, sync_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

    from importer.model import Delivered
    from importer.results.rows import RowFormat

_SYNC_EVERY = 1.0  # seconds; what a power cut takes is sent again on resume


class ResultsWriter:
    """Appends outcomes to a results file: CSV, or JSONL where its name ends in ``.jsonl``.

    Use it as a context manager: its end flushes everything to disk. After a `StorageError` it writes
    nothing more, since a line after a torn one would make the file unreadable.

    Attributes:
        path: The results file.
        rows: Outcomes in it, those from before a resume included.
        unsuccessful: Those of them that failed.
        notes: Outcomes with a note, of those that this writer wrote.
    """

    def __init__(
        self,
        path: Path,
        handle: int,
        form: RowFormat,
        before: ResultsState,
        clock: Callable[[], float],
        fsync: Callable[[int], None],
        durability: Durability,
    ) -> None:
        """Use an open file; call `create` or `resume` instead."""
        self.path = path
        self._handle = handle
        self._size = os.fstat(handle).st_size
        self._form = form
        self._encoder = LineEncoder(form)
        self._tally = {status: before.counts[status] for status in Status}
        self._last = before.last_row, before.last_item
        self.rows = before.records
        self.unsuccessful = before.counts.unsuccessful
        self.notes = 0
        self._clock = clock
        self._fsync = fsync
        self._synced = clock()
        self._durability = durability
        self._dirty = False
        self._is_named = durability is Durability.AT_ONCE and before.valid_bytes > 0  # durably
        self._failure: StorageError | None = None

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        overwrite: bool = False,
        items: bool = False,
        clock: Callable[[], float] = time.monotonic,
        fsync: Callable[[int], None] = os.fsync,
        durability: Durability = Durability.AT_ONCE,
    ) -> Self:
        """Make a new results file, mode 0600, with its header.

        To replace a file, do this before the new manifest is written: a crash between the two then
        leaves no old outcomes under a new reading.

        Args:
            path: Where; its folder must exist.
            overwrite: Empty a file that is there (`check_overwrite` says whether it may be).
            items: Whether a record may become several events, so that there is a column ``item``.
            clock: Seconds that only go up.
            fsync: Flushes a file to disk.
            durability: When.

        Raises:
            ResultsError: There is a file already, and ``overwrite`` is False.
            StorageError: The file can't be made or written.
        """
        try:
            handle = _open(path, os.O_TRUNC if overwrite else os.O_EXCL)
        except FileExistsError:
            raise ResultsError(
                f"{path} exists already.",
                "Use --resume to go on with it, --overwrite to replace it, or --results for another file.",
            ) from None
        writer = cls(path, handle, new_format(path, items=items), ResultsState(), clock, fsync, durability)
        writer._begin()
        return writer

    @classmethod
    def resume(
        cls,
        path: Path,
        state: ResultsState,
        *,
        items: bool = False,
        clock: Callable[[], float] = time.monotonic,
        fsync: Callable[[int], None] = os.fsync,
        durability: Durability = Durability.AT_ONCE,
    ) -> Self:
        """Continue a results file that was repaired, or begin it if there is none.

        It keeps its columns to its end.

        Args:
            path: The results file.
            state: From `repair_results`.
            items: As for `create`, if there is no file to continue.
            clock: Seconds that only go up.
            fsync: Flushes a file to disk.
            durability: When.

        Raises:
            ResultsError: The file is not as long as the repair left it, or lacks a column ``item``.
            StorageError: The file can't be opened or written.
        """
        form = existing_format(path) if state.valid_bytes else new_format(path, items=items)
        if items and state.records and "item" not in form.columns:
            raise ResultsError(
                f"{path} has no column item, though a record may become several events.",
                "Put the file and its manifest back as they were written.",
            )
        writer = cls(path, _open(path, 0), form, state, clock, fsync, durability)
        if writer._size == state.valid_bytes:
            if not state.valid_bytes:
                writer._begin()
            return writer
        os.close(writer._handle)
        raise ResultsError(
            f"{path} changed after it was checked: it has {writer._size:,} bytes, "
            f"expected {state.valid_bytes:,}.",
            "Let nothing else write to it, then give the same command again.",
        )

    @property
    def counts(self) -> Counts:
        """Outcomes in the file by status, those from before a resume included."""
        return Counts.from_tally(self._tally)

    @property
    def state(self) -> ResultsState:
        """How far the file goes, from what this writer wrote."""
        row, item = self._last
        return ResultsState(self.rows, row, self.counts, self._size, last_item=item)

    def write(self, delivered: Sequence[Delivered]) -> None:
        """Append the outcomes of batches with one system call, and flush to disk once a second.

        Args:
            delivered: In the order of the source, after those that were written before.

        Raises:
            StorageError: The disk is full or broken. The lines that fitted in stay and are counted;
                a partly written one is taken back.
        """
        self._raise_failure()
        encoded = [self._encoder.encode(each) for each in delivered]
        data = encoded[0].data if len(encoded) == 1 else b"".join([lines.data for lines in encoded])
        kept = self._append(data)
        if kept < len(data):
            outcomes = chain.from_iterable(map(outcomes_of, delivered))
            encoded = [EncodedLines.of(self._form, list(islice(outcomes, data.count(b"\n", 0, kept))))]
        for lines in encoded:
            self._count(lines)
        self._raise_failure()
        self.tick()

    def _count(self, lines: EncodedLines) -> None:
        self._last = lines.last if lines.data else self._last
        self.notes += lines.notes
        for status, number in lines.tally.items():
            self._tally[status] += number
            self.rows += number
            self.unsuccessful += number if status.failure else 0

    def tick(self) -> None:
        """Flush to disk, if the last time is a second ago; to be called while there is nothing to write.

        Raises:
            StorageError: The disk is full or broken.
        """
        if self._clock() - self._synced >= _SYNC_EVERY:
            self.sync()

    def sync(self) -> None:
        """Flush what was written to disk, so that a power cut does not lose it.

        Raises:
            StorageError: The disk is full or broken.
        """
        self._synced = self._clock()
        if not self._dirty or self._durability is Durability.NEVER:
            return
        try:
            self._fsync(self._handle)
            if not self._is_named:
                sync_directory(self.path.parent)
        except OSError as error:
            self._failure = storage_error(self.path, error)
            raise self._failure from error
        self._dirty, self._is_named = False, True

    def close(self) -> None:
        """Flush everything to disk and close the file.

        Raises:
            StorageError: The disk is full or broken.
        """
        try:
            if self._failure is None:
                self.sync()
        finally:
            os.close(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _begin(self) -> None:
        """Write the header, and flush it and the file's name to disk, if that can't wait."""
        try:
            self._append(self._form.header)
            self._raise_failure()
            if self._durability is Durability.AT_ONCE:
                self.sync()
        except StorageError:
            os.close(self._handle)
            raise

    def _append(self, data: bytes) -> int:
        """Write whole lines at the end; if the disk ends before them, set `_failure`.

        Returns:
            How many bytes are in the file: all of them, or as many as make whole lines.
        """
        done = 0
        try:
            while done < len(data):  # once, unless the disk is nearly full
                done += os.write(self._handle, data[done:] if done else data)
        except OSError as error:
            done = data.rfind(b"\n", 0, done) + 1
            self._failure = storage_error(self.path, error)
            self._failure.__cause__ = error
            with suppress(OSError):  # if this fails too, `repair_results` does it on resume
                os.ftruncate(self._handle, self._size + done)
        self._size += done
        self._dirty = True
        return done

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure


def _open(path: Path, flags: int) -> int:
    """Open a results file to append to it, and make it if need be.

    Raises:
        FileExistsError: It is there, and ``flags`` say that it must not be.
        StorageError: It can't be opened.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | BINARY | flags, PRIVATE)
        if flags & os.O_TRUNC:
            path.chmod(PRIVATE)
    except FileExistsError:
        raise
    except OSError as error:
        raise storage_error(path, error) from error
    return handle
