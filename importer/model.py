"""The words of the importer: what its wings hand each other.

Everything here is immutable. What exists once per record is a named tuple (a million of them are made
in a run, and a tuple costs a quarter of a frozen dataclass); what exists once per run is a frozen
dataclass. Nothing here reads a file, a clock or the network.

The way of a record::

    Source ──Record──▶ Mapper ──Event──▶ Batch ──▶ Delivery ──Verdict──▶ Outcome ──▶ results file
       └────Rejection────┴──────Rejection──┘ (rides along in its batch, in order, and is never sent)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal, NamedTuple, get_args

JSON = dict[str, Any] | list[Any] | str | int | float | bool | None
"""A value of JSON, as orjson reads it."""

Field = Literal["event", "distinct_id", "time", "ip", "insert_id", "properties"]
"""What a column can be mapped to."""

FIELDS: Final[tuple[Field, ...]] = get_args(Field)

ColumnType = Literal["string", "integer", "number", "boolean", "json", "time", "skip"]
"""What the cells of a column are; ``skip`` leaves the column out of the event."""


FormatName = Literal["csv", "jsonl"]
"""A format that a source can have."""

_FORMATS_OF_CELLS = frozenset({"csv"})

RunKind = Literal["real", "dry-run", "sandbox"]
"""What a run is: only a real one reaches Mixpanel."""

Endpoint = Literal["import", "track"]
"""Where events are posted to."""

Region = Literal["us", "eu", "in"]
"""Where a project's data lives."""

CredentialsKind = Literal["token", "service-account", "secret"]
"""Who asks Mixpanel: a project's token, a service account, or a project's API secret (legacy)."""

MissingTime = Literal["reject", "now"]
"""What a record without a time becomes: invalid, or an event at the start of the run."""

IdBasis = Literal["content", "row"]
"""What ``$insert_id`` is a hash of where no column is mapped: the event, or the event and its row."""

GeoIP = Literal["off", "request"]
"""Where an event without an ip is placed: nowhere, or where the request comes from."""


class Status(StrEnum):
    """The one outcome of a record (column ``status`` of the results file)."""

    IMPORTED = "imported"  # Mixpanel said that it took this event
    ACCEPTED = "accepted"  # /track took the request; it confirms no single event
    REJECTED = "rejected"  # Mixpanel refused this event: mend the data
    INVALID = "invalid"  # refused before sending: mend the data or the mapping
    FAILED = "failed"  # not delivered, or not known: safe to rerun as it is
    VALID = "valid"  # dry run: would be sent

    @property
    def success(self) -> bool:
        """True where nothing is left to do for the record."""
        return self in (Status.IMPORTED, Status.ACCEPTED, Status.VALID)


# ── source → events ──────────────────────────────────────────────────────────────────────────────


class Record(NamedTuple):
    """One CSV record or one JSONL line.

    Attributes:
        row: Number of the record in the source, from 1; the header and blank lines are not counted.
        line: Physical line on which it starts, from 1; every line is counted.
        values: The cells in the order of the columns (CSV), or the object of the line (JSONL).
        note: What reading could not keep exactly, else empty.
    """

    row: int
    line: int
    values: Sequence[str] | Mapping[str, Any]
    note: str = ""


class Rejection(NamedTuple):
    """Why a record can't become an event: a value, not an exception.

    Attributes:
        row: As in `Record`.
        line: As in `Record`.
        error: The field, what was found and what is expected; one line for people.
        event: Name of the event, as far as it is known.
        distinct_id: User of the event, as far as it is known.
        insert_id: ``$insert_id`` of the event, as far as it is known.
        note: As in `Event`.
    """

    row: int
    line: int
    error: str
    event: str = ""
    distinct_id: str = ""
    insert_id: str = ""
    note: str = ""


# ── events → delivery ────────────────────────────────────────────────────────────────────────────


class Event(NamedTuple):
    """What Mixpanel gets for a record.

    Attributes:
        row: As in `Record`.
        line: As in `Record`.
        event: Name of the event.
        distinct_id: User of the event; empty where there is none.
        insert_id: ``$insert_id``, the same each time that the record is read.
        time: Milliseconds since the epoch, UTC.
        body: The event as JSON in UTF-8, encoded once: no newline, no token.
        note: What was changed, or what Mixpanel will change, without being an error.
    """

    row: int
    line: int
    event: str
    distinct_id: str
    insert_id: str
    time: int
    body: bytes
    note: str = ""


