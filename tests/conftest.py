"""What holds for all tests."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says nothing on a machine that is busy with other things. What must be fast is held by
# counting steps: `test_work.py`. The examples are the same in each run, so that a change is judged by what it
# changes; `--hypothesis-profile searching` draws new ones.
settings.register_profile("searching", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("patient", settings.get_profile("searching"), derandomize=True)
settings.load_profile("patient")

REPEATING = frozenset({"speedups"})
"""Folders of tests that run the same lines thousands of times. Coverage makes a test take twice as long, and finds
nothing here that the tests of the parts do not run as well."""

WITH_COMMANDS = frozenset({"crash", "end_to_end"})
"""Folders of tests that type whole commands. Of those with many cases, the first four are measured."""


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    here = Path(__file__).parent
    cases: Counter[str] = Counter()
    for item in items:
        folders = item.path.relative_to(here).parts
        test = item.nodeid.partition("[")[0]
        cases[test] += 1
        if REPEATING.intersection(folders) or (cases[test] > 4 and WITH_COMMANDS.intersection(folders)):
            item.add_marker("no_cover")


@pytest.fixture(autouse=True)
def _measured_as_marked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that a test begins are measured as it is itself."""
    if request.node.get_closest_marker("no_cover"):
        for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
            monkeypatch.delenv(name)
