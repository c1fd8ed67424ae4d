"""On the fast and on the slow path, the same bytes become the same events, ids, notes and rejections."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest
from events_helpers import TIME
from hypothesis import given, settings
from hypothesis import strategies as st
from speedups_helpers import (
    BAGS,
    BOOLEANS,
    CHANGES,
    COLUMNS,
    CSV,
    EPOCHS,
    IPS,
    JSON_TEXTS,
    JSON_TREES,
    JSONL,
    KEYS,
    MIXPANEL,
    NAMES,
    NUMBERS,
    OWN_IDS,
    STRINGS,
    TEXTS,
    TIMES,
    TYPES,
    USERS,
    VARIANTS,
    assert_cells_same,
    assert_same,
    cell,
    csv_file,
    csv_of_cells,
    fits_in_a_block,
    line_of,
    mixpanel_line,
    takes_fast_path,
)

from importer import speedups
from importer.events import fast_mapper, fast_values
from importer.model import Event
from importer.reading import Field, Reading

variants = pytest.mark.parametrize("vary", VARIANTS.values(), ids=VARIANTS)


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def escaped(text: str) -> str:
    return json.dumps(text)


def events(found: Sequence[tuple[object, ...]]) -> int:
    return sum(item[0] is Event for item in found)


def test_the_compiled_part_is_there():
    """Else every test here would compare the slow path with itself."""
    assert speedups.COMPILED


# ── cells ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("texts", [NUMBERS, BOOLEANS, TEXTS, TIMES, EPOCHS, JSON_TEXTS], ids="nbtseJ")
def test_cells_of_every_type_map_the_same(kind, texts):
    found = assert_cells_same(texts, replace(CSV, types={"cell": kind}))
    assert events(found) >= len(texts)


MARKED = [
    "1.234,56", "1,234.56", "1.234", "1,234", "1,5", "1.5", "1 234", "1\u00a0234", "1'234", "5", "-5", "0,5", "0.5", "1.23",
    "\u20ac 12,00", "$5", "-$5.00", "45,67%", "45.67%", "%", "1.234.567", "12.34.567", "01,5", "1,50", "1.5e3", "1,5e3",
]  # fmt: skip


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    ("decimal", "thousands"), [(",", "."), (",", ""), (",", " "), ("", ","), (".", ""), (".", "'")]
)
def test_numbers_with_marks_map_the_same(kind, decimal, thousands):
    reading = replace(CSV, types={"cell": kind}, decimal=decimal, thousands=thousands)
    assert_cells_same([*MARKED, *NUMBERS], reading)


@variants
def test_cells_map_the_same_however_they_are_read(vary):
    texts = [*NUMBERS[::3], *BOOLEANS, *TEXTS, *JSON_TREES[::5]]
    for kind in ("string", "number", "json"):
        assert_cells_same(texts, vary(replace(CSV, types={"cell": kind})))


@pytest.mark.parametrize(
    ("place", "texts"), [(0, NAMES), (1, [*TIMES, *EPOCHS]), (2, USERS)], ids=["event", "time", "user"]
)
def test_cells_of_fields_map_the_same(place, texts):
    for vary in VARIANTS.values():
        assert_cells_same(texts, vary(CSV), place)


@pytest.mark.parametrize(("field", "texts"), [("ip", IPS), ("insert_id", OWN_IDS)])
@variants
def test_cells_of_fields_that_most_files_lack_map_the_same(field: Field, texts, vary):
    assert_cells_same(texts, vary(replace(CSV, fields={**CSV.fields, field: "cell"})))


@variants
def test_a_cell_of_properties_maps_the_same(vary):
    reading = vary(replace(CSV, fields={**CSV.fields, "properties": "cell"}))
    keyed = [f"{{{quoted(key)}:1,{quoted(other)}:2}}" for key in KEYS for other in ("a", "", "$y")]
    valued = [f'{{"a":{text}}}' for text in JSON_TEXTS]
    assert_cells_same([*JSON_TREES, *BAGS, *keyed], reading)
    assert_cells_same(valued, reading)
    assert_same(
        csv_of_cells(['{ "b" : [1,2] , "a":{"y":1.0,"x":"é"}}\t', '{"a":1}x', "\x0b{}", '{"a":1,']), reading
    )


def test_a_cell_may_mean_several_fields():
    for fields in (
        {"event": "event", "time": "time", "distinct_id": "event"},
        {"event": "event", "time": "time", "distinct_id": "user", "insert_id": "user"},
        {"event": "event", "time": "time", "ip": "user", "distinct_id": "user", "insert_id": "cell"},
    ):
        reading: Reading = replace(CSV, fields=fields)
        assert_cells_same([*OWN_IDS, *USERS], reading, 2)
        assert_cells_same([*OWN_IDS, *USERS], reading, 0)


NAMED = [*KEYS, 'a"b', "a\\b", "\n", "\x01", "a,b", "mp_reserved", "$very_reserved"]


def test_columns_of_every_name_map_the_same():
    for name in NAMED:
        if name in COLUMNS:
            continue
        columns = (*COLUMNS, name)
        for reading in (
            replace(CSV, columns=columns),
            replace(CSV, columns=columns, names={"cell": name + "2"}),
        ):
            rows = [
                ["e", TIME, "u", "1", "2"],
                ["e", TIME, "u", "", "2"],
                ["e", TIME, "u", "1", ""],
                ["e", TIME, "u", "", ""],
            ]
            assert_same(csv_file(rows), reading)
            bags = replace(reading, fields={**CSV.fields, "properties": "cell"})
            rows = [["e", TIME, "u", f"{{{quoted(name)}:1}}", "2"], ["e", TIME, "u", '{"b":1}', "2"]]
            assert_same(csv_file(rows), bags)


@pytest.mark.parametrize("count", [3, 9, 100, 244, 245, 246, 247, 248, 249, 250, 251, 254, 255])
def test_any_number_of_properties_maps_the_same(count):
    names = [f"p{(n * 7919) % 1000:03}{n}" for n in range(count)]
    members = ",".join(f'"{name}":{n}' for n, name in enumerate(names))
    reading = replace(CSV, columns=("event", "time", "user", *names))
    rows = [["e", TIME, "u", *map(str, range(count))], ["e", TIME, "u", *[""] * count]]
    variants_ = [reading, replace(reading, tag="t"), replace(reading, constants={"x": 1, "y": 2})]
    for each in variants_:
        assert_same(csv_file(rows), each)
    bag = replace(CSV, fields={**CSV.fields, "properties": "cell"})
    with_ip = replace(bag, columns=(*COLUMNS, "ip"), fields={**bag.fields, "ip": "ip"})
    assert_same(csv_file([["e", TIME, "u", f"{{{members}}}"]]), bag)
    assert_same(csv_file([["e", TIME, "u", f"{{{members}}}", "1.2.3.4"]]), with_ip)
    for geoip in ("off", "request"):
        assert_same(line_of(members) * 3, replace(JSONL, geoip=geoip, tag="t"))
        assert_same(
            mixpanel_line(members) * 2 + mixpanel_line(f'{members},"ip":"::1"'),
            replace(MIXPANEL, geoip=geoip),
        )
        assert_same(mixpanel_line(members, more=',"z":1'), replace(MIXPANEL, geoip=geoip))


@pytest.mark.parametrize("count", [1, 248, 249, 250, 400])
@pytest.mark.parametrize("beside", [1, 49, 200, 249, 300])
def test_properties_in_a_cell_and_beside_it_map_the_same(count, beside):
    """Together they may be more than an event can have, even in a record that becomes no event."""
    names = [f"c{n}" for n in range(beside)]
    bag = "{" + ",".join(f'"p{n}":{n}' for n in range(count)) + "}"
    fields: dict[Field, str] = {**CSV.fields, "properties": "cell", "ip": "ip"}
    reading = replace(CSV, columns=(*COLUMNS, "ip", *names), fields=fields)
    row = ["e", TIME, "u", bag, "::1", *["1"] * beside]
    for constants in ({}, {f"x{n}": n for n in range(beside)}):
        assert_same(csv_file([row, row]), replace(reading, constants=constants))


@pytest.mark.slow
@pytest.mark.parametrize(
    "size", [999_700, 999_800, 999_830, 999_850, 999_860, 999_870, 999_880, 999_900, 1_000_100]
)
def test_events_about_as_large_as_may_be_map_the_same(size):
    """Their bodies grow by a byte from one record to the next."""
    lines = "".join(
        line_of(
            ",".join(
                [
                    *(f'"k{n:03}":[{",".join(["1234567890123456"] * 230)}]' for n in range(250)),
                    f'"x":"{"y" * more}"',
                ]
            )
        )
        for more in (1, 200)
    )
    assert_same(lines, JSONL)
    texts = ["x" * 255] * 15
    member = ",".join(f'"{n:03}":{json.dumps(texts)}' for n in range(240))
    whole = line_of(member)
    for more in range(3):
        padded = line_of(f'{member},"z":[{",".join(["1"] * more)}]')
        assert_same(whole + padded, JSONL)
    fill = size - 250
    parts, left = [], fill
    while left > 60_000:
        parts.append("[" + ",".join(['"' + "x" * 230 + '"'] * 250) + "]")
        left -= len(parts[-1]) + 7
    parts += ["[" + ",".join(['"' + "x" * 230 + '"'] * (left // 233)) + "]"]
    left %= 233
    members = ",".join(f'"{n:03}":{part}' for n, part in enumerate(parts))
    assert_same("".join(line_of(f'{members},"w":"{"y" * (left + n)}"') for n in range(20)), JSONL)


# ── the grammar of CSV ───────────────────────────────────────────────────────────────────────────

GOOD = ["Purchase", TIME, "u1", "x"]
PIECES = [
    "Purchase,", f"{TIME},", "u1,", "x", '"', '""', '"""', "'", "''", ",", ";", "\t", "|", "\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\n\r", "a", " ", "é", "☕", "\x00", "\udcff", "\udcc3", "\ufeff",
    '"a""b"', '"a\nb"', '"a\r\nb"', '"a\rb"', '"a"b', ' "a"', '"a" ', "'a''b'", "'a\nb'", ",,,\n", ",,,,\n", ",\n", '"","","",""\n', '""\n', "x\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "1", '"unclosed',
]  # fmt: skip
sound = st.lists(
    st.sampled_from(
        ["x", "", "a b", 'say "no"', "two\nlines", "two\r\nlines", "it's", "é☕", "a;b|c\td", '"', "''"]
    ),
    min_size=1,
    max_size=1,
)
DIALECTS = [(d, q) for d in (",", ";", "\t", "|") for q in ('"', "'", "")]


