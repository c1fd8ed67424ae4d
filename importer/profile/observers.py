"""The observer that counts the events of a source by name and by time."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Any, Final

from importer import speedups
from importer.errors import BadValue
from importer.events.fast_mapper import make_fast_times
from importer.events.mapper import make_value_of
from importer.events.time_offset import read_offset
from importer.events.times import TimeReader
from importer.events.zones import ClockChange, NoZone
from importer.model import Record
from importer.profile.chunk import ColumnarChunk, Finder, Observer, Portable, make_column_finder
from importer.profile.field_values import (
    ChoiceCounter,
    make_choice_finder,
    make_field_cell_finder,
    make_finder,
)
from importer.profile.hashing import as_instants
from importer.profile.nameless import Nameless
from importer.profile.summary import SummaryCounter
from importer.profile.unread_times import UnreadTimes
from importer.reading import MOST_ATTENTION_ROWS, Attention, Reading

_MOST_KEPT: Final = 1_000
_LONGEST_KEPT: Final = 60


class SummaryObserver(Portable):
    """Counts events by name and by time.

    Attributes:
        counter: The counts.
        unread: What is known of times that can't be read.
    """

    _FINDERS = frozenset(
        {
            "_times", "_fast_times", "_errors", "_find_events", "_find_times", "_find_name_cells",
            "_find_time_cells", "_find_others", "_find_offsets",
        }
    )  # fmt: skip

    def __init__(self, reading: Reading) -> None:
        self.counter = SummaryCounter()
        self.unread = UnreadTimes()
        self._nameless = Nameless(reading)
        self._reading = reading
        self._times = TimeReader(reading.timezone, reading.time_format, local_epochs=reading.local_epochs)
        self._fast_times = make_fast_times(self._times) if speedups.COMPILED else None
        self._errors: dict[str, BadValue] = {}  # of the first texts that can't be read
        choices = {field: ChoiceCounter(reading, field) for field in reading.alternatives}
        self.counter.taken = {field: choice.taken for field, choice in choices.items()}
        value_of = make_value_of(reading)
        self._find_events = make_finder(reading, "event", value_of, choices.get("event"))
        self._find_times = make_finder(reading, "time", value_of, choices.get("time"))
        self._find_name_cells = make_field_cell_finder(reading, "event")
        self._find_time_cells = make_field_cell_finder(reading, "time")
        self._find_offsets: Finder | None = None
        if reading.time_offset:
            self._find_offsets = make_column_finder(reading, reading.time_offset)
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
        counter.skipped += chunk.skipped
        if self._reading.shape.explode:
            counter.exploded += sum(item.item <= 1 for item in chunk.items)
        counter.unreadable += len(chunk.items) - chunk.records - chunk.skipped
        if not chunk.records:
            return
        self._add_names(chunk)
        for find in self._find_others:  # to count which column gave the value
            find(chunk)
        cells_instants = b"" if self._find_offsets is not None else self._read_cells(chunk)
        chunk.instants = cells_instants or self._read_values(chunk)

    def _add_names(self, chunk: ColumnarChunk) -> None:
        cells = self._find_name_cells(chunk)
        counts = self.counter.names
        if cells is not None and isinstance(counts, speedups.NameCounts):
            missing = speedups.missing_cells(*cells, self._nulls)
            counts.add_column(*cells, missing)
            self._add_nameless(chunk, missing)
            return
        names = self._find_events(chunk)
        if set(map(type, names)) != {str} or not all(names):
            names = self._without_missing(chunk, names)
        self.counter.add_names(names)

    def _read_cells(self, chunk: ColumnarChunk) -> bytes:
        """Return the instants of cells, as `hashing.as_instants`; empty if some have no time."""
        cells = self._find_time_cells(chunk)
        if cells is None or self._fast_times is None:
            return b""
        block, cell = cells
        missing = speedups.missing_cells(block, cell, self._nulls)
        if missing and self._nulls:  # what means no value may be an epoch
            return b""
        instants, unread, _ = self._fast_times.read_column(block, cell, self.counter.forms)
        self.counter.add_read(instants)
        if not unread and not missing:
            return instants
        values: dict[int, Any] = dict(zip(unread, block.column(cell, unread), strict=True))
        if missing:
            values |= zip(missing, self._find_times(chunk.at(missing)), strict=True)
        absent = {at for at in missing if values[at] is None or values[at] == ""}
        self._add_missing(chunk, sorted(absent))
        places = sorted(values.keys() - absent)
        read = [self._read(chunk, at, values[at]) for at in places]
        self.counter.add_instants([instant for instant in read if instant is not None])
        found = array("q", instants)
        for at, instant in zip(places, array("q", as_instants(read)), strict=True):
            found[at] = instant
        return found.tobytes()

    def _read_values(self, chunk: ColumnarChunk) -> bytes:
        """Return the instants of values, as `hashing.as_instants`."""
        values = self._find_times(chunk)
        if not all(values):
            self._add_missing(chunk, [at for at, value in enumerate(values) if value is None or value == ""])
            values = [None if value == "" else value for value in values]
        instants = self._instants(chunk, values)
        if self._find_offsets is not None:
            instants = list(map(_moved, instants, self._find_offsets(chunk)))
        self.counter.add_instants([instant for instant in instants if instant is not None])
        return as_instants(instants)

    def _without_missing(self, chunk: ColumnarChunk, names: Sequence[Any]) -> list[str]:
        """Return the names of events without what is none, which is counted."""
        self._add_nameless(chunk, [at for at, name in enumerate(names) if not _is_name(name)])
        return [name for name in names if _is_name(name)]

    def _add_nameless(self, chunk: ColumnarChunk, places: Sequence[int]) -> None:
        if places:
            self._nameless.add(chunk, places)
            self.counter.no_name += len(places)

    def attention(self) -> list[Attention]:
        """As in `AttentionObserver`."""
        summary = self.counter.summary()
        found = self.unread.attention(self._reading, summary)
        return [*found, *self._nameless.attention(summary.no_name)]

    def merge(self, later: SummaryObserver) -> None:
        """Add what was counted over a later part of the source, or over another source."""
        self.counter.merge(later.counter.summary(), later.counter.names.counts())
        self.unread.merge(later.unread)
        self._nameless.merge(later._nameless)

    def _add_missing(self, chunk: ColumnarChunk, places: Sequence[int]) -> None:
        self.counter.no_time += len(places)
        self.unread.missing += len(places)
        if places and self.unread.wants_row("missing"):
            for at in places[:MOST_ATTENTION_ROWS]:
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
        found = self._instant_or_error(value)
        if isinstance(found, int):
            counter.forms[self._times.form] += 1
            return found
        if isinstance(found, NoZone):
            counter.no_zone += 1
            if unread.wants_row("no_zone"):
                unread.add_row("no_zone", chunk.row(at))
            return None
        counter.no_time += 1
        changed = isinstance(found, ClockChange)
        counter.clock_changes += changed
        if unread.wants_row("unreadable"):
            unread.add_row("unreadable", chunk.row(at))
        if not changed:
            unread.add_value(value, chunk.row(at) if unread.wants_row("form") else None)
        return None

    def _instant_or_error(self, value: Any) -> int | BadValue:
        """Return the instant of a value, or why it can't be read: mostly few texts stand for no time."""
        known = self._errors.get(value) if type(value) is str else None
        if known is not None:
            return known
        try:
            return self._times.read(value)
        except BadValue as error:
            if type(value) is str and len(value) < _LONGEST_KEPT and len(self._errors) < _MOST_KEPT:
                self._errors[value] = error.with_traceback(None)
            return error


def _moved(instant: int | None, offset: Any) -> int | None:
    """Return an instant with an offset in milliseconds; None if one of them can't be read."""
    try:
        return None if instant is None else instant + read_offset(offset)
    except BadValue:
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
