r"""What a text looks like in a CSV results file: escaped, guarded and quoted where it must be.

A cell never holds a control character, so that every outcome is one physical line: it holds the escape
(``\n``, ``\x1b``, ``\u2028``).

A whole column is checked at once: if no cell needs escapes, guards or quotes, it stays as it is; else each
distinct value is escaped once. The cells to be joined hold their UTF-8 as characters of Latin-1, one for each
byte, so that joined lines are encoded by a copy, whatever characters are in them.
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
    """Return a text with each character that must not be in a cell as its escape."""
    return text if text.isprintable() else text.translate(_ESCAPES)


def cell(text: str) -> str:
    """Return the cell of one value: escaped, guarded and quoted, in this order."""
    text = escape_cell(text)
    if text.startswith(FORMULA_STARTS):
        text = f"'{text}"
    if "," in text or '"' in text:
        return '"' + text.replace('"', '""') + '"'
    return text


# ── many cells at once ───────────────────────────────────────────────────────────────────────────

_FORMULAS = [(sign, f" {sign}") for sign in FORMULA_STARTS]


def for_csv(column: str | Sequence[str]) -> str | Sequence[str]:
    """Return the cells of a column for `join_columns`; a single text is the value of each cell."""
    if isinstance(column, str):
        return as_latin(cell(column))
    text = _harmless(column)
    if text is not None and "," not in text and not _may_be_formula(text):
        return column
    return _each(column, {value: cell(value) for value in set(column)})


def for_json(column: str | Sequence[str]) -> str | Sequence[str] | None:
    """Return what goes between the quotes of JSON, to be joined; None if a character is not printable."""
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
    """Return a column joined by blanks, if it is ASCII without control characters, quotes and backslashes."""
    text = " ".join(column)
    # In ASCII, orjson escapes exactly these, except DEL; and an escape makes the text longer.
    if text.isascii() and "\x7f" not in text and len(orjson.dumps(text)) == len(text) + 2:
        return text
    return None


def _may_be_formula(text: str) -> bool:
    """Tell whether a cell of a joined column may begin as a formula; each blank may be a start of a cell."""
    if text.startswith(FORMULA_STARTS):
        return True
    return any(sign in text and start in text for sign, start in _FORMULAS)


def _each(column: Sequence[str], written: Mapping[str, str]) -> list[str]:
    ready = {value: as_latin(text) for value, text in written.items()}
    return list(map(ready.__getitem__, column))


def as_latin(text: str) -> str:
    """Return the bytes of a text in UTF-8, each as the character of Latin-1 with that code."""
    return text if text.isascii() else text.encode().decode("latin-1")


def digits(numbers: Sequence[int]) -> list[str]:
    """Return numbers as texts; for many of them, orjson is faster than `str`."""
    return orjson.dumps(numbers).decode()[1:-1].split(",")


def join_columns(parts: Sequence[str | Sequence[str]], count: int) -> bytes:
    """Return the lines that columns, and the texts between them, make.

    Args:
        parts: The parts of a line, in order: a column, or a text that all lines have.
        count: How many lines there are, and cells in each column.
    """
    merged: list[str | Sequence[str]] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    cells = [part if isinstance(part, str) else "" for part in merged] * count
    for index, part in enumerate(merged):
        if not isinstance(part, str):
            cells[index :: len(merged)] = part
    return "".join(cells).encode("latin-1")
