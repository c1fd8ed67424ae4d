"""What fails as a command starts is one message with its exit code: 1 would mean that records were not taken."""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from end_to_end_helpers import TIMEOUT, TOKEN, Shell, command, simple_csv, statuses


def in_shell(shell: Shell, words: str, redirected: str, before: str = "") -> tuple[int, str, str]:
    """Type a command into ``sh``, for what only a shell does; return its exit code and what it printed."""
    line = f"{before}{shlex.join(command(shlex.split(words)))} {redirected}"
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=shell.folder,
        env=shell.environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def place(bare: Shell) -> Shell:
    bare.write("events.csv", simple_csv(3))
    return bare


@pytest.fixture
def real(place: Shell) -> Shell:
    """An address where nobody listens, and no credentials but those of a file."""
    return place.with_environ(MIXPANEL_BASE_URL="http://127.0.0.1:9")


# ── credentials ──────────────────────────────────────────────────────────────────────────────────


def test_a_dotenv_that_is_not_utf_8_is_refused_by_name(real: Shell) -> None:
    real.write(".env", f"MIXPANEL_PROJECT_TOKEN={TOKEN}\n".encode("utf-16"))
    result = real.type("run", "events.csv", "--yes")
    assert result.code == 4
    assert result.err.startswith("Stopped: .env: can't be read: it is not text in UTF-8\n")
    assert TOKEN not in result.err


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_dotenv_may_begin_with_the_mark_of_utf_8(real: Shell, mark: bytes) -> None:
    real.write(".env", mark + f"MIXPANEL_PROJECT_TOKEN={TOKEN}\n".encode())
    assert real.type("run", "events.csv", "--yes", "--max-retries", "0").code == 5  # it was sent


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_dotenv_that_may_not_be_read_is_refused_by_name(real: Shell) -> None:
    real.write(".env", f"MIXPANEL_PROJECT_TOKEN={TOKEN}\n").chmod(0)
    result = real.type("run", "events.csv", "--yes")
    assert (result.code, ".env: can't be read: Permission denied" in result.err) == (4, True)


def test_a_dotenv_that_is_not_needed_is_not_read(real: Shell) -> None:
    real.write(".env", b"\xff\xfe")
    shell = real.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN)
    assert shell.type("run", "events.csv", "--yes", "--max-retries", "0").code == 5  # it was sent


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f'MIXPANEL_PROJECT_TOKEN="{TOKEN}', 1),
        (f"\n# ours\n\n  MIXPANEL_PROJECT_TOKEN='{TOKEN}\n", 4),
        (f"BROKEN LINE\nMIXPANEL_PROJECT_TOKEN={TOKEN}\n", 1),
        (f"A=1\r\nMIXPANEL_PROJECT_TOKEN {TOKEN}\r\n", 2),
    ],
)
def test_a_line_of_dotenv_that_can_not_be_read_is_named(real: Shell, text: str, line: int) -> None:
    real.write(".env", text.encode())
    for words in (["run", "events.csv", "--yes"], ["track", "Hi"]):
        result = real.type(*words)
        assert (result.code, result.out) == (4, "")
        assert result.err.startswith(f"Stopped: .env: line {line} can't be read\nExpected is NAME=value, ")
        assert TOKEN not in result.err
    assert "dotenv" not in real.type("run", "events.csv", "--dry-run").err, "a library's own line"


def test_a_server_in_a_line_of_dotenv_that_can_not_be_read_is_refused_as_well(place: Shell) -> None:
    place.write(".env", 'MIXPANEL_BASE_URL="https://example.com\n')
    result = place.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN).type("run", "events.csv", "--yes")
    assert result.code == 4
    assert result.err.startswith("Stopped: .env holds MIXPANEL_BASE_URL")


def _folder(path: Path) -> None:
    path.mkdir()


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_folder, "is a folder"),
        (_loop, "can't be read: Too many levels of symbolic links"),
        (_dangling, "can't be read: No such file or directory"),
        (os.mkfifo, "is no file, but a pipe or a device"),
    ],
)
def test_a_dotenv_that_is_no_file_is_named(place: Shell, make: Callable[[Path], None], why: str) -> None:
    make(place.folder / ".env")
    result = place.type("run", "events.csv", "--yes")
    assert result.code == 4
    assert result.err.startswith(f"Stopped: no credentials: the environment has none, and .env {why}\n")
    shell = place.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN, MIXPANEL_BASE_URL="http://127.0.0.1:9")
    assert shell.type("run", "events.csv", "--yes", "--max-retries", "0").code == 5  # it was sent


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("garbage", "the base URL 'garbage' is not an http(s) address: expected https://host[:port]."),
        ("http://example.com", "the base URL 'http://example.com' is plain http: "),
        ("https://example.com/track", "the base URL 'https://example.com/track' ends with the endpoint, "),
        ("https://me:secret@example.com", "the base URL holds a user name or a password."),
        ("https://example.com:x", "the base URL can't be read: "),
    ],
)
def test_a_server_of_the_environment_that_can_not_be_used_is_named_with_its_variable(
    place: Shell, url: str, why: str
) -> None:
    shell = place.with_environ(MIXPANEL_BASE_URL=url, MIXPANEL_PROJECT_TOKEN=TOKEN)
    for words in (["run", "events.csv", "--yes"], ["track", "Hi"]):
        result = shell.type(*words)
        assert (result.code, result.out) == (4, "")
        assert result.err.startswith(f"Stopped: MIXPANEL_BASE_URL can't be used: {why}")
        assert result.err.endswith("Without it, events go to Mixpanel: unset MIXPANEL_BASE_URL\n")
        assert "--base-url" not in result.err
        option = place.type(*words, "--base-url", url)
        assert option.code == 4
        assert "MIXPANEL_BASE_URL" not in option.err


