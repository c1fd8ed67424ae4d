from __future__ import annotations

import errno
import os
import re
import resource
import shutil
import socket
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_helpers import no_deadline

from importer.errors import ImporterError, SourceError, UsageError
from importer.results.lock import Lock
from importer.results.paths import manifest_path
from importer.source.file_kinds import is_own, kind_of
from importer.source.find import Found, find_sources
from importer.source.folder_walk import FolderWalk, problem_of
from importer.source.members import Member
from importer.source.natural_order import natural_key
from importer.source.path_pattern import PathPattern

needs_permissions = pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(*names: str) -> None:
    """Make files, each with content of its own, and the folders they are in."""
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        text = '{"manifest_version": 1}' if ".run.json" in name else f"a\n{name}\n"
        Path(name).write_text(text, errors="surrogateescape")


def make_zip(path: str, *names: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, f"a\n{name}\n")


def relatives(found: Found) -> list[str]:
    return [source.relative for source in found.sources]


def names(found: Found) -> list[str]:
    return [source.name for source in found.sources]


def refused(*named: str, kind: type[ImporterError] = UsageError, **patterns: list[str]) -> str:
    """Return all that is said where nothing is found."""
    with pytest.raises(kind) as caught:
        find_sources(named, **patterns)
    return f"{caught.value.message}\n{caught.value.remedy}"


# ── one file, a folder ───────────────────────────────────────────────────────────────────────────


def test_one_file_is_no_set():
    make("in/e.csv")
    found = find_sources(["in/e.csv"])
    assert found.named == ("in/e.csv",)
    assert (names(found), relatives(found)) == (["in/e.csv"], ["e.csv"])
    assert found.sources[0].path == Path("in/e.csv")
    assert not found.is_set
    assert not found.sources[0].pipe


def test_a_file_that_is_named_is_taken_whatever_its_ending():
    make("e.log")
    assert names(find_sources(["e.log"])) == ["e.log"]
    make("f.log")
    assert names(find_sources(["f.log", "e.log"])) == ["e.log", "f.log"]


def test_a_folder_is_a_set_of_all_files_of_known_kinds_below_it():
    kinds = ["a.csv", "b.TSV", "c.txt.gz", "d.jsonl.zst", "e.ndjson.bz2", "f.json.xz"]
    make(*(f"export/{name}" for name in kinds), "export/x/y/z.csv", "export/x/n.gz", "export/README.md")
    found = find_sources(["export/"])
    assert relatives(found) == [*kinds, "x/y/z.csv"]
    assert names(found)[-1] == "export/x/y/z.csv"
    assert found.is_set
    assert found.others == 2
    assert sorted(found.other_names) == ["export/README.md", "export/x/n.gz"]


@pytest.mark.parametrize("named", [".", "./", "../here", "x/.."])
def test_a_folder_is_found_by_every_name_it_has(folder, monkeypatch, named):
    make("here/x/a.csv")
    monkeypatch.chdir("here")
    found = find_sources([named])
    assert relatives(found) == ["x/a.csv"]
    assert Path(names(found)[0]).samefile(folder / "here/x/a.csv")


def test_a_folder_of_one_file_is_a_set_all_the_same():
    make("export/a.csv")
    assert find_sources(["export"]).is_set


def test_files_of_other_kinds_are_counted_and_the_first_named():
    make("in/a.csv", *(f"in/{n}.log" for n in range(9)))
    found = find_sources(["in"])
    assert found.others == 9
    assert found.other_names == tuple(f"in/{n}.log" for n in range(5))


def test_hidden_files_and_folders_are_not_entered():
    make("in/a.csv", "in/.b.csv", "in/.git/c.csv", "in/__MACOSX/d.csv", "in/x/._a.csv")
    found = find_sources(["in"])
    assert (relatives(found), found.hidden, found.others) == (["a.csv"], 4, 0)


def test_a_hidden_folder_that_is_named_is_read():
    make(".in/a.csv")
    assert relatives(find_sources([".in"])) == ["a.csv"]


def test_names_that_are_no_text_pass():
    name = os.fsdecode(b"in/e\xff\xc3\xa9.csv")
    make(name, "in/e.csv")
    found = find_sources(["in"])
    assert names(found) == ["in/e.csv", name]
    assert found.sources[1].path.read_text(errors="surrogateescape") == f"a\n{name}\n"


