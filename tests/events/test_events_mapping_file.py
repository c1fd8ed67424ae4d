from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from events_helpers import Mapped
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.errors import MappingError
from importer.events.declared_reading import DeclaredReading
from importer.events.mapping_file import load
from importer.events.mapping_text import render
from importer.reading import ColumnProfile, Dialect, Reading

WHOLE = """\
# ours
timezone = "Europe/Berlin"
time_format = "%d.%m.%Y"
local_epochs = true
missing_time = "now"
insert_id = "row"
geoip = "request"
tag = "spring"
null = ["NULL", "-"]
format = "csv"
delimiter = ";"
header = false
encoding = "cp1252"

[fields]
event = "action"
insert_id = ""

[types]
zip = "string"

[names]
"Zip Code" = "zip"

[set]
source = "shop"
weight = 1.5
flags = { beta = true, list = [1, 2] }
"""


def file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mapping.toml"
    path.write_text(text, "utf-8")
    return path


def test_everything_that_can_be_said_is_read(tmp_path: Path):
    assert load(file(tmp_path, WHOLE)) == DeclaredReading(
        fields={"event": "action", "insert_id": ""},
        names={"Zip Code": "zip"},
        types={"zip": "string"},
        constants={"source": "shop", "weight": 1.5, "flags": {"beta": True, "list": [1, 2]}},
        null=("NULL", "-"),
        missing_time="now",
        timezone="Europe/Berlin",
        time_format=("%d.%m.%Y",),
        local_epochs=True,
        insert_id="row",
        geoip="request",
        tag="spring",
        format="csv",
        delimiter=";",
        header=False,
        encoding="cp1252",
    )


def test_an_empty_file_says_nothing(tmp_path: Path):
    assert load(file(tmp_path, "")) == DeclaredReading()
    assert load(file(tmp_path, "\ufefftag = 'x'\n")) == DeclaredReading(
        tag="x"
    )  # an editor's byte order mark


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("\ntimezon = 'UTC'\n", 2, "timezon: unknown key; did you mean 'timezone'?"),
        ("tag = 'x'\n\n[feilds]\nevent = 'a'\n", 3, "feilds: unknown key; did you mean 'fields'?"),
        ("[fields]\nevent = 'a'\ndistinctid = 'b'\n", 3, "unknown field; did you mean 'distinct_id'?"),
        ("[fields]\n\nevent = 3\n", 3, "fields.event: found 3"),
        ("[types]\nb = 'string'\na = 'strng'\n", 3, "unknown type 'strng'; did you mean 'string'?"),
        ("[types]\n'a.b' = ['string']\n", 2, "unknown type ['string']"),
        ('[names]\nq = "r"\n"Zip Code" = ""\n', 3, "names.Zip Code: found an empty name"),
        ("[set]\nwhen = 2024-05-01\n", 2, "set.when: found a TOML date"),
        ("[set]\na = 1\nwhen = [{ x = 10:00:00 }]\n", 3, "set.when: found a TOML date"),
        ("[set]\na = nan\n", 2, "set.a: found nan, which JSON can't hold"),
        ("[set]\na = { b = -inf }\n", 2, "set.a: found -inf, which JSON can't hold"),
        ("[set]\na = 18446744073709551616\n", 2, "does not fit 64 bits"),
        ("tag = 'x'\ntypes = { zip = 'strng' }\n", 2, "unknown type 'strng'"),
        ("tag = 'x'\ntypes.zip = 'strng'\n", 2, "unknown type 'strng'"),
        ("event = 1\n", 1, "event: unknown key"),
        ("[types]\ntag = 'string'\n[set]\ntag = nan\n", 4, "set.tag"),
        ("x = 1\n[types]\nx = 'string'\n", 1, "x: unknown key"),
        ("tag = 5\n", 1, "tag: found 5"),
        ("\n\nheader = 'yes'\n", 3, "header: found 'yes'"),
        ("geoip = 'on'\n", 1, "geoip: found 'on'"),
        ("insert_id = ['row']\n", 1, "insert_id: found ['row']"),
        ("null = [1]\n", 1, "null: found [1]"),
        ("fields = 'event'\n", 1, "fields: found 'event'"),
    ],
)
def test_a_mistake_names_the_file_the_line_and_the_key(tmp_path: Path, text: str, line: int, words: str):
    path = file(tmp_path, text)
    with pytest.raises(MappingError) as caught:
        load(path)
    assert caught.value.message.startswith(f"{path}, line {line}: ")
    assert words in caught.value.message
    assert caught.value.remedy


