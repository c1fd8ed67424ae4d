"""Which forms of numbers may stand together in one column."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from number_rule import is_number_column

from importer.profile.number_forms import contradiction, form_of, forms_in

NUMBERS = [
    ["1", "2"],
    ["1.5", "2"],
    ["1.5", "2.25", "3"],
    ["1.5", "2.0", "3.25"],
    ["19.90", "5.00"],
    ["1.234", "0.500"],
    ["19.95", "5.25", "7"],
    ["1e+5", "2.5e-3"],
    ["1e-05", "1e+16"],
    ["1.0E10", "2.5E3"],
    ["1.50e5", "2.25e5"],
    ["123456789012345", "1.5"],
    ["0.000123", "5.5"],
]
TEXTS = [
    ["1.10", "1.1"],
    ["1.10", "2"],
    ["2.0", "2"],
    ["1.5", "2.0", "3"],
    ["1.5", "2.25", "3.10"],
    ["20.0", "2e1"],
    ["1e5", "5"],
    ["12E3", "45E6"],
    ["1234e12"],
    ["1e5", "2.5e-3"],
    ["-1e5", "1e+5"],
    ["1.0e5", "2e5"],
    ["799642630.1717000001"],
    ["0.1", "0.30000000000000004"],
    ["9007199254740992", "1.5"],
    ["0." + "0" * 30 + "1"],
]


@pytest.mark.parametrize("values", NUMBERS, ids=" ".join)
def test_numbers_in_one_form_may_stand_together(values: list[str]):
    for order in permutations(values):
        assert contradiction(dict.fromkeys(map(form_of, order))) == ()


@pytest.mark.parametrize("values", TEXTS, ids=" ".join)
def test_numbers_in_two_forms_or_with_too_many_digits_may_not(values: list[str]):
    for order in permutations(values):
        forms = dict.fromkeys(map(form_of, order))
        found = contradiction(forms)
        assert found == tuple(form for form in forms if form in found) != ()


@pytest.mark.parametrize("values", [["1.10", "1.1"], ["2.0", "2"], ["1.5", "2.25", "3.10"]], ids=" ".join)
def test_decimals_do_not_matter_where_the_owner_has_spoken_of_numbers(values: list[str]):
    assert contradiction(list(map(form_of, values)), any_decimals=True) == ()


@pytest.mark.parametrize("values", [["20.0", "2e1"], ["12E3"], ["0.30000000000000004"]], ids=" ".join)
def test_exponents_and_digits_matter_in_any_case(values: list[str]):
    assert contradiction(list(map(form_of, values)), any_decimals=True) != ()


def test_whole_numbers_are_integers_however_long_they_are():
    assert contradiction([form_of("9007199254740992"), form_of("5")]) == ()


numbers = st.one_of(
    st.from_regex(r"-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,4})?", fullmatch=True),
    st.from_regex(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?", fullmatch=True),
    st.sampled_from(["1.5", "2.0", "2", "3.10", "1.10", "1e5", "1e+5", "1.0e5"]),
)


@settings(deadline=None, max_examples=1_000)
@given(st.lists(numbers, min_size=1, max_size=5))
def test_two_forms_contradict_each_other_just_where_the_rule_says_so(values: list[str]):
    forms = dict.fromkeys(map(form_of, values))
    assert set(forms_in(values)) == set(forms)
    if any(form.decimals or form.exponent for form in forms):  # else they are integers
        assert (contradiction(forms) == ()) == is_number_column(values)