def test_nothing_found_says_what_is_there():
    make("in/a.log", "in/.b.csv", "in/c.csv", "in/c.csv.run.json", "in/d/set.run.json")
    said = refused("in")
    assert "in holds no source, but 1 file of other kinds (in/a.log)" in said
    assert "3 results of earlier runs" in said
    assert "1 hidden" in said
    (kinds,) = re.findall("Files are read that end in (.*), also with", said)
    assert {".csv", ".tsv", ".jsonl", ".json", ".parquet", ".xlsx"} <= set(kinds.split())


def test_compressed_files_without_another_ending_are_offered_to_be_looked_into():
    make("logs/1714554000000.1a2b.gz", "logs/day/2.gz", "logs/a.log")
    assert "To look into what is compressed: --include '*.gz'\n" in refused("logs")
    found = find_sources(["logs"], include=["*.gz"])
    assert relatives(found) == ["1714554000000.1a2b.gz", "day/2.gz"]


def test_an_empty_folder_holds_no_source():
    Path("in").mkdir()
    assert refused("in").startswith("in holds no source\n")


def test_an_empty_folder_among_others_is_left_out():
    make("a/x.csv")
    Path("b").mkdir()
    found = find_sources(["a", "b"])
    assert [(left_out.name, left_out.why) for left_out in found.left_out] == [
        ("b", "holds no file that is read")
    ]


# ── results of runs ──────────────────────────────────────────────────────────────────────────────


def test_results_of_runs_are_no_sources():
    make("in/e.csv", "in/e.results.csv", "in/e.results.csv.run.json", "in/e.results.csv.lock")
    make("in/stdin.results.csv.run.json", "in/stdin.results.csv.source", "in/x.csv.run.json.tmp")
    make("in/old.results/set.run.json", "in/old.results/a.csv")
    found = find_sources(["in"])
    assert (relatives(found), found.own, found.others) == (["e.csv"], 7, 0)


def test_manifests_of_other_programs_hide_nothing():
    make("in/a.csv", "in/b.csv")
    for name in ("in/a.csv.run.json", "in/set.run.json"):
        Path(name).write_text('{"jobs": []}')
    found = find_sources(["in"])
    assert (relatives(found), found.own, found.others) == (
        ["a.csv", "a.csv.run.json", "b.csv", "set.run.json"],
        0,
        0,
    )


def test_what_lies_beside_no_manifest_is_no_result():
    make("in/a.csv", "in/yarn.lock", "in/a.results.csv", "in/b.csv.source")
    found = find_sources(["in"])
    assert (relatives(found), found.own, found.others) == (["a.csv", "a.results.csv"], 0, 2)


def test_names_of_results_are_those_that_the_results_have(tmp_path):
    results = tmp_path / "x.csv"
    there = {str(manifest_path(results))}
    own = [results, manifest_path(results), Lock(results).path]
    assert all(is_own(str(path), there.__contains__) for path in own)


def test_results_that_the_shell_named_leave_one_file_as_it_is():
    make("e.csv", "e.results.csv", "e.results.csv.run.json")
    found = find_sources(["e.csv", "e.results.csv", "e.results.csv.run.json"])
    assert (names(found), relatives(found), found.own, found.is_set) == (["e.csv"], ["e.csv"], 2, False)


@pytest.mark.parametrize("named", ["e.csv", "e.csv.run.json", "in"])
def test_results_that_are_named_alone_are_refused(named):
    make("e.csv", "e.csv.run.json", "in/set.run.json", "in/a.csv")
    assert f"{named} is of an earlier run" in refused(named)


