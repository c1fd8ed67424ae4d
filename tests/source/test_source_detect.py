from __future__ import annotations

import gzip

import pytest
from source_helpers import COMPRESS, write

from importer.errors import SourceError, UsageError
from importer.model import Record
from importer.reading import Dialect
from importer.source.detect import detect_source
from importer.source.formats.json_layout import find_layout


def refusal(path, **given) -> SourceError:
    with pytest.raises(SourceError) as caught:
        detect_source(path, **given)
    assert str(path) in caught.value.message
    assert caught.value.remedy
    return caught.value


def test_a_csv_file_is_known_with_its_header_and_first_records(tmp_path):
    found = detect_source(write(tmp_path, "event,time\na,1\nb,2\n"))
    assert found.dialect == Dialect("csv", line_end="lf")
    assert found.columns == ("event", "time")
    assert found.sample == (Record(1, 2, ["a", "1"]), Record(2, 3, ["b", "2"]))


def test_jsonl_is_known_by_its_content_and_its_columns_are_all_keys_of_the_sample(tmp_path):
    found = detect_source(write(tmp_path, '{"b":1,"a":2}\n{"c":3,"a":1}\n', "data"))
    assert found.dialect == Dialect("jsonl")
    assert found.columns == ("b", "a", "c")
    assert len(found.sample) == 2


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_delimiter_is_found(tmp_path, delimiter):
    rows = [["name", "note", "n"], ["a", '"x, y; z | w"', "1"], ["b", "1.5", "2"]]
    path = write(tmp_path, "\n".join(delimiter.join(row) for row in rows))
    found = detect_source(path)
    assert found.dialect.delimiter == delimiter
    assert found.columns == ("name", "note", "n")


def test_decimal_commas_do_not_make_a_comma_the_delimiter(tmp_path):
    assert detect_source(write(tmp_path, "a;b\n1,5;2,5\n1,6;2,6\n")).dialect.delimiter == ";"


def test_one_column_is_read_with_a_comma(tmp_path):
    found = detect_source(write(tmp_path, "name\nx\ny\n"))
    assert (found.dialect.delimiter, found.columns) == (",", ("name",))


def test_a_delimiter_in_one_name_does_not_win_over_the_consistent_one(tmp_path):
    path = write(tmp_path, "a,b,c|x|y|z\n1,2,3\n4,5,6\n")
    assert detect_source(path).columns == ("a", "b", "c|x|y|z")


@pytest.mark.parametrize(
    ("given", "used"), [("tab", "\t"), ("\\t", "\t"), ("\t", "\t"), (";", ";"), (":", ":")]
)
def test_a_given_delimiter_is_used(tmp_path, given, used):
    path = write(tmp_path, f"a{used}b,c\n")
    found = detect_source(path, delimiter=given)
    assert (found.dialect.delimiter, found.columns) == (used, ("a", "b,c"))


@pytest.mark.parametrize("given", ["", ",,", '"', "\n", "\r", "\0", "comma"])
def test_what_is_no_delimiter_is_refused(tmp_path, given):
    with pytest.raises(UsageError, match=r"can't be the delimiter|both the delimiter and the quote"):
        detect_source(write(tmp_path, "a,b\n"), delimiter=given)


def test_a_given_format_is_used(tmp_path):
    path = write(tmp_path, '{"a":1}\n')
    assert detect_source(path, format="csv").dialect.format == "csv"
    with pytest.raises(UsageError, match="'xml' is not a format"):
        detect_source(path, format="xml")


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("x.csv", "{id},name\n1,a\n", "csv"),
        ("x.csv", '{"a":1}\n', "jsonl"),
        ("x.jsonl", '{"a":\n{"b":1}\n', "jsonl"),
        ("x.jsonl.gz", 'oops\n{"b":1}\n', "jsonl"),
        ("x", 'oops\n{"b":1}\n', "csv"),
        ("x.csv", "[id],[name]\n1,a\n", "csv"),
        ("x", '{"a":\n', "jsonl"),
    ],
)
def test_the_name_of_the_file_decides_where_the_content_is_ambiguous(tmp_path, name, content, kind):
    assert detect_source(write(tmp_path, content, name)).dialect.format == kind


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path):
    found = detect_source(write(tmp_path, "\ufeffa,b\n1,2\n"))
    assert (found.columns, found.dialect.encoding) == (("a", "b"), "utf-8")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_utf_16_and_32_are_known_by_their_mark(tmp_path, encoding):
    found = detect_source(write(tmp_path, "é,b\n1,ü\n".encode(encoding)))
    assert found.dialect.encoding == encoding
    assert found.columns == ("é", "b")
    assert found.sample == (Record(1, 2, ["1", "ü"]),)


