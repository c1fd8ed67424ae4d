"""What lands is what the file says, by a second reading of the file that shares nothing with the first."""

from __future__ import annotations

import json
import random
import re
import string
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from documented_rules import REFUSED_IDS
from fidelity_helpers import (
    CSV,
    JSONL,
    NOW_MS,
    as_text,
    csv_text,
    cut,
    events_of,
    exactly,
    items_of,
    jsonl_text,
    landed,
    unhurried,
    without_id,
    written,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from number_rule import expected_type

from importer.model import Event

NS = 10**9
FIELD_NAMES = frozenset(
    ["event", "eventname", "eventtype", "name", "distinctid", "userid", "uid", "user", "time", "timestamp", "ts", "createdat", "eventtime", "eventtimestamp", "occurredat", "datetime", "ip", "ipaddress", "$insertid", "insertid", "eventid", "uuid", "messageid", "properties", "eventproperties", "token"]
)  # fmt: skip
A_FEW = settings(unhurried, max_examples=60)


class Time(NamedTuple):
    """A time as it is written, and the nanoseconds since the epoch that it means."""

    written: Any
    ns: int


# ── what may stand in a file ─────────────────────────────────────────────────────────────────────

characters = st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from(
    "\n\r\t\",;|'\\=@ \x1b\u2028\ufeff"
)
texts = st.text(characters, max_size=12) | st.sampled_from(
    [
        "",
        " ",
        "NULL",
        "None",
        "nan",
        '""',
        '"',
        "a,b",
        "a\r\nb",
        "\r",
        "\n",
        "x" * 255,
        "x" * 256,
        "é😀" * 200,
        "{}",
    ]
)
lookalikes = st.sampled_from(
    [
        "02134",
        "+1",
        "1_000",
        "٣",
        "1e400",
        "NaN",
        "Infinity",
        "9007199254740993",
        ".5",
        "5.",
        " 1",
        "1 ",
        "0x1",
        "-",
        "--1",
        "1,5",
        "tru",
        "TRUE ",
        "1" * 400,
        "-9007199254740993",
        "1e",
        "00",
        "-01",
        "½",
    ]
)
integers = st.integers(-(2**53), 2**53).map(str) | st.sampled_from(["-0", "0", "9007199254740992"])
decimals = st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.sampled_from(
    [
        "1e2",
        "1E+2",
        "1.50",
        "-0.0",
        "0e9",
        "5e-324",
        "1e-400",
        "0.1234567890123456789",
        "1e308",
        "20.0",
        "2e1",
    ]
)
booleans = st.sampled_from(["true", "false", "True", "FALSE", "tRuE"])
kinds_of_cells = [texts, lookalikes, integers, decimals, booleans, integers | decimals, integers | booleans]
kinds_of_cells += [texts | integers, decimals | lookalikes]


def is_free(name: str) -> bool:
    """True for a name that no field is usually called by, so that it stays a property."""
    plain = re.sub(r"[\s_\-.]", "", name).casefold()
    return plain not in FIELD_NAMES and not name.startswith("\ufeff") and name.strip() != ""


names = st.text(characters, min_size=1, max_size=8).filter(is_free) | st.sampled_from(
    ["price", "Zip Code", "ciudad 🇪🇸", "$city", "mp_lib", "a.b", "=1+1", "[31m", "x" * 300, '"quoted"']
)


@st.composite
def instants(draw: st.DrawFn) -> Time:
    """A moment from 1971 to the test's now, and one of the ways to write it."""
    ns = draw(st.integers(31_536_000 * NS, NOW_MS * 10**6 - 1))
    form = draw(st.sampled_from(["iso", "iso", "iso", "s", "ms", "µs", "ns"]))
    if form == "iso":
        return iso(ns, draw(st.integers(0, 6)), draw(st.integers(-14 * 60, 14 * 60)), draw(st.integers(0, 5)))
    unit = {"s": NS, "ms": 10**6, "µs": 10**3, "ns": 1}[form]
    return Time(str(ns // unit), ns // unit * unit)


def iso(ns: int, digits: int, offset: int, form: int) -> Time:
    """A moment by ISO 8601 with so many digits of the second's fraction, so many minutes ahead of UTC."""
    ns -= ns % 10 ** (9 - digits)
    wall = datetime(1970, 1, 1) + timedelta(microseconds=ns // 1000, minutes=offset)
    fraction = f".{wall.microsecond:06}"[: digits + 1] if digits else ""
    hours, minutes = divmod(abs(offset), 60)
    sign = "-" if offset < 0 else "+"
    zone = "Z" if offset == 0 and form % 2 else f"{sign}{hours:02}{':' if form < 3 else ''}{minutes:02}"
    return Time(wall.strftime(f"%Y-%m-%d{' ' if form == 5 else 'T'}%H:%M:%S") + fraction + zone, ns)


users = texts | st.sampled_from(["", "0", "-1", "anon", "Anon", "null", "user-1", "42"])


class Table(NamedTuple):
    """A table of CSV: what is in its columns, before they are put into an order."""

    event: list[str]
    time: list[Time]
    user: list[str]
    columns: dict[str, list[str]]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    count = draw(st.integers(1, 6))

    def column(cells: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(cells, min_size=count, max_size=count))

    found = draw(st.lists(names, max_size=5, unique=True))
    columns = {name: column(draw(st.sampled_from(kinds_of_cells)) | st.just("")) for name in found}
    return Table(column(texts | st.just("Purchase")), column(instants()), column(users), columns)


def as_csv(table: Table, order: Sequence[str]) -> bytes:
    """The table as a file with its columns in that order."""
    times = [time.written for time in table.time]
    columns = {"event": table.event, "time": times, "user_id": table.user, **table.columns}
    return csv_text(order, zip(*[columns[name] for name in order], strict=True))


# ── what is expected of it ───────────────────────────────────────────────────────────────────────


def number_in(text: str) -> int | float | None:
    """A cell as a number, where JSON has one there that a double holds; else None."""
    if not text or set(text) - set(string.digits + "+-.eE"):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    if isinstance(value, int):
        return value if abs(value) <= 2**53 else None
    return value if abs(value) != float("inf") else None


def typed(cells: Sequence[str]) -> list[Any]:
    """The values of a column: all of them booleans, or numbers of forms that go together, or texts."""
    filled = [cell for cell in cells if cell]
    if all(cell.lower() in ("true", "false") and cell.isascii() for cell in filled):
        return [cell.lower() == "true" for cell in cells]
    if expected_type(filled) in ("integer", "number"):
        return [number_in(cell) for cell in cells]
    return list(cells)


def expected_of(table: Table) -> tuple[list[str], int]:
    """The events that must land, each once, and how many records are invalid."""
    values = {name: typed(cells) for name, cells in table.columns.items()}
    facts: dict[str, Any] = {}
    invalid = 0
    for row, (event, time, user) in enumerate(zip(table.event, table.time, table.user, strict=True)):
        if not event or user in REFUSED_IDS:
            invalid += 1
            continue
        own = {name: values[name][row] for name, cells in table.columns.items() if cells[row]}
        event_ = {
            "event": event,
            "properties": {**own, "time": time.ns // 10**6, "distinct_id": user, "ip": 0},
        }
        facts[as_text([exactly(event_), time.ns])] = event_
    return sorted(as_text(exactly(cut(event))) for event in facts.values()), invalid


# ── CSV ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@settings(unhurried, max_examples=250)
@given(st.data())
def test_what_lands_of_a_csv_is_what_its_cells_say(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
):
    table = data.draw(tables())
    order = data.draw(st.permutations(["event", "time", "user_id", *table.columns]))
    path = written(tmp_path_factory.mktemp("csv"), as_csv(table, order))
    found, rejections = landed(path, CSV)
    expected, invalid = expected_of(table)
    assert sorted(as_text(without_id(event)) for event in found) == expected
    assert len(rejections) == invalid


@A_FEW
@given(st.data())
def test_the_order_of_columns_changes_neither_ids_nor_bytes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
):
    table = data.draw(tables())
    order = ["event", "time", "user_id", *table.columns]
    folder = tmp_path_factory.mktemp("csv")
    first = items_of(written(folder, as_csv(table, order)), CSV)
    again = items_of(written(folder, as_csv(table, data.draw(st.permutations(order)))), CSV)
    assert [item[3:] for item in first] == [item[3:] for item in again]


@A_FEW
@given(st.lists(texts.filter(lambda text: text != ""), min_size=1, max_size=8, unique=True))
def test_an_id_of_the_file_is_sent_if_mixpanel_takes_it_else_a_hash_of_it(
    tmp_path_factory: pytest.TempPathFactory, ids: list[str]
):
    ids += ["a" * 36, "a" * 37, "A-z-0", "1", "0", "null", "é"]
    rows = [["e", "2024-05-01T10:00:00Z", each] for each in ids]
    path = written(tmp_path_factory.mktemp("ids"), csv_text(["event", "time", "insert_id"], rows))
    sent = [event.insert_id for event in events_of(path, CSV)]
    legal = [
        len(each) <= 36 and not re.sub("[A-Za-z0-9-]", "", each) and each not in REFUSED_IDS for each in ids
    ]
    for given_, is_legal, found in zip(ids, legal, sent, strict=True):
        assert found == given_ if is_legal else re.fullmatch("[0-9a-f]{32}", found)
    assert len(set(sent)) == len(set(ids))


TYPES = [
    ("string", "02134", "02134"),
    ("string", "1.0", "1.0"),
    ("string", "TRUE", "TRUE"),
    ("integer", "-9007199254740992", -(2**53)),
    ("integer", "-0", 0),
    ("number", "2e1", 20),
    ("number", "19.90", 19.9),
    ("number", "5e-324", 5e-324),
    ("number", "1.7976931348623157e308", 1.7976931348623157e308),
    ("boolean", "False", False),
    ("boolean", "TRUE", True),
    ("json", '{"a": [1, 2.50, null, {"b": "\\u00e9"}]}', {"a": [1, 2.5, None, {"b": "é"}]}),
    ("json", "18446744073709551615", 2**64 - 1),
    ("json", "null", None),
    ("json", '"x"', "x"),
    ("time", "2024-05-01T12:00:00.25+02:00", "2024-05-01T10:00:00.25Z"),
    ("time", "1714557600", "2024-05-01T10:00:00Z"),
    ("time", "1714557600000000001", "2024-05-01T10:00:00.000000001Z"),
]


@pytest.mark.parametrize(("kind", "cell", "value"), TYPES, ids=[f"{kind} {cell}" for kind, cell, _ in TYPES])
def test_a_cell_of_a_declared_type_lands_as_that(tmp_path: Path, kind: Any, cell: str, value: Any):
    rows = [["e", "2024-05-01T10:00:00Z", cell]]
    path = written(tmp_path, csv_text(["event", "time", "x"], rows))
    ((event,), _) = landed(path, type(CSV)(format="csv", delimiter=",", types={"x": kind}))
    assert event["properties"]["x"] == exactly(value)


def test_a_skipped_column_does_not_land(tmp_path: Path):
    path = written(tmp_path, csv_text(["event", "time", "x"], [["e", "2024-05-01T10:00:00Z", "secret"]]))
    ((event,), _) = landed(path, type(CSV)(format="csv", types={"x": "skip"}))
    assert set(event["properties"]) == {"time", "distinct_id", "$insert_id", "ip"}


def test_the_properties_cell_lands_under_the_columns(tmp_path: Path):
    cell = '{"plan": "pro", "price": 1, "deep": {"a": [true, null]}, "big": 18446744073709551615}'
    rows = [["e", "2024-05-01T10:00:00Z", "20.50", cell], ["e", "2024-05-01T10:00:00Z", "", cell]]
    path = written(tmp_path, csv_text(["event", "time", "price", "properties"], rows))
    found, _ = landed(path, CSV)
    inner = {"plan": "pro", "deep": {"a": [True, None]}, "big": 2**64 - 1}
    assert [without_id(event)["properties"] for event in found] == [
        exactly({**inner, "price": price, "time": 1714557600000, "distinct_id": "", "ip": 0})
        for price in (20.5, 1)
    ]


# ── JSONL ────────────────────────────────────────────────────────────────────────────────────────

json_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10) | st.sampled_from(
    ["", "\0", "\u2028", "x" * 256, "😀" * 256, "0", "null", "2024-05-01T10:00:00Z"]
)
json_numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | json_numbers
    | st.sampled_from([0, -0.0, 20.0, 1e22, 2**64 - 1, 5e-324])
    | json_texts,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(json_texts, below, max_size=3),
    max_leaves=12,
)
json_users = (
    json_texts | st.none() | st.integers(-5, 2**53) | st.booleans() | st.sampled_from([1.5, 7.0, 1e15])
)
json_names = json_texts.filter(is_free)


class Line(NamedTuple):
    """A line of JSON by its parts; fields that are None are left out or null."""

    event: Any
    time: Time
    user: Any
    ip: Any
    own: dict[str, Any]


@st.composite
def lines(draw: st.DrawFn) -> Line:
    time = draw(instants())
    if time.written.isdigit() and draw(st.booleans()):
        time = Time(int(time.written), time.ns)
    event = draw(json_texts | st.sampled_from(["Purchase", None, 7, True]))
    ip = draw(st.sampled_from([None, "", "203.0.113.7", 0, 7, True]))
    return Line(event, time, draw(json_users), ip, draw(st.dictionaries(json_names, json_values, max_size=4)))


def flat(line: Line) -> Any:
    record = {
        "event": line.event,
        "time": line.time.written,
        "distinct_id": line.user,
        "ip": line.ip,
        **line.own,
    }
    return {key: value for key, value in record.items() if value is not None or key in line.own}


def nested(line: Line) -> Any:
    """The same in Mixpanel's own shape."""
    inner = {"time": line.time.written, "distinct_id": line.user, "ip": line.ip, **line.own}
    return {"event": line.event, "properties": inner}


def levels(value: Any) -> int:
    """How many objects lie in one another."""
    if isinstance(value, dict):
        return 1 + max(map(levels, value.values()), default=0)
    return max(map(levels, value), default=0) if isinstance(value, list) else 0


def expected_user(user: Any) -> Any:
    """The text that a distinct_id becomes; None if it is refused."""
    if user is None:
        return ""
    if isinstance(user, bool):
        return None
    text = user if isinstance(user, str) else str(int(user)) if user == int(user) else repr(user)
    return None if text in REFUSED_IDS else text


def expected_line(line: Line) -> Any:
    """The event that must land, or None."""
    user = expected_user(line.user)
    bad_ip = line.ip is True or line.ip == 7
    if not isinstance(line.event, str) or not line.event or user is None or bad_ip:
        return None
    if any(levels(value) > 3 for value in line.own.values()):
        return None
    ip = line.ip or 0
    return {
        "event": line.event,
        "properties": {**line.own, "time": line.time.ns // 10**6, "distinct_id": user, "ip": ip},
    }


def fact_of(line: Line, event: Any) -> str:
    """What tells an event from others; an ip of 0 is part of it where it stands in the file."""
    return as_text([exactly(event), line.time.ns, line.ip in (None, "")])


@pytest.mark.slow
@pytest.mark.parametrize("shape", [flat, nested])
def test_what_lands_of_jsonl_is_what_its_lines_say(tmp_path_factory: pytest.TempPathFactory, shape: Any):
    @settings(unhurried, max_examples=200)
    @given(st.lists(lines(), min_size=1, max_size=5))
    def check(given_: list[Line]) -> None:
        first = Line("first", Time(1714557600, 1714557600 * NS), "u", "1.2.3.4", {"at": 0})
        all_ = [first, *given_]  # a first line that names every field, as a file has
        path = written(tmp_path_factory.mktemp("jsonl"), jsonl_text(map(shape, all_)), "events.jsonl")
        found, rejections = landed(path, JSONL)
        facts = {fact_of(line, event): event for line in all_ if (event := expected_line(line))}
        expected = Counter(as_text(exactly(cut(event))) for event in facts.values())
        assert Counter(as_text(without_id(event)) for event in found) == expected
        assert len(rejections) == sum(expected_line(line) is None for line in all_)

    check()


class OtherSpelling(json.JSONEncoder):
    """JSON with keys in another order, other blanks, other escapes and other digits, but the same values."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance

    def encode(self, o: Any) -> str:
        if isinstance(o, dict):
            items = list(o.items())
            self.chance.shuffle(items)
            return (
                "{ " + " ,\t".join(f"{self.encode(key)} : {self.encode(value)}" for key, value in items) + "}"
            )
        if isinstance(o, list):
            return "[" + " , ".join(map(self.encode, o)) + " ]"
        if isinstance(o, str):
            return json.dumps(o, ensure_ascii=self.chance.random() < 0.5)
        if isinstance(o, int) and not isinstance(o, bool) and abs(o) <= 2**53:
            return self.chance.choice([str(o), f"{o}.0", f"{Decimal(o):E}" if o else "-0.0"])
        return json.dumps(o)


@A_FEW
@given(st.lists(lines(), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_how_json_is_spelled_changes_neither_ids_nor_bytes(
    tmp_path_factory: pytest.TempPathFactory, given_: list[Line], chance: random.Random
):
    folder = tmp_path_factory.mktemp("jsonl")
    records = [nested(line) for line in given_]
    again = "".join(OtherSpelling(chance).encode(record) + "\n" for record in records).encode()
    first = [
        item for item in items_of(written(folder, jsonl_text(records)), JSONL) if isinstance(item, Event)
    ]
    other = [item for item in items_of(written(folder, again), JSONL) if isinstance(item, Event)]
    assert [event.body for event in first] == [event.body for event in other]


@pytest.mark.parametrize(
    "number", ["-0.0e-99999999999999999999", "1e-99999999999999999999", "1e-999999999999999999"]
)
def test_an_exponent_beyond_all_reason_is_read_as_zero_and_noted(tmp_path: Path, number: str):
    line = f'{{"event": "e", "time": 1714557600, "version": "v {number}", "x": {number}}}\n'
    rows = csv_text(["event", "time", "x"], [["e", "1714557600", number]])
    for path, declared in (
        (written(tmp_path, line.encode(), "e.jsonl"), JSONL),
        (written(tmp_path, rows), CSV),
    ):
        (event,) = events_of(path, declared)
        assert json.loads(event.body)["properties"]["x"] == 0
        assert ("is sent as" in event.note) == number.startswith("1")


def test_equal_values_of_other_types_make_other_ids(tmp_path: Path):
    values = [1, "1", True, "true", None, "null", [1], {"a": 1}, "", 1.5, [], {}, [[]], [None], 0, False]
    records = [{"event": "e", "time": 1714557600, "x": value} for value in values]
    events = events_of(written(tmp_path, jsonl_text(records), "e.jsonl"), JSONL)
    assert len({event.insert_id for event in events}) == len(values)
