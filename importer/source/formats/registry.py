"""The formats that a source can have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from importer.source.formats.csv import open_csv
from importer.source.formats.csv_detect import detect_csv
from importer.source.formats.format import Format
from importer.source.formats.jsonl import JSONL

CSV: Final = Format(
    name="csv",
    extensions=(".csv", ".tsv", ".tab", ".psv"),
    has_cells=True,
    recognizes=lambda _head, _named: True,  # any text can be CSV
    detect=detect_csv,
    open_reader=open_csv,
)

FORMATS: Final[Mapping[str, Format]] = {
    format_.name: format_
    for format_ in (
        JSONL,
        CSV,
    )
}
"""Each format by its name, in the order in which they are asked whether they recognize a file.

CSV comes last: any text can be CSV.
"""
