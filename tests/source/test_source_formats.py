"""A format is one object: detection, reading and copying ask it, and nothing else knows its name."""

from __future__ import annotations

import io
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from importlib.abc import MetaPathFinder

import house
import pytest
from source_helpers import write

from importer.errors import SourceError, UsageError
from importer.model import Record, Rejection
from importer.reading import FORMAT_NAMES, Dialect
from importer.source.copy import copy_records
from importer.source.detect import detect_source
from importer.source.format import DetectedFormat, Format, SourceHead
from importer.source.line_reader import NOT_PARSED, LineReader
from importer.source.lines import ByteLines
from importer.source.oversized import discard
from importer.source.reader import open_source
from importer.source.registry import FORMATS, check_installed


def test_every_format_name_has_a_format_under_its_own_name():
    assert sorted(FORMATS) == sorted(FORMAT_NAMES)
    assert all(name == each.name for name, each in FORMATS.items())


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_registry_and_model_agree_on_which_formats_have_cells(name):
    assert FORMATS[name].has_cells is Dialect(name).has_cells


@pytest.mark.parametrize("name", [name for name in FORMAT_NAMES if not FORMATS[name].binary])
def test_records_are_rows_of_cells_or_objects_as_the_format_says(name):
    file = io.BytesIO(b'"a"\n{"a":1}\n')
    reader = FORMATS[name].open_reader(file, Dialect(name, header=False), ("1",), discard)
    values = [item.values for item in reader if isinstance(item, Record)]
    assert values
    assert {type(each) for each in values} == {list if FORMATS[name].has_cells else dict}


def test_no_two_formats_use_the_same_extension():
    extensions = [extension for each in FORMATS.values() for extension in each.extensions]
    assert len(extensions) == len(set(extensions))
    assert all(extension.startswith(".") and extension.islower() for extension in extensions)


def test_the_format_that_is_asked_last_takes_any_text(tmp_path):
    *_, last = FORMATS.values()
    for text in ("", "a", "{", "[", "\0", '{"a":1}'):
        assert last.recognizes(SourceHead(tmp_path, text, "", "utf-8"), frozenset())


class PairReader(LineReader[bytes]):
    """Lines such as ``key=value``."""

    def parse_block(self, _data, _start, _stop):
        return NOT_PARSED

    def _read_items(self) -> Iterator[Record | Rejection]:
        while line := self.source.readline(100):
            self.row += 1
            self.line += 1
            self.lines[:] = [line]
            key, equals, value = line.decode().strip().partition("=")
            yield (
                Record(self.row, self.line, {key: value})
                if equals
                else Rejection(self.row, self.line, "no =")
            )

    def _encode(self, part: bytes) -> bytes:
        return part


PAIRS = Format(
    name="pairs",
    title="Pairs",
    extensions=(".pairs",),
    has_cells=False,
    recognizes=lambda head, named: "pairs" in named or head.text.startswith("#pairs"),
    detect=lambda head, _options: DetectedFormat(Dialect("pairs", head.compression), ()),
    open_reader=lambda file, _dialect, _columns, oversized: PairReader(ByteLines(file, 100), 0, oversized),
)


@pytest.fixture
def with_pairs():
    """The registry with one more format. Its order counts, so it is restored as a whole."""
    others = dict(FORMATS)
    FORMATS.clear()
    FORMATS.update({"pairs": PAIRS, **others})
    yield
    FORMATS.clear()
    FORMATS.update(others)


def test_a_format_in_the_registry_is_detected_read_and_copied(with_pairs, tmp_path):
    path = write(tmp_path, "a=1\nbad\nb=2\n", "events.pairs")
    found = detect_source(path)
    assert (found.dialect.format, found.columns) == ("pairs", ("a", "b"))
    assert found.sample == (Record(1, 1, {"a": "1"}), Record(3, 3, {"b": "2"}))
    with open_source(path, found.dialect, found.columns) as source:
        assert [len(chunk) for chunk in source.chunks()] == [3]
        assert source.position() == source.size
    out = io.BytesIO()
    assert copy_records(path, found.dialect, found.columns, [2, 3], out) == 2
    assert out.getvalue() == b"bad\nb=2\n"
    assert detect_source(write(tmp_path, "#pairs\n", "x")).dialect.format == "pairs"
    assert detect_source(write(tmp_path, "a=1\n", "x")).dialect.format == "csv"


def test_a_format_that_is_not_in_the_registry_is_refused(tmp_path):
    with pytest.raises(UsageError) as caught:
        detect_source(write(tmp_path, "a\n"), format="pairs")
    assert caught.value.message == "'pairs' is not a format."
    assert caught.value.remedy == f"Formats are {', '.join(FORMAT_NAMES[:-1])} and {FORMAT_NAMES[-1]}."


def test_what_must_be_installed_for_a_format_is_named_as_it_is_typed(tmp_path):
    lacking = replace(PAIRS, extra="pairs", modules=("json", "no_such_module"))
    with pytest.raises(SourceError) as caught:
        check_installed(lacking, "x.pairs")
    assert caught.value.message == "x.pairs is Pairs, and no_such_module, which reads that, is not installed."
    assert caught.value.remedy == "pip install 'mixpanel-importer[pairs]'"


def test_a_package_that_cannot_be_loaded_is_named_with_the_reason(tmp_path):
    (tmp_path / "broken_reader.py").write_text("from json import no_such_name")
    sys.path.insert(0, str(tmp_path))
    try:
        with pytest.raises(SourceError, match=r"is not installed or can't be loaded \(ImportError"):
            check_installed(replace(PAIRS, extra="pairs", modules=("broken_reader",)), "x.pairs")
    finally:
        sys.path.remove(str(tmp_path))


class Blocked(MetaPathFinder):
    """Finds no module of some name, as where it is not installed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, fullname, _path=None, _target=None):
        if fullname == self.name:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


@pytest.mark.parametrize(
    ("name", "data", "module", "title"),
    [
        ("x.parquet", b"PAR1" + b"\0" * 40 + b"PAR1", "pyarrow", "Parquet"),
        ("x.xlsx", b"PK\3\4" + b"\0" * 26 + b"xl/workbook.xml", "python_calamine", "Excel"),
        ("x.avro", b"Obj\1" + b"\0" * 40, "fastavro", "Avro"),
    ],
)
def test_a_file_whose_package_is_not_installed_names_the_line_that_installs_it(
    tmp_path, name, data, module, title
):
    loaded = {each: sys.modules.pop(each) for each in [*sys.modules] if each.partition(".")[0] == module}
    blocked = Blocked(module)
    sys.meta_path.insert(0, blocked)
    try:
        with pytest.raises(SourceError) as caught:
            detect_source(write(tmp_path, data, name))
    finally:
        sys.meta_path.remove(blocked)
        sys.modules.update(loaded)
    assert caught.value.message == (
        f"{tmp_path / name} is {title}, and {module}, which reads that, is not installed."
    )
    assert caught.value.remedy == f"pip install 'mixpanel-importer[{FORMATS[title.lower()].extra}]'"


@pytest.mark.parametrize("name", FORMAT_NAMES)
def test_a_format_that_needs_a_package_has_an_extra_of_its_name(name):
    extras = tomllib.loads((house.REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"][
        "optional-dependencies"
    ]
    assert bool(FORMATS[name].modules) == bool(FORMATS[name].extra)
    assert FORMATS[name].extra in ("", *extras)
    check_installed(FORMATS[name], name)


def test_a_format_is_called_as_its_module_is():
    for name in FORMAT_NAMES:
        assert import_module(f"importer.source.formats.{name}").FORMAT.name == name
