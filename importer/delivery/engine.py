"""The whole of delivery: batches in, verdicts out, in the same order."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Generator, Iterable
from typing import Final

from importer import speedups
from importer.delivery.backoff import backoff
from importer.delivery.pending import DeliveryState
from importer.delivery.protocols import Client, Clock, SystemClock, system_now
from importer.delivery.quota import Quota
from importer.delivery.request_log import RequestLog
from importer.delivery.throttle import ConcurrencyLimit, Throttle
from importer.delivery.window import Window
from importer.errors import RefusedError
from importer.model import Batch, Credentials, Delivered, DeliverySettings, Destination
from importer.progress import NullProgress, Progress

_BYTES_BETWEEN_TRIMS: Final = 32_000_000
"""Bytes of events after which freed memory goes back to the system. Blocks and bodies of many sizes and ages
leave gaps that nothing fits: without this, 10,000,000 records took up to 25 MB more than a million."""


def _do_nothing() -> None:
    """Do nothing before a wait."""


def deliver(  # noqa: PLR0913 - four arguments of a run, two hooks, and what tests hand in
    batches: Iterable[Batch],
    destination: Destination,
    credentials: Credentials,
    settings: DeliverySettings,
    *,
    stop: threading.Event,
    progress: Progress | None = None,
    idle: Callable[[], None] = _do_nothing,
    now: Callable[[], int] = system_now,
    clock: Clock | None = None,
    jitter: Callable[[], float] = random.random,
    client_factory: Callable[[], Client] | None = None,
    log: RequestLog | None = None,
    quota: Quota | None = None,
    sent: threading.Event | None = None,
) -> Generator[Delivered, None, None]:
    """Send batches, several at a time, and yield the verdict on each event.

    Args:
        batches: What to send. Only the calling thread reads it, and no further ahead than a bounded window.
        destination: Where to send.
        credentials: The credentials to send with.
        settings: Batch sizes, concurrency, retries and time-outs.
        stop: When set, no further request goes out; those in flight get ``settings.timeout`` seconds more.
        progress: Reports pauses and their ends.
        idle: Called by the calling thread before each wait for a batch.
        now: Milliseconds since the epoch.
        clock: Monotonic time and waiting in it.
        jitter: Random numbers from 0 to 1, for the jitter of backoffs.
        client_factory: Makes a sender's connection, in the sender's thread; by default with httpx.
        log: Where requests are logged.
        quota: How much may go out, over this and other runs; None for as much as the server takes.
        sent: Set at the end if a request went out.

    Returns:
        A generator of `Delivered`, one for each batch, in order. If it is closed early, its threads end.

    Raises:
        RefusedError: The base URL can't be used (raised before a batch is read), or the server takes nothing.
        DeliveryError: The network or the server failed for all tries of a request.
    """
    from importer.delivery.request import bytes_added_per_event  # noqa: PLC0415 - loads the compressor

    added = bytes_added_per_event(destination, credentials)
    state = DeliveryState(destination, credentials, settings, jitter, added)
    limit = ConcurrencyLimit(settings.concurrency)
    throttle = Throttle(limit, lambda refusals: backoff(refusals, settings.retry_wait, jitter()))
    window = Window(
        state,
        throttle,
        client_factory or _httpx_clients(destination, credentials, settings.timeout),
        stop=stop,
        progress=progress or NullProgress(),
        now=now,
        clock=clock or SystemClock(),
        log=log,
        quota=quota,
    )
    return _run(batches, window, idle, sent or threading.Event())


def _httpx_clients(
    destination: Destination, credentials: Credentials, timeout: float
) -> Callable[[], Client]:
    from importer.delivery.client import make_client_factory  # noqa: PLC0415 - httpx costs 90 ms of start-up

    return make_client_factory(destination, credentials, timeout)


def _run(
    batches: Iterable[Batch], window: Window, idle: Callable[[], None], sent: threading.Event
) -> Generator[Delivered, None, None]:
    """Put batches into the window and yield finished ones, until both are exhausted."""
    source, source_error = iter(batches), None
    if speedups.COMPILED:
        # Each sender would keep freed memory in an arena of its own: 25 MB, and a tenth of the CPU time.
        speedups.use_one_arena()
    since_trim = 0
    try:
        while not window.halted:
            try:
                batch = next(source)
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001 - raised below, after what was read before it
                source_error = error
                break
            window.put(batch)
            since_trim += batch.size
            if since_trim >= _BYTES_BETWEEN_TRIMS and speedups.COMPILED:
                since_trim = 0
                speedups.give_memory_back()
            yield from window.take_finished()
            while window.full() and not window.halted:
                idle()
                window.wait()
                yield from window.take_finished()
        while window.unfinished():
            idle()
            window.wait()
            yield from window.take_finished()
        if isinstance(window.error, RefusedError):
            window.error.unauthorized = window.only_unauthorized()
    finally:
        window.close()
        window.tell_if_sent(sent)
    failure = window.error or source_error
    if failure is not None:
        raise failure
