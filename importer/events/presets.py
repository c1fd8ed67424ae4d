"""Presets: mapping files for the exports of other tools, which ship with the package."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from importer.errors import MappingError
from importer.events.declared_reading import DeclaredReading
from importer.events.mapping_keys import RECOGNIZE, Checker
from importer.reading import PRESET_NAMES
from importer.text import nearest, quoted

_FOLDER: Final = Path(__file__).parents[1] / "presets"
_ENDS: Final = re.compile(r"[:(,.]")
"""Ends the name of the vendor in the first line of a preset."""

_UNSETTLED: Final = "Not settled"
"""What the first line of a preset begins with that documentation does not settle."""

_TABLE: Final = f"[{RECOGNIZE}]"


class _Recognition(NamedTuple):
    """A preset, its vendor, and of each kind of files of that the columns that they have."""

    name: str
    vendor: str
    kinds: tuple[tuple[str, ...], ...]


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


def recognize(has_column: Callable[[str], bool]) -> tuple[str, str]:
    """Return the preset for a file, and whose export it is: of several, the preset that names most columns.

    Args:
        has_column: Returns whether the file has a column, or something at a path.

    Returns:
        Empty texts if none fits.
    """
    fitting = [
        (len(columns), each.name, each.vendor)
        for each in _recognitions()
        for columns in each.kinds
        if columns and all(map(has_column, columns))
    ]
    if not fitting:
        return "", ""
    _, name, vendor = max(fitting, key=lambda each: each[0])
    return name, vendor


def recognized_by(name: str) -> tuple[str, tuple[tuple[str, ...], ...]]:
    """Return whose export a preset is for, and by which columns each kind of its files is known, if any."""
    return next(
        ((each.vendor, each.kinds) for each in _recognitions() if each.name == name),
        (name.capitalize(), ()),
    )


@cache
def _recognitions() -> tuple[_Recognition, ...]:
    found = []
    for name in PRESET_NAMES:
        text = _path(name).read_text("utf-8")
        _, begin, rest = text.partition(f"\n{_TABLE}")
        if begin:  # the rest of the file is not parsed, for each run asks
            table = tomllib.loads(rest.partition("\n[")[0])
            vendor = _ENDS.split(text.removeprefix("#").partition("\n")[0])[0].strip()
            if vendor.startswith(_UNSETTLED):
                vendor = name.capitalize()
            columns = table["columns"]
            kinds = columns if isinstance(columns[0], list) else [columns]
            found.append(_Recognition(name, vendor, tuple(map(tuple, kinds))))
    return tuple(found)


def _path(name: str) -> Path:
    return _FOLDER / f"{name}.toml"
