"""Objects within lines, and conditions, on the fast path and on the slow path."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from events_helpers import TIME
from speedups_helpers import CSV, JSONL, assert_same, takes_fast_path

from importer.events.fast_nested import make_nested_lines
from importer.events.shape import make_shaper
from importer.model import Record, Rejection
from importer.reading import Dialect, Field, KeyValue, Reading, Shape
from importer.source.reader import open_source
from importer.speedups import Block

PAIRS = KeyValue("key", ("value.s", "value.n"), ("value.n",))
OBJECTS = [
    '{"a":{"b":1}}', '{"a":{"b":{"c":1.50,"d":null}},"z":[1]}', '{"a":{"b":{"c":{"d":1}}}}', '{"a":{"x.y":{"z":1}}}',
    '{ "a" : { "b" : [ 1 , {"k": "v"} ] , "c" : { } } }', '{"a":{}}', '{"a":{"b":{}}}', '{"a":null,"b":null}', '{"a":[{"b":1}]}',
    '{"a":"text"}', '{"a":{"b":"é☕\\n\\u0041"}}', "{}", '{"a":{"b":true,"c":false}}', '{"b":1,"a":{"b":2},"c":3}',
    '{"a":{"b":-0,"c":1e5,"d":123456789012345678}}', '{"a":{"é":1,"":2}}', '{"p":[]}', '{"p":[ ]}', '{"p":null}', '{"p":{"k":1}}',
    '{"p":[{"key":"k","value":{"s":"t"}},{"value":{"n":"12"},"key":"m","more":[1]}]}',
    '{"p":[{"key":"k","value":{"s":null,"n":"1.50"}},{"key":"x.y","value":{}},{"key":"z"}]}',
    *(f'{{"p":[{{"key":"k","value":{{"n":{n}}}}}]}}' for n in (
        '"0"', '"-0"', '"007"', '"-12"', '""', '"-"', '"x"', '"9007199254740992"', '"9007199254740993"', '"1e3"', '"1e400"', '"0.1234567890123456789"',
        '"999999999999999"', '"9999999999999999999999"', "1", "1.0", "-0", "9007199254740993", "18446744073709551615", "0.5", "true", "null", "{}", '{"q":1}', "[]")),
    '{"p":[{"key":"k","value":"flat"}]}', '{"p":[{"key":"k","value":{"s":{"a":{"b":1}}}}]}', '{"p":[{"key":"k","value":{"s":[1]}}],"a":{"b":1}}',
]  # fmt: skip
ODD = [  # left to Python
    '{"a":"{\\"b\\":{\\"c\\":1}}"}', '{"a":" \\n{\\"b\\":1.5}"}', '{"a":"{no"}', '{"a":"[1]"}', '{"a":"\\u007b\\"b\\":1}"}',
    '{"a":"\\u00a0{\\"b\\":1}"}', '{"p":"[{\\"key\\":\\"k\\",\\"value\\":{\\"s\\":1}}]"}', '{"p":"{\\"k\\":1}"}',
    '{"p":[{"key":"k","value":{"n":"1\\u0032"}}]}',
    '{"a":{"b":1,"b":2}}', '{"a":{"b":1},"a.b":2}', '{"a":{"b":{"c":1},"b.c":2}}', '{"a":{"b":1},"a":{"c":1}}', '{"a":{"b":1},"a.b":null}',
    '{"a":{"b":null,"b":2}}', '{"a":{"b":{"c":1,"c":2}}}', '{"a":{"b":0.1234567890123456789}}', '{"a":{"b":12345678901234567890123}}', '{"a":{"b":01}}',
    '{"a":{"b":1}', '{"a":{"b":1}}}', '{"a":{"b":1},}', '{"a":{"b" 1}}', '{"a":{"b":1 "c":2}}', '{"a":{,}}', '{"a":{"b":tru}}', '{"a":{"b":"\\ud800"}}', '{"\\u0061":{"b":1}}',
    '{"a":{"\\u0062":1}}', "[1]", "1", '{"a"', '{"a":', '{"a":{"b":"x', '{"p":[1]}', '{"p":"text"}', '{"p":[{"key":"k"},]}', '{"p":[{"key":"k"}', '{"p":[{"key":"k" "value":1}]}',
    '{"p":[{"value":1}]}', '{"p":[{"key":null}]}', '{"p":[{"key":7,"value":{"s":1}}]}', '{"p":[{"key":"k","value":{"s":1}},{"key":"k","value":{"s":2}}]}',
    '{"p":[{"key":"k","value":{"s":1}},{"key":"k","value":{"s":1}}]}', '{"p":[{"key":"k","key":"m"}]}', '{"p":[{"key":"k\\n","value":{"s":1}}]}', '{"p":[{"key":"k","value":{"n":NaN}}]}',
    '{"p":[{' + ",".join(f'"k{n}":1' for n in range(20)) + "}]}", "{" + ",".join(f'"k{n}":1' for n in range(1100)) + "}",
    '{"a":' * 1 + '{"b":' * 12 + "1" + "}" * 13, '{"a":{"b":' + "[" * 40 + "]" * 40 + "}}",
]  # fmt: skip
SHAPES = {
    "one level": Shape(flatten={"a": 1}),
    "all levels": Shape(flatten={"a": 20, "z": 1}),
    "pairs": Shape(key_value={"p": PAIRS}),
    "pairs as columns": Shape(key_value={"p": PAIRS}, flatten={"p": 1, "a": 2}),
    "pairs deeper": Shape(key_value={"p": PAIRS}, flatten={"p": 3}),
    "plain pairs": Shape(key_value={"p": KeyValue()}),
    "with a condition": Shape(flatten={"a": 2}, where="a.b is null or a.b <> 2"),
    "masked": Shape(flatten={"a": 2}, where="a.b is null or a.b <> 2", mask={"a.b": "redact", "p": "redact"}),
}


def reading_of(shape: Shape, columns: tuple[str, ...] = ("a", "p")) -> Reading:
    return Reading(Dialect("jsonl"), columns, {}, shape=shape)


def shaped(path: Path, reading: Reading, *, in_blocks: bool) -> tuple[list[Any], int]:
    """Return the items of a file, and how many of them stood in blocks."""
    with open_source(path, reading.dialect, reading.columns, reshape=make_shaper(reading)) as source:
        if not in_blocks:
            return list(source.items()), 0
        chunks = list(source.chunks())
    return [item for chunk in chunks for item in chunk], sum(
        len(chunk) for chunk in chunks if isinstance(chunk, Block)
    )


def assert_shaped_alike(
    path: Path, lines: Sequence[str], reading: Reading
) -> tuple[int, list[Record | Rejection]]:
    path.write_bytes(b"{}\n" + "\n".join(lines).encode())  # the first record is read by itself
    fast, in_blocks = shaped(path, reading, in_blocks=True)
    slow, _ = shaped(path, reading, in_blocks=False)
    assert [repr(item) for item in fast] == [repr(item) for item in slow]  # the order of keys, too
    return in_blocks, slow


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_lines_are_taken_apart_alike(tmp_path: Path, shape: Shape) -> None:
    found = 0
    for columns in (("a", "p"), ("a.b", "p.k", "z")):
        reading = reading_of(shape, columns)
        for line in (*OBJECTS, *ODD):
            found += assert_shaped_alike(tmp_path / "f", [line], reading)[0]
        for line in ODD:
            assert_shaped_alike(tmp_path / "f", [*OBJECTS[:20], line, *OBJECTS[20:]], reading)
    assert shape.mask or found > len(OBJECTS)


def test_sound_lines_stay_a_block(tmp_path: Path) -> None:
    shape = SHAPES["pairs as columns"]
    in_blocks, _ = assert_shaped_alike(tmp_path / "f", OBJECTS, reading_of(shape))
    assert in_blocks == len(OBJECTS)


def test_where_many_lines_are_odd_all_are_left_to_python(tmp_path: Path) -> None:
    lines = ['{"a":{"b":1}}', '{"a":{"b":1,"b":2}}'] * 20
    in_blocks, items = assert_shaped_alike(tmp_path / "f", lines, reading_of(Shape(flatten={"a": 1})))
    assert not in_blocks
    assert sum("stands twice" in item.note for item in items) == len(lines) // 2


def test_rows_and_lines_go_on_behind_an_odd_line(tmp_path: Path) -> None:
    lines = ['{"a":{"b":1}}'] * 30 + ["", '{"a":{"b":1,"b":2}}', "bad"] + ['{"a":{"c":2}}'] * 30
    in_blocks, items = assert_shaped_alike(tmp_path / "f", lines, reading_of(Shape(flatten={"a": 1})))
    assert in_blocks == len(lines) - 3
    assert [item.row for item in items] == list(range(1, len(lines) + 1))
    assert items[-1].line == len(lines) + 1


@pytest.mark.parametrize(
    "shape",
    [
        Shape(),
        Shape(where="a = 1"),
        Shape(flatten={"*": 1}),
        Shape(flatten={"a.b": 1}),
        Shape(flatten={"a": 1}, stringify=("b",)),
        Shape(flatten={'a"b': 1}),
        Shape(flatten={"\ud800": 1}),
        Shape(flatten={f"a{n}": 1 for n in range(33)}),
        Shape(key_value={"p": KeyValue("key", ("value[0]",))}),
        Shape(key_value={"p": KeyValue("keys[0]", ("value",))}),
        Shape(key_value={"p": KeyValue("key", tuple(f"v{n}" for n in range(9)))}),
    ],
)
def test_what_the_compiled_code_does_not_know_is_left_to_python(shape: Shape) -> None:
    assert make_nested_lines(reading_of(shape)) is None


# ── events ───────────────────────────────────────────────────────────────────────────────────────


def test_what_was_taken_apart_goes_on_by_the_fast_path() -> None:
    shape = Shape(flatten={"context": 2})
    reading = replace(JSONL, fields={"event": "event", "time": "time"}, shape=shape,
                      alternatives={"ip": ("context.ip",)})  # fmt: skip
    line = json.dumps({"event": "e", "time": TIME, "context.ip": "192.0.2.1", "context.page.url": "u"})
    for columns in (reading.columns, (*reading.columns, "context.ip")):
        assert_same(line + "\n", replace(reading, columns=columns))
    assert takes_fast_path(line + "\n", replace(reading, columns=(*reading.columns, "context.ip"))) == [True]


@pytest.mark.parametrize(
    ("beside", "inside", "is_fast"),
    [('"x"', '"x"', True), ("1.0", "1", True), ('"x"', '"y"', False), ("null", "null", True), ('"x"', '""', False)],
)  # fmt: skip
def test_a_property_that_stands_beside_the_properties_as_in_them(
    beside: str, inside: str, is_fast: bool
) -> None:
    reading = replace(JSONL, fields={**JSONL.fields, "properties": "bag"})
    for prefer in ("column", "cell"):
        lines = "".join(
            f'{{"event":"e","time":"{TIME}","user":"u","{key}":{beside},"bag":{{"b":1,"{key}":{inside},"z":2}},"y":3}}\n'
            for key in ("name", "$os")
        )
        changed = replace(reading, prefer=prefer)
        assert_same(lines, changed)
        assert takes_fast_path(lines, changed) == [is_fast, False]
        twice = f'{{"event":"e","time":"{TIME}","user":"u","bag":{{"n":1,"n":1}}}}\n'
        assert_same(twice, changed)
        assert takes_fast_path(twice, changed) == [False]


CONDITIONS = {
    "texts": ("kind = 'a'", "kind in ('b', '1', 'é')", ""),
    "numbers": ("kind > 1", "kind <= 1.5", "kind is null"),
    "truth": ("kind = true", "kind <> true", ""),
    "two columns": ("kind = 'a' and user like 'u%'", "user is null or kind = 'b'", "kind is not null"),
}
VALUES = ['"a"', '"b"', '"é"', '"\\u0061"', '"q\\"u\\\\o"', '""', "null", "1", "1.0", "1.5", "2", "-3e2", "true", "false", "[]", "{}", '"1"', '"1.50"', '"none"', "9007199254740993", "0.1234567890123456789"]  # fmt: skip


def conditional(reading: Reading, conditions: tuple[str, ...], **changes: Any) -> Reading:
    field: Field = "event"
    entries = ("= First", "x {kind}", "kind")
    fields = {each: column for each, column in reading.fields.items() if each != field}
    columns = ("kind", "time", "user", "cell")
    return replace(reading, columns=columns, fields=fields, alternatives={field: entries},
                   conditions={field: conditions}, **changes)  # fmt: skip


@pytest.mark.parametrize("conditions", CONDITIONS.values(), ids=CONDITIONS)
@pytest.mark.parametrize("null", [(), ("none", "2")])
def test_conditions_hold_for_the_same_values(conditions: tuple[str, ...], null: tuple[str, ...]) -> None:
    lines = [
        f'{{"kind":{value},"time":"{TIME}","user":{user},"cell":"c"}}\n'
        for value in VALUES
        for user in ('"u1"', "null")
    ]
    reading = conditional(JSONL, conditions, null=null)
    assert_same("".join(lines), reading)
    assert any(takes_fast_path("".join(lines), reading))
    cells = [json.loads(value) for value in VALUES]
    rows = [f'"{str(cell).replace(chr(34), chr(34) * 2)}",{TIME},u1,c\n' for cell in cells]
    reading = conditional(CSV, conditions, null=null)
    assert_same("".join(rows), reading)
    assert any(takes_fast_path("".join(rows), reading))


def test_a_condition_on_a_column_that_is_not_there() -> None:
    reading = conditional(CSV, ("absent is null", "absent = 'x'", "kind.a = 'x'"))
    assert_same(f"a,{TIME},u,c\n", replace(reading, conditions={"event": ("absent is null", "", "")}))
    assert takes_fast_path(
        f"a,{TIME},u,c\n", replace(reading, conditions={"event": ("absent is null", "", "")})
    ) == [True]
    assert_same(f"a,{TIME},u,c\n", reading)  # a path into a cell: left to Python


def test_a_condition_on_what_stands_in_an_object() -> None:
    lines = [
        f'{{"kind":"k","time":"{TIME}","user":"u","o":{o}}}\n' for o in ('{"a":"x"}', '{"a":1}', "1", "{}")
    ]
    reading = conditional(JSONL, ("o.a = 'x'", "o.a is null", ""))
    assert_same("".join(lines), reading)
    assert takes_fast_path("".join(lines), reading) == [True] * len(lines)
