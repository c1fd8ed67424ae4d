"""The records that ``where`` leaves out: each becomes a rejection that says so, and is no failure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

from importer import exact_json, speedups
from importer.errors import BadValue
from importer.events.columns import Openable, Path, parse_path, path_to, value_at
from importer.events.json_texts import make_opened_at
from importer.events.null_words import make_cleaned
from importer.events.number_marks import marks_of
from importer.events.types import BOOLEANS, is_number
from importer.events.unmasked import NO_JSON, NOT_EXACT
from importer.events.where import Condition, Kind, compile_where
from importer.model import Record, Rejection, Status
from importer.reading import Reading
from importer.text import Remembered

LEFT_OUT: Final = "left out by where"
"""What is said of a record for which the condition does not hold."""

_LEAST_LINES: Final = 8
"""Lines that the parts of a block must have on average; shorter parts cost more than they save."""

_BEGINS_JSON: Final = ("{", "[")

_MOST_KEYS: Final = 16
"""Most keys that a `speedups.FieldFinder` finds."""

Item = Record | Rejection

_Fault = tuple[str, Status]
_SKIPPED: Final[_Fault] = (LEFT_OUT, Status.SKIPPED)
_REST_OF_SKIPPED: Final = Rejection(0, 0, LEFT_OUT, status=Status.SKIPPED)[2:]
"""All but row and line: made once, as there are many."""


class RowFilter:
    """Puts rejections in place of the records for which a condition does not hold.

    Args:
        reading: How the records are read; its shape has a condition. A column that it names and that is not
            there has no value.

    Raises:
        MappingError: The condition can't be read.
    """

    def __init__(self, reading: Reading) -> None:
        condition = _condition_of(reading)
        self._hides = bool(reading.shape.mask)
        has_cells = reading.dialect.has_cells
        self._ask = condition.ask
        self._faults_of_texts: Remembered[tuple[str, ...], _Fault | None] = Remembered(self._fault)
        self._clean = make_cleaned(reading)
        self._changes = reading.trim or bool(reading.null)
        self._cells = [_cell_of(path, reading.columns) for path in condition.columns] if has_cells else None
        opened_at = make_opened_at(reading)
        self._finders = [_make_finder(path, opened_at) for path in condition.columns]
        self._fields = None if has_cells else _make_field_finder(condition, reading)

    def __call__(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return the items with rejections in place of some: a block for a block, or else a list."""
        if speedups.COMPILED and isinstance(items, speedups.Block):
            return self._filter_block(items)
        return [self._filter(item) if isinstance(item, Record) else item for item in items]

    def _filter(self, record: Record) -> Item:
        fault = self._fault(self._values(record))
        return record if fault is None else self._rejection(record, record.row, record.line, fault)

    def _rejection(self, record: Record | Rejection, row: int, line: int, fault: _Fault) -> Rejection:
        error, status = fault
        note = "" if status is Status.SKIPPED else record.note
        note = NOT_EXACT if note and self._hides else note
        return Rejection(row, line, error, note=note, item=record.item, status=status)

    def _fault(self, values: Sequence[Any]) -> _Fault | None:
        """Return why a record with some values in the columns is left out; None if it stays."""
        try:
            return None if self._ask(values) is True else _SKIPPED
        except BadValue as bad:
            return str(bad), Status.INVALID

    def _values(self, record: Record) -> Sequence[Any]:
        values: Any = record.values
        if self._cells is not None:
            return _readable(
                [None if cell is None else self._value_in(cell, values[cell.at]) for cell in self._cells]
            )
        return _readable([self._clean(find(values)) for find in self._finders])

    def _value_in(self, cell: _Cell, text: str) -> Any:
        """Return the value of a cell, or of what it holds; the error if that should be JSON and is none."""
        found = self._clean(text)
        if not cell.inside or found is None:
            return found
        if found.lstrip()[:1] not in _BEGINS_JSON:
            return None
        try:
            value, _ = exact_json.loads_all(found.strip().encode("utf-8", "surrogateescape"))
        except exact_json.BadJSON as error:
            return BadValue(f"{cell.column}: {NO_JSON if self._hides else error}")
        return self._clean(value_at(cell.inside, value))

    # ── many at once ─────────────────────────────────────────────────────────────────────────────

    def _filter_block(self, block: speedups.Block) -> speedups.Block:
        faults = self._faults(block)
        left_out = [place for place, fault in enumerate(faults) if fault is not None]

        def reject(place: int, row: int, line: int) -> Rejection:
            fault = faults[place]
            if fault is None or fault is _SKIPPED:  # the first is never so: it was left out
                return Rejection._make((row, line, *_REST_OF_SKIPPED))
            return self._rejection(block.record(place), row, line, fault)

        return block.without(left_out, reject) if left_out else block

    def _faults(self, block: speedups.Block) -> list[_Fault | None]:
        """Return why each record of a block is left out; None for one that stays, or that can't be read."""
        if self._cells is not None:
            return self._faults_of_cells(block, self._cells)
        faults: list[_Fault | None] = []
        parts = [(block, None)] if self._fields is None else self._fields.parts(block, _LEAST_LINES)
        for lines, fields in parts:
            if fields is not None:
                faults += self._faults_of_cells(fields, [_Cell(at) for at in range(len(self._finders))])
                continue
            for place in range(lines.records):
                item = lines.record(place)
                faults.append(self._fault(self._values(item)) if isinstance(item, Record) else None)
        return faults

    def _faults_of_cells(self, block: speedups.Block, cells: Sequence[_Cell | None]) -> list[_Fault | None]:
        columns = [[""] * block.records if cell is None else self._column(block, cell) for cell in cells]
        rows = zip(*columns, strict=True)
        if any(cell is not None and cell.inside for cell in cells):
            return [self._fault(_readable(values)) for values in rows]
        return [self._faults_of_texts[values] for values in rows]

    def _column(self, block: speedups.Block, cell: _Cell) -> Sequence[Any]:
        texts = block.column(cell.at)
        if cell.inside:
            return [self._value_in(cell, text) for text in texts]
        return [self._clean(text) or "" for text in texts] if self._changes else texts


