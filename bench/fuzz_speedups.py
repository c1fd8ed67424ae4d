"""Damage files and check that the fast path and the slow path map them alike.

    python bench/fuzz_speedups.py --seconds 600 --seed 1

Each case damages a generated file or a sample, and reads and maps it twice: in blocks, with the compiled code
(`importer.speedups`), and record by record, without it. The items must be equal in all their fields, and so
must the message with which reading ends. The ids that are found without making events must be those of the
events. A third time the file is read a few bytes at once, so that what is read ends anywhere in a record. The
lines of results that are written from blocks must be those that are made one by one, and must be read back
alike, also after some of their bytes were damaged. What a scan finds must be the same.

A case has a number: ``--seed 1 --only 4711`` repeats it. A case that differs is reduced to the fewest lines
that still differ; these are printed and kept in ``--keep``. The exit code is 1 if a case differed.
"""

from __future__ import annotations

import argparse
import io
import json
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

from fuzz import DAMAGES, NASTY, NOW_MS, SAMPLES, SUFFIXES, some_record, some_value
from scans import scan_difference

from importer import speedups
from importer.errors import ImporterError
from importer.events.mapper import Mapper
from importer.events.shape import make_shaper
from importer.model import Batch, Delivered, Event, Record, Rejection, Status, Verdict
from importer.reading import ColumnType, Dialect, Field, KeyValue, Reading, Shape
from importer.results.lines import LineEncoder
from importer.results.recovery import LineChecker
from importer.results.rows import CSV_FORMATS, JSONL_FORMATS
from importer.source.oversized import discard
from importer.source.reader import open_source
from importer.source.registry import FORMATS

COLUMNS = ("event", "time", "user_id", "ip", "insert_id", "properties", "a", "b", "c")
FIELDS: tuple[Field, ...] = ("event", "time", "distinct_id", "ip", "insert_id", "properties")
KINDS: tuple[ColumnType, ...] = (
    "string",
    "string",
    "integer",
    "number",
    "number",
    "boolean",
    "json",
    "time",
    "skip",
)
ZONES = ("", "", "UTC", "Europe/Berlin", "America/New_York", "Africa/Monrovia", "Australia/Lord_Howe")
TIME_FORMATS = (
    "%d.%m.%Y %H:%M:%S", "%m/%d/%y %I:%M %p", "%Y%m%d%H%M%S", "%Y-%m-%dT%H:%M:%S.%f%z", "%d %b %Y",
)  # fmt: skip
VERDICTS = (
    *[Verdict(Status.IMPORTED, 200)] * 8,
    Verdict(Status.ACCEPTED, 200),
    Verdict(Status.REJECTED, 400, 'time: "x, y" is \u202e no time'),
    Verdict(
        Status.REJECTED, 400, "a reason of many words " * 13
    ),  # beside texts that grow when they are quoted
    Verdict(Status.FAILED, None, "=\ud800" * 200),
)
MIXED_USERS = (
    "u1",
    "u22",
    "user-333",
    "NULL",
    "undefined",
    " u1",
    "u\u3000",
    "1.00",
    "=1",
    "9e3b2e1",
    "\ufffd",
    "é",
)
MOST_TRIES = 2_000
"""How often a case may be tried again to make it smaller."""

ID_KEYS = ('"$insert_id"', '"$insert_id"', '"$insert_id"', r'"$insert\u005fid"', '"$insert_id" ')

Item = tuple[Any, ...]


class Case(NamedTuple):
    """A damaged file, how it is read, and how many bytes at once."""

    content: bytes
    reading: Reading
    size: int


# ── cases ────────────────────────────────────────────────────────────────────────────────────────


