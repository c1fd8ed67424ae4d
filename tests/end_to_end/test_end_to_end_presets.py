"""The exports of vendors land by their preset alone, as tables say that were written by hand.

A table is a file in ``tests/data/vendors``, an object with these keys:

- ``events``: what lands, as Mixpanel would show it, in any order. ``$insert_id`` stands there where the file has
  one that Mixpanel takes, ``ip`` where the file has one.
- ``skipped``, ``invalid``: how many records are left out by the preset, or can't be sent.
- ``preset``: its name; that of the table, if it is left out.
- ``sample``: a file or folder below ``samples/vendors``; the only one called as the table, if it is left out.
- ``options``: what is typed beside ``--preset``; nothing, unless a file can't say it (the zone of its times).
- ``copies``: how many records are copies, of which Mixpanel shows one.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from end_to_end_helpers import Row, Server, Shell, exact

ROOT = Path(__file__).parent.parent.parent
PRESETS = ROOT / "importer" / "presets"
SAMPLES = ROOT / "samples" / "vendors"
TABLES = sorted((ROOT / "tests" / "data" / "vendors").glob("*.json"))


def sample_of(table: dict[str, Any], name: str) -> Path:
    if "sample" in table:
        return SAMPLES / table["sample"]
    (found,) = (path for path in SAMPLES.iterdir() if path.name.partition(".")[0] == name)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_an_export_lands_by_its_preset_as_its_table_says(shell: Shell, server: Server, path: Path) -> None:
    table = json.loads(path.read_text("utf-8"))
    sample = sample_of(table, path.stem)
    copy = shutil.copytree if sample.is_dir() else shutil.copy
    copy(sample, shell.folder / sample.name)
    options = ["--preset", table.get("preset", path.stem), *table.get("options", [])]
    ended = shell.type("run", sample.name, *options, "--yes", "--json")
    assert ended.code == int(table["invalid"] > 0), ended.err
    counts = json.loads(ended.out)["counts"]
    expected = {
        "imported": len(table["events"]) + table.get("copies", 0),
        "skipped": table["skipped"],
        "invalid": table["invalid"],
    }
    assert {status: count for status, count in counts.items() if count} == {
        status: count for status, count in expected.items() if count
    }, ended.err
    assert_landed(server, table["events"])


def assert_landed(server: Server, expected: list[Row]) -> None:
    found = sorted(server.events(), key=moment)
    expected = sorted(expected, key=moment)
    assert [each["event"] for each in found] == [each["event"] for each in expected]
    for landed, written in zip(found, expected, strict=True):
        properties, right = dict(landed["properties"]), {"ip": 0, **written["properties"]}
        assert properties["$insert_id"]
        right.setdefault("$insert_id", properties["$insert_id"])
        assert exact(properties) == exact(right)


def moment(event: Row) -> tuple[int, str, str]:
    others = {name: value for name, value in event["properties"].items() if name not in ("$insert_id", "ip")}
    return others["time"], event["event"], json.dumps(others, sort_keys=True)


@pytest.mark.parametrize("preset", sorted(PRESETS.glob("*.toml")), ids=lambda path: path.stem)
def test_a_preset_names_the_documentation_that_it_was_made_from_and_has_a_table(preset: Path) -> None:
    comment = re.match(r"(#.*\n)+", preset.read_text("utf-8"))
    assert comment, "it begins with a comment"
    assert re.search(r"https://\S+", comment[0]), "the comment names a page"
    assert re.search(r"\b20\d\d-\d\d-\d\d\b", comment[0]), "the comment says when the page was read"
    tables = {json.loads(path.read_text("utf-8")).get("preset", path.stem) for path in TABLES}
    assert preset.stem in tables


@pytest.mark.parametrize("name", ["segment", "rudderstack"])
def test_an_export_that_is_much_like_another_is_told_apart(shell: Shell, name: str) -> None:
    shutil.copy(SAMPLES / f"{name}.jsonl", shell.folder)
    ended = shell.type("run", f"{name}.jsonl", "--dry-run")
    assert set(re.findall(r"--preset (\S+)", ended.err)) == {name}, ended.err