@st.composite
def texts_of_csv(draw: st.DrawFn) -> tuple[str, str, str]:
    """Records with pieces between them and in them that break some."""
    delimiter, quote = draw(st.sampled_from([(",", '"')] * 6 + DIALECTS))
    end = draw(st.sampled_from(["\n", "\r\n", "\n", "\r"]))
    parts: list[str] = []
    for _ in range(draw(st.integers(0, 12))):
        row = [*GOOD[:3], *draw(sound)]
        parts.append(csv_file([row], delimiter, quote, end))
        if draw(st.integers(0, 3)) == 0:
            junk = "".join(draw(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5)))
            at = draw(st.integers(0, len(parts[-1])))
            parts[-1] = parts[-1][:at] + junk.replace(",", delimiter) + parts[-1][at:]
    whole = "".join(parts)
    return (whole.removesuffix(end) if draw(st.booleans()) else whole), delimiter, quote


@given(texts_of_csv())
@settings(deadline=None, max_examples=150)
def test_csv_is_cut_the_same(given_):
    text, delimiter, quote = given_
    dialect = replace(CSV.dialect, delimiter=delimiter, quote=quote)
    assert_same(text.encode("utf-8", "surrogateescape"), replace(CSV, dialect=dialect))


@given(st.lists(st.sampled_from(PIECES), max_size=25), st.sampled_from(DIALECTS), st.integers(1, 4))
@settings(deadline=None, max_examples=150)
def test_broken_csv_is_cut_the_same(pieces, dialect_of, width):
    delimiter, quote = dialect_of
    dialect = replace(CSV.dialect, delimiter=delimiter, quote=quote)
    fields: dict[Field, str] = {"time": "1", "event": str(width)}
    reading = Reading(dialect, tuple(str(n + 1) for n in range(width)), fields)
    plain = delimiter.join([TIME, *["e"] * (width - 1)]) + "\n"
    text = plain + "".join(pieces).replace(",", delimiter) + "\n" + plain
    assert_same(text.encode("utf-8", "surrogateescape"), reading)


