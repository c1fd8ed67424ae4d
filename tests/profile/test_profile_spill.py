"""Rows of numbers that are put aside: all of them come back, equal ones together and in their order."""

from __future__ import annotations

import pickle
from array import array
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from importer.errors import StorageError
from importer.profile.spill import Spill

MANY = 300_000  # rows of two numbers, so many that their file is handed over


def rows(numbers: Iterable[int], start: int) -> bytes:
    """Return rows of a number, and of another one that is one more than that of the row before."""
    made = array("Q")
    for at, number in enumerate(numbers, start):
        made.extend((number, at))
    return made.tobytes()


def found(spill: Spill) -> dict[int, list[int]]:
    """Return the second numbers by the first, which must come in one block."""
    by_first: dict[int, list[int]] = {}
    for block in spill.blocks():
        numbers = array("Q", block)
        new: dict[int, list[int]] = {}
        for first, second in zip(numbers[::2], numbers[1::2], strict=True):
            new.setdefault(first, []).append(second)
        assert not by_first.keys() & new.keys()
        by_first |= new
    return by_first


def shared(folder: Path, numbers: Iterable[int], start: int, most: int = 100_000) -> Spill:
    spill = Spill(2, most, folder, shared=True)
    spill.add(rows(numbers, start))
    return pickle.loads(pickle.dumps(spill))  # type: ignore[no-any-return]


def test_rows_of_large_and_small_spills_come_back_in_order(tmp_path: Path):
    counts = [5, MANY, 3, 5_000, MANY, 7]
    starts = [sum(counts[:n]) for n in range(len(counts))]
    first, *others = [
        shared(tmp_path, range(7, 7 + count), start) for count, start in zip(counts, starts, strict=True)
    ]
    for other in others:
        first.merge(other)
    assert len(list(tmp_path.iterdir())) < 5
    with closing(first):
        assert first.count == sum(counts)
        by_first = found(first)
    assert sum(map(len, by_first.values())) == sum(counts)
    assert by_first[8] == [start + 1 for start in starts]
    assert by_first[MANY] == [starts[1] + MANY - 7, starts[4] + MANY - 7]
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_gone_or_cut_is_an_error(tmp_path: Path):
    for damage in (Path.unlink, lambda path: path.write_bytes(b"12345678")):
        spill = shared(tmp_path, range(1, 5_000), 0)
        (path,) = tmp_path.iterdir()
        damage(path)
        with closing(spill), pytest.raises(StorageError):
            list(spill.blocks())


def test_a_spill_of_one_process_leaves_no_name_and_is_not_handed_over(tmp_path: Path):
    with closing(Spill(2, 100, tmp_path)) as spill:
        spill.add(rows(range(1, 500), 0))
        assert not list(tmp_path.iterdir())
        with pytest.raises(TypeError):
            pickle.dumps(spill)
        assert len(found(spill)) == 499
