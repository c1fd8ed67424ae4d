"""The fast path of a record, compiled. Everything here may be missing; then the slow path is the only one.

A block of the file's bytes becomes records, and records become events, without an object for each cell. No
rule is written here: limits, words and judgements come in from `importer.events.fast_mapper`. Where a
record leaves any doubt, this package defers to the slow path, which is Python and holds every rule. With
and without this package, a file makes the same events, ids and results.
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
