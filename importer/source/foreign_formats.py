"""Files that are neither CSV nor JSONL, known by how they begin."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Final

import orjson

from importer.errors import SourceError
from importer.source.files import compression_of

_EXPORT: Final = "Export the data as CSV (UTF-8) or as JSON lines, and give that file."
_UNPACK: Final = "Unpack it, and give the file in it."
_TO_CSV: Final = "Convert it, for example: duckdb -c \"COPY (FROM 'in.parquet') TO 'out.csv' (HEADER)\"."

_MAGIC: Final = (
    (0, b"PK\x03\x04", "a zip archive (an .xlsx workbook is one)", _EXPORT),
    (0, b"PK\x05\x06", "an empty zip archive", _EXPORT),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls)", _EXPORT),
    (0, b"PAR1", "a Parquet file", _TO_CSV),
    (0, b"SQLite format 3\x00", "an SQLite database", _EXPORT),
    (0, b"Obj\x01", "an Avro file", _EXPORT),
    (0, b"ORC", "an ORC file", _EXPORT),
    (0, b"ARROW1", "an Arrow file", _EXPORT),
    (0, b"%PDF-", "a PDF", _EXPORT),
    (0, b"\x89PNG", "a picture", _EXPORT),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (0, b"\x04\x22\x4d\x18", "LZ4 data", "Decompress it: lz4 -d"),
    (257, b"ustar", "a tar archive", _UNPACK),
)
_COMPRESSED: Final = "It is compressed twice: decompress it once by hand, and give that file."

_EACH: Final = "jq -c '.[]'"
_ARRAY: Final = re.compile(r'\s*\[\s*[\[\]{"0-9-]')
_ARRAY_CUT: Final = re.compile(r"\s*\[\s*$")
_TO_STDOUT: Final = {"gzip": "gzip -dc", "zstd": "zstd -dc", "bz2": "bzip2 -dc", "xz": "xz -dc"}

_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))
_LOOK: Final = 8192
_MOST: Final = 0.05  # random bytes have 10 % of such controls, text has none


def refuse_other_kinds(path: Path, head: bytes, *, wide: bool) -> None:
    """Stop at a file that holds no text.

    Args:
        path: For the message.
        head: The first bytes, decompressed.
        wide: True if the text is known to be UTF-16 or UTF-32, in which NULs are usual.

    Raises:
        SourceError: What it looks like, and what to do.
    """
    for offset, magic, kind, remedy in _MAGIC:
        if head.startswith(magic, offset):
            raise SourceError(f"{path} looks like {kind}, not like CSV or JSON lines.", remedy)
    if compression_of(head):
        raise SourceError(f"{path} holds compressed data again.", _COMPRESSED)
    look = head[:_LOOK]
    if wide or len(look) - len(look.translate(None, _CONTROLS)) <= len(look) * _MOST:
        return
    if max(look[::2].count(0), look[1::2].count(0)) > len(look) // 4:
        order = "utf-16-le" if look[1::2].count(0) > look[::2].count(0) else "utf-16-be"
        raise SourceError(f"{path} looks like UTF-16.", f"Say so: --encoding {order}")
    raise SourceError(f"{path} looks like binary data, not like CSV or JSON lines.", _EXPORT)


def is_array(text: str) -> bool:
    """True if a text begins as an array of JSON does."""
    return bool(_ARRAY.match(text) or _ARRAY_CUT.match(text))


def begins_as_json(text: str) -> bool:
    """True if the first line that isn't blank is JSON, or the ``{`` of an object over several lines."""
    first = text.lstrip().partition("\n")[0].rstrip()
    return first == "{" or _is_json(first)


def refuse_other_json(path: Path, text: str, compression: str, encoding: str) -> None:
    """Stop at JSON that isn't one object a line in UTF-8.

    Args:
        path: For the message.
        text: How the file begins.
        compression: As in `Dialect.compression`.
        encoding: What the file is written in, as far as is known.

    Raises:
        SourceError: What it is, and the command that makes JSONL of it.
    """
    if encoding not in ("utf-8", "ascii"):
        raise SourceError(
            f"{path} is JSON in {encoding}; JSON lines are UTF-8.",
            f"Convert it: {_command(path, compression, f'iconv -f {encoding} -t utf-8')}",
        )
    if is_array(text) and not _is_lines(text):
        raise SourceError(
            f"{path} is one JSON array, not JSON lines (one object a line).",
            f"Convert it: {_command(path, compression, _EACH)}",
        )
    if text.lstrip().startswith("{") and not _is_lines(text) and _goes_on(text):
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
    """True if the first line is JSON by itself, and a second one, if any, begins an object."""
    first, _, rest = text.lstrip().partition("\n")
    following = rest.lstrip()
    if first.startswith("["):
        return _is_json(first) and following.startswith("{")
    return _is_json(first)


def _goes_on(text: str) -> bool:
    """True if the object with which a text begins ends on a later line."""
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
    """A shell command that sends a file through a tool."""
    base = path.with_suffix("") if compression else path
    made = base.with_suffix(".jsonl")
    if made == path:
        made = path.with_suffix(".lines.jsonl")
    source, target = shlex.quote(str(path)), shlex.quote(str(made))
    if compression:
        return f"{_TO_STDOUT[compression]} {source} | {tool} > {target}"
    return f"{tool} {source} > {target}"
