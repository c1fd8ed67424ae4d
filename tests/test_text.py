"""Words of a command line: a shell reads back what they were made of."""

from __future__ import annotations

import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.text import nearest, shell_word, shell_words


def read_back(shell: str, words: str) -> list[str]:
    """What a shell hands to a program that is called with these words."""
    done = subprocess.run(
        [shell, "-c", f"printf '%s\\0' {words}"],
        env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    return [os.fsdecode(word) for word in done.stdout.split(b"\0")[:-1]]


FILE_NAMES = st.binary(max_size=20).map(lambda name: os.fsdecode(name.replace(b"\0", b"")))
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(st.lists(FILE_NAMES | TEXTS, min_size=1, max_size=30))
def test_bash_reads_back_any_words(texts: list[str]) -> None:
    line = shell_words(texts)
    assert line.isprintable()
    assert read_back("bash", line) == texts


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("events.csv", "events.csv"),
        ("my events.csv", "'my events.csv'"),
        ("Größe 杯", "'Größe 杯'"),
        ("", "''"),
        ("a\nb", r"$'a\nb'"),
        ("it's\t\\", r"$'it\'s\t\\'"),
        ("\x1b[2J1", r"$'\x1b[2J1'"),
        ("\x7f\x85\u202e", r"$'\x7f\xc2\x85\xe2\x80\xae'"),
        (os.fsdecode(b"\xff0"), r"$'\xff0'"),
        ("\ud800", r"$'\xed\xa0\x80'"),
    ],
)
def test_a_word_is_quoted_only_where_it_must_be(text: str, word: str) -> None:
    assert shell_word(text) == word


@pytest.mark.parametrize(
    ("name", "near"),
    [("EVENT", "event"), ("plattform", "platform"), ("src", ""), ("zz", "")],  # src and c share a letter
)
def test_the_name_that_was_meant_is_looked_for_in_any_case(name: str, near: str) -> None:
    said = f"; did you mean {near!r}?" if near else ""
    assert nearest(name, ["time", "event", "platform", "c"]) == said