# ── mapping files ────────────────────────────────────────────────────────────────────────────────

MAPPINGS = {
    "brackets": "x = " + "[" * 100_000,
    "braces": "x = " + "{a=" * 100_000,
    "lists in one another": "[set]\nx = " + "[" * 30_000 + "]" * 30_000,
    "tables in one another": f"[set{'.a' * 3_000}]\nx = 1",
    "a key of many parts": f"{'.'.join('a' * 100_000)} = 1",
    "a key of many quoted parts": '"a b" . ' * 20_000 + "a = 1",
    "digits": "[set]\nx = " + "1" * 5_000,
    "NUL": "\0",
    "no UTF-8": b"\xff",
}


@pytest.mark.parametrize("content", MAPPINGS.values(), ids=MAPPINGS)
def test_a_mapping_file_that_can_not_be_read_is_refused_by_name(place: Shell, content: str | bytes) -> None:
    place.write("m.toml", content)
    for words in (("run", "events.csv", "--dry-run", "--mapping"), ("preview", "events.csv", "--save")):
        result = place.type(*words, "m.toml")
        assert result.code == 2, words
        assert "Stopped: m.toml: " in result.err
        assert "sys." not in result.err, "that is advice for programmers"


def test_a_key_of_too_many_parts_is_named_by_its_line(place: Shell) -> None:
    dots = ".".join("a" * 200)
    text = f'tag = "{dots}"  # {dots}\nnull = ["""\n{dots}\n"""]\n'
    place.write("m.toml", text)
    assert place.type("run", "events.csv", "--dry-run", "--mapping", "m.toml").code == 0
    place.write("m.toml", f"{text}[set]\n{dots} = 1\n")
    result = place.type("run", "events.csv", "--dry-run", "--mapping", "m.toml")
    assert (result.code, result.err.splitlines()[0]) == (
        2,
        "Stopped: m.toml: line 6 has a key of more than 100 parts",
    )


@pytest.mark.parametrize("digits", ["1" * 5_000, "0x" + "f" * 5_000])
@pytest.mark.parametrize("table", ["", "[set]\n"])
def test_a_number_of_thousands_of_digits_needs_no_programmer(place: Shell, table: str, digits: str) -> None:
    place.write("m.toml", f"{table}tag = {digits}\n")
    result = place.type("run", "events.csv", "--dry-run", "--mapping", "m.toml")
    assert (result.code, result.err) == (
        2,
        "Stopped: m.toml: a number in it has thousands of digits\nPut it in quotes: as a text.\n",
    )


def test_the_mapping_of_a_copy_is_held_to_the_same_bound(place: Shell) -> None:
    place.write("copy.csv", simple_csv(3))
    place.write("copy.csv.toml", f"{'.'.join('a' * 100_000)} = 1\n[failed_rows]\n")
    assert place.type("run", "copy.csv", "--dry-run").code == 0


def test_a_line_of_a_million_blanks_in_a_mapping_file_costs_no_time(place: Shell) -> None:
    place.write("m.toml", " " * 1_000_000 + "\nformat = 7\n")
    result = place.type("run", "events.csv", "--dry-run", "--mapping", "m.toml")
    assert (result.code, "m.toml, line 2: format" in result.err) == (2, True)


def test_a_line_of_json_without_its_time_is_invalid_alone(place: Shell) -> None:
    lines = ['{"event":"a","time":1700000000}', '{"event":"a","time":}', '{"event":"a","time":,"n":1}']
    place.write("events.jsonl", "\n".join([*lines, lines[0].replace("a", "b")]) + "\n")
    result = place.type("run", "events.jsonl", "--dry-run")
    assert (result.code, "Traceback" in result.err) == (1, False)
    expected = ["valid", "invalid", "invalid", "valid"]
    assert statuses(place.results("events.dry-run.csv")) == expected


