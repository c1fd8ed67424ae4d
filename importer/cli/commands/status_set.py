"""``status`` of a set of sources: one screen, however many sources there are."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import chdir
from dataclasses import replace
from os.path import relpath
from pathlib import Path
from typing import Any, Final

from importer.cli.console import Console, LabeledLine
from importer.cli.options import StatusOptions
from importer.cli.phrases import attention_lines, counts_text, exploded_of, outcomes_text
from importer.cli.sets.import_alone import import_of_new
from importer.cli.sets.next_step import after_set_status
from importer.cli.source_folder import missing_text
from importer.cli.steps import Next, print_next
from importer.model import Status
from importer.pipeline.sets.found import SetChanges, find_changes
from importer.results.counts import Counts
from importer.results.set_manifest import SetManifest
from importer.results.set_status import NamedNumber, SetRun, SetStatus, read_set_status
from importer.text import counted, file_word, listed, shell_word

_MOST_NAMED: Final = 5
_MOST_RUNS: Final = 20
"""Most runs of a set that are shown: the first, and the last ones."""


def show_set_status(folder: Path, options: StatusOptions) -> int:
    """Print where a set of sources stands.

    Args:
        folder: The results of a run of it, or of a retry.
        options: Whether it is printed as JSON.

    Returns:
        The exit code: 0 if nothing is left to do, or a rehearsal went well; 1 if something is left, or
        sources were left out; 6 if the counts don't add up.

    Raises:
        ResultsError: The manifest of a set is missing or can't be used.
    """
    status = read_set_status(folder)
    source_set = _source_set(status)
    changes = _changes_of(source_set)
    step = _next_step(status, changes)
    more = import_of_new(status, source_set.manifest, changes, later=step != Next())
    if options.json:
        sys.stdout.write(_json_text(status, changes, step) + "\n")
    else:
        console = Console(stream=sys.stdout)
        console.lines(_status_lines(status, changes))
        if status.is_running:
            console.say("A run is writing to these results now.")
        else:
            if step == Next():
                console.say(f"Nothing is left to do{' of this set' if more.advice else ''}.")
            print_next([step, more], console)
    if not status.reconciles:
        return 6
    if status.action is not None or status.of_state("damaged", "unfit") or status.broken_off:
        return 1
    is_good_rehearsal = status.last.manifest.kind != "real" and not status.counts.unsuccessful
    return int(not (is_good_rehearsal or step == Next()))


def _source_set(status: SetStatus) -> SetRun:
    """Return the run whose sources those of the last run are: the first one, or that of mended records.

    Of a source that was mended, and retried as it is since, it has what the retry read.
    """
    at = max((number for number, run in enumerate(status.runs) if run.manifest.mended), default=0)
    whole = status.runs[at]
    since = {each.name: each.fingerprint for run in status.runs[at + 1 :] for each in run.manifest.sources}
    sources = tuple(
        replace(each, fingerprint=since[each.name]) if each.name in since else each
        for each in whole.manifest.sources
    )
    return replace(whole, manifest=replace(whole.manifest, sources=sources))


def _changes_of(source_set: SetRun) -> SetChanges:
    """Return how the sources of a set changed, as far as that can be told from here.

    ``.`` is another folder here than there: of what was found in that one, nothing is in this one.
    """
    changes = find_changes(source_set.folder, source_set.manifest)
    known = sum(each.fingerprint is not None and not each.pipe for each in source_set.manifest.sources)
    is_elsewhere = source_set.folder.absolute().parent != Path.cwd()
    if is_elsewhere and changes.vanished and len(changes.vanished) == known:
        return SetChanges(missing=changes.vanished[0])
    return changes


def _next_step(status: SetStatus, changes: SetChanges) -> Next:
    """Return what to do next; where sources are named from the folder of the results, it begins there."""
    folder = status.last.folder.parent
    if not changes.missing or folder.absolute() == Path.cwd():
        return after_set_status(status, changes)
    there = replace(
        status, runs=tuple(replace(run, folder=Path(relpath(run.folder, folder))) for run in status.runs)
    )
    with chdir(folder):
        source_set = _source_set(there)
        changes_there = find_changes(source_set.folder, source_set.manifest)
        step = None if changes_there.missing else after_set_status(there, changes_there)
    if step is None:
        return after_set_status(status, changes)
    if not step.commands:
        return step
    first = f"{changes.missing} is named from the folder of the results, so go there first."
    go = f"cd {shell_word(file_word(str(folder)))} &&"
    return Next((first, *step.advice), tuple(f"{go} {line}" for line in step.commands))


# ── as text ──────────────────────────────────────────────────────────────────────────────────────


def _status_lines(status: SetStatus, changes: SetChanges) -> Iterator[LabeledLine]:
    first = status.runs[0].manifest
    yield LabeledLine("Sources", _named_text(first))
    yield LabeledLine("Kind", first.kind)
    yield from _run_lines(status.runs)
    yield from attention_lines(each for each in first.attention if each.code == "copies")
    sum_ = " + ".join([*counts_text(status.counts), f"{status.unattempted:,} unattempted"])
    checked = "adds up" if status.reconciles else "DOES NOT ADD UP"
    scope = outcomes_text(status.scope, exploded_of(first))
    yield LabeledLine("Stands", f"{scope} = {sum_}  ({checked})")
    yield LabeledLine("", _states_text(status))
    yield from _some("Not adding up", status.wrong)
    yield from _some("Not finished", status.unfinished)
    yield from _some("Not taken", status.worst)
    left_out = status.of_state("damaged", "unfit")
    named = tuple((each.name, f"{each.state}: {each.why}") for each in left_out[:_MOST_NAMED])
    yield from _some("Left out", NamedNumber(len(left_out), named))
    broken = status.broken_off
    named = tuple((each.name, each.broken) for each in broken[:_MOST_NAMED])
    yield from _some("Broken off", NamedNumber(len(broken), named))
    yield from _changes_lines(changes)


def _named_text(manifest: SetManifest) -> str:
    parts = [listed(manifest.named, _MOST_NAMED)]
    for word, patterns in (("only", manifest.include), ("without", manifest.exclude)):
        if patterns:
            parts.append(f"{word} {', '.join(patterns[:_MOST_NAMED])}")
    return " · ".join(parts)


def _run_lines(runs: Sequence[SetRun]) -> Iterator[LabeledLine]:
    left_out = max(len(runs) - _MOST_RUNS, 0)
    for number, run in enumerate(runs):
        if 0 < number <= left_out:
            if number == 1:
                yield LabeledLine("", f"and {left_out:,} more")
            continue
        parts = " · ".join(counts_text(run.counts)) or "no outcomes"
        if run.unattempted:
            parts += f" · {run.unattempted:,} unattempted"
        ended = run.manifest.ended or "not ended"
        yield LabeledLine("Run", f"{run.folder}/  {run.manifest.started} to {ended}  {parts}")


def _states_text(status: SetStatus) -> str:
    """Return how many sources there are, and in which states."""
    total = len(status.runs[0].manifest.sources)
    numbers = {
        "finished": status.finished,
        "not finished": status.unfinished.number,
        "empty": len(status.of_state("empty")),
        "damaged": len(status.of_state("damaged")),
        "unfit": len(status.of_state("unfit")),
        "beyond --limit": sum(each.scope == 0 for each in status.of_state("ready")),
    }
    return " · ".join(
        [counted(total, "source"), *(f"{number:,} {word}" for word, number in numbers.items() if number)]
    )


def _some(label: str, found: NamedNumber) -> Iterator[LabeledLine]:
    """Yield some sources by name, and how many more there are."""
    for name, what in found.named:
        text = " · ".join(counts_text(what)) if isinstance(what, Counts) else what
        yield LabeledLine(label, f"{name}: {text}")
        label = ""
    if (more := found.number - len(found.named)) > 0 and found.named:
        yield LabeledLine("", f"and {counted(more, 'more source')}")


def _changes_lines(changes: SetChanges) -> Iterator[LabeledLine]:
    label = "Since then"
    if changes.missing or changes.why:
        text = missing_text(changes.missing) if changes.missing else changes.why
        yield LabeledLine(label, f"what became of the sources can't be told: {text}")
        return
    for verb, names in (
        ("appeared", changes.appeared),
        ("vanished", changes.vanished),
        ("changed", changes.changed),
    ):
        if names:
            named = listed(names, _MOST_NAMED)
            yield LabeledLine(label, f"{counted(len(names), 'source')} {verb}: {named}")
            label = ""


# ── as JSON ──────────────────────────────────────────────────────────────────────────────────────


def _json_text(status: SetStatus, changes: SetChanges, step: Next) -> str:
    data = {
        "named": status.runs[0].manifest.named,
        "kind": status.runs[0].manifest.kind,
        "runs": [
            {
                "results": str(run.folder),
                "kind": run.manifest.kind,
                **_counts(run.counts),
                "unattempted": run.unattempted,
            }
            for run in status.runs
        ],
        "scope": status.scope,
        **_counts(status.counts),
        "unattempted": status.unattempted,
        "reconciles": status.reconciles,
        "running": status.is_running,
        "sources": {
            "total": len(status.runs[0].manifest.sources),
            "finished": status.finished,
            "unfinished": status.unfinished.number,
            **{state: len(status.of_state(state)) for state in ("empty", "damaged", "unfit")},
        },
        "worst": [_named(name, what) for name, what in status.worst.named],
        "wrong": [_named(name, what) for name, what in status.wrong.named],
        "left_out": [
            {"source": each.name, "state": each.state, "why": each.why}
            for each in status.of_state("damaged", "unfit")
        ],
        "broken_off": [{"source": each.name, "why": each.broken} for each in status.broken_off],
        **{
            key: None if changes.missing or changes.why else getattr(changes, key)
            for key in ("appeared", "vanished", "changed")
        },
        "next": step.commands[0] if step.commands else "",
    }
    return json.dumps(data, indent=2, ensure_ascii=False)  # orjson refuses a name that is not UTF-8


def _named(name: str, what: str | Counts) -> dict[str, Any]:
    return {"source": name, **(_counts(what) if isinstance(what, Counts) else {"why": what})}


def _counts(counts: Counts) -> dict[str, int]:
    return {each.value: counts[each] for each in Status if counts[each] or each is not Status.SKIPPED}
