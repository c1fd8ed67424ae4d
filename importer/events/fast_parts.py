"""Values that may give a field or stand in templates, as the plan of the fast path has them."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from importer.events.templates import Template, set_templates, template_of
from importer.reading import Field, Reading
from importer.speedups.plan import ChoicePlan, TemplatePlan


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
    """Return the columns that may give a field, or stand in templates; each once."""
    entries = [entry for entries in entries_of(reading).values() for entry in entries]
    named = [each for each in entries if isinstance(each, str)]
    return tuple(dict.fromkeys([*named, *(c for each in templates_in(reading) for c in each.columns)]))


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
        )
        for field, entries in entries_of(reading).items()
    ]


def template_plans(reading: Reading, numbers: Mapping[str, int]) -> list[tuple[bytes, TemplatePlan]]:
    """Return name and template of each property that ``--set`` makes of columns; arguments as above."""
    return [
        (
            name.encode(),
            TemplatePlan([numbers[c] for c in each.columns], [orjson.dumps(t)[1:-1] for t in each.texts]),
        )
        for name, each in set_templates(reading).items()
    ]
