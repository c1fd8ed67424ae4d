from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from events_helpers import (
    CSV,
    FIELDS,
    JSONL,
    MILLISECONDS,
    NOW_MS,
    TIME,
    Mapped,
    own,
    properties,
    refused,
    taken,
)
from hypothesis import given
from hypothesis import strategies as st

from importer.errors import MappingError, UsageError
from importer.events import insert_id
from importer.events.mapper import Mapper
from importer.mixpanel import limits, rules
from importer.mixpanel.reserved import REFUSED_IDS
from importer.model import Event, Record, Rejection
from importer.reading import Reading

NO_USER = "no distinct_id: sent as an event without a user"


def line(**more: Any) -> dict[str, Any]:
    return {"event": "Purchase", "time": TIME, "user": "u1", **more}


# ── what is sent ─────────────────────────────────────────────────────────────────────────────────


def test_an_event_is_what_mixpanel_documents_byte_for_byte(mapped: Mapped):
    event = taken(mapped.csv({"plan": "pro", "qty": "20", "note": ""}, types={"qty": "integer"}))
    assert event.body == (
        b'{"event":"Purchase","properties":{"time":1714557600000,"distinct_id":"u1",'
        b'"$insert_id":"%b","ip":0,"plan":"pro","qty":20}}' % event.insert_id.encode()
    )
    assert event[:3] == (1, 2, "Purchase")
    assert (event.distinct_id, event.time, event.note) == ("u1", MILLISECONDS, "")


def test_an_event_without_properties_of_its_own_is_right_too(mapped: Mapped):
    assert list(properties(mapped.csv({}))) == ["time", "distinct_id", "$insert_id", "ip"]
    assert list(properties(mapped.csv({}, geoip="request"))) == ["time", "distinct_id", "$insert_id"]


def test_records_and_rejections_stay_in_order():
    reading = Reading(CSV, ("event", "time", "user"), FIELDS)
    rejection = Rejection(2, 3, "bad line")
    records = [
        Record(1, 2, ["a", TIME, "u"]),
        rejection,
        Record(3, 4, ["", TIME, "u"]),
        Record(4, 5, ["b", TIME, "u"]),
    ]
    items = Mapper(reading, lambda: NOW_MS).map(records)
    assert [item.row for item in items] == [1, 2, 3, 4]
    assert [type(item) for item in items] == [Event, Rejection, Rejection, Event]
    assert items[1] == rejection


def test_notes_of_one_record_do_not_leak_into_the_next():
    mapper = Mapper(Reading(CSV, ("event", "time", "user"), FIELDS), lambda: NOW_MS)
    items = mapper.map([Record(1, 2, ["a", TIME, ""], "read badly"), Record(2, 3, ["a", TIME, "u"])])
    assert [item.note for item in items] == [f"read badly; {NO_USER}", ""]


def test_a_record_is_left_as_it_was(mapped: Mapped):
    value = line(b={"token": "x", "id": 5}, properties={"distinct_id": "v", "token": "t"})
    before = json.dumps(value)
    fields: Any = {**FIELDS, "insert_id": "b.id", "properties": "properties"}
    one, two = mapped.jsonl(value, fields), mapped.jsonl(value, fields)
    assert json.dumps(value) == before
    assert one == two


# ── types of cells ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", "02134", "02134"),
        ("string", " x ", " x "),
        ("integer", "-5", -5),
        ("number", "1.50", 1.5),
        ("number", "2e1", 20),
        ("number", "1e-7", 1e-7),
        ("boolean", "TRUE", True),
        ("json", '{"a":[1.0,null]}', {"a": [1, None]}),
        ("json", "[1]", [1]),
        ("json", "3.0", 3),
        ("json", "null", None),
        ("time", "1714557600", "2024-05-01T10:00:00Z"),
        ("time", "2024-05-01T12:00:00.25+02:00", "2024-05-01T10:00:00.25Z"),
    ],
)
def test_a_cell_is_read_by_the_type_of_its_column(mapped: Mapped, kind: Any, text: str, value: Any):
    (found,) = own(mapped.csv({"a": text}, types={"a": kind})).values()
    assert found == value
    assert type(found) is type(value)


def test_a_cell_of_no_value_is_left_out_whatever_its_type(mapped: Mapped):
    types: Any = {"a": "integer", "b": "json", "c": "time", "d": "boolean"}
    assert own(mapped.csv({"a": "", "b": "NULL", "c": "", "d": "NULL"}, types=types, null=("NULL",))) == {}


