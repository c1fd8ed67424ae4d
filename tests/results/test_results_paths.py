"""Where results go when nobody says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from importer.results.paths import manifest_path, results_path, retry_path
from importer.source.file_kinds import DATA_ENDINGS


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("events.csv", "events.results.csv"),
        ("in/deep/events.csv", "events.results.csv"),
        ("events.csv.gz", "events.results.csv"),
        ("EVENTS.CSV.GZ", "EVENTS.results.csv"),
        ("events.jsonl.zst", "events.results.csv"),
        ("events.ndjson.bz2", "events.results.csv"),
        ("events.json.xz", "events.results.csv"),
        ("events.tsv", "events.results.csv"),
        ("events.txt", "events.results.csv"),
        ("events.parquet", "events.results.csv"),
        ("events.pq", "events.results.csv"),
        ("events.avro", "events.results.csv"),
        ("events.avro.gz", "events.results.csv"),
        ("events.XLSX", "events.results.csv"),
        ("events.ods", "events.results.csv"),
        ("events.2024.csv", "events.2024.results.csv"),
        ("events.csv.csv", "events.csv.results.csv"),
        ("events", "events.results.csv"),
        ("events.dat", "events.dat.results.csv"),
        (".csv", ".csv.results.csv"),
        (".gz", ".gz.results.csv"),
    ],
)
def test_a_source_names_its_results(source, name):
    assert results_path(Path(source), "real", endings=DATA_ENDINGS) == Path(name)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("real", "events.results.csv"), ("dry-run", "events.dry-run.csv"), ("sandbox", "events.sandbox.csv")],
)
def test_no_kind_of_run_takes_the_place_of_another(kind, name):
    assert results_path(Path("events.csv"), kind, endings=DATA_ENDINGS) == Path(name)


def test_standard_input_has_a_name_too():
    assert results_path(None, "real", endings=DATA_ENDINGS) == Path("stdin.results.csv")


def test_a_folder_may_be_named():
    path = results_path(Path("a/events.csv"), "real", Path("out"), endings=DATA_ENDINGS)
    assert path == Path("out/events.results.csv")


@pytest.mark.parametrize(
    ("results", "retry"),
    [
        ("events.results.csv", "events.results.retry-1.csv"),
        ("events.results.retry-1.csv", "events.results.retry-2.csv"),
        ("a/events.results.retry-9.csv", "a/events.results.retry-10.csv"),
        ("r.jsonl", "r.retry-1.jsonl"),
        ("r", "r.retry-1"),
        ("events.retry-1.results.csv", "events.retry-1.results.retry-1.csv"),
        ("retry-1.csv", "retry-1.retry-1.csv"),
    ],
)
def test_a_retry_counts_on(results, retry):
    assert retry_path(Path(results)) == Path(retry)


def test_a_manifest_lies_beside_its_results():
    assert manifest_path(Path("a/r.csv")) == Path("a/r.csv.run.json")
