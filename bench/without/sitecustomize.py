"""On the path of a process, hides the compiled part of the importer, as on a machine without a compiler."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ExtensionFileLoader, PathFinder


class Missing:
    """Finds no compiled module of the importer, and leaves the rest to others."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, _target: object = None) -> None:
        if not name.startswith("importer."):
            return
        found = PathFinder.find_spec(name, path)
        if found is not None and isinstance(found.loader, ExtensionFileLoader):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Missing())  # type: ignore[arg-type]
