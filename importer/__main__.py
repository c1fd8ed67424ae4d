"""The process of the command line: its streams, environment, signals and exit code are set here alone.

Here, too, an error becomes a message and an exit code.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from importer.cli.console import Console
from importer.errors import ImporterError


def main() -> None:
    """Run the command line and end the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A redirected stream on some systems is not UTF-8. A character it lacks is escaped: no crash.
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    # The importer uses numpy for sorting only; numpy's own threads would waste a tenth of a CPU second.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from importer.cli.app import app  # noqa: PLC0415 - after the streams are set

    try:
        code = app(prog_name="mixpanel-importer", standalone_mode=False, obj=stop_on_signals)
    except ImporterError as error:
        Console().fail(error)
        code = error.exit_code
    except KeyboardInterrupt:
        Console().say("Stopped. Nothing was sent that is not in the results.")
        code = 130
    except BrokenPipeError:
        # The reader of our output has gone. Python's flush at exit must not fail a second time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:  # noqa: BLE001 - what is not a wrong command line is raised again
        code = _show_usage_error(error)
    sys.exit(code)


def _show_usage_error(error: Exception) -> int:
    """Show an error of click's and return its exit code; raise any other error, which is a bug of ours."""
    show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
    if show is None or code is None:
        raise error
    show(file=sys.stderr)
    return int(code)


@contextmanager
def stop_on_signals(quiet: bool) -> Iterator[threading.Event]:  # noqa: FBT001 - see `stopping.StopRequests`
    """Yield an event that the first Ctrl-C or SIGTERM sets. The second ends the process at once.

    Args:
        quiet: True if the first writes no message.
    """
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(130)
        stop.set()
        if not quiet:  # by the descriptor: the signal may have interrupted a write to the stream
            os.write(2, b"\nStopping: waiting for what is on the wire. Once more to leave at once.\n")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    main()
