"""What each command does, between the options of ``cli`` and the rest of the house."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any, Literal, get_args

from importer import exact_json
from importer.console import Console
from importer.errors import UsageError
from importer.events import mapping_file
from importer.events.mapper import Mapper
from importer.events.mapping import nearest
from importer.events.mapping_file import Declared
from importer.events.types import shown
from importer.model import ColumnType, DeliverySettings, Destination, Field, Status
from importer.plan import Line, column_table, describe, dialect_text, first_events, plan
from importer.prepare import (
    Given,
    Job,
    MaxErrors,
    Options,
    Target,
    collision_text,
    detect_with,
    make_reading,
    place,
    prepare,
    with_types,
)
from importer.progress import Progress, progress_for
from importer.results import (
    Manifest,
    manifest_path,
    manifest_text,
    read_manifest,
    select,
    status_of,
    unsuccessful,
)
from importer.retry import prepare_retry
from importer.run import Report, run
from importer.scan import scan
from importer.settings import (
    HOSTS,
    SANDBOX_CREDENTIALS,
    CredentialsKind,
    Region,
    find_credentials,
    find_destination,
)
from importer.source import copy_records, open_source, spool

Kind = Literal["real", "dry-run", "sandbox"]
_FIELDS: tuple[str, ...] = get_args(Field)
_TYPES: tuple[str, ...] = get_args(ColumnType)
_FIRST_ERRORS, _MORE_ERRORS = 5, 100


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for that is no part of a job.

    Attributes:
        endpoint: ``import`` or ``track``; None for what holds otherwise.
        region: Data residency; None for what holds otherwise.
        base_url: Another server; None for what holds otherwise.
        credentials: The kind to use.
        token_file: A file that holds the token.
        failed_rows: Where rejected and invalid records are copied.
        yes: Send without asking.
        json: Print the manifest to standard output.
        quiet: Say nothing but what went wrong.
        verbose: Name the first records that were not taken.
    """

    endpoint: Literal["import", "track"] | None = None
    region: Region | None = None
    base_url: str | None = None
    credentials: CredentialsKind | None = None
    token_file: Path | None = None
    failed_rows: Path | None = None
    yes: bool = False
    json: bool = False
    quiet: bool = False
    verbose: bool = False

    @classmethod
    def of(cls, delivery: Any, output: Any) -> Wishes:
        """Gather them from the options of the command line."""
        return cls(
            delivery.endpoint, delivery.region, delivery.base_url, delivery.credentials, delivery.token_file,
            output.failed_rows, output.yes, output.json, output.quiet, output.verbose,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which records a retry takes up.

    Attributes:
        statuses: Only records that ended so; None for all without success.
        error: Only records whose error holds this text.
        source_changed: The source is another file now.
    """

    statuses: frozenset[Status] | None
    error: str | None
    source_changed: bool

    @classmethod
    def of(cls, statuses: str | None, error: str | None, *, source_changed: bool) -> Chosen:
        """Read them from the options of the command line."""
        if statuses is None:
            return cls(None, error, source_changed)
        names = [name.strip() for name in statuses.split(",")]
        allowed = [status.value for status in Status if not status.success]
        for name in names:
            if name not in allowed:
                raise UsageError(
                    f"--status {name}: unknown{nearest(name, allowed)}", f"Choose from {', '.join(allowed)}."
                )
        return cls(frozenset(map(Status, names)), error, source_changed)


# ── options ──────────────────────────────────────────────────────────────────────────────────────


def kind_of(*, dry_run: bool, sandbox: bool) -> Kind:
    """Return what a run is for."""
    if dry_run and sandbox:
        raise UsageError("--dry-run sends nothing and --sandbox sends to a stand-in", "Choose one of them.")
    return "dry-run" if dry_run else "sandbox" if sandbox else "real"


def options_from(reading: Any, delivery: Any, output: Any, kind: Kind) -> Options:
    """Return the options of a run or a retry as the jobs want them."""
    return Options(
        declared=declared_from(reading),
        kind=kind,
        results=output.results,
        resume=output.resume,
        overwrite=output.overwrite,
        failed_rows=output.failed_rows,
        delivery=DeliverySettings(
            batch_size=delivery.batch_size,
            concurrency=delivery.concurrency,
            max_retries=delivery.max_retries,
            retry_wait=delivery.retry_wait,
            timeout=delivery.timeout,
        ),
        max_errors=None if output.max_errors is None else _max_errors(output.max_errors),
    )


def with_scope(options: Options, limit: int | None, *, audit: bool, allow_collisions: bool) -> Options:
    """Return options with what only a run has."""
    return replace(options, limit=limit, audit=audit, allow_collisions=allow_collisions)


def _max_errors(text: str) -> MaxErrors:
    percent = text.endswith("%")
    try:
        limit = float(text[:-1]) if percent else int(text)
    except ValueError:
        limit = -1
    if limit < 0 or (percent and limit > 100):  # noqa: PLR2004
        raise UsageError(f"--max-errors {text}: expected a number or a percentage", "For example 100, or 1%.")
    return MaxErrors(limit, percent)


def declared_from(reading: Any) -> Declared:
    """Return what was said of the reading: the mapping file, and the options over it."""
    types = dict(_pairs("--type", reading.type or ()))
    for column, kind in types.items():
        if kind not in _TYPES:
            raise UsageError(
                f"--type {column}={kind}: unknown type{nearest(kind, _TYPES)}",
                f"Types are: {', '.join(_TYPES)}",
            )
    fields = dict(_pairs("--map", reading.map or (), empty=True))
    for field in fields:
        if field not in _FIELDS:
            raise UsageError(
                f"--map {field}=…: unknown field{nearest(field, _FIELDS)}",
                f"Fields are: {', '.join(_FIELDS)}. Other columns become properties under their own names.",
            )
    said = Declared(
        fields=fields,  # type: ignore[arg-type]
        types=types,  # type: ignore[arg-type]
        constants=dict(_pairs("--set", reading.set or (), empty=True)),
        null=tuple(reading.null or ()),
        missing_time=reading.missing_time,
        timezone=reading.timezone,
        time_format=reading.time_format,
        local_epochs=reading.local_epochs or None,
        insert_id=reading.insert_id,
        geoip=reading.geoip,
        tag=reading.tag,
        format=reading.format,
        delimiter=reading.delimiter,
        header=False if reading.no_header else None,
        encoding=reading.encoding,
    )
    return said.over(mapping_file.load(reading.mapping)) if reading.mapping else said


def _pairs(option: str, texts: Sequence[str], *, empty: bool = False) -> Iterator[tuple[str, str]]:
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals or (not value and not empty):
            raise UsageError(
                f"{option} {shown(text)}: expected NAME=VALUE", f"For example {option} time=created_at"
            )
        yield name, value


# ── run and retry ────────────────────────────────────────────────────────────────────────────────


def run_sources(sources: Sequence[str], options: Options, wishes: Wishes) -> int:
    """Import sources and return the exit code: that of the source that went worst."""
    console = Console(quiet=wishes.quiet)
    progress = progress_for(quiet=wishes.quiet)
    _check_consent_possible(sources, options.kind, wishes)
    given = place(sources, options)
    with ExitStack() as stack:
        target = _target(options.kind, wishes, stack)
        _spool_stdin(given, options)
        jobs = prepare(given, options, target.target, now_ms=_now_ms(), watch=_watcher(progress))
        progress.end()
        console.lines(plan(jobs, time.time_ns()))
        if not _consents(console, jobs, wishes):
            console.say("Nothing was sent.")
            return 2
        return _do(jobs, console, progress, wishes, target)


def retry_results(results: Path, options: Options, wishes: Wishes, chosen: Chosen) -> int:
    """Retry what failed in a results file and return the exit code."""
    console = Console(quiet=wishes.quiet)
    parent = read_manifest(manifest_path(results))
    options = replace(options, kind=parent.kind)
    with ExitStack() as stack:
        target = _target(parent.kind, _as_before(wishes, parent), stack)
        job = prepare_retry(
            results, options, target.target, _now_ms,
            statuses=chosen.statuses, error_contains=chosen.error, source_changed=chosen.source_changed,
        )  # fmt: skip
        if not job.records and not job.standing.records:
            console.say(f"Nothing to retry: no such record in {results}.")
            return 0
        console.say(f"Retrying {job.records:,} records of {results}; results go to {job.results}")
        _check_consent_possible([], parent.kind, wishes)
        if not _consents(console, [job], wishes):
            console.say("Nothing was sent.")
            return 2
        return _do([job], console, progress_for(quiet=wishes.quiet), wishes, target)


def _as_before(wishes: Wishes, parent: Manifest) -> Wishes:
    """Return wishes that send a retry where the run sent, unless something else was said."""
    if wishes.base_url is None and wishes.region is None:
        wishes = replace(wishes, base_url=parent.base_url)
    return replace(wishes, endpoint=wishes.endpoint or parent.endpoint)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class _Reached:
    """Where a run goes, and the sandbox that it goes to, if it is one of ours."""

    target: Target
    sandbox: Any = None


def _target(kind: Kind, wishes: Wishes, stack: ExitStack) -> _Reached:
    endpoint = wishes.endpoint or "import"
    if kind == "sandbox":
        from importer.sandbox import SandboxSettings  # noqa: PLC0415 - only a rehearsal needs a server
        from importer.sandbox.server import Sandbox  # noqa: PLC0415

        sandbox = stack.enter_context(Sandbox(SandboxSettings()))
        return _Reached(Target(Destination(endpoint, sandbox.url, "sandbox"), SANDBOX_CREDENTIALS), sandbox)
    destination = find_destination(
        os.environ, endpoint=endpoint, region=wishes.region, base_url=wishes.base_url
    )
    if kind == "dry-run":
        return _Reached(Target(destination, None))
    credentials = find_credentials(os.environ, kind=wishes.credentials, token_file=wishes.token_file)
    return _Reached(Target(destination, credentials))


def _spool_stdin(given: Sequence[Given], options: Options) -> None:
    for each in given:
        if each.name == "-" and not (options.resume and each.results.exists()):
            spool(sys.stdin.buffer, each.path)


def _watcher(progress: Progress) -> Callable[[str, int], Callable[[int], None]]:
    def begin(title: str, size: int) -> Callable[[int], None]:
        progress.begin(title, size)
        return lambda position: progress.update(position, 0, 0)

    return begin


def _check_consent_possible(sources: Sequence[str], kind: Kind, wishes: Wishes) -> None:
    if kind == "real" and not wishes.yes and ("-" in sources or not sys.stdin.isatty()):
        raise UsageError(
            "this run would send to Mixpanel, and there is nobody to ask",
            "Add --yes to send, --dry-run to check, or --sandbox to rehearse.",
        )


def _consents(console: Console, jobs: Sequence[Job], wishes: Wishes) -> bool:
    if jobs[0].manifest.kind != "real" or wishes.yes:
        return True
    known = [job.records for job in jobs if job.records is not None]
    what = f"{sum(known):,} records" if len(known) == len(jobs) else "these records"
    return console.ask(f"Events can't be corrected once they are in Mixpanel. Send {what}?")


def _do(jobs: Sequence[Job], console: Console, progress: Progress, wishes: Wishes, target: _Reached) -> int:
    code = 0
    for job in jobs:
        with _signals(console) as stop:
            report = run(job, progress, stop, _now_ms)
        _tell(report, console, wishes)
        if target.sandbox is not None:
            _tell_landed(target.sandbox, console)
        _tell_next(report, console)
        if wishes.json:
            sys.stdout.write(manifest_text(report.manifest))
        code = max(code, report.manifest.exit_code or 0)
        if report.error is not None:
            break
    return code


@contextmanager
def _signals(console: Console) -> Iterator[threading.Event]:
    """Turn the first Ctrl-C or SIGTERM into a stop in good order, the second into an end at once."""
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()
        if not console.quiet:  # a stream may be in the middle of a write here, so it is left alone
            os.write(2, b"\nStopping: waiting for what is on the wire. Once more to leave at once.\n")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# ── what came of it ──────────────────────────────────────────────────────────────────────────────


def _tell(report: Report, console: Console, wishes: Wishes) -> None:
    manifest, job = report.manifest, report.job
    counts = manifest.counts
    parts = [f"{counts[status]:,} {status.value}" for status in Status if counts[status]]
    if manifest.unattempted:
        parts.append(f"{manifest.unattempted:,} unattempted")
    scope = "?" if manifest.scope is None else f"{manifest.scope:,}"
    checked = "  ✓ adds up" if manifest.reconciled else ""
    console.lines(
        [
            Line("Result", f"{scope} records = {' + '.join(parts) or '0'}{checked}"),
            Line("Took", _took(report.seconds, counts.total - job.standing.records)),
            Line("Results", str(job.results)),
        ]
    )
    if report.collisions is not None:
        console.lines(_about_ids(report))
    if report.notes:
        console.lines([Line("Notes", f"on {report.notes:,} of the records: what was, or will be, changed")])
    if counts.unsuccessful and not wishes.quiet:
        shown_first = _MORE_ERRORS if wishes.verbose else _FIRST_ERRORS
        _name_first(job, console, shown_first, counts.unsuccessful)
    if wishes.failed_rows is not None:
        _copy_failed(report, wishes, wishes.failed_rows, console)
    if report.error is not None:
        console.fail(report.error)
    if manifest.source == "-" and report.error is None and not status_of(job.results).next_command:
        job.path.unlink(missing_ok=True)  # no record is left that would be read from it


def _about_ids(report: Report) -> Iterator[Line]:
    """Yield what the audit of a dry run found out about ids."""
    found = report.collisions
    assert found is not None
    hashed = "insert_id" not in report.manifest.reading.fields
    if found.identical:
        rows = ", ".join(f"{first:,} and {second:,}" for first, second in found.first_identical)
        advice = "; --insert-id row keeps all" if hashed else ""
        yield Line(
            "Attention",
            f"{found.identical:,} events are identical to an earlier one (rows {rows}):"
            f" Mixpanel keeps one of each{advice}",
        )
    if found.found:
        yield Line("Attention", f"{collision_text(found)}: a run will stop there")


def _took(seconds: float, records: int) -> str:
    rate = f", {records / seconds:,.0f} records a second" if seconds > 1 else ""
    return f"{seconds:.1f} s{rate}"


def _tell_next(report: Report, console: Console) -> None:
    command = status_of(report.job.results).next_command
    counts = report.manifest.counts
    if not command and report.error is None and report.manifest.kind != "real":
        command = _typed_again(
            "run", without=("--dry-run", "--sandbox", "--resume", "--overwrite"), drop="--results"
        )
    if not command:
        return
    if report.error is None and counts.unsuccessful and not counts.failed:
        console.say("Mend the data or the mapping: the error column of the results says what is wrong.")
    console.next(command)


def _typed_again(
    command: str, *, without: Sequence[str] = (), drop: str = "", add: Sequence[str] = ()
) -> str:
    """Return the command line that was typed, as another command: its options hold there too."""
    words = iter(sys.argv[2:])
    kept = []
    for word in words:
        if word == drop:
            next(words, None)
        elif word not in without and not (drop and word.startswith(f"{drop}=")):
            kept.append(word)
    return shlex.join(["mixpanel-importer", command, *kept, *add])


def _name_first(job: Job, console: Console, count: int, total: int) -> None:
    """Show the first records that were not taken, as the results have them."""
    for line in islice(unsuccessful(job.results), count):
        console.say(f"  row {line.row:,} (line {line.line:,}) {line.status}: {line.error}")
    if total > count:
        console.say(f"  and {total - count:,} more, in the results")


def _copy_failed(report: Report, wishes: Wishes, path: Path, console: Console) -> None:
    """Copy the records that need mending, and freeze beside them how they are to be read."""
    reading = report.manifest.reading
    chosen = select(report.job.results, {Status.REJECTED, Status.INVALID})
    with path.open("wb") as out:
        os.fchmod(out.fileno(), 0o600) if hasattr(os, "fchmod") else None
        count = copy_records(
            report.job.path, reading.dialect, reading.columns, (choice.row for choice in chosen), out
        )
    frozen = path.with_name(f"{path.name}.toml")
    frozen.write_text(mapping_file.render(reading), "utf-8")
    console.lines([Line("Failed rows", f"{count:,} records to mend: {path}")])
    words = ["run", str(path), "--mapping", str(frozen), *_where(report.manifest, wishes)]
    console.say(f"Mend them, then: {shlex.join(['mixpanel-importer', *words])}")


def _where(manifest: Manifest, wishes: Wishes) -> list[str]:
    """Return the options that send to where a run sent, in the same name."""
    if manifest.kind != "real":
        return [f"--{manifest.kind}"]
    words = [] if manifest.endpoint == "import" else ["--endpoint", manifest.endpoint]
    region = next((name for name, host in HOSTS.items() if host == manifest.base_url), None)
    if region is None:
        words += ["--base-url", manifest.base_url]
    elif region != "us":
        words += ["--region", region]
    if wishes.credentials is not None:
        words += ["--credentials", wishes.credentials]
    if wishes.token_file is not None:
        words += ["--token-file", str(wishes.token_file)]
    return words


def _tell_landed(sandbox: Any, console: Console) -> None:
    counts = sandbox.store.counts_by_event_and_day()
    total = sandbox.store.count()
    console.say(f"\nLanded in the sandbox: {total:,} events (a stand-in made from Mixpanel's documentation)")
    by_event: dict[str, int] = {}
    days: set[str] = set()
    for event, day, number in counts:
        by_event[event] = by_event.get(event, 0) + number
        days.add(day)
    for event, number in sorted(by_event.items(), key=lambda item: -item[1])[:10]:
        console.say(f"  {number:>9,}  {event}")
    if days:
        console.say(f"  between {min(days)} and {max(days)} (UTC)")


# ── the other commands ───────────────────────────────────────────────────────────────────────────


def show_status(results: Path, *, as_json: bool) -> int:
    """Say where a source stands; the exit code is 0 if nothing is left to do, 6 if it doesn't add up."""
    standing = status_of(results)
    counts = standing.counts
    console = Console(stream=sys.stdout)
    if as_json:
        import orjson  # noqa: PLC0415

        data = {
            "runs": [{"results": str(each.results), "kind": each.manifest.kind} for each in standing.runs],
            "scope": standing.scope,
            **{status.value: counts[status] for status in Status},
            "unattempted": standing.unattempted,
            "reconciles": standing.reconciles,
            "next": standing.next_command,
        }
        sys.stdout.write(orjson.dumps(data, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        first = standing.runs[0].manifest
        console.lines([Line("Source", first.source), Line("Kind", first.kind)])
        for each in standing.runs:
            own = each.standing.counts
            parts = " · ".join(f"{own[status]:,} {status.value}" for status in Status if own[status])
            ended = each.manifest.ended or "not ended"
            console.lines([Line("Run", f"{each.results}  {each.manifest.started} to {ended}  {parts}")])
        stands = [f"{counts[status]:,} {status.value}" for status in Status if counts[status]]
        left = "?" if standing.unattempted is None else f"{standing.unattempted:,}"
        scope = "?" if standing.scope is None else f"{standing.scope:,}"
        holds = "adds up" if standing.reconciles else "DOES NOT ADD UP"
        console.lines(
            [Line("Stands", f"{scope} records = {' + '.join([*stands, f'{left} unattempted'])}  ({holds})")]
        )
        if standing.next_command:
            console.next(standing.next_command)
        else:
            console.say("Nothing is left to do.")
    if not standing.reconciles:
        return 6
    return int(bool(standing.next_command))


def preview_source(source: str, declared: Declared, save: Path | None) -> int:
    """Show a source as it would be read and sent; nothing is sent."""
    console = Console(stream=sys.stdout)
    path = Path(source)
    detected = detect_with(path, declared)
    now_ms = _now_ms()
    if save is not None and path.exists() and save.exists() and path.samefile(save):
        raise UsageError(f"--save {save} is the source", "Name another file.")
    if save is not None and (save.is_dir() or not save.parent.is_dir()):
        raise UsageError(
            f"--save {save} can't be written: expected a file in a folder that exists",
            "Make the folder, or name another file.",
        )
    console.lines(
        [Line("Source", f"{source}"), Line("Columns", ", ".join(map(shown_name, detected.columns)))]
    )
    reading = make_reading(detected, declared, path.name, now_ms)
    progress = progress_for(quiet=not sys.stderr.isatty())
    seen = scan([path], reading, watch=_watcher(progress)("Looking at every value", path.stat().st_size))
    progress.end()
    reading = with_types(reading, seen)
    console.lines([Line("Read as", f"{dialect_text(reading)} · {seen.records[0]:,} records")])
    console.lines(describe(reading, seen, time.time_ns()))
    if seen.profiles:
        console.say("\n" + column_table(reading, seen))
    console.say("\nThe first events, as they would be sent:")
    with open_source(path, reading.dialect, reading.columns) as opened:
        for text in first_events(opened.chunks(), Mapper(reading, _now_ms)):
            console.say(text)
    if save is not None:
        existing = save.read_text("utf-8") if save.exists() else ""
        save.write_text(mapping_file.render(reading, seen.profiles, existing), "utf-8")
        console.say(f"\nSaved: {save}")
        console.next(shlex.join(["mixpanel-importer", "run", source, "--mapping", str(save), "--dry-run"]))
    else:
        console.say()
        console.next(_typed_again("run", add=["--dry-run"]))
    return 0


def shown_name(name: str) -> str:
    """Return a column's name as it can be listed."""
    return name if name.isprintable() and len(name) <= 40 else shown(name)  # noqa: PLR2004


def track_event(
    event: str, distinct_id: str, properties: str | None, ip: str | None, when: str | None
) -> int:
    """Send one event, print the answer as JSON, and return 0 if Mixpanel took it."""
    import json  # noqa: PLC0415 - its text has spaces after colons, as the answer always had

    from importer.one_event import track  # noqa: PLC0415

    values: Any = None
    if properties is not None:
        try:
            values, _ = exact_json.loads(properties.strip().encode("utf-8", "surrogateescape"))
        except exact_json.BadJSON as error:
            raise UsageError(f"--properties: {error}", """For example: '{"amount": 49.99}'""") from None
        if not isinstance(values, Mapping):
            raise UsageError(
                f"--properties: expected a JSON object, found {shown(properties)}",
                """For example: '{"amount": 49.99}'""",
            )
    answer = track(event, distinct_id, values, ip, when)
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    return 0 if answer["success"] else 1


def serve_sandbox(host: str, port: int, db: Path | None, events_per_minute: int | None) -> int:
    """Run a sandbox until it is stopped."""
    from importer.sandbox import SandboxSettings  # noqa: PLC0415 - only this command needs a server
    from importer.sandbox.server import serve  # noqa: PLC0415

    def ready(url: str) -> None:
        sys.stdout.write(
            f"Sandbox listening on {url}\n"
            "A stand-in for Mixpanel, made from its documentation: nothing reaches Mixpanel.\n"
            f"  import into it:  MIXPANEL_PROJECT_TOKEN=any mixpanel-importer run FILE --base-url {url}\n"
            f"  what landed:     {url}/sandbox/events  {url}/sandbox/counts\n"
            "Ctrl-C ends it.\n"
        )
        sys.stdout.flush()

    settings = SandboxSettings(host=host, port=port, db=db, events_per_minute=events_per_minute)
    serve(settings, ready)
    return 0
