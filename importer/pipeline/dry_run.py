"""A dry run: events are counted and compared with each other, and none is delivered."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Self

from importer import speedups
from importer.facts import Collisions, SourceAudit
from importer.model import Batch, Delivered, Status, Verdict
from importer.pipeline.job import Job
from importer.profile.collisions import CollisionAudit
from importer.profile.hot_shards import UserDayCounter, find_hot_shards
from importer.profile.summary import SummaryCounter
from importer.reading import Attention

_VALID = Verdict(Status.VALID)


class DryRun:
    """Takes the place of delivery in a dry run. Use it as a context manager: it may have temporary files.

    Args:
        job: The job.
        now: Milliseconds since the epoch.

    Attributes:
        collisions: Events that Mixpanel would merge; None if not all events of the source were compared.
        hot_shards: Users of too many events on a day, if the source was not scanned before.
    """

    def __init__(self, job: Job, now: Callable[[], int]) -> None:
        self._now = now
        self.collisions: Collisions | None = None
        self._job = job
        self._from_start = job.options.limit is None and not job.state.records
        compare = job.options.audit and self._from_start and job.survey.collisions is None
        self._audit = CollisionAudit(job.results.parent) if compare else None
        # Of a dry run that is resumed, it would count the rest only.
        self._counter = None if job.survey.whole or job.state.records else SummaryCounter()
        self.hot_shards: Sequence[Attention] = ()
        self._users = UserDayCounter() if self._from_start and not job.survey.whole else None

    @property
    def compares(self) -> bool:
        """Whether it compares the events, so that it knows all copies."""
        return self._audit is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._audit is not None:
            self._audit.close()

    def deliver(
        self, blocks: Iterable[speedups.EventBlock], stop: threading.Event
    ) -> Generator[Delivered, None, None]:
        """Yield a valid verdict for each event; nothing is sent.

        Raises:
            StorageError: The temporary files can't be used.
        """
        for block in blocks:
            if stop.is_set():
                return
            self._observe(block)
            yield Delivered(Batch.of(block), [_VALID] * block.events)
        if self._audit is not None:
            self.collisions = self._audit.result()
        if self._users is not None and self._users.passes_limit():
            source, now = self._job.manifest, self._now
            sources = [(source.source, self._job.path, source.reading)]
            self.hot_shards = find_hot_shards(sources, self._users, now, lambda _: None).attention()

    def _observe(self, block: speedups.EventBlock) -> None:
        if self._counter is not None and block.events:
            self._counter.add_names(block.names())
            self._counter.add_read(block.instants())
        if self._users is not None:
            self._users.add_events(block)
        if self._audit is not None:
            self._audit.add(block)

    def source_audit(self, records: int, notes: int, skipped: int) -> SourceAudit:
        """Return what a finished dry run found out about the source.

        Args:
            records: Records in scope.
            notes: Records with a note.
            skipped: Records that the mapping leaves out.
        """
        counter, survey = self._counter, self._job.survey
        if counter is not None:
            counter.records, counter.skipped = records, skipped
        return SourceAudit(
            survey.summary if counter is None else counter.summary(),
            whole=survey.whole or self._from_start,
            notes=notes,
            collisions=self.collisions,
            sources=survey.sources,
        )
