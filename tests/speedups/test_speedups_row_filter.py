"""``where`` on blocks: what it leaves out of them, and that it is the same as of single records."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from events_helpers import NOW_MS, TIME
from hypothesis import given
from hypothesis import strategies as st
from speedups_helpers import CSV, JSONL, blocks_of, csv_file, typed

from importer.events.mapper import Mapper
from importer.events.row_filter import LEFT_OUT, RowFilter
from importer.model import Event, Record, Rejection, Status
from importer.profile.chunk import ColumnarChunk
from importer.profile.json_fields import LineParts
from importer.reading import Reading, Shape
from importer.speedups import Block, FieldFinder, cut_csv, cut_lines

QUOTE, COMMA = ord('"'), ord(",")


def where(reading: Reading, text: str, **changes: Any) -> Reading:
    return replace(reading, shape=Shape(where=text), **changes)


def filtered(content: bytes | str, reading: Reading) -> list[list[Record | Rejection]]:
    """What is left of each block of a file, by the way of blocks and by that of lists, which are the same."""
    found = []
    for block in blocks_of(content, reading):
        keep = RowFilter(reading)
        made = keep(block)
        assert isinstance(made, Block)
        assert list(made) == keep(list(block))
        assert [made[at] for at in range(len(made))] == list(made)
        found.append(list(made))
    return found


def rejected(place: int, row: int, line: int) -> Rejection:
    return Rejection(row, line, f"place {place}")


# ── blocks without some records ──────────────────────────────────────────────────────────────────


def block() -> Block:
    data = b"a,1\nbad\n\nb,2\nc,3\nbad\nd,4\n"
    found, _, _ = cut_csv(
        data, COMMA, QUOTE, 2, 7, 100, reject=lambda row, line, *_: Rejection(row, line, "bad")
    )
    return found


@pytest.mark.parametrize("places", [[], [0], [1], [3], [0, 3], [1, 2], [0, 1, 2, 3]])
def test_rejections_stand_in_place_of_records(places: list[int]) -> None:
    whole = block()
    rest = whole.without(places, rejected)
    records = [item for item in whole if isinstance(item, Record)]
    expected = [
        rejected(records.index(item), item.row, item.line)
        if isinstance(item, Record) and records.index(item) in places
        else item
        for item in whole
    ]
    kept = [record for at, record in enumerate(records) if at not in places]
    assert list(rest) == [rest[at] for at in range(len(rest))] == expected
    assert [rest.record(at) for at in range(rest.records)] == kept
    assert [rest.row_of(at) for at in range(rest.records)] == [record.row for record in kept]
    assert [row for rows in rest.rows() for row in rows] == [record.row for record in kept]
    assert rest.column(0) == [record.values[0] for record in kept]
    assert rest.rejections == [item for item in expected if isinstance(item, Rejection)]
    assert list(whole) != expected or not places, "the whole block is as it was"


@pytest.mark.parametrize("places", [[4], [-1], [1, 0], [2, 2]])
def test_places_that_are_none_are_an_error(places: list[int]) -> None:
    with pytest.raises(IndexError):
        block().without(places, rejected)


def test_an_error_of_whoever_rejects_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        block().without([1], lambda *_: 1 / 0)


@given(st.lists(st.sampled_from(["plain", "other", "gone"]), max_size=40), st.integers(1, 4))
def test_parts_of_lines_hold_the_rejections_among_them(kinds: list[str], least: int) -> None:
    texts = {"plain": '{"a":"x"}', "other": '{"a":[]}', "gone": '{"a":"gone"}'}
    data = "".join(f"{texts[kind]}\n" for kind in kinds).encode()
    lines, _ = cut_lines(data, 5, 50, lambda row, line, text: Record(row, line, json.loads(text)))
    rest = lines.without([at for at, kind in enumerate(kinds) if kind == "gone"], rejected)
    finder = FieldFinder([(b"a", False, False, 1, -1)], b"", ())
    parts = finder.parts(rest, least)
    assert [item for part, _ in parts for item in part] == list(rest)
    for part, fields in parts:
        assert [part.row_of(at) for at in range(part.records)] == [
            item.row for item in part if isinstance(item, Record)
        ]
        if fields is not None:
            assert fields.column(0) == ["x"] * part.records
            assert fields.rows() == part.rows()


# ── the same by blocks and one by one ────────────────────────────────────────────────────────────

CELLS = st.sampled_from(
    ["", "a", "b", "NULL", " a ", "1", "1.10", "-3", "true", "é", 'say "a"', "9007199254740993"]
)
CONDITIONS = [
    "cell = 'a'",
    "cell is null or user in ('a', 'b')",
    "cell is not null and user != 'b'",
    "cell >= 1.1",
    "user like '%a%' or cell < 5",
    "cell = true",
    "cell = true or cell = 'a'",
    "cell = false and user = 1",
    "not (cell = 'a' and user = 'a')",
]


@given(
    st.lists(st.lists(CELLS, min_size=4, max_size=4), max_size=12),
    st.sampled_from(CONDITIONS),
    st.booleans(),
    st.sampled_from([(), ("NULL",)]),
)
def test_cells_are_left_out_of_blocks_as_one_by_one(
    cells: list[list[str]], condition: str, trim: bool, null: tuple[str, ...]
) -> None:
    filtered(csv_file(cells), where(CSV, condition, trim=trim, null=null))


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.integers(-2, 9), st.sampled_from([1.1, 5e300, -0.5, 0.1234567890123456, 1234567890.12345, -0.0, 1e-7]),
    st.sampled_from(["", "a", "b", "NULL", " a ", "1", "1.10", 'tru"e', "é\n", "true"]), st.just([1]), st.just({"in": "a"}),
)  # fmt: skip
OBJECTS = st.dictionaries(st.sampled_from(["user", "cell", "bag", "bag.in", "other"]), VALUES, max_size=5)


@given(
    st.lists(st.one_of(OBJECTS, st.just("broken"), st.fixed_dictionaries({"bag": OBJECTS})), max_size=12),
    st.sampled_from([*CONDITIONS, "bag.in = 'a'", "bag.in is null and user = 'a'", '"bag.in" = \'a\'', "bag[0] is null"]),
    st.booleans(),
    st.sampled_from([(), ("NULL",), ("1",), ("true",)]),
    st.booleans(),
)  # fmt: skip
def test_objects_are_left_out_of_blocks_as_one_by_one(
    objects: list[Any], condition: str, trim: bool, null: tuple[str, ...], ascii_only: bool
) -> None:
    lines = [
        json.dumps(each, ensure_ascii=ascii_only) if each != "broken" else '{"user": "a",}'
        for each in objects
    ]
    filtered("".join(f"{line}\n" for line in lines), where(JSONL, condition, trim=trim, null=null))


# ── what is said of them ─────────────────────────────────────────────────────────────────────────


def test_what_is_left_out_is_skipped_and_what_cannot_be_compared_is_invalid() -> None:
    cells = [
        ["Buy", TIME, "u1", "5"],
        ["Buy", TIME, "u2", "3"],
        ["Buy", TIME, "u3", ""],
        ["Buy", TIME, "u4", "x"],
    ]
    ((first, *others),) = filtered(csv_file(cells), where(CSV, "cell > 4"))
    assert isinstance(first, Record)
    assert others == [
        Rejection(first.row + 1, first.line + 1, LEFT_OUT, status=Status.SKIPPED),
        Rejection(first.row + 2, first.line + 2, LEFT_OUT, status=Status.SKIPPED),
        Rejection(first.row + 3, first.line + 3, "where: cell: expected a number, found 'x'"),
    ]


def test_a_line_that_cannot_be_read_stays_so_and_a_note_goes_with_what_cannot_be_compared() -> None:
    lines = '{"cell": 0.12345678901234567890, "user": "x"}\n{"cell": 1, "user"}\n'
    ((first, second),) = filtered(lines, where(JSONL, "user = true"))
    assert first[2:3] == ("where: user: expected true or false, found 'x'",)
    assert first.note == "cell: 0.12345678901234567890 is sent as 0.12345678901234568"
    assert isinstance(second, Rejection)
    assert second.status is Status.INVALID


def test_a_column_that_is_not_there_has_no_value() -> None:
    content = csv_file([["Buy", TIME, "u1", "5"]])
    assert [type(item) for item in filtered(content, where(CSV, "nowhere is null"))[0]] == [Record]
    assert [type(item) for item in filtered(content, where(CSV, "nowhere = 1"))[0]] == [Rejection]


def test_records_that_stay_take_the_fast_path() -> None:
    cells = [["Buy", TIME, f"u{n}", str(n)] for n in range(20)]
    reading = where(CSV, "cell in (3, 7)")
    (block,) = blocks_of(csv_file(cells), reading)
    mapper = Mapper(reading, lambda: NOW_MS)
    made = list(mapper.map(RowFilter(reading)(block)))
    assert [item.distinct_id for item in made if isinstance(item, Event)] == ["u3", "u7"]
    assert [typed(item) for item in made] == [
        typed(item) for item in mapper.map(RowFilter(reading)(list(block)))
    ]
    assert mapper.map(RowFilter(reading)(block)).events == 2


def test_the_observers_of_a_source_see_the_records_that_stay() -> None:
    lines = "".join(
        json.dumps({"event": "Buy" if n % 3 else "Sell", "time": TIME, "user": f"u{n}", "cell": [n]}) + "\n"
        for n in range(30)
    )
    reading = where(JSONL, "event = 'Buy'")
    (block,) = blocks_of(lines, reading)
    items = RowFilter(reading)(block)
    seen = []
    for chunk in LineParts(reading).chunks(items, ""):
        assert isinstance(chunk, ColumnarChunk)
        assert chunk.cells, "the values are found without an object for each line"
        fields, at = chunk.cells["user"]
        assert fields.column(at) == [chunk.values(place)["user"] for place in range(chunk.records)]
        seen += [(chunk.row(place).row, fields.column(at)[place]) for place in range(chunk.records)]
        assert chunk.skipped == 10
    rows = [item.row for item in items if isinstance(item, Record)]
    assert seen == [(row, f"u{row - block.row}") for row in rows]


@pytest.mark.parametrize("bag", ["properties", "data.properties"])
def test_conditions_look_into_properties_that_are_text_as_into_objects(bag: str) -> None:
    held = [{"os": "Mac", "n": 1}, {"os": "Windows"}, {"n": 2}, {}]
    bags = [*held, *(json.dumps(each) for each in held), "{no", "text", None]
    lines = [
        json.dumps({"properties": each} if bag == "properties" else {"data": {"properties": each}})
        for each in bags
    ]
    columns = (bag.partition(".")[0],)
    reading = where(replace(JSONL, columns=columns, fields={"properties": bag}), f"{bag}.os = 'Mac'")
    items = [item for block in filtered("\n".join(lines), reading) for item in block]
    first = items[0].row
    assert [item.row - first for item in items if isinstance(item, Record)] == [0, 4]
    faults = [item for item in items if isinstance(item, Rejection) and item.error != LEFT_OUT]
    assert [(item.row - first, item.error) for item in faults] == [(8, f"{bag}: expected JSON")]
