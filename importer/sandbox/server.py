"""Starts and stops a sandbox: during a run (`Sandbox`) or as a command of its own (`serve`)."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from typing import TYPE_CHECKING, Self

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from importer.errors import UsageError
from importer.sandbox.app import TRANSPORT, RequestStats, create_app
from importer.sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from importer.sandbox.settings import SandboxSettings

_GRACE_SECONDS = 2
"""Time for requests in flight to end when the sandbox stops."""


class Sandbox:
    """A sandbox in a thread of its own, while its ``with`` block runs.

    Attributes:
        url: Its base URL, without a slash at the end.
        store: The events that landed.
        stats: The requests so far.
    """

    def __init__(self, settings: SandboxSettings) -> None:
        """Open the store and the port; requests are answered from ``with`` on.

        Raises:
            SourceError: ``settings.db`` can't be used.
            UsageError: The address can't be used.
        """
        self.store = Store(settings.db)
        self.stats = RequestStats()
        try:
            self._socket = _bind(settings.host, settings.port)
        except UsageError:
            self.store.close()
            raise
        host, port = self._socket.getsockname()[:2]
        self._address: tuple[str, int] = host, port
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._server = _Server(
            uvicorn.Config(
                create_app(self.store, settings, stats=self.stats),
                http=_ResettableProtocol if settings.faults.shares else "auto",
                lifespan="off",
                log_config=None,
                log_level=_SILENT,
                access_log=False,
                server_header=False,
                ws="none",
                loop="asyncio",
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._failure: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)

    def _run(self) -> None:
        try:
            asyncio.run(self._server.serve(sockets=[self._socket]))
        except OSError as error:
            self._failure = error
        finally:
            self._server.listening.set()  # `__enter__` must not wait for ever
            self._socket.close()

    def __enter__(self) -> Self:
        self._thread.start()
        self._server.listening.wait()
        if self._failure:  # another process took the address after it had been bound
            self.__exit__()
            raise _address_error(*self._address, self._failure)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self.store.close()


def serve(
    settings: SandboxSettings, ready: Callable[[str], None], stop: threading.Event | None = None
) -> None:
    """Run a sandbox until Ctrl-C, SIGTERM or SIGHUP. Must be called from the main thread.

    Args:
        settings: How it behaves.
        ready: Called with the URL once the sandbox listens.
        stop: Ends the sandbox when it is set.

    Raises:
        SourceError: ``settings.db`` can't be used.
        UsageError: The address can't be used.
    """
    ending = stop or threading.Event()
    names = {"SIGINT", "SIGTERM", "SIGHUP"}  # Windows has no SIGHUP; nohup lets it be ignored
    signals = [each for each in signal.Signals if each.name in names]
    signals = [each for each in signals if signal.getsignal(each) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda *_: ending.set()) for number in signals}
    try:
        with Sandbox(settings) as sandbox:
            ready(sandbox.url)
            while not ending.wait(0.5):  # Windows handles Ctrl-C only between waits
                pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Server(uvicorn.Server):
    """uvicorn's server with an event that is set when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


class _ResettableProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """Shows each request the transport of its connection."""

    app_state: dict[str, object]

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


_SILENT = 100
"""A log level above every other: the importer alone prints messages."""


def _bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to an address, so that the port is known before the server starts."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, OverflowError) as error:
        raise _address_error(host, port, error) from error
    try:
        if os.name == "posix":  # on Windows, two servers could then share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address[0], port, *address[2:]))  # getaddrinfo would reduce a port above 65535
    except (OSError, OverflowError) as error:
        listener.close()
        raise _address_error(host, port, error) from error
    return listener


def _address_error(host: str, port: int, error: Exception) -> UsageError:
    return UsageError(f"The sandbox can't listen on {host}, port {port}: {error}.", "Choose another --port.")
