"""Installs the tools that the importer is compared with, by name and version, into a folder of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

NODE = ("mixpanel-import@3.1.43",)
PYTHON = ("mixpanel-utils==2.2.7", "mixpanel==5.4.1")


def install(cache: Path) -> tuple[Path, dict[str, str]]:
    """Install what is not there yet.

    Returns:
        The folder, and for each of ``node`` and ``python`` why it could not be installed, if so.
    """
    folder = cache / "-".join(["peers", *NODE, *PYTHON]).replace("@", "-").replace("==", "-")
    folder.mkdir(parents=True, exist_ok=True)
    venv = folder / "venv"
    steps: dict[str, list[Sequence[str]]] = {
        "node": [("npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), *NODE)],
        "python": [
            (sys.executable, "-m", "venv", str(venv)),
            (str(venv / "bin/pip"), "install", "--quiet", *PYTHON),
        ],
    }
    missing = {}
    for name, commands in steps.items():
        done = folder / f"{name}.installed"
        if not done.exists():
            reason = next(filter(None, map(_failure, commands)), "")
            if reason:
                missing[name] = reason
            else:
                done.touch()
    return folder, missing


def _failure(command: Sequence[str]) -> str:
    """Run a command and return why it failed; empty if it didn't."""
    if shutil.which(command[0]) is None:
        return f"no {command[0]} here"
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if not ended.returncode:
        return ""
    said = ended.stderr.strip().splitlines() or ["it says nothing"]
    return f"{Path(command[0]).name}: {said[-1][:200]}"