CUTS = [
    "", "\n", "\r\n", "\r", "\n\n\nPurchase,{t},u,x", "\r\n\r\nPurchase,{t},u,x\r\n\r\n", "Purchase,{t},u,x", "Purchase,{t},u,x\r", "Purchase,{t},u,x\r\n", "Purchase,{t},u,x\n\r",
    "Purchase,{t},u,x\rPurchase,{t},u,x\n", 'Purchase,{t},u,"x', 'Purchase,{t},u,"x\nPurchase,{t},u,x\n', 'Purchase,{t},u,"x"y\n', 'Purchase,{t},u,x"y\n', 'Purchase,{t},u,x"y"\n', 'Purchase,{t},u,"x""', 'Purchase,{t},u,"x"""', 'Purchase,{t},u,"x"""\n', 'Purchase,{t},u,""""\n',
    'Purchase,{t},u,""', 'Purchase,{t},u,"', "Purchase,{t},u,", "Purchase,{t},u", "Purchase,{t},u,x,", "Purchase,{t},u,x,y\nPurchase,{t},u,x\n", "Purchase,{t}\nPurchase,{t},u,x\n", 'Purchase,{t},u,"a\n\n\nb"\nPurchase,{t},u,x\n', 'Purchase,{t},"a\r\nb\nc",x\r\nPurchase,{t},u,x\r\n',
    'Purchase,{t},u,"a\rb"\nPurchase,{t},u,x\n', 'Purchase,{t},u,"a\r\nb"\r\n\r\n\nPurchase,{t},u,x', '"Purchase","{t}","u","x"', '"Purchase","{t}","u","x"\n,,,\n', '"Purchase" ,{t},u,x\n', ' "Purchase",{t},u,x\n', 'Purchase,{t},u,"a"\rPurchase,{t},u,x\n', 'Purchase,{t},u,"a"\r', 'Purchase,{t},u,"a"\r\n',
    "\ufeffPurchase,{t},u,x\n", "Purchase,{t},u,\x00\nPurchase,{t},u,x\n", "Purchase,{t},u,\udcff\nPurchase,{t},u,x\n", 'Purchase,{t},u,"\n\n\n\n\n', 'Purchase,{t},u,"a\n"b\nPurchase,{t},u,x\n', 'Purchase,{t},"a""\n""b",""""""\n', 'Purchase,{t},"""a""","b"""\n', "Purchase,{t},u,'a''b'\nPurchase,{t},'u,\n',x\n",
    "Purchase,{t},u,x\n  \nPurchase,{t},u,x\n", "Purchase,{t},u,x\n\x0b\nPurchase,{t},u,x\n", '"Purchase",{t},"",""\nPurchase,{t},,\n', 'x\ny\n""\n\n"z"\n', '"a\nb","c\nd","e\nf","g\nh"\nPurchase,{t},u,x',
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("delimiter", "quote"), DIALECTS)
def test_records_begin_and_end_the_same(delimiter, quote):
    before = csv_file([GOOD] * 3, delimiter, quote or '"')
    for width in (4, 1, 3) if delimiter == "," else (4,):
        reading = replace(CSV, dialect=replace(CSV.dialect, delimiter=delimiter, quote=quote))
        if width < 4:
            columns = COLUMNS[1 : 1 + width]
            fields = {field: column for field, column in CSV.fields.items() if column in columns}
            reading = replace(reading, columns=columns, fields=fields, constants={"event": "e"})
        for cut in CUTS:
            text = cut.replace("{t}", TIME).replace(",", delimiter)
            for whole in (text, before + text + before, text.replace('"', quote or '"') + before):
                assert_same(whole.encode("utf-8", "surrogateescape"), reading)


def test_a_file_of_a_single_column_maps_the_same():
    reading = Reading(CSV.dialect, ("time",), {"time": "time"}, constants={"event": "e"})
    assert_same("".join(cell(text) + "\n" for text in [*TIMES, *EPOCHS]), reading)
    assert all(takes_fast_path(f"{TIME}\n\n\r\n" * 5, reading))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252", "latin-1", "shift_jis", "utf-7"])
def test_other_encodings_map_the_same(encoding):
    reading = replace(CSV, dialect=replace(CSV.dialect, encoding=encoding))
    text = csv_of_cells([text for text in TEXTS if "\udcff" not in text and len(text) < 50] * 3)
    assert_same(text.encode(encoding, "replace"), reading)


def test_delimiters_and_quotes_beyond_ascii_map_the_same():
    for delimiter, quote in (("§", '"'), (",", "«"), ("☕", "é")):
        reading = replace(CSV, dialect=replace(CSV.dialect, delimiter=delimiter, quote=quote))
        assert_same(
            csv_file([GOOD, [*GOOD[:3], f'a{quote}b"c{delimiter}d\ne']] * 3, delimiter, quote), reading
        )


def test_a_file_of_many_pieces_maps_the_same():
    """Records end anywhere in the pieces that a file is read in."""
    chance = random.Random(5)
    block_texts = [text for text in TEXTS[:40] if fits_in_a_block(text)]
    rows = [
        [
            "e",
            chance.choice([time for time in TIMES[:40] if fits_in_a_block(time)]),
            chance.choice(USERS[:5]),
            chance.choice([*block_texts, "a" * chance.randrange(90)]),
        ]
        for _ in range(6000)
    ]
    for end in ("\n", "\r\n"):
        assert_same(csv_file(rows, end=end), CSV)
    lines = [
        line_of(f'"a":{chance.choice(JSON_TEXTS)},"b":"{"x" * chance.randrange(90)}"') for _ in range(3000)
    ]
    lines = [line if "\n" not in line[:-1] else "\n" for line in lines]
    assert_same("".join(lines).encode("utf-8", "surrogatepass"), JSONL)


