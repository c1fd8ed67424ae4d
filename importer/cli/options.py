"""The options of each command, each declared once.

An option is a field of one of the dataclasses below. The flag is the name of the field (``batch_size`` is
``--batch-size``), type and default are those of the field, and `Option` holds the rest. The command line, its
help, the manual page and the completion of shells are made from them. `cli.conversion` hands each value on to
the field of the same name in `DeclaredReading`, `DeliverySettings`, `RunOptions` or `CommandOptions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Final, get_args

from importer.cli.declared import Option
from importer.cli.mapping_options import MappingOptions
from importer.model import CredentialsKind, DeliverySettings, Endpoint, Region
from importer.reading import (
    ATTENTION,
    FIELDS,
    FORMAT_NAMES,
    ColumnType,
    Deep,
    GeoIP,
    IdBasis,
    MissingTime,
)

_DELIVERY: Final = DeliverySettings()
_ENCODINGS: Final = ("utf-8", "utf-16", "cp1252", "latin-1")


def _zones() -> tuple[str, ...]:
    from zoneinfo import available_timezones  # noqa: PLC0415 - a thousand files are looked at

    return tuple(sorted(available_timezones()))


@dataclass(frozen=True, slots=True)
class ReadingOptions(MappingOptions):
    """How a source is read. An option that is left out is up to the mapping file, or to detection."""

    format: Annotated[
        str | None,
        Option(
            "Format of the source, such as csv or parquet.",
            heading="Reading",
            default="as found",
            metavar="NAME",
            values=FORMAT_NAMES,
        ),
    ] = None
    delimiter: Annotated[
        str | None, Option("Delimiter of a CSV file.", default="as found", metavar="CHAR")
    ] = None
    no_header: Annotated[bool, Option("The first record is data; the columns are called 1, 2, 3…")] = False
    encoding: Annotated[
        str | None, Option("Encoding of a CSV file.", default="utf-8", metavar="NAME", values=_ENCODINGS)
    ] = None
    quote: Annotated[
        str | None, Option("Quote character of a CSV file.", default='"', metavar="CHAR|none")
    ] = None
    escape: Annotated[str | None, Option("Escape character of a CSV file, such as \\.", metavar="CHAR")] = (
        None
    )
    skip_lines: Annotated[
        int | None, Option("Lines ahead of the header of a CSV file.", default="0", metavar="N", min=0)
    ] = None
    comment: Annotated[
        str | None, Option("Character that begins a comment line of a CSV file.", metavar="CHAR")
    ] = None
    records: Annotated[
        str | None,
        Option("Dotted path of the list that holds the records of a JSON file.", metavar="PATH"),
    ] = None
    sheet: Annotated[
        str | None,
        Option("Sheet of an Excel file that holds the records.", default="the first", metavar="NAME"),
    ] = None
    trim: Annotated[
        bool | None, Option("Leave out the spaces around every cell of CSV, or every field in JSONL.")
    ] = None
    map: Annotated[
        list[str],
        Option(
            f"Which column gives a field: {', '.join(FIELDS)}. Several, with commas: the first that has"
            " a value. Made of columns: {COLUMN} {COLUMN}. JSONL: dotted paths too. FIELD= alone: no column."
            " May be repeated.",
            heading="Mapping",
            metavar="FIELD=COLUMN",
            values=tuple(f"{name}=" for name in FIELDS),
        ),
    ] = field(default_factory=list)
    timezone: Annotated[
        str | None,
        Option("IANA time zone of times without one, such as Europe/Berlin.", metavar="ZONE", values=_zones),
    ] = None
    set: Annotated[
        list[str],
        Option(
            "A field or property for every record; text, unless --type. {COLUMN} stands for its cell."
            " May be repeated.",
            metavar="NAME=VALUE",
        ),
    ] = field(default_factory=list)
    type: Annotated[
        list[str],
        Option(
            f"Type of a column: {', '.join(get_args(ColumnType))}. May be repeated.",
            metavar="COLUMN=TYPE",
            values=tuple(f"={name}" for name in get_args(ColumnType)),
        ),
    ] = field(default_factory=list)
    mapping: Annotated[
        Path | None, Option("A mapping file (preview --save), or a folder of mended copies.", metavar="PATH")
    ] = None
    time_format: Annotated[
        list[str],
        Option(
            "strptime format of the time column, or excel, or auto for the forms that need none. May be"
            " repeated: they are tried in order.",
            default="auto",
            metavar="FMT",
            values=("excel", "auto"),
        ),
    ] = field(default_factory=list)
    null: Annotated[
        list[str],
        Option(
            "A cell, or a field in JSONL, that means no value, such as NULL. May be repeated.",
            metavar="TEXT",
        ),
    ] = field(default_factory=list)
    tag: Annotated[str | None, Option("Property import_tag, to find this import again.", metavar="TEXT")] = (
        None
    )
    insert_id: Annotated[
        IdBasis | None,
        Option(
            "What $insert_id is a hash of where no column is mapped; row keeps identical records apart.",
            default="content",
        ),
    ] = None
    missing_time: Annotated[
        MissingTime | None, Option("What a record without a time becomes.", default="reject")
    ] = None
    local_epochs: Annotated[
        bool | None, Option("Epochs were made from local time: read them through --timezone.")
    ] = None
    decimal: Annotated[
        str | None,
        Option("Decimal mark of numbers in a CSV file: , or .", metavar="CHAR", values=(",", ".")),
    ] = None
    thousands: Annotated[
        str | None, Option("Mark between groups of three digits in such numbers.", metavar="CHAR")
    ] = None
    deep: Annotated[
        Deep | None,
        Option("Objects nested more than 3 deep: as JSON text, as a.b.c, or invalid.", default="reject"),
    ] = None
    geoip: Annotated[
        GeoIP | None,
        Option("Place of a record without ip: none, or with request that of this machine.", default="off"),
    ] = None


@dataclass(frozen=True, slots=True)
class DestinationOptions:
    """Where events go, and with which token."""

    region: Annotated[
        Region | None, Option("Where the project's data lives.", heading="Delivery", default="us")
    ] = None
    base_url: Annotated[
        str | None,
        Option("Another server than Mixpanel's.", default="MIXPANEL_BASE_URL, else none", metavar="URL"),
    ] = None
    timeout: Annotated[
        float,
        Option(
            "To connect, and for each write and read; a whole answer may take twice that.",
            metavar="SECONDS",
            min=0.1,
        ),
    ] = _DELIVERY.timeout
    token_file: Annotated[
        Path | None,
        Option(
            "A file that holds the project token and nothing else.", heading="Credentials", metavar="PATH"
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class DeliveryOptions(DestinationOptions):
    """Where events go, with which credentials, and how hard to send."""

    credentials: Annotated[
        CredentialsKind | None, Option("Which to use, where the environment has several kinds.")
    ] = None
    max_errors: Annotated[
        str | None,
        Option(
            "Stop when more records than that were not taken.",
            heading="Delivery",
            default="never",
            metavar="N|N%",
        ),
    ] = None
    endpoint: Annotated[
        Endpoint | None,
        Option("/track takes only the last 5 days and confirms no event.", default="import"),
    ] = None
    batch_size: Annotated[
        int,
        Option(
            "Most events in one request. 50, as Mixpanel's own libraries send: where an answer is lost,"
            " little is sent again. More make fewer requests, for a slow line.",
            metavar="N",
            min=1,
            max=2000,
        ),
    ] = _DELIVERY.batch_size
    concurrency: Annotated[
        int | None, Option("Batches in flight.", default="automatic", metavar="N", min=1, max=256)
    ] = _DELIVERY.concurrency
    rate: Annotated[
        int | None,
        Option(
            "Events a second at most, over all sources.",
            default="30000 at Mixpanel's own hosts, elsewhere no limit",
            metavar="N",
            min=1,
        ),
    ] = _DELIVERY.rate
    max_retries: Annotated[int, Option("Tries of a batch after the first.", metavar="N", min=0)] = (
        _DELIVERY.max_retries
    )
    retry_wait: Annotated[
        float, Option("The first wait before a retry; it doubles.", metavar="SECONDS", min=0.0)
    ] = _DELIVERY.retry_wait


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """What is written to files and to the terminal."""

    results: Annotated[
        Path | None,
        Option(
            "Results file, .csv or .jsonl; for several sources a folder.",
            heading="Results",
            default="SOURCE.results.csv, in this folder",
            metavar="PATH",
        ),
    ] = None
    resume: Annotated[bool, Option("Go on where a stopped run ended.")] = False
    overwrite: Annotated[bool, Option("Replace the results of an earlier run.")] = False
    failed_rows: Annotated[
        Path | None, Option("Copy rejected and invalid records there, to be mended.", metavar="PATH")
    ] = None
    log_file: Annotated[
        Path | None,
        Option("Log every request as a line of JSON, without values and secrets.", metavar="PATH"),
    ] = None
    yes: Annotated[bool, Option("Send without asking.", heading="Output", short="-y")] = False
    quiet: Annotated[bool, Option("Print only what went wrong, and what to type next.", short="-q")] = False
    verbose: Annotated[bool, Option("Name the first records that were not taken.", short="-v")] = False
    json: Annotated[bool, Option("Print the run's manifest to standard output.")] = False


@dataclass(frozen=True, slots=True)
class RunScopeOptions:
    """The kind of the run, how many records it sends, and whether ids are compared first."""

    dry_run: Annotated[
        bool, Option("Send nothing; say of every record if it is valid.", heading="Checking")
    ] = False
    sandbox: Annotated[bool, Option("Rehearse on a local stand-in for Mixpanel; needs no account.")] = False
    faults: Annotated[
        str | None,
        Option(
            "With --sandbox: what goes wrong, such as 429=5%,lost-answer=1%,latency=200ms;"
            " all of it is in sandbox --help.",
            metavar="FAULTS",
        ),
    ] = None
    limit: Annotated[
        int | None,
        Option("Only the first N records, of all sources together.", default="all", metavar="N", min=1),
    ] = None
    strict: Annotated[bool, Option("Send nothing where a decision about the file needs attention.")] = False
    accept: Annotated[
        list[str],
        Option(
            "With --strict: the code of a decision that may stay as it is. May be repeated.",
            metavar="CODE",
            values=tuple(code for code, level in ATTENTION.items() if level == "decision"),
        ),
    ] = field(default_factory=list)
    allow_collisions: Annotated[bool, Option("Send although different records share an $insert_id.")] = False
    no_audit: Annotated[bool, Option("Don't look for such records before sending.")] = False


@dataclass(frozen=True, slots=True)
class RetryScopeOptions:
    """Which records a retry sends, and from which source."""

    status: Annotated[
        str | None,
        Option(
            "Only these: failed, rejected, invalid; several with commas.",
            heading="Records",
            default="all of them",
            metavar="A,B",
            values=("failed", "rejected", "invalid"),
        ),
    ] = None
    error: Annotated[str | None, Option("Only records whose error holds this text.", metavar="TEXT")] = None
    source_changed: Annotated[
        bool, Option("The source was mended: check it against what was imported, then go on.")
    ] = False


_OF_THE_RUN: Final = ({each.name for each in fields(ReadingOptions)} - {"mapping"}) | {
    "region", "base_url", "endpoint",
}  # fmt: skip
"""Options that a retry takes from the run that it retries, if they are left out."""

RETRY_TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    **{name: {"default": "as in that run"} for name in _OF_THE_RUN},
    "results": {
        "help": "Results file, .csv or .jsonl.",
        "default": "EVENTS.results.retry-N.csv, beside RESULTS",
    },
    "resume": {"help": "Go on where a stopped retry ended."},
    "overwrite": {"help": "Replace the results of an earlier retry."},
    "json": {"help": "Print the retry's manifest to standard output."},
}
"""What the help of ``retry`` says otherwise than that of ``run``."""


@dataclass(frozen=True, slots=True)
class StatusOptions:
    """How the status is printed."""

    json: Annotated[bool, Option("Print it as data to standard output.", heading="Output")] = False


@dataclass(frozen=True, slots=True)
class PreviewOptions:
    """What a preview writes."""

    save: Annotated[
        Path | None,
        Option("Write the mapping file that reads it in this way.", heading="Results", metavar="FILE.toml"),
    ] = None


@dataclass(frozen=True, slots=True)
class HelpOptions:
    """In which form the help is printed."""

    man: Annotated[bool, Option("Print the manual page of all commands, for man.", heading="Output")] = False


@dataclass(frozen=True, slots=True)
class CommandOptions:
    """Options of a run or a retry that the command needs itself, and hands to no job.

    Attributes:
        endpoint: ``import`` or ``track``; None for the default.
        region: Where the project's data lives; None for the default.
        base_url: Another server; None for the default.
        credentials: The kind of credentials; None for the only kind that there is.
        token_file: A file that holds the project token.
        failed_rows: Where rejected and invalid records are copied.
        yes: Send without asking.
        json: Print the manifest to standard output.
        quiet: Write nothing but errors and the command to type next.
        verbose: Name more of the records that were not taken.
        faults: For a rehearsal, what goes wrong, its seed included; None for nothing.
    """

    endpoint: Endpoint | None = None
    region: Region | None = None
    base_url: str | None = None
    credentials: CredentialsKind | None = None
    token_file: Path | None = None
    failed_rows: Path | None = None
    yes: bool = False
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    faults: str | None = None
