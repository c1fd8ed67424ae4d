"""Turns the options of the command line into the settings of the pipeline.

A value goes to the field that has the option's name. Only an option that must be checked or changed is named
here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final, TypeVar, get_args

from importer.cli.options import (
    CommandOptions,
    DeliveryOptions,
    OutputOptions,
    ReadingOptions,
    RetryScopeOptions,
    RunScopeOptions,
)
from importer.cli.sets.options import SetOptions, WorkOptions
from importer.errors import UsageError
from importer.events import mapping_file
from importer.events.declared_reading import DeclaredReading
from importer.events.presets import load_preset
from importer.events.property_names import name_fault, pattern_fault
from importer.model import DeliverySettings, RunKind, Status
from importer.pipeline.attention import check_codes
from importer.pipeline.job import MaxErrors, RunOptions
from importer.reading import FIELDS, ColumnType, Field
from importer.sandbox.faults import parse_faults
from importer.text import nearest, quoted

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Settings = TypeVar("_Settings", bound="DataclassInstance")
_is_size = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kKmMgGtT]?[bB]?)").fullmatch
_UNITS: Final = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_TYPES: tuple[str, ...] = get_args(ColumnType)


@dataclass(frozen=True, slots=True)
class RetryScope:
    """Which records a retry sends.

    Attributes:
        statuses: Only records with one of these; None for all without success.
        error: Only records whose error holds this text.
        source_changed: True if the source may have changed since the run.
    """

    statuses: frozenset[Status] | None
    error: str | None
    source_changed: bool


def _convert(settings: type[_Settings], /, *options: DataclassInstance, **converted: object) -> _Settings:
    """Return settings whose fields have the values of the options of the same names.

    Args:
        settings: A dataclass. A field without an option keeps its default.
        options: Dataclasses of `cli.options`.
        converted: Values by the name of a field of ``settings``; they take precedence.
    """
    names = {each.name for each in fields(settings)}
    values = {
        each.name: getattr(group, each.name)
        for group in options
        for each in fields(group)
        if each.name in names
    }
    return settings(**{**values, **converted})


def run_options(
    kind: RunKind,
    reading: ReadingOptions,
    delivery: DeliveryOptions,
    output: OutputOptions,
    scope: RunScopeOptions | None = None,
    work: WorkOptions | None = None,
) -> RunOptions:
    """Return the options of a run, or of a retry, which has no ``scope`` and chooses no sources.

    Raises:
        UsageError: An option has a wrong value, or two contradict each other.
        MappingError: The mapping file can't be used.
    """
    if output.resume and output.overwrite:
        raise UsageError("--resume goes on with results and --overwrite replaces them", "Choose one of them.")
    is_run, scope = scope is not None, scope or RunScopeOptions()
    check_codes(scope.accept)
    # In a folder of copies of failed records, each has a mapping file of its own.
    of_copies = is_run and reading.mapping is not None and reading.mapping.is_dir()
    work = work or WorkOptions()
    sources = work if isinstance(work, SetOptions) else SetOptions(work.workers, work.spool_space)
    return _convert(
        RunOptions,
        output,
        scope,
        sources,
        declared=declared_reading(replace(reading, mapping=None) if of_copies else reading),
        kind=kind,
        mapping=reading.mapping,
        delivery=_convert(DeliverySettings, delivery),
        max_errors=None if delivery.max_errors is None else _max_errors(delivery.max_errors),
        audit=not scope.no_audit,
        accept=tuple(scope.accept),
        include=tuple(sources.include),
        exclude=tuple(sources.exclude),
        spool_space=_size("--spool-space", sources.spool_space),
    )


def command_options(
    delivery: DeliveryOptions, output: OutputOptions, scope: RunScopeOptions | None = None
) -> CommandOptions:
    """Return the options that the command needs itself, and hands to no job. A retry has no ``scope``.

    Raises:
        UsageError: ``--faults`` can't be read, or there is no sandbox to have them.
    """
    faults = None
    if scope is not None and scope.faults is not None:
        if not scope.sandbox:
            raise UsageError("--faults belong to the sandbox, and this run does not use it", "Add --sandbox.")
        faults = str(parse_faults(scope.faults))
    return _convert(CommandOptions, delivery, output, faults=faults)


def run_kind(scope: RunScopeOptions) -> RunKind:
    """Return whether a run is real, a dry run or a rehearsal in the sandbox.

    Raises:
        UsageError: The options ask for both a dry run and a rehearsal.
    """
    if scope.dry_run and scope.sandbox:
        raise UsageError("--dry-run sends nothing and --sandbox sends to a stand-in", "Choose one of them.")
    return "dry-run" if scope.dry_run else "sandbox" if scope.sandbox else "real"


def retry_scope(options: RetryScopeOptions) -> RetryScope:
    """Return which records a retry sends, from the options of ``retry``.

    Raises:
        UsageError: A status is unknown, or is one that leaves nothing to retry.
    """
    if options.status is None:
        return _convert(RetryScope, options, statuses=None)
    names = [name.strip() for name in options.status.split(",")]
    allowed = [status.value for status in Status if status.failure]
    done = {status.value for status in Status} - {*allowed}
    for name in names:
        if name not in allowed:
            why = (
                "nothing is left to do for such records"
                if name in done
                else "unknown" + nearest(name, allowed)
            )
            raise UsageError(f"--status {name}: {why}", f"Choose from {', '.join(allowed)}.")
    return _convert(RetryScope, options, statuses=frozenset(map(Status, names)))


def _size(option: str, text: str) -> int:
    """Return a number of bytes, which may be written as ``500MB`` or ``20 GB``.

    Raises:
        UsageError: It is none.
    """
    found = _is_size(text.strip())
    if found is None:
        raise UsageError(f"{option} {quoted(text)}: expected a size", "For example 500MB, or 20GB.")
    return int(float(found[1]) * _UNITS[found[2].upper().removesuffix("B")])


def _max_errors(text: str) -> MaxErrors:
    percent = text.endswith("%")
    try:
        limit = float(text[:-1]) if percent else int(text)
    except ValueError:
        limit = -1
    if limit < 0 or (percent and limit > 100):  # noqa: PLR2004
        raise UsageError(f"--max-errors {text}: expected a number or a percentage", "For example 100, or 1%.")
    return MaxErrors(limit, percent)


def declared_reading(options: ReadingOptions) -> DeclaredReading:
    """Return what the mapping file and the options declare; an option takes precedence.

    Raises:
        UsageError: An option has a wrong value.
        MappingError: The mapping file can't be used.
    """
    types = dict(_pairs("--type", options.type, "app_version=string", by_last=True))
    for column, kind in types.items():
        if kind not in _TYPES:
            raise UsageError(
                f"--type {column}={kind}: unknown type{nearest(kind, _TYPES)}",
                f"Types are: {', '.join(_TYPES)}",
            )
    if options.where is not None and not options.where.strip():
        raise UsageError("--where: found no condition", "Leave it out to send all records.")
    declared = _convert(
        DeclaredReading,
        options,
        fields=_declared_columns(options.map),
        types=types,
        constants=dict(_pairs("--set", options.set, "source=crm", empty=True)),
        null=tuple(options.null),
        preset=None,
        only=tuple(_names("--only", options.only)),
        drop=tuple(_names("--drop", options.drop)),
        renames=_renames(options.rename),
        time_format=tuple(options.time_format),
        header=False if options.no_header else None,
    )
    if options.mapping:
        declared = declared.over(mapping_file.load(options.mapping))
    if options.preset is None:
        return declared
    return declared.over_preset(options.preset, load_preset(options.preset))


def _names(option: str, texts: Sequence[str]) -> Iterator[str]:
    """Yield the names that are given with commas between them.

    Raises:
        UsageError: One is empty, or a pattern that can't be read.
    """
    for text in texts:
        for name in map(str.strip, text.split(",")):
            fault = pattern_fault(name) if name else "found an empty name"
            if fault:
                raise UsageError(f"{option} {quoted(text)}: {fault}", f"For example {option} 'plan,utm_*'")
            yield name


def _renames(texts: Sequence[str]) -> dict[str, str]:
    """Return the other names of properties, by the old ones.

    Raises:
        UsageError: One can't be read.
    """
    renames = dict(_pairs("--rename", texts, "'utm_*=campaign_*'"))
    for old, new in renames.items():
        if fault := name_fault(new):
            raise UsageError(f"--rename {old}={new}: {fault}", "Or give it another name.")
        if fault := pattern_fault(old, new):
            raise UsageError(f"--rename {old}={new}: {fault}", "For example --rename 'utm_*=campaign_*'")
    return renames


def _declared_columns(texts: Sequence[str]) -> dict[Field, str]:
    """Return the columns of each field, with commas between those of several ``--map``.

    Raises:
        UsageError: A field is unknown.
    """
    columns: dict[Field, str] = {}
    for name, column in _pairs("--map", texts, "time=created_at", empty=True):
        field = next((each for each in FIELDS if each == name), None)
        if field is None:
            raise UsageError(
                f"--map {name}=…: unknown field{nearest(name, FIELDS)}",
                f"Fields are: {', '.join(FIELDS)}. Other columns become properties under their own names.",
            )
        before = columns.get(field)
        columns[field] = f"{before},{column}" if before and column else column
    return columns


def _pairs(
    option: str, texts: Sequence[str], example: str, *, empty: bool = False, by_last: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield name and value of each ``NAME=VALUE``.

    Args:
        option: The option.
        texts: Its values.
        example: One that is right.
        empty: A value may be empty.
        by_last: The last ``=`` ends the name, which may hold others.
    """
    for text in texts:
        name, equals, value = text.rpartition("=") if by_last else text.partition("=")
        if not name or not equals or (not value and not empty):
            raise UsageError(
                f"{option} {quoted(text)}: expected NAME=VALUE", f"For example {option} {example}"
            )
        yield name, value
