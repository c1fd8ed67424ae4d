"""The jobs of a run as a set, and how many events they will send: known, or at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from importer.mixpanel.rules import AHEAD_OF_CLOCK
from importer.pipeline.job import Job, Survey
from importer.reading import Reading
from importer.results.counts import Counts
from importer.results.reader import read_failures
from importer.results.recorded import Selection
from importer.text import counted


@dataclass(frozen=True, slots=True)
class Forecast:
    """How many events will be sent.

    Attributes:
        events: So many; None if that is not known.
        exact: False if there may be fewer.
        left: Records without an outcome; None if that is not known.
        estimated: True if records were not counted: there may be more or fewer events.
    """

    events: int | None
    exact: bool = False
    left: int | None = None
    estimated: bool = False

    @property
    def text(self) -> str:
        """The number with its noun: ``20 events``, ``at most 20 events``, ``about 1,230,000 events``.

        It is empty if the number is not known.
        """
        if self.events is None:
            return ""
        if self.estimated:
            return about_text(self.events, "event")
        return ("" if self.exact else "at most ") + counted(self.events, "event")


UNKNOWN: Final = Forecast(None)


@dataclass(frozen=True)
class JobSet:
    """The jobs of a run, one for each source; a single source is a set of one.

    Attributes:
        jobs: In the order of the sources.
        rehearsed: What an earlier dry run of all of them found; None if there was none, or if each job knows.
    """

    jobs: tuple[Job, ...]
    rehearsed: Counts | None = None

    @classmethod
    def of(cls, jobs: Sequence[Job]) -> JobSet:
        """Return the set of some jobs."""
        return cls(tuple(jobs))

    @property
    def first(self) -> Job:
        """The job of the first source."""
        return self.jobs[0]

    @property
    def size(self) -> int:
        """Bytes on disk of all sources."""
        return sum(job.manifest.fingerprint.size for job in self.jobs)

    @property
    def records(self) -> int | None:
        """Records in scope; None if those of a source were not counted."""
        counts = [job.records for job in self.jobs if job.records is not None]
        return sum(counts) if len(counts) == len(self.jobs) else None

    @property
    def about(self) -> int | None:
        """About how many records are in scope, if those of a source are estimated; None if they are not."""
        scopes = [_scope(job) for job in self.jobs]
        counts = [scope for scope, _ in scopes if scope is not None]
        estimated = any(is_estimate for _, is_estimate in scopes)
        return sum(counts) if estimated and len(counts) == len(scopes) else None

    @property
    def done(self) -> Counts:
        """Outcomes that are in the results already."""
        return sum((job.state.counts for job in self.jobs), Counts())

    @property
    def dry_run(self) -> Counts | None:
        """Outcomes of earlier dry runs of all the same sources; None unless each had one."""
        if self.rehearsed is not None:
            return self.rehearsed
        found = [job.dry_run.counts for job in self.jobs if job.dry_run is not None]
        return sum(found, Counts()) if len(found) == len(self.jobs) else None

    @cached_property
    def forecast(self) -> Forecast:
        """How many events will be sent.

        Left out are records that have an outcome already, and records that are known to be invalid: from a
        dry run of the same source and reading, or from the survey if that was of whole sources.
        """
        if self.rehearsed is not None and self.records is not None:
            ahead = self.ahead  # they may be valid by the time that the run comes to them
            events = min(self.records, self.rehearsed.valid + ahead)
            exact = not ahead and self.first.manifest.endpoint == "import"
            return Forecast(events, exact or not events, self.records)
        return add_up([self._of(job) for job in self.jobs], self._survey_allows())

    @property
    def ahead(self) -> int:
        """How many records lie ahead of the clock, as the survey of all sources tells."""
        return sum(each.count for each in self.first.survey.attention if each.code == "ahead")

    def _of(self, job: Job) -> Forecast:
        """Return how many events a single job will send."""
        limit, done = job.options.limit, job.state.counts
        scope, is_estimated = _scope(job)
        if scope is None:
            return UNKNOWN
        left = max(0, scope - done.total)
        if is_estimated:
            return Forecast(round(left * _valid_share(job)) or None, estimated=True)
        counted_left = left if job.records is not None or not left else None
        if job.selection is not None:
            events = min(left, max(0, left - _surely_invalid_again(job, job.selection)))
            return Forecast(events, events == 0, counted_left)
        found = job.dry_run
        if found is None:
            return Forecast(left, counted_left == 0, counted_left)
        events = min(left, max(0, found.counts.valid + found.ahead - _sendable(done)))
        is_exact = found.limit == limit and not found.ahead and job.manifest.endpoint == "import"
        return Forecast(events, is_exact or events == 0, counted_left)

    def _survey_allows(self) -> int | None:
        """Return how many events there are at most by the survey of all sources; None if it does not tell."""
        jobs = self.jobs
        survey, records = self.first.survey, self.records
        is_of_all = survey.whole and records is not None and survey.summary.records >= records
        if not is_of_all or any(job.selection is not None for job in jobs):
            return None
        is_resumed = any(job.options.resume for job in jobs)
        if len(jobs) > 1 and is_resumed and any(job.options.limit is not None for job in jobs):
            return None  # the survey may have been of fewer sources
        left_out = surely_invalid(survey, self.first.manifest.reading) + survey.summary.skipped
        possible = survey.summary.records - left_out
        return max(0, possible - _sendable(self.done))


def add_up(parts: Sequence[Forecast], most: int | None = None) -> Forecast:
    """Return the forecast for several jobs together.

    Args:
        parts: That for each.
        most: How many events there are at most, if that is known otherwise.
    """
    events = [part.events for part in parts if part.events is not None]
    estimated = any(part.estimated for part in parts)
    left = [part.left for part in parts if part.left is not None]
    total_left = sum(left) if len(left) == len(parts) else None
    if len(events) < len(parts):
        return Forecast(most, most == 0, total_left)
    total, exact = sum(events), all(part.exact for part in parts)
    if estimated:
        return Forecast(total, left=total_left, estimated=True)
    if most is None or most >= total:
        return Forecast(total, exact, total_left)
    return Forecast(most, most == 0, total_left)


def about_text(number: int, noun: str) -> str:
    """Return an estimate with its noun, in three digits: ``about 1,230,000 events``."""
    return f"about {counted(round(number, 3 - len(str(number))) if number else 0, noun)}"


def _scope(job: Job) -> tuple[int | None, bool]:
    """Return how many records are in scope, at most or about, and whether it is about so many."""
    limit, records, about = job.options.limit, job.records, job.about
    if records is None and about is not None and (limit is None or about < limit):
        return about, True
    if job.has_items and records is None:  # nobody knows how many events so many records are
        return None, False
    return limit if records is None else records, False


def _valid_share(job: Job) -> float:
    """Return which share of the first records can become events, as far as that was looked at."""
    summary = job.survey.summary
    invalid = surely_invalid(job.survey, job.manifest.reading)
    return 1 - (invalid + summary.skipped) / summary.records if summary.records else 1


def surely_invalid(survey: Survey, reading: Reading) -> int:
    """Return how many of the records that were looked at can at least not be sent by a run that begins now.

    One record may lack several things, so of these only the most frequent one is counted.
    """
    summary = survey.summary
    ahead = sum(each.invalid for each in survey.attention if each.code == "ahead")
    others = [each.invalid for each in survey.attention if each.code != "ahead"]
    bad_time = summary.no_zone + ahead  # no record is both
    if reading.missing_time is None:  # else a record without a time gets one, and is counted here as well
        bad_time += summary.no_time
    return summary.unreadable + max(summary.no_name, bad_time, *others)


def _surely_invalid_again(job: Job, selection: Selection) -> int:
    """Return how many records at least a retry finds invalid as the runs before it did."""
    now, done = job.manifest, job.state.counts
    before = [run.manifest for run in selection.runs]
    if any(
        (each.reading, each.fingerprint.digest, each.endpoint, each.importer_version)
        != (now.reading, now.fingerprint.digest, now.endpoint, now.importer_version)
        for each in before
    ):
        return 0
    invalid = selection.counts.invalid
    if invalid:
        failures = (failure for run in selection.runs for failure in read_failures(run.results))
        invalid -= sum(AHEAD_OF_CLOCK in failure.error for failure in failures)
    return max(0, invalid - done.invalid)


def _sendable(done: Counts) -> int:
    """Return how many of the records that have an outcome could be sent."""
    return done.total - done.invalid - done.skipped
