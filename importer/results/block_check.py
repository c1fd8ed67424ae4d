"""Many lines of a CSV results file at once: whether all of them are sound, and what counts of them.

What is said here of a block is what the parser of `lines` would say of each of its lines. Where that can't be
shown of all of them together, nothing is said, and they are to be read one by one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from itertools import chain
from operator import lt
from typing import NamedTuple

import orjson

from importer.model import Status
from importer.results.rows import COLUMNS, STATUSES

_WIDTH = len(COLUMNS) + 1
_LARGEST = 2**63 - 1  # of what is larger, JSON may make a float
_QUOTED = re.compile(rb'"[^"\n]*"')


class BlockCheck(NamedTuple):
    """What counts of some lines.

    Attributes:
        lines: How many they are.
        last_row: The record that the last of them is for.
        tally: Lines by status.
    """

    lines: int
    last_row: int
    tally: Mapping[Status, int]


def check_block(block: bytes, last_row: int) -> BlockCheck | None:
    """Look at some lines.

    Args:
        block: Lines, each with its newline.
        last_row: The record of the line before them; 0 if there is none.

    Returns:
        What counts of them; None if one may be unsound, or out of order.
    """
    plain = _without_quotes(block)
    if plain is None:
        return None
    spaced = plain.replace(b"\n", b",\n,")  # so that a newline is a cell of its own
    count = (len(spaced) - len(plain)) // 2
    cells = spaced.split(b",")
    if len(cells) != _WIDTH * count + 1 or cells[_WIDTH - 1 :: _WIDTH].count(b"\n") != count or cells[-1]:
        return None
    rows, lines = cells[0:-1:_WIDTH], cells[1::_WIDTH]
    numbers = _numbers(rows)
    tally = _tally(cells[2::_WIDTH], cells[3::_WIDTH])
    if numbers is None or tally is None or not _are_digits(lines):
        return None
    if not all(map(lt, chain((last_row,), numbers), numbers)) or numbers[-1] > _LARGEST:
        return None
    return BlockCheck(count, numbers[-1], tally)


def _without_quotes(block: bytes) -> bytes | None:
    """Put a letter in the place of what stands between two quotes of a line, where a comma is text."""
    try:
        block.decode()
    except UnicodeDecodeError:
        return None
    if b'"' in block:
        block = _QUOTED.sub(b"q", block)
    return None if b'"' in block else block


def _are_digits(cells: list[bytes]) -> bool:
    return b"".join(cells).isdigit() and b"" not in cells


def _numbers(cells: list[bytes]) -> list[int] | None:
    """Read numbers as JSON, which has no zeros at their beginning; nor has a file of ours."""
    try:
        return orjson.loads(b"[%b]" % b",".join(cells)) if _are_digits(cells) else None
    except orjson.JSONDecodeError:
        return None


def _tally(successes: list[bytes], statuses: list[bytes]) -> dict[Status, int] | None:
    first, count = (successes[0], statuses[0]), len(statuses)
    # Nearly always they are all the same, and that is seen sooner than counted.
    alike = successes.count(first[0]) == statuses.count(first[1]) == count
    found = {first: count} if alike else Counter(zip(successes, statuses, strict=True))
    if not found.keys() <= STATUSES.keys():
        return None
    return {STATUSES[ending]: number for ending, number in found.items()}
