"""What the tests of the events wing share."""

from __future__ import annotations

import pytest
from events_helpers import Mapped

from importer.speedups import COMPILED


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(False, id="by the record"),
        pytest.param(
            True,
            id="by the block",
            marks=pytest.mark.skipif(not COMPILED, reason="the compiled part is missing"),
        ),
    ],
)
def mapped(request: pytest.FixtureRequest) -> Mapped:
    """The two implementations of mapping, of which each must pass the same tests."""
    return Mapped(in_blocks=request.param)
