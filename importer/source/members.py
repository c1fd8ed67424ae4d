"""What a source's bytes are read from: a file, or a member of an archive."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

_SEPARATOR: Final = "::"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an archive.

    Attributes:
        archive: The archive.
        name: The member's name in it, as `list_members` has it.
        unpacked: The file with its bytes; None where they are read from the archive.
    """

    archive: Path
    name: str
    unpacked: Path | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.archive}{_SEPARATOR}{self.name}"

    @property
    def suffixes(self) -> list[str]:
        """The endings of its name, as `Path.suffixes`."""
        return PurePosixPath(self.name).suffixes

    def absolute(self) -> Member:
        """Return the same member by the absolute path of its archive."""
        return Member(self.archive.absolute(), self.name)

    def with_suffix(self, suffix: str) -> Path:
        """Return the path of a file beside the archive, under the member's own name with another ending."""
        return self.archive.with_name(PurePosixPath(self.name).name).with_suffix(suffix)


SourcePath = Path | Member
"""What a source's bytes are read from."""


def parse_source_path(name: str) -> SourcePath:
    """Return what a name means: a member where it is ``ARCHIVE::MEMBER`` and ARCHIVE is a file.

    It is a file if there is one of the whole name, or no such archive.
    """
    archive, separator, member = name.partition(_SEPARATOR)
    while separator and not os.path.lexists(name):
        if Path(archive).is_file():
            return Member(Path(archive), member)
        more, separator, member = member.partition(_SEPARATOR)
        archive += _SEPARATOR + more
    return Path(name)


def file_of(path: SourcePath) -> Path:
    """Return the file that holds the bytes of a source: itself, or the archive."""
    return path if isinstance(path, Path) else path.archive


def printing_words(path: SourcePath) -> list[str]:
    """Return the words of the command that writes a member to standard output; none for a file."""
    if isinstance(path, Path):
        return []
    is_zip = path.archive.suffix.lower() == ".zip"
    return [*(("unzip", "-p") if is_zip else ("tar", "-xOf")), str(path.archive), path.name]
