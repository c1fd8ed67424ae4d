"""Results that were damaged by hand or by a disk: a command says so or reads what is left; it never breaks off."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
import typer

from importer.cli.app import app
from importer.errors import ImporterError

BEFORE = Path(__file__).parent.parent / "data" / "written_before"

NOBODY = ("--yes", "--base-url", "http://127.0.0.1:9", "--max-retries", "0", "--retry-wait", "0.01")
"""Sends to an address where nobody listens."""

COMMANDS: dict[str, Sequence[Sequence[str]]] = {
    "shop.results.csv": [
        ("status", "shop.results.csv"),
        ("run", "shop.csv", "--resume", *NOBODY),
        ("run", "shop.csv", "--overwrite", *NOBODY),
        ("retry", "shop.results.csv"),
        ("retry", "shop.results.retry-1.csv"),
    ],
    "shop.results.retry-1.csv": [
        ("status", "shop.results.csv"),
        ("retry", "shop.results.retry-1.csv"),
        ("retry", "shop.results.csv", "--resume"),
    ],
    "killed.jsonl": [
        ("status", "killed.jsonl"),
        ("run", "shop.csv", "--results", "killed.jsonl", "--resume", *NOBODY),
        ("retry", "killed.jsonl"),
    ],
    "flat.results.jsonl": [("status", "flat.results.jsonl"), ("retry", "flat.results.jsonl")],
    "shop.dry-run.csv": [("status", "shop.dry-run.csv"), ("run", "shop.csv", "--dry-run", "--resume")],
}


def damaged(content: bytes, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Yield what each damage leaves of some results."""
    for size in range(0, len(content), max(1, len(content) // 12)):
        yield f"cut at {size}", content[:size]
    lines = content.splitlines(keepends=True)
    for n in {0, 1, len(lines) // 2, len(lines) - 1}:
        before, (line, *after) = lines[:n], lines[n:]
        yield f"without line {n}", b"".join(before + after)
        yield f"line {n} twice", b"".join([*before, line, line, *after])
        yield f"line {n} later", b"".join([*before, *after[:1], line, *after[1:]])
    for many in (1, 1, 1, 1, 30):
        made = bytearray(content)
        for _ in range(many):
            made[chance.randrange(len(made))] = chance.choice([0, 10, 13, 34, 44, 255, chance.randrange(256)])
        yield f"{many} bytes changed", bytes(made)
    yield "zeros", bytes(len(content))
    yield "zeros at the end", content + bytes(4096)
    yield "nothing", b""
    yield "blank lines", b"\n" * 50
    yield "line ends of Windows", content.replace(b"\n", b"\r\n")
    yield "a mark at the beginning", b"\xef\xbb\xbf" + content


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for path in BEFORE.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    for path in tmp_path.glob("*.run.json"):
        document = json.loads(path.read_bytes())
        path.write_text(json.dumps({**document, "base_url": "http://127.0.0.1:9"}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIXPANEL_PROJECT_TOKEN", "token-of-the-crash-tests")
    return tmp_path


@pytest.mark.parametrize("name", COMMANDS)
def test_no_damage_to_results_ends_a_command_in_a_traceback(folder: Path, name: str) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    path = folder / name
    for _, content in damaged(before[path], random.Random(name)):
        for words in COMMANDS[name]:
            path.write_bytes(content)
            with suppress(ImporterError, SystemExit, typer.Exit):  # what is none of these fails the test
                app(list(words), prog_name="mixpanel-importer", standalone_mode=False)
            for each in folder.iterdir():  # nothing is sent without --yes, but a rehearsal writes
                if each not in before:
                    each.unlink()
            for each, old in before.items():
                each.write_bytes(old)


@pytest.mark.parametrize("words", COMMANDS["shop.results.csv"][:2])
def test_lines_that_are_out_of_order_are_named_with_their_file(folder: Path, words: Sequence[str]) -> None:
    path = folder / "shop.results.csv"
    head, first, second, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([head, second, first, *rest]))
    with pytest.raises(ImporterError) as caught:
        app(list(words), prog_name="mixpanel-importer", standalone_mode=False)
    assert path.name in caught.value.message
    assert caught.value.remedy