def test_a_skipped_column_is_left_out_and_a_renamed_one_renamed(mapped: Mapped):
    sent = own(mapped.csv({"a": "1", "Zip Code": "02134"}, types={"a": "skip"}, names={"Zip Code": "zip"}))
    assert sent == {"zip": "02134"}


@pytest.mark.parametrize(
    ("kind", "text"),
    [("integer", "1.0"), ("integer", "02134"), ("number", "1,5"), ("boolean", "yes"), ("json", "{"), ("time", "soon"),
     ("time", "2024-05-01"), ("json", '{"a": 18446744073709551616}'), ("time", "9999-12-31T23:59:59-10:00")],
)  # fmt: skip
def test_a_value_that_breaks_a_declared_type_is_invalid(mapped: Mapped, kind: Any, text: str):
    rejection = refused(mapped.csv({"a": text}, types={"a": kind}))
    assert rejection.error.startswith(("a: ", "a.a: "))
    assert (rejection.row, rejection.line, rejection.event, rejection.distinct_id) == (1, 2, "Purchase", "u1")


def test_a_decimal_that_a_double_can_not_hold_is_noted(mapped: Mapped):
    event = taken(mapped.csv({"a": "0.12345678901234567890"}, types={"a": "number"}))
    assert event.note == "0.12345678901234567890 is sent as 0.12345678901234568"


def test_two_columns_for_one_property_stop_before_anything_is_sent(mapped: Mapped):
    with pytest.raises(MappingError, match="'a' and 'b' would both be the property 'b'"):
        mapped.csv({"a": "1", "b": "2"}, names={"a": "b"})


# ── precedence ───────────────────────────────────────────────────────────────────────────────────

BAG: Any = {"fields": {"properties": "bag"}}


def test_a_column_wins_over_a_key_of_properties_with_a_note(mapped: Mapped):
    event = mapped.csv({"a": "1", "bag": '{"a": "2", "b": "3"}'}, **BAG)
    assert own(event) == {"a": "1", "b": "3"}
    assert taken(event).note == "a: the column's value is sent, not that in properties"


def test_an_empty_column_lets_the_key_of_properties_count(mapped: Mapped):
    event = mapped.csv({"a": "", "bag": '{"a": "2"}'}, **BAG)
    assert own(event) == {"a": "2"}
    assert taken(event).note == ""


def test_values_that_agree_are_no_clash(mapped: Mapped):
    types: Any = {"a": "number", "t": "boolean"}
    assert taken(mapped.csv({"a": "1e-7", "bag": '{"a": 1e-7}'}, types=types, **BAG)).note == ""
    assert taken(mapped.csv({"a": "2", "bag": '{"a": 2.0}'}, types=types, **BAG)).note == ""
    assert (
        "the column's value" in taken(mapped.csv({"t": "true", "bag": '{"t": 1}'}, types=types, **BAG)).note
    )


def test_set_wins_over_everything_with_a_note(mapped: Mapped):
    cells = {"a": "1", "bag": '{"a": "2", "c": 1e-7}'}
    event = mapped.csv(cells, constants={"a": "3", "c": "4"}, **BAG)
    assert own(event) == {"a": "3", "c": "4"}
    assert "a: --set replaces '1'" in taken(event).note
    assert "c: --set replaces 1e-07" in taken(event).note
    assert taken(mapped.csv({"x": "1"}, constants={"a": "3"})).note == ""
    assert taken(mapped.csv({"a": "3"}, constants={"a": "3"})).note == ""


@pytest.mark.parametrize(
    ("own", "column", "key", "user", "clashes"),
    [
        ("m", "c", "k", "m", 2),
        ("m", "", "k", "m", 1),
        ("m", "", "", "m", 0),
        ("m", "m", "m", "m", 0),
        ("", "c", "k", "c", 1),
        ("", "c", "", "c", 0),
        ("", "", "k", "k", 0),
        ("", "", "", "", 0),
    ],
)
def test_a_field_comes_from_its_column_then_its_namesake_then_properties(
    mapped: Mapped, own: str, column: str, key: str, user: str, clashes: int
):
    cells = {"user": own, "distinct_id": column, "bag": json.dumps({"distinct_id": key})}
    event = taken(mapped.csv(cells, **BAG))
    assert (event.distinct_id, properties(event)["distinct_id"]) == (user, user)
    assert event.body.count(b'"distinct_id"') == 1
    notes = [note for note in event.note.split("; ") if note and note != NO_USER]
    assert len(notes) == clashes


