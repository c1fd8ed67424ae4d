"""Where nothing is compiled, the importer does the same: to the byte of its results."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from end_to_end_helpers import Shell
from speedups_helpers import JSON_TEXTS, KEYS, NUMBERS, TEXTS, TIMES, USERS, csv_file, mixpanel_line

SAMPLES = Path(__file__).parent.parent.parent / "samples"
HOOK = '''
import sys

class Missing:
    """Finds nothing that is compiled, as on a machine without a compiler."""

    def find_spec(self, name, path=None, target=None):
        if name.startswith("importer.speedups.") and not name.endswith((".plan", ".event_list")):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
'''


@pytest.fixture
def without(tmp_path: Path) -> Shell:
    """A folder whose commands find nothing compiled."""
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(HOOK)
    folder = tmp_path / "without"
    folder.mkdir()
    return Shell(folder, {"PYTHONPATH": str(hook)})


@pytest.fixture
def compiled(tmp_path: Path) -> Shell:
    folder = tmp_path / "with"
    folder.mkdir()
    return Shell(folder)


def is_compiled(shell: Shell) -> str:
    script = "from importer import speedups; print(speedups.COMPILED)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=shell.environment(),
        cwd=shell.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_one_way_has_it_and_the_other_has_not(without: Shell, compiled: Shell):
    """Else what follows would compare a way with itself."""
    assert (is_compiled(compiled), is_compiled(without)) == ("True", "False")


def hostile_csv() -> bytes:
    chance = random.Random(3)
    times = [each for each in TIMES if not each.startswith(("9999", "0001"))]
    rows = [["event", "time", "user_id", "text", "number", "properties"]]
    for _ in range(4000):
        odd = chance.random() < 0.3
        rows.append(
            [
                "Purchase",
                chance.choice(times) if odd else f"2024-05-01T10:{chance.randrange(60):02}:00Z",
                chance.choice(USERS) if odd else "u1",
                chance.choice(TEXTS) if odd else "text",
                chance.choice(NUMBERS) if odd else str(chance.randrange(10**6) / 100),
                chance.choice(['{"a":1.50,"b":[1e5]}', '{"$os":"x"}', "", '{"a":1,"a":2}', "x"])
                if odd
                else "",
            ]
        )
    return csv_file(rows).encode("utf-8", "surrogateescape")


def hostile_jsonl() -> bytes:
    chance = random.Random(4)
    lines = []
    for n in range(4000):
        key = json.dumps(chance.choice(KEYS), ensure_ascii=False)
        value = chance.choice(JSON_TEXTS) if chance.random() < 0.4 else str(n)
        if "\n" not in value:
            lines.append(mixpanel_line(f'"n":{n},{key}:{value}'))
    return "".join(lines).encode("utf-8", "surrogateescape")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("shop.csv", "--dry-run"),
        ("flat.jsonl", "--dry-run"),
        ("mixpanel.jsonl", "--sandbox"),
        ("hostile.csv", "--sandbox"),
        ("hostile.jsonl", "--dry-run"),
    ],
)
def test_results_are_the_same_without_what_is_compiled(name, how, without: Shell, compiled: Shell):
    content = {"hostile.csv": hostile_csv, "hostile.jsonl": hostile_jsonl}.get(name) or (
        SAMPLES / name
    ).read_bytes
    said, results = [], []
    for shell in (compiled, without):
        shell.write(name, content())
        words = ["--results", f"results-{name}", "--allow-collisions", "--failed-rows", f"failed-{name}"]
        done = shell.type("run", name, how, "--timezone", "Europe/Berlin", *words)
        said.append(done.code)
        results.append({path.name: path.read_bytes() for path in shell.folder.glob(f"*-{name}")})
    assert said[0] == said[1]
    assert results[0] == results[1]
    assert results[0][f"results-{name}"].count(b"\n") > 5
