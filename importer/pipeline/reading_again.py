"""The reading of an earlier run, as its manifest has it, for going on with that run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from importer.errors import MappingError, ResultsError
from importer.events.declared_reading import DeclaredReading
from importer.events.number_marks import marks_of
from importer.pipeline.redeclare import redeclare
from importer.profile.mask_salt import salt_of
from importer.reading import Reading


def read_again(manifest: Path, reading: Reading, declared: DeclaredReading, now_ms: int) -> Reading:
    """Return the reading of an earlier run, with what is declared now.

    Args:
        manifest: The manifest that holds it, for errors.
        reading: The reading.
        declared: What is declared now.
        now_ms: As for `redeclare`.

    Raises:
        ResultsError: The manifest holds a condition that can't be read.
        UsageError: A declaration can't be used; or the salt of masks is missing or another.
        MappingError: A column that is declared does not exist.
    """
    _check_conditions(manifest, reading)
    made = redeclare(reading, declared, now_ms)
    salt_of(made)
    return made


def _check_conditions(manifest: Path, reading: Reading) -> None:
    written = list(_conditions(reading))
    if not written:
        return
    from importer.events.where import compile_where  # noqa: PLC0415 - a parser that few readings need

    for name, text in written:
        try:
            compile_where(text, reading.null, marks_of(reading))
        except MappingError as error:
            raise ResultsError(
                f"{manifest} is not the manifest of a run: {name} can't be read: {error.message}",
                "Put the manifest back as it was written.",
            ) from None


def _conditions(reading: Reading) -> Iterator[tuple[str, str]]:
    """Yield each condition of a reading, behind the path to it in the manifest."""
    if reading.shape.where:
        yield "reading.shape.where", reading.shape.where
    for field, conditions in reading.conditions.items():
        yield from ((f"reading.conditions.{field}", text) for text in conditions if text)
