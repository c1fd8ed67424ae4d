"""JSON in any layout is read as the same records in JSONL are, with their rows and lines, in bounded memory."""

from __future__ import annotations

import io
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_helpers import COMPRESS, PiecewiseFile, no_deadline, places, read_file, read_jsonl, write

from importer.errors import SourceError, UsageError
from importer.model import Record, Rejection
from importer.reading import Attention, Dialect
from importer.source.copy import copy_records
from importer.source.detect import detect_source
from importer.source.format import BrokenSourceError
from importer.source.formats.json import JsonReader
from importer.source.formats.json_item import MAX_LINE_SIZE
from importer.source.formats.json_nesting import MOST_DEPTH
from importer.source.reader import open_source

RECORDS = [
    {"event": "A", "time": 1, "v": None, "text": 'a "quote", a \\ and { [ } ]', "list": [{"x": [1, 2]}, []]},
    {"event": "B é 日本", "time": 2, "v": {"deep": {"er": [True, "\\"]}}},
    {"event": "", "number": 12345678901234567890, "tiny": 1e-300, "\\": "}"},
]
LINES = [json.dumps(record, ensure_ascii=False) for record in RECORDS]
PRETTY = [json.dumps(record, ensure_ascii=False, indent=2) for record in RECORDS]

LAYOUTS = {
    "array": f"[{','.join(LINES)}]",
    "array of lines": "[\n" + ",\n".join(LINES) + "\n]\n",
    "pretty array": json.dumps(RECORDS, ensure_ascii=False, indent=1),
    "comma first": "[" + "\n , ".join(LINES) + "]",
    "over many lines": "\n".join(PRETTY) + "\n",
    "CRLF": "\r\n".join(PRETTY).replace("\n", "\r\n"),
    "one after another": "".join(LINES),
    "with spaces": " \t".join(LINES) + " ",
    "sequence": "".join(f"\x1e{line}\n" for line in LINES),
    "pretty sequence": "".join(f"\x1e{text}\n" for text in PRETTY),
    "several arrays": f"[{LINES[0]}]\n[]\n[{LINES[1]},{LINES[2]}]",
    "byte order mark": "\ufeff" + json.dumps(RECORDS, indent=1),
}


def read(text: str | bytes, records: str = "", size: int = 1 << 20) -> list[Record | Rejection]:
    """All items of JSON, read one by one and in chunks, from pieces of some size."""
    data = text.encode() if isinstance(text, str) else text

    def reader() -> JsonReader:
        return JsonReader(PiecewiseFile(data[at : at + size] for at in range(0, len(data), size)), records)

    items = list(reader())
    assert [item for chunk in reader().chunks() for item in chunk] == items
    return items


def broken(text: str | bytes, records: str = "") -> BrokenSourceError:
    with pytest.raises(BrokenSourceError) as caught:
        read(text, records)
    return caught.value


def values(items: list[Record | Rejection]) -> list[Any]:
    return [item.values if isinstance(item, Record) else item.error for item in items]


# ── layouts ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("compression", COMPRESS)
def test_each_layout_is_found_and_holds_the_same_records(tmp_path, layout, compression):
    path = write(tmp_path, COMPRESS[compression](LAYOUTS[layout].encode()), "x.json")
    found = detect_source(path)
    assert (found.dialect, found.columns) == (
        Dialect("json", compression),
        ("event", "time", "v", "text", "list", "number", "tiny", "\\"),
    )
    items = read_file(path)
    assert values(items) == RECORDS
    assert [item.row for item in items] == [1, 2, 3]
    notes = [getattr(item, "note", "") for item in items]
    assert notes == [getattr(item, "note", "") for item in read_jsonl("\n".join(LINES))]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_line_is_that_on_which_the_object_begins(layout):
    text = LAYOUTS[layout].removeprefix("\ufeff")
    lines, at = [], 0
    decoder = json.JSONDecoder()
    while (at := text.find("{", at)) >= 0:
        lines.append(text.count("\n", 0, at) + 1)
        at = decoder.raw_decode(text, at)[1]
    assert [item.line for item in read(LAYOUTS[layout])] == lines


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_it_does_not_matter_in_which_pieces_a_file_is_read(layout, size):
    assert read(LAYOUTS[layout], size=size) == read(LAYOUTS[layout])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=9,
)


