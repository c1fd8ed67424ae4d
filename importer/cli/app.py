"""What people type: the commands, their options, and nothing of what they do.

Options that several commands share are fields of a dataclass; `_command` spreads them into the signature that
typer reads, and gathers them again when the command is called.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

import typer

from importer.errors import Interrupted
from importer.model import (
    ColumnType,
    CredentialsKind,
    Endpoint,
    Field,
    FormatName,
    GeoIP,
    IdBasis,
    MissingTime,
    Region,
)
from importer.version import __version__

app = typer.Typer(
    name="mixpanel-importer",
    help="Import files of historical events into Mixpanel: checked before they are sent, certain after.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def option(*names: str, help: str, **more: Any) -> Any:  # noqa: A002 - as typer calls it
    """Return an option for a field of the dataclasses below."""
    return typer.Option(*names, help=help, **more)


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """How a source is read."""

    map: Annotated[
        list[str],
        option(
            "--map",
            metavar="FIELD=COLUMN",
            help=f"Which column is a field: {', '.join(get_args(Field))}. JSONL: dotted paths too."
            " FIELD= alone: no column.",
        ),
    ] = ()  # type: ignore[assignment]
    set: Annotated[
        list[str],
        option(
            "--set", metavar="NAME=VALUE", help="A field or property for every record; text, unless --type."
        ),
    ] = ()  # type: ignore[assignment]
    mapping: Annotated[
        Path | None,
        option("--mapping", metavar="FILE.toml", help="A mapping file; preview --save writes one."),
    ] = None
    type: Annotated[
        list[str],
        option("--type", metavar="COLUMN=TYPE", help=f"Type of a column: {', '.join(get_args(ColumnType))}."),
    ] = ()  # type: ignore[assignment]
    timezone: Annotated[
        str | None,
        option("--timezone", metavar="ZONE", help="IANA zone of times that say none, such as Europe/Berlin."),
    ] = None
    local_epochs: Annotated[
        bool,
        option("--local-epochs", help="Epochs were made from local time: read them through --timezone."),
    ] = False
    time_format: Annotated[
        str | None,
        option("--time-format", metavar="FMT", help="strptime format of the time column."),
    ] = None
    missing_time: Annotated[
        MissingTime | None,
        option("--missing-time", help="What a record without a time becomes.  [default: reject]"),
    ] = None
    insert_id: Annotated[
        IdBasis | None,
        option(
            "--insert-id",
            help="What $insert_id is a hash of where no column is mapped; row keeps identical records apart."
            "  [default: content]",
        ),
    ] = None
    geoip: Annotated[
        GeoIP | None,
        option("--geoip", help="A record without ip gets no place, or that of this machine.  [default: off]"),
    ] = None
    tag: Annotated[
        str | None, option("--tag", metavar="TEXT", help="Property import_tag, to find this import again.")
    ] = None
    null: Annotated[
        list[str], option("--null", metavar="TEXT", help="A cell that means no value, such as NULL.")
    ] = ()  # type: ignore[assignment]
    format: Annotated[
        FormatName | None, option("--format", help="Format of the source.  [default: as found]")
    ] = None
    delimiter: Annotated[
        str | None,
        option("--delimiter", metavar="CHAR", help="Delimiter of a CSV file.  [default: as found]"),
    ] = None
    quote: Annotated[
        str | None,
        option("--quote", metavar="CHAR|none", help='What encloses a cell of a CSV file.  [default: "]'),
    ] = None
    no_header: Annotated[
        bool, option("--no-header", help="The first record is data; the columns are called 1, 2, 3…")
    ] = False
    encoding: Annotated[
        str | None, option("--encoding", metavar="NAME", help="Encoding of a CSV file.  [default: utf-8]")
    ] = None


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """Where events go, who asks, and how hard to send."""

    batch_size: Annotated[
        int, option("--batch-size", min=1, max=2000, metavar="N", help="Most events in one request, to 2000.")
    ] = 50
    concurrency: Annotated[
        int | None,
        option(
            "--concurrency", min=1, max=256, metavar="N", help="Batches in flight.  [default: finds itself]"
        ),
    ] = None
    max_retries: Annotated[
        int, option("--max-retries", min=0, metavar="N", help="Tries of a batch after the first.")
    ] = 8
    retry_wait: Annotated[
        float, option("--retry-wait", min=0.0, metavar="SECONDS", help="The first backoff; it doubles.")
    ] = 2.0
    timeout: Annotated[
        float, option("--timeout", min=0.1, metavar="SECONDS", help="To connect, to write and to read.")
    ] = 30.0
    endpoint: Annotated[
        Endpoint | None,
        option(
            "--endpoint", help="/track takes only the last 5 days and confirms no event.  [default: import]"
        ),
    ] = None
    region: Annotated[
        Region | None,
        option("--region", help="Where the project's data lives.  [default: us]"),
    ] = None
    base_url: Annotated[
        str | None, option("--base-url", metavar="URL", help="Another server than Mixpanel's.")
    ] = None
    credentials: Annotated[
        CredentialsKind | None,
        option("--credentials", help="Which to use, where the environment has several kinds."),
    ] = None
    token_file: Annotated[
        Path | None, option("--token-file", metavar="PATH", help="A file that holds the project token.")
    ] = None


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """What is written and said."""

    results: Annotated[
        Path | None,
        option(
            "--results", metavar="PATH", help="Results file, .csv or .jsonl; for several sources a folder."
        ),
    ] = None
    resume: Annotated[bool, option("--resume", help="Go on where a stopped run ended.")] = False
    overwrite: Annotated[bool, option("--overwrite", help="Replace the results of an earlier run.")] = False
    failed_rows: Annotated[
        Path | None,
        option(
            "--failed-rows", metavar="PATH", help="Copy rejected and invalid records there, to be mended."
        ),
    ] = None
    max_errors: Annotated[
        str | None,
        option("--max-errors", metavar="N|N%", help="Stop when more records than that were not taken."),
    ] = None
    yes: Annotated[bool, option("--yes", "-y", help="Send without asking.")] = False
    json: Annotated[bool, option("--json", help="Print the run's manifest to standard output.")] = False
    quiet: Annotated[bool, option("--quiet", "-q", help="Say nothing but what went wrong.")] = False
    verbose: Annotated[
        bool, option("--verbose", "-v", help="Name the first records that were not taken.")
    ] = False


def _command(app_: typer.Typer) -> Callable[[Callable[..., int | None]], None]:
    """Register a command whose dataclass parameters stand for the options that are their fields."""

    def register(function: Callable[..., int | None]) -> None:
        hints = get_type_hints(function, include_extras=True)
        groups: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
        parameters: list[inspect.Parameter] = []
        for name, parameter in inspect.signature(function).parameters.items():
            if name in groups:
                parameters += _spread(groups[name])
            else:
                parameters.append(
                    parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
                )

        def call(**values: Any) -> None:
            gathered = {
                name: kind(**{f.name: values.pop(f.name) for f in fields(kind)})
                for name, kind in groups.items()
            }
            try:
                code = function(**values, **gathered)
            except KeyboardInterrupt:  # typer would end without a word
                raise Interrupted(
                    "stopped on request", "Nothing was sent that is not in the results."
                ) from None
            if code:
                raise typer.Exit(code)

        call.__doc__, call.__name__ = function.__doc__, function.__name__
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        app_.command()(call)

    return register


def _spread(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            each.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None if each.default == () else each.default,
            annotation=hints[each.name],
        )
        for each in fields(group)
        if each.default is not MISSING
    ]


@app.callback(invoke_without_command=True)
def _main(
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        from importer.speedups import COMPILED  # noqa: PLC0415 - nothing else here needs it

        typer.echo(f"mixpanel-importer {__version__}")
        if not COMPILED:
            typer.echo(
                "Its compiled part is missing: all is done as it should be, but six times slower.\n"
                "For that part, get a C compiler and Python's headers, and install with --force-reinstall."
            )
        raise typer.Exit


@_command(app)
def run(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="CSV or JSONL files; - is standard input.")
    ],
    *,
    dry_run: Annotated[
        bool, option("--dry-run", help="Send nothing; say of every record if it is valid.")
    ] = False,
    sandbox: Annotated[
        bool, option("--sandbox", help="Rehearse on a local stand-in for Mixpanel; needs no account.")
    ] = False,
    limit: Annotated[
        int | None, option("--limit", min=1, metavar="N", help="Only the first N records of each source.")
    ] = None,
    allow_collisions: Annotated[
        bool, option("--allow-collisions", help="Send although different records share an $insert_id.")
    ] = False,
    no_audit: Annotated[
        bool, option("--no-audit", help="Don't look for such records before sending.")
    ] = False,
    reading: ReadingOptions,
    delivery: DeliveryOptions,
    output: OutputOptions,
) -> int:
    """Import files of events: the main job.

    Shows a plan, asks once, sends, and writes a results file with one row for every record of the source.
    """
    from importer.cli import commands, options  # noqa: PLC0415 - what --help doesn't need it doesn't load

    kind = options.kind_of(dry_run=dry_run, sandbox=sandbox)
    chosen = options.options_from(reading, delivery, output, kind)
    chosen = options.with_scope(chosen, limit, audit=not no_audit, allow_collisions=allow_collisions)
    return commands.run_sources(sources, chosen, options.CommandOptions.of(delivery, output))


@_command(app)
def retry(
    parent: Annotated[Path, typer.Argument(metavar="RESULTS", help="The results of a run, or of a retry.")],
    *,
    status: Annotated[
        str | None,
        option(
            "--status", metavar="A,B", help="Only these: failed, rejected, invalid.  [default: all of them]"
        ),
    ] = None,
    error: Annotated[
        str | None, option("--error", metavar="TEXT", help="Only records whose error holds this text.")
    ] = None,
    source_changed: Annotated[
        bool,
        option(
            "--source-changed", help="The source was mended: check it against what was imported, then go on."
        ),
    ] = False,
    reading: ReadingOptions,
    delivery: DeliveryOptions,
    output: OutputOptions,
) -> int:
    """Send only the records that failed, read again from the source.

    Writes results of its own, events.results.retry-1.csv, with just those records.
    """
    from importer.cli import commands, options  # noqa: PLC0415 - see run

    chosen = options.options_from(reading, delivery, output, "real")
    scope = options.RetryOptions.of(status, error, source_changed=source_changed)
    return commands.retry_results(parent, chosen, options.CommandOptions.of(delivery, output), scope)


@_command(app)
def status(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="The results of a run, or of a retry.")],
    *,
    json: Annotated[bool, option("--json", help="Print it as data to standard output.")] = False,
) -> int:
    """Say where a source stands over a run and all its retries, and what to type next."""
    from importer.cli import commands  # noqa: PLC0415 - see run

    return commands.show_status(results, as_json=json)


@_command(app)
def preview(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A CSV or JSONL file.")],
    *,
    save: Annotated[
        Path | None,
        option("--save", metavar="FILE.toml", help="Write the mapping file that reads it in this way."),
    ] = None,
    reading: ReadingOptions,
) -> int:
    """Show columns, types, mapping, times, and the first events as they would be sent. Sends nothing."""
    from importer.cli import commands, options  # noqa: PLC0415 - see run

    return commands.preview_source(source, options.declared_from(reading), save)


@_command(app)
def track(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="Name of the event.")],
    *,
    distinct_id: Annotated[str, option("--distinct-id", metavar="ID", help="The user.")] = "",
    properties: Annotated[
        str | None, option("--properties", metavar="JSON", help="Further properties, as a JSON object.")
    ] = None,
    ip: Annotated[str | None, option("--ip", metavar="ADDRESS", help="Address of the user.")] = None,
    time: Annotated[
        str | None,
        option("--time", metavar="TIME", help="ISO 8601 with an offset, or an epoch.  [default: now]"),
    ] = None,
) -> int:
    """Send one event and print the answer as JSON. The token comes from MIXPANEL_PROJECT_TOKEN."""
    from importer.cli import commands  # noqa: PLC0415 - see run

    return commands.track_event(event, distinct_id, properties, ip, time)


@_command(app)
def sandbox(
    *,
    host: Annotated[str, option("--host", metavar="ADDRESS", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, option("--port", min=0, max=65535, metavar="N", help="Port; 0 takes a free one.")
    ] = 8090,
    db: Annotated[
        Path | None, option("--db", metavar="FILE", help="Keep what lands in this SQLite file.")
    ] = None,
    events_per_minute: Annotated[
        int | None,
        option(
            "--events-per-minute", min=1, metavar="N", help="Answer 429 beyond that, over a rolling minute."
        ),
    ] = None,
) -> int:
    """Run a local stand-in for Mixpanel, made from its documentation, until Ctrl-C."""
    from importer.cli import commands  # noqa: PLC0415 - see run

    return commands.serve_sandbox(host, port, db, events_per_minute)
