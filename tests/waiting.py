"""How tests wait for another process or thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def wait_until(what: Callable[[], Any], why: str, *, patience: float) -> Any:
    """Wait until a call returns something true, at most so many seconds, and return that."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if found := what():
            return found
        time.sleep(0.002)
    raise AssertionError(f"it did not happen: {why}")
