"""Standard input, or a pipe, written to a file, so that it can be read more than once."""

from __future__ import annotations

import os
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO, Final

from importer.errors import SourceError, StorageError

_READ_SIZE: Final = 1 << 20  # bytes


def spool_pipe(pipe: Path, path: Path) -> None:
    """Write all of a pipe that has a path to a file, as `spool_stream` does. It is opened once.

    Raises:
        SourceError: The pipe can't be read, or there is nothing in it.
        StorageError: The file can't be written.
    """
    name = f"the pipe {pipe}"
    try:
        stream = pipe.open("rb", buffering=0)
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error
    with stream:
        spool_stream(stream, path, name)


def spool_stream(stream: BinaryIO | RawIOBase, path: Path, name: str = "standard input") -> None:
    """Write all of a stream to a file that only its owner may read. The file appears whole or not at all.

    Args:
        stream: The stream.
        path: The file.
        name: What the stream is, for messages.

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
                _copy(stream, out, name)
                out.flush()
                os.fsync(out.fileno())
            part.replace(path)
            _sync_directory(path.parent)
        except OSError as error:
            raise StorageError(
                f"{_at_start(name)} can't be kept in {path}: {error.strerror or error}.",
                "Free some space, or name another place with --results.",
            ) from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _copy(stream: BinaryIO | RawIOBase, out: BinaryIO, name: str) -> None:
    empty = True
    while piece := _read(stream, name):
        out.write(piece)
        empty = False
        if (
            len(piece) < _READ_SIZE and stream.isatty()
        ):  # a keyboard would have to say twice that this is the end
            break
    if empty:
        raise SourceError(f"{_at_start(name)} is empty.", "Check the command that feeds it.")


def _read(stream: BinaryIO | RawIOBase, name: str) -> bytes:
    try:
        return stream.read(_READ_SIZE) or b""
    except OSError as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: Exception) -> SourceError:
    reason = (error.strerror if isinstance(error, OSError) else "") or error
    return SourceError(f"{_at_start(name)} can't be read: {reason}.")


def _at_start(name: str) -> str:
    return name[:1].upper() + name[1:]


def _sync_directory(directory: Path) -> None:
    """Make a rename in a directory survive a power cut."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
