"""How the records of JSON stand in a file, what is nearly JSON, and the commands that convert that."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final, Literal, NamedTuple

import orjson

from importer.errors import SourceError, UsageError
from importer.reading import Attention
from importer.source.format import SourceHead
from importer.source.formats.json_nesting import Nesting, UnbalancedError
from importer.source.members import SourcePath, printing_words
from importer.text import nearest, quoted, shell_word, shell_words

_ARRAY: Final = re.compile(r'\s*\[\s*[\[\]{"0-9-]')
_ARRAY_END: Final = re.compile(r"\s*\[\s*$")
_MOST_LINES: Final = 20
_BLANKS: Final = " \t\r\n"
_NO_COMMAS: Final = "sed -E 's/,[[:space:]]*$//'"
_FROM_PYTHON: Final = (
    "python3 -c 'import ast, json, sys; [print(json.dumps(ast.literal_eval(line))) for line in sys.stdin]'"
)
_TOOLS: Final[Mapping[str, tuple[str, str]]] = {
    "commas": ("holds objects with a comma behind each", _NO_COMMAS),
    "python": ("holds dictionaries of Python", _FROM_PYTHON),
}
_FILTERS: Final = (_FROM_PYTHON,)  # these read standard input alone
_SEPARATOR: Final = "\x1e"  # ahead of each text of a JSON text sequence, RFC 7464
_TOKEN: Final = re.compile(r'\s*("(?:[^"\\]|\\.)*+"|[{}\[\]:,]|[^\s{}\[\]:,"]+)', re.DOTALL)
_OBJECT: Final = re.compile(r"\s*\{")
_OPENS: Final = frozenset("{[")
_CLOSES: Final = frozenset("}]")
_COLON: Final = re.compile(r"\s*:")
_NAMES_AN_EVENT: Final = frozenset({"event", "event_name", "eventName", "event_type", "properties"})
_OF_PAGES: Final = re.compile(
    r"(?:is|has|next|prev(?:ious)?|first|last|current|total|page|per|status)?"
    r"(?:object|ur[li]|href|link|self|pages?|size|number|count|limit|offset|total|results|hits|records|rows|items|"
    r"more|truncated|complete|done|cursor|token|marker|ok|success|status|code|errors?|message|warnings?|version)"
    r"|next|prev(?:ious)?|first|last|pagetoken|nextpage(?:token|url)|requestid|took|timedout|from|to|start|end"
)
"""What a page of records says beside its list, without marks between words: no time, so it is no event."""

_DECOMPRESS: Final = {"gzip": "gzip -dc", "zstd": "zstd -dc", "bz2": "bzip2 -dc", "xz": "xz -dc"}
WHOLE_OBJECTS: Final = "--records ''"
"""The option that takes objects as records, whatever lists are in them."""


Layout = Literal["", "lines", "values", "commas", "python"]
"""One object a line; values of any layout, among them arrays; and what is only nearly JSON."""


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


def find_layout(text: str) -> Layout:
    """Return how the records of JSON stand in a text; empty if it seems to be no JSON."""
    start = text.lstrip(_BLANKS)
    first = _first_line(text)
    if is_array(text):
        return "lines" if _is_lines(text) else "values"
    if start.startswith(_SEPARATOR):
        return "values"
    if not first.startswith("{"):
        return ""
    if _is_json(first):
        return "values" if text.strip() == first and find_lists(text).paths else "lines"
    if _ends_with_comma(first):
        return "commas"
    if _is_json(_first_line(start.partition("\n")[2]) or "-"):
        return "lines"
    if _is_python(first):
        return "python"
    if _holds_several(first) or _is_over_several_lines(text) or _is_cut_list(text):
        return "values"
    return "lines"


def refuse_other_layouts(head: SourceHead, title: str) -> None:
    """Refuse what is no JSON in UTF-8, though it looks like it.

    Args:
        head: How the file begins.
        title: What it is to be read as: ``JSON`` or ``JSONL``.

    Raises:
        SourceError: What the file is, and the command that makes JSON lines of it.
    """
    path, compression, encoding = head.path, head.compression, head.encoding
    if encoding not in ("utf-8", "ascii"):
        raise SourceError(
            f"{path} is JSON in {encoding}; {title} is UTF-8.",
            f"Convert it: {_command(path, compression, f'iconv -f {encoding} -t utf-8')}",
        )
    layout = find_layout(head.text)
    is_line = _first_line(head.text).startswith("{") and _is_json(_first_line(head.text))
    if layout == "values" and title == "JSONL" and not is_line:
        raise SourceError(
            f"{path} is JSON, but not JSON lines (one object a line).",
            "Say --format json, or leave --format out.",
        )
    if layout in _TOOLS:
        what, tool = _TOOLS[layout]
        raise SourceError(
            f"{path} {what}, not JSON lines (one object a line).",
            f"Convert it: {_command(path, compression, tool)}",
        )


def is_one_record(text: str, named: AbstractSet[str]) -> bool:
    """Return whether a text is an object on one line that is a record, whatever lists are in it.

    Args:
        text: The text.
        named: The formats that use the extension of the file's name. A file of JSON lines holds records;
            of any other but one of JSON, an object with several lists is one.
    """
    line = text.strip()
    if not line.startswith("{") or "\n" in line or not _is_json(line):
        return False
    return "jsonl" in named or ("json" not in named and len(find_lists(text).paths) > 1)


class Lists(NamedTuple):
    """The lists of objects in the first object of a text.

    Attributes:
        paths: The dotted path of each that is in no other list; none if the object names an event. Of a page
            without records, that of its only list, which is empty.
        is_alone: True if nothing but the object is in the text, all of it or its beginning.
        is_whole: True if the object ends in the text.
    """

    paths: tuple[str, ...] = ()
    is_alone: bool = False
    is_whole: bool = False


def find_lists(text: str) -> Lists:
    """Return the lists of objects in the object with which a text begins."""
    paths: list[str] = []
    keys: list[str] = []  # of the objects that are open: the one whose value is read
    at = 0
    while found := _TOKEN.match(text, at):
        at = found.end()
        mark = found[1]
        if mark == "[":
            if _OBJECT.match(text, at):
                paths.append(".".join(keys))
            at = _end_of_list(text, at)
        elif mark == "{":
            keys.append("")
        elif mark == "}" and len(keys) == 1:
            is_alone = not text[at:].strip(_BLANKS)
            return Lists(tuple(paths or (_empty_list(text) if is_alone else ())), is_alone, is_whole=True)
        elif mark == "}" and keys:
            keys.pop()
        elif not keys:
            break
        elif mark.startswith('"') and _COLON.match(text, at):
            keys[-1] = _name(mark)
            if len(keys) == 1 and keys[0] in _NAMES_AN_EVENT:
                return Lists()
    return Lists(tuple(paths), is_alone=bool(keys))


def _empty_list(text: str) -> list[str]:
    """Return the path of the only list of a page without records: nothing else in it is of a record."""
    try:
        page = json.loads(text)
    except (ValueError, RecursionError):
        return []
    found: list[str] = []
    todo = [("", page)]
    while todo:
        path, value = todo.pop()
        if isinstance(value, dict):
            todo += [(f"{path}.{key}" if path else key, each) for key, each in value.items()]
        elif isinstance(value, list):
            found += [path] if not value else ["", ""]
        elif not _OF_PAGES.fullmatch(path.rpartition(".")[2].lower().replace("_", "").replace("-", "")):
            return []
    return found if len(found) == 1 else []


def _end_of_list(text: str, at: int) -> int:
    """Return where a list ends that begins ahead of a place; or the text."""
    depth = 1
    while depth and (found := _TOKEN.match(text, at)):
        at = found.end()
        depth += (found[1] in _OPENS) - (found[1] in _CLOSES)
    return len(text) if depth else at


def lists_in(record: dict[str, Any]) -> list[str]:
    """Return the dotted paths of the lists of objects in an object, but for those within another list."""
    found: list[str] = []
    left: list[tuple[str, Any]] = [*reversed(record.items())]  # the last is looked at next
    while left:
        path, value = left.pop()
        if isinstance(value, dict):
            left += [(f"{path}.{key}", each) for key, each in reversed(value.items())]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            found.append(path)
    return found


def find_records(head: SourceHead, declared: str | None) -> tuple[str, tuple[Attention, ...]]:
    """Return the path of the list that holds the records, empty if they are the file, and what to say of it.

    Args:
        head: How the file begins.
        declared: The path, if it was declared; empty to take objects as they are.

    Raises:
        SourceError: There are several lists, so that the path must be declared.
        UsageError: There is no list at the path that was declared.
    """
    found = find_lists(head.text) if head.text.lstrip(_BLANKS).startswith("{") else Lists()
    if declared:
        if found.is_alone and found.is_whole and found.paths and declared not in found.paths:
            raise UsageError(
                f"--records {declared}: {head.path} has no list there{nearest(declared, found.paths)}",
                f"Lists of objects are: {', '.join(map(quoted, found.paths))}",
            )
        return declared, ()
    if declared == "" or not found.is_alone or not found.paths:
        return "", ()
    if len(found.paths) > 1:
        raise SourceError(
            f"{head.path} is an object with several lists of objects: {', '.join(map(quoted, found.paths))}.",
            f"Say which holds the records, for example: --records {shell_word(found.paths[0])}",
            f"Or, if the object is one record: {WHOLE_OBJECTS}",
        )
    (path,) = found.paths
    return path, (Attention.of("records-list", f"the records are those of the list {quoted(path)}"),)


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
        return _goes_on(first, start)
    return end > len(first)


def _goes_on(first: str, text: str) -> bool:
    """Return whether the object of the first line is open at its end, and the lines below are no objects."""
    below = [line for line in text.split("\n", _MOST_LINES)[1:_MOST_LINES] if line.strip()]
    try:
        is_open = Nesting().end(first.encode("utf-8", "replace"), 0) < 0
    except UnbalancedError:
        return False
    return is_open and 2 * sum(map(_is_json, below)) <= len(below) and bool(below)


def _is_cut_list(text: str) -> bool:
    """Return whether a text is the beginning of an object, with a list of objects, on one line."""
    lists = find_lists(text)
    return lists.is_alone and bool(lists.paths) and not lists.is_whole


def _name(token: str) -> str:
    try:
        return str(json.loads(token))
    except ValueError:
        return token


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
