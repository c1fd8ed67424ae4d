"""What a scan finds in a file, by its blocks and record by record."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from importer.errors import ImporterError
from importer.events.mapper import Mapper
from importer.events.shape import make_shaper
from importer.model import Event, Record, Rejection
from importer.profile.attention import attention_observers
from importer.profile.chunk import ColumnarChunk
from importer.profile.hashing import hash_texts
from importer.profile.hot_shards import UserDayObserver
from importer.profile.id_observer import IdObserver
from importer.profile.json_fields import LineParts
from importer.profile.observers import SummaryObserver
from importer.profile.type_observer import TypeObserver
from importer.profile.unique import UniqueCheck
from importer.reading import Reading
from importer.source.reader import Source, open_source


class Ids(UniqueCheck):
    """A check of ids that keeps all hashes, so that they can be compared.

    Attributes:
        hashes: How often each occurs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hashes: Counter[int] = Counter()

    def add_hashes(self, hashes: bytes) -> bool:
        """As in `UniqueCheck`."""
        self.hashes.update(array("Q", hashes))
        return True


def scan(chunks: Iterable[ColumnarChunk], reading: Reading, ids: IdObserver | None) -> list[Any]:
    """Return what the observers find in some chunks, and the message with which reading ends."""
    counts, users = SummaryObserver(reading), UserDayObserver(reading)
    looking = attention_observers(reading)
    types = TypeObserver(reading) if reading.dialect.has_cells else None
    observers = [counts, users, *looking, *filter(None, (types, ids))]
    message = ""
    try:
        for chunk in chunks:
            for observer in observers:
                observer.observe(chunk)
    except ImporterError as error:
        message = error.message
    return [
        counts.counter.summary(),
        list(counts.counter.summary().names.items()),
        counts.attention(),
        {at: count for at, count in enumerate(users.counter._counts) if count},  # noqa: SLF001 - nobody else asks
        *(each.attention() for each in looking),
        None if types is None else (types.inference.profiles(), types.attention()),
        message,
    ]


def _opened(path: Path, reading: Reading) -> Source:
    return open_source(path, reading.dialect, reading.columns, reshape=make_shaper(reading))


def scan_difference(path: Path, reading: Reading) -> str:
    """Return how a scan by blocks differs from one record by record; empty if it does not."""
    check = Ids()
    has_ids = "insert_id" in reading.fields and not {"insert_id", "$insert_id"} & reading.constants.keys()
    observer = IdObserver(reading, check, lambda: 2**60) if has_ids else None
    with _opened(path, reading) as source:
        fast = scan(by_blocks(source, reading), reading, observer)
    with _opened(path, reading) as source:
        slow = scan(by_records(source, reading), reading, None)
    for one, other in zip(fast, slow, strict=True):
        if one != other:
            return f"scan by blocks: {one}\nby records: {other}"
    if has_ids and observer is not None and not observer.lacks_ids and not fast[-1]:
        return _difference_of_ids(path, reading, check)
    return ""


def _difference_of_ids(path: Path, reading: Reading, check: Ids) -> str:
    """Return which ids of events a scan does not find, or which it finds though no record has them."""
    with _opened(path, reading) as source:
        items = list(source.items())
    mapped = Mapper(reading, lambda: 2**60).map(items)
    if reading.dialect.has_cells:  # whose cells are compared, not the ids that are made of some of them
        return ""
    of_events = Counter(array("Q", hash_texts([i.insert_id for i in mapped if isinstance(i, Event)])))
    others = sum(not isinstance(item, Event) for item in mapped)
    if of_events <= check.hashes and (check.hashes - of_events).total() <= others:
        return ""
    return f"the ids of a scan are not those of the events: {check.hashes} and {of_events}"


def by_blocks(source: Source, reading: Reading) -> Iterator[ColumnarChunk]:
    """Yield the records of a source as a scan has them."""
    parts = LineParts(reading, least=1)
    for items in source.chunks():
        yield from parts.chunks(items, "s")


def by_records(source: Source, reading: Reading) -> Iterator[ColumnarChunk]:
    """Yield the records of a source in lists, of which nothing compiled makes columns."""
    items = iter(source.items())
    has_cells, trim = reading.dialect.has_cells, reading.trim
    while chunk := _list(items):
        yield ColumnarChunk(chunk, has_cells=has_cells, source="s", trim=trim)


def _list(items: Iterator[Record | Rejection]) -> Sequence[Record | Rejection]:
    """Return the next items, those ahead of an error by themselves."""
    found: list[Record | Rejection] = []
    try:
        found.extend(islice(items, 500))
    except ImporterError:
        if not found:
            raise
    return found
