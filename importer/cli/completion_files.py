"""Where shells look for their completion."""

from __future__ import annotations

import os
from pathlib import Path

from importer.errors import UsageError
from importer.text import PROGRAM, shell_word


def install_completion(shell: str, script: str) -> str:
    """Write the script of a shell to where it is found, and return what was done, for people.

    bash and zsh get a line in their start-up file as well, once.

    Raises:
        UsageError: A file can't be written.
    """
    try:
        return _install(shell, script)
    except OSError as error:
        raise UsageError(
            f"--install-completion: {error.filename} can't be written: {error.strerror}",
            f"{PROGRAM} --show-completion {shell} prints the script, to be put where your {shell} finds it.",
        ) from None


def _install(shell: str, script: str) -> str:
    home = Path.home()
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    if shell == "fish":
        config = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
        return _written(config / f"fish/completions/{PROGRAM}.fish", script) + _new(shell)
    if shell == "bash":
        path, start_up = data / f"bash-completion/completions/{PROGRAM}", home / ".bashrc"
    else:
        path = data / f"{PROGRAM}/completion.zsh"
        start_up = Path(os.environ.get("ZDOTDIR") or home) / ".zshrc"
    return _written(path, script) + _read_by(start_up, path) + _new(shell)


def _written(path: Path, script: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script, "utf-8")
    return f"Written: {path}\n"


def _read_by(start_up: Path, path: Path) -> str:
    """Let a start-up file read the script, unless it does."""
    quoted = shell_word(str(path))
    line = f"[ ! -r {quoted} ] || . {quoted}  # completion of {PROGRAM}"
    before = start_up.read_text("utf-8", "surrogateescape") if start_up.exists() else ""
    if line in before.splitlines():
        return ""
    with start_up.open("a", encoding="utf-8") as file:
        file.write(("" if not before or before.endswith("\n") else "\n") + line + "\n")
    return f"Added to {start_up}: {line}\n"


def _new(shell: str) -> str:
    return f"It works in each {shell} that is started from now on.\n"
