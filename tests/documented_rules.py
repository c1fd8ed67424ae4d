"""Boundary cases of an event, each with the verdict that Mixpanel's documentation gives.

The verdicts are copied from the pages "Import Events", "400 Bad Request" and "Server-side events with no
logged-in user", by hand: nothing here is computed from the rules it checks. The clock is 2024-06-01 UTC.
"""

from __future__ import annotations

from typing import NamedTuple

NOW_MS = 1717200000000
TAKEN = ""


REFUSED_IDS = (
    "00000000-0000-0000-0000-000000000000",
    "anon",
    "anonymous",
    "nil",
    "none",
    "null",
    "n/a",
    "na",
    "undefined",
    "unknown",
    "<nil>",
    "0",
    "-1",
    "true",
    "false",
    "[]",
    "{}",
)
"""Values that the documentation refuses as a user and as an ``$insert_id``, as its page spells them."""


class Case(NamedTuple):
    name: str
    body: bytes  # the event as it is posted
    refused: str  # the field that is named, or TAKEN


def _with(properties: str) -> bytes:
    """An event that is right but for what is given."""
    return b'{"event":"Sign up","properties":{%b}}' % properties.encode()


def _time(value: str) -> bytes:
    return _with(f'"time":{value},"distinct_id":"u1","$insert_id":"a1"')


def _user(value: str) -> bytes:
    return _with(f'"time":1700000000,"distinct_id":{value},"$insert_id":"a1"')


def _id(value: str) -> bytes:
    return _with(f'"time":1700000000,"distinct_id":"u1","$insert_id":{value}')


def _more(properties: str) -> bytes:
    return _with(f'"time":1700000000,"distinct_id":"u1","$insert_id":"a1",{properties}')


def _keys(count: int) -> str:
    return ",".join(f'"k{number}":1' for number in range(count))


def _long(size: int) -> bytes:
    """An event of exactly so many bytes."""
    return _more('"text":"' + "x" * (size - len(_more('"text":""'))) + '"')