def test_a_field_that_is_set_is_the_same_for_every_record(mapped: Mapped):
    event = taken(mapped.csv({}, constants={"event": "Sign-up", "distinct_id": "me"}))
    assert (event.event, event.distinct_id) == ("Sign-up", "me")
    event = taken(mapped.csv({"bag": '{"distinct_id": "k"}'}, constants={"distinct_id": "me"}, **BAG))
    assert (event.distinct_id, event.note) == ("me", "distinct_id: --set replaces 'k'")


@pytest.mark.parametrize("name", ["insert_id", "$insert_id"])
def test_an_id_that_is_set_stands_once_in_the_event(mapped: Mapped, name: str):
    event = taken(mapped.csv({}, constants={name: "one"}))
    assert event.insert_id == "one"
    assert event.body.count(b"insert_id") == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda mapped: mapped.csv({"token": "s3cret"}),
        lambda mapped: mapped.csv({"bag": '{"token": "s3cret"}'}, **BAG),
        lambda mapped: mapped.csv({"t": "s3cret"}, names={"t": "token"}),
        lambda mapped: mapped.jsonl(line(token="s3cret")),
        lambda mapped: mapped.jsonl(
            line(properties={"token": "s3cret"}), {**FIELDS, "properties": "properties"}
        ),
    ],
)
def test_a_token_is_never_sent_and_noted(mapped: Mapped, make: Callable[[Mapped], Any]):
    event = make(mapped)
    assert b"token" not in taken(event).body
    assert taken(event).note == "token: a record's own token is never sent"
    assert taken(event).insert_id == taken(mapped.csv({})).insert_id


def test_a_token_that_is_set_is_not_sent_either(mapped: Mapped):
    assert b"s3cret" not in taken(mapped.csv({"a": "1"}, constants={"token": "s3cret"})).body


# ── fields ───────────────────────────────────────────────────────────────────────────────────────


def test_an_event_without_a_name_is_invalid(mapped: Mapped):
    assert "event: missing" in refused(mapped.csv({"event": ""})).error
    assert "event: missing" in refused(mapped.jsonl(line(event=None))).error
    assert "event: missing" in refused(mapped.jsonl({"time": 1, "user": "u"})).error
    assert "'event' is invalid" in refused(mapped.jsonl(line(event=5))).error


@pytest.mark.parametrize("user", ["", None])
def test_no_user_is_sent_as_an_empty_one_with_a_note(mapped: Mapped, user: Any):
    event = taken(mapped.jsonl(line(user=user)))
    assert (event.distinct_id, event.note) == ("", NO_USER)
    assert properties(event)["distinct_id"] == ""


def test_no_column_for_the_user_is_no_user(mapped: Mapped):
    reading = Reading(CSV, ("event", "time"), {"event": "event", "time": "time"})
    assert taken(mapped.record(reading, ["a", TIME])).note == NO_USER


@pytest.mark.parametrize("user", sorted(REFUSED_IDS))
def test_a_user_that_mixpanel_refuses_is_invalid(mapped: Mapped, user: str):
    rejection = refused(mapped.csv({"user": user}))
    assert "distinct_id" in rejection.error
    assert rejection.distinct_id == user


@pytest.mark.parametrize(
    ("number", "digits"), [(5, "5"), (2**64 - 1, "18446744073709551615"), (5.0, "5"), (1.5, "1.5"),
                           (1e25, "10000000000000000905969664")]
)  # fmt: skip
def test_a_user_given_as_a_number_is_sent_as_its_digits(mapped: Mapped, number: float, digits: str):
    event = taken(mapped.jsonl(line(user=number)))
    assert event.distinct_id == digits
    assert event.note == f"distinct_id: the number {digits} is sent as text"
    event = taken(mapped.jsonl(line(id=number), {**FIELDS, "insert_id": "id"}))
    assert event.insert_id == (digits if "." not in digits else insert_id.of_text(digits))
    assert f"insert_id: the number {digits} is sent as text" in event.note


@pytest.mark.parametrize("user", [0, -1, 0.0, -0.0])
def test_a_number_that_mixpanel_would_refuse_as_text_is_invalid(mapped: Mapped, user: float):
    assert "placeholder" in refused(mapped.jsonl(line(user=user))).error


@pytest.mark.parametrize("value", [True, False, [], {}, ["u"], {"a": 1}])
def test_an_id_of_another_type_is_invalid(mapped: Mapped, value: Any):
    assert "distinct_id: expected text" in refused(mapped.jsonl(line(user=value))).error
    rejection = refused(mapped.jsonl(line(id=value), {**FIELDS, "insert_id": "id"}))
    assert "insert_id: expected text" in rejection.error


