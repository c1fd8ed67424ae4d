"""The manifest of a set of sources: how the whole was run, and which sources it is of.

It is ``set.run.json`` in the folder of the results. The results of a source lie under its own relative path
in that folder, each with a manifest beside it.
"""

# No postponed annotations: the codec reads the types of the fields below at run time.
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final, Literal

from importer.errors import ResultsError
from importer.model import Fingerprint
from importer.reading import Attention, Dialect, Reading, broken_off
from importer.results.counts import Counts
from importer.results.manifest import Manifest, read_manifest
from importer.results.paths import manifest_path
from importer.text import quoted

SourceState = Literal["ready", "empty", "damaged", "unfit"]
"""What becomes of a source: it is run; it has no record; it can't be read; it lacks a mapped column, or is of
another format. The last two are left out."""


@dataclass(frozen=True, slots=True)
class SourceShape:
    """What some sources of a set have in common beside the reading of all.

    Attributes:
        dialect: How their bytes become records.
        columns: Their columns, in their order.
    """

    dialect: Dialect
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetSource:
    """A source of a set.

    Attributes:
        name: The source as people see it, such as ``export.zip::2024/05/01.json.gz``.
        relative: Its path in the folder of the results, without the ending of these.
        state: What becomes of it.
        why: Why it is left out; empty if it is not.
        shape: Which of the shapes it has.
        fingerprint: The source as it was when it was surveyed; None if it could not be read.
        records: Its records.
        scope: Those of them that the run is for.
        pipe: True if it can be read only once: a copy of it is kept beside the results.
        id_name: Its name in the ids of its records, where these hang on the row: its own as long as no other
            source has it, so that it has the same ids by itself; else `relative`.
        broken: Why its records end ahead of the end of the file; empty if they don't.
    """

    name: str
    relative: str
    state: SourceState = "ready"
    why: str = ""
    shape: int = 0
    fingerprint: Fingerprint | None = None
    records: int = 0
    scope: int = 0
    pipe: bool = False
    id_name: str = ""
    broken: str = ""

    @property
    def is_left_out(self) -> bool:
        """True if its records are not imported."""
        return self.state in ("damaged", "unfit")

    @property
    def breaks_off(self) -> bool:
        """True if it is imported up to where its bytes are no records any more."""
        return bool(self.broken) and self.state == "ready" and self.scope == self.records

    @property
    def attention(self) -> tuple[Attention, ...]:
        """What is known of this source alone that its owner might not expect."""
        return (broken_off(f"{self.name}: {self.broken}"),) if self.breaks_off else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetManifest(Manifest):
    """How a set of sources was run, and how that ended: `Manifest` says it for all sources together.

    Attributes:
        named: What was named: files, folders, archives, patterns.
        include: ``--include``.
        exclude: ``--exclude``.
        ending: Ending of the results of each source, ``.csv`` or ``.jsonl``.
        shapes: The shapes of the sources. The reading of a source is that of the set, in its shape.
        sources: The sources, in the order in which they are run.
        mended: The sources are copies of records of the set `parent` that were mended.
    """

    named: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    ending: str = ".csv"
    shapes: tuple[SourceShape, ...] = ()
    sources: tuple[SetSource, ...] = ()
    mended: bool = False


SET_NAME: Final = "set"
"""The results of a set have no file of their own; its manifest lies where that of this file would."""


def set_path(folder: Path) -> Path:
    """Return what stands for the results of a set where a results file is asked for, as by a lock."""
    return folder / SET_NAME


def is_set_folder(folder: Path) -> bool:
    """Return whether a folder holds the results of a set."""
    return manifest_path(set_path(folder)).is_file()


def read_set(folder: Path) -> SetManifest:
    """Read the manifest of a set.

    Raises:
        ResultsError: It is missing, cut short, edited, or of a newer importer.
    """
    path = manifest_path(set_path(folder))
    manifest = read_manifest(path, SetManifest)
    if fault := next(_faults(manifest), ""):
        raise ResultsError(f"{path} is not the manifest of a set: {fault}", "Put it back as it was written.")
    return manifest


def _faults(manifest: SetManifest) -> Iterator[str]:
    for source in manifest.sources:
        parts = Path(source.relative).parts
        if source.is_left_out:
            continue
        if not parts or Path(source.relative).is_absolute() or ".." in parts or "\0" in source.relative:
            yield f"{quoted(source.relative)} is no path within its folder"
        if source.state == "ready" and source.shape >= len(manifest.shapes):
            yield f"{quoted(source.name)} has a shape that is not there"


def results_of(folder: Path, manifest: SetManifest, source: SetSource) -> Path:
    """Return the results file of a source of a set."""
    return folder / f"{source.relative}{manifest.ending}"


def source_manifest(manifest: SetManifest, source: SetSource, reading: Reading) -> Manifest:
    """Return the manifest of one source of a set, before it is run.

    What is known of all sources together stays in the manifest of the set.

    Args:
        manifest: That of the set.
        source: The source.
        reading: How it is read.
    """
    assert source.fingerprint is not None, "it was read"
    common = {each.name: getattr(manifest, each.name) for each in fields(Manifest)}
    return replace(
        Manifest(**common),
        source=source.name,
        fingerprint=source.fingerprint,
        reading=reading,
        scope=source.scope,
        ended=None,
        counts=Counts(),
        unattempted=None,
        reconciled=None,
        exit_code=None,
        unauthorized=False,
        audit=None,
        attention=source.attention,
        parent=None,
        retried_by=None,
    )
