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
import resource
import runpy
import select
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

if TYPE_CHECKING:
    from coverage import Coverage

_MOST = 1 << 20
_LONGEST_DEATH = 60.0


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

    def start(
        self,
        words: Sequence[str],
        folder: Path,
        environ: Mapping[str, str],
        streams: Sequence[int],
        *,
        program: str = "importer",
        file_limit: int | None = None,
    ) -> ForkedCommand:
        """Run a command.

        Args:
            words: Its arguments.
            folder: Its working directory.
            environ: All of its variables.
            streams: The descriptors of its standard input, output and error.
            program: The package, or the file of a program, that is run.
            file_limit: No file that it writes grows beyond so many bytes.
        """
        reads, writes = os.pipe()
        request = json.dumps([program, list(words), str(folder), dict(environ), file_limit]).encode()
        with self._lock:
            socket.send_fds(self._socket, [request], [*streams, writes])
        os.close(writes)
        return ForkedCommand(reads)

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
            subprocess.TimeoutExpired: It was killed.
        """
        with self.start(words, folder, environ, streams) as command:
            begun(command.pid)
            return command.wait(timeout)


class ForkedCommand:
    """A command that was forked, with what tests need of `subprocess.Popen`.

    At the end of a block it is killed, if it still runs.

    Attributes:
        pid: The number of its process.
        stdin: Where its standard input is written, if the caller keeps that here.
    """

    def __init__(self, told: int) -> None:
        self._told = os.fdopen(told, "rb", buffering=0)
        self._code: int | None = None
        self.stdin: BinaryIO | None = None
        self.pid = int(self._told.readline())

    def poll(self) -> int | None:
        """Return its exit code, if it has ended."""
        return self._code if self._has_ended(0) else None

    def wait(self, timeout: float) -> int:
        """Wait for its end, and return its exit code; below zero if a signal killed it."""
        if not self._has_ended(timeout):
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        assert self._code is not None
        return self._code

    def _has_ended(self, timeout: float) -> bool:
        if self._code is None and select.select([self._told], [], [], timeout)[0]:
            with self._told:
                self._code = os.waitstatus_to_exitcode(int(self._told.readline()))
        return self._code is not None

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.wait(_LONGEST_DEATH)


@cache
def command_server() -> CommandServer:
    """Return the one that all tests of this process share."""
    return CommandServer()


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
    program, words, folder, environ, file_limit = json.loads(request)
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
    sys.argv = [program, *words]
    sys.path[0] = folder
    if file_limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))


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
        run = runpy.run_path if sys.argv[0].endswith(".py") else runpy.run_module
        run(sys.argv[0], run_name="__main__", **({} if run is runpy.run_path else {"alter_sys": True}))
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
