"""Words for "no value" in columns of text are found in the first records."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from importer.model import Record
from importer.profile.chunk import ColumnarChunk
from importer.profile.type_observer import TypeObserver
from importer.reading import Dialect, Reading


def said(columns: dict[str, Sequence[str]], *, size: int = 400, delimiter: str = ",", **reading: object):
    """Return what is said of some columns that are read in chunks of some size."""
    dialect = Dialect("csv", delimiter=delimiter)
    observer = TypeObserver(Reading(dialect, tuple(columns), reading.pop("fields", {}), **reading))  # type: ignore[arg-type]
    records = [Record(n, n + 1, cells) for n, cells in enumerate(zip(*columns.values(), strict=True), 1)]
    for start in range(0, len(records), size):
        observer.observe(ColumnarChunk(records[start : start + size], has_cells=True, source="a.csv"))
    return observer.attention()


@pytest.mark.parametrize("size", [7, 400, 5_000])
def test_words_in_columns_of_text_are_counted_in_the_first_records(size: int):
    plan = ["pro", "NULL"] * 1_000
    city = ["Rome"] * 10 + ["\\N"] + ["Bonn"] * 1_989
    (found,) = said({"plan": plan, "city": city}, size=size, null=("x",))
    assert found.code == "null-words"
    assert found.text == (
        "in the first 1,000 records, 500 cells of plan and 1 of city are NULL or \\N: sent as text"
    )
    assert found.remedy == "--null x --null NULL --null '\\N'"
    assert found.count == 501
    assert [row.row for row in found.rows] == [2, 4, 6, 8, 10]


@pytest.mark.parametrize("word", ["None", "N/A", "-", "unknown", "null?", "Null"])
def test_words_that_may_be_values_are_not(word: str):
    assert said({"plan": ["pro", word]}) == []


def test_nothing_is_said_twice_nor_of_what_its_owner_spoke_of():
    (found,) = said({"n": ["1", "NULL"]})
    assert found.text == "n would be a number but for 1 cell NULL"
    assert said({"plan": ["pro", "NULL"]}, types={"plan": "string"}) == []
    assert said({"plan": ["pro", "NULL"]}, fields={"distinct_id": "plan"}) == []
    assert said({"plan": ["pro", "NULL"]}, null=("NULL",)) == []


def test_further_columns_are_summed_up():
    (found,) = said({f"c{n}": ["x", "NULL"] for n in range(7)})
    assert found.text == (
        "in the first 2 records, 1 cell of c0, 1 of c1, 1 of c2, 1 of c3, 1 of c4 and 2 of 2 further columns are"
        " NULL: sent as text"
    )
    assert found.count == 1


@pytest.mark.parametrize(
    ("name", "cells", "text"),
    [
        ("app_version", ["1.10", "1.20"], "app_version is a number: 1.10 is sent as 1.1"),
        ("osVersion", ["1.2", "1.3"], "osVersion is a number: 1.2 is sent as the number 1.2"),
        ("VER", ["2.0", "3.0"], "VER is a number: 2.0 is sent as 2"),
    ],
)
def test_a_version_that_is_read_as_a_number_is_named(name: str, cells: list[str], text: str):
    (found,) = said({name: cells})
    assert (found.code, found.text) == ("number-forms", text)
    assert (found.remedy, found.count) == (f"--type {name}=string", 2)


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("conversion_rate", ["1.10", "1.20"]),
        ("Conversion", ["1.10", "1.20"]),
        ("versions", ["1", "2"]),
        ("builder", ["1.10", "1.20"]),
        ("price", ["1.10", "1.20"]),
    ],
)
def test_other_numbers_are_not(name: str, cells: list[str]):
    assert said({name: cells}) == []


@pytest.mark.parametrize("odd", ["02134", "+49171", "9007199254740993"])
def test_nothing_is_said_of_numbers_that_are_text_for_a_code_of_digits(odd: str):
    assert said({"zip": ["90210"] * 200 + [odd]}) == []


def test_the_odd_value_is_no_word_for_no_value():
    cells = ["1", "NULL", *["2"] * 100, "x"]
    first, second = said({"n": cells})
    assert first.text == (
        "n is text because of 'x', though its first 99 values are numbers; with --type, such records are invalid"
    )
    assert [row.row for row in first.rows] == [103]
    assert second.text == "in the first 103 records, 1 cell of n is NULL: sent as text"


@pytest.mark.parametrize(
    ("cells", "delimiter", "is_said"),
    [
        (["1.234", "12.501"], ";", True),
        (["1.234", "12.501"], ",", False),
        (["1.234", "0.501"], ";", False),
        (["1.234", "1.25"], ";", False),
        (["950", "12"], ";", False),
    ],
)
def test_a_point_may_part_thousands_only_where_semicolons_part_cells(
    cells: list[str], delimiter: str, is_said: bool
):
    assert [each.code for each in said({"n": cells}, delimiter=delimiter)] == ["decimal-mark"] * is_said
