"""Completion by Tab, in the shells themselves."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from importer.cli.app import COMMANDS
from importer.cli.completion import check_shell, completion_script
from importer.cli.completion_files import install_completion
from importer.errors import UsageError

SHELLS = ("bash", "zsh", "fish")
FLAGS = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"], "fish": ["--no-config", "-i"]}
PATIENCE = 60

COMPLETED = [
    ("ru\t", ["run"]),
    ("run --reg\te\t", ["run", "--region", "eu"]),
    ("run --region=i\t", ["run", "--region=in"]),
    ("run --map even\tx", ["run", "--map", "event=x"]),
    ("run --map time=\tx", ["run", "--map", "time=x"]),
    ("run --type zip=str\t", ["run", "--type", "zip=string"]),
    ("run a\t --dry\t", ["run", "a file.csv", "--dry-run"]),
    ("run --mapping a\t", ["run", "--mapping", "a file.csv"]),
    ("run --timezone Europe/Berl\t", ["run", "--timezone", "Europe/Berlin"]),
    ("run --accept no-z\t", ["run", "--accept", "no-zone"]),
    ("retry a\t --status fai\t", ["retry", "a file.csv", "--status", "failed"]),
    ("preview --sa\ta\t", ["preview", "--save", "a file.csv"]),
    ("track a\t --dist\tu", ["track", "a", "--distinct-id", "u"]),
    ("sandbox --d\ta\t", ["sandbox", "--db", "a file.csv"]),
    ("help sta\t", ["help", "status"]),
    ("--show-comp\tz\t", ["--show-completion", "zsh"]),
]  # fmt: skip


def installed(shell: str) -> str:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not installed")
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a file to complete, and a program of the same name that shows how it was called."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/mixpanel-importer"
    program.write_text('#!/bin/sh\nfor word; do printf "<%s>" "$word"; done\necho "<END>"\n')
    program.chmod(0o755)
    (tmp_path / "a file.csv").write_text("")
    return tmp_path


def environment(home: Path) -> dict[str, str]:
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return {"HOME": str(home), "PATH": path, "TERM": "dumb", "LANG": "C.UTF-8", "HISTFILE": "/dev/null"}


class Terminal:
    """A shell at a terminal."""

    def __init__(self, words: Sequence[str], home: Path) -> None:
        self._pid, self._end = pty.fork()
        if not self._pid:
            os.chdir(home)
            os.execve(words[0], list(words), environment(home))
        self._shown = ""

    def type(self, text: str, until: str) -> str:
        """Type, and return what is shown from then on up to and with a text."""
        self._shown = ""
        os.write(self._end, text.encode())
        ends = time.monotonic() + PATIENCE
        while until not in self._shown:
            ready, _, _ = select.select([self._end], [], [], max(0, ends - time.monotonic()))
            assert ready, self._shown
            self._shown += os.read(self._end, 65536).decode(errors="replace")
        return self._shown

    def close(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._end)


@contextmanager
def terminal(words: Sequence[str], home: Path) -> Iterator[Terminal]:
    shell = Terminal(words, home)
    try:
        yield shell
    finally:
        shell.close()


def called(shell: Terminal, keys: str) -> list[str]:
    """Type the arguments of the program, and return those that it gets."""
    shown = shell.type(f"mixpanel-importer {keys}\r", "<END>")
    line = shown.rpartition("<END>")[0].rpartition("\n")[2]
    return line.strip()[1:-1].split("><")


def complete(shell: str, home: Path, lines: Sequence[str]) -> list[list[str]]:
    """Type lines with Tab into a shell that has read the script; return the words that the program gets."""
    script = home / f"script.{shell}"
    script.write_text(completion_script(shell, list(COMMANDS.values())))
    with terminal([installed(shell), *FLAGS[shell]], home) as opened:
        opened.type(f". ./script.{shell}; echo REA''DY\r", "READY")
        return [called(opened, line) for line in lines]


def as_separate_words(words: list[str]) -> list[str]:
    """zsh writes --region=eu where bash writes --region eu; the program takes both."""
    return [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_commands_options_values_and_files(shell: str, home: Path) -> None:
    got = complete(shell, home, [line for line, _ in COMPLETED])
    assert list(map(as_separate_words, got)) == [as_separate_words(words) for _, words in COMPLETED]


INSTALLED = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ""}


def install(shell: str, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "importer", "--install-completion", *words],
        cwd=home, env={**environment(home), "SHELL": f"/bin/{shell}"}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("shell", INSTALLED)
def test_what_is_installed_works_in_a_shell_that_is_started_afterwards(shell: str, home: Path) -> None:
    program = installed(shell)
    start_up = home / INSTALLED[shell]
    if INSTALLED[shell]:
        start_up.write_text("own=yes")  # without an end of line
    for _ in range(2):
        done = install(shell, home)
        assert (done.returncode, done.stderr) == (0, "")
        assert "from now on" in done.stdout
    if INSTALLED[shell]:
        lines = start_up.read_text().splitlines()
        assert lines[0] == "own=yes"
        assert len(lines) == 2, "installed twice, it is read once"
    if shell == "fish":
        asked = "complete -C 'mixpanel-importer run --reg'"
        done = subprocess.run([program, "-c", asked], cwd=home, env=environment(home), capture_output=True,
                              text=True, check=True, timeout=PATIENCE)  # fmt: skip
        assert done.stdout.startswith("--region\t")
        return
    with terminal([program, "-i"], home) as opened:
        opened.type("echo REA''DY\r", "READY")
        assert as_separate_words(called(opened, "run --reg\te\t")) == ["run", "--region", "eu"]


def test_a_shell_is_named_or_known_by_its_variable(home: Path) -> None:
    assert "Written" in install("bash", home, "fish").stdout
    assert (home / ".config/fish/completions/mixpanel-importer.fish").exists()
    assert not (home / ".bashrc").exists()
    for shell, words, found in (
        ("tcsh", [], "$SHELL names none of bash, zsh, fish"),
        ("bash", ["zish"], "did you mean 'zsh'?"),
        ("bash", ["zsh", "fish"], "takes one shell"),
    ):
        done = install(shell, home, *words)
        assert (done.returncode, found in done.stderr) == (2, True), done.stderr


def test_a_folder_that_can_not_be_written_is_named(home: Path) -> None:
    (home / ".local").write_text("a file in the way")
    done = install("bash", home)
    assert done.returncode == 2
    assert str(home / ".local") in done.stderr
    assert "--show-completion bash" in done.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_shown(shell: str, home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "importer", f"--show-completion={shell}"],
        env=environment(home), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == completion_script(shell, list(COMMANDS.values()))


def test_options_of_one_name_complete_alike_in_every_command() -> None:
    known: dict[str, object] = {}
    for command in COMMANDS.values():
        for option in command.options():
            kind = (option.type, option.choices, option.values)
            assert known.setdefault(option.name, kind) == kind, option.name


def test_fish_offers_commands_options_values_and_files(home: Path) -> None:
    script = home / "script.fish"
    script.write_text(completion_script("fish", list(COMMANDS.values())))
    lines = [
        line.rpartition("\t")[0] for line, _ in COMPLETED if line.count("\t") == 1 and line.endswith("\t")
    ]
    wanted = [words[-1] for line, words in COMPLETED if line.count("\t") == 1 and line.endswith("\t")]
    asked = "; ".join(f"complete -C 'mixpanel-importer {line}' | head -n 1" for line in lines)
    done = subprocess.run(
        [installed("fish"), "--no-config", "-c", f"source {script}; {asked}"],
        cwd=home, env=environment(home), capture_output=True, text=True, check=True, timeout=PATIENCE,
    )  # fmt: skip
    offered = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    assert offered == wanted
    assert len(wanted) > 6


# ── where shells look for it, without a shell ────────────────────────────────────────────────────


@pytest.fixture
def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of this process, in which no variable names other places."""
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR", "SHELL"):
        monkeypatch.delenv(name, raising=False)
    return home


