"""Records by the block: a short way for lines that need no care, and the long way for the others.

A reader takes items one by one and looks at each. Nearly all need no look of their own: where the records of
a block of lines begin and end can be told at once. What can't be told goes to the reader.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol

from importer.model import Record, Rejection
from importer.source.lines import Lines

SizedRecords = tuple[Sequence[Record | Rejection], int]
"""Items, and the size of the lines that they were read from, in characters or bytes."""

MAX_RECORDS: Final = 500
"""Items in a list: of more at once, the first have left the processor's cache before they are used."""

MAX_SIZE: Final = 1 << 22
"""Size of their lines, in characters or bytes, that is enough however few they are."""


class Parsed(NamedTuple):
    """What is proven of a block.

    Attributes:
        records: Those of its first lines; rejections only where a line alone tells them.
        lines: How many lines these are.
        stuck: True if what stands below them needs care, whatever follows it.
    """

    records: Sequence[Record | Rejection]
    lines: int
    stuck: bool


NOT_PARSED: Final = Parsed([], 0, stuck=True)


class BlockReader(Protocol):
    """What reads items one by one, and proves blocks."""

    source: Any  # its `Lines`, of text or of bytes, as all lines here
    between: bool

    @property
    def lines(self) -> Sequence[Any]:
        """The lines of the last item."""

    def prove(self, lines: list[Any], size: int) -> Parsed:
        """The records of the next lines, as far as they need no care."""

    def skip(self, items: int, lines: int) -> None:
        """Go on below records that were proven."""


def in_blocks(reader: BlockReader, items: Iterator[Record | Rejection]) -> Iterator[SizedRecords]:
    """All that is left of a source.

    Args:
        reader: What reads it.
        items: What the reader gives one by one, from where it is.

    Raises:
        SourceError: The file can't be read on.
        UnicodeError: Its encoding can't be told.
    """
    more = True
    while more:
        if reader.between:
            yield from _at_once(reader)
        more = yield from _one_by_one(reader, items)


def _at_once(reader: BlockReader) -> Iterator[SizedRecords]:
    """Blocks while they can be proven; the lines of the first that can't be are given back."""
    source: Lines[Any] = reader.source
    rest: list[Any] = []
    while lines := source.block(rest):
        size = source.size
        proven = reader.prove(lines, size)
        rest = lines[proven.lines :]
        if proven.lines:
            reader.skip(len(proven.records), proven.lines)
            yield proven.records, size
        if proven.stuck or not proven.lines:
            source.give_back(rest)
            return


def _one_by_one(
    reader: BlockReader, items: Iterator[Record | Rejection]
) -> Generator[SizedRecords, None, bool]:
    """Items of the lines that are held, and of what follows as far as the last of these goes on there.

    Returns:
        False at the end of the file.
    """
    source: Lines[Any] = reader.source
    pieces = source.pieces
    found: list[Record | Rejection] = []
    size = 0
    try:
        for item in items:
            found.append(item)
            size += sum(map(len, reader.lines))
            done = reader.between and (source.pieces > pieces or not source.holds_some)
            if done or len(found) >= MAX_RECORDS or size >= MAX_SIZE:
                yield found, size
                found, size = [], 0
            if done:
                return True
    except Exception:  # what was read before it comes first
        if found:
            yield found, size
        raise
    if found:
        yield found, size
    return False
