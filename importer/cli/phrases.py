"""Texts that the plan, the summary and the status share."""

from __future__ import annotations

from collections.abc import Iterator

from importer.cli.console import LabeledLine
from importer.model import Collisions, Status
from importer.pipeline.collision_text import collision_text, rows_text
from importer.results.counts import Counts
from importer.results.manifest import Manifest


def counts_text(counts: Counts) -> list[str]:
    """Return how many records have each status, such as ``3 imported``; none for a status without records."""
    return [f"{counts[status]:,} {status.value}" for status in Status if counts[status]]


def collision_lines(found: Collisions, manifest: Manifest, sources: int = 1) -> Iterator[LabeledLine]:
    """Yield what a collision audit found.

    Args:
        found: The result of the audit.
        manifest: Of the run that is planned or has ended.
        sources: How many sources were compared. Rows are named only if it was one.
    """
    if found.identical:
        advice = "" if "insert_id" in manifest.reading.mapped else "; --insert-id row keeps all"
        what = f"{found.identical:,} events are identical to an earlier one"
        rows = rows_text(found.first_identical, sources)
        yield LabeledLine("Attention", f"{what}{rows}: Mixpanel keeps one of each{advice}")
    if found.found:
        after = "a run will stop there" if manifest.kind == "dry-run" else "Mixpanel keeps one of each"
        yield LabeledLine("Attention", f"{collision_text(found, sources)}: {after}")
