r"""What a text looks like in a CSV results file: escaped, guarded and quoted where it must be.

A cell never holds a control character, so that every outcome is one physical line: it holds the escape
(``\n``, ``\x1b``, ``\u2028``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def escaped(text: str) -> str:
    """Write what must not stand in a cell as its escape."""
    return text if text.isprintable() else text.translate(_ESCAPES)


def cell(text: str) -> str:
    """Escape, guard and quote one value, in this order."""
    text = escaped(text)
    if text.startswith(FORMULA_STARTS):
        text = f"'{text}"
    if "," in text or '"' in text:
        return '"' + text.replace('"', '""') + '"'
    return text


# ── many cells at once ───────────────────────────────────────────────────────────────────────────

_ASCII = bytes(range(0x80))
_SIGNS = "".join(FORMULA_STARTS).encode()
_STARTS = [(sign.encode(), b"," + sign.encode()) for sign in FORMULA_STARTS]


def all_but(*harmful: int) -> bytes:
    """Give the bytes that are no control character in UTF-8, without those that would do harm."""
    return bytes({*range(0x20, 0x7F), *range(0x80, 0x100)}.difference(harmful))


_HARMLESS = all_but(*b',"', *_SIGNS)


def plain(text: str, frame: bytes) -> bytes | None:
    """Encode text whose cells need neither escapes nor apostrophes nor quotes.

    Args:
        text: Cells, each after a comma or at the start of a line, where none may be that begins as a formula.
        frame: The commas and newlines of ``text``, if none of them is part of a cell.

    Returns:
        The text in UTF-8; None if it can't be shown that every cell may stand as it is.
    """
    data = printable(text)
    if data is None:
        return None
    # A few searches at C speed: what is left without the harmless bytes must be the frame and nothing more.
    rest = data.translate(None, _HARMLESS)
    if rest != frame:
        for sign, start in _STARTS:
            if sign in rest and start in data:
                return None
        if rest.translate(None, _SIGNS) != frame:
            return None
    return data


def printable(text: str) -> bytes | None:
    """Encode text that has no invisible letter beyond ASCII; None if it has one."""
    try:
        data = text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return None
    if data.isascii() or data.translate(None, _ASCII).decode().isprintable():
        return data
    return None


def guarded(column: Sequence[str]) -> Sequence[str]:
    """Make cells of the values of one column, looking at each only if one of them needs it."""
    lines = "\n,".join(column)
    if plain(f",{lines}\n", b",\n" * len(column)) is not None:
        return column
    changed = {
        value: cell(value)
        for value in set(column)
        # Whatever `cell` changes has one of these.
        if not value.isprintable() or "," in value or '"' in value or value.startswith(FORMULA_STARTS)
    }
    return [changed.get(value, value) for value in column]