class _Unreadable(list[Any]):
    """Values of which some can't be read. That is an error where one is asked for, and only there."""

    def __getitem__(self, place: Any) -> Any:
        value = super().__getitem__(place)
        if isinstance(value, BadValue):
            raise value
        return value


def _readable(values: Sequence[Any]) -> Sequence[Any]:
    return _Unreadable(values) if any(isinstance(value, BadValue) for value in values) else values


def check_where(reading: Reading, columns: Sequence[str], *, paths: Openable) -> None:
    """Check that the columns of a condition exist; of objects, the keys at which paths begin.

    Args:
        reading: How the records are read.
        columns: The columns that they have before any is left out.
        paths: Into which of them a path may lead.

    Raises:
        MappingError: One does not exist, or the condition can't be read.
    """

    def is_known(path: str) -> bool:
        if reading.dialect.has_cells:
            cell = _cell_of(path, columns)
            return cell is not None and (not cell.inside or paths is True or cell.column in (paths or ()))
        return any(first in columns for first, _ in _beginnings(path))

    if reading.shape.where:
        _condition_of(reading).check(is_known, columns)


def columns_of_where(reading: Reading) -> tuple[str, ...]:
    """Return the columns that the condition of a reading names, as it names them; none without one."""
    return _condition_of(reading).columns if reading.shape.where else ()


def _condition_of(reading: Reading) -> Condition:
    return compile_where(reading.shape.where, reading.null, marks_of(reading), hides=bool(reading.shape.mask))


# ── where the values of a column stand ───────────────────────────────────────────────────────────


def _path_of(text: str) -> Path:
    path = parse_path(text)
    assert path is not None, "the grammar of conditions has paths only"
    return path


class _Cell(NamedTuple):
    """Where a value stands in a row.

    Attributes:
        at: The place of the cell.
        inside: The path to the value in the JSON of the cell; empty if the cell itself is the value.
        column: The name of the column of the cell.
    """

    at: int
    inside: Path = ()
    column: str = ""


def _cell_of(path: str, columns: Sequence[str]) -> _Cell | None:
    """Return where the value of a column, or of a path into one, stands; None if there is no such column."""
    parsed = _path_of(path)
    for name in (path, *map(str, parsed)) if len(parsed) == 1 else (path,):
        if name in columns:
            return _Cell(columns.index(name))
    first, *inside = path_to(path, columns)
    if first not in columns or not inside:
        return None
    return _Cell(columns.index(str(first)), tuple(inside), str(first))


def _beginnings(path: str) -> list[tuple[str, Path]]:
    """Return the keys of an object at which a path may begin, and what is left of it there.

    Dots may be part of a key, unless the path has quotes: then these say what the keys are.
    """
    parsed = _path_of(path)
    names = next((at for at, step in enumerate(parsed) if not isinstance(step, str)), len(parsed))
    most = 1 if '"' in path else names
    return [(".".join(map(str, parsed[:end])), parsed[end:]) for end in range(most, 0, -1)]


def _make_finder(path: str, opened_at: Callable[[Path, Any], Any]) -> Callable[[Mapping[str, Any]], Any]:
    """Return what finds the value at a path in an object; the error if its text can't be read."""
    beginnings = _beginnings(path)

    def find(values: Mapping[str, Any]) -> Any:
        for first, rest in beginnings:
            if first in values:
                try:
                    return opened_at((first, *rest), values)
                except BadValue as error:
                    return error
        return None

    return find


def _make_field_finder(condition: Condition, reading: Reading) -> speedups.FieldFinder | None:
    """Return what finds the values of a condition in lines of JSON; None if they must become objects."""
    paths = [_path_of(path) for path in condition.columns]
    inside = {path[0] for path in paths if len(path) > 1}
    outside = {path[0] for path in paths if len(path) == 1}
    if not speedups.COMPILED or len(inside) > 1 or inside & outside or len(paths) > _MOST_KEYS:
        return None
    if any(len(path) > 2 or not isinstance(path[-1], str) for path in paths) or len({*paths}) < len(paths):  # noqa: PLR2004
        return None
    # Where a text may mean something else than the number that is written so, texts alone are found.
    odd_words = [word for word in reading.null if is_number(word) or word in BOOLEANS]
    texts_only = bool(odd_words) or marks_of(reading) is not None
    others = [0 if texts_only else _others(condition.kinds.get(column, ())) for column in condition.columns]
    keys = [
        (_utf8(path[-1]), len(path) > 1, False, other, -1) for path, other in zip(paths, others, strict=True)
    ]
    # A key with the name of a whole path is what the path means.
    refused = tuple(_utf8(text) for text, path in zip(condition.columns, paths, strict=True) if len(path) > 1)
    return speedups.FieldFinder(keys, b"".join(map(_utf8, inside)), refused)


def _others(kinds: Collection[Kind]) -> int:
    """Return what the text of a value may stand for, as `speedups.FieldFinder` takes it.

    It may be only what means the same as its text to all that it is compared with.
    """
    if "truth" in kinds:
        return 3 if len(kinds) == 1 else 0
    return 1 if "text" in kinds else 2


def _utf8(name: str | int) -> bytes:
    return str(name).encode("utf-8", "surrogatepass")
