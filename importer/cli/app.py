"""Registers the commands with typer; no other module imports typer.

`cli.options` declares the options. This module makes a parameter for typer from each declaration.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args, get_type_hints

import typer
from typer.models import OptionInfo

from importer import __version__
from importer.cli.options import (
    DeliveryOptions,
    Option,
    OutputOptions,
    PreviewOptions,
    ReadingOptions,
    RetryScopeOptions,
    RunScopeOptions,
    SandboxOptions,
    StatusOptions,
    TrackOptions,
)
from importer.cli.process import NOT_KNOWN, NOTHING_SENT, moment, no_stop_requests
from importer.errors import Interrupted

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

app = typer.Typer(
    name="mixpanel-importer",
    help="Import files of historical events into Mixpanel: checked before they are sent, certain after.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

_Results = Annotated[Path, typer.Argument(metavar="RESULTS", help="The results of a run, or of a retry.")]


def _command(function: Callable[..., int]) -> None:
    """Register a command. Each field of a parameter that is a dataclass becomes an option.

    The function returns the exit code of the process, and its docstring is the help of the command.
    """
    hints = get_type_hints(function, include_extras=True)
    groups: dict[str, type[DataclassInstance]] = {
        name: kind for name, kind in hints.items() if is_dataclass(kind) and isinstance(kind, type)
    }
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in groups:
            parameters += _option_parameters(groups[name])
        else:
            parameters.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))

    def call(**values: object) -> None:
        options = {name: _take_options(kind, values) for name, kind in groups.items()}
        try:
            code = function(**values, **options)
        except KeyboardInterrupt:  # typer would end the process without a message
            raise Interrupted(moment.words) from None
        if code:
            raise typer.Exit(code)

    call.__doc__, call.__name__ = function.__doc__, function.__name__
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app.command()(call)


def _option_parameters(kind: type[DataclassInstance]) -> list[inspect.Parameter]:
    """Return a parameter for typer for each field of a dataclass of `cli.options`."""
    hints = get_type_hints(kind, include_extras=True)
    parameters = []
    for field in fields(kind):
        type_, declared = get_args(hints[field.name])
        parameters.append(
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None if field.default is MISSING else field.default,
                annotation=Annotated[type_, _typer_option(field.name, declared)],
            )
        )
    return parameters


def _typer_option(name: str, declared: Option) -> OptionInfo:
    flags = [f"--{name.replace('_', '-')}"]
    if declared.short:
        flags.append(declared.short)
    info: OptionInfo = typer.Option(
        *flags, help=declared.help, metavar=declared.metavar, min=declared.min, max=declared.max
    )
    return info


def _take_options(kind: type[DataclassInstance], values: dict[str, object]) -> DataclassInstance:
    """Move the values of the fields of ``kind`` out of ``values``, and return a ``kind`` that holds them."""
    typed = {field.name: values.pop(field.name) for field in fields(kind)}
    return kind(**{name: value for name, value in typed.items() if value is not None})


@app.callback(invoke_without_command=True)
def _version(
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        from importer.speedups import missing_part  # noqa: PLC0415 - --help must not load it

        typer.echo(f"mixpanel-importer {__version__}")
        if missing := missing_part():
            typer.echo(missing)
        raise typer.Exit


# A command imports what it needs when it is called: --help must not load it.


def _say_if_slow(*, quiet: bool = False) -> None:
    """Say on standard error that the compiled part is missing, if it is."""
    from importer.cli.console import Console  # noqa: PLC0415
    from importer.speedups import missing_part  # noqa: PLC0415

    if missing := missing_part():
        Console(quiet=quiet).say(missing)


@_command
def run(
    context: typer.Context,
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="CSV or JSONL files; - is standard input.")
    ],
    scope: RunScopeOptions,
    reading: ReadingOptions,
    delivery: DeliveryOptions,
    output: OutputOptions,
) -> int:
    """Import files of events: the main job.

    Shows a plan, asks once, sends, and writes a results file with one row for every record of the source.
    """
    moment.words = NOTHING_SENT
    from importer.cli.commands.run import run_sources  # noqa: PLC0415

    _say_if_slow(quiet=output.quiet)
    return run_sources(
        sources, scope, reading, delivery, output, stop_requests=context.obj or no_stop_requests
    )


@_command
def retry(
    context: typer.Context,
    parent: _Results,
    scope: RetryScopeOptions,
    reading: ReadingOptions,
    delivery: DeliveryOptions,
    output: OutputOptions,
) -> int:
    """Send only the records that failed, read again from the source.

    Writes results of its own, events.results.retry-1.csv, with just those records.
    """
    moment.words = NOTHING_SENT
    from importer.cli.commands.retry import retry_results  # noqa: PLC0415

    _say_if_slow(quiet=output.quiet)
    return retry_results(
        parent, scope, reading, delivery, output, stop_requests=context.obj or no_stop_requests
    )


@_command
def status(results: _Results, options: StatusOptions) -> int:
    """Say where a source stands over a run and all its retries, and what to type next."""
    from importer.cli.commands.status import show_status  # noqa: PLC0415

    return show_status(results, options)


@_command
def preview(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A CSV or JSONL file.")],
    options: PreviewOptions,
    reading: ReadingOptions,
) -> int:
    """Show columns, types, mapping, times, and the first events as they would be sent. Sends nothing."""
    from importer.cli.commands.preview import preview_source  # noqa: PLC0415

    _say_if_slow()
    return preview_source(source, options, reading)


@_command
def track(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="Name of the event.")], options: TrackOptions
) -> int:
    """Send one event and print the answer as JSON. The token comes from MIXPANEL_PROJECT_TOKEN."""
    moment.words = NOT_KNOWN
    from importer.cli.commands.track import track_event  # noqa: PLC0415

    return track_event(event, options)


@_command
def sandbox(options: SandboxOptions) -> int:
    """Run a local stand-in for Mixpanel, made from its documentation, until Ctrl-C.

    To rehearse a bad evening of the network:

    \b
    mixpanel-importer run events.csv --sandbox \\
      --faults "429=5%,503=1%,lost-answer=1%,latency=200ms,rate=3000/min"

    In the end, everything is imported once. sandbox --faults does the same for other programs.
    """  # noqa: D301 - typer keeps lines as they are after this mark
    from importer.cli.commands.sandbox import serve_sandbox  # noqa: PLC0415

    return serve_sandbox(options)
