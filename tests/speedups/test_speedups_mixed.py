"""Mixed readings and chunks: a block maps to what its records map to one by one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from events_helpers import CSV, FIELDS, JSONL, NOW_MS, TIME, block_of
from hypothesis import given, settings
from hypothesis import strategies as st
from speedups_helpers import BAGS, block_mapper_of, map_block

from importer.events.mapper import Mapper
from importer.reading import Reading

LONG = "x" * 256
TIMES = [
    TIME, "2024-05-01T10:59:59.5+02:00", "2024-05-01T10:59:59.123456789Z", "2024-05-01T10:00:60Z", "2024-05-01",
    "2024-05-01 10:00:00", "2024-03-31T02:30:00", "2024-10-27 02:30:00", "2024-05-01T10:00Z", " 2024-05-01T10:00:00Z",
    "2024-05-01T10:00:00,25+0530", "2024-05-01T10-00-00Z", "1714557600", "1714557600000", "1714557600.5", "12", "",
    "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-01:00", "1970-12-31T23:59:59.999Z", "2024-05-01T1٣:00:00Z", "soon",
]  # fmt: skip
USERS = ["u1", "", "anonymous", "0", ",", 'quo"te', 'ends",', '","', LONG, "é", "NULL", "a\\"]
NAMES = ["Purchase", "View", "", LONG, 'na"me', "é"]
IPS = ["203.0.113.42", "", "x", LONG]
OWN_IDS = ["id-1", "", "-", "not legal!", "é", "0", "x" * 36, "x" * 37, "NULL"]
CELLS: dict[str, list[str]] = {
    "string": ["a", "", "NULL", LONG, '"', "é☕", "line\nbreak", "02134"],
    "integer": ["1", "-5", "0", "-0", "", "01", "9007199254740993", "1,2", " 1", "1e3", "null", "NULL", "n"],
    "number": [
        "1", "1.50", "10.0", "-0.0", "0.00001", "1e-05", "1e400", "", "0.1234567890123456789", "1,2", "[1", "1]",
        "NULL", "null", "123456789012345.0", "-", ".5", "5.", "\uff11",
        "1e-05", "1E5", "2.5e+7", "1e99", "-3e-99", "1.2345678901e-5", "1e-320", "4.9e-324", "1e-999", "1e999", "e5", "1e", "+1",
    ],
    "boolean": ["true", "FALSE", "True", "tRuE", "", "NULL", "1", "yes"],
    "json": ["1", "{}", '{"a":[1.0,2.5]}', "null", "", "bad", '{"a":1,"a":2}', '"' + LONG + '"', "[[1e400]]"],
    "time": [TIME, "", "no", "2024-05-01T10:00:00"],
    "skip": ["a", ""],
}  # fmt: skip
NUMBERED = {f"k{n}": n for n in range(260)}
VALUES: list[Any] = [
    "a", "", LONG, 1, 1.0, 2.5, 1e-7, 1e300, True, None, [], [1.0], [[]], {}, {"b": 1, "a": 2.0}, 2**64 - 1, -(2**63),
    {"a": {"b": {"c": {"d": 1}}}}, {"t": [LONG]}, list(range(255)), NUMBERED, "é☕", float(2**60),
]  # fmt: skip


def assert_same_chunk(reading: Reading, values: list[Any]) -> None:
    """Check that a block of records maps to what its records map to one by one."""
    mapper = Mapper(reading, lambda: NOW_MS)
    block = block_of(reading, values)
    assert block is not None
    assert list(mapper.map(block)) == list(mapper.map(list(block)))


options = st.fixed_dictionaries(
    {},
    optional={
        "null": st.just(("NULL",)),
        "tag": st.sampled_from(["june", 'quo"ted']),
        "geoip": st.just("request"),
        "insert_id": st.just("row"),
        "source_name": st.just("a.csv"),
        "timezone": st.sampled_from(["Europe/Berlin", "UTC"]),
        "local_epochs": st.just(value=True),
        "missing_time": st.just(1_700_000_000_000),
        "constants": st.sampled_from(
            [{"source": "x"}, {"$city": "x"}, {"string": "x"}, {"plan": 1.0}, {"event": "Set"}, {"ip": "1.2.3.4"},
             {"l": [LONG]}, {"distinct_id": "set"}]
        ),
    },
)  # fmt: skip


@st.composite
def csv_chunks(draw: st.DrawFn) -> tuple[Reading, list[Any]]:
    kinds = draw(st.lists(st.sampled_from(sorted(CELLS)), max_size=4))
    pools: dict[str, list[str]] = {"event": NAMES, "time": TIMES, "user": USERS}
    fields: dict[Any, str] = dict(FIELDS)
    for field, pool in (("ip", IPS), ("insert_id", OWN_IDS), ("properties", BAGS)):
        if draw(st.booleans()):
            fields[field] = field
            pools[field] = pool
    types: dict[str, Any] = {}
    for kind in kinds:
        name = draw(st.sampled_from([kind, f"{kind}2", "$os", "mp_lib", "é"]))
        if name not in pools:
            pools[name] = CELLS[kind]
            types[name] = kind
    # Mostly the first of each pool, so that most chunks have records that take the fast path.
    odd = draw(st.sampled_from([0.0, 0.02, 0.1, 0.5]))
    chance = random.Random(draw(st.integers(0, 2**32)))
    rows = [
        [chance.choice(pool) if chance.random() < odd else pool[0] for pool in pools.values()]
        for _ in range(draw(st.integers(1, 40)))
    ]
    reading = Reading(CSV, tuple(pools), fields, types=types, **draw(options))
    return reading, rows


@given(csv_chunks())
@settings(max_examples=600, deadline=None)
def test_chunks_of_cells_map_the_same_on_both_paths(given_: tuple[Reading, list[Any]]):
    assert_same_chunk(*given_)


json_objects = st.dictionaries(
    st.sampled_from(["a", "b", "$city", "mp_x", "token", "plan", "uuid", "é", "source"]),
    st.sampled_from(VALUES),
    max_size=4,
)


@st.composite
def jsonl_chunks(draw: st.DrawFn) -> tuple[Reading, list[Any]]:
    nested = draw(st.booleans())
    odd = draw(st.sampled_from([0.0, 0.02, 0.1, 0.5]))
    chance = random.Random(draw(st.integers(0, 2**32)))

    def pick(*usual: Any, other: list[Any]) -> Any:
        return chance.choice(other) if chance.random() < odd else chance.choice(usual)

    values = []
    for _ in range(draw(st.integers(1, 10))):
        more = draw(json_objects)
        named = {
            "time": pick(TIME, other=[*TIMES, 1714557600, 1714557600123, 1.5, None, True, [1], "x"]),
            "user": pick("u1", "u2", other=[*USERS, None, 7, 7.5, True, {}]),
            "ip": pick("1.2.3.4", other=[*IPS, None, 0, 5]),
            "id": pick("id-1", "id-2", other=[*OWN_IDS, None, 5, True]),
        }
        if odd:
            named = {key: value for key, value in named.items() if chance.random() > 0.1}
        event = pick("Purchase", other=[*NAMES, None, 5, ["x"]])
        if nested:
            left = draw(json_objects) if odd else {}
            bag = pick({**named, **more}, other=[None, "{}", '{"a":1.0}', [], {**more}])
            values.append({"event": event, "properties": bag, **left})
        else:
            values.append({"event": event, **named, **more})
    place = "properties." if nested else ""
    fields: dict[Any, str] = {
        "event": "event",
        "time": f"{place}time",
        "distinct_id": f"{place}user",
        "ip": f"{place}ip",
        "insert_id": f"{place}id",
    }
    if nested:
        fields["properties"] = "properties"
    for field in draw(st.sets(st.sampled_from(["ip", "insert_id", "distinct_id"]))):
        del fields[field]
    columns = ("event", "properties") if nested else ("event", "time", "user", "ip", "id", "a", "b")
    more_options = draw(options) | draw(
        st.sampled_from(
            [{}, {}, {}, {"types": {"a": "string"}}, {"names": {"a": "z"}}, {"types": {"b": "skip"}}]
        )
    )
    return Reading(JSONL, columns, fields, **more_options), values


@pytest.mark.slow
@given(jsonl_chunks())
@settings(max_examples=600, deadline=None)
def test_chunks_of_objects_map_the_same_on_both_paths(given_: tuple[Reading, list[Any]]):
    assert_same_chunk(*given_)


def unusual_objects() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield the keys that one record has beside its properties, and those that it has in them."""
    for value in VALUES:
        yield {}, {"a": value}
        yield {"a": value}, {}
        yield {"a": value}, {"a": 1}
    for key in ("token", "ip", "$insert_id", "import_tag", "uuid", "$city", "source"):
        yield {}, {key: "x"}
        yield {key: "x"}, {}
    for key, pool in (
        ("time", [*TIMES, None, 1.5, 1714557600, True, []]),
        ("user", [*USERS, None, 7, 7.5, True, {}]),
    ):
        for value in pool:
            yield {}, {key: value}
    yield NUMBERED, {}
    yield {}, NUMBERED
    yield {f"a{n}": n for n in range(125)}, {f"b{n}": n for n in range(125)}
    yield {}, {f"l{n}": ["y" * 255] * 250 for n in range(20)}
    yield {"properties": "{}"}, {}
    yield {"properties": None}, {}
    yield {"properties": []}, {}
    yield {"event": None}, {}
    yield {"event": ["x"]}, {}