PLACES = {
    "bash": (".local/share/bash-completion/completions/mixpanel-importer", ".bashrc"),
    "zsh": (".local/share/mixpanel-importer/completion.zsh", ".zshrc"),
    "fish": (".config/fish/completions/mixpanel-importer.fish", ""),
}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_is_written_to_where_its_shell_looks_and_what_was_done_is_said(
    shell: str, at_home: Path
) -> None:
    place, start_up = PLACES[shell]
    said = install_completion(shell, "the script é\n")
    assert (at_home / place).read_text("utf-8") == "the script é\n"
    lines = said.splitlines()
    assert lines[0] == f"Written: {at_home / place}"
    assert lines[-1] == f"It works in each {shell} that is started from now on."
    own = {".bashrc", ".zshrc"} & {path.name for path in at_home.iterdir()}
    assert own == ({start_up} if start_up else set())
    if start_up:
        line = (at_home / start_up).read_text().removesuffix("\n")
        assert lines[1] == f"Added to {at_home / start_up}: {line}"
        assert line == f"[ ! -r {at_home / place} ] || . {at_home / place}  # completion of mixpanel-importer"


@pytest.mark.parametrize(
    ("before", "between"), [("", ""), ("own=yes", "\n"), ("own=yes\n", ""), ("own='\udcff'\n", "")]
)
def test_a_start_up_file_is_added_to_once_and_keeps_what_it_held(
    before: str, between: str, at_home: Path
) -> None:
    start_up = at_home / ".bashrc"
    start_up.write_text(before, errors="surrogateescape")
    assert "Added to" in install_completion("bash", "one")
    after = start_up.read_text(errors="surrogateescape")
    assert after.startswith(before + between + "[ ! -r ")
    assert after.endswith("# completion of mixpanel-importer\n")
    said = install_completion("bash", "two")
    assert "Written" in said
    assert "Added" not in said
    assert start_up.read_text(errors="surrogateescape") == after
    assert (at_home / PLACES["bash"][0]).read_text() == "two"


