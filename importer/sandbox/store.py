"""The events that landed, in an SQLite database; deduplicated when they are read.

Mixpanel's rule ("Event Deduplication"): of events with the same name, time, ``distinct_id`` and
``$insert_id``, only the one ingested last is shown. As in Mixpanel, every event is stored when it arrives.
"""

from __future__ import annotations

import sqlite3
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from importer.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_PAGE = 1_000
_APPLICATION_ID = 0x4D504958  # "MPIX"; marks an SQLite file as a store of the sandbox

_SCHEMA = """
CREATE TABLE IF NOT EXISTS landed (
    seq INTEGER PRIMARY KEY,
    event TEXT NOT NULL,
    time INTEGER NOT NULL,
    distinct_id TEXT NOT NULL,
    insert_id TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE VIEW IF NOT EXISTS distinct_events AS
SELECT DISTINCT event, time, distinct_id, insert_id FROM landed;
"""

# Created when events are first read. Maintained from the start, it would cost half as much as storing them.
_INDEX = "CREATE INDEX IF NOT EXISTS identity ON landed (event, time, distinct_id, insert_id)"

_COUNT_BY_EVENT_AND_DAY = """
SELECT event, date(time / 1000, 'unixepoch') AS day, count(*)
FROM distinct_events GROUP BY event, day ORDER BY event, day
"""

_LATEST = """
SELECT seq, body FROM landed AS this
WHERE seq > ? AND NOT EXISTS (
    SELECT 1 FROM landed AS later
    WHERE later.event = this.event AND later.time = this.time
      AND later.distinct_id = this.distinct_id AND later.insert_id = this.insert_id
      AND later.seq > this.seq
)
ORDER BY seq LIMIT ?
"""


class LandedEvent(NamedTuple):
    """An event as it is stored.

    Attributes:
        event: Its name.
        time: Milliseconds since the epoch, UTC.
        distinct_id: Its user; empty where there is none.
        insert_id: Its ``$insert_id``; None if it has none, and so is no duplicate of any other event.
        body: The event as JSON.
    """

    event: str
    time: int
    distinct_id: str
    insert_id: str | None
    body: bytes


class Store:
    """Events that landed. Safe to use from several threads.

    Events are on disk in either case, so memory does not grow: a temporary SQLite database (no path) uses a
    file that is deleted when the database is closed.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Open the store.

        Args:
            path: The database file, created if it is missing; None for a temporary one.

        Raises:
            SourceError: The file can't be opened, or is not a store.
        """
        self._lock = Lock()
        try:
            self._db = sqlite3.connect(path or "", check_same_thread=False, isolation_level=None)
            self._mark()
            # WAL lets other processes read the file while events come in. With synchronous off, a killed
            # process still loses nothing; a power cut may lose events, but a rehearsal can be repeated.
            self._db.execute(f"PRAGMA journal_mode = {'WAL' if path else 'MEMORY'}")
            self._db.execute("PRAGMA synchronous = OFF")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise SourceError(
                f"{path or 'The temporary database'} can't be used as the sandbox's store: {error}.",
                "Name a file that can be written and that is new or was made by the sandbox.",
            ) from error

    def _mark(self) -> None:
        """Mark a new file as a store; refuse any other database."""
        (owner,) = self._db.execute("PRAGMA application_id").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables and owner != _APPLICATION_ID:
            raise sqlite3.DatabaseError("it is a database of something else")
        self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")

    def add(self, events: Iterable[LandedEvent]) -> None:
        """Store events, all or none of them."""
        with self._lock, self._db:
            self._db.execute("BEGIN")
            (last,) = self._db.execute("SELECT coalesce(max(seq), 0) FROM landed").fetchone()
            self._db.executemany(
                "INSERT INTO landed VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (seq, name, time, user, f"made-up-{seq}" if own_id is None else own_id, body)
                    for seq, (name, time, user, own_id, body) in enumerate(events, last + 1)
                ),
            )

    def raw_count(self) -> int:
        """Return the number of ingested events, with duplicates."""
        with self._lock:
            (count,) = self._db.execute("SELECT count(*) FROM landed").fetchone()
        return int(count)

    def count(self) -> int:
        """Return the number of events that Mixpanel would show."""
        with self._lock:
            self._db.execute(_INDEX)
            (count,) = self._db.execute("SELECT count(*) FROM distinct_events").fetchone()
        return int(count)

    def counts_by_event_and_day(self) -> list[tuple[str, str, int]]:
        """Return the number of events by name and UTC day (``YYYY-MM-DD``), sorted by both."""
        with self._lock:
            self._db.execute(_INDEX)
            return self._db.execute(_COUNT_BY_EVENT_AND_DAY).fetchall()

    def bodies(self) -> Iterator[bytes]:
        """Yield the events that Mixpanel would show as JSON, in the order in which they were ingested.

        Events are read a page at a time; other threads can write in between.
        """
        last = 0
        while True:
            with self._lock:
                self._db.execute(_INDEX)
                page = self._db.execute(_LATEST, (last, _PAGE)).fetchall()
            if not page:
                return
            yield from (body for _, body in page)
            last = page[-1][0]

    def clear(self) -> None:
        """Delete all events."""
        with self._lock:
            self._db.execute("DELETE FROM landed")

    def close(self) -> None:
        """Close the database. May be called twice."""
        with self._lock:
            self._db.close()
