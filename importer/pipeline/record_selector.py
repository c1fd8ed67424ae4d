"""Which records of a source a job sends, and the mapper that makes the event of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from importer import speedups
from importer.errors import ResultsError
from importer.events.mapper import Mapper
from importer.model import Event, Record, Rejection, Status
from importer.pipeline.copied_items import read_items
from importer.reading import Reading
from importer.results.recorded import Selection
from importer.results.row_and_item import place_of, row_of
from importer.results.selection import Choice, first_attempts, read_choices


def selector_of(
    selection: Selection | None, reading: Reading, now: Callable[[], int], items: str = ""
) -> AllRecords | MendedEvents | RetrySelector:
    """Return the selector of a job.

    Args:
        selection: For a retry, its records; None for a run.
        reading: How the source is read.
        now: Milliseconds since the epoch.
        items: As `Manifest.mended_items`.
    """
    if selection is not None:
        return RetrySelector(selection, reading, now)
    return MendedEvents(items, reading, now) if items else AllRecords(reading, now)


class AllRecords:
    """The selector of a run: every record, by one reading.

    Args:
        reading: How the source is read.
        now: Milliseconds since the epoch.
    """

    def __init__(self, reading: Reading, now: Callable[[], int]) -> None:
        self.map = Mapper(reading, now).map

    def select(self, chunk: Sequence[Record | Rejection]) -> Sequence[Record | Rejection]:
        """As in `transfer.RecordSelector`."""
        return chunk


class MendedEvents(AllRecords):
    """The selector of a run of mended records that are several events each: those that are to be sent.

    Args:
        items: As `Manifest.mended_items`.
        reading: How the source is read.
        now: Milliseconds since the epoch.
    """

    def __init__(self, items: str, reading: Reading, now: Callable[[], int]) -> None:
        super().__init__(reading, now)
        self._left = read_items(items)
        self._row = 0
        self._chosen: frozenset[int] | None = None

    def select(self, chunk: Sequence[Record | Rejection]) -> Sequence[Record | Rejection]:
        """As in `transfer.RecordSelector`."""
        return [item for item in chunk if self._is_chosen(item)]

    def _is_chosen(self, item: Record | Rejection) -> bool:
        while self._row < item.row:
            self._chosen = next(self._left, frozenset())
            self._row += 1
        return self._chosen is None or item.item in self._chosen


class RetrySelector:
    """The selector of a retry: the chosen records, each by the reading that is safe for it.

    A record that failed may have landed, so it must become the very same event as before: it is mapped by the
    reading of its first attempt. One that was invalid or rejected never landed, so a new reading may cure it.

    Args:
        selection: The records to retry, in the order of the source.
        reading: How they are read now.
        now: Milliseconds since the epoch.
    """

    def __init__(self, selection: Selection, reading: Reading, now: Callable[[], int]) -> None:
        self._choices: Iterator[Choice] = read_choices(selection)
        self._next = next(self._choices, None)
        self._selected: list[Choice] = []
        self._mappers_before = [Mapper(run.manifest.reading, now) for run in selection.runs]
        self._first_attempts = first_attempts(selection.runs) if len(selection.runs) > 1 else {}
        self._mapper = Mapper(reading, now)

    def select(self, chunk: Sequence[Record | Rejection]) -> Sequence[Record | Rejection]:
        """As in `transfer.RecordSelector`."""
        selected: list[Record | Rejection] = []
        self._selected = []
        for item in chunk:
            choice = self._choice_for(place_of(item.row, item.item))
            if choice is not None:
                selected.append(item)
                self._selected.append(choice)
            elif self._next is None:
                break
        return selected

    def _choice_for(self, place: int) -> Choice | None:
        """Return what chooses the record, or the event of a record, at a place; None if nothing does."""
        while self._next is not None and self._next.place < place:
            if self._next.item == 0 and self._next.row == row_of(place):
                return self._next  # the record as a whole, which is several events now
            self._next = next(self._choices, None)
        return self._next if self._next is not None and self._next.place == place else None

    def map(self, chunk: Sequence[Record | Rejection]) -> speedups.EventBlock:
        """As in `transfer.RecordSelector`."""
        # After a resume, the first of the selected records have their outcomes already.
        choices = self._selected[len(self._selected) - len(chunk) :]
        return speedups.EventBlock(
            self._same_event(item, choice) if choice.status is Status.FAILED else self._mapper.map([item])[0]
            for item, choice in zip(chunk, choices, strict=True)
        )

    def _same_event(self, item: Record | Rejection, choice: Choice) -> Event | Rejection:
        """Return the event as it was sent before.

        Raises:
            ResultsError: The record makes another event now.
        """
        made = self._mappers_before[self._first_attempts.get(choice.place, 0)].map([item])[0]
        if isinstance(made, Event) and made.insert_id == choice.insert_id:
            return made
        raise ResultsError(
            f"row {item.row:,} (line {item.line:,}) may have landed as {choice.insert_id}, but reading the"
            " source again does not make that id",
            "The source or the results were changed. Put them back as they were.",
        )