@no_deadline
@given(
    elements=st.lists(st.dictionaries(st.text(), JSON, max_size=4) | JSON, max_size=8),
    indent=st.sampled_from([None, 1]),
    ascii_=st.booleans(),
    size=st.integers(1, 40),
)
def test_an_array_of_anything_is_read_as_the_lines_of_its_elements_are(elements, indent, ascii_, size):
    text = json.dumps(elements, indent=indent, ensure_ascii=ascii_).encode("utf-8", "surrogatepass")
    lines = b"\n".join(
        json.dumps(each, ensure_ascii=ascii_).encode("utf-8", "surrogatepass") for each in elements
    )
    same = [(type(item), item.row, item.note) for item in read_jsonl(lines)]
    items = read(text, size=size)
    assert [(type(item), item.row, item.note) for item in items] == same
    good = [item.values for item in items if isinstance(item, Record)]
    assert good == [item.values for item in read_jsonl(lines) if isinstance(item, Record)]


@no_deadline
@given(seed=st.integers(0, 10**6), cuts=st.integers(1, 3))
def test_damage_gives_the_same_records_and_the_same_error_on_both_paths(seed, cuts):
    chance = random.Random(seed)
    data = bytearray(chance.choice([*LAYOUTS.values()]).encode())
    for _ in range(cuts):
        at = chance.randrange(len(data))
        data[at : at + chance.randrange(3)] = chance.choice(
            [b"", b"{", b"]", b'"', b"\\", b"\0", b"\xff", b",", b"9"]
        )
    results = []
    for how in (list, lambda reader: [item for chunk in reader.chunks() for item in chunk]):
        reader = JsonReader(io.BytesIO(bytes(data)))
        try:
            results.append(how(reader))
        except BrokenSourceError as error:
            results.append((reader.row, error.problem))
    assert results[0] == results[1]


def test_records_that_are_no_objects_and_no_json_are_rejected_with_their_row():
    text = '[{"a":1}, 7, [1], "x", null, {"a":NaN}, {"a":1,}, {"b":2}, nothing, {"a":\n tru}]'
    items = read(text)
    assert places(items) == [
        ("Record", 1, 1),
        *(("Rejection", row, 1) for row in range(2, 8)),
        ("Record", 8, 1),
        ("Rejection", 9, 1),
        ("Rejection", 10, 1),
    ]
    errors = [
        "expected a JSON object, found a number",
        "expected a JSON object, found an array",
        "expected a JSON object, found a string",
        "expected a JSON object, found null",
        "no JSON at character 6 of the object: ",
        "no JSON at character 7 of the object: trailing comma",
        "no JSON at character 1 of the object: ",
        "no JSON at character 8 of the object: ",
    ]
    found = [item.error for item in items if isinstance(item, Rejection)]
    assert [error[: len(start)] for error, start in zip(found, errors, strict=True)] == errors


def test_a_byte_that_is_not_utf_8_and_a_nul_spoil_one_record_only():
    items = read(b'[{"a":1},{"a":"\xe9"},{"a":"\0"},{"a":2}]')
    assert [type(item).__name__ for item in items] == ["Record", "Rejection", "Rejection", "Record"]
    assert "byte 0xE9 at position 7 of the object is not UTF-8" in items[1].error


def test_equal_keys_and_numbers_that_lose_something_are_judged_as_in_jsonl():
    for text in ('{"a":1,"a":2}', '{"a":0.1234567890123456789}', '{"a":99999999999999999999}'):
        (in_json,), (in_jsonl,) = read(f"[{text}]"), read_jsonl(text)
        assert in_json == in_jsonl


# ── limits ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "value", ['"' + "x" * (MAX_LINE_SIZE + 9) + '"', "[" * 9 + "1," * MAX_LINE_SIZE + "1" + "]" * 9]
)
def test_a_record_that_is_too_long_is_rejected_and_can_still_be_copied(tmp_path, value):
    text = f'[{{"a":1}},\n{{"a":\n{value}}},{{"a":2}}]'
    items = read(text)
    assert places(items) == [("Record", 1, 1), ("Rejection", 2, 2), ("Record", 3, 3)]
    assert items[1].error == f"the object is longer than {MAX_LINE_SIZE:,} bytes"
    path, out = write(tmp_path, text, "x.json"), io.BytesIO()
    assert copy_records(path, Dialect("json"), (), [2, 3], out) == 2
    assert out.getvalue() == f'{{"a": {value}}}\n{{"a":2}}\n'.encode()


