"""Errors that stop a run or a command.

A record that can't be imported stops nothing: it becomes a value, `model.Rejection`, made from a `BadValue`.
The errors::

    ImporterError                 exit code
    ├── UsageError                2    a wrong option, or a difference that needs a decision
    │   ├── MappingError          2    columns and fields that don't fit each other
    │   └── ResultsError          2    results that can't be used in this way
    ├── SourceError               2    a file that can't be read
    │   ├── EmptySourceError      2    a file that holds nothing
    │   └── LostSourceError       5    the source gave out while it was sent: put it back, and resume
    ├── TooManyErrors             3    --max-errors was reached
    ├── RefusedError              4    credentials, configuration or destination refused
    ├── DeliveryError             5    the network or the server failed: resume
    ├── StorageError              5    the results file can't be written (disk full): resume
    │   └── LostWorkerError       5    processes died over a source again and again: resume with fewer
    ├── ReconciliationError       6    the counts don't add up
    └── Interrupted               130  Ctrl-C, SIGTERM or SIGHUP: resume

The process also ends with 70, where the fault is the importer's own, and with 141, where nobody reads its
output any more. Each error has a message (what was found), a remedy (what to do) and an exit code. An error
that reaches `importer.__main__` becomes text and the exit code of the process there. An error that stopped a
run is kept in its `RunReport`, and `cli.ending` shows it.
"""

from __future__ import annotations

from typing import ClassVar


class ImporterError(Exception):
    """The base of all errors of this package.

    Attributes:
        exit_code: The exit code of the process.
        message: What was found and what was expected; names file, row and line if there are any.
        steps: What to do next, with the command for it if there is one: lines, perhaps none. A line break
            within one of them is part of a name, and is escaped where the line is shown.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.steps = tuple(filter(None, remedy))

    @property
    def remedy(self) -> str:
        """All that is to be done next, as one text; may be empty."""
        return "\n".join(self.steps)


class UsageError(ImporterError):
    """A wrong option, or a difference that a person must decide."""

    exit_code = 2


class MappingError(UsageError):
    """The columns of the source and the fields of an event don't fit."""


class ResultsError(UsageError):
    """A results file or a manifest that can't be used in this way."""


class SourceError(ImporterError):
    """A source that can't be read: missing, a directory, truncated, or of no known format."""

    exit_code = 2


class EmptySourceError(SourceError):
    """A source that holds nothing at all."""


class LostSourceError(SourceError):
    """A source that can't be read to its end, or checked there, after records of it were sent."""

    exit_code = 5


class TooManyErrors(ImporterError):  # noqa: N818 - the name of what was counted, as in ``--max-errors``
    """More records were not taken than ``--max-errors`` allows."""

    exit_code = 3


class RefusedError(ImporterError):
    """Credentials, configuration or destination are missing, wrong or refused by the server.

    Attributes:
        unauthorized: True if every request of a run was answered, and each with 401 or 403.
    """

    exit_code = 4
    unauthorized = False


class DeliveryError(ImporterError):
    """The network or the server failed, after all retries."""

    exit_code = 5


class StorageError(ImporterError):
    """The results file or the manifest can't be written."""

    exit_code = 5


class LostWorkerError(StorageError):
    """A source over which processes died again and again, without getting any further."""


class ReconciliationError(ImporterError):
    """Records in scope and outcomes don't add up, or the results lack what was written to them."""

    exit_code = 6


class Interrupted(ImporterError):  # noqa: N818 - named as KeyboardInterrupt is
    """A person or the system asked the run to stop."""

    exit_code = 130


class BadValue(ValueError):  # noqa: N818 - a record is rejected for it; the run goes on
    """A value of a record does not fit its type; its text says what was found and what is expected."""
