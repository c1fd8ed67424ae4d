"""The manifest: a JSON file beside the results that says how a run was made, for resume, retry and status."""

# No postponed annotations: the codec reads the types of the fields below at run time.
import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, overload

import orjson

from importer.errors import ResultsError
from importer.facts import SourceAudit
from importer.model import (
    Credentials,
    CredentialsKind,
    DeliverySettings,
    Endpoint,
    Fingerprint,
    RunKind,
    Status,
)
from importer.reading import Attention, Reading
from importer.results.codec import DecodeError, decode, encode
from importer.results.counts import Counts
from importer.results.manifest_check import find_fault
from importer.results.manifest_shape import find_fault_of_shape
from importer.results.paths import manifest_path
from importer.results.storage import BINARY, PRIVATE, storage_error, sync_directory
from importer.text import quoted

VERSION = 1
"""Goes up when a manifest of an older importer would be read wrongly."""

READER_VERSION = 2
"""Goes up when the readers of this version may count the records of a source otherwise than those before.

1: a manifest that names none. 2: a lone CR in a CSV file whose lines end in LF is part of its cell.
"""

_VERSION_KEY = "manifest_version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """How a run was made, and how it ended.

    Attributes:
        kind: ``real``, ``dry-run`` or ``sandbox``.
        source: Path of the source as it was given.
        fingerprint: The source as it was when the run began.
        reading: How the source was read.
        endpoint: ``import`` or ``track``.
        base_url: Scheme, host and port that events went to.
        project_id: Project, where the credentials name one.
        credentials_kind: ``token``, ``service-account`` or ``secret``; empty without credentials.
        credential_salt: What the digest is salted with.
        credential_digest: From `credential_digest`: compares credentials without revealing them.
        settings: Settings of delivery. Not part of the reading: a resume may change it.
        limit: ``--limit``; a resume may change it.
        importer_version: Version of the importer.
        started: Start, ISO 8601 in UTC.
        ended: End, ISO 8601 in UTC; None while it runs and after a crash.
        parent: For a retry, the results that it retries: see `relative_link`.
        statuses: For a retry, the ``--status`` that chose its records; None for all without success.
        error_contains: For a retry, the text in ``error`` that chose its records.
        retried_by: The results of the retry of this run: see `relative_link`.
        mended_rows: For the run of records that were copied and mended, which records of the source of
            `parent` these were, as `row_ranges` writes them; empty for any other run.
        mended_items: Where these are several events each, which of those are sent: of one record after the
            other, separated by semicolons; 0 for all of a record. Empty for any other run.
        scope: Records in scope, as soon as it is known: all their events, where a record may be several.
        exploded: In that case, how many records these are, once the end was reached; else None.
        counts: Outcomes, once the run has ended.
        unattempted: Records without an outcome, once the run has ended.
        reconciled: Whether outcomes and unattempted records add up to the scope.
        exit_code: What the process ended with.
        audit: What was seen of the source as a whole.
        attention: What its owner might not expect of how it is read, or of what becomes of it.
        reader_version: Version of what makes records out of bytes: see `READER_VERSION`.
        unauthorized: No record has an outcome, and every request, if there was one, was answered 401 or 403.
            For a retry, the runs before it sent nothing either.
        refused_at: Base URLs that answered so before the destination was put right.
    """

    kind: RunKind
    source: str
    fingerprint: Fingerprint
    reading: Reading
    endpoint: Endpoint
    base_url: str
    importer_version: str
    started: str
    project_id: str = ""
    credentials_kind: Literal["", CredentialsKind] = ""
    credential_salt: str = ""
    credential_digest: str = ""
    settings: DeliverySettings = field(default_factory=DeliverySettings)
    limit: int | None = None
    ended: str | None = None
    parent: str | None = None
    statuses: tuple[Status, ...] | None = None
    error_contains: str | None = None
    retried_by: str | None = None
    mended_rows: str = ""
    mended_items: str = ""
    scope: int | None = None
    exploded: int | None = None
    counts: Counts = field(default_factory=Counts)
    unattempted: int | None = None
    reconciled: bool | None = None
    exit_code: int | None = None
    audit: SourceAudit | None = None
    attention: tuple[Attention, ...] = ()
    reader_version: int = 1
    unauthorized: bool = False
    refused_at: tuple[str, ...] = ()

    @property
    def breaks_off(self) -> bool:
        """True if the source is imported up to where its bytes are no records any more."""
        records = self.scope if self.exploded is None else self.exploded
        in_scope = self.limit is None or (records or 0) < self.limit
        return in_scope and any(each.code == "broken-off" for each in self.attention)


AnyManifest = TypeVar("AnyManifest", bound=Manifest)


def manifest_text(manifest: Manifest) -> str:
    """Return a manifest as JSON in ASCII, which is safe on a terminal and exact for any name of a file.

    A path that is not UTF-8 holds lone surrogates, which no UTF-8 can; JSON's escapes can.
    """
    document = {_VERSION_KEY: VERSION, **encode(manifest)}
    # Python lays out JSON a hundred times as slowly, but only Python writes lone surrogates.
    try:
        data = orjson.dumps(document, option=_LAYOUT)
    except orjson.JSONEncodeError:
        return json.dumps(document, indent=2) + "\n"
    return _NOT_PLAIN.sub(_as_escape, data.decode())


_LAYOUT = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
_NOT_PLAIN = re.compile("[^\n -~]")


def _as_escape(character: re.Match[str]) -> str:
    """Return a character, which stands in a string of JSON, as Python's `json` writes it."""
    return json.dumps(character[0])[1:-1]