class Batch(NamedTuple):
    """Consecutive records of the source and the one request that they become.

    Attributes:
        items: Events and rejections in the order of the source.
        events: The events among them, in the same order: the request. May be empty.
        bodies: The body of each of the events; none in a dry run, which makes no request of them.
    """

    items: Sequence[Event | Rejection]
    events: Sequence[Event]
    bodies: Sequence[bytes]


class Verdict(NamedTuple):
    """What became of one event that was handed to delivery.

    Attributes:
        status: `IMPORTED`, `ACCEPTED`, `REJECTED`, `INVALID` (too old for /track when its turn came)
            or `FAILED`.
        status_code: HTTP status of the last answer; None where there was none.
        error: The server's words or the transport's, on one line; empty on success.
    """

    status: Status
    status_code: int | None = None
    error: str = ""


class Delivered(NamedTuple):
    """A batch with a verdict for each of its events, in the order of ``batch.events``."""

    batch: Batch
    verdicts: Sequence[Verdict]


# ── delivery → results ───────────────────────────────────────────────────────────────────────────


class Outcome(NamedTuple):
    """One line of the results file."""

    row: int
    line: int
    status: Status
    status_code: int | None
    event: str
    distinct_id: str
    insert_id: str
    error: str
    note: str


# ── once per run ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a source was when it was read: enough to know it again.

    Attributes:
        size: Bytes on disk.
        mtime_ns: Time of the last change, nanoseconds since the epoch.
        digest: XXH3-128 of the bytes on disk, in hexadecimal.
    """

    size: int
    mtime_ns: int
    digest: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the bytes of a source become records.

    Attributes:
        format: ``csv`` or ``jsonl``.
        compression: ``""``, ``gzip``, ``zstd``, ``bz2`` or ``xz``: by what the file is, not by its name.
        encoding: A Python codec name, ``utf-8`` unless said otherwise (CSV; JSON is UTF-8 by RFC 8259).
        delimiter: One character (CSV).
        quote: What encloses a cell, one character; empty where nothing does (CSV).
        header: True if the first record names the columns (CSV).
    """

    format: FormatName
    compression: str = ""
    encoding: str = "utf-8"
    delimiter: str = ","
    header: bool = True
    quote: str = '"'

    @property
    def has_cells(self) -> bool:
        """True if a record is a row of text cells, whose types are to be inferred; else it is an object."""
        return self.format in _FORMATS_OF_CELLS


@dataclass(frozen=True, slots=True)
class Reading:
    """How a source becomes events. Inferred or declared, then fixed in the manifest.

    Two runs with equal readings make the same events, bytes and ids out of the same source.

    Attributes:
        dialect: How bytes become records.
        columns: CSV: the header (``1``, ``2``, … without one). JSONL: the keys seen when the mapping
            was made.
        fields: Which column each mapped field comes from. JSONL: dotted paths are allowed.
        names: Property name of a column, where it isn't the column's own.
        types: Type of each column that has one. CSV: every column.
        constants: ``--set``: value of a field or property that holds for every record.
        timezone: IANA zone of times without one; empty if there is none.
        time_format: strptime format of the time column; empty for ISO 8601 and epochs.
        local_epochs: Epochs were made from local time: read them through ``timezone``.
        missing_time: None if a record without time is invalid, else the milliseconds that it gets.
        null: Texts that mean "no value" beside the empty cell (CSV).
        insert_id: ``content`` or ``row``: what the hash covers where no column is mapped.
        source_name: Base name of the source, part of the hash of ``row``.
        geoip: ``off`` sends ``"ip": 0`` where a record has no ip; ``request`` leaves it out.
        tag: Value of the property ``import_tag``; empty for none.
    """

    dialect: Dialect
    columns: tuple[str, ...]
    fields: Mapping[Field, str]
    names: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    constants: Mapping[str, JSON] = field(default_factory=dict)
    timezone: str = ""
    time_format: str = ""
    local_epochs: bool = False
    missing_time: int | None = None
    null: tuple[str, ...] = ()
    insert_id: IdBasis = "content"
    source_name: str = ""
    geoip: GeoIP = "off"
    tag: str = ""


