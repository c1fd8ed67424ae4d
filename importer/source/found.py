"""What was found of the sources that were named."""

from __future__ import annotations

from dataclasses import dataclass

from importer.source.members import SourcePath


@dataclass(frozen=True, slots=True)
class FoundSource:
    """A source that was found.

    Attributes:
        name: As people see it and manifests keep it: what was typed, joined with what is below it.
        path: What its bytes are read from; of standard input and of a pipe, what was typed.
        relative: Its path in the folder of the results, without the ending of the results; ``/`` separates.
        pipe: It can be read only once: standard input, a named pipe, or an open file of the shell.
    """

    name: str
    path: SourcePath
    relative: str
    pipe: bool = False


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What would be a source, but can't be read.

    Attributes:
        name: As of a source.
        why: What follows its name in a sentence.
        remedy: What to do; may be empty.
    """

    name: str
    why: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found.

    Attributes:
        named: What was typed.
        sources: The sources in natural order of their relative paths.
        left_out: What can't be read, in natural order.
        is_set: It was a folder, an archive, a pattern or several names, even if one source is all there is.
        others: Files of kinds that are not read, below folders and in archives.
        other_names: The first of them.
        own: Results of runs and what belongs to them; a folder of results counts once.
        hidden: Hidden files and folders.
        unwanted: Files and folders that ``--include`` and ``--exclude`` leave out.
    """

    named: tuple[str, ...]
    sources: tuple[FoundSource, ...]
    left_out: tuple[LeftOut, ...]
    is_set: bool
    others: int = 0
    other_names: tuple[str, ...] = ()
    own: int = 0
    hidden: int = 0
    unwanted: int = 0
