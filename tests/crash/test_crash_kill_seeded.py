"""A few seeds of the long trial in ``bench/kill.py``: random deaths of real processes."""

from __future__ import annotations

from pathlib import Path

import kill_driver
import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", range(6))
def test_an_import_that_is_killed_at_random_lands_every_record_once(tmp_path: Path, seed: int):
    tally = kill_driver.killed_import(tmp_path, seed)
    assert tally.violations == []
    assert tally.starts > 1
    assert sum(tally.kills.values()) > 0
