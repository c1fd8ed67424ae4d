"""Records without a user are counted, with the column that could be it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from importer.model import Record
from importer.profile.chunk import ColumnarChunk
from importer.profile.users import UserObserver, make_user_observer
from importer.reading import AttentionRow, Dialect, Reading
from importer.speedups import COMPILED, Block, cut_csv

COLUMNS = ("event", "user_id", "device_id", "anonymousId", "plan")
CELLS = Reading(Dialect("csv"), COLUMNS, {"event": "event", "distinct_id": "user_id"})
LINES = replace(CELLS, dialect=Dialect("jsonl"))

Rows = Sequence[Sequence[str]]


def chunk_of(reading: Reading, rows: Sequence[Any], *, first: int = 1) -> ColumnarChunk:
    items = [Record(n, n + 1, values) for n, values in enumerate(rows, first)]
    return ColumnarChunk(items, has_cells=reading.dialect.has_cells, source="a")


def block_of(reading: Reading, rows: Rows, *, first: int = 1) -> ColumnarChunk:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    block, _, _ = cut_csv(
        text.getvalue().encode(), ord(","), ord('"'), len(reading.columns), first, first + 1
    )
    assert isinstance(block, Block)
    return ColumnarChunk(block, has_cells=True, source="a")


def seen(reading: Reading, rows: Sequence[Any]) -> tuple[str, str, int, list[int]]:
    """What is said of some rows: text, remedy, count and rows; the same in parts, and from blocks."""
    observer = UserObserver(reading)
    observer.observe(chunk_of(reading, rows))
    parts = UserObserver(reading), UserObserver(reading)
    half = len(rows) // 2
    parts[0].observe(chunk_of(reading, rows[:half]))
    parts[1].observe(chunk_of(reading, rows[half:], first=half + 1))
    parts[0].merge(parts[1])
    assert parts[0].attention() == observer.attention()
    if reading.dialect.has_cells and COMPILED and rows:
        blocks = UserObserver(reading)
        blocks.observe(block_of(reading, rows))
        assert blocks.attention() == observer.attention()
    if not observer.attention():
        return "", "", 0, []
    (found,) = observer.attention()
    assert found.code == "no-user"
    return found.text, found.remedy, found.count, [each.row for each in found.rows]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([["e", "u", "", "", ""]] * 3, ("", "", 0, [])),
        ([], ("", "", 0, [])),
        (
            [
                ["e", "u", "d", "", ""],
                ["e", "", "d", "a", ""],
                ["e", "", "", "a", ""],
                ["e", "", "", "a", ""],
            ],
            (
                "no user in 3 of 4 records; `anonymousId` is filled in 3 of them",
                "--map distinct_id=user_id,anonymousId",
                3,
                [2, 3, 4],
            ),
        ),
        ([["e", "", "", "", "pro"]], ("no user in 1 of 1 record", "", 1, [1])),
        ([["e", "", "", "", "pro"]] * 7, ("no user in 7 of 7 records", "", 7, [1, 2, 3, 4, 5])),
    ],
)
def test_records_without_a_user_are_counted(rows: Rows, expected: tuple[str, str, int, list[int]]):
    assert seen(CELLS, rows) == expected
    assert seen(LINES, [dict(zip(COLUMNS, row, strict=True)) for row in rows]) == expected


def test_a_word_for_no_value_is_no_user():
    rows = [["e", "NULL", "d", "", ""], ["e", "u", "NULL", "", ""]]
    assert seen(CELLS, rows)[0] == ""
    text = "no user in 1 of 2 records; `device_id` is filled in 1 of them"
    assert seen(replace(CELLS, null=("NULL",)), rows)[0] == text


def test_where_no_column_is_the_user_one_is_offered_and_no_rows_are_named():
    reading = replace(CELLS, fields={"event": "event"})
    rows = [["e", "u", "d", "", ""], ["e", "", "d", "", ""]]
    text = "no column holds the user: 2 events are sent without one; `device_id` is filled in 2 of them"
    assert seen(reading, rows) == (text, "--map distinct_id=device_id", 2, [])
    nothing = Reading(Dialect("csv"), ("event", "plan"), {"event": "event"})
    text = "no column holds the user: 1 event is sent without one"
    assert seen(nothing, [["e", "p"]]) == (text, "--map distinct_id=COLUMN", 1, [])


def test_several_columns_that_are_all_empty_are_no_user():
    reading = replace(
        CELLS, fields={"event": "event"}, alternatives={"distinct_id": ("user_id", "device_id")}
    )
    rows = [["e", "", "d", "", ""], ["e", "", "", "a", ""]]
    text = "no user in 1 of 2 records; `anonymousId` is filled in 1 of them"
    assert seen(reading, rows) == (text, "--map distinct_id=user_id,device_id,anonymousId", 1, [2])


def test_a_device_of_mixpanel_is_offered_as_mixpanel_makes_a_user_of_it():
    reading = Reading(
        Dialect("csv"), ("event", "user_id", "$device_id"), {"event": "event", "distinct_id": "user_id"}
    )
    assert seen(reading, [["e", "", "d"]])[1] == "--map 'distinct_id=user_id,$device:{$device_id}'"


@pytest.mark.parametrize("properties", ['{"distinct_id": "u"}', {"distinct_id": "u"}])
def test_a_user_in_the_properties_is_one(properties: Any):
    columns = ("event", "properties")
    reading = Reading(Dialect("jsonl"), columns, {"event": "event", "properties": "properties"})
    assert seen(reading, [{"event": "e", "properties": properties}])[0] == ""
    if isinstance(properties, str):
        assert seen(replace(reading, dialect=Dialect("csv")), [["e", properties]])[0] == ""


@pytest.mark.parametrize(("named", "types"), [("distinct_id", {}), ("who", {"who": "string"})])
def test_a_property_of_mixpanels_own_name_is_the_user_where_no_column_gives_one(
    named: str, types: Mapping[str, Any]
):
    names = {} if named == "distinct_id" else {named: "distinct_id"}
    columns = ("event", "user_id", named)
    fields: Any = {"event": "event", "distinct_id": "user_id"}
    reading = Reading(Dialect("csv"), columns, fields, names=names, types=types)
    assert seen(reading, [["e", "", "u"], ["e", "", ""]])[0] == "no user in 1 of 2 records"
    skipped = replace(reading, types={named: "skip"})
    assert seen(skipped, [["e", "", "u"]])[2] == 1


def test_keys_inside_of_the_properties_are_offered_by_their_path():
    fields: Any = {"event": "event", "properties": "properties", "distinct_id": "properties.user_id"}
    reading = Reading(Dialect("jsonl"), ("event", "properties"), fields)
    line = {"event": "e", "properties": {"user_id": None, "$device_id": "d", "session_id": "s"}}
    text = "no user in 1 of 1 record; `properties.$device_id` is filled in 1 of them"
    remedy = "--map 'distinct_id=properties.user_id,$device:{properties.$device_id}'"
    assert seen(reading, [line]) == (text, remedy, 1, [1])


def test_objects_with_any_number_of_keys_are_counted_in_bounded_memory():
    reading = Reading(Dialect("jsonl"), ("event",), {"event": "event"})
    observer = UserObserver(reading)
    for n in range(200):
        observer.observe(chunk_of(reading, [{"event": "e", f"device_id{'_' * n}": "d"}]))
    assert len(json.dumps(observer.attention()[0].text)) < 200
    assert len(observer._filled) == 50


def test_a_user_that_is_set_is_there():
    assert (
        make_user_observer(replace(CELLS, fields={"event": "event"}, constants={"distinct_id": "u"})) is None
    )


def test_a_row_is_named_with_its_source():
    observer = UserObserver(CELLS)
    observer.observe(chunk_of(CELLS, [["e", "", "", "", ""]], first=7))
    assert observer.attention()[0].rows == (AttentionRow("a", 7),)


def test_an_object_is_no_user_and_the_identities_in_it_are_offered():
    fields: Any = {"event": "event", "distinct_id": "user.id"}
    reading = Reading(Dialect("jsonl"), ("event", "user"), fields)
    inside = [{"id": None, "anon": "z1"}, {"id": "u"}, {"anon": "z2"}]
    rows: list[dict[str, Any]] = [{"event": "e", "user": each} for each in inside]
    assert seen(reading, rows) == ("no user in 2 of 3 records", "", 2, [1, 3])
    for each in inside:
        each["anonymousId"] = each.get("anon", {"no": "text"})
    text = "no user in 2 of 3 records; `user.anonymousId` is filled in 2 of them"
    assert seen(reading, rows) == (text, "--map distinct_id=user.id,user.anonymousId", 2, [1, 3])
    unmapped = replace(reading, fields={"event": "event"})
    text = "no column holds the user: 2 events are sent without one; `user.id` is filled in 2 of them"
    rows = [{"event": "e", "user": {"id": "u", "anonymousId": each}} for each in ("", None)]
    assert seen(unmapped, rows) == (text, "--map distinct_id=user.id", 2, [])


def test_a_text_of_json_that_is_blank_or_no_value_is_no_user():
    reading = replace(LINES, trim=True, null=("NULL",))
    rows = [{"event": "e", "user_id": user, "device_id": " NULL"} for user in (" ", "NULL ", "u")]
    assert seen(reading, rows) == ("no user in 2 of 3 records", "", 2, [1, 2])
