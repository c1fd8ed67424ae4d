"""What holds across the house and that no wing can see by itself."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import house
import pytest

import importer

HEAVY = {
    "httpx",
    "pandas",
    "numpy",
    "tqdm",
    "uvicorn",
    "starlette",
    "orjson",
    "tomlkit",
    "pydantic",
    "lark",
}

MOST_LOOSE_MODULES = 10
LONGEST_CHAIN = 12
LONGEST_FUNCTION = 60
LONGEST_MODULE = 420

WINGS = ("source", "events", "delivery", "results", "sandbox", "profile", "pipeline", "cli", "mixpanel")
"""Packages whose ``__init__`` holds a docstring only."""

SAME_CLASS_NAMES: dict[str, str] = {}
"""Public classes of one name, each with the reason why; two at most."""

ONE_SPEAKER = {
    "httpx": "importer.delivery.client",
    "typer": "importer.cli.app",
    "tqdm": "importer.cli.progress_bar",
}
"""Packages that one module alone may import."""

FORBIDDEN_PHRASES = ("takes care", "take care", "needs care", "word to say")
"""What once stood for *defers to the slow path* and *a note*."""

FORBIDDEN_MODULE_NAMES = {
    "told", "asked", "glance", "spilled", "written", "collector", "wording", "places", "kinds", "woven",
}  # fmt: skip

REPLACED_IN_TESTS = {
    "test_cli_console.py": '"sys.stdin"',  # what a person types is read from there
    "test_sandbox_server.py": 'server, "_GRACE_SECONDS"',  # so that a stop that waits for it is seen
    "test_speedups_block.py": 'LateKeys, "check"',  # a mistake in Python code, which no input can make
}
"""The only objects that a test may change: everything else is handed in."""


def loaded_by(folder: Path, *words: str) -> set[str]:
    """Return the modules that a command has loaded at its end."""
    script = (
        "import sys\n"
        f"sys.argv = {['mixpanel-importer', *words]}\n"
        "from importer.__main__ import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    print('LOADED', *sys.modules)\n"
    )
    # Whoever measures which lines are run loads modules of its own.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environ, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split("LOADED", 1)[1].split())


def test_help_loads_nothing_that_only_a_run_needs(tmp_path: Path) -> None:
    assert not loaded_by(tmp_path, "--help") & HEAVY


def test_a_single_file_loads_nothing_that_only_a_set_needs(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("event,time,user_id\nBuy,1760000000,u1\n")
    loaded = loaded_by(tmp_path, "run", "one.csv", "--dry-run", "--quiet")
    assert "importer.pipeline.run" in loaded
    of_sets = {
        name
        for name in loaded
        if re.search(r"pipeline\.(sets|workers)\b|cli\.sets\.(?!options)|\.set_", name)
    }
    assert not of_sets | loaded & {"multiprocessing", "concurrent.futures"}


def test_words_of_commands_are_quoted_in_one_place() -> None:
    """`shlex` lets line breaks and other control characters through."""
    package = Path(importer.__file__).parent
    texts = {path: path.read_text("utf-8") for path in package.rglob("*.py")}
    assert [path.name for path, text in texts.items() if "shlex" in text] == ["text.py"]


def test_the_version_is_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "importer", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("mixpanel-importer 0.")
    assert "compile" not in done.stdout


def test_a_missing_compiled_part_is_named_with_the_version(tmp_path: Path) -> None:
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


# ── imports ──────────────────────────────────────────────────────────────────────────────────────


def test_few_modules_stand_outside_of_a_package() -> None:
    assert len(list(house.ROOT.glob("*.py"))) <= MOST_LOOSE_MODULES


def test_no_imports_run_in_a_circle() -> None:
    house.longest_chain(house.imports())


def test_the_longest_chain_of_imports_is_short() -> None:
    chain = house.longest_chain(house.imports())
    assert len(chain) <= LONGEST_CHAIN, " → ".join(chain)


def test_a_circle_of_imports_is_found() -> None:
    with pytest.raises(ValueError, match="circle"):
        house.longest_chain({"a": {"b"}, "b": {"c"}, "c": {"a"}})


@pytest.mark.parametrize("package", ONE_SPEAKER)
def test_one_module_alone_imports(package: str) -> None:
    assert house.importers_of(package) == {ONE_SPEAKER[package]}


@pytest.mark.parametrize("wing", WINGS)
def test_the_init_of_a_wing_holds_a_docstring_only(wing: str) -> None:
    tree = house.modules()[f"importer.{wing}"]
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1


def test_only_the_command_line_talks_to_people() -> None:
    talking = {
        name
        for name, tree in house.modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
        and ast.unparse(node) in {"print", "input", "sys.stdin", "sys.stdout", "sys.stderr"}
    }
    assert {name for name in talking if not name.startswith("importer.cli.")} <= {"importer.__main__"}


# ── sizes ────────────────────────────────────────────────────────────────────────────────────────


def test_no_function_is_longer_than_a_page() -> None:
    sizes = {f"{name}.{node.name}": node.end_lineno - node.lineno + 1 for name, node in house.functions()}
    assert {name: size for name, size in sizes.items() if size > LONGEST_FUNCTION} == {}


def test_no_module_is_longer_than_a_reader_follows() -> None:
    sizes = {str(path): len(path.read_text("utf-8").splitlines()) for path in house.ROOT.rglob("*.py")}
    assert {path: size for path, size in sizes.items() if size > LONGEST_MODULE} == {}


# ── names ────────────────────────────────────────────────────────────────────────────────────────


def test_no_module_has_a_forbidden_name() -> None:
    assert not FORBIDDEN_MODULE_NAMES & {name.rpartition(".")[2] for name in house.modules()}


def test_no_two_public_classes_have_one_name() -> None:
    names = Counter(node.name for _, node in _top_level() if isinstance(node, ast.ClassDef))
    assert len(SAME_CLASS_NAMES) <= 2
    assert {name for name, times in names.items() if times > 1} == SAME_CLASS_NAMES.keys()


def _top_level() -> list[tuple[str, ast.stmt]]:
    return [(name, node) for name, tree in house.modules().items() for node in tree.body]


def test_no_name_of_a_package_hides_one_of_its_modules() -> None:
    modules = house.modules()
    hidden = [
        f"{name}.{bound}"
        for name, tree in modules.items()
        for node in ast.walk(tree)
        for bound in _bound_names(node)
        if f"{name}.{bound}" in modules
    ]
    assert hidden == []


def _bound_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.ImportFrom | ast.Import):
        return [alias.asname or alias.name for alias in node.names]
    return []


@pytest.mark.parametrize("phrase", FORBIDDEN_PHRASES)
def test_no_phrase_of_the_private_language_is_left(phrase: str) -> None:
    pattern = re.compile(rf"\b{phrase}\b", re.IGNORECASE)
    own = Path(__file__).name
    assert [str(path) for path, text in house.prose() if path.name != own and pattern.search(text)] == []


def test_every_public_function_and_class_has_a_docstring() -> None:
    bare = [f"{name}.{node.name}" for name, node in house.public_definitions() if not ast.get_docstring(node)]
    assert bare == []


# ── tests ────────────────────────────────────────────────────────────────────────────────────────


def test_tests_replace_nothing_within_the_package() -> None:
    replaced = []
    for path in Path(__file__).parent.rglob("*.py"):
        text = path.read_text("utf-8")
        if path.name == Path(__file__).name:
            continue
        assert not re.search(r"\bunittest\b", text), path
        for target in re.findall(r"monkeypatch\.(?:setattr|setitem|delattr|delitem)\(\s*([^\n]*)", text):
            if not target.startswith(REPLACED_IN_TESTS.get(path.name, "nothing")):
                replaced.append(f"{path.name}: {target}")  # noqa: PERF401 - an assertion stands beside it
    assert replaced == []
