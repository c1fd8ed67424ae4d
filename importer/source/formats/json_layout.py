"""JSON in other layouts than one object a line, what is nearly JSON, and the commands that convert them."""

from __future__ import annotations

import ast
import json
import re
from typing import Any, Final

import orjson

from importer.errors import SourceError
from importer.source.format import SourceHead
from importer.source.members import SourcePath, printing_words
from importer.text import quoted_name, shell_word, shell_words

_SPLIT_ARRAY: Final = "jq -c '.[]'"
_ARRAY: Final = re.compile(r'\s*\[\s*[\[\]{"0-9-]')
_ARRAY_END: Final = re.compile(r"\s*\[\s*$")
_NO_COMMAS: Final = "sed -E 's/,[[:space:]]*$//'"
_NO_SEPARATORS: Final = "tr -d '\\036'"
_FROM_PYTHON: Final = (
    "python3 -c 'import ast, json, sys; [print(json.dumps(ast.literal_eval(line))) for line in sys.stdin]'"
)
_FILTERS: Final = (_NO_SEPARATORS, _FROM_PYTHON)  # these read standard input alone
_SEPARATOR: Final = "\x1e"  # ahead of each text of a JSON text sequence, RFC 7464
_WRAPPED_LIST: Final = re.compile(r'"((?:[^"\\]|\\.)*)"\s*:\s*\[\s*\{')
_NAMES_AN_EVENT: Final = frozenset({"event", "event_name", "eventName", "event_type", "properties"})
_DECOMPRESS: Final = {"gzip": "gzip -dc", "zstd": "zstd -dc", "bz2": "bzip2 -dc", "xz": "xz -dc"}


def read_leniently(line: bytes) -> dict[str, Any]:
    """Return the object of a line that would be JSON but for a NaN, an Infinity or a very large integer.

    It is empty if the line is anything else. Its values are not to be sent.
    """
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def is_array(text: str) -> bool:
    """Return whether a text begins as an array of JSON does."""
    return bool(_ARRAY.match(text) or _ARRAY_END.match(text))


def begins_as_json(text: str) -> bool:
    """Return whether the first line with text is JSON, nearly so, or begins an object over several lines."""
    first = _first_line(text)
    return (
        first == "{"
        or _is_json(first)
        or bool(read_leniently(first.encode("utf-8", "replace")))
        or _ends_with_comma(first)
        or _is_python(first)
        or _holds_several(first)
        or (
            re.match(r'\{\s*"(?:[^"\\]|\\.)*"\s*:', text.lstrip()) is not None
            and _is_over_several_lines(text)
        )
    )


def refuse_other_layouts(head: SourceHead, *, is_declared: bool) -> None:
    """Refuse JSON that is not one object a line in UTF-8.

    Args:
        head: How the file begins.
        is_declared: True if the file was said to be JSON lines.

    Raises:
        SourceError: What the file is, and the command that makes JSONL of it.
    """
    path, text, compression, encoding = head.path, head.text, head.compression, head.encoding
    if encoding not in ("utf-8", "ascii"):
        raise SourceError(
            f"{path} is JSON in {encoding}; JSON lines are UTF-8.",
            f"Convert it: {_command(path, compression, f'iconv -f {encoding} -t utf-8')}",
        )
    found = _other_layout(text, is_declared=is_declared)
    if found is not None:
        what, tool = found
        raise SourceError(
            f"{path} {what}, not JSON lines (one object a line).",
            f"Convert it: {_command(path, compression, tool)}",
        )


def _other_layout(text: str, *, is_declared: bool) -> tuple[str, str] | None:
    """Return what a text is in words, and the tool that makes JSON lines of it; None if it may be such."""
    first = _first_line(text)
    if is_array(text) and not _is_lines(text):
        return "is one JSON array", _SPLIT_ARRAY
    if text.lstrip(" \t\r\n").startswith(_SEPARATOR):
        return "is a JSON text sequence, with a control character ahead of each object", _NO_SEPARATORS
    if not first.startswith("{"):
        return None
    if _is_json(first):
        name = "" if is_declared or text.strip() != first else _wrapped_list(first)
        return (
            (f"is one object, with the records in its {quoted_name(name)}", _unwrap(name)) if name else None
        )
    if _ends_with_comma(first):
        return "holds objects with a comma behind each", _NO_COMMAS
    if found := _other_lines(first, text):
        return found
    if _is_over_several_lines(text):
        name = _wrapped_list(text)
        if name:
            what = f"holds an object of JSON over several lines, with the records in its {quoted_name(name)}"
            return what, _unwrap(name)
        return "holds an object of JSON over several lines", "jq -c ."
    return None


def _other_lines(first: str, text: str) -> tuple[str, str] | None:
    """Return the same as `_other_layout` for lines that only look like JSON; None if the first alone does."""
    if _is_json(_first_line(text.lstrip().partition("\n")[2]) or "-"):
        return None
    if _is_python(first):
        return "holds dictionaries of Python", _FROM_PYTHON
    if _holds_several(first):
        return "holds several objects of JSON on one line", "jq -c ."
    return None


def _first_line(text: str) -> str:
    return text.lstrip().partition("\n")[0].rstrip()


def _ends_with_comma(line: str) -> bool:
    """Return whether a line is an object with a comma behind it, as in an array without its brackets."""
    return line.startswith("{") and line.endswith(",") and _is_json(line[:-1])


def _is_python(line: str) -> bool:
    """Return whether a line is a dictionary as Python prints it."""
    if not re.match(r"\{\s*[\"'].*\}\Z", line) or read_leniently(line.encode("utf-8", "replace")):
        return False
    try:
        return isinstance(ast.literal_eval(line), dict)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False


def _holds_several(line: str) -> bool:
    """Return whether a line is several objects without anything between them."""
    if not line.startswith("{"):
        return False
    try:
        value, end = json.JSONDecoder().raw_decode(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and line[end:].lstrip().startswith("{")


def _wrapped_list(text: str) -> str:
    """Return the key under which the object at the beginning of a text has a list of objects; else empty.

    An object that names an event is one, whatever lists it has.
    """
    try:
        value, _ = json.JSONDecoder().raw_decode(text.lstrip())
    except (ValueError, RecursionError):  # the text may be cut
        found = _WRAPPED_LIST.search(text)
        before = set(re.findall(r'"(\w+)"\s*:', text[: found.start()])) if found else set()
        return found[1] if found and not before & _NAMES_AN_EVENT else ""
    if not isinstance(value, dict) or value.keys() & _NAMES_AN_EVENT:
        return ""
    lists = (key for key, inner in value.items() if isinstance(inner, list) and inner)
    return next((key for key in lists if all(isinstance(each, dict) for each in value[key])), "")


def _unwrap(key: str) -> str:
    path = f".{key}[]" if re.fullmatch(r"[A-Za-z_]\w*", key, re.ASCII) else f".[{json.dumps(key)}][]"
    return f"jq -c {shell_word(path)}"


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


def _command(path: SourcePath, compression: str, tool: str) -> str:
    """Return a shell command that sends a source through a tool."""
    base = path.with_suffix("") if compression else path
    made = base.with_suffix(".jsonl")
    if made == path:
        made = path.with_suffix(".lines.jsonl")
    source, target = shell_word(str(path)), shell_word(str(made))
    if printing := shell_words(printing_words(path)):
        return f"{printing} | {f'{_DECOMPRESS[compression]} | ' if compression else ''}{tool} > {target}"
    if compression:
        return f"{_DECOMPRESS[compression]} {source} | {tool} > {target}"
    return f"{tool} {'< ' if tool in _FILTERS else ''}{source} > {target}"
