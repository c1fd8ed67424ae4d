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
from pathlib import Path
from types import FrameType
from typing import Any

from importer import exact_json
from importer.cli.console import Console
from importer.cli.next_step import next_command, not_retriable_remedy
from importer.cli.options import CommandOptions, RetryOptions
from importer.cli.plan import (
    LabeledLine,
    column_table,
    describe_source,
    dialect_text,
    events_to_send,
    first_events,
    plan_lines,
    table_text,
)
from importer.cli.progress_bar import progress_for
from importer.cli.summary import (
    counts_text,
    needs_decision,
    print_landed,
    print_next_step,
    print_summary,
    repeat_command,
)
from importer.errors import UsageError
from importer.events import mapping_file
from importer.events.mapper import Mapper
from importer.events.mapping_file import DeclaredReading
from importer.model import Destination, RunKind, Status
from importer.pipeline.job import Job, RunOptions, Target
from importer.pipeline.outputs import SourceFile, resolve_outputs
from importer.pipeline.prepare import prepare_jobs
from importer.pipeline.resolve import detect_with, make_reading, with_types
from importer.pipeline.retry import prepare_retry
from importer.pipeline.run import run_job
from importer.profile.scan import scan_sources
from importer.progress import Progress
from importer.results.manifest import Manifest, manifest_text, read_manifest
from importer.results.paths import manifest_path
from importer.results.status import NotRetriableError, read_status
from importer.settings import SANDBOX_CREDENTIALS, find_credentials, find_destination
from importer.source.reader import open_source
from importer.source.spool import spool_stream
from importer.text import counted, quoted

# ── run and retry ────────────────────────────────────────────────────────────────────────────────


def run_sources(sources: Sequence[str], options: RunOptions, wishes: CommandOptions) -> int:
    """Import sources and return the exit code: that of the source that went worst."""
    console = Console(quiet=wishes.quiet)
    progress = progress_for(quiet=wishes.quiet)
    _check_consent_possible(sources, options.kind, wishes)
    given = resolve_outputs(sources, options)
    with ExitStack() as stack:
        target = _target(options.kind, wishes, stack)
        _spool_stdin(given, options)
        jobs = prepare_jobs(given, options, target.target, now_ms=_now_ms(), watch=_watcher(progress))
        progress.end()
        console.lines(plan_lines(jobs, time.time_ns()))
        if not _consents(console, jobs, wishes):
            console.say("Nothing was sent.")
            return 2
        return _do(jobs, console, progress, wishes, target)


def retry_results(results: Path, options: RunOptions, wishes: CommandOptions, chosen: RetryOptions) -> int:
    """Retry what failed in a results file and return the exit code."""
    console = Console(quiet=wishes.quiet)
    parent = read_manifest(manifest_path(results))
    options = replace(options, kind=parent.kind)
    with ExitStack() as stack:
        target = _target(parent.kind, _as_before(wishes, parent), stack)
        try:
            job = prepare_retry(
                results, options, target.target, _now_ms,
                statuses=chosen.statuses, error_contains=chosen.error, source_changed=chosen.source_changed,
            )  # fmt: skip
        except NotRetriableError as error:
            error.remedy = not_retriable_remedy(error)
            raise
        if not job.records and not job.state.records:
            console.say(f"Nothing to retry: {results} has no such record.")
            return 0
        what = counted(job.records or 0, "record")
        console.say(f"Retrying {what} of {results}; results go to {job.results}")
        _check_consent_possible([], parent.kind, wishes)
        if not _consents(console, [job], wishes):
            console.say("Nothing was sent.")
            return 2
        return _do([job], console, progress_for(quiet=wishes.quiet), wishes, target)


def _as_before(wishes: CommandOptions, parent: Manifest) -> CommandOptions:
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


def _target(kind: RunKind, wishes: CommandOptions, stack: ExitStack) -> _Reached:
    endpoint = wishes.endpoint or "import"
    if kind == "sandbox":
        from importer.sandbox.server import Sandbox  # noqa: PLC0415
        from importer.sandbox.settings import SandboxSettings  # noqa: PLC0415 - only a rehearsal needs a server

        sandbox = stack.enter_context(Sandbox(SandboxSettings()))
        return _Reached(Target(Destination(endpoint, sandbox.url, "sandbox"), SANDBOX_CREDENTIALS), sandbox)
    destination = find_destination(
        os.environ, endpoint=endpoint, region=wishes.region, base_url=wishes.base_url
    )
    if kind == "dry-run":
        return _Reached(Target(destination, None))
    credentials = find_credentials(os.environ, kind=wishes.credentials, token_file=wishes.token_file)
    return _Reached(Target(destination, credentials))


def _spool_stdin(given: Sequence[SourceFile], options: RunOptions) -> None:
    for each in given:
        if each.name == "-" and not (options.resume and each.results.exists()):
            spool_stream(sys.stdin.buffer, each.path)


def _watcher(progress: Progress) -> Callable[[str, int], Callable[[int], None]]:
    def begin(title: str, size: int) -> Callable[[int], None]:
        progress.begin(title, size)
        return lambda position: progress.update(position, 0, 0)

    return begin


