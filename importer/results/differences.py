"""The differences between two runs, and whether one may replace the other."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from importer.errors import ResultsError
from importer.reading import Dialect, Reading, Shape
from importer.results.aside import check_same_folder
from importer.results.codec import encode
from importer.results.history import later_results
from importer.results.manifest import read_manifest
from importer.results.paths import manifest_path
from importer.results.recovery import inspect_results
from importer.text import counted, file_command, listed, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from importer.results.manifest import Manifest
    from importer.results.set_manifest import SetManifest

_MAPS = {
    "fields": "column of field",
    "alternatives": "columns of field",
    "templates": "template of property",
    "names": "name of column",
    "types": "type of column",
    "constants": "constant",
    "deep_columns": "deep column",
    "defaults": "default of field",
    "renames": "name of properties",
    "conditions": "conditions of field",
    "key_value": "list of pairs",
    "flatten": "depth of column",
    "mask": "mask of column",
}
_SHORT = 12  # characters of a digest
_MOST_NAMES = 3
_LONGEST_WORD = 60

_M = TypeVar("_M", bound="Manifest")
"""A manifest of a source or of a set."""


def find_differences(old: Manifest, new: Manifest) -> list[str]:
    """Return what forbids to resume a run: differences of source, reading, kind and destination.

    ``--limit`` and the settings of delivery may differ. So may the moment that stands for a missing
    time: it is the first run's, so resume with the reading of ``old``.

    Args:
        old: The run that left the results.
        new: The run that would go on; its digest made with the salt of ``old``.

    Returns:
        One line for people for each difference, such as ``timezone: was Europe/Berlin, is UTC``; no
        secrets. Empty if nothing differs.
    """
    return [
        *_changed("kind", old.kind, new.kind),
        *_source_differences(old, new),
        *find_reading_differences(old.reading, new.reading),
        *find_destination_differences(old, new),
    ]


def find_reading_differences(old: Reading, new: Reading) -> list[str]:
    """Return the differences that make other events of the same source; as `find_differences`."""
    lines = list[str]()
    for each in fields(Reading):
        if each.name == "preset":  # what it says is compared
            continue
        was, now = getattr(old, each.name), getattr(new, each.name)
        if isinstance(was, Dialect | Shape):
            lines += _changed_parts(was, now)
        elif each.name in _MAPS:
            lines += _changed_map(_MAPS[each.name], was, now)
        elif isinstance(was, tuple):
            lines += _changed_tuple(each.name, was, now)
        elif each.name != "missing_time" or (was is None) != (now is None):
            lines += _changed(each.name.replace("_", " "), was, now)
    return lines


def check_overwrite(results: Path, manifest: Manifest, *, only_rehearsals: bool = False) -> None:
    """Stop where ``--overwrite`` would destroy a foreign file, or the only record of what was sent.

    Mixpanel recognises records that it took only by the ids that the same reading makes. Under another
    reading they would double, so their results must stay, and so must those of which a retry took them.

    Args:
        results: The results file that would be replaced; it need not exist.
        manifest: The run that would replace it; its digest made with the salt of `salt_for`.
        only_rehearsals: Nothing but results of a rehearsal of the same kind may be replaced.

    Raises:
        ResultsError: The file must not be replaced; the message says why.
    """
    landed = inspect_results(results).counts.landed
    beside = manifest_path(results)
    if not landed and not beside.exists():
        return
    old = read_manifest(beside)
    if only_rehearsals and (old.kind == "real" or old.kind != manifest.kind):
        raise ResultsError(
            f"{results} was written by another run in the meantime",
            f"To see where it stands: {file_command('status', results)}",
        )
    if old.kind != "real":
        return
    later = later_results(results)
    check_same_folder(results, later)
    if _same_source(old, manifest):
        for each in (results, *later):
            if _same_project(read_manifest(manifest_path(each)), manifest):
                _check_not_mended(each, manifest)
                _check_same_reading(each, manifest)


def check_set_overwrite(folder: Path, old: SetManifest, new: Manifest) -> None:
    """Stop where to replace the results of a set would hide what landed, as `check_overwrite`.

    Raises:
        ResultsError: Records of it landed under another reading.
    """
    if old.kind != "real" or not _same_project(old, new):
        return
    differ = [
        line for line in find_reading_differences(old.reading, new.reading) if "compression" not in line
    ]
    from importer.results.set_manifest import results_of  # noqa: PLC0415 - a single file does without

    if differ and any(inspect_results(results_of(folder, old, each)).counts.landed for each in old.sources):
        raise ResultsError(
            f"{folder} holds records that Mixpanel took or may have taken, under another reading"
            f" ({'; '.join(differ)}). Sent again, they would double.",
            "Go on with the reading that they were sent with (--resume), or, if you want them twice, "
            "name another folder with --results.",
        )


def _check_not_mended(results: Path, manifest: Manifest) -> None:
    """Stop if these results hold mended records that landed, and that may not be the same any more."""
    old = read_manifest(manifest_path(results))
    landed = inspect_results(results).counts.landed if old.mended_rows else 0
    if landed and old.fingerprint.digest != manifest.fingerprint.digest:
        raise ResultsError(
            f"{results} holds {counted(landed, 'mended record')} that Mixpanel took or may have taken. Mended"
            f" and sent again, {'it' if landed == 1 else 'they'} would double.",
            f"See where they stand: {file_command('status', results)}",
        )


def _check_same_reading(results: Path, manifest: Manifest) -> None:
    """Stop if these results hold records that landed under another reading than that of a new run."""
    landed = inspect_results(results).counts.landed
    if not landed:
        return
    old = read_manifest(manifest_path(results))
    differ = [
        *_changed("kind", old.kind, manifest.kind),
        *find_reading_differences(old.reading, manifest.reading),
    ]
    if differ:
        raise ResultsError(
            f"{results} holds {counted(landed, 'record')} of this source that Mixpanel took or may have "
            f"taken, under another reading ({'; '.join(differ)}). Sent again, they would double.",
            "Go on with the reading that they were sent with (--resume), or, if you want them twice, "
            "name another file with --results.",
        )


def _same_source(old: Manifest, new: Manifest) -> bool:
    return old.source == new.source or old.fingerprint.digest == new.fingerprint.digest


def _same_project(old: Manifest, new: Manifest) -> bool:
    """Tell whether two runs may have sent to one project; True if in doubt."""
    if old.project_id and new.project_id:
        other_project = old.project_id != new.project_id
    else:
        comparable = (old.credentials_kind, old.credential_salt) == (
            new.credentials_kind,
            new.credential_salt,
        )
        other_project = comparable and old.credential_digest != new.credential_digest
    return old.base_url == new.base_url and not other_project


def _source_differences(old: Manifest, new: Manifest) -> Iterator[str]:
    was, now = old.fingerprint, new.fingerprint
    if (was.size, was.digest) != (now.size, now.digest):  # a new mtime alone changes no event
        yield (
            f"content of the source: was {was.size:,} bytes ({was.digest[:_SHORT]}…), "
            f"is {now.size:,} bytes ({now.digest[:_SHORT]}…)"
        )


def find_destination_differences(old: Manifest, new: Manifest) -> list[str]:
    """Return the differences of endpoint, host and project; as `find_differences`."""
    return [
        *_changed("endpoint", old.endpoint, new.endpoint),
        *_changed("host", old.base_url, new.base_url),
        *_project_differences(old, new),
    ]


def with_destination_of(manifest: _M, other: Manifest) -> _M:
    """Return a manifest with the host and the credentials of another."""
    return replace(
        manifest,
        base_url=other.base_url,
        project_id=other.project_id,
        credentials_kind=other.credentials_kind,
        credential_salt=other.credential_salt,
        credential_digest=other.credential_digest,
    )


def _project_differences(old: Manifest, new: Manifest) -> Iterator[str]:
    """Compare projects: by their number if both are known, else by their credentials."""
    if old.project_id and new.project_id:
        yield from _changed("project", old.project_id, new.project_id)
    elif old.credentials_kind != new.credentials_kind:
        yield from _changed("kind of credentials", old.credentials_kind, new.credentials_kind)
    elif old.credential_digest != new.credential_digest:
        yield f"credentials: another {new.credentials_kind} than before"


def _changed(name: str, was: Any, now: Any) -> Iterator[str]:
    if was != now:
        yield f"{name}: was {_plain(was)}, is {_plain(now)}"


def _changed_parts(was: Dialect | Shape, now: Dialect | Shape) -> Iterator[str]:
    for part in fields(was):
        before, after = getattr(was, part.name), getattr(now, part.name)
        if part.name == "mask_salt":
            if before and after and before != after:  # else the masks differ
                yield "salt of masks: another than before"
        elif part.name in _MAPS:
            yield from _changed_map(_MAPS[part.name], encode(before), encode(after))
        elif isinstance(before, tuple):
            yield from _changed_tuple(part.name, before, after)
        else:
            yield from _changed(part.name.replace("_", " "), before, after)


def _changed_map(name: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for key in [*was, *(key for key in now if key not in was)]:
        # By their JSON, for Python takes 1, 1.0 and True for the same.
        if _json(was, key) != _json(now, key):
            yield f"{name} {quoted(key)}: was {_plain(was.get(key))}, is {_plain(now.get(key))}"
    before, after = ([key for key in keys if "*" in key] for keys in (was, now))
    if before != after and sorted(before) == sorted(after):  # the first pattern that fits counts
        yield f"{name}: the patterns are in another order"


def _json(values: Mapping[str, Any], key: str) -> str:
    return json.dumps(values[key], sort_keys=True) if key in values else ""


def _changed_tuple(name: str, was: tuple[str, ...], now: tuple[str, ...]) -> Iterator[str]:
    if was == now:
        return
    gone = [quoted(each) for each in was if each not in now]
    new = [quoted(each) for each in now if each not in was]
    parts = [
        *([f"without {listed(gone, _MOST_NAMES)}"] if gone else []),
        *([f"now with {listed(new, _MOST_NAMES)}"] if new else []),
    ]
    yield f"{name}: {', '.join(parts) or 'in another order'}"


def _plain(value: Any) -> str:
    """Return a value for people: a plain word as it is, anything else quoted and cut."""
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    is_word = len(text) <= _LONGEST_WORD and text.isprintable() and " " not in text
    return text if is_word else quoted(value)
