"""The command line, made from what is declared; no other module imports typer.

`cli.options` declares the options, and the functions below are the commands. typer gets a parameter for each
declaration; the help is that of `cli.help_page`.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from importer.cli.declared import Argument, Command, DeclaredOption, Example
from importer.cli.help_page import command_help, overview, terminal_width
from importer.cli.options import (
    RETRY_TEXTS,
    DeliveryOptions,
    DestinationOptions,
    HelpOptions,
    OutputOptions,
    PreviewOptions,
    ReadingOptions,
    RetryScopeOptions,
    RunScopeOptions,
    StatusOptions,
)
from importer.cli.process import NOT_KNOWN, NOTHING_SENT, moment, no_stop_requests
from importer.cli.sets.options import SetOptions, WorkOptions
from importer.cli.tool_options import SandboxOptions, TrackOptions
from importer.errors import Interrupted, UsageError
from importer.text import PROGRAM, VERSION, escape_controls, nearest, quoted

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

COMMANDS: Final[dict[str, Command]] = {}
"""The commands by name, in the order in which the help shows them."""

_COMPLETION: Final = ("--install-completion", "--show-completion")


class _CommandLine(TyperGroup):
    """All commands. One becomes a command of typer's when it is typed: the others cost no time."""

    def list_commands(self, _context: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _context: Any, name: str) -> TyperCommand | None:
        return _typer_command(COMMANDS[name]) if name in COMMANDS else None

    def resolve_command(self, context: Any, args: list[str]) -> Any:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            context.fail(f"No such command {quoted(args[0])}{nearest(args[0], COMMANDS)}")
        return super().resolve_command(context, args)

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        option, equals, shell = args[0].partition("=") if args else ("", "", "")
        if option in _COMPLETION:  # typer has no option whose value may be left out
            _complete(option, [shell] if equals else args[1:])
            context.exit()
        return super().parse_args(context, args)

    def main(self, *args: Any, **extra: Any) -> Any:
        try:
            return super().main(*args, **extra)
        except Exception as error:
            if hasattr(error, "format_message"):  # `__main__` shows it
                text = _folded(error.format_message())
                error.format_message = lambda: text
            raise

    def get_help_option(self, context: Any) -> Any:
        option = super().get_help_option(context)
        if option is not None:
            option.default = False  # with None, typer loads pydantic to convert it
        return option

    def get_usage(self, _context: Any) -> str:
        return f"Usage: {PROGRAM} COMMAND [OPTIONS]"

    def format_help(self, _context: Any, formatter: Any) -> None:
        formatter.write(overview(list(COMMANDS.values()), terminal_width()))


class _OneCommand(TyperCommand):
    """A command whose help is ours."""

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(context, args)
        except typer.BadParameter as error:
            name = getattr(error.param, "name", "")
            options = {option.name: option for option in COMMANDS[str(self.name)].options()}
            expected = options[name].expected_number if name in options else ""
            error.message = expected or error.message.removeprefix("Value error, ")  # a word of pydantic's
            raise

    def get_usage(self, _context: Any) -> str:
        return f"Usage: {COMMANDS[str(self.name)].usage}"

    def format_help(self, _context: Any, formatter: Any) -> None:
        formatter.write(command_help(COMMANDS[str(self.name)], terminal_width()))