def write_manifest(path: Path, manifest: Manifest, *, durable: bool = True) -> None:
    """Write a manifest whole or not at all: write, fsync, rename, fsync of the folder.

    Args:
        path: From `manifest_path`. A file that is there is replaced.
        manifest: What to write; mode 0600.
        durable: False to leave out what only a power cut needs: another file tells the same until then.

    Raises:
        StorageError: It can't be written. What was there stays as it was.
    """
    draft = path.with_name(f"{path.name}.tmp")
    try:
        draft.unlink(missing_ok=True)  # of a run that died here
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, PRIVATE)
        with os.fdopen(handle, "wb") as file:
            file.write(manifest_text(manifest).encode("ascii"))
            file.flush()
            if durable:
                os.fsync(file.fileno())
        draft.replace(path)
        if durable:
            sync_directory(path.parent)
    except OSError as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise storage_error(path, error) from error


def is_lost(path: Path) -> bool:
    """Return whether a manifest is missing, or is what a power cut leaves of one that was not flushed.

    Args:
        path: From `manifest_path`.
    """
    try:
        with path.open("rb") as file:
            return file.read(1) in (b"", b"\0")
    except FileNotFoundError:
        return True
    except OSError:
        return False


@overload
def read_manifest(path: Path) -> Manifest: ...
@overload
def read_manifest(path: Path, kind: type[AnyManifest]) -> AnyManifest: ...
def read_manifest(path: Path, kind: type[Any] = Manifest) -> Any:
    """Read a manifest.

    Args:
        path: From `manifest_path`.
        kind: The class that it is of.

    Raises:
        ResultsError: It is missing, cut short, edited, or of a newer importer.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ResultsError(
            f"{path} is missing: nothing says how these results were made.",
            "Put it back beside the results, or start again with another name for --results.",
        ) from None
    except OSError as error:
        raise ResultsError(
            f"{path} can't be read: {error.strerror or error}.", "Make it readable."
        ) from error
    parse: Callable[..., Any] = _parsed if len(data) <= _MOST_KEPT else _parse
    return parse(path, kind, data)


def _parse(path: Path, kind: type[Any], data: bytes) -> Any:
    """Return what the bytes of a manifest say; the path is for messages.

    Raises:
        ResultsError: As `read_manifest`.
    """
    try:
        document: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _unusable(path, "it is cut short or not JSON") from error
    if not isinstance(document, dict) or _VERSION_KEY not in document:
        raise _unusable(path, f"{_VERSION_KEY} is missing")
    version = document.pop(_VERSION_KEY)
    if type(version) is int and version > VERSION:
        raise ResultsError(
            f"{path} was written by a newer mixpanel-importer ({_VERSION_KEY} {quoted(version)}, "
            f"this one knows {VERSION}).",
            "Update mixpanel-importer.",
        )
    if version != VERSION:
        raise _unusable(path, f"{_VERSION_KEY} is {quoted(version)}, expected {VERSION}")
    try:
        manifest = decode(kind, _upgraded(document))
        if "reader_version" not in document and manifest.reading.dialect.format == "jsonl":
            # Words for "no value" meant nothing in JSONL then.
            manifest = replace(manifest, reading=replace(manifest.reading, null=()))
    except DecodeError as error:
        raise _unusable(path, str(error)) from error
    if fault := find_fault(manifest) or find_fault_of_shape(manifest.reading):
        raise _unusable(path, fault)
    return manifest


@lru_cache(maxsize=16)
def _parsed(path: Path, kind: Any, data: bytes) -> Any:
    """As `_parse`: what is done for a source of a set needs its manifests again and again."""
    return _parse(path, kind, data)


_MOST_KEPT: Final = 1 << 16  # bytes: those of a set hold all of its sources


def _upgraded(document: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest as this version writes it: older ones hold one format of times, as text."""
    reading = document.get("reading")
    if not isinstance(reading, dict):
        return document
    if isinstance(form := reading.get("time_format"), str):
        reading = {**reading, "time_format": [form] if form else []}
    return {**document, "reading": _decoded_reading(reading)}


