"""The fast path of a record, compiled. All of it is optional: without it, every record takes the slow path.

A `Block` holds the records in some bytes of a file, `BlockMapper` maps them to an `EventBlock`, and
`ResultLineWriter` writes their results, without an object for each. What must be known before that is found
in `Block`s, too. No rule and no message is written here: they come in a `plan.MappingPlan`, or in arguments.
A record of which the compiled code is not sure is deferred to the slow path, which is Python and holds every
rule. With and without this package, a file becomes the same events, ids and results.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from pathlib import Path

from importer.text import shell_word

try:
    from importer.speedups.arrow_lines import arrow_lines
    from importer.speedups.block import NO_QUOTE, Block, cut_csv, cut_lines, cut_objects, end_of_text
    from importer.speedups.block_mapper import BlockMapper
    from importer.speedups.column_counts import ColumnCounts
    from importer.speedups.counts import NameCounts, TimeCounts, compare_epochs, missing_cells
    from importer.speedups.equal_hashes import all_differ, number_rows, numbers_of_copies, split_rows
    from importer.speedups.event_block import EventBlock
    from importer.speedups.event_hashes import fingerprints, hash_events
    from importer.speedups.fields import FieldFinder, Fields, cells_beside, has_outer_cell, outer_lines_hold
    from importer.speedups.hashes import (
        SeenHashes,
        count_user_days,
        find_user_days,
        hash_cells,
        hash_own_ids,
        hash_records,
        hash_texts,
    )
    from importer.speedups.memory import give_memory_back, use_one_arena
    from importer.speedups.nested_lines import NestedLines
    from importer.speedups.odd_texts import OddTexts, lines_with_braces, with_braces
    from importer.speedups.result_lines import ResultLineReader, ResultLines, ResultLineWriter
    from importer.speedups.times import Times
except ImportError as error:
    if not str(error.name).startswith("importer.speedups"):
        raise
    from importer.speedups.event_list import EventList as EventBlock  # type: ignore[assignment]  # in its place

    COMPILED = False
else:
    COMPILED = True

__all__ = [
    "COMPILED",
    "NO_QUOTE",
    "Block",
    "BlockMapper",
    "ColumnCounts",
    "EventBlock",
    "FieldFinder",
    "Fields",
    "NameCounts",
    "NestedLines",
    "OddTexts",
    "ResultLineReader",
    "ResultLineWriter",
    "ResultLines",
    "SeenHashes",
    "TimeCounts",
    "Times",
    "all_differ",
    "arrow_lines",
    "cells_beside",
    "compare_epochs",
    "count_user_days",
    "cut_csv",
    "cut_lines",
    "cut_objects",
    "end_of_text",
    "find_user_days",
    "fingerprints",
    "give_memory_back",
    "has_outer_cell",
    "hash_cells",
    "hash_events",
    "hash_own_ids",
    "hash_records",
    "hash_texts",
    "lines_with_braces",
    "missing_cells",
    "missing_part",
    "number_rows",
    "numbers_of_copies",
    "outer_lines_hold",
    "split_rows",
    "use_one_arena",
    "with_braces",
]


def missing_part() -> str:
    """Return a line that says that the compiled part is missing, and how to get it; empty if it is there."""
    if COMPILED:
        return ""
    root = Path(__file__).resolve().parents[2]
    others = [Path(place).resolve() for place in sys.path]
    if any(other != root and _is_compiled_in(other) for other in others):
        remedy = f"start it from another folder, or type: pip install -e {shell_word(str(root))}"
    elif (root / "pyproject.toml").exists():
        remedy = f"get a C compiler and Python's headers, and type: pip install -e {shell_word(str(root))}"
    else:
        remedy = "get a C compiler and Python's headers, and install it again with --force-reinstall"
    return (
        f"The compiled part is missing in {root / 'importer'}, so all is done as it should be, but several"
        f" times slower; {remedy}"
    )


def _is_compiled_in(place: Path) -> bool:
    return PathFinder.find_spec("block", [str(place / "importer" / "speedups")]) is not None
