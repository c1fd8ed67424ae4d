"""What a power cut may take of the results of a set: `status` tells the truth, and a resume goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from end_to_end_helpers import Shell

HEADER = "event,time,distinct_id,$insert_id,amount\n"
COMMAND = ("run", "export", "--workers", "1", "--yes", "--results", "r")


@pytest.fixture
def finished(shell: Shell) -> Path:
    """The results of a set of three sources, as a run leaves them that was killed before its end."""
    for at in range(1, 4):
        path = shell.folder / f"export/{at}.csv"
        path.parent.mkdir(exist_ok=True)
        rows = [f"Buy,{1_700_000_000 + row},u{row},id-{at}-{row},{row}\n" for row in range(4)]
        path.write_text(HEADER + "".join(rows))
    assert shell.type(*COMMAND).code == 0
    folder = shell.folder / "r"
    whole = folder / "set.run.json"
    manifest = json.loads(whole.read_text())
    assert manifest["scope"] == 12
    whole.write_text(json.dumps({**manifest, "ended": None, "counts": {}, "unattempted": None}))
    return folder


@pytest.mark.parametrize("left", [b"", b"\0" * 40, None], ids=["empty", "zeros", "none"])
def test_the_manifest_of_a_source_that_was_lost_is_written_again(
    shell: Shell, finished: Path, left: bytes | None
) -> None:
    lost, kept = finished / "2.csv.csv.run.json", finished / "1.csv.csv.run.json"
    before, of_another = json.loads(lost.read_text()), kept.stat().st_mtime_ns
    if left is None:
        lost.unlink()
    else:
        lost.write_bytes(left)
    done = shell.type("status", "r")
    assert "12 imported" in done.out
    assert "wrong" not in done.out.lower()
    assert "4 imported + 0 unattempted  (adds up)" in shell.type("status", "r/2.csv.csv").out
    assert shell.type(*COMMAND, "--resume").code == 0
    after = json.loads(lost.read_text())
    for name in ("ended", "started", "settings"):
        before.pop(name)
        after.pop(name)
    assert after == before
    assert kept.stat().st_mtime_ns == of_another
    assert shell.type("status", "r").code == 0


def test_results_that_were_lost_with_their_manifest_are_made_again(shell: Shell, finished: Path) -> None:
    (finished / "2.csv.csv.run.json").unlink()
    (finished / "2.csv.csv").write_bytes(b"")
    (finished / "3.csv.csv.run.json").write_bytes(b"")
    (finished / "3.csv.csv").write_bytes((finished / "3.csv.csv").read_bytes()[:-30] + b"\0" * 30)
    done = shell.type("status", "r")
    assert "7 imported · 5 unattempted" in done.out
    assert shell.type(*COMMAND, "--resume").code == 0
    assert "12 imported + 0 unattempted" in shell.type("status", "r").out
    assert all(len(path.read_text().splitlines()) == 5 for path in finished.glob("*.csv"))
