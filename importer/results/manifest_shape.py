"""What a manifest can't say of how records are shaped, and of which properties are sent under which names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from importer.reading import KeyValue, Reading, Shape
from importer.text import quoted

_STAR = "*"
_MOST_DEPTH = 1_000
_is_digest = re.compile(r"[0-9a-f]{32}").fullmatch


def find_fault_of_shape(reading: Reading) -> str:
    """Return what is wrong, with the path to the value; empty if nothing is."""
    return next(chain(_faults_of_shape(reading), _faults_of_names(reading)), "")


def _faults_of_shape(reading: Reading) -> Iterator[str]:
    shape, where = reading.shape, "reading.shape."
    if shape.explode and reading.dialect.has_cells:
        yield f"{where}explode is {quoted(shape.explode)}, but a row of CSV holds no list"
    for column, pairs in shape.key_value.items():
        yield from _faults_of_pairs(f"{where}key_value.{column}", pairs)
    for column, depth in shape.flatten.items():
        if not 1 <= depth <= _MOST_DEPTH:
            yield f"{where}flatten.{column} is {depth}, expected 1 to {_MOST_DEPTH:,}"
    yield from _empty_names(f"{where}stringify", shape.stringify)
    for name in shape.mask:
        if name.count(_STAR) > 1:
            yield f"{where}mask holds {quoted(name)}, expected one * at most"
    yield from _faults_of_salt(shape)


def _faults_of_pairs(where: str, pairs: KeyValue) -> Iterator[str]:
    if not pairs.key:
        yield f"{where}.key is '', expected a path"
    if not pairs.value:
        yield f"{where}.value is empty, expected a path"
    yield from _empty_names(f"{where}.value", pairs.value)
    for path in pairs.numbers:
        if path not in pairs.value:
            yield f"{where}.numbers holds {quoted(path)}, which is none of its values"


def _faults_of_salt(shape: Shape) -> Iterator[str]:
    has_pseudonyms = "sha256" in shape.mask.values()
    if has_pseudonyms and not _is_digest(shape.mask_salt):
        yield f"reading.shape.mask_salt is {quoted(shape.mask_salt)}, expected 32 hexadecimal digits"
    if shape.mask_salt and not has_pseudonyms:
        yield "reading.shape.mask_salt is there, but nothing that needs a salt"


def _faults_of_names(reading: Reading) -> Iterator[str]:
    for name, patterns in (("only", reading.only), ("drop", reading.drop)):
        yield from _empty_names(f"reading.{name}", patterns)
        for pattern in patterns:
            if pattern.count(_STAR) > 1:
                yield f"reading.{name} holds {quoted(pattern)}, expected one * at most"
    for old, new in reading.renames.items():
        if not old or not new:
            yield f"reading.renames holds {quoted(old)} as {quoted(new)}, expected two names"
        if old.count(_STAR) > 1 or old.count(_STAR) != new.count(_STAR):
            yield f"reading.renames holds {quoted(old)} as {quoted(new)}, expected a * on both sides or none"
    for field, value in reading.defaults.items():
        if field == "properties" or not value:
            yield f"reading.defaults.{field} is {quoted(value)}, expected the value of another field"


def _empty_names(where: str, names: Iterable[str]) -> Iterator[str]:
    if "" in names:
        yield f"{where} holds an empty name"
