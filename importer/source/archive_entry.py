"""Members of archives: where each lies, and which of them can't be read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

MOST_RATIO: Final = 500
"""How many times its packed size a member of an export may unpack to, once it is large.

Each record has a time and an id of its own: 8 bytes that no compression takes away. Packed 500 times, a
record would have 4 kB of which nothing else is its own. Real exports are packed 5 to 100 times, bombs 1,000
times and more.
"""

BOMB_SIZE: Final = 100_000_000
"""Bytes up to which a member may be packed as well as it likes: they are read in a second."""

_DRIVE: Final = re.compile(r"[A-Za-z]:")
_UNPACK_BY_HAND: Final = "Unpack the archive by hand, see what it is, and give the file."


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """A member of an archive.

    Attributes:
        name: Its name, without ``./`` and doubled slashes.
        size: Bytes of its content.
        start: Where its bytes begin in the archive; in a zip archive, the header ahead of them.
        packed: How many they are there.
        method: How they are packed, as a zip archive says it; 0: as they are.
        crc: CRC-32 of its content; None if the archive has none.
        raw_name: Its name as the header ahead of its bytes must have it.
        problem: Why it can't be read, as what follows its name in a sentence; empty if it can.
        remedy: What to do then.
        is_rest: True if it is no member but what can't be read of a damaged archive.
    """

    name: str
    size: int
    start: int
    packed: int
    method: int = 0
    crc: int | None = None
    raw_name: bytes = b""
    problem: str = ""
    remedy: str = ""
    is_rest: bool = False


def checked(entries: Iterable[ArchiveEntry]) -> list[ArchiveEntry]:
    """Return what people put into an archive, in its order: each name once, with what is wrong with it.

    Left out is what macOS adds: ``__MACOSX/``, ``.DS_Store`` and ``._…``.
    """
    kept = [replace(each, name=_plain(each.name)) for each in entries if not _is_of_macos(each.name)]
    times = Counter(each.name for each in kept)
    found: dict[str, ArchiveEntry] = {}
    for entry in kept:
        if entry.name not in found:
            found[entry.name] = _checked(entry, times[entry.name])
    return list(found.values())


def _checked(entry: ArchiveEntry, times: int) -> ArchiveEntry:
    """Return a member with the first of its problems."""
    if entry.problem:
        return entry
    problem, remedy = _name_problem(entry.name), _UNPACK_BY_HAND
    if times > 1:
        problem = f"stands {times} times in the archive"
        remedy = "Unpack the archive by hand, decide which of them is meant, and give the file."
    elif not problem and entry.size > BOMB_SIZE and entry.size > entry.packed * MOST_RATIO:
        ratio = entry.size // max(entry.packed, 1)
        problem = f"would unpack to {entry.size:,} bytes, {ratio:,} times its size: no export does"
    return replace(entry, problem=problem, remedy=remedy) if problem else entry


def _name_problem(name: str) -> str:
    if name.startswith(("/", "\\")) or _DRIVE.match(name):
        return "has an absolute name, which could be that of any file"
    if ".." in re.split(r"[/\\]", name):
        return "has a name with .., which leads out of the archive"
    if "\0" in name or not name:
        return "has a name that no file can have"
    return ""


def _plain(name: str) -> str:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return ("/" if name.startswith("/") else "") + "/".join(parts)


def _is_of_macos(name: str) -> bool:
    base = name.rpartition("/")[2]
    return (
        base == ".DS_Store"
        or base.startswith("._")
        or "__MACOSX" in name.removeprefix("./").split("/", 1)[:1]
    )
