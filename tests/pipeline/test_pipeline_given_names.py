"""What becomes of a name in a mapping that nothing in the source has: it is never passed over in silence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from importer.errors import MappingError
from importer.events.mapping_file import load
from importer.events.presets import load_preset
from importer.pipeline.resolve import detect_declared, draft_reading
from importer.pipeline.sets.mapping import find_shape
from importer.pipeline.sets.shape import joined_attention

SOURCES = {
    "a.csv": "event,user_id,time,email,plan,context\n"
    'Bought,u1,1714550400,ann@example.com,pro,"{""ip"":""1.2.3.4""}"\n',
    "bag.csv": 'event,user_id,time,properties\nBought,u1,1714550400,"{""email"":""a@b"",""plan"":""pro""}"\n',
    "a.jsonl": '{"event":"Bought","user_id":"u1","time":1714550400,"email":"ann@example.com","plan":"pro",'
    '"context":{"ip":"1.2.3.4"},"items":[{"id":1}]}\n',
    "bag.jsonl": '{"event":"Bought","properties":{"distinct_id":"u1","time":1714550400,"email":"a@b",'
    '"plan":"pro"}}\n',
}
EXPORT = (
    '{"event_type":"A","event_time":"2024-05-01 08:00:00","amplitude_id":1,"user_id":"u1",'
    '"event_properties":{"plan":"pro"},"email":"a@b"}\n'
)
FOUND, STOPS, SAID = "found", "stops", "said"


def outcome(folder: Path, name: str, mapping: str, preset: str = "", content: str = "") -> str:
    """Return what becomes of a mapping: an error, what needs attention, or nothing to say."""
    (folder / "m.toml").write_text(mapping)
    (folder / name).write_text(content or SOURCES[name])
    declared = load(folder / "m.toml")
    if preset:
        declared = declared.over_preset(preset, load_preset(preset))
    try:
        found = detect_declared(folder / name, declared)
        draft_reading(found, declared, name, 0)
    except MappingError as error:
        return f"{STOPS}: {error.message}"
    said = [each.text for each in found.attention if each.code == "unknown-names"]
    return f"{SAID}: {'; '.join(said)}" if said else FOUND


@pytest.mark.parametrize("name", SOURCES)
def test_a_mask_of_nothing_stops_the_run(tmp_path: Path, name: str) -> None:
    for typed in ("emial", "emial*", "*emial", "context.pi", "items[0].di", "context.ip.v4"):
        said = outcome(tmp_path, name, f'[mask]\n"{typed}" = "redact"\n')
        assert said.startswith(f"{STOPS}: [mask] there is no column '{typed}'"), (typed, said)
    assert "did you mean 'email'?" in outcome(tmp_path, name, '[mask]\nemial = "redact"\n')
    for typed in ("email", "em*", "*ail", "plan"):
        assert outcome(tmp_path, name, f'[mask]\n"{typed}" = "redact"\n') == FOUND, typed


def test_a_mask_finds_what_is_within_and_what_was_made(tmp_path: Path) -> None:
    for name in ("a.csv", "a.jsonl"):
        assert outcome(tmp_path, name, '[mask]\n"context.ip" = "redact"\n') == FOUND
    flat = '[flatten]\ncontext = 1\n[mask]\n"context.i*" = "redact"\n'
    assert outcome(tmp_path, "a.jsonl", flat) == FOUND
    assert outcome(tmp_path, "a.jsonl", 'explode = "items"\n[mask]\n"items.id" = "redact"\n') == FOUND


def test_where_names_may_be_missing_a_mask_of_nothing_is_said(tmp_path: Path) -> None:
    for name in SOURCES:
        said = outcome(tmp_path, name, 'missing_columns = "ignore"\n[mask]\nemial = "redact"\n')
        assert said.startswith(f"{SAID}: [mask] emial: no record at the beginning has this name"), said
        others = 'only = ["plam"]\ndrop = ["plam"]\n[rename]\nplam = "x"\n[deep_columns]\nplam = "json"\n'
        assert outcome(tmp_path, name, f'missing_columns = "ignore"\n{others}') == FOUND


PROPERTIES = {
    "only": 'only = ["{}"]',
    "drop": 'drop = ["{}"]',
    "rename": '[rename]\n"{}" = "tariff"',
    "types": '[types]\n"{}" = "string"',
    "names": '[names]\n"{}" = "tariff"',
    "deep_columns": '[deep_columns]\n"{}" = "json"',
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("key", PROPERTIES)
def test_a_property_that_nothing_has_stops_the_run_or_is_said(tmp_path: Path, name: str, key: str) -> None:
    said = outcome(tmp_path, name, PROPERTIES[key].format("plam"))
    of_columns = key in ("types", "names", "deep_columns")
    stops = name == "a.csv" or (name == "bag.csv" and of_columns)
    assert said.startswith(STOPS if stops else SAID), said
    assert "plam" in said
    if not (name == "bag.csv" and of_columns):
        assert "did you mean 'plan'?" in said
        assert outcome(tmp_path, name, PROPERTIES[key].format("plan")) == FOUND


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("mapping", ['only = ["utn_*"]', 'drop = ["utn_*"]', '[rename]\n"utn_*" = "c_*"'])
def test_a_pattern_that_fits_nothing_is_said(tmp_path: Path, name: str, mapping: str) -> None:
    said = outcome(tmp_path, name, mapping)
    assert said.startswith(SAID), said
    assert "utn_*" in said
    assert outcome(tmp_path, name, mapping.replace("utn_*", "pl*")) == FOUND


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
@pytest.mark.parametrize(
    "mapping",
    [
        'stringify = ["{}"]', "[flatten]\n'{}' = 1", "[key_value.'{}']", "time_offset = '{}'",
        '[fields]\ndistinct_id = ["{}"]', "where = '{} is null'",
    ],
)  # fmt: skip
def test_what_shapes_or_gives_a_field_must_be_there(tmp_path: Path, name: str, mapping: str) -> None:
    assert outcome(tmp_path, name, mapping.format("contexd")).startswith(STOPS)
    assert outcome(tmp_path, name, mapping.format("context")) == FOUND


def test_a_path_must_lead_to_something(tmp_path: Path) -> None:
    for mapping in ("[flatten]\n'context.pi' = 1", "stringify = ['context.pi']", "[key_value.'context.pi']"):
        assert outcome(tmp_path, "a.jsonl", mapping).startswith(STOPS), mapping


def test_what_is_added_to_a_preset_must_be_there(tmp_path: Path) -> None:
    for mapping, said in {
        "": FOUND,
        '[mask]\nemial = "redact"\n': STOPS,
        '[mask]\nemail = "redact"\nplan = "redact"\n': FOUND,
        'drop = ["plam"]\n': SAID,
        'drop = ["plan"]\n': FOUND,
        "where = \"tpye = 'a'\"\n": STOPS,
        '[fields]\ndistinct_id = ["user_idd"]\n': STOPS,
        'missing_columns = "ignore"\ndrop = ["plam"]\n': FOUND,
    }.items():
        assert outcome(tmp_path, "a.jsonl", mapping, "amplitude", EXPORT).startswith(said), mapping


def test_in_a_set_a_name_is_unknown_if_no_source_has_it(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text('drop = ["coupon", "plam"]\n')
    declared = load(tmp_path / "m.toml")
    (tmp_path / "a.jsonl").write_text(SOURCES["a.jsonl"])
    (tmp_path / "b.jsonl").write_text(SOURCES["a.jsonl"].replace('"plan"', '"coupon"'))
    shapes = [find_shape(tmp_path / name, declared) for name in ("a.jsonl", "b.jsonl")]
    (said,) = joined_attention(shapes)
    assert said.text.startswith("--drop plam: ")
    assert len(joined_attention([shapes[0], replace(shapes[0])])) == 2


@pytest.mark.parametrize("key", ["only", "drop", "stringify", "columns"])
def test_an_empty_list_is_refused(tmp_path: Path, key: str) -> None:
    (tmp_path / "m.toml").write_text(f"{key} = []\n")
    with pytest.raises(MappingError, match=f"line 1: {key}: found an empty list"):
        load(tmp_path / "m.toml")
