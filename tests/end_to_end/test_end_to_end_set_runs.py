"""Sets of sources from the command to the server: what is imported, what is left out, and what is not read again."""

from __future__ import annotations

import gzip
import json
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
from end_to_end_helpers import Server, Shell, read_results, statuses
from export_helpers import NAMED, broken_set, set_manifest, write_export


def landed(server: Server) -> list[dict[str, object]]:
    return [event["properties"] for event in server.events()]


def write_rows(shell: Shell, name: str, first: int, last: int) -> bytes:
    """Write records whose numbers no other source has."""
    lines = [f"Hi,u{n},2024-03-01T00:00:00Z,{n}\n" for n in range(first, last + 1)]
    data = "".join(["event,user_id,time,n\n", *lines]).encode()
    (shell.folder / name).parent.mkdir(parents=True, exist_ok=True)
    shell.write(name, data)
    return data


def test_sixty_files_land_once_with_results_of_each_in_order(shell: Shell, server: Server) -> None:
    export = write_export(shell.folder, 60, 20)

    done = shell.type("run", *NAMED, "--yes", "--results", "out", "--workers", "2")

    assert done.code == 0, done.err
    assert [*broken_set(export, shell.folder / "out", landed(server))] == []
    assert server.counts()["raw_count"] == export.records
    assert "Result       1,200 records = 1,200 imported  ✓ adds up" in done.err
    assert "Sources      60 finished" in done.err
    assert len(done.err.splitlines()) < 100
    assert not (shell.folder / "out.source").exists(), "what was unpacked is removed"


@pytest.mark.slow
def test_what_is_printed_does_not_grow_with_the_number_of_sources(shell: Shell) -> None:
    lines = []
    for files in (6, 120):
        folder = Shell(shell.folder / str(files), shell.environ)
        folder.folder.mkdir()
        write_export(folder.folder, files, 2)
        done = folder.type("run", *NAMED, "--dry-run", "--results", "out", "--workers", "1")
        assert done.code == 0, done.err
        lines.append(len(done.err.splitlines()))
    assert max(lines) < 40
    assert abs(lines[0] - lines[1]) <= 3


@pytest.mark.slow
def test_what_is_damaged_is_named_in_the_plan_and_the_others_run(shell: Shell, server: Server) -> None:
    write_rows(shell, "in/good.csv", 1, 3)
    data = write_rows(shell, "in/again.csv", 4, 60)
    shell.write("in/empty.csv", b"")
    shell.write("in/cut.csv.gz", gzip.compress(data.replace(b"Hi", b"Ho") * 40)[:-40])
    (shell.folder / "in/loop").symlink_to(".")
    name = os.fsencode(shell.folder) + b"/in/caf\xe9.csv"
    Path(os.fsdecode(name)).write_bytes(data.replace(b"Hi,u", b"Hi,v").replace(b",4\n", b",400\n"))
    with zipfile.ZipFile(shell.folder / "in/a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fine.csv", data.replace(b"Hi,u", b"Hi,w"))
        archive.writestr("../out.csv", data.replace(b"Hi,u", b"Hi,x"))
        archive.writestr("bomb.csv", b"a,b\n" + b"0," * 60_000_000)
        archive.writestr("secret.csv", data)
    patch_as_encrypted(shell.folder / "in/a.zip", b"secret.csv")
    if os.geteuid():
        write_rows(shell, "in/forbidden.csv", 900, 901)
        (shell.folder / "in/forbidden.csv").chmod(0)

    done = shell.type("run", "in", "--yes", "--workers", "2")

    assert done.code == 1, done.err
    plan, _, summary = done.err.partition("Destination")
    left_out = plan.partition("Left out")[2].partition("Read as")[0]
    for damaged, why in (
        ("in/cut.csv.gz", ""), ("in/loop", ""), ("in/a.zip::../out.csv", ""), ("in/a.zip::bomb.csv", ""),
        ("in/a.zip::secret.csv", "encrypted"),
    ):  # fmt: skip
        (line,) = [each for each in left_out.splitlines() if damaged in each]
        assert why in line.partition(": ")[2]
        assert line.partition(": ")[2], "it says why"
    assert "1 other without any record" in plan
    assert "in/empty.csv" not in left_out
    manifest = set_manifest(shell.folder / "in.results")
    ready = [source["name"] for source in manifest["sources"] if source["state"] == "ready"]
    assert len(ready) == 4, ready
    assert {"in/good.csv", "in/again.csv", "in/a.zip::fine.csv"} < {*ready}
    assert (manifest["reconciled"], manifest["exit_code"]) == (True, 1)
    assert "Sources      4 finished" in summary
    assert len(server.events()) == manifest["counts"]["imported"] == 3 + 57 * 3
    assert not (shell.folder.parent / "out.csv").exists()


def patch_as_encrypted(path: Path, name: bytes) -> None:
    """Set the flag of a member that says that it is encrypted, in both of its headers."""
    data = bytearray(path.read_bytes())
    at = -1
    while (at := data.find(name, at + 1)) >= 0:
        local, central = at - 30, at - 46
        if data[local : local + 4] == b"PK\x03\x04":
            data[local + 6] |= 1
        elif data[central : central + 4] == b"PK\x01\x02":
            data[central + 8] |= 1
    path.write_bytes(data)


