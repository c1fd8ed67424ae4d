"""The formats that a source can have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from importer.source.formats.csv import CSV
from importer.source.formats.format import Format
from importer.source.formats.jsonl import JSONL

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
