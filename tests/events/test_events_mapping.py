from __future__ import annotations

import shlex
from itertools import pairwise

import pytest

from importer.errors import MappingError
from importer.events.columns import path_to
from importer.events.field_names import well_known
from importer.events.mapping import choose_fields, nested_columns
from importer.model import Record
from importer.reading import Field
from importer.text import nearest


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("event", "event"),
        ("Event Name", "event"),
        ("eventName", "event"),
        ("EVENT_TYPE", "event"),
        ("distinct_id", "distinct_id"),
        ("User ID", "distinct_id"),
        ("userId", "distinct_id"),
        ("user-id", "distinct_id"),
        ("UID", "distinct_id"),
        ("time", "time"),
        ("Timestamp", "time"),
        ("created_at", "time"),
        ("Created At", "time"),
        ("ts", "time"),
        ("IP", "ip"),
        ("ip_address", "ip"),
        ("$insert_id", "insert_id"),
        ("Event ID", "insert_id"),
        ("uuid", "insert_id"),
        ("properties", "properties"),
        ("Event Properties", "properties"),
        ("amount", None),
        ("", None),
        ("timezone", None),
        ("username", None),
        ("zip", None),
    ],
)
def test_a_well_known_name_is_known_in_any_case_and_spacing(column: str, field: str | None):
    assert well_known(column) == field


def test_well_known_columns_become_fields_and_the_rest_stays():
    columns = ["Event", "User ID", "Timestamp", "amount", "IP", "uuid", "Properties"]
    assert choose_fields(columns, {}, ()).fields == {
        "event": "Event",
        "distinct_id": "User ID",
        "time": "Timestamp",
        "ip": "IP",
        "insert_id": "uuid",
        "properties": "Properties",
    }


def test_what_a_person_said_wins_over_well_known_names():
    fields = choose_fields(["event", "action", "time"], {"event": "action"}, ()).fields
    assert fields == {"event": "action", "time": "time"}


def test_a_column_that_was_given_to_one_field_is_no_candidate_for_another():
    fields = choose_fields(["name", "event", "time", "ts"], {"event": "name", "distinct_id": "ts"}, ()).fields
    assert fields == {"event": "name", "distinct_id": "ts", "time": "time"}


def test_an_empty_column_means_that_the_field_has_none():
    assert choose_fields(["event", "time", "uuid"], {"insert_id": ""}, ()).fields == {
        "event": "event",
        "time": "time",
    }


def options(error: MappingError) -> list[str]:
    """Return what follows each ``--map`` of a remedy, as a shell would read it."""
    lines = [shlex.split(line) for line in error.remedy.splitlines() if "--map " in line]
    return [after for words in lines for before, after in pairwise(words) if before == "--map"]


@pytest.mark.parametrize(
    ("columns", "field", "candidates"),
    [
        (["event", "Event Name", "time"], "event", ["event", "Event Name"]),
        (["event", "time", "created_at", "ts"], "time", ["time", "created_at", "ts"]),
        (["event", "time", "user", "user_id"], "distinct_id", ["user", "user_id"]),
        (["event", "time", "uuid", "it's event id", "event id"], "insert_id", ["uuid", "event id"]),
    ],
)
def test_two_candidates_stop_and_each_suggestion_would_do(
    columns: list[str], field: str, candidates: list[str]
):
    with pytest.raises(MappingError) as caught:
        choose_fields(columns, {}, ())
    assert field in caught.value.message
    assert options(caught.value) == [f"{field}={candidate}" for candidate in candidates]
    assert all(column in caught.value.remedy for column in columns)
    for option in options(caught.value):
        name, column = option.split("=", 1)
        assert choose_fields(columns, {name: column}, ()).fields[name] == column  # type: ignore[dict-item,index]


@pytest.mark.parametrize(
    ("columns", "suggestion"),
    [
        (["time", "what's action", "n"], "event=what's action"),
        (["event", "n", "Date of order"], "time=Date of order"),
        (["event", "category", "ended_at", "state"], "time=ended_at"),
    ],
)
def test_nothing_found_stops_with_a_suggestion_that_would_do(columns: list[str], suggestion: str):
    with pytest.raises(MappingError, match="no column is known to hold the") as caught:
        choose_fields(columns, {}, ())
    assert options(caught.value) == [suggestion]
    assert "The columns are: " in caught.value.remedy
    field, column = suggestion.split("=")
    assert choose_fields(columns, {field: column}, ()).fields[field] == column  # type: ignore[dict-item,index]


def test_nothing_alike_is_no_reason_to_suggest_a_wrong_column():
    with pytest.raises(MappingError) as caught:
        choose_fields(["event", "data", "points", "latitude"], {}, ())
    assert options(caught.value) == ["time=COLUMN"]


def test_a_column_that_holds_times_is_the_one_suggested():
    with pytest.raises(MappingError, match="to hold the event's name and the time") as caught:
        choose_fields(["Aktion", "Datum", "PLZ"], {}, (), times="Datum")
    assert options(caught.value) == ["event=COLUMN", "time=Datum"]


