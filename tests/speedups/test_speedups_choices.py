"""Fields that several columns may give: the compiled code and Python make the same events."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speedups_helpers import CSV, TIME, assert_same, csv_file, takes_fast_path

from importer.reading import Reading

COLUMNS = ("event", "time", "user", "device", "n", "other")
CHOICES = replace(
    CSV,
    columns=COLUMNS,
    fields={"event": "event", "time": "time"},
    alternatives={"distinct_id": ("user", "device", "n")},
    types={"n": "integer"},
)
READINGS = [
    CHOICES,
    replace(CHOICES, null=("NULL",)),
    replace(CHOICES, constants={"a": 1}, tag="t", geoip="request"),
    replace(CHOICES, constants={"event": "E"}, fields={"time": "time"}),
    replace(CHOICES, names={"device": "$device_id", "n": "mp_n"}),
    replace(CHOICES, names={"device": "distinct_id"}),
    replace(CHOICES, types={"n": "skip", "user": "json"}),
    replace(
        CHOICES, alternatives={**CHOICES.alternatives, "insert_id": ("other", "user"), "ip": ("n", "other")}
    ),
    replace(
        CHOICES, fields={"time": "time"}, alternatives={"event": ("other", "event"), "distinct_id": ("user",)}
    ),
    replace(CHOICES, fields={}, alternatives={"event": ("event", "n"), "time": ("other", "time")}),
    replace(CHOICES, fields={**CHOICES.fields, "ip": "user"}),
    replace(CHOICES, fields={**CHOICES.fields, "properties": "other"}),
    replace(CHOICES, alternatives={"properties": ("other", "n")}),
    replace(CHOICES, alternatives={"distinct_id": ("{user}", "$device:{device}")}),
    replace(CHOICES, templates={"full": "{user} {device}", "other": "{n}"}),
]
cells_ = st.sampled_from(
    ["", "NULL", "u1", "5", "5.0", 'a "quoted", one', "anon", "x" * 300, '{"a": 1}', "é"]
)


@pytest.mark.parametrize("reading", READINGS, ids=range(len(READINGS)))
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["E", ""]), st.sampled_from([TIME, ""]), *[cells_] * 4), max_size=8
    )
)
@settings(deadline=None, max_examples=60)
def test_fields_of_several_columns_map_the_same(reading: Reading, rows: list[tuple[str, ...]]):
    assert_same(csv_file([["E", TIME, "u", "d", "1", "o"], *rows]), reading)


@pytest.mark.parametrize("cells", [["u", "d", "1"], ["", "d", "1"], ["", "", "1"], ["", "", ""]])
def test_columns_that_are_tried_in_order_are_no_reason_to_be_slow(cells: list[str]):
    assert takes_fast_path(csv_file([["E", TIME, *cells, "o"]]), CHOICES) == [True]