def some_time(chance: random.Random) -> str:
    """A time in one of the forms that files have; some are none."""
    second = chance.choice((chance.randrange(1_600_000_000, 1_790_000_000), 1_711_846_800, 1_729_990_800))
    second += chance.choice((0, 0, chance.randrange(-4000, 4000)))
    moment = time.gmtime(second)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", moment)
    fraction = chance.choice(("", "", ".5", ".123", ",123456", ".123456789", ".1234567891", "."))
    zones = (
        "Z",
        "Z",
        "",
        "+02:00",
        " UTC",
        "-0530",
        "+02",
        "z",
        " ",
        ".5Z",
        "30:",
        " gmt",
        "+15:59",
        "-16:00",
    )
    zone = chance.choice(zones)
    return chance.choice(
        (
            stamp + fraction + zone,
            stamp + fraction + zone,
            stamp.replace("T", " ") + zone,
            stamp[:16] + zone,
            stamp[: chance.randrange(20)] + zone,
            str(second),
            str(second * 1000 + 7),
            f"{second}{fraction}",
            f"{second * 1000}{fraction}",
            str(second * 10**9 + 1),
            time.strftime(chance.choice(TIME_FORMATS), moment),
            time.strftime(chance.choice(TIME_FORMATS), moment).replace("0", "", 1),
        )
    )


