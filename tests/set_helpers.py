"""Sets of sources, prepared and run as the command does it."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from importer.pipeline.job import RunOptions, Target
from importer.pipeline.run import JobTask
from importer.pipeline.sets.job import PreparedSet, SetReport
from importer.pipeline.sets.mapping import map_set
from importer.pipeline.sets.outputs import find_set_output
from importer.pipeline.sets.prepare import prepare_set
from importer.pipeline.sets.run import SetWatch, run_set
from importer.pipeline.sets.survey import survey_set
from importer.pipeline.workers.pool import Workers
from importer.progress import NullProgress
from importer.source.find import find_sources


def prepared_set(
    names: Sequence[str],
    options: RunOptions,
    target: Target,
    now_ms: int,
    workers: int = 1,
    meanwhile: Callable[[], None] = lambda: None,
) -> PreparedSet:
    """Return the set of some sources, looked at by so many processes; ``meanwhile`` is what others do then."""
    found = find_sources(names, include=options.include, exclude=options.exclude)
    output = find_set_output(found, options)
    progress = NullProgress()
    with (
        Workers(workers, progress=progress, stop=threading.Event()) as processes,
        tempfile.TemporaryDirectory() as scratch,
    ):
        mapped = map_set(found, options, processes, now_ms)
        meanwhile()
        surveyed = survey_set(
            mapped, options, processes, now_ms=now_ms, progress=progress, scratch=Path(scratch)
        )
    return prepare_set(surveyed, output, options, target, now_ms)


def run_prepared(prepared: PreparedSet, options: RunOptions, workers: int = 1) -> SetReport:
    """Run a set by so many processes."""
    stop = threading.Event()
    watch = SetWatch(NullProgress(), stop, options.max_errors)
    with Workers(workers, progress=watch, stop=stop) as processes:
        return run_set(prepared, processes, watch, partial(JobTask, may_send=True))
