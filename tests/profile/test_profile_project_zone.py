"""Raw exports of Mixpanel, whose epochs may be of local time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from importer.model import Record
from importer.profile.attention import attention_observers
from importer.profile.chunk import ColumnarChunk
from importer.profile.project_zone import ProjectZoneObserver
from importer.reading import Attention, Dialect, Reading

AT = 1_714_557_600  # 2024-05-01T10:00:00Z
EXPORT = Reading(
    Dialect("jsonl"),
    ("event", "properties"),
    {"event": "event", "time": "properties.time", "properties": "properties"},
)
CSV = Reading(Dialect("csv"), ("event", "time", "mp_processing_time_ms"), {"event": "event", "time": "time"})
ASKS = "a raw export of Mixpanel: a project from before 2023 exports its times in its own zone, not in UTC"


def exported(lags: Sequence[float], time: int = AT) -> list[Mapping[str, Any]]:
    """Return records of an export that Mixpanel took so many hours after their time."""
    return [
        {"event": "E", "properties": {"time": time, "mp_processing_time_ms": int((time + lag * 3600) * 1000)}}
        for lag in lags
    ]


def observers(values: Sequence[Any], reading: Reading, start: int = 1) -> list[ProjectZoneObserver]:
    found = [each for each in attention_observers(reading) if isinstance(each, ProjectZoneObserver)]
    records = [Record(row, row, value) for row, value in enumerate(values, start)]
    for each in found:
        each.observe(ColumnarChunk(records, has_cells=reading.dialect.has_cells, source="f"))
    return found


def found(values: Sequence[Any], reading: Reading = EXPORT) -> list[Attention]:
    return [attention for each in observers(values, reading) for attention in each.attention()]


def test_a_raw_export_asks_for_the_zone_of_the_project():
    (attention,) = found(exported([0.001, 0.002]))
    assert (attention.code, attention.level, attention.text) == ("project-zone", "decision", ASKS)
    assert attention.remedy == "--local-epochs --timezone ZONE"


def test_events_that_were_taken_hours_before_their_time_prove_it():
    (attention,) = found(exported([0.001, -1.999, -1.5, 0.1]))
    assert attention.text == (
        "a raw export of Mixpanel in local time: it took 2 events up to 2.0 hours before their time, so epochs"
        " are of the project's zone"
    )
    assert attention.count == 2
    assert [each.row for each in attention.rows] == [2, 3]


def test_that_every_event_was_taken_hours_later_is_told_and_proves_nothing():
    (attention,) = found(exported([7.001 + n / 100 for n in range(30)]))
    assert attention.text == f"{ASKS}; it took no event sooner than 7.0 hours after its time"
    (few,) = found(exported([7.001, 7.002]))
    assert few.text == ASKS


def test_an_export_in_csv_is_known_by_its_columns():
    (attention,) = found([("E", str(AT), str((AT - 7200) * 1000)), ("E", str(AT), "")], CSV)
    assert "it took 1 event up to 2.0 hours before its time" in attention.text
    other = replace(CSV, columns=("event", "time", "properties.$mp_api_endpoint"))
    (attention,) = found([("E", str(AT), "api")], other)
    assert attention.text == ASKS


def test_an_export_is_known_by_the_marks_of_the_api():
    record = {"event": "E", "properties": {"time": AT, "$mp_api_endpoint": "api.mixpanel.com"}}
    assert found([record])[0].text == ASKS


@pytest.mark.parametrize(
    "reading",
    [
        replace(EXPORT, local_epochs=True, timezone="Europe/Berlin"),
        replace(EXPORT, fields={"event": "event"}),
    ],
)
def test_a_zone_that_is_declared_is_not_asked_for(reading: Reading):
    assert found(exported([-2]), reading) == []


@pytest.mark.parametrize(("timezone", "hours"), [("UTC", "7.0"), ("Europe/Berlin", "5.0")])
def test_the_zone_that_is_declared_is_proved_too(timezone: str, hours: str):
    for source, values in ((EXPORT, exported([0.001, -7])), (CSV, csv_exported([0.001, -7]))):
        (attention,) = found(values, replace(source, local_epochs=True, timezone=timezone))
        assert attention.text == (
            f"a raw export of Mixpanel of another zone: read as of {timezone}, it took 1 event up to {hours}"
            " hours before its time"
        )
        assert (attention.code, attention.count) == ("project-zone", 1)
        assert [each.row for each in attention.rows] == [2]
        assert attention.remedy == "--local-epochs --timezone ZONE"


def csv_exported(lags: Sequence[float]) -> list[tuple[str, str, str]]:
    return [("E", str(AT), str(int((AT + lag * 3600) * 1000))) for lag in lags]


@pytest.mark.parametrize("timezone", ["Asia/Bangkok", "Australia/Sydney"])
def test_a_zone_that_nothing_contradicts_is_not_doubted(timezone: str):
    assert found(exported([0.001, -7]), replace(EXPORT, local_epochs=True, timezone=timezone)) == []


def test_other_files_are_not_asked_about():
    assert found([{"event": "E", "properties": {"time": AT}}]) == []
    assert found([{"event": "E", "properties": None}]) == []
    assert found([("E", str(AT), "")], replace(CSV, columns=("event", "time", "processed"))) == []
    assert found([]) == []


def test_times_that_say_their_zone_are_not_asked_about():
    records = [
        {"event": "E", "properties": {"time": "2024-05-01T10:00:00Z", "mp_processing_time_ms": AT * 1000}}
    ]
    assert found(records) == []


def test_parts_of_a_source_merge_to_the_whole():
    lags = [-2.0, 0.5, -1.5, 3.0, -3.0, -2.5, -2.5, -2.5]
    for cut in range(len(lags) + 1):
        (merged,) = observers(exported(lags[:cut]), EXPORT)
        merged.merge(observers(exported(lags[cut:]), EXPORT, start=cut + 1)[0])
        assert merged.attention() == found(exported(lags))
