"""What `nested` does with the objects within records, as a plan for the compiled code."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from importer import exact_json, speedups
from importer.events.columns import Path, parse_path
from importer.events.nested import ALL, as_number, path_within
from importer.reading import KeyValue, Reading
from importer.speedups.plan import NestedPlan, PairsPlan

_MOST_COLUMNS = 32
_MOST_VALUES = 8


def make_nested_lines(reading: Reading) -> speedups.NestedLines | None:
    """Return what takes the objects in the lines of a source apart; None if only `nested.make_nested` can.

    That is so if nothing is compiled, or a column stands in an object itself, all columns are flattened, or
    one becomes text.
    """
    shape = reading.shape
    columns = list(dict.fromkeys((*shape.flatten, *shape.key_value)))
    if not speedups.COMPILED or not columns or ALL in columns or shape.stringify:
        return None
    if len(columns) > _MOST_COLUMNS or not all(_stands_in_lines(column, reading) for column in columns):
        return None
    plans = []
    for column in columns:
        given = shape.key_value.get(column)
        pairs = None if given is None else _pairs_plan(given)
        if given is not None and pairs is None:
            return None
        plans.append(NestedPlan(column.encode(), shape.flatten.get(column, 0), pairs))
    return speedups.NestedLines(plans, _number_json)


def _stands_in_lines(column: str, reading: Reading) -> bool:
    """Return whether a column is a key of lines, and no path at which another one may be meant."""
    return path_within(column, reading.columns) == (column,) and _is_plain(column)


def _pairs_plan(pairs: KeyValue) -> PairsPlan | None:
    """Return how a list of pairs becomes an object; None if a path in them leads to an element of a list."""
    key = _keys(parse_path(pairs.key) or (pairs.key,))
    values = [(_keys(parse_path(text) or (text,)), text in pairs.numbers) for text in pairs.value]
    if key is None or len(values) > _MOST_VALUES:
        return None
    found = [(path, is_number) for path, is_number in values if path is not None]
    return PairsPlan(key, found) if len(found) == len(values) else None


def _keys(path: Path) -> Sequence[bytes] | None:
    keys = [step for step in path if isinstance(step, str) and _is_plain(step)]
    return [key.encode() for key in keys] if len(keys) == len(path) else None


def _is_plain(key: str) -> bool:
    """Return whether JSON writes a key without an escape."""
    try:
        return orjson.dumps(key) == b'"%b"' % key.encode()
    except (UnicodeEncodeError, orjson.JSONEncodeError):  # half of a pair, which a shell may hand over
        return False


def _number_json(text: str, is_text: bool) -> bytes:  # noqa: FBT001 - called by compiled code
    """Return the JSON of a value of a pair that should be a number.

    Args:
        text: The text that it is, or its JSON.
        is_text: Which of both.
    """
    return orjson.dumps(as_number(text if is_text else exact_json.loads(text.encode())[0]))
