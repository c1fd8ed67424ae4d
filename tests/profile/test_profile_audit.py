"""Ids that are all different are positions apart without events; whatever else is found as by making every event."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.errors import MappingError, SourceError
from importer.events.mapper import Mapper
from importer.facts import NO_COLLISIONS
from importer.pipeline.collision_text import collision_text
from importer.profile.collisions import CollisionAudit, Collisions
from importer.profile.id_observer import IdObserver
from importer.profile.scan import PassProgress, find_collisions, profile_source
from importer.profile.unique import UniqueCheck
from importer.progress import NullProgress, Progress
from importer.reading import Dialect, Reading
from importer.source.reader import open_source
from importer.speedups import EventBlock

NOW_MS = 1_780_000_000_000
TIME = "2024-05-01T10:00:00Z"
FIELDS: dict[Any, str] = {"event": "event", "time": "time", "distinct_id": "user", "insert_id": "id"}
CELLS = Reading(
    Dialect("csv"), ("event", "time", "user", "id", "properties"), FIELDS, types={"properties": "json"}
)
FLAT = replace(CELLS, dialect=Dialect("jsonl"), types={})
SHAPE = Reading(
    Dialect("jsonl"),
    ("event", "properties"),
    {
        "event": "event",
        "time": "properties.time",
        "distinct_id": "properties.user",
        "insert_id": "properties.$insert_id",
        "properties": "properties",
    },
)


def audited_by_events(
    paths: Sequence[Path], readings: Sequence[Reading], limit: int | None = None
) -> Collisions:
    """What comparing every event finds."""
    with CollisionAudit() as found:
        for number, (path, reading) in enumerate(zip(paths, readings, strict=True)):
            mapper = Mapper(reading, lambda: NOW_MS)
            with open_source(path, reading.dialect, reading.columns) as source:
                items = [item for chunk in source.chunks() for item in mapper.map(chunk[:limit])][:limit]
            found.add(EventBlock(items), number)
        return found.result()


def audited(
    paths: Sequence[Path],
    readings: Sequence[Reading],
    limit: int | None = None,
    progress: Progress | None = None,
) -> Collisions:
    return find_collisions(
        paths,
        readings,
        lambda: NOW_MS,
        folder=paths[0].parent,
        limit=limit,
        progress=progress or NullProgress(),
    )


def known_to_differ(paths: Sequence[Path], readings: Sequence[Reading], limit: int | None = None) -> bool:
    """Whether the pass that looks at ids alone knows that all of them differ."""
    with UniqueCheck(paths[0].parent) as check:
        observers = [IdObserver(reading, check, lambda: NOW_MS, limit) for reading in readings]
        for path, reading, observer in zip(paths, readings, observers, strict=True):
            profile_source(path, reading, [observer], PassProgress(NullProgress()))
        return not any(observer.lacks_ids for observer in observers) and check.all_differ()


def same(paths: Sequence[Path], readings: Sequence[Reading], limit: int | None = None) -> None:
    found, every_event = audited(paths, readings, limit), audited_by_events(paths, readings, limit)
    assert replace(found, events=0) == replace(every_event, events=0)
    if all("insert_id" in reading.fields for reading in readings) and known_to_differ(paths, readings, limit):
        assert replace(every_event, events=0) == NO_COLLISIONS


def written(folder: Path, parts: Sequence[str], name: str = "events") -> Path:
    path = folder / name
    path.write_text("".join(parts), "utf-8", newline="")
    return path


# ── differential ─────────────────────────────────────────────────────────────────────────────────

OWN = ["a", "b", "c", "d", "e", "f", "g", "", "no id!", "null", "NA-1", "caf\u00e9", "x" * 37]
TIMES = [TIME, "2024-05-01T11:00:00Z", "soon", ""]
BAGS = ["", "{}", '{"$insert_id":"a"}', '{"n":1}', '{"$insert_id":"a","insert_id":"b"}', "bad"]
HEAD = "event,time,user,id,properties\n"


def row(event: str, time: str, user: str, own: str, bag: str) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow([event, time, user, own, bag])
    return out.getvalue()


few_ids = st.sampled_from(OWN[:7]) | st.sampled_from(OWN)
rows = st.builds(
    row, st.sampled_from(["Paid", "Paid", ""]), st.sampled_from(TIMES), st.sampled_from(["u", ""]), few_ids,
    st.sampled_from(BAGS),
) | st.sampled_from(["\n", "too,few\n", '"unclosed\n'])  # fmt: skip
csv_readings = st.sampled_from(
    [
        CELLS,
        replace(CELLS, null=("NA-1", "a")),
        replace(CELLS, fields={**FIELDS, "properties": "properties"}, types={}),
        replace(
            CELLS, fields={k: v for k, v in FIELDS.items() if k != "insert_id"}, constants={"insert_id": "x"}
        ),
        replace(CELLS, constants={"$insert_id": "x"}),
        replace(CELLS, tag="t", missing_time=5 * 10**11),
        replace(CELLS, fields={**FIELDS, "distinct_id": "id"}),
    ]
)


@settings(deadline=None, max_examples=200)
@given(st.lists(rows, max_size=6), csv_readings, st.sampled_from([None, 2]))
def test_csv_is_audited_as_if_every_event_was_made(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], reading: Reading, limit: int | None
):
    same([written(tmp_path_factory.mktemp("audit"), [HEAD, *parts])], [reading], limit)


def line(event: str, time: str, user: str, own: Any, more: str, order: int) -> str:
    """A line in Mixpanel's shape, with the id before, among or behind other properties; raw JSON in ``more``."""
    members = [f'"time":{json.dumps(time)}', f'"user":{json.dumps(user)}']
    members.insert(order % 3, f'"$insert_id":{json.dumps(own)}')
    if more:
        members.insert(order % 4, more)
    return f'{{"event":{json.dumps(event)},"properties":{{{",".join(members)}}}}}'


