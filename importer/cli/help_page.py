"""The text of ``--help``: of all commands, and of each."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from importer.cli.declared import Command, DeclaredOption, Example, Heading
from importer.text import PROGRAM

SUMMARY: Final = (
    "Import files of historical events into Mixpanel: checked before they are sent, certain after."
)

EXAMPLES: Final = (
    Example(f"{PROGRAM} preview events.csv", "Show how the file is read, and the first events."),
    Example(f"{PROGRAM} run events.csv --dry-run", "Say of every record if it is valid; send nothing."),
    Example(f"{PROGRAM} run events.csv", "Show the plan, ask, send, and write the results."),
    Example(
        f'{PROGRAM} run events.csv --sandbox --faults "429=5%,lost-answer=1%"',
        "Rehearse it over a bad network, on a local stand-in for Mixpanel; needs no account.",
    ),
)

_ANY_CREDENTIALS: Final = "From MIXPANEL_PROJECT_TOKEN, or another set that mixpanel-importer --help names."
_ONE_KIND: Final = "A project token, from MIXPANEL_PROJECT_TOKEN in the environment or .env; no other kind."
"""What stands below the heading of credentials, where a command takes only that."""

OTHER_OPTIONS: Final = (
    ("--version", "Show the version and exit."),
    (
        "--install-completion [SHELL]",
        "Complete commands by Tab in bash, zsh or fish. [default: that of $SHELL]",
    ),
    ("--show-completion [SHELL]", "Print the script of it, to be put elsewhere."),
)
"""Options without a command."""

HELP_OPTION: Final = ("-h, --help", "Show this help and exit.")

ENVIRONMENT_NOTE: Final = (
    "Credentials may stand in a file .env as well; those of the environment take precedence."
)

ENVIRONMENT: Final = (
    (
        "MIXPANEL_PROJECT_TOKEN",
        "The project's token: enough for everything, and the only kind that track takes.",
    ),
    (
        "MIXPANEL_SERVICE_ACCOUNT_USERNAME, MIXPANEL_SERVICE_ACCOUNT_SECRET, MIXPANEL_PROJECT_ID",
        "A service account instead.",
    ),
    ("MIXPANEL_API_SECRET", "The project's API secret instead, as older projects have one."),
    ("MIXPANEL_BASE_URL", "Another server than Mixpanel's, as with --base-url. In .env it is refused."),
    (
        "SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE",
        "The certificates to trust, instead of those that this system trusts.",
    ),
    ("HTTPS_PROXY, ALL_PROXY, NO_PROXY", "The proxy, and the hosts that need none."),
    ("NO_COLOR", "Write no colours."),
)
"""The variables that are read, and what they mean."""

EXIT_CODES: Final = (
    (0, "Every record is imported, or valid in a dry run."),
    (1, "Finished, but some records were not taken, or some sources left out."),
    (2, "Wrong usage, or a difference that needs a decision; nothing was sent."),
    (3, "Stopped at --max-errors."),
    (4, "Credentials, configuration or destination refused."),
    (5, "The network, the server, the disk or the source gave out: go on with --resume."),
    (6, "The counts do not add up."),
    (70, "An error of the importer itself: please report it."),
    (130, "Interrupted: go on with --resume."),
    (141, "What reads standard output has ended."),
)

_Table = tuple[str, str, Sequence[tuple[str, str]]]
"""A heading, a note below it, and rows of two columns."""

_INDENT: Final = 2
_WIDEST_LABEL: Final = 23
"""Most columns of what stands on one line with its text."""
_WIDEST: Final = 100
_NO_BREAK: Final = "\xa0"


def terminal_width() -> int:
    """Return the width of the help: that of the terminal, at most 100 columns; 80 where there is none."""
    return min(shutil.get_terminal_size((80, 24)).columns, _WIDEST)


def overview(commands: Sequence[Command], width: int) -> str:
    """Return the help of the program.

    Args:
        commands: All commands, in the order in which they are shown.
        width: Columns.
    """
    return _page(
        width,
        f"Usage: {PROGRAM} COMMAND [OPTIONS]",
        [SUMMARY],
        EXAMPLES,
        [
            ("Commands", "", [(command.name, command.paragraphs[0]) for command in commands]),
            ("Options", "", [*OTHER_OPTIONS, HELP_OPTION]),
            ("Environment", ENVIRONMENT_NOTE, ENVIRONMENT),
            ("Exit codes", "", [(str(code), text) for code, text in EXIT_CODES]),
        ],
        f"{PROGRAM} help COMMAND lists the options of a command.",
    )


def command_help(command: Command, width: int) -> str:
    """Return the help of a command.

    Args:
        command: The command.
        width: Columns.
    """
    tables = list(sections(command))
    if command.argument:
        tables.insert(0, ("Argument", "", [command.argument[1][:2]]))
    return _page(width, f"Usage: {command.usage}", command.paragraphs, command.examples, tables)


def sections(command: Command) -> Iterator[_Table]:
    """Yield each heading with options below it: the heading, a note, and the options with their texts."""
    has_help = False
    for heading, group in groupby(command.options(), key=lambda option: option.heading):
        options = list(group)
        rows = [(label(option), option.text) for option in options]
        if heading == "Output":
            rows.append(HELP_OPTION)
            has_help = True
        yield heading, _note(heading, options), rows
    if not has_help:
        yield "Output", "", [HELP_OPTION]


def _note(heading: Heading, options: Iterable[DeclaredOption]) -> str:
    if heading != "Credentials":
        return ""
    return _ANY_CREDENTIALS if any(option.name == "credentials" for option in options) else _ONE_KIND


def label(option: DeclaredOption) -> str:
    """Return the flags of an option with what stands for its value."""
    return " ".join(filter(None, (", ".join(option.flags), option.metavar)))


def _page(
    width: int,
    usage: str,
    paragraphs: Iterable[str],
    examples: Sequence[Example],
    tables: Sequence[_Table],
    last: str = "",
) -> str:
    lines = [usage]
    for paragraph in paragraphs:
        lines += ["", *_wrap(paragraph, width)]
    if examples:
        lines += ["", "Examples:"]
        for example in examples:
            lines += [*(f"  {line}" for line in example.line.split("\n")), *_wrap(example.does, width, 6)]
    labels = [name for _, _, rows in tables for name, _ in rows if len(name) <= _WIDEST_LABEL]
    column = _INDENT + max(map(len, labels)) + 2
    for heading, note, rows in tables:
        lines += ["", f"{heading}:", *_wrap(note, width, _INDENT)]
        for name, text in rows:
            lines += _row(name, text, width, column)
    if last:
        lines += ["", *_wrap(last, width)]
    return "\n".join(lines) + "\n"


def _row(name: str, text: str, width: int, column: int) -> list[str]:
    before, bracket, facts = text.rpartition(" [")
    if bracket and len(facts) + 1 <= width - column:  # what is said of the default stays on one line
        text = f"{before} [{facts.replace(' ', _NO_BREAK)}"
    texts = [line.replace(_NO_BREAK, " ") for line in _wrap(text, width, column)]
    if len(name) > _WIDEST_LABEL:
        return [*_wrap(name, width, _INDENT), *texts]
    return [f"{'':{_INDENT}}{name:<{column - _INDENT}}{texts[0].lstrip()}", *texts[1:]]


def _wrap(text: str, width: int, indent: int = 0) -> list[str]:
    """Return a text as lines of at most ``width`` columns; no word is broken."""
    blank = " " * indent
    return textwrap.wrap(
        text,
        width,
        initial_indent=blank,
        subsequent_indent=blank,
        break_long_words=False,
        break_on_hyphens=False,
    )
