"""Conditions on records: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

import operator
import re
import subprocess
import sys
import time
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importer.errors import BadValue, MappingError
from importer.events.columns import exists
from importer.events.number_marks import NumberMarks
from importer.events.where import compile_where

# ── what they mean ───────────────────────────────────────────────────────────────────────────────

RECORD = {
    "type": "track",
    "amount": "12.50",
    "flag": "TRUE",
    "id": "9007199254740993",
    "empty": "",
    "missing": None,
    "zip": "02134",
    "text": "100% of\nit's_here",
    "count": 7,
    "ratio": 1.1,
    "big": 9007199254740993,
    "huge": 1e300,
    "yes": True,
    "list": [1],
    "exact": Decimal("0.1234567890123456789"),
}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("type = 'track'", True),
        ("type = 'Track'", False),
        ("type != 'track'", False),
        ("type <> 'page'", True),
        ("type < 'u'", True),
        ("type >= 'track'", True),
        ("type in ('track', 'page')", True),
        ("type not in ('track', 'page')", False),
        ("type in ('page')", False),
        ("type In ('page') OR type = 'track'", True),
        ("NOT type = 'page' AND type IS NOT NULL", True),
        # numbers: exact, however they are written
        ("amount = 12.5", True),
        ("amount = 12.500", True),
        ("amount = 1.25e1", True),
        ("amount > 12.49", True),
        ("amount > 12.5", False),
        ("amount in (1, 12.5)", True),
        ("amount > -1", True),
        ("id = 9007199254740993", True),
        ("id = 9007199254740992", False),
        ("id > 9007199254740992", True),
        ("id in (9007199254740992)", False),
        ("big = 9007199254740993", True),
        ("big = 9007199254740992", False),
        ("big > 9007199254740992.5", True),
        ("ratio = 1.1", True),
        ("ratio in (1.10)", True),
        ("ratio < 1.1000000000000001", True),
        ("huge > 1e299", True),
        ("huge < 1e999999", True),
        ("exact = 0.1234567890123456789", True),
        ("exact = 0.1234567890123456788", False),
        ("count = 7.0", True),
        # texts are compared as texts
        ("amount = '12.50'", True),
        ("amount = '12.5'", False),
        ("zip = '02134'", True),
        ("count = '7'", True),
        ("big = '9007199254740993'", True),
        ("amount > '12'", True),
        # truth values
        ("flag = true", True),
        ("flag = FALSE", False),
        ("flag != false", True),
        ("yes = true", True),
        ("yes in (true, false)", True),
        # like
        ("type like 'tr%'", True),
        ("type like 'tr'", False),
        ("type like '%ck'", True),
        ("type like '%rac%'", True),
        ("type like 't_ack'", True),
        ("type like 't_ck'", False),
        ("type like '%a%a%'", False),
        ("type like 't%r%k'", True),
        ("type like '%t%k%'", True),
        ("type like '%'", True),
        ("type not like 'p%'", True),
        ("type like 'TR%'", False),
        ("text like '100!% of%' escape '!'", True),
        ("text like '100!%of%' escape '!'", False),
        ("text like '%it''s!_here' escape '!'", True),
        ("type like 'tr.ck'", False),
        ("type like 'tr!!%' escape '!'", False),
        ("count like '7'", True),
        # what is missing
        ("missing is null", True),
        ("empty is null", True),
        ("nowhere is null", True),
        ("type is null", False),
        ("type is not null", True),
        ("list is not null", True),
        ("missing = 'x'", None),
        ("missing != 'x'", None),
        ("missing not in ('x')", None),
        ("missing like '%'", None),
        ("not missing = 1", None),
        ("missing = 1 and type = 'track'", None),
        ("missing = 1 and type = 'page'", False),
        ("type = 'page' and missing = 1", False),
        ("missing = 1 or type = 'track'", True),
        ("missing = 1 or type = 'page'", None),
        ("not (missing = 1 and type = 'page')", True),
        # which comes first
        ("type = 'track' or type = 'page' and missing = 1", True),
        ("(type = 'track' or type = 'page') and missing = 1", None),
        ("not type = 'page' or type = 'page'", True),
        ("not (type = 'page' or type = 'track')", False),
        ("not not type = 'track'", True),
        # a value that can't be compared matters only where the answer depends on it
        ("type = 'page' and list = 1", False),
        ("type = 'track' or list = 1", True),
        (" type\n=\t'track'\n", True),
    ],
)
def test_a_condition_answers(text: str, answer: bool | None) -> None:
    assert compile_where(text)(RECORD.get) is answer


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("type = 1", "where: type: expected a number, found 'track'"),
        ("zip > 1", "where: zip: expected a number, found '02134'"),
        ("yes = 1", "where: yes: expected a number, found True"),
        ("list = 1", "where: list: expected a number, found [1]"),
        ("list = 'x'", "where: list: expected text, found [1]"),
        ("ratio = '1.1'", "where: ratio: expected text, found 1.1"),
        ("yes = 'true'", "where: yes: expected text, found True"),
        ("list like '%'", "where: list: expected text, found [1]"),
        ("type = true", "where: type: expected true or false, found 'track'"),
        ("count = true", "where: count: expected true or false, found 7"),
        ("not type > 5", "where: type: expected a number, found 'track'"),
        ("missing = 1 and type = 1", "where: type: expected a number, found 'track'"),
        (
            "amount > '5'",
            "where: amount: '12.50' and '5' are in another order as texts than as numbers: for numbers, write 5 without quotes",
        ),
    ],
)
def test_a_value_of_another_kind_makes_the_record_invalid(text: str, error: str) -> None:
    with pytest.raises(BadValue, match=f"^{re.escape(error)}$"):
        compile_where(text)(RECORD.get)


@pytest.mark.parametrize("odd", ["1e9999999999999999999", "nan", "Infinity", "1_000", "+1", "٣", " 1", "0x1"])
def test_only_numbers_as_json_writes_them_are_numbers(odd: str) -> None:
    with pytest.raises(BadValue, match="expected a number"):
        compile_where("a > 1")({"a": odd}.get)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), Decimal("NaN"), b"1", {}])
def test_what_has_no_order_is_no_number(odd: object) -> None:
    with pytest.raises(BadValue, match="expected a number"):
        compile_where("a > 1")({"a": odd}.get)


def test_numbers_are_read_with_the_marks_of_the_file() -> None:
    condition = compile_where("a > 1000.5", marks=NumberMarks(",", "."))
    assert condition({"a": "1.000,51"}.get) is True
    assert condition({"a": "1.000,5"}.get) is False
    with pytest.raises(
        BadValue, match=r"^where: a: expected a number written like 1\.234,56, found '1000\.51'$"
    ):
        condition({"a": "1000.51"}.get)


def test_columns_are_named_once_and_in_order() -> None:
    condition = compile_where("b = 1 and \"c d\".e[0] = 'x' or not b is null and a like 'x%'")
    assert condition.columns == ("b", '"c d".e[0]', "a")


def test_a_text_is_like_a_pattern_within_a_time_that_no_text_can_prolong() -> None:
    pattern = "%".join(["a"] * 30) + "%b"
    condition = compile_where(f"x like '%{pattern}'")
    start = time.process_time()
    assert condition({"x": "a" * 100_000}.get) is False
    assert time.process_time() - start < 5


# ── against plain Python ─────────────────────────────────────────────────────────────────────────

COMPARE = {
    "=": operator.eq, "!=": operator.ne, "<>": operator.ne,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
TEXTS = st.text(alphabet="ab%_'é\n", min_size=1, max_size=4)
NUMBERS = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.integers(-3, 3),
    st.decimals(-5, 5, places=2),
)
# Which column holds what; each may also be missing.
VALUES = {
    "text": TEXTS,
    "number": NUMBERS.map(str),
    "json": NUMBERS.filter(lambda n: type(n) is int),
    "flag": st.booleans(),
}


def written(value: object) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value).lower() if isinstance(value, bool) else str(value)


@st.composite
def leaves(draw: Any) -> tuple[Any, ...]:
    column = draw(st.sampled_from([*VALUES]))
    kind = {"text": TEXTS, "flag": st.booleans()}.get(column, NUMBERS)
    form = draw(st.sampled_from(["compare", "in", "null", "like"]))
    if form == "like":
        return ("like", "text", draw(TEXTS))
    if form == "null":
        return ("null", column)
    if form == "in":
        return ("in", column, draw(st.lists(kind, min_size=1, max_size=3)))
    return (
        "compare",
        column,
        draw(st.sampled_from(["=", "!="] if column == "flag" else [*COMPARE])),
        draw(kind),
    )


TREES = st.recursive(
    leaves(),
    lambda below: st.one_of(
        st.tuples(st.just("not"), below),
        st.tuples(st.sampled_from(["and", "or"]), st.lists(below, min_size=2, max_size=3)),
    ),
    max_leaves=8,
)


def as_text(tree: tuple[Any, ...]) -> str:
    match tree:
        case ("like", column, pattern):
            return f"{column} like {written(pattern)}"
        case ("null", column):
            return f"{column} is null"
        case ("in", column, values):
            return f"{column} in ({', '.join(map(written, values))})"
        case ("compare", column, sign, value):
            return f"{column} {sign} {written(value)}"
        case ("not", below):
            return f"not ({as_text(below)})"
        case (word, parts):
            return f" {word} ".join(f"({as_text(part)})" for part in parts)
    raise AssertionError(tree)


def as_value(value: Any) -> Any:
    """A text of digits as the number that it is."""
    return Decimal(value) if isinstance(value, str) else value


def is_like(text: str, pattern: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(is_like(text[at:], pattern[1:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and is_like(text[1:], pattern[1:])


def answer(tree: tuple[Any, ...], record: dict[str, Any]) -> bool | None:
    """What SQL says: by the tables of three-valued logic."""
    match tree:
        case ("not", below):
            return {True: False, False: True, None: None}[answer(below, record)]
        case ("and", parts):
            answers = [answer(part, record) for part in parts]
            return False if False in answers else None if None in answers else True
        case ("or", parts):
            answers = [answer(part, record) for part in parts]
            return True if True in answers else None if None in answers else False
    form, column, *rest = tree
    found = record[column]
    if form == "null":
        return found is None
    if found is None:
        return None
    if form == "like":
        return is_like(found, rest[0])
    if column == "number":
        found = as_value(found)
    if form == "in":
        return any(found == value for value in rest[0])
    return COMPARE[rest[0]](found, rest[1])


@given(TREES, st.fixed_dictionaries({name: st.none() | values for name, values in VALUES.items()}))
def test_conditions_answer_as_three_valued_logic_does(tree: tuple[Any, ...], record: dict[str, Any]) -> None:
    assert compile_where(as_text(tree))(record.get) is answer(tree, record)


@given(st.text(alphabet="ab '\"()=<>!,.%_[]0129eE+-\n\t", max_size=30))
def test_any_text_is_a_condition_or_an_error_that_shows_a_place(text: str) -> None:
    error = None
    try:
        compile_where(text)
    except MappingError as found:
        error = found
    if error is not None:
        assert re.match(r"where, at (line \d+, )?character \d+: ", error.message)
        assert any(re.fullmatch(" *[\\^]", step) for step in error.steps)


# ── errors ───────────────────────────────────────────────────────────────────────────────────────

VALUE = "A value is a text in single quotes ('DE'), a number, true or false."
COMPARISON = "Write = != < <= > >=, in ('a', 'b'), is null or like 'a%', each behind a column."
NAME = 'A column with the name of a number, or of a word such as in, stands in double quotes: "in".'


@pytest.mark.parametrize(
    ("text", "character", "problem", "steps"),
    [
        ("", 1, "expected a column or '(', found the end", ()),
        ("type", 5, "expected a comparison, found the end", (COMPARISON,)),
        ("type = ", 7, "expected a value, found the end", (VALUE,)),
        ('type = "page"', 8, "expected a value, found '\"page\"'", (VALUE,)),
        ("type = null", 8, "expected a value, found 'null'", (VALUE, "For what has no value, write COLUMN is null.")),
        ("type == 'a'", 7, "expected a value, found '='", ("Equality is one sign: =.",)),
        ("type = 'a", 8, "the quote that opens here is never closed", ("A quote within is doubled.",)),
        ("a = 1 && b = 2", 7, "found &&", ("Write and.",)),
        ("a = 1 || b = 2", 7, "found ||", ("Write or.",)),
        ("a + 1 > 2", 3, "found '+': nothing is computed in a condition", (COMPARISON,)),
        ("a = 1;", 6, "found ';', which means nothing here", (COMPARISON,)),
        ("lower(a) = 'x'", 6, "expected a comparison, found '('", ("Functions can't be called.",)),
        ("0 < a", 1, "expected a column or '(', found '0'", ("A column stands ahead of the value: amount > 0.", NAME)),
        ("in = 1", 1, "expected a column or '(', found 'in'", (NAME,)),
        ("a = 1 and", 10, "expected a column or '(', found the end", ()),
        ("a = 1 b = 2", 7, "expected 'and' or 'or' or the end, found 'b'", ()),
        ("(a = 1", 7, "expected ')', found the end", ()),
        ("a = 1)", 6, "expected the end, found ')'", ()),
        ("a in ()", 7, "expected a value, found ')'", (VALUE,)),
        ("a in ('x' 'y')", 11, "expected ',' or ')', found ''y''", ()),
        ("a is true", 6, "expected 'null', found 'true'", ()),
        (
            "a > 2024-01-01", 9, "expected 'and' or 'or' or the end, found '-01'",
            ("A date is a text, in single quotes: '2024-01-31'.",),
        ),
        ("a = 007", 5, "007 is no number", ("Write it like 2, -0.5 or 1e6; a text stands in single quotes.",)),
        ("a = 1e9999999999999999999", 5, "1e9999999999999999999 is too large a number", ()),
        ("a > true", 5, "true and false have no order, expected = or !=, found >", ()),
        ("a in (1, 'x')", 10, "expected a number as ahead of it, found 'x'",
         ("The values in brackets are of one kind: the column is read as that.",)),
        ("a like 5", 8, "expected a text, found 5", ()),
        ("a like 'x' escape 'ab'", 19, "expected one character, found 'ab'", ()),
        ("a like '5!x' escape '!'", 8, "expected %, _ or ! behind !, found 'x'", ()),
        ("a like '5!' escape '!'", 8, "expected %, _ or ! behind !, found ''", ()),
        ("a = ''", 5, "'' is no value: what is empty is null, so nothing can be compared with it",
         ("Write a is null, or a is not null.",)),
        ("a in ('x', 'NULL')", 12, "'NULL' means no value here, so nothing can be compared with it",
         ("Write a is null, or a is not null.",)),
    ],
)  # fmt: skip
def test_a_text_that_is_no_condition_is_shown_with_the_place(
    text: str, character: int, problem: str, steps: tuple[str, ...]
) -> None:
    with pytest.raises(MappingError) as caught:
        compile_where(text, null=("NULL",))
    error = caught.value
    assert error.message == f"where, at character {character}: {problem}"
    assert error.steps == tuple(filter(None, (text, " " * (character - 1) + "^", *steps)))
    assert error.exit_code == 2


def test_the_place_is_shown_in_its_line_and_below_wide_characters() -> None:
    with pytest.raises(MappingError) as caught:
        compile_where("a = 1 and\n日本 = 'é' oder\tb = 1")
    assert caught.value.message == (
        "where, at line 2, character 10: expected 'and' or 'or' or the end, found 'oder'"
    )
    assert caught.value.steps == ("日本 = 'é' oder b = 1", "           ^")


def test_a_long_line_is_cut_around_the_place() -> None:
    with pytest.raises(MappingError) as caught:
        compile_where("a = 1 and " * 1000 + "b ? 2" + " and a = 1" * 1000)
    line, caret, _ = caught.value.steps
    assert len(line) <= 72
    assert line.startswith("…")
    assert line.endswith("…")
    assert line[caret.index("^")] == "?"


@pytest.mark.parametrize(
    "text",
    [
        "(" * 30_000 + "a = 1" + ")" * 30_000,
        " or ".join(f"a = {n}" for n in range(8_000)),
        f"a in ({', '.join(map(str, range(12_000)))})",
    ],
    ids=["brackets", "or", "in"],
)
def test_long_conditions_answer(text: str) -> None:
    assert compile_where(text)({"a": 1}.get) is True


@pytest.mark.parametrize(
    "text",
    ["not " * 20_000 + "a = 1", "(a = 1 and " * 5_000 + "a = 1" + ")" * 5_000],
    ids=["not", "and"],
)
def test_conditions_too_deep_in_one_another_are_an_error(text: str) -> None:
    with pytest.raises(MappingError, match="more than 100 conditions stand inside one another"):
        compile_where(text)


def test_a_condition_that_is_too_long_is_an_error() -> None:
    with pytest.raises(MappingError, match="100,001 characters, expected at most 100,000"):
        compile_where("a" * 100_001)


def test_a_column_that_does_not_exist_is_named_with_the_nearest() -> None:
    columns = ("type", "a.b", "Order ID")
    condition = compile_where("type = 'x' and typo is null")
    with pytest.raises(MappingError) as caught:
        condition.check(partial(exists, columns=columns, paths=False), columns)
    assert caught.value.message == "where, at character 16: there is no column 'typo'; did you mean 'type'?"
    assert caught.value.steps == (
        "type = 'x' and typo is null",
        "               ^",
        "The columns are: type, a.b, Order ID",
    )


def test_a_run_without_a_condition_does_not_load_the_parser() -> None:
    script = "import sys, importer.events.where, importer.events.shape; print('lark' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