def some_number(chance: random.Random) -> str:
    return chance.choice(
        (
            str(chance.randrange(-(10**18), 10 ** chance.randrange(1, 21)) // 10 ** chance.randrange(19)),
            f"{chance.uniform(-1, 1) * 10 ** chance.randrange(-8, 12):.{chance.randrange(12)}f}",
            repr(chance.uniform(-1, 1) * 10.0 ** chance.randrange(-20, 25)),
            f"{chance.randrange(1000)}e{chance.randrange(-9, 25)}",
            f"{chance.randrange(100)}.{'0' * chance.randrange(1, 14)}",
        )
    )


def some_json(chance: random.Random, depth: int) -> str:
    """The text of a value; now and then of none."""
    blank = chance.choice(("", "", "", " ", "\t", " \r"))
    draw = chance.random()
    if depth and draw < 0.3:
        count = chance.choice((0, 1, 2, 3, 70 if depth == 1 else 4))
        inner = [some_json(chance, depth - 1) for _ in range(count)]
        if chance.random() < 0.5:
            return f"[{blank}{f',{blank}'.join(inner)}{blank}]"
        keys = [some_key(chance) for _ in inner]
        members = [f"{key}{blank}:{blank}{value}" for key, value in zip(keys, inner, strict=True)]
        return f"{{{blank}{f',{blank}'.join(members)}}}"
    if draw < 0.6:
        return some_number(chance)
    if draw < 0.9:
        return chance.choice(('"x"', "true", "null", '"é☕"', r'"\\ud83d\\ude00\\n"', '""', r'"\\/"'))
    return json.dumps(some_value(chance, 0), ensure_ascii=chance.random() < 0.5)


def some_key(chance: random.Random) -> str:
    known = (*COLUMNS, "distinct_id", "$insert_id", "token", "import_tag", "$os", "mp_x", "timestamp", "é")
    key = chance.choice(known) if chance.random() < 0.1 else f"k{chance.randrange(999)}"
    return json.dumps(key, ensure_ascii=chance.random() < 0.1)


def some_members(chance: random.Random, count: int, depth: int) -> str:
    return ",".join(f"{some_key(chance)}:{some_json(chance, depth)}" for _ in range(count))


def some_dialect(chance: random.Random, delimiter: str, quote: str) -> Dialect:
    """Return one of the many dialects with these marks."""
    return Dialect(
        "csv",
        delimiter=delimiter,
        quote=quote,
        header=False,
        escape=chance.choice(("", "", "", "", "\\")),
        skip_space=chance.random() < 0.3,
        trailing_delimiter=chance.random() < 0.3,
        skip_lines=chance.choice((0, 0, 0, 2)),
        comment=chance.choice(("", "", "#", "P")),
        line_end=chance.choice(("any", "lf", "lf", "lf", "cr")),
    )


def some_csv(chance: random.Random, delimiter: str, quote: str) -> str:
    """Records of the columns above, most of them sound."""
    end = chance.choice(("\n", "\n", "\r\n", "\r"))
    rows = []
    for _ in range(chance.choice((3, 30, 200))):
        odd = chance.random() < 0.3
        row = [
            chance.choice(("Purchase", "View", "", "é", " ", "$identify", "Null")) if odd else "Purchase",
            some_time(chance),
            chance.choice(("", "null", "NULL", "0", " u", "1.0", "1.2E+9", 'q"', "é" * 255)) if odd else "u1",
            chance.choice(("1.2.3.4", "", "::1", "1.2.3", "1.2.3.4, ::1")),
            chance.choice(("", "None", f"id-{chance.randrange(99)}", "not legal", "x" * 37)),
            f"{{{some_members(chance, chance.randrange(4), 2)}}}",
            *(chance.choice(NASTY).decode("utf-8", "ignore") if odd else some_number(chance) for _ in "ab"),
            "true",
        ]  # fmt: skip
        cells = [_cell(text.replace("\0", ""), delimiter, quote, chance) for text in row]
        rows.append(delimiter.join(cells) + end)
    return "".join(rows)


def _cell(text: str, delimiter: str, quote: str, chance: random.Random) -> str:
    must = any(each in text for each in (delimiter, "\n", "\r")) or text.startswith(quote or "\n")
    if quote and (must or chance.random() < 0.1):
        return quote + text.replace(quote, quote * 2) + quote
    return text if quote else text.replace("\n", " ").replace("\r", " ").replace(delimiter, " ")


def some_nested(chance: random.Random, key: str) -> str:
    """The text of an object, or of a list of pairs; now and then of something else."""
    if chance.random() < 0.05:
        return some_json(chance, 2)
    names = chance.sample(("a", "b", "c", "x.y", "é", "ip", ""), chance.randrange(4))
    if key != "p":
        inner = [some_nested(chance, "a") if chance.random() < 0.3 else some_json(chance, 1) for _ in names]
        return (
            f"{{{','.join(f'{json.dumps(name)}: {text}' for name, text in zip(names, inner, strict=True))}}}"
        )
    text, number = chance.choice(("null", '"t"')), some_number(chance)
    value = f'{{"string_value":{text},"int_value":"{number}"}}'
    values = [value if chance.random() < 0.9 else some_json(chance, 1) for _ in names]
    pairs = (
        f'{{"key":{json.dumps(name)},"value":{value}}}' for name, value in zip(names, values, strict=True)
    )
    return f"[{','.join(pairs)}]"


def some_jsonl(chance: random.Random) -> str:
    """Lines flat and in Mixpanel's shape, most of them sound; in some files with objects to take apart."""
    lines, nested = [], chance.random() < 0.4
    for _ in range(chance.choice((3, 30, 200))):
        if chance.random() < 0.1:
            lines.append(json.dumps(some_record(chance)))
            continue
        stamp = some_time(chance)
        stamp = stamp if chance.random() < 0.3 else json.dumps(stamp)
        members = [f'"time":{stamp}', f'"distinct_id":{some_user(chance)}']
        if chance.random() < 0.8:
            members.append(f"{chance.choice(ID_KEYS)}:{some_id(chance)}")
        members += filter(None, [some_members(chance, chance.choice((0, 1, 1, 2, 2, 5, 30)), 3)])
        if nested:
            members += [f'"{key}":{some_nested(chance, key)}' for key in "abp" if chance.random() < 0.7]
        chance.shuffle(members)
        inside = ",".join(members)
        if chance.random() < 0.5:
            lines.append(f'{{"event":"e","properties":{{{inside}}}}}')
        else:
            lines.append(f'{{"event":"e",{inside}}}')
    return "\n".join(lines) + chance.choice(("\n", ""))


def some_user(chance: random.Random) -> str:
    """The text of a user; now and then of something else."""
    if chance.random() < 0.8:
        return f'"{chance.choice(MIXED_USERS)}"'
    return chance.choice(
        ('""', "null", "0", "-0", "-17", "123456789012345678", "1.5", "true", "{}", r'"\u0075"')
    )


def some_id(chance: random.Random) -> str:
    """The text of an id; now and then of something else."""
    if chance.random() < 0.8:
        return f'"{chance.getrandbits(128):032x}"'
    texts = (
        '""',
        "null",
        "17",
        "1e3",
        '"not legal"',
        '"null"',
        '"anon"',
        r'"a\u0062\n"',
        '"' + "x" * 37 + '"',
    )
    return chance.choice((*texts, r'"\ud83d\ude00"', r'"\ud83d"', '"00000000-0000-0000-0000-000000000000"'))


def some_reading(chance: random.Random, dialect: Dialect) -> Reading:
    """Return one of the many readings of such files."""
    fields: dict[Field, str]
    if dialect.format == "csv":
        names = dict(zip(FIELDS, COLUMNS, strict=False))
        kept: set[str] = {"event", "time", *(field for field in FIELDS if chance.random() < 0.7)}
        fields = {field: name for field, name in names.items() if field in kept}
        columns: tuple[str, ...] = COLUMNS
        types: dict[str, ColumnType] = {column: chance.choice(KINDS) for column in "abc"}
    elif chance.random() < 0.6:
        columns, types = ("event", "properties"), {}
        fields = {"event": "event", "properties": "properties", "time": "properties.time",
                  "distinct_id": "properties.distinct_id", "insert_id": "properties.$insert_id"}  # fmt: skip
    else:
        columns, types = ("event", "time", "distinct_id", "ip"), {}
        fields = {"event": "event", "time": "time", "distinct_id": "distinct_id", "ip": "ip"}
    zone = chance.choice(ZONES)
    constants: Sequence[dict[str, Any]] = (
        {}, {}, {}, {"source": "fuzz"}, {"k1": 1.0, "é": [{"b": 1, "a": "x"}]}, {"$os": "x"}, {"ip": "1.1"},
    )  # fmt: skip
    return Reading(
        dialect,
        columns,
        fields,
        types=types,
        constants=chance.choice(constants),
        timezone=zone,
        time_format=chance.choice(
            ((), (), (*TIME_FORMATS, "auto"), (chance.choice(TIME_FORMATS), "auto"), TIME_FORMATS[:1])
        ),
        local_epochs=bool(zone) and chance.random() < 0.2,
        missing_time=chance.choice((None, None, 1_700_000_000_000)),
        null=chance.choice(((), (), ("null", "NA", "0"))),
        deep=chance.choice(("reject", "json", "flatten")),
        trim=chance.random() < 0.05,
        insert_id=chance.choice(("content", "row")),
        source_name="fuzz",
        geoip=chance.choice(("off", "request")),
        tag=chance.choice(("", "a tag")),
    )


def some_mapping(chance: random.Random, reading: Reading) -> Reading:
    """Return a reading with one of the many mappings that are more than columns, where that makes sense."""
    has_cells = reading.dialect.has_cells
    pool = (
        COLUMNS[2:] if has_cells else ("distinct_id", "ip", "a", "b", "a.b", "properties.a", "properties.b.a")
    )
    names = ("a", "b", "c", "k1", "$os", "user_id", "ip", "distinct_id", "é")
    entries = [
        chance.choice((*pool, f"{{{chance.choice(pool)}}}", f"x{{{chance.choice(pool)}}}")) for _ in "12"
    ]
    alternatives = tuple(dict.fromkeys(entries))
    tests = ("is null", "= 'u1'", "in ('a', 'b', '1')", "> 0", "like '%e%'", "= true", "<> 'x'")
    conditions = [chance.choice(("", f"{chance.choice(pool)} {chance.choice(tests)}")) for _ in alternatives]
    pairs = KeyValue("key", ("value.string_value", "value.int_value"), ("value.int_value",))
    field: Field = chance.choice(("event", "distinct_id", "ip", "insert_id"))
    fields = {each: column for each, column in reading.fields.items() if each != field}
    changes: dict[str, Any] = {
        "fields": fields,
        "alternatives": {field: alternatives},
        "conditions": {field: tuple(conditions)},
        "shape": Shape(
            flatten={key: chance.choice((1, 1, 2, 5)) for key in "abp" if chance.random() < 0.6},
            key_value={"p": pairs} if chance.random() < 0.7 else {},
            where=chance.choice(("", "event is not null", "a.b is null or a.b <> '1'")),
        ),
        "templates": {"made": f"{{{chance.choice(pool)}}} and {{{chance.choice(pool)}}}"},
        "renames": {chance.choice((*names, "k*")): chance.choice(names), "a*": "z_*"},
        "only": tuple(chance.choices((*names, "*1"), k=4)),
        "drop": tuple(chance.choices((*names, "k*"), k=2)),
        "prefix": chance.choice(("p_", "distinct_")),
        "prefer": "cell",
        "defaults": {chance.choice(("event", "distinct_id", "ip")): chance.choice(("View", "u9", "null"))},
    }
    choice = {"fields", "alternatives", "conditions"}
    kept = {key for key in changes if key not in choice and chance.random() < 0.3}
    kept |= choice if chance.random() < 0.5 else set()
    kept -= {"conditions"} if chance.random() < 0.5 else set()
    kept -= {"shape"} if has_cells else set()
    changed = replace(reading, **{key: value for key, value in changes.items() if key in kept})
    try:
        Mapper(changed, lambda: NOW_MS)
    except ImporterError:  # two columns would be one property
        return reading
    return changed


def make_case(seed: int, number: int, samples: Sequence[tuple[str, bytes]]) -> Case:
    """Return the case with a number: always the same."""
    chance = random.Random(f"{seed}:{number}")
    if chance.random() < 0.5:
        marks = ((",", '"'), (",", '"'), (";", "'"), ("\t", ""), ("|", '"'), ("\x01", '"'), ("¦", '"'))
        delimiter, quote = chance.choice(marks)
        dialect = some_dialect(chance, delimiter, quote)
        text = some_csv(chance, delimiter, quote)
        if dialect.skip_space:
            text = text.replace(delimiter, f"{delimiter} ")
        if dialect.trailing_delimiter:
            text = text.replace("true", f"true{delimiter}")
        content = text.encode("utf-8", "replace")
    else:
        dialect = Dialect("jsonl")
        content = some_jsonl(chance).encode("utf-8", "replace")
        if chance.random() < 0.2:
            content = chance.choice([sample for suffix, sample in samples if suffix == ".jsonl"])[:20_000]
    data = bytearray(content)
    for _ in range(chance.choice((0, 0, 1, 1, 2, 4))):
        chance.choice(DAMAGES)(data, chance, [sample for _, sample in samples])
        data = data or bytearray(b"\n")
    reading, size = some_reading(chance, dialect), chance.choice((1, 2, 3, 7, 64, 1000))
    return Case(bytes(data), some_mapping(chance, reading) if chance.random() < 0.5 else reading, size)


# ── both paths ───────────────────────────────────────────────────────────────────────────────────


def by_blocks(path: Path, reading: Reading, counts: Counter[str]) -> list[Item]:
    """Return the items of a file, mapped by the block."""
    mapper, other = (Mapper(reading, lambda: NOW_MS) for _ in range(2))
    items: list[Item] = []
    with open_source(path, reading.dialect, reading.columns, reshape=make_shaper(reading)) as source:
        try:
            for chunk in source.chunks():
                made = mapper.map(chunk)
                counts["records"] += len(chunk)
                counts["in blocks"] += len(chunk) * isinstance(chunk, speedups.Block)
                counts["events"] += sum(isinstance(item, Event) for item in made)
                ids = Counter(other.insert_ids(chunk))
                if not Counter(item.insert_id for item in made if isinstance(item, Event)) <= ids:
                    items.append(("the ids that are found are not those of the events", *ids))
                items += map(typed, made)
                items += odd_lines(made)
        except ImporterError as error:
            items.append(("ends", error.message))
    return items


def odd_lines(block: speedups.EventBlock) -> list[Item]:
    """Return the forms of results in which lines are not written, or not read, as they are one by one."""
    chance = random.Random(len(block))
    verdicts = [chance.choice(VERDICTS) for _ in range(block.events)]
    found: list[Item] = []
    for form in (*CSV_FORMATS[:2], *JSONL_FORMATS[:2]):
        fast, slow = (
            LineEncoder(form, compiled=compiled).encode(Delivered(Batch.of(block), verdicts))
            for compiled in (True, False)
        )
        if fast != slow:
            found.append(("lines are written otherwise", form))
        damaged = bytearray(fast.data)
        for _ in range(chance.randrange(3) if damaged else 0):
            damaged[chance.randrange(len(damaged))] = chance.choice(b',"\\\n0{\xc3\x00t')
        read = [LineChecker(form, compiled=each).check(bytes(damaged), (0, 0)) for each in (True, False)]
        if read[0] != read[1]:
            found.append(("lines are read otherwise", form, bytes(damaged)))
    return found


def by_records(path: Path, reading: Reading) -> list[Item]:
    """Return the items of a file, mapped by the record."""
    mapper = Mapper(reading, lambda: NOW_MS)
    items: list[Item] = []
    with open_source(path, reading.dialect, reading.columns, reshape=make_shaper(reading)) as source:
        try:
            items.extend(typed(item) for record in source.items() for item in mapper.map([record]))
        except ImporterError as error:
            items.append(("ends", error.message))
    return items


class Pieces(io.BufferedIOBase):
    """A file whose reads return no more than some bytes."""

    def __init__(self, content: bytes, size: int) -> None:
        self._file = io.BytesIO(content)
        self._size = size

    def read1(self, _size: int = -1, /) -> bytes:
        """Return the next bytes."""
        return self._file.read(self._size)


def in_pieces(content: bytes, case: Case) -> list[Record | Rejection]:
    """Return the items of a file that is read in blocks, a few bytes at once."""
    dialect = case.reading.dialect
    file = Pieces(content, case.size)
    reader = FORMATS[dialect.format].open_reader(file, dialect, case.reading.columns, discard)
    return [item for chunk in reader.chunks() for item in chunk]


def one_by_one(path: Path, reading: Reading) -> list[Record | Rejection]:
    """Return the items of a file that is read by the record."""
    with open_source(path, reading.dialect, reading.columns) as source:
        return list(source.items())


def typed(item: Event | Rejection) -> Item:
    return type(item).__name__, *item, *map(type, item)


def difference(path: Path, case: Case, counts: Counter[str]) -> str:
    """Return how the two paths differ; empty if they don't."""
    opening = b"{}\n" if case.reading.dialect.format == "jsonl" else b"\n"  # the first line is read by itself
    path.write_bytes(opening + case.content)
    items: tuple[Sequence[Any], Sequence[Any]]
    try:
        items = by_blocks(path, case.reading, counts), by_records(path, case.reading)
        if items[0] == items[1]:
            items = in_pieces(opening + case.content, case), one_by_one(path, case.reading)
        if items[0] == items[1]:
            return scan_difference(path, case.reading)
    except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
        return traceback.format_exc()
    for one, other in zip(*items, strict=False):
        if one != other:
            return f"fast: {one}\nslow: {other}"
    return f"fast: {len(items[0])} items\nslow: {len(items[1])} items"


def smallest(case: Case, differs: Callable[[Case], bool]) -> Case:
    """Return the fewest lines, and bytes of them, that still differ, as far as `MOST_TRIES` allows."""
    tries = 0
    for in_bytes in (False, True):
        text = case.content
        parts = [text[n : n + 1] for n in range(len(text))] if in_bytes else text.splitlines(keepends=True)
        size = len(parts) // 2
        while size:
            at = 0
            while at < len(parts) and tries < MOST_TRIES:
                left = parts[:at] + parts[at + size :]
                tries += 1
                if differs(case._replace(content=b"".join(left))):
                    parts = left
                else:
                    at += size
            size //= 2
        case = case._replace(content=b"".join(parts))
    return case


# ── the command ──────────────────────────────────────────────────────────────────────────────────


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="do this case and no other")
    parser.add_argument("--samples", type=Path, default=SAMPLES, help="folder of .csv and .jsonl files")
    parser.add_argument(
        "--keep", type=Path, default=Path("fuzz-failures"), help="folder for files that differ"
    )
    return parser.parse_args()


