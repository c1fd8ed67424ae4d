"""What becomes of each key of a mapping that is left out, changed or added where a run goes on.

Left out, the reading of the run stays in force. Changed or added, it is a difference, at which a resume stops;
a retry takes it, and the rest of the reading as it was. Nothing between these.
"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from importer.errors import UsageError
from importer.events.declared_reading import DeclaredReading, FieldEntry
from importer.pipeline.redeclare import redeclare
from importer.pipeline.resolve import detect_declared, draft_reading
from importer.reading import KeyValue, Reading
from importer.results.differences import find_reading_differences

NOW_MS = 1_780_000_000_000
LATER_MS = NOW_MS + 1000
OF_CSV = DeclaredReading(
    fields={"event": "a", "distinct_id": ("b", FieldEntry("c", "d = 'x'")), "time": "{e} {f}"},
    names={"g": "G"},
    types={"h": "integer", "i": "skip"},
    constants={"one": 1, "two": "{a}"},
    deep_columns={"j": "json"},
    defaults={"event": "Viewed"},
    renames={"k": "K", "l*": "L*", "*m": "*M"},
    mask={"c": "redact", "n*": "redact"},
    only=("g", "h", "j", "k", "l*", "n", "o"),
    drop=("o", "p*"),
    columns=tuple("abcdefghijklmnop"),
    null=("-", "none"),
    time_format=("%Y-%m-%d %H:%M", "auto"),
    missing_columns="refuse",
    missing_time="now",
    timezone="Europe/Berlin",
    local_epochs=True,
    insert_id="row",
    geoip="request",
    tag="first",
    format="csv",
    delimiter="|",
    quote="'",
    header=False,
    encoding="cp1252",
    escape="\\",
    skip_space=True,
    trailing_delimiter=True,
    skip_lines=1,
    comment="#",
    line_end="lf",
    trim=True,
    decimal=",",
    thousands=".",
    deep="flatten",
    where="g is not null",
    prefix="p ",
    prefer="cell",
    time_offset="h",
)
OF_JSON = DeclaredReading(
    fields={"event": "a", "distinct_id": "l.id", "time": "t", "ip": "", "insert_id": ""},
    key_value={"p": KeyValue("k", ("v.s", "v.i"), ("v.i",))},
    flatten={"o": 2, "*": 1},
    stringify=("s", "u"),
    records="page",
    explode="l",
    missing_columns="ignore",
)
CSV = "x\n# y\n" + "|".join([*("a", "b", "c", "d", "2024-05-01", "10:00", "7"), *"7ijklmnop"]) + "|\n"
JSON = (
    '{"page":[{"a":"A","t":1714550400,"l":[{"id":"u"}],"o":{"p":{"q":1}},"p":[{"k":"x","v":{"s":"y"}}],'
    '"s":[1],"u":{"v":1}}],"other":[{"b":1}]}'
)
CHANGES: dict[str, Any] = {
    "fields": {"event": "b"}, "names": {"g": "H"}, "types": {"h": "string"}, "constants": {"one": 2},
    "deep_columns": {"j": "flatten"}, "defaults": {"event": "Seen"}, "renames": {"k": "X"},
    "mask": {"d": "redact"}, "only": ("g",), "drop": ("g",), "columns": tuple("ponmlkjihgfedcba"), "null": ("?",),
    "time_format": ("auto",), "missing_columns": "ignore", "missing_time": "reject", "timezone": "UTC",
    "local_epochs": False, "insert_id": "content", "geoip": "off", "tag": "second", "format": "jsonl",
    "delimiter": ";", "quote": '"', "header": True, "encoding": "utf-8", "escape": "", "skip_space": False,
    "trailing_delimiter": False, "skip_lines": 0, "comment": ";", "line_end": "any", "trim": False,
    "decimal": ".", "thousands": "", "deep": "json", "where": "h = 1", "prefix": "q ", "prefer": "column",
    "time_offset": "o", "key_value": {"p": KeyValue("k", ("v.i",))}, "flatten": {"o": 1}, "stringify": ("t",),
    "records": "other", "explode": "", "sheet": "June",
}  # fmt: skip
ADDING = {"fields", "names", "types", "constants", "deep_columns", "defaults", "mask", "key_value", "flatten"}
"""Tables: what they add stands beside what was there."""
REFUSED = {"decimal", "escape", "sheet"}
"""Changes that make no sense beside the rest."""
KEYS = sorted({each.name for each in fields(DeclaredReading)} - {"preset"})


def begun(folder: Path, name: str) -> tuple[Reading, DeclaredReading]:
    """The reading of a run under a full mapping, and this."""
    declared = OF_CSV if name == "a.csv" else OF_JSON
    (folder / name).write_text(CSV if name == "a.csv" else JSON)
    found = detect_declared(folder / name, declared)
    return draft_reading(found, declared, name, NOW_MS), declared


def source_of(key: str) -> str:
    return "a.csv" if getattr(OF_CSV, key) not in (None, (), {}) else "a.json"


def again(reading: Reading, declared: DeclaredReading) -> Reading:
    return redeclare(reading, declared, LATER_MS)


def test_the_mappings_have_each_key() -> None:
    assert CHANGES.keys() == {*KEYS}
    unset = {k for k in KEYS if all(getattr(each, k) in (None, (), {}) for each in (OF_CSV, OF_JSON))}
    assert unset == {"sheet"}  # of Excel


@pytest.mark.parametrize("name", ["a.csv", "a.json"])
def test_the_same_mapping_is_no_difference(tmp_path: Path, name: str) -> None:
    reading, declared = begun(tmp_path, name)
    assert again(reading, declared) == reading
    assert again(reading, DeclaredReading()) == reading


@pytest.mark.parametrize("key", KEYS)
def test_what_is_left_out_of_a_mapping_stays_in_force(tmp_path: Path, key: str) -> None:
    reading, declared = begun(tmp_path, source_of(key))
    value, none = getattr(declared, key), getattr(DeclaredReading(), key)
    assert again(reading, replace(declared, **{key: none})) == reading
    if isinstance(value, dict):  # and so does each of its parts
        for name in value:
            rest = {other: each for other, each in value.items() if other != name}
            assert again(reading, replace(declared, **{key: rest})) == reading, name
    if key in ("drop", "null", "stringify"):  # lists that add to what is there
        for name in value:
            rest = tuple(each for each in value if each != name)
            assert again(reading, replace(declared, **{key: rest})) == reading, name


@pytest.mark.parametrize("key", ["only", "time_format"])
def test_a_shorter_list_is_another_one(tmp_path: Path, key: str) -> None:
    reading, declared = begun(tmp_path, source_of(key))
    rest = getattr(declared, key)[1:]
    made = again(reading, replace(declared, **{key: rest}))
    assert made == replace(reading, **{key: rest})
    assert len(find_reading_differences(reading, made)) == 1


@pytest.mark.parametrize("key", KEYS)
def test_what_is_changed_or_added_is_a_difference_and_the_rest_stays(tmp_path: Path, key: str) -> None:
    reading, declared = begun(tmp_path, source_of(key))
    for base in (declared, DeclaredReading()):
        value = CHANGES[key]
        said = replace(base, **{key: {**getattr(base, key), **value} if key in ADDING else value})
        if key in REFUSED:
            with pytest.raises(UsageError):
                again(reading, said)
            continue
        made = again(reading, said)
        differences = find_reading_differences(reading, made)
        assert len(differences) == 1, (key, differences)
        if key != "format":  # whose other options mean nothing then: a retry refuses it
            assert again(made, said) == made
