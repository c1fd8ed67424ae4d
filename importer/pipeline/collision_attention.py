"""What an audit of ids found, as something that needs attention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from importer.errors import UsageError
from importer.events.field_choices import mapped_text
from importer.facts import Collisions
from importer.pipeline.collision_text import COLLISION_REMEDY, TOGETHER, collision_text, differences_text
from importer.pipeline.job import Job, RunOptions
from importer.profile.copies import copies_remedy, other_ids
from importer.profile.type_attention import in_order
from importer.reading import Attention, AttentionRow, Reading
from importer.text import counted, quoted


def check_collisions(found: Collisions, reading: Reading, options: RunOptions, sources: int = 1) -> None:
    """Check that Mixpanel would merge no events that differ, or that it may.

    Args:
        found: The result of an audit.
        reading: How the sources are read.
        options: Of these, whether it may, and the kind of the run: a dry run goes on, and says so.
        sources: How many sources were compared.

    Raises:
        UsageError: It would, and may not.
    """
    if found.found and not options.allow_collisions and options.kind != "dry-run":
        column = mapped_text(reading, "insert_id")
        raise UsageError(
            f"{quoted(column)} does not tell events apart: {collision_text(found, sources)}",
            *COLLISION_REMEDY,
        )


def with_collisions(job: Job, found: Collisions, sources: int = 1) -> Job:
    """Return a job whose survey and manifest say what an audit found, in place of what was known before.

    Args:
        job: The job.
        found: The result of the audit.
        sources: How many sources were compared. Of several, rows are named only if the result names them.
    """
    known = tuple(each for each in job.survey.attention if each.code not in ("copies", "same-ids"))
    attention = (*known, *_collision_attention(job, found, sources))
    return replace(
        job,
        survey=replace(job.survey, collisions=found, attention=attention),
        manifest=replace(job.manifest, attention=attention),
    )


def _collision_attention(job: Job, found: Collisions, sources: int) -> Iterator[Attention]:
    """Yield what the owner of the sources might not expect of an audit."""
    reading = job.manifest.reading
    where = "" if sources == 1 else TOGETHER
    only = job.manifest.source if sources == 1 else ""
    if found.identical:
        some = "is a copy of another" if found.identical == 1 else "are copies of others"
        text = f"{found.identical:,} of {counted(found.events, 'event')} {some}{where}"
        yield Attention.of(
            "copies",
            f"{text}, so Mixpanel keeps one of each",
            copies_remedy(reading),
            count=found.identical,
            rows=[later for _, later in _pairs(found.first_identical, found.identical_sources, only)],
        )
    if found.found:
        stops = job.manifest.kind == "dry-run" and not job.options.allow_collisions
        after = "a run will stop there" if stops else "Mixpanel keeps one of each"
        pairs = _pairs(found.first, found.first_sources, only)
        yield Attention.of(
            "same-ids",
            f"{differences_text(found)}{where}: {after}",
            other_ids(reading) or "--allow-collisions",
            count=found.lost + found.lost_by_day,
            rows=in_order(row for pair in pairs for row in pair),
        )


def _pairs(
    rows: Sequence[tuple[int, int]], sources: Sequence[tuple[str, str]], only: str
) -> list[tuple[AttentionRow, AttentionRow]]:
    """Return pairs of records.

    Args:
        rows: The rows of each pair.
        sources: The sources of each pair; empty if they are not known, or there is but one.
        only: The only source; empty if there are several.
    """
    named = sources or ([(only, only)] * len(rows) if only else [])
    return [
        (AttentionRow(one, first), AttentionRow(other, second))
        for (first, second), (one, other) in zip(rows, named, strict=bool(named))
    ]