# ── the process ──────────────────────────────────────────────────────────────────────────────────


def test_a_run_needs_no_folder_for_temporary_files(place: Shell) -> None:
    shell = place.with_environ(TMPDIR="/nowhere", TMP="/nowhere", TEMP="/nowhere")
    blocked = "import tempfile; tempfile._get_default_tempdir = lambda: 1 / 0; import runpy, sys;"
    done = subprocess.run(
        [sys.executable, "-c", f"{blocked} runpy.run_module('importer', run_name='__main__')",
         "run", "events.csv", "--dry-run"],
        cwd=shell.folder, env=shell.environment(), capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_streams_that_are_closed_harm_no_run(place: Shell, closed: str) -> None:
    """Else the results file gets the number of a stream, and what is written to that."""
    code, _, _ = in_shell(place, "run events.csv --sandbox --json", closed)
    assert code == 0
    assert statuses(place.results("events.sandbox.csv")) == ["imported"] * 3


def test_nobody_is_asked_where_standard_input_is_closed(real: Shell) -> None:
    shell = real.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN)
    code, _, said = in_shell(shell, "run events.csv", "<&-")
    assert (code, "nobody to ask" in said) == (2, True)


@pytest.mark.parametrize(
    "words", ["run events.csv --dry-run --json", "preview events.csv", "--help", "--version"]
)
def test_a_full_disk_under_standard_output_ends_with_5(place: Shell, words: str) -> None:
    code, _, said = in_shell(place, words, ">/dev/full")
    assert (code, "No space left on device" in said) == (5, True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [("run events.csv --dry-run", 0), ("run nosuch.csv --dry-run", 2), ("run --nosuch", 2)],
)
def test_a_full_disk_under_standard_error_changes_no_exit_code(
    place: Shell, words: str, expected: int
) -> None:
    assert in_shell(place, words, "2>/dev/full")[0] == expected


@pytest.mark.parametrize("words", ["preview events.csv", "--help"])
def test_a_reader_that_has_ended_is_no_failure_of_records(place: Shell, words: str) -> None:
    process = subprocess.Popen(
        command(shlex.split(words)), cwd=place.folder, env=place.environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    process.stdout.close()
    assert process.stderr
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(TIMEOUT) == 141
    assert b"Traceback" not in said


def test_a_folder_that_was_deleted_is_named_as_the_cause(place: Shell) -> None:
    code, _, said = in_shell(place, "run events.csv --dry-run", "", "mkdir gone; cd gone; rmdir ../gone; ")
    assert (code, "the folder in which this was typed was deleted" in said) == (2, True)


@pytest.mark.parametrize("environ", [{}, {"LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_neither_a_home_nor_a_locale_is_needed(place: Shell, environ: dict[str, str]) -> None:
    done = subprocess.run(
        command(["run", "events.csv", "--sandbox"]), cwd=place.folder, env=environ,
        capture_output=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def with_few_files(shell: Shell, words: str, allowed: int, most: int) -> tuple[int, str]:
    """Run a command that may have so many files open; return its exit code and what it said."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))

    done = subprocess.run(
        command(shlex.split(words)), cwd=shell.folder, env=shell.environment(), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=TIMEOUT, check=False, preexec_fn=limit,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_few_files_that_may_be_open_end_with_5_or_are_enough(place: Shell) -> None:
    code, said = with_few_files(place, "run events.csv --dry-run", 5, 5)
    assert (code, "Too many open files" in said) == (5, True)
    assert with_few_files(place, "run events.csv --dry-run", 12, 12)[0] == 0


@pytest.mark.parametrize("allowed", [5, 6, 7, 9, 12, 16, 24, 60])
@pytest.mark.parametrize("words", ["run events.csv --sandbox", "run events.csv --yes", "sandbox --port 0"])
def test_connections_that_can_not_be_open_are_not_begun(real: Shell, words: str, allowed: int) -> None:
    """A sandbox would wait for them for ever."""
    shell = real.with_environ(MIXPANEL_PROJECT_TOKEN=TOKEN)
    code, said = with_few_files(shell, words, allowed, allowed)
    assert code == 5
    assert "Too many open files" in said or said.startswith(f"Stopped: only {allowed} files may be open")
    assert "ulimit -n" in said
    assert not list(shell.folder.glob("*.results.csv"))


def test_fewer_connections_do_with_fewer_files(place: Shell) -> None:
    place.write("events.csv", simple_csv(2_000))
    assert with_few_files(place, "run events.csv --sandbox --concurrency 4", 32, 32)[0] == 0
    assert statuses(place.results("events.sandbox.csv")) == ["imported"] * 2_000


def test_as_many_files_are_opened_as_the_system_lets(place: Shell) -> None:
    assert with_few_files(place, "run events.csv --sandbox", 12, 256)[0] == 0
