"""Records that are equal to an earlier one are counted, and the first of them named."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import resource
import subprocess
import sys
from array import array
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importer import speedups
from importer.model import Record
from importer.profile.copies import Copies, CopyCounter, copies_remedy
from importer.profile.copy_observer import CopyObserver, copies_attention
from importer.profile.hashing import HashSet, HashSetInPython
from importer.profile.observers import ColumnarChunk
from importer.profile.scan import PassProgress, profile_source
from importer.progress import NullProgress
from importer.reading import AttentionRow, Dialect, Reading

CSV = Reading(
    Dialect("csv"), ("event", "time", "user"), {"event": "event", "time": "time", "distinct_id": "user"}
)
JSONL = replace(CSV, dialect=Dialect("jsonl"))
RECORDS = [["A", "2024-05-01", f"u{n}"] for n in range(600)]


def counted(numbers: Sequence[int], known: HashSet | None = None, folder: Path | None = None) -> Copies:
    with CopyCounter(folder, known) as counter:
        for start in range(0, len(numbers), 500):
            part = numbers[start : start + 500]
            counter.add(array("Q", part).tobytes(), lambda place, start=start: start + place + 1, "a")
        return counter.result()


def expected(numbers: Sequence[int]) -> Copies:
    seen: set[int] = set()
    rows = [row for row, number in enumerate(numbers, 1) if number in seen or seen.add(number)]  # type: ignore[func-returns-value]
    return Copies(len(numbers), len(rows), tuple(AttentionRow("a", row) for row in rows[:5]))


@settings(deadline=None)
@given(st.lists(st.integers(1, 40)), st.integers(1, 30))
def test_copies_are_counted_whether_they_fit_in_the_set_or_not(numbers: list[int], room: int) -> None:
    assert counted(numbers) == counted(numbers, HashSetInPython(room)) == expected(numbers)


def test_copies_are_counted_over_temporary_files(tmp_path: Path) -> None:
    chance = random.Random(8)
    numbers = [chance.randrange(1, 500_000) for _ in range(600_000)]
    assert counted(numbers, speedups.SeenHashes(1 << 12), tmp_path) == expected(numbers)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_stops_nothing_but_the_count(tmp_path: Path) -> None:
    script = (
        "import resource\n"
        "from array import array\n"
        "from importer.profile.copies import CopyCounter\n"
        "from importer.profile.hashing import HashSetInPython\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "with CopyCounter(None, HashSetInPython(3)) as counter:\n"
        "    for _ in range(2):\n"
        "        counter.add(array('Q', range(1, 300_001)).tobytes(), lambda place: place, 'a')\n"
        "    found = counter.result()\n"
        "print(found.records, found.count, found.complete)\n"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == "600000 3 False\n"


# ── in the pass over a source ────────────────────────────────────────────────────────────────────


def found_in(reading: Reading, *paths: Path) -> list[tuple[int, list[tuple[str, int]], str]]:
    with CopyCounter() as counter:
        observer = CopyObserver(reading, counter)
        for path in paths:
            profile_source(path, reading, [observer], PassProgress(NullProgress()), path.name)
        observer.finish()
        return [
            (each.count, [(row.source, row.row) for row in each.rows], each.remedy)
            for each in copies_attention(counter.result(), reading)
        ]


def csv_file(path: Path, records: Sequence[Sequence[str]], **options: Any) -> Path:
    text = io.StringIO(newline="")
    writer = csv.writer(text, **options)
    writer.writerow(CSV.columns)
    writer.writerows(records)
    path.write_text(text.getvalue(), "utf-8", newline="")
    return path


@pytest.mark.parametrize("options", [{}, {"lineterminator": "\n"}, {"quoting": csv.QUOTE_ALL}])
def test_equal_records_of_csv_are_found(tmp_path: Path, options: dict[str, Any]) -> None:
    records = [
        ['say "hi"', "a,b", "two\nlines"],
        *RECORDS,
        ["A", "2024-05-01", "u0"],
        ['say "hi"', "a,b", "two\nlines"],
    ]
    path = csv_file(tmp_path / "a.csv", records, **options)
    assert found_in(CSV, path) == [(2, [("a.csv", 602), ("a.csv", 603)], "--insert-id row")]


def test_equal_records_are_found_where_some_can_not_be_read_at_once(tmp_path: Path) -> None:
    # A broken record sends the rest of its block the slow path.
    records = [*RECORDS, ["too", "few"], *RECORDS[:3], ["a,b", 'c"d', "e\nf"], ["x"], ["a,b", 'c"d', "e\nf"]]
    path = csv_file(tmp_path / "a.csv", records)
    rows = [("a.csv", row) for row in (602, 603, 604, 607)]
    assert found_in(CSV, path) == [(4, rows, "--insert-id row")]


def test_records_of_other_cells_are_no_copies(tmp_path: Path) -> None:
    records = [
        ["a,b", "c", "d"],
        ["a", "b,c", "d"],
        ["a", "b", "c,d"],
        ["a", "b", "c"],
        ["a", "b", ""],
        ["", "a", "b"],
    ]
    assert found_in(CSV, csv_file(tmp_path / "a.csv", records)) == []


def test_equal_records_of_two_files_are_found(tmp_path: Path) -> None:
    one = csv_file(tmp_path / "one.csv", RECORDS[:3])
    two = csv_file(tmp_path / "two.csv", RECORDS[2:4])
    assert found_in(CSV, one, two) == [(1, [("two.csv", 1)], "--insert-id row")]


@pytest.mark.parametrize(
    "write",
    [
        json.dumps,
        partial(json.dumps, ensure_ascii=False),
        partial(json.dumps, separators=(",", ":")),
        partial(json.dumps, separators=(",", ":"), ensure_ascii=False),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_equal_records_of_json_are_found_from_the_first_line_on(
    tmp_path: Path, write: Any, packed: bool
) -> None:
    lines = [write({"event": "é", "time": 1_714_521_600 + n, "user": f"u{n}", "n": 1.5}) for n in range(900)]
    lines += [lines[0], "broken", lines[450], "broken"]
    data = "\n".join(lines).encode()
    path = tmp_path / "a.jsonl"
    path.write_bytes(gzip.compress(data) if packed else data)
    reading = replace(JSONL, dialect=Dialect("jsonl", "gzip" if packed else ""))
    assert found_in(reading, path) == [(2, [("a.jsonl", 901), ("a.jsonl", 903)], "--insert-id row")]


def test_a_record_that_can_not_be_written_again_is_left_out() -> None:
    deep: list[Any] = []
    for _ in range(900):
        deep = [deep]
    items = [Record(row, row, {"a": value}) for row, value in enumerate([deep, 1, deep, 1], 1)]
    with CopyCounter() as counter:
        observer = CopyObserver(JSONL, counter)
        observer.observe(ColumnarChunk(items, has_cells=False, source="a"))
        observer.finish()
        (found,) = copies_attention(counter.result(), JSONL)
    assert (found.count, found.rows) == (1, (AttentionRow("a", 4),))
    assert found.text.startswith("1 of 2 records")


# ── what helps ───────────────────────────────────────────────────────────────────────────────────


def test_copies_that_are_kept_apart_are_not_looked_for(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "a.csv", RECORDS[:1] * 3)
    assert found_in(replace(CSV, insert_id="row"), path) == []
    with_ids = replace(CSV, insert_id="row", fields={**CSV.fields, "insert_id": "user"})
    assert found_in(with_ids, path)[0][0] == 2


@pytest.mark.parametrize(
    ("reading", "remedy"),
    [
        (CSV, "--insert-id row"),
        (replace(CSV, fields={**CSV.fields, "insert_id": "id"}), "--map insert_id= --insert-id row"),
        (replace(JSONL, fields={**CSV.fields, "insert_id": "id"}), "--map insert_id= --insert-id row"),
        (replace(JSONL, fields={**CSV.fields, "insert_id": "properties.$insert_id"}), ""),
        (replace(CSV, constants={"insert_id": "x"}), ""),
    ],
)
def test_the_remedy_is_what_keeps_copies_apart(reading: Reading, remedy: str) -> None:
    assert copies_remedy(reading) == remedy
