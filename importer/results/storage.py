"""Durable writes, and the error when the disk fails."""

from __future__ import annotations

import errno
import os
from enum import Enum
from typing import TYPE_CHECKING

from importer.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE = 0o600
"""Mode of every file made here: results hold the ids of people."""

BINARY = getattr(os, "O_BINARY", 0)
"""Without it Windows turns each newline into two bytes."""

_RESUME = "then give the same command with --resume: what is written so far is kept."
_ELSEWHERE = "Name another place with --results: a file in a folder that is there and may be written to."
_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), f"Free some space, {_RESUME}"),
    **dict.fromkeys(
        (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.EROFS),
        _ELSEWHERE,
    ),
}


class Durability(Enum):
    """When what is written to a file must outlast a power cut."""

    AT_ONCE = "at once"
    """Its name and its beginning before anything else happens, then what was added, once a second."""
    SOON = "soon"
    """Once a second, and when it is closed: its name and all of it."""
    NEVER = "never"
    """Not at all: all of it can be made again."""


def storage_error(path: Path, error: OSError) -> StorageError:
    """Return the error that a file can't be written, with what to do.

    Args:
        path: The file.
        error: The error of the operating system.
    """
    return StorageError(
        f"{path} can't be written: {error.strerror or error}.",
        _REMEDIES.get(error.errno or 0, f"Check the disk, {_RESUME}"),
    )


def flush(path: Path) -> None:
    """Flush a file or a folder to disk that was written before.

    Raises:
        StorageError: It can't be opened or flushed.
    """
    try:
        if path.is_dir():
            sync_directory(path)
            return
        handle = os.open(path, os.O_RDWR | BINARY)  # Windows flushes no file that was opened to be read
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise storage_error(path, error) from error


def sync_directory(directory: Path) -> None:
    """Flush the names in a directory to disk: before that, a crash may lose a new or renamed file.

    Raises:
        OSError: The directory can't be opened or flushed.
    """
    if os.name == "nt":  # Windows has no handle for this; NTFS journals names by itself
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
