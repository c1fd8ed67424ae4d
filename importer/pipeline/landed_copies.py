"""Copies among the events that Mixpanel took: of those that it can't tell apart, it keeps one."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import compress, islice
from typing import Final, Self

from importer.model import Batch, Delivered, Status
from importer.pipeline.job import Job
from importer.profile.copies import Copies, CopyCounter, copies_remedy, has_own_ids
from importer.profile.event_hashes import hash_events, hash_ids
from importer.reading import Attention
from importer.results.row_and_item import row_of
from importer.results.selection import read_successes
from importer.text import counted

_AT_ONCE: Final = 10_000


class LandedCopies:
    """Counts the copies among the events of a job that were taken. Use it as a context manager.

    Where ids are hashes of the events, equal ids are copies, and the events of a resumed run's first part are
    compared, too: their ids are in the results. Ids that the records bring are compared together with name,
    user and time, as Mixpanel does it. These are not read back from the results: an older version wrote no
    times, and in CSV names and users may be escaped. So a resumed run then counts the copies since it was
    resumed. Where all ids were found to differ before anything was sent, there are none.

    Args:
        job: The job.
        counter: Counts them; for tests.
    """

    def __init__(self, job: Job, counter: CopyCounter | None = None) -> None:
        self._job = job
        self._by_id = not has_own_ids(job.manifest.reading)
        self._counter = counter or CopyCounter(job.results.parent)
        self._is_part = bool(job.state.records) and not self._by_id
        self._all_differ = not self._by_id and not self._is_part and _found_all_different(job)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *arguments: object) -> None:
        self._counter.__exit__(*arguments)

    def add_earlier(self) -> None:
        """Add the events of a resumed run's first part.

        Raises:
            ResultsError: The results can't be read.
        """
        if not self._job.state.records or not self._by_id:
            return
        landed = read_successes(self._job.results)
        while part := list(islice(landed, _AT_ONCE)):
            places, ids = zip(*part, strict=True)
            rows = list(map(row_of, places))
            # No event is without an id; a results file that somebody made may be.
            hashes = hash_ids([own or "-" for own in ids])
            self._counter.add(hashes, rows.__getitem__, self._job.manifest.source)

    def add(self, delivered: Delivered) -> None:
        """Add the events of a batch that were taken."""
        if self._all_differ:
            return
        batch, verdicts = delivered
        first = verdicts[0] if verdicts else None
        if first is None:
            return
        alike = verdicts.count(first) == len(verdicts)
        if alike and not first.status.success:
            return
        hashes = b"".join([hash_events(part, by_id=self._by_id) for part in batch.parts])
        taken: Sequence[bool] = ()
        if not alike:
            taken = [verdict.status.success for verdict in verdicts]
            hashes = array("Q", compress(array("Q", hashes), taken)).tobytes()
        if hashes:
            rows: list[int] = []

            def row_of(place: int) -> int:
                if not rows:  # once, and only if a row is asked for
                    rows.extend(_rows_taken(batch, taken))
                return rows[place]

            self._counter.add(hashes, row_of, self._job.manifest.source)

    def result(self) -> Copies:
        """Return what was found. Nothing can be added afterwards."""
        return self._counter.result()

    def attention(self, found: Copies, *, finished: bool) -> tuple[Attention, ...]:
        """Return what the owner of the source might not expect, with the copies that were found.

        A run that stopped early knows of fewer copies than were seen before it sent, and so may the run of
        one of several sources: then what was seen before stays.

        Args:
            found: From `result`.
            finished: Whether the run came to the end of its source.
        """
        known = self._job.manifest.attention
        before = next((each for each in known if each.code == "copies"), None)
        keeps_before = not finished or self._job.sources > 1
        if before is not None and keeps_before and before.count > found.count:
            return known
        others = tuple(each for each in known if each.code != "copies")
        collisions = self._job.survey.collisions
        # Events that differ and share an id have an attention of their own, which says it all.
        different = 0 if collisions is None else collisions.lost
        return others if found.count <= different else (*others, self._attention(found))

    def _attention(self, found: Copies) -> Attention:
        manifest = self._job.manifest
        status = Status.IMPORTED
        if manifest.kind == "dry-run":
            status = Status.VALID
        elif manifest.endpoint == "track":
            status = Status.ACCEPTED
        what = f"{counted(found.records, 'record')} {status.value}"
        what += " since the run was resumed" if self._is_part else ""
        several = found.count > 1
        if self._by_id:
            are = "are copies of others" if several else "is a copy of another"
        else:
            are = f"{'share' if several else 'shares'} name, user, time and $insert_id with another"
        keeps, at_least, at_most = found.records - found.count, "", ""
        if not found.complete:
            at_least, at_most = "at least ", "at most "
        text = f"{what}; {at_least}{found.count:,} of them {are}, so Mixpanel keeps {at_most}{keeps:,}"
        remedy = copies_remedy(manifest.reading)
        if remedy and manifest.kind == "real":
            remedy += "  (delete this import in Mixpanel first: else the events are there twice)"
        return Attention.of("copies", text, remedy, count=found.count, rows=found.rows)


def _rows_taken(batch: Batch, taken: Sequence[bool]) -> list[int]:
    """Return the rows of the events of a batch that were taken: of all of them if ``taken`` is empty."""
    rows = [event.row for event in batch.events()]
    return list(compress(rows, taken)) if taken else rows


def _found_all_different(job: Job) -> bool:
    """Return whether the ids of all events of a job were compared before it sent, and no two were equal."""
    collisions = job.survey.collisions
    if collisions is None or not job.options.audit:
        return False
    return not (collisions.lost or collisions.identical)