class ColumnProfile(NamedTuple):
    """What the scan saw of one column.

    Attributes:
        name: Name of the column.
        type: The narrowest type that holds for every value.
        filled: Records in which it has a value.
        examples: Its first distinct values, at most three.
        because: The value that made a column of numbers or booleans text; empty if none did.
    """

    name: str
    type: ColumnType
    filled: int
    examples: tuple[str, ...]
    because: str


@dataclass(frozen=True, slots=True)
class ProfileSummary:
    """Counts over the events of a source.

    Attributes:
        records: Records, readable or not.
        unreadable: Records that could not be read, such as a line of bad JSON.
        names: Events by name.
        other_names: Events whose names came after too many others to be told apart.
        no_time: Records without a time that could be read.
        no_zone: Records whose time says no zone, where none was given.
        clock_changes: Records whose local time does not exist or exists twice.
        forms: How the times are written, and how often.
        first: Earliest instant, nanoseconds since the epoch; None while there is none.
        last: Latest instant.
        quarters: Events by quarter of an hour since the epoch.
    """

    records: int
    unreadable: int
    names: Mapping[str, int]
    other_names: int
    no_time: int
    no_zone: int
    clock_changes: int
    forms: Mapping[str, int]
    first: int | None
    last: int | None
    quarters: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Collisions:
    """What an audit found.

    Attributes:
        events: How many events were compared; or, where all ids are different so that no event had to be
            made, how many records brought one along.
        identical: Events that are equal in everything to an earlier one: Mixpanel keeps one of them.
        lost: Events that differ from another with the same name, distinct_id, time and ``$insert_id``.
        lost_by_day: The same for events that share the day (UTC) but not the time: compaction may merge them.
        first: Rows of the first pairs that differ, at most five.
        first_identical: Rows of the first pairs that are identical, at most five.
    """

    events: int
    identical: int
    lost: int
    lost_by_day: int
    first: tuple[tuple[int, int], ...]
    first_identical: tuple[tuple[int, int], ...]

    @property
    def found(self) -> bool:
        """Whether events that differ would become one."""
        return bool(self.lost or self.lost_by_day)


NO_COLLISIONS = Collisions(0, 0, 0, 0, (), ())
"""What an audit found that compared no events."""


@dataclass(frozen=True, slots=True)
class SourceAudit:
    """What was seen of a source as a whole; kept in the manifest for later runs of the same source.

    Attributes:
        facts: Names and times of its events.
        whole: False if only its first records were looked at.
        notes: Records with a note in a dry run; None before its end.
        collisions: Events that Mixpanel would take for one another; None if ids were not compared.
    """

    facts: ProfileSummary
    whole: bool
    notes: int | None = None
    collisions: Collisions | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks Mixpanel. Its text never shows what it holds.

    Attributes:
        kind: ``token``, ``service-account`` or ``secret``.
        username: User of HTTP basic auth: the token, the service account's name or the API secret.
        password: Password of HTTP basic auth; empty but for a service account.
        project_id: For a service account, else empty.
    """

    kind: CredentialsKind
    username: str = field(repr=False)
    password: str = field(default="", repr=False)
    project_id: str = ""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where events go.

    Attributes:
        endpoint: ``import`` or ``track``.
        base_url: Scheme, host and port, without a slash at the end.
        kind: ``real`` or ``sandbox``.
    """

    endpoint: Endpoint
    base_url: str
    kind: RunKind = "real"


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How hard and how fast to send.

    Attributes:
        batch_size: Most events in one request (1 to 2,000).
        batch_bytes: Most bytes of uncompressed JSON in one request.
        concurrency: Batches in flight at most; None for adaptive.
        max_retries: Tries after the first before a batch is given up.
        retry_wait: Seconds of the first backoff; its cap is 30 times, its jitter 0.5 to 2.5 times that.
        timeout: Seconds to connect, to write and to read.
    """

    batch_size: int = 50
    batch_bytes: int = 2_000_000
    concurrency: int | None = None
    max_retries: int = 8
    retry_wait: float = 2.0
    timeout: float = 30.0
