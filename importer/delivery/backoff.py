"""How long to wait before trying again: numbers in, numbers out.

Mixpanel asks for 2 seconds, doubled up to 60, plus 1 to 5 seconds of jitter. Everything is in proportion to
the first wait, so that a rehearsal can run the same curve in milliseconds.
"""

from __future__ import annotations

from typing import Final

CAP: Final = 30
"""The longest wait, in first waits (60 s for 2 s)."""

MIN_JITTER: Final = 0.5
MAX_JITTER: Final = 2.5
"""The jitter, in first waits (1 s and 5 s for 2 s)."""

MAX_RETRY_AFTER: Final = 3600.0
"""Seconds after which we ask again, whatever a server says: one more request an hour hurts nobody."""

_DOUBLINGS: Final = 5  # 2 to the fifth is beyond the cap; further powers would overflow


def backoff(attempt: int, first: float, chance: float) -> float:
    """Seconds to wait after a failed try.

    Args:
        attempt: Number of the try that failed, from 1.
        first: Seconds of the first wait, without jitter.
        chance: A random number from 0 to 1: where in its range the jitter lies.

    Returns:
        ``first`` doubled for each further attempt up to its cap, plus jitter.
    """
    doubled: float = min(first * 2 ** min(attempt - 1, _DOUBLINGS), first * CAP)
    return doubled + first * (MIN_JITTER + chance * (MAX_JITTER - MIN_JITTER))


def retry_after(value: str, date: str, now: int) -> float | None:
    """Seconds that a server asks to wait (RFC 9110, 10.2.3).

    Args:
        value: The header ``Retry-After``: seconds, or an HTTP date.
        date: The server's own header ``Date``. A date is measured against it where it can be, so that a
            wrong clock on this machine doesn't change the wait.
        now: Our own clock, in milliseconds since the epoch, for a server that sends no date.

    Returns:
        More than 0 and at most `MAX_RETRY_AFTER`; None if the server asks for nothing, or for nothing that
        can be understood.
    """
    value = value.strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        seconds = float(value[:10])
    else:
        until = _epoch(value)
        if until is None:
            return None
        since = _epoch(date)
        seconds = until - (now / 1000 if since is None else since)
    return min(seconds, MAX_RETRY_AFTER) if seconds > 0 else None


def _epoch(date: str) -> float | None:
    """Seconds since the epoch of an HTTP date; None if it isn't one."""
    from datetime import UTC  # noqa: PLC0415 - only a throttled run pays for these imports
    from email.utils import parsedate_to_datetime  # noqa: PLC0415

    try:
        moment = parsedate_to_datetime(date)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
