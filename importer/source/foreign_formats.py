"""Files in formats that can't be read, recognized by their first bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

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

_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))
_SAMPLE_SIZE: Final = 8192  # bytes
_MAX_CONTROLS: Final = 0.05  # share of the bytes: 10 % of random bytes are such controls, none of text


def refuse_foreign_formats(path: Path, head: bytes, *, wide: bool) -> None:
    """Refuse a file that holds no text.

    Args:
        path: For the message.
        head: The first bytes, decompressed.
        wide: True if the text is known to be UTF-16 or UTF-32, in which NULs are usual.

    Raises:
        SourceError: What the file looks like, and how to convert it.
    """
    for offset, magic, kind, remedy in _MAGIC:
        if head.startswith(magic, offset):
            raise SourceError(f"{path} looks like {kind}, not like CSV or JSON lines.", remedy)
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
