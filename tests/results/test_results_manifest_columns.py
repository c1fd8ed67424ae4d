"""A manifest whose fields name columns that its source does not have was damaged."""

from __future__ import annotations

from typing import Any

import pytest

from importer.model import Fingerprint
from importer.reading import Dialect, Reading
from importer.results.manifest import Manifest
from importer.results.manifest_check import find_fault


def fault(**reading: Any) -> str:
    manifest = Manifest(
        kind="real",
        source="a.csv",
        fingerprint=Fingerprint(1, 1, "x"),
        reading=Reading(Dialect("csv"), ("a", "b", "{odd"), {"event": "a"}, **reading),
        endpoint="import",
        base_url="https://api.mixpanel.com",
        importer_version="0",
        started="2024-05-01T10:00:00Z",
    )
    return find_fault(manifest)


@pytest.mark.parametrize("text", ["a", "{odd", "{a} {b}", "{{{a}}}", "x-{b}"])
def test_columns_and_templates_of_columns_are_no_fault(text: str):
    assert not fault(alternatives={"time": (text,)})
    assert not fault(templates={"x": text})


@pytest.mark.parametrize(
    "text", ["c", "{c}", "{a} {c}", "{a} {", "{{a}}", "}{", "{}", "", "x" * 50_000 + "{"]
)
def test_others_are(text: str):
    assert "reading.alternatives.time" in fault(alternatives={"time": ("a", text)})
    assert "reading.templates.x" in fault(templates={"x": text})


def test_a_field_without_any_column_is_no_field():
    assert "reading.alternatives.time is empty" in fault(alternatives={"time": ()})
