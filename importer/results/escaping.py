r"""What a text looks like in a CSV results file: escaped, guarded and quoted where it must be.

A cell never holds a control character, so that every outcome is one physical line: it holds the escape
(``\n``, ``\x1b``, ``\u2028``).

Of a whole column it is shown at once that no cell needs any of this; else each different value is written
once. What is ready to be joined holds its UTF-8 as letters of Latin-1, one for each byte: lines become bytes
by being copied, whatever alphabet their cells are in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FORMULA_STARTS = ("=", "+", "-", "@")
"""A spreadsheet takes a cell that begins so for a formula and runs it."""


def _escapes() -> dict[int, str]:
    """Map each character that must not stand in a cell to its escape."""
    controls = [*range(0x20), *range(0x7F, 0xA0)]
    breaks_and_bidi = [0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)]
    table = {code: f"\\x{code:02x}" for code in controls}
    table |= {ord("\t"): "\\t", ord("\n"): "\\n", ord("\r"): "\\r"}
    table |= {code: f"\\u{code:04x}" for code in breaks_and_bidi}
    return table | SURROGATES


def _surrogates() -> dict[int, str]:
    r"""Map lone surrogates: a byte that was not UTF-8 to ``\xNN``, any other to ``\uNNNN``."""
    undecoded = {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(0x80, 0x100)}
    return {code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)} | undecoded


SURROGATES = _surrogates()
_ESCAPES = _escapes()


def escape_cell(text: str) -> str:
    """Write what must not stand in a cell as its escape."""
    return text if text.isprintable() else text.translate(_ESCAPES)


def cell(text: str) -> str:
    """Escape, guard and quote one value, in this order."""
    text = escape_cell(text)
    if text.startswith(FORMULA_STARTS):
        text = f"'{text}"
    if "," in text or '"' in text:
        return '"' + text.replace('"', '""') + '"'
    return text


# ── many cells at once ───────────────────────────────────────────────────────────────────────────

_FORMULAS = [(sign, f" {sign}") for sign in FORMULA_STARTS]


def for_csv(column: str | Sequence[str]) -> str | Sequence[str]:
    """Make cells of the values of a column, ready to be joined; a text is that of each of its cells."""
    if isinstance(column, str):
        return as_latin(cell(column))
    text = _harmless(column)
    if text is not None and "," not in text and not _may_be_formula(text):
        return column
    return _each(column, {value: cell(value) for value in set(column)})


def for_json(column: str | Sequence[str]) -> str | Sequence[str] | None:
    """Make what stands between the quotes of JSON; None if a letter in it can't be seen."""
    if not isinstance(column, str) and _harmless(column) is not None:
        return column
    try:
        values = {column} if isinstance(column, str) else set(column)
        written = {value: orjson.dumps(value).decode()[1:-1] for value in values}
    except orjson.JSONEncodeError:  # a lone surrogate
        return None
    if not "".join(written.values()).isprintable():
        return None
    return as_latin(written[column]) if isinstance(column, str) else _each(column, written)


def _harmless(column: Sequence[str]) -> str | None:
    """Join a column with blanks, if it is ASCII without control characters, quotes and backslashes."""
    text = " ".join(column)
    # Of ASCII, orjson escapes these, all but DEL; and an escape is longer than what it stands for.
    if text.isascii() and "\x7f" not in text and len(orjson.dumps(text)) == len(text) + 2:
        return text
    return None


def _may_be_formula(text: str) -> bool:
    """Tell whether a cell of a joined column may begin as a formula; each blank may be where one begins."""
    if text.startswith(FORMULA_STARTS):
        return True
    return any(sign in text and start in text for sign, start in _FORMULAS)


def _each(column: Sequence[str], written: Mapping[str, str]) -> list[str]:
    ready = {value: as_latin(text) for value, text in written.items()}
    return list(map(ready.__getitem__, column))


def as_latin(text: str) -> str:
    """Give the bytes of a text in UTF-8, each as the letter of Latin-1 that it would be."""
    return text if text.isascii() else text.encode().decode("latin-1")


def digits(numbers: Sequence[int]) -> list[str]:
    """Write numbers: of many, orjson makes one text sooner than Python makes many."""
    return orjson.dumps(numbers).decode()[1:-1].split(",")


def join_columns(parts: Sequence[str | Sequence[str]], count: int) -> bytes:
    """Join lines, of columns and of what stands between them.

    Args:
        parts: What a line consists of, in order and ready: a column, or a text that all lines have.
        count: How many lines there are, and cells in each column.
    """
    merged: list[str | Sequence[str]] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    places = [part if isinstance(part, str) else "" for part in merged] * count
    for place, part in enumerate(merged):
        if not isinstance(part, str):
            places[place :: len(merged)] = part
    return "".join(places).encode("latin-1")
