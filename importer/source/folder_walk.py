"""What is below a folder: every file once, however folders are linked."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple, Optional

from importer.errors import UsageError
from importer.source.file_kinds import SET_MANIFEST, is_hidden, is_manifest, is_own
from importer.text import shell_word, shell_words

Identity = tuple[int, int] | tuple[int, int, str]
"""What all paths of one file or folder have in common; of a member of an archive, with its name."""

_REMOVE_LINK: Final = "Remove the link, or leave it out with --exclude."


class Walked(NamedTuple):
    """A file below a folder, or a folder that is not entered.

    Attributes:
        what: A file; a hidden file or folder; results of a run, or a folder of such; or what can't be read.
        path: Its path: that of the first folder, joined with what is below.
        relative: Its path in the results.
        problem: Why it can't be read, as what follows its name in a sentence.
        remedy: What to do then; may be empty.
    """

    what: Literal["file", "hidden", "own", "problem"]
    path: str
    relative: str
    problem: str = ""
    remedy: str = ""


class _Parents(NamedTuple):
    identity: Identity
    further: Optional[_Parents]  # noqa: UP045 - evaluated, and there `|` knows no name in quotes


class _Folder(NamedTuple):
    path: str
    relative: str
    identity: Identity
    parents: _Parents | None


def identity_of(found: os.stat_result) -> tuple[int, int]:
    """Return what all paths of one file or folder have in common: the device, and its number there."""
    return found.st_dev, found.st_ino


def problem_of(path: str, error: Exception) -> tuple[str, str]:
    """Return why a file or folder can't be read, as what follows its name in a sentence, and what to do."""
    if isinstance(error, FileNotFoundError) and not Path(path).is_symlink():
        return "is there no more", "Wait until nobody works on these files, then run again."
    if isinstance(error, FileNotFoundError):
        return "is a link to something that is not there", _REMOVE_LINK
    if isinstance(error, PermissionError):
        return "can't be read: permission denied", f"Try: chmod u+rX {shell_word(path)}"
    if isinstance(error, OSError) and error.errno == errno.ELOOP:
        return "is a link that leads back to itself", _REMOVE_LINK
    reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
    return f"can't be read: {reason}", "Check the disk and retry."


class Once:
    """Sees to it that no file or folder is found twice."""

    def __init__(self, what: str) -> None:
        """Set what is found, for messages: ``file`` or ``folder``."""
        self._what = what
        self._found: dict[Identity, tuple[str, str, str]] = {}

    def add(self, identity: Identity, path: str, relative: str, named: str) -> None:
        """Add what was found.

        Args:
            identity: By which it is known.
            path: Its path.
            relative: Its path in the results.
            named: What was typed, by which it was found.

        Raises:
            UsageError: It was found before.
        """
        if identity not in self._found:
            self._found[identity] = (path, relative, named)
            return
        first, first_relative, by = self._found[identity]
        if first != path:
            option = shell_words(["--exclude", relative])
            raise UsageError(
                f"{first} and {path} are the same {self._what}",
                "Name it once." if relative == first_relative else f"Leave one out, for example: {option}",
            )
        twice = "" if by == named else f": by {by} and by {named}"
        raise UsageError(f"{path} is named twice{twice}", "Name each source once.")


class FolderWalk:
    """Walks folders. Links are followed; no folder is entered twice, over all walks of this object."""

    def __init__(self) -> None:
        self._entered = Once("folder")

    def walk(self, root: str, relative: str, named: str, enter: Callable[[str], bool]) -> Iterator[Walked]:
        """Yield what is below a folder.

        Args:
            root: The folder; empty for the working directory.
            relative: Its path in the results; may be empty.
            named: What was typed, by which it is walked.
            enter: Returns whether to enter a folder, by its path in the results.

        Raises:
            UsageError: A folder was entered before, and is not one that it is in.
            OSError: The first folder can't be read.
        """
        around: _Parents | None = None
        for each in reversed(Path(os.path.realpath(root)).parents):
            around = _Parents(identity_of(each.stat()), around)
        stack = [_Folder(root, relative, identity_of(Path(root).stat()), around)]
        while stack:
            folder = stack.pop()
            if folder.parents is not around and _is_in(folder.identity, folder.parents):
                yield _problem(folder, "is a link that leads back to a folder that it is in", _REMOVE_LINK)
                continue
            self._entered.add(folder.identity, folder.path, folder.relative, named)
            try:
                with os.scandir(folder.path or os.curdir) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except OSError as error:
                if folder.parents is around:
                    raise
                yield _problem(folder, *problem_of(folder.path, error))
                continue
            folders: list[_Folder] = []
            yield from _read_entries(folder, entries, folders)
            stack += [each for each in reversed(folders) if enter(each.relative)]


def _is_in(identity: Identity, parents: _Parents | None) -> bool:
    while parents is not None:
        if parents.identity == identity:
            return True
        parents = parents.further
    return False


def _problem(folder: _Folder, problem: str, remedy: str) -> Walked:
    return Walked("problem", folder.path, folder.relative, problem, remedy)


def _read_entries(
    folder: _Folder, entries: list[os.DirEntry[str]], folders: list[_Folder]
) -> Iterator[Walked]:
    """Yield the files of a folder; add its folders to ``folders``."""
    names = {entry.name for entry in entries}
    start = f"{folder.path.rstrip(os.sep)}{os.sep}" if folder.path else ""
    if SET_MANIFEST in names and is_manifest(start + SET_MANIFEST):
        yield Walked("own", folder.path, folder.relative)
        return
    parents = _Parents(folder.identity, folder.parents)
    for entry in entries:
        path = start + entry.name
        relative = f"{folder.relative}/{entry.name}" if folder.relative else entry.name
        if is_hidden(entry.name):
            yield Walked("hidden", path, relative)
            continue
        try:
            if entry.is_dir():
                folders.append(_Folder(path, relative, identity_of(entry.stat()), parents))
                continue
        except OSError as error:
            yield Walked("problem", path, relative, *problem_of(path, error))
            continue
        own = is_own(entry.name, names.__contains__, lambda name: is_manifest(start + name))
        yield Walked("own" if own else "file", path, relative)
