"""The numbers of one column, in constant memory: how they are written, and the type that follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from importer.events.number_marks import BareNumber, NumberMarks, bare_number
from importer.events.types import is_number
from importer.profile.cell_kinds import are_numbers
from importer.profile.number_forms import (
    BIT_OF_FORM,
    MOST_SIGNIFICANT,
    WHOLE,
    NumberForm,
    are_integers,
    contradiction,
    form_of,
    forms_in,
)
from importer.reading import MOST_ATTENTION_ROWS, AttentionRow, ColumnType

RowOf = Callable[[int], AttentionRow]
"""Returns which record stands at a place of a column."""

COMMON_MARKS: Final = (
    *(NumberMarks(",", thousands) for thousands in ("", ".", " ", "'")),
    *(NumberMarks(".", thousands) for thousands in ("", ",", " ", "'")),
)
"""Marks with which people write numbers. JSON's numbers are among those of ``.`` alone."""


@dataclass(slots=True)
class Seen:
    """Some cells of one kind.

    Attributes:
        example: The first of them.
        count: How many there are, where that matters.
        rows: The first records that have one, at most `MOST_ATTENTION_ROWS`.
    """

    example: str
    count: int = 0
    rows: tuple[AttentionRow, ...] = ()

    @property
    def has_all_rows(self) -> bool:
        """True if no further row is kept."""
        return len(self.rows) == MOST_ATTENTION_ROWS

    def add(self, cells: Sequence[str], kind: Iterable[str], row: RowOf, count: int = 0) -> None:
        """Take further cells into account.

        Args:
            cells: All cells of a column in some records.
            kind: The texts that are of this kind.
            row: Returns which record a cell belongs to.
            count: How many cells are of this kind.
        """
        self.count += count
        if not self.has_all_rows:
            texts = set(kind)
            found = [row(at) for at, cell in enumerate(cells) if cell in texts]
            self.rows = (*self.rows, *found)[:MOST_ATTENTION_ROWS]

    def merge(self, later: Seen) -> None:
        """Add cells of the same kind in a later part of the source."""
        self.count += later.count
        self.rows = (*self.rows, *later.rows)[:MOST_ATTENTION_ROWS]


def reads(marks: NumberMarks, form: NumberForm) -> bool:
    """Return whether numbers of JSON's grammar, in some form, are numbers with other marks, too."""
    return marks.decimal == "." or not form.decimals or (form.grouped and marks.thousands == ".")


