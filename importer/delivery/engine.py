"""The stage as a whole: batches in, verdicts out, in the same order."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Generator, Iterable

from importer.delivery.backoff import backoff
from importer.delivery.destination import check_destination
from importer.delivery.pending import DeliveryState
from importer.delivery.protocols import Client, Clock, SystemClock, wall_ms
from importer.delivery.throttle import Concurrency, Throttle
from importer.delivery.window import Window
from importer.model import Batch, Credentials, Delivered, DeliverySettings, Destination
from importer.progress import NullProgress, Progress


def _nothing() -> None:
    """Have nothing to do before waiting."""


def deliver(  # noqa: PLR0913 - four things to do, and what tests hand in
    batches: Iterable[Batch],
    destination: Destination,
    credentials: Credentials,
    settings: DeliverySettings,
    *,
    stop: threading.Event,
    progress: Progress | None = None,
    idle: Callable[[], None] = _nothing,
    now: Callable[[], int] = wall_ms,
    clock: Clock | None = None,
    chance: Callable[[], float] = random.random,
    client_factory: Callable[[], Client] | None = None,
) -> Generator[Delivered, None, None]:
    """Send batches, several at a time, and say what became of each event.

    Args:
        batches: What to send. It is read from the calling thread only, and no further ahead than a bounded
            window.
        destination: Where to.
        credentials: As whom.
        settings: How hard and how fast.
        stop: Set it, and no further request goes out; those on the wire get ``settings.timeout`` seconds.
            What is finished by then is yielded, and the generator ends.
        progress: Who is told that the run waits, and until when.
        idle: Called by the calling thread before it waits, again and again while nothing is finished.
        now: Milliseconds since the epoch; /track drops what is older than 5 days.
        clock: Monotonic time and waiting in it.
        chance: Random numbers from 0 to 1, for jitter.
        client_factory: Makes a sender's connection, in the sender's thread; by default httpx to
            ``destination``.

    Returns:
        A generator of `Delivered`, one for each batch and in the same order. It may be closed at any time:
        its threads end and its connections are closed.

    Raises:
        RefusedError: The destination can't be used, or takes nothing from us. Like every error, once the
            generator runs, it comes after the batches before the one that met it, as far as those are done.
        DeliveryError: The network or the server gave out.
    """
    check_destination(destination)
    from importer.delivery.bodies import overhead  # noqa: PLC0415 - loads the compressor

    if client_factory is None:
        from importer.delivery.client import make_client_factory  # noqa: PLC0415 - httpx costs 90 ms of start-up

        client_factory = make_client_factory(destination, credentials, settings.timeout)
    common = DeliveryState(destination, credentials, settings, chance, overhead(destination, credentials))
    pacer = Throttle(
        Concurrency(settings.concurrency),
        lambda strikes: backoff(strikes, settings.retry_wait, chance()),
    )
    window = Window(
        common,
        pacer,
        client_factory,
        stop=stop,
        progress=progress or NullProgress(),
        wall=now,
        clock=clock or SystemClock(),
    )
    return _flow(batches, window, idle)


def _flow(
    batches: Iterable[Batch], window: Window, idle: Callable[[], None]
) -> Generator[Delivered, None, None]:
    """Put batches into the window, and take out what is finished, until both are at their end."""
    source, unreadable = iter(batches), None
    try:
        while not window.halted:
            try:
                batch = next(source)
            except StopIteration:
                break
            except Exception as error:  # noqa: BLE001 - raised below, after what was read before it
                unreadable = error
                break
            window.put(batch)
            yield from window.finished()
            while window.full() and not window.halted:
                idle()
                window.wait()
                yield from window.finished()
        while window.unfinished():
            idle()
            window.wait()
            yield from window.finished()
    finally:
        window.close()
    failure = window.error or unreadable
    if failure is not None:
        raise failure
