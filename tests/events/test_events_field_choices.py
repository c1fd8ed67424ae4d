"""Which of several columns, templates and values gives a field, under which condition."""

from __future__ import annotations

from typing import Any

import pytest

from importer.errors import BadValue, MappingError
from importer.events.field_choices import FieldChoice, choices_of
from importer.reading import Dialect, Reading

COLUMNS = ("kind", "a", "b", "n")


def choice(entries: tuple[str, ...], conditions: tuple[str, ...] = (), *, form: str = "jsonl") -> FieldChoice:
    reading = Reading(
        Dialect(form), COLUMNS, {}, {"event": entries}, null=("NULL",),
        conditions={"event": conditions} if conditions else {},
    )  # fmt: skip
    (found,) = choices_of(reading)
    return found


@pytest.mark.parametrize(
    ("entries", "conditions", "record", "taken"),
    [
        (("a", "b"), (), {"a": "x", "b": "y"}, ("x", 0)),
        (("a", "b"), (), {"b": "y"}, ("y", 1)),
        (("a", "b"), (), {"a": "", "b": "y"}, ("y", 1)),
        (("a", "b"), (), {}, (None, -1)),
        (("a", "b"), ("", "kind = 'k'"), {"a": "x", "b": "y", "kind": "k"}, ("x", 0)),
        (("a", "b"), ("kind = 'k'", ""), {"a": "x", "b": "y", "kind": "k"}, ("x", 0)),
        (("a", "b"), ("kind = 'k'", ""), {"a": "x", "b": "y", "kind": "l"}, ("y", 1)),
        (("a", "b"), ("kind = 'k'", ""), {"a": "x", "b": "y"}, ("y", 1)),  # unknown is no
        (("a", "b"), ("kind = 'k'", ""), {"a": "x", "b": "y", "kind": "NULL"}, ("y", 1)),
        (("a", "b"), ("kind is null", ""), {"a": "x", "b": "y", "kind": ""}, ("x", 0)),
        (("a", "b"), ("kind = 'k'", "kind = 'l'"), {"a": "x", "b": "y", "kind": "m"}, (None, -1)),
        (("a", "b"), ("kind = 'k'", ""), {"b": "y", "kind": "k"}, ("y", 1)),  # true, and nothing there
        (("= Page view", "a"), ("n > 1", ""), {"a": "x", "n": 2}, ("Page view", 0)),
        (("= Page view", "a"), ("n > 1", ""), {"a": "x", "n": 1}, ("x", 1)),
        (("= Page view", "a"), ("n > 1", ""), {"a": "x", "n": "2"}, ("Page view", 0)),  # a cell of CSV
        (("Saw {a}", "b"), ("n = 1", ""), {"a": "x", "b": "y", "n": 1}, ("Saw x", 0)),
        (("Saw {a}", "b"), ("n = 1", ""), {"b": "y", "n": 1}, ("y", 1)),
        (("Saw {a}", "b"), ("n = 1", ""), {"a": "x", "b": "y", "n": 2}, ("y", 1)),
    ],
)
def test_the_first_that_has_a_value_and_whose_condition_holds_gives_the_field(
    entries: tuple[str, ...], conditions: tuple[str, ...], record: dict[str, Any], taken: tuple[Any, int]
) -> None:
    assert choice(entries, conditions).take(record.get) == taken


def test_a_condition_is_asked_only_where_it_is_reached() -> None:
    found = choice(("a", "b"), ("", "n > 1"))
    assert found.take({"a": "x", "n": "abc"}.get) == ("x", 0)
    with pytest.raises(BadValue, match="n: expected a number, found"):
        found.take({"b": "y", "n": "abc"}.get)


def test_a_choice_looks_at_the_columns_of_its_conditions_as_well() -> None:
    found = choice(("a", "Saw {b}"), ("kind = 'k'", "n > 1 and kind is null"))
    assert set(found.columns) == {"a", "b", "kind", "n"}
    assert set(found.until(0).columns) == {"a", "kind"}
    assert set(choice(("a", "b")).columns) == {"a", "b"}


def test_a_condition_that_can_not_be_read_is_an_error() -> None:
    with pytest.raises(MappingError):
        choice(("a", "b"), ("", "n >"))
