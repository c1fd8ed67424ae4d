"""Integers of more than 64 bits: refused where they are sent, and no matter where they are left out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from events_helpers import NOW_MS

from importer.events.mapper import Mapper
from importer.events.shape import make_shaper
from importer.model import Event, Record, Rejection, Status
from importer.pipeline.survey import scan_source
from importer.profile.records import open_records
from importer.progress import NullProgress
from importer.reading import Dialect, KeyValue, Reading, Shape
from importer.source.reader import open_source

BIG = 10**29
LINES = {
    "nowhere": '{"e":"E","t":1714550400,"u":"u","b":1,"o":{"b":1,"c":2},"p":{"k":1},"l":[{"key":"k","value":1}]}',
    "b": '{"e":"E","t":1714550400,"u":"u","b":BIG,"o":{"b":1},"p":{"k":1},"l":[{"key":"k","value":1}]}',
    "o.b": '{"e":"E","t":1714550400,"u":"u","b":1,"o":{"c":2,"b":[1,-BIG]},"p":{"k":1},"l":[]}',
    "p.k": '{"e":"E","t":1714550400,"u":"u","b":1,"o":{"b":1},"p":{"k":BIG},"l":[]}',
    "text": '{"e":"E","t":1714550400,"u":"u","b":1,"o":{"b":1},"p":"{\\"k\\":BIG,\\"m\\":1}","l":[]}',
    "l": '{"e":"E","t":1714550400,"u":"u","b":1,"o":{"b":1},"p":{},"l":[{"key":"k","value":BIG}]}',
    "u": '{"e":"E","t":1714550400,"u":BIG,"b":1,"o":{"b":1},"p":{},"l":[]}',
    "all": '{"e":"E","t":1714550400,"u":"u","b":BIG,"o":{"b":BIG},"p":{"k":BIG},"l":[{"key":"k","value":BIG}]}',
}
FIELDS: Mapping[Any, str] = {"event": "e", "time": "t", "distinct_id": "u", "properties": "p"}


def reading(dialect: str = "jsonl", **changes: Any) -> Reading:
    return Reading(Dialect(dialect), ("e", "t", "u", "b", "o", "p", "l"), **{"fields": FIELDS, **changes})


READINGS = {
    "nothing": (reading(), ""),
    "a type": (reading(types={"b": "skip"}), "b"),
    "a name": (reading(drop=("b",)), "b"),
    "an object": (reading(drop=("o",)), "o.b"),
    "a key": (reading(drop=("k",)), "p.k text"),
    "a pattern": (reading(drop=("*",)), "b o.b p.k text l all"),
    "all but one": (reading(only=("c",)), "b o.b p.k text l all"),
    "an object that is flattened": (reading(drop=("o",), shape=Shape(flatten={"o": 1})), ""),
    "a part of it": (reading(drop=("o.b",), shape=Shape(flatten={"o": 1})), "o.b"),
    "a part of all": (reading(drop=("o.b",), shape=Shape(flatten={"*": 1})), "o.b"),
    "a pair": (reading(drop=("l.k",), shape=Shape(flatten={"l": 1}, key_value={"l": KeyValue()})), "l"),
    "an element": (reading(drop=("l",), shape=Shape(explode="l")), "l"),
    "with a condition": (reading(drop=("b", "o"), shape=Shape(where="b is not null")), "b o.b"),
    "what is masked": (reading(drop=("b",), shape=Shape(mask={"b": "redact", "o": "redact"})), "b"),
    "a key, beside a mask": (reading(drop=("k",), shape=Shape(mask={"m": "redact"})), "p.k text"),
    "a field": (reading(drop=("u", "b")), "b"),
    "a part of a text": (reading(drop=("b",), templates={"x": "n {b}"}), ""),
    "one that may give a field": (reading(drop=("b",), fields={"event": "e", "time": "t", "properties": "p"}, alternatives={"distinct_id": ("b", "u")}), ""),
    "an offset": (reading(drop=("b",), time_offset="b"), ""),
    "one of several bags": (reading(drop=("k",), fields={"event": "e", "time": "t"}, alternatives={"properties": ("p", "o")}), "text"),
}  # fmt: skip


def mapped(path: Path, of: Reading, *, in_chunks: bool) -> list[Event | Rejection]:
    """What becomes of each record, by the way of blocks or by that of single records."""
    with open_source(path, of.dialect, of.columns, reshape=make_shaper(of)) as source:
        chunks = list(source.chunks()) if in_chunks else [list(source.items())]
    mapper = Mapper(of, lambda: NOW_MS)
    return [item for chunk in chunks for item in mapper.map(chunk)]


def write(folder: Path, names: list[str], *, as_array: bool) -> Path:
    lines = [LINES[name].replace("BIG", str(BIG)) for name in names]
    path = folder / "a"
    path.write_text(f"[{','.join(lines)}]" if as_array else "".join(f"{line}\n" for line in lines))
    return path


@pytest.mark.parametrize("dialect", ["jsonl", "json"])
@pytest.mark.parametrize(("of", "saved"), READINGS.values(), ids=READINGS)
def test_what_is_left_out_makes_no_record_invalid(
    tmp_path: Path, of: Reading, saved: str, dialect: str
) -> None:
    of = Reading(**{**{name: getattr(of, name) for name in of.__slots__}, "dialect": Dialect(dialect)})
    for names in ([*LINES], ["nowhere"] * 20 + [*LINES] + ["nowhere"] * 20):
        path = write(tmp_path, names, as_array=dialect == "json")
        fast, slow = (mapped(path, of, in_chunks=in_chunks) for in_chunks in (True, False))
        assert [repr(item) for item in fast] == [repr(item) for item in slow]
        by_name = dict(zip(names, fast, strict=True)) if not of.shape.explode else {}
        sent = {name for name, item in by_name.items() if isinstance(item, Event)}
        if not of.shape.explode:
            assert sent == {"nowhere", *saved.split()}
            others = [item for item in by_name.values() if isinstance(item, Rejection)]
            assert all("does not fit 64 bits: write it as a string" in item.error for item in others)
        assert all(str(BIG).encode() not in item.body for item in fast if isinstance(item, Event))


def test_the_elements_of_a_list_are_judged_one_by_one(tmp_path: Path) -> None:
    of = reading(drop=("l",), shape=Shape(explode="l", flatten={"l": 1}))
    path = tmp_path / "a"
    path.write_text(f'{{"e":"E","t":1714550400,"u":"u","l":[{{"x":1}},{{"x":{BIG}}},{{"x":2}}]}}\n' * 2)
    items = mapped(path, of, in_chunks=True)
    assert [type(item) for item in items] == [Event, Rejection, Event] * 2
    assert [item.item for item in items] == [1, 2, 3] * 2
    assert items[1] == Rejection(1, 1, f"l.x: {BIG} does not fit 64 bits: write it as a string", item=2)


@pytest.mark.parametrize("of", [each for each, _ in READINGS.values()], ids=READINGS)
def test_the_plan_counts_the_records_that_the_run_refuses(tmp_path: Path, of: Reading) -> None:
    path = write(tmp_path, [name for name in LINES if name not in ("text", "u")] * 3, as_array=False)
    with open_records(path, of) as source:
        items = list(source.items())
    found = scan_source(path, of, now_ms=NOW_MS, progress=NullProgress()).survey.summary
    broken = [item for item in items if isinstance(item, Rejection) and item.status is Status.INVALID]
    assert found.unreadable == len(broken)
    assert all(type(item) in (Record, Rejection) for item in items)


@pytest.mark.parametrize(("drop", "saved"), [((), False), (("k",), True), (("c.b",), True)])
def test_json_in_cells(tmp_path: Path, drop: tuple[str, ...], saved: bool) -> None:
    path = tmp_path / "a.csv"
    cell = f'"{{""b"":{BIG},""c"":1}}"' if drop == ("c.b",) else '"{""b"":1}"'
    bag = f'"{{""k"":{BIG},""m"":1}}"' if drop != ("c.b",) else '"{""m"":1}"'
    path.write_text("e,t,c,p\n" + f"E,1714550400,{cell},{bag}\n" * 20)
    of = Reading(
        Dialect("csv"),
        ("e", "t", "c", "p"),
        {"event": "e", "time": "t", "properties": "p"},
        types={"c": "json"},
        drop=drop,
        shape=Shape(flatten={"c": 1}) if drop == ("c.b",) else Shape(),
    )
    fast, slow = (mapped(path, of, in_chunks=in_chunks) for in_chunks in (True, False))
    assert [repr(item) for item in fast] == [repr(item) for item in slow]
    assert {type(item) for item in fast} == {Event if saved else Rejection}
    if not saved:
        assert f"k: {BIG} does not fit 64 bits: write it as a string" in repr(fast[0])
