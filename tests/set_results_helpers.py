"""Results of sets of sources, written as a run leaves them and as small as they can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import xxhash
from results_helpers import counts_of, manifest, outcome, outcomes, write_results, write_retry

from importer.model import Fingerprint, Status
from importer.reading import Dialect
from importer.results.counts import Counts
from importer.results.manifest import Manifest, write_manifest
from importer.results.paths import manifest_path
from importer.results.set_manifest import SetManifest, SetSource, SourceShape, read_set, set_path
from importer.results.set_status import set_link

SHAPE = SourceShape(Dialect("csv"), ("event", "time"))
ENDED = "2026-01-01T00:01:00Z"


def write_source(name: str, text: str = "event,time\nPurchase,2026-01-01T00:00:00Z\n") -> Fingerprint:
    """Write a source, and return what a manifest keeps of it."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return Fingerprint(len(text), 1, xxhash.xxh3_128_hexdigest(text.encode()))


def set_manifest(sources: Sequence[SetSource] = (), **changes: Any) -> SetManifest:
    """Return the manifest of the run of a set that has ended."""
    common = manifest(source="in", scope=sum(each.scope for each in sources), ended=ENDED)
    usual = SetManifest(
        **{each.name: getattr(common, each.name) for each in fields(Manifest)},
        named=("in",),
        shapes=(SHAPE,),
        sources=tuple(sources),
    )
    return replace(usual, **changes)


def write_set_manifest(folder: Path, written: SetManifest) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_manifest(manifest_path(set_path(folder)), written, durable=False)
    return folder


def change_set(folder: Path, **changes: Any) -> None:
    """Change what the manifest of a set says."""
    write_set_manifest(folder, replace(read_set(folder), **changes))


def own_results(folder: Path, name: str) -> Path:
    """Return the results of a source of a set."""
    return folder / f"{Path(name).name}.csv"


def write_set(
    folder: Path,
    statuses: Mapping[str, Sequence[Status]],
    *,
    more: Sequence[SetSource] = (),
    unattempted: int = 0,
    **changes: Any,
) -> Path:
    """Write sources, and the results of a set of them.

    Args:
        folder: The folder of the results.
        statuses: How the records of each source ended; a source without any was not begun.
        more: Sources that have no results.
        unattempted: Records that each source has beyond those.
        changes: What else the manifest of the set says.
    """
    sources, counts = [], Counts()
    own = {key: changes[key] for key in ("kind", "endpoint", "base_url") if key in changes}
    for name, each in statuses.items():
        print_, scope = write_source(name), len(each) + unattempted
        sources.append(SetSource(name, Path(name).name, fingerprint=print_, records=scope, scope=scope))
        if each:
            folder.mkdir(parents=True, exist_ok=True)
            path = own_results(folder, name)
            write_results(path, outcomes(each), source=name, fingerprint=print_, scope=scope, **own)
            counts += counts_of(each)
    left = {"unattempted": sum(each.scope for each in sources) - counts.total}
    return write_set_manifest(
        folder, set_manifest([*sources, *more], **{"counts": counts, **left, **changes})
    )


def write_set_retry(
    parent: Path, folder: Path, statuses: Mapping[str, Mapping[int, Status]], **changes: Any
) -> Path:
    """Write the results of a retry of a set, and the links between both manifests.

    Args:
        parent: The set, or the retry of it that is retried.
        folder: The folder of the results.
        statuses: How the records of each source ended, by their rows.
        changes: What else the manifest of the retry says.
    """
    known = {each.name: each for each in read_set(parent).sources}
    sources, counts = [], Counts()
    folder.mkdir(parents=True, exist_ok=True)
    for name, by_row in statuses.items():
        lines = [outcome(row, status) for row, status in by_row.items()]
        source = replace(known[name], records=len(lines), scope=len(lines))
        write_retry(
            own_results(parent, name),
            own_results(folder, name),
            lines,
            source=name,
            fingerprint=source.fingerprint,
        )
        sources.append(source)
        counts += counts_of(by_row.values())
    link = {"parent": set_link(folder, parent), "counts": counts, "unattempted": 0}
    write_set_manifest(folder, set_manifest(sources, **{**link, **changes}))
    change_set(parent, retried_by=set_link(parent, folder))
    return folder