def test_variables_name_other_places(at_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR"):
        monkeypatch.setenv(name, str(at_home / name.lower()))
    (at_home / "zdotdir").mkdir()
    for shell in ("zsh", "fish"):
        install_completion(shell, "x")
    assert (at_home / "xdg_data_home/mixpanel-importer/completion.zsh").exists()
    assert (at_home / "zdotdir/.zshrc").exists()
    assert (at_home / "xdg_config_home/fish/completions/mixpanel-importer.fish").exists()
    assert not (at_home / ".local").exists()


@pytest.mark.parametrize("place", [".local", ".bashrc"])
def test_what_can_not_be_written_is_named_with_what_prints_the_script(place: str, at_home: Path) -> None:
    path = at_home / place
    if place == ".local":
        path.write_text("a file in the way")
    else:
        path.mkdir()
    with pytest.raises(UsageError, match=f"--install-completion: {path}.* can't be written: ") as caught:
        install_completion("bash", "x")
    assert caught.value.remedy.startswith("mixpanel-importer --show-completion bash prints the script")


def test_the_shell_is_what_was_typed_or_else_that_of_the_variable(
    at_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    option = "--show-completion"
    with pytest.raises(UsageError, match=r"\$SHELL names none of bash, zsh, fish") as caught:
        check_shell(None, option)
    assert caught.value.remedy == "Say which: mixpanel-importer --show-completion bash"
    monkeypatch.setenv("SHELL", "/usr/local/bin/fish")
    assert check_shell(None, option) == "fish"
    assert check_shell("zsh", option) == "zsh"
    with pytest.raises(
        UsageError, match=r"--show-completion zish: unknown shell.*did you mean 'zsh'"
    ) as caught:
        check_shell("zish", option)
    assert caught.value.remedy == "Choose from bash, zsh, fish."
