from __future__ import annotations

from collections.abc import Iterator

import pytest
from sandbox_helpers import Rehearsal


@pytest.fixture
def sandbox() -> Iterator[Rehearsal]:
    rehearsal = Rehearsal()
    yield rehearsal
    rehearsal.store.close()
