"""From what a person asked for to what will be done: everything that can be wrong is found here.

Nothing is sent and no results file is touched. A `Job` that comes out of here has a reading that is fixed, a
destination that may be used, and a place for its results.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from importer.delivery import check_destination
from importer.errors import MappingError, ResultsError, UsageError
from importer.events.audit import Collisions
from importer.events.facts import Facts
from importer.events.mapping import FIELDS, PROPERTY_OF, choose, nearest, nested_columns, well_known
from importer.events.mapping_file import Declared
from importer.events.times import TimeReader
from importer.events.types import BadValue, shown, to_boolean, to_integer, to_number
from importer.exact_json import loads
from importer.model import (
    ColumnType,
    Credentials,
    DeliverySettings,
    Destination,
    Dialect,
    Event,
    Fingerprint,
    Reading,
    Record,
    Rejection,
)
from importer.results import (
    Manifest,
    Standing,
    check_overwrite,
    credential_digest,
    differences,
    inspect,
    manifest_path,
    read_manifest,
    reading_differences,
    results_path,
    salt_for,
)
from importer.scan import Scan, audit, look_at, scan
from importer.source import Detected, detect, fingerprint, unchanged
from importer.version import __version__

_SMALL = 16_000_000
"""Bytes up to which JSONL, which needs no scan for its types, is looked at whole for the plan's sake."""


@dataclass(frozen=True, slots=True)
class MaxErrors:
    """``--max-errors``: when records without success stop the run.

    Attributes:
        limit: Records, or percent of those that have an outcome.
        percent: True if ``limit`` is a percentage; it is asked from the 1,000th outcome on, and at the end.
    """

    limit: float
    percent: bool = False

    def reached(self, wrong: int, total: int, *, at_end: bool = False) -> bool:
        """Return whether that many records without success, out of so many, are too many."""
        if not self.percent:
            return wrong > self.limit
        return (at_end or total >= 1_000) and wrong * 100 > self.limit * total  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Options:
    """What a person asked for, beside the sources.

    Attributes:
        declared: The reading, as far as it was said.
        kind: ``real``, ``dry-run`` or ``sandbox``.
        results: Where results go: a file, or a folder for several sources; None for the default.
        resume: Go on with results that are there.
        overwrite: Replace results that are there.
        limit: Most records of each source.
        failed_rows: Where rejected and invalid records are copied, or None.
        delivery: How hard and how fast to send.
        max_errors: When to give up, or None.
        audit: Look for collisions of ids before sending.
        allow_collisions: Send in spite of them.
    """

    declared: Declared = field(default_factory=Declared)
    kind: Any = "real"
    results: Path | None = None
    resume: bool = False
    overwrite: bool = False
    limit: int | None = None
    failed_rows: Path | None = None
    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    max_errors: MaxErrors | None = None
    audit: bool = True
    allow_collisions: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Where events go and who asks; a dry run has the first and not the second."""

    destination: Destination
    credentials: Credentials | None


class Redo(Protocol):
    """Chooses the records of a retry and makes their events."""

    def pick(self, chunk: Sequence[Record | Rejection]) -> list[Record | Rejection]:
        """Return those of some consecutive records that are to be retried."""

    def map(self, chunk: Sequence[Record | Rejection]) -> list[Event | Rejection]:
        """Return an event or a rejection for each record that was picked last."""


@dataclass(frozen=True, slots=True)
class Job:
    """One source, ready to run.

    Attributes:
        path: The file that holds its bytes.
        results: Its results file.
        manifest: What is known of the run before it starts.
        target: Where its events go.
        options: What was asked for.
        scan: What was seen of it before.
        records: Records in scope, where they are known.
        standing: What the results file already holds.
        parent: For a retry, the results that it takes up.
        redo: For a retry, what chooses and makes its events.
    """

    path: Path
    results: Path
    manifest: Manifest
    target: Target
    options: Options
    scan: Scan
    records: int | None = None
    standing: Standing = field(default_factory=Standing)
    parent: Path | None = None
    redo: Redo | None = None


def now_iso() -> str:
    """Return the time of day in UTC as ISO 8601, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# ── the reading ──────────────────────────────────────────────────────────────────────────────────


def detect_with(path: Path, declared: Declared) -> Detected:
    """Return how a source is to be read, as far as its first bytes and what was said tell."""
    return detect(
        path,
        format=declared.format,
        encoding=declared.encoding,
        delimiter=declared.delimiter,
        header=True if declared.header is None else declared.header,
    )


