"""Records that landed: what is done with their source must not make other events of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import Final

from importer.errors import ResultsError
from importer.events.mapper import Mapper
from importer.model import Fingerprint
from importer.profile.records import open_records
from importer.reading import Attention, Reading
from importer.results.differences import find_reading_differences
from importer.results.manifest import READER_VERSION, Manifest, read_manifest
from importer.results.paths import find_manifests, results_of_manifest, results_path
from importer.results.recovery import inspect_results
from importer.results.row_and_item import place_of, row_of
from importer.results.selection import read_successes
from importer.source.file_kinds import DATA_ENDINGS
from importer.source.members import SourcePath
from importer.text import counted, file_command

_MOST_MANIFESTS: Final = 100
_IN_NO_ID: Final = ("geoip", "tag", "compression")
"""Parts of a reading that no ``$insert_id`` depends on, as `find_reading_differences` names them."""


def check_landed(
    path: SourcePath, readings: Sequence[Reading], results: Path, now: Callable[[], int], remedy: str
) -> None:
    """Check that each record which succeeded still makes the event that was sent.

    Args:
        path: The source.
        readings: How it was read; by one of these each record must make its event.
        results: The results of one run.
        now: Milliseconds since the epoch.
        remedy: What to do if a record makes another event.

    Raises:
        ResultsError: A record makes another event, or the source ends before it.
    """
    landed = read_successes(results)
    wanted = next(landed, None)
    mappers = [Mapper(reading, now) for reading in readings]
    with open_records(path, readings[0], to_break=True) as source:
        for chunk in source.chunks():
            for item, *others in zip(*(mapper.map(chunk) for mapper in mappers), strict=True):
                if wanted is None:
                    return
                place = place_of(item.row, item.item)
                if place >= wanted[0]:
                    ids = (item.insert_id, *(other.insert_id for other in others))
                    if place > wanted[0] or wanted[1] not in ids:
                        raise ResultsError(
                            f"{path}, row {row_of(wanted[0]):,} (line {item.line:,}): this record was"
                            " imported, and it reads differently now",
                            remedy,
                        )
                    wanted = next(landed, None)
    if wanted is not None:
        raise ResultsError(f"{path} ends before row {row_of(wanted[0]):,}, which was imported", remedy)


def other_reader_remedy(manifest: Manifest) -> str:
    """Return what to do if the readers of this version read a source otherwise than those of a run."""
    return (
        "Finish it with the importer that began it: this one counts the records of such a file in another"
        f" way (its readers are of version {READER_VERSION}, those were of {manifest.reader_version})."
    )


def landed_under_another_reading(
    name: str, fingerprint: Fingerprint, reading: Reading, results: Path
) -> Iterator[Attention]:
    """Yield an attention for each earlier run whose records would get other ids now, and so double.

    Results are found by their names, which begin with the source's (``events.results.csv``), in the working
    directory and beside the new results, and where they were set aside.

    Args:
        name: The source as it was named.
        fingerprint: The source as it is now.
        reading: How it is read now.
        results: Where the results of the new run go.
    """
    if name == "-":
        return
    default = results_path(Path(name), "real", endings=DATA_ENDINGS)
    pattern = escape(default.name.removesuffix("".join(default.suffixes[-2:]))) + ".*"
    folders = list(dict.fromkeys(path.parent.resolve() for path in (results, default)))
    folders += [aside for folder in folders for aside in sorted(folder.glob(f"{pattern}.old-*"))]
    found = [path for folder in folders for path in find_manifests(folder, pattern)]
    for path in sorted(found)[:_MOST_MANIFESTS]:
        other = results_of_manifest(path)
        if other == results.resolve():
            continue
        with suppress(ResultsError):  # a manifest that can't be read is not this run's concern
            yield from _compare(other, read_manifest(path), fingerprint, reading)


def _compare(
    results: Path, manifest: Manifest, fingerprint: Fingerprint, reading: Reading
) -> Iterator[Attention]:
    if manifest.kind != "real" or manifest.fingerprint.digest != fingerprint.digest:
        return
    differ = [
        line for line in find_reading_differences(manifest.reading, reading) if not line.startswith(_IN_NO_ID)
    ]
    own_ids = [each.fields.get("insert_id") for each in (manifest.reading, reading)]
    if not differ or (own_ids[0] is not None and own_ids[0] == own_ids[1]):
        return
    landed = inspect_results(results).counts.landed
    if landed:
        yield Attention.of(
            "other-reading",
            f"{results.name} holds {counted(landed, 'record')} of this source that Mixpanel took or may have"
            f" taken under another reading ({'; '.join(differ)}): their ids differ now, so they would double",
            f"To go on with that reading, see: {file_command('status', results)}",
            count=landed,
        )
