"""A damaged manifest, whatever its damage, is an error that names the file, and never another exception."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from importer.cli.app import app
from importer.errors import ImporterError, ResultsError
from importer.results.manifest import read_manifest
from importer.results.paths import manifest_path

BEFORE = Path(__file__).parent.parent / "data" / "written_before"
OTHERS: list[Any] = [None, True, 7, -1.5, "x", [], [7], {}, {"x": 7}, 10**30, [[]], "\ud800"]
"""Values of every type of JSON."""

Step = str | int
Damage = tuple[str, dict[str, Any]]


def steps(value: Any, here: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """Yield the way to each value in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*here, key)
        yield from steps(each, (*here, key))


def damaged(document: dict[str, Any]) -> Iterator[Damage]:
    """Yield copies of a document, each with one value removed or replaced by a value of another type."""
    for way in steps(document):
        for other in ["remove", *OTHERS]:
            made = copy.deepcopy(document)
            place: Any = made
            for step in way[:-1]:
                place = place[step]
            if other == "remove":
                del place[way[-1]]
            elif type(place[way[-1]]) is type(other):
                continue
            else:
                place[way[-1]] = other
            yield f"{'.'.join(map(str, way))}: {other!r}", made


def document_of(name: str) -> dict[str, Any]:
    """A real manifest, with what a source of more kinds of events would have added."""
    document = json.loads(manifest_path(BEFORE / name).read_bytes())
    document["reading"]["names"] = {"price": "amount"}
    document["reading"]["null"] = ["NULL"]
    if document["audit"]:
        document["audit"]["collisions"] = {
            "events": 6, "identical": 1, "lost": 1, "lost_by_day": 0, "first": [[1, 2]], "first_identical": [[3, 4]]
        }  # fmt: skip
    return document


def error_of(path: Path) -> str:
    """Return what is wrong with a manifest; an empty text if it can be read."""
    try:
        read_manifest(path)
    except ResultsError as error:
        return error.message
    return ""


def run(*words: str) -> None:
    app(list(words), prog_name="mixpanel-importer", standalone_mode=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for path in BEFORE.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIXPANEL_PROJECT_TOKEN", "token-of-the-crash-tests")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["shop.dry-run.csv", "shop.results.csv", "halted.retry-1.csv", "rehearsal.jsonl"]
)
def test_each_value_of_another_type_is_named_or_allowed(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.run.json"
    refused = 0
    for what, document in damaged(document_of(name)):
        path.write_text(json.dumps(document))
        message = error_of(path)
        refused += bool(message)
        assert not message or str(path) in message, what
    assert refused > 500


SAME_TYPE: list[Any] = [-5, 10**30, "", "x", "a\0b", {}, []]
"""Values that may stand where a value of the same type stands, and make no sense there."""


def edited(document: dict[str, Any]) -> Iterator[Damage]:
    """Yield copies of a document, each with one value replaced by another of its type."""
    for way in steps(document):
        for other in SAME_TYPE:
            made = copy.deepcopy(document)
            place: Any = made
            for step in way[:-1]:
                place = place[step]
            if type(place[way[-1]]) is type(other):
                place[way[-1]] = other
                yield f"{'.'.join(map(str, way))}: {other!r}", made


COMMANDS = {
    "status": ("shop.results.csv", ("status", "shop.results.csv")),
    "status of a retry": ("halted.retry-1.csv", ("status", "halted.csv")),
    "retry": ("shop.results.retry-1.csv", ("retry", "shop.results.retry-1.csv", "--yes")),
    "run": ("shop.dry-run.csv", ("run", "shop.csv", "--dry-run", "--results", "new.csv")),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "words"), COMMANDS.values(), ids=COMMANDS)
def test_commands_stop_at_a_damaged_manifest_and_name_it(
    folder: Path, name: str, words: tuple[str, ...]
) -> None:
    path = manifest_path(Path(name))
    stopped = 0
    for what, document in islice(damaged(document_of(name)), 0, None, 11):  # of every type of damage some
        path.write_text(json.dumps(document))
        if error_of(path):
            with pytest.raises(ImporterError) as caught:
                run(*words)
            assert type(caught.value) is ResultsError, what
            assert str(path) in caught.value.message, what
            stopped += 1
    assert stopped > 50


READERS = {
    "status": ("shop.results.csv", ("status", "shop.results.csv")),
    "run": ("shop.dry-run.csv", ("run", "shop.csv", "--dry-run", "--results", "new.csv", "--overwrite")),
    "resume": ("killed.jsonl", ("run", "shop.csv", "--results", "killed.jsonl", "--resume", "--dry-run")),
    "retry": ("shop.results.retry-1.csv", ("retry", "shop.results.retry-1.csv")),
}


