"""Imports of records that are several events die at any moment, and land each event once all the same."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest
from crash_helpers import SECRET, Importer, read_results, server, wait_until

pytestmark = pytest.mark.slow

MAPPING = """explode = "hits"
[fields]
event = "hits.name"
time = "hits.at"
distinct_id = "user"
properties = "hits"
"""
OPTIONS = ("--yes", "--retry-wait", "0.05", "--timeout", "5", "--batch-size", "7")
MOST_STARTS = 30


def write_records(path: Path, chance: random.Random) -> list[tuple[int, int]]:
    """Write records of none, one or many events, some of them broken; return the places of all outcomes."""
    places, lines, n = [], [], 0
    for row in range(1, 61):
        count = chance.choice([0, 1, 1, 3, 5, 40])
        if row % 17 == 0:
            lines.append("{broken")
            places.append((row, 0))
            continue
        hits = []
        for item in range(1, count + 1):
            n += 1
            name = "" if n % 13 == 0 else "Hit"
            hits.append({"name": name, "at": 1_709_287_200 + n, "n": n})
            places.append((row, item))
        if not hits:
            places.append((row, 1))
        lines.append(json.dumps({"user": f"u{row % 5}", "hits": hits}))
    path.write_text("\n".join(lines) + "\n")
    return places


def run_until_it_ends(folder: Path, words: list[str], chance: random.Random, results: Path) -> int:
    """Kill a command at random moments and resume it, until it ends by itself; return how often it died."""
    kills = 0
    for _ in range(MOST_STARTS):
        resume = ["--resume"] if results.exists() else []
        with Importer(folder, [*words, *resume]) as importer:
            size = results.stat().st_size if results.exists() else 0
            if kills < 6:
                wait_until(
                    lambda: not importer.running or (results.exists() and results.stat().st_size > size),  # noqa: B023
                    "something is in the results",
                )
                time.sleep(chance.random() * 0.05)
            if kills < 6 and importer.running:
                importer.process.kill()
                importer.ended()
                kills += 1
                if results.exists() and chance.random() < 0.5:
                    torn = results.read_bytes()
                    results.write_bytes(torn[: len(torn) - chance.randrange(min(90, len(torn)))])
                continue
            ended = importer.ended()
            assert ended.code in (0, 1), ended.said
            return kills
    raise AssertionError("it never came to its end")


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_import_of_several_events_a_record_lands_each_once(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    places = write_records(tmp_path / "a.jsonl", chance)
    (tmp_path / "m.toml").write_text(MAPPING)
    shares = "reset_after=0.05,cut=0.03,503=0.05,slow=0.6"
    with server(tmp_path, "--seed", str(seed), "--share", shares, "--delay", "0.05") as scene:
        common = ["--base-url", scene.url, *OPTIONS]
        results = tmp_path / "a.results.csv"
        words = ["run", "a.jsonl", "--mapping", "m.toml", *common, "--failed-rows", "bad.jsonl"]
        kills = run_until_it_ends(tmp_path, words, chance, results)
        rows = read_results(results)
        assert [(int(row["row"]), int(row["item"])) for row in rows] == places
        assert kills > 0

        copy = tmp_path / "bad.jsonl"
        copy.write_text(copy.read_text().replace('"name": ""', '"name": "Mended"').replace("{broken", "{}"))
        mended = tmp_path / "bad.results.csv"
        words = ["run", "bad.jsonl", "--mapping", "bad.jsonl.toml", *common]
        run_until_it_ends(tmp_path, words, chance, mended)
        numbers = sorted(landed["n"] for landed in scene.landed())
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) == sum(item > 0 for _, item in places) - sum(
        row["status"] == "skipped" for row in rows
    )
    assert SECRET not in results.read_text()
