"""Fields of several columns, templates, and columns that may hold names of events or of people."""

from __future__ import annotations

import json
from typing import Any

import pytest
from events_helpers import CSV, JSONL, MILLISECONDS, TIME, Mapped, refused, taken

from importer.errors import MappingError
from importer.events.event_names import find_labels
from importer.events.mapping import choose_fields, entries_of_field
from importer.events.templates import read_set, set_text
from importer.model import Event, Record, Rejection
from importer.reading import Field, Reading


def properties(item: Event | Rejection) -> dict[str, Any]:
    """Return the properties of an event, without those that every event has."""
    found: dict[str, Any] = json.loads(taken(item).body)["properties"]
    return {k: v for k, v in found.items() if k not in ("time", "distinct_id", "$insert_id", "ip")}


# ── what is declared ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("typed", "columns", "expected"),
    [
        ("", ["a"], ()),
        ("a", ["a"], ("a",)),
        ("a,b", ["a", "b"], ("a", "b")),
        ("a, b", ["a", "b"], ("a", "b")),
        ("a,b,a", ["a", "b"], ("a", "b")),
        ("a,b", ["a", "b", "a,b"], ("a,b",)),
        ("a,b,c", ["a", "b", "c", "a,b"], ("a,b", "c")),
        (("a", "b"), ["a", "b"], ("a", "b")),
        ("{a} {b}", ["a", "b"], ("{a} {b}",)),
        ("{a} {b}", ["a", "b", "{a} {b}"], ("{a} {b}",)),
        ("a, $device:{b}", ["a", "b"], ("a", "$device:{b}")),
        ("{x,y},a", ["a", "x,y"], ("{x,y}", "a")),
        (("{a}, {b}",), ["a", "b"], ("{a}, {b}",)),
    ],
)
def test_commas_part_columns_unless_a_column_is_called_so(
    typed: str | tuple[str, ...], columns: list[str], expected: tuple[str, ...]
):
    found = entries_of_field("distinct_id", typed, columns, paths=False)
    assert tuple(entry.text for entry in found) == expected


@pytest.mark.parametrize(
    ("typed", "message", "remedy"),
    [
        ("user,devise", "no column 'devise'; did you mean 'device'?", "The columns are: user, device"),
        ("user,", "no column ''", "The columns are"),
        (
            "{user} {devise}",
            "no column 'devise'; did you mean 'device'?",
            "For a brace itself, write {{ or }}.",
        ),
        ("{}", "the braces hold no columns", "{COLUMN}"),
        ("{{user}}", "the braces hold no columns", "{COLUMN}"),
        ("{user", "the braces hold no columns", "{{ and }} for braces"),
    ],
)
def test_a_column_that_does_not_exist_is_named(typed: str, message: str, remedy: str):
    with pytest.raises(MappingError) as caught:
        entries_of_field("distinct_id", typed, ["user", "device"], paths=False)
    assert message in caught.value.message
    assert "distinct_id" in caught.value.message
    assert remedy in caught.value.remedy


def test_dotted_paths_are_columns_of_jsonl_and_stand_in_braces():
    columns = ["data", "time"]
    for typed in ("data.user,data.device", "{data.user}"):
        assert entries_of_field("distinct_id", typed, columns, paths=True)
        with pytest.raises(MappingError):
            entries_of_field("distinct_id", typed, columns, paths=False)


def test_several_columns_are_alternatives_and_a_single_one_is_a_field():
    columns = ["event", "time", "user_id", "device", "uid"]
    chosen = choose_fields(columns, {"distinct_id": "user_id,device", "time": "{time}"}, ())
    assert chosen.fields == {"event": "event"}
    assert chosen.alternatives == {"distinct_id": ("user_id", "device"), "time": ("{time}",)}


# ── what --set means ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("typed", "meaning"),
    [
        ("plain", ("plain", False)),
        ('{"a": 1}', ('{"a": 1}', False)),
        ('{"user": {"b": {}}}', ('{"user": {"b": {}}}', False)),
        ("{}", ("{}", False)),
        ("}{", ("}{", False)),
        ("{{user}}", ("{user}", False)),
        ("{user}", ("{user}", True)),
        ("{user} {{x}}", ("{user} {{x}}", True)),
        ("{odd}", ("{odd}", True)),
        (5, (5, False)),
    ],
)
def test_braces_of_set_are_a_template_where_they_hold_columns(typed: Any, meaning: tuple[Any, bool]):
    assert read_set("x", typed, ["user", "{odd}"], paths=False) == meaning