MORE = [
    "", "", "", '"n":1', '"cart":{"$insert_id":"z","n":1}', '"$insert_id":"a"', '"\\u0024insert_id":"a"', '"t":"}}"',
    '"t":"\\"$insert_id\\":\\"z\\""', '"properties":{}', '"l":[{"a":{}}]', '"n":12345678901234567890123', '"t":"{"',
]  # fmt: skip
WRONG = ["", " ", "no JSON", "[1]", '{"event":"Paid"}', '{"event":"Paid","properties":{"time":1', "\ufeff{}"]
BEHIND = ["", "\r", " ", ',"properties":{}', "}"]
shaped = st.builds(
    line, st.sampled_from(["Paid", "Paid", ""]), st.sampled_from(TIMES), st.sampled_from(["u", ""]),
    few_ids | st.sampled_from([7, None, ["a"]]), st.sampled_from(MORE), st.integers(0, 11),
)  # fmt: skip
shaped_lines = st.one_of(
    shaped,
    shaped,
    shaped.map(lambda text: text.replace('":', '": ').replace(',"', ', "')),
    st.tuples(shaped, st.sampled_from(BEHIND)).map(lambda pair: pair[0][:-1] + pair[1].strip() + "}"),
    st.tuples(shaped, st.integers(1, 20)).map(lambda pair: pair[0][: -pair[1]]),
    st.sampled_from(WRONG),
)
ends = st.sampled_from(["\n", "\r\n", "\n\n"])
starts = st.sampled_from(["", "", "\ufeff", "\n"])
shape_readings = st.sampled_from(
    [
        SHAPE,
        replace(SHAPE, tag="t"),
        replace(SHAPE, constants={"insert_id": "x"}),
        replace(
            SHAPE, fields={**SHAPE.fields, "ip": "properties.cart", "insert_id": "properties.cart.$insert_id"}
        ),
        replace(SHAPE, fields={**SHAPE.fields, "insert_id": "properties.cart.$insert_id"}),
        replace(SHAPE, fields={k: v for k, v in SHAPE.fields.items() if k != "properties"}),
        replace(SHAPE, fields={**SHAPE.fields, "distinct_id": "properties.$insert_id"}),
    ]
)


