"""The numbers that Mixpanel documents. Every ``MAX_…`` is the largest value that is allowed.

Names in quotes are pages of Mixpanel's documentation. Where a page leaves room, the reading is the strict
one, which no well-formed event comes near: "smaller than 1MB" is under 1,000,000 bytes, not 1,048,576.
"""

from __future__ import annotations

import string
from datetime import date
from typing import Final

MAX_EVENTS_PER_REQUEST: Final = 2_000
"""Most events in one request ("Import Events", "Track Events")."""

MAX_REQUEST_BYTES: Final = 2_097_152
"""Most bytes of uncompressed JSON in one request: the documented 413's, the lower of two figures."""

MAX_EVENT_BYTES: Final = 999_999
"""Most bytes of one event as uncompressed JSON ("smaller than 1MB")."""

MAX_PROPERTIES: Final = 254
"""Most keys of ``properties`` ("fewer than 255 properties")."""

MAX_NESTED_KEYS: Final = 254
"""Most keys of an object inside ``properties`` ("fewer than 255 keys")."""

MAX_ARRAY_ELEMENTS: Final = 254
"""Most elements of an array ("fewer than 255 elements")."""

MAX_NESTING: Final = 3
"""Most objects inside one another below ``properties`` ("max nesting depth is 3")."""

MAX_STRING_CHARACTERS: Final = 255
"""Characters that Mixpanel keeps of a longer text ("we truncate all strings down to 255 characters")."""

MAX_INSERT_ID_BYTES: Final = 36
"""Longest ``$insert_id``."""

INSERT_ID_CHARACTERS: Final = (string.ascii_letters + string.digits + "-").encode()
"""Characters that an ``$insert_id`` may have."""

MIN_TIME_MS: Final = 31_536_000_000
"""1971-01-01T00:00:00Z, the earliest time that Mixpanel accepts, in milliseconds."""

MAX_AHEAD_MS: Final = 3_600_000
"""How far ahead of the server's clock a time may be; up to there it is rewritten to now."""

TRACK_MAX_AGE_MS: Final = 432_000_000
"""Age of the oldest event that /track takes: 5 days. Older ones are dropped in silence ("Track Events")."""

TRACK_MARGIN_MS: Final = 3_600_000
"""Margin below `TRACK_MAX_AGE_MS`, for clocks that differ and for time spent in queues."""

TRACK_ACCEPTED_AGE_MS: Final = TRACK_MAX_AGE_MS - TRACK_MARGIN_MS
"""How old an event may be that is sent to /track."""

EVENTS_PER_SECOND: Final = 30_000
"""Events that Mixpanel takes from one project in a second ("Import Events", rate limits: over a minute)."""

BYTES_PER_MINUTE: Final = 2_000_000_000
"""Bytes of uncompressed JSON that it takes from one project over a rolling minute (same page): 2 GB."""

DELETABLE_DAYS: Final = 180
"""Mixpanel's own pages delete no events that are older ("Data Management", Data Deletion)."""

MAX_EVENTS_OF_USER_AND_DAY: Final = 200_000
"""Events of one user on one day; further ones are renamed and lose their user ("Hot Shard Limits")."""

RETENTION_YEARS: Final = 2
"""How long Mixpanel keeps an event, counted from its own time ("GDPR Compliance", Data Retention Policy)."""

OLDER_RETENTION_YEARS: Final = 5
"""The same for projects that were made before `OLDER_RETENTION_BEFORE` (same page)."""

OLDER_RETENTION_BEFORE: Final = date(2025, 9, 1)
"""A project that was made before has `OLDER_RETENTION_YEARS`, unless its plan changes (same page)."""

API_SECRET_RETIRED: Final = date(2027, 3, 3)
"""When requests with a project's API secret end ("Project Secret")."""

MAX_EVENT_NAMES: Final = 5_000
"""Names of events that a project should have ("Events: Capture behaviors and actions", limits: a soft limit).

Beyond it, Mixpanel takes further names, but does not list them where a name is chosen.
"""
