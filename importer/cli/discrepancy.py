"""What is missing or was changed where results and manifests don't agree, and the way on."""

from __future__ import annotations

from importer.cli.command_lines import resume_command
from importer.cli.phrases import counts_text
from importer.cli.source_folder import is_source_changed
from importer.results.counts import Counts
from importer.results.paths import manifest_path
from importer.results.recorded import RecordedRun
from importer.results.status import HistoryStatus, NextStep, agrees
from importer.text import counted


def way_on(status: HistoryStatus) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what is wrong with a status that does not add up, and the command that mends it, if any."""
    runs = status.runs
    wrong = next((run for run in runs if not agrees(run)), None)
    if wrong is None:
        text = "A retry has outcomes of records that no run before it left open"
        return (f"{text}. Put its results and manifests back as they were written.",), ()
    is_missing = not wrong.results.exists()
    left = wrong.unattempted
    can_resume = left is not None and left >= 0 and wrong is runs[-1] and wrong.manifest.source != "-"
    if not can_resume or is_source_changed(wrong) is not False:
        put = "Put it back" if is_missing else "Put back the one that was changed"
        return (f"{_finding(wrong)}. {put}, as it was written.",), ()
    if is_missing or left:
        put = "Put it back" if is_missing else "Put back the one that was changed"
        again = "checks" if wrong.manifest.kind == "dry-run" else "sends"
        advice = f"{put}. If it is lost, this {again} what has no outcome again, under the same ids:"
    else:
        advice = "Put back the one that was changed. If the results are whole, this writes the manifest anew:"
    step = NextStep("resume", wrong, runs[-2] if len(runs) > 1 else None)
    return (f"{_finding(wrong)}.", advice), (resume_command(step),)


def _finding(run: RecordedRun) -> str:
    """Return in which way a run and its manifest don't agree."""
    manifest, beside, left = run.manifest, manifest_path(run.results), run.unattempted
    if not run.results.exists():
        return f"{run.results} is missing: by its manifest, it held {_text(manifest.counts)}"
    if left is not None and left < 0:
        scope = counted(manifest.scope or 0, "record")
        return f"{run.results} has {counted(run.state.records, 'outcome')}, but {beside} says {scope}"
    if manifest.counts != run.state.counts:
        return f"{run.results} has {_text(run.state.counts)}, but {beside} says {_text(manifest.counts)}"
    said = "no number" if manifest.unattempted is None else f"{manifest.unattempted:,}"
    found = "an unknown number" if left is None else f"{left:,}"
    return f"{beside} says {said} unattempted, but its scope less the outcomes of {run.results} is {found}"


def _text(counts: Counts) -> str:
    return " + ".join(counts_text(counts)) or "no outcomes"