@settings(deadline=None, max_examples=400)
@given(starts, st.lists(shaped_lines, max_size=6), ends, shape_readings, st.sampled_from([None, 2]))
def test_jsonl_in_mixpanels_shape_is_audited_as_if_every_event_was_made(
    tmp_path_factory: pytest.TempPathFactory, start: str, lines: list[str], end: str, reading: Reading,
    limit: int | None,
):  # fmt: skip
    same([written(tmp_path_factory.mktemp("audit"), [start, end.join(lines)])], [reading], limit)


def flat(time: str, own: Any, more: str, order: int) -> str:
    members = ['"event":"Paid"', f'"time":{json.dumps(time)}', '"user":"u"']
    members.insert(order % 4, f'"id":{json.dumps(own)}')
    if more:
        members.insert(order % 5, more)
    return f"{{{','.join(members)}}}"


FLAT_MORE = [
    "",
    "",
    '"cart":{"id":"z"}',
    '"id":"a"',
    '"\\u0069d":"a"',
    '"t":"}"',
    '"properties":{"id":"z"}',
    '"l":[{}]',
]
flats = st.builds(flat, st.sampled_from(TIMES), few_ids, st.sampled_from(FLAT_MORE), st.integers(0, 19))


@settings(deadline=None, max_examples=300)
@given(st.lists(flats | st.sampled_from(WRONG), max_size=6), ends)
def test_flat_jsonl_is_audited_as_if_every_event_was_made(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], end: str
):
    same([written(tmp_path_factory.mktemp("audit"), [end.join(lines)])], [FLAT])


# ── audits without events ──────────────────────────────────────────────────────────────────


def untimed(ids: Sequence[str]) -> list[str]:
    """Lines from which no event can be made: an audit that counts them has made none."""
    return [line("Paid", "soon", "u", own, "", 2) + "\n" for own in ids]


def test_ids_that_are_all_different_need_no_events(tmp_path: Path):
    ids = [f"id-{n}" for n in range(1_500)]
    jsonl = written(tmp_path, untimed(["first", *ids]))  # the first line of a file is read the slow path
    cells = written(tmp_path, [HEAD, *(row("Paid", "soon", "u", own, "") for own in ids)], "cells")
    for path, reading in ((jsonl, SHAPE), (cells, CELLS)):
        assert audited([path], [reading]) == replace(NO_COLLISIONS, events=1_500)
        assert audited_by_events([path], [reading]) == replace(NO_COLLISIONS, events=0)
        assert audited([path], [reading], limit=10).events < 1_500
        assert known_to_differ([path], [reading])


def test_ids_of_a_compressed_source_with_a_byte_order_mark_need_no_events(tmp_path: Path):
    path = tmp_path / "events.gz"
    path.write_bytes(gzip.compress("".join(["\ufeff", *untimed(["first", "a", "b"])]).encode()))
    reading = replace(SHAPE, dialect=Dialect("jsonl", "gzip"))
    assert audited([path], [reading]) == replace(NO_COLLISIONS, events=2)


@pytest.mark.parametrize("second", [["c", "d"], ["c", "a"]])
def test_ids_are_compared_over_all_sources(tmp_path: Path, second: list[str]):
    ids = (["first", "a", "b"], ["first", *second])
    paths = [written(tmp_path, untimed(each), name) for each, name in zip(ids, ("one", "two"), strict=True)]
    assert audited(paths, [SHAPE, SHAPE]).events == (4 if second == ["c", "d"] else 0)
    assert known_to_differ(paths, [SHAPE, SHAPE]) == (second == ["c", "d"])


def test_a_repeated_id_makes_every_event_be_compared(tmp_path: Path):
    assert audited([written(tmp_path, untimed(["first", "a", "b", "a"]))], [SHAPE]).events == 0