def test_braces_of_set_that_nearly_hold_a_column_stop():
    with pytest.raises(MappingError, match="no column 'usr'; did you mean 'user'") as caught:
        read_set("x", "{usr}", ["user"], paths=False)
    assert "{{" in caught.value.remedy
    with pytest.raises(MappingError, match="no column 'plan'"):
        read_set("x", "{user} {plan}", ["user"], paths=False)


@pytest.mark.parametrize("value", ["a", "{user}", "{{user}}", "{none}", '{"a": 1}', "{", "}}", "{}", 5, None])
def test_a_constant_is_written_so_that_it_is_read_again(value: Any):
    written = set_text("x", value, ["user"], paths=False)
    assert read_set("x", written, ["user"], paths=False) == (value, False)


# ── what becomes of records ──────────────────────────────────────────────────────────────────────

COLUMNS = ("event", "time", "user", "device", "n")
CELLS = Reading(
    CSV,
    COLUMNS,
    {"event": "event", "time": "time"},
    alternatives={"distinct_id": ("user", "device", "guest {n}")},
    types={"n": "integer"},
    null=("NULL",),
)


@pytest.mark.parametrize(
    ("user", "device", "n", "distinct_id", "expected"),
    [
        ("u1", "d1", "5", "u1", {"device": "d1", "n": 5}),
        ("u1", "", "5", "u1", {"n": 5}),
        ("", "d1", "5", "d1", {"n": 5}),
        ("NULL", "d1", "5", "d1", {"n": 5}),
        ("", "NULL", "5", "guest 5", {"n": 5}),
        ("", "", "", "", {}),
        ("", "", "NULL", "", {}),
    ],
)
def test_the_first_column_that_is_filled_gives_the_field_and_the_others_stay(
    mapped: Mapped, user: str, device: str, n: str, distinct_id: str, expected: dict[str, Any]
):
    item = mapped.record(CELLS, ["Buy", TIME, user, device, n])
    assert taken(item).distinct_id == distinct_id
    assert properties(item) == expected


IDS = [
    "ab8ce68d6701dedc294e6bbe36cd6e10",
    "d7e60b399eece6c283c2b7e71eb9b73b",
    "ab66389d90b949a016ccc4b25e525f90",
]


def test_events_of_several_columns_have_these_ids_for_ever(mapped: Mapped):
    ids = [
        taken(mapped.record(CELLS, ["Buy", TIME, *cells])).insert_id
        for cells in (["u1", "d1", "5"], ["", "d1", "5"], ["", "", "5"])
    ]
    assert ids == IDS
    # The same as where one column gives the same user, and the others the same properties.
    single = Reading(
        CSV,
        ("event", "time", "who", "device", "n"),
        {**CELLS.fields, "distinct_id": "who"},
        types=CELLS.types,
    )
    assert taken(mapped.record(single, ["Buy", TIME, "u1", "d1", "5"])).insert_id == IDS[0]
    assert taken(mapped.record(single, ["Buy", TIME, "d1", "", "5"])).insert_id == IDS[1]


@pytest.mark.parametrize(
    ("user", "device", "note"),
    [
        ("u1", "NULL", ""),
        ("", "d", ""),
        ("", "0", ""),
        ("", "NULL", "distinct_id, of d: 'NULL' is sent, though it may mean no value"),
        ("", "123.0", "distinct_id, of d: '123.0' looks like an id that another program has changed"),
        ("", " d", "distinct_id, of d: ' d' has white space around it"),
        ("NULL", "d", "distinct_id: 'NULL' is sent, though it may mean no value"),
    ],
)
@pytest.mark.parametrize("dialect", [CSV, JSONL], ids=["csv", "jsonl"])
def test_what_is_odd_about_a_column_of_a_template_is_noted(
    mapped: Mapped, dialect: Any, user: str, device: str, note: str
):
    columns = ("event", "time", "u", "d")
    fields: dict[Field, str] = {"event": "event", "time": "time"}
    reading = Reading(dialect, columns, fields, alternatives={"distinct_id": ("{u}", "dev-{d}")})
    values: Any = ["A", TIME, user, device]
    if dialect is JSONL:
        values = dict(zip(columns, values, strict=True))
    event = taken(mapped.record(reading, values))
    assert (event.distinct_id, event.note) == (user or f"dev-{device}", note)


