"""From delivered batches to lines of the results: an outcome for every record, many written at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importer import speedups
from importer.model import Batch, Delivered, Event, Rejection, Status, Verdict
from importer.results.rows import OutcomeColumns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from importer.results.writer import ResultsWriter

_AT_ONCE = 500
"""Outcomes that are written at once: few enough for the processor's cache."""


class OutcomeBuffer:
    """Writes what became of batches, several small ones together.

    To write many lines at once costs little more than to write a few. So small batches without a failure are
    held until there are enough of them, or until the caller is idle and calls `flush`. What a crash loses is
    sent again on resume, like requests that were not answered.

    Attributes:
        notes: Records with a note, of those that were written.
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
            observe: Receives what was written.
        """
        self._results, self._written, self._observe = results, written, observe
        self._items: list[Event | Rejection] = []
        self._events: list[Event] = []
        self._verdicts: list[Verdict] = []
        self.notes = 0

    @property
    def rows(self) -> int:
        """Outcomes that are in the file, or are held for it."""
        return self._results.rows + len(self._items)

    @property
    def unsuccessful(self) -> int:
        """Those of them without success; none of these is ever held."""
        return self._results.unsuccessful

    def add(self, delivered: Delivered) -> None:
        """Take a batch, after those that were taken before.

        Raises:
            StorageError: As for `ResultsWriter.write`.
        """
        batch, verdicts = delivered
        self._items += batch.items()
        self._events += batch.events()
        self._verdicts += verdicts
        if len(self._items) >= _AT_ONCE or not _taken_whole(delivered):
            self.flush()

    def flush(self) -> None:
        """Write what is held.

        Raises:
            StorageError: As for `ResultsWriter.write`.
        """
        held = Delivered(Batch.of(speedups.EventBlock(self._items)), self._verdicts)
        self._items, self._events, self._verdicts = [], [], []
        for part in to_columns(held):
            self._results.write(part)
            self.notes += len(part.notes) - part.notes.count("")
        if held.batch.length:
            if self._observe is not None:
                self._observe(held)
            self._written()


def _taken_whole(delivered: Delivered) -> bool:
    batch, verdicts = delivered
    first = verdicts[0] if verdicts else None
    return first is not None and first.status.success and verdicts.count(first) == batch.length


def to_columns(delivered: Delivered) -> Iterator[OutcomeColumns]:
    """Yield what became of each record of a batch, in order, in parts."""
    batch, verdicts = delivered
    items, events = batch.items(), batch.events()
    if len(events) < len(items):
        given = iter(verdicts)
        verdicts = [next(given) if isinstance(item, Event) else _invalid(item) for item in items]
        events = [item if isinstance(item, Event) else _as_event(item) for item in items]
    for start in range(0, len(events), _AT_ONCE):
        end = start + _AT_ONCE
        rows, lines, names, users, insert_ids, _, _, notes = zip(*events[start:end], strict=True)
        yield OutcomeColumns(rows, lines, names, users, insert_ids, notes, verdicts[start:end])


def _as_event(rejection: Rejection) -> Event:
    """Put what the results say of a rejection where an event has it: both become columns alike."""
    row, line, _, name, user, insert_id, note = rejection
    return Event(row, line, name, user, insert_id, 0, b"", note)


def _invalid(rejection: Rejection) -> Verdict:
    return Verdict(Status.INVALID, None, rejection.error)