def main() -> int:
    """Run cases until the time is up."""
    options = arguments()
    if not speedups.COMPILED:
        print("nothing is compiled: there is nothing to compare", file=sys.stderr)
        return 1
    samples = [(p.suffix, p.read_bytes()) for p in sorted(options.samples.iterdir()) if p.suffix in SUFFIXES]
    counts: Counter[str] = Counter()
    until = time.monotonic() + options.seconds
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "case")
        number = options.only or 0
        while time.monotonic() < until:
            case = make_case(options.seed, number, samples)
            counts["files"] += 1
            if difference(path, case, counts):
                counts["differ"] += 1
                least = smallest(case, lambda some: bool(difference(path, some, Counter())))
                options.keep.mkdir(parents=True, exist_ok=True)
                Path(options.keep, f"speedups-{options.seed}-{number}").write_bytes(least.content)
                print(
                    f"case {number} differs: {least.content!r}\n{least.reading}, {least.size} bytes at once",
                    file=sys.stderr,
                )
                print(difference(path, least, Counter()), file=sys.stderr, flush=True)
            number += 1
            if options.only is not None:
                break
    print(f"seed {options.seed}: {', '.join(f'{count:,} {what}' for what, count in counts.items())}")
    return int(counts["differ"] > 0)


if __name__ == "__main__":
    sys.exit(main())
