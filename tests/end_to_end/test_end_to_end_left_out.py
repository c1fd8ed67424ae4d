"""Sources of which nothing is sent, alone and among others; and single objects that hold lists."""

from __future__ import annotations

import json
import zipfile
from typing import Any

import pytest
from end_to_end_helpers import Server, Shell, read_results, statuses

pytestmark = pytest.mark.slow

AT = 1714550400
SESSION: dict[str, Any] = {
    "at": AT,
    "user": "u1",
    "customDimensions": [{"index": 1, "value": "x"}],
    "hits": [{"name": "Opened"}, {"name": "Paid"}],
}
EXPLODED = 'explode = "hits"\n[fields]\nevent = "hits.name"\ntime = "at"\ndistinct_id = "user"\n'
KIND = ["--where", "kind = 'track'"]


def lines(*records: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(record)}\n" for record in records)


@pytest.fixture
def mapped(shell: Shell) -> Shell:
    shell.write("m.toml", EXPLODED)
    return shell


NOTHING: dict[str, tuple[str, str, list[str], int]] = {
    "no list": ("a.jsonl", lines({"at": AT}, {"at": AT, "hits": None}), ["--mapping", "m.toml"], 2),
    "empty lists": ("a.jsonl", lines({"hits": []}, {"hits": []}), ["--mapping", "m.toml"], 2),
    "an array": ("a.json", json.dumps([{"hits": []}, {"at": 1}], indent=1), ["--mapping", "m.toml"], 2),
    "a preset": ("a.jsonl", lines({"hits": []}, {"visitId": 1}), ["--preset", "ga-universal"], 2),
    "where": ("a.jsonl", lines({"kind": "a"}, {"kind": "b"}, {"kind": "c"}), KIND, 3),
    "where, JSON": ("a.json", json.dumps([{"kind": "a"}]), KIND, 1),
    "no record": ("a.json", "[]\n", [], 0),
    "no record to explode": ("a.json", "[ ]", ["--mapping", "m.toml"], 0),
    "no record in the list": ("a.json", '{"next": null, "data": []}', ["--records", "data"], 0),
    "a page that is found": ("a.json", '{"results": [], "next": null}', [], 0),
    "an empty page": ("a.json", '{"object": "list", "data": []}', ["--preset", "stripe"], 0),
}


@pytest.mark.parametrize("case", NOTHING)
def test_a_source_without_an_event_is_no_failure(mapped: Shell, server: Server, case: str) -> None:
    name, text, words, skipped = NOTHING[case]
    mapped.write(name, text)
    for more in (["--dry-run"], ["--yes"]):
        ended = mapped.type("run", name, *words, *more)
        assert ended.code == 0, ended.err
        assert "adds up" in ended.out + ended.err
    assert statuses(mapped.results("a.results.csv")) == ["skipped"] * skipped
    assert server.events() == []
    shown = mapped.type("preview", name, *words)
    assert shown.code == 0, shown.err
    assert "No event would be sent." in shown.out


@pytest.mark.parametrize("case", ["no list", "empty lists", "an array", "no record", "no record to explode"])
def test_among_others_it_is_not_unfit(mapped: Shell, server: Server, case: str) -> None:
    name, text, _, skipped = NOTHING[case]
    suffix = name.removeprefix("a")
    folder = mapped.folder / "all"
    folder.mkdir()
    (folder / name).write_text(text)
    sessions = [SESSION, {**SESSION, "user": "u2"}]
    (folder / f"b{suffix}").write_text(json.dumps(sessions) if suffix == ".json" else lines(*sessions))
    ended = mapped.type("run", "all", "--mapping", "m.toml", "--yes")
    assert ended.code == 0, ended.err
    assert "Attention    not all sources have the same columns" not in ended.out + ended.err
    assert sorted(event["event"] for event in server.events()) == ["Opened", "Opened", "Paid", "Paid"]
    if skipped:
        (path,) = (mapped.folder / "all.results").glob("a*.csv")
        assert statuses(read_results(path)) == ["skipped"] * skipped


def test_an_empty_list_among_json_lines_is_a_source_without_a_record(mapped: Shell, server: Server) -> None:
    (mapped.folder / "all").mkdir()
    (mapped.folder / "all/a.json").write_text("[]")
    (mapped.folder / "all/b.jsonl").write_text(lines(SESSION, {**SESSION, "user": "u2"}))
    ended = mapped.type("run", "all", "--mapping", "m.toml", "--yes")
    assert ended.code == 0, ended.err
    assert "1 other without any record" in ended.out + ended.err
    assert len(server.events()) == 4


