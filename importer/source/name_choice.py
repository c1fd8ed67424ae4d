"""What ``--include`` and ``--exclude`` choose among the files that were found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from importer.errors import UsageError
from importer.source.path_pattern import PathPattern
from importer.text import escape_controls

_MOST_SAMPLES: Final = 3

Wanted = Literal["no", "yes", "of any kind"]
"""Whether a file is wanted, and then whether also if its ending tells that it is not read."""


class NameChoice:
    """Chooses files by their relative paths; keeps which patterns matched nothing.

    Args:
        include: Patterns, as `PathPattern` takes them: only what one of them matches is wanted, if there are
            any.
        exclude: Patterns of what is not wanted, whatever includes it.

    Raises:
        UsageError: A pattern is empty.
    """

    def __init__(self, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._include = [_pattern("--include", text) for text in include]
        self._exclude = [_pattern("--exclude", text) for text in exclude]
        self._matched: set[PathPattern] = set()
        self._not_entered: list[list[str]] = []
        self._samples: list[str] = []

    def wants(self, relative: str) -> Wanted:
        """Return whether a file is wanted, by its relative path."""
        if not self._include and not self._exclude:
            return "yes"
        if len(self._samples) < _MOST_SAMPLES:
            self._samples.append(relative)
        parts = relative.split("/")
        # Each pattern is asked, for the sake of those that match nothing.
        excluded = [self._matches(pattern, parts) != "no" for pattern in self._exclude]
        included = [(pattern, self._matches(pattern, parts)) for pattern in self._include]
        if any(excluded) or (included and all(matched == "no" for _, matched in included)):
            return "no"
        by_name = any(matched == "itself" and pattern.is_narrow for pattern, matched in included)
        return "of any kind" if by_name else "yes"

    def enters(self, relative: str) -> bool:
        """Return whether something wanted may be below a folder, by its relative path."""
        if not self._include and not self._exclude:
            return True
        parts = relative.split("/")
        excluded = [self._matches(pattern, parts) != "no" for pattern in self._exclude]
        included = [pattern.may_match_below(parts) for pattern in self._include]
        if any(excluded) or (included and not any(included)):
            self._not_entered.append(parts)
            return False
        return True

    def check_all_matched(self, names: Sequence[str]) -> None:
        """Check that each pattern matched something, or might have where nobody looked.

        Args:
            names: What was named.

        Raises:
            UsageError: One did not.
        """
        for option, patterns in (("--include", self._include), ("--exclude", self._exclude)):
            for pattern in patterns:
                if pattern in self._matched or any(map(pattern.may_match_below, self._not_entered)):
                    continue
                samples = ", ".join(map(escape_controls, self._samples))
                raise UsageError(
                    f"{option} {pattern.text} matches nothing in {', '.join(names[:_MOST_SAMPLES])}"
                    + (" …" if len(names) > _MOST_SAMPLES else ""),
                    f"There is, for example: {samples}"
                    if samples
                    else "It is matched with names, or with paths below what is named.",
                )

    def _matches(self, pattern: PathPattern, parts: Sequence[str]) -> str:
        matched = pattern.match(parts)
        if matched != "no":
            self._matched.add(pattern)
        return matched


def _pattern(option: str, text: str) -> PathPattern:
    if not text.strip("/."):
        raise UsageError(f"{option} {text!r} is no pattern", f"For example: {option} '*.csv'")
    return PathPattern(text)
