"""How tests wait for what another process or thread does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def wait_until(what: Callable[[], Any], why: str, *, patience: float) -> Any:
    """Wait for something to be true, for so many seconds at most, and return it."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if found := what():
            return found
        time.sleep(0.002)
    raise AssertionError(f"it did not happen: {why}")