def test_a_missing_event_may_also_be_set():
    with pytest.raises(MappingError, match="no column is known to hold the event's name") as caught:
        choose_fields(["time", "x"], {}, ())
    assert "--set event=" in caught.value.remedy
    assert choose_fields(["time", "x"], {}, ["event"]).fields == {"time": "time"}


@pytest.mark.parametrize(
    ("name", "field", "column"),
    [
        ("distinct_id", "distinct_id", "user_id"),
        ("insert_id", "insert_id", "uuid"),
        ("$insert_id", "insert_id", "uuid"),
        ("event", "event", "event"),
    ],
)
def test_a_field_that_is_set_has_no_column_unless_one_is_said(name: str, field: Field, column: str):
    columns = ["event", "time", "user_id", "uuid"]
    assert field not in choose_fields(columns, {}, [name]).fields
    with pytest.raises(MappingError, match="both give the") as caught:
        choose_fields(columns, {field: column}, [name])
    assert options(caught.value) == [f"{field}="]
    assert field not in choose_fields(columns, {field: ""}, [name]).fields


def test_properties_that_are_set_would_hide_the_column_that_holds_them():
    with pytest.raises(MappingError, match="both give the properties"):
        choose_fields(["event", "time", "properties"], {}, ["properties"])


def test_a_token_can_not_be_set():
    with pytest.raises(MappingError, match="a token is never part of an event"):
        choose_fields(["event", "time"], {}, ["token"])


def test_a_column_that_does_not_exist_stops_and_the_nearest_is_named():
    with pytest.raises(MappingError, match=r"there is no column 'actoin'; did you mean 'action'\?") as caught:
        choose_fields(["action", "time"], {"event": "actoin"}, ())
    assert "The columns are: action, time" in caught.value.remedy


def test_names_from_a_file_are_escaped_and_their_list_is_short():
    columns = ["time", "a\x1b[31m", *(f"c{n}" for n in range(1000))]
    with pytest.raises(MappingError) as caught:
        choose_fields(columns, {}, ())
    assert "\x1b" not in caught.value.remedy
    assert len(caught.value.remedy) < 600
    assert "and 962 more" in caught.value.remedy


# ── dotted paths ─────────────────────────────────────────────────────────────────────────────────


def test_a_dotted_path_is_for_jsonl_alone():
    said = {"event": "data.kind"}
    assert choose_fields(["data", "time"], said, (), paths=True).fields["event"] == "data.kind"  # type: ignore[arg-type]
    with pytest.raises(MappingError, match=r"there is no column 'data\.kind'"):
        choose_fields(["data", "time"], said, ())  # type: ignore[arg-type]
    with pytest.raises(MappingError, match=r"there is no column 'date\.kind'"):
        choose_fields(["data", "time"], {"event": "date.kind"}, (), paths=True)


def test_mixpanels_own_shape_is_known_as_such():
    sample = [
        Record(1, 1, {"event": "a", "properties": {"time": 1, "created_at": 2, "distinct_id": "u"}}),
        Record(2, 2, {"event": "a", "properties": {"user_id": "v", "$insert_id": "x", "uuid": "y"}}),
    ]
    nested = nested_columns(sample, "properties")
    assert choose_fields(["event", "properties"], {}, (), nested, paths=True).fields == {
        "event": "event",
        "properties": "properties",
        "time": "properties.time",
        "distinct_id": "properties.distinct_id",
        "insert_id": "properties.$insert_id",
    }


def test_other_names_inside_of_properties_count_where_mixpanels_own_are_missing():
    nested = ("properties.timestamp", "properties.user_id")
    fields = choose_fields(["event", "properties"], {}, (), nested, paths=True).fields
    assert (fields["time"], fields["distinct_id"]) == ("properties.timestamp", "properties.user_id")
    with pytest.raises(MappingError, match="could each be the time"):
        choose_fields(["event", "properties"], {}, (), (*nested, "properties.ts"), paths=True)


def test_a_time_to_suggest_is_looked_for_inside_of_properties_too():
    with pytest.raises(MappingError) as caught:
        choose_fields(["event", "properties"], {}, (), ("properties.when",), paths=True)
    assert options(caught.value) == ["time=properties.when"]


def test_a_key_with_a_dot_of_its_own_has_no_path():
    sample = [Record(1, 1, {"properties": {"user.id": 1, "ok": 2}}), Record(2, 2, {"properties": None})]
    assert nested_columns(sample, "properties") == ("properties.ok",)
    assert nested_columns([Record(1, 1, ["a"])], "properties") == ()


@pytest.mark.parametrize(
    ("column", "columns", "path"),
    [
        ("a", ["a"], ("a",)),
        ("a.b", ["a.b", "a"], ("a.b",)),
        ("a.b.c", ["a"], ("a", "b", "c")),
        ("a.b.c", ["a.b", "x"], ("a.b", "c")),
        ("x.y", [], ("x", "y")),
    ],
)
def test_a_path_starts_at_a_column_that_exists(column: str, columns: list[str], path: tuple[str, ...]):
    assert path_to(column, columns) == path


def test_the_nearest_name_is_suggested_only_if_it_is_near():
    assert nearest("tpyes", ["types", "fields"]) == "; did you mean 'types'?"
    assert nearest("qqq", ["types", "fields"]) == ""
