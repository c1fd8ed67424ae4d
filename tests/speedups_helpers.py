# ruff: noqa: RUF001 - values from files may look alike
"""What the tests of the speedups share: both paths through a file, readings, and hostile values."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from events_helpers import NOW_MS, TIME

from importer.errors import ImporterError
from importer.events.mapper import Mapper
from importer.model import Event, Record, Rejection
from importer.reading import Dialect, Reading
from importer.source.reader import Source, open_source
from importer.speedups import Block, BlockMapper

COLUMNS = ("event", "time", "user", "cell")
CSV = Reading(
    Dialect("csv", header=False), COLUMNS, {"event": "event", "time": "time", "distinct_id": "user"}
)
JSONL = Reading(Dialect("jsonl"), COLUMNS, CSV.fields)
MIXPANEL = Reading(
    Dialect("jsonl"),
    ("event", "properties"),
    {
        "event": "event", "time": "properties.time", "distinct_id": "properties.distinct_id",
        "ip": "properties.ip", "insert_id": "properties.$insert_id", "properties": "properties",
    },
)  # fmt: skip
# ── the two paths ────────────────────────────────────────────────────────────────────────────────


class Paths(NamedTuple):
    """The items of a file by the fast path and by the slow path, and the message with which reading ended."""

    fast: list[tuple[Any, ...]]
    slow: list[tuple[Any, ...]]


@contextmanager
def file_of(content: bytes | str, reading: Reading, *, opened: bool) -> Iterator[Path]:
    """A file of some content, behind an opening record: the first is read by itself, for its mark."""
    data = content.encode() if isinstance(content, str) else content
    if opened:
        dialect = reading.dialect
        cells = dialect.delimiter.join("x" * len(reading.columns)) + "\n"
        data = (cells.encode() if dialect.format == "csv" else b"{}\n") + data
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "events")
        path.write_bytes(data)
        yield path


def on_both_paths(content: bytes | str, reading: Reading, *, opened: bool = True) -> Paths:
    """Read and map some content on both paths."""
    with file_of(content, reading, opened=opened and reading.dialect.encoding == "utf-8") as path:
        return Paths(_by_blocks(path, reading), _by_records(path, reading))


def assert_same(content: bytes | str, reading: Reading, *, opened: bool = True) -> list[tuple[Any, ...]]:
    """Check that both paths lead to the same items, and return them."""
    fast, slow = on_both_paths(content, reading, opened=opened)
    for one, other in zip(fast, slow, strict=False):
        assert one == other
    assert len(fast) == len(slow)
    return slow


def _by_blocks(path: Path, reading: Reading) -> list[tuple[Any, ...]]:
    mapper = Mapper(reading, lambda: NOW_MS)
    ids = Mapper(reading, lambda: NOW_MS)
    found: list[tuple[Any, ...]] = []
    with _until_it_ends(path, reading, found) as source:
        for chunk in source.chunks():
            made = mapper.map(chunk)
            again = mapper.map(list(chunk))
            assert [typed(item) for item in made] == [typed(item) for item in again]
            assert Counter(e.insert_id for e in made if isinstance(e, Event)) <= Counter(
                ids.insert_ids(chunk)
            )
            found += map(typed, made)
    return found


def _by_records(path: Path, reading: Reading) -> list[tuple[Any, ...]]:
    mapper = Mapper(reading, lambda: NOW_MS)
    found: list[tuple[Any, ...]] = []
    with _until_it_ends(path, reading, found) as source:
        found.extend(typed(item) for record in source.items() for item in mapper.map([record]))
    return found


@contextmanager
def _until_it_ends(path: Path, reading: Reading, found: list[tuple[Any, ...]]) -> Iterator[Source]:
    """Open a source; an error at its end becomes the last item found."""
    try:
        with open_source(path, reading.dialect, reading.columns) as source:
            yield source
    except ImporterError as error:
        found.append(("ends", error.message.partition(": ")[2]))


def typed(item: Event | Rejection) -> tuple[Any, ...]:
    """Return the fields of an item and their types."""
    return type(item), *item, *map(type, item)


def blocks_of(content: bytes | str, reading: Reading) -> list[Block]:
    """The blocks that a file is cut into, behind an opening record."""
    with (
        file_of(content, reading, opened=True) as path,
        open_source(path, reading.dialect, reading.columns) as source,
    ):
        return [chunk for chunk in source.chunks() if isinstance(chunk, Block)]


def block_mapper_of(reading: Reading) -> BlockMapper:
    mapper = Mapper(reading, lambda: NOW_MS)._block_mapper
    assert isinstance(mapper, BlockMapper)
    return mapper


def map_block(mapper: BlockMapper, block: Block, clock: int = NOW_MS) -> list[Event | Rejection | None]:
    """Return what a mapper makes of each record of a block, and None for each that it defers."""
    deferred: set[int] = set()

    def defer(item: Record | Rejection) -> Rejection:
        deferred.add(item.row - block.row)
        return Rejection(item.row, 0, "deferred")

    made = mapper.map(block, clock, defer)
    return [None if at in deferred else item for at, item in enumerate(made)]


def takes_fast_path(content: bytes | str, reading: Reading) -> list[bool]:
    """Return for each record in the blocks of a file whether it takes the fast path."""
    mapper = block_mapper_of(reading)
    return [event is not None for block in blocks_of(content, reading) for event in map_block(mapper, block)]


# ── files ────────────────────────────────────────────────────────────────────────────────────────


def cell(text: str, quote: str = '"') -> str:
    """A cell as it stands in CSV, quoted if it must be."""
    if quote and any(c in text for c in f'{quote},;\t|\r\n"'):
        return f"{quote}{text.replace(quote, quote * 2)}{quote}"
    return text


def csv_file(rows: Sequence[Sequence[str]], delimiter: str = ",", quote: str = '"', end: str = "\n") -> str:
    return "".join(delimiter.join(cell(text, quote) for text in row) + end for row in rows)


def fits_in_a_block(text: str) -> bool:
    """Return whether a block can hold a cell; else the rest of its piece of the file is read one by one."""
    return "\x00" not in text and "\udcff" not in text and "\r" not in text.replace("\r\n", "")


def csv_of_cells(texts: Sequence[str], place: int = 3) -> str:
    """A plain record, then one record for each text, which is its only odd cell, with plain ones among them."""
    plain = ["Purchase", TIME, "u1", ""]
    rows = [plain]
    for text in texts:
        odd = plain.copy()
        odd[place] = text
        rows += [odd, plain]
    return csv_file(rows)


def assert_cells_same(texts: Sequence[str], reading: Reading, place: int = 3) -> list[tuple[Any, ...]]:
    """Check that odd cells map the same on both paths; those that no block holds stand in their own file."""
    found: list[tuple[Any, ...]] = []
    for in_block in (True, False):
        chosen = [text for text in texts if fits_in_a_block(text) is in_block]
        content = csv_of_cells(chosen, place)
        if in_block:
            assert sum(map(len, blocks_of(content, reading))) == 2 * len(chosen) + 1
        found += assert_same(content.encode("utf-8", "surrogateescape"), reading)
    return found


def line_of(members: str, time: str = f'"{TIME}"', user: str = '"u1"') -> str:
    """A line of JSON with some members, as text, behind the usual ones."""
    more = f",{members}" if members else ""
    return f'{{"event":"Purchase","time":{time},"user":{user}{more}}}\n'


def mixpanel_line(members: str, time: str = "1714557600", more: str = "") -> str:
    """A line in Mixpanel's own shape."""
    inside = f",{members}" if members else ""
    return f'{{"event":"Purchase","properties":{{"time":{time},"distinct_id":"u1"{inside}}}{more}}}\n'