@dataclass(slots=True)
class NumberEvidence:
    """What is known of the values of a column that are numbers, in JSON's grammar or as people write them.

    Attributes:
        marks: The marks that are declared; None for JSON's grammar alone.
        forms: The forms of those in JSON's grammar, in the order in which they occur.
        marked: Those that are numbers only with other marks, or without a sign; None if there is none.
        fitting: The marks with which all of ``marked`` are numbers.
        signs: The signs of currency and percent beside ``marked``.
        minuses: What says of one of ``marked`` that it is negative, if not a minus ahead: ``-``, ``()``.
        marked_forms: The forms of ``marked``, if marks are declared.
    """

    marks: NumberMarks | None = None
    forms: dict[NumberForm, Seen] = field(default_factory=dict)
    marked: Seen | None = None
    fitting: tuple[NumberMarks, ...] = COMMON_MARKS
    signs: frozenset[str] = frozenset()
    minuses: frozenset[str] = frozenset()
    marked_forms: dict[NumberForm, Seen] = field(default_factory=dict)
    _bits: tuple[int, int] = (0, 0)  # how many forms there were, and their bits

    def __post_init__(self) -> None:
        if self.marks is not None:
            self.fitting = (self.marks,)

    def __bool__(self) -> bool:
        return bool(self.forms or self.marked)

    @property
    def bits(self) -> int:
        """The bits of the forms that are known, as `Block.count_column` has them."""
        if self._bits[0] != len(self.forms):
            self._bits = len(self.forms), sum(BIT_OF_FORM.get(form, 0) for form in self.forms)
        return self._bits[1]

    def add(self, cells: Sequence[str], values: Sequence[str], row: RowOf) -> None:
        """Take further numbers of JSON's grammar into account.

        Args:
            cells: All cells of the column in some records.
            values: Those that are numbers, in the same order.
            row: Returns which record a cell belongs to.
        """
        _add_new(self.forms, set(forms_in(values)), values, values, cells, row)

    def add_any(self, cells: Sequence[str], values: Sequence[str], row: RowOf) -> bool:
        """Take further values into account, some of which are no numbers of JSON's grammar.

        Returns:
            False if one is no number with any marks that fit the others.
        """
        plain: list[str] = []
        marked: list[str] = []
        for value in values:
            (plain if is_number(value) else marked).append(value)
        if plain and not are_numbers(plain):
            return False
        if plain:
            self.add(cells, plain, row)
        bare = list(map(bare_number if self.marks is None else BareNumber, marked))
        self.fitting = _still_fitting(self.fitting, [each.text for each in bare])
        if not self.fitting or not self._add_marked_forms(cells, marked, row):
            return False
        self.signs |= {each.sign for each in bare if each.sign}
        self.minuses |= {each.minus for each in bare if each.minus}
        self.marked = self.marked or Seen(marked[0])
        self.marked.add(cells, marked, row)
        return True

    def _add_marked_forms(self, cells: Sequence[str], marked: Sequence[str], row: RowOf) -> bool:
        """Keep the forms of numbers with marks; return False if one has too many digits or an exponent.

        With declared marks, as many digits as in JSON are allowed.
        """
        if self.marks is None:
            long = (value for value in marked if len(value) > MOST_SIGNIFICANT)
            if any(sum(map(str.isdigit, value)) > MOST_SIGNIFICANT for value in long):
                return False
            return not any("e" in value or "E" in value for value in marked)
        plain = list(map(self.marks.plain, marked))
        if not are_numbers(plain):
            return False
        _add_new(self.marked_forms, set(forms_in(plain)), plain, marked, cells, row)
        return True

    def merge(self, later: NumberEvidence) -> bool:
        """Add what is known of a later part of the source; return False if no marks fit all numbers."""
        for mine, other in ((self.forms, later.forms), (self.marked_forms, later.marked_forms)):
            for form, seen in other.items():
                mine.setdefault(form, seen)
        if self.marked is not None and later.marked is not None:
            self.marked.merge(later.marked)
        self.marked = self.marked or later.marked
        self.fitting = tuple(marks for marks in self.fitting if marks in later.fitting)
        self.signs |= later.signs
        self.minuses |= later.minuses
        return bool(self.fitting)

    def is_number(self, text: str) -> bool:
        """Return whether a text is a number as they are declared: with the marks, or in JSON's grammar."""
        plain = text if self.marks is None else self.marks.plain(text)
        return bool(plain) and are_numbers([plain])

    @property
    def is_read_with_marks(self) -> bool:
        """True if all values are numbers with the marks that are declared."""
        return self.marks is not None and all(reads(self.marks, form) for form in self.forms)

    @property
    def all_forms(self) -> Mapping[NumberForm, Seen]:
        """The forms of all numbers, as they are read."""
        if not self.is_read_with_marks or self.marks is None:
            return self.forms
        in_json = {
            WHOLE if form.grouped and self.marks.decimal != "." else form: seen
            for form, seen in self.forms.items()
        }
        return {**in_json, **self.marked_forms}

    @property
    def clash(self) -> tuple[tuple[NumberForm, Seen], ...]:
        """The form that no number may have, or the two that contradict each other; none if there are none."""
        forms = self.all_forms
        found = contradiction(forms, any_decimals=self.is_read_with_marks)
        return tuple((form, forms[form]) for form in found)

    @property
    def kind(self) -> ColumnType:
        """The type of a column of these numbers. ``json`` keeps numbers that declared marks would change."""
        if self.clash or (self.marked is not None and not self.is_read_with_marks):
            return "string"
        if are_integers(self.all_forms):
            return "integer"
        return "number" if self.marks is None or self.is_read_with_marks else "json"


def _still_fitting(fitting: Sequence[NumberMarks], numbers: Sequence[str]) -> tuple[NumberMarks, ...]:
    """Return those of some marks with which further texts are numbers, too.

    What needs no mark for thousands is a number with any: the texts are then looked at once.
    """
    bare = {marks.decimal for marks in fitting if not marks.thousands and marks.fit(numbers)}
    return tuple(
        marks for marks in fitting if marks.decimal in bare or (marks.thousands and marks.fit(numbers))
    )


def _add_new(
    known: dict[NumberForm, Seen],
    found: set[NumberForm],
    numbers: Sequence[str],
    values: Sequence[str],
    cells: Sequence[str],
    row: RowOf,
) -> None:
    """Keep the forms that are not known yet, each with the first value that has it."""
    new = found - known.keys()
    for number, value in zip(numbers, values, strict=True) if new else ():
        form = form_of(number)
        if form in new:
            new.remove(form)
            known[form] = Seen(value, rows=(row(cells.index(value)),))
            if not new:
                return
