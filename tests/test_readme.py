"""Each command of the README is run, and must print the output that the README shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import fault_server
import pytest

ROOT = Path(__file__).resolve().parent.parent
_CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
_VARYING = (
    (re.compile(r"https?://(127\.0\.0\.1:\d+|api\.mixpanel\.com)"), "https://HOST"),
    (re.compile(r"\b\d+\.\d s(, [\d,]+ records a second)?"), "N s"),
    (
        re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ to 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ  "),
        "BEGIN to END  ",
    ),
)


def readme_commands(text: str) -> list[tuple[str, str]]:
    """Return each command of the README with the output that stands below it."""
    found = []
    for block in _CONSOLE.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


def without_varying_parts(text: str) -> str:
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def run_command(command: str, folder: Path, url: str) -> str:
    environ = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "MIXPANEL_PROJECT_TOKEN": "readme-token",
        "MIXPANEL_BASE_URL": url,
    }
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environ, stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout


@pytest.mark.slow
def test_every_command_of_the_readme_prints_what_the_readme_shows(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "samples", tmp_path / "samples")
    commands = readme_commands((ROOT / "README.md").read_text("utf-8"))
    assert len(commands) >= 8
    with fault_server.running() as url:
        for command, output in commands:
            assert without_varying_parts(run_command(command, tmp_path, url)) == without_varying_parts(
                output
            ), command


def test_every_option_is_described_and_every_command_named() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    text = subprocess.run(
        [sys.executable, "-m", "importer", "--help"], capture_output=True, text=True, check=True
    ).stdout
    commands = re.findall(r"^  (\w+)  ", text.partition("Commands:")[2].partition("\n\n")[0], re.MULTILINE)
    assert commands == ["run", "retry", "status", "preview", "track", "sandbox", "help"]
    for command in commands:
        assert f"mixpanel-importer {command}" in readme
        shown = subprocess.run(
            [sys.executable, "-m", "importer", command, "--help"], capture_output=True, text=True, check=True
        ).stdout
        options = re.findall(r"^  (?:-\w, )?(--[\w-]+)( [^\n]*)?\n?", shown, re.MULTILINE)
        assert options
        for name, rest in options:
            following = shown.partition(name)[2][:200].strip()
            assert rest.strip() or following, f"{command} {name} has no help"


@pytest.mark.parametrize(
    "sample", sorted(p.name for p in (ROOT / "samples").glob("*.*") if p.suffix != ".toml")
)
def test_every_sample_is_used_by_the_readme_and_can_be_dry_run(sample: str, tmp_path: Path) -> None:
    assert f"samples/{sample}" in (ROOT / "README.md").read_text("utf-8")
    options = ["--mapping", str(ROOT / "samples/broken.toml")] if sample == "broken.csv" else []
    done = subprocess.run(
        [sys.executable, "-m", "importer", "run", str(ROOT / "samples" / sample), "--dry-run", *options],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == (1 if sample == "broken.csv" else 0), done.stderr


if __name__ == "__main__":  # python tests/test_readme.py FOLDER URL: bring the README's outputs up to date
    text = (ROOT / "README.md").read_text("utf-8")
    for old, _ in readme_commands(text):
        printed = run_command(old, Path(sys.argv[1]), sys.argv[2])
        printed = printed.replace(sys.argv[2], "https://api.mixpanel.com")
        text = re.sub(
            rf"^\$ {re.escape(old)}\n(?:(?!\$ |```).*\n)*",
            lambda _, c=old, o=printed: f"$ {c}\n{o.rstrip()}\n",
            text,
            flags=re.MULTILINE,
        )
    (ROOT / "README.md").write_text(text, "utf-8")
