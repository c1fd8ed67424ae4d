"""Starts and stops a sandbox: beside a run (`Sandbox`) or by itself (`serve`)."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from typing import TYPE_CHECKING, Self

import uvicorn

from importer.errors import UsageError
from importer.sandbox.app import create_app
from importer.sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from importer.sandbox.settings import SandboxSettings

_PATIENCE = 2
"""Seconds that requests on the wire get to end when the sandbox stops."""


class Sandbox:
    """A sandbox in a thread of its own, from ``with`` to the end of its block.

    Attributes:
        url: Where it listens, without a slash at the end.
        store: What landed.
    """

    def __init__(self, settings: SandboxSettings) -> None:
        """Open the store and the port; nothing is answered before ``with``.

        Raises:
            SourceError: ``settings.db`` can't be used.
            UsageError: The address can't be used.
        """
        self.store = Store(settings.db)
        try:
            self._socket = _bound(settings.host, settings.port)
        except UsageError:
            self.store.close()
            raise
        host, port = self._socket.getsockname()[:2]
        self._address: tuple[str, int] = host, port
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._server = _Server(
            uvicorn.Config(
                create_app(self.store, settings),
                lifespan="off",
                log_config=None,
                log_level=_SILENT,
                access_log=False,
                server_header=False,
                ws="none",
                loop="asyncio",
                timeout_graceful_shutdown=_PATIENCE,
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
            self._server.listening.set()  # whoever waits must not wait for ever
            self._socket.close()

    def __enter__(self) -> Self:
        self._thread.start()
        self._server.listening.wait()
        if self._failure:  # the address was taken after it had been bound
            self.__exit__()
            raise _unusable(*self._address, self._failure)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()
        self.store.close()


def serve(
    settings: SandboxSettings, ready: Callable[[str], None], stop: threading.Event | None = None
) -> None:
    """Run a sandbox until Ctrl-C or SIGTERM. To be called from the main thread.

    Args:
        settings: How it behaves.
        ready: Told the URL once it listens.
        stop: Set by whoever else wants it to end.

    Raises:
        SourceError: ``settings.db`` can't be used.
        UsageError: The address can't be used.
    """
    ending = stop or threading.Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: ending.set()) for number in signals}
    try:
        with Sandbox(settings) as sandbox:
            ready(sandbox.url)
            while not ending.wait(0.5):  # Windows hears Ctrl-C only between waits
                pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Server(uvicorn.Server):
    """uvicorn's server, and an event that says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


_SILENT = 100
"""A log level above every other: a rehearsal's output is the importer's."""


def _bound(host: str, port: int) -> socket.socket:
    """Take an address, so that the port is known before anything starts."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, OverflowError) as error:
        raise _unusable(host, port, error) from error
    try:
        if os.name == "posix":  # on Windows this would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address[0], port, *address[2:]))  # getaddrinfo wraps ports beyond 65535
    except (OSError, OverflowError) as error:
        listener.close()
        raise _unusable(host, port, error) from error
    return listener


def _unusable(host: str, port: int, error: Exception) -> UsageError:
    return UsageError(f"The sandbox can't listen on {host}, port {port}: {error}.", "Choose another --port.")
