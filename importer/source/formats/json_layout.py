"""JSON in other layouts than one object a line, and the commands that convert it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Final

import orjson

from importer.errors import SourceError

_SPLIT_ARRAY: Final = "jq -c '.[]'"
_ARRAY: Final = re.compile(r'\s*\[\s*[\[\]{"0-9-]')
_ARRAY_END: Final = re.compile(r"\s*\[\s*$")
_DECOMPRESS: Final = {"gzip": "gzip -dc", "zstd": "zstd -dc", "bz2": "bzip2 -dc", "xz": "xz -dc"}


def is_array(text: str) -> bool:
    """Return whether a text begins as an array of JSON does."""
    return bool(_ARRAY.match(text) or _ARRAY_END.match(text))


def begins_as_json(text: str) -> bool:
    """Return whether the first line with text is JSON, or the ``{`` of an object over several lines."""
    first = text.lstrip().partition("\n")[0].rstrip()
    return first == "{" or _is_json(first)


def refuse_other_layouts(path: Path, text: str, compression: str, encoding: str) -> None:
    """Refuse JSON that is not one object a line in UTF-8.

    Args:
        path: For the message.
        text: How the file begins.
        compression: As in `Dialect.compression`.
        encoding: The encoding of the file, as far as it is known.

    Raises:
        SourceError: What the file is, and the command that makes JSONL of it.
    """
    if encoding not in ("utf-8", "ascii"):
        raise SourceError(
            f"{path} is JSON in {encoding}; JSON lines are UTF-8.",
            f"Convert it: {_command(path, compression, f'iconv -f {encoding} -t utf-8')}",
        )
    if is_array(text) and not _is_lines(text):
        raise SourceError(
            f"{path} is one JSON array, not JSON lines (one object a line).",
            f"Convert it: {_command(path, compression, _SPLIT_ARRAY)}",
        )
    if text.lstrip().startswith("{") and not _is_lines(text) and _is_over_several_lines(text):
        raise SourceError(
            f"{path} holds an object of JSON over several lines, not JSON lines (one object a line).",
            f"Convert it: {_command(path, compression, 'jq -c .')}",
        )


def _is_json(line: str) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def _is_lines(text: str) -> bool:
    """Return whether a text is JSON lines: its first line is JSON, and an array is followed by an object."""
    first, _, rest = text.lstrip().partition("\n")
    following = rest.lstrip()
    if first.startswith("["):
        return _is_json(first) and following.startswith("{")
    return _is_json(first)


def _is_over_several_lines(text: str) -> bool:
    """Return whether the object with which a text begins ends on a later line."""
    start = text.lstrip()
    first = start.partition("\n")[0].rstrip()
    if first == "{":
        return True
    try:
        _, end = json.JSONDecoder().raw_decode(start)
    except (ValueError, RecursionError):
        return False
    return end > len(first)


def _command(path: Path, compression: str, tool: str) -> str:
    """Return a shell command that sends a file through a tool."""
    base = path.with_suffix("") if compression else path
    made = base.with_suffix(".jsonl")
    if made == path:
        made = path.with_suffix(".lines.jsonl")
    source, target = shlex.quote(str(path)), shlex.quote(str(made))
    if compression:
        return f"{_DECOMPRESS[compression]} {source} | {tool} > {target}"
    return f"{tool} {source} > {target}"
