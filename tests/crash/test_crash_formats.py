"""Sources of every format die and go on like those of CSV."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest
from crash_helpers import assert_whole, broken_landings, server, write_source

pytestmark = pytest.mark.slow

NAMES = ("events.json", "events.parquet", "events.xlsx", "events.avro")
ROWS = 100


def _results(name: str, kind: str = "results") -> str:
    return f"{Path(name).stem}.{kind}.csv"


@pytest.mark.parametrize("name", NAMES)
def test_killed_when_a_batch_was_taken_and_its_answer_was_not_read(tmp_path: Path, name: str) -> None:
    with server(tmp_path, "--at", "4=hold") as scene:
        write_source(scene.path(name), ROWS)
        with scene.start("run", name) as importer:
            scene.wait_for_fault("hold")
            importer.kill()
        scene.mend()
        assert scene.ended("run", name, "--resume").code == 0
        assert_whole(scene, ROWS, _results(name))


@pytest.mark.parametrize("name", NAMES)
def test_what_failed_is_retried_and_what_is_invalid_is_mended(tmp_path: Path, name: str) -> None:
    invalid = {1, 2, 29, ROWS}
    with server(tmp_path, "--at", "3=400") as scene:
        write_source(scene.path(name), ROWS, invalid)
        assert scene.ended("run", name, "--failed-rows", "bad.jsonl", "--max-retries", "0").code == 1
        scene.mend()
        copy = scene.path("bad.jsonl")
        assert copy.read_text().count("\n") == scene.status(_results(name)).counts.unsuccessful
        copy.write_text(copy.read_text().replace("yesterday", "2024-03-01T00:00:00Z"))
        ended = scene.ended("run", "bad.jsonl", "--mapping", "bad.jsonl.toml")
        assert ended.code == 0, ended.said
        landed = scene.landed()
        assert [*broken_landings(landed, range(1, ROWS + 1))] == []
        status = scene.status(_results(name))
        assert (status.reconciles, status.counts.imported, status.unattempted) == (True, ROWS, 0)


@pytest.mark.parametrize("name", NAMES)
def test_a_dry_run_says_what_the_server_will_say(tmp_path: Path, name: str) -> None:
    invalid = {3, 50}
    with server(tmp_path) as scene:
        write_source(scene.path(name), ROWS, invalid)
        assert scene.ended("run", name, "--dry-run").code == 1
        assert scene.ended("run", name).code == 1
        rehearsed, real = scene.results(_results(name, "dry-run")), scene.results(_results(name))
        assert [(line["row"], line["success"], line["error"]) for line in rehearsed] == [
            (line["row"], line["success"], line["error"]) for line in real
        ]


@pytest.mark.parametrize("source", ["events.json.gz", "all.zip::in/events.json"])
def test_json_that_is_packed_goes_on_after_a_kill(tmp_path: Path, source: str) -> None:
    with server(tmp_path, "--at", "4=hold") as scene:
        data = write_source(scene.path("events.json"), ROWS).read_bytes()
        scene.path("events.json").unlink()
        if source.endswith(".gz"):
            scene.path(source).write_bytes(gzip.compress(data))
        else:
            with zipfile.ZipFile(scene.path("all.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("in/events.json", data)
                archive.writestr("in/none.json", "[]")
        with scene.start("run", source, "--results", "r.csv") as importer:
            scene.wait_for_fault("hold")
            importer.kill()
        scene.mend()
        assert scene.ended("run", source, "--results", "r.csv", "--resume").code == 0
        assert_whole(scene, ROWS, "r.csv")
