"""What the owner of a source might not expect is counted before anything is sent, with the first records."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from events_helpers import CSV, JSONL, TIME, block_of

from importer.model import Record, Rejection
from importer.profile.attention import attention_observers
from importer.profile.chunk import ColumnarChunk
from importer.profile.deep_values import DeepValuesObserver, make_deep_values_observer
from importer.profile.field_oddities import FieldOddities
from importer.profile.tally import Tally
from importer.reading import Attention, Reading

COLUMNS = ("event", "time", "user", "ip", "id", "bag", "v")
CELLS = Reading(
    CSV,
    COLUMNS,
    {
        "event": "event",
        "time": "time",
        "distinct_id": "user",
        "ip": "ip",
        "insert_id": "id",
        "properties": "bag",
    },
    types={"v": "json"},
)
OBJECTS = replace(CELLS, dialect=JSONL, types={})


def record(**cells: Any) -> dict[str, Any]:
    return {
        "event": "e",
        "time": TIME,
        "user": "u1",
        "ip": "1.2.3.4",
        "id": "id-1",
        "bag": "{}",
        "v": "",
        **cells,
    }


def chunks(reading: Reading, records: Sequence[dict[str, Any]]) -> dict[str, ColumnarChunk]:
    """Return the same records by the block and by the record."""
    values: list[Any] = [list(each.values()) if reading.dialect.has_cells else each for each in records]
    block = block_of(reading, values)
    assert block is not None
    alone = [Record(n, n + 1, each) for n, each in enumerate(values, 1)]
    options: dict[str, Any] = {"has_cells": reading.dialect.has_cells, "source": "s", "trim": reading.trim}
    return {"block": ColumnarChunk(block, **options), "records": ColumnarChunk(alone, **options)}


def found(reading: Reading, *records: dict[str, Any]) -> list[Attention]:
    """Return what is found, which must be the same by the block and by the record, and in two parts."""
    results = []
    for chunk in chunks(reading, records).values():
        observers = attention_observers(reading)
        for observer in observers:
            observer.observe(chunk)
        attention = [each for observer in observers for each in observer.attention()]
        results.append([each for each in attention if each.code != "no-user"])  # tested with the users
    assert results[0] == results[1]
    return results[0]


def only(reading: Reading, *records: dict[str, Any]) -> Attention:
    (attention,) = found(reading, *records)
    return attention


def rows(attention: Attention) -> list[int]:
    return [each.row for each in attention.rows]


@pytest.mark.parametrize("reading", [CELLS, OBJECTS], ids=["csv", "jsonl"])
def test_usual_records_need_no_attention(reading: Reading) -> None:
    assert found(reading, record(), record(user="", ip="", id="", bag=""), record(ip="::1", user="42")) == []


@pytest.mark.parametrize("reading", [CELLS, OBJECTS], ids=["csv", "jsonl"])
def test_words_for_no_value_are_counted_with_the_options_that_leave_them_out(reading: Reading) -> None:
    users = ["NULL", r"\N", "u1", "NULL", "(not set)", "null", "n/a", "N/A"]
    attention = only(reading, *(record(user=user) for user in users))
    assert (attention.code, attention.count, rows(attention)) == ("null-words", 7, [1, 2, 4, 5, 6])
    assert attention.text == (
        r"7 records have a word as distinct_id that may mean no value: 'NULL' 2, '\N' 1, '(not set)' 1, 'null' 1,"
        " 'n/a' 1, …; Mixpanel refuses 'null', 'n/a': invalid" + every_column(reading)
    )
    words = shlex.split(attention.remedy)
    assert set(words[1::2]) == {*users} - {"u1"}
    assert found(replace(reading, null=tuple(words[1::2])), *(record(user=user) for user in users)) == []


def every_column(reading: Reading) -> str:
    return "; --null holds for every column" if reading.dialect.has_cells else ""


def test_the_words_of_each_field_are_counted_by_themselves() -> None:
    every = every_column(CELLS)
    attentions = found(CELLS, record(event="undefined", ip="NULL"), record(id="None", ip="NULL"))
    assert [(each.text, each.remedy) for each in attentions] == [
        (
            f"1 record has a word as event name that may mean no value: 'undefined' 1{every}",
            "--null undefined",
        ),
        (f"2 records have a word as ip that may mean no value: 'NULL' 2{every}", "--null NULL"),
        (f"1 record has a word as $insert_id that may mean no value: 'None' 1{every}", "--null None"),
    ]


@pytest.mark.parametrize("reading", [CELLS, OBJECTS], ids=["csv", "jsonl"])
def test_what_is_a_value_in_other_columns_is_not_offered_as_a_null(reading: Reading) -> None:
    attention = only(reading, record(user="0"), record(user="true"), record(user="None"), record(user="u1"))
    assert attention.count == 3
    assert "Mixpanel refuses '0', 'true': invalid" in attention.text
    assert attention.remedy == "--null None"
    assert only(reading, record(user="-1")).remedy == ""


@pytest.mark.parametrize("name", ["Sign\u200bup", "\ufeffSignup", "Signup\u2060"])
@pytest.mark.parametrize("reading", [CELLS, OBJECTS], ids=["csv", "jsonl"])
def test_a_character_in_a_name_that_can_t_be_seen_is_named(reading: Reading, name: str) -> None:
    attention = only(reading, record(event=name), record(event="Signup \u2013 new"))
    assert (attention.code, attention.count, rows(attention)) == ("reserved-names", 1, [1])
    assert "can't be seen" in attention.text


@pytest.mark.parametrize("reading", [CELLS, OBJECTS], ids=["csv", "jsonl"])
def test_damaged_ids_are_counted_with_examples(reading: Reading) -> None:
    attention = only(
        reading, record(user="u1"), *(record(user=u) for u in ("123.0", "1.23457E+11", '="00123"'))
    )
    assert (attention.code, attention.count, rows(attention)) == ("damaged-ids", 3, [2, 3, 4])
    assert attention.text == (
        "3 records have a distinct_id that another program seems to have changed:"
        " '123.0' 1, '1.23457E+11' 1, '=\"00123\"' 1"
    )
    assert attention.remedy == "Export the ids as text again, and import that file"


@pytest.mark.parametrize("reading", [CELLS, OBJECTS], ids=["csv", "jsonl"])
def test_that_all_ids_end_in_0_is_said(reading: Reading) -> None:
    all_of_them = only(reading, record(user="1.0"), record(user=""), record(user="22.00"))
    assert "all of them end in .0" in all_of_them.text
    assert "all of them" not in only(reading, record(user="1.0"), record(user="22")).text


def test_ids_of_json_that_are_decimal_numbers_are_damaged() -> None:
    attention = only(OBJECTS, record(user=123.0), record(user=5), record(user="u"), record(user={"a": 1}))
    assert (attention.count, rows(attention)) == (1, [1])


@pytest.mark.parametrize("reading", [CELLS, OBJECTS], ids=["csv", "jsonl"])
def test_padding_of_any_field_is_counted_and_trim_cures_it(reading: Reading) -> None:
    records = [record(user=" u1"), record(user="u1\xa0"), record(event="e "), record(time=f" {TIME}")]
    attentions = found(reading, *records)
    assert [(each.code, each.text, rows(each), each.remedy) for each in attentions] == [
        ("padding", "1 record has white space around the event name: 'e ' 1", [3], "--trim"),
        (
            "padding",
            r"2 records have white space around the distinct_id: ' u1' 1, 'u1\xa0' 1",
            [1, 2],
            "--trim",
        ),
        ("padding", f"1 record has white space around the time: ' {TIME}' 1", [4], "--trim"),
    ]
    assert found(replace(reading, trim=True), *records) == []


@pytest.mark.parametrize("reading", [CELLS, OBJECTS], ids=["csv", "jsonl"])
def test_an_ip_that_is_no_address_is_counted_and_the_public_one_is_offered(reading: Reading) -> None:
    attention = only(reading, record(ip="AWS Internal"), record(), record(ip="10.0.0.1, 203.0.113.9"))
    assert (attention.code, attention.count, rows(attention)) == ("ip", 2, [1, 3])
    assert attention.text == (
        "2 records have an ip that is no address: 'AWS Internal' 1, '10.0.0.1, 203.0.113.9' 1;"
        " the first public address of a list would be 203.0.113.9" + every_column(reading)
    )
    assert attention.remedy == "--null 'AWS Internal'"


@pytest.mark.parametrize("reading", [CELLS, OBJECTS], ids=["csv", "jsonl"])
def test_names_of_mixpanel_and_blank_and_long_ones_are_counted(reading: Reading) -> None:
    attention = only(
        reading, record(event="$identify"), record(event="  "), record(event="x" * 256), record()
    )
    assert (attention.code, attention.count, rows(attention)) == ("reserved-names", 3, [1, 2, 3])
    assert attention.text.startswith(
        "3 records have a blank name or a name of Mixpanel's own, which may link users or a name over 255"
        " characters, which Mixpanel cuts: '$identify' 1, '  ' 1, 'xxx"
    )
    assert attention.remedy == ""
    assert only(reading, record(event=" ")).remedy == "--trim"


MERGED = ("{user}", "$device:{id}")


def of_template(reading: Reading, field: Any, *entries: str) -> Reading:
    """Return a reading in which a field has these alternatives, and no id is mapped."""
    fields = {f: c for f, c in reading.fields.items() if f not in (field, "insert_id")}
    return replace(reading, fields=fields, alternatives={field: entries})


@pytest.mark.parametrize("reading", [CELLS, OBJECTS], ids=["csv", "jsonl"])
def test_the_columns_of_a_template_are_looked_at_where_it_gives_the_field(reading: Reading) -> None:
    merged = of_template(reading, "distinct_id", *MERGED)
    users = [
        ("", "NULL"),
        ("", "NULL"),
        (" u1", "x"),
        ("123.0", "d"),
        ("NULL", "d"),
        ("u1", "NULL"),
        ("", "0"),
    ]
    records = [record(user=user, id=device) for user, device in users]
    assert [(each.text, each.remedy, rows(each)) for each in found(merged, *records)] == [
        ("1 record has white space around the distinct_id: ' u1' 1", "--trim", [3]),
        (
            "1 record has a distinct_id that another program seems to have changed: '123.0' 1",
            "Export the ids as text again, and import that file",
            [4],
        ),
        (
            "1 record has a word as distinct_id that may mean no value: 'NULL' 1" + every_column(reading),
            "--null NULL",
            [5],
        ),
        (
            "2 records have a word as part of the distinct_id (`id`) that may mean no value: 'NULL' 2"
            + every_column(reading),
            "--null NULL",
            [1, 2],
        ),
    ]
    cured = found(replace(merged, null=("NULL",), trim=True), *records)
    assert [each.code for each in cured] == ["damaged-ids"]


@pytest.mark.parametrize("reading", [CELLS, OBJECTS], ids=["csv", "jsonl"])
def test_a_template_that_lacks_a_part_is_not_looked_at(reading: Reading) -> None:
    named = of_template(reading, "event", "{event} {v}")
    records = [record(event="Cart", v="NULL"), record(event="", v="NULL"), record(event="$x", v="Add ")]
    assert [(each.text, rows(each)) for each in found(named, *records)] == [
        (
            "1 record has a word as part of the event name (`v`) that may mean no value: 'NULL' 1"
            + every_column(reading),
            [1],
        ),
        ("1 record has white space around the part of the event name (`v`): 'Add ' 1", [3]),
    ]


def test_an_id_of_json_in_a_template_that_is_a_decimal_number_is_damaged() -> None:
    merged = of_template(OBJECTS, "distinct_id", "dev-{id}")
    attention = only(merged, record(id=123.0), record(id=12), record(id={"a": 1}))
    assert (attention.code, rows(attention)) == ("damaged-ids", [1])


def test_a_field_that_set_gives_is_not_looked_at() -> None:
    reading = replace(
        CELLS,
        fields={"event": "event", "time": "time", "insert_id": "id"},
        constants={"distinct_id": "NULL", "$insert_id": "x"},
    )
    assert found(reading, record(user="NULL", id="NULL")) == []


def test_records_that_cannot_be_read_do_not_move_the_rows_of_others() -> None:
    items = [Rejection(1, 2, "broken"), Record(2, 3, list(record(user="NULL").values()))]
    observer = FieldOddities(CELLS)
    observer.observe(ColumnarChunk(items, has_cells=True, source="s"))
    observer.observe(ColumnarChunk([Rejection(3, 4, "broken")], has_cells=True, source="s"))
    assert rows(observer.attention()[0]) == [2]


# ── depth ────────────────────────────────────────────────────────────────────────────────────────

DEEP = {"a": {"b": {"c": {"d": 1}}}}
FITS = {"a": {"b": {"c": 1}}}
IN_ARRAY = {"a": [{"b": {"c": {"d": 1}}}]}


def test_deep_records_of_json_lines_are_counted() -> None:
    attention = only(
        OBJECTS,
        record(v=DEEP),
        record(v=FITS, bag={"x": FITS}),
        record(bag={"x": DEEP}),
        record(v=[DEEP, DEEP]),
    )
    assert (attention.code, attention.count, rows(attention)) == ("deep", 3, [1, 3, 4])
    assert attention.text == (
        "3 records have objects nested deeper than the 3 levels that Mixpanel takes: invalid; 1 of them only if an"
        " object in an array is a level below the array, which Mixpanel does not document"
    )
    assert attention.remedy == "--deep json"


def test_deep_cells_are_counted() -> None:
    bag = {"x": DEEP}
    attention = only(
        CELLS,
        record(v=json.dumps(DEEP), bag=json.dumps(bag)),
        record(v=json.dumps(FITS), bag=json.dumps({"x": FITS})),
        record(bag=json.dumps(bag)),
        record(bag='{"t":"{{{{{{"}'),
        record(v="{{{{{"),
    )
    assert (attention.count, rows(attention)) == (2, [1, 3])


@pytest.mark.parametrize("reading", [CELLS, OBJECTS], ids=["csv", "jsonl"])
@pytest.mark.parametrize("deep", ["json", "flatten"])
def test_what_is_replaced_needs_no_attention(reading: Reading, deep: Any) -> None:
    value: Any = json.dumps(DEEP) if reading is CELLS else DEEP
    assert make_deep_values_observer(replace(reading, deep=deep)) is None
    assert found(replace(reading, deep=deep), record(v=value)) == []
    assert found(replace(reading, deep_columns={"v": deep}), record(v=value)) == []
    assert only(replace(reading, deep=deep, deep_columns={"v": "reject"}), record(v=value)).code == "deep"


def test_columns_that_hold_no_json_are_not_looked_at() -> None:
    fields = {field: column for field, column in CELLS.fields.items() if field != "properties"}
    assert make_deep_values_observer(replace(CELLS, types={}, fields=fields)) is None


def test_a_skipped_key_is_not_deep() -> None:
    assert found(replace(OBJECTS, types={"v": "skip"}), record(v=DEEP)) == []


# ── parts ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("make", [FieldOddities, DeepValuesObserver])
def test_what_parts_show_is_what_one_pass_shows(make: Any) -> None:
    records = [
        record(user=user, ip=ip, v=DEEP) for user in ("NULL", "1.0", " x") for ip in ("a", "b", "")
    ] * 3
    whole, first, second = make(OBJECTS), make(OBJECTS), make(OBJECTS)
    items = [Record(n, n, each) for n, each in enumerate(records, 1)]
    whole.observe(ColumnarChunk(items, has_cells=False, source="s"))
    first.observe(ColumnarChunk(items[:4], has_cells=False, source="s"))
    second.observe(ColumnarChunk(items[4:], has_cells=False, source="s"))
    first.merge(second)
    assert first.attention() == whole.attention() != []


def test_a_tally_keeps_few_values_and_counts_all() -> None:
    chunk = ColumnarChunk([Record(1, 1, {})], has_cells=False)
    tally, other = Tally(), Tally()
    for n in range(1_000):
        tally.add(chunk.row(0), f"v{n}")
        other.add(chunk.row(0), f"v{n % 60}")
    tally.merge(other)
    assert (tally.count, len(tally.values), len(tally.rows)) == (2_000, 50, 5)
    assert tally.values.total() + tally.others == 2_000
    assert tally.named().endswith(", …")
