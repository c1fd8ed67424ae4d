"""The plan of a set of sources: in a few dozen lines, however many sources there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from importer.cli.console import LabeledLine
from importer.cli.phrases import attention_lines, counts_text, outcomes_text
from importer.cli.plan import describe_source, destination_line, dialect_text, dry_run_line, volume_line
from importer.pipeline.sets.job import PreparedSet
from importer.results.set_manifest import SetManifest, SetSource
from importer.text import counted, listed

_MOST_NAMED: Final = 5
_MOST_LEFT_OUT: Final = 10


def set_plan_lines(prepared: PreparedSet) -> Iterator[LabeledLine]:
    """Yield what the run of a set is about to do."""
    manifest = prepared.manifest
    yield LabeledLine("Sources", _sources_text(manifest))
    yield from _ends_of_order(manifest)
    yield from _unlike(prepared)
    yield from _left_out(prepared.left_out)
    for note in prepared.notes:
        yield LabeledLine("", note)
    done = prepared.done + prepared.jobs.done
    if done.total:
        yield LabeledLine("Done", " · ".join(counts_text(done)))
    if prepared.is_finished:
        return
    if manifest.limit is not None:
        yield LabeledLine("Limit", f"only the first {counted(manifest.limit, 'record')} of the set")
        yield LabeledLine("", "names, times and counts that follow are of all records")
    first = prepared.jobs.first
    yield LabeledLine("Read as", _dialects_text(manifest))
    yield from describe_source(manifest.reading, first.survey, len(manifest.sources))
    yield from dry_run_line(prepared.jobs)
    yield LabeledLine("Results", f"{prepared.output.folder}/, a file for each source")
    yield destination_line(first)
    yield from volume_line(prepared.jobs)


def mended_plan_lines(prepared: PreparedSet) -> Iterator[LabeledLine]:
    """Yield what the run of mended copies of failed records is about to do."""
    manifest, jobs = prepared.manifest, prepared.jobs
    records = counted(sum(each.scope for each in manifest.sources), "record")
    named = ", ".join(manifest.named[:_MOST_NAMED])
    yield LabeledLine("Mended", f"{named} · {counted(len(manifest.sources), 'source')} · {records}")
    done = prepared.done + jobs.done
    if done.total:
        yield LabeledLine("Done", " · ".join(counts_text(done)))
    yield from attention_lines(manifest.attention)
    yield LabeledLine("Results", f"{prepared.output.folder}/, a file for each source")
    yield destination_line(jobs.first)
    yield from volume_line(jobs)


def _sources_text(manifest: SetManifest) -> str:
    sources = manifest.sources
    run = [source for source in sources if source.state == "ready"]
    empty = sum(source.state == "empty" for source in sources)
    parts = [
        counted(len(run), "source"),
        counted(sum(each.fingerprint.size for each in run if each.fingerprint is not None), "byte"),
        outcomes_text(sum(each.records for each in run), 0 if manifest.reading.shape.explode else None),
    ]
    if empty:
        parts.append(f"{counted(empty, 'other')} without any record")
    return " · ".join([listed(manifest.named, _MOST_NAMED), *parts])


def _ends_of_order(manifest: SetManifest) -> Iterator[LabeledLine]:
    """Yield the first and the last source, by which a wrong order shows."""
    names = [source.name for source in manifest.sources if source.state == "ready"]
    if len(names) <= _MOST_NAMED:
        yield from (LabeledLine("", name) for name in names)
    else:
        yield LabeledLine("", f"{names[0]}, {names[1]}, … {names[-1]}")


def _dialects_text(manifest: SetManifest) -> str:
    """Return how the bytes of the sources are read, the most frequent way first."""
    ways: Counter[str] = Counter()
    for source in manifest.sources:
        if source.state == "ready":
            dialect = manifest.shapes[source.shape].dialect
            compressed = f", {dialect.compression}" if dialect.compression else ""
            ways[f"{dialect_text(dialect)}{compressed}"] += 1
    several = len(ways) > 1
    return " · ".join(
        f"{way} ({counted(count, 'source')})" if several else way
        for way, count in ways.most_common(_MOST_NAMED)
    )


def _unlike(prepared: PreparedSet) -> Iterator[LabeledLine]:
    """Yield how the sources differ from one another."""
    label = "Differences"
    for column in prepared.missing:
        yield LabeledLine(label, f"`{column.column}`: {column.text}")
        label = ""
    for text in prepared.kept_text[:_MOST_LEFT_OUT]:
        yield LabeledLine(label, text)
        label = ""


def _left_out(sources: Sequence[SetSource]) -> Iterator[LabeledLine]:
    if not sources:
        return
    are = "is" if len(sources) == 1 else "are"
    yield LabeledLine("Left out", f"{counted(len(sources), 'source')} {are} not imported:")
    for source in sources[:_MOST_LEFT_OUT]:
        yield LabeledLine("", f"{source.name}: {source.why}")
    if len(sources) > _MOST_LEFT_OUT:
        yield LabeledLine("", f"and {len(sources) - _MOST_LEFT_OUT:,} more; set.run.json names them all")