def make_reading(detected: Detected, declared: Declared, source_name: str, now_ms: int) -> Reading:
    """Return the reading of a source but for the types that only a scan can tell.

    Raises:
        MappingError: The columns don't fit what was said, or a field has no column or two.
    """
    columns, jsonl = detected.columns, detected.dialect.format == "jsonl"
    types = dict(declared.types)
    constants = {name: _constant(name, value, types) for name, value in declared.constants.items()}
    if not jsonl:
        for table, names in (("types", types), ("names", declared.names)):
            _check_columns(table, [n for n in names if n not in constants], columns)
    bags = (column for column in columns if well_known(column) == "properties")
    bag = declared.fields.get("properties") or next(bags, "")
    fields = choose(
        columns,
        declared.fields,
        constants,
        nested_columns(detected.sample, bag) if jsonl else (),
        paths=jsonl,
        times=_column_of_times(detected),
    )
    types |= _not_fields(declared, columns)
    return Reading(
        dialect=detected.dialect,
        columns=columns,
        fields=fields,
        names=dict(declared.names),
        types={name: kind for name, kind in types.items() if name not in constants},
        constants=constants,
        timezone=declared.timezone or "",
        time_format=declared.time_format or "",
        local_epochs=_checked_local_epochs(declared),
        missing_time=now_ms if declared.missing_time == "now" else None,
        null=declared.null,
        insert_id=declared.insert_id or "content",
        source_name=source_name,
        geoip=declared.geoip or "off",
        tag=declared.tag or "",
    )


def _column_of_times(detected: Detected) -> str:
    """Return the first column whose first values all look like times; empty if there is none."""
    sample = detected.sample[:50]
    reader = TimeReader("UTC")  # any zone will do to tell a time without one
    for index, column in enumerate(detected.columns):
        key: Any = index if detected.dialect.format == "csv" else column
        try:
            values = [value for record in sample if (value := record.values[key]) not in ("", None)]
        except KeyError:
            continue
        if values and all(isinstance(value, str | int) and _is_time(reader, value) for value in values):
            return column
    return ""


def _is_time(reader: TimeReader, value: object) -> bool:
    try:
        reader.read(value)
    except BadValue:
        return False
    return True


def _not_fields(declared: Declared, columns: Sequence[str]) -> dict[str, ColumnType]:
    """Leave out columns that were said to be no field: they must not become one again by their name."""
    names = [PROPERTY_OF.get(field_, "") for field_, column in declared.fields.items() if not column]
    return {name: "skip" for name in names if name in columns and name not in declared.types}


def _checked_local_epochs(declared: Declared) -> bool:
    if declared.local_epochs and not declared.timezone:
        raise UsageError(
            "--local-epochs needs the zone in which the epochs were made",
            "Add --timezone ZONE: that of the Mixpanel project at the time of the export.",
        )
    return bool(declared.local_epochs)


def _check_columns(table: str, names: Sequence[str], columns: Sequence[str]) -> None:
    for name in names:
        if name not in columns:
            option = f"--type {name}=…" if table == "types" else f"[{table}] {name}"
            raise MappingError(
                f"{option}: there is no column {shown(name)}{nearest(name, columns)}",
                f"The columns are: {', '.join(columns[:40])}",
            )


def _constant(name: str, value: Any, types: Mapping[str, ColumnType]) -> Any:
    """Return the value of a ``--set``: text, unless ``--type`` says otherwise."""
    kind = types.get(name, "string")
    if not isinstance(value, str) or kind in ("string", "time") or name in FIELDS:
        return value
    try:
        if kind == "json":
            return loads(value.encode())[0]
        return {"integer": to_integer, "number": to_number, "boolean": to_boolean}[kind](value)
    except (KeyError, ValueError) as error:
        raise UsageError(f"--set {name}={value}: {error}", f"Mend it, or leave out --type {name}.") from None


def with_types(reading: Reading, seen: Scan) -> Reading:
    """Return the reading with the types that a scan inferred, under those that were declared."""
    inferred = {profile.name: profile.type for profile in seen.profiles}
    return replace(reading, types={**inferred, **reading.types})


def _untyped(reading: Reading) -> bool:
    """Return whether a column of a CSV source still lacks a type, so that a scan is needed."""
    mapped = set(reading.fields.values())
    return reading.dialect.format == "csv" and any(
        column not in reading.types and column not in mapped for column in reading.columns
    )


# ── jobs ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Given:
    """A source as it was named.

    Attributes:
        name: What was typed; ``-`` is standard input.
        path: The file that holds its bytes: its own, or where standard input was spooled.
        results: Where its results go.
    """

    name: str
    path: Path
    results: Path


