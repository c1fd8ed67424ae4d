"""Lines, made one by one or many at once, are those that a careful writer makes."""

from __future__ import annotations

import json
import unicodedata

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from results_helpers import delivered_of, lines_of, outcome

from importer.model import Outcome, Status, Verdict
from importer.results.lines import LineEncoder
from importer.results.rows import COLUMNS, CSV, JSONL, RowFormat

NAMED = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def careful_escape(letter: str) -> str:
    code = ord(letter)
    if letter in NAMED:
        return NAMED[letter]
    if unicodedata.category(letter) == "Cc" or 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code & 0xFF:02x}"
    if letter in BIDI or letter in "\u2028\u2029" or 0xD800 <= code <= 0xDFFF:
        return f"\\u{code:04x}"
    return letter


def careful_cell(text: str, longest: int | None = None) -> str:
    text = "".join(map(careful_escape, text))
    if longest is not None and len(text) > longest:
        text = text[: longest - 1] + "…"
    if text and text[0] in "=+-@":
        text = "'" + text
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if {",", '"'} & set(text) else text


def careful_line(each: Outcome) -> str:
    success = "true" if each.status in ("imported", "accepted", "valid") else "false"
    code = "" if each.status_code is None else str(each.status_code)
    time = "" if each.time is None else str(each.time)
    numbers = [str(each.row), str(each.line), success, each.status.value, code]
    texts = [careful_cell(text) for text in (each.event, each.distinct_id, each.insert_id)]
    return ",".join([*numbers, *texts, careful_cell(each.error, 300), careful_cell(each.note), time]) + "\n"


def careful(written: list[Outcome]) -> bytes:
    return "".join(map(careful_line, written)).encode()


def written_lines(form: RowFormat, written: list[Outcome]) -> bytes:
    """The lines as they are made one by one, which are those that are made many at once."""
    lines = lines_of(form, written)
    assert LineEncoder(form).encode(delivered_of(written)).data == lines
    return lines


HOSTILE = [
    "", ",", '"', '""', "=", "-", "+", "@", "'", "a=b", "a-b", "a@b", "a+b", ",=", ",-x", "x,@", "\n", "\r\n", "\t",
    "\x00", "\x1f", "\x7f", "\x80", "\x85", "\x9f", "\xa0", "\xad", "ü", "漢", "\u2028", "\u202e", "\u200b",
    "\u200d", "\ufeff", "\U0001f600", "\ue000", "\U000e0001", "\ud800", "\udcff", "\\n", "true", "a\n=b", "=\n",
    ",,,,,,,,,\n1,2", "1,2,true,imported,200,a,b,c,d,e,5\n", "x" * 300, "x" * 301, "x" * 299 + "\x00", "x" * 300 + ",",
    "x" * 298 + ",y,z", "=" * 301, "ü" * 301, "\x00" * 100,
]  # fmt: skip

texts = st.sampled_from(["user-1", "02134", "me@example.com"]) | st.sampled_from(HOSTILE)
texts |= st.lists(st.sampled_from(HOSTILE), max_size=3).map("".join)
texts |= st.text(st.characters(exclude_categories=()), max_size=8)
plain = st.sampled_from(["", "user-1", "Purchase", "0f" * 16])
verdicts = st.builds(Verdict, st.sampled_from(Status), st.none() | st.integers(200, 599), plain | texts)


@st.composite
def several(draw: st.DrawFn) -> list[Outcome]:
    """Outcomes as they come: columns without a hostile text, columns of them, and verdicts alike or not."""
    count = draw(st.integers(1, 6))
    columns = [
        draw(st.lists(draw(st.sampled_from([plain, texts])), min_size=count, max_size=count)) for _ in "1234"
    ]
    ends = draw(st.lists(verdicts, min_size=count, max_size=count) | verdicts.map(lambda one: [one] * count))
    first = draw(st.integers(1, 10**9))
    # Those that are invalid and got no answer may be rejections, which have no time.
    times = [
        draw(
            st.integers(-(10**15), 10**15)
            | (st.none() if end[:2] == (Status.INVALID, None) else st.nothing())
        )
        for end in ends
    ]
    return [
        Outcome(first + i, first + i, status, code, event, user, insert_id, error, note, time)
        for i, (event, user, insert_id, note, (status, code, error), time) in enumerate(
            zip(*columns, ends, times, strict=True)
        )
    ]


@given(several())
@example([outcome(1), outcome(2, distinct_id="a,b"), outcome(3)])
@example([outcome(1, distinct_id="me@example.com"), outcome(2, distinct_id="-1")])
@example([outcome(1, note="="), outcome(2, note="x")])
def test_lines_are_those_of_a_careful_writer(written):
    assert written_lines(CSV, written) == careful(written)


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("column", ["event", "distinct_id", "insert_id", "error", "note"])
@pytest.mark.parametrize("place", [0, 1, 49])
def test_one_hostile_text_among_many_harmless_ones_is_found(hostile, column, place):
    written = [outcome(row) for row in range(1, 51)]
    written[place] = written[place]._replace(**{column: hostile})
    assert written_lines(CSV, written) == careful(written)


@pytest.mark.parametrize("letter", [chr(code) for code in range(0x180)])
def test_every_letter_of_the_first_blocks_is_written_as_the_careful_writer_does(letter):
    written = [outcome(1), outcome(2, distinct_id=letter), outcome(3, event=f"a{letter}b"), outcome(4)]
    assert written_lines(CSV, written) == careful(written)


def test_verdicts_of_all_kinds_in_one_batch_are_written_each_with_its_record():
    written = [outcome(row, status, status_code=200 + row) for row, status in enumerate(Status, 1)]
    assert written_lines(CSV, written) == careful(written)


def careful_json(each: Outcome) -> bytes:
    """By orjson alone where every letter can be seen, else with escapes."""
    error = each.error if len(each.error) <= 300 else each.error[:299] + "…"
    texts = [each.event, each.distinct_id, each.insert_id, error, each.note]
    if any("\ud800" <= letter <= "\udfff" for letter in "".join(texts)):
        surrogates = range(0xD800, 0xE000)
        named = {
            code: f"\\x{code & 0xFF:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
            for code in surrogates
        }
        texts = [text.translate(named) for text in texts]
        texts[3] = texts[3] if len(texts[3]) <= 300 else texts[3][:299] + "…"
    success = each.status in ("imported", "accepted", "valid")
    values = [each.row, each.line, success, each.status.value, each.status_code, *texts, each.time]
    record = dict(zip(COLUMNS, values, strict=True))
    raw = orjson.dumps(record)
    return (raw if raw.decode().isprintable() else json.dumps(record, separators=(",", ":")).encode()) + b"\n"


@given(several())
@example([outcome(1), outcome(2, distinct_id='a"b'), outcome(3)])
@example([outcome(1), outcome(2, distinct_id="a\\b"), outcome(3)])
@example([outcome(1, event="ü"), outcome(2, note="\x7f"), outcome(3, note="\u200b")])
def test_lines_of_json_are_those_of_a_careful_writer(written):
    assert written_lines(JSONL, written) == b"".join(map(careful_json, written))


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("column", ["event", "distinct_id", "insert_id", "error", "note"])
def test_one_hostile_text_among_harmless_lines_of_json_is_found(hostile, column):
    written = [outcome(row) for row in range(1, 11)]
    written[5] = written[5]._replace(**{column: hostile})
    assert written_lines(JSONL, written) == b"".join(map(careful_json, written))