@pytest.mark.slow
def test_a_finished_set_is_resumed_without_its_sources(shell: Shell, server: Server) -> None:
    export = write_export(shell.folder, 6, 10)
    assert shell.type("run", *NAMED, "--yes", "--results", "out").code == 0
    before = {path: path.read_bytes() for path in (shell.folder / "out").rglob("*.csv")}
    for path in (shell.folder / "export").rglob("*.csv"):
        path.write_bytes(b"\0" * path.stat().st_size)
    for name in NAMED[1:]:
        stat = (shell.folder / name).stat()
        with (shell.folder / name).open("r+b") as file:  # its directory is left, what it holds is not
            file.seek(40)
            file.write(b"\0")
        os.utime(shell.folder / name, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    done = shell.type("run", "--results", "out", "--resume", "--yes")

    assert done.code == 0, done.err
    assert {path: path.read_bytes() for path in (shell.folder / "out").rglob("*.csv")} == before
    assert server.counts()["raw_count"] == export.records
    assert set_manifest(shell.folder / "out")["exit_code"] == 0


@pytest.mark.slow
def test_results_of_each_source_that_an_older_version_wrote_are_never_sent_again(
    shell: Shell, server: Server
) -> None:
    write_rows(shell, "in/1.csv", 1, 5)
    write_rows(shell, "in/2.csv", 6, 9)
    assert shell.type("run", "in/2.csv", "--yes").code == 0

    done = shell.type("run", "in", "--yes")

    assert done.code == 2
    assert "in/2.csv was imported by itself before: its results are 2.results.csv" in done.err
    assert "mixpanel-importer status 2.results.csv" in done.err
    assert server.numbers() == [6, 7, 8, 9]
    assert not (shell.folder / "in.results").exists()


@pytest.mark.slow
def test_a_rehearsal_of_a_set_never_replaces_the_results_of_a_run(shell: Shell, server: Server) -> None:
    write_rows(shell, "in/1.csv", 1, 5)
    assert shell.type("run", "in", "--yes").code == 0
    before = {path: path.read_bytes() for path in (shell.folder / "in.results").iterdir()}
    for kind in ("--dry-run", "--sandbox"):
        done = shell.type("run", "in", kind, "--results", "in.results", "--overwrite")
        assert (done.code, "a rehearsal replaces none" in done.err) == (2, True)
    assert {path: path.read_bytes() for path in (shell.folder / "in.results").iterdir()} == before
    again = shell.type("run", "in", "--yes", "--overwrite")
    assert again.code == 0, again.err
    assert statuses(read_results(shell.folder / "in.results.old-1/1.csv.csv")) == ["imported"] * 5
    assert server.numbers() == [1, 2, 3, 4, 5]


@pytest.mark.slow
def test_a_set_that_does_not_begin_leaves_no_copies_of_its_sources(shell: Shell, server: Server) -> None:
    write_rows(shell, "in/1.csv", 1, 5)
    shell.write("in/2.csv", b"event,user_id,time,zip\nHi,u,2024-03-01T00:00:00Z,01234\n")
    with tarfile.open(shell.folder / "in.tar.gz", "w:gz") as archive:
        archive.add(shell.folder / "in", "in")
    before = {*shell.folder.iterdir()}
    refused = shell.type("run", "in.tar.gz", "--yes", "--strict")
    assert (refused.code, {*shell.folder.iterdir()}) == (2, before), refused.err
    assert server.events() == []


@pytest.mark.slow
def test_what_was_piped_into_a_set_that_is_not_finished_is_not_replaced(shell: Shell) -> None:
    write_rows(shell, "2.csv", 6, 9)
    piped = write_rows(shell, "piped", 1, 5) + b"Hi,u,yesterday,6\n"  # for its sake the copy is kept
    words = ("run", "-", "2.csv", "--sandbox", "--results", "out")
    for _ in range(2):
        done = shell.type(*words, stdin=piped)
        assert (done.code, "10 records" in done.err) == (1, True), done.err
    manifest = shell.folder / "out/set.run.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "ended": None}))
    refused = shell.type(*words, stdin=b"event\n")
    assert (refused.code, "--resume" in refused.err) == (2, True), refused.err
    (copy,) = (shell.folder / "out.source").iterdir()
    assert copy.read_bytes() == piped
    assert shell.type(*words, "--resume").code == 1
    assert shell.type(*words, "--overwrite", stdin=piped[:-20]).code == 1


NO_NAMES = """
import os, runpy, socket, sys
def refuse(*arguments, **more):
    if arguments[0] not in ("127.0.0.1", None):
        os.write(2, b"a name was looked up: %r\\n" % (arguments[0],))
        os._exit(99)
    return real(*arguments, **more)
real = socket.getaddrinfo
socket.getaddrinfo = refuse
open(os.path.join(os.path.dirname(__file__), f"loaded.{os.getpid()}"), "w").close()
"""


@pytest.mark.slow
def test_workers_look_up_no_name_but_that_of_the_server(shell: Shell, server: Server) -> None:
    hooks = shell.folder / "hooks"
    hooks.mkdir()
    (hooks / "sitecustomize.py").write_text(NO_NAMES)
    for n in range(4):
        write_rows(shell, f"in/{n}.csv", n * 10, n * 10 + 3)
    hooked = shell.with_environ(PYTHONPATH=f"{hooks}:{Path(__file__).parents[2]}")
    done = hooked.type("run", "in", "--yes", "--workers", "2")
    assert (done.code, "a name was looked up" in done.err) == (0, False), done.err
    assert len(server.events()) == 16
    assert len([*hooks.glob("loaded.*")]) >= 3, "the parent and both workers were watched"


@pytest.mark.slow
@pytest.mark.parametrize("words", [["--insert-id", "row"], []])
def test_sources_of_one_base_name_keep_all_of_their_records(
    shell: Shell, server: Server, words: list[str]
) -> None:
    write_rows(shell, "in/x/1.csv", 1, 5)
    write_rows(shell, "in/y/1.csv", 1, 6)
    done = shell.type("run", "in", "--yes", *words)
    assert done.code == 0, done.err
    assert len(server.events()) == (11 if words else 6)
    assert ("Mixpanel keeps 6: the others are copies" in done.err) == (not words)
