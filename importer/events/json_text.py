"""A text in each of some lines of JSON, found without reading them, where that is proof.

In JSON, a quote behind no backslash begins or ends a string, and no letter follows the end of one. So a key
in quotes is a whole string, and a colon makes it a key. If it stands in the line once, and no escape may
spell it, there is no other of the name. An object begins with ``{`` at the start of the line, and with
``"parent":{``: if no others begin before a key, and none ends, it stands in just these. And if a single ``}``
stands behind it, at the end of the line, it stands in the line's own object.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Final

COLONS: Final = (b":", b": ")
"""How a colon is usually written."""

TextFinder = Callable[[bytes], Sequence[bytes] | None]
"""Returns a text of each of some whole lines, as it is written; None if they must be read to tell."""

_DEPTH: Final = 2
_is_simple: Final = re.compile(r"[A-Za-z0-9_$]+").fullmatch
_of_simple: Final = re.compile(rb"\\u00[2-7]").search


def text_at(path: Sequence[str], colon: bytes) -> TextFinder:
    """Return what finds the texts at a path in lines of JSON.

    In a line that is not JSON, anything may be found.

    Args:
        path: Keys that lead from the object of the line to the text; one or two, or nothing will be found.
        colon: How it is written.
    """
    if len(path) > _DEPTH or not all(map(_is_simple, path)):
        return lambda _: None
    names = [f'"{key}"'.encode() for key in path]
    *outer, key = names
    begin, parent = key + colon + b'"', b"".join(outer) + colon + b"{"

    def find(block: bytes) -> Sequence[bytes] | None:
        lines = BytesIO(block).readlines()
        if not lines or any(block.count(name) != len(lines) for name in names) or _may_spell(block):
            return None
        heads, found, tails = zip(*[line.partition(begin) for line in lines], strict=True)
        if not all(found) or _may_escape(heads):
            return None
        if not (_are_inside(parent, heads) if outer else _are_outside(heads) or _are_last(tails)):
            return None
        return [tail.partition(b'"')[0] for tail in tails]

    return find


def _may_spell(block: bytes) -> bool:
    """True if a character of a simple key may be written as an escape."""
    return b"\\u00" in block and _of_simple(block) is not None


def _may_escape(heads: Sequence[bytes]) -> bool:
    """True if a backslash stands before a quote, in some texts or behind them."""
    joined = b'"'.join((*heads, b""))
    return b"\\" in joined and b'\\"' in joined


def _are_outside(heads: Sequence[bytes]) -> bool:
    """True if each head begins an object, and no other in it."""
    starts = {head[:1] for head in heads}
    return starts == {b"{"} and b"".join(heads).count(b"{") == len(heads)


def _are_inside(parent: bytes, heads: Sequence[bytes]) -> bool:
    """True if each head begins an object and the parent in it, and neither ends nor begins any other."""
    befores, found, rests = zip(*[head.partition(parent) for head in heads], strict=True)
    inner = b"".join(rests)
    return all(found) and b"{" not in inner and b"}" not in inner and _are_outside(befores)


def _are_last(tails: Sequence[bytes]) -> bool:
    """True if each tail ends with the end of an object, and no other ends in it."""
    ends = {tail.rstrip()[-1:] for tail in tails}
    return ends == {b"}"} and b"".join(tails).count(b"}") == len(tails)
