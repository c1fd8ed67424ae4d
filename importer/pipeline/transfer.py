"""The transfer of a job: every record in scope is read, delivered, and gets its line of the results."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Protocol

from importer import speedups
from importer.delivery.batches import make_batches
from importer.delivery.connections import Connections
from importer.delivery.engine import deliver
from importer.delivery.protocols import Client
from importer.delivery.quota import Quota, cap_of, own_quota
from importer.delivery.request_log import RequestLog
from importer.errors import Interrupted, ResultsError, SourceError, TooManyErrors, UsageError
from importer.model import (
    Batch,
    Credentials,
    Delivered,
    DeliverySettings,
    Destination,
    Record,
    Rejection,
)
from importer.pipeline.job import Job
from importer.profile.records import of_first_records, open_records
from importer.progress import Progress, stage
from importer.results.buffer import OutcomeBuffer
from importer.results.writer import ResultsWriter
from importer.source.reader import Source
from importer.text import counted

Rehearse = Callable[[Iterable[speedups.EventBlock], threading.Event], Generator[Delivered, None, None]]
"""What a dry run does in place of delivery, given what the records became and the signal to stop."""


def send_nothing(
    blocks: Iterable[speedups.EventBlock], stop: threading.Event
) -> Generator[Delivered, None, None]:
    """Yield the rejections of a source without events.

    Raises:
        UsageError: There is an event.
    """
    for block in blocks:
        if stop.is_set():
            return
        if block.events:
            raise UsageError(
                "a record can be sent, though none was expected, so nobody was asked",
                "Type the command again with --yes, or with --dry-run to check first.",
            )
        yield Delivered(Batch.of(block), [])


class OutcomePosition:
    """Where in a source the records end that have an outcome, though more of it has been read.

    Args:
        size: Bytes on disk of the source.
        records: Records in scope; None if they were not counted.
        limit: Most records of it; None for all.
    """

    def __init__(self, size: int, records: int | None, limit: int | None) -> None:
        self._size, self._records, self._limit = size, records, limit
        self._ahead: deque[tuple[int, int]] = deque()  # records and bytes that were read, by chunk
        self._behind = (0, 0)

    def read(self, records: int, position: int) -> None:
        """Take note of how many records have been read, and up to where."""
        if self._records is None:
            self._ahead.append((records, position))

    def of(self, outcomes: int) -> int:
        """Return the bytes that so many outcomes stand for: less than all, since the end may be to come."""
        if self._records is not None:
            share = -(
                -self._size * outcomes // max(1, self._records)
            )  # up: who makes percent of it rounds down
        else:
            share = self._read_for(outcomes)
            if self._limit is not None:
                share = max(share, self._size * outcomes // max(1, self._limit))
        return max(0, min(share, self._size - 1))

    def _read_for(self, outcomes: int) -> int:
        while self._ahead and self._ahead[0][0] <= outcomes:
            self._behind = self._ahead.popleft()
        records, position = self._behind
        if not self._ahead:
            return position
        next_records, next_position = self._ahead[0]
        return position + (next_position - position) * (outcomes - records) // (next_records - records)


class RecordSelector(Protocol):
    """Selects records of a source and maps them to events."""

    def select(self, chunk: Sequence[Record | Rejection]) -> Sequence[Record | Rejection]:
        """Return those of some consecutive records that the job sends."""

    def map(self, chunk: Sequence[Record | Rejection]) -> speedups.EventBlock:
        """Return an event or a rejection for each of the last records that `select` returned."""


class Transfer:
    """Brings the records of a job from its source to its results.

    Args:
        job: The job.
        results: Where outcomes are written.
        selector: Makes what selects the records and maps them.
        rehearse: What takes the place of delivery; None if events are sent.
        progress: Where the progress is reported.
        stop: Set it to end the transfer in good order.
        now: Milliseconds since the epoch.
        observe: Receives what became of the records, once that is written.
        connections: As for `run_job`.
        log: Where requests are logged; None for nowhere.
        quota: As for `run_job`.

    Attributes:
        records: Records in scope that were read, those of a resumed run's first part included: all their
            events, where a record may be several.
        exploded: In that case, how many records these are; else None.
        finished: The source was read to the end of the scope.
        notes: Records with a note that were written.
        sent: Set at the end if a request went out.
        broken: Why the records end ahead of the end of the source; None if that was not reached.
    """

    def __init__(  # noqa: PLR0913 - all that a run hands on
        self,
        job: Job,
        results: ResultsWriter,
        selector: Callable[[], RecordSelector],
        rehearse: Rehearse | None,
        progress: Progress,
        stop: threading.Event,
        now: Callable[[], int],
        *,
        observe: Callable[[Delivered], None] | None = None,
        connections: Connections | None = None,
        log: RequestLog | None = None,
        quota: Quota | None = None,
    ) -> None:
        self.records = 0
        self.exploded: int | None = 0 if job.has_items else None
        self.finished = False
        self.notes = 0
        self.sent = threading.Event()
        self.broken: SourceError | None = None
        self._job, self._results, self._selector, self._rehearse = job, results, selector, rehearse
        self._progress, self._stop, self._now = progress, stop, now
        self._log, self._observe = log, observe
        self._connections, self._quota = connections, quota
        self._position = OutcomePosition(0, None, None)
        self._row = 0

    def run(self) -> None:
        """Transfer all records, up to the end of the scope, a stop, or an error.

        Raises:
            ImporterError: What stopped the transfer. Every outcome that is known is written by then.
        """
        job, results = self._job, self._results
        reading = job.manifest.reading
        title = "Checking" if job.manifest.kind == "dry-run" else "Importing"
        with (
            open_records(job.path, reading, to_break=True) as source,
            stage(self._progress, title, source.size),
        ):
            buffer = OutcomeBuffer(results, self._report, self._observe)
            limit = None if job.has_items else job.options.limit
            self._position = OutcomePosition(source.size, job.records, limit)
            try:
                with closing(self._delivered(self._mapped(source), buffer)) as delivered:
                    for batch in delivered:
                        buffer.add(batch)
                        self._check_max_errors(buffer.unsuccessful, buffer.rows)
            finally:
                buffer.flush()
                self.notes = buffer.notes
            if self._stop.is_set() and not (self.finished and results.rows == self.records):
                raise Interrupted("by Ctrl-C or another signal", "The results hold everything up to here.")
            self._progress.update(source.size, results.rows, results.unsuccessful)
            # What stands ahead of it has an outcome by now: that is all that a retry is for.
            if source.broken is not None and (job.selection is None or self.records < (job.records or 0)):
                self.broken = source.broken
                raise source.broken
            self._check_max_errors(results.unsuccessful, results.rows, at_end=True)

    def _report(self) -> None:
        """Report how far the outcomes have come."""
        results = self._results
        self._progress.update(self._position.of(results.rows), results.rows, results.unsuccessful)

    # ── from the source ──────────────────────────────────────────────────────────────────────────

    def _mapped(self, source: Source) -> Iterator[speedups.EventBlock]:
        """Return an event or a rejection for each record that has no outcome yet, in blocks."""
        selector = self._selector()
        return map(selector.map, self._records_in_scope(source, selector))

    def _records_in_scope(
        self, source: Source, selector: RecordSelector
    ) -> Iterator[Sequence[Record | Rejection]]:
        """Yield the records that the job is for and that have no outcome yet, in chunks.

        Raises:
            ResultsError: The results hold outcomes that can't be those of this source.
        """
        job, done = self._job, self._job.state.records
        limit = job.options.limit
        # What a source of a set has got since it was surveyed was in no plan.
        most = job.records if job.of_set and limit is None else None
        for chunk in source.chunks():
            part = selector.select(chunk)
            if limit is not None:
                part = of_first_records(part, limit)
            if most is not None:
                part = part[: max(0, most - self.records)]
            before = self.records
            self.records += len(part)
            self._count_exploded(part)
            if before < done <= self.records:
                self._check_last(part[done - before - 1])
            left = part[max(0, done - before) :]
            self._position.read(self.records, source.position())
            if left and before <= done:
                self._report()  # from here on it counts how fast the run is
            if left:
                yield left
            if self._is_last(chunk, limit) or self.records == most:
                break
        if self.records < done:
            raise ResultsError(
                f"{self._job.results} has {counted(done, 'outcome')}, but only"
                f" {counted(self.records, 'record')} in scope",
                "Start again with another --results.",
            )
        self.finished = True

    def _count_exploded(self, items: Sequence[Record | Rejection]) -> None:
        if self.exploded is None:
            return
        for item in items:
            self.exploded += item.row != self._row
            self._row = item.row

    def _is_last(self, chunk: Sequence[Record | Rejection], limit: int | None) -> bool:
        """Return whether no record behind a chunk is in scope."""
        if limit is None or not chunk:
            return False
        # Of a record that is several events, some may be in the next chunk.
        return chunk[-1].row > limit or (chunk[-1].row == limit and not self._job.has_items)

    def _check_last(self, item: Record | Rejection) -> None:
        """Stop unless the last outcome of the results is of this item, as the source has it."""
        state = self._job.state
        if (item.row, item.item) != (state.last_row, state.last_item):
            of_file = f", item {state.last_item:,}" if state.last_item else ""
            of_source = f", item {item.item:,}" if item.item else ""
            raise ResultsError(
                f"{self._job.results} ends with row {state.last_row:,}{of_file}, but outcome"
                f" {state.records:,} of this source is row {item.row:,}{of_source}",
                "The results belong to another source. Start again with another --results.",
            )

    # ── to the results ───────────────────────────────────────────────────────────────────────────

    def _delivered(
        self, blocks: Iterable[speedups.EventBlock], buffer: OutcomeBuffer
    ) -> Generator[Delivered, None, None]:
        """Return the batches of a job with their verdicts: those of a dry run, or those of the server."""
        if self._rehearse is not None:
            return self._rehearse(blocks, self._stop)

        def write_before_waiting() -> None:
            buffer.flush()
            self._results.tick()
            self._report()

        job, settings = self._job, self._job.options.delivery
        destination, credentials = job.target.destination, job.target.credentials
        assert credentials is not None, "only a dry run has no credentials"
        kept, cap = self._connections, cap_of(destination, settings)
        batch_size = settings.batch_size if cap is None else min(settings.batch_size, cap.most_events)
        return deliver(
            make_batches(blocks, batch_size, settings.batch_bytes),
            destination,
            credentials,
            settings,
            stop=self._stop,
            progress=self._progress,
            idle=write_before_waiting,
            now=self._now,
            client_factory=None if kept is None else _kept_factory(kept, destination, credentials, settings),
            log=self._log,
            quota=self._quota or own_quota(destination, settings),
            sent=self.sent,
        )

    def _check_max_errors(self, unsuccessful: int, total: int, *, at_end: bool = False) -> None:
        max_errors = self._job.options.max_errors
        if max_errors is not None and max_errors.reached(unsuccessful, total, at_end=at_end):
            raise TooManyErrors(
                f"{unsuccessful:,} of {counted(total, 'record')} not taken: more than --max-errors allows",
                "The error column of the results says why.",
            )


def _kept_factory(
    kept: Connections, destination: Destination, credentials: Credentials, settings: DeliverySettings
) -> Callable[[], Client]:
    from importer.delivery.client import make_client_factory  # noqa: PLC0415 - as in `deliver`

    return kept.factory(destination, credentials, settings.timeout, make_client_factory)
