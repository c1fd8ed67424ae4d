"""The forms in which the numbers of a column are written, and which of them may stand together.

A column holds numbers only where its values are written as numbers are. Either each is in its *shortest*
form: no fraction ends in 0, and whole numbers are all ``2`` or all ``2.0``, as Python writes floats. Or all
fractions have the *same count* of decimals, as prices do, and a bare whole number stands beside them only
where no fraction ends in 0. A number has at most 15 significant digits, which is what a double surely keeps,
and an exponent if all others have one, too: with a sign, or behind a decimal point, as programs write it
(``1e+20``, ``1.5E10``), since ``12E3`` is rather a code. Two values that are written
differently are then different numbers, so versions (``1.10``, ``1.1``) and ids (``799642630.1717000001``)
stay the texts that they are.

The set of forms that occur decides, so the order of the values does not matter, and memory is constant.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

MOST_SIGNIFICANT: Final = 15  # digits that a double surely keeps (IEEE 754)
_MOST_DECIMALS: Final = 30  # that are told apart


class NumberForm(NamedTuple):
    """How a number of JSON's grammar is written.

    Attributes:
        decimals: Digits behind the point; 0 for a whole number.
        zero_end: True if the last of these is 0.
        grouped: True if it may also be an integer, with the point between groups of three digits: ``1.234``.
        exponent: True if it has an exponent.
        bare_exponent: True if that has no sign, and there is no point ahead of it: ``12E3``.
        long: True if it has too many digits; then no other attribute but ``exponent`` matters, and whether
            there are decimals.
    """

    decimals: int = 0
    zero_end: bool = False
    grouped: bool = False
    exponent: bool = False
    long: bool = False
    bare_exponent: bool = False

    @property
    def words(self) -> str:
        """What the digits of such a number are, in words."""
        if not self.decimals:
            return "no decimals"
        decimals = f"{self.decimals} decimal" + ("" if self.decimals == 1 else "s")
        return decimals + (" and ends in 0" if self.zero_end else "")


WHOLE: Final = NumberForm()
LONG_WHOLE: Final = NumberForm(long=True)
_LONG: Final = NumberForm(1, long=True)

FORM_OF_BIT: Final[dict[int, NumberForm]] = {
    0: WHOLE,
    **{decimals: NumberForm(decimals) for decimals in range(1, 21)},
    21: NumberForm(3, grouped=True),
    23: LONG_WHOLE,
    24: _LONG,
    **{25 + decimals: NumberForm(decimals, exponent=True) for decimals in range(7)},
    **{32 + decimals: NumberForm(decimals, zero_end=True) for decimals in range(1, 21)},
    53: NumberForm(3, zero_end=True, grouped=True),
    **{47 + decimals: NumberForm(decimals, exponent=True) for decimals in range(7, 15)},
    **{64 + decimals: NumberForm(decimals, zero_end=True, exponent=True) for decimals in range(1, 15)},
}
"""The forms that `Block.count_column` knows, by the places of their bits."""

_GROUP: Final = 3
_fractions = re.compile(r"\.[0-9]+").findall

BIT_OF_FORM: Final[dict[NumberForm, int]] = {form: 1 << place for place, form in FORM_OF_BIT.items()}
DATE_BIT: Final = 1 << 22
BOOLEAN_BIT: Final = 1 << 63
ALL_BITS: Final = (1 << 128) - 1


def form_of(text: str) -> NumberForm:
    """Return the form of a number of JSON's grammar."""
    mantissa = text.lower().partition("e")[0]
    exponent = len(mantissa) < len(text)
    bare = exponent and text[len(mantissa) + 1] not in "+-" and "." not in mantissa
    whole, _, fraction = mantissa.partition(".")
    decimals = len(fraction)
    significant = len((whole + fraction).lstrip("-0"))
    if significant > MOST_SIGNIFICANT or decimals > _MOST_DECIMALS:
        return NumberForm(min(decimals, 1), exponent=exponent, long=True)
    if not decimals:
        return NumberForm(exponent=True, bare_exponent=bare) if exponent else WHOLE
    grouped = (
        decimals == _GROUP
        and not exponent
        and 0 < len(whole.lstrip("-")) <= _GROUP
        and whole.lstrip("-") != "0"
    )
    return NumberForm(decimals, fraction[-1] == "0", grouped, exponent)


def forms_in(values: Sequence[str]) -> Collection[NumberForm]:
    """Return the forms of some numbers of JSON's grammar; quickly, where they are short."""
    joined = ",".join(values)
    if max(map(len, values)) <= MOST_SIGNIFICANT and "e" not in joined and "E" not in joined:
        fractions = set(_fractions(joined))
        forms = {NumberForm(len(fraction) - 1, fraction[-1] == "0") for fraction in fractions}
        if all(form.decimals != _GROUP for form in forms):
            return forms if joined.count(".") == len(values) else {*forms, WHOLE}
    return set(map(form_of, set(values)))


def are_integers(forms: Iterable[NumberForm]) -> bool:
    """Return whether all numbers of these forms are integers. A double holds each, however long it is."""
    return all(not form.decimals and not form.exponent for form in forms)


def contradiction(forms: Collection[NumberForm], *, any_decimals: bool = False) -> tuple[NumberForm, ...]:
    """Return the forms for which numbers are text: one that none may have, or two that contradict each other.

    Args:
        forms: All that occur, in the order in which they do.
        any_decimals: True if zeros and counts of decimals don't matter.

    Returns:
        One form, two forms, or none where all may stand together.
    """
    if are_integers(forms):
        return ()
    for form in forms:
        if form.long:
            return (form,)
    with_exponent = [form for form in forms if form.exponent]
    if with_exponent and len(with_exponent) < len(forms):
        return _in_order(forms, with_exponent[0], next(form for form in forms if not form.exponent))
    bare = next((form for form in with_exponent if form.bare_exponent), None)
    if bare is not None:
        return (bare,)
    return () if any_decimals else _decimals_contradiction(forms)


def _decimals_contradiction(forms: Collection[NumberForm]) -> tuple[NumberForm, ...]:
    whole = next((form for form in forms if not form.decimals), None)
    fractions = [form for form in forms if form.decimals]
    padded = [form for form in fractions if form.zero_end and form.decimals > 1]  # not as Python writes it
    zero_end = padded or [form for form in fractions if form.zero_end]
    if not zero_end:
        return ()
    first = zero_end[0]
    other = next((form for form in fractions if form.decimals != first.decimals), None)
    if whole is None and (other is None or not padded):
        return ()
    return _in_order(forms, first, other if other is not None and padded else whole)


def _in_order(
    forms: Collection[NumberForm], one: NumberForm, other: NumberForm | None
) -> tuple[NumberForm, ...]:
    """Return two forms in the order in which they occur."""
    return tuple(form for form in forms if form in (one, other))
