"""Parts of a survey, merged, are what one pass over all of their sources finds out."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import pickle
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importer.errors import SourceError
from importer.pipeline.survey import scan_source
from importer.profile.scan import PassProgress
from importer.profile.survey_part import NamedSource, PartResult, SurveyPart, survey_some
from importer.progress import NullProgress
from importer.reading import AttentionRow, Dialect, Reading

NOW = 1_717_200_000_000
COLUMNS = ("event", "time", "user", "id", "zip", "n", "user_id", "type", "mp_processing_time_ms")
FIELDS: Any = {"event": "event", "time": "time", "distinct_id": "user", "insert_id": "id"}
OF_SET = Reading(Dialect("csv"), COLUMNS, FIELDS)
OTHER_USER: Any = {"distinct_id": ("user", "{type}-{n}", "user_id")}
NO_USER: Any = {"event": "event", "time": "time", "insert_id": "id"}
OF_SETS = [OF_SET, replace(OF_SET, null=("NULL",)), replace(OF_SET, fields=NO_USER, alternatives=OTHER_USER)]
AGAIN = 0  # times a row, for the header once more
CELLS = {
    "event": ["a", "b", "", "$identify"],
    "time": ["1714554000", "1714554060", "", "2024-05-01 10:00", "13/04/2024"],
    "user": ["u1", "u2", "", "null", " u1"],
    "id": ["1", "2", "3", "4", ""],
    "zip": ["12345", "02134", "", "NULL"],
    "n": ["1", "1,5", "true", "x", ""],
    "user_id": ["", "v"],
    "type": ["", "t", "1"],
    "mp_processing_time_ms": ["1714550000000", "1714558000000", ""],
}

rows = st.fixed_dictionaries({name: st.sampled_from(cells) for name, cells in CELLS.items()})
tables = st.tuples(
    st.one_of(
        st.just(COLUMNS),
        st.permutations(COLUMNS),
        st.sets(st.sampled_from(COLUMNS), min_size=4).map(sorted),
    ),
    st.lists(st.tuples(rows, st.sampled_from([1, 1, 1, 2, AGAIN, 30])), max_size=5),
)


def written(
    path: Path, columns: Sequence[str], records: Sequence[tuple[dict[str, str], int]], reading: Reading
) -> NamedSource:
    lines = [",".join(columns)]
    for row, times in records:
        cells = (
            list(columns)
            if times == AGAIN
            else [f'"{row[name]}"' if "," in row[name] else row[name] for name in columns]
        )
        lines += [",".join(cells)] * max(times, 1)
    path.write_text("\n".join(lines) + "\n")
    return NamedSource(path.name, path, replace(reading, columns=tuple(columns)))


def part_of(sources: Sequence[NamedSource], folder: Path, first: int = 0, **options: Any) -> SurveyPart:
    reading = options.pop("reading", OF_SET)
    part = SurveyPart(reading, folder, now_ms=NOW, with_ids=True, first_source=first, **options)
    for each in sources:
        part.add(each.name, each.path, each.reading, PassProgress(NullProgress()))
    return part


def known(part: SurveyPart) -> tuple[Any, ...]:
    with closing(part):
        found = part.result()
    summary = found.summary
    names = list(summary.names.items())  # in their order, too
    users = pickle.dumps(found.users)
    return summary, names, found.columns, found.attention, found.ids_differ, users


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(OF_SETS), st.lists(tables, min_size=1, max_size=5), st.data())
def test_parts_merge_to_what_one_pass_over_all_sources_finds(
    reading: Reading, drawn: list[Any], data: st.DataObject
):
    with TemporaryDirectory() as made:
        folder = Path(made)
        sources = [written(folder / f"{n}.csv", *each, reading) for n, each in enumerate(drawn)]
        whole = known(part_of(sources, folder, reading=reading))
        cuts = sorted(data.draw(st.lists(st.integers(0, len(sources)), max_size=3)))
        parts = [
            pickle.loads(pickle.dumps(part_of(sources[start:end], folder, start, reading=reading)))
            for start, end in zip([0, *cuts], [*cuts, len(sources)], strict=True)
        ]
        # In any order of merging: those at the end first, or those at the start.
        while len(parts) > 1:
            at = data.draw(st.integers(0, len(parts) - 2))
            later = parts.pop(at + 1)
            parts[at].merge(later)
        assert known(parts[0]) == whole
        assert not list(folder.glob("*.rows"))


JSON_SET = Reading(Dialect("jsonl"), ("event", "time", "user", "id"), FIELDS)
values = st.fixed_dictionaries(
    {"event": st.sampled_from(["a", "b", ""]), "time": st.sampled_from([1714554000, 1714554060, None])},
    optional={
        "user": st.sampled_from(["u1", "u2", "null"]),
        "id": st.sampled_from(["1", "2", "3"]),
        "deviceId": st.just("d"),
        "mp_processing_time_ms": st.sampled_from([1714550000000, 1714558000000]),
        "deep": st.just(json.loads('{"a":' * 9 + "1" + "}" * 9)),
    },
)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(values, max_size=6), min_size=2, max_size=5), st.integers(0, 5), st.booleans())
def test_parts_of_json_merge_to_what_one_pass_over_all_sources_finds(
    drawn: list[list[Any]], cut: int, compact: bool
):
    with TemporaryDirectory() as made:
        folder = Path(made)
        sources = []
        for n, records in enumerate(drawn):
            path = folder / f"{n}.jsonl"
            separators = (",", ":") if compact and n % 2 else None
            path.write_text("".join(json.dumps(each, separators=separators) + "\n" for each in records))
            sources.append(NamedSource(path.name, path, JSON_SET))
        whole = known(part_of(sources, folder, reading=JSON_SET))
        merged, later = (
            pickle.loads(pickle.dumps(part_of(some, folder, first, reading=JSON_SET)))
            for some, first in ((sources[:cut], 0), (sources[cut:], cut))
        )
        merged.merge(later)
        assert known(merged) == whole


def merged_and_whole(folder: Path, texts: Sequence[str]) -> list[PartResult]:
    """Return what parts of one source each, merged, know of sources with these texts, and what one part does."""
    sources = []
    for n, text in enumerate(texts):
        path = folder / f"{n}.csv"
        path.write_text(text)
        columns = tuple(text.partition("\n")[0].split(","))
        sources.append(NamedSource(path.name, path, replace(OF_SET, columns=columns)))
    merged = part_of(sources[:1], folder)
    for n, each in enumerate(sources[1:], 1):
        merged.merge(pickle.loads(pickle.dumps(part_of([each], folder, n))))
    whole = part_of(sources, folder)
    with closing(merged), closing(whole):
        return [merged.result(), whole.result()]


def test_names_that_are_as_frequent_as_each_other_keep_the_order_of_the_sources(tmp_path: Path):
    names = ["x", "ayy", "a"]
    texts = ["event,time,user,id\n" + "".join(f"{name},,,\n" for name in each) for each in names]
    for found in merged_and_whole(tmp_path, texts):
        assert list(found.summary.names.items()) == [("a", 2), ("y", 2), ("x", 1)]


def test_words_for_no_value_are_looked_for_in_the_first_records_of_all_sources(tmp_path: Path):
    header = "event,time,user,id,a,b\n"
    texts = [header + 600 * "e,,,,x,NULL\n", header + 500 * "e,,,,y,z\n" + 100 * "e,,,,NULL,z\n"]
    for found in merged_and_whole(tmp_path, texts):
        (nulls,) = (each for each in found.attention if each.code == "null-words")
        assert nulls.text.startswith("in the first 1,000 records, 600 cells of b are NULL")
        assert nulls.count == 600


def test_columns_that_may_be_the_name_are_known_of_all_sources(tmp_path: Path):
    texts = ["event,time,user,id,action\n,,,,a\n", "event,type,time,user,id\n,t,,,\n,t,,,\n"]
    for found in merged_and_whole(tmp_path, texts):
        (nameless,) = (each for each in found.attention if each.code == "no-event")
        assert "`action` is filled in 1 of them, `type` is filled in 2 of them" in nameless.text


def test_headers_that_stand_again_are_counted_over_all_sources(tmp_path: Path):
    header = "event,time,user,id\n"
    texts = [header + "a,,,\n" + header, "time,event,user,id\n,b,,\n" + "time,event,user,id\n"]
    for found in merged_and_whole(tmp_path, texts):
        (again,) = (each for each in found.attention if each.code == "header-line")
        assert (again.count, again.rows) == (2, (AttentionRow("0.csv", 2), AttentionRow("1.csv", 2)))


def numbered(folder: Path, name: str, start: int, count: int) -> NamedSource:
    """Write records of ids that follow each other."""
    lines = (f"e,{1_714_554_000 + n},u,{n},1\n" for n in range(start, start + count))
    path = folder / name
    path.write_text("event,time,user,id,zip\n" + "".join(lines))
    return NamedSource(name, path, replace(OF_SET, columns=("event", "time", "user", "id", "zip")))


def found(part: SurveyPart, code: str) -> tuple[int, list[tuple[str, int]]]:
    """Return the count and the rows of the first attention of a code."""
    with closing(part):
        each = next(each for each in part.result().attention if each.code == code)
    return each.count, [(row.source, row.row) for row in each.rows]


def test_a_part_of_one_source_knows_what_the_survey_of_that_source_knows(tmp_path: Path):
    path = tmp_path / "a.csv"
    text = (
        ",".join(COLUMNS)
        + "\n"
        + "a,1714554000, u1,1,02134,NULL,,t,\n"
        + 120 * "a,,u1,1,12,3,v,,1714550000000\n"
    )
    path.write_text(text + "\n".join([",".join(COLUMNS), ",x,,,,,,1,"]))
    surveyed = scan_source(path, OF_SET, now_ms=NOW, progress=NullProgress(), name="a.csv").survey
    with closing(part_of([NamedSource("a.csv", path, OF_SET)], tmp_path)) as part:
        result = part.result()
    assert len(result.attention) > 5
    assert (result.summary, result.columns) == (surveyed.summary, surveyed.columns)
    assert result.attention == surveyed.attention


def test_copies_and_equal_ids_are_found_across_sources(tmp_path: Path):
    first, second = numbered(tmp_path, "a.csv", 0, 50), numbered(tmp_path, "b.csv", 48, 50)
    part = part_of([first], tmp_path)
    part.merge(part_of([second], tmp_path, 1))
    with closing(part):
        result = part.result()
    (copies,) = (each for each in result.attention if each.code == "copies")
    assert (copies.count, copies.rows) == (2, (AttentionRow("b.csv", 1), AttentionRow("b.csv", 2)))
    assert result.ids_differ is False
    alone = part_of([second], tmp_path)
    with closing(alone):
        assert alone.result().ids_differ is True


def test_equal_rows_of_sources_with_other_columns_are_no_copies(tmp_path: Path):
    other = replace(OF_SET, columns=("event", "time", "id", "user"))
    (tmp_path / "a.csv").write_text("event,time,user,id\na,1714554000,7,8\n")
    (tmp_path / "b.csv").write_text("event,time,id,user\na,1714554000,7,8\n")
    sources = [
        NamedSource("a.csv", tmp_path / "a.csv", replace(OF_SET, columns=("event", "time", "user", "id"))),
        NamedSource("b.csv", tmp_path / "b.csv", other),
    ]
    with closing(part_of(sources, tmp_path)) as part:
        assert "copies" not in {each.code for each in part.result().attention}


def test_many_records_go_to_files_that_are_handed_over_and_removed(tmp_path: Path):
    folder = tmp_path / "temporary"
    folder.mkdir()
    sources = [numbered(tmp_path, f"{n}.csv", n * 29_990, 30_000) for n in range(4)]
    parts = [part_of([each], folder, n) for n, each in enumerate(sources)]
    pickled = [pickle.dumps(part) for part in parts]
    assert len(list(folder.iterdir())) == 8
    assert max(map(len, pickled)) < 64_000
    for part in parts:  # as the process does that handed them over
        part.close()
    merged, *later = map(pickle.loads, pickled)
    for part in later:
        merged.merge(part)
    count, rows = found(merged, "copies")
    assert (count, rows[:3]) == (30, [("1.csv", 1), ("1.csv", 2), ("1.csv", 3)])
    assert not list(folder.iterdir())


def test_files_of_a_part_that_was_not_handed_over_are_removed_when_it_is_closed(tmp_path: Path):
    folder = tmp_path / "temporary"
    folder.mkdir()
    part = part_of([numbered(tmp_path, "a.csv", 0, 110_000)], folder)
    assert list(folder.iterdir())
    part.close()
    assert not list(folder.iterdir())


def test_a_text_column_tells_which_value_made_it_text(tmp_path: Path):
    for name, first in (("a.csv", "1"), ("b.csv", "2")):
        cells = [first] * 200
        if name == "b.csv":
            cells[16] = "02134"
        lines = "".join(f"e,1714554000,u,{n},{cell}\n" for n, cell in enumerate(cells))
        (tmp_path / name).write_text("event,time,user,id,zip\n" + lines)
    columns = ("event", "time", "user", "id", "zip")
    sources = [
        NamedSource(name, tmp_path / name, replace(OF_SET, columns=columns)) for name in ("a.csv", "b.csv")
    ]
    part = part_of(sources[:1], tmp_path)
    part.merge(pickle.loads(pickle.dumps(part_of(sources[1:], tmp_path, 1))))
    with closing(part):
        zipped = next(each for each in part.result().columns if each.name == "zip")
    assert (zipped.type, zipped.odd_value, zipped.odd_row) == ("string", "02134", AttentionRow("b.csv", 17))


def test_a_damaged_source_is_left_out_as_if_it_were_not_there(tmp_path: Path):
    good = [numbered(tmp_path, f"{n}.csv", 10 * n, 12) for n in range(3)]
    packed = gzip.compress(
        (tmp_path / "1.csv").read_bytes() + b"".join(b"x,y,z,%d,2\n" % n for n in range(50_000))
    )
    (tmp_path / "cut.csv.gz").write_bytes(packed[: len(packed) // 2])
    dialect = Dialect("csv", compression="gzip")
    damaged = NamedSource("cut.csv.gz", tmp_path / "cut.csv.gz", replace(good[0].reading, dialect=dialect))
    gone = replace(good[0], name="gone.csv", path=tmp_path / "gone.csv")
    progress = PassProgress(NullProgress())
    part, results = survey_some(
        [good[0], damaged, good[1], gone, good[2]],
        OF_SET,
        tmp_path,
        now_ms=NOW,
        progress=progress,
        with_ids=True,
    )
    assert [isinstance(each, SourceError) for each in results] == [False, True, False, True, False]
    assert known(part) == known(part_of(good, tmp_path))
    sizes = sum(each.path.stat().st_size for each in (*good, damaged))
    assert progress.done == sizes


def test_a_part_of_another_process_merges_with_those_of_this_one(tmp_path: Path):
    sources = [numbered(tmp_path, f"{n}.csv", n * 11_990, 12_000) for n in range(2)]
    progress = PassProgress(NullProgress())
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        done = pool.submit(
            survey_some,
            sources[1:],
            OF_SET,
            tmp_path,
            now_ms=NOW,
            progress=progress,
            with_ids=True,
            first_source=1,
        )
        later, _ = done.result()
    part = part_of(sources[:1], tmp_path)
    part.merge(later)
    assert known(part) == known(part_of(sources, tmp_path))


def test_parts_are_merged_in_the_order_of_their_sources(tmp_path: Path):
    first, second = (part_of([numbered(tmp_path, f"{n}.csv", 0, 5)], tmp_path, n) for n in range(2))
    with closing(first), closing(second), pytest.raises(ValueError, match="order"):
        second.merge(first)
