"""Damage files in every way and see that reading and mapping keep their promises.

    python bench/fuzz.py --minutes 10 --seed 1

Each case takes a sample, damages it, and does in one process what a dry run does: detect, mapping, scan,
mapper. What must hold, whatever is in the file:

- nothing but an `ImporterError` is raised;
- every record gets one item, numbered 1, 2, 3, … in order, and names the line on which it begins;
- reading a second time gives the same items, ids and bytes among them;
- every event passes Mixpanel's documented rules, and is the JSON that it says it is.

A case is known by its number: ``--seed 1 --only 4711`` does that one again. Files that break a promise are
kept in ``--keep``. The exit code is 1 if there was one.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import json
import lzma
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

from importer.cli.console import Console
from importer.errors import ImporterError, MappingError
from importer.events.declared_reading import DeclaredReading
from importer.events.mapper import Mapper
from importer.mixpanel import rules
from importer.model import Event, Record, Rejection
from importer.pipeline.resolve import detect_declared, draft_reading, settle_reading
from importer.pipeline.survey import scan_source
from importer.progress import NullProgress
from importer.reading import Reading
from importer.source.encoding import error_handler
from importer.source.files import open_binary
from importer.source.reader import open_source

NOW_MS = 1_790_000_000_000
BEYOND_THE_HEAD = 1_200_000
"""Bytes of a file whose damage may lie behind what its kind is judged by."""

FIXED = {"event": "an event", "time": "2024-01-01T00:00:00Z"}
SAMPLES = Path(__file__).parent.parent / "samples"
SUFFIXES = (".csv", ".jsonl")
PACK: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}
NASTY = (
    b'"', b'""', b'"""', b"'", b"\\", b"\n", b"\r", b"\r\n", b"\n\n", b"\0", b"\x1a", b"\x1b[31m", b",",
    b";", b"\t", b"|", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\\ud800",
    b"\\u0000", b"\xe2\x80\xa8", b"\xc2\x85", b"\x0b", b"\x0c", b"{", b"}", b"[", b"]", b"{}", b"[]",
    b"null", b"true", b"NaN", b"Infinity", b"-", b"0", b"-0", b"-0.0", b"1e400", b"1e-400", b"02134",
    b"+1", b"1_000", b"1.5", b".5", b"5.", b"\xd9\xa3", b"9007199254740993", b"18446744073709551615",
    b"18446744073709551616", b"123456789012345678901234567890", b"0.1234567890123456789",
    b"2024-03-31T02:30:00", b"2024-02-30T00:00:00Z", b"9999-12-31T23:59:59-12:00",
    b"0001-01-01T00:00:00+14:00", b"1970-12-31T23:59:59.999999999Z", b"31536000", b"1714557600000000000",
    b"anon", b"undefined", b'{"event":"x","properties":{}}', b'"properties":{"a":{"b":{"c":{"d":1}}}}',
    b'"$insert_id":"-"', b'"time":null', b'"token":"t"', b'"ip":0', b"[" * 600, b'{"a":' * 300, b"," * 300,
    b"x" * 300, b"\xf0\x9f\x98\x80",
)  # fmt: skip


class Case(NamedTuple):
    """A damaged file and how it is to be read."""

    name: str
    content: bytes
    declared: DeclaredReading


class Broken(AssertionError):  # noqa: N818 - what it says of a promise
    """A promise that a file broke."""


# ── damage ───────────────────────────────────────────────────────────────────────────────────────


