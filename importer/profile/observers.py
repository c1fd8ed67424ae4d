"""The observer that counts the events of a source by name and by time."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from importer import speedups
from importer.errors import BadValue
from importer.events.fast_mapper import make_fast_times
from importer.events.mapper import make_value_of
from importer.events.times import TimeReader
from importer.events.zones import ClockChange, NoZone
from importer.model import Record
from importer.profile.choices import ChoiceCounter, make_choice_finder
from importer.profile.chunk import ColumnarChunk, Observer
from importer.profile.field_values import make_field_cell_finder, make_finder
from importer.profile.hashing import as_instants
from importer.profile.nameless import Nameless
from importer.profile.summary import SummaryCounter
from importer.profile.unread_times import UnreadTimes
from importer.reading import MOST_ATTENTION_ROWS, Attention, Reading


class SummaryObserver:
    """Counts events by name and by time.

    Attributes:
        counter: The counts.
        unread: What is known of times that can't be read.
    """

    def __init__(self, reading: Reading) -> None:
        self.counter = SummaryCounter()
        self.unread = UnreadTimes()
        self._nameless = Nameless(reading)
        self._reading = reading
        self._times = TimeReader(reading.timezone, reading.time_format, local_epochs=reading.local_epochs)
        self._fast_times = make_fast_times(self._times) if speedups.COMPILED else None
        choices = {field: ChoiceCounter(reading, field) for field in reading.alternatives}
        self.counter.taken = {field: choice.taken for field, choice in choices.items()}
        value_of = make_value_of(reading)
        self._find_events = make_finder(reading, "event", value_of, choices.get("event"))
        self._find_times = make_finder(reading, "time", value_of, choices.get("time"))
        self._find_name_cells = make_field_cell_finder(reading, "event")
        self._find_time_cells = make_field_cell_finder(reading, "time")
        self._nulls = tuple(null.encode("utf-8", "surrogatepass") for null in reading.null)
        self._find_others = tuple(
            make_choice_finder(reading, choice)
            for field, choice in choices.items()
            if field not in ("event", "time")
        )

    def observe(self, chunk: ColumnarChunk) -> None:
        """As in `Observer`."""
        counter = self.counter
        counter.records += len(chunk.items)
        counter.unreadable += len(chunk.items) - chunk.records
        if not chunk.records:
            return
        self._add_names(chunk)
        for find in self._find_others:  # to count which column gave the value
            find(chunk)
        chunk.instants = self._read_cells(chunk) or self._read_values(chunk)

    def _add_names(self, chunk: ColumnarChunk) -> None:
        cells = self._find_name_cells(chunk)
        counts = self.counter.names
        if (
            cells is not None
            and isinstance(counts, speedups.NameCounts)
            and not speedups.missing_cells(*cells, self._nulls)
        ):
            counts.add_column(*cells)
            return
        names = self._find_events(chunk)
        if set(map(type, names)) != {str} or not all(names):
            names = self._without_missing(chunk, names)
        self.counter.add_names(names)

    def _read_cells(self, chunk: ColumnarChunk) -> bytes:
        """Return the instants of cells, as `hashing.as_instants`; empty if some have no time."""
        cells = self._find_time_cells(chunk)
        if cells is None or self._fast_times is None or speedups.missing_cells(*cells, self._nulls):
            return b""
        block, cell = cells
        instants, unread, _ = self._fast_times.read_column(block, cell, self.counter.forms)
        self.counter.add_read(instants)
        if not unread:
            return instants
        values = block.column(cell)
        read = [self._read(chunk, at, values[at]) for at in unread]
        self.counter.add_instants([instant for instant in read if instant is not None])
        found = array("q", instants)
        for at, instant in zip(unread, array("q", as_instants(read)), strict=True):
            found[at] = instant
        return found.tobytes()

    def _read_values(self, chunk: ColumnarChunk) -> bytes:
        """Return the instants of values, as `hashing.as_instants`."""
        values = self._find_times(chunk)
        if not all(values):
            self._add_missing(chunk, values)
            values = [None if value == "" else value for value in values]
        instants = self._instants(chunk, values)
        self.counter.add_instants([instant for instant in instants if instant is not None])
        return as_instants(instants)

    def _without_missing(self, chunk: ColumnarChunk, names: Sequence[Any]) -> list[str]:
        """Return the names of events without what is none, which is counted."""
        self._nameless.add(chunk, [at for at, name in enumerate(names) if not _is_name(name)])
        found = [name for name in names if _is_name(name)]
        self.counter.no_name += len(names) - len(found)
        return found

    def attention(self) -> list[Attention]:
        """As in `AttentionObserver`."""
        summary = self.counter.summary()
        found = self.unread.attention(self._reading, summary)
        return [*found, *self._nameless.attention(summary.no_name)]

    def merge(self, later: SummaryObserver) -> None:
        """Add what was counted over a later part of the source, or over another source."""
        self.counter.merge(later.counter.summary())
        self.unread.merge(later.unread)
        self._nameless.merge(later._nameless)

    def _add_missing(self, chunk: ColumnarChunk, values: Sequence[Any]) -> None:
        missing = sum(value is None or value == "" for value in values)
        self.counter.no_time += missing
        self.unread.missing += missing
        if missing and self.unread.wants_row("missing"):
            places = (at for at, value in enumerate(values) if value is None or value == "")
            for at in islice(places, MOST_ATTENTION_ROWS):
                self.unread.add_row("missing", chunk.row(at))

    def _instants(self, chunk: ColumnarChunk, values: Sequence[Any]) -> list[int | None]:
        """Return the instant of each value, and count why others can't be read; None is no value."""
        if self._fast_times is None:
            instants: list[int | None] = [None] * len(values)
        else:
            instants = self._fast_times.read(values, self.counter.forms)
        if None in instants:
            for at, instant in enumerate(instants):
                if instant is None and values[at] is not None:
                    instants[at] = self._read(chunk, at, values[at])
        return instants

    def _read(self, chunk: ColumnarChunk, at: int, value: Any) -> int | None:
        """Return the instant of the value at a place of a chunk; None if it can't be read, and count why."""
        counter, unread = self.counter, self.unread
        try:
            instant = self._times.read(value)
        except NoZone:
            counter.no_zone += 1
            if unread.wants_row("no_zone"):
                unread.add_row("no_zone", chunk.row(at))
        except BadValue as error:
            counter.no_time += 1
            changed = isinstance(error, ClockChange)
            counter.clock_changes += changed
            if unread.wants_row("unreadable"):
                unread.add_row("unreadable", chunk.row(at))
            if not changed:
                unread.add_value(value, chunk.row(at) if unread.wants_row("form") else None)
        else:
            counter.forms[self._times.form] += 1
            return instant
        return None


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def summarise_sample(
    sample: Iterable[Record], reading: Reading, observers: Sequence[Observer] = (), name: str = ""
) -> SummaryObserver:
    """Return what the counts over the first records of a source are, and what else they show.

    Args:
        sample: The first records.
        reading: How the source is read.
        observers: Each of them receives these records, too.
        name: The source as it was named.
    """
    counts = SummaryObserver(reading)
    chunk = ColumnarChunk(list(sample), has_cells=reading.dialect.has_cells, source=name, trim=reading.trim)
    for observer in (counts, *observers):
        observer.observe(chunk)
    return counts