def _decoded_reading(document: dict[str, Any]) -> Reading | dict[str, Any]:
    """Return a reading; as it is if it is none that JSON can write.

    Raises:
        DecodeError: As `decode`.
    """
    name = document.get("source_name", "")
    try:
        text = orjson.dumps({**document, "source_name": ""})
    except orjson.JSONEncodeError:
        return document
    return replace(_known_reading(text), source_name=name) if isinstance(name, str) else document


@lru_cache(maxsize=8)
def _known_reading(text: bytes) -> Reading:
    """Return a reading without the name of its source: thousands of manifests of a set have it in common."""
    return decode(Reading, orjson.loads(text), "reading")


def _unusable(path: Path, why: str) -> ResultsError:
    return ResultsError(
        f"{path} is not the manifest of a run: {why}.",
        "Put it back as it was written, or start again with another name for --results.",
    )


# ── lineage ──────────────────────────────────────────────────────────────────────────────────────


def relative_link(results: Path, to: Path) -> str:
    """Return the path to other results from the folder of these, so that both can be moved together.

    Args:
        results: The results whose manifest holds the link.
        to: The results that it points at.

    Returns:
        A relative path; absolute if there is none (another drive).
    """
    try:
        return os.path.relpath(to.resolve(), results.resolve().parent)
    except ValueError:
        return str(to.resolve())


def resolve_link(results: Path, target: str) -> Path:
    """Return the results that a link (`relative_link`) in the manifest of these results names."""
    return Path(os.path.normpath(results.parent / target))


# ── credentials ──────────────────────────────────────────────────────────────────────────────────


def credential_digest(salt: str, credentials: Credentials) -> str:
    """Return a digest that is the same for the same credentials and does not reveal them.

    The password of a service account is left out: with another password it still writes to the same project.

    Args:
        salt: From `salt_for`.
        credentials: The credentials.

    Returns:
        128 bits in hexadecimal.
    """
    known_by = json.dumps([credentials.kind, credentials.username, credentials.project_id])
    key = salt.encode()[: hashlib.blake2b.MAX_KEY_SIZE]
    return hashlib.blake2b(known_by.encode(), key=key, digest_size=16).hexdigest()


def salt_for(results: Path, fresh: Callable[[], str] = lambda: secrets.token_hex(16)) -> str:
    """Return the salt for the digest of a run: that of existing results, so that digests can be compared.

    Args:
        results: The results file that the run will write.
        fresh: Makes a salt of 16 bytes, in hexadecimal, where there is none yet.
    """
    try:
        return read_manifest(manifest_path(results)).credential_salt or fresh()
    except ResultsError:
        return fresh()
