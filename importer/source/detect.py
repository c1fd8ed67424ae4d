"""What a file is: its format, its dialect, its columns and its first records."""

from __future__ import annotations

import codecs
import csv
import io
import re
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from importer.errors import SourceError, UsageError
from importer.model import Dialect, FormatName, Record
from importer.source.encoding import BOM, bad_byte, handler, known_encoding
from importer.source.files import cannot_read, compression_of, head_of, open_binary
from importer.source.foreign_formats import begins_as_json, is_array, refuse_other_json, refuse_other_kinds
from importer.source.formats.csv import DELIMITERS, parse
from importer.source.header import column_names
from importer.source.reader import open_source
from importer.text import quoted_name

SAMPLE_RECORDS: Final = 1000
SAMPLE_SIZE: Final = 1_000_000  # characters or bytes of text
_HEAD: Final = 1 << 20  # bytes that format and dialect are judged by
_MAGIC: Final = 64  # bytes that the compression is judged by
_ROWS: Final = 100  # records that the delimiter is judged by

_MARKS: Final = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_JSON_NAMES: Final = (".jsonl", ".ndjson", ".json")
_CSV_NAMES: Final = (".csv", ".tsv", ".tab", ".psv")
_OBJECT_LINE: Final = re.compile(r"^\s*\{", re.MULTILINE)
_TAB: Final = {"\\t": "\t", "tab": "\t"}


@dataclass(frozen=True, slots=True)
class DetectedSource:
    """What a file is.

    Attributes:
        dialect: How its bytes become records.
        columns: CSV: the header, or ``1``, ``2``, … without one. JSONL: the top-level keys of the
            sample in the order in which they first appear.
        sample: The first readable records.
    """

    dialect: Dialect
    columns: tuple[str, ...]
    sample: tuple[Record, ...]


def detect_source(
    path: Path,
    *,
    format: str | None = None,  # noqa: A002  (the option's own name)
    encoding: str | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    header: bool = True,
) -> DetectedSource:
    r"""Find out what a file is; what is given is taken as it is.

    Args:
        path: The file.
        format: ``csv`` or ``jsonl``; by the content where None.
        encoding: Of CSV; by the byte order mark where None, else UTF-8.
        delimiter: Of CSV: one character, ``tab`` or ``\t``; the most consistent one where None.
        quote: Of CSV: one character, or ``none`` where nothing encloses a cell; ``"`` where None.
        header: True if the first record of CSV names the columns.

    Raises:
        SourceError: It can't be read, or it is neither CSV nor JSONL; what it is, and what to do.
        UsageError: An argument is none that can be used.
    """
    if format not in (None, "csv", "jsonl"):
        raise UsageError(f"{quoted_name(format or '')} is no format.", "Formats are csv and jsonl.")
    said = dialect_options(encoding, delimiter, quote)
    enclosing = said.get("quote", '"')
    compression = compression_of(head_of(path, _MAGIC))
    with open_binary(path, compression)[0] as binary:
        head = binary.read(_HEAD)
    by_mark = next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")
    written_in = said.get("encoding", by_mark)
    refuse_other_kinds(path, head, wide=written_in.startswith(("utf-16", "utf-32")))
    text = _decoded(path, head, written_in)
    if not text.strip():
        raise SourceError(f"{path} is empty.", "Check the export or the command that made it.")
    if (format or _format(path, text)) == "jsonl":
        refuse_other_json(path, text, compression, written_in)
        return _with_sample(path, Dialect("jsonl", compression), ())
    separator = said.get("delimiter") or _likely_delimiter(text, enclosing)
    dialect = Dialect("csv", compression, written_in, separator, header, enclosing)
    return _with_sample(path, dialect, _columns(path, text, dialect))


def _with_sample(path: Path, dialect: Dialect, columns: tuple[str, ...]) -> DetectedSource:
    """The first records, by the very reader that will read the rest."""
    records: list[Record] = []
    size = 0
    with open_source(path, dialect, columns) as source:
        for item in source.items():
            size += sum(map(len, source.lines)) or SAMPLE_SIZE  # none: it was too long to hold
            if isinstance(item, Record):
                records.append(item)
            if len(records) == SAMPLE_RECORDS or size >= SAMPLE_SIZE:
                break
    if not dialect.has_cells:
        columns = tuple(dict.fromkeys(key for record in records for key in record.values))
    return DetectedSource(dialect, columns, tuple(records))


