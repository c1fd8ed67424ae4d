r"""What a text looks like in a CSV results file: escaped, guarded and quoted where it must be.

A cell never holds a control character, so that every outcome is one physical line: it holds the escape
(``\n``, ``\x1b``, ``\u2028``).
"""

from __future__ import annotations

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
