"""What the columns of sources become, from what is typed to what is said of it before anything is sent.

What is offered is done: each remedy is typed as it stands, and then there is nothing more to say of the kind.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from set_helpers import prepared_set

from importer.cli.conversion import declared_reading
from importer.cli.options import ReadingOptions
from importer.cli.plan import plan_lines
from importer.errors import ImporterError, MappingError, UsageError
from importer.events.mapper import Mapper
from importer.events.mapping_file import load
from importer.events.mapping_text import render
from importer.model import Destination, Event
from importer.pipeline.forecast import JobSet
from importer.pipeline.job import Job, RunOptions, Target
from importer.pipeline.outputs import resolve_output
from importer.pipeline.prepare import prepare_job
from importer.pipeline.redeclare import redeclare
from importer.pipeline.resolve import draft_reading
from importer.progress import NullProgress
from importer.reading import Attention
from importer.results.differences import find_reading_differences
from importer.settings import SANDBOX_CREDENTIALS
from importer.source.detect import detect_source
from importer.source.reader import open_source

NOW_MS = 1_780_000_000_000
TARGET = Target(Destination("import", "http://127.0.0.1:9", "sandbox"), SANDBOX_CREDENTIALS)
CODES = {"no-event", "no-user", "id-merge", "event-names", "other-columns"}


def declared(words: str) -> Any:
    """Return what options on a command line declare."""
    typed = shlex.split(words)
    given: dict[str, Any] = {"map": [], "set": [], "type": [], "null": []}
    for option, value in zip(typed[::2], typed[1::2], strict=True):
        name = option.removeprefix("--")
        if name in given:
            given[name].append(value)
        else:
            given[name] = Path(value) if name == "mapping" else value
    return declared_reading(ReadingOptions(**given))


def prepared(paths: Sequence[Path], words: str = "") -> list[Job]:
    skips = words.endswith("--skip-unfit")
    options = RunOptions(
        kind="sandbox",
        results=paths[0].parent / "out",
        declared=declared(words.removesuffix("--skip-unfit")),
        skip_unfit=skips,
    )
    names = [str(path) for path in paths]
    if len(names) > 1:
        return list(prepared_set(names, options, TARGET, NOW_MS).jobs.jobs)
    output = resolve_output(names[0], options)
    return [prepare_job(output, options, TARGET, now_ms=NOW_MS, progress=NullProgress())]


def said(job: Job) -> list[Attention]:
    return [each for each in job.survey.attention if each.code in CODES]


def events(job: Job) -> list[dict[str, Any]]:
    """Return the events of a job as they would be sent."""
    reading = job.manifest.reading
    mapper = Mapper(reading, lambda: NOW_MS)
    with open_source(job.path, reading.dialect, reading.columns) as source:
        items = [item for chunk in source.chunks() for item in mapper.map(chunk)]
    assert all(isinstance(item, Event) for item in items), items
    return [json.loads(item.body) for item in items if isinstance(item, Event)]


def users(job: Job) -> list[str]:
    return [event["properties"]["distinct_id"] for event in events(job)]


def text_of(job: Job) -> str:
    return "\n".join(f"{line.label} {line.text}" for line in plan_lines(JobSet.of([job])))


def file(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, "utf-8")
    return path


# ── headers ──────────────────────────────────────────────────────────────────────────────────────

DATA = 'purchase,2024-05-01T10:00:00Z,u1,9.5,"{""a"":1}"\nsignup,2024-05-01T10:01:00Z,u2,19.5,"{}"\n'


def test_a_file_without_a_header_is_known_and_what_is_offered_reads_it(tmp_path: Path):
    path = file(tmp_path, "a.csv", DATA)
    with pytest.raises(MappingError) as caught:
        prepared([path])
    assert caught.value.message == (
        "no column is known to hold the event's name and the time: the first line looks like data, "
        "not like column names"
    )
    assert caught.value.remedy == "Read it like this: --no-header --map event=1 --map time=2"
    found = draft_reading(
        detect_source(path, header=False), declared("--map event=1 --map time=2"), "a.csv", NOW_MS
    )
    assert found.fields == {"event": "1", "time": "2"}


@pytest.mark.parametrize(
    ("text", "words", "offered"),
    [
        (DATA, "--map event=1 --map time=2", "--no-header"),
        (DATA, "--set event=Sale", "--no-header --map time=2"),
        ("u7@x.org,1714557600,signup\n", "", "--no-header --map event=3 --map time=2"),
        ("u7,9.25\nu8,3.5\n", "", "--no-header --map event=1 --map time=N"),
    ],
)
def test_what_is_offered_for_a_file_without_a_header_leaves_out_what_was_typed(
    tmp_path: Path, text: str, words: str, offered: str
):
    with pytest.raises(MappingError) as caught:
        prepared([file(tmp_path, "a.csv", text)], words)
    assert caught.value.remedy == f"Read it like this: {offered}"


@pytest.mark.parametrize(
    "text",
    [
        "kind,stamped,2023,2024\na,b,1,2\n",
        "kind,2024-05-01,2024-05-02\na,1,2\n",  # a column for each day
        "what,who\na,1\n",
    ],
)
def test_names_that_look_like_data_may_be_names(tmp_path: Path, text: str):
    with pytest.raises(MappingError) as caught:
        prepared([file(tmp_path, "a.csv", text)])
    assert "--no-header" not in str(caught.value.remedy)


JOINED = (
    "event,time,distinct_id,n\nA,2024-05-01T10:00:00Z,u1,1\n"
    "event,time,distinct_id,n\nB,2024-05-01T10:00:00Z,u1,2\n"
)


def headers(job: Job) -> list[tuple[str, str, int, list[int]]]:
    found = [each for each in job.survey.attention if each.code == "header-line"]
    return [(each.text, each.remedy, each.count, [row.row for row in each.rows]) for each in found]


def test_a_header_that_stands_again_is_left_out_and_decides_no_type(tmp_path: Path):
    (job,) = prepared([file(tmp_path, "a.csv", JOINED)])
    assert headers(job) == [("the header stands again on 1 line: left out", "", 1, [2])]
    assert job.manifest.reading.types["n"] == "integer"
    assert "unreadable" not in {each.code for each in job.survey.attention}


def test_a_header_in_another_order_is_said_with_its_line(tmp_path: Path):
    text = JOINED + "time,event,distinct_id,n\n2024-05-01T10:00:00Z,B,u1,3\n"
    (job,) = prepared([file(tmp_path, "a.csv", text + "not,a,record\n")])
    other, same = headers(job)
    assert other[0] == (
        "line 5 names the columns in another order: the records below it are of another file, and would be "
        "read wrongly"
    )
    assert other[1:] == ("Split the file there, and import each part by itself", 1, [4])
    assert same == ("the header stands again on 1 line: left out", "", 1, [2])
    assert [each.count for each in job.survey.attention if each.code == "unreadable"] == [1]
    assert "line 5 names the columns in another order" in text_of(job)


def test_headers_are_counted_over_all_sources(tmp_path: Path):
    other = "time,event,distinct_id,n\n"
    (job, _) = prepared(
        [file(tmp_path, "a.csv", JOINED + 7 * other), file(tmp_path, "b.csv", JOINED + other)]
    )
    (different, same) = headers(job)
    assert different[0].startswith("lines 5, 6, 7, 8, 9 and 3 more name the columns in another order")
    assert (different[2:], same[2:]) == ((8, [4, 5, 6, 7, 8]), (2, [2, 2]))


# ── users ────────────────────────────────────────────────────────────────────────────────────────

PARTLY = (
    "event_name,event_timestamp,user_id,user_pseudo_id\n"
    "page_view,1714557600000000,,a.1\n"
    "page_view,1714557601000000,u2,b.2\n"
)


def test_a_user_that_is_only_partly_there_is_said_and_what_is_offered_cures_it(tmp_path: Path):
    path = file(tmp_path, "a.csv", PARTLY)
    (job,) = prepared([path])
    (found,) = said(job)
    assert (found.code, found.count, found.rows[0].row) == ("no-user", 1, 1)
    assert found.text == "no user in 1 of 2 records; `user_pseudo_id` is filled in 1 of them"
    (cured,) = prepared([path], found.remedy)
    assert not said(cured)
    assert users(cured) == ["a.1", "u2"]
    first, second = (event["properties"] for event in events(cured))
    assert "user_pseudo_id" not in first
    assert second["user_pseudo_id"] == "b.2"
    assert "distinct_id: 1 from user_id · 1 from user_pseudo_id" in text_of(cured)


def test_a_field_may_be_mapped_more_than_once(tmp_path: Path):
    path = file(tmp_path, "a.csv", PARTLY)
    words = "--map distinct_id=user_id --map distinct_id=user_pseudo_id"
    assert users(prepared([path], words)[0]) == ["a.1", "u2"]
    assert users(prepared([path], f"{words} --map distinct_id=")[0]) == ["", ""]


def test_who_says_that_no_column_is_the_user_hears_no_more_of_it(tmp_path: Path):
    path = file(tmp_path, "a.csv", PARTLY)
    assert not said(prepared([path], "--map distinct_id=")[0])


def test_what_was_counted_over_the_first_records_alone_says_so(tmp_path: Path):
    rows = "A,2024-05-01T10:00:00Z,\n" * 700_000  # more than is read before every run
    (found,) = said(prepared([file(tmp_path, "a.csv", "event,time,user_id\n" + rows)])[0])
    assert found.text == "no user in 1,000 of 1,000 records (in the first 1,000 records)"


def test_the_line_offered_where_no_column_is_the_user_does_it(tmp_path: Path):
    path = file(tmp_path, "a.csv", "event,time,device_id\nA,2024-05-01T10:00:00Z,d1\n")
    (job,) = prepared([path])
    (found,) = said(job)
    assert found.text.startswith("no column holds the user: 1 event is sent without one; `device_id`")
    assert users(prepared([path], found.remedy)[0]) == ["d1"]


MERGED = {
    "a.csv": "event,time,$device_id,$user_id\nL,2024-05-01T10:00:00Z,d1,u1\nL,2024-05-01T10:00:00Z,d2,\n",
    "flat.jsonl": (
        '{"event":"L","time":"2024-05-01T10:00:00Z","$device_id":"d1","$user_id":"u1"}\n'
        '{"event":"L","time":"2024-05-01T10:00:00Z","$device_id":"d2"}\n'
    ),
    "shape.jsonl": (
        '{"event":"L","properties":{"time":1714557600000,"$device_id":"d1","$user_id":"u1"}}\n'
        '{"event":"L","properties":{"time":1714557600000,"$device_id":"d2","$user_id":null}}\n'
    ),
}


@pytest.mark.parametrize("name", MERGED)
def test_a_user_is_made_of_user_id_and_device_id_as_mixpanel_documents_it(tmp_path: Path, name: str):
    path = file(tmp_path, name, MERGED[name])
    (job,) = prepared([path])
    (found,) = said(job)
    assert found.code == "id-merge"
    assert "`$device:` + `" in found.text
    assert users(job) == ["u1", "$device:d2"]
    first, second = (event["properties"] for event in events(job))
    assert (first["$user_id"], first["$device_id"], second["$device_id"]) == ("u1", "d1", "d2")
    (cured,) = prepared([path], found.remedy)
    assert not said(cured)
    assert users(cured) == ["u1", "d2"]


# ── names of events ──────────────────────────────────────────────────────────────────────────────


def test_a_person_is_no_event(tmp_path: Path):
    rows = "".join(f"{n},Person {n},p{n}@example.com,2024-05-01T10:00:00Z\n" for n in range(30))
    path = file(tmp_path, "a.csv", "user_id,name,email,timestamp\n" + rows)
    with pytest.raises(MappingError, match="no column is known to hold the event's name") as caught:
        prepared([path])
    assert "--map event=name" in caught.value.remedy
    (job,) = prepared([path], "--map event=name")
    (found,) = said(job)
    assert found.code == "event-names"
    assert found.text == (
        "30 event names in 30 records: that is data, not a name; Mixpanel asks for at most 5,000 in a project"
    )
    assert found.remedy == "in place of --map event=…: --set event='Name Of All Events'"


@pytest.mark.parametrize(
    "beside", ["amount", "currency", "birthday", "age", "gender", "company", "total", "image"]
)
def test_a_product_is_no_event(tmp_path: Path, beside: str):
    rows = "".join(f"{('Sneaker', 'Boot', 'Sandal')[n % 3]},1,2024-05-01T10:00:00Z,u\n" for n in range(60))
    with pytest.raises(MappingError, match="no column is known to hold the event's name") as caught:
        prepared([file(tmp_path, "a.csv", f"name,{beside},created_at,user_id\n" + rows)])
    assert "--map event=name" in caught.value.remedy


@pytest.mark.parametrize("label", ["name", "Event Type", "type"])
def test_a_name_that_is_taken_as_that_of_events_is_said(tmp_path: Path, label: str):
    names = ("Login", "Buy, now", "Login", "A", "B", "C", "D")
    rows = "".join(f'"{names[n % 7]}",pro,2024-05-01T10:00:00Z,u\n' for n in range(70))
    path = file(tmp_path, "a.csv", f"{label},plan,created_at,user_id\n" + rows)
    (job,) = prepared([path])
    assert events(job)[0]["event"] == "Login"
    if label == "Event Type":
        assert not said(job)
        return
    (found,) = said(job)
    assert (found.code, found.count) == ("event-names", 70)
    assert found.text == (
        f"the column `{label}` is taken as the event's name: Login 20, Buy, now 10, A 10, B 10, C 10, …"
    )
    assert found.remedy == f"--map event={label}"
    (settled,) = prepared([path], found.remedy)
    assert not said(settled)
    assert events(settled) == events(job)


def test_what_could_name_the_events_that_have_no_name_is_offered(tmp_path: Path):
    calls: list[dict[str, Any]] = [
        {"type": "track", "event": "Buy", "name": "ignored"},
        {"type": "page", "name": "Home"},
        {"type": "identify"},
        {"type": "page", "event": None, "name": ""},
    ]
    common = {"timestamp": "2024-05-01T10:00:00Z", "userId": "u"}
    path = file(tmp_path, "a.jsonl", "".join(json.dumps({**each, **common}) + "\n" for each in calls))
    (job,) = prepared([path])
    (found,) = said(job)
    assert (found.code, found.count, [each.row for each in found.rows]) == ("no-event", 3, [2, 3, 4])
    assert found.text == (
        "3 records have no event name: invalid; `name` is filled in 1 of them, `type` is filled in 3 of them"
    )
    assert found.remedy == "--map event=event,name,type"
    (cured,) = prepared([path], found.remedy)
    assert not said(cured)
    assert [event["event"] for event in events(cured)] == ["Buy", "Home", "identify", "page"]

    calls[2]["name"] = {"first": "A"}  # which is no name of an event
    path = file(tmp_path, "b.jsonl", "".join(json.dumps({**each, **common}) + "\n" for each in calls))
    (found,) = said(prepared([path])[0])
    assert found.remedy == "--map event=event,type"


def test_the_columns_that_are_offered_as_the_name_cure_it(tmp_path: Path):
    rows = "".join(
        f"{name},{kind},p,2024-05-01T10:00:00Z,u\n" for name, kind in (("Buy", "a"), ("", "b"), ("", ""))
    )
    path = file(tmp_path, "a.csv", "event,type,plan,time,user_id\n" + rows)
    (found,) = said(prepared([path])[0])
    assert found.text == "2 records have no event name: invalid; `type` is filled in 1 of them"
    (cured,) = prepared([path], found.remedy)
    assert cured.survey.summary.names == {"Buy": 1, "b": 1}
    (left,) = said(cured)
    assert (left.text, left.remedy) == ("1 record has no event name: invalid", "")


def test_names_that_are_data_are_said_and_what_is_offered_cures_it(tmp_path: Path):
    rows = "".join(f"Order {n},u,2024-05-01T10:00:00Z\n" for n in range(30))
    path = file(tmp_path, "a.csv", "event,user_id,time\n" + rows)
    (found,) = said(prepared([path])[0])
    (cured,) = prepared([path], found.remedy)
    assert not said(cured)
    assert {event["event"] for event in events(cured)} == {"Name Of All Events"}
    assert events(cured)[3]["properties"]["event"] == "Order 3"


def test_usual_names_are_nothing_to_say(tmp_path: Path):
    rows = "".join(f"Event {n % 40},u,2024-05-01T10:00:00Z\n" for n in range(200))
    assert not said(prepared([file(tmp_path, "a.csv", "event,user_id,time\n" + rows)])[0])
    rows = "".join(f"Event {n},u,2024-05-01T10:00:00Z\n" for n in range(10))
    assert not said(prepared([file(tmp_path, "b.csv", "event,user_id,time\n" + rows)])[0])


def test_more_names_than_mixpanel_asks_for_are_said(tmp_path: Path):
    rows = "".join(f"Event {n % 5001},u,2024-05-01T10:00:00Z,5\n" for n in range(15_000))
    (found,) = said(prepared([file(tmp_path, "a.csv", "event,user_id,time,n\n" + rows)])[0])
    assert found.text.startswith("5,001 event names in 15,000 records; Mixpanel asks for at most 5,000")


def test_a_name_that_is_set_needs_no_other_option(tmp_path: Path):
    path = file(
        tmp_path, "a.csv", "Name,User,Created at\n#1,u,2024-05-01T10:00:00Z\n#2,u,2024-05-01T10:00:00Z\n"
    )
    (job,) = prepared([path], "--set event=Order")
    assert [(each["event"], each["properties"]["Name"]) for each in events(job)] == [
        ("Order", "#1"),
        ("Order", "#2"),
    ]
    with pytest.raises(MappingError, match="both give the event"):
        prepared([path], "--set event=Order --map event=Name")


# ── templates, the mapping file and the manifest ─────────────────────────────────────────────────

SHOP = "category,action,day,clock,user,first,last\nBook,bought,2024-05-01,12:00:00,u1,Ann,Lee\n"
TEMPLATES = (
    "--map 'event={category} {action}' --map 'time={day} {clock}' --timezone Europe/Berlin"
    " --map 'distinct_id=user,{first}' --set 'full={last}, {first}' --set 'json={\"a\": 1}' --set 'x={{user}}'"
)


def test_templates_make_fields_and_properties(tmp_path: Path):
    (job,) = prepared([file(tmp_path, "a.csv", SHOP)], TEMPLATES)
    (event,) = events(job)
    assert event["event"] == "Book bought"
    found = {k: v for k, v in event["properties"].items() if k != "$insert_id"}
    assert found == {
        "time": 1_714_557_600_000, "distinct_id": "u1", "ip": 0, "category": "Book", "action": "bought",
        "day": "2024-05-01", "clock": "12:00:00", "first": "Ann", "last": "Lee", "full": "Lee, Ann",
        "json": '{"a": 1}', "x": "{user}",
    }  # fmt: skip
    assert job.survey.summary.names == {"Book bought": 1}
    assert job.survey.summary.no_time == 0
    assert "event ← {category} {action}" in text_of(job)
    assert "full ← {last}, {first}" in text_of(job)


def test_a_mapping_file_that_was_saved_reads_in_the_same_way(tmp_path: Path):
    path = file(tmp_path, "a.csv", SHOP)
    (job,) = prepared([path], TEMPLATES)
    saved = file(tmp_path, "m.toml", render(job.manifest.reading))
    (again,) = prepared([path], f"--mapping {saved}")
    assert again.manifest.reading == job.manifest.reading
    assert render(again.manifest.reading) == saved.read_text("utf-8")


def test_a_mapping_file_may_list_columns(tmp_path: Path):
    path = file(tmp_path, "a.csv", PARTLY)
    for columns in ('["user_id", "user_pseudo_id"]', '"user_id, user_pseudo_id"'):
        saved = file(tmp_path, "m.toml", f"[fields]\ndistinct_id = {columns}\n")
        assert users(prepared([path], f"--mapping {saved}")[0]) == ["a.1", "u2"]
        assert users(prepared([path], f"--mapping {saved} --map distinct_id=user_id")[0]) == ["", "u2"]


@pytest.mark.parametrize("columns", ["[1]", '["a", ""]', "5"])
def test_columns_of_a_mapping_file_that_are_none_stop(tmp_path: Path, columns: str):
    saved = file(tmp_path, "m.toml", f"[fields]\ndistinct_id = {columns}\n")
    with pytest.raises(MappingError, match=r"line 2: fields\.distinct_id: found"):
        load(saved)


IN_PROPERTIES = """\
{"event":"A","properties":{"time":1714557973,"distinct_id":"u","$insert_id":"same","ip":"203.0.113.7","n":1}}
{"event":"B","properties":{"time":1714557974,"distinct_id":"u","$insert_id":"same","ip":"203.0.113.7","n":2}}
"""


@pytest.mark.parametrize(
    ("field", "name", "of_none"),
    [("insert_id", "$insert_id", None), ("ip", "ip", 0), ("distinct_id", "distinct_id", "")],
)
def test_a_field_that_nothing_gives_is_not_given_by_its_name_in_the_properties(
    tmp_path: Path, field: str, name: str, of_none: object
):
    path = file(tmp_path, "a.jsonl", IN_PROPERTIES)
    job = prepared([path], f"--map {field}=")[0]
    found = [event["properties"] for event in events(job)]
    assert len({"same", *(each["$insert_id"] for each in found)}) == (3 if field == "insert_id" else 1)
    assert field == "insert_id" or [each[name] for each in found] == [of_none, of_none]
    assert [each["n"] for each in found] == [1, 2]
    saved = file(tmp_path, "m.toml", render(job.manifest.reading))
    assert events(prepared([path], f"--mapping {saved}")[0]) == events(job)
    again = redeclare(job.manifest.reading, declared(f"--map {field}=properties.{name}"), NOW_MS)
    assert name not in again.drop
    assert field in again.fields


def test_a_saved_mapping_leaves_what_gave_a_field_as_it_was(tmp_path: Path):
    first = '{"event":"A","time":1714557973,"user_id":"u","more":{"a":1}}\n'
    path = file(tmp_path, "a.jsonl", first * 3)
    saved = file(tmp_path, "m.toml", render(prepared([path])[0].manifest.reading))
    assert "insert_id = []" in saved.read_text("utf-8")
    other = file(
        tmp_path, "b.jsonl", first + '{"event":"A","time":1714557973,"user_id":"u","$insert_id":"i-1"}\n'
    )
    ids = [event["properties"]["$insert_id"] for event in events(prepared([other], f"--mapping {saved}")[0])]
    assert ids[1] == "i-1"


def test_what_lies_beside_the_files_of_a_vendor_is_left_out_alone(tmp_path: Path):
    call = '{"type":"track","event":"A","userId":"u","timestamp":"2024-05-01T10:00:00Z","messageId":"m"}\n'
    path, beside = file(tmp_path, "a.jsonl", call), file(tmp_path, "manifest.jsonl", '{"files":["a"]}\n')
    with pytest.raises(UsageError, match="1 source can't be read like the others") as stopped:
        prepared([path, beside], "--preset segment")
    assert f"{beside}: --preset segment: this is no export of Segment" in str(stopped.value.remedy)
    (job,) = prepared([path, beside], "--preset segment --skip-unfit")
    assert job.path == path
    other = file(tmp_path, "other.jsonl", '{"files":["b"]}\n')
    with pytest.raises(MappingError, match="this is no export of Segment"):
        prepared([beside, other], "--preset segment --skip-unfit")


@pytest.mark.parametrize("column", ["items[-1].id", "items[x].id", "item"])
def test_a_template_of_set_names_columns_that_are_there(tmp_path: Path, column: str):
    path = file(tmp_path, "a.jsonl", '{"event":"A","time":1714557973,"items":[{"id":5}]}\n')
    with pytest.raises(MappingError, match="there is no column"):
        prepared([path], f"--set 'n={{{column}}}'")


def test_a_template_of_set_is_text(tmp_path: Path):
    path = file(tmp_path, "a.csv", SHOP)
    with pytest.raises(UsageError, match="a value made of columns is text"):
        prepared([path], "--set event=A --map time=day --set 'n={first}' --type n=integer")
    words = "--set event=A --map time=day --timezone UTC --set 'n={}' --type n=json"
    assert events(prepared([path], words)[0])[0]["properties"]["n"] == {}


def test_a_field_that_is_set_to_a_template_is_mapped_to_it(tmp_path: Path):
    path = file(tmp_path, "a.csv", SHOP)
    (job,) = prepared([path], "--set 'event={category}!' --set 'time={day}T{clock}Z'")
    assert [event["event"] for event in events(job)] == ["Book!"]
    with pytest.raises(MappingError, match="both give the event"):
        prepared([path], "--set 'event={category}!' --map event=action --map time=day")


def plan_part(job: Job, *labels: str) -> list[str]:
    """Return the lines of the plan under some labels."""
    found, label = [], ""
    for line in plan_lines(JobSet.of([job])):
        label = line.label or label
        if label in labels:
            found.append(line.text)
    return found


LEFT_OUT = {
    "--set distinct_id=me --set time=2024-05-01T10:00:01Z": [
        "the column time is left out: --set gives the time",
        "the column distinct_id is left out: --set gives the distinct_id",
    ],
    "--map time=ts --map distinct_id=user_id": [
        "the column time is left out, but gives the time where ts has no value",
        "the column distinct_id is left out, but gives the distinct_id where user_id has no value",
    ],
    "--map time=time --map distinct_id=user_id,distinct_id": [],
}


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
@pytest.mark.parametrize("words", LEFT_OUT)
def test_a_column_of_a_field_that_something_else_gives_is_left_out_in_the_plan(
    tmp_path: Path, words: str, name: str
):
    names = ("event", "time", "ts", "user_id", "distinct_id", "plan")
    cells = ("A", "2024-05-01T10:00:00Z", "2024-05-01T11:00:00Z", "u1", "d1", "p")
    content = json.dumps(dict(zip(names, cells, strict=True)))
    if name.endswith("csv"):
        content = ",".join(names) + "\n" + ",".join(cells)
    (job,) = prepared([file(tmp_path, name, content + "\n")], words)
    fields, *left_out = [line for line in plan_part(job, "Fields") if " from " not in line]
    assert left_out == LEFT_OUT[words]
    (properties,) = plan_part(job, "Properties")
    (event,) = events(job)
    sent = event["properties"].keys() - {"time", "distinct_id", "$insert_id", "ip"}
    assert {each.split()[0] for each in properties.split(" · ")} == sent
    if "--set" in words:
        assert "distinct_id = 'me' · time = '2024-05-01T10:00:01Z'" in fields


TEXT_LINE = '{"event":"A","time":"2024-05-01T10:00:00Z","user_id":"u","v":"1.234,5"}\n'


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--decimal ,", "--decimal is for CSV: the values of JSONL have types"),
        ("--thousands .", "--thousands is for CSV: the values of JSONL have types"),
        ("--delimiter ;", "--delimiter is for CSV, not for JSONL"),
        ("--quote none", "--quote is for CSV, not for JSONL"),
        ("--comment #", "--comment is for CSV, not for JSONL"),
        ("--escape \\\\", "--escape is for CSV, not for JSONL"),
    ],
)
def test_an_option_for_csv_stops_a_run_of_json_lines(tmp_path: Path, words: str, message: str):
    path = file(tmp_path, "a.jsonl", TEXT_LINE)
    (job,) = prepared([path])
    option, value = shlex.split(words)
    key = file(tmp_path, "m.toml", f"{option[2:]} = {json.dumps(value)}\n")
    for typed in (words, f"--mapping {key}"):
        with pytest.raises(UsageError, match=message) as caught:
            prepared([path], typed)
        assert "Leave it out" in caught.value.remedy
        with pytest.raises(UsageError, match=message):
            redeclare(job.manifest.reading, declared(typed), NOW_MS)


@pytest.mark.parametrize(
    ("key", "option"), [("skip_lines = 1", "--skip-lines"), ("header = false", "--no-header")]
)
def test_a_key_for_csv_in_a_mapping_file_stops_a_run_of_json_lines(tmp_path: Path, key: str, option: str):
    mapping = file(tmp_path, "m.toml", key + "\n")
    with pytest.raises(UsageError, match=f"{option} is for CSV, not for JSONL"):
        prepared([file(tmp_path, "a.jsonl", TEXT_LINE)], f"--mapping {mapping}")


def test_another_encoding_than_that_of_json_lines_stops(tmp_path: Path):
    path = file(tmp_path, "a.jsonl", TEXT_LINE)
    with pytest.raises(ImporterError, match="JSONL is UTF-8"):
        prepared([path], "--encoding cp1252")
    reading = prepared([path])[0].manifest.reading
    again = redeclare(reading, declared("--encoding cp1252"), NOW_MS)
    assert find_reading_differences(reading, again) == ["encoding: was utf-8, is cp1252"]


def test_options_for_csv_that_mean_something_for_json_lines_are_taken(tmp_path: Path):
    words = "--type v=number --decimal , --thousands . --encoding UTF-8"
    (job,) = prepared([file(tmp_path, "a.jsonl", TEXT_LINE)], words)
    assert events(job)[0]["properties"]["v"] == 1234.5


def test_a_retry_may_declare_several_columns_and_templates(tmp_path: Path):
    reading = prepared([file(tmp_path, "a.csv", PARTLY)])[0].manifest.reading
    words = "--map distinct_id=user_id,user_pseudo_id --set 'who={user_id}' --set event=View"
    anew = redeclare(reading, declared(words), NOW_MS)
    assert anew.alternatives == {"distinct_id": ("user_id", "user_pseudo_id")}
    assert (anew.templates, anew.constants) == ({"who": "{user_id}"}, {"event": "View"})
    assert anew.fields == {"time": "event_timestamp"}
    back = redeclare(anew, declared("--map distinct_id=user_id --set who=me"), NOW_MS)
    assert (back.alternatives, back.templates) == ({}, {})
    assert back.fields["distinct_id"] == "user_id"
    with pytest.raises(MappingError, match="no column 'nobody'"):
        redeclare(reading, declared("--map distinct_id=nobody"), NOW_MS)


# ── several sources ──────────────────────────────────────────────────────────────────────────────


CELLS = "event,time,user_id\nA,2024-05-01T10:00:00Z,u\n"


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("event,time,who\nA,2024-05-01T10:00:00Z,u\n", "it has no 'user_id' (distinct_id)"),
        ("event,user_id,day\nA,u,2024-05-01T10:00:00Z\n", "it has no 'time' (time)"),
        ("name,user_id,time\nA,u,2024-05-01T10:00:00Z\n", "it has no 'event' (event)"),
    ],
)
def test_rows_without_a_mapped_column_stop_with_its_name(tmp_path: Path, second: str, message: str):
    paths = [file(tmp_path, "a.csv", CELLS), file(tmp_path, "b.csv", second), file(tmp_path, "c.csv", CELLS)]
    with pytest.raises(UsageError) as caught:
        prepared(paths)
    assert caught.value.message == "1 source can't be read like the others"
    first, *offers = caught.value.steps
    assert first == f"{tmp_path}/b.csv: {message}"
    assert offers == [
        "To leave them out: --skip-unfit",
        "To name columns that all of them have: --map FIELD=COLUMN,OTHER, or for none --map FIELD=",
    ]


def test_two_columns_of_two_sources_that_could_each_be_a_field_must_be_chosen_from(tmp_path: Path):
    other = "event,time,uid\nA,2024-05-01T10:00:00Z,v\n"
    paths = [file(tmp_path, "a.csv", CELLS), file(tmp_path, "b.csv", other)]
    with pytest.raises(MappingError, match="'user_id' and 'uid' could each be the distinct_id"):
        prepared(paths)
    assert [users(job) for job in prepared(paths, "--map distinct_id=user_id,uid")] == [["u"], ["v"]]


@pytest.mark.parametrize(
    ("second", "mine"),
    [
        ("event,user_id,time\nA,v,2024-05-01T10:00:01Z\n", {}),
        ("event,time,user_id,n\nA,2024-05-01T10:00:01Z,v,1\n", {"n": 1}),
    ],
)
def test_rows_of_other_columns_are_read_by_the_columns_of_each(
    tmp_path: Path, second: str, mine: dict[str, Any]
):
    one, other = prepared([file(tmp_path, "a.csv", CELLS), file(tmp_path, "b.csv", second)])
    (first,), (last,) = events(one), events(other)
    own = {key: value for key, value in last["properties"].items() if key not in first["properties"]}
    assert own == mine
    assert (users(one), users(other)) == (["u"], ["v"])
    assert {each.code for each in said(one)} == ({"other-columns"} if mine else set())


LINE = {"event": "A", "time": "2024-05-01T10:00:00Z", "user_id": "u", "n": 1}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"event": "A", "when": "2024-05-01T10:00:00Z", "user_id": "u"}, "b.jsonl: it has no 'time' (time)"),
        ({"event": "A", "time": "2024-05-01T10:00:00Z", "who": "u"}, "b.jsonl: it has no 'user_id' (distinct_id)"),
        ({**LINE, "uuid": "x"}, "a.jsonl: it has no 'uuid' (insert_id)"),
    ],
)  # fmt: skip
def test_lines_without_a_mapped_column_stop_with_its_name(tmp_path: Path, line: dict[str, Any], message: str):
    one = file(tmp_path, "a.jsonl", json.dumps(LINE))
    other = file(tmp_path, "b.jsonl", (json.dumps(line) + "\n") * 25)
    with pytest.raises(UsageError) as caught:
        prepared([one, other])
    assert caught.value.steps[0].endswith(message)


@pytest.mark.parametrize("words", ["--map distinct_id=", "--skip-unfit"])
def test_what_is_offered_for_a_key_that_only_a_later_source_has_lets_the_run_begin(
    tmp_path: Path, words: str
):
    one = file(tmp_path, "a.jsonl", '{"event":"A","time":"2024-05-01T10:00:00Z"}\n')
    other = file(tmp_path, "b.jsonl", '{"event":"A","time":"2024-05-01T10:00:00Z","user_id":"u"}\n')
    with pytest.raises(UsageError) as caught:
        prepared([one, other])
    assert caught.value.steps[0] == f"{one}: it has no 'user_id' (distinct_id)"
    assert any(words.partition("=")[0].partition(" ")[0] in each for each in caught.value.steps)
    jobs = prepared([one, other], words)
    assert [users(job) for job in jobs] == ([["u"]] if words == "--skip-unfit" else [[""], [""]])


def test_a_key_that_the_first_lines_lack_can_be_mapped_as_the_note_on_it_says(tmp_path: Path):
    line = '{"event":"A","time":"2024-05-01T10:00:00Z"}\n'
    late = '{"event":"A","time":"2024-05-01T10:00:00Z","user_id":"u"}\n'
    path = file(tmp_path, "a.jsonl", line * 1_200 + late)
    (job,) = prepared([path], "--map distinct_id=user_id")
    assert users(job)[-1] == "u"
    with pytest.raises(MappingError, match="no column 'user_idd'"):
        prepared([path], "--map distinct_id=user_idd")


def test_ids_of_several_columns_that_do_not_tell_events_apart_stop(tmp_path: Path):
    rows = "A,2024-05-01T10:00:00Z,x,,1\nA,2024-05-01T10:00:00Z,,x,2\n"
    path = file(tmp_path, "a.csv", "event,time,one,two,n\n" + rows)
    with pytest.raises(UsageError, match="'one, two' does not tell events apart"):
        prepared([path], "--map insert_id=one,two")
    assert prepared([path], "--map insert_id=one")


def test_lines_without_the_nested_column_that_is_mapped_stop(tmp_path: Path):
    one = file(tmp_path, "a.jsonl", '{"event":"A","properties":{"time":1714557600,"distinct_id":"u"}}\n')
    other = file(tmp_path, "b.jsonl", '{"event":"A","properties":{"ts":1714557600,"distinct_id":"u"}}\n')
    with pytest.raises(UsageError) as caught:
        prepared([one, other])
    assert caught.value.steps[0] == f"{other}: it has no 'properties.time' (time)"


def test_other_differences_of_lines_are_said(tmp_path: Path):
    one = file(tmp_path, "a.jsonl", json.dumps(LINE))
    other = {key: value for key, value in LINE.items() if key != "n"} | {"m": 2}
    jobs = prepared([one, file(tmp_path, "b.jsonl", json.dumps(other))])
    (found,) = said(jobs[0])
    assert found.code == "other-columns"
    assert found.text == "not all sources have the same columns: 'n', 'm' are missing in some"
    assert not said(prepared([one, file(tmp_path, "c.jsonl", json.dumps({**LINE, "n": 2}))])[0])
    expected = file(tmp_path, "m.toml", 'missing_columns = "ignore"\n')
    assert not said(prepared([one, tmp_path / "b.jsonl"], f"--mapping {expected}")[0])


def test_one_of_several_columns_is_enough_in_each_source(tmp_path: Path):
    one = file(tmp_path, "a.jsonl", json.dumps({**LINE, "device": "d"}))
    other = {key: value for key, value in LINE.items() if key != "user_id"} | {"device": "d"}
    jobs = prepared([one, file(tmp_path, "b.jsonl", json.dumps(other))], "--map distinct_id=user_id,device")
    assert [users(job) for job in jobs] == [["u"], ["d"]]
    assert jobs[0].survey.summary.taken == {"distinct_id": {"user_id": 1, "device": 1}}


@pytest.mark.parametrize("words", ["--map distinct_id=a,,b", "--map 'time={dey}'", "--set 'x={dey}'"])
def test_an_error_says_what_to_type(tmp_path: Path, words: str):
    path = file(tmp_path, "a.csv", "event,time,day,a,b\nA,2024-05-01T10:00:00Z,1,2,3\n")
    with pytest.raises(ImporterError) as caught:
        prepared([path], words)
    assert caught.value.remedy
