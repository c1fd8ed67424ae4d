"""Words that systems write where they have no value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from importer.reading import Reading

NULL_WORDS: Final[frozenset[str]] = frozenset(
    {
        "null", "(null)", "<null>", "[null]", "null()", "\\n", "nul", "nil", "(nil)", "<nil>", "none",
        "(none)", "<none>", "[none]", "nan", "-nan", "+nan", "(nan)", "<nan>", "nat", "<nat>",
        "1.#qnan", "1.#ind", "-1.#ind", "-1.#qnan", "na", "<na>", "(na)", "n.a.", "n.a", "n/a", "(n/a)",
        "<n/a>", "n\\a", "#n/a", "#na", "#n/d", "#nv", "#null!", "#value!", "#ref!", "#div/0!",
        "#name?", "#num!", "undefined", "(undefined)", "<undefined>", "[undefined]", "undef", "unset",
        "(unset)", "unknown", "(unknown)", "<unknown>", "missing", "(missing)", "<missing>", "empty",
        "(empty)", "<empty>", "blank", "(blank)", "-", "--", "---", "\u2013", "\u2014", "?", ".", "..",
        "#n/a n/a", "(data not available)", "(not available)", "(not provided)", "(not set)",
        "[object object]", "no value", "not applicable", "not available", "not provided", "not set",
    }
)  # fmt: skip
"""In lower case. Each is a value to whoever sends it: none is left out by itself, only with ``--null``."""


def is_null_word(text: str) -> bool:
    """Return whether a cell holds a word for "no value", in any case; the empty text is none."""
    return text.lower() in NULL_WORDS


def make_cleaned(reading: Reading) -> Callable[[Any], Any]:
    """Return what trims the text of a field, and makes None of one that means no value."""
    trim, null = reading.trim, frozenset(reading.null)

    def cleaned(value: Any) -> Any:
        if type(value) is not str:
            return value
        text = value.strip() if trim else value
        return None if text in null else text

    return cleaned