@pytest.mark.parametrize(("name", "words"), READERS.values(), ids=READERS)
def test_no_edited_manifest_ends_a_command_in_a_traceback(
    folder: Path, name: str, words: tuple[str, ...]
) -> None:
    path = manifest_path(Path(name))
    for _, document in edited(document_of(name)):
        path.write_text(json.dumps(document))
        with suppress(ImporterError):
            run(*words)  # what is no error of the importer fails the test; nothing is sent without --yes


SENSELESS = {
    "a field from no column": (("reading", "fields", "event"), "none"),
    "no source": (("source",), ""),
    "a NUL in the source": (("source",), "a\0b.csv"),
    "a retry without a name": (("retried_by",), ""),
    "a retry with too long a name": (("retried_by",), "x" * 5_000),
    "a NUL in the parent": (("parent",), "a\0b"),
    "no delimiter": (("reading", "dialect", "delimiter"), ""),
    "two quotes": (("reading", "dialect", "quote"), "''"),
    "two escapes": (("reading", "dialect", "escape"), "\\\\"),
    "a comment of two characters": (("reading", "dialect", "comment"), "//"),
    "one mark for two things": (("reading", "dialect", "comment"), ","),
    "lines to skip below none": (("reading", "dialect", "skip_lines"), -1),
    "no known line end": (("reading", "dialect", "line_end"), "lf cr"),
    "no known compression": (("reading", "dialect", "compression"), "arj"),
    "no known encoding": (("reading", "dialect", "encoding"), "klingon"),
    "no known zone": (("reading", "timezone"), "Mars/Crater"),
    "no address": (("base_url",), ""),
    "a negative scope": (("scope",), -5),
    "no batch size": (("settings", "batch_size"), 0),
}


@pytest.mark.parametrize(("name", "words"), COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize(("way", "value"), SENSELESS.values(), ids=SENSELESS)
def test_values_of_the_right_type_that_make_no_sense_are_named(
    folder: Path, name: str, words: tuple[str, ...], way: tuple[str, ...], value: str | int
) -> None:
    path = manifest_path(Path(name))
    document = json.loads(path.read_bytes())
    place = document
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = value
    path.write_text(json.dumps(document))
    with pytest.raises(ResultsError) as caught:
        run(*words)
    assert str(path) in caught.value.message
    assert ".".join(way) in caught.value.message


FACTS = {
    "no quarters": ("quarters", {}),
    "a moment before the calendar": ("first", -(10**30)),
    "a moment behind the calendar": ("last", 10**30),
    "an end before its start": ("first", 253_402_300_799 * 10**9),
    "no end": ("last", None),
    "a negative count": ("records", -5),
    "a negative count of a name": ("names", {"Paid": -1}),
}


@pytest.mark.parametrize(("key", "value"), FACTS.values(), ids=FACTS)
def test_facts_of_a_dry_run_that_make_no_sense_are_named(folder: Path, key: str, value: Any) -> None:
    path = manifest_path(Path("shop.dry-run.csv"))
    document = json.loads(path.read_bytes())
    document["audit"]["facts"][key] = value
    path.write_text(json.dumps(document))
    with pytest.raises(ResultsError, match=rf"audit\.facts\.{key}") as caught:
        run(*COMMANDS["run"][1])
    assert str(path) in caught.value.message


@pytest.mark.parametrize(
    "name", ["shop.dry-run.csv", "shop.results.csv", "halted.retry-1.csv", "rehearsal.jsonl"]
)
def test_a_manifest_that_is_cut_at_any_byte_is_named(folder: Path, name: str) -> None:
    path = manifest_path(Path(name))
    content = path.read_bytes()
    for size in range(len(content) - 1):  # the last byte is a newline
        path.write_bytes(content[:size])
        with pytest.raises(ResultsError) as caught:
            read_manifest(path)
        assert str(path) in caught.value.message
        assert caught.value.remedy


def emptied(document: dict[str, Any]) -> Iterator[Damage]:
    """Yield copies of a document, in each of which an object or a list holds nothing."""
    for way in steps(document):
        made = copy.deepcopy(document)
        place: Any = made
        for step in way[:-1]:
            place = place[step]
        if place[way[-1]] and isinstance(place[way[-1]], dict | list):
            place[way[-1]] = type(place[way[-1]])()
            yield ".".join(map(str, way)), made


@pytest.mark.parametrize(("name", "words"), READERS.values(), ids=READERS)
def test_no_emptied_manifest_ends_a_command_in_a_traceback(
    folder: Path, name: str, words: tuple[str, ...]
) -> None:
    path = manifest_path(Path(name))
    whats = set()
    for what, document in emptied(document_of(name)):
        path.write_text(json.dumps(document))
        with suppress(ImporterError):
            run(*words)
        whats.add(what)
    assert "reading" in whats
