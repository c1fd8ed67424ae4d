"""What people read about events that share an ``$insert_id``: in an error, in the plan and after a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from importer.model import Collisions

COLLISION_REMEDY: Final = (
    "Name the column that is unique for each event:     --map insert_id=COLUMN\n"
    "or let a hash of the whole event tell them apart:  --map insert_id=\n"
    "or, if one of them is to replace the others:       --allow-collisions"
)


def collision_text(found: Collisions, sources: int) -> str:
    """Return how many events an audit found to collide, and where.

    Args:
        found: The result of the audit.
        sources: How many sources were compared. Rows are named only if it was one.
    """
    parts = []
    if found.lost:
        parts.append(f"{found.lost:,} events differ from another with the same name, user, time and id")
    if found.lost_by_day:
        parts.append(f"{found.lost_by_day:,} from another with the same name, user, day (UTC) and id")
    return "; ".join(parts) + rows_text(found.first, sources)


def rows_text(pairs: Sequence[tuple[int, int]], sources: int) -> str:
    """Return pairs of rows in brackets, to be added to a sentence: ``" (rows 1 and 2, 3 and 7)"``.

    Args:
        pairs: Two row numbers each, in the one source.
        sources: How many sources were compared. Rows are named only if it was one.
    """
    rows = ", ".join(f"{first:,} and {second:,}" for first, second in pairs)
    return f" (rows {rows})" if sources == 1 else " (over all sources together)"