@pytest.mark.parametrize(("left", "bag"), list(unusual_objects()))
def test_an_unusual_object_among_plain_ones_maps_the_same_on_both_paths(
    left: dict[str, Any], bag: dict[str, Any]
):
    fields: dict[Any, str] = {
        "event": "event", "time": "properties.time", "distinct_id": "properties.user", "properties": "properties",
    }  # fmt: skip
    plain = {"event": "Purchase", "properties": {"time": TIME, "user": "u1", "plan": "pro"}, "kept": 1}
    odd = {**plain, "properties": {**plain["properties"], **bag}, **left}  # type: ignore[dict-item]
    like = {**odd, **dict.fromkeys(left, "x"), "event": "View"}  # a plain one with the keys of the odd one
    like["properties"] = {**plain["properties"], **dict.fromkeys(bag, "x"), "time": TIME, "user": "u1"}
    reading = Reading(JSONL, ("event", "properties", "kept", "a"), fields, constants={"source": "x"})
    for chunk in ([plain, odd, plain], [plain] * 20 + [odd] * 20, [like] * 20 + [odd] + [like] * 20):
        assert_same_chunk(reading, chunk)
    flat = {"event": "Purchase", "time": TIME, "user": "u1", "a": "x"}
    fields = {"event": "event", "time": "time", "distinct_id": "user"}
    reading = Reading(JSONL, tuple(flat), fields, tag="june")
    odd = {**flat, **left, **bag}
    like = {**odd, **dict.fromkeys({**left, **bag}, "x"), "event": "View", "time": TIME, "user": "u1"}
    for chunk in ([flat, odd, flat], [flat] * 20 + [odd] * 20, [like] * 20 + [odd] + [like] * 20):
        assert_same_chunk(reading, chunk)