@pytest.mark.parametrize("given", ["a", "a-1", "A" * 36, "550e8400-e29b-41d4-a716-446655440000"])
def test_a_legal_insert_id_is_sent_as_it_is(mapped: Mapped, given: str):
    event = taken(mapped.csv({"id": given}, fields={"insert_id": "id"}))
    assert (event.insert_id, event.note) == (given, "")


@pytest.mark.parametrize("given", ["a" * 37, "a_b", "a b", "é", "null", "0", "order #1"])
def test_an_illegal_insert_id_is_hashed_with_a_note(mapped: Mapped, given: str):
    event = taken(mapped.csv({"id": given}, fields={"insert_id": "id"}))
    assert event.insert_id == insert_id.of_text(given)
    assert "its hash is sent" in event.note
    assert properties(event)["$insert_id"] == event.insert_id


def test_an_empty_insert_id_is_made_from_the_content(mapped: Mapped):
    event = taken(mapped.csv({"id": ""}, fields={"insert_id": "id"}))
    assert event.insert_id == taken(mapped.csv({})).insert_id


def test_an_ip_is_sent_or_zero_or_left_out(mapped: Mapped):
    fields: Any = {"fields": {"ip": "ip"}}
    assert properties(mapped.csv({"ip": "1.2.3.4"}, **fields))["ip"] == "1.2.3.4"
    assert properties(mapped.csv({"ip": "1.2.3.4"}, geoip="request", **fields))["ip"] == "1.2.3.4"
    assert properties(mapped.csv({"ip": ""}, **fields))["ip"] == 0
    assert "ip" not in properties(mapped.csv({"ip": ""}, geoip="request", **fields))
    assert properties(mapped.csv({"ip": "1.2.3.4"}))["ip"] == "1.2.3.4"


@pytest.mark.parametrize(
    ("value", "sent"), [("1.2.3.4", b'"1.2.3.4"'), (0, b"0"), (0.0, b"0"), ("0", b'"0"')]
)
def test_an_ip_of_json_is_text_or_zero(mapped: Mapped, value: Any, sent: bytes):
    assert b'"ip":' + sent in taken(mapped.jsonl(line(ip=value))).body


@pytest.mark.parametrize("value", [False, True, 1, 16909060, [], {}])
def test_another_ip_is_invalid(mapped: Mapped, value: Any):
    assert "ip: expected an address as text" in refused(mapped.jsonl(line(ip=value))).error


# ── time ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_time_is_sent_in_milliseconds_and_what_is_finer_is_noted(mapped: Mapped):
    event = taken(mapped.csv({"time": "2024-05-01T10:00:00.1239Z"}))
    assert event.time == properties(event)["time"] == MILLISECONDS + 123
    assert event.note == "time is sent in milliseconds; the file has it finer"


def test_a_missing_time_is_invalid_unless_it_may_be_the_time_of_the_run(mapped: Mapped):
    assert "time: missing" in refused(mapped.csv({"time": ""})).error
    event = taken(mapped.csv({"time": ""}, missing_time=NOW_MS - 5))
    assert (event.time, event.note) == (NOW_MS - 5, "no time: sent with the time of the run")
    assert "time: " in refused(mapped.csv({"time": "soon"}, missing_time=NOW_MS)).error


def test_a_time_ahead_of_the_clock_is_invalid_and_says_when_to_send_it(mapped: Mapped):
    def at(ms: int) -> str:
        return str(ms)

    assert taken(mapped.csv({"time": at(NOW_MS)})).time == NOW_MS
    error = refused(mapped.csv({"time": at(NOW_MS + 1)})).error
    assert "ahead of the clock" in error
    after = datetime.fromisoformat(error.split("send it after ")[1])
    assert 0 < after.timestamp() * 1000 - NOW_MS <= 1000
    assert after.tzinfo == UTC
    # far ahead, up to the end of the calendar
    for text in ("2026-05-28T21:20:00Z", "2100-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"):
        assert "ahead of the clock" in refused(mapped.csv({"time": text})).error


@pytest.mark.parametrize(
    "text",
    [
        "1970-01-12T13:46:40Z",  # a billion milliseconds, which Mixpanel would take for seconds of 2001
        "1970-12-31T23:59:59.999Z",
        "1970-01-01T00:00:00Z",
        "1969-07-20T20:17:40Z",
        "0001-01-01T00:00:00Z",
    ],
)
def test_a_time_before_1971_is_invalid(mapped: Mapped, text: str):
    assert "before 1971" in refused(mapped.csv({"time": text})).error
    assert taken(mapped.csv({"time": "1971-01-01T00:00:00Z"})).time == limits.MIN_TIME_MS


