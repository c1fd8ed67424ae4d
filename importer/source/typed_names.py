"""What each name that was typed stands for, and where its results go."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from importer.errors import UsageError
from importer.source.address import check_no_address
from importer.source.archives import archive_kind
from importer.source.file_kinds import is_manifest, is_own, is_results_folder
from importer.source.folder_walk import Identity, identity_of, problem_of
from importer.source.members import Member, parse_source_path
from importer.source.path_pattern import PathPattern, has_magic
from importer.source.raw import open_disk_file
from importer.text import PROGRAM

_OPEN_FILE: Final = re.compile(r"/(?:dev/fd|proc/self/fd)/([0-9]+)\Z")
_STANDARD_INPUT: Final = ("-", "/dev/stdin")


@dataclass(frozen=True, slots=True)
class NamedThing:
    """What one name stands for.

    Attributes:
        name: As typed.
        kind: What it is: also a member of an archive; ``damaged`` is there, but can't be read.
        path: The file or folder; of a pattern, the folder from which it is matched, empty for the working
            directory.
        relative: Its path in the results, with ``/``; empty if that is the folder of the results itself.
        pattern: Of a pattern: what is matched below the folder.
        identity: Of a pipe, if it is known.
        problem: Of what is damaged: why, as what follows its name in a sentence.
        remedy: What to do then; may be empty.
    """

    name: str
    kind: Literal["file", "folder", "archive", "member", "pattern", "pipe", "damaged"]
    path: str
    relative: str = ""
    pattern: PathPattern | None = None
    identity: Identity | None = None
    problem: str = ""
    remedy: str = ""


def read_names(names: Sequence[str]) -> tuple[list[NamedThing], int]:
    """Return what was named, and how many further names are of results of earlier runs.

    Args:
        names: As typed.

    Raises:
        UsageError: Nothing is named, or results of a run alone.
        SourceError: A name stands for nothing that is there; or a single one for what can't be read.
    """
    if not names:
        raise UsageError("No source is named", "Name a file, a folder or an archive.")
    found = [_read_name(name, is_alone=len(names) == 1) for name in names]
    things = [each for each in found if each is not None]
    return _with_places(things), len(found) - len(things)


def _read_name(name: str, *, is_alone: bool) -> NamedThing | None:
    """Return what a name stands for; None if that is results of a run.

    Raises:
        UsageError: It is results of a run, and alone.
        SourceError: It is not there; or it can't be read, and is alone.
    """
    if name == "-":
        return NamedThing(name, "pipe", name, identity=_identity_of_input())
    if not name:
        raise UsageError("The name of a source is empty", "Name a file, a folder or an archive.")
    check_no_address(name)
    try:
        mode, identity = _look_at(name)
    except (OSError, ValueError) as error:
        if isinstance(parse_source_path(name), Member):
            return NamedThing(name, "member", name)
        if has_magic(name) and not os.path.lexists(name):
            return _read_pattern(name)
        if is_alone or not os.path.lexists(name):
            open_disk_file(Path(name)).close()  # raises what says why
        return _damaged(name, error)
    if stat.S_ISFIFO(mode) or (stat.S_ISREG(mode) and _name_of_open_file(name)):
        return NamedThing(name, "pipe", name, identity=identity)
    is_folder = stat.S_ISDIR(mode)
    if is_results_folder(name) if is_folder else is_own(name, os.path.lexists, is_manifest):
        _check_not_alone(name, is_alone=is_alone)
        return None
    return NamedThing(name, "folder", name) if is_folder else _read_file(name, mode, is_alone=is_alone)


def _look_at(name: str) -> tuple[int, Identity]:
    found = Path(name).stat()
    return found.st_mode, identity_of(found)


def _read_file(name: str, mode: int, *, is_alone: bool) -> NamedThing:
    """Return what a file stands for, or a device.

    Raises:
        SourceError: It can't be read, and is alone.
    """
    if is_alone:
        open_disk_file(Path(name)).close()
    elif not stat.S_ISREG(mode):
        return NamedThing(name, "damaged", name, problem="is not a regular file")
    elif not os.access(name, os.R_OK):
        return _damaged(name, PermissionError())
    return NamedThing(name, "archive" if archive_kind(Path(name)) else "file", name)


def _damaged(name: str, error: Exception) -> NamedThing:
    problem, remedy = problem_of(name, error)
    return NamedThing(name, "damaged", name, problem=problem, remedy=remedy)


def _identity_of_input() -> Identity | None:
    """Return by what standard input is known, unless it is a terminal or the like."""
    try:
        found = os.fstat(0)
    except OSError:
        return None
    is_known = stat.S_ISFIFO(found.st_mode) or stat.S_ISREG(found.st_mode)
    return identity_of(found) if is_known else None


def _check_not_alone(name: str, *, is_alone: bool) -> None:
    """Check that results of a run are not all that was named.

    Raises:
        UsageError: They are.
    """
    if is_alone:
        raise UsageError(
            f"{name} is of an earlier run of this program: it holds results, and no records to import",
            f"Name the source, or see where that run stands with: {PROGRAM} status",
        )


def _read_pattern(name: str) -> NamedThing:
    """Return the folder from which a pattern is matched, and the rest of it."""
    parts = name.split("/")
    first = next(number for number, part in enumerate(parts) if has_magic(part))
    folder, rest = "/".join(parts[:first]), parts[first:]
    if ".." in rest:
        raise UsageError(f"{name} is no pattern that can be read: .. stands behind it", "Write it without ..")
    path = "/" if first == 1 and not parts[0] else folder
    return NamedThing(name, "pattern", path, pattern=PathPattern("/".join(rest), anywhere=False))


# ── places in the results ────────────────────────────────────────────────────────────────────────


def _with_places(things: Sequence[NamedThing]) -> list[NamedThing]:
    """Return what was named, each with its path in the results."""
    places = [_place(thing) for thing in things]
    if len(things) == 1:
        holds_many = things[0].kind in ("folder", "archive", "pattern")
        return [replace(things[0], relative="" if holds_many else Path(places[0]).name)]
    folders = [
        place if thing.kind == "pattern" else str(Path(place).parent)
        for thing, place in zip(things, places, strict=True)
        if Path(place).is_absolute()
    ]
    try:
        common = os.path.commonpath(folders) if folders else ""
    except ValueError:  # on different drives
        common = ""
    return [
        replace(thing, relative=_below(place, common)) for thing, place in zip(things, places, strict=True)
    ]


def _below(place: str, common: str) -> str:
    if not Path(place).is_absolute():
        return place
    path = Path(place).relative_to(common or Path(place).anchor)
    drive = [] if common else [Path(place).drive.removesuffix(":")]
    return "/".join(filter(None, (*drive, *path.parts)))


def _place(thing: NamedThing) -> str:
    """Return the absolute path of what was named, without ``..``; of standard input and the like, a name."""
    if thing.kind == "member" and isinstance(member := parse_source_path(thing.path), Member):
        archive = NamedThing(str(member.archive), "archive", str(member.archive))
        return f"{_place(archive)}{os.sep}{member.name}"
    if thing.kind == "pipe" and (name := _name_of_open_file(thing.name)):
        return name
    parts = Path(thing.path).parts
    if ".." not in parts:
        return str(Path(thing.path).absolute())
    end = len(parts) - parts[::-1].index("..")  # what lies ahead of .. may be a link to anywhere
    return str(Path(*parts[:end]).resolve().joinpath(*parts[end:]))


def _name_of_open_file(name: str) -> str:
    """Return a name for what the shell opened; empty for every other file."""
    if name in _STANDARD_INPUT:
        return "stdin"
    found = _OPEN_FILE.match(name)
    return f"fd-{found[1]}" if found else ""