def place(names: Sequence[str], options: Options) -> list[Given]:
    """Return where each source lies and where its results go.

    Raises:
        UsageError: Two sources would share a results file, or results would fall on a source.
        ResultsError: There are results, and neither ``--resume`` nor ``--overwrite`` was said.
    """
    given = [_placed(name, options, several=len(names) > 1) for name in names]
    seen: dict[Path, str] = {}
    for each in given:
        if each.results in seen:
            raise UsageError(
                f"{seen[each.results]} and {each.name} would share the results file {each.results}",
                "Run them one by one, each with its own --results.",
            )
        seen[each.results] = each.name
    check_outputs([each.path for each in given], list(seen), options.failed_rows)
    if options.failed_rows and len(given) > 1:
        raise UsageError(
            "--failed-rows names one file, but there are several sources",
            "Leave it out, or run them one by one.",
        )
    for each in given:
        if each.results.exists() and not options.resume and not options.overwrite:
            raise ResultsError(
                f"{each.results} is there already, from an earlier run",
                "To go on where it stopped:  --resume\n"
                "To begin again:             --overwrite\n"
                "To see where it stands:     mixpanel-importer status " + str(each.results),
            )
    return given


def _placed(name: str, options: Options, *, several: bool) -> Given:
    source = None if name == "-" else Path(name)
    if several and options.results is not None:
        if not options.results.is_dir():
            raise UsageError(
                f"--results {options.results}: with several sources, it names a folder that exists",
                f"mkdir {options.results}",
            )
        results = results_path(source, options.kind, options.results)
    else:
        results = options.results or results_path(source, options.kind)
    return Given(name, spool_path(results) if source is None else source, results)


def spool_path(results: Path) -> Path:
    """Return where standard input is kept, beside its results."""
    return results.with_name(f"{results.name}.source")


def check_outputs(sources: Sequence[Path], results: Sequence[Path], failed_rows: Path | None) -> None:
    """Stop where an output would replace a source, or the copy of failed records would replace results."""
    copies = [] if failed_rows is None else [failed_rows]
    for copy in copies:
        if copy.is_dir() or not copy.parent.is_dir():
            raise UsageError(
                f"--failed-rows {copy} can't be written: expected a file in a folder that exists",
                "Make the folder, or name another file.",
            )
    for source in sources:
        if any(_same_file(source, output) for output in [*results, *copies]):
            raise UsageError(f"{source} is the source, and an output would replace it", "Name another.")
    for path in results:
        if any(_same_file(path, copy) for copy in copies):
            raise UsageError(f"--failed-rows would replace the results {path}", "Name another file.")


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return one.absolute() == other.absolute()


def prepare(
    given: Sequence[Given],
    options: Options,
    target: Target,
    *,
    now_ms: int,
    watch: Callable[[str, int], Callable[[int], None]],
) -> list[Job]:
    """Return a job for each source.

    Args:
        given: From `place`; standard input is spooled by now.
        options: What was asked for.
        target: Where events go.
        now_ms: The time that stands for a missing time, if it was asked for.
        watch: Begins the display of a scan, given its title and its bytes; what it returns is told how
            many are done.

    Raises:
        ImporterError: Whatever is wrong with sources, mapping, types, results or destination.
    """
    check_destination(target.destination)
    begun = {
        each: _resumed(each, options, target, now_ms)
        for each in given
        if options.resume and each.results.exists()
    }
    if begun:
        (first, like), *_ = begun.items()
        return [begun.get(each) or _not_begun(each, options, target, first, like) for each in given]
    found = [detect_with(each.path, options.declared) for each in given]
    for each, other in zip(given[1:], found[1:], strict=True):
        _check_alike(each, other, given[0], found[0].columns, found[0].dialect)
    prints = [fingerprint(each.path) for each in given]
    reading = make_reading(found[0], options.declared, "", now_ms)
    reading, seen = _settled(reading, given, prints, found, watch)
    jobs = [
        _fresh(each, options, target, replace(reading, dialect=d.dialect, source_name=Path(each.name).name),
               print_, seen, records)
        for each, d, print_, records in zip(
            given, found, prints, seen.records if seen.whole else [None] * len(given), strict=True
        )
    ]  # fmt: skip
    return _audited(jobs, options, now_ms, watch)