# ── patterns that the shell left as they are ─────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("in/*.csv", ["a.csv", "b.csv"]),
        ("in/?.csv", ["a.csv", "b.csv"]),
        ("in/[!a].csv", ["b.csv"]),
        ("in/**/*.csv", ["a.csv", "b.csv", "x/a.csv", "x/y/c.csv"]),
        ("in/*/*.csv", ["x/a.csv"]),
        ("in/x*", ["x/a.csv", "x/y/c.csv"]),
        ("in/**", ["a.csv", "b.csv", "x/a.csv", "x/y/c.csv"]),
        ("in/*.log", ["d.log"]),
        ("in/x/**/c.*", ["y/c.csv"]),
        ("*/a.csv", ["in/a.csv"]),
    ],
)
def test_a_pattern_is_expanded(pattern, expected):
    make("in/a.csv", "in/b.csv", "in/.c.csv", "in/x/a.csv", "in/x/y/c.csv", "in/d.log", "in/x/e.log")
    for named in (pattern, str(Path.cwd() / pattern)):
        found = find_sources([named])
        assert relatives(found) == expected
        assert found.is_set
    assert all(Path(name).is_file() for name in names(found))


def test_a_pattern_in_the_working_folder_gives_plain_names():
    make("a.csv", "b.csv")
    assert names(find_sources(["*.csv"])) == ["a.csv", "b.csv"]


def test_a_file_that_has_the_name_of_a_pattern_wins():
    make("a[1].csv", "a1.csv")
    found = find_sources(["a[1].csv"])
    assert names(found) == ["a[1].csv"]
    assert not found.is_set


@pytest.mark.parametrize("named", ["*.csv", "in/*.tsv", "nowhere/*.csv"])
def test_a_pattern_that_matches_nothing_is_refused(named):
    make("in/a.csv", "b.log")
    assert f"{named} matches no source" in refused(named)
    assert f"{named} matches no file" in refused("in", named)


def test_a_pattern_with_dots_behind_it_is_refused():
    assert "in/*/../x.csv" in refused("in/*/../x.csv")


# ── include, exclude ─────────────────────────────────────────────────────────────────────────────

TREE = ["2023/a.csv", "2024/05/a.csv", "2024/05/b.jsonl", "2024/06/a.csv", "c.csv", "2024/notes.md"]


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["*.csv"], [], ["2023/a.csv", "2024/05/a.csv", "2024/06/a.csv", "c.csv"]),
        (["2024/**"], [], ["2024/05/a.csv", "2024/05/b.jsonl", "2024/06/a.csv"]),
        (["2024"], [], ["2024/05/a.csv", "2024/05/b.jsonl", "2024/06/a.csv"]),
        (["2024/"], ["05"], ["2024/06/a.csv"]),
        (["**/05/*"], [], ["2024/05/a.csv", "2024/05/b.jsonl"]),
        (["*/a.csv"], [], ["2023/a.csv"]),
        (["/c.csv", "b.*"], [], ["2024/05/b.jsonl", "c.csv"]),
        ([], ["a.csv"], ["2024/05/b.jsonl", "c.csv"]),
        ([], ["2024"], ["2023/a.csv", "c.csv"]),
        (["a.csv"], ["2024/05/a.csv"], ["2023/a.csv", "2024/06/a.csv"]),
        (["*.md"], [], ["2024/notes.md"]),
        (["notes*", "c.csv"], ["notes*"], ["c.csv"]),
    ],
)
def test_patterns_choose_by_relative_path(include, exclude, expected):
    make(*(f"in/{name}" for name in TREE))
    assert relatives(find_sources(["in"], include=include, exclude=exclude)) == expected


def test_patterns_choose_among_the_members_of_archives():
    make_zip("a.zip", "x/1.csv", "x/2.csv", "y/1.csv", "part-0")
    assert relatives(find_sources(["a.zip"], exclude=["y"])) == ["x/1.csv", "x/2.csv"]
    assert relatives(find_sources(["a.zip"], include=["part-*"])) == ["part-0"]
    make("in/b.csv")
    assert relatives(find_sources(["in", "a.zip"], include=["a.zip/x"])) == ["a.zip/x/1.csv", "a.zip/x/2.csv"]


def test_an_archive_that_a_pattern_leaves_out_is_not_opened():
    make("in/x.csv")
    Path("in/a.zip").write_bytes(b"PK\3\4 damaged")
    found = find_sources(["in"], exclude=["a.zip"])
    assert (names(found), found.left_out, found.unwanted) == (["in/x.csv"], (), 1)
    assert len(find_sources(["in"]).left_out) == 1


def test_patterns_choose_among_files_that_are_named():
    make("a.csv", "b.csv")
    found = find_sources(["a.csv", "b.csv"], exclude=["b.csv"])
    assert (names(found), found.unwanted) == (["a.csv"], 1)


