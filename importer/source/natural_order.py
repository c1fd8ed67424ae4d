"""The order in which people expect files: ``part-2`` before ``part-10``."""

from __future__ import annotations

import re
from typing import Final

_DIGITS: Final = re.compile("[0-9]+")


def natural_key(path: str) -> tuple[str, ...]:
    """Return the key by which paths are sorted: folder by folder, numbers by value, all else by code point.

    Numbers may have any length. Where two names of one folder differ only in leading zeros, their text
    decides: no two paths have one key.

    Args:
        path: A path whose parts ``/`` separates.
    """
    return tuple(key for part in path.split("/") for key in (_DIGITS.sub(_number_key, part), part))


def _number_key(digits: re.Match[str]) -> str:
    """Return a text that sorts as the number does, and among other characters as a digit."""
    number = digits[0].lstrip("0")
    return f"0{chr(len(number))}{number}"