@pytest.mark.parametrize(
    "text", ["9999-12-31T23:59:59-10:00", "0001-01-01T00:00:00+10:00", "x" * 300, "\x1b[0m"]
)
def test_no_time_however_odd_stops_the_run(mapped: Mapped, text: str):
    error = refused(mapped.csv({"time": text})).error
    assert error.startswith("time: ")
    assert len(error) < 250
    assert error.isprintable()


def test_a_local_time_is_read_through_the_zone_of_the_reading(mapped: Mapped):
    assert "say --timezone" in refused(mapped.csv({"time": "2024-05-01 12:00"})).error
    assert taken(mapped.csv({"time": "2024-05-01 12:00"}, timezone="Europe/Berlin")).time == MILLISECONDS
    zone: Any = {"timezone": "Europe/Berlin", "local_epochs": True}
    assert taken(mapped.csv({"time": str(MILLISECONDS + 7_200_000)}, **zone)).time == MILLISECONDS
    assert (
        taken(mapped.csv({"time": "1.5.2024"}, timezone="UTC", time_format=("%d.%m.%Y",))).time
        == 1_714_521_600_000
    )
    with pytest.raises(UsageError):
        mapped.csv({}, timezone="Mars")


def test_a_property_of_type_time_goes_by_the_zone_but_not_by_the_format(mapped: Mapped):
    more: Any = {"timezone": "Europe/Berlin", "local_epochs": True, "types": {"a": "time"}}
    assert own(mapped.csv({"a": "2024-05-01 12:00"}, **more)) == {"a": "2024-05-01T10:00:00Z"}
    assert own(mapped.csv({"a": "1714557600"}, **more)) == {"a": "2024-05-01T10:00:00Z"}


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────────

SHAPE: Any = {
    "event": "event",
    "properties": "properties",
    "time": "properties.time",
    "distinct_id": "properties.distinct_id",
    "insert_id": "properties.$insert_id",
}


def test_a_line_in_mixpanels_shape_comes_out_as_it_was(mapped: Mapped):
    value = {
        "event": "Purchase",
        "properties": {"time": MILLISECONDS, "distinct_id": "u1", "$insert_id": "i-1", "a": {"b": [1, None]}},
    }
    event = taken(mapped.jsonl(value, SHAPE))
    value["properties"]["ip"] = 0  # type: ignore[index]
    assert json.loads(event.body) == value
    assert event.note == ""


def test_values_of_json_are_passed_on(mapped: Mapped):
    given = {
        "a": None,
        "b": "",
        "c": 2**64 - 1,
        "d": -(2**63),
        "e": True,
        "f": [],
        "g": {},
        "h": 0.1,
        "i": "1",
    }
    sent = own(mapped.jsonl(line(**given)))
    assert sent == given
    assert repr(sent) == repr(given)


def test_a_nested_field_is_taken_out_of_its_object(mapped: Mapped):
    event = mapped.jsonl(line(user={"id": "u7", "plan": "pro"}), {**FIELDS, "distinct_id": "user.id"})
    assert taken(event).distinct_id == "u7"
    assert own(event) == {"user": {"plan": "pro"}}
    assert taken(mapped.jsonl(line(user="x"), {**FIELDS, "distinct_id": "user.id"})).distinct_id == ""


def test_one_value_can_be_two_fields(mapped: Mapped):
    value = {"event": "E", "time": TIME, "id": "x7"}
    fields: Any = {"event": "event", "time": "time", "distinct_id": "id", "insert_id": "id"}
    event = taken(mapped.jsonl(value, fields))
    assert (event.distinct_id, event.insert_id, own(event)) == ("x7", "x7", {})
    reading = Reading(CSV, tuple(value), fields)
    assert taken(mapped.record(reading, list(value.values()))) == event


def test_a_column_whose_name_has_a_dot_is_a_column(mapped: Mapped):
    event = taken(
        mapped.jsonl({"event": "E", "time": TIME, "user.id": "u"}, {**FIELDS, "distinct_id": "user.id"})
    )
    assert (event.distinct_id, own(event)) == ("u", {})


def test_properties_may_be_an_object_or_its_text_or_nothing(mapped: Mapped):
    fields: Any = {**FIELDS, "properties": "properties"}
    assert own(mapped.jsonl(line(properties={"a": 1}), fields)) == {"a": 1}
    assert own(mapped.jsonl(line(properties='{"a": 1}'), fields)) == {"a": 1}
    assert own(mapped.jsonl(line(properties=None), fields)) == {}
    assert own(mapped.jsonl(line(properties=""), fields)) == {}
    assert own(mapped.jsonl(line(), fields, columns=["event", "time", "user", "properties"])) == {}


