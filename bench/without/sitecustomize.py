"""On the path of a process, hides the compiled part of the importer, as on a machine without a compiler."""

from __future__ import annotations

import sys
from collections.abc import Sequence


class Missing:
    """Finds no compiled module."""

    def find_spec(self, name: str, _path: Sequence[str] | None = None, _target: object = None) -> None:
        if name.startswith("importer.speedups.") and name != "importer.speedups.plan":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Missing())  # type: ignore[arg-type]
