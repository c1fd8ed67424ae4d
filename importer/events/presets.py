"""Presets: mapping files for the exports of other tools, which ship with the package."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Final, NamedTuple

from importer.errors import MappingError
from importer.events.declared_reading import DeclaredReading
from importer.events.mapping_keys import RECOGNIZE, Checker
from importer.reading import PRESET_NAMES
from importer.text import nearest, quoted

_FOLDER: Final = Path(__file__).parents[1] / "presets"
_TABLE: Final = f"[{RECOGNIZE}]"


class _Recognition(NamedTuple):
    """A preset, and the columns that a file of its vendor has."""

    name: str
    columns: tuple[str, ...]


def preset_text(name: str) -> str:
    """Return the mapping file of a preset.

    Raises:
        MappingError: There is none of that name.
    """
    if name not in PRESET_NAMES:
        known = f"Presets are: {', '.join(PRESET_NAMES)}"
        raise MappingError(
            f"--preset {quoted(name)[1:-1]}: there is none{nearest(name, PRESET_NAMES)}", known
        )
    return _path(name).read_text("utf-8")


def load_preset(name: str) -> DeclaredReading:
    """Return what a preset declares.

    Raises:
        MappingError: There is none of that name.
    """
    text = preset_text(name)
    return Checker(_path(name), text).declared(tomllib.loads(text))


def recognize(columns: Collection[str]) -> str:
    """Return the preset for a file of these columns: of several, the one that names most; empty for none.

    Args:
        columns: The columns, with the paths to what is within their objects.
    """
    fitting = [each for each in _recognitions() if each.columns and {*each.columns} <= {*columns}]
    return max(fitting, key=lambda each: len(each.columns)).name if fitting else ""


def _recognitions() -> list[_Recognition]:
    found = []
    for name in PRESET_NAMES:
        _, begin, rest = _path(name).read_text("utf-8").partition(f"\n{_TABLE}")
        if begin:  # the rest of the file is not parsed, for each run asks
            table = tomllib.loads(rest.partition("\n[")[0])
            found.append(_Recognition(name, tuple(table["columns"])))
    return found


def _path(name: str) -> Path:
    return _FOLDER / f"{name}.toml"
