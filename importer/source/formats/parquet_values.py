"""Records of Apache Arrow as lines of JSON: without loss, in forms that JSONL has for the same values.

Integers and decimals are numbers with all their digits; floats have the fewest digits that make them, and
NaN and the infinities stand as Python writes them. A timestamp is ISO 8601, with a Z if its type has a zone.
A map is an object. Bytes are base64. A column that is null in a row is left out, as an empty cell of CSV
is: in a table every row has every column.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from importlib import import_module
from typing import Any, Final

from importer import speedups
from importer.source.lines import READ_SIZE

_PER_SECOND: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAYS_TO_1970: Final = 719_468  # from 0000-03-01, with which an era begins
_DAYS_OF_ERA: Final = 146_097


def json_lines(batch: Any, size: int = READ_SIZE) -> list[bytes]:
    """Return a line of JSON for each record of a batch of pyarrow, in pieces of whole lines.

    Args:
        batch: The records.
        size: How many bytes a piece has at least, but the last; a larger one if Python writes them.
    """
    if speedups.COMPILED:
        schema, array = batch.__arrow_c_array__()
        pieces = speedups.arrow_lines(schema, array, size)
        if pieces is not None:
            return pieces
    return [json_lines_in_python(batch)]


def json_lines_in_python(batch: Any) -> bytes:
    """Return what `json_lines` returns, in one piece: slower, and of all types."""
    columns = [_texts(column) for column in batch.columns]
    objects = _objects(batch.schema.names, columns, batch.num_rows, with_nulls=False)
    return "".join(f"{text}\n" for text in objects).encode("utf-8", "surrogateescape")


def _objects(
    names: Sequence[str], columns: Sequence[Sequence[str]], count: int, *, with_nulls: bool = True
) -> list[str]:
    keys = [f"{json.dumps(name, ensure_ascii=False)}:" for name in names]
    if not keys:
        return ["{}"] * count
    parts = [
        [key + text if with_nulls or text != "null" else "" for text in column]
        for key, column in zip(keys, columns, strict=True)
    ]
    return [f"{{{','.join(filter(None, row))}}}" for row in zip(*parts, strict=True)]


def _texts(array: Any) -> list[str]:
    """Return the texts of JSON for the values of an array."""
    pa: Any = import_module("pyarrow")  # only who reads Parquet pays for it

    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        if str(kind.extension_name) == "arrow.uuid":
            return [_string(None if value is None else str(value)) for value in array.to_pylist()]
        return _texts(array.storage)
    if pa.types.is_dictionary(kind):
        if not len(array.dictionary):  # whose indexes may be anything where what holds them is null
            return ["null"] * len(array)
        return _texts(array.dictionary_decode())
    is_valid = array.is_valid().to_pylist()
    texts = _filled(array, kind)
    return [text if valid else "null" for text, valid in zip(texts, is_valid, strict=True)]


def _filled(array: Any, kind: Any) -> Iterator[str]:
    """Yield the texts of the values of an array; any text for a null."""
    pa: Any = import_module("pyarrow")  # only who reads Parquet pays for it

    is_type = pa.types
    if is_type.is_struct(kind):
        children = [_texts(array.field(n)) for n in range(kind.num_fields)]
        yield from _objects([kind.field(n).name for n in range(kind.num_fields)], children, len(array))
    elif is_type.is_map(kind):
        yield from _maps(array)
    elif is_type.is_list(kind) or is_type.is_large_list(kind) or is_type.is_fixed_size_list(kind):
        for each in array:
            yield f"[{','.join(_texts(each.values))}]" if each.is_valid else ""
    else:
        yield from map(_writer(kind), _plain_values(array, kind))


def _maps(array: Any) -> Iterator[str]:
    for each in array:
        entries = each.values
        if entries is None:
            yield ""
            continue
        keys = [text if text.startswith('"') else f'"{text}"' for text in _texts(entries.field(0))]
        values = _texts(entries.field(1))
        yield f"{{{','.join(f'{key}:{value}' for key, value in zip(keys, values, strict=True))}}}"


def _plain_values(array: Any, kind: Any) -> list[Any]:
    """Return the values of an array: times as whole numbers of their unit."""
    pa: Any = import_module("pyarrow")  # only who reads Parquet pays for it

    is_type = pa.types
    if is_type.is_date32(kind) or is_type.is_time32(kind):
        values: list[Any] = array.view(pa.int32()).to_pylist()
        return values
    if is_type.is_temporal(kind) and not is_type.is_interval(kind):
        return list(array.view(pa.int64()).to_pylist())
    return list(array.to_pylist())


def _writer(kind: Any) -> Callable[[Any], str]:
    """Return what writes a value of a type."""
    pa: Any = import_module("pyarrow")  # only who reads Parquet pays for it

    is_type = pa.types
    if is_type.is_timestamp(kind):
        return lambda value: _quoted_time(value, kind.unit, "Z" if kind.tz else "")
    if is_type.is_date32(kind):
        return lambda value: "" if value is None else f'"{_date(value)}"'
    if is_type.is_date64(kind):
        return lambda value: "" if value is None else f'"{_date(value // 86_400_000)}"'
    if is_type.is_time(kind):
        return lambda value: "" if value is None else f'"{_clock(value, kind.unit)}"'
    if is_type.is_decimal(kind):
        return _decimal
    if is_type.is_floating(kind):
        return lambda value: "" if value is None else _float(float(value))
    return _string


def _string(value: Any) -> str:
    """Return the text of a value of a kind that JSON or Python has."""
    if isinstance(value, bytes):
        return f'"{base64.b64encode(value).decode()}"'
    if value is None or isinstance(value, bool | int | str):
        return json.dumps(value, ensure_ascii=False)
    return json.dumps(str(value), ensure_ascii=False)


def _float(value: float) -> str:
    return json.dumps(value)


def _decimal(value: Decimal | None) -> str:
    if value is None:
        return ""
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def _quoted_time(value: int | None, unit: str, zone: str) -> str:
    if value is None:
        return ""
    days, rest = divmod(value, 86_400 * _PER_SECOND[unit])
    return f'"{_date(days)}T{_clock(rest, unit)}{zone}"'


def _date(days: int) -> str:
    """Return a day, given from 1970-01-01 on: `datetime.date` ends with the year 9999."""
    era, day_of_era = divmod(days + _DAYS_TO_1970, _DAYS_OF_ERA)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    month += 3 if month < 10 else -9  # noqa: PLR2004 - the year begins in March here
    year = year_of_era + era * 400 + (month <= 2)  # noqa: PLR2004
    return f"{'-' if year < 0 else ''}{abs(year):04}-{month:02}-{day:02}"


def _clock(value: int, unit: str) -> str:
    """Return a time of day; of its fraction, no group of three zeros at the end."""
    seconds, fraction = divmod(value, _PER_SECOND[unit])
    digits = len(str(_PER_SECOND[unit])) - 1
    while digits and fraction % 1_000 == 0:
        fraction, digits = fraction // 1_000, digits - 3
    end = f".{fraction:0{digits}}" if digits else ""
    return f"{seconds // 3_600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{end}"
