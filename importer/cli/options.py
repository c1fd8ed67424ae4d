"""What was typed, checked and put into the words of the house."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from importer.errors import UsageError
from importer.events import mapping_file
from importer.events.mapping import nearest
from importer.events.mapping_file import DeclaredReading
from importer.model import (
    FIELDS,
    ColumnType,
    CredentialsKind,
    DeliverySettings,
    Endpoint,
    Region,
    RunKind,
    Status,
)
from importer.pipeline.job import MaxErrors, RunOptions
from importer.text import quoted

_TYPES: tuple[str, ...] = get_args(ColumnType)


@dataclass(frozen=True, slots=True)
class CommandOptions:
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

    @classmethod
    def of(cls, delivery: Any, output: Any) -> CommandOptions:
        """Gather them from the options of the command line."""
        return cls(
            delivery.endpoint, delivery.region, delivery.base_url, delivery.credentials, delivery.token_file,
            output.failed_rows, output.yes, output.json, output.quiet, output.verbose,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class RetryOptions:
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
    def of(cls, statuses: str | None, error: str | None, *, source_changed: bool) -> RetryOptions:
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


def kind_of(*, dry_run: bool, sandbox: bool) -> RunKind:
    """Return what a run is for."""
    if dry_run and sandbox:
        raise UsageError("--dry-run sends nothing and --sandbox sends to a stand-in", "Choose one of them.")
    return "dry-run" if dry_run else "sandbox" if sandbox else "real"


def options_from(reading: Any, delivery: Any, output: Any, kind: RunKind) -> RunOptions:
    """Return the options of a run or a retry as the jobs want them."""
    if output.resume and output.overwrite:
        raise UsageError("--resume goes on with results and --overwrite replaces them", "Choose one of them.")
    return RunOptions(
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


def with_scope(options: RunOptions, limit: int | None, *, audit: bool, allow_collisions: bool) -> RunOptions:
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


def declared_from(reading: Any) -> DeclaredReading:
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
        if field not in FIELDS:
            raise UsageError(
                f"--map {field}=…: unknown field{nearest(field, FIELDS)}",
                f"Fields are: {', '.join(FIELDS)}. Other columns become properties under their own names.",
            )
    said = DeclaredReading(
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
        quote=reading.quote,
        header=False if reading.no_header else None,
        encoding=reading.encoding,
    )
    return said.over(mapping_file.load(reading.mapping)) if reading.mapping else said


def _pairs(option: str, texts: Sequence[str], *, empty: bool = False) -> Iterator[tuple[str, str]]:
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals or (not value and not empty):
            raise UsageError(
                f"{option} {quoted(text)}: expected NAME=VALUE", f"For example {option} time=created_at"
            )
        yield name, value
