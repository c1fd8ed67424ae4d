"""CSV as people have it: each peculiarity is recognised or declared, shown, and read as it was meant."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_helpers import csv_reader, in_one_list, no_deadline, only_rejection, places, read_csv, write

from importer.errors import SourceError, UsageError
from importer.model import Record
from importer.source.copy import copy_records
from importer.source.detect import DetectedSource, detect_source
from importer.source.reader import open_source


def cells_of(path, **declared) -> tuple[DetectedSource, list[list[str]]]:
    """What a file is, and the cells of its records; all of them must be readable."""
    found = detect_source(path, **declared)
    with open_source(path, found.dialect, found.columns) as source:
        return found, [list(item.values) for item in source.items()]


def codes(found: DetectedSource) -> list[str]:
    return [each.code for each in found.attention]


# ── line ends ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("cell", ["first\rsecond", "\rx", "x\r\ry"])
@pytest.mark.parametrize("form", ["{}", '"{}"'])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_lone_cr_stays_in_its_cell_where_lines_end_in_lf(tmp_path, cell, form, end):
    text = end.join(["event,note,n", f"A,{form.format(cell)},1", "B,ok,2", ""])
    found, rows = cells_of(write(tmp_path, text))
    assert found.dialect.line_end == "lf"
    assert rows == [["A", cell, "1"], ["B", "ok", "2"]]
    assert [record.line for record in found.sample] == [2, 3]


def test_a_lone_cr_in_the_last_cell_stays_there(tmp_path):
    assert cells_of(write(tmp_path, "a,b\n1,x\ry\n2,z\r\n"))[1] == [["1", "x\ry"], ["2", "z"]]


def test_a_cr_at_the_very_end_of_the_file_is_half_of_a_line_end(tmp_path):
    assert cells_of(write(tmp_path, "a,b\r\n1,x\r\n2,y\r"))[1] == [["1", "x"], ["2", "y"]]


def test_a_file_whose_lines_end_in_cr_alone_is_read(tmp_path):
    found, rows = cells_of(write(tmp_path, 'a,b\r1,x\r2,"y\nz"\r'))
    assert (found.dialect.line_end, rows) == ("cr", [["1", "x"], ["2", "y\nz"]])
    assert [record.line for record in found.sample] == [2, 3]


@pytest.mark.parametrize(
    ("text", "end", "rows"),
    [
        ("a,b\r1,x\r2,y\n", "cr", [["1", "x"], ["2", "y"]]),
        ("a,b\r1,x\n2,y\r3,z\n", "any", [["1", "x"], ["2", "y"], ["3", "z"]]),
        ("a,b\r\r\n1,x\r\r\n2,y\r\r\n", "any", [["1", "x"], ["2", "y"]]),
        ("a,b\n\r1,x\n\r2,y\n\r", "any", [["1", "x"], ["2", "y"]]),
        ("a\rb,c\n1,x\n2,y\n", "lf", [["1", "x"], ["2", "y"]]),
        ('"a\rb",c\n1,x\n2,y\n', "lf", [["1", "x"], ["2", "y"]]),
    ],
)
def test_what_ends_the_lines_of_a_mixed_file_is_what_makes_records_of_it(tmp_path, text, end, rows):
    found, read = cells_of(write(tmp_path, text))
    assert (found.dialect.line_end, read) == (end, rows)


def test_a_manifest_without_line_ends_reads_a_lone_cr_as_it_did(tmp_path):
    assert [item.values for item in read_csv("a,b\rc,d\n", 2)] == [["a", "b"], ["c", "d"]]


# ── a space behind the delimiter, a delimiter behind the record ──────────────────────────────────


@pytest.mark.parametrize("delimiter", [",", ";", "|"])
def test_a_space_behind_each_delimiter_belongs_to_it(tmp_path, delimiter):
    text = 'event, user, "a"\nx, u1, "q, r"\ny,  u2, \n'.replace(",", delimiter)
    found, rows = cells_of(write(tmp_path, text))
    assert (found.dialect.skip_space, found.columns) == (True, ("event", "user", "a"))
    assert rows == [["x", "u1", f"q{delimiter} r"], ["y", "u2", ""]]


@pytest.mark.parametrize("text", ["a, b\n1,2\n3,4\n", "a,b\n1, 2\n3, 4\n", "a\n 1\n"])
def test_a_space_in_the_header_or_in_the_rows_alone_stays(tmp_path, text):
    assert detect_source(write(tmp_path, text)).dialect.skip_space is False


def test_a_delimiter_behind_every_record_is_left_out_and_noted_once(tmp_path):
    found, rows = cells_of(write(tmp_path, "a,b\n1,x,\n2,,\n"))
    assert (found.dialect.trailing_delimiter, found.columns) == (True, ("a", "b"))
    assert rows == [["1", "x"], ["2", ""]]
    assert codes(found) == ["trailing-delimiter"]


def test_without_a_header_a_delimiter_behind_every_record_is_no_column_if_it_is_declared(tmp_path):
    path = write(tmp_path, "1,x,\n2,,\n")
    found, rows = cells_of(path, header=False, trailing_delimiter=True)
    assert (found.columns, rows) == (("1", "2"), [["1", "x"], ["2", ""]])
    assert detect_source(path, header=False).columns == ("1", "2", "3")


def test_a_record_without_the_last_delimiter_or_with_a_cell_behind_it_is_invalid():
    items = read_csv("1,2,\n3,4\n5,6,7\n8,9,\n", 2, trailing_delimiter=True)
    assert places(items) == [
        ("Record", 1, 1), ("Rejection", 2, 2), ("Rejection", 3, 3), ("Record", 4, 4),
    ]  # fmt: skip
    assert (
        items[1].error == "expected 2 fields and ',' behind the last, found 2: the last delimiter is missing"
    )
    assert items[2].error == "expected nothing behind the last delimiter, found '7'"


@pytest.mark.parametrize("text", ["a,b\n1,x,\n2,y\n", "a,b\n1,x,\n2,y,z\n", "a,b,\n1,x,\n", "a,b\n1,x\n"])
def test_a_delimiter_behind_some_records_alone_is_none_of_the_dialect(tmp_path, text):
    found = detect_source(write(tmp_path, text))
    assert found.dialect.trailing_delimiter is False
    assert codes(found) == []


# ── lines that are no records ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"'])
def test_the_line_with_which_excel_names_the_delimiter_is_obeyed(tmp_path, line):
    found, rows = cells_of(write(tmp_path, f"\ufeff{line}\r\na;b\r\n1,5;x\r\n"))
    assert (found.dialect.delimiter, found.dialect.sep_line, found.columns) == (";", True, ("a", "b"))
    assert rows == [["1,5", "x"]]
    assert found.sample[0].line == 3


def test_a_delimiter_that_is_declared_goes_before_the_one_that_the_file_names(tmp_path):
    found, rows = cells_of(write(tmp_path, "sep=;\na|b\n1|x\n"), delimiter="|")
    assert (found.dialect.delimiter, rows) == ("|", [["1", "x"]])


def test_lines_that_are_skipped_are_counted_as_lines_and_not_as_records(tmp_path):
    path = write(tmp_path, 'Export, "May\n\n# x\na,b\n1,x\n')
    found, _ = cells_of(path, skip_lines=3)
    assert (found.columns, found.sample) == (("a", "b"), (Record(1, 5, ["1", "x"]),))


def test_the_named_delimiter_counts_among_the_lines_that_are_skipped(tmp_path):
    found, rows = cells_of(write(tmp_path, "sep=;\nTitle\na;b\n1;x\n"), skip_lines=2)
    assert (found.columns, rows) == (("a", "b"), [["1", "x"]])


def test_skipping_the_whole_file_is_refused(tmp_path):
    with pytest.raises(SourceError, match="nothing below the first 9 lines"):
        detect_source(write(tmp_path, "a,b\n1,x\n"), skip_lines=9)


def test_a_comment_is_no_record_wherever_it_stands_but_in_quotes(tmp_path):
    text = '# made by x, "y\na,b\n#,\n1,"x\n#y"\n"#2",z\n#\n'
    found, rows = cells_of(write(tmp_path, text), comment="#")
    assert (found.columns, rows) == (("a", "b"), [["1", "x\n#y"], ["#2", "z"]])
    assert [record.line for record in found.sample] == [4, 6]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Export of 1 May\n# internal\n\nevent,time\nA,1\n", 4),
        ("Report;;\n;;\nevent;time;user\nA;1;u\nB;2;u\n", 3),
        ("Report, May\nevent,time,user\nA,1,u\nB,2,u\n", 2),
        ("Title\n\na|b\n1|2\n", 3),
        ("sep=;\nTitle\na;b\n1;2\n", 3),
    ],
)
def test_a_header_below_other_lines_is_named_with_the_option_that_reads_it(tmp_path, text, line):
    path = write(tmp_path, text)
    (found,) = detect_source(path).attention
    assert (found.code, found.remedy) == ("header-line", f"--skip-lines {line - 1}")
    assert f"line {line} looks like the header" in found.text
    again = detect_source(path, skip_lines=line - 1)
    assert (codes(again), len(again.sample)) == ([], text.count("\n") - line)


@pytest.mark.parametrize(
    "text", ["# Report\n#\n\nevent,time\nA,1\n# end\n", "# a,b\n# c\nevent;time;u\nA;1;u\nB;1;u\n"]
)
def test_lines_behind_a_hash_above_the_header_may_be_read_as_comments(tmp_path, text):
    path = write(tmp_path, text)
    (found,) = detect_source(path).attention
    assert "looks like the header" in found.text
    assert "--comment '#'" in f"{found.text} {found.remedy}"
    again = detect_source(path, comment="#")
    assert (codes(again), again.columns[:2]) == ([], ("event", "time"))
    assert again.sample[0].values[0] == "A"


def test_a_table_below_comments_that_has_no_header_is_said_to_have_none(tmp_path):
    path = write(tmp_path, "#Version: 1.0\n#Fields: day method\n2024-05-01\tGET\n2024-05-02\tGET\n")
    (found,) = detect_source(path).attention
    assert (found.code, found.remedy) == ("header-line", "--comment '#' --no-header")
    assert cells_of(path, comment="#", header=False)[1] == [["2024-05-01", "GET"], ["2024-05-02", "GET"]]
    assert codes(detect_source(write(tmp_path, "#event,time\nA,1\n"))) == []  # a header that begins so


@pytest.mark.parametrize(
    ("text", "skipped"),
    [
        ("a,a\n1,2\n3,4\n", 1),
        ("\n\na,a\n1,2\n3,4\n", 3),
        ("sep=;\na;a\n1;2\n3;4\n", 2),
        ('"x\ny","x\ny"\n1,2\n3,4\n', 3),
    ],
)
def test_a_header_with_a_name_twice_is_left_out_as_its_refusal_says(tmp_path, text, skipped):
    path = write(tmp_path, text)
    with pytest.raises(SourceError) as caught:
        detect_source(path)
    assert str(caught.value.remedy).endswith(f": --skip-lines {skipped} --no-header")
    assert cells_of(path, skip_lines=skipped, header=False)[1] == [["1", "2"], ["3", "4"]]


@pytest.mark.parametrize("name", ["delimiter", "quote"])
def test_that_a_space_can_t_be_a_mark_is_said_plainly(tmp_path, name):
    with pytest.raises(UsageError) as caught:
        detect_source(write(tmp_path, "a b\n1 2\n"), **{name: " "})
    assert caught.value.message == f"a space can't be the {name}."
    assert ("tr -s ' ' '\\t'" in str(caught.value.remedy)) == (name == "delimiter")


@pytest.mark.parametrize(
    "text",
    [
        "event,time\nA,1\n",
        "a\nx\ny\n",
        "a,b\n1,2,3\n4,5,6\n",
        "a,b,c\n1,2\n3,4\n",
        "\n\na,b\n1,2\n",
        "a,,\n1,2,3\n",
        "a,b\n",
    ],
)
def test_a_header_on_the_first_line_is_not_doubted(tmp_path, text):
    assert "header-line" not in codes(detect_source(write(tmp_path, text)))


# ── marks ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mark", ["\x01", "\x1e", "\x1f"])
def test_a_control_character_that_delimits_is_found(tmp_path, mark):
    text = "event,time,user\n" + "A,1,u\n" * 50
    found, rows = cells_of(write(tmp_path, text.replace(",", mark)))
    assert (found.dialect.delimiter, rows[0]) == (mark, ["A", "1", "u"])


@pytest.mark.parametrize(
    ("typed", "mark"), [(r"\x01", "\x01"), (r"\001", "\x01"), (r"\u00a6", "¦"), ("¦", "¦"), (r"\t", "\t")]
)
def test_a_delimiter_may_be_typed_by_its_number(tmp_path, typed, mark):
    found, rows = cells_of(write(tmp_path, f"a{mark}b\n1{mark}2\n"), delimiter=typed)
    assert (found.dialect.delimiter, rows) == (mark, [["1", "2"]])


@pytest.mark.parametrize("quote", ["'", "«", "😀", "~", "`"])
def test_any_character_may_enclose_cells(tmp_path, quote):
    q = quote
    found, rows = cells_of(write(tmp_path, f"a,b\n{q}x,{q}{q}y{q},{q}2{q}\n"), quote=quote)
    assert (found.dialect.quote, rows) == (quote, [[f"x,{q}y", "2"]])


@pytest.mark.parametrize(
    "declared",
    [
        {"delimiter": "'", "quote": "'"},
        {"escape": '"'},
        {"delimiter": "\\", "escape": "\\"},
        {"comment": "#", "delimiter": "#"},
        {"quote": "#", "comment": "#"},
    ],
)
def test_one_character_cannot_mean_two_things(tmp_path, declared):
    with pytest.raises(UsageError, match="can't be both"):
        detect_source(write(tmp_path, "a,b\n1,2\n"), **declared)


def test_single_quotes_are_offered_and_not_guessed(tmp_path):
    path = write(tmp_path, "'event','time'\n'A','1'\n")
    found, rows = cells_of(path)
    assert (codes(found), rows) == (["single-quotes"], [["'A'", "'1'"]])
    assert found.attention[0].remedy == '--quote "\'"'
    assert cells_of(path, quote="'")[1] == [["A", "1"]]


def test_an_apostrophe_is_no_quote(tmp_path):
    assert codes(detect_source(write(tmp_path, "a,b\n'tis,it's\nO'x,'\n"))) == []


# ── escapes ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("written", "cells"),
    [
        (r'"say \"hi\", ok",2', ['say "hi", ok', "2"]),
        (r"a\,b,2", ["a,b", "2"]),
        (r"a\\,b", ["a\\", "b"]),
        (r'"a\\","b"', ["a\\", "b"]),
        (r"one\ntwo\tthree\rfour,2", ["one\ntwo\tthree\rfour", "2"]),
        (r"\N,\\N", ["", r"\N"]),
        (r'"\N",a\Nb', ["", "aNb"]),
        (r"\x\Z\b,2", ["x\x1a\x08", "2"]),
        ("two\\\nlines,2", ["two\nlines", "2"]),
        ('a\\\r\nb,\\"q', ["a\r\nb", '"q']),
        ('"x""y",\\', ['x"y', "\\"]),
    ],
)
def test_a_backslash_means_what_mysql_means_by_it(written, cells):
    items = read_csv(f"0,0\n{written}", 2, escape="\\", line_end="lf")
    assert [item.values for item in items] == [["0", "0"], cells]


@pytest.mark.parametrize(
    ("written", "marks", "cells"),
    [
        (r"hello\tworld" + "\tx", {"delimiter": "\t"}, ["hello\tworld", "x"]),
        ("hello\\\tworld\tx", {"delimiter": "\t"}, ["hello\tworld", "x"]),
        ("\\t\t\\t\\t", {"delimiter": "\t"}, ["\t", "\t\t"]),
        ("a\\bb\bx", {"delimiter": "\b"}, ["a\bb", "x"]),
        ("a\\Zb\x1ax", {"delimiter": "\x1a"}, ["a\x1ab", "x"]),
        (r"\ta\t,\t", {"quote": "\t"}, ["\ta\t", "\t"]),
        ("\ta,\\tb\t,x", {"quote": "\t"}, ["a,\tb", "x"]),
        (r"\bx,\by\b", {"quote": "\b"}, ["\bx", "\by\b"]),
        (r"\tx,y", {"comment": "\t"}, ["\tx", "y"]),
        (r"\#x,y", {"comment": "#"}, ["#x", "y"]),
        (r"\nx,\ry", {"line_end": "any"}, ["\nx", "\ry"]),
        (r"x\n,\r", {"line_end": "cr"}, ["x\n", "\r"]),
        (r"x,\ y", {"skip_space": True}, ["x", " y"]),
    ],
)
def test_what_an_escape_makes_is_never_a_mark(written, marks, cells):
    items = read_csv(f"{written}", 2, escape="\\", **{"line_end": "lf"} | marks)
    assert [item.values for item in items] == [cells]


def test_another_escape_only_takes_the_meaning_from_the_next_character():
    assert read_csv('"a^"b",^n^^\n', 2, escape="^")[0].values == ['a"b', "n^"]


def test_lines_that_an_escape_joins_are_counted():
    items = read_csv("a\\\nb,1\nc,2\n", 2, escape="\\")
    assert items == [Record(1, 1, ["a\nb", "1"]), Record(2, 3, ["c", "2"])]


def test_an_escaped_nul_is_no_text():
    assert "NUL" in only_rejection(read_csv("a\\0,1\nc,2\n", 2, escape="\\")).error


def test_a_record_with_backslashes_before_quotes_says_how_they_would_be_read():
    items = read_csv('"say \\"hi\\", ok",1\na,2\n', 2)
    assert "--escape '\\'" in only_rejection(items).error
    assert "--escape" not in only_rejection(read_csv('"a"b,1\na,2\n', 2)).error


@pytest.mark.parametrize("quote", ['"', ""])
def test_a_record_of_the_wrong_width_with_backslashes_of_mysql_names_the_escape(quote):
    def error(text: str) -> str:
        return only_rejection(read_csv(text, 3, delimiter="\t", quote=quote)).error

    assert error("a\t1\\\t2\tx\nb\t1\t2\n") == (
        "expected 3 fields, found 4; "
        + ("a cell that holds '\\t' must be quoted; " if quote else "")
        + "if a backslash ahead of '\\t' makes it part of the cell: --escape '\\'"
    )
    goes_on = (
        "expected 3 fields, found 2; if a line that ends in a backslash goes on in the next: --escape '\\'"
    )
    assert error("a\t1\\\nb\t1\t2\n") == goes_on
    assert error("x\t1\t2\na\t1\t2\\\nb\t1\n") == goes_on  # it is the line above that goes on
    assert "--escape" not in error("a\t1\t2\\\nb\t1\t2\nc\t1\n")
    assert "--escape" not in error("a\\b\t1\nb\t1\t2\n")


# ── all of them together ─────────────────────────────────────────────────────────────────────────

texts = st.text(st.sampled_from("ab,;\"'\\ \r\n#\tNn0é\u2028"), max_size=6)
tables = st.lists(st.lists(texts, min_size=2, max_size=2), min_size=1, max_size=8)


@no_deadline
@given(table=tables, quote=st.sampled_from(['"', "'"]), end=st.sampled_from(["\n", "\r\n"]))
def test_what_is_written_with_escapes_is_read_as_it_was(table, quote, end):
    def written(cell: str) -> str:
        for char in ("\\", ",", quote):
            cell = cell.replace(char, f"\\{char}")
        return cell.replace("\n", "\\n").replace("\r", "\\r")

    text = "".join(",".join(map(written, row)) + end for row in table)
    items = read_csv(text, 2, quote=quote, escape="\\", line_end="lf")
    assert [item.values for item in items] == table


@no_deadline
@given(table=tables, space=st.booleans(), trailing=st.booleans(), end=st.sampled_from(["\n", "\r\n"]))
def test_what_is_written_in_a_dialect_is_read_as_it_was_on_both_paths(table, space, trailing, end):
    text = "".join(
        (", " if space else ",").join('"' + cell.replace('"', '""') + '"' for cell in row)
        + ("," if trailing else "") + end
        for row in table
    )  # fmt: skip
    items = read_csv(text, 2, skip_space=space, trailing_delimiter=trailing, line_end="lf", comment="#")
    assert [item.values for item in items] == table


@no_deadline
@given(
    text=st.text(st.sampled_from("ab,, \"\n\r#\\'x"), max_size=60),
    dialect=st.fixed_dictionaries(
        {
            "skip_space": st.booleans(),
            "trailing_delimiter": st.booleans(),
            "comment": st.sampled_from(["", "#"]),
            "escape": st.sampled_from(["", "", "\\"]),
            "line_end": st.sampled_from(["any", "lf", "lf", "cr"]),
            "quote": st.sampled_from(['"', "'", ""]),
            "skip_lines": st.integers(0, 2),
        }
    ),
)
def test_every_dialect_is_read_alike_in_chunks_and_one_by_one(text, dialect):
    data = text.encode()
    one, blocks = (csv_reader(io.BytesIO(data), 2, **dialect) for _ in "ab")
    items = list(one)
    assert in_one_list(blocks) == items
    assert [item.row for item in items] == list(range(1, len(items) + 1))


# ── copies ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "declared", "copy"),
    [
        ("sep=;\na;b\n1;x\n2;y\n", {}, "sep=;\na;b\n2;y\n"),
        ("\ufeffTitle\n\na,b\n1,x\n2,y\n", {"skip_lines": 2}, "\ufeffa,b\n2,y\n"),
        ("#c\na,b\n1,x\n#d\n2,y\n", {"comment": "#"}, "a,b\n2,y\n"),
        ("a, b\n1, x\n2, y\n", {}, "a, b\n2, y\n"),
        ("a,b\n1,x,\n2,y,\n", {}, "a,b\n2,y,\n"),
        ("a,b\n1,x\n2,y\\\nz\n", {"escape": "\\"}, "a,b\n2,y\\\nz\n"),
    ],
)
def test_a_copy_of_records_is_read_as_they_were(tmp_path, text, declared, copy):
    path = write(tmp_path, text)
    found, rows = cells_of(path, **declared)
    out = io.BytesIO()
    copy_records(path, found.dialect, found.columns, [2], out)
    assert out.getvalue().decode() == copy
    again = {name: value for name, value in declared.items() if name != "skip_lines"}
    assert cells_of(write(tmp_path, out.getvalue(), "copy.csv"), **again)[1] == rows[1:]
