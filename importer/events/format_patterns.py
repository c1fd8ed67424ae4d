"""Formats in other languages than strptime's, such as ``dd/MM/yyyy HH:mm``, translated to be offered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_WORDS: Final[Mapping[str, str]] = {
    "yyyy": "%Y", "uuuu": "%Y", "rrrr": "%Y", "y": "%Y", "yy": "%y", "rr": "%y",
    "mmmm": "%B", "mmm": "%b", "month": "%B", "mon": "%b",
    "dd": "%d", "d": "%d", "ddd": "%a", "dddd": "%A", "do": "%d", "eee": "%a", "eeee": "%A", "dy": "%a",
    "h": "%H", "hh": "%H", "hh24": "%H", "hh12": "%H", "mi": "%M", "i": "%M", "ss": "%S", "s": "%S",
    "tt": "%p", "t": "%p", "a": "%p", "aa": "%p", "am/pm": "%p", "am": "%p", "pm": "%p",
    "xxx": "%z", "xx": "%z", "x": "%z", "zzz": "%z", "zz": "%z",
}  # fmt: skip
"""Words of formats of Java, .NET, Moment, Excel, Oracle and PHP that mean the same wherever they stand."""

_PART = re.compile(
    r"'(?P<quoted>(?:[^']|'')*)'|\[(?P<escaped>[^\]]*)\]|(?P<word>HH24|HH12|hh24|hh12|[Aa][Mm]/[Pp][Mm]|[AaPp][Mm](?![A-Za-z])"
    r"|[Mm][Oo][Nn][Tt][Hh]|[Mm][Oo][Nn]|[Mm][Ii]|[Dd][Yy]|Do|([A-Za-z])\4*)|(?P<other>[^A-Za-z'\[]+)"
)
_CASED: Final[Mapping[str, str]] = {"T": "T", "Z": "%z", "K": "%z", "z": "%Z"}
"""Words whose case tells what they mean."""


def as_strptime(text: str) -> str:
    """Return the strptime format that means what a format of another language does; empty if unknown.

    Args:
        text: Such as ``MM/DD/YYYY`` or ``yyyy-MM-dd'T'HH:mm:ss.SSSXXX``.
    """
    parts: list[str] = []
    at = 0
    while at < len(text):
        found = _PART.match(text, at)
        if found is None:
            return ""
        at = found.end()
        if found["word"] is None:
            literal = found["quoted"] if found["quoted"] is not None else found["escaped"]
            parts.append((found["other"] if literal is None else literal).replace("%", "%%"))
            continue
        directive = _directive(found["word"], parts, text[at:])
        if not directive:
            return ""
        parts.append(directive)
    if "%p" in parts:
        parts = ["%I" if part == "%H" else part for part in parts]
    return "".join(parts) if {"%Y", "%y"} & set(parts) else ""


def _directive(word: str, before: list[str], after: str) -> str:
    """Return the directive of a word; empty if there is none."""
    lower = word.lower()
    if word in _CASED:
        return _CASED[word]
    if lower in ("m", "mm"):  # months and minutes: Java tells them apart by their case, Excel by their place
        in_clock = before[-1:] == ["%H"] or (before[-2:-1] == ["%H"] and before[-1] != " ")
        return "%M" if in_clock or re.match(r"[:.]?[sS]", after) else "%m"
    if (set(word) == {"S"} and "%S" in before) or set(lower) == {"f"}:
        return "%f"
    return _WORDS.get(lower, "")