def test_what_is_no_toml_names_the_line(tmp_path: Path):
    with pytest.raises(MappingError, match=r"not TOML: .*line 2"):
        load(file(tmp_path, "tag = 'x'\noh no\n"))
    (tmp_path / "mapping.toml").write_bytes(b"tag = '\xff'\n")
    with pytest.raises(MappingError, match="not TOML"):
        load(tmp_path / "mapping.toml")


LONG = ".".join("a" * 200)


@pytest.mark.parametrize(
    "text",
    [f"{LONG} = 1", f"[{LONG}]", f"[[ {LONG} ]]", f"x = {{{LONG} = 1}}",
     f'x = ["""a"""", {{{LONG} = 1}}]', f"x = ['''a''''', {{{LONG} = 1}}]", f'x = ["a\\"", {{{LONG} = 1}}]',
     f"x = ['\\', {{{LONG} = 1}}]", "'a' . \"b\" ." * 100 + "c = 1"],
)  # fmt: skip
def test_a_key_of_too_many_parts_is_found_wherever_it_stands(tmp_path: Path, text: str):
    with pytest.raises(MappingError, match="line 2 has a key of more than 100 parts"):
        load(file(tmp_path, f"# {LONG}\n{text}\n"))


@pytest.mark.parametrize("text", ['x = """' * 50_000, "'" * 100_000, '\\"' * 50_000, '"\\\n' * 50_000])
def test_a_text_that_is_never_closed_costs_no_time(tmp_path: Path, text: str):
    began = time.process_time()
    with pytest.raises(MappingError, match=r"not TOML|more than 100 parts"):
        load(file(tmp_path, f"{text}{LONG}"))
    assert time.process_time() - began < 5


def test_a_file_that_is_not_there_is_a_clear_error(tmp_path: Path):
    with pytest.raises(MappingError, match="can't be read"):
        load(tmp_path / "none.toml")


def test_what_is_said_later_lies_over_what_was_said_before():
    base = DeclaredReading(
        fields={"event": "a", "time": "t"}, timezone="UTC", null=("-",), tag="x", header=True
    )
    top = DeclaredReading(fields={"event": "b"}, timezone="Europe/Berlin", header=False)
    assert top.over(base) == DeclaredReading(
        fields={"event": "b", "time": "t"}, timezone="Europe/Berlin", null=("-",), tag="x", header=False
    )
    assert DeclaredReading().over(base) == base


# ── render ───────────────────────────────────────────────────────────────────────────────────────

ODD = ("q\"uo'te", "do.t", "new\nline", "tab\t", "a = b", "[x]", "#", " ", "ä", "back\\slash", "\x1b[0m")


def reading(**more: Any) -> Reading:
    columns = ("event", "time", *ODD)
    return Reading(
        **{
            "dialect": Dialect("csv", delimiter="\t"),
            "columns": columns,
            "fields": {"event": "event", "time": "time"},
            "types": dict.fromkeys(columns, "string"),
            **more,
        }
    )


READINGS = [
    reading(),
    reading(dialect=Dialect("csv", encoding="cp1252", delimiter=";", header=False)),
    reading(
        names={"do.t": "x.y", "q\"uo'te": "new\nname"}, types={**dict.fromkeys(ODD, "json"), "do.t": "skip"}
    ),
    reading(fields={"event": "event", "time": "time", "ip": "new\nline", "insert_id": "q\"uo'te"}),
    reading(constants={"a": "x", "b": 1, "c": 1.5e-7, "d": True, "e": [1, {"f": "\n"}], "g": {}, "h.i": "'"}),
    reading(constants={"a": None, "b": [1, None], "c": {"d": {"e": None}}}),
    reading(
        timezone="UTC", time_format=("%Y",), tag='"', null=("NULL", ""), insert_id="row", geoip="request"
    ),
    reading(timezone="Europe/Berlin", local_epochs=True, missing_time=5),
    Reading(Dialect("jsonl"), ("event", "data"), {"event": "event", "time": "data.at"}, constants={"x": 1}),
]

EXISTING = """\
# a word to the reader
timezone = "Asia/Tokyo"  # where we were
missing_time = "now"
tag = "old"

[fields]  # which is which
time = "when"  # not any more
event = "event"  # as ever

[types]
gone = "integer"
"do.t" = "integer"  # dotted

[names]
gone = "away"

[set]
a = true
old = "x"
[set.g]
deep = 1
"""


