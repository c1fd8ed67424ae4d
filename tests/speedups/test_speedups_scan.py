"""What a scan counts and finds in compiled code is what Python finds in the same values."""

from __future__ import annotations

import json
import random
import sys
from array import array
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from events_helpers import NOW_MS
from hypothesis import given, settings
from hypothesis import strategies as st
from speedups_helpers import CSV, JSON_TEXTS, JSONL, MIXPANEL, csv_file

from importer import speedups
from importer.events.mapper import Mapper
from importer.events.times import EPOCHS
from importer.facts import SortedCounts
from importer.mixpanel.limits import INSERT_ID_CHARACTERS, MAX_INSERT_ID_BYTES
from importer.mixpanel.reserved import REFUSED_IDS
from importer.mixpanel.rules import check_insert_id
from importer.model import Record
from importer.profile.attention import attention_observers
from importer.profile.chunk import ColumnarChunk
from importer.profile.copies import CopyCounter
from importer.profile.copy_observer import CopyObserver, copies_attention
from importer.profile.hashing import HashSetInPython, hash_texts
from importer.profile.hot_shards import UserDayObserver
from importer.profile.id_observer import IdObserver
from importer.profile.json_fields import LineParts
from importer.profile.observers import SummaryObserver
from importer.profile.project_zone import ProjectZoneObserver
from importer.profile.summary import MAX_NAMES, NameCountsInPython
from importer.profile.unique import UniqueCheck
from importer.reading import Dialect, Reading
from importer.source.formats.json_item import read_item as _item
from importer.source.reader import open_source

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from scans import scan_difference

UNITS = tuple((unit.lowest, unit.end, unit.nanoseconds) for unit in EPOCHS)


def block_of_cells(rows: list[list[str]]) -> speedups.Block:
    block, _, _ = speedups.cut_csv(csv_file(rows).encode(), ord(","), ord('"'), len(rows[0]), 1, 1)
    assert len(block) == len(rows)
    return block


def block_of_lines(lines: list[str]) -> speedups.Block:
    return speedups.cut_lines("".join(f"{line}\n" for line in lines).encode(), 1, 1, _item)[0]


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=12)


# ── names and times ──────────────────────────────────────────────────────────────────────────────


@given(
    st.lists(st.one_of(texts, st.sampled_from(["a", "b", 'c"c'])), max_size=60),
    st.integers(1, 8),
    st.integers(0, 60),
)
def test_names_are_counted_alike(names: list[str], most: int, most_bytes: int) -> None:
    one, third = speedups.NameCounts(most, most_bytes), speedups.NameCounts(most, most_bytes)
    other = NameCountsInPython(most, most_bytes)
    for start in range(0, len(names), 7):
        part = names[start : start + 7]
        one.add(part)
        other.add(part)
        third.add_column(block_of_cells([["x", name] for name in part]), 1)
    for each in (one, third):
        assert (list(each.counts().items()), each.others) == (list(other.counts().items()), other.others)
    one.add_counts({"a": 3, "z": 2}, 4)
    other.add_counts({"a": 3, "z": 2}, 4)
    assert (one.counts(), one.others) == (other.counts(), other.others)


@pytest.mark.parametrize("different", [3, 511, 513, 9_000, 2 * MAX_NAMES])
def test_many_names_are_counted_alike(different: int) -> None:
    chance = random.Random(different)
    names = [f"name {chance.randrange(different)}" for _ in range(40_000)]
    one, other = speedups.NameCounts(MAX_NAMES, 1 << 20), NameCountsInPython(MAX_NAMES, 1 << 20)
    one.add(names)
    other.add(names)
    assert (list(one.counts().items()), one.others) == (list(other.counts().items()), other.others)


