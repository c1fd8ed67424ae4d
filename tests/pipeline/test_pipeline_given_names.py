"""What becomes of a name in a mapping that nothing in the source has: it is never passed over in silence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from set_helpers import prepared_set

from importer.cli.conversion import declared_reading
from importer.cli.options import ReadingOptions
from importer.errors import MappingError, SourceError, UsageError
from importer.events.declared_reading import DeclaredReading
from importer.events.mapping_file import load
from importer.events.presets import load_preset
from importer.model import Destination
from importer.pipeline.job import Job, RunOptions, Target
from importer.pipeline.names_anew import check_names_anew
from importer.pipeline.outputs import resolve_output
from importer.pipeline.prepare import prepare_job
from importer.pipeline.redeclare import redeclare
from importer.pipeline.resolve import detect_declared, draft_reading
from importer.pipeline.sets.mapping import find_shape
from importer.pipeline.sets.shape import joined_attention
from importer.progress import NullProgress
from importer.reading import PRESET_NAMES
from importer.settings import SANDBOX_CREDENTIALS

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
NOW_MS = 1_780_000_000_000
TARGET = Target(Destination("import", "http://127.0.0.1:9", "sandbox"), SANDBOX_CREDENTIALS)
PREFIXED = 'prefix = "pl"\n[rename]\nemail = "pln"\nplan = "x"\npln = "y"\n[names]\npln = "pln"'
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


# ── what else does something other than it says ──────────────────────────────────────────────────


def options_of(folder: Path, mapping: Path) -> RunOptions:
    return RunOptions(kind="sandbox", results=folder / "out", declared=load(mapping))


def prepared(folder: Path, name: str, mapping: Path) -> Job:
    options = options_of(folder, mapping)
    output = resolve_output(str(folder / name), options)
    return prepare_job(output, options, TARGET, now_ms=NOW_MS, progress=NullProgress())


def lines_of(**columns: str) -> str:
    return f"{','.join(columns)}\n{','.join(columns.values())}\n"


def test_an_export_of_another_tool_than_the_preset_stops_the_run(tmp_path: Path) -> None:
    own = [name for name in PRESET_NAMES if name not in ("mixpanel", "snowplow")]
    for preset in own:
        for name, content in (("b.csv", "what,when\nA,1714550400\n"), ("b.jsonl", '{"what":"A","when":1}\n')):
            (tmp_path / name).write_text(content)
            declared = DeclaredReading().over_preset(preset, load_preset(preset))
            with pytest.raises(MappingError, match=f"--preset {preset}: this is no export of ") as error:
                detect_declared(tmp_path / name, declared)
            assert error.value.steps[-1] == "The columns are: what, when"


def test_the_preset_that_a_file_looks_like_is_named_instead(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text(EXPORT)
    declared = DeclaredReading().over_preset("cloudtrail", load_preset("cloudtrail"))
    with pytest.raises(MappingError, match="no export of AWS CloudTrail") as error:
        detect_declared(tmp_path / "b.jsonl", declared)
    assert error.value.steps[0] == "It looks like an export of Amplitude: --preset amplitude"


def test_a_file_of_snowplow_is_known_by_its_columns(tmp_path: Path) -> None:
    declared = DeclaredReading().over_preset("snowplow", load_preset("snowplow"))
    (tmp_path / "b.csv").write_text("what,when\nA,1714550400\n")
    with pytest.raises(MappingError, match="no export of Snowplow: it has 2 columns, not 131"):
        detect_declared(tmp_path / "b.csv", declared)
    sample = Path("samples/vendors/snowplow.tsv")
    assert len(detect_declared(sample, declared).columns) == 131
    with pytest.raises(SourceError, match="it looks like an export of Snowplow") as error:
        detect_declared(sample, DeclaredReading())
    assert error.value.steps == ("Read it like this: --preset snowplow",)
    (said,) = (
        each
        for each in detect_declared(sample, DeclaredReading(header=False)).attention
        if each.code == "preset"
    )
    assert said.remedy == "--preset snowplow"
    for column, other in ((5, "viewed"), (6, "id-7"), (3, "monday")):
        rows = [line.split("\t") for line in sample.read_text().split("\n") if line.count("\t") == 130]
        for row in rows:
            row[column] = other
        (tmp_path / "b.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
        found = detect_declared(tmp_path / "b.tsv", DeclaredReading(header=False))
        assert "preset" not in {each.code for each in found.attention}


@pytest.mark.parametrize("column", ["plan", "context", "context.ip"])
def test_what_is_exploded_must_be_a_list(tmp_path: Path, column: str) -> None:
    said = outcome(tmp_path, "a.jsonl", f"explode = '{column}'\n")
    assert said.startswith(f"{STOPS}: explode = '{column}': expected a list, found "), said
    assert outcome(tmp_path, "a.jsonl", "explode = 'items'\n") == FOUND
    assert "a row of CSV holds no list" in outcome(tmp_path, "a.csv", f"explode = '{column}'\n")


@pytest.mark.parametrize("table", ["rename", "names"])
@pytest.mark.parametrize("name", ["token", "$insert_id"])
def test_a_property_is_not_called_what_is_no_property(tmp_path: Path, table: str, name: str) -> None:
    with pytest.raises(MappingError, match=f"line 2: {table}.plan: "):
        outcome(tmp_path, "a.csv", f'[{table}]\nplan = "{name}"\n')


@pytest.mark.parametrize(
    "mapping",
    ['[rename]\nemail = "x"\nplan = "x"', '[names]\nemail = "plan"', '[rename]\n"pla*" = "pl*"', PREFIXED],
)
def test_two_columns_of_one_name_stop_the_run_ahead_of_its_plan(tmp_path: Path, mapping: str) -> None:
    (tmp_path / "m.toml").write_text(f"{mapping}\n")
    (tmp_path / "a.csv").write_text(lines_of(event="A", time="1714550400", email="a", plan="b", pln="c"))
    with pytest.raises(MappingError, match="would both be the property"):
        prepared(tmp_path, "a.csv", tmp_path / "m.toml")
    (tmp_path / "in").mkdir()
    for name in ("a.csv", "b.csv"):
        (tmp_path / "in" / name).write_text((tmp_path / "a.csv").read_text())
    with pytest.raises(MappingError, match="would both be the property"):
        prepared_set([str(tmp_path / "in")], options_of(tmp_path, tmp_path / "m.toml"), TARGET, NOW_MS)


def test_a_condition_that_leaves_out_everything_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(SOURCES["a.csv"])
    (tmp_path / "m.toml").write_text("where = \"plan = 'Pro'\"\n")
    job = prepared(tmp_path, "a.csv", tmp_path / "m.toml")
    (said,) = (each for each in job.survey.attention if each.code == "where")
    assert (said.level, said.remedy) == ("decision", "--where EXPR")
    assert said.text == "the only record is left out by where: no event is sent"
    (tmp_path / "m.toml").write_text("where = \"plan = 'pro'\"\n")
    assert "where" not in {
        each.code for each in prepared(tmp_path, "a.csv", tmp_path / "m.toml").survey.attention
    }


def test_a_file_of_empty_lists_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"event":"A","time":1714550400,"items":[]}\n' * 2)
    (tmp_path / "m.toml").write_text('explode = "items"\n')
    job = prepared(tmp_path, "a.jsonl", tmp_path / "m.toml")
    (said,) = (each for each in job.survey.attention if each.code == "no-event")
    assert "all 2 records are left out: there is no list with elements at explode = 'items'" in said.text


@pytest.mark.parametrize("typed", ["", "  "])
def test_an_empty_condition_is_an_error(typed: str) -> None:
    with pytest.raises(UsageError, match="--where: found no condition"):
        declared_reading(ReadingOptions(where=typed))


def test_an_option_renames_nothing_to_a_token() -> None:
    with pytest.raises(UsageError, match="--rename plan=token: a token is never part of an event"):
        declared_reading(ReadingOptions(rename=["plan=token"]))


def test_a_new_mask_of_nothing_stops_a_retry(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(SOURCES["a.csv"])
    reading = draft_reading(detect_declared(tmp_path / "a.csv", DeclaredReading()), DeclaredReading(), "", 0)
    for name in ("emial", "emial*"):
        with pytest.raises(MappingError, match="did you mean 'email'"):
            redeclare(reading, DeclaredReading(mask={name: "redact"}), 0)
    for name in ("email", "em*", "context.ip"):
        assert redeclare(reading, DeclaredReading(mask={name: "redact"}), 0).shape.mask == {name: "redact"}
    lenient = DeclaredReading(mask={"emial": "redact"}, missing_columns="ignore")
    assert redeclare(reading, lenient, 0).shape.mask == {"emial": "redact"}


# ── the columns of a preset ──────────────────────────────────────────────────────────────────────

OTHERS = {
    "heap": (
        '{"event":"A","user_id":"u","time":1}',
        ["event ('event_table_name', 'event_name', 'type' and 3 more)", "no export of Heap"],
        "--map event=event",
    ),
    "segment": ('{"type":"track","user":"u","created_at":1}', ["distinct_id ('userId', 'anonymousId')", "time ('timestamp')"], "--map distinct_id=user --map time=created_at"),
    "plausible": ('{"name":"A","timestamp":1}', ["its distinct_id ('user_id')"], ""),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_what_a_preset_takes_fields_from_and_is_not_there_is_said(tmp_path: Path, name: str) -> None:
    line, texts, remedy = OTHERS[name]
    (tmp_path / "a.jsonl").write_text(f"{line}\n" * 2)
    declared = DeclaredReading().over_preset(name, load_preset(name))
    found = detect_declared(tmp_path / "a.jsonl", declared)
    (said,) = (each for each in found.attention if each.code == "unknown-names")
    assert said.text.startswith(f"--preset {name}: no record at the beginning has a column of its ")
    assert all(text in said.text for text in texts), said.text
    assert said.remedy == remedy
    own = DeclaredReading(
        fields={"event": "event", "distinct_id": "user"}, constants={"time": 1}
    ).over_preset(name, load_preset(name))
    found = detect_declared(tmp_path / "a.jsonl", own)
    assert not [each for each in found.attention if "has a column of its" in each.text]


def test_a_table_without_the_columns_of_a_field_may_be_of_the_preset(tmp_path: Path) -> None:
    columns = [
        "event_id",
        "user_id",
        "session_id",
        "time",
        "library",
        "device_type",
    ]  # as of Heap's pageviews
    (tmp_path / "a.csv").write_text(f"{','.join(columns)}\n1,u,s,1714550400,web,x\n")
    declared = DeclaredReading().over_preset("heap", load_preset("heap"))
    assert not detect_declared(tmp_path / "a.csv", declared).attention


# ── a retry ──────────────────────────────────────────────────────────────────────────────────────


def outcome_of_a_retry(
    folder: Path, name: str, mapping: str, before: str = "", *, of_set: bool = False
) -> str:
    """Return the same as `outcome` of a mapping that a retry is given, and the run was not."""
    (folder / "before.toml").write_text(before)
    (folder / "m.toml").write_text(mapping)
    (folder / name).write_text(SOURCES[name])
    first, declared = load(folder / "before.toml"), load(folder / "m.toml")
    reading = draft_reading(detect_declared(folder / name, first), first, name, 0)
    try:
        made = redeclare(reading, declared, 0)
        found = check_names_anew(folder / name, reading, made, declared, of_set=of_set)
    except MappingError as error:
        return f"{STOPS}: {error.message}"
    said = [each.text for each in found]
    return f"{SAID}: {'; '.join(said)}" if said else FOUND


NEW_NAMES = {
    **PROPERTIES,
    "mask": '[mask]\n"{}" = "redact"',
    "flatten": '[flatten]\n"{}" = 1',
    "key_value": '[key_value."{}"]',
    "stringify": 'stringify = "{}"',
    "where": """where = '"{}" is null'""",
    "time_offset": 'time_offset = "{}"',
    "fields": '[fields]\nip = "{}"',
}


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("key", NEW_NAMES)
def test_a_retry_judges_new_names_as_a_first_run_does(tmp_path: Path, name: str, key: str) -> None:
    for typed in ("plam", "plan", "emial", "email", "context", "pla*", "plm*"):
        mapping = NEW_NAMES[key].format(typed)
        if key == "rename" and "*" in typed:
            mapping = mapping.replace("tariff", "x*")
        first = outcome(tmp_path, name, mapping)
        again = outcome_of_a_retry(tmp_path, name, mapping)
        assert again.partition("; did you mean")[0] == first.partition("; did you mean")[0], typed


@pytest.mark.parametrize("key", [each for each in NEW_NAMES if each != "fields"])
def test_names_that_the_run_had_are_not_judged_again(tmp_path: Path, key: str) -> None:
    for name in SOURCES:
        mapping = NEW_NAMES[key].format("plam")
        lenient = f'missing_columns = "ignore"\n{mapping}'
        if outcome(tmp_path, name, mapping).startswith(STOPS):
            assert outcome_of_a_retry(tmp_path, name, f"{lenient}\n", lenient) == FOUND
        else:
            assert outcome_of_a_retry(tmp_path, name, mapping, mapping) == FOUND


def test_a_retry_of_a_lenient_run_is_lenient_and_that_of_a_preset_is_not(tmp_path: Path) -> None:
    mapping, lenient = 'drop = ["plam"]', 'missing_columns = "ignore"'
    assert outcome_of_a_retry(tmp_path, "a.csv", mapping, lenient) == FOUND
    assert outcome_of_a_retry(tmp_path, "a.csv", f"{lenient}\n{mapping}") == FOUND
    said = outcome_of_a_retry(tmp_path, "a.csv", f'{lenient}\n[mask]\nemial = "redact"')
    assert said.startswith(f"{SAID}: [mask] emial"), said
    (tmp_path / "a.jsonl").write_text(EXPORT)
    declared = DeclaredReading().over_preset("amplitude", load_preset("amplitude"))
    reading = draft_reading(detect_declared(tmp_path / "a.jsonl", declared), declared, "", 0)
    for own in (DeclaredReading(mask={"emial": "redact"}), DeclaredReading(stringify=("emial",))):
        for again in (own, own.over_preset("amplitude", load_preset("amplitude"))):
            made = redeclare(reading, again, 0)
            with pytest.raises(MappingError, match="emial"):
                check_names_anew(tmp_path / "a.jsonl", reading, made, again, of_set=False)


def test_another_source_of_a_set_may_have_a_name(tmp_path: Path) -> None:
    said = outcome_of_a_retry(tmp_path, "a.csv", 'drop = ["plam"]', of_set=True)
    assert said == f"{SAID}: --drop plam: there is no column 'plam'; did you mean 'plan'?"
