"""Fields that several columns, templates or values may give.

The first that has a value in a record gives it there, if its condition holds. That column is no property of
that event; the other columns are, and so are those of a template.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from importer.events.number_marks import marks_of
from importer.events.templates import Look, Template, constant_of, field_entries
from importer.reading import Field, Reading
from importer.text import quoted

if TYPE_CHECKING:
    from importer.events.where import Condition


class FieldChoice(NamedTuple):
    """What may give a field.

    Attributes:
        field: The field.
        entries: Columns and templates, in the order in which they are tried.
        conditions: For each of them, when it is tried; None for always. None at all if all are always tried.
    """

    field: Field
    entries: tuple[str | Template, ...]
    conditions: tuple[Condition | None, ...] = ()

    def until(self, number: int) -> FieldChoice:
        """Return the choice among the entries up to this one."""
        return FieldChoice(self.field, self.entries[: number + 1], self.conditions[: number + 1])

    def take(self, look: Look, asked: Look | None = None) -> tuple[Any, int]:
        """Return the value of the field in a record, and which of the entries gave it; None and -1 if none.

        Args:
            look: Returns the value of a column in the record.
            asked: The same for conditions: what it was before it was masked. None where nothing was.

        Raises:
            BadValue: A template names a column that holds an object or an array (JSONL), or a condition
                compares a value that is of another kind.
        """
        for number, entry in enumerate(self.entries):
            condition = self.conditions[number] if self.conditions else None
            if condition is not None and condition(asked or look) is not True:
                continue
            value = look(entry) if isinstance(entry, str) else entry.fill(look)
            if value is not None and value != "":
                return value, number
        return None, -1

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of which it looks at the values, each once."""
        named = [column for each in self.conditions if each is not None for column in each.columns]
        for entry in self.entries:
            named += (entry,) if isinstance(entry, str) else entry.columns
        return tuple(dict.fromkeys(named))


def mapped_text(reading: Reading, field: Field) -> str:
    """Return what gives a mapped field, as ``--map`` takes it; a value of its own in quotes."""
    entries = reading.alternatives.get(field, ())
    values = [constant_of(entry) for entry in entries]
    texts = (entry if v is None else quoted(v) for entry, v in zip(entries, values, strict=True))
    return reading.fields.get(field) or ", ".join(texts)


def choices_of(reading: Reading) -> tuple[FieldChoice, ...]:
    """Return the choice of each field that more than a single column may give.

    Raises:
        MappingError: A condition can't be read.
    """
    return tuple(
        FieldChoice(
            field,
            entries,
            tuple(_condition(text, reading) for text in reading.conditions.get(field, ())),
        )
        for field, entries in field_entries(reading).items()
    )


def _condition(text: str, reading: Reading) -> Condition | None:
    if not text:
        return None
    from importer.events.where import compile_where  # noqa: PLC0415 - a parser that few readings need

    return compile_where(text, reading.null, marks_of(reading), hides=bool(reading.shape.mask))