@pytest.mark.parametrize("order", ["le", "be"])
def test_utf_16_without_a_mark_is_suspected_and_can_be_named(tmp_path, order):
    path = write(tmp_path, ("name,time\n" + "abc,1\n" * 20).encode(f"utf-16-{order}"))
    assert refusal(path).remedy.endswith(f"utf-16-{order}")
    assert detect_source(path, encoding=f"utf-16-{order}").columns == ("name", "time")


def test_a_file_named_utf_16_that_has_no_mark_is_a_clear_error(tmp_path):
    path = write(tmp_path, "a,b\nc,d\n")
    assert "can't be decoded" in refusal(path, encoding="utf-16").message


def test_a_header_that_is_not_utf_8_stops_with_advice(tmp_path):
    error = refusal(write(tmp_path, b"name,pr\xe9nom\n"))
    assert "column 2 is not utf-8: it holds byte 0xE9" in error.message
    assert "--encoding" in error.remedy


def test_a_given_encoding_is_used(tmp_path):
    found = detect_source(write(tmp_path, b"name,pr\xe9nom\n\xe9,1\n"), encoding="latin-1")
    assert found.columns == ("name", "prénom")
    assert found.sample[0].values == ["é", "1"]


def test_records_that_are_not_utf_8_are_left_out_of_the_sample_only(tmp_path):
    found = detect_source(write(tmp_path, b"a,b\n\xe9,1\nx,2\n"))
    assert found.sample == (Record(2, 3, ["x", "2"]),)


@pytest.mark.parametrize("name", ["klingon", "hex", "rot13", "idna", "unicode_escape", "", "a\0b"])
def test_what_is_no_encoding_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="is not an encoding"):
        detect_source(write(tmp_path, "a,b\n"), encoding=name)


def test_utf_8_sig_is_utf_8(tmp_path):
    assert detect_source(write(tmp_path, "a,b\n"), encoding="UTF-8-SIG").dialect.encoding == "utf-8"


def test_a_name_that_stands_twice_is_refused_with_its_places(tmp_path):
    error = refusal(write(tmp_path, "id,name,id,x,id\n"))
    assert "'id' 3 times (columns 1, 3, 5)" in error.message


def test_an_empty_name_becomes_the_number_of_the_column(tmp_path):
    assert detect_source(write(tmp_path, "id,,x,\n")).columns == ("id", "column_2", "x", "column_4")
    assert "'column_2' 2 times" in refusal(write(tmp_path, "column_2,\n")).message


def test_without_a_header_columns_are_numbered(tmp_path):
    found = detect_source(write(tmp_path, "a,1,x\nb,2,y"), header=False)
    assert found.columns == ("1", "2", "3")
    assert [record.row for record in found.sample] == [1, 2]
    assert found.sample[0] == Record(1, 1, ["a", "1", "x"])


def test_a_header_alone_has_no_sample(tmp_path):
    found = detect_source(write(tmp_path, "a,b"))
    assert (found.columns, found.sample) == (("a", "b"), ())