def test_a_page_without_records_is_the_last_of_a_folder(shell: Shell, server: Server) -> None:
    folder = shell.folder / "pages"
    folder.mkdir()
    (folder / "1.json").write_text(json.dumps({"results": [{"event": "A", "time": AT}], "next": 2}))
    (folder / "2.json").write_text('{"results": [], "next": null}')
    (folder / "3.json").write_text("[]")
    ended = shell.type("run", "pages", "--yes")
    assert ended.code == 0, ended.err
    assert "2 others without any record" in ended.out + ended.err
    assert [event["event"] for event in server.events()] == ["A"]


def test_what_stands_ahead_of_a_break_is_imported_from_a_small_file_too(shell: Shell, server: Server) -> None:
    whole = json.dumps([{"event": "A", "time": AT + n, "distinct_id": "u", "n": n} for n in (1, 2, 3)])
    shell.write("cut.json", whole[:-20])
    place = f"the file ends on line 1, column {len(whole) - 19}, inside of record 3, which begins on line 1, column"
    ended = shell.type("run", "cut.json", "--yes")
    assert (ended.code, statuses(shell.results("cut.results.csv"))) == (5, ["imported", "imported"]), (
        ended.err
    )
    assert place in ended.err
    mended = "mixpanel-importer run cut.json --yes --results cut.results-2.csv"
    assert ended.err.endswith(
        "cut.json breaks off: mend it, or copy it again, and import it with another --results: "
        f"what was imported keeps its ids, so nothing is doubled.\nNext: {mended}\n"
    )
    assert shell.type("status", "cut.results.csv").code == 1
    rehearsed = shell.type("run", "cut.json", "--dry-run")
    assert rehearsed.code == 2
    shell.write("cut.json", whole)
    again = shell.type("run", "cut.json", "--yes", "--resume")
    assert (again.code, [event["properties"]["n"] for event in server.events()]) == (2, [1, 2]), again.err
    piped = shell.type("run", "-", "--yes", "--results", "piped.csv", stdin=whole[:-20])
    assert (piped.code, statuses(shell.results("piped.csv"))) == (5, ["imported", "imported"]), piped.err
    with zipfile.ZipFile(shell.folder / "a.zip", "w") as archive:
        archive.writestr("cut.json", whole[:-20])
        archive.writestr("none.json", "[]")
    packed = shell.type("run", "a.zip::cut.json", "--yes", "--results", "packed.csv")
    assert (packed.code, statuses(shell.results("packed.csv"))) == (5, ["imported", "imported"]), packed.err
    assert place in packed.err


def test_a_list_that_is_none_is_said_to_be_none(mapped: Shell, server: Server) -> None:
    mapped.write("a.jsonl", lines({"at": AT, "hits": "x"}))
    ended = mapped.type("run", "a.jsonl", "--mapping", "m.toml", "--yes")
    assert ended.code == 2
    assert "expected a list, found a text (row 1)" in ended.err
    assert not (mapped.folder / "a.results.csv").exists()
    mapped.write("a.jsonl", lines({"at": AT, "hits": "x"}, {"at": AT, "hits": []}))
    ended = mapped.type("run", "a.jsonl", "--mapping", "m.toml", "--yes")
    assert ended.code == 1, ended.err
    row, _ = mapped.results("a.results.csv")
    assert (row["status"], row["error"]) == ("invalid", "hits: expected a list, found a text")
    assert server.events() == []


# ── a single object with several lists of objects ────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("one.jsonl", json.dumps(SESSION)),
        ("one.txt", json.dumps(SESSION)),
        ("one.json", json.dumps(SESSION)),
        ("one.json", json.dumps(SESSION, indent=1)),
    ],
)
def test_an_object_with_several_lists_is_a_record_where_it_is_taken_apart(
    mapped: Shell, server: Server, name: str, text: str
) -> None:
    mapped.write(name, text)
    ended = mapped.type("run", name, "--mapping", "m.toml", "--yes")
    assert ended.code == 0, ended.err
    assert sorted(event["event"] for event in server.events()) == ["Opened", "Paid"]


