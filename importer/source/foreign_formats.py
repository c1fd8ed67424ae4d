"""Files in formats that can't be read, recognized by their first bytes."""

from __future__ import annotations

import re
from typing import Final

from importer.errors import SourceError
from importer.source.members import SourcePath
from importer.source.raw import compression_of

_EXPORT: Final = "Export the data as CSV (UTF-8) or as JSON lines, and give that file."
_UNPACK: Final = "Unpack it, and give the file in it."
_BESIDE: Final = "Give the file of the same name without ._ at its beginning."
_TO_CSV: Final = "Convert it, for example: duckdb -c \"COPY (FROM 'in.parquet') TO 'out.csv' (HEADER)\"."

_ZIP: Final = b"PK\x03\x04"
_MAGIC: Final = (
    (0, _ZIP, "a zip archive", _UNPACK),
    (0, b"PK\x05\x06", "an empty zip archive", _EXPORT),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls)", _EXPORT),
    (0, b"PAR1", "a Parquet file", _TO_CSV),
    (0, b"SQLite format 3\x00", "an SQLite database", _EXPORT),
    (0, b"Obj\x01", "an Avro file", _EXPORT),
    (0, b"ORC", "an ORC file", _EXPORT),
    (0, b"ARROW1", "an Arrow file", _EXPORT),
    (0, b"FEA1", "a Feather file", _EXPORT),
    (0, b"\x89HDF", "an HDF5 file", _EXPORT),
    (0, b"\x93NUMPY", "an array of NumPy", _EXPORT),
    (0, b"%PDF-", "a PDF", _EXPORT),
    (0, b"\x89PNG", "a picture", _EXPORT),
    (0, b"\xff\xd8\xff", "a picture", _EXPORT),
    (0, b"GIF8", "a picture", _EXPORT),
    (0, b"bplist00", "a property list", _EXPORT),
    (0, b"\x00\x05\x16\x07", "the macOS part of a file (its name begins with ._)", _BESIDE),
    (0, b"\x1f\x9d", "data of compress (.Z)", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (0, b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (0, b"\x04\x22\x4d\x18", "LZ4 data", "Decompress it: lz4 -d"),
    (257, b"ustar", "a tar archive", _UNPACK),
)
_MAY_BE_TEXT: Final = (b"ORC", b"PAR1", b"ARROW1", b"FEA1", b"GIF8")  # a header could begin with it
_IN_ZIP: Final = (
    (b"xl/", "a spreadsheet (.xlsx)"),
    (b"opendocument.spreadsheet", "a spreadsheet (.ods)"),
    (b"[Content_Types].xml", "a document of an office program (.xlsx or .docx)"),
)
_COMPRESSED: Final = "It is compressed twice: decompress it once by hand, and give that file."

_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b\x01\x1c\x1d\x1e\x1f"))
_SAMPLE_SIZE: Final = 8192  # bytes
_MAX_CONTROLS: Final = 0.05  # share of the bytes: 8 % of random bytes are such controls, none of text


def refuse_foreign_formats(path: SourcePath, head: bytes, *, wide: bool) -> None:
    """Refuse a file that holds no text.

    Args:
        path: For the message.
        head: The first bytes, decompressed.
        wide: True if the text is known to be UTF-16 or UTF-32, in which NULs are usual.

    Raises:
        SourceError: What the file looks like, and how to convert it.
    """
    for offset, magic, kind, remedy in _MAGIC:
        if head.startswith(magic, offset) and not (magic in _MAY_BE_TEXT and _is_text(head[:64])):
            in_zip = (name for mark, name in _IN_ZIP if mark in head) if magic == _ZIP else iter(())
            looks, then = next(((name, _EXPORT) for name in in_zip), (kind, remedy))
            raise SourceError(f"{path} looks like {looks}, not like CSV or JSON lines.", then)
    if compression_of(head):
        raise SourceError(f"{path} holds compressed data again.", _COMPRESSED)
    sample = head[:_SAMPLE_SIZE]
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    if wide or controls <= len(sample) * _MAX_CONTROLS:
        return
    if max(sample[::2].count(0), sample[1::2].count(0)) > len(sample) // 4:
        order = "utf-16-le" if sample[1::2].count(0) > sample[::2].count(0) else "utf-16-be"
        raise SourceError(f"{path} looks like UTF-16.", f"Say so: --encoding {order}")
    raise SourceError(f"{path} looks like binary data, not like CSV or JSON lines.", _EXPORT)


_HTML: Final = re.compile(
    r"\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)*"
    r"<(?:!doctype\s+html|html|head|body|meta|title|script|style|table|div|center|h1)[\s>]",
    re.IGNORECASE | re.DOTALL,
)
_XML: Final = re.compile(
    r"\s*(?:<\?xml\s|<!doctype\s|<([A-Za-z][\w:.-]*)(?:\s[^<>]*)?>[ \t]*(?:\r?\n|<|\Z))", re.IGNORECASE
)
_DUMP: Final = re.compile(
    r"\s*(?:-- (?:MySQL|MariaDB|PostgreSQL|SQLite|Dump)\b|CREATE TABLE\s|INSERT INTO\s)", re.IGNORECASE
)
_TEXTS: Final = (
    (
        re.compile(r"version https://git-lfs\.github\.com/spec/"),
        "a Git LFS pointer, which stands for a file",
        "Fetch the file itself: git lfs pull",
    ),
    (
        re.compile(r"\S*/annex/objects/\S+\s*\Z"),
        "a git-annex pointer, which stands for a file",
        "Fetch the file itself: git annex get",
    ),
    (re.compile(r"\{\\rtf\d"), "a document in RTF", _EXPORT),
    (re.compile(r"\s+%PDF-"), "a PDF", _EXPORT),
    (re.compile(r"%!PS"), "a PostScript document", _EXPORT),
    (_DUMP, "SQL", _EXPORT),
)


def refuse_foreign_text(path: SourcePath, text: str) -> None:
    """Refuse a file of text that is neither CSV nor JSON lines.

    Args:
        path: For the message.
        text: How it begins.

    Raises:
        SourceError: What the file looks like, and what to do.
    """
    if _HTML.match(text):
        raise SourceError(
            f"{path} looks like an HTML page, not like CSV or JSON lines.",
            "Open it in a browser to see what it says: it may be a page to sign in, or an error. "
            "Then download the data again.",
        )
    found = _XML.match(text)
    if found and (found[1] is None or f"</{found[1]}>" in text):
        raise SourceError(f"{path} looks like XML, not like CSV or JSON lines.", _EXPORT)
    for pattern, kind, remedy in _TEXTS:
        if pattern.match(text):
            raise SourceError(f"{path} looks like {kind}, not like CSV or JSON lines.", remedy)


def _is_text(data: bytes) -> bool:
    return not any(byte in _CONTROLS or byte == 1 for byte in data)
