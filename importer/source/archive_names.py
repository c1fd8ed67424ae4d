"""What an archive is by its name."""

from __future__ import annotations

import re
from typing import Final

_ARCHIVE: Final = re.compile(r"\.(?:zip|tgz|tar(?:\.(?:gz|zst|bz2|xz))?)\Z", re.IGNORECASE)


def is_archive_name(name: str) -> bool:
    """Return whether a file is an archive, by the ending of its name."""
    return _ARCHIVE.search(name) is not None
