"""Numbers with the marks that people write, read strictly."""

from __future__ import annotations

import pytest

from importer.errors import BadValue, UsageError
from importer.events.null_words import NULL_WORDS, is_null_word
from importer.events.number_marks import NumberMarks, check_marks, marks_of, without_sign
from importer.events.values import ValueReader
from importer.reading import Dialect, Reading

GERMAN = NumberMarks(",", ".")
FRENCH = NumberMarks(",", " ")
ENGLISH = NumberMarks(".", ",")
SWISS = NumberMarks(".", "'")


def reader(decimal: str = "", thousands: str = "") -> ValueReader:
    reading = Reading(Dialect("csv"), ("a",), {}, decimal=decimal, thousands=thousands)
    return ValueReader(str, marks_of(reading))


@pytest.mark.parametrize(
    ("marks", "text", "plain"),
    [
        (GERMAN, "1.234,56", "1234.56"),
        (GERMAN, "-1.234.567,8", "-1234567.8"),
        (GERMAN, "1234,56", "1234.56"),
        (GERMAN, "1.234", "1234"),
        (GERMAN, "0,5", "0.5"),
        (GERMAN, "5", "5"),
        (GERMAN, "1,5e3", "1.5e3"),
        (NumberMarks(",", ""), "5,50", "5.50"),
        (FRENCH, "1 234,56", "1234.56"),
        (FRENCH, "1\u00a0234\u00a0567", "1234567"),
        (FRENCH, "1\u202f234,5", "1234.5"),
        (ENGLISH, "1,234.50", "1234.50"),
        (ENGLISH, "1234.5", "1234.5"),
        (SWISS, "1'234.50", "1234.50"),
        (SWISS, "1\u2019234.50", "1234.50"),
    ],
)
def test_a_number_with_marks_is_read_as_its_plain_number(marks: NumberMarks, text: str, plain: str):
    assert marks.plain(text) == plain


@pytest.mark.parametrize(
    ("marks", "text"),
    [
        (GERMAN, "12.34"),
        (GERMAN, "1.2345"),
        (GERMAN, "1234.567"),
        (GERMAN, "0.123"),
        (GERMAN, "1.234.56"),
        (GERMAN, "1,234.5"),
        (GERMAN, "01,5"),
        (GERMAN, ",5"),
        (GERMAN, "5,"),
        (GERMAN, "+5"),
        (GERMAN, "1 234"),
        (GERMAN, "1.\u0662\u0663\u0664"),
        (GERMAN, "\u20ac 5"),
        (GERMAN, "5%"),
        (GERMAN, "(5)"),
        (GERMAN, " 5"),
        (GERMAN, "5\n"),
        (GERMAN, ""),
        (NumberMarks(",", ""), "1.5"),
        (FRENCH, "1 234\u00a0567"),
        (ENGLISH, "1,23"),
        (ENGLISH, "1,234,5"),
    ],
)
def test_whatever_is_not_written_strictly_so_is_no_number(marks: NumberMarks, text: str):
    assert marks.plain(text) == ""


@pytest.mark.parametrize(
    ("text", "rest", "sign"),
    [
        ("\u20ac 12,00", "12,00", "\u20ac"),
        ("12,00\u00a0\u20ac", "12,00", "\u20ac"),
        ("$5", "5", "$"),
        ("-$5", "-5", "$"),
        ("$-5", "-5", "$"),
        ("45.67%", "45.67", "%"),
        ("5 %", "5", "%"),
        ("5", "5", ""),
        ("x5", "x5", ""),
        ("", "", ""),
    ],
)
def test_a_sign_of_currency_or_percent_stands_at_one_end(text: str, rest: str, sign: str):
    assert without_sign(text) == (rest, sign)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.234,56-", -1234.56),
        ("(1.234,56)", -1234.56),
        ("\u20ac 6,00-", -6.0),
        ("6,00- \u20ac", -6.0),
        ("6,00 \u20ac-", -6.0),
        ("($6,50)", -6.5),
        ("$(6,50)", -6.5),
    ],
)
def test_a_declared_number_may_be_negative_as_sap_and_accountants_write_it(text: str, number: float):
    read = reader(",", ".").converters["number"]
    assert read is not None
    assert read(text) == number