def read_back(text: str, tmp_path: Path) -> dict[str, Any]:
    """Return what of a reading a mapping file says."""
    import json

    said = load(file(tmp_path, text))
    constants = {
        name: json.loads(value) if said.types.get(name) == "json" and isinstance(value, str) else value
        for name, value in said.constants.items()
    }
    return {
        "fields": {field: column for field, column in said.fields.items() if column},
        "names": dict(said.names),
        "types": {name: kind for name, kind in said.types.items() if name not in constants},
        "constants": constants,
        "null": said.null,
        "timezone": said.timezone or "",
        "time_format": said.time_format,
        "local_epochs": bool(said.local_epochs),
        "missing_time": said.missing_time == "now",
        "insert_id": said.insert_id,
        "geoip": said.geoip,
        "tag": said.tag or "",
        "dialect": (said.format, said.delimiter or ",", said.encoding or "utf-8", said.header is not False),
    }


def as_said(made: Reading) -> dict[str, Any]:
    mapped = set(made.fields.values())
    dialect = made.dialect
    return {
        "fields": dict(made.fields),
        "names": dict(made.names),
        "types": {name: kind for name, kind in made.types.items() if name not in mapped},
        "constants": dict(made.constants),
        "null": made.null,
        "timezone": made.timezone,
        "time_format": made.time_format,
        "local_epochs": made.local_epochs,
        "missing_time": made.missing_time is not None,
        "insert_id": made.insert_id,
        "geoip": made.geoip,
        "tag": made.tag,
        "dialect": (dialect.format, dialect.delimiter, dialect.encoding, dialect.header),
    }


@pytest.mark.parametrize("existing", ["", EXISTING, WHOLE], ids=["new", "existing", "whole"])
@pytest.mark.parametrize("made", READINGS)
def test_what_is_written_reads_the_source_in_the_same_way(tmp_path: Path, made: Reading, existing: str):
    assert read_back(render(made, (), existing), tmp_path) == as_said(made)


def test_every_field_without_a_column_is_said_to_have_none(tmp_path: Path):
    # Else a well-known name might be taken for it next time.
    fields = load(file(tmp_path, render(reading()))).fields
    assert {field for field, column in fields.items() if not column} == {
        "distinct_id",
        "ip",
        "insert_id",
        "properties",
    }


def test_true_is_not_one(tmp_path: Path):
    (value,) = load(
        file(tmp_path, render(reading(constants={"a": 1}), (), "[set]\na = true\n"))
    ).constants.values()
    assert type(value) is int


def test_comments_and_order_of_an_existing_file_are_kept(tmp_path: Path):
    text = render(reading(timezone="Asia/Tokyo"), (), EXISTING)
    for kept in (
        "# a word to the reader\n",
        'timezone = "Asia/Tokyo"  # where we were\n',
        "[fields]  # which is which\n",
        'event = "event"  # as ever\n',
        "# dotted\n",
    ):
        assert kept in text
    assert text.index("[fields]") < text.index("[types]")
    assert "gone" not in text
    assert render(reading(timezone="Asia/Tokyo"), (), text) == text


def test_examples_become_comments_that_can_not_break_out():
    profiles = [
        ColumnProfile("do.t", "string", 2, ("x\n[set]\nevil = 1", "\x1b[31m"), ""),
        ColumnProfile("event", "string", 2, ("Purchase",), ""),
    ]
    text = render(reading(), profiles)
    assert "event = \"event\" # 'Purchase'\n" in text
    assert "\n[set]" not in text
    assert "\x1b" not in text


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
values = st.recursive(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    | st.integers(-(2**63), 2**64 - 1)
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(
    types=st.dictionaries(names, st.sampled_from(["string", "json", "skip"]), max_size=4),
    renamed=st.dictionaries(names, names, max_size=3),
    constants=st.dictionaries(names, values, max_size=3),
)
def test_any_names_and_values_survive(tmp_path_factory: Any, types: Any, renamed: Any, constants: Any):
    types = {name: kind for name, kind in types.items() if name not in {*constants, "event", "time"}}
    made = reading(types=types, names=renamed, constants=constants)
    folder = tmp_path_factory.mktemp("mapping")
    text = render(made)
    assert read_back(text, folder) == as_said(made)
    assert read_back(render(made, (), text), folder) == as_said(made)


def test_a_rendered_reading_makes_the_same_events(mapped: Mapped, tmp_path: Path):
    made = reading(names={"do.t": "price"}, types={**dict.fromkeys(ODD, "string"), "do.t": "number"})
    said = load(file(tmp_path, render(made)))
    again = Reading(
        made.dialect,
        made.columns,
        {f: c for f, c in said.fields.items() if c},
        names=said.names,
        types=said.types,
    )
    cells = ["E", "1714557600", *("5" for _ in ODD)]
    assert mapped.record(again, cells) == mapped.record(made, cells)
