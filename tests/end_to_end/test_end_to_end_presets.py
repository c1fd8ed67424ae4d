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


ONE = {
    "posthog": "2024-05-01 10:00:00+00,e-1,u-1,Opened,{}",
    "heap": "e-1,u-1,1e5,2024-05-01 10:00:00,Web,1.10,0501,Opened",
}
HEAP = "event_id,user_id,session_id,time,library,app_version,utm_campaign,event_table_name,device_type"


@pytest.mark.parametrize(
    ("preset", "header", "line"),
    [
        (
            "posthog",
            "timestamp,uuid,distinct_id,event,properties,person_id,elements,created_at,team_id",
            "posthog,,[],,5",
        ),
        ("posthog", "timestamp,uuid,distinct_id,event,properties,elements_chain", "posthog,"),
        (
            "posthog",
            "timestamp,uuid,distinct_id,event,properties,elements,set,team_id,ip,site_url",
            "posthog,,,5,,",
        ),
        ("heap", HEAP, "heap,Desktop"),
        ("heap", HEAP.upper(), "heap,Desktop"),
    ],
)
def test_a_table_of_an_export_is_known_and_its_texts_stay_texts(
    shell: Shell, server: Server, preset: str, header: str, line: str
) -> None:
    name, _, rest = line.partition(",")
    (shell.folder / "table.csv").write_text(f"{header}\n{ONE[name]},{rest}\n")
    ended = shell.type("run", "table.csv", "--dry-run")
    assert f"--preset {preset}" in ended.err, ended.err
    ended = shell.type("run", "table.csv", "--preset", preset, "--yes")
    assert ended.code == 0, ended.err
    (event,) = server.events()
    properties = event["properties"]
    assert (event["event"], properties["distinct_id"], properties["$insert_id"]) == ("Opened", "u-1", "e-1")
    if preset == "heap":
        landed = {name.lower(): value for name, value in properties.items()}
        assert (landed["session_id"], landed["$app_version_string"], landed["utm_campaign"]) == (
            "1e5",
            "1.10",
            "0501",
        )


LINES = {
    "amplitude": {
        "event_type": "Opened", "event_time": "2024-05-01 10:00:00", "user_id": "u-1", "uuid": "e-1", "amplitude_id": 1,
        "platform": "Web", "groups": {"platform": ["P"], "company": ["C"]}, "event_properties": {}, "$insert_key": "k",
    },
    "posthog": {
        "event": "Opened", "timestamp": "2024-05-01T10:00:00Z", "distinct_id": "u-1", "uuid": "e-1", "person_id": "p",
        "elements_chain": "",
        "properties": {"$os": "Windows", "$os_name": "Other", "$geoip_city_name": "Berlin", "$city": "Rome"},
    },
    "segment": {
        "type": "page", "event": None, "messageId": "e-1", "timestamp": "2024-05-01T10:00:00Z", "userId": "u-1",
        "originalTimestamp": "", "receivedAt": "", "context": {"ip": ""}, "version": 2, "properties": {},
        "_metadata": {"unbundled": []}, "projectId": "p",
    },
    "rudderstack": {
        "type": "page", "event": "Home", "messageId": "e-1", "originalTimestamp": "", "sentAt": "", "channel": "web",
        "timestamp": "2024-05-01T10:00:00Z", "userId": "u-1", "context": {"ip": ""}, "properties": {"name": "Home"},
    },
    "mixpanel": {
        "event": "Opened",
        "properties": {
            "time": 1714557600, "distinct_id": "u-1", "$insert_id": "e-1", "mp_processing_time_ms": 1,
            "deep": {"a": {"b": {"c": {"d": 1}}}},
        },
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("preset", "properties"),
    [
        (
            "amplitude",
            {
                "$user_id": "u-1",
                "amplitude_id": 1,
                "platform": "Web",
                "groups.platform": ["P"],
                "company": ["C"],
            },
        ),
        (
            "posthog",
            {
                "person_id": "p",
                "$os": "Windows",
                "$os_name": "Other",
                "$geoip_city_name": "Berlin",
                "$city": "Rome",
            },
        ),
        ("segment", {"$user_id": "u-1"}),
        ("rudderstack", {"$user_id": "u-1", "name": "Home"}),
        ("mixpanel", {"deep": {"a": {"b": {"c": '{"d":1}'}}}}),
    ],
)
def test_what_an_export_has_beside_its_documentation_is_no_property_and_none_is_lost(
    shell: Shell, server: Server, preset: str, properties: Row
) -> None:
    (shell.folder / "lines.jsonl").write_text(json.dumps(LINES[preset]) + "\n")
    ended = shell.type("run", "lines.jsonl", "--preset", preset, "--yes")
    assert ended.code == 0, ended.err
    (event,) = server.events()
    left = {name: value for name, value in event["properties"].items() if name not in FIELDS}
    assert left == properties


FIELDS = ("time", "distinct_id", "$insert_id", "ip")


def test_a_preset_is_copied_without_a_source_and_for_an_archive_of_several(shell: Shell) -> None:
    shutil.copy(SAMPLES / "amplitude.zip", shell.folder)
    text = (PRESETS / "amplitude.toml").read_text("utf-8")
    for source in ((), ("amplitude.zip",)):
        ended = shell.type("preview", *source, "--preset", "amplitude", "--save", "own.toml")
        assert ended.code == 0, ended.err
        assert (shell.folder / "own.toml").read_text("utf-8") == text
        again = shell.type("preview", *source, "--preset", "amplitude", "--save", "own.toml")
        assert (again.code, again.err.splitlines()[0]) == (
            2,
            "Stopped: --save own.toml: there is such a file",
        )
        (shell.folder / "own.toml").unlink()
    assert "run amplitude.zip --mapping own.toml --dry-run" in ended.out.replace("\n  ", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "no source is named"),
        (("--preset", "amplitude"), "no source is named"),
        (("--save", "own.toml"), "no source is named"),
        (("--preset", "amplitude", "--save", "own.toml", "--map", "ip="), "copies the preset as it is"),
        (("--preset", "amplitud", "--save", "own.toml"), "did you mean 'amplitude'?"),
        (("--preset", "amplitude", "--save", "none/own.toml"), "expected a file in a folder that exists"),
    ],
)
def test_nothing_else_is_previewed_without_a_source(shell: Shell, words: tuple[str, ...], said: str) -> None:
    ended = shell.type("preview", *words)
    assert ended.code == 2
    assert said in ended.err.replace("\n", " ")
    assert list(shell.folder.glob("*.toml")) == []


def test_matomo_without_a_zone_names_the_option_to_type(shell: Shell) -> None:
    shutil.copy(SAMPLES / "matomo.json", shell.folder)
    ended = shell.type("run", "matomo.json", "--preset", "matomo", "--dry-run")
    assert ended.code == 2
    assert "--timezone ZONE" in ended.err
    assert "--local-epochs" not in ended.err