MOMENTS = [
    *TIMES, "9999-12-31T23:40:00-00:30", "9999-12-31T23:10:00-00:30", "2024-05-01T10:00:00.5", "2024-05-01T10:00:00.12345", "2024-05-01T10:00:00+1",
    "2024-05-01T10:00:00.12Z", "2024-05-01T10:00:00x12Z", "2024-05-01T10:00:00,12Z", "2024-05-01T10:00:00.1\u0663Z",
    "2024-05-01T10:00:00.1xZ", "2024-05-01T10:00:00+01:00", "2024-05-01T10:00:00.123456", "2024-05-01T10:61:00Z",
    "2024-05-01T10:00x00Z", "2024-05-01T10x00:00Z", "2024-03-31T01:59:59", "2024-03-31T03:00:00", "2024-02-30T10:00:00Z",
    "1883-11-18T12:03:57", "1972-01-07T00:20:00", 1714557600, 1714557600000, 5, 2**63, 1.5, 1714557600.25, None, True, [],
]  # fmt: skip


@pytest.mark.parametrize("zone", ["", "Europe/Berlin"])
def test_a_time_does_not_change_how_the_next_one_is_read(zone: str):
    values = [time for first in MOMENTS for second in MOMENTS for time in (first, second)]
    texts = [["a", value, "u"] for value in values if isinstance(value, str)]
    objects = [{"event": "a", "time": value, "user": "u"} for value in values]
    for dialect, rows in ((CSV, texts), (JSONL, objects)):
        reading = Reading(dialect, ("event", "time", "user"), FIELDS, timezone=zone)
        assert_same_chunk(reading, rows + rows)  # what the first half left in a cache must not matter


