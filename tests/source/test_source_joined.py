"""Files that were joined: the header, or a byte order mark, stands in the middle of the records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_helpers import in_one_list, no_deadline, read_jsonl, write

from importer.model import Record, Rejection
from importer.source.detect import detect_source
from importer.source.formats.csv_problems import HEADER_AGAIN, OTHER_HEADER
from importer.source.reader import open_source

FIRST = "event,time,u\nA,1,x\n"


def items_of(path, **declared) -> list[Record | Rejection]:
    """The items of a file, which are the same one by one and in blocks."""
    found = detect_source(path, **declared)
    with open_source(path, found.dialect, found.columns) as source:
        items = list(source.items())
    with open_source(path, found.dialect, found.columns) as source:
        assert in_one_list(source.reader) == items
    return items


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("event,time,u", HEADER_AGAIN),
        ('"event","time",u', HEADER_AGAIN),
        ("\ufeffevent,time,u", HEADER_AGAIN),
        ('\ufeff"event",time,u', HEADER_AGAIN),
        ("time,event,u", OTHER_HEADER),
        ("\ufeffu,time,event", OTHER_HEADER),
        ("event,time,v", ""),
        ("event,event,u", ""),
        ("Event,time,u", ""),
        ("u,1,x", ""),
    ],
)
def test_a_header_further_below_is_no_record(tmp_path, line, error):
    items = items_of(write(tmp_path, f"{FIRST}{line}\nB,2,y\n"))
    assert items[0] == Record(1, 2, ["A", "1", "x"])
    assert items[2] == Record(3, 4, ["B", "2", "y"])
    if error:
        assert items[1] == Rejection(2, 3, error)
    else:
        assert items[1] == Record(2, 3, line.split(","))


@pytest.mark.parametrize(
    ("header", "record"),
    [
        (",a,b", "1,2,3"),  # an index without a name, as pandas writes it
        ("a,b,c", "1,2,3,"),  # a delimiter behind each record
        ("a, b, c", "1, 2, 3"),
        ('"a ""x""","b\nc",d', "1,2,3"),
        ("é,b,c", "1,2,3"),
    ],
)
def test_a_header_is_known_again_however_it_is_written(tmp_path, header, record):
    items = items_of(write(tmp_path, f"{header}\n{record}\n{header}\n{record}\n"))
    assert [type(item) for item in items] == [Record, Rejection, Record]
    assert items[1].error == HEADER_AGAIN
    assert items[2].values == ["1", "2", "3"]


def test_a_file_without_a_header_has_no_names(tmp_path):
    items = items_of(write(tmp_path, "1,2\n1,2\n2,1\n"), header=False)
    assert [item.values for item in items] == [["1", "2"], ["1", "2"], ["2", "1"]]


def test_a_header_in_the_middle_of_many_blocks_is_found(tmp_path):
    many = "enter,2,x\n" * 20_000
    items = items_of(write(tmp_path, f"{FIRST}{many}u,time,event\n{many}event,time,u\n"))
    assert [item for item in items if isinstance(item, Rejection)] == [
        Rejection(20_002, 20_003, OTHER_HEADER),
        Rejection(40_003, 40_004, HEADER_AGAIN),
    ]


@no_deadline
@given(
    lines=st.lists(
        st.sampled_from(
            ["a,bb", "bb,a", "\ufeffa,bb", '"a",bb', "a,x", "aa,b", "x", "", '"a', 'bb"', "a,a", "\ufeff,bb"]
        )
    ),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_both_paths_know_the_same_headers(tmp_path_factory, lines, end):
    path = write(tmp_path_factory.mktemp("joined"), end.join(["a,bb", "x,y", *lines, ""]))
    items = items_of(path)
    if '"a' not in lines and 'bb"' not in lines:
        again = sum(line in ("a,bb", "\ufeffa,bb", '"a",bb') for line in lines)
        assert [item.error for item in items if isinstance(item, Rejection)].count(HEADER_AGAIN) == again


def test_a_byte_order_mark_in_the_middle_of_json_lines_is_named():
    items = read_jsonl(b'{"event":"A"}\n\xef\xbb\xbf{"event":"B"}\n{"event":"C"}\n')
    assert [type(item) for item in items] == [Record, Rejection, Record]
    assert items[1].error == (
        "a byte order mark stands ahead of the object, as where files were joined: take it out"
    )
