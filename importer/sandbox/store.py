"""What landed, in SQLite: every event that was taken, deduplicated when it is looked at.

Mixpanel's rule ("Event Deduplication"): events with the same name, time, ``distinct_id`` and ``$insert_id``
are one, and the latest ingested is shown. As there, nothing is thrown away when it arrives.
"""

from __future__ import annotations

import sqlite3
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import orjson

from importer.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_PAGE = 1_000
_APPLICATION_ID = 0x4D504958  # "MPIX": how SQLite files say whose they are

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

# Made at the first look, not kept up while events come in: that costs half as much as storing them.
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


class Landed(NamedTuple):
    """An event as it is kept.

    Attributes:
        event: Its name.
        time: Milliseconds since the epoch, UTC.
        distinct_id: Its user; empty where there is none.
        insert_id: Its ``$insert_id``; None where it came without, and so is like no other event.
        body: The event as JSON.
    """

    event: str
    time: int
    distinct_id: str
    insert_id: str | None
    body: bytes


class Store:
    """Events that landed. Safe to use from several threads.

    It keeps them on disk in either form, so memory stays flat: a temporary SQLite database (no path) spills
    to a file that is gone when it is closed.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Open the store.

        Args:
            path: File that keeps the events, made where it is missing; None for a temporary one.

        Raises:
            SourceError: The file can't be opened, or is no store.
        """
        self._lock = Lock()
        try:
            self._db = sqlite3.connect(path or "", check_same_thread=False, isolation_level=None)
            self._claim()
            # WAL lets others look at the file while events come in, and with synchronous off a killed
            # process still loses nothing; a power cut may, and a rehearsal can be run again.
            self._db.execute(f"PRAGMA journal_mode = {'WAL' if path else 'MEMORY'}")
            self._db.execute("PRAGMA synchronous = OFF")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise SourceError(
                f"{path or 'The temporary database'} can't be used as the sandbox's store: {error}.",
                "Name a file that can be written and that is new or was made by the sandbox.",
            ) from error

    def _claim(self) -> None:
        """Mark a new file as a store; refuse a database that is something else."""
        (owner,) = self._db.execute("PRAGMA application_id").fetchone()
        (tables,) = self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables and owner != _APPLICATION_ID:
            raise sqlite3.DatabaseError("it is a database of something else")
        self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")

    def add(self, events: Iterable[Landed]) -> None:
        """Keep events, all or none of them."""
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
        """Count what was ingested, duplicates and all."""
        with self._lock:
            (count,) = self._db.execute("SELECT count(*) FROM landed").fetchone()
        return int(count)

    def count(self) -> int:
        """Count events as Mixpanel would show them."""
        with self._lock:
            self._db.execute(_INDEX)
            (count,) = self._db.execute("SELECT count(*) FROM distinct_events").fetchone()
        return int(count)

    def counts_by_event_and_day(self) -> list[tuple[str, str, int]]:
        """Count events by name and UTC day (``YYYY-MM-DD``), sorted by both."""
        with self._lock:
            self._db.execute(_INDEX)
            return self._db.execute(_COUNT_BY_EVENT_AND_DAY).fetchall()

    def bodies(self) -> Iterator[bytes]:
        """Yield events as JSON, as Mixpanel would show them, in the order in which they were ingested.

        It reads a page at a time and lets others write in between.
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

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield events as objects; else as `bodies`."""
        return map(orjson.loads, self.bodies())

    def clear(self) -> None:
        """Forget everything that landed."""
        with self._lock:
            self._db.execute("DELETE FROM landed")

    def close(self) -> None:
        """Close the file. Closing twice is harmless."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
