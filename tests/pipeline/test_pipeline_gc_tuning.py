"""The cycle collector during a run."""

from __future__ import annotations

import gc

import pytest

from importer.pipeline.gc_tuning import relaxed_gc


def test_the_collector_runs_less_often_in_the_block_and_as_before_after_it() -> None:
    before = gc.get_threshold()
    with relaxed_gc():
        assert gc.get_threshold()[0] >= 10 * before[0]
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_an_error_restores_the_collector_too() -> None:
    before = gc.get_threshold()
    with pytest.raises(ZeroDivisionError), relaxed_gc():
        raise ZeroDivisionError
    assert gc.get_threshold() == before


def test_cycles_are_still_found() -> None:
    class Node:
        alive = 0

        def __init__(self) -> None:
            self.own = self
            Node.alive += 1

        def __del__(self) -> None:
            Node.alive -= 1

    with relaxed_gc():
        for _ in range(300_000):
            Node()
        assert Node.alive < 200_000
    gc.collect()
    assert Node.alive == 0