def dialect_options(encoding: str | None, delimiter: str | None, quote: str | None) -> dict[str, str]:
    """Return the parts of a CSV dialect that were said, in the one form that a `Dialect` holds.

    Raises:
        UsageError: One of them is none that can be used.
    """
    said: dict[str, str] = {}
    if encoding is not None:
        said["encoding"] = known_encoding(encoding)
    if delimiter is not None:
        said["delimiter"] = _one_character(delimiter)
    if quote is not None:
        said["quote"] = _quote(quote)
    return said


def _one_character(delimiter: str) -> str:
    """The delimiter that was asked for."""
    found = _TAB.get(delimiter, delimiter)
    if len(found) != 1 or found in '"\r\n\0 ':
        raise UsageError(
            f"{quoted_name(delimiter)} is no delimiter.",
            'It is one character, for example --delimiter ";" (or "tab").',
        )
    return found


def _quote(quote: str) -> str:
    """The quote that was asked for."""
    if quote == "none":
        return ""
    if len(quote) != 1 or quote in "\r\n\0 ,;\t|":
        raise UsageError(
            f"{quoted_name(quote)} is no quote.",
            'It is one character, for example --quote "\'", or the word none.',
        )
    return quote


def _decoded(path: Path, head: bytes, encoding: str) -> str:
    """The first bytes as text; a character that the cut went through is left out."""
    decoder = codecs.getincrementaldecoder(encoding)(handler(encoding))
    try:
        text = decoder.decode(head, final=len(head) < _HEAD)
    except UnicodeError as error:
        raise cannot_read(path, error) from error
    return text.removeprefix(BOM)


def _format(path: Path, text: str) -> FormatName:
    """By the first character, and by the name of the file where that leaves a doubt."""
    names = path.suffixes[-2:]  # the last may be .gz
    if is_array(text):
        return "jsonl"
    if text.lstrip().startswith("{"):
        odd_csv = any(name.lower() in _CSV_NAMES for name in names) and not begins_as_json(text)
        return "csv" if odd_csv else "jsonl"
    if any(name.lower() in _JSON_NAMES for name in names) and _OBJECT_LINE.search(text):
        return "jsonl"
    return "csv"


def _likely_delimiter(text: str, quote: str) -> str:
    """The delimiter by which most records have as many cells as the first; a comma if none splits it."""

    def merit(delimiter: str) -> tuple[float, int]:
        widths = [len(row) for row in _rows(text, delimiter, quote)]
        if not widths or widths[0] == 1:
            return 0.0, 0
        return widths.count(widths[0]) / len(widths), widths[0]

    return max(DELIMITERS, key=merit)  # the first of equals


def _rows(text: str, delimiter: str, quote: str) -> list[list[str]]:
    """The first records, as far as they can be read."""
    rows: list[list[str]] = []
    with suppress(csv.Error):
        rows.extend(islice(filter(None, parse(io.StringIO(text, ""), delimiter, quote)), _ROWS))
    return rows


def _columns(path: Path, text: str, dialect: Dialect) -> tuple[str, ...]:
    """The names that the first record gives, or its cells' numbers."""
    rows = _rows(text, dialect.delimiter, dialect.quote)
    if not rows:
        raise SourceError(
            f"{path}: the first record can't be read as CSV: a quote in it is never closed, or a cell "
            "goes on after its closing quote.",
            'A quote inside a cell is doubled (""), and the whole cell quoted.',
        )
    first = rows[0]
    if not dialect.header:
        return tuple(str(number) for number in range(1, len(first) + 1))
    if bad := bad_byte(first):
        index, _, byte = bad
        raise SourceError(
            f"{path}: the name of column {index + 1} is not {dialect.encoding}: it holds byte 0x{byte:02X}.",
            "Name the file's encoding with --encoding (often cp1252 or latin-1).",
        )
    if any("\0" in name for name in first):
        raise SourceError(
            f"{path}: the header holds NUL characters: damaged, binary or UTF-16 data.",
            "Export the data as CSV in UTF-8, or name the encoding: --encoding utf-16-le",
        )
    return column_names(path, first)
