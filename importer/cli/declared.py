"""Commands and options as they are declared, for all that is made of them.

The command line (`cli.app`), the help (`cli.help_page`), the manual page (`cli.man_page`) and the completion
of shells (`cli.completion`) are made from `Command` and `DeclaredOption`, so that they say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from importer.text import PROGRAM

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


Heading = Literal[
    "Server",
    "Event",
    "Records",
    "Sources",
    "Reading",
    "Mapping",
    "Checking",
    "Delivery",
    "Credentials",
    "Results",
    "Output",
]
"""What options stand under in ``--help``, in this order."""


@dataclass(frozen=True, slots=True)
class Option:
    """What the command line declares of an option beside its name, type and default.

    Attributes:
        help: One sentence for ``--help``, or a few.
        heading: The heading of this field and of those that follow it, up to the next with a heading.
        metavar: What stands for the value in ``--help``; None for a flag, or to list the choices.
        default: What ``--help`` says of the default where the field has None; empty if there is nothing to
            say.
        values: What a shell completes; the choices of a type need not be repeated. One that ends with ``=``
            is the beginning of a value, one that begins with it what may follow the first ``=`` of a value.
        short: A short flag, such as ``-y``; empty if there is none.
        min: The least value that is taken.
        max: The greatest value that is taken.
    """

    help: str
    heading: Heading | None = None
    metavar: str | None = None
    default: str = ""
    values: tuple[str, ...] | Callable[[], tuple[str, ...]] = ()
    short: str = ""
    min: float | None = None
    max: float | None = None


class Argument(NamedTuple):
    """What a command is typed with, beside its options.

    Attributes:
        metavar: What stands for it in ``--help``.
        help: One sentence.
        takes: What a shell completes.
        several: True if there may be more than one.
        optional: True if there may be none.
    """

    metavar: str
    help: str
    takes: Literal["file", "command", "text"] = "file"
    several: bool = False
    optional: bool = False


class Example(NamedTuple):
    """A command line that does something useful, and what it does."""

    line: str
    does: str


@dataclass(frozen=True, slots=True)
class DeclaredOption:
    """An option of a command.

    Attributes:
        name: The name of its field.
        annotation: The type of its field.
        type: The type of one value: ``bool`` for a flag, else ``str``, ``int``, ``float`` or ``Path``.
        choices: All values that are taken; empty if there are others.
        is_list: True if the option may be repeated.
        default: The default of the field; None if that is up to the program.
        heading: What it stands under.
        declared: The rest.
    """

    name: str
    annotation: Any
    type: type[bool | str | int | float | Path]
    choices: tuple[str, ...]
    is_list: bool
    default: Any
    heading: Heading
    declared: Option

    @property
    def flags(self) -> tuple[str, ...]:
        """The flags, a short one first."""
        long = f"--{self.name.replace('_', '-')}"
        return (self.declared.short, long) if self.declared.short else (long,)

    @property
    def metavar(self) -> str:
        """What stands for the value; empty for a flag."""
        return "" if self.type is bool else self.declared.metavar or "|".join(self.choices)

    @property
    def values(self) -> tuple[str, ...]:
        """What a shell completes, beside files."""
        values = self.declared.values
        return self.choices or (values() if callable(values) else values)

    @property
    def text(self) -> str:
        """The help, with the default and the greatest value."""
        declared, default = self.declared, self.declared.default
        if not default and self.default not in (None, "", False) and not self.is_list:
            default = f"{self.default:g}" if isinstance(self.default, float) else str(self.default)
        most = "" if declared.max is None else f"{declared.min:g} to {declared.max:g}"
        facts = "; ".join(filter(None, (default and f"default: {default}", most)))
        return f"{declared.help} [{facts}]" if facts else declared.help

    @property
    def expected_number(self) -> str:
        """What is wrong with a value that is no number, or out of range; empty if it takes no numbers."""
        kind = {int: "a whole number", float: "a number"}.get(self.type)
        if kind is None:
            return ""
        least, most = self.declared.min, self.declared.max
        if least is None:
            return f"expected {kind}"
        return f"expected {kind}, {least:g} {'or more' if most is None else f'to {most:g}'}"


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    Attributes:
        function: What it does: takes its argument and a dataclass for each of ``groups``, by name; returns
            the exit code. Its docstring is the help.
        argument: What it is typed with, beside options; None for nothing.
        groups: Its options: dataclasses of `cli.options`, by the names of the function's parameters.
        examples: The help begins with these.
        texts: By the name of an option that other commands have as well: what its `Option` holds here.
    """

    function: Callable[..., int]
    argument: tuple[str, Argument] | None
    groups: Mapping[str, type[DataclassInstance]]
    examples: Sequence[Example]
    texts: Mapping[str, Mapping[str, Any]]

    @property
    def name(self) -> str:
        """What is typed."""
        return self.function.__name__.rstrip("_")

    @property
    def paragraphs(self) -> list[str]:
        """The help; its first paragraph is one line."""
        lines = (self.function.__doc__ or "").strip().split("\n")
        return "\n".join(line.removeprefix("    ") for line in lines).split("\n\n")

    @property
    def usage(self) -> str:
        """How it is typed."""
        metavar = [self.argument[1].metavar] if self.argument else []
        return " ".join([PROGRAM, self.name, *metavar, "[OPTIONS]"])

    def options(self) -> list[DeclaredOption]:
        """Return its options in the order in which the help shows them."""
        found = [
            replace(option, declared=replace(option.declared, **self.texts.get(option.name, {})))
            for group in self.groups.values()
            for option in _options_of(group)
        ]
        order = get_args(Heading)
        return sorted(found, key=lambda option: order.index(option.heading))


def _options_of(group: type[DataclassInstance]) -> list[DeclaredOption]:
    hints = get_type_hints(group, include_extras=True)
    options: list[DeclaredOption] = []
    for field in fields(group):
        annotation, declared = get_args(hints[field.name])
        hint = annotation
        if type(None) in get_args(hint):  # an optional one
            hint = get_args(hint)[0]
        is_list = get_origin(hint) is list
        if is_list:
            (hint,) = get_args(hint)
        choices = get_args(hint) if get_origin(hint) is Literal else ()
        heading = declared.heading or options[-1].heading
        default = None if field.default is MISSING else field.default
        options.append(
            DeclaredOption(
                field.name,
                annotation,
                str if choices else hint,
                choices,
                is_list,
                default,
                heading,
                declared,
            )
        )
    return options