CASES = [
    Case("the smallest event", _time("1700000000"), TAKEN),
    # event
    Case(
        "an empty name",
        b'{"event":"","properties":{"time":1700000000,"distinct_id":"u1","$insert_id":"a1"}}',
        "event",
    ),
    Case(
        "a name of one space",
        b'{"event":" ","properties":{"time":1700000000,"distinct_id":"u1","$insert_id":"a1"}}',
        TAKEN,
    ),
    Case(
        "a number for a name",
        b'{"event":1,"properties":{"time":1700000000,"distinct_id":"u1","$insert_id":"a1"}}',
        "event",
    ),
    Case(
        "null for a name",
        b'{"event":null,"properties":{"time":1700000000,"distinct_id":"u1","$insert_id":"a1"}}',
        "event",
    ),
    Case("no name", b'{"properties":{"time":1700000000,"distinct_id":"u1","$insert_id":"a1"}}', "event"),
    Case(
        "an array for a name",
        b'{"event":["a"],"properties":{"time":1700000000,"distinct_id":"u1","$insert_id":"a1"}}',
        "event",
    ),
    Case(
        "a name of 256 characters",
        b'{"event":"%b","properties":{"time":1700000000,"distinct_id":"u1","$insert_id":"a1"}}'
        % (b"x" * 256),
        TAKEN,
    ),
    # shape
    Case("no properties", b'{"event":"Sign up"}', "properties"),
    Case("properties in an array", b'{"event":"Sign up","properties":[]}', "properties"),
    Case("null for properties", b'{"event":"Sign up","properties":null}', "properties"),
    Case("an array for an event", b"[1]", "event"),
    Case("a text for an event", b'"Sign up"', "event"),
    Case(
        "a key beside event and properties",
        b'{"event":"a","properties":{"time":1700000000,"distinct_id":"","$insert_id":"a1"},"x":1}',
        "x",
    ),
    # time: from 1971-01-01 to one hour ahead, integer seconds or milliseconds
    Case("no time", _with('"distinct_id":"u1","$insert_id":"a1"'), "properties.time"),
    Case("1970-12-31T23:59:59 in seconds", _time("31535999"), "properties.time"),
    Case("1971-01-01T00:00:00 in seconds", _time("31536000"), TAKEN),
    Case("1970-12-31T23:59:59.999 in milliseconds", _time("31535999999"), "properties.time"),
    Case("1971-01-01T00:00:00 in milliseconds", _time("31536000000"), TAKEN),
    Case("one hour ahead in seconds", _time("1717203600"), TAKEN),
    Case("one hour and a second ahead", _time("1717203601"), "properties.time"),
    Case("one hour ahead in milliseconds", _time("1717203600000"), TAKEN),
    Case("one hour and a millisecond ahead", _time("1717203600001"), "properties.time"),
    Case("microseconds", _time("1700000000000000"), "properties.time"),
    Case("zero", _time("0"), "properties.time"),
    Case("a negative time", _time("-1700000000"), "properties.time"),
    Case("a decimal", _time("1700000000.5"), "properties.time"),
    Case("a decimal without a fraction", _time("1700000000.0"), "properties.time"),
    Case("an exponent", _time("17e8"), "properties.time"),
    Case("a text", _time('"1700000000"'), "properties.time"),
    Case("a boolean", _time("true"), "properties.time"),
    Case("null", _time("null"), "properties.time"),
    Case("more than 64 bits", _time("99999999999999999999999"), "properties.time"),
    # distinct_id
    Case("no distinct_id", _with('"time":1700000000,"$insert_id":"a1"'), "properties.distinct_id"),
    Case("an empty distinct_id", _user('""'), TAKEN),
    Case("a number for a distinct_id", _user("7"), "properties.distinct_id"),
    Case("null for a distinct_id", _user("null"), "properties.distinct_id"),
    Case("a boolean for a distinct_id", _user("true"), "properties.distinct_id"),
    Case("an array for a distinct_id", _user('["u1"]'), "properties.distinct_id"),
    Case("a distinct_id of one space", _user('" "'), TAKEN),
    Case(
        "distinct_id 00000000-0000-0000-0000-000000000001",
        _user('"00000000-0000-0000-0000-000000000001"'),
        TAKEN,
    ),
    Case("distinct_id 00", _user('"00"'), TAKEN),
    Case("distinct_id 1", _user('"1"'), TAKEN),
    Case("distinct_id Anonymous, spelled otherwise", _user('"Anonymous"'), TAKEN),
    *(Case(f"distinct_id {value}", _user(f'"{value}"'), "properties.distinct_id") for value in REFUSED_IDS),
    # $insert_id
    Case("no $insert_id", _with('"time":1700000000,"distinct_id":"u1"'), "properties.$insert_id"),
    Case("an empty $insert_id", _id('""'), "properties.$insert_id"),
    Case("$insert_id of 36", _id('"0123456789abcdefghijABCDEFGHIJ-----Z"'), TAKEN),
    Case("$insert_id of 37", _id('"0123456789abcdefghijABCDEFGHIJ------Z"'), "properties.$insert_id"),
    Case("$insert_id of one hyphen", _id('"-"'), TAKEN),
    Case("$insert_id with an underscore", _id('"a_1"'), "properties.$insert_id"),
    Case("$insert_id with a dot", _id('"a.1"'), "properties.$insert_id"),
    Case("$insert_id with a space", _id('"a 1"'), "properties.$insert_id"),
    Case("$insert_id with an umlaut", _id('"ä1"'), "properties.$insert_id"),
    Case("$insert_id with an Arabic digit", _id('"٣"'), "properties.$insert_id"),
    Case("$insert_id with a line break", _id('"a1\\n"'), "properties.$insert_id"),
    Case("a number for an $insert_id", _id("1"), "properties.$insert_id"),
    Case("null for an $insert_id", _id("null"), "properties.$insert_id"),
    Case("$insert_id 1", _id('"1"'), TAKEN),
    *(Case(f"$insert_id {value}", _id(f'"{value}"'), "properties.$insert_id") for value in REFUSED_IDS),
    # how many and how deep
    Case("254 properties with the three", _more(_keys(251)), TAKEN),
    Case("255 properties with the three", _more(_keys(252)), "properties"),
    Case("an object of 254 keys", _more('"o":{' + _keys(254) + "}"), TAKEN),
    Case("an object of 255 keys", _more('"o":{' + _keys(255) + "}"), "properties.o"),
    Case("an object of 255 keys in an array", _more('"o":[{' + _keys(255) + "}]"), "properties.o"),
    Case("an array of 254", _more('"a":[' + ",".join(["0"] * 254) + "]"), TAKEN),
    Case("an array of 255", _more('"a":[' + ",".join(["0"] * 255) + "]"), "properties.a"),
    Case("an array of 255 in an object", _more('"a":{"b":[' + ",".join(["0"] * 255) + "]}"), "properties.a"),
    Case("an array of 255 in an array", _more('"a":[1,[' + ",".join(["0"] * 255) + "]]"), "properties.a"),
    Case("arrays 5 deep", _more('"a":[[[[[1]]]]]'), TAKEN),
    Case("objects 3 deep", _more('"o":{"a":{"b":{"c":1}}}'), TAKEN),
    Case("objects 4 deep", _more('"o":{"a":{"b":{"c":{"d":1}}}}'), "properties.o"),
    Case("objects 3 deep, empty inside", _more('"o":{"a":{"b":{}}}'), TAKEN),
    Case("objects 4 deep, empty inside", _more('"o":{"a":{"b":{"c":{}}}}'), "properties.o"),
    Case("objects 3 deep through arrays", _more('"o":[{"a":[{"b":[{"c":1}]}]}]'), TAKEN),
    Case("objects 4 deep through arrays", _more('"o":[{"a":[{"b":[{"c":[{}]}]}]}]'), "properties.o"),
    Case("a list of objects", _more('"cart":[{"item":"a","price":1.5},{"item":"b"}]'), TAKEN),
    # size and texts
    Case("a text of 256 characters", _more('"text":"' + "x" * 256 + '"'), TAKEN),
    Case("an event of 999,999 bytes", _long(999_999), TAKEN),
    Case("an event of 1,000,000 bytes", _long(1_000_000), "event"),
    Case("a null property", _more('"x":null'), TAKEN),
    Case("a reserved property", _more('"$city":"Rome","mp_lib":"x"'), TAKEN),
    Case("ip 0", _more('"ip":0'), TAKEN),
]

BAD_UTF8 = [
    Case("a stray byte in a property", _more('"x":"?"').replace(b"?", b"\xff"), "properties.x"),
    Case("half a surrogate pair in a property", _more('"x":"\\ud800"'), "properties.x"),
    Case("half a surrogate pair inside", _more('"x":[{"y":"\\udc00"}]'), "properties.x"),
    Case("half a surrogate pair in a name", _more('"\\ud800":1'), "properties.'\\ud800'"),
    Case("a stray byte in the name", _time("1700000000").replace(b"Sign up", b"Sign\xc0up"), "event"),
]
