"""Python's cycle collector, told to be patient while records stream through.

A run makes millions of tuples and lists that die by themselves, and hardly a cycle. Left alone, the collector
looks for cycles after every 700 new objects, and again and again through all that is alive: a tenth of the
CPU time of a run, for nothing. Memory stays bounded: what a request leaves behind is free at once (a test of
the delivery counts it), and after 50,000 new objects the collector looks all the same.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_OFTEN_ENOUGH = (50_000, 20, 50)


@contextmanager
def relaxed_gc() -> Iterator[None]:
    """Collect seldom in this block, and nothing of what was there before it."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*_OFTEN_ENOUGH)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
