"""A manifest that was edited in what it says of shapes, names and conditions is refused with the path to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from importer.cli.app import app
from importer.errors import ResultsError
from importer.results.manifest import read_manifest
from importer.results.paths import manifest_path

SALT = "a-salt-that-nobody-guesses"
AT = 1714550400000
MAPPING = """\
where = "n > 0"
only = ["plan", "utm_*"]
drop = ["token"]
prefix = "shop_"
stringify = ["items"]
time_offset = "offset"
missing_columns = "ignore"
[fields]
event = ["kind", { column = "other", where = "n > 1" }]
time = "at"
distinct_id = "email"
[defaults]
event = "Viewed"
[rename]
"utm_*" = "campaign_*"
[flatten]
context = 2
[key_value.params]
value = ["v.s", "v.i"]
numbers = ["v.i"]
[mask]
email = "sha256"
"""
RECORD: dict[str, Any] = {
    "kind": "", "other": "Sold", "at": AT, "offset": 1, "n": 2, "plan": "pro", "email": "ann@example.com",
    "context": {"page": {"url": "u"}}, "params": [{"key": "a", "v": {"i": "7"}}], "items": [1],
}  # fmt: skip
PAIRS = {"key": "key", "value": ["v"], "numbers": []}
FAULTS: dict[str, tuple[tuple[str, ...], Any, str]] = {
    "where of another type": (("shape", "where"), 7, "reading.shape.where"),
    "where that is none": (("shape", "where"), "n >", "reading.shape.where"),
    "explode of another type": (("shape", "explode"), ["a"], "reading.shape.explode"),
    "no depth": (("shape", "flatten"), {"context": 0}, "reading.shape.flatten.context"),
    "a negative depth": (("shape", "flatten"), {"context": -1}, "reading.shape.flatten.context"),
    "too great a depth": (("shape", "flatten"), {"context": 10**9}, "reading.shape.flatten.context"),
    "a depth that is text": (("shape", "flatten"), {"context": "2"}, "reading.shape.flatten.context"),
    "pairs without a key": (("shape", "key_value"), {"p": PAIRS | {"key": ""}}, "reading.shape.key_value.p.key"),
    "pairs without a value": (
        ("shape", "key_value"), {"p": PAIRS | {"value": []}}, "reading.shape.key_value.p.value"
    ),
    "pairs with an empty path": (
        ("shape", "key_value"), {"p": PAIRS | {"value": [""]}}, "reading.shape.key_value.p.value"
    ),
    "numbers that are no values": (
        ("shape", "key_value"), {"p": PAIRS | {"numbers": ["x"]}}, "reading.shape.key_value.p.numbers"
    ),
    "an unknown key of pairs": (("shape", "key_value"), {"p": {"keys": "a"}}, "reading.shape.key_value.p.keys"),
    "an empty name of text": (("shape", "stringify"), [""], "reading.shape.stringify"),
    "an unknown mask": (("shape", "mask"), {"email": "md5"}, "reading.shape.mask.email"),
    "a mask of two stars": (("shape", "mask"), {"*@*": "redact"}, "reading.shape.mask"),
    "no digest of a salt": (("shape", "mask_salt"), "", "reading.shape.mask_salt"),
    "another digest of a salt": (("shape", "mask_salt"), "0" * 31, "reading.shape.mask_salt"),
    "a salt that nothing needs": (("shape", "mask"), {"email": "redact"}, "reading.shape.mask_salt"),
    "an unknown part of a shape": (("shape", "color"), "red", "reading.shape.color"),
    "an empty name to keep": (("only",), [""], "reading.only"),
    "a pattern of two stars": (("only",), ["a**"], "reading.only"),
    "an empty name to drop": (("drop",), [""], "reading.drop"),
    "a pattern to drop of two stars": (("drop",), ["*a*"], "reading.drop"),
    "a list that is text": (("drop",), "token", "reading.drop"),
    "a star on one side": (("renames",), {"utm_*": "campaign"}, "reading.renames"),
    "two stars": (("renames",), {"*_*": "*_*"}, "reading.renames"),
    "an empty new name": (("renames",), {"a": ""}, "reading.renames"),
    "a prefix of another type": (("prefix",), None, "reading.prefix"),
    "an unknown precedence": (("prefer",), "row", "reading.prefer"),
    "a default of the properties": (("defaults",), {"properties": "{}"}, "reading.defaults.properties"),
    "an empty default": (("defaults",), {"event": ""}, "reading.defaults.event"),
    "a default of no field": (("defaults",), {"name": "x"}, "reading.defaults"),
    "an offset of another type": (("time_offset",), 5, "reading.time_offset"),
    "a condition that is none": (("conditions",), {"event": ["", "n >"]}, "reading.conditions.event"),
    "a condition too many": (("conditions",), {"event": ["", "", ""]}, "reading.conditions.event"),
    "a condition of another type": (("conditions",), {"event": ["", 5]}, "reading.conditions.event"),
    "a condition of no list": (("conditions",), {"time": ["n > 1"]}, "reading.conditions.time"),
    "unknown columns": (("missing_columns",), "guess", "reading.missing_columns"),
    "a preset of another type": (("preset",), ["ga4"], "reading.preset"),
}  # fmt: skip


def run(*words: str) -> None:
    app(list(words), prog_name="mixpanel-importer", standalone_mode=False)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dry run, a rehearsal of it, and their mapping."""
    folder = tmp_path_factory.mktemp("shaped")
    bad = {**RECORD, "at": "never"}
    (folder / "a.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in (RECORD, bad)))
    (folder / "m.toml").write_text(MAPPING)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MIXPANEL_MASK_SALT", SALT)
        run("run", "a.jsonl", "--mapping", "m.toml", "--dry-run", "--limit", "1")
        run("run", "a.jsonl", "--mapping", "m.toml", "--sandbox", "--results", "a.csv")
    return folder


@pytest.fixture
def folder(written: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(written)
    monkeypatch.setenv("MIXPANEL_MASK_SALT", SALT)
    return written


@pytest.mark.parametrize(("way", "value", "said"), FAULTS.values(), ids=FAULTS)
def test_each_new_part_of_a_reading_is_checked(
    folder: Path, way: tuple[str, ...], value: Any, said: str
) -> None:
    for results, words in (
        ("a.dry-run.csv", ("run", "a.jsonl", "--mapping", "m.toml", "--dry-run", "--resume")),
        ("a.csv", ("retry", "a.csv")),
    ):
        path = manifest_path(Path(results))
        content = path.read_bytes()
        document = json.loads(content)
        place = document["reading"]
        for step in way[:-1]:
            place = place[step]
        place[way[-1]] = value
        path.write_text(json.dumps(document))
        try:
            with pytest.raises(ResultsError) as caught:
                run(*words)
        finally:
            path.write_bytes(content)
        assert str(path) in caught.value.message
        assert said in caught.value.message


def test_explode_of_cells_and_an_offset_that_is_no_column_are_named(folder: Path) -> None:
    (folder / "b.csv").write_text("event,time,n\nBought,1714550400,1\n")
    run("run", "b.csv", "--dry-run", "--results", "b.results.csv", "--overwrite")
    path = manifest_path(Path("b.results.csv"))
    document = json.loads(path.read_bytes())
    for way, value in ((("shape", "explode"), "events"), (("time_offset",), "m")):
        made = json.loads(json.dumps(document))
        place = made["reading"]
        for step in way[:-1]:
            place = place[step]
        place[way[-1]] = value
        path.write_text(json.dumps(made))
        with pytest.raises(ResultsError, match=rf"reading\.{'.'.join(way)} is '{value}'"):
            run("status", "b.results.csv")
    path.write_text(json.dumps(document))
    assert read_manifest(path).reading.columns == ("event", "time", "n")


def test_a_manifest_without_the_new_parts_has_their_defaults(folder: Path) -> None:
    (folder / "c.csv").write_text("event,time,n\nBought,1714550400,1\n")
    run("run", "c.csv", "--dry-run", "--results", "c.results.csv", "--overwrite")
    path = manifest_path(Path("c.results.csv"))
    whole = read_manifest(path).reading
    document = json.loads(path.read_bytes())
    new = ("shape", "only", "drop", "renames", "prefix", "prefer", "defaults", "time_offset", "conditions")
    for name in (*new, "missing_columns", "preset"):
        del document["reading"][name]
    for name in ("records", "sheet"):
        del document["reading"]["dialect"][name]
    path.write_text(json.dumps(document))
    assert read_manifest(path).reading == whole
