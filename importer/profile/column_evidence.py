"""What is known of one column of text cells, in constant memory, and the type that follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from importer.events.null_words import is_null_word
from importer.profile.cell_kinds import are_booleans, are_dates, are_numbers, are_short_numbers
from importer.profile.number_evidence import NumberEvidence, RowOf, Seen
from importer.profile.number_forms import ALL_BITS, BOOLEAN_BIT, DATE_BIT
from importer.reading import ColumnProfile, ColumnType

_EXAMPLES: Final = 3
_HEAD: Final = 100
_MOST_WORDS: Final = 8
_PROBE: Final = 16  # values that are looked at ahead of the others: most columns of text show there


class OddValue(NamedTuple):
    """A value that makes a column one of text, though its first values are numbers, or booleans.

    Attributes:
        seen: The first such value.
        kind: The type that the column would have without such values.
        fitting: How many of the first values are of that type.
        looked_at: How many these are.
    """

    seen: Seen
    kind: ColumnType
    fitting: int
    looked_at: int


@dataclass(slots=True)
class ColumnEvidence:
    """What is known of one column. It depends only on the values and their order, not on the chunks.

    Attributes:
        name: Name of the column.
        numbers: The values that are numbers.
        booleans: True if a value is a boolean.
        dates: True if a value begins with a date.
        words: Words among the values that mean "no value", each as it is spelled.
        is_text: True if a value is something else, or if there are values of two of these kinds.
        filled: Values so far.
        examples: The first distinct values.
        head: The first values.
        not_number: The first value that is neither a number of JSON's grammar nor one of the words.
        not_boolean: The first value that is neither a boolean nor one of the words.
    """

    name: str
    numbers: NumberEvidence = field(default_factory=NumberEvidence)
    booleans: bool = False
    dates: bool = False
    words: dict[str, Seen] = field(default_factory=dict)
    is_text: bool = False
    filled: int = 0
    examples: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    not_number: Seen | None = None
    not_boolean: Seen | None = None

    # ── cells that are counted ───────────────────────────────────────────────────────────────────

    @property
    def can_be_counted(self) -> bool:
        """True if `add_counted` may do for further cells."""
        return len(self.head) == _HEAD

    @property
    def needs_examples(self) -> bool:
        """True if any text that is none of `texts_apart` is to be kept as an example."""
        return len(self.examples) < _EXAMPLES

    @property
    def texts_apart(self) -> tuple[str, ...]:
        """The values of which `add_counted` needs no more than how many cells hold each."""
        if not self.words and len(self.examples) == _EXAMPLES:
            return ()
        words = [word for word, seen in self.words.items() if seen.has_all_rows]
        examples = self.examples if len(self.examples) < _EXAMPLES else ()
        return (*words, *(text for text in examples if text not in self.words))

    @property
    def known_bits(self) -> int:
        """The bits of the forms that are known, as `Block.count_column` has them; all if none matters."""
        if self.is_text:
            return ALL_BITS
        return self.numbers.bits | (BOOLEAN_BIT if self.booleans else 0) | (DATE_BIT if self.dates else 0)

    def add_counted(
        self,
        filled: int,
        apart: Iterable[tuple[str, int]],
        first: Sequence[tuple[int, str] | None],
        row: RowOf,
    ) -> bool:
        """Count further cells without reading each.

        Args:
            filled: How many have a value that is none of `texts_apart`.
            apart: Each of `texts_apart` with the number of cells that hold it.
            first: The first cell of each form that is not known yet, as `Block.count_column` has them.
            row: Returns which record a cell belongs to.

        Returns:
            False if that does not settle what they are: then `add` must read each.
        """
        if (filled and self.needs_examples) or None in first:
            return False
        self.count(filled, apart)
        for place, text in filter(None, first):
            self._look((text,), (text,), lambda _, place=place: row(place))  # type: ignore[misc]
        return True

    def count(self, filled: int, apart: Iterable[tuple[str, int]]) -> None:
        """Count further cells of known forms; arguments as for `add_counted`."""
        self.filled += filled
        for text, count in apart:
            self.filled += count
            if text in self.words:
                self.words[text].count += count

    # ── cells that are read ──────────────────────────────────────────────────────────────────────

    def add(self, cells: Sequence[str], nulls: frozenset[str], row: RowOf) -> None:
        """Take further cells into account.

        Args:
            cells: The cells.
            nulls: Texts that mean "no value".
            row: Returns which record a cell belongs to.
        """
        only_empty = len(nulls) == 1
        if len(self.head) == _HEAD and len(self.examples) < _EXAMPLES and not self.words:
            known = sum(map(cells.count, self.examples))
            if known + sum(map(cells.count, nulls)) == len(cells):  # nothing new
                self.filled += known
                return
        elif len(self.head) == _HEAD and len(self.examples) == _EXAMPLES and self.is_text:
            self.filled += len(cells) - (0 if only_empty and all(cells) else sum(map(cells.count, nulls)))
            return
        is_first = not self.head
        values = list(filter(None, cells)) if only_empty else [cell for cell in cells if cell not in nulls]
        self.filled += len(values)
        self._add_first(values, values)
        if is_first and len(cells) > _PROBE:
            self._look(cells[:_PROBE], [cell for cell in cells[:_PROBE] if cell not in nulls], row)
            rest = [cell for cell in cells[_PROBE:] if cell not in nulls]
            self._look(cells[_PROBE:], rest, lambda at: row(_PROBE + at))
        else:
            self._look(cells, values, row)

    def _look(self, cells: Sequence[str], values: Sequence[str], row: RowOf) -> None:
        """Find out what values are, unless the column is text in any case."""
        if not values or self.is_text:
            return
        kind, others = self._add_all(cells, values, row), values
        if not kind:
            others = self._add_words(cells, values, row)
            kind = self._add_all(cells, others, row) if others else ""
            if others and not kind:
                self.is_text |= not self.numbers.add_any(cells, others, row)
        self._add_misfits(cells, self._ahead_of_text(values, others), kind, row)
        self._check_text()

    def _add_all(self, cells: Sequence[str], values: Sequence[str], row: RowOf) -> str:
        """Take values into account that are all of one kind, and return that; empty if they are not."""
        if are_short_numbers(values):
            self.numbers.add(cells, values, row)
            return "number"
        if are_booleans(values):
            self.booleans = True
            return "boolean"
        if are_dates(values):
            self.dates = True
            return "date"
        if are_numbers(values):
            self.numbers.add(cells, values, row)
            return "number"
        return ""

    def _add_words(self, cells: Sequence[str], values: Sequence[str], row: RowOf) -> list[str]:
        """Count the words that mean "no value", and return the other values."""
        found = {value for value in set(values) if is_null_word(value)}
        for word in sorted(found, key=values.index)[: _MOST_WORDS + 1]:
            self.words.setdefault(word, Seen(word)).add(cells, (word,), row, values.count(word))
        return [value for value in values if value not in found] if found else list(values)

    def _ahead_of_text(self, values: Sequence[str], others: Sequence[str]) -> Sequence[str]:
        """Return those of the last values ahead of the word with which there are too many, without words."""
        if len(self.words) <= _MOST_WORDS:
            return others
        too_many = list(self.words)[_MOST_WORDS]
        return [value for value in values[: values.index(too_many)] if value not in self.words]

    def _add_misfits(self, cells: Sequence[str], values: Sequence[str], kind: str, row: RowOf) -> None:
        """Keep the first value that is no number, and the first that is no boolean.

        Args:
            cells: As for `add`.
            values: Those with a value that is no word for "no value".
            kind: What all of these are, as from `_add_all`.
            row: As for `add`.
        """
        if self.not_number is None and kind != "number":
            self.not_number = _first_misfit(are_numbers, cells, values, row)
        if self.not_boolean is None and kind != "boolean":
            self.not_boolean = _first_misfit(are_booleans, cells, values, row)

    def _add_first(self, distinct: Sequence[str], head: Sequence[str]) -> None:
        """Keep further values as long as they are among the first ones."""
        if len(self.examples) < _EXAMPLES:
            self.examples = tuple(dict.fromkeys([*self.examples, *distinct]))[:_EXAMPLES]
        if len(self.head) < _HEAD:
            self.head += tuple(head[: _HEAD - len(self.head)])

    def _check_text(self) -> None:
        """Settle on text where two kinds of values stand together, or more words than are worth a word."""
        kinds = bool(self.numbers) + self.booleans + self.dates
        self.is_text |= kinds > 1 or len(self.words) > _MOST_WORDS

    def merge(self, later: ColumnEvidence) -> None:
        """Add what is known of the same column in a later part of the source."""
        self.filled += later.filled
        self._add_first(later.examples, later.head)
        self.not_number = self.not_number or later.not_number
        self.not_boolean = self.not_boolean or later.not_boolean
        self.is_text |= later.is_text or not self.numbers.merge(later.numbers)
        self.booleans |= later.booleans
        self.dates |= later.dates
        for word, seen in later.words.items():
            if word in self.words:
                self.words[word].merge(seen)
            else:
                self.words[word] = seen
        self._check_text()

    # ── what follows ─────────────────────────────────────────────────────────────────────────────

    @property
    def kind(self) -> ColumnType:
        """The narrowest type that holds for every value."""
        return "string" if self.words else self.kind_of_others

    @property
    def kind_of_others(self) -> ColumnType:
        """The type that the column would have without its words for "no value"."""
        if self.is_text:
            return "string"
        if self.booleans:
            return "boolean"
        return self.numbers.kind if self.numbers else "string"

    def profile(self) -> ColumnProfile:
        """Return what is known of the column."""
        kind = self.kind
        seen = self._odd_value() if kind == "string" else None
        if seen is None:
            return ColumnProfile(self.name, kind, self.filled, self.examples)
        return ColumnProfile(self.name, kind, self.filled, self.examples, seen.example, seen.rows[0])

    def _odd_value(self) -> Seen | None:
        """Return the value that makes a column of numbers or booleans one of text; None if there is none."""
        if self.numbers.clash and self.not_number is None:
            return self.numbers.clash[-1][1]
        odd = self.odd
        if odd is not None:
            return odd.seen
        words_alone = self.words and self.kind_of_others != "string"
        return next(iter(self.words.values())) if words_alone else None

    @property
    def is_but_for_words(self) -> bool:
        """True if the column would be one of numbers, booleans or dates but for its words for "no value"."""
        return bool(self.words) and not self.is_text and bool(self.numbers or self.booleans or self.dates)

    @property
    def odd(self) -> OddValue | None:
        """What makes a column of numbers or booleans one of text; None if the first values don't look so.

        In a column of numbers, one in ten of the first values may be none; in one of booleans, none of them.
        """
        head = [value for value in self.head if not is_null_word(value)]
        numbers = sum(map(self.numbers.is_number, head))
        if self.not_number is not None and (len(head) - numbers) * 10 <= len(head):
            return OddValue(self.not_number, "number", numbers, len(head)) if head else None
        if self.not_boolean is not None and head and are_booleans(head):
            return OddValue(self.not_boolean, "boolean", len(head), len(head))
        return None


def _first_misfit(
    fits: Callable[[Sequence[str]], bool], cells: Sequence[str], values: Sequence[str], row: RowOf
) -> Seen | None:
    """Return the first value of a column that does not fit."""
    value = next((value for value in values if not fits([value])), None)
    return None if value is None else Seen(value, rows=(row(cells.index(value)),))
