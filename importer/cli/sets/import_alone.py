"""How a source of a set is imported by itself: one that is new, that has changed, or that was mended."""

from __future__ import annotations

from typing import Final

from importer.cli.command_lines import (
    import_command,
    is_said_by_flags,
)
from importer.cli.steps import Next
from importer.errors import EmptySourceError, ImporterError
from importer.pipeline.paths import (
    default_results,
    is_of_source,
    known_manifest,
)
from importer.pipeline.sets.found import SetChanges
from importer.results.set_manifest import SetManifest
from importer.results.set_status import SetStatus
from importer.source.detect import detect_source
from importer.source.members import parse_source_path
from importer.text import listed

_MOST_NAMED: Final = 3


def import_of_new(
    status: SetStatus, source_set: SetManifest, changes: SetChanges, *, later: bool = False
) -> Next:
    """Return how to import what is in the sources of a set by now, and is not imported with it.

    Args:
        status: Where the set stands.
        source_set: The manifest of the run that found the sources.
        changes: How they differ from those.
        later: Something else comes first, so that no command is named.
    """
    if source_set.kind != "real" or not status.reconciles:  # before a real run, all that is new comes with it
        return Next()
    appeared = [name for name in changes.appeared if not _has_own_results(name)]
    others = [] if source_set.mended else [name for name in changes.changed if name not in status.read_from]
    changed = [name for name in others if not _has_own_results(name)]
    is_one = len(appeared) + len(changed) == 1
    which = "it" if is_one else "each"
    how = f"Import {which} by its own name, with another --results."
    if is_one and not later and is_said_by_flags(source_set.reading):
        if _is_empty((appeared or changed)[0]):
            return Next()
        how = "To import it by itself:"
    advice = []
    for names, verb in ((appeared, "appeared"), (changed, "changed")):
        if names:
            what = names[0] if len(names) == 1 else f"{len(names):,} sources ({listed(names, _MOST_NAMED)})"
            advice.append(f"{what} {verb} since: what is new there is not imported with this set. {how}")
    if not how.endswith(":"):
        return Next(tuple(advice))
    return Next(tuple(advice), (import_command((appeared or changed)[0], source_set),))


def _is_empty(name: str) -> bool:
    """Return whether a source has no record, so that nothing of it can be imported."""
    path = parse_source_path(name)
    try:
        detect_source(path)
    except EmptySourceError:
        return True
    except ImporterError:
        return False
    return False


def _has_own_results(name: str) -> bool:
    """Return whether a source was imported by itself."""
    manifest = known_manifest(default_results(name, "real"))
    return manifest is not None and is_of_source(manifest, name)
