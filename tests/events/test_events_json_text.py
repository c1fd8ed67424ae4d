"""What is found in lines of JSON without reading them is what reading them gives."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.events.json_text import COLONS, text_at

INNER = ("properties", "$insert_id")
OUTER = ("$insert_id",)
KEYS = [
    "event", "properties", "$insert_id", "a", "a{", "}", "\\u0024insert_id", "prop\\u0065rties", '\\"$insert_id',
    "\\\\", '$insert_id\\"', "", ":{",
]  # fmt: skip
SCALARS = [
    '"x"', '"id-1"', '"id-2"', '""', "1", "null", "true", '"{"', '"}"', '"}}"', '":{"', '"\\""', '"\\\\"', '"\\u0041"',
    '"\\"$insert_id\\":\\"no\\""', '"$insert_id"', '"properties"', '"caf\\u00e9"', '"é☕"', '"\\"properties\\":{"',
]  # fmt: skip


def members(values: st.SearchStrategy[str], colon: str) -> st.SearchStrategy[str]:
    pairs = st.tuples(st.sampled_from(KEYS), values).map(lambda pair: f'"{pair[0]}"{colon}{pair[1]}')
    return st.lists(pairs, max_size=4).map(",".join)


def objects(colon: str) -> st.SearchStrategy[str]:
    def inside(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        held = members(inner, colon).map(lambda text: f"{{{text}}}")
        return held | st.lists(inner, max_size=2).map(lambda items: f"[{','.join(items)}]")

    values = st.recursive(st.sampled_from(SCALARS), inside, max_leaves=4)
    some = members(values, colon)

    def usual(before: str, in_bag: str, own: str, behind: str, after: str) -> str:
        bag = ",".join(filter(None, (in_bag, f'"$insert_id"{colon}{own}', behind)))
        outer = ",".join(filter(None, (before, f'"properties"{colon}{{{bag}}}', after)))
        return f"{{{outer}}}"

    few = st.just("") | some
    ids = st.sampled_from(['"id-1"', '"id-2"', '"id-3"', '"a\\u002db"', "7", '""'])
    return some.map(lambda text: f"{{{text}}}") | st.builds(usual, few, few, ids, few, few)


def broken(line: str) -> st.SearchStrategy[str]:
    """The line itself, or with one character left out, or with something before or behind it."""
    cut = st.integers(0, max(0, len(line) - 1)).map(lambda at: line[:at] + line[at + 1 :])
    return (
        st.just(line)
        | cut
        | st.sampled_from([f" {line}", f"{line}\r", f"{line} ", f"[{line}]", "", line * 2])
    )


lines = st.sampled_from([":", ": "]).flatmap(
    lambda colon: st.lists(objects(colon) | objects(colon).flatmap(broken), min_size=1, max_size=4)
)


def read(line: bytes, path: tuple[str, ...]) -> Any:
    value = orjson.loads(line)
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


@settings(deadline=None, max_examples=300)
@given(lines, st.sampled_from([INNER, OUTER]))
def test_a_text_that_is_found_is_the_one_that_is_read(written: list[str], path: tuple[str, ...]):
    each = [f"{line}\n".encode() for line in written]
    for colon in COLONS:
        found = text_at(path, colon)(b"".join(each))
        for line, text in zip(each, found or (), strict=found is not None):
            try:
                value = read(line, path)
            except orjson.JSONDecodeError:
                continue
            assert value == orjson.loads(b'"' + text + b'"')


FOUND: list[tuple[str, tuple[str, ...]]] = [
    ('{"event":"e","properties":{"time":1,"$insert_id":"x","cart":{"total":1}}}', INNER),
    ('{"event":"a \\\\ name","properties":{"$insert_id":"x","t":"}{\\""},"more":{}}', INNER),
    ('{"event": "e", "properties": {"time": 1, "$insert_id": "x"}}\r', INNER),
    ('{"properties":{"$insert_id":"x","city":"Caf\\u00e9","lines":"a\\nb"}}', INNER),
    ('{"$insert_id":"x","properties":{"a":{}}}', OUTER),
    ('{"properties":{"a":{}},"tags":[{}],"$insert_id":"x","n":1}', OUTER),
]


@pytest.mark.parametrize(("line", "path"), FOUND)
def test_the_text_of_a_usual_line_is_found_alone_and_among_others(line: str, path: tuple[str, ...]):
    (finder,) = [f for f in (text_at(path, colon) for colon in COLONS) if f(f"{line}\n".encode())]
    assert list(finder(f"{line}\n".encode() * 3) or ()) == [b"x"] * 3


NOT_FOUND: list[tuple[str, tuple[str, ...]]] = [
    ('{"properties":{"$insert_id":"x","\\u0024insert_id":"y"}}', INNER),
    ('{"properties":{"$insert_id":"x"},"p\\u0072operties":{}}', INNER),
    ('{"properties":{"$insert_id":"x"},"properties":{}}', INNER),
    ('{"properties":{"$insert_id":"x"},"properties":null}', INNER),
    ('{"properties":{"$insert_id":"x","$insert_id":"y"}}', INNER),
    ('{"properties":{"$insert_id":"x","$insert_id":7}}', INNER),
    ('{"properties":{"cart":{"$insert_id":"x"}}}', INNER),
    ('{"properties":{},"other":{"$insert_id":"x"}}', INNER),
    ('{"properties":"{","other":{"$insert_id":"x"}}', INNER),
    ('{"a":"\\"properties\\":{","b":{"$insert_id":"x"}}', INNER),
    ('{"a":{"properties":{"$insert_id":"x"}}}', INNER),
    ('[{"properties":{"$insert_id":"x"}}]', INNER),
    ('{"properties":{"a":"\\"$insert_id":"x"}}', INNER),
    ('{"properties":{"$insert_id":7}}', INNER),
    ('{"properties":{},"$insert_id":"x"}', INNER),
    ('{"properties":{"a":1},"$insert_id":"x","b":{}}', INNER),
    ('{"properties":{"a":"$insert_id"}}', INNER),
    ('{"a":{"$insert_id":"x"},"b":"}"}', OUTER),
    ('{"a":"}","b":{"c":{"$insert_id":"x"}}}', OUTER),
    ('{"a":{"$insert_id":"x"}}', OUTER),
    ('{"a":1}', OUTER),
    ('{"$insert_id":7}', OUTER),
    ('{"a":{"$insert_id":"x","b":{}}', OUTER),
    ("", OUTER),
]


@pytest.mark.parametrize(("line", "path"), NOT_FOUND)
def test_a_line_that_leaves_a_doubt_must_be_read(line: str, path: tuple[str, ...]):
    sound, _ = FOUND[0] if path == INNER else FOUND[4]
    for text in (line, f"{sound}\n{line}", f"{line}\n{sound}"):
        assert not any(text_at(path, colon)(f"{text}\n".encode()) for colon in COLONS)


def test_one_line_does_not_make_up_for_what_another_lacks():
    """Each of these lines is a doubt, and together they have as many keys and braces as two sound ones."""
    two = b'{"properties":{"properties":{"$insert_id":"x"}}}\n{"a":1,"$insert_id":"y"}\n'
    assert text_at(INNER, b":")(two) is None
    nested = b'{"a":{"$insert_id":"x"}}\n{"$insert_id":"y"\n'
    assert text_at(OUTER, b":")(nested) is None


@pytest.mark.parametrize("path", [("a", "b", "c"), ("a/b",), ("id é",), ('"',)])
def test_keys_that_can_be_written_otherwise_or_are_too_deep_are_not_looked_for(path: tuple[str, ...]):
    value: Any = "x"
    for key in reversed(path):
        value = {key: value}
    line = orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    assert not any(text_at(path, colon)(line) for colon in COLONS)
