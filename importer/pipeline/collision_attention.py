"""What an audit of ids found, as something that needs attention."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from importer.facts import Collisions
from importer.pipeline.collision_text import TOGETHER, differences_text
from importer.pipeline.job import Job
from importer.profile.copies import copies_remedy, other_ids
from importer.reading import Attention, AttentionRow
from importer.text import counted


def with_collisions(job: Job, found: Collisions, sources: int = 1) -> Job:
    """Return a job whose survey and manifest say what an audit found, in place of what was known before.

    Args:
        job: The job.
        found: The result of the audit.
        sources: How many sources were compared. Rows are named only if it was one.
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
    reading, source = job.manifest.reading, job.manifest.source
    where = "" if sources == 1 else TOGETHER
    if found.identical:
        some = "is a copy of another" if found.identical == 1 else "are copies of others"
        text = f"{found.identical:,} of {counted(found.events, 'event')} {some}{where}"
        yield Attention.of(
            "copies",
            f"{text}, so Mixpanel keeps one of each",
            copies_remedy(reading),
            count=found.identical,
            rows=[AttentionRow(source, row) for _, row in found.first_identical] if sources == 1 else [],
        )
    if found.found:
        stops = job.manifest.kind == "dry-run" and not job.options.allow_collisions
        after = "a run will stop there" if stops else "Mixpanel keeps one of each"
        pairs = sorted({row for pair in found.first for row in pair})
        yield Attention.of(
            "same-ids",
            f"{differences_text(found)}{where}: {after}",
            other_ids(reading) or "--allow-collisions",
            count=found.lost + found.lost_by_day,
            rows=[AttentionRow(source, row) for row in pairs] if sources == 1 else [],
        )
