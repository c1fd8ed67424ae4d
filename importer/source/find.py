"""Sources: found from what was typed, in a fixed order, each with its place in the results."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from importer.errors import UsageError
from importer.source.file_kinds import COMPRESSED_ENDINGS, KINDS_TEXT
from importer.source.finder import Finder
from importer.source.found import Found, FoundSource, LeftOut
from importer.source.name_choice import NameChoice
from importer.source.natural_order import natural_key
from importer.source.typed_names import NamedThing, read_names
from importer.text import counted, escape_controls

__all__ = ["Found", "FoundSource", "LeftOut", "find_sources"]

_MOST_NAMED: Final = 5
"""Most names that a message repeats."""

_RESULTS: Final = re.compile(r"\.(?:csv|jsonl)(?:\.run\.json(?:\.tmp)?|\.lock|\.source(?:\.part)?)?\Z")
"""What the names of files add to that of their source, in the folder of the results."""


def find_sources(names: Sequence[str], *, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> Found:
    """Return the sources that were named.

    A name is a file; a folder, for all files below it whose ending tells that they are read; an archive, for
    its members; a pattern with ``*``, ``?``, ``[…]`` or ``**``, unless a file has that very name; a pipe; or
    ``-``, standard input. Nothing is opened but archives.

    Hidden files, and results of runs, are never found below a folder. One folder, archive or pattern has its
    results below the folder of the results itself, several names below their common folder.

    Args:
        names: As typed.
        include: Patterns: only what one of them matches is taken. Without ``/``, a pattern matches the name
            of a file, or of any folder that it is in; with ``/``, the relative path or its beginning. A
            pattern that says more of a file's name than ``*`` takes files of every ending.
        exclude: Likewise: what one of them matches is left out, also if another includes it.

    Raises:
        UsageError: There is no source, one is there twice, two would meet in the results, or a pattern
            matches nothing.
        SourceError: A name stands for nothing that is there; or a single one for what can't be read.
    """
    things, own = read_names(names)
    choice = NameChoice(include, exclude)
    finder = Finder(choice, is_alone=len(names) == 1)
    for thing in things:
        finder.find(thing)
    choice.check_all_matched(names)
    found = Found(
        tuple(names),
        tuple(sorted(finder.sources, key=lambda source: natural_key(source.relative))),
        tuple(sorted(finder.left_out, key=lambda left_out: natural_key(left_out.name))),
        is_set=len(things) != 1 or things[0].kind not in ("file", "member", "pipe"),
        others=finder.others,
        other_names=tuple(finder.other_names),
        own=own + finder.own,
        hidden=finder.hidden,
        unwanted=finder.unwanted,
    )
    if not found.sources:
        raise _nothing_found(found, things)
    if found.is_set:
        _check_results_apart(found.sources)
    return found


def _nothing_found(found: Found, things: Sequence[NamedThing]) -> UsageError:
    """Return the error that says what is there instead of sources."""
    there = [
        _others_text(found) if found.others else "",
        f"{counted(found.own, 'result')} of earlier runs" if found.own else "",
        f"{found.hidden:,} hidden" if found.hidden else "",
        f"{found.unwanted:,} left out by --include or --exclude" if found.unwanted else "",
        f"{found.left_out[0].name}, which {found.left_out[0].why}" if found.left_out else "",
        f"{len(found.left_out) - 1:,} more of such" if len(found.left_out) > 1 else "",
    ]
    text = "; ".join(filter(None, there))
    names = ", ".join(found.named[:_MOST_NAMED]) + (" …" if len(found.named) > _MOST_NAMED else "")
    remedy = found.left_out[0].remedy if found.left_out else ""
    verb = "match" if all(thing.kind == "pattern" for thing in things) else "hold"
    if len(found.named) == 1:
        verb = "matches" if verb == "match" else "holds"
    return UsageError(
        f"{names} {verb} no source" + (f", but {text}" if text else ""),
        remedy,
        _compressed_text(found),
        f"Files are read that end in {KINDS_TEXT}.",
    )


def _compressed_text(found: Found) -> str:
    """Return the option that takes compressed files of no known ending; empty if there are none."""
    ends = {PurePosixPath(name).suffix.lower() for name in found.other_names} & set(COMPRESSED_ENDINGS)
    offered = " ".join(f"--include '*{end}'" for end in sorted(ends))
    return f"To look into what is compressed: {offered}" if offered else ""


def _others_text(found: Found) -> str:
    names = ", ".join(map(escape_controls, found.other_names))
    more = ", …" if found.others > len(found.other_names) else ""
    return f"{counted(found.others, 'file')} of other kinds ({names}{more})"


def _check_results_apart(sources: Sequence[FoundSource]) -> None:
    """Check that no two sources would meet in the folder of the results.

    Raises:
        UsageError: Two have one path there, or one's results the path of the folder of another's.
    """
    places: dict[str, FoundSource] = {}
    folders: dict[str, FoundSource] = {}
    for source in sources:
        if source.relative in places:
            raise _clash(places[source.relative], source)
        places[source.relative] = source
        folder = source.relative.rpartition("/")[0]
        while folder and folder not in folders:
            folders[folder] = source
            folder = folder.rpartition("/")[0]
    for folder, source in folders.items():
        end = _RESULTS.search(folder)
        if end and folder[: end.start()] in places:
            raise _clash(places[folder[: end.start()]], source)


def _clash(one: FoundSource, other: FoundSource) -> UsageError:
    return UsageError(
        f"The results of {one.name} and of {other.name} would have one path",
        "Rename one of them, or leave it out with --exclude and run it alone.",
    )