@pytest.mark.parametrize("name", ["one.jsonl", "one.ndjson", "one.txt"])
def test_an_object_with_several_lists_on_a_line_is_a_record(shell: Shell, server: Server, name: str) -> None:
    shell.write(name, lines(SESSION))
    ended = shell.type("run", name, "--set", "event=Session", "--map", "time=at", "--yes")
    assert ended.code == 0, ended.err
    (event,) = server.events()
    assert event["properties"]["hits"] == SESSION["hits"]


def test_of_a_file_of_json_it_is_asked_which_list_is_meant(shell: Shell) -> None:
    shell.write("one.json", json.dumps(SESSION))
    ended = shell.type("run", "one.json", "--set", "event=Session", "--map", "time=at", "--dry-run")
    assert ended.code == 2
    assert "several lists of objects: 'customDimensions', 'hits'" in ended.err


HELD = {
    "at": AT,
    "hits": [{"name": "Opened"}],
    "more": {"rest": [{"name": "Paid"}], "tags": ["a"], "none": []},
}
AS_ONE = ["--set", "event=Session", "--map", "time=at"]


@pytest.mark.parametrize(
    ("name", "held", "said"),
    [
        ("one.json", {"at": AT, "hits": HELD["hits"]}, "is one record: --records ''"),
        ("one.txt", {"at": AT, "hits": HELD["hits"]}, "the records are those of the list 'hits'"),
        ("one.json", HELD, "is one record: --records ''"),
    ],
)
def test_where_a_list_is_not_what_holds_the_records_the_error_says_how_to_take_the_object(
    shell: Shell, name: str, held: dict[str, Any], said: str
) -> None:
    shell.write(name, json.dumps(held))
    ended = shell.type("run", name, *AS_ONE, "--dry-run")
    assert ended.code == 2
    assert said in ended.err
    assert shell.type("run", name, *AS_ONE, "--dry-run", "--records", "").code == 0


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"hits": HELD["hits"]}, "the records are those of a list in it: --records hits\n"),
        (HELD, "the records are those of a list in it: --records hits (or 'more.rest')\n"),
    ],
)
def test_where_no_column_fits_the_error_names_the_lists_that_all_records_hold(
    shell: Shell, held: dict[str, Any], said: str
) -> None:
    shell.write("one.jsonl", lines(held))
    ended = shell.type("run", "one.jsonl", "--map", "event=name", "--dry-run")
    assert ended.code == 2
    assert said in ended.err
    assert ended.err.splitlines()[-1].startswith("The columns are: ")
    shell.write("two.jsonl", lines(held, held))
    assert said in shell.type("run", "two.jsonl", "--map", "event=name", "--dry-run").err
    shell.write("two.json", json.dumps(held, indent=1) * 2)
    assert said in shell.type("run", "two.json", "--map", "event=name", "--dry-run").err
    shell.write("three.jsonl", lines(held, held, {"at": AT}))
    assert "--records" not in shell.type("run", "three.jsonl", "--map", "event=name", "--dry-run").err


def test_a_single_line_may_be_nested_as_deep_as_json_can_be(shell: Shell) -> None:
    shell.write("one.jsonl", '{"a":' * 900 + "[]" + "}" * 900 + "\n")
    ended = shell.type("run", "one.jsonl", "--dry-run")
    assert ended.code == 2
    assert ended.err.startswith("Stopped: no column is known to hold")


def test_a_saved_mapping_takes_an_object_as_the_record_that_it_was(shell: Shell) -> None:
    shell.write("one.json", json.dumps({"at": AT, "hits": HELD["hits"]}))
    assert shell.type("preview", "one.json", *AS_ONE, "--records", "", "--save", "m.toml").code == 0
    ended = shell.type("run", "one.json", "--mapping", "m.toml", "--dry-run")
    assert ended.code == 0, ended.err
    assert [row["event"] for row in shell.results("one.dry-run.csv")] == ["Session"]


# ── what the plan and the preview say ────────────────────────────────────────────────────────────


def test_a_value_of_a_field_is_shown_in_quotes(shell: Shell) -> None:
    records = [{"kind": "page", "at": AT}, {"event": "Paid", "kind": "track", "at": AT}]
    shell.write("a.jsonl", lines(*records))
    shell.write("m.toml", '[fields]\nevent = ["event", { value = "Viewed a page" }]\ntime = "at"\n')
    ended = shell.type("run", "a.jsonl", "--mapping", "m.toml", "--dry-run")
    assert ended.code == 0, ended.err
    said = ended.out + ended.err
    assert "event ← event, else 'Viewed a page' · " in said
    assert "event: 1 from event · 1 from 'Viewed a page'" in said
    assert "= Viewed" not in said