def test_a_bomb_of_nested_arrays_is_named():
    assert broken('[{"a":1},' + "[" * 1_000_000).problem == (
        f"line 1, column {10 + MOST_DEPTH:,}: more than {MOST_DEPTH:,} objects and lists in one another, in record 2, "
        "which begins on line 1, column 10"
    )
    deep = "[" * 5_000 + "]" * 5_000
    (rejection,) = read(f'{{"a":{deep}}}')
    assert isinstance(rejection, Rejection)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[{"a":1},\n{"a":2', "the file ends on line 2, column 7, inside of record 2, which begins on line 2, column 1"),
        ('[{"a":1}', "the file ends on line 1, column 9, inside of the list that begins on line 1, column 1"),
        ('[{"a":1},', "the file ends on line 1, column 10, inside of the list that begins on line 1, column 1"),
        ('[{"a":1} {"a":2}]', "line 1, column 10: expected a comma or the end of the list, found '{'"),
        ('[{"é":1},,{}]', "line 1, column 10: expected an object, found ','"),
        ('[{"a":1},]', "line 1, column 10: a comma stands behind the last element of a list"),
        ('{"a":1}}', "line 1, column 8: expected an object, found '}'"),
        ('{"a":1}\n\n{"a":[1}}', "line 3, column 8: expected ], found }, in record 2, which begins on line 3, column 1"),
        ('[{"a":"x]', "the file ends on line 1, column 10, inside of record 1, which begins on line 1, column 2"),
    ],
)  # fmt: skip
def test_a_break_is_named_with_its_line_and_column(text, problem):
    assert broken(text).problem == problem


def test_what_stands_ahead_of_a_break_comes_first(tmp_path):
    path = write(tmp_path, "[" + ",\n".join(['{"a":1}'] * 3_000) + ',\n{"a"', "x.json")
    got: list[Record | Rejection] = []
    with open_source(path, Dialect("json"), ()) as source, pytest.raises(SourceError) as caught:
        got.extend(item for chunk in source.chunks() for item in chunk)
    assert [item.row for item in got] == list(range(1, 3_001))
    assert caught.value.message.startswith(
        f"{path}: the file ends on line 3,001, column 5, inside of record 3,001"
    )
    assert caught.value.message.endswith("3,000 records were read before.")


# ── a list inside of an object ───────────────────────────────────────────────────────────────────

WRAPPED = {
    "one line": ("results", json.dumps({"next": None, "results": RECORDS, "count": 3})),
    "many lines": ("results", json.dumps({"count": 3, "names": ["a"], "results": RECORDS}, indent=2)),
    "lines in it": ("data", '{"data": [\n' + ",\n".join(LINES) + "\n]}\n"),
    "inside": ("response.hits.list", json.dumps({"response": {"n": 3, "hits": {"list": RECORDS, "z": {}}}})),
    "dots": ("a.b.c", json.dumps({"a.b": {"c": RECORDS}})),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_the_only_list_of_objects_holds_the_records_and_is_said(tmp_path, name):
    path, text = WRAPPED[name]
    found = detect_source(write(tmp_path, text, "x.json"))
    assert found.dialect.records == path
    assert found.attention == (Attention.of("records-list", f"the records are those of the list '{path}'"),)
    assert values(read_file(tmp_path / "x.json")) == RECORDS
    assert [item.row for item in read(text, path, size=5)] == [1, 2, 3]
    assert values(read(text, path, size=3)) == RECORDS


def test_a_list_that_begins_in_the_first_megabyte_is_found_also_if_it_ends_later(tmp_path):
    text = json.dumps({"data": RECORDS[:1] * 20_000})
    assert len(text) > 1 << 21
    found = detect_source(write(tmp_path, text, "x.json"))
    assert found.dialect == Dialect("json", records="data")


def test_of_several_lists_one_must_be_named(tmp_path):
    path = write(tmp_path, json.dumps({"users": [{"id": 1}], "events": RECORDS}), "x.json")
    with pytest.raises(SourceError) as caught:
        detect_source(path)
    assert caught.value.message == f"{path} is an object with several lists of objects: 'users', 'events'."
    assert caught.value.steps == (
        "Say which holds the records, for example: --records users",
        "Or, if the object is one record: --records ''",
    )
    found = detect_source(path, records="events")
    assert (found.dialect.records, found.attention) == ("events", ())
    assert [record.values for record in found.sample] == RECORDS
    with pytest.raises(UsageError, match="has no list there; did you mean 'events'") as error:
        detect_source(path, records="event")
    assert error.value.remedy == "Lists of objects are: 'users', 'events'"


def test_pages_of_a_list_follow_one_another(tmp_path):
    pages = [{"results": RECORDS[:1]}, {"results": []}, {"error": "none"}, {"results": RECORDS[1:]}, 5]
    for text in ("\n".join(map(json.dumps, pages)), json.dumps(pages), json.dumps(pages, indent=1)):
        items = read(text, "results")
        assert [item.values for item in items if isinstance(item, Record)] == RECORDS
        assert [(item.row, item.error) for item in items if isinstance(item, Rejection)] == [
            (2, "expected an object with the list 'results'"),
            (5, "expected an object with the list 'results'"),
        ]


@pytest.mark.parametrize(
    "text",
    [
        '{"event":"A","time":1,"items":[{"name":"x"}]}\n',
        '{\n"event":"A",\n"properties":{"time":1,"items":[{"name":"x"}]}}\n',
        '{"a":1,\n"items":[{"b":1}]}\n{"a":2,"items":[]}\n',
        '{"a":[1,2]}\n',
        '{"a":\n[1,2]}\n',
    ],
)
def test_an_event_with_a_list_and_one_of_several_objects_are_records(tmp_path, text):
    found = detect_source(write(tmp_path, text, "x.json"))
    assert found.dialect.records == ""
    assert found.sample[0].values == json.JSONDecoder().raw_decode(text)[0]


@pytest.mark.parametrize("name", ["x.json", "x"])
@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"results": []}', "results"),
        ('{"object": "list", "data": [], "has_more": false, "next_page": null}\n', "data"),
        ('{\n "count": 0,\n "response": {"hits": []}\n}\n', "response.hits"),
    ],
)
def test_a_page_whose_list_is_empty_holds_no_record(tmp_path, text, path, name):
    found = detect_source(write(tmp_path, text, name))
    assert (found.dialect, found.is_empty, found.sample) == (Dialect("json", records=path), True, ())
    assert [each.code for each in found.attention] == ["records-list"]


