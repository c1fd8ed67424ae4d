"""The syntax of ``where``: its text becomes a tree, or an error that shows where it goes wrong.

The grammar is read by lark, as an LALR parser, which keeps a stack of its own: no depth of brackets exhausts
that of Python. It is imported with the first condition, since most runs have none.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from importer.errors import MappingError
from importer.events.comparisons import Written
from importer.events.types import BOOLEANS, is_number
from importer.events.where_errors import WrongPlace, odd_character, odd_token, shown

if TYPE_CHECKING:
    from lark import Lark, Token

MOST_CHARACTERS: Final = 100_000
"""Most characters of a condition."""

MOST_NESTED: Final = 100
"""Most conditions inside one another, so that asking them does not exhaust the stack of Python."""

_GRAMMAR: Final = r"""
?start: any_of
?any_of: all_of (_OR all_of)*
?all_of: one (_AND one)*
?one: NOT one -> negation
    | "(" any_of ")"
    | PATH COMPARE value -> comparison
    | PATH [NOT] _IN "(" value ("," value)* ")" -> membership
    | PATH _IS [NOT] _NULL -> null_test
    | PATH [NOT] _LIKE value [_ESCAPE value] -> likeness
!value: TEXT | NUMBER | TRUE | FALSE

PATH: (_NAME | _QUOTED) ("." (_KEY | _QUOTED) | "[" /[0-9]{1,9}/ "]")*
_NAME: /(?:[^\W\d]|[$@])[\w$@:-]*/
_KEY: /[\w$@:-]+/
_QUOTED: /"(?:[^"]|"")+"/
COMPARE: /<=|>=|<>|!=|=|<|>/
TEXT: /'(?:[^']|'')*'/
NUMBER: /[-+]?\.?[0-9](?:[\w.]|(?<=[eE])[-+])*/
%declare NOT _OR _AND _IN _IS _NULL _LIKE _ESCAPE TRUE FALSE
%ignore /\s+/
"""
_WORDS: Final = {
    **{word: word.upper() for word in ("not", "true", "false")},
    **{word: f"_{word.upper()}" for word in ("or", "and", "in", "is", "null", "like", "escape")},
}
"""The terminals of the words that mean something; in any case."""


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


def parse_where(text: str) -> Node:
    """Return the tree of a condition.

    Raises:
        MappingError: It is none; the error shows the place.
    """
    from lark import UnexpectedCharacters, UnexpectedToken  # noqa: PLC0415 - 40 ms that most runs don't need

    if len(text) > MOST_CHARACTERS:
        raise MappingError(
            f"where: the condition has {len(text):,} characters, expected at most {MOST_CHARACTERS:,}",
            "Mark the records in a column of their own, and ask for that.",
        )
    try:
        return cast(Node, _parser().parse(text))
    except WrongPlace as error:
        raise error.shown_in(text) from None
    except UnexpectedCharacters as error:
        raise odd_character(text, cast(int, error.pos_in_stream)).shown_in(text) from None
    except UnexpectedToken as error:
        raise odd_token(text, error).shown_in(text) from None


@cache
def _parser() -> Lark:
    from lark import Lark  # noqa: PLC0415 - as above

    return Lark(
        _GRAMMAR, parser="lalr", lexer="basic", lexer_callbacks={"PATH": _word}, transformer=_Builder()
    )


def _word(token: Token) -> Token:
    """Return a name, or a word that means something, as what it is to the grammar."""
    kind = _WORDS.get(token.lower())
    return token if kind is None else token.update(type=kind)


class _Builder:
    """Makes the tree, from below: each method gets what stands in a rule of its name."""

    def any_of(self, parts: Sequence[Node]) -> Node:
        return _nested(Junction(is_and=False, parts=parts, depth=_depth_around(parts)), parts)

    def all_of(self, parts: Sequence[Node]) -> Node:
        return _nested(Junction(is_and=True, parts=parts, depth=_depth_around(parts)), parts)

    def negation(self, found: Sequence[Any]) -> Node:
        return _negated(found[-1])

    def comparison(self, found: Sequence[Any]) -> Node:
        path, operator, value = found
        return Comparison(_column(path), str(operator), value)

    def membership(self, found: Sequence[Any]) -> Node:
        path, negated, *values = found
        node = Membership(_column(path), values)
        return _negated(node) if negated else node

    def null_test(self, found: Sequence[Any]) -> Node:
        path, negated = found
        node = NullTest(_column(path))
        return _negated(node) if negated else node

    def likeness(self, found: Sequence[Any]) -> Node:
        path, negated, pattern, escape = found
        node = Likeness(_column(path), pattern, escape)
        return _negated(node) if negated else node

    def value(self, found: Sequence[Token]) -> Value:
        (token,) = found
        position = token.start_pos or 0
        if token.type == "TEXT":
            return Value(token[1:-1].replace("''", "'"), position)
        if token.type == "NUMBER":
            return Value(_number(token, position), position)
        return Value(BOOLEANS[token.lower()], position)


def _column(token: Token) -> Column:
    return Column(str(token), token.start_pos or 0)


def _number(text: str, position: int) -> int | Decimal:
    if not is_number(text):
        raise WrongPlace(
            position,
            f"{shown(text)} is no number",
            "Write it like 2, -0.5 or 1e6; a text stands in single quotes.",
        )
    try:
        return int(text) if text.lstrip("-").isdigit() else Decimal(text)
    except (InvalidOperation, ValueError):  # an exponent of 19 digits, or thousands of digits
        raise WrongPlace(position, f"{shown(text)} is too large a number") from None


def _depth_of(node: Node) -> int:
    return node.depth if isinstance(node, Negation | Junction) else 1


def _negated(node: Node) -> Node:
    return _nested(Negation(node, _depth_of(node) + 1), (node,))


def _depth_around(parts: Sequence[Node]) -> int:
    return max(map(_depth_of, parts)) + 1


def _nested(node: Negation | Junction, parts: Sequence[Node]) -> Node:
    """Return a condition around others, unless they are too many inside one another."""
    if node.depth > MOST_NESTED:
        raise WrongPlace(
            _first_column(parts[0]).position, f"more than {MOST_NESTED} conditions stand inside one another"
        )
    return node


def _first_column(node: Node) -> Column:
    while isinstance(node, Negation | Junction):
        node = node.part if isinstance(node, Negation) else node.parts[0]
    return node.column
