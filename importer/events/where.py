"""Which records are sent: ``where``, a condition like that of SQL, on the columns of a record.

A condition is true, false or unknown, and a record stays if it is true. What is compared with a value that
is missing is unknown; ``and``, ``or`` and ``not`` go on from there as in SQL. They are asked from left to
right, and no further than the answer depends on it: in ``type = 'order' and amount > 0``, an amount that is
no number makes an order invalid, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Final, Literal, Protocol

from importer.errors import BadValue
from importer.events.columns import kind_of
from importer.events.comparisons import Read, Test, make_comparison, make_likeness, make_membership
from importer.events.types import is_number, to_boolean
from importer.events.where_syntax import WrongPlace, parse_where
from importer.events.where_tree import (
    Column,
    Comparison,
    Junction,
    Likeness,
    Membership,
    Negation,
    Node,
    NullTest,
    Value,
    Written,
)
from importer.text import escaped_cut, list_columns, nearest, quoted, quoted_name

INCOMPARABLE: Final = "where: "
"""How the error begins for a value that can't be compared."""

Kind = Literal["text", "number", "truth"]
"""What a value is compared as."""

_NAMES: Final[Mapping[Kind, str]] = {"text": "a text", "number": "a number", "truth": "true or false"}

Ask = Callable[[Sequence[Any]], bool | None]
"""Answers a condition, given the values of its columns; None if the answer is unknown."""


class PlainNumbers(Protocol):
    """The marks of numbers as people write them: `number_marks.NumberMarks`."""

    def plain_number(self, text: str) -> str:
        """Return a number in JSON's grammar; raises `BadValue` if the text is none."""


class Condition:
    """A condition that can be asked.

    Args:
        text: As it was written.
        columns: The columns that it names, each once.
        ask: Answers it, given a value for each of them: None for one that is missing.
        kinds: Of each column that is compared, the kinds of what it is compared with.

    Attributes:
        columns: As above: names, or paths as `columns.parse_path` reads them.
        ask: As above. It raises `BadValue` for a value that can't be compared, and names the column.
        kinds: As above.
    """

    def __init__(
        self, text: str, columns: Sequence[Column], ask: Ask, kinds: Mapping[str, Collection[Kind]]
    ) -> None:
        self._text = text
        self.kinds = kinds
        self._columns = columns
        self.columns = tuple(column.path for column in columns)
        self.ask = ask

    def __call__(self, look: Callable[[str], Any]) -> bool | None:
        """Return whether it holds for a record; None if that is unknown.

        Args:
            look: Returns the value of a column; None if there is none.

        Raises:
            BadValue: A value can't be compared.
        """
        return self.ask([look(column) for column in self.columns])

    def check(self, exists: Callable[[str], bool], columns: Sequence[str]) -> None:
        """Check that its columns exist.

        Args:
            exists: Returns whether one does.
            columns: The columns that there are.

        Raises:
            MappingError: One does not.
        """
        for path, position in self._columns:
            if not exists(path):
                problem = f"there is no column {quoted_name(path)}{nearest(path, columns)}"
                raise WrongPlace(position, problem, list_columns(columns)).shown_in(self._text)


def compile_where(
    text: str, null: Collection[str] = (), marks: PlainNumbers | None = None, *, hides: bool = False
) -> Condition:
    """Return the condition that a text is.

    Args:
        text: The condition.
        null: Texts that mean no value, beside the empty one.
        marks: Of numbers in texts, as people write them; None for JSON's numbers alone.
        hides: True if an error on a value says of which kind this is, and nothing else of it.

    Raises:
        MappingError: It is none, or can never hold; the error shows the place.
    """
    compiler = _Compiler(frozenset(null), marks, hides=hides)
    node = parse_where(text)
    try:
        ask = compiler.ask(node)
    except WrongPlace as error:
        raise error.shown_in(text) from None
    return Condition(text, tuple(compiler.columns.values()), ask, compiler.kinds)