@pytest.mark.parametrize("bag", ["[1]", "3", "{", '"x"', "NaN", "{'a': 1}", '{"a": 1e999}'])
def test_properties_that_are_no_object_are_invalid(mapped: Mapped, bag: str):
    assert "properties: expected a JSON object" in refused(mapped.csv({"bag": bag}, **BAG)).error


def test_a_big_integer_in_properties_is_kept_or_invalid(mapped: Mapped):
    assert own(mapped.csv({"bag": '{"id": 1234567890123456789}'}, **BAG)) == {"id": 1234567890123456789}
    rejection = refused(mapped.csv({"bag": '{"id": 18446744073709551616}'}, **BAG))
    assert "18446744073709551616 does not fit 64 bits" in rejection.error
    event = taken(mapped.csv({"bag": '{"x": 0.10000000000000001}'}, **BAG))
    assert event.note == "x: 0.10000000000000001 is sent as 0.1"


def test_a_value_beside_properties_wins_unless_it_is_empty(mapped: Mapped):
    fields: Any = {**FIELDS, "properties": "properties"}
    event = mapped.jsonl(line(a=1, b=None, c="", d=2, properties={"a": 5, "b": 6, "c": 7, "d": 2.0}), fields)
    assert own(event) == {"a": 1, "b": 6, "c": 7, "d": 2}
    assert taken(event).note == "a: the value beside properties is sent, not that in it"


@pytest.mark.parametrize(
    ("kind", "value", "sent"),
    [
        ("string", 2134, "2134"),
        ("string", "x", "x"),
        ("integer", "5", 5),
        ("integer", 5, 5),
        ("number", "1.5", 1.5),
        ("number", 2, 2),
        ("boolean", "True", True),
        ("boolean", False, False),
        ("json", '{"a": 1}', {"a": 1}),
        ("json", [1], [1]),
        ("time", 1714557600, "2024-05-01T10:00:00Z"),
        ("integer", None, None),
    ],
)
def test_a_declared_type_holds_for_json_too(mapped: Mapped, kind: Any, value: Any, sent: Any):
    assert own(mapped.jsonl(line(a=value), types={"a": kind})) == {"a": sent}


@pytest.mark.parametrize(
    ("kind", "value"),
    [("string", True), ("string", 1.5), ("integer", "1.5"), ("integer", True), ("number", []), ("boolean", 1),
     ("json", "{"), ("time", True), ("time", "x")],
)  # fmt: skip
def test_a_value_of_json_that_breaks_its_declared_type_is_invalid(mapped: Mapped, kind: Any, value: Any):
    assert refused(mapped.jsonl(line(a=value), types={"a": kind})).error.startswith("a: ")


def test_a_key_that_would_have_been_mapped_had_it_come_earlier_is_invalid(mapped: Mapped):
    columns = ["event", "time"]
    fields: Any = {"event": "event", "time": "time"}
    rejection = refused(mapped.jsonl({"event": "E", "time": TIME, "user_id": "u"}, fields, columns=columns))
    assert "say --map distinct_id=user_id, or --type user_id=string" in rejection.error
    assert rejection.event == "E"
    kept: Any = {"columns": columns, "types": {"user_id": "string"}}
    assert own(mapped.jsonl({"event": "E", "time": TIME, "user_id": "u"}, fields, **kept)) == {"user_id": "u"}
    late = mapped.jsonl({"event": "E", "time": TIME, "colour": "red", "ts": 1}, fields, columns=columns)
    assert own(late) == {"colour": "red", "ts": 1}
    fixed: Any = {"columns": columns, "constants": {"distinct_id": "me"}}
    assert taken(mapped.jsonl({"event": "E", "time": TIME, "uid": "u"}, fields, **fixed)).distinct_id == "me"


# ── rules ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("most", "more"),
    [
        (250, {}),  # time, distinct_id, $insert_id and ip: 0 are added
        (251, {"geoip": "request"}),
        (249, {"tag": "t"}),
        (250, {"tag": "t", "geoip": "request"}),
    ],
)
def test_properties_are_counted_with_those_that_are_added(mapped: Mapped, most: int, more: Any):
    event = taken(mapped.jsonl(line(**{f"p{n}": n for n in range(most)}), **more))
    assert len(properties(event)) == limits.MAX_PROPERTIES
    rejection = refused(mapped.jsonl(line(**{f"p{n}": n for n in range(most + 1)}), **more))
    assert "at most 254 properties, found 255" in rejection.error


