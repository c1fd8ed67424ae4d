"""Runs commands in processes that are forked from one that has the importer loaded.

To start Python and load the importer takes ten times as long as a small command itself, and the tests type
thousands of them. A forked command is a process like any other, with descriptors, variables, a working
directory, signals and an exit code of its own; only its modules are loaded already. What depends on how
Python starts is tested in processes that are started anew.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coverage import Coverage

_MOST = 1 << 20


class CommandServer:
    """The process that commands are forked from; it ends with the process that made it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
        environ = {name: value for name, value in os.environ.items() if name not in coverage}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno()), json.dumps(coverage)],
                pass_fds=[theirs.fileno()],
                env={**environ, "LANG": "C.UTF-8"},
            )
        self._socket = ours
        self._lock = threading.Lock()

    def run(
        self,
        words: Sequence[str],
        folder: Path,
        environ: Mapping[str, str],
        streams: Sequence[int],
        timeout: float,
        begun: Callable[[int], object] = lambda _: None,
    ) -> int:
        """Run a command to its end.

        Args:
            words: Its arguments.
            folder: Its working directory.
            environ: All of its variables.
            streams: The descriptors of its standard input, output and error.
            timeout: Seconds after which it is killed.
            begun: Called with the number of its process, to send signals to.

        Returns:
            Its exit code; below zero if a signal killed it.

        Raises:
            TimeoutError: It was killed.
        """
        reads, writes = os.pipe()
        request = json.dumps([list(words), str(folder), dict(environ)]).encode()
        with self._lock:
            socket.send_fds(self._socket, [request], [*streams, writes])
        os.close(writes)
        with os.fdopen(reads) as told:
            pid = int(told.readline())
            begun(pid)
            timer = threading.Timer(timeout, os.kill, (pid, signal.SIGKILL))
            timer.start()
            status = told.readline()
            late = not timer.is_alive()
            timer.cancel()
        if late:
            raise TimeoutError(f"{words} took more than {timeout} s")
        return os.waitstatus_to_exitcode(int(status))


def _serve(server: socket.socket) -> None:
    """Fork a process for each request, until the other end is closed."""
    waiting: list[int] = []
    while True:
        request, descriptors, _, _ = socket.recv_fds(server, _MOST, 4)
        if not request:
            return
        waiting = [pid for pid in waiting if not os.waitpid(pid, os.WNOHANG)[0]]
        if pid := os.fork():
            waiting.append(pid)
            for descriptor in descriptors:
                os.close(descriptor)
            continue
        server.close()
        _wait_for_command(request, descriptors)
        return


def _wait_for_command(request: bytes, descriptors: Sequence[int]) -> None:
    """Fork the command, tell its number and, once it has ended, its status; does not return in this process."""
    *streams, told = descriptors
    pid = os.fork()
    if not pid:
        os.close(told)
        _become_command(request, streams)
        return
    os.write(told, b"%d\n" % pid)
    for stream in streams:
        os.close(stream)
    _, status = os.waitpid(pid, 0)
    with suppress(BrokenPipeError):  # nobody waits any more
        os.write(told, b"%d\n" % status)
    os._exit(0)


def _become_command(request: bytes, streams: Sequence[int]) -> None:
    words, folder, environ = json.loads(request)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
        if not stat.S_ISREG(os.fstat(number).st_mode):  # Python made its own for files, in which it may seek
            _open_stream(number)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    os.chdir(folder)
    _measure(environ)
    sys.argv = ["importer", *words]
    sys.path[0] = folder


def _open_stream(number: int) -> None:
    """Make the stream of a descriptor, a terminal or a pipe, as Python makes it when it starts."""
    name, mode = [("stdin", "r"), ("stdout", "w"), ("stderr", "w")][number]
    setattr(sys, name, os.fdopen(number, mode, buffering=1, encoding="utf-8", closefd=False))


def _measure(environ: Mapping[str, str]) -> Coverage | None:
    """Measure coverage in this process, where the variables of the tests say so."""
    if not any(name.startswith("COVERAGE_PROCESS") for name in environ):
        return None
    import coverage

    os.environ.update(environ)
    return coverage.process_startup(force=True)


def _load(measured: Mapping[str, str]) -> None:
    """Load all that commands may need; what that runs is measured here, as no command does it again."""
    coverage = _measure(measured)
    import importer

    for module in pkgutil.walk_packages(importer.__path__, "importer."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ("pandas", "httpx", "tqdm", "uvicorn"):
        importlib.import_module(name)
    if coverage:
        coverage.stop()
        coverage.save()


def main() -> None:
    """Serve; in the process of a command, be that command."""
    with socket.socket(fileno=int(sys.argv[1])) as server:
        _load(json.loads(sys.argv[2]))
        gc.collect()
        gc.freeze()
        before = os.getpid()
        _serve(server)
    if os.getpid() != before:
        _run_command()


def _run_command() -> None:
    """Run the command and end the process, but without taking apart all that was loaded."""
    code: object = None
    try:
        runpy.run_module("importer", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001 - as Python ends a process
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    main()
