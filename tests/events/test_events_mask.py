"""What stands for a value that is masked, wherever in a record it is."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from importer.errors import BadValue
from importer.events.mask import REDACTED, Masks, pseudonym, salt_digest
from importer.events.unmasked import NOT_EXACT
from importer.reading import Dialect, MaskKind, Reading, Shape

SALT = b"a-salt-that-nobody-guesses"


def hashed(text: str) -> str:
    return hmac.new(SALT, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def masks(mask: dict[str, MaskKind], columns: tuple[str, ...], *, cells: bool = False, **more: Any) -> Masks:
    shape = Shape(mask=mask)
    dialect = Dialect("csv" if cells else "jsonl")
    return Masks(Reading(dialect, columns, {"properties": "properties"}, shape=shape, **more), SALT)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("ann@example.com", "ann@example.com"),
        (" ann", " ann"),
        ("Ä\ud800", "Ä\ud800"),
        (17, "17"),
        (10**29, "1" + "0" * 29),
        ("17", "17"),
        (17.0, "17"),
        (0.1, "0.1"),
        (True, "true"),
        ({"b": 1, "a": [2]}, '{"a":[2],"b":1}'),
        ({"a": [2], "b": 1}, '{"a":[2],"b":1}'),
        ([], "[]"),
    ],
)
def test_a_pseudonym_is_the_hmac_of_the_text_of_a_value(value: Any, text: str) -> None:
    assert pseudonym(SALT, value) == hashed(text)


def test_a_value_that_is_no_json_has_no_pseudonym_and_is_not_told() -> None:
    with pytest.raises(BadValue) as caught:
        pseudonym(SALT, {"a": "secret\ud800"})
    assert "secret" not in str(caught.value)


def test_the_digest_of_a_salt_tells_it_from_another_and_not_what_it_is() -> None:
    assert salt_digest(SALT) == salt_digest(SALT)
    assert salt_digest(SALT) != salt_digest(SALT + b"x")
    assert len(salt_digest(SALT)) == 32
    assert salt_digest(SALT) not in (hashlib.sha256(SALT).hexdigest()[:32], hashed("")[:32])


@pytest.mark.parametrize(
    ("mask", "values", "made"),
    [
        ({"mail": "redact"}, {"mail": "a", "x": "a"}, {"mail": REDACTED, "x": "a"}),
        ({"mail": "sha256"}, {"mail": "a"}, {"mail": hashed("a")}),
        ({"mail": "redact"}, {"mail": None, "x": 1}, {"mail": None, "x": 1}),
        ({"mail": "redact"}, {"mail": ""}, {"mail": ""}),
        ({"mail": "redact"}, {"mail": "NULL"}, {"mail": "NULL"}),
        ({"mail": "redact"}, {"mail": 0}, {"mail": REDACTED}),
        ({"mail": "redact"}, {"mail": ["a"]}, {"mail": REDACTED}),
        ({"m*": "redact"}, {"mail": "a", "n": "b"}, {"mail": REDACTED, "n": "b"}),
        ({"m*": "redact", "mail": "sha256"}, {"mail": "a", "me": "b"}, {"mail": hashed("a"), "me": REDACTED}),
        ({"m*": "sha256", "*l": "redact"}, {"mail": "a", "l": "b"}, {"mail": hashed("a"), "l": REDACTED}),
        ({"*": "redact"}, {"a": 1, "b": "x"}, {"a": REDACTED, "b": REDACTED}),
        ({"user.mail": "redact"}, {"user": {"mail": "a", "n": 1}}, {"user": {"mail": REDACTED, "n": 1}}),
        ({"user.mail": "redact"}, {"user": '{"mail":"a","n":1}'}, {"user": '{"mail":"[redacted]","n":1}'}),
        ({"user.mail": "redact"}, {"user": '{ "n": 1.50 }'}, {"user": '{ "n": 1.50 }'}),
        ({"user[0].mail": "redact"}, {"user": ' [{"mail":"a"}]'}, {"user": '[{"mail":"[redacted]"}]'}),
        # what stands in the way of a path
        ({"user.mail": "redact"}, {"user": "a"}, {"user": REDACTED}),
        ({"user.mail": "sha256"}, {"user": "a"}, {"user": hashed("a")}),
        ({"user.mail": "redact", "user.n": "redact"}, {"user": "a"}, {"user": REDACTED}),
        ({"user.mail": "redact"}, {"user": 17}, {"user": REDACTED}),
        ({"user.mail": "redact"}, {"user": [{"mail": "a"}]}, {"user": REDACTED}),
        ({"user.mail": "redact"}, {"user": '"a"'}, {"user": REDACTED}),
        ({"user[0]": "redact"}, {"user": {"mail": "a"}}, {"user": REDACTED}),
        ({"user.mail": "redact"}, {"user": []}, {"user": []}),
        ({"user.mail": "redact"}, {"user": ""}, {"user": ""}),
        ({"user.mail": "redact"}, {"user": None}, {"user": None}),
        ({"user.mail": "redact"}, {"user": "NULL"}, {"user": "NULL"}),
        ({"user.x.mail": "redact"}, {"user": {"x": "a", "y": "b"}}, {"user": {"x": REDACTED, "y": "b"}}),
        ({"properties.mail": "redact"}, {"properties": '{"mail":"a"}'}, {"properties": {"mail": REDACTED}}),
        ({"properties.x.mail": "redact"}, {"properties": '{"x":"a"}'}, {"properties": {"x": REDACTED}}),
        ({"properties.x.mail": "redact"}, {"properties": {"x.mail": "a"}}, {"properties": {"x.mail": REDACTED}}),
        ({"user.mail": "redact"}, {"user.mail": "a"}, {"user.mail": REDACTED}),
        ({"user[1].mail": "redact"}, {"user": [{}, {"mail": "a"}]}, {"user": [{}, {"mail": REDACTED}]}),
        ({"user": "redact", "user.mail": "sha256"}, {"user": {"mail": "a"}}, {"user": REDACTED}),
        ({"mail": "redact"}, {"properties": {"mail": "a", "n": 1}}, {"properties": {"mail": REDACTED, "n": 1}}),
        ({"mail": "redact"}, {"properties": '{"mail":"a"}'}, {"properties": {"mail": REDACTED}}),
        ({"mail": "redact"}, {"properties": None, "mail": "a"}, {"properties": None, "mail": REDACTED}),
        ({"properties": "redact"}, {"properties": {"mail": "a"}}, {"properties": REDACTED}),
    ],
)  # fmt: skip
def test_values_of_an_object_are_masked(
    mask: dict[str, MaskKind], values: dict[str, Any], made: dict[str, Any]
) -> None:
    before = repr(values)
    notes: list[str] = []
    assert masks(mask, ("mail", "user", "properties"), null=("NULL",)).in_object(values, notes) == made
    assert repr(values) == before
    assert not notes


@pytest.mark.parametrize(
    ("mask", "cells", "made"),
    [
        ({"mail": "redact"}, ["a", "u", ""], [REDACTED, "u", ""]),
        ({"mail": "redact"}, ["", "u", ""], ["", "u", ""]),
        ({"mail": "redact"}, ["NULL", "u", ""], ["NULL", "u", ""]),
        ({"m*": "sha256"}, ["17", "u", ""], [hashed("17"), "u", ""]),
        ({"user.mail": "redact"}, ["a", '{"mail":"b","n":1}', ""], ["a", '{"mail":"[redacted]","n":1}', ""]),
        ({"user.mail": "redact"}, ["a", "no object", ""], ["a", REDACTED, ""]),
        ({"user.mail": "sha256"}, ["a", "no object", ""], ["a", hashed("no object"), ""]),
        ({"user.mail": "redact"}, ["a", '[{"mail":"b"}]', ""], ["a", REDACTED, ""]),
        ({"user.mail": "redact"}, ["a", "NULL", ""], ["a", "NULL", ""]),
        ({"user.x.y": "redact"}, ["a", '{"x":"b"}', ""], ["a", '{"x":"[redacted]"}', ""]),
        ({"properties.x.y": "redact"}, ["a", "u", '{"x":"b"}'], ["a", "u", '{"x":"[redacted]"}']),
        ({"mail": "redact"}, ["a", "u", '{"mail":"b"}'], [REDACTED, "u", '{"mail":"[redacted]"}']),
        ({"phone": "redact"}, ["a", "u", '{"mail":"b", "n":1.50}'], ["a", "u", '{"mail":"b", "n":1.50}']),
        (
            {"mail": "redact"},
            ["a", "u", f'{{"mail":{10**29},"n":{10**29}}}'],
            [REDACTED, "u", f'{{"mail": "[redacted]", "n": {10**29}}}'],
        ),
    ],
)
def test_cells_are_masked(mask: dict[str, MaskKind], cells: list[str], made: list[str]) -> None:
    found = masks(mask, ("mail", "user", "properties"), cells=True, null=("NULL",))
    assert found.in_cells(cells, []) == made


def test_white_space_counts_unless_it_is_trimmed() -> None:
    for trim, text in ((True, "a"), (False, " a ")):
        found = masks({"mail": "sha256"}, ("mail",), cells=True, trim=trim)
        assert found.in_cells([" a "], []) == [hashed(text)]


@pytest.mark.parametrize("text", ['{"mail": secret}', '["secret"]', '"secret"', "secret"])
def test_properties_that_can_not_be_looked_into_are_an_error_that_holds_nothing_of_them(text: str) -> None:
    found = masks({"mail": "redact"}, ("properties",), cells=True)
    with pytest.raises(BadValue, match=r"^properties: expected") as caught:
        found.in_cells([text], [])
    assert "secret" not in str(caught.value)
    with pytest.raises(BadValue, match=r"^properties: expected") as caught:
        masks({"mail": "redact"}, ("properties",)).in_object({"properties": text}, [])
    assert "secret" not in str(caught.value)


def test_what_is_not_exact_is_noted_without_the_value() -> None:
    notes: list[str] = []
    masks({"mail": "redact"}, ("properties",), cells=True).in_cells(['{"mail":"a","mail":"secret"}'], notes)
    assert notes == [f"properties: {NOT_EXACT}"]


@pytest.mark.parametrize("text", ['{"mail": secret}', '["secret"'])
def test_a_text_that_begins_as_json_and_is_none_is_an_error_that_holds_nothing_of_it(text: str) -> None:
    found = masks({"user.mail": "redact"}, ("user",), cells=True)
    with pytest.raises(BadValue, match=r"^user: expected JSON") as caught:
        found.in_cells([text], [])
    assert "secret" not in str(caught.value)
    with pytest.raises(BadValue, match=r"^user: expected JSON") as caught:
        masks({"user.mail": "redact"}, ("user",)).in_object({"user": text}, [])
    assert "secret" not in str(caught.value)


def test_a_text_within_a_text_is_opened_too() -> None:
    text = json.dumps({"x": json.dumps({"mail": "a", "n": 1})})
    made = masks({"user.x.mail": "sha256"}, ("user",)).in_object({"user": text}, [])
    assert json.loads(json.loads(made["user"])["x"]) == {"mail": hashed("a"), "n": 1}


@pytest.mark.parametrize(
    ("mask", "values", "made"),
    [
        ("geo", {"geo.city": "a", "geo.at.x": 1, "geography": "b"}, {"geo.city": 0, "geo.at.x": 0}),
        ("geo.at", {"geo.city": "a", "geo.at.x": 1}, {"geo.at.x": 0}),
        ("geo.at.x", {"geo.at": {"x": 1, "y": 2}}, {"geo.at": {"x": REDACTED, "y": 2}}),
        ("g*o", {"geo.city": "a", "b": "b"}, {"geo.city": 0}),
        ("geo", {"properties": {"geo.city": "a"}}, {"properties": {"geo.city": REDACTED}}),
        ("properties.geo", {"properties": {"geo.city": "a"}}, {"properties": {"geo.city": REDACTED}}),
    ],
)
def test_what_was_flattened_out_of_a_masked_object_is_masked(
    mask: str, values: dict[str, Any], made: dict[str, Any]
) -> None:
    shape = Shape(mask={mask: "redact"}, flatten={"geo": 2})
    reading = Reading(Dialect("jsonl"), ("geo.city",), {"properties": "properties"}, shape=shape)
    after = {key: REDACTED if value == 0 else value for key, value in made.items()}
    assert Masks(reading, SALT).in_object(values, []) == {**values, **after}
