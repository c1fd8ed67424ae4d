"""Which observers look for what the owner of a source might not expect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from importer.profile.chunk import MergingObserver
from importer.profile.deep_values import DeepValuesObserver, make_deep_values_observer
from importer.profile.field_oddities import FieldOddities
from importer.profile.header_lines import HeaderObserver, make_header_observer
from importer.profile.incomparable import IncomparableObserver, make_incomparable_observer
from importer.profile.project_zone import ProjectZoneObserver, make_project_zone_observer
from importer.profile.users import UserObserver, make_user_observer
from importer.reading import Reading

_MAKERS: Final[Sequence[Callable[[Reading], MergingObserver | None]]] = (
    make_header_observer,
    make_user_observer,
    FieldOddities,
    make_deep_values_observer,
    make_project_zone_observer,
    make_incomparable_observer,
)
"""Each returns an observer for a reading, or None if there is nothing to look for."""


_KINDS: Final = (
    HeaderObserver,
    UserObserver,
    FieldOddities,
    DeepValuesObserver,
    ProjectZoneObserver,
    IncomparableObserver,
)
"""What these are, in their order."""


def attention_observers(reading: Reading) -> list[MergingObserver]:
    """Return an observer for each kind of thing that is to be looked for.

    Args:
        reading: The reading of the source, without the types that must be inferred.
    """
    return [observer for make in _MAKERS if (observer := make(reading)) is not None]


def merge_observers(
    mine: Sequence[MergingObserver], later: Sequence[MergingObserver]
) -> list[MergingObserver]:
    """Return the observers of some sources, with what those of later ones found, in their order."""
    known = {type(each): each for each in mine}
    for each in later:
        kind = type(each)
        if kind in known:
            known[kind].merge(each)
        else:
            known[kind] = each
    return [known[kind] for kind in _KINDS if kind in known]
