"""The summary of the run of a set: the sum, and the worst sources first."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Final

from importer.cli.console import Console, LabeledLine
from importer.cli.phrases import counts_text, exploded_of, place_text
from importer.cli.summary import duration_text, equation
from importer.pipeline.sets.job import SetReport, SourceEnd
from importer.results.reader import read_failures
from importer.results.set_manifest import SetManifest
from importer.text import counted

_MOST_NAMED: Final = 10
_FIRST_ERRORS: Final = 2
_MOST_ERRORS: Final = 20


def print_set_summary(report: SetReport, console: Console, *, verbose: bool) -> None:
    """Write how the records of all sources ended, and which sources to look at."""
    manifest, prepared = report.manifest, report.prepared
    copies = _copies(manifest)
    result = equation(
        manifest.scope,
        manifest.counts,
        manifest.unattempted,
        0,
        exploded=exploded_of(manifest),
        checked=bool(manifest.reconciled),
    )
    before = prepared.done.total + prepared.jobs.done.total
    finished = prepared.finished + sum(_is_finished(each) for each in report.ends)
    lines = [
        LabeledLine("Result", result),
        LabeledLine("Sources", _sources_text(report, finished)),
        LabeledLine("Took", duration_text(report.seconds, manifest.counts.total - before)),
        LabeledLine("Results", f"{prepared.output.folder}/"),
    ]
    if copies:
        keeps = manifest.counts.succeeded - copies
        lines.insert(1, LabeledLine("", f"Mixpanel keeps {keeps:,}: the others are copies"))
    if report.notes:
        noted = f"on {counted(report.notes, 'record')}: what was changed, or will be"
        lines.append(LabeledLine("Notes", noted))
    console.lines(lines)
    if console.quiet and (manifest.counts.unsuccessful or manifest.unattempted or _is_partly_read(report)):
        parts = counts_text(manifest.counts)
        if manifest.unattempted:
            parts.append(f"{manifest.unattempted:,} unattempted")
        if prepared.broken_off:
            parts.append(f"{counted(len(prepared.broken_off), 'source')} broken off")
        if prepared.left_out:
            parts.append(f"{counted(len(prepared.left_out), 'source')} left out")
        Console(stream=console.stream).say(f"{', '.join(parts)}: see {prepared.output.folder}")
    _print_worst(report, console, verbose=verbose)


def _copies(manifest: SetManifest) -> int:
    """Return how many events of a set Mixpanel does not keep; 0 where it is not known which were taken."""
    records = sum(source.records for source in manifest.sources if source.state == "ready")
    if manifest.counts.succeeded != records:  # the copies may be among those that were not
        return 0
    found = None if manifest.audit is None else manifest.audit.collisions
    if found is not None:
        return found.identical + found.lost
    return sum(each.count for each in manifest.attention if each.code == "copies")


def _is_partly_read(report: SetReport) -> bool:
    """Return whether something of what was named could not be read, or not like the rest."""
    return bool(report.prepared.left_out or report.prepared.broken_off)


def _is_finished(each: SourceEnd) -> bool:
    return each.error is None and each.end is not None and each.end.scope == each.end.counts.total


def _sources_text(report: SetReport, finished: int) -> str:
    total = report.prepared.finished + len(report.ends)
    parts = [f"{finished:,} of {total:,} finished" if finished < total else f"{total:,} finished"]
    if broken_off := report.prepared.broken_off:
        parts.append(f"{len(broken_off):,} of them broken off")
    if left_out := report.prepared.left_out:
        parts.append(f"{len(left_out):,} left out")
    return " · ".join(parts)


def _print_worst(report: SetReport, console: Console, *, verbose: bool) -> None:
    """Write the sources with the most records that were not taken, and those that were stopped."""
    stopped = [each for each in report.ends if each.error is not None]
    for each in stopped[:_MOST_NAMED]:
        name = each.job.manifest.source
        message = "" if each.error is None else each.error.message
        console.say(f"  {name}: {message.removeprefix(f'{name}: ')}")
    if len(stopped) > _MOST_NAMED:
        console.say(f"  and {len(stopped) - _MOST_NAMED:,} more were stopped")
    broken = report.prepared.broken_off
    for source in broken[:_MOST_NAMED]:
        console.say(f"  {source.name} breaks off: {source.broken}")
    if len(broken) > _MOST_NAMED:
        console.say(f"  and {len(broken) - _MOST_NAMED:,} more break off")
    ended = [(each.end.counts, each) for each in report.ends if each.end is not None]
    worst = [(counts, each) for counts, each in ended if counts.unsuccessful]
    worst.sort(key=lambda item: -item[0].unsuccessful)
    if not worst or console.quiet:
        return
    for counts, each in worst[:_MOST_NAMED]:
        console.say(f"  {each.job.manifest.source}: {' · '.join(counts_text(counts))}")
        _print_errors(each.job.results, console, _MOST_ERRORS if verbose else _FIRST_ERRORS)
    if len(worst) > _MOST_NAMED:
        console.say(f"  and {counted(len(worst) - _MOST_NAMED, 'source')} more with such records")


def _print_errors(results: Path, console: Console, count: int) -> None:
    for line in islice(read_failures(results), count):
        console.say(f"    {place_text(line)} {line.status}: {line.error}")
