"""Texts that the plan, the summary and the status share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from importer.cli.console import LabeledLine
from importer.model import Status
from importer.reading import Attention
from importer.results.counts import Counts
from importer.results.manifest import Manifest
from importer.results.reader import FailedRow
from importer.text import counted


def counts_text(counts: Counts, about_taken: str = "") -> list[str]:
    """Return how many records have each status, such as ``3 imported``; none for a status without records.

    Args:
        counts: The records by status.
        about_taken: What is added to the first status of those that were taken.
    """
    texts = {status: f"{counts[status]:,} {status.value}" for status in Status if counts[status]}
    taken = next((status for status in texts if status.success), None)
    if taken is not None:
        texts[taken] += about_taken
    return list(texts.values())


def outcomes_text(number: int, exploded: int | None) -> str:
    """Return how many outcomes there are, with their noun: records, or the events that some records are.

    Args:
        number: Of how many records, or events, there is or will be an outcome.
        exploded: How many records these are, where each may be several events: 0 if nobody knows. Else None.
    """
    if exploded is None:
        return counted(number, "record")
    events = counted(number, "event")
    return f"{counted(exploded, 'record')}, {events}" if exploded else events


def exploded_of(manifest: Manifest) -> int | None:
    """Return what `outcomes_text` must know of a run."""
    return (manifest.exploded or 0) if manifest.reading.shape.explode else None


def place_text(failed: FailedRow) -> str:
    """Return where a record stands, and which of its events is meant: ``row 3, item 2 (line 4)``."""
    item = f", item {failed.item:,}" if failed.item else ""
    return f"row {failed.row:,}{item} (line {failed.line:,})"


def attention_lines(found: Iterable[Attention], sources: int = 1) -> Iterator[LabeledLine]:
    """Yield what the owner of the sources might not expect, each with the option that changes it.

    Args:
        found: What that is.
        sources: How many sources there are: of several, each row is named with its own.
    """
    for each in sorted(found, key=lambda each: each.level == "fact"):  # first what can be decided
        yield LabeledLine("Attention", each.text + _rows_text(each, sources))
        if each.remedy:
            yield LabeledLine("", each.remedy)


def _rows_text(attention: Attention, sources: int) -> str:
    """Return the first records that an attention is about, in brackets; empty if it names none."""
    if not attention.rows:
        return ""
    more = ", …" if attention.count > len(attention.rows) else ""
    if sources > 1:
        by_source = groupby(dict.fromkeys(attention.rows), lambda each: each.source)
        parts = [_rows_of(source, [f"{each.row:,}" for each in rows]) for source, rows in by_source]
        return f" ({'; '.join(parts)}{more})"
    names = [f"{each.row:,}" for each in dict.fromkeys(attention.rows)]  # of several events of a record, once
    return f" (row{'s' if len(names) > 1 or more else ''} {', '.join(names)}{more})"


def _rows_of(source: str, rows: Sequence[str]) -> str:
    return f"row{'s' if len(rows) > 1 else ''} {', '.join(rows)} of {source}"
