"""The benchmarks: their data, what they refuse to measure, what counts as a run, and what is quoted of them."""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from end_to_end_helpers import read_results

import importer

sys.path.insert(0, str(Path(__file__).parent.parent / "bench"))

import contestants
import data
import quota
import report
import runs
import same
import server as counting_server
import speed
import tables
from measure import Usage

from importer.delivery.quota import Cap

ROOT = contestants.ROOT
ROWS = 300
SHUFFLED = [name for name in data.DATA if name.endswith("-shuffled")]


def lines(name: str, rows: int = ROWS) -> list[str]:
    return data.lines_of(name, rows, 0)


def records(name: str) -> list[dict[str, str]]:
    text = data.DATA[name].header + "".join(lines(name))
    return list(csv.DictReader(io.StringIO(text, newline="")))


# ── data ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["csv", "columns-60", "nested"])
def test_the_same_rows_are_made_each_time(name: str) -> None:
    first = lines(name)
    data._columns.cache_clear()
    tables.usual_values.cache_clear()
    assert lines(name) == first
    assert len(first) == ROWS


def test_chunks_differ() -> None:
    assert data.lines_of("csv", 3 * data.CHUNK, 0) != data.lines_of("csv", 3 * data.CHUNK, data.CHUNK)


@pytest.mark.parametrize("name", SHUFFLED)
def test_shuffled_rows_are_the_same_but_for_their_times(name: str) -> None:
    time = re.compile(r'("time":"?|\b)(\d{4}-\d\d-\d\dT[\d:.]+([+-]\d\d:\d\d)?|1[67]\d{8}(\d{3})?)\b')
    shuffled, in_order = lines(name), lines(name.removesuffix("-shuffled"))
    times = [time.search(line)[2] for line in shuffled]
    assert [time.sub("", line, count=1) for line in shuffled] == [
        time.sub("", line, count=1) for line in in_order
    ]
    assert times != sorted(times)
    assert times != [time.search(line)[2] for line in in_order]


def test_shuffled_times_are_of_three_years_and_five_offsets() -> None:
    times = [record["time"] for record in records("csv-shuffled")]
    assert len({time[-6:] for time in times}) == 5
    assert {time[:4] for time in times} >= {"2023", "2024", "2025"}


def test_the_usual_formats_hold_the_same_events() -> None:
    cells = records("csv")
    flat, shape = ([json.loads(line) for line in lines(name)] for name in ("flat", "shape"))
    for cell, one, other in zip(cells, flat, shape, strict=True):
        properties = other["properties"]
        moment = datetime.fromisoformat(cell["time"])
        assert cell["event"] == one["event"] == other["event"]
        assert cell["user_id"] == one["user_id"] == properties["distinct_id"]
        assert cell["time"] == one["time"]
        assert int(moment.timestamp()) == properties["time"]
        assert cell["comment"] == (one["comment"] or "") == properties.get("comment", "")
        assert cell["order_id"] == (one["order_id"] or "") == properties.get("order_id", "")
        assert json.loads(cell["properties"]).items() <= one.items()
        assert json.loads(cell["properties"]).items() <= properties.items()
    assert len({line["properties"]["$insert_id"] for line in shape}) == ROWS