app = typer.Typer(
    cls=_CommandLine,
    no_args_is_help=True,
    invoke_without_command=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _version(*, version: Annotated[bool, typer.Option("--version")] = False) -> None:
    if version:
        from importer.speedups import missing_part  # noqa: PLC0415 - --help must not load it

        typer.echo(f"{PROGRAM} {VERSION}")
        if missing := missing_part():
            typer.echo(missing)
        raise typer.Exit


def _complete(option: str, words: Sequence[str]) -> None:
    from importer.cli.completion import check_shell, completion_script  # noqa: PLC0415

    if len(words) > 1:
        raise UsageError(f"{option} takes one shell, found {len(words)}", f"For example: {option} {words[0]}")
    shell = check_shell(words[0] if words else None, option)
    script = completion_script(shell, list(COMMANDS.values()))
    if option == "--show-completion":
        sys.stdout.write(script)
        return
    from importer.cli.completion_files import install_completion  # noqa: PLC0415

    sys.stdout.write(install_completion(shell, script))


# ── from a declaration to typer ──────────────────────────────────────────────────────────────────


def _command(
    argument: Argument | None = None,
    examples: Sequence[Example] = (),
    texts: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Declare a command. A parameter that is a dataclass of `cli.options` becomes options.

    The function returns the exit code of the process, and its docstring is the help of the command.
    """

    def declare(function: Callable[..., int]) -> Callable[..., int]:
        hints = get_type_hints(function)
        groups = {name: kind for name, kind in hints.items() if is_dataclass(kind) and isinstance(kind, type)}
        words = [name for name in inspect.signature(function).parameters if name not in {*groups, "context"}]
        found = (words[0], argument) if argument else None
        command = Command(function, found, groups, examples, texts)
        COMMANDS[command.name] = command
        return function

    return declare


def _typer_command(command: Command) -> TyperCommand:
    """Return what typer calls for a command.

    It makes a dataclass of `cli.options` of the values of its options, and returns what the command returns.
    """
    hints = get_type_hints(command.function)
    parameters: list[inspect.Parameter] = []
    if "context" in hints:
        parameters.append(
            inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=hints["context"])
        )
    if command.argument:
        name, argument = command.argument
        declared = typer.Argument(metavar=argument.metavar)
        default = None if argument.optional else inspect.Parameter.empty
        parameters.append(_typer_parameter(name, hints[name], declared, default))
    parameters += [
        _typer_parameter(option.name, option.annotation, _typer_option(option), option.default)
        for option in command.options()
    ]

    def call(**values: Any) -> int:
        options = {name: _take_options(kind, values) for name, kind in command.groups.items()}
        try:
            return command.function(**values, **options)
        except KeyboardInterrupt:  # typer would end the process without a message
            raise Interrupted(moment.words) from None

    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(command.name, cls=_OneCommand)(call)
    made = get_command(alone)
    assert isinstance(made, TyperCommand)
    return made


def _typer_parameter(name: str, type_: Any, declared: Any, default: Any) -> inspect.Parameter:
    annotation = Annotated[type_, declared]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _typer_option(option: DeclaredOption) -> Any:
    """Return what typer is told of an option, beside its type and default."""
    declared = option.declared
    return typer.Option(*option.flags, metavar=declared.metavar, min=declared.min, max=declared.max)


def _folded(text: str) -> str:
    """Return the message of an error for standard error, where typer writes ``Error:`` ahead of it."""
    if text.startswith("Usage:"):  # where nothing was typed, it is the help
        return text
    from importer.cli.fold import columns_of, fold  # noqa: PLC0415

    return fold(escape_controls(text, keep="\n"), columns_of(sys.stderr), 2, len("Error: "))


def _take_options(kind: type[DataclassInstance], values: dict[str, Any]) -> DataclassInstance:
    """Move the values of the fields of ``kind`` out of ``values``, and return a ``kind`` that holds them."""
    typed = {field.name: values.pop(field.name) for field in fields(kind)}
    return kind(**{name: value for name, value in typed.items() if value is not None})


# ── the commands ─────────────────────────────────────────────────────────────────────────────────

# A command imports what it needs when it is called: --help must not load it.

_RESULTS: Final = Argument("RESULTS", "The results of a run, or of a retry.")


def _say_if_slow(*, quiet: bool = False) -> None:
    """Say on standard error that the compiled part is missing, if it is."""
    from importer.cli.console import Console  # noqa: PLC0415
    from importer.speedups import missing_part  # noqa: PLC0415

    if missing := missing_part():
        Console(quiet=quiet).say(missing)


@_command(
    Argument(
        "SOURCE...",
        "CSV, JSON, Parquet, Excel or Avro files, folders and archives of such; - is standard input.",
        several=True,
        optional=True,
    ),
    [
        Example(f"{PROGRAM} run events.csv --dry-run", "Say of every record if it is valid; send nothing."),
        Example(f"{PROGRAM} run events.csv --sandbox", "Rehearse all of it; needs no account."),
        Example(
            f"{PROGRAM} run events.csv --timezone Europe/Berlin --region eu",
            "Import times that say no zone into a project whose data lives in the EU.",
        ),
    ],
)
def run(
    context: typer.Context,
    sources: list[str],
    scope: RunScopeOptions,
    reading: ReadingOptions,
    delivery: DeliveryOptions,
    output: OutputOptions,
    set_options: SetOptions,
) -> int:
    """Import files of events: the main job.

    Shows a plan, asks once, sends, and writes a results file with one row for every record of the source.
    """
    moment.words = NOTHING_SENT
    from importer.cli.conversion import command_options, run_kind, run_options  # noqa: PLC0415
    from importer.cli.named_sources import find_named  # noqa: PLC0415

    _say_if_slow(quiet=output.quiet)
    options = run_options(run_kind(scope), reading, delivery, output, scope, set_options)
    command = command_options(delivery, output, scope)
    found = find_named(sources or (), options)
    stop_requests = context.obj or no_stop_requests
    if found.is_set:
        from importer.cli.commands.run_set import run_set_of_sources  # noqa: PLC0415

        return run_set_of_sources(found, options, command, stop_requests)
    from importer.cli.commands.run import run_source  # noqa: PLC0415

    return run_source(found.sources[0], options, command, stop_requests)


@_command(
    _RESULTS,
    [
        Example(f"{PROGRAM} retry events.results.csv", "Send again what was not taken."),
        Example(f"{PROGRAM} retry events.results.csv --status failed", "Only what was not delivered."),
        Example(f"{PROGRAM} retry events.results.csv --timezone UTC", "Read times without a zone as UTC."),
    ],
    RETRY_TEXTS,
)
def retry(
    context: typer.Context,
    parent: Path,
    scope: RetryScopeOptions,
    work: WorkOptions,
    reading: ReadingOptions,
    delivery: DeliveryOptions,
    output: OutputOptions,
) -> int:
    """Send only the records that were not taken, read again from the source.

    Writes results of its own, events.results.retry-1.csv, with just those records.
    """
    moment.words = NOTHING_SENT
    from importer.results.paths import named_folder  # noqa: PLC0415
    from importer.results.set_manifest import is_set_folder  # noqa: PLC0415

    _say_if_slow(quiet=output.quiet)
    stop_requests = context.obj or no_stop_requests
    if is_set_folder(parent):
        from importer.cli.commands.retry_set import retry_set  # noqa: PLC0415

        folder = named_folder(parent)
        return retry_set(folder, scope, work, reading, delivery, output, stop_requests=stop_requests)
    from importer.cli.commands.retry import retry_results  # noqa: PLC0415

    return retry_results(parent, scope, work, reading, delivery, output, stop_requests=stop_requests)


@_command(_RESULTS)
def status(results: Path, options: StatusOptions) -> int:
    """Say where a source stands over a run and all its retries, and what to type next."""
    from importer.cli.commands.status import show_status  # noqa: PLC0415

    return show_status(results, options)


@_command(
    Argument("[SOURCE]", "A file or a member of an archive; --preset NAME --save needs none.", optional=True),
    [
        Example(f"{PROGRAM} preview events.csv", "Show it as it would be read and sent."),
        Example(
            f"{PROGRAM} preview events.csv --save mapping.toml",
            "Write that down, to be reviewed and used: run events.csv --mapping mapping.toml",
        ),
        Example(f"{PROGRAM} preview --preset amplitude --save mapping.toml", "Copy a preset, to be changed."),
    ],
)
def preview(source: str | None, options: PreviewOptions, reading: ReadingOptions) -> int:
    """Show columns, types, mapping, times, and the first events as they would be sent. Sends nothing."""
    from importer.cli.commands.preview import preview_source  # noqa: PLC0415

    _say_if_slow()
    return preview_source(source, options, reading)


@_command(
    Argument("EVENT", "Name of the event.", takes="text"),
    [
        Example(f"{PROGRAM} track 'Signed Up' --distinct-id user-1", "Send it now."),
        Example(
            f"{PROGRAM} track 'Signed Up' --properties '{{\"plan\": \"pro\"}}'", "Send it with a property."
        ),
    ],
)
def track(event: str, options: TrackOptions, destination: DestinationOptions) -> int:
    """Send one event and print the answer as JSON.

    The token comes from MIXPANEL_PROJECT_TOKEN, .env or --token-file.
    """
    moment.words = NOT_KNOWN
    from importer.cli.commands.track import track_event  # noqa: PLC0415

    return track_event(event, options, destination)


@_command(
    examples=[
        Example(f"{PROGRAM} sandbox", "Listen at http://127.0.0.1:8090, for other programs."),
        Example(
            f"{PROGRAM} run events.csv --sandbox \\\n"
            '    --faults "429=5%,503=1%,lost-answer=1%,latency=200ms,rate=3000/min"',
            "Rehearse a bad evening of the network: in the end, everything is imported once.",
        ),
        Example(f'{PROGRAM} sandbox --faults "429=5%"', "Let other programs meet faults."),
    ]
)
def sandbox(options: SandboxOptions) -> int:
    """Run a local stand-in for Mixpanel, made from its documentation, until Ctrl-C."""
    from importer.cli.commands.sandbox import serve_sandbox  # noqa: PLC0415

    return serve_sandbox(options)


@_command(Argument("[COMMAND]", "Whose options are listed.", takes="command", optional=True))
def help_(name: str | None, options: HelpOptions) -> int:
    """Show this help, or that of a command."""
    commands = list(COMMANDS.values())
    if options.man:
        from importer.cli.man_page import man_page  # noqa: PLC0415

        typer.echo(man_page(commands, VERSION), nl=False)
    elif name is None:
        typer.echo(overview(commands, terminal_width()), nl=False)
    elif name in COMMANDS:
        typer.echo(command_help(COMMANDS[name], terminal_width()), nl=False)
    else:
        raise UsageError(
            f"{name} is no command{nearest(name, COMMANDS)}", f"The commands are: {', '.join(COMMANDS)}"
        )
    return 0