@pytest.mark.parametrize("own", [225, 226, 227, 230, 231, 232, 240])
def test_set_properties_count_towards_the_most_that_mixpanel_takes(own: int):
    constants = {f"set{n}": n for n in range(20)}
    bag = {f"own{n}": n for n in range(own)}
    fields: dict[Any, str] = FIELDS | {"properties": "properties"}
    columns = ("event", "time", "user", "properties", "x")
    cells = Reading(CSV, columns, fields, constants=constants)
    assert_same_chunk(cells, [["a", TIME, "u", orjson.dumps(bag).decode(), "x"]])
    flat = {"event": "a", "time": TIME, "user": "u", **bag}
    assert_same_chunk(Reading(JSONL, tuple(flat), FIELDS, constants=constants), [flat])


COLUMN_OF: dict[Any, str] = {"event": "e", "time": "t", "distinct_id": "u", "properties": "bag"}


@pytest.mark.parametrize("constants", [{}, {"event": "Set", "distinct_id": "set"}])
@pytest.mark.parametrize("missing_time", [None, 1_700_000_000_000])
def test_usual_rejections_take_the_fast_path(constants: dict[str, Any], missing_time: int | None):
    """A rejection tells what is known of its record, and the note on its name."""
    reading = Reading(
        CSV,
        tuple(COLUMN_OF.values()),
        {field: column for field, column in COLUMN_OF.items() if field not in constants},
        types=dict.fromkeys("eu", "string") if constants else {},
        constants=constants,
        missing_time=missing_time,
    )
    plain = {"event": "View", "time": TIME, "distinct_id": "u1", "properties": '{"a":1}'}
    changes: list[dict[str, str]] = [
        {"event": ""},
        {"time": "soon"},
        {"time": ""},
        {"time": "soon", "event": "$own"},
        {"time": "soon", "distinct_id": ""},
        {"event": "", "time": "soon", "distinct_id": "NULL"},
        {"properties": '{"a":1'},
        {"properties": "{'a':1}", "event": "", "time": ""},
    ]
    usual = len(changes)
    changes += [
        {"properties": '{"a":1,"a":2}', "time": "soon"},
        {"properties": '{"a":1,"a":2}', "event": ""},
        {"properties": "[1]", "time": "soon"},
        {"properties": '{"token":1}', "event": ""},
        {"time": "2999-01-01T00:00:00Z"},
        {"time": "1970-01-01T00:00:00Z"},
    ]
    rows = [list((plain | change).values()) for change in changes]
    assert_same_chunk(reading, rows * 3)
    if not constants and missing_time is None:
        block = block_of(reading, rows)
        assert block is not None
        made = map_block(block_mapper_of(reading), block)
        assert [item is not None for item in made] == [True] * usual + [False] * (len(rows) - usual)
