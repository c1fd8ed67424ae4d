"""Collects the sources below what was named."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from itertools import islice
from pathlib import Path
from typing import Final

from importer.errors import SourceError, UsageError
from importer.source.archives import ListedMember, archive_kind, list_members
from importer.source.file_kinds import KINDS_TEXT, SET_MANIFEST, is_hidden, is_own, kind_of
from importer.source.folder_walk import FolderWalk, Once, Walked, identity_of, problem_of
from importer.source.found import FoundSource, LeftOut
from importer.source.members import Member, parse_source_path
from importer.source.name_choice import NameChoice
from importer.source.path_pattern import has_magic
from importer.source.typed_names import NamedThing
from importer.text import file_command, nearest, quoted

_MOST_NAMES: Final = 5
"""Most files of other kinds that are kept by name."""

_MOST_COMPARED: Final = 1_000
"""Most members among which the nearest name is searched."""

_LONGEST_NAME: Final = 220
"""Bytes of a file's name: file systems allow 255, and the results add endings of their own."""


class Finder:
    """Collects what is found.

    Args:
        choice: Which files are wanted.
        is_alone: One name was typed: if it can't be read, that is an error.

    Attributes:
        sources: What was found, in the order in which it was.
        left_out: What can't be read.
        others: Files of kinds that are not read.
        other_names: The first of them.
        own: Results of runs.
        hidden: Hidden files and folders.
        unwanted: What patterns leave out.
    """

    def __init__(self, choice: NameChoice, *, is_alone: bool) -> None:
        self._choice = choice
        self.sources: list[FoundSource] = []
        self.left_out: list[LeftOut] = []
        self.others = self.own = self.hidden = self.unwanted = 0
        self.other_names: list[str] = []
        self._is_alone = is_alone
        self._walk = FolderWalk()
        self._files = Once("file")

    def find(self, thing: NamedThing) -> None:
        """Find the sources of one thing that was named.

        Raises:
            UsageError: One was found before; or nothing matches a pattern.
            SourceError: It can't be read, and is alone.
        """
        match thing.kind:
            case "pipe":
                if thing.identity is not None:
                    self._files.add(thing.identity, thing.name, thing.relative, thing.name)
                self.sources.append(FoundSource(thing.name, Path(thing.name), thing.relative, pipe=True))
            case "damaged":
                self._leave_out(thing.name, thing.problem, thing.remedy)
            case "file" | "archive" | "member":
                is_archive = thing.kind == "archive"
                if not self._is_wanted(thing.relative, is_archive=is_archive):
                    self.unwanted += 1
                elif isinstance(path := parse_source_path(thing.name), Member):
                    self._add_named_member(path, thing)
                else:
                    self._add_file(thing.name, thing.relative, thing, is_archive=is_archive)
            case _:
                self._find_below(thing)

    def _find_below(self, thing: NamedThing) -> None:
        """Find the sources below a folder, or of a pattern."""
        before = self._seen()
        start = len(thing.relative) + 1 if thing.relative else 0
        pattern = thing.pattern

        def enters(relative: str) -> bool:
            if pattern is not None and not pattern.may_match_below(relative[start:].split("/")):
                return False
            is_wanted = self._choice.enters(relative)
            self.unwanted += not is_wanted
            return is_wanted

        try:
            # Several patterns may look into one folder.
            walk = self._walk if pattern is None else FolderWalk()
            for walked in walk.walk(thing.path, thing.relative, thing.name, enters):
                if pattern is None:
                    self._take(walked, thing, is_named=False)
                    continue
                parts = walked.relative[start:].split("/")
                matched = pattern.match(parts)
                if matched != "no" or (walked.what == "problem" and pattern.may_match_below(parts)):
                    self._take(walked, thing, is_named=matched == "itself" and pattern.is_narrow)
        except OSError as error:
            if pattern is None or not isinstance(error, FileNotFoundError | NotADirectoryError):
                self._stop_or_leave_out(thing, *problem_of(thing.path, error))
        if self._seen() == before and not self._is_alone:
            if pattern is not None:
                raise UsageError(f"{thing.name} matches no file", "Name what is there, or leave it out.")
            self._leave_out(
                thing.name, "holds no file that is read", f"Files are read that end in {KINDS_TEXT}."
            )

    def _is_wanted(self, relative: str, *, is_archive: bool) -> bool:
        if is_archive:  # to the patterns, its members are files in a folder
            return not relative or self._choice.enters(relative)
        return self._choice.wants(relative) != "no"

    def _seen(self) -> int:
        return len(self.sources) + len(self.left_out) + self.unwanted

    def _take(self, walked: Walked, thing: NamedThing, *, is_named: bool) -> None:
        """Take what lies below a folder.

        Args:
            walked: What it is.
            thing: By which it was found.
            is_named: A pattern names it, whatever its ending.
        """
        if walked.what == "hidden":
            self.hidden += 1
            self._choice.wants(walked.relative)  # a pattern that leaves it out matches something
            return
        kind = kind_of(walked.relative)
        if walked.what == "file" and kind == "archive":
            if self._is_wanted(walked.relative, is_archive=True):
                self._add_file(walked.path, walked.relative, thing, is_archive=True)
            else:
                self.unwanted += 1
            return
        wanted = self._choice.wants(walked.relative)
        if walked.what == "own":
            self.own += 1
        elif wanted == "no":
            self.unwanted += 1
        elif walked.what == "problem":
            self._leave_out(walked.path, walked.problem, walked.remedy)
        elif kind == "data":
            self._add_file(walked.path, walked.relative, thing, is_archive=False)
        elif is_named or wanted == "of any kind":
            is_archive = archive_kind(Path(walked.path)) != ""
            self._add_file(walked.path, walked.relative, thing, is_archive=is_archive)
        else:
            self._add_other(walked.path)

    def _add_file(self, path: str, relative: str, thing: NamedThing, *, is_archive: bool) -> None:
        """Add a file, or the members of an archive."""
        try:
            found = (file := Path(path)).stat()
        except (OSError, ValueError) as error:
            self._leave_out(path, *problem_of(path, error))
            return
        if not stat.S_ISREG(found.st_mode):
            self._leave_out(path, "is not a regular file")
        elif not os.access(path, os.R_OK):
            self._leave_out(path, *problem_of(path, PermissionError()))
        else:
            self._files.add(identity_of(found), path, relative, thing.name)
            if is_archive:
                self._add_members(path, relative, identity_of(found), thing)
            else:
                self._add(FoundSource(path, file, relative))

    def _add_members(self, path: str, relative: str, archive: tuple[int, int], thing: NamedThing) -> None:
        """Add the members of an archive."""
        is_alone = self._is_alone and thing.kind == "archive"
        try:
            members = list_members(Path(path))
        except SourceError as error:
            if is_alone:
                raise
            self._leave_out(path, error.message.removeprefix(f"{path} ").removesuffix("."), error.remedy)
            return
        if not members and not is_alone:
            self._leave_out(path, "is an empty archive")
        names = {member.name for member in members}
        results = _folders_of_results(names)
        for member in members:
            place = f"{relative}/{member.name}" if relative else member.name
            wanted = self._choice.wants(place)
            if any(map(is_hidden, member.name.split("/"))):
                self.hidden += 1
            elif is_own(member.name, names.__contains__) or member.name.startswith(results):
                self.own += 1
            elif wanted == "no" and not member.is_rest:
                self.unwanted += 1
            elif kind_of(member.name) == "other" and wanted != "of any kind" and not member.problem:
                self._add_other(f"{path}::{member.name}")
            else:
                self._add_member(f"{path}::{member.name}", place, member, archive, thing)

    def _add_named_member(self, path: Member, thing: NamedThing) -> None:
        """Add a member of an archive that was named itself.

        Raises:
            SourceError: There is none of that name; or it can't be read, and is alone.
        """
        members = {member.name: member for member in list_members(path.archive)}
        member = members.get(path.name)
        if member is None:
            if has_magic(path.name):
                raise SourceError(
                    f"{path.archive} has no member {quoted(path.name)}, which is a pattern",
                    "Choose by patterns among all that is in it:",
                    file_command("run", path.archive, "--include", path.name),
                )
            near = nearest(path.name, islice(members, _MOST_COMPARED))
            raise SourceError(
                f"{path.archive} has no member {quoted(path.name)}{near}",
                "Name the archive alone for all that is in it.",
            )
        if member.problem:
            self._stop_or_leave_out(thing, member.problem, member.remedy)
        else:
            self._add_member(thing.name, thing.relative, member, identity_of(path.archive.stat()), thing)

    def _add_member(
        self, name: str, relative: str, member: ListedMember, archive: tuple[int, int], thing: NamedThing
    ) -> None:
        """Add a member of an archive, by its name as a source and its path in the results."""
        if member.problem:
            self._leave_out(name, member.problem, member.remedy)
        elif kind_of(member.name) == "archive":
            self._leave_out(name, "is an archive within an archive", "Unpack the outer one by hand.")
        else:
            self._files.add((*archive, member.name), name, relative, thing.name)
            path = name.removesuffix(f"::{member.name}")
            self._add(FoundSource(name, Member(Path(path), member.name), relative))

    def _add(self, source: FoundSource) -> None:
        """Add a source, unless its results could have no name."""
        try:
            longest = max(len(os.fsencode(part)) for part in source.relative.split("/"))
        except UnicodeEncodeError:
            self._leave_out(source.name, "has a name that no file can have", "Rename it.")
            return
        if longest > _LONGEST_NAME:
            self._leave_out(source.name, "has a name too long for that of its results", "Rename it.")
        else:
            self.sources.append(source)

    def _add_other(self, name: str) -> None:
        self.others += 1
        if len(self.other_names) < _MOST_NAMES:
            self.other_names.append(name)

    def _leave_out(self, name: str, why: str, remedy: str = "") -> None:
        self.left_out.append(LeftOut(name, why, remedy))

    def _stop_or_leave_out(self, thing: NamedThing, why: str, remedy: str) -> None:
        if self._is_alone:
            raise SourceError(f"{thing.name} {why}.", remedy)
        self._leave_out(thing.name, why, remedy)


def _folders_of_results(names: Collection[str]) -> tuple[str, ...]:
    """Return the beginnings of the names of members that are results of a set: with manifests of sources."""
    folders = [name.removesuffix(SET_MANIFEST) for name in names if f"/{name}".endswith(f"/{SET_MANIFEST}")]
    manifests = [name for name in names if name.endswith((".csv.run.json", ".jsonl.run.json"))]
    return tuple(folder for folder in folders if any(name.startswith(folder) for name in manifests))
