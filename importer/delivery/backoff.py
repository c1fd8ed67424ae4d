"""How long to wait before trying again: numbers in, numbers out.

Mixpanel asks for 2 seconds, doubled up to 60, plus 1 to 5 seconds of jitter. Every wait is in proportion to
the first one, so that a rehearsal can run the same curve in milliseconds.
"""

from __future__ import annotations

from typing import Final

MAX_WAIT: Final = 30
"""The longest wait, in first waits (60 s for 2 s)."""

MIN_JITTER: Final = 0.5
MAX_JITTER: Final = 2.5
"""The jitter, in first waits (1 s and 5 s for 2 s)."""

MAX_RETRY_AFTER: Final = 3600.0
"""The longest wait in seconds that a server can ask for: one more request an hour hurts nobody."""

_MAX_DOUBLINGS: Final = 5  # 2 to the fifth exceeds MAX_WAIT; much higher powers would overflow


def backoff(attempt: int, first: float, jitter: float) -> float:
    """Return the seconds to wait after a failed try.

    Args:
        attempt: Number of the try that failed, from 1.
        first: Seconds of the first wait, without jitter.
        jitter: A random number from 0 to 1: where in its range the jitter lies.

    Returns:
        ``first``, doubled for each further attempt up to `MAX_WAIT`, plus jitter.
    """
    doubled: float = min(first * 2 ** min(attempt - 1, _MAX_DOUBLINGS), first * MAX_WAIT)
    return doubled + first * (MIN_JITTER + jitter * (MAX_JITTER - MIN_JITTER))


def retry_after(value: str, date: str, now: int) -> float | None:
    """Return the seconds that a server asks to wait (RFC 9110, 10.2.3).

    Args:
        value: The header ``Retry-After``: seconds, or an HTTP date.
        date: The server's header ``Date``. If it can be read, an HTTP date in ``value`` is compared with it,
            so that a wrong clock on this machine doesn't change the wait.
        now: This machine's time in milliseconds since the epoch, for a server that sends no ``Date``.

    Returns:
        More than 0 and at most `MAX_RETRY_AFTER`; None if the server asks for no wait, or the header can't
        be read.
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
    """Return an HTTP date in seconds since the epoch; None if it isn't one."""
    from datetime import UTC  # noqa: PLC0415 - only a throttled run pays for these imports
    from email.utils import parsedate_to_datetime  # noqa: PLC0415

    try:
        moment = parsedate_to_datetime(date)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
