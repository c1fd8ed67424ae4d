"""One run at a time on one results file."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from importer.errors import ResultsError, StorageError
from importer.results.storage import PRIVATE, storage_error

if sys.platform == "win32":  # pragma: no cover - only on Windows
    import msvcrt

    def _lock_alone(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock_alone(handle: int) -> None:
        """Lock an open file, and do not wait for it.

        Raises:
            OSError: Its number is in `_HELD` if another process, or another handle of this one, has the lock.
        """
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


if TYPE_CHECKING:
    from types import TracebackType

_HELD: Final = frozenset({errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLK})


class Lock:
    """Holds a results file for one run. A context manager; not reentrant.

    The lock lies on a file of its own, ``<results>.lock``: on Windows a locked file can't be read by
    others, and ``status`` must work while a run goes on. The operating system drops the lock when the
    process dies in whatever way, so a ``.lock`` file that was left behind locks nothing.

    Attributes:
        path: The lock file.
    """

    def __init__(self, results: Path, named: Path | None = None) -> None:
        """Name the results; nothing is opened yet.

        Args:
            results: The results file.
            named: What people call the results, if that is not the file: the folder of a set.
        """
        self._named = named or results
        # Two names of one file must meet in one lock.
        self.path = Path(f"{os.path.realpath(results)}.lock")
        self._handle: int | None = None

    def acquire(self) -> None:
        """Acquire the lock.

        Raises:
            ResultsError: Another run holds it.
            StorageError: The lock file can't be made, or the file system has no locks.
        """
        while self._handle is None:
            try:
                handle = os.open(self.path, os.O_RDWR | os.O_CREAT, PRIVATE)
            except OSError as error:
                raise storage_error(self.path, error) from error
            try:
                self._lock(handle)
                # Its last owner may have removed it between our open and our lock.
                if _is_still(self.path, handle):
                    self._handle = handle
            finally:
                if self._handle is None:
                    os.close(handle)

    def release(self) -> None:
        """Release the lock and remove its file."""
        if self._handle is None:
            return
        with suppress(OSError):  # Windows removes no open file: it stays, and locks nothing
            self.path.unlink()
        os.close(self._handle)
        self._handle = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def _lock(self, handle: int) -> None:
        try:
            _lock_alone(handle)
        except OSError as error:
            if error.errno in _HELD:
                raise ResultsError(
                    f"Another run is writing to {self._named}.",
                    "Wait for it to end, or name other results with --results.",
                ) from None
            raise StorageError(
                f"{self.path} can't be locked: {error.strerror or error}.",
                "Put the results on a local disk with --results.",
            ) from error


def is_locked(results: Path) -> bool:
    """Return whether a run is writing to these results now."""
    lock = Lock(results)
    if not lock.path.exists():
        return False
    try:
        with lock:  # of a run that was killed
            return False
    except ResultsError:
        return True
    except StorageError:
        return False


def _is_still(path: Path, handle: int) -> bool:
    """Tell whether an open file is still what its name stands for."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
