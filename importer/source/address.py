"""Addresses such as ``s3://…`` where a source is expected."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from importer.errors import SourceError
from importer.text import shell_word

_ADDRESS: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_FETCHED_BY: Final = {
    "s3": "aws s3 cp {} -",
    "gs": "gcloud storage cat {}",
    "http": "curl -fsSL {}",
    "https": "curl -fsSL {}",
    "ftp": "curl -fsSL {}",
    "file": "cat {}",
}
"""What writes a file to standard output, by the scheme of its address."""


def check_no_address(name: str) -> None:
    """Check that a source as typed is no address, unless a file has that name.

    Raises:
        SourceError: It is one.
    """
    address = _ADDRESS.match(name)
    if address and not Path(name).exists():
        address_or_path = name.removeprefix("file://") if address[1] == "file" else name
        fetch = _FETCHED_BY.get(address[1].lower(), "fetch {}").format(shell_word(address_or_path))
        raise SourceError(
            f"{name} is an address: sources are files, or standard input",
            f"Fetch it first, or: {fetch} | mixpanel-importer run - --dry-run",
        )
