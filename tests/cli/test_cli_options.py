"""Each option is declared once, and reaches the settings of the pipeline by its name."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from importer.cli import options as declared_options
from importer.cli import tool_options
from importer.cli.conversion import (
    RetryScope,
    command_options,
    declared_reading,
    retry_scope,
    run_kind,
    run_options,
)
from importer.cli.options import (
    CommandOptions,
    DeliveryOptions,
    Option,
    OutputOptions,
    ReadingOptions,
    RetryScopeOptions,
    RunScopeOptions,
)
from importer.errors import UsageError
from importer.events.declared_reading import DeclaredReading
from importer.model import DeliverySettings, Status
from importer.pipeline.job import MaxErrors, RunOptions
from importer.sandbox.settings import SandboxSettings

GROUPS = [
    kind
    for kind in [*vars(declared_options).values(), *vars(tool_options).values()]
    if isinstance(kind, type) and kind.__name__.endswith("Options") and kind is not CommandOptions
]


def names(kind: Any) -> set[str]:
    return {field.name for field in fields(kind)}


def test_every_field_of_a_reading_that_people_may_declare_has_an_option() -> None:
    renamed = {
        "fields": "map",
        "types": "type",
        "constants": "set",
        "header": "no_header",
        "renames": "rename",
    }
    only_in_mapping_files = {
        "names", "deep_columns", "skip_space", "trailing_delimiter", "line_end", "columns", "missing_columns",
        "defaults", "prefix", "prefer", "time_offset", "explode", "key_value", "flatten", "stringify", "mask",
    }  # fmt: skip
    wanted = {renamed.get(name, name) for name in names(DeclaredReading) - only_in_mapping_files}
    assert names(ReadingOptions) == wanted | {"mapping"}


def test_every_setting_of_delivery_but_the_bytes_of_a_batch_has_an_option_with_the_same_default() -> None:
    for field in fields(DeliverySettings):
        if field.name != "batch_bytes":
            assert getattr(DeliveryOptions(), field.name) == getattr(DeliverySettings(), field.name)
    assert run_options("real", ReadingOptions(), DeliveryOptions(), OutputOptions()) == RunOptions()


@pytest.mark.parametrize(
    ("settings", "groups"),
    [
        (DeclaredReading, [ReadingOptions]),
        (DeliverySettings, [DeliveryOptions]),
        (CommandOptions, [DeliveryOptions, OutputOptions]),
        (RunOptions, [OutputOptions, RunScopeOptions]),
        (RetryScope, [RetryScopeOptions]),
        (SandboxSettings, [tool_options.SandboxOptions]),
    ],
)
def test_an_option_with_the_name_of_a_setting_has_its_type(settings: Any, groups: list[Any]) -> None:
    converted = {"null", "time_format", "accept", "max_errors", "faults", "only", "drop", "preset"}
    types = get_type_hints(settings)
    shared = [
        (name, hint) for group in groups for name, hint in get_type_hints(group).items() if name in types
    ]
    assert shared
    for name, hint in shared:
        assert name in converted or types[name] == hint, name


def test_every_option_of_every_command_is_declared_with_its_help() -> None:
    assert len(GROUPS) == 12
    for group in GROUPS:
        for name, hint in get_type_hints(group, include_extras=True).items():
            _, declared = get_args(hint)
            assert isinstance(declared, Option), (group, name)
            assert declared.help.endswith((".", "…")), (group, name)
            assert "[default" not in declared.help, (
                "that is made of the field's default, or of Option.default"
            )


def test_no_two_groups_of_a_command_share_a_name() -> None:
    for groups in (
        [RunScopeOptions, ReadingOptions, DeliveryOptions, OutputOptions],
        [RetryScopeOptions, ReadingOptions, DeliveryOptions, OutputOptions],
        [declared_options.PreviewOptions, ReadingOptions],
        [tool_options.TrackOptions, declared_options.DestinationOptions],
    ):
        assert len(set().union(*map(names, groups))) == sum(len(names(group)) for group in groups)


def test_declaring_options_loads_neither_typer_nor_the_pipeline() -> None:
    script = "import sys, importer.cli.options; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not {"typer", "click", "orjson", "importer.pipeline", "importer.events"} & loaded


# ── conversion ───────────────────────────────────────────────────────────────────────────────────


def test_values_of_one_name_and_values_that_are_converted_reach_the_pipeline() -> None:
    options = run_options(
        "sandbox",
        ReadingOptions(map=["time=when"], type=["zip=string"], set=["a=1=2"], null=["NULL"], no_header=True),
        DeliveryOptions(batch_size=7, timeout=1.5, region="eu", max_errors="2.5%"),
        OutputOptions(results=Path("r.csv"), resume=True, yes=True),
        RunScopeOptions(sandbox=True, limit=3, no_audit=True),
    )
    assert options == RunOptions(
        declared=DeclaredReading(
            fields={"time": "when"}, types={"zip": "string"}, constants={"a": "1=2"}, null=("NULL",), header=False
        ),
        kind="sandbox",
        results=Path("r.csv"),
        resume=True,
        limit=3,
        delivery=DeliverySettings(batch_size=7, timeout=1.5),
        max_errors=MaxErrors(2.5, percent=True),
        audit=False,
    )  # fmt: skip


def test_an_option_holds_over_the_mapping_file(tmp_path: Path) -> None:
    mapping = tmp_path / "m.toml"
    mapping.write_text('timezone = "UTC"\ntag = "old"\n[fields]\ntime = "a"\nevent = "b"\n')
    declared = declared_reading(ReadingOptions(mapping=mapping, tag="new", map=["time=c"]))
    assert (declared.timezone, declared.tag) == ("UTC", "new")
    assert declared.fields == {"time": "c", "event": "b"}


def test_the_options_of_a_command_come_from_both_of_its_groups() -> None:
    options = command_options(DeliveryOptions(credentials="secret"), OutputOptions(quiet=True))
    assert options == replace(CommandOptions(), credentials="secret", quiet=True)


def test_statuses_of_a_retry_are_read_from_one_text() -> None:
    chosen = retry_scope(RetryScopeOptions(status="failed, invalid", error="429"))
    assert chosen == RetryScope(frozenset({Status.FAILED, Status.INVALID}), error="429", source_changed=False)
    assert retry_scope(RetryScopeOptions()).statuses is None
    with pytest.raises(UsageError, match="--status fialed: unknown"):
        retry_scope(RetryScopeOptions(status="fialed"))


@pytest.mark.parametrize("status", ["imported", "valid", "skipped"])
def test_a_retry_of_records_that_did_not_fail_is_refused(status: str) -> None:
    with pytest.raises(UsageError, match=f"--status {status}: nothing is left to do") as caught:
        retry_scope(RetryScopeOptions(status=f"failed,{status}"))
    assert caught.value.remedy == "Choose from rejected, invalid, failed."


def test_options_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(UsageError, match="--dry-run"):
        run_kind(RunScopeOptions(dry_run=True, sandbox=True))
    with pytest.raises(UsageError, match="--resume"):
        run_options("real", ReadingOptions(), DeliveryOptions(), OutputOptions(resume=True, overwrite=True))
