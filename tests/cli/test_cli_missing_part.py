"""Where the compiled part is missing, a command that would be slow says so, once, and how to get it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from end_to_end_helpers import CommandResult, Shell, command

import importer

PACKAGE = Path(importer.__file__).parent
WORDS = "compiled part is missing"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder of sources, as a clone is, in which nothing is compiled."""
    left_out = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "tree/importer", ignore=left_out)
    (tmp_path / "tree/pyproject.toml").touch()
    return tmp_path / "tree"


def typed(folder: Path, *words: str, path: str = "") -> CommandResult:
    """Run a command in a folder, which comes first on Python's path; its coverage is not measured."""
    shell = Shell(folder, {"PYTHONPATH": path} if path else {})
    shell.write("a.csv", "event,user_id,time\nView,u1,1700000000\n")
    environ = {name: value for name, value in shell.environment().items() if not name.startswith("COVERAGE")}
    done = subprocess.run(
        command(words), cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return CommandResult(done.returncode, done.stdout, done.stderr)


def test_a_run_says_it_once_ahead_of_all_else(tree: Path) -> None:
    done = typed(tree, "run", "a.csv", "--dry-run")
    assert done.code == 0
    assert done.err.count(WORDS) == 1
    first, _, rest = done.err.partition("\n")
    assert WORDS in first
    assert str(tree / "importer") in first
    assert rest.startswith("Source")
    assert not done.out


def test_a_preview_and_a_retry_say_it_too(tree: Path) -> None:
    preview = typed(tree, "preview", "a.csv")
    assert WORDS in preview.err
    assert WORDS not in preview.out
    assert WORDS in typed(tree, "retry", "none.results.csv").err


def test_json_on_standard_output_stays_json(tree: Path) -> None:
    done = typed(tree, "run", "a.csv", "--dry-run", "--json")
    assert json.loads(done.out)
    assert WORDS in done.err


@pytest.mark.parametrize(
    "words",
    [
        ("run", "a.csv", "--dry-run", "--quiet"),
        ("run", "--help"),
        ("--help",),
        ("status", "none.results.csv"),
    ],
)
def test_nothing_is_said_where_nobody_waits(tree: Path, words: tuple[str, ...]) -> None:
    done = typed(tree, *words)
    assert WORDS not in done.err + done.out


def test_nothing_is_said_where_it_is_there(tmp_path: Path) -> None:
    assert WORDS not in typed(tmp_path, "run", "a.csv", "--dry-run").err


def test_beside_a_compiled_one_the_folder_is_named(tree: Path) -> None:
    """As in a clone, after `pip install .`."""
    done = typed(tree, "run", "a.csv", "--dry-run", path=os.pathsep.join([str(tree), str(PACKAGE.parent)]))
    assert f"start it from another folder, or type: pip install -e {tree}" in done.err


@pytest.mark.parametrize("is_source_tree", [True, False])
def test_without_a_compiler_that_is_what_is_asked_for(tree: Path, is_source_tree: bool) -> None:
    if not is_source_tree:
        (tree / "pyproject.toml").unlink()
    script = f"import sys; sys.path.append({str(tree)!r}); from importer.speedups import missing_part as m; print(m())"
    done = subprocess.run(
        [sys.executable, "-S", "-c", script], cwd="/", capture_output=True, text=True, check=True
    )
    assert "get a C compiler and Python's headers" in done.stdout
    assert (f"pip install -e {tree}" in done.stdout) == is_source_tree
    assert ("--force-reinstall" in done.stdout) != is_source_tree