@pytest.mark.parametrize("option", ["include", "exclude"])
@pytest.mark.parametrize("pattern", ["*.tsv", "in/a.csv", "A.csv"])
def test_a_pattern_that_chooses_nothing_is_refused(option, pattern):
    make("in/a.csv", "in/b.csv")
    said = refused("in", **{option: [pattern]})
    assert said.startswith(f"--{option} {pattern} matches nothing in in\n")
    assert "a.csv, b.csv" in said


def test_a_pattern_may_match_what_another_leaves_out():
    make("in/a.csv", "in/x/b.csv", "in/.git/c", "in/e.log", "in/r.csv", "in/r.csv.run.json")
    exclude = ["x", "b.csv", "x/b.csv", ".git", "*.log", "r.csv"]
    assert relatives(find_sources(["in"], exclude=exclude)) == ["a.csv"]


@pytest.mark.parametrize("pattern", ["", "/", ".", "./"])
def test_an_empty_pattern_is_refused(pattern):
    make("in/a.csv")
    assert "is no pattern" in refused("in", exclude=[pattern])


def test_all_left_out_is_nothing_found():
    make("in/a.csv", "in/b.csv")
    assert "2 left out by --include or --exclude" in refused("in", exclude=["*"])


@pytest.mark.parametrize(
    ("pattern", "path", "matched"),
    [
        ("a**b", "axyb", "itself"),
        ("x/**/**/y", "x/y", "itself"),
        ("**", "a", "itself"),
        ("a/**", "a", "no"),
        ("a?c", "a/c", "no"),
        ("[a-c]*", "b", "itself"),
        ("[", "[", "itself"),
        ("a\\b", "a\\b", "itself"),
        ("é*", "é.csv", "itself"),
        ("x", "a/x/b", "below"),
        ("b", "a/b", "itself"),
        ("x/*", "x/y/z", "below"),
    ],
)
def test_patterns_match_as_people_expect(pattern, path, matched):
    assert PathPattern(pattern).match(path.split("/")) == matched


@no_deadline
@given(
    st.lists(st.sampled_from("ab"), max_size=5), st.lists(st.sampled_from(["a", "b", "*", "**"]), max_size=5)
)
def test_patterns_of_folders_match_as_a_regular_expression_does(path, pattern):
    expression = "".join({"**": "(?:./)*", "*": "./"}.get(part, f"{part}/") for part in [*pattern, "a"])
    expected = re.fullmatch(expression, "".join(f"{part}/" for part in path))
    assert (PathPattern("/".join([*pattern, "a"]), anywhere=False).match(path) == "itself") == bool(expected)


# ── order ────────────────────────────────────────────────────────────────────────────────────────


def test_the_order_is_natural():
    ordered = [
        *("a-1/b.csv", "a1/x.csv", "a01/x.csv", "a2/x.csv", "a10/x.csv"),
        *(
            "B.csv",
            "b.csv",
            "part.csv",
            "part-2.csv",
            "part-10.csv",
            "part-10a.csv",
            "part-99999999999999999999.csv",
        ),
        *("z.csv", "é.csv"),
    ]
    ordered = ["B.csv", *(name for name in ordered if name != "B.csv")]
    make(*(f"in/{name}" for name in reversed(ordered)))
    found = relatives(find_sources(["in"]))
    assert found == sorted(found, key=natural_key)
    assert found.index("part-2.csv") < found.index("part-10.csv") < found.index("part-10a.csv")
    assert found.index("a01/x.csv") + 1 == found.index("a1/x.csv") < found.index("a2/x.csv")
    assert found.index("B.csv") < found.index("b.csv") < found.index("é.csv")


def _slow_key(path: str) -> list[object]:
    """Return the same order in plainer words, for numbers that `int` reads."""
    return [
        (
            [(ord("0"), int(p)) if p.isdigit() else (ord(p), 0) for p in re.findall(r"[0-9]+|[^0-9]", part)],
            part,
        )
        for part in path.split("/")
    ]


@no_deadline
@given(st.lists(st.text("019a-é/.", max_size=8), max_size=8))
def test_the_order_is_that_of_numbers_and_code_points(paths):
    assert sorted(paths, key=natural_key) == sorted(paths, key=_slow_key)