def test_an_ip_and_a_tag_of_the_record_are_not_counted_twice(mapped: Mapped):
    given = {f"p{n}": n for n in range(249)} | {"ip": "1.2.3.4", "import_tag": "old"}
    event = taken(mapped.jsonl(line(**given), tag="new"))
    assert len(properties(event)) == limits.MAX_PROPERTIES
    assert properties(event)["import_tag"] == "new"
    assert event.note == "import_tag: --tag replaces 'old'"


@pytest.mark.parametrize("value", [7e-9, [7e-9], 1e300])
def test_a_tag_that_is_replaced_is_shown_as_it_was(mapped: Mapped, value: Any):
    event = taken(mapped.jsonl(line(import_tag=value), tag="new"))
    assert event.note == f"import_tag: --tag replaces {value!r}"


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"x": value}
    return value


def test_nesting_is_judged_as_mixpanel_does(mapped: Mapped):
    assert own(mapped.jsonl(line(a=nested(3)))) == {"a": nested(3)}
    assert "nested at most 3 deep" in refused(mapped.jsonl(line(a=nested(4)))).error
    assert "nested at most 3 deep" in refused(mapped.jsonl(line(a=[nested(4)]))).error
    assert "nested at most 3 deep" in refused(mapped.jsonl(line(a=nested(900)))).error
    cell = json.dumps(nested(4))
    assert "'properties.a'" in refused(mapped.csv({"a": cell}, types={"a": "json"})).error
    assert own(mapped.csv({"a": json.dumps(nested(3))}, types={"a": "json"})) == {"a": nested(3)}


@pytest.mark.parametrize("depth", [200, 300, 500, 900])
def test_arrays_too_deep_to_be_written_are_invalid_and_no_crash(mapped: Mapped, depth: int):
    text = "[" * depth + "1.5" + "]" * depth
    if depth == 200:
        assert own(mapped.jsonl(line(a=json.loads(text)))) == {"a": json.loads(text)}
        return
    assert "properties: " in refused(mapped.jsonl(line(a=json.loads(text)))).error
    assert refused(mapped.csv({"a": text}, types={"a": "json"}))


def test_long_arrays_and_wide_objects_are_invalid(mapped: Mapped):
    assert "found 255" in refused(mapped.jsonl(line(a=list(range(255))))).error
    assert "found 255" in refused(mapped.jsonl(line(a={"b": dict.fromkeys(map(str, range(255)))}))).error
    wide = json.dumps(dict.fromkeys(map(str, range(255)), 1))
    assert "'properties.a'" in refused(mapped.csv({"a": wide}, types={"a": "json"})).error


