"""The dialect, the columns and the peculiarities of a CSV file, by its beginning."""

from __future__ import annotations

from dataclasses import replace

from importer.errors import SourceError
from importer.reading import DELIMITERS, Dialect
from importer.source.encoding import find_bad_byte
from importer.source.format import DetectedFormat, DialectOptions, SourceHead
from importer.source.formats.csv_dialect import (
    belongs_to_delimiter,
    choose_dialect,
    find_sep_line,
    has_trailing_delimiter,
    possible_line_ends,
)
from importer.source.formats.csv_hints import csv_attention
from importer.source.formats.csv_parser import FirstRows, below
from importer.source.header import column_names
from importer.source.members import SourcePath
from importer.source.options import check_dialect
from importer.text import counted


def detect_csv(head: SourceHead, options: DialectOptions) -> DetectedFormat:
    """Return how a CSV file is read; what is declared is taken as it is.

    Raises:
        SourceError: Its header can't be read, or does not name its columns.
        UsageError: Two characters that mean something are the same.
    """
    first = FirstRows(head.text)
    dialect, delimiters = _detect_dialect(head, first, options)
    cells = _first_row(head.path, first, dialect)
    attention = tuple(csv_attention(first, dialect, delimiters))
    if not dialect.header:
        columns = len(cells) - (dialect.trailing_delimiter and not cells[-1])
        return DetectedFormat(dialect, tuple(str(number) for number in range(1, columns + 1)), attention)
    _check_header(head.path, cells, head.encoding)
    return DetectedFormat(dialect, column_names(head.path, cells, _header_end(first, dialect)), attention)


def _detect_dialect(
    head: SourceHead, first: FirstRows, options: DialectOptions
) -> tuple[Dialect, tuple[str, ...]]:
    """Return the dialect of a file, and the delimiters from which it was chosen."""
    draft = Dialect(
        "csv",
        head.compression,
        head.encoding,
        header=options.get("header", True),
        quote=options.get("quote", '"'),
        escape=options.get("escape", ""),
        skip_lines=options.get("skip_lines", 0),
        comment=options.get("comment", ""),
    )
    ends = (
        (options["line_end"],) if "line_end" in options else tuple(possible_line_ends(head.text, draft.quote))
    )
    sep_line = find_sep_line(head.text)
    taken = {draft.quote, draft.escape, draft.comment}
    delimiters = tuple(each for each in DELIMITERS if each not in taken)
    if "delimiter" in options:
        delimiters = (options["delimiter"],)
    elif sep_line and sep_line.delimiter not in taken:
        delimiters = (sep_line.delimiter,)
    draft = replace(draft, sep_line=bool(sep_line) and not draft.skip_lines)
    dialect = choose_dialect(first, draft, delimiters, ends)
    check_dialect(dialect)
    skip_space = options.get("skip_space")
    if skip_space is None:
        skip_space = belongs_to_delimiter(first.read(dialect), dialect.quote)
    dialect = replace(dialect, skip_space=skip_space)
    trailing = options.get("trailing_delimiter")
    if trailing is None:
        trailing = dialect.header and has_trailing_delimiter(first.read(dialect))
    return replace(dialect, trailing_delimiter=trailing), delimiters


def _first_row(path: SourcePath, first: FirstRows, dialect: Dialect) -> list[str]:
    """Return the cells of the first record of a file.

    Raises:
        SourceError: There is none, or it can't be parsed.
    """
    rows, text = first.read(dialect), first.text
    if rows:
        return rows[0].cells
    if not below(text, dialect).strip():
        lines = counted(dialect.skip_lines + dialect.sep_line, "line")
        raise SourceError(
            f"{path}: there is nothing below the first {lines}.", "Give a smaller number to --skip-lines."
        )
    if dialect.comment and all(
        not line.strip() or line.startswith(dialect.comment) for line in below(text, dialect).splitlines()
    ):
        raise SourceError(
            f"{path}: every line begins with {dialect.comment!r}, so none is a record.",
            "Leave out --comment, or name another character.",
        )
    escaped = not dialect.escape and f"\\{dialect.quote}" in text
    raise SourceError(
        f"{path}: the first record can't be read as CSV: a quote in it is never closed, or a cell "
        "goes on after its closing quote.",
        'A quote inside a cell is doubled (""), and the whole cell quoted.'
        + (f" If \\{dialect.quote} is a quote in a cell: --escape '\\'" if escaped else ""),
    )


def _header_end(first: FirstRows, dialect: Dialect) -> int:
    """Return the physical line on which the header ends."""
    rows = first.read(dialect)
    above = dialect.sep_line + dialect.skip_lines
    return above + (rows[1].line - 1 if len(rows) > 1 else rows[0].line)


def _check_header(path: SourcePath, header: list[str], encoding: str) -> None:
    """Refuse a header whose names are not text.

    Raises:
        SourceError: A name holds a byte that is not in the encoding, or a NUL character.
    """
    if bad := find_bad_byte(header):
        raise SourceError(
            f"{path}: the name of column {bad.line + 1} is not {encoding}: it holds byte 0x{bad.byte:02X}.",
            "Name the file's encoding with --encoding (often cp1252 or latin-1).",
        )
    if any("\0" in name for name in header):
        raise SourceError(
            f"{path}: the header holds NUL characters: damaged, binary or UTF-16 data.",
            "Export the data as CSV in UTF-8, or name the encoding: --encoding utf-16-le",
        )
