"""The shape of the package, read from its sources: imports, sizes, names."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import importer

ROOT = Path(importer.__file__).parent
REPOSITORY = Path(__file__).parent.parent

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_PROSE = {".py", ".pyi", ".pyx", ".pxd", ".md", ".toml"}


@cache
def modules() -> dict[str, ast.Module]:
    """Return the parsed modules of the package by their dotted names."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text("utf-8"))
    return found


def imports() -> dict[str, set[str]]:
    """Return which modules each module imports: at the top, in functions and for types alike."""
    trees = modules()
    compiled = {f"importer.speedups.{path.stem}" for path in (ROOT / "speedups").glob("*.pyx")}
    known = trees.keys() | compiled
    found: dict[str, set[str]] = defaultdict(set)
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found[name].update(alias.name for alias in node.names if alias.name in known)
            elif isinstance(node, ast.ImportFrom) and node.module in known:
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    found[name].add(whole if whole in known else node.module)
    return {name: found[name] - {name} for name in known}


def importers_of(package: str) -> set[str]:
    """Return the modules that import an external package or a part of it."""
    found = set()
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                continue
            if any(each.partition(".")[0] == package for each in names):
                found.add(name)
    return found


def longest_chain(graph: dict[str, set[str]]) -> list[str]:
    """Return the longest chain of modules of which each imports the next.

    Raises:
        ValueError: Modules import each other in a circle.
    """
    open_: set[str] = set()

    @cache
    def chain(name: str) -> tuple[str, ...]:
        if name in open_:
            raise ValueError(f"{name} is in a circle of imports")
        open_.add(name)
        rest = max((chain(each) for each in sorted(graph[name])), key=len, default=())
        open_.discard(name)
        return (name, *rest)

    return list(max(map(chain, sorted(graph)), key=len))


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield every function and method, with the name of its module."""
    for name, tree in modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield name, node


def public_definitions() -> Iterator[tuple[str, Definition]]:
    """Yield the public functions and classes, and the public methods of public classes, with their modules."""
    for name, tree in modules().items():
        for node in tree.body:
            if not isinstance(node, Definition) or node.name.startswith("_") or _is_overload(node):
                continue
            yield name, node
            if isinstance(node, ast.ClassDef):
                for each in node.body:
                    if isinstance(each, Definition) and not each.name.startswith("_"):
                        yield name, each


def _is_overload(node: Definition) -> bool:
    return any(ast.unparse(decorator) == "overload" for decorator in node.decorator_list)


def prose() -> Iterator[tuple[Path, str]]:
    """Yield the sources and documents of the repository, each as one line without marks of comments."""
    places = [REPOSITORY / name for name in ("importer", "tests", "bench", "docs")]
    for path in sorted([*REPOSITORY.glob("*.md"), *(each for place in places for each in place.rglob("*"))]):
        if path.suffix in _PROSE:
            lines = path.read_text("utf-8").splitlines()
            yield path, " ".join(word for line in lines for word in line.strip().lstrip("#> ").split())
