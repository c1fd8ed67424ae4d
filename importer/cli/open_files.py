"""How many files a command may have open at once: each connection is one."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from importer.delivery.throttle import MAX_LIMIT
from importer.errors import StorageError
from importer.model import RunKind

_OTHERS: Final = 24
"""Files beside the connections, at most: streams, source, results, modules as they are imported."""
_FOR_OTHERS: Final = 40
"""Connections to a sandbox of other programs that are let in at least."""


def allow_connections(kind: RunKind, concurrency: int | None, workers: int = 1) -> None:
    """Let the process open the files that a run needs, as far as the system lets it.

    Args:
        kind: A dry run has no connections; of a rehearsal's, this process has both ends.
        concurrency: Batches in flight at most; None for adaptive.
        workers: Processes that send. Of a rehearsal, this process has the other ends of them all.

    Raises:
        StorageError: It may not open so many. A run that comes to its limit would wait for connections, and
            the sandbox for ever.
    """
    ends = {"dry-run": 0, "real": 1, "sandbox": 1 + workers}[kind]
    if ends:
        _allow(ends * (concurrency or MAX_LIMIT), "Or send less at a time: --concurrency 4")


def allow_sandbox() -> None:
    """Let the process open the files that a sandbox of other programs needs.

    Raises:
        StorageError: It may not open so many.
    """
    _allow(_FOR_OTHERS)


def _allow(connections: int, otherwise: str = "") -> None:
    try:
        import resource  # noqa: PLC0415 - Windows has none, and no such limit
    except ImportError:  # pragma: no cover - only on Windows
        return
    needed = _OTHERS + connections
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY or allowed >= needed:
        return
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, most))
        return
    raise StorageError(
        f"only {allowed} files may be open at once, and this may need {needed}",
        f"Let it open more: ulimit -n {needed}",
        otherwise,
    )