def _audited(
    jobs: list[Job], options: Options, now_ms: int, watch: Callable[[str, int], Callable[[int], None]]
) -> list[Job]:
    """Return the jobs once their ids are known not to lose events, or a person has said to go on.

    Raises:
        UsageError: Records that differ share what Mixpanel takes for the identity of an event.
    """
    if not options.audit or options.kind == "dry-run" or "insert_id" not in jobs[0].manifest.reading.fields:
        return jobs
    found = jobs[0].scan.collisions if len(jobs) == 1 and options.limit is None else None
    if found is None:
        found = audit(
            [job.path for job in jobs],
            [job.manifest.reading for job in jobs],
            lambda: now_ms,
            limit=options.limit,
            watch=watch("Comparing ids", sum(job.manifest.fingerprint.size for job in jobs)),
        )
    if found.found and not options.allow_collisions:
        column = jobs[0].manifest.reading.fields["insert_id"]
        raise UsageError(
            f"{shown(column)} does not tell events apart: {collision_text(found)}",
            "Mixpanel would keep one of each. Name the column that is unique for each event:"
            " --map insert_id=COLUMN\n"
            "or let a hash of the whole event tell them apart:  --map insert_id=\n"
            "or, if one of them is to replace the others:       --allow-collisions",
        )
    return [replace(job, scan=replace(job.scan, collisions=found)) for job in jobs]


def collision_text(found: Collisions) -> str:
    """Return what an audit found, for people."""
    parts = []
    if found.lost:
        parts.append(f"{found.lost:,} events differ from another with the same name, user, time and id")
    if found.lost_by_day:
        parts.append(f"{found.lost_by_day:,} from another with the same name, user, day and id")
    rows = ", ".join(f"{first:,} and {second:,}" for first, second in found.first)
    return f"{'; '.join(parts)} (rows {rows})"


def _check_alike(
    given: Given, found: Detected, first: Given, columns: tuple[str, ...], dialect: Dialect
) -> None:
    """Stop where a source can't share the mapping of the first."""
    if found.dialect.format == "csv" and (found.columns, found.dialect.format) != (columns, dialect.format):
        raise UsageError(
            f"{given.name} has other columns than {first.name}",
            "Sources of one run share one mapping. Run them one by one.",
        )


def _settled(
    reading: Reading,
    given: Sequence[Given],
    prints: Sequence[Fingerprint],
    found: Sequence[Detected],
    watch: Callable[[str, int], Callable[[int], None]],
) -> tuple[Reading, Scan]:
    """Return the reading with all its types, and what was seen: by a dry run, a scan or a sample."""
    if len(given) == 1:
        known = _from_dry_run(given[0], prints[0], reading)
        if known:
            return known
    size = sum(print_.size for print_ in prints)
    small = reading.dialect.format == "jsonl" and size <= _SMALL
    # A damaged compressed file gives itself away only at its end, so it is read to there before all else.
    if _untyped(reading) or small or any(each.dialect.compression for each in found):
        seen = scan(
            [each.path for each in given],
            reading,
            watch=watch("Looking at every value", size),
            dialects=[each.dialect for each in found],
        )
        return with_types(reading, seen), seen
    return reading, look_at(found[0].sample, reading)


def _from_dry_run(given: Given, seen: Fingerprint, reading: Reading) -> tuple[Reading, Scan] | None:
    """Return what a finished dry run of the same bytes and reading found out, if there was one."""
    if given.name == "-":
        return None
    beside = manifest_path(results_path(Path(given.name), "dry-run"))
    try:
        old = read_manifest(beside)
    except ResultsError:
        return None
    candidate = replace(
        reading,
        types={**old.reading.types, **reading.types},
        source_name=old.reading.source_name,
        missing_time=old.reading.missing_time if reading.missing_time is not None else None,
    )
    if (
        old.fingerprint.digest != seen.digest
        or old.reconciled is not True
        or old.audit is None
        or reading_differences(old.reading, candidate)
    ):
        return None
    facts: Any = old.audit.get("facts")
    if not isinstance(facts, dict):
        return None
    whole = bool(old.audit.get("whole"))
    collisions: Any = old.audit.get("collisions")
    known = Scan(
        (),
        Facts.from_json(facts),
        (facts["records"],),
        whole=whole,
        collisions=None if collisions is None else Collisions.from_json(collisions),
    )
    return replace(candidate, missing_time=reading.missing_time), known


def _fresh(
    given: Given,
    options: Options,
    target: Target,
    reading: Reading,
    seen_as: Fingerprint,
    seen: Scan,
    records: int | None,
) -> Job:
    manifest = _manifest(given, options, target, reading, seen_as)
    if options.overwrite and given.results.exists():
        check_overwrite(given.results, manifest)
    in_scope = records if options.limit is None or records is None else min(records, options.limit)
    return Job(given.path, given.results, manifest, target, options, seen, in_scope)


