"""The data of a run: its options, the survey of its sources, its jobs, and the report at its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from importer.errors import ImporterError
from importer.events.declared_reading import DeclaredReading
from importer.facts import Collisions, ProfileSummary
from importer.model import Credentials, DeliverySettings, Destination, Fingerprint, RunKind
from importer.profile.summary import EMPTY_SUMMARY
from importer.reading import Attention, ColumnProfile, Reading
from importer.results.counts import Counts, ResultsState
from importer.results.manifest import READER_VERSION, Manifest, credential_digest, salt_for
from importer.results.recorded import Selection
from importer.source.members import SourcePath
from importer.source.spool_room import MOST_SPOOLED
from importer.text import VERSION, counted

_MIN_FOR_PERCENT = 1_000
"""A percentage of fewer outcomes stops no run before its end."""


@dataclass(frozen=True, slots=True)
class MaxErrors:
    """``--max-errors``: how many unsuccessful records stop the run.

    Attributes:
        limit: Records, or percent of those that have an outcome.
        percent: True if ``limit`` is a percentage. It holds from the 1,000th outcome on, and at the end.
    """

    limit: float
    percent: bool = False

    def reached(self, unsuccessful: int, total: int, *, at_end: bool = False) -> bool:
        """Return whether so many unsuccessful outcomes, out of a total, must stop the run."""
        if not self.percent:
            return unsuccessful > self.limit
        return (at_end or total >= _MIN_FOR_PERCENT) and unsuccessful * 100 > self.limit * total


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of a run or a retry, beside its sources.

    Attributes:
        declared: What the options and the mapping file declare of the reading.
        kind: ``real``, ``dry-run`` or ``sandbox``.
        results: Where results go: a file, or a folder for several sources; None for the default.
        resume: Go on with existing results.
        overwrite: Replace existing results.
        only_rehearsals: With ``overwrite``: if they are of a rehearsal of this kind.
        limit: Most records of each source.
        failed_rows: Where rejected and invalid records are copied, or None.
        mapping: The mapping file, which may name the records that were copied to be mended; None without.
        delivery: How hard and how fast to send.
        max_errors: When to stop early; None for never.
        audit: Look for collisions of ids before sending.
        allow_collisions: Send in spite of them.
        strict: Send nothing if a decision about a source needs attention.
        accept: Codes of attention that stop nothing.
        log_file: Where requests are logged, or None.
        include: Of a set, only sources that match one of these patterns; none for all.
        exclude: Of a set, the patterns of sources that are left out.
        skip_unfit: Leave out sources that can't be read like the others.
        workers: Processes that do the work; None for one where there is one source, else as many as cores.
        spool_space: Most bytes that compressed tars may need where they are unpacked, and copies of sources.
        results_format: Format of the results of each source of a set.
    """

    declared: DeclaredReading = field(default_factory=DeclaredReading)
    kind: RunKind = "real"
    results: Path | None = None
    resume: bool = False
    overwrite: bool = False
    only_rehearsals: bool = False
    limit: int | None = None
    failed_rows: Path | None = None
    mapping: Path | None = None
    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    max_errors: MaxErrors | None = None
    audit: bool = True
    allow_collisions: bool = False
    strict: bool = False
    accept: tuple[str, ...] = ()
    log_file: Path | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    skip_unfit: bool = False
    workers: int | None = None
    spool_space: int = MOST_SPOOLED
    results_format: Literal["csv", "jsonl"] = "csv"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One source of a run.

    Attributes:
        name: The source as typed; ``-`` is standard input.
        path: What to read: the source itself, or the copy of standard input.
        results: The results file of this source.
        replaces_rehearsal: True if there are results of a rehearsal that the run, one like it, replaces.
    """

    name: str
    path: SourcePath
    results: Path
    replaces_rehearsal: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Where events go, and who sends them.

    Attributes:
        destination: Where to.
        credentials: As whom; None for a dry run.
        named_by: The variable of the environment that names the host; empty if none does.
    """

    destination: Destination
    credentials: Credentials | None
    named_by: str = ""

    def host_remedy(self, base_url: str) -> str:
        """Return what to do where events must go to another host; empty if the environment names none."""
        if not self.named_by or base_url == self.destination.base_url:
            return ""
        return (
            f"{self.named_by} in the environment names another host: unset it, or add --base-url {base_url}"
        )


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of the sources of a run, all together, before anything is sent; ``Survey()`` is nothing.

    Attributes:
        summary: Names and times of the events.
        columns: Each column, its type and examples; empty if no types were inferred.
        whole: False if only the first records were read.
        ids_differ: True if no two ids are equal, False if two are; None if that isn't known.
        collisions: Events that Mixpanel would take for one another; None if events were not compared.
        attention: What the owner of the sources might not expect.
        sources: How many sources it is of.
    """

    summary: ProfileSummary = EMPTY_SUMMARY
    columns: tuple[ColumnProfile, ...] = ()
    whole: bool = False
    ids_differ: bool | None = None
    collisions: Collisions | None = None
    attention: tuple[Attention, ...] = ()
    sources: int = 1


@dataclass(frozen=True, slots=True)
class EarlierDryRun:
    """What a finished dry run of the same bytes and reading found.

    Attributes:
        counts: Its outcomes.
        notes: Records with a note.
        limit: Most records that it looked at; None for all.
        ahead: How many of its invalid records at most lay ahead of the clock then, and no longer do.
    """

    counts: Counts
    notes: int
    limit: int | None
    ahead: int


@dataclass(frozen=True, slots=True)
class Job:
    """One source, ready to run in any process.

    Attributes:
        path: What holds its bytes.
        results: Its results file.
        manifest: What is known of the run before it starts.
        target: Where its events go.
        options: The options of the run.
        survey: What is known of all sources of the run.
        records: Records in scope; None if they were not counted.
        about: About how many records the source has, if they were not counted; None if nothing is known.
        state: What the results file holds already.
        selection: For a retry, the records that it sends again; None for a run.
        sources: How many sources the run has.
        dry_run: What an earlier dry run found; None if there was none.
        mended_of: For the run of mended records, the results of which these were left; else None.
        untouched: False if an earlier part of this run may have sent what the results don't show.
        of_set: True if the source is one of a set, which knows what concerns all of them.
    """

    path: SourcePath
    results: Path
    manifest: Manifest
    target: Target
    options: RunOptions
    survey: Survey
    records: int | None = None
    about: int | None = None
    state: ResultsState = field(default_factory=ResultsState)
    selection: Selection | None = None
    sources: int = 1
    dry_run: EarlierDryRun | None = None
    mended_of: Path | None = None
    untouched: bool = True
    of_set: bool = False

    @property
    def has_items(self) -> bool:
        """True if a record of the source may be several events."""
        return bool(self.manifest.reading.shape.explode)

    @property
    def is_told_by_set(self) -> bool:
        """True if the manifest of its set tells all that its own one does before its end.

        That of the set is flushed to disk before the first job begins. So its own one is written at its end,
        and a power cut that takes this takes nothing else: `status` and a resume read that of the set. Of the
        results it takes what it may take of any: outcomes since the last flush, which is once a second; their
        events are sent again under the same ids. Of a rehearsal, nothing needs to be flushed.
        """
        return self.of_set and self.parent is None

    @property
    def parent(self) -> Path | None:
        """For a retry and for mended records, the results that it goes on with; None for any other run."""
        return self.mended_of if self.selection is None else self.selection.runs[-1].results


@dataclass(frozen=True, slots=True)
class RunReport:
    """How a run ended.

    Attributes:
        job: The job that was run.
        manifest: The manifest that was written beside the results at the end.
        error: What stopped the run, or None if it finished.
        seconds: How long it took.
        notes: Records with a note.
        state: The results' position and counts; None if the file on disk differs.
        collisions: What a dry run found when it compared the events; None if it compared none.
        copies: Events that were taken and that Mixpanel, which has their like, does not keep.
        log_error: Why the log of requests ends early; empty if it does not.
    """

    job: Job
    manifest: Manifest
    error: ImporterError | None
    seconds: float
    notes: int = 0
    state: ResultsState | None = None
    collisions: Collisions | None = None
    copies: int = 0
    log_error: str = ""


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How the job of one source ended.

    Attributes:
        counts: Its outcomes, those from before included.
        scope: Records in scope; None if the end of the source was not reached.
        error: What stopped it; None if it finished.
        notes: Records with a note.
        reconciled: Whether outcomes and what is left add up to the scope.
        unauthorized: No record has an outcome, and every request was answered 401 or 403.
    """

    counts: Counts
    scope: int | None
    error: ImporterError | None
    notes: int
    reconciled: bool | None
    unauthorized: bool


