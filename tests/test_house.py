"""What holds across the house and that no wing can see by itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import importer
from importer.mixpanel import limits

HEAVY = {"httpx", "pandas", "numpy", "tqdm", "uvicorn", "starlette", "orjson", "portalocker", "tomlkit"}


def test_an_event_for_track_may_be_five_days_old_less_an_hour() -> None:
    assert limits.TRACK_ACCEPTED_AGE_MS == (5 * 24 - 1) * 60 * 60 * 1000


def test_help_loads_nothing_that_only_a_run_needs() -> None:
    script = (
        "import sys\n"
        "sys.argv = ['mixpanel-importer', '--help']\n"
        "from importer.__main__ import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    print('LOADED', *sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split("LOADED", 1)[1].split())
    assert not loaded & HEAVY


def test_the_version_is_said() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "importer", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("mixpanel-importer 0.")
    assert "compile" not in done.stdout


def test_a_missing_compiled_part_is_said_with_the_version(tmp_path: Path) -> None:
    package = Path(importer.__file__).parent
    shutil.copytree(
        package, tmp_path / "importer", ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    )
    done = subprocess.run(
        [sys.executable, "-m", "importer", "--version"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert "compiled part is missing" in done.stdout
