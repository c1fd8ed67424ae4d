"""Which observers look for what the owner of a source might not expect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from importer.profile.chunk import AttentionObserver
from importer.profile.deep_values import make_deep_values_observer
from importer.profile.field_oddities import FieldOddities
from importer.profile.header_lines import make_header_observer
from importer.profile.project_zone import make_project_zone_observer
from importer.profile.users import make_user_observer
from importer.reading import Reading

_MAKERS: Final[Sequence[Callable[[Reading], AttentionObserver | None]]] = (
    make_header_observer,
    make_user_observer,
    FieldOddities,
    make_deep_values_observer,
    make_project_zone_observer,
)
"""Each returns an observer for a reading, or None if there is nothing to look for."""


def attention_observers(reading: Reading) -> list[AttentionObserver]:
    """Return an observer for each kind of thing that is to be looked for.

    Args:
        reading: The reading of the source, without the types that must be inferred.
    """
    return [observer for make in _MAKERS if (observer := make(reading)) is not None]