@pytest.mark.parametrize("own", ["", "no id!"])
def test_a_missing_or_invalid_id_is_compared_as_it_is_sent(tmp_path: Path, own: str):
    lines = [line("Paid", TIME, "u", each, '"n":1', 3) + "\n" for each in ["first", "a", own, "b", own]]
    found = audited([written(tmp_path, lines)], [SHAPE])
    assert (found.events, found.identical, found.lost) == (5, 1, 0)


def test_events_of_two_sources_that_differ_and_share_an_id_are_found(tmp_path: Path):
    lines = [line("Paid", TIME, "u", own, f'"n":{n}', 3) + "\n" for n, own in enumerate(["a", "b", "a"])]
    paths = [written(tmp_path, lines[:2], "one"), written(tmp_path, lines[2:], "two")]
    found = audited(paths, [SHAPE, SHAPE])
    assert (found.events, found.lost) == (3, 1)
    assert audited(paths[:1], [SHAPE]).lost == 0


def test_events_that_collide_are_named_by_source_and_row_if_there_are_several_sources(tmp_path: Path):
    lines = [line("Paid", TIME, "u", own, f'"n":{n}', 3) + "\n" for n, own in enumerate(["a", "b", "c", "b"])]
    paths = [
        written(tmp_path, lines[:1], "one"),
        written(tmp_path, lines[1:3], "two"),
        written(tmp_path, [lines[0], lines[3]], "three"),
    ]
    found = find_collisions(
        paths,
        [SHAPE] * 3,
        lambda: NOW_MS,
        folder=tmp_path,
        progress=NullProgress(),
        names=["1.json", "2\n.json", "3.json"],
    )
    assert (found.first, found.first_sources) == (((1, 2),), (("2\n.json", "3.json"),))
    assert (found.first_identical, found.identical_sources) == (((1, 1),), (("1.json", "3.json"),))
    assert collision_text(found, 3).endswith("and id (rows 2\\n.json 1 and 3.json 2)")


def test_records_beyond_the_limit_are_not_compared(tmp_path: Path):
    lines = [line("Paid", TIME, "u", own, f'"n":{n}', 3) + "\n" for n, own in enumerate(["a", "b", "a"])]
    path = written(tmp_path, lines)
    assert audited([path], [SHAPE], limit=2).lost == 0
    assert audited([path], [SHAPE], limit=3).lost == 1


# ── progress and errors ─────────────────────────────────────────────────────


@pytest.mark.parametrize("shared", [False, True])
def test_the_progress_goes_up_to_the_size_of_all_sources(tmp_path: Path, shared: bool):
    paths = [written(tmp_path, untimed([f"{name}{n}" for n in range(900)]), name) for name in "ab"]
    paths.append(written(tmp_path, untimed(["first", "a1" if shared else "c1"]), "c"))
    positions: list[int] = []

    class Recorder(NullProgress):
        def update(self, position: int, records: int | None = None, unsuccessful: int = 0) -> None:
            assert (records, unsuccessful) == (None, 0)
            positions.append(position)

    audited(paths, [SHAPE] * 3, progress=Recorder())
    assert positions[-1] == max(positions) == sum(path.stat().st_size for path in paths)
    turns = sum(after < before for before, after in pairwise(positions))
    assert turns == int(shared)  # once more from the beginning


def test_a_source_that_can_not_be_read_to_its_end_is_named_with_what_was_read(tmp_path: Path):
    path = tmp_path / "events.gz"
    path.write_bytes(gzip.compress("".join(untimed([f"id-{n}" for n in range(9_000)])).encode())[:-30])
    with pytest.raises(SourceError, match="records were read before"):
        audited([path], [replace(SHAPE, dialect=Dialect("jsonl", "gzip"))])


def test_columns_that_would_be_one_property_are_refused_whatever_the_ids(tmp_path: Path):
    path = written(tmp_path, [HEAD, row("Paid", TIME, "u", "a", "")])
    reading = replace(
        CELLS, fields={k: v for k, v in FIELDS.items() if k != "distinct_id"}, names={"user": "properties"}
    )
    with pytest.raises(MappingError, match="both be the property"):
        audited([path], [reading])