def flip(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    for _n in range(chance.choice((1, 1, 3, 30))):
        data[chance.randrange(len(data))] = chance.randrange(256)


def insert(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    for _n in range(chance.choice((1, 1, 2, 8))):
        at = chance.randrange(len(data) + 1)
        data[at:at] = chance.choice(NASTY)


def delete(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    start = chance.randrange(len(data))
    del data[start : start + chance.choice((1, 1, 5, 50, 2000))]


def repeat(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    start = chance.randrange(len(data))
    piece = data[start : start + chance.choice((1, 5, 200, 3000))]
    data[start:start] = piece * chance.choice((1, 2, 20))


def splice(data: bytearray, chance: random.Random, samples: Sequence[bytes]) -> None:
    other = chance.choice(samples)
    start, at = chance.randrange(len(other)), chance.randrange(len(data) + 1)
    data[at : at + chance.choice((0, 10, 500))] = other[start : start + chance.choice((10, 100, 2000))]


def truncate(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    del data[chance.randrange(1, len(data) + 1) :]


def double_quotes(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    places = [at for at, byte in enumerate(data) if byte == ord('"')]
    for at in sorted(chance.sample(places, min(len(places), chance.choice((1, 2, 9)))), reverse=True):
        data[at:at] = b'"'


def replace_cell(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    """Put something else between two separators."""
    places = [at for at, byte in enumerate(data) if byte in b",\n:"]
    if len(places) > 1:
        at = chance.randrange(len(places) - 1)
        data[places[at] + 1 : places[at + 1]] = chance.choice(NASTY)


def random_json(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    """Put a line of JSON in the place of another line."""
    lines = bytes(data).split(b"\n")
    text = json.dumps(some_record(chance), ensure_ascii=chance.random() < 0.5)
    lines[chance.randrange(len(lines))] = text.encode("utf-8", "surrogatepass")
    data[:] = b"\n".join(lines)


def swap_lines(data: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    lines = bytes(data).split(b"\n")
    chance.shuffle(lines)
    data[:] = b"\n".join(lines)


DAMAGES = (
    flip, insert, insert, insert, delete, repeat, splice, truncate, double_quotes, replace_cell, replace_cell,
    random_json, random_json, swap_lines,
)  # fmt: skip


def some_record(chance: random.Random) -> Any:
    """A record in one of the usual shapes, with values of every kind."""
    keys = (
        "event",
        "time",
        "distinct_id",
        "$insert_id",
        "ip",
        "token",
        "properties",
        "a",
        "b.c",
        "",
        "$x",
        "n",
    )
    flat = {key: some_value(chance, 3) for key in chance.sample(keys, chance.randrange(1, len(keys)))}
    match chance.randrange(4):
        case 0:
            return {"event": "e", "properties": {"time": 1714557973, "distinct_id": "u", **flat}}
        case 1:
            return {"event_name": "e", "timestamp": 1714557973, "user_id": 7, **flat}
        case 2:
            return flat
        case _:
            return some_value(chance, 6)


def some_value(chance: random.Random, depth: int) -> Any:
    """Any value of JSON, and some that are none."""
    if depth and chance.random() < 0.3:
        count = chance.choice((0, 1, 3, 254, 255)) if depth == 1 else chance.randrange(4)
        if chance.random() < 0.5:
            return [some_value(chance, depth - 1) for _ in range(count)]
        return {f"k{n}": some_value(chance, depth - 1) for n in range(count)}
    return chance.choice(
        (
            None, True, False, 0, -0.0, 1, 1.5, 1e22, 5e-324, 2**53 + 1, 2**63, 2**64 - 1, 2**64,
            -(2**63) - 1, float("nan"), float("inf"), "", " ", "x", "0", "anon", "é", "\0", "\ud800",
            "\U0001f600" * 200, "x" * 256, 1714557973, 1714557973000, "2024-05-01T10:00:00Z",
            "2024-05-01 10:00", chance.random(),
        )
    )  # fmt: skip


# ── cases ────────────────────────────────────────────────────────────────────────────────────────


def make_case(seed: int, number: int, samples: Sequence[tuple[str, bytes]]) -> Case:
    """The case of that number: always the same."""
    chance = random.Random(f"{seed}:{number}")
    suffix, sample = chance.choice(samples)
    data = bytearray(sample)
    if chance.random() < 0.5 and len(data) > 2000:
        del data[2000:]  # small files are quick, and show the same
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        chance.choice(DAMAGES)(data, chance, [content for _, content in samples])
        data = data or bytearray(b"\n")
    if chance.random() < 0.03:
        wide = chance.choice(("utf-16", "utf-16-le", "utf-32"))
        data = bytearray(data.decode("utf-8", "replace").encode(wide))
    if chance.random() < 0.003:
        data *= BEYOND_THE_HEAD // len(data) + 1
    name = f"case{suffix if chance.random() < 0.8 else chance.choice(('.txt', '.csv', '.jsonl', ''))}"
    if chance.random() < (0.6 if len(data) > BEYOND_THE_HEAD else 0.1):
        kind = chance.choice(tuple(PACK))
        data, name = bytearray(PACK[kind](bytes(data))), f"{name}.{kind}"
        if chance.random() < 0.7:
            chance.choice((flip, truncate, delete))(data, chance, ())
    return Case(name, bytes(data), some_options(chance, suffix))


def some_options(chance: random.Random, suffix: str) -> DeclaredReading:
    """What a person might say; often nothing."""
    if chance.random() < 0.4:
        return DeclaredReading()
    some: Callable[..., Any] = lambda *values: chance.choice((None, None, *values))  # noqa: E731
    named = FIXED if chance.random() < 0.4 else {}
    fields: Any = dict.fromkeys(named, "")
    kinds = ("string", "integer", "number", "boolean", "json", "time", "skip")
    columns = ("price", "quantity", "zip", "label", "amount", "ok", "page")
    types: Any = {chance.choice(columns): chance.choice(kinds)} if chance.random() < 0.3 else {}
    if suffix == ".csv":  # a column that is not there stops a CSV at once
        types = {column: kind for column, kind in types.items() if column in columns[:4]}
    return DeclaredReading(
        fields=fields,
        types=types,
        constants={**named, **({"source": "fuzz"} if chance.random() < 0.2 else {})},
        null=chance.choice(((), ("NA", "null"))),
        missing_time=some("now", "reject"),
        timezone=some("Europe/Berlin", "UTC", "Africa/Monrovia"),
        local_epochs=None,
        insert_id=some("row", "content"),
        geoip=some("request", "off"),
        tag=some("a tag"),
        format=some("csv", "jsonl"),
        delimiter=some(",", ";"),
        header=some(True, False),
        encoding=some("utf-8", "latin-1", "cp1252", "utf-16-le"),
    )


# ── promises ─────────────────────────────────────────────────────────────────────────────────────


class Seen(NamedTuple):
    """What became of a case."""

    end: str
    items: list[Event | Rejection]


def examine(path: Path, declared: DeclaredReading) -> Seen:
    """Do what a dry run does, and check the promises."""
    try:
        reading = read_as(path, declared)
    except ImporterError as error:
        check_words(error)
        return Seen(f"stopped: {type(error).__name__}", [])
    end = "read to the end"
    try:
        seen = scan_source(path, reading, now_ms=0, progress=NullProgress())
        reading = settle_reading(reading, seen.types)
    except ImporterError as error:
        check_words(error)
        end = f"broken off: {type(error).__name__}"
    try:
        once, ended = mapped(path, reading)
    except ImporterError as error:
        check_words(error)
        return Seen(f"stopped: {type(error).__name__}", [])
    if ended != (end == "read to the end"):
        raise Broken("the scan and the run end differently")
    if (once, ended) != mapped(path, reading):
        raise Broken("reading it twice gives different items")
    check_items(once)
    if ended:
        check_lines(path, reading)
    if end == "read to the end" and seen.survey.summary.records != len(once):
        raise Broken(f"the scan counts {seen.survey.summary.records} records, the run {len(once)}")
    return Seen(end, once)


def read_as(path: Path, declared: DeclaredReading) -> Reading:
    """The reading of a file; where its columns don't say what the fields are, without them."""
    detected = detect_declared(path, declared)
    try:
        return draft_reading(detected, declared, path.name, NOW_MS)
    except MappingError as error:
        check_words(error)
        said = replace(declared, fields=dict.fromkeys(FIXED, ""), types={}, constants=FIXED)  # type: ignore[arg-type]
        return draft_reading(detected, said, path.name, NOW_MS)


def mapped(path: Path, reading: Reading) -> tuple[list[Event | Rejection], bool]:
    """The items of a source, and whether it could be read to its end."""
    mapper, items = Mapper(reading, lambda: NOW_MS), []
    with open_source(path, reading.dialect, reading.columns) as source:
        try:
            for chunk in source.chunks():
                made = mapper.map(chunk)
                if [place(item) for item in made] != [place(item) for item in chunk]:
                    raise Broken("the mapper does not give one item for each record")
                items += made
        except ImporterError as error:
            check_words(error)
            return items, False
    return items, True


def check_lines(path: Path, reading: Reading) -> None:
    """Check that each item begins on the physical line that it names."""
    dialect = reading.dialect
    with open_binary(path, dialect.compression)[0] as binary:
        jsonl = dialect.format == "jsonl"
        errors = error_handler(dialect.encoding)
        text = binary if jsonl else io.TextIOWrapper(binary, dialect.encoding, errors, newline="")
        physical: list[Any] = list(text)
    with open_source(path, dialect, reading.columns) as source:
        for item in source.items():
            lines = source.reader.lines
            if lines and not physical[item.line - 1].endswith(lines[0]):  # a mark is taken off
                raise Broken(f"row {item.row} does not begin on line {item.line}")


def place(item: Record | Event | Rejection) -> tuple[int, int]:
    return item.row, item.line


def check_items(items: Sequence[Event | Rejection]) -> None:
    """Check the numbers of all items, and each of the events."""
    if [item.row for item in items] != list(range(1, len(items) + 1)):
        raise Broken("the rows are not 1, 2, 3, …")
    lines = [item.line for item in items]
    if lines != sorted(set(lines)):
        raise Broken("the lines do not go up")
    for item in items:
        if isinstance(item, Event):
            check_event(item)
        elif not item.error or len(item.error.splitlines()) != 1:
            raise Broken(f"row {item.row}: the error is not one line: {item.error!r}")


def check_event(item: Event) -> None:
    """Check that an event is what it says, and what Mixpanel takes."""
    event = json.loads(item.body)
    violation = rules.check_event(event, len(item.body), NOW_MS) or rules.check_encoding(event)
    if violation:
        raise Broken(f"row {item.row}: the rules refuse a valid event: {violation.message}")
    properties = event["properties"]
    said = (item.event, item.distinct_id, item.insert_id, item.time)
    sent = (event["event"], *(properties[name] for name in ("distinct_id", "$insert_id", "time")))
    if said != sent:
        raise Broken(f"row {item.row}: the body says {sent}, the event {said}")
    if "token" in properties or b"\n" in item.body or item.time > NOW_MS:
        raise Broken(f"row {item.row}: a token, a line break or a time ahead of the clock")


def check_words(error: ImporterError) -> None:
    """Check that an error says something, and that nothing in it reaches a terminal's controls."""
    terminal = io.StringIO()
    Console(stream=terminal).fail(error)
    shown = terminal.getvalue()
    if not error.message or not shown.replace("\n", "").isprintable():
        raise Broken(f"an error that can't be shown: {shown!r}")


# ── the command ──────────────────────────────────────────────────────────────────────────────────


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="do this case and no other")
    parser.add_argument("--samples", type=Path, default=SAMPLES, help="folder of .csv and .jsonl files")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="folder for files that fail")
    return parser.parse_args()


def main() -> int:
    """Run cases until the time is up."""
    options = arguments()
    samples = [
        (path.suffix, path.read_bytes())
        for path in sorted(options.samples.iterdir())
        if path.suffix in SUFFIXES
    ]
    ends: Counter[str] = Counter()
    events = rejections = failures = done = 0
    slowest = (0.0, 0)
    until = time.monotonic() + options.minutes * 60
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < until:
            number = done if options.only is None else options.only
            case = make_case(options.seed, number, samples)
            path = Path(folder, case.name)
            path.write_bytes(case.content)
            began = time.process_time()
            try:
                seen = examine(path, case.declared)
            except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
                failures += 1
                keep(options.keep, options.seed, number, case)
            else:
                ends[seen.end] += 1
                valid = sum(isinstance(item, Event) for item in seen.items)
                events, rejections = events + valid, rejections + len(seen.items) - valid
            slowest = max(slowest, (time.process_time() - began, number))
            path.unlink()
            done += 1
            if options.only is not None:
                break
    print(f"{done:,} files (seed {options.seed}): {events:,} events, {rejections:,} rejections")
    print(f"{failures:,} files broke a promise")
    print("\n".join(f"{count:>10,}  {end}" for end, count in ends.most_common()))
    print(f"slowest: case {slowest[1]}, {slowest[0]:.2f} s of CPU")
    return int(failures > 0)


def keep(folder: Path, seed: int, number: int, case: Case) -> None:
    """Say what a case broke, and keep its file."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{seed}-{number}-{case.name}"
    kept.write_bytes(case.content)
    print(f"case {number} breaks a promise; kept as {kept}\n{case.declared}", file=sys.stderr)
    traceback.print_exc()


if __name__ == "__main__":
    sys.exit(main())