@given(st.lists(st.integers(-(2**62), 2**62).filter(lambda instant: instant != -1), max_size=40))
def test_times_are_counted_alike(instants: list[int]) -> None:
    counts = speedups.TimeCounts(900 * 10**9)
    counts.add(array("q", [*instants, -1]).tobytes())
    assert SortedCounts.of_arrays(*counts.counts()) == Counter(each // (900 * 10**9) for each in instants)
    assert counts.count == len(instants)
    assert not instants or (counts.first, counts.last) == (min(instants), max(instants))


def test_times_of_many_periods_are_counted() -> None:
    chance = random.Random(1)
    instants = [chance.randrange(-(10**18), 2 * 10**18) for _ in range(50_000)]
    counts = speedups.TimeCounts(900 * 10**9)
    counts.add(array("q", instants).tobytes())
    by_number = SortedCounts.of_arrays(*counts.counts())
    assert list(by_number.items()) == sorted(Counter(each // (900 * 10**9) for each in instants).items())


def test_cells_without_a_value_are_found() -> None:
    block = block_of_cells([["a", "x"], ["", "NULL"], ["b", ""], ['N"A', "x"]])
    assert speedups.missing_cells(block, 0) == [1]
    assert speedups.missing_cells(block, 1, (b"NULL", b"NA")) == [1, 2]
    assert speedups.missing_cells(block, 0, (b'N"A',)) == [1, 3]
    with pytest.raises(IndexError):
        speedups.missing_cells(block, 2)


def test_cells_beside_plain_objects_are_found() -> None:
    cells = ["", '{"x":1}', '{"ab":1}', "ab", "x", '{"a"b"}', "{b,a", "{ab", "{", "a" * 40 + "b"]
    block = block_of_cells([["a", cell] for cell in cells])
    places = [*range(len(cells))]
    expected = [(at, text) for at, text in enumerate(cells) if text and (text[0] != "{" or "ab" in text)]
    assert speedups.cells_beside(block, 1, b"ab", places) == expected
    assert speedups.cells_beside(block, 1, b"ab", [0, 1, 6, 7]) == [(7, "{ab")]
    assert speedups.cells_beside(block, 1, b"", places) == [*enumerate(cells)][1:]
    for cell, at in ((2, 0), (-1, 0), (1, len(cells)), (1, -1)):
        with pytest.raises(IndexError):
            speedups.cells_beside(block, cell, b"a", [at])


# ── lines ────────────────────────────────────────────────────────────────────────────────────────


def finder(*, inside: bytes = b"properties") -> speedups.FieldFinder:
    """Find the event, and in an object the time, the user and an id; beside that there may be another user."""
    keys = (
        (b"event", False, True, False, -1),
        (b"time", True, True, True, -1),
        (b"user", True, False, True, -1),
        (b"id", True, False, True, -1),
        (b"user", False, False, True, 2),
    )
    return speedups.FieldFinder(keys, inside, (b"secret",))


def expected(line: str) -> tuple[Any, ...] | None:
    """Return the values that a line has for these keys; None if Python must read it, or may have to."""
    item = _item(1, 1, line.encode())
    if not isinstance(item, Record) or not isinstance(item.values.get("properties"), dict):
        return None
    inner = item.values["properties"]
    return (item.values.get("event"), inner.get("time"), inner.get("user"), inner.get("id"))


def found(line: str) -> tuple[Any, ...] | None:
    ((_, fields),) = finder().parts(block_of_lines([line]))
    if fields is None:
        return None
    return tuple(fields.column(cell)[0] for cell in range(4))


def as_text(value: Any) -> Any:
    return "" if value is None else str(value) if type(value) is int else value


values = st.one_of(
    st.sampled_from(
        [*JSON_TEXTS, '"u"', '""', "null", "0", "-0", "-7", "17", "1.5", "1e5", "true", "[]", '{"a":1}']
    ),
    st.integers(-(2**66), 2**66).map(str),
    st.floats().map(str),
    texts.map(lambda text: json.dumps(text, ensure_ascii=False)),
    texts.map(json.dumps),
)
keys = st.sampled_from(
    [
        '"event"',
        '"time"',
        '"user"',
        '"id"',
        '"properties"',
        '"secret"',
        '"x"',
        r'"us\u0065r"',
        r'"\ud83d"',
        '"é"',
        r'"\n"',
    ]
)
blanks = st.sampled_from(["", "", "", " ", "\t", "\r", "\x0b"])


@st.composite
def lines(draw: st.DrawFn) -> str:
    def members(few: bool) -> str:
        parts = draw(st.lists(st.tuples(keys, blanks, values), max_size=4))
        own = [f"{key}{blank}:{blank}{value}" for key, blank, value in parts if few or key != '"properties"']
        if few and draw(st.booleans()):
            own += ['"event":"e"', f'"properties":{{{members(False)}}}']
        elif not few and draw(st.booleans()):
            own += ['"time":5', '"user":"u"']
        return ",".join(draw(st.permutations(own)))

    line = f"{draw(blanks)}{{{members(True)}}}{draw(blanks)}"
    at, cut = (
        draw(st.integers(0, 3 * len(line))),
        draw(st.sampled_from(["", '"', "\\", "}", ",", "\x01", "é"])),
    )
    return (line[:at] + cut + line[at + 1 :]).replace("\n", " ") or "{}"


@settings(deadline=None, max_examples=3_000)
@given(lines())
def test_what_is_found_in_a_line_is_what_it_holds(line: str) -> None:
    values = found(line)
    if values is None:
        return
    wanted = expected(line)
    assert wanted is not None
    assert values == tuple(map(as_text, wanted))
    assert "secret" not in orjson.loads(line)


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ('{"event":"e","properties":{"time":5,"user":"u"}}', ("e", "5", "u", "")),
        ('{"properties" : {"user":-7,"id":"x","time":"2024"} , "event":"\\u0437\\ud83d\\ude00\\n\\/" }',
         ("з😀\n/", "2024", "-7", "x")),
        ('{"event":"e","x":[{"a":[1,-0.5e+7,"\\\\",true,false,null]},[]],"properties":{"time":5}}', ("e", "5", "", "")),
        ('{"event":"e","properties":{"ti\\u006de":5,"b":{"time":6}}}', ("e", "5", "", "")),
    ],
)  # fmt: skip
def test_usual_lines_need_not_become_objects(line: str, values: tuple[str, ...]) -> None:
    assert found(line) == values


@pytest.mark.parametrize(
    "line",
    [
        '{"event":"","properties":{"time":5}}',
        '{"event":"e","properties":{"time":null}}',
        '{"event":5,"properties":{"time":5}}',
        '{"event":"e","properties":{"time":5.0}}',
        '{"event":"e","properties":{"time":5,"user":-0}}',
        '{"event":"e","properties":{"time":5},"user":"u"}',
        '{"event":"e","properties":{"time":5,"time":5}}',
        '{"event":"e","properties":{"time":5},"properties":{"time":5}}',
        '{"event":"e","properties":"{}"}',
        '{"event":"e","properties":{"time":5},"secret":1}',
        '{"event":"e","properties":{"time":5},"x":1e999}',
        '{"event":"e","properties":{"time":5},"x":18446744073709551616}',
        '{"event":"e","properties":{"time":5},"x":"\\ud83d"}',
        '{"event":"e","properties":{"time":5},"x":' + "[" * 70 + "]" * 70 + "}",
        '{"event":"e","properties":{"time":5}} x',
        '{"event":"e","properties":{"time":5},}',
        "[]",
    ],
)
def test_lines_in_doubt_are_left_to_python(line: str) -> None:
    assert found(line) is None


def test_parts_are_all_lines_in_their_order() -> None:
    good, bad = '{"event":"e%s","properties":{"time":5}}', "{}"
    chance = random.Random(2)
    lines = [good % n if chance.random() < 0.7 else bad for n in range(300)]
    block = block_of_lines(lines)
    parts = finder().parts(block)
    assert [record for part, _ in parts for record in part] == list(block)
    for part, fields in parts:
        if fields is not None:
            assert fields.column(0) == [
                record.values["event"] for record in part if isinstance(record, Record)
            ]
    assert [fields is None for _, fields in finder().parts(block, 100)] == [True]
    assert finder().parts(speedups.cut_lines(b"", 1, 1, _item)[0])[0][1] is None


def test_wrong_calls_are_refused() -> None:
    cells = block_of_cells([["a", "b"]])
    for call in (
        lambda: finder().parts(cells),
        lambda: speedups.outer_lines_hold(cells, 1, b"x"),
        lambda: speedups.FieldFinder([(b"k", False, False, 0, -1)] * 17, b"", ()),
        lambda: speedups.split_rows(bytes(8), 1, 3),
        lambda: speedups.all_differ(bytes(7)),
        lambda: speedups.TimeCounts(0),
    ):
        with pytest.raises(ValueError, match=r".+"):
            call()
    for call in (
        lambda: speedups.has_outer_cell(cells, 2, 1),
        lambda: speedups.hash_own_ids(cells, -1, b"", 1, ()),
        lambda: speedups.hash_cells(cells, 2, (b"x",)),
        lambda: speedups.compare_epochs(cells, 0, 2, UNITS, 1),
        lambda: speedups.ColumnCounts(3).add(cells),
        lambda: speedups.ColumnCounts(3).take(3),
        lambda: speedups.FieldFinder([(b"k", False, False, 0, 1)], b"", ()),
    ):
        with pytest.raises(IndexError):
            call()


# ── all observers ────────────────────────────────────────────────────────────────────────────────


def scanned(chunks: list[ColumnarChunk], reading: Reading) -> list[Any]:
    counts, users = SummaryObserver(reading), UserDayObserver(reading)
    looking = attention_observers(reading)
    for chunk in chunks:
        for observer in (counts, users, *looking):
            observer.observe(chunk)
    summary = counts.counter.summary()
    return [
        summary,
        [*summary.names.items()],
        counts.attention(),
        users.counter._counts,
        *(each.attention() for each in looking),
    ]


EXPORT = (
    '{"event":"e","properties":{"time":%d,"distinct_id":"u%d","$insert_id":"i%d","mp_processing_time_ms":%d}}'
)


@pytest.mark.parametrize("shape", ["flat", "export", "mixed"])
@pytest.mark.parametrize("ahead", [-1, 9])
def test_observers_find_the_same_in_lines_and_in_objects(shape: str, ahead: int) -> None:
    chance = random.Random(shape)
    reading = (
        replace(JSONL, columns=("event", "time", "user", "note", "anonymous_id"))
        if shape == "flat"
        else MIXPANEL
    )
    lines = []
    for n in range(600):
        time = 1_714_557_600 + chance.randrange(10**6)
        if shape == "flat":
            user = chance.choice(['"u1"', '"NULL"', "17", '" u"', "null", '"1.0"'])
            extra = chance.choice(
                ['"anonymous_id":"a"', '"distinct_id":"d"', '"note":{"a":{"b":{"c":{"d":1}}}}', '"é":"x"']
            )
            lines.append(f'{{"event":"e{n % 3}","time":{time},"user":{user},{extra}}}')
        else:
            lines.append(EXPORT % (time, n % 5, n, 1000 * (time - 3600 * ahead)))
            if shape == "mixed" and n % 40 == 0:
                lines[-1] = chance.choice(
                    ["{}", "[]", "{", '{"event":"e","properties":{"time":"no time","distinct_id":"u"}}']
                )
    block = block_of_lines(lines)
    parts = list(LineParts(reading, least=1).chunks(block, "s"))
    assert any(chunk.cells for chunk in parts)
    whole = [ColumnarChunk(list(block), has_cells=False, source="s")]
    assert scanned(parts, reading) == scanned(whole, reading)


BAGS = [
    '{"distinct_id":"d"}',
    '{"distinct_id":""}',
    '{"$distinct_id":1}',
    '{"x":"distinct_id"}',
    "{}",
    "",
    "no",
    '{"a":1}',
]


@pytest.mark.parametrize("null", [(), ("NULL", "-")])
@pytest.mark.parametrize("own", ["distinct_id", "other"])
@pytest.mark.parametrize("mapped", [True, False])
def test_observers_find_the_same_in_cells_and_in_records(
    null: tuple[str, ...], own: str, mapped: bool
) -> None:
    columns = ("event", "time", "user", "bag", own, "anonymous_id")
    given: dict[Any, str] = {"event": "event", "time": "time", "properties": "bag"}
    fields = {**given, "distinct_id": "user"} if mapped else given
    reading = replace(CSV, columns=columns, fields=fields, null=null)
    chance = random.Random(own)
    empty = ["", "NULL", "-"]
    for users in (["u1", "u2", *empty], empty, [""]):
        rows = [
            [
                chance.choice(["e", "f", "g", ""]),
                chance.choice(["2024-05-01T10:00:00Z"] * 9 + ["", "no time"]),
                chance.choice(users),
                chance.choice(BAGS),
                chance.choice(["", "", "NULL", "o1", '{"distinct_id":1}', '{"a":1}']),
                chance.choice(["", "a1", "NULL"]),
            ]
            for _ in range(600)
        ]
        blocks = block_of_cells(rows[:250]), block_of_cells(rows[250:])
        parts = [ColumnarChunk(block, has_cells=True, source="s") for block in blocks]
        records = [ColumnarChunk(list(block), has_cells=True, source="s") for block in blocks]
        assert [part.block is None for part in (*parts, *records)] == [False, False, True, True]
        assert scanned(parts, reading) == scanned(records, reading)


def test_ids_of_lines_are_those_of_the_events() -> None:
    own = [
        '"a-1"',
        '"not legal"',
        '"null"',
        '"NULL"',
        "17",
        '"' + "x" * 37 + '"',
        '""',
        "null",
        "1.5",
        r'"\u0061-2"',
        '"None"',
    ]
    lines = [
        f'{{"event":"e","properties":{{"time":1714557600,"distinct_id":"u","$insert_id":{each}}}}}'
        for each in own
    ]

    class Check(UniqueCheck):
        def add_hashes(self, hashes: bytes) -> bool:
            found.extend(array("Q", hashes))
            return True

    found: list[int] = []
    observer = IdObserver(MIXPANEL, Check(), lambda: NOW_MS)
    for chunk in LineParts(MIXPANEL, least=1).chunks(block_of_lines(lines), "s"):
        observer.observe(chunk)
    ids = Mapper(MIXPANEL, lambda: NOW_MS).insert_ids(list(block_of_lines(lines)))
    assert len(ids) == len(own)
    assert Counter(found) == Counter(array("Q", hash_texts(ids)))


@given(
    st.lists(
        st.one_of(texts, st.sampled_from([*REFUSED_IDS]), st.from_regex("[a-z0-9-]{1,40}", fullmatch=True)),
        min_size=1,
    )
)
def test_ids_are_hashed_where_they_are_sent_as_they_are(ids: list[str]) -> None:
    block = block_of_cells([["x", each] for each in ids])
    refused = tuple(each.encode() for each in REFUSED_IDS)
    hashes, others = speedups.hash_own_ids(block, 1, INSERT_ID_CHARACTERS, MAX_INSERT_ID_BYTES, refused)
    assert others == [at for at, each in enumerate(ids) if check_insert_id(each) is not None]
    wanted = array("Q", hash_texts(ids))
    assert [each for each in array("Q", hashes) if each] == [
        w for at, w in enumerate(wanted) if at not in others
    ]


# ── equal hashes ─────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 40)), max_size=60))
def test_equal_hashes_are_found(hashes: list[int]) -> None:
    assert speedups.all_differ(array("Q", hashes).tobytes()) == (len({*hashes}) == len(hashes))
    rows = array("Q", [each for pair in enumerate(hashes) for each in pair[::-1]])
    copies = [at for at, each in enumerate(hashes) if each in hashes[:at]]
    assert sorted(speedups.numbers_of_copies(rows.tobytes())) == copies
    parts = speedups.split_rows(rows.tobytes(), 2, 8)
    assert [array("Q", part)[::2].tolist() for part in parts] == [
        [each for each in hashes if each % 8 == part] for part in range(8)
    ]


@given(st.lists(st.integers(1, 30), max_size=40))
def test_copies_are_the_same_by_their_rows_and_by_a_function(hashes: list[int]) -> None:
    found = []
    for of_part in (lambda rows: rows, lambda rows: rows.__getitem__):
        with CopyCounter(None, HashSetInPython(3)) as counter:
            for start in range(0, len(hashes), 9):
                part = array("Q", hashes[start : start + 9])
                counter.add(part.tobytes(), of_part(range(start + 1, start + 1 + len(part))), "a")
            found.append(counter.result())
    assert found[0] == found[1]
    assert found[0].count == len(hashes) - len({*hashes})


def test_hashes_at_other_places_are_refused() -> None:
    with pytest.raises(IndexError):
        speedups.number_rows(bytes(8), [1], 0)


def test_a_set_of_hashes_gives_them_back() -> None:
    given = array("Q", range(1, 50_000)).tobytes()
    known = speedups.SeenHashes(1 << 17)
    known.add(given)
    assert sorted(array("Q", known.hashes())) == list(range(1, 50_000))


# ── epochs ───────────────────────────────────────────────────────────────────────────────────────

epochs = st.one_of(
    st.sampled_from(["", "x", "-5", "1.5", " 1714557600", "01714557600", "1" * 19, "9" * 19, "1" * 20, "٣"]),
    st.integers(1_714_557_600 - 10**6, 1_714_557_600 + 10**6).map(str),
    st.integers(1_714_557_600_000 - 10**8, 1_714_557_600_000 + 10**8).map(str),
    st.just("1714557600000000001"),
)


@settings(deadline=None)
@given(st.lists(st.tuples(epochs, epochs), min_size=1, max_size=50))
def test_epochs_are_compared_alike(pairs: list[tuple[str, str]]) -> None:
    columns = ("event", "time", "mp_processing_time_ms")
    reading = replace(CSV, columns=columns, fields={"event": "event", "time": "time"})
    block = block_of_cells([["e", *pair] for pair in pairs])
    by_block, by_record = ProjectZoneObserver(reading), ProjectZoneObserver(reading)
    by_block.observe(ColumnarChunk(block, has_cells=True, source="s"))
    by_record.observe(ColumnarChunk(list(block), has_cells=True, source="s"))
    assert by_block.attention() == by_record.attention()


# ── records that are invalid ─────────────────────────────────────────────────────────────────────

ODD_LINES = ["short", "a,b,c,d,e,f,g,h", '"stray"x,b', "é", "a\\,b", "\0", ""]
CELLS = (
    ["View", "Buy", "", "NULL", "-"],
    [
        "2024-05-01T10:00:00Z",
        "1714557600",
        "",
        "soon",
        "03/04/2024 10:00",
        "2024-05-01T10:00:00",
        "NULL",
        "0",
    ],
    ["u1", "u2", ""],
    ["", '{"time":"2024-05-01T10:00:00Z"}', '{"time":"late"}', '{"a":1}', "{", "x"],
    ["type", ""],
)
SCANNED = Reading(
    Dialect("csv"),
    ("e", "t", "u", "bag", "name"),
    {"event": "e", "time": "t", "distinct_id": "u", "properties": "bag"},
)


def test_copies_among_rejections_are_named_by_their_rows(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    rows = [f"e{n % 50},{n % 50},u,,\n" if n % 3 else "short\n" for n in range(200)]
    path.write_text(",".join(SCANNED.columns) + "\n" + "".join(rows))
    found = []
    for in_blocks in (True, False):
        with CopyCounter() as counter, open_source(path, SCANNED.dialect, SCANNED.columns) as source:
            copies = CopyObserver(SCANNED, counter)
            for items in source.chunks():
                assert isinstance(items, list) or len(items.rows()) > 50  # type: ignore[attr-defined]  # a block
                copies.observe(ColumnarChunk(items if in_blocks else list(items), has_cells=True, source="s"))
            copies.finish()
            found.append(copies_attention(counter.result(), SCANNED))
    assert found[0] == found[1]
    assert found[0][0].rows


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"null": ("NULL", "0")},
        {"timezone": "Europe/Berlin"},
        {"trim": True},
        {"fields": {"time": "t"}, "alternatives": {"event": ("e", "name"), "distinct_id": ("u",)}},
        {"missing_time": 1_700_000_000_000},
    ],
)
@pytest.mark.parametrize("odd", [0.02, 0.3])
def test_a_scan_of_invalid_records_finds_the_same(tmp_path: Path, change: dict[str, Any], odd: float) -> None:
    chance = random.Random(f"{change} {odd}")
    path = tmp_path / "events.csv"
    for _ in range(4):
        lines = [",".join(SCANNED.columns) + "\n"]
        for _ in range(1_200):
            cells = [chance.choice(texts if chance.random() < odd else texts[:1]) for texts in CELLS]
            lines.append(chance.choice(ODD_LINES) + "\n" if chance.random() < odd else csv_file([cells]))
        path.write_text("".join(lines))
        assert scan_difference(path, replace(SCANNED, **change)) == ""