# ── readings ─────────────────────────────────────────────────────────────────────────────────────

TYPES = ("string", "integer", "number", "boolean", "json", "time", "skip")
VARIANTS: dict[str, Callable[[Reading], Reading]] = {
    "as it is": lambda reading: reading,
    "tag": lambda reading: replace(reading, tag='qu"o\\te☕'),
    "ip from the request": lambda reading: replace(reading, geoip="request"),
    "id by row": lambda reading: replace(reading, insert_id="row", source_name='a"\udcff☕.csv'),
    "null texts": lambda reading: replace(reading, null=("NULL", "null", "1", "☕", "\udcff")),
    "trim": lambda reading: replace(reading, trim=True),
    "deep as JSON": lambda reading: replace(reading, deep="json"),
    "deep flattened": lambda reading: replace(reading, deep="flatten", deep_columns={"cell": "json"}),
    "zone": lambda reading: replace(reading, timezone="Europe/Berlin"),
    "local epochs": lambda reading: replace(reading, timezone="Europe/Berlin", local_epochs=True),
    "time format": lambda reading: replace(reading, time_format=("%Y-%m-%dT%H:%M:%S%z",)),
    "time format of local time": lambda reading: replace(
        reading, time_format=("%Y-%m-%dT%H:%M:%S",), timezone="Europe/Berlin"
    ),
    "decimal comma": lambda reading: replace(reading, decimal=",", thousands="."),
    "no time": lambda reading: replace(reading, missing_time=1_700_000_000_123),
    "constants": lambda reading: replace(
        reading, constants={"z": {"b": [1.0, {"a": "é"}], "a": -0.0}, "é": "x", "$os": "y", "A": 2.50}
    ),
    "constants that clash": lambda reading: replace(
        reading, constants={"cell": 1, "a": 1.0, "plan": "p", "0": ""}
    ),
    "constant that is long": lambda reading: replace(reading, constants={"long": "x" * 256}),
    "constant name": lambda reading: replace(
        reading, fields={f: c for f, c in reading.fields.items() if f != "event"}, constants={"event": 'a"☕'}
    ),
    "constant user": lambda reading: replace(
        reading,
        fields={f: c for f, c in reading.fields.items() if f != "distinct_id"},
        constants={"distinct_id": "all"},
    ),
    "constant ip": lambda reading: replace(reading, constants={"ip": "1.2.3.4"}),
    "constants over fields": lambda reading: replace(
        reading, constants={"event": "Set", "time": 1_714_557_600}
    ),
    "many constants": lambda reading: replace(reading, constants={f"c{n:03}": n for n in range(245)}),
    "no user": lambda reading: replace(
        reading, fields={f: c for f, c in reading.fields.items() if f != "distinct_id"}
    ),
}