def _manifest(
    given: Given, options: Options, target: Target, reading: Reading, seen_as: Fingerprint
) -> Manifest:
    return Manifest(
        kind=options.kind,
        source=given.name,
        fingerprint=seen_as,
        reading=reading,
        importer_version=__version__,
        started=now_iso(),
        settings=options.delivery,
        limit=options.limit,
        **identity(target, given.results),
    )


def identity(target: Target, results: Path) -> dict[str, Any]:
    """Return what a manifest says of a destination: no secret, but enough to know it again."""
    credentials = target.credentials
    place: dict[str, Any] = {
        "endpoint": target.destination.endpoint,
        "base_url": target.destination.base_url,
    }
    if credentials is None:
        return place
    salt = salt_for(results)
    return place | {
        "project_id": credentials.project_id,
        "credentials_kind": credentials.kind,
        "credential_salt": salt,
        "credential_digest": credential_digest(salt, credentials),
    }


def _resumed(given: Given, options: Options, target: Target, now_ms: int) -> Job:
    """Return the rest of a run that was stopped, read in the very same way."""
    old = read_manifest(manifest_path(given.results))
    if not given.path.exists() and given.name == "-":
        raise ResultsError(
            f"{given.path} is gone: standard input can't be read again", "Run it anew with --overwrite."
        )
    seen_as = _as_before(given.path, old.fingerprint)
    reading = redeclared(old.reading, options.declared, now_ms)
    new = replace(
        _manifest(given, options, target, reading, seen_as),
        started=old.started,
        parent=old.parent,
        retried_by=old.retried_by,
        audit=old.audit,
        scope=old.scope,
    )
    if options.kind == old.kind == "sandbox":  # each rehearsal listens on a port of its own
        new = replace(new, base_url=old.base_url)
    differ = differences(old, new)
    if differ:
        raise ResultsError(
            f"{given.results} can't be resumed: " + "; ".join(differ),
            "Give the command as it was, or begin anew with another --results.",
        )
    facts: Any = (old.audit or {}).get("facts")
    seen = Scan((), Facts.from_json(facts) if facts else Facts(), whole=bool((old.audit or {}).get("whole")))
    records = old.scope
    if records is not None and options.limit != old.limit:
        whole = seen.facts.records if seen.whole else None
        records = whole if options.limit is None or whole is None else min(whole, options.limit)
    return Job(given.path, given.results, new, target, options, seen, records, inspect(given.results))


def _not_begun(given: Given, options: Options, target: Target, first: Given, like: Job) -> Job:
    """Return the whole of a source that a stopped run had not come to, read as its others are."""
    found, reading = detect_with(given.path, options.declared), like.manifest.reading
    _check_alike(given, found, first, reading.columns, reading.dialect)
    reading = replace(reading, dialect=found.dialect, source_name=Path(given.name).name)
    return _fresh(given, options, target, reading, fingerprint(given.path), Scan(whole=False), None)


def _as_before(path: Path, before: Fingerprint) -> Fingerprint:
    """Return the fingerprint of a source, without reading it whole if nothing hints at a change."""
    return before if unchanged(path, before) else fingerprint(path)


def redeclared(reading: Reading, declared: Declared, now_ms: int) -> Reading:
    """Return a reading with what is said now in place of what was said or found before."""
    fields = {**reading.fields, **declared.fields}
    types = {**reading.types, **{k: v for k, v in declared.types.items() if k not in declared.constants}}
    types |= _not_fields(declared, reading.columns)
    constants = {n: _constant(n, v, declared.types) for n, v in declared.constants.items()}
    said: dict[str, Any] = {
        name: value
        for name in ("timezone", "time_format", "local_epochs", "insert_id", "geoip", "tag")
        if (value := getattr(declared, name)) is not None
    }
    parts = {
        name: value
        for name in ("format", "encoding", "delimiter", "header")
        if (value := getattr(declared, name)) is not None
    }
    if declared.null:
        said["null"] = declared.null
    if declared.missing_time == "reject":
        said["missing_time"] = None
    if declared.missing_time == "now" and reading.missing_time is None:
        said["missing_time"] = now_ms
    return replace(
        reading,
        dialect=replace(reading.dialect, **parts),
        fields={field: column for field, column in fields.items() if column},
        types=types,
        names={**reading.names, **declared.names},
        constants={**reading.constants, **constants},
        **said,
    )