def test_an_event_of_a_megabyte_is_invalid(mapped: Mapped):
    empty = len(taken(mapped.csv({"a": "x"})).body) - 1
    most = limits.MAX_EVENT_BYTES - empty
    event = taken(mapped.csv({"a": "x" * most}))
    assert len(event.body) == limits.MAX_EVENT_BYTES
    rejection = refused(mapped.csv({"a": "x" * (most + 1)}))
    assert "1,000,000 bytes" in rejection.error
    assert rejection.event == "Purchase"
    assert "bytes" in refused(mapped.csv({"a": "é" * (most // 2 + 1)})).error


@pytest.mark.parametrize(
    "make",
    [
        lambda mapped: mapped.csv({"a": "x\udcff"}),
        lambda mapped: mapped.csv({"a\udcff": "x"}),
        lambda mapped: mapped.csv({"event": "x\udcff"}),
        lambda mapped: mapped.csv({"user": "x\udcff"}),
        lambda mapped: mapped.csv({"a": '{"x": "\udcff"}'}, types={"a": "json"}),
        lambda mapped: mapped.csv({"a": "x"}, constants={"b": "\udcff"}),
    ],
)
def test_a_text_that_is_not_utf8_is_invalid_and_no_crash(mapped: Mapped, make: Callable[[Mapped], Any]):
    assert refused(make(mapped)).error


def test_what_mixpanel_will_cut_or_reserve_is_noted(mapped: Mapped):
    assert "255 characters of a text and will cut a" in taken(mapped.csv({"a": "x" * 256})).note
    assert taken(mapped.csv({"a": "x" * 255})).note == ""
    assert "will cut the event's name" in taken(mapped.csv({"event": "x" * 256})).note
    assert "will cut distinct_id" in taken(mapped.csv({"user": "x" * 256})).note
    assert "reserved names its own meaning: $city" in taken(mapped.csv({"$city": "x"})).note


# ── the tag ──────────────────────────────────────────────────────────────────────────────────────


def test_a_tag_is_a_property(mapped: Mapped):
    assert own(mapped.csv({"a": "1"}, tag='spring "24"')) == {"a": "1", "import_tag": 'spring "24"'}


# ── any table, read another way ──────────────────────────────────────────────────────────────────

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
column_names = texts.filter(
    lambda s: s not in {"event", "time", "user", "ip", "token", "distinct_id", "$insert_id"}
)
json_values = st.recursive(
    texts | st.integers(-(2**63), 2**64 - 1) | st.booleans() | st.none() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(column_names, inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


def deep(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(deep, value.values()), default=0)
    return max(map(deep, value), default=0) if isinstance(value, list) else 0


cells_of = {
    "string": texts.map(lambda s: (s, s)),
    "integer": st.integers(-(2**53), 2**53).map(lambda n: (str(n), n)),
    "number": st.floats(allow_nan=False, allow_infinity=False).map(lambda x: (repr(x), x)),
    "boolean": st.booleans().map(lambda b: (str(b), b)),
    "json": json_values.filter(lambda v: deep(v) <= 3).map(lambda v: (json.dumps(v), v)),
}
typed_cell = st.sampled_from(sorted(cells_of)).flatmap(lambda kind: st.tuples(st.just(kind), cells_of[kind]))


def is_as_documented(event: Event) -> None:
    body = json.loads(event.body)
    assert list(body) == ["event", "properties"]
    assert list(body["properties"])[:3] == ["time", "distinct_id", "$insert_id"]
    assert rules.check_event(body, len(event.body), NOW_MS) is None
    assert b"\n" not in event.body
    assert body["event"] == event.event
    assert [body["properties"][n] for n in ("time", "distinct_id", "$insert_id")] == [
        event.time, event.distinct_id, event.insert_id,
    ]  # fmt: skip


@given(st.dictionaries(column_names, typed_cell, max_size=8), texts, st.booleans())
def test_any_table_is_sent_as_it_reads(mapped: Mapped, table: dict[str, Any], name: str, with_bag: bool):
    cells = {column: text for column, (_, (text, _)) in table.items()}
    more: Any = {"types": {column: kind for column, (kind, _) in table.items()}}
    expected = {column: value for column, (_, (_, value)) in table.items()}
    event = taken(mapped.csv({**cells, "event": name}, **more))
    is_as_documented(event)
    assert event.event == name
    assert own(event) == expected
    if with_bag:
        bag = mapped.csv({"event": name, "#bag": json.dumps(expected)}, fields={"properties": "#bag"})
        assert taken(bag).body == event.body


@given(st.dictionaries(column_names, json_values.filter(lambda v: deep(v) <= 3), max_size=6))
def test_any_object_is_sent_as_it_reads(mapped: Mapped, given: dict[str, Any]):
    event = taken(mapped.jsonl(line(**given), geoip="request"))
    is_as_documented(event)
    assert own(event) == given
    shape = mapped.jsonl({"event": "Purchase", "properties": {"time": TIME, "distinct_id": "u1", **given}},
                     {k: v for k, v in SHAPE.items() if k != "insert_id"}, geoip="request")  # fmt: skip
    assert taken(shape).body == event.body


@given(
    st.lists(st.text(max_size=12), min_size=4, max_size=4),
    st.sampled_from(["string", "number", "json", "time"]),
)
def test_any_cells_give_an_event_that_passes_or_a_short_rejection(
    mapped: Mapped, cells: list[str], kind: Any
):
    reading = Reading(
        CSV, ("event", "time", "user", "a"), FIELDS, types={"a": kind}, timezone="Europe/Berlin"
    )
    for values in (cells, [cells[0], TIME, *cells[2:]]):
        item = mapped.record(reading, values)
        if isinstance(item, Event):
            is_as_documented(item)
        else:
            assert 0 < len(item.error) <= 300


@given(
    st.dictionaries(
        texts | st.sampled_from(["time", "distinct_id", "ip", "token", "$insert_id", "properties"]),
        json_values,
    )
)
def test_any_line_gives_an_event_that_passes_or_a_short_rejection(mapped: Mapped, given: dict[str, Any]):
    for base in ({}, {"event": "E", "time": TIME}):
        for fields in (FIELDS, SHAPE):
            item = mapped.record(Reading(JSONL, tuple(given), fields), {**given, **base})
            if isinstance(item, Event):
                is_as_documented(item)
            else:
                assert 0 < len(item.error) <= 300
