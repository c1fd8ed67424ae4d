"""Values that may give a field or stand in templates, as the plan of the fast path has them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import TYPE_CHECKING

import orjson

from importer import exact_json
from importer.errors import BadValue
from importer.events.number_marks import marks_of
from importer.events.templates import Template, set_templates, template_of
from importer.reading import Field, Reading
from importer.speedups.plan import ChoicePlan, ConditionPlan, TemplatePlan

if TYPE_CHECKING:
    from importer.events.where import Condition


def entries_of(reading: Reading) -> dict[Field, tuple[str | Template, ...]]:
    """Return the columns and templates of each field that more than a single column may give."""
    return {
        field: tuple(template_of(entry, reading.columns) or entry for entry in entries)
        for field, entries in reading.alternatives.items()
    }


def templates_in(reading: Reading) -> list[Template]:
    """Return all templates: of properties, and of fields."""
    entries = [entry for entries in entries_of(reading).values() for entry in entries]
    return [*set_templates(reading).values(), *(each for each in entries if isinstance(each, Template))]


def columns_of_parts(reading: Reading) -> tuple[str, ...]:
    """Return the columns that may give a field, or stand in templates or conditions; each once."""
    entries = [entry for entries in entries_of(reading).values() for entry in entries]
    named = [each for each in entries if isinstance(each, str)]
    named += [column for each in templates_in(reading) for column in each.columns]
    conditions = [text for texts in reading.conditions.values() for text in texts if text]
    return tuple(dict.fromkeys([*named, *(column for text in conditions for column in compared_in(text))]))


@cache
def compared_in(condition: str) -> tuple[str, ...]:
    """Return the columns whose values a condition compares."""
    from importer.events.where import compile_where  # noqa: PLC0415 - a parser that few readings need

    return compile_where(condition).columns


def alternative_columns(reading: Reading) -> frozenset[str]:
    """Return the columns each of which may give a field by itself, and is no property then."""
    return frozenset(e for entries in entries_of(reading).values() for e in entries if isinstance(e, str))


def choice_plans(reading: Reading, numbers: Mapping[str, int]) -> list[ChoicePlan]:
    """Return what may give each field that more than a single column may give.

    Args:
        reading: How the source is read.
        numbers: The place of each of `columns_of_parts` among the parts.
    """
    return [
        ChoicePlan(
            field,
            [
                numbers[entry]
                if isinstance(entry, str)
                else TemplatePlan([numbers[c] for c in entry.columns], [t.encode() for t in entry.texts])
                for entry in entries
            ],
            [_condition_plan(text, reading, numbers) for text in reading.conditions.get(field, ())],
        )
        for field, entries in entries_of(reading).items()
    ]


def _condition_plan(text: str, reading: Reading, numbers: Mapping[str, int]) -> ConditionPlan | None:
    if not text:
        return None
    from importer.events.where import compile_where  # noqa: PLC0415 - as above

    condition = compile_where(text, reading.null, marks_of(reading))
    return ConditionPlan([numbers[column] for column in condition.columns], partial(_ask, condition))


def _ask(condition: Condition, text: str) -> tuple[bytes, bytes] | None:
    """Return whether a condition holds, as `ConditionPlan.ask`."""
    try:
        values, note = exact_json.loads(text.encode())
        return None if note else (b"1" if condition.ask(values) is True else b"", b"")
    except (BadValue, exact_json.BadJSON):
        return None


def template_plans(reading: Reading, numbers: Mapping[str, int]) -> list[tuple[bytes, TemplatePlan]]:
    """Return name and template of each property that ``--set`` makes of columns; arguments as above."""
    return [
        (
            name.encode(),
            TemplatePlan([numbers[c] for c in each.columns], [orjson.dumps(t)[1:-1] for t in each.texts]),
        )
        for name, each in set_templates(reading).items()
    ]
