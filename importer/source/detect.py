"""What a file is: its format, its dialect, its columns and its first records."""

from __future__ import annotations

import codecs
import io
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from importer.errors import EmptySourceError, SourceError
from importer.model import Record
from importer.reading import Attention, Dialect
from importer.source.encoding import BOM, error_handler
from importer.source.files import open_binary, read_start
from importer.source.foreign_formats import refuse_foreign_formats, refuse_foreign_text
from importer.source.format import BrokenSourceError, Format, SourceHead
from importer.source.formats.json_layout import read_leniently
from importer.source.members import SourcePath
from importer.source.options import dialect_options
from importer.source.raw import compression_of, source_error
from importer.source.reader import open_source
from importer.source.registry import FORMATS, check_installed, check_options, find_format

SAMPLE_RECORDS: Final = 1000
"""Most records of the sample."""

SAMPLE_SIZE: Final = 1_000_000
"""Characters or bytes of text that end the sample."""

_MOST_PROBLEMS: Final = 3

_HEAD_SIZE: Final = 1 << 20  # bytes, decompressed
_MAGIC_SIZE: Final = 64  # bytes by which the compression is recognized

_BYTE_ORDER_MARKS: Final = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class DetectedSource:
    """What a file is.

    Attributes:
        dialect: How its bytes become records.
        columns: CSV: the header, or ``1``, ``2``, … without one. Else the columns that the file names, or the
            top-level keys of the sample in the order in which they first appear.
        sample: The first readable records, if they were asked for.
        attention: What the owner of the file might not expect of how it is read.
        like: The sample of objects, and in it the objects that would be JSON but for a NaN or an integer that
            is too large: only their keys are of use.
        problems: Why the first records that can't be read can't.
        skipped: How many of the first records the mapping leaves out: they are not in the sample.
        is_whole: True if the sample is of all records, and all of them can be read (not CSV).
        is_empty: True if no event is in the source: it has no record, or the mapping leaves all of them out.
    """

    dialect: Dialect
    columns: tuple[str, ...]
    sample: tuple[Record, ...]
    attention: tuple[Attention, ...] = ()
    like: tuple[Record, ...] = ()
    problems: tuple[str, ...] = ()
    skipped: int = 0
    is_whole: bool = False
    is_empty: bool = False


def detect_source(
    path: SourcePath,
    *,
    format: str | None = None,  # noqa: A002  (the option's own name)
    header: bool | None = None,
    with_cells: bool = True,
    **declared: Any,
) -> DetectedSource:
    """Return what a file is; what is declared is taken as it is.

    Args:
        path: The file.
        format: One of the formats that are registered; by the content where None.
        header: False if the first record of CSV is data; it names the columns where None.
        with_cells: False if no sample of CSV is wanted, which tells nothing of its dialect and columns.
        declared: Further parts of the dialect, as `source.options.dialect_options` takes them; by the content
            where None, as far as it can tell.

    Raises:
        SourceError: It can't be read, or it is of no format that can be; what it is, and what to do.
        UsageError: An argument can't be used.
    """
    said = None if format is None else find_format(format)
    options = dialect_options(**declared)
    options["header"] = header is not False
    if format is not None:
        options["format"] = format
    found, head = _recognize(path, said, options.get("encoding"))
    if said is None and found.name == "jsonl" and options.get("records"):
        found = find_format("json")  # an object with an empty list, or with several, may stand on one line
    check_options(found, options)
    check_installed(found, path)
    try:
        dialect, columns, attention = found.detect(head, options)
    except BrokenSourceError as error:
        raise error.named(path) from error
    if found.has_cells:
        records = _sample(path, dialect, columns).records if with_cells else ()
        return DetectedSource(dialect, columns, records, attention)
    sample = _sample(path, dialect, columns)
    keys = (key for record in sample.with_like for key in record.values)
    return DetectedSource(
        dialect,
        tuple(dict.fromkeys((*columns, *keys))),
        sample.records,
        attention,
        like=sample.with_like,
        problems=sample.problems,
        is_whole=sample.is_whole,
        is_empty=sample.is_whole and not sample.records,
    )


