"""Check that compiled code and Python write the same lines of JSON for records of Apache Arrow.

    python bench/fuzz_arrow.py --seconds 600 --seed 1

Each case is a batch of columns of types that are nested at random, with nulls, dictionaries and hostile
values, cut somewhere. A case has a number: ``--seed 1 --only 4711`` repeats it. The exit code is 1 if a case
differed.
"""

from __future__ import annotations

import argparse
import random
import struct
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa

from importer import speedups
from importer.source.formats.parquet_values import json_lines_in_python

_LETTERS = ["a", "bc", '"', "\\", "\n", "\x00", "\x1f", "\x7f", "é", "日本", "𝄞", "\u2028", "x" * 31]
_SCALARS: list[tuple[Any, Callable[[random.Random], Any]]] = [
    (pa.string(), lambda chance: "".join(chance.choices(_LETTERS, k=chance.randrange(5)))),
    (pa.large_string(), lambda chance: "".join(chance.choices(_LETTERS, k=chance.randrange(40)))),
    (pa.binary(), lambda chance: chance.randbytes(chance.randrange(9))),
    (pa.binary(5), lambda chance: chance.randbytes(5)),
    (pa.bool_(), lambda chance: chance.random() < 0.5),
    (pa.float64(), lambda chance: struct.unpack("d", chance.randbytes(8))[0]),
    (pa.float64(), lambda chance: chance.randrange(-(10**9), 10**9) / 10 ** chance.randrange(9)),
    (pa.float64(), lambda chance: chance.choice([0.0, -0.0, 1e9, 1e15, 2.0**53, 1e-4, 9e-5, 1e300])),
    (pa.float32(), lambda chance: struct.unpack("f", chance.randbytes(4))[0]),
    (pa.decimal128(38, 9), lambda chance: Decimal(chance.randrange(-(10**37), 10**37)).scaleb(-9)),
    (pa.decimal128(20, 0), lambda chance: Decimal(chance.randrange(-(10**19), 10**19))),
    (pa.decimal256(60, 4), lambda chance: Decimal(chance.randrange(10**27)).scaleb(-4)),
    (pa.date32(), lambda chance: chance.randrange(-(10**6), 10**7)),
    (pa.date64(), lambda chance: chance.randrange(-(10**4), 10**4) * 86_400_000),
    (pa.time32("ms"), lambda chance: chance.randrange(86_400_000)),
    (pa.time64("us"), lambda chance: chance.randrange(86_400_000_000)),
    (pa.null(), lambda _: None),
    *((kind, lambda chance: chance.randrange(128)) for kind in (pa.int8(), pa.uint8(), pa.int16())),
    (pa.int32(), lambda chance: chance.randrange(-(2**31), 2**31)),
    (pa.int64(), lambda chance: chance.randrange(-(2**63), 2**63)),
    (pa.uint64(), lambda chance: chance.randrange(2**64)),
    *(
        (pa.timestamp(unit, zone), lambda chance: chance.randrange(-(10**13), 10**13))
        for unit in ("s", "ms", "us", "ns")
        for zone in (None, "Europe/Berlin")
    ),
]

_IN_DICTIONARIES = (pa.string(), pa.binary(), pa.int64())


def some_type(chance: random.Random, depth: int) -> tuple[Any, Callable[[], Any]]:
    """Return a type, and what makes a value of it."""
    shape = chance.choice(["scalar", "list", "large", "fixed", "struct", "map", "dictionary"])
    if depth == 0 or shape == "scalar":
        kind, make = chance.choice(_SCALARS)
        return kind, lambda: make(chance)
    if shape == "dictionary":
        kind, make = chance.choice([each for each in _SCALARS if each[0] in _IN_DICTIONARIES])
        few = [make(chance) for _ in range(3)]
        return pa.dictionary(chance.choice([pa.int8(), pa.int32()]), kind), lambda: chance.choice(few)
    if shape == "map":
        values, make_value = some_type(chance, depth - 1)
        keys, make_key = chance.choice([each for each in _SCALARS if each[0] in (pa.string(), pa.int32())])
        return pa.map_(keys, values), lambda: [
            (make_key(chance), or_null(chance, make_value)) for _ in range(chance.randrange(3))
        ]
    if shape == "struct":
        fields = [some_type(chance, depth - 1) for _ in range(chance.randrange(1, 4))]
        names = [chance.choice(_LETTERS).replace("\x00", "") + str(n) for n in range(len(fields))]
        kinds = pa.struct([(name, kind) for name, (kind, _) in zip(names, fields, strict=True)])
        return kinds, lambda: {
            name: or_null(chance, make) for name, (_, make) in zip(names, fields, strict=True)
        }
    inner, make_one = some_type(chance, depth - 1)
    if shape == "fixed":
        return pa.list_(inner, 2), lambda: [or_null(chance, make_one) for _ in range(2)]
    outer = pa.large_list(inner) if shape == "large" else pa.list_(inner)
    return outer, lambda: [or_null(chance, make_one) for _ in range(chance.randrange(4))]


def or_null(chance: random.Random, make: Callable[[], Any]) -> Any:
    """Return a value, or one time in five nothing."""
    return None if chance.random() < 0.2 else make()


def some_batch(chance: random.Random) -> Any:
    """Return a batch of records."""
    rows, columns = chance.randrange(1, 9), {}
    for number in range(chance.randrange(1, 5)):
        kind, make = some_type(chance, 3)
        name = chance.choice(["n", 'a "quoted" name of more than 32 bytes', "é"]) + str(number)
        columns[name] = pa.array([or_null(chance, make) for _ in range(rows)], kind)
    return pa.record_batch(columns).slice(chance.randrange(rows), chance.randrange(1, 9))


def main() -> int:
    """Run cases until the time is up."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="do this case and no other")
    options = parser.parse_args()
    number, compiled, differ, left = options.only or 0, 0, 0, 0
    until = time.monotonic() + options.seconds
    while time.monotonic() < until:
        chance = random.Random(f"{options.seed} {number}")
        try:
            batch = some_batch(chance)
            pieces = speedups.arrow_lines(*batch.__arrow_c_array__(), chance.choice([1, 1 << 16]))
            expected = json_lines_in_python(batch)
        except (pa.ArrowException, OverflowError):  # no value of the type, or none that Python has
            left += 1
        else:
            compiled += pieces is not None
            if pieces is not None and b"".join(pieces) != expected:
                differ += 1
                print(f"case {number} differs: {batch.schema}\n{pieces}\n{expected!r}", file=sys.stderr)
        number += 1
        if options.only is not None:
            break
    print(
        f"seed {options.seed}: {number:,} cases, {compiled:,} compiled, {left:,} left out, {differ:,} differ"
    )
    return int(differ > 0)


if __name__ == "__main__":
    sys.exit(main())