@pytest.mark.parametrize("content", [b"", b"\n\r\n \n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_a_file_with_nothing_in_it_is_refused(tmp_path, content):
    assert "is empty" in refusal(write(tmp_path, content)).message


def test_a_compressed_file_with_nothing_in_it_is_refused(tmp_path):
    assert "is empty" in refusal(write(tmp_path, gzip.compress(b""))).message


def test_a_header_that_never_ends_is_refused(tmp_path):
    error = refusal(write(tmp_path, 'a,"b\nc,d\n'))
    assert "a quote in it is never closed" in error.message


@pytest.mark.parametrize(
    "content",
    [
        '[{"a":1},{"a":2}]',
        '\n [\n  {\n "a": 1\n }\n]\n',
        "[\n",
        "[]\n",
        '{\n  "a": 1\n}\n',
        '{"a": 1,\n "b": 2}\n{"a": 3}\n',
        "{\n" + '  "a": 1,\n' * 200_000,
    ],
    ids=range(7),
)
@pytest.mark.parametrize("name", ["my file.json", "x.jsonl", "x.csv", "x"])
def test_json_that_is_not_one_object_a_line_is_read_as_such_unless_it_is_declared(tmp_path, content, name):
    path = write(tmp_path, content, name)
    error = refusal(path, format="jsonl")
    assert error.message == f"{path} is JSON, but not JSON lines (one object a line)."
    assert error.remedy == "Say --format json, or leave --format out."
    if "[]" in content or content.count("{") > content.count("}") or content == "[\n":
        assert find_layout(content) == "values"
    else:
        assert detect_source(path).dialect.format == "json"


def test_the_command_decompresses_and_does_not_overwrite_the_file(tmp_path):
    tool = "sed -E 's/,[[:space:]]*$//'"
    packed = write(tmp_path, gzip.compress(b'{"a":1},\n{"a":2},\n'), "a.json.gz")
    target = tmp_path / "a.jsonl"
    assert refusal(packed).remedy == f"Convert it: gzip -dc {packed} | {tool} > {target}"
    plain = write(tmp_path, '{"a":1},\n{"a":2},\n', "a.jsonl")
    assert refusal(plain).remedy.endswith(f"> {tmp_path}/a.lines.jsonl")


def test_a_first_line_that_is_an_array_among_objects_is_one_bad_record(tmp_path):
    found = detect_source(write(tmp_path, '[1,2]\n{"a":1}\n', "x.jsonl"))
    assert found.sample == (Record(2, 2, {"a": 1}),)


def test_a_first_line_that_is_broken_json_is_one_bad_record(tmp_path):
    found = detect_source(write(tmp_path, '{"a":1\n{"a":2}\n', "x.jsonl"))
    assert found.sample == (Record(2, 2, {"a": 2}),)


def test_a_first_line_of_json_with_a_bad_byte_is_one_bad_record(tmp_path):
    found = detect_source(write(tmp_path, b'{"a":"\xe9"}\n{"a":2}\n', "x.jsonl"))
    assert found.sample == (Record(2, 2, {"a": 2}),)


def test_json_that_is_not_utf_8_names_the_command_that_converts_it(tmp_path):
    path = write(tmp_path, '{"a":1}\n'.encode("utf-16"), "a.json")
    assert "iconv -f utf-16 -t utf-8" in refusal(path).remedy


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04" + b"\0" * 30, "zip archive"),
        (b"SQLite format 3\0" + b"\1" * 90, "SQLite"),
        (b"%PDF-1.7\n", "PDF"),
        (b"name\0" * 52 + b"ustar" + b"\0" * 100, "binary|tar"),
        (b"a" * 257 + b"ustar\x0000", "tar archive"),
        (bytes(range(256)) * 40, "binary"),
    ],
)
def test_a_file_that_is_neither_says_what_it_looks_like(tmp_path, content, kind):
    with pytest.raises(SourceError, match=kind) as caught:
        detect_source(write(tmp_path, content))
    assert caught.value.remedy


def test_a_file_compressed_twice_is_refused(tmp_path):
    path = write(tmp_path, gzip.compress(gzip.compress(b"a,b\n")))
    assert "compressed data again" in refusal(path).message


def test_nuls_in_the_header_are_refused(tmp_path):
    assert "NUL" in refusal(write(tmp_path, "a\0,b\n" + "some text,x\n" * 20)).message


@pytest.mark.parametrize("compression", COMPRESS)
def test_a_compressed_file_is_known_by_its_content(tmp_path, compression):
    found = detect_source(write(tmp_path, COMPRESS[compression](b"a,b\n1,2\n"), "x"))
    assert found.dialect == Dialect("csv", compression, line_end="lf")
    assert found.sample == (Record(1, 2, ["1", "2"]),)


def test_text_that_begins_like_bz2_is_text(tmp_path):
    assert detect_source(write(tmp_path, "BZhours,x\n1,2\n")).columns == ("BZhours", "x")


def test_the_sample_is_bounded_by_records_and_by_text(tmp_path):
    many = detect_source(write(tmp_path, "a,b\n" + "1,2\n" * 5_000))
    assert len(many.sample) == 1_000
    large = detect_source(write(tmp_path, "a,b\n" + ("x" * 100_000 + ",2\n") * 50))
    assert len(large.sample) == 10


def test_a_file_cut_in_a_character_by_the_first_look_is_still_utf_8(tmp_path):
    found = detect_source(write(tmp_path, "a,b\n" + "é" * 600_000 + ",1\n"))
    assert found.sample[0].values == ["é" * 600_000, "1"]