# ── lines of JSON ────────────────────────────────────────────────────────────────────────────────


def flat_and_in_mixpanels_shape(members: str) -> list[tuple[str, Reading]]:
    return [
        (line_of(members), JSONL),
        (mixpanel_line(members), MIXPANEL),
        (mixpanel_line("", more=f",{members}"), MIXPANEL),
    ]


@pytest.mark.parametrize("texts", [NUMBERS, STRINGS, JSON_TREES], ids=["numbers", "strings", "trees"])
@pytest.mark.parametrize("shape", [0, 1, 2], ids=["flat", "in properties", "beside properties"])
def test_values_of_json_map_the_same(texts, shape):
    lines = [flat_and_in_mixpanels_shape(f'"a":{text},"b":1')[shape][0] for text in texts if "\n" not in text]
    lines += [flat_and_in_mixpanels_shape(f'"a":{text}')[shape][0] for text in texts if "\n" not in text]
    reading = flat_and_in_mixpanels_shape("")[shape][1]
    assert_same("".join(lines), reading)
    spaced = [line.replace(":", " :\t").replace(",", " ,\r ").replace("}", " }") for line in lines]
    assert_same("".join(spaced), reading)


@pytest.mark.slow
@variants
def test_lines_of_json_map_the_same_however_they_are_read(vary):
    texts = [text for text in (*NUMBERS[::4], *STRINGS[::4], *JSON_TREES[::4]) if "\n" not in text]
    for reading in (JSONL, MIXPANEL):
        of = line_of if reading is JSONL else mixpanel_line
        assert_same("".join(of(f'"a":{text},"é":1') for text in texts), vary(reading))
        assert_same("".join(of(f"{quoted(key)}:1") for key in KEYS), vary(reading))
        assert_same("".join(mixpanel_line("", more=f",{quoted(key)}:1") for key in KEYS), vary(reading))
        assert_same("".join(of("", time=time) for time in EPOCHS if "\n" not in time), vary(reading))
        assert_same("".join(of("", time=quoted(time)) for time in [*TIMES, *EPOCHS]), vary(reading))
        assert_same("".join(of("", time=escaped(time)) for time in TIMES[:60]), vary(reading))


NEARLY_NUMBERS = [
    "2024-10-27", "2024-10-27-05", "2-", "1e", "1.", "1.e5", "-", "+1", "1-1", "1992504.1234567891", "12345678901234567890",
    "1714557600.1234567891", "1714557600", "1714557600.5", "1e9", "1e400", "-1", "0", "00", "01",
]  # fmt: skip


@pytest.mark.parametrize("event", ['"e"', '""', "null"])
@pytest.mark.parametrize("zone", ["", "Europe/Berlin"])
def test_a_time_that_may_be_no_number_maps_the_same_whatever_the_event_is(event: str, zone: str) -> None:
    """A date without its quotes has only characters of numbers, but the line is no JSON."""
    for reading, head in ((JSONL, "{"), (MIXPANEL, '{"properties":{')):
        ends = f'}},"event":{event}}}\n' if reading is MIXPANEL else f',"event":{event}}}\n'
        lines = [f'{head}"time":{time},"a":1{ends}' for time in NEARLY_NUMBERS]
        found = assert_same("".join(lines), replace(reading, timezone=zone))
        assert [item for item in found[1:10] if "no JSON" not in str(item)] == []  # behind an opening line


@pytest.mark.parametrize("write", [quoted, escaped])
def test_keys_of_json_map_the_same(write):
    for reading, of in ((JSONL, line_of), (MIXPANEL, mixpanel_line)):
        lines = [
            of(f"{write(key)}:{value}") for key in NAMED for value in ("1", '"x"', '""', "null", "{}", "[]")
        ]
        lines += [
            of(f"{write(one)}:1,{write(other)}:2") for one in NAMED for other in ("a", "time", "ip", "token")
        ]
        lines += (
            [of(f"{write(key)}:1", more=f",{write(key)}:2") for key in NAMED] if of is mixpanel_line else []
        )
        lines += [
            mixpanel_line("", more=f",{write(key)}:{value}")
            for key in NAMED
            for value in ("1", '"x"', '""', "null")
        ]
        assert_same("".join(lines), reading)
        given_names = replace(
            reading, names={"a": "b", "plan": "Plan"}, types={"b": "skip", "0": "string", "z": "time"}
        )
        assert_same("".join(lines), given_names)


