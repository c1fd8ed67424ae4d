"""Where the process begins and ends: errors become text and an exit code here, and nowhere else."""

from __future__ import annotations

import os
import sys

from importer.cli.console import Console
from importer.errors import ImporterError


def main() -> None:
    """Run the command line and end the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A redirected stream on some systems is not UTF-8; what can't be shown is escaped, never a crash.
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    # numpy only sorts here; threads of its own would spin for a tenth of a CPU second before they sleep.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from importer.cli.app import app  # noqa: PLC0415 - after the streams are set

    try:
        code = app(prog_name="mixpanel-importer", standalone_mode=False)
    except ImporterError as error:
        Console().fail(error)
        code = error.exit_code
    except KeyboardInterrupt:
        Console().say("Stopped. Nothing was sent that is not in the results.")
        code = 130
    except BrokenPipeError:
        # Whoever read our output has gone; don't complain a second time when Python flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:  # noqa: BLE001 - what is not a wrong command line is raised again
        code = _usage(error)
    sys.exit(code)


def _usage(error: Exception) -> int:
    """Say what click has against the command line; anything else is a fault of ours and stays one."""
    show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
    if show is None or code is None:
        raise error
    show(file=sys.stderr)
    return int(code)


if __name__ == "__main__":
    main()
