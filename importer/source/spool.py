"""Standard input written to a file, so that it can be read more than once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Final

from importer.errors import SourceError, StorageError

_READ_SIZE: Final = 1 << 20  # bytes


def spool_stream(stream: BinaryIO, path: Path) -> None:
    """Write all of a stream to a file that only its owner may read. The file appears whole or not at all.

    Raises:
        SourceError: The stream can't be read, or there is nothing in it.
        StorageError: The file can't be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        try:
            part.unlink(missing_ok=True)  # left by a run that was killed
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as out:
                _copy(stream, out)
                out.flush()
                os.fsync(out.fileno())
            part.replace(path)
            _sync_directory(path.parent)
        except OSError as error:
            raise StorageError(
                f"Standard input can't be kept in {path}: {error.strerror or error}.",
                "Free some space, or name another place with --results.",
            ) from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _copy(stream: BinaryIO, out: BinaryIO) -> None:
    empty = True
    while piece := _read(stream):
        out.write(piece)
        empty = False
        if (
            len(piece) < _READ_SIZE and stream.isatty()
        ):  # a keyboard would have to say twice that this is the end
            break
    if empty:
        raise SourceError("Standard input is empty.", "Check the command that feeds it.")


def _read(stream: BinaryIO) -> bytes:
    try:
        return stream.read(_READ_SIZE)
    except OSError as error:
        raise SourceError(f"Standard input can't be read: {error.strerror or error}.") from error


def _sync_directory(directory: Path) -> None:
    """Make a rename in a directory survive a power cut."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