FIELD_VALUES = [
    "1714557600", "1714557600.5", "1714557600123",
    '"a\\', '"a\t', '"\\,"x":"y"',
    "null", '""', "0", "1", "-1", "1.5", "1.0", "true", "false", "[]", "{}", '{"a":1}', "[1]", '"null"', '" "', "", "nul", "+1", "01", "-0", "0.0", '"a', '"a"b', '"\\u0061"', '"a\\"b"', '"a\\\\"', "12345678901234567890", "1e5", "NaN", '"\x01"',
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("key", ["event", "time", "user", "ip", "id", "properties", "both"])
def test_values_of_fields_map_the_same(key):
    pools = {
        "event": NAMES,
        "time": [*TIMES, *EPOCHS],
        "user": USERS,
        "ip": IPS,
        "id": OWN_IDS,
        "properties": [],
        "both": OWN_IDS,
    }
    values = [*FIELD_VALUES, *STRINGS[:40], *map(quoted, pools[key]), *map(escaped, pools[key])]
    usual = {"event": '"e"', "time": f'"{TIME}"', "user": '"u"'}
    fields: dict[Field, str] = {
        "event": "event",
        "time": "time",
        "distinct_id": "user",
        "ip": "ip",
        "insert_id": "id",
    }
    shared: dict[Field, str] = {**fields, "distinct_id": "both", "insert_id": "both"}
    timed: dict[Field, str] = {**fields, "distinct_id": "time"}
    bagged: dict[Field, str] = {**fields, "properties": "properties"}
    for each in (fields, shared, timed, bagged):
        reading = replace(JSONL, fields=each, columns=(*each.values(),))
        lines = []
        for value in values:
            if "\n" in value:
                continue
            members = {**usual, key: value}
            lines.append(",".join(f'"{name}":{text}' for name, text in members.items()))
            lines.append(",".join(f'"{name}":{text}' for name, text in reversed(members.items())))
            lines.append(f'{lines[-1]},"{key}":"x"')
            lines.append(f'"{key}":{value},{lines[-2]}')
        assert_same("".join(f"{{{line}}}\n" for line in lines), reading)


TWICE = ["null", '""', '"x"', "{}", f'"{TIME}"']


@pytest.mark.parametrize("key", ["event", "time", "user", "ip", "id", "properties", "other", "$os"])
@pytest.mark.parametrize("first", TWICE)
@pytest.mark.parametrize("second", TWICE)
def test_a_key_that_occurs_twice_is_handled_the_same(key, first, second):
    fields: dict[Field, str] = {
        "event": "event", "time": "time", "distinct_id": "user", "ip": "ip", "insert_id": "id", "properties": "properties",
    }  # fmt: skip
    reading = replace(JSONL, fields=fields, columns=(*fields.values(), "other"))
    left = "".join(f'"{k}":{v},' for k, v in {"event": '"e"', "time": f'"{TIME}"'}.items() if k != key)
    assert_same(f'{{{left}"{key}":{first},"{key}":{second}}}\n', reading)
    place = "properties."
    inside = {f: c if c in ("event", "properties") else place + c for f, c in fields.items()}
    reading = replace(reading, fields=inside, columns=("event", "properties"))
    if key == "event":
        left, event = f'"time":"{TIME}",', f'"event":{first},"event":{second}'
        assert_same(f'{{{event},"properties":{{{left}"a":1}}}}\n', reading)
    left = "" if key == "time" else f'"time":"{TIME}",'
    assert_same(f'{{"event":"e","properties":{{{left}"{key}":{first},"{key}":{second}}}}}\n', reading)
    assert_same(f'{{"event":"e","properties":{{{left}"{key}":{first}}},"{key}":{second}}}\n', reading)
    assert_same(f'{{"event":"e","{key}":{first},"properties":{{{left}"{key}":{second}}}}}\n', reading)


LINES = [
    "", " ", "\t", "\r", "\x0b", "\x0c", "\x1c", "\xa0", "\u2028", "\x85", "{}", "{ }", "{", "}", "[]", "[{}]", "null", "1", '"a"', "x", "\x00", "\ufeff{}", "{} {}", "{}{}", "{},", "{}\x00", "\udcff", '{"a":"\udcff"}',
    '{"event":"e","time":"<time>"}', ' {"event":"e","time":"<time>"} ', '\t{"event":"e","time":"<time>"}\r', '\x0b{"event":"e","time":"<time>"}', '{"event":"e","time":"<time>"}\x0c', '{"event":"e","time":"<time>"}}', '{"event":"e","time":"<time>"},', '{"event":"e","time":"<time>",}', '{,"event":"e","time":"<time>"}',
    '{"event":"e","time":"<time>"', '{"event":"e" "time":"<time>"}', '{"event":"e";"time":"<time>"}', '{"event""e","time":"<time>"}', '{"event":"e","time":"<time>"}{', '{"event":"e","time":"<time>"}\r\r', '{"event":"e","time":}', '{"event":,"time":"<time>"}', '{"event":"e","time"', '{"event":"e","time":', '{"event":"e",', '{"event":"e"', '{"event":"e', '{"event":"', '{"event":', '{"event"', '{"event', '{"',
    '{"event":"e","properties":{}}', '{"event":"e","properties":{"time":1714557600}}', '{"event":"e","properties":{"time":1714557600}', '{"event":"e","properties":{"time":1714557600', '{"event":"e","properties":{"time":1714557600,', '{"event":"e","properties":{"time":1714557600,"a":1}}', '{"event":"e","properties":{ "time" : 1714557600 , "a" : 1 } }', '{"event":"e","properties":{"time":1714557600}},', '{"properties":{"time":1714557600},"event":"e"}', '{"properties":{"time":1714557600},"event":"e","b":1,"a":2}', '{"event":"e","properties":[]}', '{"event":"e","properties":"{}"}', '{"event":"e","properties":null}', '{"event":"e","properties":{"properties":{"time":1}}}', '{"event":"e","properties":{"time":1714557600,"properties":{"b":1,"a":2}}}', '{"event":"e","properties":{"time":1714557600,"event":"x"}}',
]  # fmt: skip
LINES = [line.replace("<time>", TIME) for line in LINES]


@given(st.lists(st.sampled_from(LINES), max_size=12), st.sampled_from(["\n", "\r\n", "\n\n"]), st.booleans())
@settings(deadline=None, max_examples=150)
def test_lines_of_any_kind_map_the_same(lines, end, ended):
    text = end.join(lines) + end * ended
    data = text.encode("utf-8", "surrogateescape")
    assert_same(data, JSONL)
    assert_same(data, MIXPANEL)


def test_each_line_maps_the_same_by_itself_and_cut_short():
    for line in LINES:
        for reading in (JSONL, MIXPANEL):
            assert_same((line + "\n").encode("utf-8", "surrogateescape"), reading)
            assert_same(line.encode("utf-8", "surrogateescape"), reading)
    whole = mixpanel_line(
        '"a":{"b":[1.50,-0,"\\ud83d\\ude00",true,null]},"c":"x\\n"', more=',"z":false'
    ).strip()
    cuts = "\n".join(whole[:n] for n in range(len(whole) + 1))
    assert_same(cuts, MIXPANEL)
    for n in range(len(whole)):  # so that the block ends there, too
        assert_same(whole[:n], MIXPANEL)


json_numbers = st.one_of(
    st.sampled_from(NUMBERS),
    st.floats().map(repr),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.integers(-(2**65), 2**65).map(str),
    st.from_regex(r"-?[0-9]{1,9}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
)
json_strings = st.one_of(
    st.sampled_from(STRINGS),
    st.text(max_size=12).map(quoted),
    st.text(max_size=12).map(escaped),
    st.text('"\\u0d8/bx☕', max_size=12).map(lambda t: f'"{t}"'),
)
blank = st.sampled_from(["", "", "", " ", "\t", " \r "])


@st.composite
def json_objects(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    members = draw(st.lists(st.tuples(st.sampled_from(KEYS[:14]) | st.text(max_size=4), values), max_size=5))
    gap = draw(blank)
    write = draw(st.sampled_from([quoted, quoted, escaped]))
    return "{" + ",".join(f"{gap}{write(key)}{gap}:{value}{gap}" for key, value in members) + "}"


json_values = st.recursive(
    json_numbers | json_strings | st.sampled_from(JSON_TREES),
    lambda inner: st.one_of(
        json_objects(inner),
        st.tuples(blank, st.lists(inner, max_size=4)).map(lambda t: "[" + t[0] + f"{t[0]},".join(t[1]) + "]"),
    ),
    max_leaves=12,
)


@given(st.lists(json_objects(json_values), min_size=1, max_size=5), st.sampled_from(list(VARIANTS.values())))
@settings(deadline=None, max_examples=50)
def test_objects_map_the_same(objects, vary: Callable[[Reading], Reading]):
    members = [o[1:-1].replace("\n", "") for o in objects]
    data = "".join(line_of(each) if each.strip() else line_of("") for each in members)
    assert_same(data.encode("utf-8", "surrogatepass"), vary(JSONL))
    data = "".join(mixpanel_line(each) if each.strip() else mixpanel_line("") for each in members)
    assert_same(data.encode("utf-8", "surrogatepass"), vary(MIXPANEL))
    rows = [["e", TIME, "u", o.replace("\x00", "")] for o in objects]
    bag = vary(replace(CSV, fields={**CSV.fields, "properties": "cell"}))
    assert_same(csv_file(rows).encode("utf-8", "surrogatepass"), bag)


@given(st.lists(json_numbers, min_size=1, max_size=30))
@settings(deadline=None, max_examples=60)
def test_numbers_map_the_same(numbers):
    for kind in ("integer", "number", "json"):
        assert_cells_same(numbers, replace(CSV, types={"cell": kind}))
    assert_same("".join(line_of(f'"a":{number}') for number in numbers), JSONL)


@given(
    st.lists(
        st.tuples(
            *(
                st.sampled_from(pool)
                for pool in (NAMES, TIMES + EPOCHS + [TIME] * 300, USERS, IPS, OWN_IDS, TEXTS)
            )
        ),
        min_size=1,
        max_size=30,
    ),
    st.sampled_from(list(VARIANTS.values())),
)
@settings(deadline=None, max_examples=150)
def test_records_of_all_kinds_map_the_same(rows, vary):
    fields: dict[Field, str] = {"event": "0", "time": "1", "distinct_id": "2", "ip": "3", "insert_id": "4"}
    reading = vary(replace(CSV, columns=tuple("012345"), fields=fields))
    kept = [[text.replace("\x00", "").replace("\r", "") for text in row] for row in rows]
    for each in (rows, kept):
        assert_same(csv_file(each).encode("utf-8", "surrogateescape"), reading)
    lines = [
        json.dumps(dict(zip("012345", row, strict=True)), ensure_ascii=len(row[0]) % 2 == 0) + "\n"
        for row in rows
    ]
    assert_same("".join(lines), vary(replace(JSONL, columns=tuple("012345"), fields=fields)))


@pytest.mark.parametrize(
    "fields",
    [
        {"event": "event", "time": "meta.time", "distinct_id": "meta.user"},
        {"event": "meta", "time": "time"},
        {
            "event": "event",
            "time": "time",
            "properties": "meta",
            "distinct_id": "meta.user",
            "insert_id": "id",
        },
        {"event": "event", "time": "time", "properties": "meta", "distinct_id": "meta.a.b"},
        {"event": "event", "time": "time", "properties": "meta.a"},
    ],
)
def test_paths_map_the_same(fields):
    reading = Reading(JSONL.dialect, ("event", "time", "meta", "id"), fields)
    metas = ["{}", "null", '""', '"e"', "1", f'{{"time":"{TIME}","user":"u"}}', '{"user":"u","a":{"b":"x","c":1}}', '{"user":null,"a":{}}', '{"user":"","a":1,"id":2}', '{"a":{"b":{"c":{"d":1}}}}', f'{{"a.b":1,"time":"{TIME}","z":[1.0]}}']  # fmt: skip
    lines = [f'{{"event":"e","time":"{TIME}","meta":{meta},"id":"i-1"}}\n' for meta in metas]
    lines += [f'{{"meta":{meta},"event":"e","a":{{"b":1}},"time":"{TIME}"}}\n' for meta in metas]
    lines += [f'{{"meta.time":"{TIME}","event":"e","meta":{meta},"meta.user":"u"}}\n' for meta in metas]
    assert_same("".join(lines * 2), reading)


# ── times ────────────────────────────────────────────────────────────────────────────────────────

ZONES = ["", "UTC", "Europe/Berlin", "America/New_York", "Africa/Monrovia", "Australia/Lord_Howe"]
MONROVIA = [f"1972-01-07T{clock}" for clock in ("00:00:00", "00:43:59", "00:44:00", "00:44:29", "00:44:30", "00:44:31", "00:45:00", "23:59:59")]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("seed", range(2))
def test_times_map_the_same_in_any_order(zone, seed):
    """What is cached for one hour must not change another."""
    times = [*TIMES, *EPOCHS, *CHANGES, *MONROVIA, TIME + "\t" * 20_000] * 2
    times += [f"{head}{clock}" for head in ("2024-05-01T10:", "2024-05-01T11:", "2024-05-01 10:") for clock in ("30:00", "30:59", "15:20Z", "15:20+02:00", "15:20.5", "15:20 30:", "15:2030:", "15:20.130:")]  # fmt: skip
    random.Random(seed).shuffle(times)
    for local in (False, bool(zone)):
        reading = replace(CSV, timezone=zone, local_epochs=local)
        assert_same(csv_file([["e", time, "u", "x"] for time in times if fits_in_a_block(time)]), reading)
        lines = "".join(line_of("", time=quoted(time)) for time in times)
        assert_same(lines, replace(JSONL, timezone=zone, local_epochs=local))
    assert_cells_same(times, replace(CSV, timezone=zone, types={"cell": "time"}))


@pytest.mark.parametrize(
    "form",
    ["%d.%m.%Y %H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f", "%s", "%Y-%m-%d", "%Y%m%d%H%M%S"],
)
def test_times_in_a_form_of_their_own_map_the_same(form):
    if form == "%s":
        form = "%Y%j"
    times = [
        *TIMES,
        *EPOCHS,
        "01.05.2024 10:00:00",
        "31.03.2024 02:30:00",
        "2024-05-01T10:00:00.250000",
        "20240501100000",
    ]
    reading = replace(CSV, time_format=(form,), timezone="Europe/Berlin")
    assert_same(csv_file([["e", time, "u", "x"] for time in times if fits_in_a_block(time)]), reading)
    assert_same(
        "".join(line_of("", time=quoted(time)) for time in times), replace(reading, dialect=JSONL.dialect)
    )


clock_texts = st.from_regex(
    r"(2024-0[1-5]-[0-3][0-9]|1970-12-31|2026-05-28)[T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]([.,][0-9]{1,10})?( ?(Z|UTC|[+-][01][0-9](:?[0-6][0-9])?))?",
    fullmatch=True,
)


@given(
    st.lists(clock_texts | st.text("0123456789-:T.,+Z ", max_size=30), min_size=1, max_size=20),
    st.sampled_from(ZONES),
)
@settings(deadline=None, max_examples=150)
def test_texts_that_look_like_times_map_the_same(times, zone):
    assert_same(csv_file([["e", time, "u", "x"] for time in times * 2]), replace(CSV, timezone=zone))


# ── the fast path ────────────────────────────────────────────────────────────────────────────────


USUAL = (
    "as it is",
    "tag",
    "ip from the request",
    "id by row",
    "deep as JSON",
    "deep flattened",
    "zone",
    "constants",
    "constant user",
    "no user",
    "no time",
)


def test_plain_records_take_the_fast_path():
    """Else the tests above would only be about the slow path."""
    types = dict(zip("sinbjt", TYPES, strict=False))
    reading = replace(
        CSV,
        columns=(*COLUMNS[:3], *types, "ip", "id", "bag"),
        types=types,
        fields={**CSV.fields, "ip": "ip", "insert_id": "id", "properties": "bag"},
    )  # type: ignore[arg-type]
    rows = [
        ["e", TIME, "u", "a", "1", "1.5", "true", "[1]", TIME, "1.2.3.4", "id-1", '{"x": {"z": 1.0, "y": [1e5]}, "w": "\\u00e9"}'],
        ["e☕", "1714557600", "", "", "", "", "", "", "", "", "", ""],
        ["e", "2024-05-01 10:00:00.123456+02:00", "u", 'quo"te', "-5", "1e-05", "FALSE", "[1.5]", "1714557600123", "", "", "{}"],
        ["$e", "1714557600.5", "ü", "x" * 255, "9007199254740992", "0.00001", "True", "null", TIME, "::1", "A-9", '{"$browser":null}'],
    ]  # fmt: skip
    for vary in USUAL:
        assert takes_fast_path(csv_file(rows), VARIANTS[vary](reading)) == [True] * 4, vary
    assert takes_fast_path(
        csv_file([[*GOOD[:1], "2024-05-01T10:00:00", "u", "x"]]), VARIANTS["zone"](CSV)
    ) == [True]
    assert takes_fast_path(csv_file([GOOD]), VARIANTS["time format"](CSV)) == [True]
    assert takes_fast_path(
        csv_file([[*GOOD[:1], "1714557600", "u", "x"]]), VARIANTS["local epochs"](CSV)
    ) == [True]


def test_plain_lines_take_the_fast_path():
    members = '"a":1,"b":-1.50,"c":null,"d":[1,{"y":true,"x":"\\ud83d\\ude00\\n"}],"e":123456789012345678,"f":1e5,"$browser":"x","ö":0.1'
    spaced = ' "b" : { "a" : [ 1 , 2 ] } '
    for vary in USUAL:
        assert (
            takes_fast_path(
                line_of(members) + line_of(spaced) + line_of("", user='""'), VARIANTS[vary](JSONL)
            )
            == [True] * 3
        ), vary
        text = (
            mixpanel_line(members)
            + mixpanel_line(f'{spaced},"ip":"::1","$insert_id":"x-1"', more=',"zz":1')
            + mixpanel_line("", '"1714557600"')
        )
        if "user" not in vary:  # there, distinct_id is a field beside the one that holds for all
            assert takes_fast_path(text, VARIANTS[vary](MIXPANEL)) == [True] * 3, vary


def test_most_sound_values_take_the_fast_path():
    """Numbers, texts and times that are as they should be, in the forms that files have."""
    sound_numbers = [
        "0",
        "1",
        "-1",
        "123456789012345",
        "1.5",
        "-0.25",
        "0.1",
        "0.0001",
        "100.50",
        "1.0",
        "123456789.12345",
        "1e5",
        "-0.0",
    ]
    assert all(takes_fast_path(csv_of_cells(sound_numbers), replace(CSV, types={"cell": "number"})))
    sound_texts = [
        text
        for text in TEXTS
        if len(text) <= 255
        and "\x00" not in text
        and '""' not in text
        and "\r" not in text.replace("\r\n", "")
    ]
    assert all(takes_fast_path(csv_of_cells(sound_texts), CSV))
    trees = [
        '{"aaaaaaaaa":1,"aaaaaaaa":2}',
        "[" * 8 + "]" * 8,
        f"[{','.join(['1'] * 254)}]",
        '{"a":{"b":{"c":1}}}',
    ]
    trees += [
        "{" + ",".join(f'"k{n}":{n}' for n in range(64)) + "}",
        "12345678901234.5",
        "0.0001",
        "1.0",
        "[1e5]",
    ]
    assert all(takes_fast_path("".join(line_of(f'"a":{text}') for text in trees), JSONL))
    assert all(
        takes_fast_path(
            "".join(line_of(f'"b":{text},"aaaaaaaab":1,"aaaaaaaa":2') for text in trees[1:]), JSONL
        )
    )
    assert all(takes_fast_path("".join(line_of(f'"a":{text}') for text in STRINGS[:8]), JSONL))


def asked_for(content: str, reading: Reading) -> tuple[list[bool], list[Any]]:
    """Return whether each record takes the fast path, and the texts that Python is asked for on it."""
    asked: list[Any] = []
    names = {
        fast_values._json_of: "text",
        fast_mapper._encode_number: "text",
        fast_mapper._read_event_name: "name",
    }
    argument = {function.__code__: name for function, name in names.items()}

    def profile(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call" and frame.f_code in argument:
            asked.append(frame.f_locals[argument[frame.f_code]])

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        return takes_fast_path(content, reading), asked
    finally:
        sys.setprofile(before)


def test_of_many_names_only_odd_ones_are_asked_for():
    odd = ["NULL", " a", "$a", "x" * 256, "mp_a", "a\u200b"]
    first = [f"name {n}" for n in range(256)]
    rows = [[name, TIME, "u", "x"] for name in [*first, "a", "a\\b", "é", "Sign up", "x" * 255, *odd] * 2]
    assert asked_for(csv_file(rows), CSV) == ([name != "x" * 256 for name, *_ in rows], [*first, *odd])
    assert_same(csv_file(rows), CSV)


KEPT = [
    "6.3862e+00", "9.45662276e+05", "2.6198e-07", "1.50E-05", "1e5", "1E+20", "-3e-99", "1.5e-007", "-0", "-0.0", "0e5",
    "1.5e18", "-9.2e18", "9.3e18", "-9.3e18", "1.8446744073709e19", "1.9e19", "9.99999999999999e199", "0.00001", "-0.000099",
    "0.30000000000000004", "52.520006599999995", "1.2345678901234568e-05", "1.2345678901234568E-5", "1234567890123456.8",
    "1.7976931348623157e308", "5e-324", "123456789012345.000", "9007199254740992", "-9007199254740992", "0.10000000000000000",
]  # fmt: skip
KEPT_IN_JSON = ["9007199254740993", "1234567890123456789", "-9223372036854775808", "18446744073709551615"]
LOST = [
    "0.1000000000000000055511151231257827",
    "9007199254740993.0",
    "1e-400",
    "1e400",
    "1.23456789012345678e-5",
]


def test_a_number_that_is_kept_is_not_asked_for():
    def cells(texts: list[str]) -> str:
        return "".join(f"e,{TIME},u,{text}\n" for text in texts)

    def lines(texts: list[str]) -> str:
        return "".join(line_of(f'"a":{text}') for text in texts)

    numbers, integers = (replace(CSV, types={"cell": kind}) for kind in ("number", "integer"))
    in_json = [*KEPT, *KEPT_IN_JSON]
    whole = ["-0", "9007199254740992"]
    assert asked_for(cells(KEPT), numbers) == ([True] * len(KEPT), ["e"])
    assert asked_for(cells(whole), integers) == ([True] * len(whole), ["e"])
    assert asked_for(lines(in_json), JSONL) == ([True] * len(in_json), ["Purchase"])
    assert asked_for(lines(LOST), JSONL) == ([False] * len(LOST), [*map(str.encode, LOST)])
    assert asked_for(cells(LOST), numbers) == ([False] * len(LOST), LOST)


def test_a_deferred_record_leaves_its_neighbours_on_the_fast_path():
    rows = [GOOD, [*GOOD[:1], "2999-01-01T00:00:00Z", "u", "x"], GOOD, [*GOOD[:2], "null", "x"], GOOD]
    assert takes_fast_path(csv_file(rows), CSV) == [True, False, True, False, True]
    lines = (
        line_of("") + line_of('"token":"t"') + line_of("") + "null\n" + line_of("") + "x\n" + line_of('"b":1')
    )
    assert takes_fast_path(lines, JSONL) == [True, False, True, False, True, False, True]


# ── long texts ───────────────────────────────────────────────────────────────────────────────────

PIECES = ["x", "é", "杯", "😀", '"', "\\", "\n", "\t", "\x01", "/", "\x7f", "\u2028"]


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("length", [254, 255, 256, 257])
def test_a_long_text_gets_its_note_on_the_fast_path(piece: str, length: int) -> None:
    """Characters are counted, not bytes, nor those of escapes, nor quotes that are doubled."""
    text = piece * 20 + "y" * (length - 20)
    rows = [["e", TIME, "u", text], ["e", TIME, "u", "short"]]
    items = assert_same(csv_file(rows), CSV)
    assert all(takes_fast_path(csv_file(rows), CSV))
    assert ["will cut cell" in str(item) for item in items[1:]] == [length > 255, False]
    for value in (text, [text], {"a": ["b", text]}, {"a": {"b": text}}):
        for escaped in (True, False):
            extra = json.dumps({"k": value, "$a": 1, "z": text}, ensure_ascii=escaped)[1:-1]
            content = f'{{"event":"e","time":"{TIME}","user":"u",{extra}}}\n{{"event":"e","time":"{TIME}"}}\n'
            items = assert_same(content, JSONL)
            assert all(takes_fast_path(content, JSONL))
            assert ["will cut k, z" in str(item) for item in items[1:]] == [length > 255, False]