class _Compiler:
    """Makes an `Ask` of the tree of a condition, and notes its columns, by their paths."""

    def __init__(self, null: frozenset[str], marks: PlainNumbers | None, *, hides: bool) -> None:
        self.columns: dict[str, Column] = {}
        self.kinds: dict[str, set[Kind]] = {}
        self._null = null | {""}
        self._marks = marks
        self._ask_value = _ask_hidden if hides else _ask_value

    def ask(self, node: Node) -> Ask:
        """Return what answers a condition.

        Raises:
            WrongPlace: It can never hold, or compares what can't be compared.
        """
        if isinstance(node, Junction):
            parts = [self.ask(part) for part in node.parts]
            return partial(_settle, parts, not node.is_and)
        if isinstance(node, Negation):
            return partial(_oppose, self.ask(node.part))
        self.columns.setdefault(node.column.path, node.column)
        place = [*self.columns].index(node.column.path)
        if isinstance(node, NullTest):
            return lambda values: _is_missing(values[place])
        return partial(self._ask_value, place, node.column.path, self._test(node))

    def _test(self, node: Comparison | Membership | Likeness) -> Test:
        if isinstance(node, Likeness):
            return self._likeness(node)
        values = node.values if isinstance(node, Membership) else (node.value,)
        for value in values:
            self._check_value(node.column, value)
            self.kinds.setdefault(node.column.path, set()).add(_kind_of(value.value))
        if isinstance(node, Membership):
            self._check_kinds(node.values)
            return make_membership([v.value for v in node.values], self._reader(node.values[0]))
        if isinstance(node.value.value, bool) and node.operator not in ("=", "!=", "<>"):
            raise WrongPlace(
                node.value.position, f"true and false have no order, expected = or !=, found {node.operator}"
            )
        return make_comparison(node.operator, node.value.value, self._reader(node.value), _exact)

    def _likeness(self, node: Likeness) -> Test:
        self._check_value(node.column, node.pattern)
        self.kinds.setdefault(node.column.path, set()).add("text")
        pattern = _text_of(node.pattern)
        escape = "" if node.escape is None else _text_of(node.escape)
        if node.escape is not None and len(escape) != 1:
            raise WrongPlace(node.escape.position, f"expected one character, found {_written(escape)}")
        try:
            return make_likeness(pattern, escape, _read_text)
        except ValueError as error:
            raise WrongPlace(node.pattern.position, str(error)) from None

    def _reader(self, value: Value) -> Read:
        return _reader_of(value.value, self._marks)

    def _check_value(self, column: Column, value: Value) -> None:
        """Refuse a text that no value can be, as it is missing where it stands."""
        if isinstance(value.value, str) and value.value in self._null:
            what = "means no value here" if value.value else "is no value: what is empty is null"
            raise WrongPlace(
                value.position,
                f"{_written(value.value)} {what}, so nothing can be compared with it",
                f"Write {column.path} is null, or {column.path} is not null.",
            )

    def _check_kinds(self, values: Sequence[Value]) -> None:
        first = values[0].value
        for value in values:
            if _kind_of(value.value) != _kind_of(first):
                raise WrongPlace(
                    value.position,
                    f"expected {_NAMES[_kind_of(first)]} as ahead of it, found {_written(value.value)}",
                    "The values in brackets are of one kind: the column is read as that.",
                )


def _kind_of(written: Written) -> Kind:
    """Return what values are compared as with a written one."""
    if isinstance(written, str):
        return "text"
    return "truth" if isinstance(written, bool) else "number"


def _text_of(value: Value) -> str:
    if not isinstance(value.value, str):
        raise WrongPlace(value.position, f"expected a text, found {_written(value.value)}")
    return value.value


def _written(value: Written) -> str:
    """Return a value for a message, much as it was written."""
    return quoted(value) if isinstance(value, str) else str(value).lower()


# ── what is asked of each record ─────────────────────────────────────────────────────────────────


def _is_missing(value: Any) -> bool:
    return value is None or value == ""


def _ask_value(place: int, column: str, test: Test, values: Sequence[Any]) -> bool | None:
    value = values[place]
    if value is None or value == "":
        return None
    try:
        return test(value)
    except BadValue as error:
        raise BadValue(f"{INCOMPARABLE}{escaped_cut(column)}: {error}") from None


def _ask_hidden(place: int, column: str, test: Test, values: Sequence[Any]) -> bool | None:
    """Return what `_ask_value` does; an error does not quote the value."""

    def hiding(value: Any) -> bool:
        try:
            return test(value)
        except BadValue as error:
            raise BadValue(_without_value(str(error), value)) from None

    return _ask_value(place, column, hiding, values)


def _without_value(error: str, value: Any) -> str:
    """Return the error of a test with what the value is in its place."""
    expected, found, _ = error.partition(", found ")
    if found and expected.startswith("expected "):
        return f"{expected}, found {kind_of(value)}"
    return f"{kind_of(value)} and {error.rpartition(' and ')[2]}"  # ahead of that stands the value


def _oppose(ask: Ask, values: Sequence[Any]) -> bool | None:
    answer = ask(values)
    return None if answer is None else not answer


def _settle(parts: Sequence[Ask], settled: bool, values: Sequence[Any]) -> bool | None:  # noqa: FBT001 - by `partial`
    """Return the answer to several conditions: the one that settles it, else the other, or unknown.

    Args:
        parts: The conditions.
        settled: The answer of one that settles that of all: False for ``and``, True for ``or``.
        values: Of the columns.
    """
    unknown = False
    for ask in parts:
        answer = ask(values)
        if answer is settled:
            return settled
        unknown = unknown or answer is None
    return None if unknown else not settled


# ── values of records ────────────────────────────────────────────────────────────────────────────


def _reader_of(written: Written, marks: PlainNumbers | None) -> Read:
    """Return what reads a value of a record as the kind that a written value has."""
    if isinstance(written, str):
        return _read_text
    if isinstance(written, bool):
        return _read_boolean
    return lambda value: _read_number(value, marks)


def _read_text(value: Any) -> str:
    if type(value) is str:
        return value
    if type(value) is int:  # no other text means it, as one does of 1.10 and 1.1
        return str(value)
    raise BadValue(f"expected text, found {quoted(value)}")


def _read_boolean(value: Any) -> bool:
    if type(value) is bool:
        return value
    if type(value) is str:
        return to_boolean(value)
    raise BadValue(f"expected true or false, found {quoted(value)}")


def _read_number(value: Any, marks: PlainNumbers | None) -> int | Decimal:
    if type(value) is int:
        return value
    if type(value) is str:
        number = _exact(value if marks is None else marks.plain_number(value))
    elif type(value) is float:
        number = _exact(repr(value))  # the shortest text of the number: 1.1 is 1.1
    else:
        number = value if isinstance(value, Decimal) and value.is_finite() else None
    if number is None:
        raise BadValue(f"expected a number, found {quoted(value)}")
    return number


def _exact(text: str) -> Decimal | None:
    """Return a number of JSON's grammar as it is written; None if the text is no such number."""
    if not is_number(text):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent of 19 digits
        return None