def test_numbers_may_have_any_length():
    paths = [f"a{'9' * 5_000}", f"a1{'0' * 5_000}", f"a{'0' * 9_000}2"]
    assert sorted(paths, key=natural_key) == [paths[2], paths[0], paths[1]]


# ── several names, and where results go ──────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (["a/x.csv", "b/x.csv"], ["a/x.csv", "b/x.csv"]),
        (["a/x.csv", "a/y.csv"], ["x.csv", "y.csv"]),
        (["a", "b"], ["a/x.csv", "a/y.csv", "b/x.csv"]),
        (["a", "./b/x.csv"], ["a/x.csv", "a/y.csv", "b/x.csv"]),
        (["a/*.csv", "b"], ["a/x.csv", "a/y.csv", "b/x.csv"]),
        (["a/x*", "a/y*"], ["x.csv", "y.csv"]),
        (["../here/a", "{here}/b"], ["a/x.csv", "a/y.csv", "b/x.csv"]),
        (["link/../up.csv", "b"], ["here/b/x.csv", "up.csv"]),
        (["~/t.csv", "b"], ["b/x.csv", "~/t.csv"]),
    ],
)
def test_results_never_leave_their_folder(folder, monkeypatch, named, expected):
    make("here/a/x.csv", "here/a/y.csv", "here/b/x.csv", "here/~/t.csv", "up.csv", "other/z")
    monkeypatch.chdir("here")
    Path("link").symlink_to("../other")
    found = find_sources([name.format(here=folder / "here") for name in named])
    assert relatives(found) == expected
    assert found.is_set


def test_results_that_would_meet_are_refused():
    make("in/x.json", "in/x.json.csv/y.csv", "in/z.json")
    said = refused("in")
    assert "in/x.json and of in/x.json.csv/y.csv would have one path" in said
    assert relatives(find_sources(["in"], exclude=["x.json"])) == ["x.json.csv/y.csv", "z.json"]


@pytest.mark.parametrize("ending", ["jsonl", "csv.run.json", "jsonl.lock"])
def test_no_folder_takes_the_path_of_what_lies_beside_results(ending):
    make("in/x", f"in/x.{ending}/y.csv")
    assert "would have one path" in refused("in", include=["x", "y.csv"])


def test_a_name_too_long_for_results_is_left_out():
    name = f"{'é' * 110}.csv"
    make(f"in/{name}", "in/a.csv")
    found = find_sources(["in"])
    assert relatives(found) == ["a.csv"]
    assert "too long" in found.left_out[0].why


# ── the same thing twice ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (["in/a.csv", "in/a.csv"], "in/a.csv is named twice\n"),
        (["in/a.csv", "./in/a.csv"], "in/a.csv and ./in/a.csv are the same file"),
        (["in/a.csv", "link.csv"], "in/a.csv and link.csv are the same file"),
        (["in/a.csv", "hard.csv"], "in/a.csv and hard.csv are the same file"),
        (["in/a.csv", "in"], "in/a.csv is named twice: by in/a.csv and by in"),
        (["in/*.csv", "in/a*"], "in"),
        (["in/x", "in"], "in/x is named twice: by in/x and by in"),
        (["in", "in/x"], "in/x is named twice: by in and by in/x"),
        (["in", "in"], "in is named twice\n"),
        (["in", "in/"], "in and in/ are the same folder"),
        (["in", "linked"], "in and linked are the same folder"),
        (["a.zip", "hard.zip"], "a.zip and hard.zip are the same file"),
        (["a.zip", "a.zip::x.csv"], "a.zip::x.csv is named twice"),
    ],
)
def test_the_same_thing_twice_is_refused_with_both_names(named, said):
    make("in/a.csv", "in/x/b.csv")
    make_zip("a.zip", "x.csv")
    os.link("a.zip", "hard.zip")
    os.link("in/a.csv", "hard.csv")
    Path("link.csv").symlink_to("in/a.csv")
    Path("linked").symlink_to("in")
    assert said in refused(*named)


