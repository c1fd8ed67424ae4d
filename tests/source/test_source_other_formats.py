"""Files that are neither CSV nor JSON lines are named as what they are, with what to do."""

from __future__ import annotations

import gzip
import json
import subprocess

import pytest
from source_helpers import read_jsonl, write

from importer.errors import SourceError
from importer.model import Record
from importer.source.detect import detect_source


def refusal(path, **declared) -> SourceError:
    with pytest.raises(SourceError) as caught:
        detect_source(path, **declared)
    return caught.value


HTML = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (HTML, "an HTML page"),
        ("\ufeff \n<html lang=en>\n", "an HTML page"),
        ("<!-- saved -->\n<HTML>\n", "an HTML page"),
        ("<table border=1><tr><td>a</td></tr></table>", "an HTML page"),
        ('<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>', "XML"),
        ("<rows>\n<row/>\n</rows>\n", "XML"),
        (
            "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            "a Git LFS pointer",
        ),
        ("../.git/annex/objects/aa/bb/SHA256E-s1--x.csv\n", "a git-annex pointer"),
        ("{\\rtf1\\ansi Hello}\n", "a document in RTF"),
        ("-- MySQL dump 10.13\n\nCREATE TABLE a (b int);\n", "SQL"),
        ("%PDF-1.7\n%x", "a PDF"),
        (b"PK\x03\x04" + b"\0" * 26 + b"events.csv", "a zip archive"),
        (b"a" * 257 + b"ustar\x0000", "a tar archive"),
    ],
)
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@pytest.mark.parametrize("declared", [{}, {"format": "csv"}])
def test_a_file_that_is_something_else_is_named_also_when_it_is_compressed(
    tmp_path, content, kind, compress, declared
):
    data = content.encode() if isinstance(content, str) else content
    error = refusal(write(tmp_path, compress(data)), **declared)
    assert f"looks like {kind}" in error.message
    assert error.remedy


def test_a_page_in_utf_16_is_known_too(tmp_path):
    assert "an HTML page" in refusal(write(tmp_path, HTML.encode("utf-16"))).message


@pytest.mark.parametrize(
    "text",
    [
        "event,html\nA,<!DOCTYPE html>\n",
        'event,html\nA,"<html>\n</html>"\n',
        '"<html>",b\n1,2\n',
        "<TICKER>,<DATE>,<TIME>\nA,1,2\n",
        "<b>x</b>,1\n<i>y</i>,2\n",
        "ORCID,PAR1\n1,2\n",
        "version,url\n1,https://git-lfs.github.com/spec/v1\n",
        "-- note,b\n1,2\n",
    ],
)
def test_a_fragment_of_something_else_in_csv_is_text(tmp_path, text):
    assert detect_source(write(tmp_path, text)).dialect.format == "csv"


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────────

RECORDS = [{"event": "A", "time": 1, "v": None}, {"event": "B", "time": 2, "v": True}]
LINES = [json.dumps(record) for record in RECORDS]


@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x.csv", "x"])
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (",\n".join(LINES) + "\n", "objects with a comma behind each"),
        (", \r\n".join(LINES) + ",\n", "objects with a comma behind each"),
        ("".join(f"{record}\n" for record in RECORDS), "dictionaries of Python"),
    ],
)
def test_what_is_nearly_json_is_known_and_its_command_makes_json_lines(tmp_path, text, kind, name):
    path = write(tmp_path, text, name)
    error = refusal(path)
    assert kind in error.message
    assert "not JSON lines" in error.message
    subprocess.run(error.remedy.removeprefix("Convert it: "), shell=True, check=True, cwd=tmp_path)
    made = error.remedy.rpartition("> ")[2]
    assert [item.values for item in read_jsonl((tmp_path / made).read_bytes())] == RECORDS


@pytest.mark.parametrize(
    "text",
    [
        '{"event":"A","time":1,"items":[{"name":"x"}]}\n',
        '{"event":"A","properties":{"time":1,"items":[{"name":"x"}]}}\n',
        '{"a":1,"items":[{"b":1}]}\n{"a":2,"items":[]}\n',
        '{"a":[1,2]}\n',
    ],
)
def test_a_line_that_holds_a_list_is_a_record(tmp_path, text):
    assert len(detect_source(write(tmp_path, text, "x.jsonl")).sample) == text.count("\n")


def test_one_object_with_a_list_is_a_record_if_it_is_declared_to_be_a_line(tmp_path):
    path = write(tmp_path, '{"name":"A","items":[{"b":1}]}', "x.json")
    assert detect_source(path, format="jsonl").sample == (Record(1, 1, {"name": "A", "items": [{"b": 1}]}),)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "18446744073709551616", "9" * 400])
@pytest.mark.parametrize("name", ["x.jsonl", "x.csv"])
def test_lines_with_a_value_that_json_cannot_hold_still_tell_the_columns(tmp_path, value, name):
    line = f'{{"event":"L","properties":{{"time":1,"v":{value}}}}}\n'
    found = detect_source(write(tmp_path, line * 300, name))
    assert (found.dialect.format, found.columns, found.sample) == ("jsonl", ("event", "properties"), ())
    assert list(found.like[0].values["properties"]) == ["time", "v"]
    assert found.problems[0].startswith("line 1: ")


def test_lines_that_can_be_read_are_the_sample_wherever_they_stand(tmp_path):
    bad = '{"event":"L","time":1,"v":NaN}\n'
    found = detect_source(write(tmp_path, bad * 300 + '{"event":"L","w":1}\n', "x.jsonl"))
    assert found.columns == ("event", "time", "v", "w")
    assert found.sample == (Record(301, 301, {"event": "L", "w": 1}),)


@pytest.mark.parametrize("first", ["{'a': None}", '{"a":1}{"a":2}', '{"a":1,}'])
def test_one_line_that_is_written_otherwise_than_the_next_is_one_bad_record(tmp_path, first):
    found = detect_source(write(tmp_path, f'{first}\n{{"a":1}}\n', "x.jsonl"))
    assert found.sample == (Record(2, 2, {"a": 1}),)
