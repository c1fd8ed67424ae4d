"""The process of the command line: the only module that sets its streams, environment, signals and exit code.

An error that ends a command becomes a message and an exit code here. The handlers of signals are set before
anything is imported that takes time: until then, Ctrl-C ends in a traceback of Python's.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # of C: to import `signal` takes a millisecond
import os
import sys

_STOPPED = 130
_HANG_UP = getattr(_signal, "SIGHUP", None)  # Windows has none
_SIGNALS = tuple(filter(None, (_signal.SIGINT, _signal.SIGTERM, _HANG_UP)))


def _handled() -> list[int]:
    """Return the signals that end a command, without those that its caller lets it ignore (``nohup``)."""
    return [number for number in _SIGNALS if _signal.getsignal(number) != _signal.SIG_IGN]


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End the process at once, or, where something must be put away first, interrupt it."""
    now: Moment | None = globals().get("moment")  # not imported yet in the first milliseconds
    if now is not None and now.tidies:
        raise KeyboardInterrupt
    _write_directly(f"{'Stopped.' if now is None else now.words}\n")
    os._exit(_STOPPED)


def _write_directly(text: str) -> None:
    """Write to standard error, but not by `sys.stderr`: a signal may have interrupted a write to that.

    On a terminal, the text begins on a line of its own.
    """
    try:  # `suppress` is not imported yet
        start = "\n" if os.isatty(2) else ""
        os.write(2, f"{start}{text}".encode())
    except OSError:  # a terminal that was closed, a full disk
        pass


for _each in _handled():
    _signal.signal(_each, _leave)

import atexit
import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, TextIO

from importer.cli.process import moment

if TYPE_CHECKING:
    import threading
    from types import FrameType

    from importer.cli.process import Moment
    from importer.errors import ImporterError

_OUTPUT: Final = 5
"""Standard output can't be written: as for a results file."""
_NO_READER: Final = 141
"""What reads standard output has ended: as if by SIGPIPE."""
_FAULT: Final = 70
"""A fault of the importer itself, which says nothing about records."""

_REMEDIES: Final = {
    errno.EMFILE: "Let it open more files: ulimit -n 256",
    errno.ENFILE: "Too many files are open on this machine: close some.",
    errno.ENOSPC: "Free some space, then give the command again.",
}

_OF_PATHS: Final = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP}
)
"""Errors that another path would cure."""


def main() -> None:
    """Run the command line and end the process with its exit code."""
    atexit.register(_ignore_signals)
    _set_streams()
    # The importer uses numpy for sorting only. To start numpy's own threads costs a tenth of a CPU second.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(_flushed(_run()))


# ── how a command ends ───────────────────────────────────────────────────────────────────────────


def _run() -> int:
    """Run the command and return its exit code; whatever stopped it has been said by then."""
    output = sys.stdout
    try:
        from importer.cli.app import app  # noqa: PLC0415 - after the signals and the streams are set

        return int(app(prog_name="mixpanel-importer", standalone_mode=False, obj=stop_on_signals) or 0)
    except KeyboardInterrupt:
        _write_directly(f"{moment.words}\n")
        return _STOPPED
    except SystemExit as ended:
        if sys.stdout is output:
            raise
        return _NO_READER if ended.code else 0  # click ends in this way, with another stream in place of this
    except Exception as error:  # noqa: BLE001 - whatever it is, it becomes an exit code
        try:
            return _show(error)
        except OSError:  # not even that can be shown, such as for want of files that may be open
            _write_directly(f"Stopped: {error}\n")
            return _OUTPUT


