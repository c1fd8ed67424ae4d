"""From delivered batches to lines of the results: an outcome for every record, many written at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from importer.model import Delivered
    from importer.results.writer import ResultsWriter

_AT_ONCE = 500
"""Outcomes that are written at once: more cost as much each, until they leave the processor's cache."""


_MOST_BYTES = 1 << 22
"""Bytes of events after which their outcomes are written, however few: until then they are in memory."""


class OutcomeBuffer:
    """Writes what became of batches, several small ones together.

    To write many lines at once costs little more than to write a few. So small batches without a failure are
    held until there are enough of them, or until the caller is idle and calls `flush`. What a crash loses is
    sent again on resume, like requests that were not answered.
    """

    def __init__(
        self,
        results: ResultsWriter,
        written: Callable[[], None],
        observe: Callable[[Delivered], None] | None = None,
    ) -> None:
        """Start with an empty buffer.

        Args:
            results: Where lines go.
            written: Called after some were written.
            observe: Receives each batch after it was written.
        """
        self._results, self._written, self._observe = results, written, observe
        self._held: list[Delivered] = []
        self._records = self._bytes = 0

    @property
    def rows(self) -> int:
        """Outcomes that are in the file, or are held for it."""
        return self._results.rows + self._records

    @property
    def unsuccessful(self) -> int:
        """Those of them that failed; none of these is ever held."""
        return self._results.unsuccessful

    @property
    def notes(self) -> int:
        """Records with a note, of those that were written."""
        return self._results.notes

    def add(self, delivered: Delivered) -> None:
        """Take a batch, after those that were taken before.

        Raises:
            StorageError: As for `ResultsWriter.write`.
        """
        length = delivered.batch.length
        self._held.append(delivered)
        self._records += length
        self._bytes += delivered.batch.size
        if self._records >= _AT_ONCE or self._bytes >= _MOST_BYTES or _holds_failure(delivered):
            self.flush()

    def flush(self) -> None:
        """Write what is held.

        Raises:
            StorageError: As for `ResultsWriter.write`. What was written as a whole is observed nonetheless.
        """
        held, self._held = self._held, []
        self._records = self._bytes = 0
        if not held:
            return
        before = self._results.rows
        try:
            self._results.write(held)
        finally:
            if self._observe is not None:
                _observe_written(held, self._results.rows - before, self._observe)
        self._written()


def _observe_written(held: Sequence[Delivered], rows: int, observe: Callable[[Delivered], None]) -> None:
    """Hand on the batches of which all records are among the first ``rows`` records of all of them."""
    for each in held:
        rows -= each.batch.length
        if rows >= 0:
            observe(each)


def _holds_failure(delivered: Delivered) -> bool:
    """Return whether a record of a batch failed, or whether its events were not all taken alike."""
    batch, verdicts = delivered
    first = verdicts[0] if verdicts else None
    # Nearly always they are one object, and are counted as fast as pointers are compared.
    if first is not None and not (first.status.success and verdicts.count(first) == len(verdicts)):
        return True
    return len(verdicts) < batch.length and batch.holds_invalid()
