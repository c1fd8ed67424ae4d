"""The quick way of a record, compiled; everything here may be missing, and then the long way is the only one.

A block of the file's bytes becomes records, and records become events, without an object for each cell. No
rule is written here: limits, words and judgements come in from `importer.events.quick`. What leaves any doubt
is left to the long way, which is Python, and which says all that is ever said of a record. With and without
this package, a file makes the same events, ids and results.
"""

from __future__ import annotations

try:
    from importer.speedups.block import NO_QUOTE, Block, cut_csv, cut_lines
    from importer.speedups.maker import FIELDS, FITS, ODD, RESERVED, Maker
    from importer.speedups.times import Times
except ImportError as error:
    if not str(error.name).startswith("importer.speedups"):
        raise
    COMPILED = False
else:
    COMPILED = True

__all__ = [
    "COMPILED",
    "FIELDS",
    "FITS",
    "NO_QUOTE",
    "ODD",
    "RESERVED",
    "Block",
    "Maker",
    "Times",
    "cut_csv",
    "cut_lines",
]