def test_the_preview_shows_the_first_events_that_are_sent(shell: Shell) -> None:
    records = [{"event": f"E{n}", "kind": "track" if n % 4 == 3 else "page", "time": AT} for n in range(20)]
    shell.write("a.jsonl", lines(*records))
    shown = shell.type("preview", "a.jsonl", *KIND)
    assert shown.code == 0, shown.err
    events = [json.loads(line)["event"] for line in shown.out.splitlines() if line.startswith("{")]
    assert events == ["E3", "E7", "E11"]
    assert "left out by where" not in shown.out


# ── conditions on what the cells of CSV hold ─────────────────────────────────────────────────────

CELLS = '''\
event,time,user_id,amount,more,properties
A,2026-01-05T08:00:00Z,u1,1,"[{""id"": ""i1""}]","{""plan"": {""name"": ""pro""}, ""n"": 5}"
B,2026-01-05T08:00:00Z,u2,2,,"{""plan"": {""name"": ""free""}, ""n"": 7.5}"
C,2026-01-05T08:00:00Z,u3,3,[],
D,2026-01-05T08:00:00Z,u4,4,text,"{""plan"": null, ""n"": """"}"
'''


@pytest.mark.parametrize(
    ("condition", "sent"),
    [
        ("properties.plan.name = 'pro'", "A"),
        ("properties.plan.name != 'pro'", "B"),
        ("properties.n > 5", "B"),
        ("properties.plan is null", "CD"),
        ("more[0].id = 'i1' and properties.n = 5.0", "A"),
        ("more[0].id is null", "BCD"),
        ("properties.plan.name in ('free', 'pro') and amount >= 2", "B"),
        ("\"properties\".plan.name like '%r%'", "AB"),
    ],
)
@pytest.mark.parametrize("copies", [1, 50])
def test_where_reaches_into_the_json_of_cells(
    shell: Shell, server: Server, condition: str, sent: str, copies: int
) -> None:
    head, *rows = CELLS.splitlines(keepends=True)
    shell.write("a.csv", head + "".join(rows) * copies)
    ended = shell.type("run", "a.csv", "--where", condition, "--insert-id", "row", "--yes")
    assert ended.code == 0, ended.err
    assert sorted(event["event"] for event in server.events()) == sorted(sent * copies)
    skipped = statuses(shell.results("a.results.csv")).count("skipped")
    assert skipped == (4 - len(sent)) * copies


def test_a_cell_that_is_broken_matters_only_where_it_is_asked_for(shell: Shell) -> None:
    shell.write("a.csv", CELLS + "E,2026-01-05T08:00:00Z,u5,5,,{broken\n")
    asked = shell.type("run", "a.csv", "--where", "properties.n > 5", "--dry-run")
    assert asked.code == 1, asked.err
    last = shell.results("a.dry-run.csv")[-1]
    assert last["status"] == "invalid"
    assert last["error"].startswith("properties: ")
    settled = shell.type("run", "a.csv", "--where", "amount < 3 and properties.n > 5", "--dry-run")
    assert settled.code == 0, settled.err
    assert statuses(shell.results("a.dry-run.csv"))[-1] == "skipped"


def test_a_path_into_cells_that_hold_no_json_is_an_error(shell: Shell) -> None:
    shell.write("a.csv", CELLS)
    ended = shell.type("run", "a.csv", "--where", "amount.x = 'a'", "--dry-run")
    assert ended.code == 2
    assert "there is no column 'amount.x'; did you mean 'amount'?" in ended.err


def test_where_reaches_into_cells_of_each_source_of_a_set(shell: Shell, server: Server) -> None:
    (shell.folder / "all").mkdir()
    (shell.folder / "all/a.csv").write_text(CELLS)
    (shell.folder / "all/b.csv").write_text(CELLS.replace(",u", ",v").replace(",vser", ",user"))
    ended = shell.type("run", "all", "--where", "properties.plan.name = 'pro'", "--yes")
    assert ended.code == 0, ended.err
    assert [event["event"] for event in server.events()] == ["A", "A"]