def test_no_time_without_an_offset_means_two_or_none() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    hour = 3_600_000
    for begin in (datetime(2024, 10, 26, 22, tzinfo=UTC), datetime(2025, 3, 29, 22, tzinfo=UTC)):
        first = int(begin.timestamp()) * 1000
        for ms in range(first, first + 8 * hour, hour // 4):
            local = datetime.fromisoformat(tables.naive(ms, 0)).replace(tzinfo=berlin)
            assert local.utcoffset() == local.replace(fold=1).utcoffset()
            assert local.astimezone(UTC).astimezone(berlin).replace(tzinfo=None) == local.replace(tzinfo=None)


def test_a_set_of_several_files_holds_every_row_once(tmp_path: Path) -> None:
    data.make(tmp_path, ROWS, ["csv", "files-24"])
    whole = data.files_of(tmp_path, "csv")[0].read_text("utf-8").partition("\n")[2]
    parts = [path.read_text("utf-8").partition("\n") for path in data.files_of(tmp_path, "files-24")]
    assert len(parts) == 24
    assert {head + "\n" for head, _, _ in parts} == {data.DATA["csv"].header}
    assert "".join(rest for _, _, rest in parts) == whole


@pytest.mark.slow
@pytest.mark.parametrize("name", data.DATA)
def test_the_importer_takes_as_many_records_as_the_generator_says(name: str, tmp_path: Path) -> None:
    data.make(tmp_path / "data", ROWS, [name])
    contestant = next(each for each in contestants.ALL if each.data == name and each.kind == "importer")
    options = contestants._OPTIONS.get(contestant.key, ())
    files = data.files_of(tmp_path / "data", name)
    if len(files) > 1:
        options = (*options, "--results", "set.dry-run")
    done = subprocess.run(
        [sys.executable, "-m", "importer", "run", "--dry-run", *files, *options],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    valid = data.DATA[name].valid_rows(ROWS)
    assert done.returncode == int(valid < ROWS), done.stderr
    paths = [*tmp_path.glob("*.dry-run.csv"), *tmp_path.glob("*.dry-run/*.csv")]
    results = [row for path in paths for row in read_results(path)]
    assert len(results) == ROWS
    assert sum(row["status"] == "valid" for row in results) == valid
    if "note on every record" in data.DATA[name].title:
        assert all(row["note"] for row in results)


# ── what is measured ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def uncompiled(tmp_path: Path) -> Path:
    """A tree of sources without the compiled part."""
    left_out = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(Path(importer.__file__).parent, tmp_path / "tree/importer", ignore=left_out)
    (tmp_path / "tree/pyproject.toml").touch()
    return tmp_path / "tree"


def test_an_importer_without_its_compiled_part_is_refused(uncompiled: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "bench/speed.py", "--only", "help", "--tree", uncompiled, "--folder", tmp_path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "no compiled part" in done.stderr
    assert f"pip install --editable {uncompiled}" in done.stderr
    assert "--without-compiled" in done.stderr


def test_with_consent_it_is_measured_and_each_row_says_so(uncompiled: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable, ROOT / "bench/speed.py", "--only", "help", "--tree", uncompiled, "--runs", "1",
            "--folder", tmp_path / "cache", "--without-compiled",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "| --help (not compiled) | **" in done.stdout


def test_the_row_without_the_compiled_part_is_measured_without_it(tmp_path: Path) -> None:
    tree = contestants.Tree.at(ROOT)
    asked = "from importer.speedups import COMPILED; print(COMPILED)"
    row = next(each for each in contestants.ALL if not each.compiled)
    done = subprocess.run(
        [sys.executable, "-c", asked], env=contestants.environment(row, tree, "", tmp_path, tmp_path),
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "False\n"


def test_this_tree_is_measured_by_this_interpreter() -> None:
    given = argparse.Namespace(tree=contestants.ROOT, against=None, without_compiled=False)
    assert [tree.python for tree in speed.trees_of(given)] == [sys.executable]


def test_every_contestant_has_a_floor_and_every_set_of_data_a_row() -> None:
    keys = [each.key for each in contestants.ALL]
    assert len(keys) == len(set(keys))
    assert {each.floor for each in contestants.ALL} <= set(keys)
    assert {each.like for each in contestants.ALL} - {""} <= set(keys)
    assert {each.data for each in contestants.ALL} == set(data.DATA)


@pytest.mark.parametrize(
    ("key", "code", "events", "results", "problem"),
    [
        ("csv", 0, 10, 10, ""),
        ("csv", 0, 9, 10, "9 of 10 events arrived"),
        ("csv", 0, 10, 9, "9 results of 10 rows"),
        ("csv", 1, 10, 10, "exit 1: the last words"),
        ("invalid-20", 1, 8, 10, ""),
        ("invalid-20", 0, 8, 10, "exit 0: the last words"),
        ("invalid-20", 1, 10, 10, "10 of 8 events arrived"),
    ],
)
def test_a_run_counts_only_if_all_arrived_and_is_written(key, code, events, results, problem, tmp_path: Path):
    (tmp_path / "output.txt").write_text("words\nthe last words\n")
    (tmp_path / "x.results.csv").write_text("row,note\n" + '1,"two\nlines"\n' * results)
    contestant = next(each for each in contestants.ALL if each.key == key)
    assert runs._problem(contestant, Usage(1, 1, 1, code), 10, events, tmp_path) == problem


# ── reports ──────────────────────────────────────────────────────────────────────────────────────


def entries() -> list[report.Entry]:
    by_key = {each.key: each for each in contestants.ALL}

    def entry(key: str, *cpus: float, problem: str = "") -> report.Entry:
        figures = report.Figures(cpus, cpus, (120.0,), (0.1,), 0.1)
        return report.Entry(by_key[key], 1_000_000, figures, problem)

    return [
        entry("floor", 0.5, 1.0, 2.0),
        entry("csv", 1.6, 3.1, 6.4),
        entry("flat", 9.0, 18.0, 36.0),
        entry("shape", 1.0, 1.0, 1.0, problem="1 of 2 events arrived"),
        entry("floor-long", 1.0, 1.0, 1.0),
        entry("long", 6.2, 6.2, 6.2),
        entry("without", 10.0, 20.0, 40.0),
        entry("help", 0.07, 0.08, 0.09),
    ]


def row_of(title: str, text: str) -> list[str]:
    return next(
        cells for line in text.splitlines() if (cells := cells_of(line)) and cells[0].startswith(title)
    )


def cells_of(line: str) -> list[str]:
    return [cell.strip(" *") for cell in line.strip("|").split("|")] if line.startswith("|") else []


def test_ratios_are_those_of_the_same_round() -> None:
    text = report.render(entries(), [], [], [])
    assert row_of("CSV, types inferred", text)[2:7] == ["3.20", "(3.10 to 3.20)", "6", "4", "aim"]
    assert row_of("flat JSONL", text)[2:7] == ["18", "(18 to 18)", "4.50", "3", "MISSED"]
    assert row_of("Mixpanel's shape", text)[2] == "FAILED: 1 of 2 events arrived"


def test_other_data_is_compared_with_the_usual() -> None:
    text = report.render(entries(), [], [], [])
    assert row_of("CSV, long rows", text)[1:4] == ["6.20", "(6.20 to 6.20)", "1.94"]
    assert row_of("CSV, types inferred, without", text)[1:4] == ["20", "(20 to 20)", "6.25"]
    assert "Furthest from the usual data: CSV, long rows, 1 kB, 1.94 times." in text
    assert "120 MB (must 130, aim 100: must)" in text


def test_two_trees_are_compared_round_by_round() -> None:
    mine = entries()
    theirs = [each._replace(figures=each.figures._replace(cpus=(3.2, 6.2, 12.8))) for each in mine]
    text = report.compare(mine, theirs, ["this", "that"])
    found = next(line for line in text.splitlines() if line.startswith("csv"))
    assert re.findall(r"(\d\.\d\d) \(", found) == ["3.20", "6.40", "0.50"]


def test_a_rate_is_that_of_the_second_half_and_is_reached_when_a_second_has_nine_tenths_of_it() -> None:
    slow = report.Latency(0.1, 1, 1.0, (0, 10, 20, 50, *[100] * 12, 30), "")
    assert slow.reached == 400
    assert slow.after == 1.0


# ── what documents quote ─────────────────────────────────────────────────────────────────────────

_QUOTE = re.compile(r"<!-- figures: (.+?) -->\n(.*?)\n<!-- end -->", re.DOTALL)
_FIGURE = re.compile(r"\d+(?:\.\d+)?")
_SPEED = re.compile(r"\d[\d.,]* (?:CPU )?(?:CPU s\b|CPU seconds|MB\b|times (?:the|as|slower))")


def wrong_figures(text: str, results: str) -> list[str]:
    """The figures that a text quotes and the row that it names has not."""
    return [
        figure
        for title, quote in _QUOTE.findall(text)
        for figure in _FIGURE.findall(quote)
        if figure not in row_of(title, results)
    ]


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md"])
def test_figures_of_speed_are_quoted_from_the_results(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert not wrong_figures(text, (ROOT / "bench/RESULTS.md").read_text("utf-8"))
    assert not _SPEED.findall(_QUOTE.sub("", re.sub(r"```.*?```", "", text, flags=re.DOTALL)))


def test_the_readme_quotes_figures() -> None:
    usual, _without = _QUOTE.findall((ROOT / "README.md").read_text("utf-8"))
    assert len(_FIGURE.findall(usual[1])) >= 4
    assert _SPEED.search(usual[1])


def test_a_full_run_writes_what_the_readme_quotes(tmp_path: Path) -> None:
    copy = tmp_path / "README.md"
    shutil.copy(ROOT / "README.md", copy)
    before = copy.read_text("utf-8")
    report.quote_into(copy, entries())
    text = copy.read_text("utf-8")
    assert "costs 3.20 times the CPU" in text
    assert "takes 6.25 times as long" in " ".join(text.split())
    results = report.render(entries(), [], [], [])
    assert not wrong_figures(text, results)
    assert wrong_figures(text.replace("3.20", "3.33"), results) == ["3.33"]
    assert _QUOTE.sub("", text) == _QUOTE.sub("", before)


# ── the same bytes ───────────────────────────────────────────────────────────────────────────────


def test_each_kind_of_data_can_be_compared() -> None:
    assert same._IMPORTS.keys() == data.DATA.keys()


def test_columns_of_one_tree_alone_are_cut_out_of_results(tmp_path: Path) -> None:
    old, new = tmp_path / "old/a.csv", tmp_path / "new/a.csv"
    for path in (old, new):
        path.parent.mkdir()
    old.write_bytes(b'row,note\n1,"a ""b"", c\nd"\n2,\n')
    new.write_bytes(b'row,time,note,late\n1,12,"a ""b"", c\nd","x,\ny"\n2,,,\n')
    assert same.hash_of([old], {b"time", b"late"}) == same.hash_of([new], {b"time", b"late"})
    new.write_bytes(b'row,time,note,late\n1,12,"a ""b"", c\nd","x,\ny"\n2,,"",\n')  # two quotes more
    assert same.hash_of([old], {b"time", b"late"}) != same.hash_of([new], {b"time", b"late"})


# ── the quota ────────────────────────────────────────────────────────────────────────────────────


def test_processes_that_share_a_quota_keep_to_it_and_none_starves() -> None:
    """In two seconds a burst goes out, and what fills the bucket meanwhile: 0.6 and 1.92 seconds' events."""
    for _ in range(4):  # a busy machine may hold one of them up for most of the time
        found = quota.measure_quota(2, Cap(400), seconds=2.0, batch_size=20)  # slow enough for any machine
        assert found.refused == 0
        assert found.reached < 1.4
        if found.reached > 0.7 and found.least > 0.4:
            return
    pytest.fail(f"one of them starves, or both do: {found}")


def test_a_rolling_cap_refuses_what_is_beyond_it_and_does_not_count_that() -> None:
    clock = iter([0.0, 1.0, 2.0, 9.9, 10.0, 10.5])
    cap = counting_server.RollingCap(100, 10, lambda: next(clock))
    assert [cap.admits(events) for events in (60, 41, 40, 1, 60, 1)] == [
        True,
        False,
        True,
        False,
        True,
        False,
    ]
