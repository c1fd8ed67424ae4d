"""What the owner of a file might not expect of the types of its columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from importer.errors import BadValue
from importer.events.canonical import number_text
from importer.events.number_marks import NumberMarks
from importer.events.types import to_number
from importer.exact_json import is_exact
from importer.profile.column_evidence import ColumnEvidence
from importer.profile.number_evidence import Seen, reads
from importer.profile.number_forms import MOST_SIGNIFICANT, WHOLE, NumberForm
from importer.reading import Attention, AttentionRow, Reading
from importer.text import counted, cut, quoted, shell_word

_is_code: Final = re.compile(r"\+?[0-9]+").fullmatch
"""Text of digits that is no number, such as 02134: that it stays text is what its owner expects."""

_says_version: Final = re.compile(
    r".*(?:Version|(?<![Cc]on)version|(?<!CON)VERSION).*|(?i:ver|build|release)", re.DOTALL
).fullmatch

_MOST_COLUMNS: Final = 10
"""Most columns that are each named with a remedy of their own, of one kind of attention."""


def type_attention(columns: Sequence[ColumnEvidence], reading: Reading) -> list[Attention]:
    """Return what is to be said of the types that were inferred.

    Args:
        columns: What is known of each column.
        reading: The reading of the source, without the types that were inferred. Of columns that it maps to a
            field, or whose type it declares, nothing is said.
    """
    settled = {*reading.fields.values(), *reading.types}
    found = [
        (attention, column.name)
        for column in columns
        if column.name not in settled
        for attention in _Writer(column, reading).write()
    ]
    found.sort(key=lambda each: each[0].code)
    bounded = []
    for _, same in groupby(found, key=lambda each: each[0].code):
        bounded += list(_bounded(list(same)))
    return bounded


def _bounded(found: Sequence[tuple[Attention, str]]) -> Iterator[Attention]:
    """Yield the attentions of one code, and all beyond the first ones as one."""
    most = _MOST_COLUMNS if len(found) > _MOST_COLUMNS + 1 else len(found)
    yield from (attention for attention, _ in found[:most])
    further = found[most:]
    if further:
        first, _ = further[0]
        names = cut(", ".join(name for _, name in further), 200)
        text = f"{len(further):,} further columns are like these: {names}"
        yield Attention.of(
            first.code, text, count=max(attention.count for attention, _ in further), rows=first.rows
        )


class _Writer:
    """Writes what is to be said of one column that may hold something else than text.

    Args:
        column: What is known of it.
        reading: As for `type_attention`.
    """

    def __init__(self, column: ColumnEvidence, reading: Reading) -> None:
        self._column = column
        self._numbers = column.numbers
        self._name = column.name if column.name.isprintable() else quoted(column.name)
        self._nulls = reading.null
        self._delimiter = reading.dialect.delimiter

    def write(self) -> Iterator[Attention]:
        """Yield what is to be said."""
        numbers = self._numbers
        if self._column.is_text:
            yield from self._odd_value()
            return
        if numbers.marks is None and numbers.marked is not None:
            yield from self._undeclared_marks(numbers.marked)
        elif numbers.marks is not None and numbers.marked is not None and not numbers.is_read_with_marks:
            yield self._mixed_marks(numbers.marks, numbers.marked)
        elif self._may_be_grouped:
            yield self._groups()
        elif numbers.clash:
            yield self._clash(numbers.clash)
        elif self._column.words:
            yield from self._words()
        elif self._column.kind == "number" and _says_version(self._column.name):
            yield self._version()
        if numbers.marks is not None:
            yield from self._point_between_groups(numbers.marks)

    # ── words that mean "no value" ───────────────────────────────────────────────────────────────

    def _words(self) -> Iterator[Attention]:
        column = self._column
        if column.numbers:
            kind = "a number"
        elif column.booleans:
            kind = "a boolean"
        elif column.dates:
            kind = "a date or a time"
        else:
            return
        words = list(column.words.values())
        count = sum(each.count for each in words)
        shown = " or ".join(_shown(each.example) for each in words)
        yield Attention.of(
            "null-words",
            f"{self._name} would be {kind} but for {counted(count, 'cell')} {shown}",
            self._with_nulls(""),
            count=count,
            rows=in_order(row for each in words for row in each.rows),
        )

    def _with_nulls(self, options: str) -> str:
        """Return options together with those that leave out the column's words for "no value"."""
        words = self._column.words
        nulls = [*self._nulls, *(word for word in words if word not in self._nulls)] if words else []
        return " ".join([*(f"--null {shell_word(word)}" for word in nulls), options]).strip()

    # ── one value among others ───────────────────────────────────────────────────────────────────

    def _odd_value(self) -> Iterator[Attention]:
        """Yield that a column is text because of a value unlike its first ones."""
        odd = self._column.odd
        if odd is None or _is_code(odd.seen.example):
            return
        marks = self._numbers.marks
        sent = _meaning(marks, odd.seen.example) if marks is not None else odd.seen.example
        then = "such records are invalid" if sent == odd.seen.example else f"it is {sent}"
        of = f"{odd.fitting} of " if odd.fitting < odd.looked_at else ""
        yield Attention.of(
            "number-forms",
            f"{self._name} is text because of {quoted(odd.seen.example)}, though {of}its first"
            f" {odd.looked_at} values are {odd.kind}s; with --type, {then}",
            self._typed(odd.kind),
            rows=odd.seen.rows,
        )

    # ── forms of numbers ─────────────────────────────────────────────────────────────────────────

    def _clash(self, clash: Sequence[tuple[NumberForm, Seen]]) -> Attention:
        (form, seen), *others = clash
        if not others:
            why = f"since {_shown(seen.example)} has {self._flaw(form, seen)}"
        else:
            by_exponent = form.exponent != others[0][0].exponent
            forms = [
                f"{_shown(each.example)} has {_words(kind, by_exponent=by_exponent)}" for kind, each in clash
            ]
            why = f"since its numbers have two forms: {', '.join(forms)}"
        as_number = self._numbers.marks is None or self._numbers.is_read_with_marks
        return Attention.of(
            "number-forms",
            f"{self._name} is text, {why}",
            self._with_nulls(self._typed("number" if as_number else "json")),
            count=self._count(),
            rows=[row for _, each in clash for row in each.rows],
        )

    def _flaw(self, form: NumberForm, seen: Seen) -> str:
        """Return what a number has that none may have, and what it would lose as a number."""
        if form.bare_exponent and not form.long:
            flaw = "an exponent without sign or decimal point"
        else:
            flaw = f"more than {MOST_SIGNIFICANT} digits"
        marks = self._numbers.marks if self._numbers.is_read_with_marks else None
        plain = marks.plain(seen.example) if marks is not None else seen.example
        if form.bare_exponent or not is_exact(plain, float(plain)):
            flaw += f": as a number, it would be {_meaning(NumberMarks(), plain)}"
        return flaw

    def _version(self) -> Attention:
        """Say that what is called a version is read as a number."""
        forms = self._numbers.all_forms
        padded = next((seen for form, seen in forms.items() if form.zero_end), None)
        seen = padded or next(seen for form, seen in forms.items() if form.decimals)
        sent = _meaning(self._numbers.marks or NumberMarks(), seen.example)
        number = sent if padded else f"the number {sent}"
        return Attention.of(
            "number-forms",
            f"{self._name} is a number: {_shown(seen.example)} is sent as {number}",
            self._typed("string"),
            count=self._column.filled,
            rows=seen.rows,
        )

    # ── marks in numbers ─────────────────────────────────────────────────────────────────────────

    def _undeclared_marks(self, marked: Seen) -> Iterator[Attention]:
        """Yield with which options the column would be one of numbers, if with any."""
        numbers = self._numbers
        if len(numbers.signs) > 1 or any(form.exponent or form.long for form in numbers.forms):
            return
        fitting = [marks for marks in numbers.fitting if all(reads(marks, form) for form in numbers.forms)]
        comma = next((marks for marks in fitting if marks.decimal == ","), None)
        point = next((marks for marks in fitting if marks.decimal == "."), None)
        if comma and point and comma.thousands != "." and point.thousands != ",":
            comma = None  # no value has a comma or a point: all are integers, and the same ones
        choices = [marks for marks in (comma, point) if marks is not None]
        if not choices:
            return
        typed = self._typed("number") if numbers.signs or numbers.minuses else ""
        sign = f", without its {next(iter(numbers.signs))}" if numbers.signs else ""
        shown = _shown(marked.example)
        with_each = [
            f"with {marks.options} ({shown} is {_meaning(marks, marked.example)}{sign})" for marks in choices
        ]
        yield Attention.of(
            "decimal-mark",
            f"{self._name} would be a number {' or '.join(with_each)}",
            " or ".join(self._with_nulls(f"{marks.options} {typed}".strip()) for marks in choices),
            count=self._count(),
            rows=marked.rows[:1],  # of the others, as many are known as the parts of a file happen to show
        )

    def _mixed_marks(self, marks: NumberMarks, marked: Seen) -> Attention:
        """Say that numbers with the declared marks stand beside numbers with others."""
        other = next(seen for form, seen in self._numbers.forms.items() if not reads(marks, form))
        wider = NumberMarks(marks.decimal, ".")
        helps = (
            marks.decimal != "."
            and not marks.thousands
            and all(reads(wider, form) for form in self._numbers.forms)
        )
        return Attention.of(
            "decimal-mark",
            f"{self._name} is text: {_shown(marked.example)} is a number with {marks.options} but"
            f" {_shown(other.example)} is none",
            self._with_nulls(wider.options) if helps else "",
            count=self._count(),
            rows=[*marked.rows[:1], *other.rows],
        )

    def _point_between_groups(self, marks: NumberMarks) -> Iterator[Attention]:
        """Yield that a column is read with a mark for thousands where nothing but the option says so."""
        numbers = self._numbers
        grouped = next((seen for form, seen in numbers.forms.items() if form.grouped), None)
        if (
            grouped is None
            or numbers.marked is not None
            or marks.thousands != "."
            or not numbers.is_read_with_marks
        ):
            return
        yield Attention.of(
            "decimal-mark",
            f"{self._name} is read with {marks.options}: {_shown(grouped.example)} is"
            f" {_meaning(marks, grouped.example)}, where it would be {grouped.example} without; as json it"
            " has decimal points; as string it stays as it is written",
            " or ".join(self._with_nulls(self._typed(kind)) for kind in ("json", "string")),
            count=self._count(),
            rows=grouped.rows,
        )

    @property
    def _may_be_grouped(self) -> bool:
        """True if each point may be a mark for thousands as well, in a file as German Excel writes it."""
        forms = self._numbers.forms
        return (
            self._delimiter == ";"
            and self._numbers.marks is None
            and any(form.grouped for form in forms)
            and all(form.grouped or form == WHOLE for form in forms)
        )

    def _groups(self) -> Attention:
        """Say that the points of a column are read as decimal points, and that they may be others."""
        marks = NumberMarks(",", ".")
        seen = next(seen for form, seen in self._numbers.forms.items() if form.grouped)
        shown = _shown(seen.example)
        other = f"with {marks.options} it is {_meaning(marks, seen.example)}"
        read = (
            "is text"
            if self._column.kind == "string"
            else f"is read as {_meaning(NumberMarks(), seen.example)}"
        )
        return Attention.of(
            "decimal-mark",
            f"{self._name}: {shown} {read}; {other}",
            self._with_nulls(marks.options),
            count=self._count(),
            rows=seen.rows,
        )

    def _typed(self, kind: str) -> str:
        return f"--type {shell_word(f'{self._column.name}={kind}')}"

    def _count(self) -> int:
        return self._column.filled - sum(each.count for each in self._column.words.values())


def in_order(rows: Iterable[AttentionRow]) -> list[AttentionRow]:
    """Return records in the order of their rows, source by source."""
    found = dict.fromkeys(rows)
    sources = list(dict.fromkeys(each.source for each in found))
    return sorted(found, key=lambda each: (sources.index(each.source), each.row))


def _meaning(marks: NumberMarks, text: str) -> str:
    """Return the number that a text means with some marks."""
    try:
        return number_text(to_number(marks.plain_number(text)))
    except BadValue:
        return text


def _words(form: NumberForm, *, by_exponent: bool) -> str:
    if by_exponent:
        return "an exponent" if form.exponent else "no exponent"
    return form.words


def _shown(text: str) -> str:
    return cut(text) if text.isprintable() else quoted(text)
