"""The tree of ``where``: what a condition consists of."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

Written = str | int | Decimal | bool
"""A value that somebody wrote."""


class Value(NamedTuple):
    """A value in a condition.

    Attributes:
        value: A number is an integer, or a decimal.
        position: Where it stands in the text, from 0; and so for the others.
    """

    value: Written
    position: int


class Column(NamedTuple):
    """A column, or a path into one, as it was written."""

    path: str
    position: int


class Comparison(NamedTuple):
    """``amount > 0``: the operator is as it was written."""

    column: Column
    operator: str
    value: Value


class Membership(NamedTuple):
    """``type in ('track', 'page')``."""

    column: Column
    values: Sequence[Value]


class NullTest(NamedTuple):
    """``country is null``."""

    column: Column


class Likeness(NamedTuple):
    """``path like '/shop/%'``: the escape is None where there is none."""

    column: Column
    pattern: Value
    escape: Value | None


class Negation(NamedTuple):
    """``not`` ahead of a condition, or within one."""

    part: Node
    depth: int


class Junction(NamedTuple):
    """Conditions between which ``and`` stands, or ``or``."""

    is_and: bool
    parts: Sequence[Node]
    depth: int


Node = Comparison | Membership | NullTest | Likeness | Negation | Junction
"""A condition."""