def test_a_link_beside_what_it_leads_to_can_be_left_out():
    make("in/2024/a.csv")
    Path("in/now").symlink_to("2024")
    Path("in/b.csv").symlink_to("2024/a.csv")
    assert "in/2024 and in/now are the same folder" in refused("in", exclude=["b.csv"])
    assert "--exclude now" in refused("in", exclude=["b.csv"])
    assert "are the same file" in refused("in", exclude=["now"])
    assert relatives(find_sources(["in"], exclude=["now", "b.csv"])) == ["2024/a.csv"]


def test_links_to_elsewhere_are_followed():
    make("far/x/a.csv", "b.csv", "in/c.csv")
    Path("in/far").symlink_to("../far")
    Path("in/b.csv").symlink_to("../b.csv")
    assert names(find_sources(["in"])) == ["in/b.csv", "in/c.csv", "in/far/x/a.csv"]
    Path("front").symlink_to("in")
    assert names(find_sources(["front"]))[0] == "front/b.csv"


# ── what can't be read ───────────────────────────────────────────────────────────────────────────


def left_out(found: Found) -> dict[str, str]:
    assert relatives(found) == ["good.csv"]
    return {each.name: each.why for each in found.left_out}


def test_loops_and_broken_links_are_left_out():
    make("up/in/good.csv", "up/other.csv")
    for name, target in {"x/back": "../..", "x/self": "self", "x/up": "../../..", "here": "."}.items():
        Path("up/in/x").mkdir(exist_ok=True)
        Path("up/in", name).symlink_to(target)
    Path("up/in/gone.csv").symlink_to("nowhere")
    assert left_out(find_sources(["up/in"])) == {
        "up/in/x/back": "is a link that leads back to a folder that it is in",
        "up/in/x/up": "is a link that leads back to a folder that it is in",
        "up/in/here": "is a link that leads back to a folder that it is in",
        "up/in/x/self": "is a link that leads back to itself",
        "up/in/gone.csv": "is a link to something that is not there",
    }


def test_pipes_and_sockets_below_a_folder_are_not_waited_for():
    make("in/good.csv")
    os.mkfifo("in/pipe.csv")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("in/socket.csv")
        why = left_out(find_sources(["in"]))
        assert why == left_out(find_sources(["in/*.csv"]))
    assert why == {f"in/{name}.csv": "is not a regular file" for name in ("pipe", "socket")}


@needs_permissions
def test_what_may_not_be_read_is_left_out():
    make("in/good.csv", "in/a.csv", "in/x/b.csv", "c.csv")
    for name in ("in/a.csv", "in/x", "c.csv"):
        Path(name).chmod(0)
    assert set(left_out(find_sources(["in"])).values()) == {"can't be read: permission denied"}
    assert "c.csv" in {each.name for each in find_sources(["in", "c.csv"]).left_out}
    for name in ("c.csv", "in/x", "in/x/*.csv"):
        assert "permission denied" in refused(name, kind=SourceError)
    Path("in/x").chmod(0o700)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError(2, "No such file or directory"), "is there no more"),
        (PermissionError(13, "Permission denied"), "can't be read: permission denied"),
        (OSError(errno.ELOOP, "Too many levels"), "is a link that leads back to itself"),
        (OSError(5, "Input/output error"), "can't be read: Input/output error"),
        (ValueError("embedded null byte"), "can't be read: embedded null byte"),
    ],
)
def test_each_error_of_the_system_is_a_reason_and_a_remedy(error, words):
    problem, remedy = problem_of("a file.csv", error)
    assert problem == words
    assert remedy
    if isinstance(error, PermissionError):
        assert remedy == "Try: chmod u+rX 'a file.csv'"


def test_a_folder_that_vanishes_while_others_are_looked_at_is_left_out():
    make("in/a/x.csv", "in/b/y.csv")

    def enter(relative: str) -> bool:
        if relative == "b":
            shutil.rmtree("in/b")
        return True

    found = list(FolderWalk().walk("in", "", "in", enter))
    assert [(each.what, each.path, each.problem) for each in found] == [
        ("file", "in/a/x.csv", ""), ("problem", "in/b", "is there no more")
    ]  # fmt: skip
    assert "run again" in found[1].remedy