def test_a_declared_number_is_read_with_its_marks_and_without_its_sign():
    number = reader(",", ".").converters["number"]
    assert number is not None
    assert [number(text) for text in ("1.234,56", "\u20ac 12,00", "45,67%", "5")] == [
        1234.56,
        12.0,
        45.67,
        5.0,
    ]
    for text in ("1.5", "$5%", "$ $5", "(-5,00)", "-(5,00)", "-5,00-", "(5,00", "()", "-", "5--", "5 USD"):
        with pytest.raises(BadValue, match=r"expected a number written like 1\.234,56, found"):
            number(text)


def test_a_declared_integer_may_have_marks_between_its_groups_but_no_sign_and_no_fraction():
    integer = reader(",", ".").converters["integer"]
    assert integer is not None
    assert [integer(text) for text in ("1.234", "1234", "-5")] == [1234, 1234, -5]
    for text in ("1,5", "5%", "9.007.199.254.740.993"):
        with pytest.raises(BadValue, match="expected an integer"):
            integer(text)


@pytest.mark.parametrize("text", ["1,5", "$5", "45%", "1 234"])
def test_without_declared_marks_a_declared_number_is_one_of_json(text: str):
    number = reader().converters["number"]
    assert number is not None
    with pytest.raises(BadValue, match="expected a number, found"):
        number(text)


def test_marks_that_are_left_out_are_those_of_json():
    assert marks_of(Reading(Dialect("csv"), (), {})) is None
    assert marks_of(Reading(Dialect("csv"), (), {}, thousands=",")) == NumberMarks(".", ",")
    assert marks_of(Reading(Dialect("csv"), (), {}, decimal=",")) == NumberMarks(",", "")


@pytest.mark.parametrize(
    ("decimal", "thousands"),
    [(",", "."), (".", ","), (",", " "), (None, "'"), (",", None), (".", None), (None, None)],
)
def test_usual_marks_are_taken(decimal: str | None, thousands: str | None):
    check_marks(decimal, thousands)


@pytest.mark.parametrize(
    ("decimal", "thousands", "message"),
    [
        (",", ",", "--thousands ,: it is the decimal mark, too"),
        (None, ".", "--thousands .: it is the decimal mark, too"),
        (",,", None, "--decimal ,,: expected one character"),
        ("5", None, "--decimal 5: expected one character"),
        ("x", None, "--decimal x: expected one character"),
        ("-", None, "--decimal -: expected one character"),
        (" ", None, "--decimal ' ': expected one character"),
        ("%", None, "--decimal %: expected one character"),
        (None, "$", "--thousands '[$]': expected one character"),
        (None, "0", "--thousands 0: expected one character"),
        (None, "\t", r"--thousands \$'\\t': expected one character"),
    ],
)
def test_marks_that_make_no_sense_are_refused(decimal: str | None, thousands: str | None, message: str):
    with pytest.raises(UsageError, match=message) as refused:
        check_marks(decimal, thousands)
    assert "--thousands" in refused.value.remedy


@pytest.mark.parametrize(
    "text", ["NULL", "null", r"\N", "None", "NaN", "N/A", "(not set)", "Undefined", "-", "#N/A"]
)
def test_words_for_no_value_are_known_in_any_case(text: str):
    assert is_null_word(text)
    assert is_null_word(text.upper())
    assert is_null_word(text.lower())


@pytest.mark.parametrize("text", ["", "0", "no", "false", "nullable", "nano", " null", "u1"])
def test_other_words_mean_something(text: str):
    assert not is_null_word(text)


def test_words_for_no_value_are_kept_in_lower_case():
    assert {word.lower() for word in NULL_WORDS} == NULL_WORDS