@pytest.mark.parametrize(
    "text",
    [
        '{"name":"A","tags":[]}\n',
        '{"event":"A","items":[]}\n',
        '{"results":[],"errors":[]}\n',
        '{"results":[[]]}\n',
        '{"results":[]}\n{"results":[]}\n',
        "{}\n",
    ],
)
def test_an_object_with_an_empty_list_may_be_a_record(tmp_path, text):
    found = detect_source(write(tmp_path, text, "x.json"))
    assert (found.dialect.records, len(found.sample)) == ("", text.count("\n"))
    assert found.sample[0].values == json.loads(text.partition("\n")[0])


@pytest.mark.parametrize("text", ["[]", "[ ]\n", "[]\n[]\n"])
def test_an_empty_array_holds_no_record(tmp_path, text):
    found = detect_source(write(tmp_path, text, "x.json"))
    assert (found.dialect, found.is_empty) == (Dialect("json"), True)


THREE = [json.dumps({"event": "A", "n": number}) for number in (1, 2, 3)]
CUT = {
    "array": f"[{', '.join(THREE)}]"[:-5],
    "array of lines": "[" + ",\n".join(THREE)[:-3],
    "pretty array": json.dumps([json.loads(line) for line in THREE], indent=2)[:-5],
    "one after another": "".join(THREE)[:-5],
    "over many lines": "".join(json.dumps(json.loads(line), indent=2) for line in THREE)[:-5],
    "list": f'{{"results":[{",".join(THREE)}]}}'[:-6],
    "a bomb in it": f"[{','.join(THREE[:2])},{'[' * 20_000}",
    "no comma": f"[{','.join(THREE[:2])} {THREE[2]}]",
    "a comma at the end": f"[{','.join(THREE[:2])},]",
}


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("compression", COMPRESS)
def test_a_small_file_that_breaks_off_has_the_records_before(tmp_path, name, compression):
    path = write(tmp_path, COMPRESS[compression](CUT[name].encode()), "x.json")
    found = detect_source(path)
    assert [record.values for record in found.sample] == [json.loads(line) for line in THREE[:2]]
    assert (found.is_whole, found.is_empty) == (False, False)
    with pytest.raises(SourceError, match=r"line \d+, column [\d,]+.* 2 records were read before\."):
        read_file(path)


def test_a_file_that_breaks_off_in_its_first_record_is_refused(tmp_path):
    with pytest.raises(SourceError, match="the file ends on line 1, column 17, inside of record 1"):
        detect_source(write(tmp_path, '[{"event":"A","n', "x.json"))


def test_records_mean_nothing_for_other_formats(tmp_path):
    with pytest.raises(UsageError, match="--records is for JSON, not for CSV"):
        detect_source(write(tmp_path, "a,b\n1,2\n"), records="a")


# ── copies ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("layout", LAYOUTS)
def test_copies_are_json_lines(tmp_path, layout):
    path, out = write(tmp_path, LAYOUTS[layout], "x.json"), io.BytesIO()
    assert copy_records(path, Dialect("json"), (), [1, 3], out) == 2
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [RECORDS[0], RECORDS[2]]
    assert out.getvalue().count(b"\n") == 2