def test_a_time_of_two_columns_is_read_as_one_text(mapped: Mapped):
    reading = Reading(
        CSV,
        ("event", "day", "clock", "user"),
        {"event": "event", "distinct_id": "user"},
        alternatives={"time": ("{day} {clock}",)},
        timezone="Europe/Berlin",
    )
    item = mapped.record(reading, ["A", "2024-05-01", "12:00:00", "u"])
    assert taken(item).time == MILLISECONDS
    assert properties(item) == {"day": "2024-05-01", "clock": "12:00:00"}
    assert "time: missing" in refused(mapped.record(reading, ["A", "2024-05-01", "", "u"])).error


def test_a_column_called_time_that_is_a_part_of_the_time_is_no_property_beside_it(mapped: Mapped):
    reading = Reading(
        CSV,
        ("event", "date", "time", "user"),
        {"event": "event", "distinct_id": "user"},
        alternatives={"time": ("{date}T{time}Z",)},
    )
    item = taken(mapped.record(reading, ["A", "2024-05-01", "10:00:00", "u"]))
    assert (item.time, item.note, properties(item)) == (MILLISECONDS, "", {"date": "2024-05-01"})


def test_a_property_of_columns_is_their_cells_as_they_stand_or_absent(mapped: Mapped):
    reading = Reading(
        CSV,
        ("event", "time", "user", "first", "n"),
        {"event": "event", "time": "time", "distinct_id": "user"},
        templates={"full": "{first}/{n} {{}}", "first": "{user}"},
        types={"n": "number"},
    )
    item = mapped.record(reading, ["A", TIME, "u", "Ann", "1.50"])
    assert properties(item) == {"full": "Ann/1.50 {}", "first": "u", "n": 1.5}
    assert taken(item).note == "first: --set replaces 'Ann'"
    assert properties(mapped.record(reading, ["A", TIME, "u", "Ann", ""])) == {"first": "u"}


SHAPE = Reading(
    JSONL,
    ("event", "properties"),
    {"event": "event", "time": "properties.time", "properties": "properties"},
    alternatives={"distinct_id": ("{properties.$user_id}", "$device:{properties.$device_id}")},
    templates={"full": "{properties.a.b}-{properties.n}"},
)


@pytest.mark.parametrize(
    ("inside", "distinct_id", "expected"),
    [
        ({"$user_id": "u", "$device_id": "d"}, "u", {"$user_id": "u", "$device_id": "d"}),
        ({"$device_id": "d"}, "$device:d", {"$device_id": "d"}),
        ({"$user_id": None, "$device_id": 7}, "$device:7", {"$user_id": None, "$device_id": 7}),
        ({}, "", {}),
        ({"a": {"b": "x"}, "n": 2.0}, "", {"a": {"b": "x"}, "n": 2, "full": "x-2"}),
        ({"a": {"b": True}, "n": 0.5}, "", {"a": {"b": True}, "n": 0.5, "full": "true-0.5"}),
    ],
)
def test_templates_look_into_the_properties_of_mixpanels_shape(
    mapped: Mapped, inside: dict[str, Any], distinct_id: str, expected: dict[str, Any]
):
    item = mapped.record(SHAPE, {"event": "A", "properties": {"time": MILLISECONDS, **inside}})
    assert taken(item).distinct_id == distinct_id
    assert properties(item) == expected


def test_an_object_is_no_part_of_a_template(mapped: Mapped):
    line = {"event": "A", "properties": {"time": MILLISECONDS, "$user_id": {"id": 1}}}
    assert "properties.$user_id: expected text or a number" in refused(mapped.record(SHAPE, line)).error


def test_a_nested_column_that_gave_a_field_is_taken_out_and_the_others_stay(mapped: Mapped):
    reading = Reading(
        JSONL,
        ("event", "time", "user", "device"),
        {"event": "event", "time": "time"},
        alternatives={"distinct_id": ("user.id", "device")},
    )
    line = {"event": "A", "time": TIME, "user": {"id": "u", "plan": "pro"}, "device": "d"}
    item = mapped.record(reading, line)
    assert (taken(item).distinct_id, properties(item)) == ("u", {"user": {"plan": "pro"}, "device": "d"})
    item = mapped.record(reading, {**line, "user": {"id": "", "plan": "pro"}})
    assert taken(item).distinct_id == "d"
    assert properties(item) == {"user": {"id": "", "plan": "pro"}}