def _check_consent_possible(sources: Sequence[str], kind: RunKind, wishes: CommandOptions) -> None:
    if kind == "real" and not wishes.yes and ("-" in sources or not sys.stdin.isatty()):
        raise UsageError(
            "this run would send to Mixpanel, and there is nobody to ask",
            "Add --yes to send, --dry-run to check, or --sandbox to rehearse.",
        )


def _consents(console: Console, jobs: Sequence[Job], wishes: CommandOptions) -> bool:
    if jobs[0].manifest.kind != "real" or wishes.yes:
        return True
    known = all(job.records is not None for job in jobs)
    what = counted(events_to_send(jobs), "event") if known else "all of it"
    return console.ask(f"Events can't be corrected once they are in Mixpanel. Send {what}?")


def _do(
    jobs: Sequence[Job], console: Console, progress: Progress, wishes: CommandOptions, target: _Reached
) -> int:
    code = 0
    manifests: list[Manifest] = []
    for job in jobs:
        with _signals(console) as stop:
            report = run_job(job, progress, stop, _now_ms)
        print_summary(report, console, wishes)
        if target.sandbox is not None:
            print_landed(target.sandbox, console)
        print_next_step(report, console, wishes)
        manifests.append(report.manifest)
        code = max(code, report.manifest.exit_code or 0, 2 * needs_decision(report))
        if report.error is not None:
            break
    if wishes.json:
        texts = [manifest_text(manifest).rstrip() for manifest in manifests]
        sys.stdout.write(f"{texts[0]}\n" if len(jobs) == 1 else f"[{', '.join(texts)}]\n")
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


# ── the other commands ───────────────────────────────────────────────────────────────────────────


def show_status(results: Path, *, as_json: bool) -> int:
    """Say where a source stands; the exit code is 0 if nothing is left to do, 6 if it doesn't add up."""
    history = read_status(results)
    counts = history.counts
    command = next_command(history.next_step)
    console = Console(stream=sys.stdout)
    if as_json:
        import orjson  # noqa: PLC0415

        data = {
            "runs": [{"results": str(each.results), "kind": each.manifest.kind} for each in history.runs],
            "scope": history.scope,
            **{status.value: counts[status] for status in Status},
            "unattempted": history.unattempted,
            "reconciles": history.reconciles,
            "next": command,
        }
        sys.stdout.write(orjson.dumps(data, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        first = history.runs[0].manifest
        console.lines([LabeledLine("Source", first.source), LabeledLine("Kind", first.kind)])
        for each in history.runs:
            parts = " · ".join(counts_text(each.state.counts))
            ended = each.manifest.ended or "not ended"
            console.lines(
                [LabeledLine("Run", f"{each.results}  {each.manifest.started} to {ended}  {parts}")]
            )
        stands = counts_text(counts)
        left = "?" if history.unattempted is None else f"{history.unattempted:,}"
        scope = "?" if history.scope is None else f"{history.scope:,}"
        holds = "adds up" if history.reconciles else "DOES NOT ADD UP"
        console.lines(
            [
                LabeledLine(
                    "Stands", f"{scope} records = {' + '.join([*stands, f'{left} unattempted'])}  ({holds})"
                )
            ]
        )
        if command:
            console.next(command)
        else:
            console.say("Nothing is left to do.")
    if not history.reconciles:
        return 6
    return int(bool(command))


def preview_source(source: str, declared: DeclaredReading, save: Path | None) -> int:
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
        [
            LabeledLine("Source", f"{source}"),
            LabeledLine("Columns", ", ".join(map(table_text, detected.columns))),
        ]
    )
    reading = make_reading(detected, declared, path.name, now_ms)
    progress = progress_for(quiet=not sys.stderr.isatty())
    seen = scan_sources(
        [path], reading, watch=_watcher(progress)("Looking at every value", path.stat().st_size)
    )
    progress.end()
    reading = with_types(reading, seen)
    console.lines([LabeledLine("Read as", f"{dialect_text(reading)} · {counted(seen.records[0], 'record')}")])
    console.lines(describe_source(reading, seen, time.time_ns()))
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
        console.next(repeat_command("run", add=["--dry-run"]))
    return 0


def track_event(
    event: str, distinct_id: str, properties: str | None, ip: str | None, when: str | None
) -> int:
    """Send one event, print the answer as JSON, and return 0 if Mixpanel took it."""
    import json  # noqa: PLC0415 - its text has spaces after colons, as the answer always had

    from importer.pipeline.track import track  # noqa: PLC0415

    values: Any = None
    if properties is not None:
        try:
            values, _ = exact_json.loads(properties.strip().encode("utf-8", "surrogateescape"))
        except exact_json.BadJSON as error:
            raise UsageError(f"--properties: {error}", """For example: '{"amount": 49.99}'""") from None
        if not isinstance(values, Mapping):
            raise UsageError(
                f"--properties: expected a JSON object, found {quoted(properties)}",
                """For example: '{"amount": 49.99}'""",
            )
    answer = track(event, distinct_id, values, ip, when)
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    return 0 if answer["success"] else 1


def serve_sandbox(host: str, port: int, db: Path | None, events_per_minute: int | None) -> int:
    """Run a sandbox until it is stopped."""
    from importer.sandbox.server import serve  # noqa: PLC0415
    from importer.sandbox.settings import SandboxSettings  # noqa: PLC0415 - only this command needs a server

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
