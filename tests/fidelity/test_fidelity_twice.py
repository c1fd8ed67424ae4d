"""The same facts sent again change nothing at the server, whatever the second file looks like."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fidelity_helpers import Json, as_text, exactly, imported, written

from importer.events.declared_reading import DeclaredReading
from importer.sandbox.server import Sandbox
from importer.sandbox.settings import SandboxSettings

SAMPLES = Path(__file__).parent.parent.parent / "samples"
SOURCES = ("shop.csv", "flat.jsonl", "mixpanel.jsonl")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxSettings()) as running:
        yield running


class Server:
    """A sandbox, and how often it was imported into."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self.folder, self.runs = sandbox, folder, 0

    def takes(self, path: Path, **declared: Any) -> dict[str, str]:
        """Import a file, and return all that there is then: events by what tells them apart."""
        self.runs += 1
        results = self.folder / f"results-{self.runs}.csv"
        report = imported(path, self.sandbox, results, DeclaredReading(**declared))
        assert report.error is None
        counts = report.manifest.counts
        assert counts is not None
        assert counts.unsuccessful == 0, results.read_text()
        return {
            key_of(event): as_text(exactly(event)) for event in map(json.loads, self.sandbox.store.bodies())
        }

    @property
    def ingested(self) -> int:
        return self.sandbox.store.raw_count()


def key_of(event: Json) -> str:
    """What Mixpanel deduplicates by."""
    own = event["properties"]
    return json.dumps([event["event"], own["time"], own["distinct_id"], own["$insert_id"]])


@pytest.fixture
def server(sandbox: Sandbox, tmp_path: Path) -> Server:
    return Server(sandbox, tmp_path)


def reordered(path: Path) -> bytes:
    """A file with its columns, or the keys of its objects, the other way round."""
    text = path.read_text("utf-8")
    if path.suffix == ".csv":
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=";", quoting=csv.QUOTE_ALL).writerows(
            row[::-1] for row in csv.reader(io.StringIO(text, newline=""))
        )
        return out.getvalue().encode()
    return "".join(json.dumps(backwards(json.loads(line))) + "\n" for line in text.splitlines()).encode()


def backwards(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: backwards(item) for key, item in reversed(value.items())}
    return list(map(backwards, value)) if isinstance(value, list) else value


@pytest.mark.parametrize("name", SOURCES)
def test_the_same_file_twice_changes_nothing(server: Server, name: str):
    first = server.takes(SAMPLES / name)
    count = server.ingested
    assert server.takes(SAMPLES / name) == first
    assert server.ingested == 2 * count


@pytest.mark.parametrize("name", SOURCES)
def test_a_file_in_another_order_changes_nothing(server: Server, tmp_path: Path, name: str):
    first = server.takes(SAMPLES / name)
    assert server.takes(written(tmp_path, reordered(SAMPLES / name), name)) == first


@pytest.mark.parametrize("name", SOURCES)
def test_records_in_another_order_change_nothing(server: Server, tmp_path: Path, name: str):
    first = server.takes(SAMPLES / name)
    path = SAMPLES / name
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
        out = io.StringIO(newline="")
        csv.writer(out).writerows([header, *reversed(rows)])
        content = out.getvalue().encode()
    else:
        content = b"\n".join(reversed(path.read_bytes().splitlines()))
    assert server.takes(written(tmp_path, content, name)) == first


@pytest.mark.parametrize("name", SOURCES)
def test_a_tag_changes_no_id(server: Server, name: str):
    first = server.takes(SAMPLES / name)
    tagged = server.takes(SAMPLES / name, tag="a backfill")
    assert tagged.keys() == first.keys()
    assert all(
        json.loads(body)["properties"]["import_tag"] == ["str", "a backfill"] for body in tagged.values()
    )
    assert server.takes(SAMPLES / name, tag="another").keys() == first.keys()


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_said_of_places_changes_no_id(server: Server, name: str):
    first = server.takes(SAMPLES / name, geoip="off")
    again = server.takes(SAMPLES / name, geoip="request")
    assert again.keys() == first.keys()
    without = [body for body in again.values() if "ip" not in json.loads(body)["properties"]]
    assert (len(without) > 0) == any(json.loads(body)["properties"]["ip"] == "0" for body in first.values())


def test_a_compressed_file_of_another_name_changes_nothing(server: Server, tmp_path: Path):
    import gzip

    first = server.takes(SAMPLES / "shop.csv")
    path = written(tmp_path, gzip.compress((SAMPLES / "shop.csv").read_bytes()), "export-2024.gz")
    assert server.takes(path) == first


def test_hashes_of_rows_keep_files_of_other_names_apart(server: Server, tmp_path: Path):
    rows = b"event,time,user\n" + b"Click,2024-05-01T10:00:00Z,u\n" * 3
    one, other = written(tmp_path, rows, "one.csv"), written(tmp_path, rows, "other.csv")
    assert len(server.takes(one)) == 1
    assert len(server.takes(one, insert_id="row")) == 1 + 3
    assert len(server.takes(one, insert_id="row")) == 1 + 3
    assert len(server.takes(other, insert_id="row")) == 1 + 3 + 3