# ── hostile values ───────────────────────────────────────────────────────────────────────────────

INTEGERS = [
    "1", "0", "-0", "00", "01", "-01", "-1", "+1", " 1", "1 ", "1_000", "1,000", "٣", "１", "--1", "-", "", "1-", "0x1",
    "9" * 14, "9" * 15, "9" * 16, "9" * 17, "9" * 18, "9" * 19, "9" * 20, "1" + "0" * 14, "1" + "0" * 15, "1" + "0" * 18,
    "-" + "9" * 13, "-" + "9" * 14, "-" + "9" * 15, "-" + "9" * 16, "-" + "9" * 17, "-" + "9" * 18, "-" + "9" * 19,
    *(str(sign * (2**power + more)) for power in (31, 53, 63, 64) for more in (-1, 0, 1) for sign in (1, -1)),
    "1" + "0" * 40, "1\x00", "02134",
]  # fmt: skip
DECIMALS = [
    "0.0", "-0.0", "0.00", "-0.00", "1.0", "-1.0", "1.00", "1.10", "1.100", "10.0", "100.50", "1.5", "-1.5", "0.1", "-0.1", "0.10",
    "0.5", "0.05", "0.005", "0.0005", "0.0001", "-0.0001", "0.00010", "0.00009", "0.00005", "-0.00005", "0.000050", "0.0000",
    "0.00000", "-0.00000", "0.00001", "0.000000001", "0.00099", "5.0E0", "1.00001", "1.00000", "10.00005", "0.10000", "00.5", "01.5", ".5", "5.", "-.5", "-5.", "1.5.", "1..5", ".", "-.",
    "123456789.12345", "123456789.123456", "1234567890.12345", "12345678901234.5", "123456789012345.6", "1234567890123456.7",
    "0.123456789012", "0.1234567890123", "0.12345678901234", "0.123456789012345", "0.1234567890123456", "0.12345678901234567",
    "-0.12345678901", "-0.123456789012", "-0.1234567890123", "12345678901.0", "1234567890123.0", "12345678901234.0", "123456789012345.0",
    "0.30000000000000004", "0.1000000000000000055511151231257827", "9007199254740993.0", "2.5e-5", "1e0", "1e1", "1e5", "1E5", "1E+20",
    "1e+05", "1e-5", "1e-7", "1.10e1", "12e-1", "1e15", "1e16", "1e21", "1e22", "1e308", "1e309", "1e400", "-1e400", "1e-308", "4.9e-324", "1e-324", "1e-400",
    "1e", "e1", "1e+", "1e1.5", "1e1e1", "1ee1", "0e0", "-0e0", "0e5", "1e05", "1e-05", "1.5e3", "1.5e-3", "9.5e15", "1.7976931348623157e308",
    "1,2", "[1", "1]", "2.5e+7", "1e99", "-3e-99", "1.2345678901e-5", "1e-320", "1e-999", "1e999",
    "NaN", "nan", "Infinity", "-Infinity", "inf", "1.", "1.5x", "1.5 ", " 1.5", "1.٣", "0.1e1", "99999999999999.9", "9999999999999.99",
]  # fmt: skip
NUMBERS = INTEGERS + DECIMALS
BOOLEANS = [
    "true", "false", "True", "False", "TRUE", "FALSE", "tRUE", "falsE", "yes", "no", "1", "0", "t", "f", "truex", "tru",
    " true", "true ", "null", "None", "ｔrue", "",
]  # fmt: skip
TEXTS = [
    "a", "", " ", "0", "NULL", "null", "é", "☕", "\U0001f600", "a\\", "\\", "\\n", 'quo"te', '"', '""', '"""', "'", "''", "it's", "a,b", ",",
    "line\nbreak", "line\r\nbreak", "lone\rcr", "\r", "\n", "\t", "tab\there", "\x01", "\x08\x0c", "\x1f", "\x7f", "\x80", "\x0b\x0c\x1c\x1e\x85",
    "\u2028\u2029", "\ufeff", "\ufffd", "\U0010ffff", "\ud7ff\ue000", "</script>", "\\u0041", "\\ud800", "x" * 254, "x" * 255, "x" * 256, "x" * 300,
    "é" * 127, "é" * 128, "é" * 254, "é" * 255, "é" * 256, "☕" * 85, "☕" * 86, "☕" * 255, "☕" * 256, "\U0001f600" * 64, "\U0001f600" * 255,
    "\U0001f600" * 256, '"' * 255, '"' * 256, "\\" * 255, "\x01" * 255, "\x01" * 256, "\n" * 255, ("x" * 250) + "é☕\U0001f600ab", ("x" * 250) + "é☕\U0001f600abc",
    "\x00", "a\x00b", *(chr(n) for n in range(1, 32)), "'" * 255, "'" * 256,
]  # fmt: skip
STRINGS = [  # of JSON
    '""', '"a"', '"é☕\U0001f600"', r'"\""', r'"\\"', r'"\/"', '"/"', r'"\b\f\n\r\t"', r'"\u0000"', r'"\u0001"', r'"\u001f"', r'"\u0008\u0009\u000a\u000c\u000d"',
    r'"\u0022"', r'"\u005c"', r'"\u002f"', r'"\u0041"', r'"\u007f"', r'"\u0080"', r'"\u00e9"', r'"\u00E9"', r'"\u07ff"', r'"\u0800"', r'"\u2028"', r'"\ud7ff"', r'"\ue000"', r'"\uffff"',
    r'"\ud83d\ude00"', r'"\uD83D\uDE00"', r'"\ud800\udc00"', r'"\udbff\udfff"', r'"\ud800"', r'"\udc00"', r'"\ud800x"', r'"\ud800\n"', r'"\ud800\ud800"', r'"\udc00\ud800"', r'"\udc00\udc00"', r'"\udfff\udfff"', r'"\ud800\ue000"', r'"\ud800\udbff"', r'"\ud800\u0041"',
    r'"\ud83d\ude0"', r'"\ud83d\ude"', r'"\ud83d\u"', r'"\ud83d\"', r'"\ud83d"', r'"\u"', r'"\u0"', r'"\u00"', r'"\u004"', r'"\u00g0"', r'"\u00G0"', r'"\uFFFG"', r'"\u 041"', r'"\u-041"', r'"\u+041"', r'"\u004`"', r'"\u0@41"',
    r'"\a"', r'"\x41"', r'"\0"', r'"\U00000041"', r'"\ "', "\"\\'\"", '"\\', '"', '"a', '"a\\"', '"\x7f"', '"\t"', '"\x01"', '"\x1f"', '"\x00"', "'a'", "a",
    *(f'"{"x" * n}"' for n in (254, 255, 256)), *(f'"{"é" * n}"' for n in (127, 128, 254, 255, 256)), *(f'"{"☕" * n}"' for n in (85, 86, 255, 256)),
    *(f'"{chr(0x1F600) * n}"' for n in (255, 256)), *('"' + r"\n" * n + '"' for n in (127, 128, 254, 255, 256)), *('"' + r"\u00e9" * n + '"' for n in (43, 255, 256)),
    *('"' + r"\ud83d\ude00" * n + '"' for n in (22, 255, 256)), *('"' + r"\u0001" * n + '"' for n in (43, 255, 256)), '"' + r"\/" * 255 + '"', '"' + r"\/" * 256 + '"', '"' + r"\u0041" * 255 + 'x"',
    '"null"', '"true"', '"1"', '"NULL"', '"{}"',
]  # fmt: skip
_LONG = "x" * 256
JSON_TREES = [
    "true", "false", "null", "True", "tru", "nul", "fals", "truex", "nullx", "falsey", "TRUE", "undefined",
    "[1;2]", "[1}2]", '{"a":1]', '["a\\,"b"]', '{"a\\:1}', '{"a\t:1}', '{"a\x01:1}', '{"a" "b":1}', '{"a":1,"b\\:2}', '"a\\,"b":1', '{"aaaaaaaa":1,"aaaaaaaaa":{"b":1}}', '{"aaaaaaaaaa":1,"aaaaaaaaa":2,"aaaaaaaa":3,"aaaaaaa":4}',
    "[]", "[ ]", "{}", "{ }", "[1]", "[1,2]", "[ 1 , 2 ]", "[\t1\n,\r2 ]", "[1,]", "[,1]", "[,]", "[1 2]", "[1", "[", "]", "[1]]", "[[1]", "[\x0b1]", "[\x0c1]", "[\u00a01]",
    '{"a":1}', '{ "a" : 1 }', '{"a":1,}', '{,"a":1}', '{"a"}', '{"a":}', '{"a" 1}', '{"a"::1}', "{a:1}", "{1:1}", '{"a":1', '{"a":', '{"a"', '{"a', "{", "}", '{"a":1}}', '{"a":1 "b":2}', '{"a":1;"b":2}',
    '{"b":1,"a":2}', '{"a":1,"a":2}', '{"a":1,"b":2,"a":3}', '{"a":1,"a":1}', '{"aaaaaaaa":1,"aaaaaaa":2}', '{"aaaaaaaab":1,"aaaaaaaaa":2}', '{"aaaaaaaaa":1,"aaaaaaaaa":2}', '{"aaaaaaaa":1,"aaaaaaaaa":2}', '{"aaaaaaaaa":1,"aaaaaaaa":2}',
    '{"é":1,"z":2,"☕":3,"\U0001f600":4,"\uffff":5,"A":6,"a":7,"":8}', '{"":1}', '{"":1,"":2}', r'{"\u0061":1}', r'{"\u0061":1,"a":2}', r'{"a\"b":1}', r'{"\\":1}', r'{"\n":1}', '{"\x7f":1}', '{"\x01":1}', r'{"\ud800":1}',
    '{"c":{"b":{"a":1}}}', '{"a":{"b":{"c":1}}}', '{"a":{"b":{"c":{"d":1}}}}', '{"a":{"b":{"c":{"d":{"e":1}}}}}', '{"a":[{"b":[{"c":[{"d":1}]}]}]}', '[{"a":{"b":{"c":1}}}]', '[{"a":{"b":{"c":{}}}}]', '[[{"b":1,"a":{"d":1,"c":{"f":1.0,"e":-0.0}}}]]',
    *("[" * n + "]" * n for n in (2, 3, 4, 7, 8, 9, 10, 300)), *('{"a":' * n + "1" + "}" * n for n in (2, 3, 4, 5, 8, 9, 200)), *("[" * n + '{"b":1,"a":[1]}' + "]" * n for n in (6, 7, 8)),
    *("[" + ",".join(["1"] * n) + "]" for n in (253, 254, 255, 256)), *("[" + " , ".join(["[]"] * n) + "]" for n in (254, 255)), "[" + "1," * 254 + "]",
    *("{" + ",".join(f'"k{m}":{m}' for m in range(n)) + "}" for n in (63, 64, 65, 66, 254, 255, 256)), *("{" + ",".join(f'"k{n - m:03}":"{m}"' for m in range(n)) + "}" for n in (10, 64, 65)),
    "{" + ",".join(f'"k{m % 63}":{m}' for m in range(64)) + "}",
    "[1.0,2.50,-0.0,1e5,0.00001,12345678901234567890]", "[0.1234567890123456789]", '{"n":0.1234567890123456789}', "[123456789012345678901]", '{"b":1e1,"a":1e-5}', "[1e5" + ",1e5" * 200 + "]", "[" + ",".join(["1e-7"] * 254) + "]",
    '{"token":"t"}', '{"time":1,"distinct_id":2,"$insert_id":3,"ip":4,"$x":5,"mp_x":6}', '["x","' + "y" * 256 + '"]', '{"' + "k" * 256 + '":1}', '{"a":"' + "y" * 256 + '"}', "//", "/**/1", "1 // x", '"a" "b"', "1 2", "1,2", "\ufeff1", " 1 ", "\t[1]\n",
]  # fmt: skip
BAGS = [  # cells of the properties column
    "", "{}", '{"plan":"pro"}', '{"plan":"pro","n":1.0}', '{"n":2.50,"big":1e22,"tiny":1e-7}', '{"a":{"b":{"c":{"d":1}}}}',
    '{"a":{"b":{"c":1}}}', '{"a":{"b":{"c":{"d":{"e":1}}}}}', '{"a string":"clash"}', '{"string":"clash"}', '{"string":null}', '{"$city":"Berlin","mp_x":1}', '{"token":"t"}',
    '{"distinct_id":"other"}', '{"import_tag":"x"}', '{"n":12345678901234567890123}', '{"n":0.1234567890123456789}',
    '{"a":1,"a":2}', '{"a" : 1, "a" : 2}', "[1]", "null", "bad", '{"t":"' + _LONG + '"}', '{"l":[' + "1," * 254 + "1]}",
    '{"l":[' + "1," * 199 + "1]}", '{"z":null,"y":true,"x":[{"b":2,"a":1.0}]}', '{"\\u0001":"\\ud83d\\ude00"}',
]  # fmt: skip
JSON_TEXTS = [*NUMBERS, *STRINGS, *JSON_TREES]
USERS = [
    "u1", "", "anonymous", "anon", "nil", "null", "NULL", "Null", "none", "None", "undefined", "N/A", "na", "unknown", "0", "-1", "00000000-0000-0000-0000-000000000000",
    "true", "false", "[]", "{}", "lmy47d", "lmy47i", "nobody", "guest", "id", "not_authenticated", " ", " null", "null ", "email", "member", "NaN", "no one", ",,", 'ends",', '","', 'a","b', '\\",', *TEXTS,
]  # fmt: skip
OWN_IDS = [
    "id-1", "A", "z9", "-", "--", "0", "x" * 35, "x" * 36, "x" * 37, "é", "x" * 35 + "é", "a b", "a_b", "a.b", "a/b", "a@b", "a[b", "a`b", "a{b", "a:b", "\x00", "null", "NULL", "anonymous", "undefined", "-1", "none",
    "5d9fa40d-d6f3-b17a-f0a1-123456789012", " id", "id ", '"', "\\", "\n", "\x7f", "٣", "1.5", "☕",
]  # fmt: skip
NAMES = ["Purchase", "", " ", "$ae_session", "mp_x", "NULL", "1", *TEXTS]
IPS = ["203.0.113.42", "::1", "", "0", "x", *TEXTS]
KEYS = [
    "a", "b", "A", "é", "☕", "", " ", "plan", "aaaaaaaa", "aaaaaaaab", "aaaaaaaaa", "0", "cell", "event", "time", "user", "distinct_id", "insert_id", "$insert_id", "ip", "$ip", "token", "properties", "import_tag",
    "user_id", "timestamp", "event_name", "name", "uuid", "userId", "date", "created_at", "$distinct_id", "$time", "$city", "$os", "mp_lib", "mp_", "$", "$ae", "x" * 255, "x" * 256, "a.b", "a'b", "\x7f", "\u2028", "z", "$device_id", "$user_id", "e", "t",
]  # fmt: skip
_ZONES = ["Z", "z", " Z", " UTC", "UTC", "+02", "+02:00", "+0200", " +02:00", "-05:00", "+00:00", "-00:00", "+05:30", "+14:00", "+15:59", "+16:00", "+99", "-0330", "+02:60", "+2", "+02:0", "+02:000", "GMT", "CET", "  Z", "Zz", "Z ", "Z\t", "Z\u3000", "\u2212" + "02:00", ".", ",", ":", "30:", ":30", ".5Z", ",5Z", " .5Z", "5Z", "0", "00Z", "T", "é", "\x00", "x" * 60]  # fmt: skip
_FRACTIONS = [
    "", *("." + "123456789012"[:n] for n in range(11)), ",5", ",123456789", ".0", ".000", ".000000000", ".000000001", ".999999999", ".9999999999", ".5.5", ".٣", "..5", ".-5", ". 5", ".123456789.5", ".123456789,5", ".1.",
]  # fmt: skip
TIMES = [
    TIME, *(f"2024-05-01T10:00:00{zone}" for zone in _ZONES), *(f"2024-05-01T10:15:20.25{zone}" for zone in _ZONES),
    *(f"2024-05-01T10:59:59{part}Z" for part in _FRACTIONS), *(f"2024-05-01 10:30:20{part}" for part in _FRACTIONS),
    *(f"2024-05-01T{clock}{zone}" for zone in ("Z", "", "+02:00") for clock in ("10:00", "00:00", "23:59", "24:00", "24:00:00", "23:59:60", "23:60:00", "25:00:00", "10:60:00", "10:00:60", "10:59:59", "10:59:61", "1:00:00", "10:0:00", "10:00:0", "10-00-00", "10:00-00", "10.00.00", "1٣:00:00", "10:٣0:00", "10:0a:00", "10:00:0a", "10:00 00", "9a:00:00", "-1:00:00", " 1:00:00")),
    *(f"{day}T10:00:00{zone}" for zone in ("Z", "", "+02:00", "-12:00") for day in ("0001-01-01", "0000-01-01", "0999-12-31", "1677-09-21", "1677-09-20", "1969-12-31", "1970-01-01", "1970-12-31", "1971-01-01", "1971-01-02", "2000-02-29", "1900-02-29", "2024-02-29", "2023-02-29", "2024-02-30", "2024-04-31", "2024-13-01", "2024-00-01", "2024-01-00", "2026-05-28", "2026-05-29", "2027-01-01", "2100-01-01", "2255-03-21", "2261-12-31", "2262-04-11", "2262-04-12", "2263-01-01", "2300-01-01", "9999-12-31", "10000-01-01", "-001-01-01", "2024-5-01", "24-05-0001", "٢٠٢٤-05-01", "2024/05/01", "2024-05/01", "2024_05-01")),
    "1970-12-31T23:59:59.999Z", "1970-12-31T23:59:59.999999999Z", "1971-01-01T00:00:00Z", "1971-01-01T00:00:00.000000001Z", "1971-01-01T01:59:59+02:00", "1971-01-01T02:00:00+02:00", "2026-05-28T20:26:40Z", "2026-05-28T20:26:40.0009Z", "2026-05-28T20:26:40.001Z", "2026-05-28T20:26:41Z", "2026-05-28T22:26:40", "2026-05-28T22:26:41",
    "9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59-00:01", "0001-01-01T00:00:00+00:01", "0001-01-01T00:00:00Z", "2262-04-11T23:47:16.854775807Z", "2262-04-11T23:47:16.854775808Z", "2262-04-11T23:59:59.999999999Z", "1677-09-21T00:12:43.145224192Z",
    "2024-05-01", "2024-05-01 ", " 2024-05-01", "2024-05-01T", "2024-05-01Z", "2024-05-01t10:00:00Z", "2024-05-01 10:00:00Z", "2024-05-01_10:00:00Z", "2024-05-01\t10:00:00Z", "2024-05-01T10", "2024-05", "2024", "20240501T100000Z", "20240501", "2024-W18-3T10:00:00Z", "2024-122T10:00:00Z",
    " 2024-05-01T10:00:00Z", "2024-05-01T10:00:00Z ", "\u30002024-05-01T10:00:00Z", "\n2024-05-01T10:00:00Z\n", "\x1f2024-05-01T10:00:00Z", "é024-05-01T10:00:00Z", "202é-05-01T10:00:00Z", "2024-05-01é10:00:00Z", "2024-05-01T1é:00:00Z", "2024-05-01☕10:00:00Z", "202☕-05-01T10:00:00Z", "    -05-01T10:00:00Z", "2024-05-01T10:15:2030:", "2024-05-01T10:30:00", "2024-05-01T10:15:20 30:", "2024-05-01T10:15:2030:00",
    *(f"2024-05-01 10:15:20{zone}" for zone in (" GMT", " Z", " utc", " UTC+2", " +0000 UTC", " +0200 UTC", " +0200 CEST", " +0000 UTC m=+0.1", " EST", " CEST", " CET", " PM", " AM UTC", " Europe/Berlin", "[Europe/Berlin]", "+02:00[Europe/Berlin]", "+02:00[UTC]", "Z[Mars/Olympus]", " (UTC)", "Z (UTC)")),
    "2024-05-01 9:05:00", "2024-05-01 9:05:00Z", "2024-05-01 9:05:00.123456Z", "2024/05/01 10:00:00Z", "2024/5/1 9:05", "20240501T101520", "20240501101520Z", "Wed, 01 May 2024 10:15:20 GMT", "Tue, 01 May 2024 10:15:20 GMT", "Wed May 01 10:15:20 2024", "May 1, 2024 10:15:20 PM", "01/May/2024:10:15:20 +0200", "1.714557600E+09", "1.7145E+09", "45413.4166666667",
    "x" * 64, "x" * 65, "2024-05-01T10:00:00Z" + " " * 44, "2024-05-01T10:00:00Z" + " " * 45, "2024-05-01T10:00:00Z" + " " * 46, "2024-05-01T10:00:00Z" + " " * 500, "2024-05-01T10:00:00" + " " * 45, "2024-05-01T10:00:00" + " " * 46, "soon", "now", "null", "",
]  # fmt: skip
EPOCHS = [
    *(str(base * scale + more) for scale in (1, 10**3, 10**6, 10**9) for base in (0, 1, 31_535_999, 31_536_000, 1_714_557_600, 1_780_000_000, 1_780_000_001, 4_133_980_799, 4_133_980_800) for more in (-1, 0, 1)),
    "-1714557600", "+1714557600", "01714557600", "001714557600000", "1714557600.", ".5", "1714557600.5", "1714557600.0", "1714557600.000", "1714557600.123456789", "1714557600.1234567891", "1714557600.1230000000000", "1714557600123.5", "1714557600123.456789", "1714557600123.4567891", "1714557600123456.5", "1714557600123456789.5", "1714557600,5",
    "1.7145576e9", "1.7145576E9", "1714557600e0", "17145576e2", "1714557600.0e0", "1.7145576e+09", "1.71455760012e12", "1e9", "1e10", "1e400", "1e-400", "-0", "-0.0", "0.0", "0", "00", "1_714_557_600", "1714557600Z", " 1714557600", "1714557600 ", "17145 57600", "１７１４５５７６００", "999999999999999999", "9999999999999999999", "99999999999999999999", "999999999999999999999", "0x662", "1714-57600", "2024-57600123456789", "1714557600-", "1714557600.5.5", "1714557600000000000", "31535999.999", "31536000.001", "1714557600.123456789012345678",
]  # fmt: skip
CHANGES = [
    f"{day}T{hour:02}:{minute:02}:{second}"
    for day in ("2024-03-31", "2024-10-27")
    for hour in (0, 1, 2, 3)
    for minute in (0, 1, 29, 30, 58, 59)
    for second in ("00", "30", "59", "59.5", "59.999999999")
]
"""Around the changes of clocks in Europe/Berlin."""