def new_manifest(
    source: str,
    fingerprint: Fingerprint,
    reading: Reading,
    options: RunOptions,
    target: Target,
    salted_by: Path,
) -> Manifest:
    """Return the manifest of a run that starts now.

    Args:
        source: The source as it was named.
        fingerprint: The source as it is now.
        reading: How it is read.
        options: The options of the run.
        target: Where its events go. Of the credentials, the manifest gets a salted digest only.
        salted_by: Results whose manifest has the salt for that digest, if it exists.
    """
    credentials = target.credentials
    salt = "" if credentials is None else salt_for(salted_by)
    return Manifest(
        kind=options.kind,
        source=source,
        fingerprint=fingerprint,
        reading=reading,
        endpoint=target.destination.endpoint,
        base_url=target.destination.base_url,
        project_id="" if credentials is None else credentials.project_id,
        credentials_kind="" if credentials is None else credentials.kind,
        credential_salt=salt,
        credential_digest="" if credentials is None else credential_digest(salt, credentials),
        settings=options.delivery,
        limit=options.limit,
        importer_version=VERSION,
        reader_version=READER_VERSION,
        started=now_iso(),
    )


def now_iso() -> str:
    """Return the time of day in UTC as ISO 8601, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def about_sample(survey: Survey) -> str:
    """Return the end of a sentence that is about the first records only; empty if it is about all."""
    return "" if survey.whole else f" (in the first {counted(survey.summary.records, 'record')})"
