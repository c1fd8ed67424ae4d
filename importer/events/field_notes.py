"""What is odd about the value of a mapped field: it is sent as it is, and its owner is told.

A user called ``NULL`` becomes one user of all records that have none, ``" u1"`` is another user than ``u1``,
and ``1.23457E+11`` is what a spreadsheet has left of an id. None of that can be mended here, since each may
be what was meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, NamedTuple

from importer.events.addresses import note_on_ip
from importer.events.null_words import NULL_WORDS
from importer.events.templates import Look, Template
from importer.mixpanel.limits import MAX_STRING_CHARACTERS
from importer.mixpanel.reserved import LINKING_EVENTS, OWN_PREFIXES, REFUSED_IDS
from importer.reading import Field
from importer.text import Remembered, quoted

OddityCode = Literal["null-words", "padding", "damaged-ids", "ip", "reserved-names"]
"""The code of an `Attention` to what is odd."""

ODD_WORDS: Final = NULL_WORDS | REFUSED_IDS
"""In lower case: words that mean no value, and others that Mixpanel refuses as a user in this very case."""

VALUES_ELSEWHERE: Final = frozenset({"0", "-1", "true", "false", "[]", "{}"})
"""Words that Mixpanel refuses as a user, and that are values in any other column."""

_OF_PARTS: Final = frozenset({"null-words", "padding", "damaged-ids"})
"""What is odd about a part of a value as well as about the whole of it."""

_UNSEEN: Final = frozenset("\u200b\u200c\u200d\u2060\ufeff\ufffd")
"""Spaces without width, joiners, a byte order mark, and what stands for a character that was lost."""

_IDS: Final[tuple[Field, ...]] = ("distinct_id", "insert_id")
_OF_TEMPLATES: Final[tuple[Field, ...]] = ("event", *_IDS)
_DAMAGED: Final = re.compile(
    r"[+-]?\d+\.0+"  # a whole number that was read as a decimal
    r"|[+-]?\d([.,]\d+)?[eE][+-]\d{1,3}|[+-]?\d[.,]\d+[eE]\d{1,3}"  # … or shown in few digits
    r"|[+-]?\d{1,3}(,\d{3})+"  # … or with marks between its digits
    r"|=.*|'[\d+=@-].*"  # what makes a spreadsheet show it as text
    r"|\".*\"|'.*'"  # quotes that belong to the file, not to the id
    r"|#[^\W\d_][\w/]*[!?]|##+"  # a spreadsheet's error, or a column that was too narrow
    r"|.*[\ufffd\ufeff].*|\u200b.*|.*\u200b",  # a character that was lost, or one that can't be seen
    re.DOTALL | re.ASCII,
)


class Oddity(NamedTuple):
    """What is odd about a value.

    Attributes:
        code: The kind.
        note: What the record is told; empty if another note says it.
    """

    code: OddityCode
    note: str


def oddities(field: Field, value: Any) -> tuple[Oddity, ...]:
    """Return what is odd about the value of a field; usually nothing.

    Args:
        field: Any field but ``properties``.
        value: Its value: a text, or a value of JSON. None and the empty text are not odd.
    """
    if type(value) is str:
        if value.isalnum() and field in _IDS and not is_word(field, value):  # as is usual, without a search
            return ()
        return _of_texts[field, value] if value else ()
    # The digits that are sent may not be those that the id once had.
    return (Oddity("damaged-ids", ""),) if type(value) is float and field in _IDS else ()


def notes_on_field(field: Field, value: Any) -> Sequence[str]:
    """Return the notes on the value of a field; usually none."""
    found = oddities(field, value)
    return [oddity.note for oddity in found if oddity.note] if found else ()


def oddities_of_part(field: Field, value: Any) -> tuple[Oddity, ...]:
    """Return what is odd about a value that a template puts into a field, with other text.

    A value such as ``0`` means something there, while it is no user by itself.
    """
    return tuple(
        oddity
        for oddity in oddities(field, value)
        if oddity.code in _OF_PARTS
        and (oddity.code != "null-words" or value.strip().lower() not in VALUES_ELSEWHERE)
    )


def notes_on_template(field: Field, template: Template, look: Look) -> Iterator[str]:
    """Yield the notes on the columns that a template puts into a field; usually none.

    What is odd about a column alone is for `notes_on_field`, which is asked of the value.
    """
    if field not in _OF_TEMPLATES or template.is_bare:
        return
    for column in dict.fromkeys(template.columns):
        for oddity in oddities_of_part(field, look(column)):
            if oddity.note:
                yield oddity.note.replace(f"{field}:", f"{field}, of {column}:", 1)


def is_word(field: Field, text: str) -> bool:
    """Return whether a text is a word for "no value" in a field, in any case."""
    words = ODD_WORDS if field in _IDS else NULL_WORDS
    return text in words or (text.lower() in words and text.isascii())


def holds_unseen(text: str) -> bool:
    """Return whether a text holds a mark that no reader sees: two names that look alike are then two."""
    return not text.isascii() and not _UNSEEN.isdisjoint(text)


def _of_text(asked: tuple[Field, str]) -> tuple[Oddity, ...]:
    field, text = asked
    stripped = text.strip()
    found = []
    if text != stripped and (stripped or field != "event"):
        found.append(Oddity("padding", f"{field}: {quoted(text)} has white space around it"))
    if field == "time":
        return tuple(found)
    if is_word(field, stripped):
        found.append(Oddity("null-words", f"{field}: {quoted(text)} is sent, though it may mean no value"))
    elif field in _IDS and _DAMAGED.fullmatch(stripped):
        found.append(
            Oddity(
                "damaged-ids", f"{field}: {quoted(text)} looks like an id that another program has changed"
            )
        )
    elif field == "ip" and (note := note_on_ip(stripped)):
        found.append(Oddity("ip", note))
    elif field == "event":
        found += _of_name(text)
    return tuple(found)


_of_texts: Final = Remembered(_of_text)  # names of events repeat, and often users do


def _of_name(name: str) -> list[Oddity]:
    """Return what is odd about the name of an event beside what is odd about any text."""
    if not name.strip():
        return [Oddity("reserved-names", f"event: the name {quoted(name)} is blank")]
    if len(name) > MAX_STRING_CHARACTERS:
        return [Oddity("reserved-names", "")]  # `rules.notes_on` says that it will be cut
    if holds_unseen(name):
        return [Oddity("reserved-names", f"event: {quoted(name)} holds a character that can't be seen")]
    if name in LINKING_EVENTS:
        return [Oddity("reserved-names", f"event: {quoted(name)} is Mixpanel's own and may link users")]
    if name.startswith(OWN_PREFIXES):
        return [Oddity("reserved-names", f"event: {quoted(name)} is a name of Mixpanel's own")]
    return []