@contextmanager
def no_more_files() -> Iterator[None]:
    """Let this process open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_folder_that_the_system_does_not_give_is_an_error_alone_and_left_out_among_others():
    make("in/x.csv", "other/y.csv")
    with no_more_files():
        said = refused("in", kind=SourceError)
        among = refused("in", "other")
    assert said == "in can't be read: Too many open files.\nCheck the disk and retry."
    assert "in, which can't be read: Too many open files" in among
    assert "1 more of such" in among


def test_a_device_among_others_is_left_out():
    make("good.csv")
    found = find_sources(["good.csv", os.devnull])
    assert names(found) == ["good.csv"]
    assert {each.name: each.why for each in found.left_out} == {os.devnull: "is not a regular file"}


def test_a_member_that_can_not_be_read_is_an_error_alone_and_left_out_among_others():
    make_zip("c.zip", "../x.csv", "good.csv")
    said = refused("c.zip::../x.csv", kind=SourceError)
    assert said.startswith("c.zip::../x.csv ")
    found = find_sources(["c.zip::../x.csv", "c.zip::good.csv"])
    assert names(found) == ["c.zip::good.csv"]
    (left,) = found.left_out
    assert said == f"{left.name} {left.why}.\n{left.remedy}"


def test_a_broken_archive_below_a_folder_is_left_out():
    make("in/good.csv", "in/b.zip")
    make_zip("in/c.zip", "../x.csv", "inner.zip")
    Path("in/d.zip").write_bytes(Path("in/c.zip").read_bytes()[:30])
    make_zip("in/e.zip")
    why = left_out(find_sources(["in"]))
    assert set(why) == {"in/b.zip", "in/c.zip::../x.csv", "in/c.zip::inner.zip", "in/d.zip", "in/e.zip"}
    assert why["in/e.zip"] == "is an empty archive"
    assert why["in/c.zip::inner.zip"] == "is an archive within an archive"
    assert not any(text.endswith(".") or text.startswith("in/") for text in why.values())


def test_a_broken_archive_alone_is_an_error():
    make_zip("c.zip", "a.csv")
    Path("d.zip").write_bytes(Path("c.zip").read_bytes()[:30])
    assert "d.zip" in refused("d.zip", kind=SourceError)


def test_what_is_damaged_alone_is_an_error_that_says_why():
    make_zip("c.zip", "../x.csv")
    said = refused("c.zip")
    assert "c.zip holds no source" in said
    assert ".." in said


def test_a_link_that_leads_nowhere_is_an_error_alone_and_left_out_among_others():
    make("good.csv")
    Path("gone.csv").symlink_to("nowhere")
    assert "gone.csv does not exist" in refused("gone.csv", kind=SourceError)
    assert list(left_out(find_sources(["good.csv", "gone.csv"]))) == ["gone.csv"]


@pytest.mark.parametrize("named", ["nope.csv", "s3://bucket/x.csv", "s3://bucket/*.csv", "a\0b", ""])
def test_what_is_not_there_is_an_error(named):
    make("good.csv")
    said = refused(named, kind=ImporterError)
    assert said == refused("good.csv", named, kind=ImporterError)
    assert ("is an address" in said) == named.startswith("s3:")


def test_nothing_named_is_an_error():
    assert "No source is named" in refused()


# ── archives ─────────────────────────────────────────────────────────────────────────────────────


def test_each_member_of_an_archive_is_a_source():
    make_zip(
        "a.zip",
        "2024/10.csv",
        "2024/9.json.gz",
        "README",
        "__MACOSX/x.csv",
        ".x.csv",
        "r.csv",
        "r.csv.run.json",
    )
    found = find_sources(["a.zip"])
    assert names(found) == ["a.zip::2024/9.json.gz", "a.zip::2024/10.csv"]
    assert relatives(found) == ["2024/9.json.gz", "2024/10.csv"]
    assert found.sources[0].path == Member(Path("a.zip"), "2024/9.json.gz")
    assert (found.is_set, found.others, found.other_names, found.own) == (True, 1, ("a.zip::README",), 2)


def test_an_archive_below_a_folder_is_a_folder_in_the_results():
    make("in/x/b.csv")
    make_zip("in/x/a.zip", "b.csv")
    assert relatives(find_sources(["in"])) == ["x/a.zip/b.csv", "x/b.csv"]
    assert relatives(find_sources(["in/x/a.zip", "in/x/b.csv"])) == ["a.zip/b.csv", "b.csv"]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_an_archive_that_is_named_is_known_by_its_content(mode):
    make("a.csv")
    with tarfile.open("export", mode) as archive:
        archive.add("a.csv", "./x/a.csv")
    found = find_sources(["export"])
    assert (names(found), relatives(found), found.is_set) == (["export::x/a.csv"], ["x/a.csv"], True)
    assert names(find_sources(["expor*"])) == names(found)


def test_results_folders_in_an_archive_are_no_sources():
    results = ("x.results/set.run.json", "x.results/a.csv", "x.results/a.csv.run.json")
    make_zip("a.zip", *results, "b.csv", "y/set.run.json", "y/c.csv")
    found = find_sources(["a.zip"])
    assert (relatives(found), found.own) == (["b.csv", "y/c.csv"], 4)


def test_one_member_may_be_named():
    make_zip("a.zip", "x/a.csv", "x/b.csv")
    found = find_sources(["a.zip::x/a.csv"])
    assert (names(found), relatives(found), found.is_set) == (["a.zip::x/a.csv"], ["a.csv"], False)
    found = find_sources(["a.zip::x/a.csv", "a.zip::x/b.csv"])
    assert found.sources[1].path == Member(Path("a.zip"), "x/b.csv")
    assert len(set(relatives(found))) == 2
    assert "did you mean 'x/b.csv'" in refused("a.zip::x/bb.csv", kind=SourceError)


def test_a_pattern_of_members_is_offered_as_an_option():
    make_zip("a b.zip", "x/a.csv", "x/b.csv")
    message = refused("a b.zip::x/?.csv", kind=SourceError)
    assert "run 'a b.zip' --include 'x/?.csv'" in message
    assert "did you mean" not in message
    assert relatives(find_sources(["a b.zip"], include=["x/?.csv"])) == ["x/a.csv", "x/b.csv"]


@pytest.mark.parametrize(("name", "kind"), [("a.zip", "zip"), ("b.tgz", "tar"), ("c.tar", "tar")])
def test_what_only_has_the_name_of_an_archive_is_said_to_be_none(name, kind):
    Path("f").mkdir()
    Path(f"f/{name}").write_bytes(b"a")
    make("f/x.csv")
    left_out = find_sources(["f"]).left_out[0]
    assert left_out.why == f"is no {kind} archive"
    assert left_out.remedy == "Copy or download it again."


# ── pipes ────────────────────────────────────────────────────────────────────────────────────────


def test_a_pipe_is_not_opened():
    os.mkfifo("pipe.csv")
    found = find_sources(["pipe.csv"])
    assert (names(found), relatives(found), found.is_set) == (["pipe.csv"], ["pipe.csv"], False)
    assert found.sources[0].pipe
    assert found.sources[0].path == Path("pipe.csv")


def test_pipes_of_the_shell_have_names_of_their_own():
    make("x.csv")
    reading, writing = os.pipe()
    try:
        found = find_sources([f"/dev/fd/{reading}", "-", "x.csv"])
        assert sorted(relatives(found)) == sorted([f"fd-{reading}", "stdin", "x.csv"])
        assert [source.pipe for source in found.sources] == [True, True, False]
        assert "is named twice" in refused(f"/dev/fd/{reading}", f"/dev/fd/{reading}")
    finally:
        os.close(reading)
        os.close(writing)


def test_standard_input_is_no_set():
    found = find_sources(["-"])
    assert (names(found), relatives(found), found.is_set) == (["-"], ["stdin"], False)
    assert found.sources[0].pipe


def test_standard_input_that_is_closed_is_found_all_the_same():
    kept = os.dup(0)
    os.close(0)
    try:
        found = find_sources(["-"])
    finally:
        os.dup2(kept, 0)
        os.close(kept)
    assert (relatives(found), found.sources[0].pipe) == (["stdin"], True)


# ── many ─────────────────────────────────────────────────────────────────────────────────────────


def test_each_ending_has_its_kind():
    assert [kind_of(name) for name in ("a.csv.gz", "a.tar.gz", "a.TGZ", "a.zip", "a.tar.xz")] == [
        "data",
        *["archive"] * 4,
    ]
    assert {kind_of(name) for name in ("a", "a.gz", "csv", "a.csv.gz.gz", "a.csv\n", "a.zip.gz")} == {"other"}
