"""What the README and the pages of docs/ are to name. Their commands are typed by test_documents.py."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from documents import ROOT, all_pages


def test_every_option_is_described_and_every_command_named() -> None:
    readme = all_pages()
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
def test_every_sample_is_on_a_page_and_can_be_dry_run(sample: str, tmp_path: Path) -> None:
    assert f"samples/{sample}" in all_pages()
    options = ["--mapping", str(ROOT / "samples/broken.toml")] if sample == "broken.csv" else []
    done = subprocess.run(
        [sys.executable, "-m", "importer", "run", str(ROOT / "samples" / sample), "--dry-run", *options],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == (1 if sample == "broken.csv" else 0), done.stderr


@pytest.mark.parametrize("preset", sorted(p.stem for p in (ROOT / "importer/presets").glob("*.toml")))
def test_the_readme_says_how_to_come_from_each_tool_that_has_a_preset(preset: str) -> None:
    lines = [
        line for line in (ROOT / "README.md").read_text("utf-8").splitlines() if f"--preset {preset}" in line
    ]
    assert any(line.startswith("| ") for line in lines)
