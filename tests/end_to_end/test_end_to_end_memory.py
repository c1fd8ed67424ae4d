"""Memory does not grow with the file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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

    done = subprocess.run(
        [sys.executable, "-c", _PEAK, *command(["run", "many.csv", "--dry-run"])],
        cwd=bare.folder,
        env=bare.environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )

    code, peak_kib = map(int, done.stdout.split())
    assert code == 0, done.stderr
    assert f"{ROWS:,} records = {ROWS:,} valid" in done.stderr
    assert peak_kib < 200_000
