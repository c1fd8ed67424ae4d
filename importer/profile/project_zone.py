"""Raw exports of Mixpanel: those of older projects carry epochs of local time.

Projects from before 2023 export ``time`` in the project's time zone, and it looks like any other epoch. When
Mixpanel took an event stands beside it, in UTC: an event that was taken hours before its time proves it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from importer import speedups
from importer.errors import BadValue
from importer.events.times import EPOCHS, NS_PER_S, TimeReader, epoch_unit
from importer.model import Record, Rejection
from importer.profile.chunk import Cells, ColumnarChunk, Portable, make_cell_finder, make_column_finder
from importer.reading import MOST_ATTENTION_ROWS, Attention, AttentionRow, Reading

PROCESSED: Final = "mp_processing_time_ms"
"""The property of an export that says when Mixpanel took the event, in milliseconds since the epoch, UTC."""

_MARK: Final = "$mp_api_"  # of $mp_api_endpoint and $mp_api_timestamp_ms
_IN_MARKS: Final = b"mp_"
_UNITS: Final = tuple((unit.lowest, unit.end, unit.nanoseconds) for unit in EPOCHS)
_HOUR_NS: Final = 3600 * NS_PER_S
_SURE: Final = _HOUR_NS * 9 // 10  # Mixpanel takes no event from the future, and clocks are not so wrong
_ENOUGH: Final = 20  # events of which all were late, so that it is worth a word
_LOOKED_AT: Final = 20
_REMEDY: Final = "--local-epochs --timezone ZONE"
_ABOUT: Final = "a raw export of Mixpanel"


def make_project_zone_observer(reading: Reading) -> ProjectZoneObserver | None:
    """Return an observer of raw exports; None if its times are no epochs, or the source can be none.

    Args:
        reading: How the source is read.
    """
    if reading.time_format or "time" not in reading.fields:
        return None
    if reading.dialect.has_cells and not any(map(_is_mark, reading.columns)):
        return None
    return ProjectZoneObserver(reading)


class ProjectZoneObserver(Portable):
    """Finds epochs that may be of local time, and compares them with when Mixpanel took the events.

    Where they are read as local time, their times are compared as they are read: the zone may be another.

    Memory does not grow with the source.

    Args:
        reading: How the source is read.
    """

    _FINDERS = frozenset({"_find_times", "_find_cells", "_find_processed", "_local"})

    def __init__(self, reading: Reading) -> None:
        self._find_times = make_column_finder(reading, reading.fields["time"])
        self._find_cells = _cell_finder(reading)
        self._find_processed = _processed_finder(reading)
        self._local = _local_reader(reading) if reading.local_epochs else None
        self._is_local = reading.local_epochs
        self._zone = reading.timezone
        self._epochs = 0  # times of a raw export that are epochs
        self._compared = 0
        self._early = 0  # events that Mixpanel took hours before their time
        self._rows: list[AttentionRow] = []
        self._first_lead: int | None = None  # nanoseconds by which the earliest was ahead
        self._least_lag: int | None = None

    def observe(self, chunk: ColumnarChunk) -> None:
        """As in `Observer`."""
        if not chunk.records or self._observe_cells(chunk):
            return
        processed = self._find_processed(chunk)
        if processed is None:
            return
        for at, (value, taken) in enumerate(zip(self._find_times(chunk), processed, strict=True)):
            instant = _instant(value)
            if instant is None:
                continue
            self._epochs += 1
            received = _instant(taken)
            if self._local is not None:
                instant = self._local(value) if received is not None else None
                if instant is None:
                    continue
            if received is not None:
                self._compare(received - instant, chunk, at)

    def _observe_cells(self, chunk: ColumnarChunk) -> bool:
        """Compare the epochs of cells, without a text for each; return False if that can't be done."""
        times, processed = self._find_cells(chunk)
        if times is None or processed is None or self._local is not None:
            return False
        (block, cell), (_, other) = times, processed
        if chunk.cells and not speedups.has_outer_cell(block, other, _LOOKED_AT):
            return not _holds_mark(chunk.items)  # if it is an export, another key shows that
        count, compared, least_lag, early = speedups.compare_epochs(block, cell, other, _UNITS, _SURE)
        self._epochs += count
        self._compared += compared
        if compared:
            self._least_lag = _extreme(min, self._least_lag, least_lag)
        if early:
            self._early += len(early)
            self._first_lead = _extreme(max, self._first_lead, -least_lag)
            self._rows += map(chunk.row, early[: MOST_ATTENTION_ROWS - len(self._rows)])
        return True

    def merge(self, later: ProjectZoneObserver) -> None:
        """Add what is known of another part of the source, or of another source."""
        self._epochs += later._epochs
        self._compared += later._compared
        self._early += later._early
        self._rows = [*self._rows, *later._rows][:MOST_ATTENTION_ROWS]
        self._first_lead = _extreme(max, self._first_lead, later._first_lead)
        self._least_lag = _extreme(min, self._least_lag, later._least_lag)

    def attention(self) -> list[Attention]:
        """As in `AttentionObserver`."""
        return list(self._attention())

    def _attention(self) -> Iterator[Attention]:
        if not self._epochs:
            return
        if self._first_lead is not None:
            one = self._early == 1
            took = (
                f"it took {self._early:,} {'event' if one else 'events'}"
                f" up to {_hours(self._first_lead)} before {'its' if one else 'their'} time"
            )
            if not self._is_local:
                text = f"{_ABOUT} in local time: {took}, so epochs are of the project's zone"
            else:
                text = f"{_ABOUT} of another zone: read as of {self._zone}, {took}"
            yield Attention.of("project-zone", text, _REMEDY, count=self._early, rows=self._rows)
            return
        if self._is_local:
            return
        text = f"{_ABOUT}: a project from before 2023 exports its times in its own zone, not in UTC"
        if self._compared >= _ENOUGH and self._least_lag is not None and self._least_lag >= _SURE:
            text += f"; it took no event sooner than {_hours(self._least_lag)} after its time"
        yield Attention.of("project-zone", text, _REMEDY)

    def _compare(self, lag: int, chunk: ColumnarChunk, at: int) -> None:
        self._compared += 1
        self._least_lag = _extreme(min, self._least_lag, lag)
        if lag <= -_SURE:
            self._early += 1
            self._first_lead = _extreme(max, self._first_lead, -lag)
            if len(self._rows) < MOST_ATTENTION_ROWS:
                self._rows.append(chunk.row(at))


