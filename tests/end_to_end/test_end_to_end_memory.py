"""Memory does not grow with the file."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from end_to_end_helpers import Shell, command

ROWS = 1_000_000
_PEAK = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], check=False).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def write_many(path: Path, rows: int) -> None:
    """Write a CSV of so many different records, no two with the same user, time and number."""
    with path.open("w", encoding="ascii") as file:
        file.write("event,user_id,time,n,price,member,note\n")
        for n in range(rows):
            file.write(
                f"Event {n % 20},user-{n % 50_021},{1_700_000_000 + n},{n},{n % 997}.25,{n % 2 == 0},note {n}\n"
            )


@pytest.mark.slow
def test_a_file_of_a_million_records_is_checked_in_less_than_200_megabytes(bare: Shell) -> None:
    write_many(bare.folder / "many.csv", ROWS)

    code, peak_kib, said = measured(bare, ["run", "many.csv", "--dry-run"])

    assert code == 0, said
    assert f"{ROWS:,} records = {ROWS:,} valid" in said
    assert peak_kib < 200_000


LONG = 200_000
RECORDS = 300


def long_text(n: int) -> str:
    return f"{n:06}" + "x" * LONG


RECORDS_OF: dict[str, Callable[[int], dict[str, Any]]] = {
    "names": lambda n: {"event": long_text(n), "distinct_id": "u"},
    "names of odd kinds": lambda n: {"event": " " + long_text(n), "distinct_id": "u"},
    "users": lambda n: {"event": "e", "distinct_id": long_text(n)},
    "keys": lambda n: {"event": "e", "distinct_id": "u", long_text(n): 1},
    "keys of Mixpanel's": lambda n: {"event": "e", "distinct_id": "u", "$" + long_text(n): 1},
    "addresses": lambda n: {"event": "e", "distinct_id": "u", "ip": long_text(n)},
    "values": lambda n: {"event": "e", "distinct_id": "u", "note": long_text(n)},
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("names", "--sandbox"),
        *(pytest.param(name, "--dry-run", marks=pytest.mark.slow) for name in RECORDS_OF if name != "names"),
    ],
)
def test_texts_as_long_as_records_are_not_kept(bare: Shell, name: str, kind: str) -> None:
    """Caches are bounded by bytes: 60 megabytes of different texts, of which each was kept several times."""
    with (bare.folder / "long.jsonl").open("w", encoding="ascii") as file:
        for n in range(RECORDS):
            file.write(json.dumps({"time": 1_700_000_000 + n, **RECORDS_OF[name](n)}) + "\n")

    code, peak_kib, said = measured(bare, ["run", "long.jsonl", kind, "-q"])

    assert code == 0, said
    assert peak_kib < 200_000


def measured(shell: Shell, words: Sequence[str]) -> tuple[int, int, str]:
    """Run a command; return its exit code, the most memory that it had, in KiB, and what it said."""
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, *command(words)],
        cwd=shell.folder,
        env=shell.environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    code, peak_kib = map(int, done.stdout.split()[-2:])
    return code, peak_kib, done.stderr
