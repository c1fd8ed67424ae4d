"""Where the keys of a TOML file stand: parsers of TOML, tomllib and tomlkit among them, don't tell."""

from __future__ import annotations

import re
from typing import Final

_MOST_OF_LINE: Final = 1_000
"""Characters of a line that are looked at: a search in a line of a million blanks would take for ever."""

MOST_PARTS: Final = 100
"""Parts of a dotted key that are taken. tomllib keeps every prefix of a key while it reads its line."""

_TOKENS: Final = re.compile(
    r"""
    \#[^\n]*                                               # a comment
    | "{3}(?:\\.|[^\\])*?(?:"{3,5}|\Z) | '{3}.*?(?:'{3,5}|\Z)  # a text of several lines, which is no key
    | (?P<part>[\w-]+ | "(?:\\.|[^"\\\n])*+"? | '[^'\n]*+'?)
    | (?P<dot>\.)
    | (?P<blank>[ \t]+)
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
"""The words of a TOML file. A text that is never closed ends it: a parser gets no further."""


def line_of_long_key(text: str) -> int | None:
    """Return the line of the first dotted key of more than `MOST_PARTS` parts; None if there is none."""
    if not any(line.count(".") >= MOST_PARTS for line in text.split("\n")):
        return None
    dots, was = 0, None
    for token in _TOKENS.finditer(text):
        kind = token.lastgroup
        if kind == "blank":
            continue
        if kind == "dot":
            dots = dots + 1 if was == "part" else 0
            if dots >= MOST_PARTS:
                return text.count("\n", 0, token.start()) + 1
        elif kind != "part" or was != "dot":
            dots = 0
        was = kind
    return None


def line_of(text: str, key: tuple[str, ...]) -> int:
    """Return the line of a key in a TOML file; that of its table if the key itself is not found."""
    table, found = "", 1
    above = ".".join(key[:-1]) or key[0]
    for number, whole in enumerate(text.splitlines(), 1):
        line = whole[:_MOST_OF_LINE]  # a search in a line of a million blanks would take for ever
        header = re.match(r"\s*\[\s*([^]]+?)\s*\]", line)
        if header:
            table = re.sub(r"[\"']", "", header[1])
            if table in (".".join(key), above, key[0]):
                found = number
                if table == ".".join(key):
                    return number
        name = re.match(r"\s*[\"']?(.*?)[\"']?\s*=", line)
        if (
            name
            and name[1] in (key[-1], ".".join(key))
            and table == ("" if name[1] == ".".join(key) else above)
        ):
            return number
        if name and not table and len(key) > 1 and name[1] == key[0]:
            found = number
    return found