def _is_mark(name: str) -> bool:
    own = name.removeprefix("properties.")
    return own == PROCESSED or own.startswith(_MARK)


def _processed_column(reading: Reading) -> str | None:
    return next((name for name in reading.columns if name.endswith(PROCESSED) and _is_mark(name)), None)


def _processed_finder(reading: Reading) -> Callable[[ColumnarChunk], Sequence[Any] | None]:
    """Return what finds when Mixpanel took each event of a chunk; its result is None for other chunks."""
    if not reading.dialect.has_cells:
        return _find_in_objects
    column = _processed_column(reading)
    if column is None:
        return lambda chunk: [None] * chunk.records
    index = reading.columns.index(column)
    return lambda chunk: chunk.column(index)


def _cell_finder(reading: Reading) -> Callable[[ColumnarChunk], tuple[Cells | None, Cells | None]]:
    """Return what finds the cells of the times, and of when Mixpanel took each event."""
    find_times = make_cell_finder(reading, reading.fields["time"])
    if not reading.dialect.has_cells:
        name = f"properties.{PROCESSED}"
        return lambda chunk: (find_times(chunk), chunk.cells.get(name) or chunk.cells.get(PROCESSED))
    column = _processed_column(reading)
    find_processed = None if column is None else make_cell_finder(reading, column)
    return lambda chunk: (find_times(chunk), find_processed and find_processed(chunk))


def _holds_mark(items: Sequence[Record | Rejection]) -> bool:
    """Return whether a key of an export may stand in the first or the last lines of a block."""
    return not isinstance(items, speedups.Block) or speedups.outer_lines_hold(items, _LOOKED_AT, _IN_MARKS)


def _find_in_objects(chunk: ColumnarChunk) -> Sequence[Any] | None:
    objects = chunk.objects()
    looked_at = (*objects[:_LOOKED_AT], *objects[-_LOOKED_AT:])
    if not any(_is_mark(key) for each in looked_at for key in _properties(each)):
        return None
    return [_properties(each).get(PROCESSED) for each in objects]


def _properties(record: Any) -> Mapping[str, Any]:
    inner = record.get("properties", record)
    return inner if isinstance(inner, dict) else record


def _instant(value: Any) -> int | None:
    """Return the nanoseconds since the epoch that a whole number of JSON, or its digits, counts."""
    if type(value) is str:
        if not (value.isascii() and value.isdigit()) or len(value) > len(str(2**63)):
            return None
        value = int(value)
    if type(value) is float and value.is_integer():
        value = int(value)
    unit = epoch_unit(value, value) if type(value) is int else None
    return None if unit is None else value * unit[1]


def _local_reader(reading: Reading) -> Callable[[Any], int | None]:
    """Return what reads an epoch as local time; its result is None where no such time can be told."""
    times = TimeReader(reading.timezone, local_epochs=True)

    def read(value: Any) -> int | None:
        try:
            return times.read(value)
        except BadValue:
            return None

    return read


def _extreme(choose: Callable[[int, int], int], one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other)


def _hours(nanoseconds: int) -> str:
    return f"{nanoseconds / _HOUR_NS:.1f} hours"
