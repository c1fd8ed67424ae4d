"""Results and manifests of an older importer: they are read, resumed and retried as that importer did."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from crash_helpers import Ended, Importer, Scene, read_results, server, success

BEFORE = Path(__file__).parent.parent / "data" / "written_before"
THEIR_URL = "http://127.0.0.1:18765"
STATUS = json.loads((BEFORE / "status.json").read_bytes())
COPY_OF_SHOP = "mixpanel-importer retry shop.results.csv --resume --failed-rows shop.retry-1.failed.csv"
OTHER_STEPS = {
    "shop.results.csv": COPY_OF_SHOP,
    "shop.results.retry-1.csv": COPY_OF_SHOP,
    "flat.results.jsonl": "mixpanel-importer retry flat.results.jsonl --status failed",
    "rehearsal.jsonl": "mixpanel-importer retry rehearsal.jsonl --timezone ZONE",
    "early.csv": "mixpanel-importer retry early.csv --timezone ZONE",
}
"""What is offered now, where that importer offered a retry of records that would be refused again."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with copies of the files, so that they stay as they are."""
    for path in BEFORE.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    return tmp_path


@pytest.fixture
def scene(folder: Path) -> Iterator[Scene]:
    """The files beside a server, as if they had been sent to that server."""
    with server(folder) as scene:
        for path in folder.glob("*.run.json"):
            path.write_text(path.read_text("ascii").replace(THEIR_URL, scene.url), "ascii")
        yield scene


def run_importer(folder: Path, *words: str) -> Ended:
    with Importer(folder, words) as importer:
        return importer.ended()


def assert_same_results(folder: Path, name: str) -> None:
    """A file that was there keeps its columns to its end; one that was begun now has the times as well."""
    found, expected = (folder / name).read_bytes(), (BEFORE / "after" / name).read_bytes()
    if not (BEFORE / name).exists():
        assert all(line["time"] for line in read_results(folder / name) if success(line))
        found = without_times(found)
    assert found == expected


def without_times(data: bytes) -> bytes:
    return re.sub(rb',(?:time|[0-9]*)$|,"time":(?:[0-9]+|null)(?=}$)', b"", data, flags=re.MULTILINE)


def imported_ids(path: Path) -> set[str]:
    return {line["insert_id"] for line in read_results(path) if success(line)}


OTHER_CODES = {"shop.dry-run.csv": 1}
"""Exit codes that are others now: of a dry run, records are left to be mended."""


@pytest.mark.slow
@pytest.mark.parametrize("name", STATUS)
def test_the_status_is_the_same(folder: Path, name: str) -> None:
    ended = run_importer(folder, "status", name, "--json")
    assert ended.code == OTHER_CODES.get(name, STATUS[name]["exit_code"])
    expected = STATUS[name]["status"]
    assert json.loads(ended.data) == {**expected, "next": OTHER_STEPS.get(name, expected["next"])}


@pytest.mark.slow
def test_records_to_mend_are_copied_as_is_offered(scene: Scene) -> None:
    ended = run_importer(scene.folder, *COPY_OF_SHOP.split()[1:])
    assert ended.code == 1
    with (scene.folder / "shop.retry-1.failed.csv").open(newline="") as copy:
        assert [record["user"] for record in csv.DictReader(copy)] == ["u3", "u4", "u6", ""]


def test_the_status_changes_no_file(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert run_importer(folder, "status", "killed.jsonl").code == 1
    assert {name: (folder / name).read_bytes() for name in before} == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "written"),
    [
        (["retry", "shop.results.retry-1.csv"], "shop.results.retry-2.csv"),
        (["retry", "early.csv", "--timezone", "Europe/Berlin"], "early.retry-1.csv"),
        (["retry", "halted.csv", "--resume"], "halted.retry-1.csv"),
        (["retry", "flat.results.jsonl"], "flat.results.retry-1.jsonl"),
        (["run", "flat.jsonl", "--results", "refused.csv", "--resume"], "refused.csv"),
        (["run", "flat.jsonl", "--results", "killed.jsonl", "--resume"], "killed.jsonl"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_what_was_begun_is_finished_with_the_same_outcomes_and_ids(
    scene: Scene, words: list[str], written: str
) -> None:
    before = imported_ids(BEFORE / written)
    ended = scene.ended(*words)
    assert ended.code == (0 if written == "halted.retry-1.csv" else 1), ended.said
    assert_same_results(scene.folder, written)
    status = scene.status(written)
    assert (status.reconciles, status.unattempted) == (True, 0)
    landed = [properties["$insert_id"] for properties in scene.landed()]
    assert sorted(landed) == sorted(imported_ids(scene.path(written)) - before)


def test_a_rehearsal_is_retried_in_the_sandbox(folder: Path) -> None:
    ended = run_importer(folder, "retry", "rehearsal.jsonl")
    assert ended.code == 1, ended.said
    assert_same_results(folder, "rehearsal.retry-1.jsonl")


def test_a_run_does_not_take_its_findings_from_a_dry_run_that_cut_lines_otherwise(scene: Scene) -> None:
    """The dry run took a lone CR for the end of a line, so it may have counted other records."""
    ended = scene.ended("run", "shop.csv", "--results", "again.csv")
    assert ended.code == 1, ended.said
    assert "Dry run" not in ended.said
    assert_same_results(scene.folder, "again.csv")