def _recognize(
    path: SourcePath, declared: Format | None, declared_encoding: str | None
) -> tuple[Format, SourceHead]:
    """Return the format of a file, as declared or by its content and name, and how the file begins.

    Raises:
        SourceError: It can't be read, holds nothing, or is of no format that can be.
    """
    compression = compression_of(read_start(path, _MAGIC_SIZE))
    with open_binary(path, compression)[0] as file:
        data = _read_head(file)
    head = SourceHead(path, "", compression, "", data)
    extensions = {suffix.lower() for suffix in path.suffixes[-2:]}  # the last may be .gz
    named = {each.name for each in FORMATS.values() if not extensions.isdisjoint(each.extensions)}
    if declared is not None and declared.binary and data:
        return declared, head
    binary = next((each for each in FORMATS.values() if each.binary and each.recognizes(head, named)), None)
    if binary is not None:
        if declared is not None:
            raise SourceError(
                f"{path} looks like {binary.title}, not like {declared.title}.",
                f"Say --format {binary.name}, or leave --format out.",
            )
        return binary, head
    head = _with_text(head, declared_encoding)
    found = declared or next(
        each for each in FORMATS.values() if not each.binary and each.recognizes(head, named)
    )
    return found, head


def _read_head(file: io.BufferedReader) -> bytes:
    """Return the first bytes of a source: those ahead of a break, if it breaks off.

    Raises:
        SourceError: It can't be read at all.
    """
    parts: list[bytes] = []
    wanted = _HEAD_SIZE
    try:
        while wanted and (part := file.read1(wanted)):
            parts.append(part)
            wanted -= len(part)
    except SourceError:
        if not parts:
            raise
    return b"".join(parts)


def _with_text(head: SourceHead, declared_encoding: str | None) -> SourceHead:
    """Return the beginning of a file with its text.

    Raises:
        SourceError: It holds no text, or nothing.
    """
    path, data = head.path, head.data
    by_mark = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    encoding = declared_encoding or by_mark
    refuse_foreign_formats(path, data, wide=encoding.startswith(("utf-16", "utf-32")))
    text = _decode(path, data, encoding)
    refuse_foreign_text(path, text)
    if not text.strip():
        raise EmptySourceError(f"{path} is empty.", "Check the export or the command that made it.")
    return replace(head, text=text, encoding=encoding)


def _decode(path: SourcePath, data: bytes, encoding: str) -> str:
    """Return the first bytes of a file as text; a character that is cut off at their end is left out."""
    decoder = codecs.getincrementaldecoder(encoding)(error_handler(encoding))
    try:
        text = decoder.decode(data, final=len(data) < _HEAD_SIZE)
    except UnicodeError as error:
        raise source_error(path, error) from error
    return text.removeprefix(BOM)


class _Sample(NamedTuple):
    """The first records of a source.

    Attributes:
        records: Those that can be read.
        with_like: The same, and those that Python can read though they are no JSON (JSONL).
        problems: Why the first of the others can't be read.
        is_whole: True if there are no further records, and none that can't be read.
    """

    records: tuple[Record, ...]
    with_like: tuple[Record, ...]
    problems: tuple[str, ...]
    is_whole: bool


def _sample(path: SourcePath, dialect: Dialect, columns: tuple[str, ...]) -> _Sample:
    """Return the first records, read by the very reader that will read the rest.

    Where the source breaks off behind some of them, they are the sample: whoever reads it all says so.

    Raises:
        SourceError: It can't be read, not even one record.
    """
    records: list[Record] = []
    with_like: list[Record] = []
    problems: list[str] = []
    is_whole = False
    size = 0
    try:
        with open_source(path, dialect, columns) as source:
            for item in source.items():
                size += source.reader.last_size() or SAMPLE_SIZE  # 0: it was too long to be held
                if isinstance(item, Record):
                    records.append(item)
                    with_like.append(item)
                else:
                    if len(problems) < _MOST_PROBLEMS:
                        problems.append(f"line {item.line:,}: {item.error}")
                    if not dialect.has_cells and len(with_like) < SAMPLE_RECORDS:
                        found = read_leniently(source.reader.last_bytes())
                        with_like += [Record(item.row, item.line, found)] if found else []
                if len(records) == SAMPLE_RECORDS or size >= SAMPLE_SIZE:
                    break
            else:
                is_whole = not problems
    except SourceError:
        if not records:
            raise
    return _Sample(tuple(records), tuple(with_like), tuple(problems), is_whole=is_whole)
