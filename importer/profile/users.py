"""Looks for records without a user, and for a column that could be the user of these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from importer import speedups
from importer.events.field_names import plain_name, well_known
from importer.events.layout import field_columns
from importer.events.null_words import make_cleaned
from importer.events.property_names import PropertyNames
from importer.profile.chunk import ColumnarChunk, Finder, Portable, make_column_finder
from importer.profile.field_values import (
    ChoiceCounter,
    make_choice_finder,
    make_field_cell_finder,
    make_mapped_finder,
)
from importer.reading import MOST_ATTENTION_ROWS, Attention, AttentionRow, Reading
from importer.text import Remembered, counted, cut, shell_word

_OF_IDENTITIES: Final = frozenset(
    {
        "$deviceid", "$userid", "accountid", "amplitudeid", "anonid", "anonymousid", "appinstanceid",
        "clientid", "contactid", "cookieid", "customerid", "deviceid", "fullvisitorid", "guestid",
        "identity", "installationid", "installid", "memberid", "mpdeviceid", "profileid", "subscriberid",
        "userpseudoid", "visitorid",
    }
)  # fmt: skip
"""Names of columns that tell a person or a device; a session is neither, and an address changes."""

_MOST_COLUMNS: Final = 50
"""Most columns that are counted as a user: objects may have any number of keys."""

_NAME: Final = "distinct_id"
_HAS_USER: Final = f'"{_NAME}"'


def make_user_observer(reading: Reading) -> UserObserver | None:
    """Return what looks for records without a user; None where ``--set`` or a default gives one to all."""
    return None if "distinct_id" in {*reading.constants, *reading.defaults} else UserObserver(reading)


class UserObserver(Portable):
    """Counts records without a user, and how many of them have a value in a column that could be one.

    Args:
        reading: How the source is read.
    """

    _FINDERS = frozenset({"_cleaned", "_find_user", "_find_cells", "_find_candidates"})

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._records = 0
        self._missing = 0
        self._rows: list[AttentionRow] = []
        self._filled: Counter[str] = Counter()
        self._empty = {"", *reading.null} if reading.dialect.has_cells else {""}
        self._cleaned = make_cleaned(reading)
        self._taken = field_columns(reading)
        self._find_user = _user_finder(reading)
        self._find_cells = make_field_cell_finder(reading, "distinct_id")
        self._nulls = tuple(null.encode("utf-8", "surrogatepass") for null in reading.null)
        self._own = _own_columns(reading)
        self._find_candidates: Callable[[ColumnarChunk, Sequence[int]], None] = self._count_keys
        if reading.dialect.has_cells:
            self._find_candidates = self._count_cells
            self._candidates = [
                (index, column)
                for index, column in enumerate(reading.columns)
                if _is_identity(column) and column not in self._taken
            ]

    def observe(self, chunk: ColumnarChunk) -> None:
        """As in `Observer`."""
        self._records += chunk.records
        missing = self._find_missing(chunk) if chunk.records else ()
        if not missing:
            return
        self._missing += len(missing)
        if len(self._rows) < MOST_ATTENTION_ROWS and "distinct_id" in self._reading.mapped:
            self._rows += map(chunk.row, missing[: MOST_ATTENTION_ROWS - len(self._rows)])
        self._find_candidates(chunk, missing)

    def merge(self, later: UserObserver) -> None:
        """Add what was found in a later part of the source, or in another source."""
        self._records += later._records
        self._missing += later._missing
        self._rows = (self._rows + later._rows)[:MOST_ATTENTION_ROWS]
        for column, count in later._filled.items():
            self._add(column, count)

    def attention(self) -> list[Attention]:
        """As in `AttentionObserver`."""
        if not self._missing:
            return []
        best = max(self._filled, key=lambda column: self._filled[column], default="")
        also = f"; `{cut(best)}` is filled in {self._filled[best]:,} of them" if best else ""
        if "distinct_id" not in self._reading.mapped and self._missing == self._records:
            are = "is" if self._records == 1 else "are"
            text = f"no column holds the user: {counted(self._records, 'event')} {are} sent without one"
        else:
            text = f"no user in {self._missing:,} of {counted(self._records, 'record')}"
        remedy = self._remedy(best)
        return [Attention.of("no-user", text + also, remedy, count=self._missing, rows=self._rows)]

    def _remedy(self, best: str) -> str:
        mapped = self._reading.fields.get("distinct_id")
        entries = [mapped] if mapped else list(self._reading.alternatives.get("distinct_id", ()))
        if best:
            key = best.rpartition(".")[2]
            # As Mixpanel makes a user of these two, which stay properties: see `mapping.choose_fields`.
            as_template = {"$device_id": f"$device:{{{best}}}", "$user_id": f"{{{best}}}"}
            entries.append(as_template.get(key, best))
        elif entries:
            return ""
        return f"--map {shell_word('distinct_id=' + ','.join(entries or ['COLUMN']))}"

    def _find_missing(self, chunk: ColumnarChunk) -> Sequence[int]:
        """Return the places of the records without a user."""
        cells = self._find_cells(chunk)
        if cells is not None:
            empty = speedups.missing_cells(*cells, self._nulls)
            if not empty or chunk.cells:  # no line among these has a user elsewhere
                return empty
        else:
            empty = [at for at, user in enumerate(self._find_user(chunk)) if self._is_missing(user)]
            if chunk.cells and empty:  # few lines have to become objects
                left = self._without_own(chunk.at(empty), list(range(len(empty))))
                return [empty[at] for at in left]
        return self._without_own(chunk, empty)

    def _without_own(self, chunk: ColumnarChunk, empty: list[int]) -> list[int]:
        """Return which of some records have no user under Mixpanel's own name for it."""
        for column in self._own if empty else ():
            values = self._values_that_may_hold_user(chunk, column, empty)
            with_user = {at for at, value in values if self._holds_user(value)}
            empty = [at for at in empty if at not in with_user] if with_user else empty
        return empty

    def _values_that_may_hold_user(
        self, chunk: ColumnarChunk, column: str, places: list[int]
    ) -> Iterable[tuple[int, Any]]:
        """Return the values of a column in some records, by place, at least those that may hold a user."""
        if chunk.block is None:
            values = make_column_finder(self._reading, column)(chunk)
            return ((at, values[at]) for at in places)
        return speedups.cells_beside(chunk.block, self._reading.columns.index(column), _NAME.encode(), places)

    def _is_missing(self, user: Any) -> bool:
        return user is None or (type(user) is str and user in self._empty)

    def _holds_user(self, value: Any) -> bool:
        """Return whether a value is a user, or an object of properties with one, perhaps as JSON."""
        if isinstance(value, dict):
            return not self._is_missing(value.get("distinct_id"))
        if isinstance(value, str) and value.startswith("{"):
            return _HAS_USER in value
        return not self._is_missing(value)

    def _count_cells(self, chunk: ColumnarChunk, missing: Sequence[int]) -> None:
        for index, column in self._candidates:
            if chunk.block is None:
                cells = chunk.column(index)
                self._add(column, sum(cells[at] not in self._empty for at in missing))
            else:
                empty = speedups.missing_cells(chunk.block, index, self._nulls)
                self._add(column, len(missing) - len(set(empty).intersection(missing)))

    def _count_keys(self, chunk: ColumnarChunk, missing: Sequence[int]) -> None:
        for at in missing:
            found = chunk.values(at)
            for column, value in self._identities(found) if isinstance(found, dict) else ():
                if self._cleaned(value) not in (None, ""):
                    self._add(column, 1)

    def _identities(self, found: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """Yield the columns that could be a user: keys of an object, and of the objects directly in it."""
        for key, value in found.items():
            if isinstance(value, dict):
                yield from self._identities_inside(key, value)
            elif _is_identity(key) and key not in self._taken and not isinstance(value, list):
                yield key, value

    def _identities_inside(self, key: str, found: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        if key not in self._reading.columns:
            return  # a path to it could not be mapped
        is_user = well_known(key) == "distinct_id"
        for name, value in found.items():
            path = f"{key}.{name}"
            if "." in name or path in self._taken or isinstance(value, dict | list):
                continue
            if _is_identity(name) or (is_user and plain_name(name) == "id"):
                yield path, value

    def _add(self, column: str, count: int) -> None:
        if count and (column in self._filled or len(self._filled) < _MOST_COLUMNS):
            self._filled[column] += count


def _names_identity(column: str) -> bool:
    return plain_name(column) in _OF_IDENTITIES or well_known(column) == "distinct_id"


_is_identity: Final = Remembered(_names_identity).__getitem__


def _user_finder(reading: Reading) -> Finder:
    """Return a function that finds the users of records, where a column gives them."""
    if "distinct_id" in reading.alternatives:
        return make_choice_finder(reading, ChoiceCounter(reading, "distinct_id"))
    return make_mapped_finder(reading, "distinct_id")


def _own_columns(reading: Reading) -> tuple[str, ...]:
    """Return the columns that may hold a property of Mixpanel's own name, a user where no other is."""
    taken, bag, names = field_columns(reading), reading.fields.get("properties"), PropertyNames(reading)
    columns = [
        column
        for column in (reading.columns if reading.dialect.has_cells else (_NAME,))
        if names.of_column(column) == _NAME and column not in taken and reading.types.get(column) != "skip"
    ]
    return (*columns, *([bag] if bag else []))
