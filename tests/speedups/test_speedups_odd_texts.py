"""The compiled search for odd texts finds all that Python would find odd, and nearly nothing else."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest
from events_helpers import CSV, block_of
from hypothesis import example, given, settings
from hypothesis import strategies as st

from importer import speedups
from importer.events.field_notes import ODD_WORDS, oddities
from importer.model import Record
from importer.reading import Field, Reading
from importer.speedups import Block, OddTexts, cut_lines, lines_with_braces, with_braces

FIELDS: tuple[Field, ...] = ("event", "distinct_id", "insert_id", "time")
ODD_TEXTS = OddTexts(ODD_WORDS)
BLANKS = "\t\x0b\x0c\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000"
pieces = st.sampled_from(
    [*"0123456789.,eE+-=#'\"$u\ufffd\ufeff\u200bé李", "mp_", "NULL", "none", "x" * 200, *BLANKS]
)
texts = st.lists(pieces, min_size=1, max_size=12).map("".join) | st.text(min_size=1, max_size=12)
words = st.sampled_from(sorted(ODD_WORDS)).flatmap(
    lambda word: st.tuples(*(st.sampled_from([c, c.upper()]) for c in word)).map("".join)
)


def block(*cells: str) -> Block:
    made = block_of(Reading(CSV, ("cell", "other"), {}), [[cell, "x"] for cell in cells])
    assert made is not None
    return made


@settings(deadline=None, max_examples=300)
@example("123.00")
@example("+1,5E-123")
@example("1E+123")
@example("1.5e123")
@example("u1\u3000")
@given(texts | words)
def test_what_python_finds_odd_is_found(text: str) -> None:
    for field in FIELDS:
        if oddities(field, text):
            assert ODD_TEXTS.in_values([text], field) == (1, [(0, text)])


@pytest.mark.parametrize(
    "text",
    ["u123", "undef1", "12345", "00123", "9f3e0001-12ab-4c7e-9b1e-0123456789ab", "4f0e1e12", "1e" + "0123456789abcdef" * 2 + "07", "1E123456", "a@b.example", "2024-05-01",
     "2024-05-01T10:00:00.000Z", "1714557600", "é", "李小龍", "ユーザー", "Käufe", "user.0", "Purchase", "View Page"],
)  # fmt: skip
@pytest.mark.parametrize("field", FIELDS)
def test_usual_values_are_not(field: Field, text: str) -> None:
    assert ODD_TEXTS.in_values([text], field) == (1, [])


def test_the_cells_of_a_column_are_found_with_their_places() -> None:
    found = ODD_TEXTS.in_column(block("u1", "", " u2", 'qu"o', '="1"', "NULL"), 0, "distinct_id")
    assert found == (5, [(2, " u2"), (4, '="1"'), (5, "NULL")])


def test_values_of_json_are_found_with_their_places() -> None:
    values: list[Any] = ["u1", None, "", 1, 1.5, True, {"a": 1}, "N/A", "\ud800"]
    filled, found = ODD_TEXTS.in_values(values, "insert_id")
    assert (filled, found) == (7, [(4, 1.5), (7, "N/A"), (8, "\ud800")])
    assert ODD_TEXTS.in_values(values, "time") == (7, [(8, "\ud800")])


def test_mixpanels_names_are_odd_as_names_only() -> None:
    for name in ("$identify", "mp_page", "x" * 256):
        assert ODD_TEXTS.in_values([name], "event")[1] == [(0, name)]
        assert ODD_TEXTS.in_values([name], "distinct_id")[1] == []


octets = st.sampled_from(["0", "1", "00", "01", "10", "99", "255", "256", "1000", "", "a", " 1"])


@settings(deadline=None, max_examples=200)
@given(st.lists(octets, min_size=3, max_size=5).map(".".join))
def test_only_an_address_of_four_numbers_is_taken_for_one(text: str) -> None:
    try:
        ipaddress.IPv4Address(text)
        expected = []
    except ValueError:
        expected = [(1, text)]
    assert ODD_TEXTS.in_column(block("1.2.3.4", text), 0, "ip")[1] == (expected if text else [])


def test_the_filled_cells_that_are_no_such_address_are_found() -> None:
    cells = ["1.2.3.4", "", "::1", "1.2.3.4 "]
    odd = [(2, "::1"), (3, "1.2.3.4 ")]
    assert ODD_TEXTS.in_column(block(*cells), 0, "ip") == ODD_TEXTS.in_values(cells, "ip") == (3, odd)


TREES = st.recursive(
    st.text(st.sampled_from('{}[]"\\\nxé'), max_size=6) | st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab{"), inner, max_size=3),
    max_leaves=12,
)


def deepest(value: Any, above: int = 0, *, arrays: bool) -> int:
    """How many objects, or objects and arrays, are around the innermost object, itself counted."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    is_level = isinstance(value, dict) or arrays
    own = above + 1 if isinstance(value, dict) else 0
    return max([own, *(deepest(item, above + is_level, arrays=arrays) for item in inner)])


@given(TREES, st.integers(0, 4), st.booleans())
def test_texts_that_nest_objects_deeper_are_found_and_no_flat_ones(tree: Any, most: int, plain: bool) -> None:
    text = json.dumps(tree, ensure_ascii=plain)
    found = with_braces(block("a", text), 0, most)
    assert found in ([], [(1, text)])
    if deepest(tree, arrays=False) > most:
        assert found
    elif deepest(tree, arrays=True) <= most:
        assert not found
    lines, _ = cut_lines(f"{{}}\n{text}\n".encode(), 1, 1, lambda row, line, _: Record(row, line, {}))
    if most:
        assert lines_with_braces(lines, most) == [1] * bool(found)


@given(st.text(st.sampled_from('{}[]"\\,a\n'), max_size=20))
def test_texts_that_are_no_json_are_no_error(text: str) -> None:
    assert len(with_braces(block(text), 0, 2)) < 2


def test_lines_are_not_looked_for_among_cells() -> None:
    with pytest.raises(ValueError, match="no lines"):
        lines_with_braces(block("a"), 2)


@pytest.mark.parametrize(
    "name", ["OddTexts", "BlockMapper", "FieldFinder", "Times", "ResultLineReader", "ResultLineWriter"]
)
def test_no_object_can_be_used_that_is_half_made(name: str) -> None:
    kind = getattr(speedups, name)
    with pytest.raises(TypeError):
        kind.__new__(kind)


def test_a_cell_that_is_not_there_is_refused() -> None:
    for call in (
        lambda: ODD_TEXTS.in_column(block("a"), 2, "event"),
        lambda: ODD_TEXTS.in_column(block("a"), -1, "ip"),
        lambda: with_braces(block("a"), 9, 1),
    ):
        with pytest.raises(IndexError):
            call()
