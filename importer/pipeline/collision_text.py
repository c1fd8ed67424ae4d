"""What people read about events that share an ``$insert_id``: in an error, in the plan and after a run."""

from __future__ import annotations

from typing import Final

from importer.facts import Collisions
from importer.text import counted, escaped_cut

COLLISION_REMEDY: Final = (
    "Name the column that is unique for each event:     --map insert_id=COLUMN",
    "or let a hash of the whole event tell them apart:  --map insert_id=",
    "or, if one of them is to replace the others:       --allow-collisions",
)
TOGETHER: Final = " (over all sources together)"
"""Stands in place of rows where several sources were compared."""


def collision_text(found: Collisions, sources: int) -> str:
    """Return how many events an audit found to collide, and where.

    Args:
        found: The result of the audit.
        sources: How many sources were compared. Of several, rows are named only if the result names them.
    """
    if sources > 1 and not found.first_sources:
        return differences_text(found) + TOGETHER
    if sources == 1:
        rows = [f"{first:,} and {second:,}" for first, second in found.first]
    else:
        pairs = zip(found.first, found.first_sources, strict=True)
        rows = [" and ".join(map(_row_text, names, both)) for both, names in pairs]
    return f"{differences_text(found)} (rows {', '.join(rows)})"


def _row_text(source: str, row: int) -> str:
    return f"{escaped_cut(source)} {row:,}"


def differences_text(found: Collisions) -> str:
    """Return how many events an audit found to collide."""
    parts = []
    if found.lost:
        what = f"{counted(found.lost, 'event')} {'differs' if found.lost == 1 else 'differ'}"
        parts.append(f"{what} from another with the same name, user, time and id")
    if found.lost_by_day:
        what = f"{counted(found.lost_by_day, 'event')} {'differs' if found.lost_by_day == 1 else 'differ'}"
        parts.append(f"{what} from another with the same name, user, day (UTC) and id")
    return "; ".join(parts)
