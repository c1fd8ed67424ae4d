"""The help as a person sees it: ``--help``, the command ``help`` and the manual page."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import termios
import tomllib
from pathlib import Path
from unicodedata import east_asian_width

import pytest
from end_to_end_helpers import Shell

from importer import __version__
from importer.cli.app import COMMANDS
from importer.cli.help_page import EXAMPLES, EXIT_CODES, command_help, overview
from importer.cli.man_page import man_page
from importer.errors import ImporterError

ROOT = Path(__file__).resolve().parent.parent.parent
HEADINGS = {
    "run": ["Sources", "Reading", "Mapping", "Checking", "Delivery", "Credentials", "Results", "Output"],
    "retry": ["Records", "Reading", "Mapping", "Delivery", "Credentials", "Results", "Output"],
    "status": ["Output"],
    "preview": ["Reading", "Mapping", "Results", "Output"],
    "track": ["Event", "Checking", "Delivery", "Credentials", "Output"],
    "sandbox": ["Server", "Output"],
    "help": ["Output"],
}
WORDS = [["--help"], *([command, "--help"] for command in HEADINGS)]


def shown(*words: str) -> str:
    """Return what a command prints that does not write to a terminal."""
    done = Shell(ROOT).type(*words)
    assert (done.code, done.err) == (0, ""), done.err
    return done.out


def shown_on_terminal(words: list[str], columns: int, code: int = 0, **variables: str) -> str:
    """Return what a command writes to a terminal of so many columns."""
    pid, end = pty.fork()
    if not pid:
        termios.tcsetwinsize(0, (24, columns))
        environ = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **variables}
        os.execve(sys.executable, [sys.executable, "-m", "importer", *words], environ)
    written = b""
    while True:
        try:
            some = os.read(end, 65536)
        except OSError:  # Linux says so where the process has ended
            some = b""
        if not some:
            break
        written += some
    os.close(end)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == code
    return written.decode().replace("\r\n", "\n")


def headings(text: str) -> list[str]:
    return re.findall(r"^(\w[\w ]*):$", text, re.MULTILINE)


def width(line: str) -> int:
    return sum(2 if east_asian_width(each) in "WF" else 1 for each in line)


@pytest.mark.parametrize("command", HEADINGS)
def test_options_stand_in_groups_in_one_order(command: str) -> None:
    found = headings(shown(command, "--help"))
    assert [each for each in found if each not in ("Examples", "Argument")] == HEADINGS[command]


def test_the_help_of_run_begins_with_three_examples() -> None:
    text = shown("run", "--help")
    examples = text.partition("Examples:\n")[2].partition("\n\n")[0]
    assert text.index("Examples:") < text.index("Sources:")
    lines = [line for line in examples.splitlines() if line.startswith("  mixpanel-importer run ")]
    assert len(lines) == 3


def test_every_example_is_a_command_that_is_understood() -> None:
    lines = [each.line for command in COMMANDS.values() for each in command.examples]
    for line in lines + [each.line for each in EXAMPLES]:
        program, name, *_ = line.split()
        assert program == "mixpanel-importer"
        known = {flag for option in COMMANDS[name].options() for flag in option.flags}
        assert set(re.findall(r"(?<= )--[\w-]+", line)) <= known


def test_the_usual_options_of_a_group_come_first() -> None:
    text = shown("run", "--help")
    for heading, first in (
        ("Sources", "--include"), ("Reading", "--format"), ("Mapping", "--preset"), ("Checking", "--dry-run"), ("Delivery", "--region"),
        ("Credentials", "--token-file"), ("Results", "--results"), ("Output", "-y, --yes"),
    ):  # fmt: skip
        options = re.findall(r"^  ((?:-\w, )?--[\w-]+)", text.partition(f"\n{heading}:\n")[2], re.MULTILINE)
        assert options[0] == first


def test_defaults_are_shown_and_the_size_of_a_batch_says_why() -> None:
    text = " ".join(shown("run", "--help").split())
    for default in (
        "Format of the source, such as csv or parquet. [default: as found]",
        "[default: 50; 1 to 2000]", "[default: 30]", "[default: automatic; 1 to 256]", "[default: us]",
        "[default: SOURCE.results.csv, in this folder]",
    ):  # fmt: skip
        assert default in text
    size = text.partition("--batch-size N")[2].partition("--concurrency")[0]
    assert "as Mixpanel's own libraries send" in size


def test_a_retry_does_as_its_run_did_and_says_so() -> None:
    text = " ".join(shown("retry", "--help").split())
    rows = dict(re.findall(r"(--[\w-]+) (?:[\w|.%,=-]+ )?([A-Z/].*?)(?= (?:-\w, )?--[\w-]+ |$)", text))
    as_in_run = "[default: as in that run]"
    for flag in ("--geoip", "--insert-id", "--region", "--base-url", "--endpoint", "--format", "--delimiter",
                 "--encoding", "--quote", "--timezone", "--map", "--set", "--no-header"):  # fmt: skip
        assert as_in_run in rows[flag], flag
        assert rows[flag].count("[default") == 1, flag
    for flag in ("--timeout", "--batch-size", "--mapping"):
        assert as_in_run not in rows[flag]
    assert "Results file, .csv or .jsonl. [default: EVENTS.results.retry-N.csv, beside RESULTS]" in text
    assert "several sources" not in text
    assert as_in_run not in " ".join(shown("run", "--help").split())


def test_the_help_of_track_promises_no_other_credentials_than_it_takes(tmp_path: Path) -> None:
    account = {"USERNAME": "robot", "SECRET": "secret"}
    environ = {f"MIXPANEL_SERVICE_ACCOUNT_{name}": value for name, value in account.items()}
    for variables in (environ | {"MIXPANEL_PROJECT_ID": "7"}, {"MIXPANEL_API_SECRET": "secret"}):
        done = Shell(tmp_path, variables).type("track", "Hi")
        assert (done.code, "lacks MIXPANEL_PROJECT_TOKEN" in done.err) == (4, True)
    text = " ".join(shown("track", "--help").split())
    note = "A project token, from MIXPANEL_PROJECT_TOKEN in the environment or .env; no other kind."
    assert f"Credentials: {note}" in text
    assert "another set" not in text
    assert "and the only kind that track takes" in " ".join(shown("--help").split())


def test_the_help_of_the_sandbox_says_where_it_keeps_what_lands() -> None:
    assert "SQLite file. [default: a temporary file]" in " ".join(shown("sandbox", "--help").split())


def test_every_option_with_a_value_and_without_a_default_may_be_left_out() -> None:
    for command in COMMANDS.values():
        for option in command.options():
            assert option.metavar or option.type is bool, option.name
            assert option.declared.metavar is None or not option.choices, "choices are listed"


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize("words", WORDS, ids=str)
def test_no_line_is_wider_than_the_terminal_and_no_word_is_broken(words: list[str], columns: int) -> None:
    text = shown_on_terminal(words, columns, TERM="xterm-256color")
    assert max(map(width, text.splitlines())) <= columns
    commands = list(COMMANDS.values())
    wide = command_help(COMMANDS[words[0]], 500) if words[0] in COMMANDS else overview(commands, 500)
    assert text.split() == wide.split()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["run", "a.csv", "--region", "usa"], "Invalid value for '--region': 'usa' is not one of 'us', 'eu', 'in'."),
        (["run", "a.csv", "--timeout", "0"], "Invalid value for '--timeout': expected a number, 0.1 or more"),
        (["run", "a.csv", "--batch-size", "x"], "expected a whole number, 1 to 2000"),
        (["sandbox", "--events-per-minute", "0"], "'--events-per-minute': expected a whole number, 1 or more"),
        (["run", "a.csv", "--no-such-option-as-this"], "No such option: --no-such-option-as-this"),
        (["track"], "Missing argument 'EVENT'."),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_with_a_command_line_is_said_on_lines_that_fit(words: list[str], found: str) -> None:
    text = shown_on_terminal(words, 60, code=2)
    assert text.startswith(f"Usage: mixpanel-importer {words[0]} ")
    assert max(map(width, text.splitlines())) <= 60
    assert found in " ".join(text.split())


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"TERM": "xterm-256color", "NO_COLOR": "1"}])
def test_the_help_holds_no_codes(variables: dict[str, str]) -> None:
    assert "\x1b" not in shown_on_terminal(["run", "--help"], 80, **variables)


def test_the_command_help_shows_the_same() -> None:
    assert shown("help") == shown("--help") == shown("-h")
    for command in HEADINGS:
        assert shown("help", command) == shown(command, "--help") == shown(command, "-h")


@pytest.mark.parametrize("words", [["help", "rum"], ["rum", "events.csv"]])
def test_a_command_that_is_not_known_is_compared_with_those_that_are(words: list[str]) -> None:
    done = Shell(ROOT).type(*words)
    assert (done.code, done.out) == (2, "")
    assert "did you mean 'run'?" in done.err


def test_the_overview_names_completion_variables_and_exit_codes() -> None:
    text = shown("--help")
    for name in ("--install-completion", "--show-completion", "MIXPANEL_PROJECT_TOKEN", "MIXPANEL_BASE_URL",
                 "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):  # fmt: skip
        assert f"  {name}" in text or f", {name}" in text
    kinds = [ImporterError, *ImporterError.__subclasses__()]
    assert {code for code, _ in EXIT_CODES} == {0, 70, 141, *(kind.exit_code for kind in kinds)}


# ── the manual page ──────────────────────────────────────────────────────────────────────────────


def test_the_manual_page_is_that_of_the_help() -> None:
    written = (ROOT / "docs/mixpanel-importer.1").read_text("utf-8")
    assert written == man_page(list(COMMANDS.values()), __version__), (
        "bring it up to date: mixpanel-importer help --man > docs/mixpanel-importer.1"
    )
    assert shown("help", "--man") == written


def rendered(path: Path) -> str:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not installed")
    done = subprocess.run(
        [groff, "-man", "-ww", "-Tutf8", "-P-cbou", str(path)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout


def test_man_shows_every_option_with_its_text() -> None:
    page = " ".join(rendered(ROOT / "docs/mixpanel-importer.1").replace("\u2010\n", "").split())
    for command in COMMANDS.values():
        assert command.usage in page
        for option in command.options():
            assert f"{', '.join(option.flags)} {option.metavar}".strip() in page
            assert " ".join(option.text.split()) in page


def test_a_wheel_holds_the_manual_page_where_man_looks() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    files = project["tool"]["setuptools"]["data-files"]["share/man/man1"]
    assert [(ROOT / name).name for name in files if (ROOT / name).exists()] == ["mixpanel-importer.1"]
