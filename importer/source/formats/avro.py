"""Avro object container files, by fastavro → lines of JSON → records, as of JSONL."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from importlib import import_module
from typing import Any, ClassVar, Final

from importer.errors import SourceError
from importer.reading import Dialect, FormatName
from importer.source.files import open_binary
from importer.source.format import BrokenSourceError, DetectedFormat, DialectOptions, Format, SourceHead
from importer.source.formats.json_rows import RowsReader, json_text, noted_line
from importer.source.oversized import OversizedSink
from importer.source.raw import StreamOfPieces
from importer.text import PROGRAM, quoted, shell_word

_MAGIC: Final = b"Obj\x01"
_RECORDS_AT_ONCE: Final = 64
_NEEDS: Final = "codec is supported but you need to install"
_END: Final = object()
_COPY_AGAIN: Final = "Copy or download the file again."


class AvroReader(RowsReader):
    """Records and rejections of an Avro file, in order; read once.

    Args:
        file: The file.
        oversized: Where the bytes of a record go that is too long to be held, as a line of JSON.

    Raises:
        BrokenSourceError: It can't be read.
    """

    def __init__(self, file: io.BufferedIOBase, oversized: OversizedSink) -> None:
        super().__init__(io.BufferedReader(StreamOfPieces(_pieces(_open(file)))), oversized=oversized)


def _open(file: io.BufferedIOBase) -> Any:
    """Return fastavro's reader of a file.

    Raises:
        BrokenSourceError: It can't be read.
    """
    fastavro = import_module("fastavro")
    known = fastavro.read.LOGICAL_READERS
    known.update({kind: _Tolerant(kind, read) for kind, read in known.items() if type(read) is not _Tolerant})
    try:
        reader = fastavro.reader(file, handle_unicode_errors="surrogateescape")  # which is no JSON then
        codec = reader.codec
    except SourceError:
        raise
    except KeyError as error:
        raise BrokenSourceError(f"its header can't be read: it lacks {error}", _COPY_AGAIN) from error
    except Exception as error:  # fastavro has no error of its own: it raises what it stumbles over
        raise BrokenSourceError(f"its header can't be read: {_reason(error)}", _COPY_AGAIN) from error
    if codec not in fastavro.read.BLOCK_READERS:
        names = ", ".join(sorted(fastavro.read.BLOCK_READERS))
        problem = f"its blocks are compressed with {quoted(codec)}, which is no codec of Avro that is known"
        raise BrokenSourceError(problem, f"Write it with another: {names}.")
    return reader


class _Tolerant:
    """What reads values of a logical type: those that are none are left as they stand in the file, and told.

    Args:
        kind: The logical type, with the type that it is made of.
        read: What reads its values.
    """

    told: ClassVar[list[str]] = []
    """What was left so since it was cleared; records are read one by one."""

    def __init__(self, kind: str, read: Callable[..., Any]) -> None:
        self._name = kind.partition("-")[2]
        self._read = read

    def __call__(self, data: Any, *schemas: Any) -> Any:
        try:
            return self._read(data, *schemas)
        except (ArithmeticError, ValueError):
            self.told.append(f"a value is no {self._name}: sent as it stands in the file")
            return data


def _pieces(records: Any) -> Iterator[bytes]:
    """Yield the records of a file as lines of JSON.

    Raises:
        BrokenSourceError: The file is damaged, or cut short.
    """
    lines: list[str] = []
    row, error = 0, None
    found = iter(records)
    while True:
        _Tolerant.told.clear()
        try:
            record = next(found, _END)
        except SourceError:
            raise
        except Exception as raised:  # noqa: BLE001 - as in `_open`
            error = raised
            break
        if record is _END:
            break
        row += 1
        lines.append(noted_line(json_text(_filled(record)), "; ".join(dict.fromkeys(_Tolerant.told))))
        if len(lines) >= _RECORDS_AT_ONCE:
            yield "".join(lines).encode("utf-8", "surrogateescape")
            lines.clear()
    if lines:
        yield "".join(lines).encode("utf-8", "surrogateescape")
    if error is not None:
        raise _broken(row + 1, records.codec, error) from error


def _broken(row: int, codec: str, error: Exception) -> BrokenSourceError:
    """Return why the records from one on can't be read."""
    if _NEEDS in str(error):
        problem = f"its blocks are compressed with {codec}, and what reads that is not installed"
        return BrokenSourceError(problem, f"pip install {shell_word(f'{PROGRAM}[avro]')}")
    return BrokenSourceError(f"the records from {row:,} on can't be read: {_reason(error)}", _COPY_AGAIN)


def _filled(record: Any) -> Any:
    """Return a record without the fields that are null, which every record of a schema has."""
    if not isinstance(record, dict):
        return record
    return {name: value for name, value in record.items() if value is not None}


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__


def _recognizes(head: SourceHead, _named: AbstractSet[FormatName]) -> bool:
    return head.data.startswith(_MAGIC)


def _detect(head: SourceHead, _options: DialectOptions) -> DetectedFormat:
    if not head.data.startswith(_MAGIC):
        raise SourceError(
            f"{head.path} is no Avro file: one begins with Obj and the byte 0x01.",
            "Leave --format out, or name another.",
        )
    with open_binary(head.path, head.compression)[0] as file:
        schema = _open(file).writer_schema
    fields = schema.get("fields", []) if isinstance(schema, dict) else []
    return DetectedFormat(Dialect("avro", head.compression), tuple(field["name"] for field in fields))


def _open_reader(
    file: io.BufferedIOBase, _dialect: Dialect, _columns: tuple[str, ...], oversized: OversizedSink
) -> AvroReader:
    return AvroReader(file, oversized)


FORMAT: Final = Format(
    name="avro",
    title="Avro",
    extensions=(".avro",),
    has_cells=False,
    recognizes=_recognizes,
    detect=_detect,
    open_reader=_open_reader,
    binary=True,
    copies="jsonl",
    extra="avro",
    modules=("fastavro",),
)
