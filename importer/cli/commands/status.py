"""``status``: where a source stands over a run and all its retries."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

from importer.cli.console import Console, LabeledLine
from importer.cli.discrepancy import way_on
from importer.cli.next_step import after_status
from importer.cli.options import StatusOptions
from importer.cli.phrases import attention_lines, counts_text, exploded_of, outcomes_text
from importer.cli.source_folder import folder_to_go_to, seen_from
from importer.cli.steps import Next, print_next
from importer.model import Status
from importer.results.lock import is_locked
from importer.results.paths import named_folder
from importer.results.set_manifest import is_set_folder
from importer.results.set_status import read_status_in_set, set_of
from importer.results.status import HistoryStatus, read_status
from importer.text import file_command, file_word, shell_word


def show_status(results: Path, options: StatusOptions) -> int:
    """Print where a source stands.

    Args:
        results: Any results of a run and its retries.
        options: Whether it is printed as JSON.

    Returns:
        The exit code: 0 if nothing is left to do, or a rehearsal went well; 1 if something is left; 6 if the
        counts don't add up.

    Raises:
        ResultsError: Results or a manifest are missing or can't be used.
    """
    if is_set_folder(results):
        from importer.cli.commands.status_set import show_set_status  # noqa: PLC0415 - one file needs none of it

        return show_set_status(named_folder(results), options)
    whole = set_of(results)
    status = read_status(results) if whole is None else read_status_in_set(whole, results)
    step = _next_step(status) if whole is None else _step_of_set(status, whole)
    if options.json:
        sys.stdout.write(_json_text(status, step, whole) + "\n")
    else:
        console = Console(stream=sys.stdout)
        console.lines(_status_lines(status))
        if whole is not None:
            console.lines([LabeledLine("Set", f"{whole}/, of which this is one source")])
        if is_locked(results) or is_locked(status.runs[-1].results):
            console.say("A run is writing to these results now.")
        elif step.advice or step.commands:
            print_next([step], console)
        elif status.reconciles:
            console.say("Nothing is left to do.")
    if not status.reconciles:
        return 6
    is_good_rehearsal = status.runs[-1].manifest.kind != "real" and not status.counts.unsuccessful
    if status.runs[0].manifest.breaks_off:
        return 1
    return int(status.next_step is not None or not (is_good_rehearsal or step == Next()))


def _next_step(status: HistoryStatus) -> Next:
    """Return what to do next; where the source is named from the folder of the results, it begins there."""
    folder = folder_to_go_to(status)
    if folder is None:
        return _step_from_here(status)
    with chdir(folder):
        step = _step_from_here(seen_from(status, folder))
    if not step.commands:
        return step
    there = f"{status.runs[-1].manifest.source} is named from the folder of the results, so go there first."
    go = f"cd {shell_word(file_word(str(folder)))} &&"
    return Next((there, *step.advice), tuple(f"{go} {line}" for line in step.commands))


def _step_of_set(status: HistoryStatus, whole: Path) -> Next:
    """Return what to do for a source of a set: that is done for all of the set together."""
    if status.next_step is None and status.reconciles and not status.runs[0].manifest.breaks_off:
        return Next()
    return Next(("It is one source of a set, which goes on as a whole:",), (file_command("status", whole),))


def _step_from_here(status: HistoryStatus) -> Next:
    return after_status(status) if status.reconciles else Next(*way_on(status))


def _json_text(status: HistoryStatus, step: Next, whole: Path | None) -> str:
    counts = status.counts
    data = {
        "runs": [{"results": str(run.results), "kind": run.manifest.kind} for run in status.runs],
        "scope": status.scope,
        **{each.value: counts[each] for each in Status if counts[each] or each is not Status.SKIPPED},
        "unattempted": status.unattempted,
        "reconciles": status.reconciles,
        **({} if whole is None else {"set": str(whole)}),
        "next": step.commands[0] if step.commands else "",
    }
    return json.dumps(data, indent=2, ensure_ascii=False)  # orjson refuses a name that is not UTF-8


def _status_lines(status: HistoryStatus) -> Iterator[LabeledLine]:
    first = status.runs[0].manifest
    yield LabeledLine("Source", first.source)
    yield LabeledLine("Kind", first.kind)
    for run in status.runs:
        parts = " · ".join(counts_text(run.state.counts)) or "no outcomes"
        ended = run.manifest.ended or "not ended"
        yield LabeledLine("Run", f"{run.results}  {run.manifest.started} to {ended}  {parts}")
        yield from attention_lines(
            each for each in run.manifest.attention if each.code in ("copies", "broken-off")
        )
    left = "?" if status.unattempted is None else f"{status.unattempted:,}"
    scope = "? records" if status.scope is None else outcomes_text(status.scope, exploded_of(first))
    sum_ = " + ".join([*counts_text(status.counts), f"{left} unattempted"])
    checked = "adds up" if status.reconciles else "DOES NOT ADD UP"
    yield LabeledLine("Stands", f"{scope} = {sum_}  ({checked})")
