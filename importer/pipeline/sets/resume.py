"""Goes on with a set of sources that was stopped: what is finished is not read again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from importer.errors import ResultsError, SourceError
from importer.pipeline.attention import at_this_time, with_target_attention
from importer.pipeline.forecast import JobSet
from importer.pipeline.job import Job, RunOptions, Survey, Target
from importer.pipeline.redeclare import read_again
from importer.pipeline.sets.copies import SourceCopies
from importer.pipeline.sets.job import (
    PreparedSet,
    SetOutput,
    check_set_limit,
    job_of,
    set_manifest_of,
    with_scopes,
)
from importer.results.counts import Counts, ResultsState
from importer.results.differences import find_differences, with_destination_of
from importer.results.lock import Lock
from importer.results.manifest import READER_VERSION, credential_digest, is_lost
from importer.results.paths import manifest_path
from importer.results.recovery import inspect_results
from importer.results.set_manifest import SetManifest, SetSource, read_set, results_of, set_path
from importer.source.files import source_size
from importer.source.fingerprint import is_unchanged
from importer.source.found import Found, FoundSource
from importer.source.members import file_of
from importer.text import counted, listed, was_or_were

_MOST_NAMED: Final = 3


def resume_set(
    found: Found, output: SetOutput, options: RunOptions, target: Target, now_ms: int, copies: SourceCopies
) -> PreparedSet:
    """Return a set that was stopped, with a job for each source that is not finished.

    Args:
        found: The sources that there are now.
        output: Where the results are.
        options: The options of the run.
        target: Where events go.
        now_ms: Milliseconds since the epoch.
        copies: Makes sources readable.

    Raises:
        ResultsError: The sources, the reading, the kind or the destination are not what they were.
    """
    folder = output.folder
    old = read_set(folder)
    if old.reader_version != READER_VERSION:
        raise ResultsError(
            f"{folder} was begun with an importer that counts records in another way",
            "Finish it with that one.",
        )
    states = _states(folder, old)
    done = sum((state.counts for state in states.values()), Counts())
    new = _as_typed_now(found, old, output, options, target, now_ms)
    if old.unauthorized and not done.total and with_destination_of(old, new) != old:
        new = replace(new, refused_at=(*old.refused_at, old.base_url))
        old = with_destination_of(old, new)
    _check_same(old, new, folder, target)
    check_set_limit(old.reading, options.limit)
    sources = with_scopes(old.sources, options.limit)
    _check_limit(sources, states, options)
    manifest = replace(
        with_destination_of(old, new),
        refused_at=new.refused_at,
        settings=new.settings,
        limit=options.limit,
        sources=sources,
        scope=sum(source.scope for source in sources),
        ended=None,
        exit_code=None,
        unauthorized=False,
    )
    needed = {each.name for each in sources if _is_left(folder, old, each, states)}
    killed = {each.name for each in sources if each.name not in needed and _was_killed(folder, old, each)}
    killed.intersection_update(each.name for each in found.sources)
    there = {each.name: each for each in copies.of(found, needed | killed).sources}
    _check_there([each for each in sources if each.name in needed], there)
    # Of those that were killed at their end nothing is missing but that: it can do without the source.
    at_end = [each for each in sources if each.name in killed]
    left = needed.union(each.name for each in at_end if not _what_is_wrong(each, there.get(each.name)))
    return _resumed(
        manifest, states, there, output, options, target, left=left, refused=old.unauthorized, now_ms=now_ms
    )


def _check_same(old: SetManifest, new: SetManifest, folder: Path, target: Target) -> None:
    """Check that a set goes on as it was begun.

    Raises:
        ResultsError: The sources, the reading, the kind or the destination are not what they were.
    """
    if differ := find_differences(old, new):
        raise ResultsError(
            f"{folder} can't be resumed: " + "; ".join(differ),
            "Type the command as it was, or start again with another --results.",
            target.host_remedy(old.base_url),
        )


def _as_typed_now(
    found: Found, old: SetManifest, output: SetOutput, options: RunOptions, target: Target, now_ms: int
) -> SetManifest:
    """Return the manifest that the set would have by the options of today."""
    reading = read_again(set_path(output.folder), old.reading, options.declared, now_ms)
    new = set_manifest_of(found, old.sources, old.shapes, reading, options, target, output)
    new = replace(new, started=old.started, refused_at=old.refused_at)
    if target.credentials is not None:
        salt = old.credential_salt
        digest = credential_digest(salt, target.credentials)
        new = replace(new, credential_salt=salt, credential_digest=digest)
    if options.kind == old.kind == "sandbox":  # each rehearsal listens on a port of its own
        new = replace(new, base_url=old.base_url)
    return new


def _resumed(
    manifest: SetManifest,
    states: Mapping[str, ResultsState],
    there: Mapping[str, FoundSource],
    output: SetOutput,
    options: RunOptions,
    target: Target,
    *,
    left: Collection[str],
    refused: bool,
    now_ms: int,
) -> PreparedSet:
    """Return the set with a job for each source that is left."""
    audit = manifest.audit
    survey = Survey(
        attention=manifest.attention, whole=True, collisions=None if audit is None else audit.collisions,
        sources=len(manifest.sources),
    )  # fmt: skip
    if audit is not None:
        survey = at_this_time(replace(survey, summary=audit.facts), now_ms)
    finished = [each for each in manifest.sources if each.state == "ready" and each.name not in left]
    jobs = []
    for source in manifest.sources:
        if source.name not in left:
            continue
        job = job_of(manifest, source, there[source.name], output.folder, options, target, survey)
        state = states[source.name]
        begun = job.results.exists()
        # What was begun may have been sent, unless all that was sent was refused.
        untouched = not begun or refused
        own = replace(job.options, resume=begun)
        jobs.append(replace(job, state=state, options=own, untouched=untouched))
    done = sum((states[each.name].counts for each in finished), Counts())
    whole = Job(
        Path(), set_path(output.folder), manifest, target, options, survey, 0,
        sources=len(manifest.sources), of_set=True,
    )  # fmt: skip
    manifest = replace(manifest, attention=with_target_attention(whole, now_ms).manifest.attention)
    notes = tuple(_changes(manifest, finished, there))
    return PreparedSet(output, manifest, JobSet.of(jobs or [whole]), done, len(finished), notes=notes)


def _is_left(
    folder: Path, manifest: SetManifest, source: SetSource, states: Mapping[str, ResultsState]
) -> bool:
    """Return whether records of a source have no outcome, or its manifest was lost: its job writes that."""
    if not source.scope or source.scope > states[source.name].records:
        return source.scope > 0
    return is_lost(manifest_path(results_of(folder, manifest, source)))


def _was_killed(folder: Path, manifest: SetManifest, source: SetSource) -> bool:
    """Return whether the job of a source was killed: its manifest may not say how it ended."""
    return source.scope > 0 and Lock(results_of(folder, manifest, source)).path.exists()


def _states(folder: Path, manifest: SetManifest) -> dict[str, ResultsState]:
    """Return how far the results of each source go."""
    return {
        source.name: inspect_results(results_of(folder, manifest, source))
        if source.records
        else ResultsState()
        for source in manifest.sources
    }


def _check_limit(
    sources: Iterable[SetSource], states: Mapping[str, ResultsState], options: RunOptions
) -> None:
    for source in sources:
        if states[source.name].records > source.scope:
            raise ResultsError(
                f"the results of {source.name} go further than --limit {options.limit or 0:,} allows",
                "Type --resume with a greater --limit, or without.",
            )


def _check_there(left: Sequence[SetSource], there: Mapping[str, FoundSource]) -> None:
    """Check that all sources that are not finished are there as they were.

    Raises:
        ResultsError: One is not.
    """
    wrong = [f"{each.name} {what}" for each in left if (what := _what_is_wrong(each, there.get(each.name)))]
    if wrong:
        more = f", and {len(wrong) - _MOST_NAMED:,} more" if len(wrong) > _MOST_NAMED else ""
        raise ResultsError(
            f"what is left of the set is not as it was: {', '.join(wrong[:_MOST_NAMED])}{more}",
            "Put it back, then go on with --resume. Or import what is there now, with another --results:"
            " records that did not change keep their ids, so they are not doubled.",
        )


def _what_is_wrong(source: SetSource, found: FoundSource | None) -> str:
    if found is None:
        return "is gone"
    assert source.fingerprint is not None, "it was surveyed"
    try:
        return "" if is_unchanged(found.path, source.fingerprint) else "has changed"
    except SourceError:
        return "can't be read"


def _changes(
    manifest: SetManifest, finished: Sequence[SetSource], there: Mapping[str, FoundSource]
) -> Iterator[str]:
    """Yield what has changed since a set was begun, without concerning what is left of it."""
    known = {each.name for each in manifest.sources}
    new = [name for name in there if name not in known]
    if new:
        yield f"{_named(new)} {was_or_were(len(new))} not there when the set was begun: not imported with it"
    gone = [each.name for each in finished if each.name not in there and not each.is_left_out]
    if gone:
        yield f"{_named(gone)} {'is' if len(gone) == 1 else 'are'} gone since"
    empty = [each for each in manifest.sources if each.state == "empty"]
    done = [each for each in (*finished, *empty) if each.name in there]
    changed = [each.name for each in done if _was_touched(each, there[each.name])]
    if changed:
        yield f"{_named(changed)} changed after the set was begun: what is new there is not imported with it"


def _was_touched(source: SetSource, found: FoundSource) -> bool:
    """Return whether a source has another size or time than it had; it is not read again for that."""
    seen = source.fingerprint
    if found.pipe or seen is None:
        return False
    try:
        time = file_of(found.path).stat().st_mtime_ns
        return (source_size(found.path), time if seen.digest else 0) != (seen.size, seen.mtime_ns)
    except (OSError, SourceError):  # as a member of a compressed tar, which is not unpacked for that
        return False


def _named(names: Sequence[str]) -> str:
    return f"{counted(len(names), 'source')} ({listed(names, _MOST_NAMED)})"