def _show(error: Exception) -> int:
    """Show why a command ended, and return its exit code."""
    from importer.cli.console import Console  # noqa: PLC0415 - see `main`
    from importer.errors import ImporterError, Interrupted, StorageError, UsageError  # noqa: PLC0415

    show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
    if isinstance(error, BrokenPipeError):
        _drop(sys.stdout)
        return _NO_READER
    if isinstance(error, Interrupted):
        _write_directly(f"{error.message}\n")
        return _STOPPED
    if isinstance(error, OSError):
        kind = UsageError if error.errno in _OF_PATHS else StorageError
        text = f"{_name_of(error)}{error.strerror or error}"
        error = _without_folder() or kind(text, _REMEDIES.get(error.errno or 0, ""))
    elif isinstance(error, MemoryError):
        error = StorageError("there is not enough memory", "Free some, then give the command again.")
    if isinstance(error, ImporterError):
        if error.exit_code == UsageError.exit_code:  # what is missing, or wrong, may be so for that
            error = _without_folder() or error
        Console().fail(error)
        return error.exit_code
    if show is not None and code is not None:  # an error of click's: a wrong command line
        with suppress(OSError):
            show(file=sys.stderr)
        return int(code)
    sys.excepthook(type(error), error, error.__traceback__)
    _write_directly("This is a fault of the importer. Please report it, with the lines above.\n")
    return _FAULT


def _name_of(error: OSError) -> str:
    name = error.filename
    return f"{os.fsdecode(name)}: " if isinstance(name, str | bytes) else ""


def _without_folder() -> ImporterError | None:
    """Return the error if the working directory is gone, which fails as a file that is missing does."""
    from importer.errors import UsageError  # noqa: PLC0415 - see `main`

    try:
        os.getcwd()  # noqa: PTH109 - the question is whether there is one
    except OSError:
        return UsageError("the folder in which this was typed was deleted", "Go to one that is there: cd")
    return None


def _flushed(code: int) -> int:
    """Return the exit code of the process once its streams are flushed, which may fail only now."""
    try:
        sys.stdout.flush()
    except OSError as error:
        _drop(sys.stdout)
        if isinstance(error, BrokenPipeError):
            code = code or _NO_READER
        else:
            _write_directly(f"Stopped: standard output can't be written: {error.strerror}\n")
            code = max(code, _OUTPUT)
    try:
        sys.stderr.flush()
    except OSError:  # as that of a message before: it must not change how the command ends
        _drop(sys.stderr)
    return code


def _drop(stream: TextIO) -> None:
    """Write nothing more to a stream: Python's own flush at its end must not fail a second time."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


# ── streams ──────────────────────────────────────────────────────────────────────────────────────


def _set_streams() -> None:
    """Open what is closed of the three standard streams, and let the other two write any character."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # Else the next file that is opened, of results perhaps, would get the number, and all that is
            # written to the stream.
            _open_as(number)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        # On some systems a redirected stream is not UTF-8. Characters that it lacks are escaped: no crash.
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]


def _open_as(number: int) -> None:
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != number:
        os.dup2(opened, number, inheritable=True)
        os.close(opened)


# ── signals ──────────────────────────────────────────────────────────────────────────────────────


def _ignore_signals() -> None:
    """Let the process end as it does: all is done, and Python is about to take down its own handlers."""
    for number in _handled():
        _signal.signal(number, _signal.SIG_IGN)


@contextmanager
def stop_on_signals(quiet: bool) -> Iterator[threading.Event]:  # noqa: FBT001 - see `process.StopRequests`
    """Yield an event that the first Ctrl-C, SIGTERM or SIGHUP sets. The second ends the process at once.

    A second SIGHUP does not: a terminal that is closed sends several.

    Args:
        quiet: True if the first writes no message.
    """
    import threading  # noqa: PLC0415 - see `main`

    stop = threading.Event()

    def handle(number: int, _frame: FrameType | None) -> None:
        if not stop.is_set():
            stop.set()
            if not quiet:
                _write_directly("Stopping: what has begun is finished first. Once more to leave at once.\n")
        elif number != _HANG_UP:
            _write_directly("Left at once. The same command with --resume goes on.\n")
            os._exit(_STOPPED)

    before = {number: _signal.signal(number, handle) for number in _handled()}
    try:
        yield stop
    finally:
        moment.words = "Stopped."  # no longer that nothing was sent
        for number, handler in before.items():
            _signal.signal(number, handler)


if __name__ == "__main__":
    main()
