"""Connections that are kept from one source of a run to the next.

To connect takes two round trips or more, and the processor as long as many requests. Many small sources
would do it again for each of their senders.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from importer.delivery.protocols import Client
from importer.delivery.replies import NoResponse, Response
from importer.model import Credentials, Destination

MakeFactory = Callable[[Destination, Credentials, float], Callable[[], Client]]


class Connections:
    """Connections that no sender uses now. Use it as a context manager: its end closes them.

    Its methods may be called by any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made_for: tuple[Destination, Credentials, float] | None = None
        self._kept: list[Client] = []
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept; of those in use, none is kept any more."""
        self._close_kept(closed=True)

    def factory(
        self, destination: Destination, credentials: Credentials, timeout: float, make_factory: MakeFactory
    ) -> Callable[[], Client]:
        """Return what gives a sender a connection: one that is kept, or else a new one.

        Args:
            destination: Where to send. What was kept for another one, or with other arguments, is closed.
            credentials: As for `make_client_factory`.
            timeout: Likewise.
            make_factory: Makes what makes new connections, as `make_client_factory`.

        Raises:
            RefusedError: The base URL can't be used.
        """
        made_for = destination, credentials, timeout
        if made_for != self._made_for:
            self._close_kept(closed=False)
            self._made_for = made_for
        make = make_factory(destination, credentials, timeout)

        def take() -> Client:
            with self._lock:
                client = self._kept.pop() if self._kept and made_for == self._made_for else None
            return _LentClient(client or make(), lambda given: self._keep(given, made_for))

        return take

    def _keep(self, client: Client, made_for: tuple[Destination, Credentials, float]) -> None:
        with self._lock:
            wanted = not self._closed and made_for == self._made_for
            if wanted:
                self._kept.append(client)
        if not wanted:
            client.close()

    def _close_kept(self, *, closed: bool) -> None:
        with self._lock:
            self._closed = closed
            kept, self._kept = self._kept, []
        for client in kept:
            client.close()


class _LentClient:
    """A connection (a `protocols.Client`) that is given back instead of closed, unless it was broken off.

    Args:
        client: The connection.
        give_back: Takes it.
    """

    def __init__(self, client: Client, give_back: Callable[[Client], None]) -> None:
        self._client = client
        self._give_back = give_back
        self._lock = threading.Lock()
        self._usable = True  # no request was aborted, or ended in an exception
        self._closed = False

    @property
    def sent_bytes(self) -> int:
        """As in `Client`."""
        return self._client.sent_bytes

    @property
    def new_connection(self) -> bool:
        """As in `Client`."""
        return self._client.new_connection

    def post(self, bodies: Iterable[bytes]) -> Response | NoResponse:
        """As in `Client`."""
        try:
            return self._client.post(bodies)
        except BaseException:
            self._usable = False
            raise

    def abort(self) -> None:
        """As in `Client`; nothing once it was closed: another sender may have it."""
        with self._lock:
            self._usable = False
            if not self._closed:
                self._client.abort()

    def close(self) -> None:
        """Give the connection back; close it if it can't be used any more."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if self._usable:
            self._give_back(self._client)
        else:
            self._client.close()
