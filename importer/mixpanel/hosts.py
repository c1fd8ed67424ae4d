"""Mixpanel's hosts, by where a project's data lives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from importer.model import Region

HOSTS: Final[Mapping[Region, str]] = {
    "us": "https://api.mixpanel.com",
    "eu": "https://api-eu.mixpanel.com",
    "in": "https://api-in.mixpanel.com",
}
"""Mixpanel's ingestion hosts by data residency (reference/import-events)."""


def region_of(base_url: str) -> Region | None:
    """Return the region of which this is the host; None for another server."""
    return next((region for region, host in HOSTS.items() if host == base_url), None)