# ── simplified id merge ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("columns", "nested", "entries"),
    [
        (["$device_id", "$user_id"], (), ("{$user_id}", "$device:{$device_id}")),
        (["$device_id"], (), ("$device:{$device_id}",)),
        (["$user_id"], (), ("{$user_id}",)),
        (
            ["properties"],
            ("properties.$user_id", "properties.$device_id"),
            ("{properties.$user_id}", "$device:{properties.$device_id}"),
        ),
    ],
)
def test_a_user_is_made_as_mixpanel_documents_it(
    columns: list[str], nested: tuple[str, ...], entries: tuple[str, ...]
):
    chosen = choose_fields(["event", "time", *columns], {}, (), nested, paths=bool(nested))
    assert chosen.alternatives == {"distinct_id": entries}


@pytest.mark.parametrize("declared", [{}, {"distinct_id": ""}, {"distinct_id": "$device_id"}])
def test_a_user_that_is_there_or_declared_is_not_made(declared: dict[Field, str]):
    columns = ["event", "time", "$device_id", "$user_id", *(["distinct_id"] if not declared else [])]
    assert not choose_fields(columns, declared, ()).alternatives
    assert not choose_fields(columns, {}, ["distinct_id"]).alternatives


OF_OTHER_THINGS = (
    "amount", "Currency", "total", "qty", "birthday", "birth_date", "age", "gender", "company", "phone", "image",
    "description", "brand", "Color", "size", "unit price", "zip_code",
)  # fmt: skip
OF_EVENTS = (
    "plan",
    "page",
    "country",
    "city",
    "url",
    "title",
    "category",
    "device",
    "user_id",
    "ip",
    "value",
)


# ── names of events, people and products ─────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("columns", "event"),
    [
        (["event", "action", "name"], "event"),
        (["action", "name", "type"], "action"),
        (["eventName", "Action"], "eventName"),
        (["Action", "email"], "Action"),
    ],
)
def test_the_plainest_column_is_the_name_of_the_event(columns: list[str], event: str):
    assert choose_fields([*columns, "time"], {}, (), labels=["name"]).fields["event"] == event


def test_a_name_is_that_of_the_event_only_where_its_values_are():
    assert choose_fields(["name", "time"], {}, (), labels=["name"]).fields["event"] == "name"
    with pytest.raises(MappingError, match="no column is known to hold the event's name") as caught:
        choose_fields(["name", "time"], {}, ())
    assert "'name' names events, not people or things: --map event=name" in caught.value.remedy
    assert "--set event=" in caught.value.remedy
    assert "for example: --map event=COLUMN" in caught.value.remedy


def test_a_name_and_a_type_that_both_could_be_the_event_stop():
    with pytest.raises(MappingError, match="could each be the event"):
        choose_fields(["name", "type", "time"], {}, (), labels=["name", "type"])


@pytest.mark.parametrize(
    ("columns", "values", "known"),
    [
        (["Name", "time"], ["Login", "Login", "Buy", "Buy"], True),
        (["type", "time"], ["Login", "Login"], True),
        (["name", "time"], ["Alice", "Bob", "Carol", "Dave"], False),
        (["name", "time"], ["Login"], False),
        (["name", "time"], ["", "", ""], False),
        (["name", "time"], [], False),
        (["name", "Email"], ["Login", "Login", "Buy", "Buy"], False),
        (["name", "sku"], ["Shoe", "Shoe", "Hat", "Hat"], False),
        *((["name", thing], ["Boot", "Boot", "Hat", "Hat"], False) for thing in OF_OTHER_THINGS),
        *((["name", thing], ["Login", "Login", "Buy", "Buy"], True) for thing in OF_EVENTS),
        (["type", "id"], ["a", "a", "a", "a"], False),
        (["name", "time"], [f"user {n // 4}" for n in range(400)], False),
        (["name", "time"], [f"kind {n % 40}" for n in range(400)], True),
    ],
)
def test_few_values_that_repeat_are_names_of_events(columns: list[str], values: list[str], known: bool):
    rows = [Record(n, n + 1, [value, "x"]) for n, value in enumerate(values, 1)]
    lines = [Record(n, n, dict(zip(columns, [value, "x"], strict=True))) for n, value in enumerate(values, 1)]
    for sample in (rows, lines):
        assert find_labels(columns, sample) == (columns[:1] if known else [])


def test_numbers_are_no_names_of_events():
    assert find_labels(["type"], [Record(n, n, {"type": 1}) for n in range(1, 9)]) == []
