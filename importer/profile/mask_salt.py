"""The salt of the pseudonyms of masked values, which is that of the first run or none."""

from __future__ import annotations

from collections.abc import Mapping

from importer.errors import UsageError
from importer.events.mask import salt_digest
from importer.reading import MaskKind, Reading
from importer.settings import MASK_SALT, find_mask_salt


def salt_of(reading: Reading) -> bytes:
    """Return the salt of the pseudonyms of masked values; empty if there are none.

    Raises:
        UsageError: It is missing, or is not the one that the reading began with.
    """
    if not has_pseudonyms(reading.shape.mask):
        return b""
    salt = find_mask_salt()
    check_salt(salt, reading.shape.mask_salt)
    return salt


def check_salt(salt: bytes, first: str) -> None:
    """Check that a salt is that of the first run.

    Args:
        salt: The salt.
        first: The digest of the salt of the first run.

    Raises:
        UsageError: It is another.
    """
    if salt_digest(salt) != first:
        raise UsageError(
            f"{MASK_SALT} is another than that of the first run: a person would get another pseudonym",
            "Set it to what it was then.",
        )


def has_pseudonyms(mask: Mapping[str, MaskKind]) -> bool:
    """Return whether a salt is needed."""
    return "sha256" in mask.values()
