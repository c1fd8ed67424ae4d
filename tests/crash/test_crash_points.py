"""Every point at which a run can die. Processes are real and die by SIGKILL; the server says when.

Where no signal from outside can hit a point exactly, the test makes the state of the disk that a crash there
leaves behind, and its docstring says so. What must hold afterwards is the same for all: ``--resume`` finishes,
every record lands exactly once, and the results are rows 1 to N in order.
"""

from __future__ import annotations

import gzip
import json
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from crash_helpers import (
    Ended,
    Importer,
    Scene,
    assert_whole,
    broken_ends,
    broken_landings,
    broken_promises,
    read_results,
    server,
    wait_until,
    write_source,
)

pytestmark = pytest.mark.slow

ROWS = 100  # ten requests
RESULTS = "events.results.csv"
MANIFEST = f"{RESULTS}.run.json"


def manifest(scene: Scene, name: str = MANIFEST) -> dict:
    return json.loads(scene.path(name).read_bytes())


def killed_at(scene: Scene, fault: str, *command: str) -> None:
    """Start a command, and kill it when the server has met a fault."""
    with scene.start(*command) as importer:
        scene.wait_for_fault(fault)
        importer.kill()
    assert [*broken_promises(scene.path(RESULTS), scene.landed())] == []


def assert_resends_what_has_no_line(scene: Scene) -> None:
    """Resume, and see that what was taken is sent again only where it died before it wrote the lines."""
    unwritten = scene.raw_count() - len(scene.rows())
    assert unwritten >= 0
    scene.mend()
    assert_resumes(scene)
    assert scene.raw_count() == ROWS + unwritten


def assert_resumes(scene: Scene, *more: str, source: str = "events.csv") -> None:
    ended = scene.ended("run", source, "--resume", *more)
    assert ended.code == 0, ended.said
    assert_whole(scene, ROWS)


# ── around a request ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("request_number", [1, 4, 10])
def test_killed_when_a_request_is_on_its_way_and_not_taken(tmp_path: Path, request_number: int):
    with server(tmp_path, "--at", f"{request_number}=hang") as scene:
        write_source(scene.path("events.csv"), ROWS)
        killed_at(scene, "hang", "run", "events.csv")
        assert scene.raw_count() == (request_number - 1) * 10
        assert_resends_what_has_no_line(scene)


def test_the_manifest_is_on_disk_before_the_first_request(tmp_path: Path):
    with server(tmp_path, "--at", "1=hang") as scene:
        write_source(scene.path("events.csv"), ROWS)
        killed_at(scene, "hang", "run", "events.csv")
        left = manifest(scene)
        assert (left["ended"], left["scope"], left["base_url"]) == (None, ROWS, scene.url)
        assert scene.status().unattempted == ROWS


@pytest.mark.parametrize("request_number", [1, 4, 10])
def test_killed_when_a_batch_was_taken_and_its_answer_was_not_read(tmp_path: Path, request_number: int):
    with server(tmp_path, "--at", f"{request_number}=hold") as scene:
        write_source(scene.path("events.csv"), ROWS)
        killed_at(scene, "hold", "run", "events.csv")
        assert scene.raw_count() == request_number * 10
        assert len(scene.rows()) <= (request_number - 1) * 10
        scene.mend()
        assert_resumes(scene)
        assert scene.raw_count() >= ROWS + 10  # the batch was sent again, and landed once all the same


@pytest.mark.parametrize("request_number", [1, 4, 10])
def test_killed_when_the_answer_had_come_and_its_lines_were_not_written(tmp_path: Path, request_number: int):
    """The process is stopped while the server holds its answer; it dies with the answer in its socket."""
    with server(tmp_path, "--at", f"{request_number}=hold") as scene:
        write_source(scene.path("events.csv"), ROWS)
        with scene.start("run", "events.csv") as importer:
            scene.wait_for_fault("hold")
            importer.signal(signal.SIGSTOP)
            scene.mend()  # returns when the answer is on its way
            importer.kill()
        assert len(scene.rows()) <= (request_number - 1) * 10
        assert_resumes(scene)
        assert scene.raw_count() >= ROWS + 10


def test_killed_with_many_batches_on_the_wire_that_were_taken(tmp_path: Path):
    with server(tmp_path, "--at", "1=hang,2+=hold") as scene:
        write_source(scene.path("events.csv"), ROWS)
        with scene.start("run", "events.csv", "--concurrency", "8") as importer:
            wait_until(lambda: scene.raw_count() == 70, "seven batches were taken, the first was not")
            importer.kill()
        assert scene.rows() == []
        scene.mend()
        assert_resumes(scene, "--concurrency", "8")
        assert scene.raw_count() == ROWS + 70


def test_killed_twice_at_the_same_batch(tmp_path: Path):
    with server(tmp_path, "--at", "4=hold,5=hold") as scene:
        write_source(scene.path("events.csv"), ROWS)
        killed_at(scene, "hold", "run", "events.csv")
        with scene.start("run", "events.csv", "--resume") as importer:
            wait_until(lambda: scene.faults().get("hold") == 2, "a second answer is held")
            importer.kill()
        scene.mend()
        assert_resumes(scene)


def test_killed_while_it_waits_to_try_again(tmp_path: Path):
    with server(tmp_path, "--at", "4+=503") as scene:
        write_source(scene.path("events.csv"), ROWS)
        killed_at(scene, "503", "run", "events.csv", "--retry-wait", "20")
        assert scene.raw_count() <= 3 * 10
        assert_resends_what_has_no_line(scene)


def test_killed_while_it_slows_down(tmp_path: Path):
    with server(tmp_path, "--at", "4+=429", "--retry-after", "20") as scene:
        write_source(scene.path("events.csv"), ROWS)
        killed_at(scene, "429", "run", "events.csv")
        assert scene.raw_count() <= 3 * 10
        assert_resends_what_has_no_line(scene)


# ── around a line of the results ─────────────────────────────────────────────────────────────────


def last_lines(data: bytes, count: int) -> int:
    """Where the last lines of so many begin."""
    return sum(map(len, data.splitlines(keepends=True)[:-count]))


@pytest.mark.parametrize(
    ("torn", "kept"),
    [
        (lambda data: data[: last_lines(data, 1)], 29),
        (lambda data: data[: last_lines(data, 25)], 5),
        (lambda data: data[: last_lines(data, 1) + 1], 29),
        (lambda data: data[: last_lines(data, 1) + 40], 29),
        (lambda data: data[:-1], 29),
        (lambda data: data[: last_lines(data, 30)], 0),
        (lambda data: data[:20], 0),
        (lambda _: b"", 0),
        (lambda data: data[: last_lines(data, 9)] + b"\0" * 512, 21),
        (lambda data: data[: last_lines(data, 9) + 10] + b"\0" * 512 + data[last_lines(data, 1) :], 21),
    ],
    ids=[
        "before a line", "before many lines", "one byte of a line", "half a line", "a line without its end",
        "the header alone", "half the header", "nothing", "a block of NUL", "a block of NUL in the middle",
    ],
)  # fmt: skip
def test_killed_in_the_middle_of_a_line(tmp_path: Path, torn, kept: int):
    """A line is one system call, which no signal cuts: the file is cut after the kill, as a power cut does."""
    with server(tmp_path, "--at", "4=hang") as scene:
        write_source(scene.path("events.csv"), ROWS)
        with scene.start("run", "events.csv") as importer:
            scene.wait_for_fault("hang")
            wait_until(lambda: len(scene.rows()) == 30, "three batches are in the results")
            importer.kill()
        path = scene.path(RESULTS)
        path.write_bytes(torn(path.read_bytes()))
        assert scene.status().counts.imported == kept
        scene.mend()
        assert_resumes(scene)
        assert scene.raw_count() == ROWS + 30 - kept


def test_killed_in_the_middle_of_a_line_of_jsonl(tmp_path: Path):
    """As above: the file is cut after the kill."""
    with server(tmp_path, "--at", "4=hang") as scene:
        write_source(scene.path("events.jsonl"), ROWS)
        results = scene.path("out.jsonl")
        with scene.start("run", "events.jsonl", "--results", "out.jsonl") as importer:
            scene.wait_for_fault("hang")
            importer.kill()
        results.write_bytes(results.read_bytes()[:-30])
        scene.mend()
        ended = scene.ended("run", "events.jsonl", "--results", "out.jsonl", "--resume")
        assert ended.code == 0, ended.said
        assert_whole(scene, ROWS, "out.jsonl")


def test_killed_before_the_last_line_is_known_to_be_the_last(tmp_path: Path):
    """Every line is written, and the manifest does not say that the run has ended: it is put back as it was."""
    with server(tmp_path, "--at", "10=hold") as scene:
        write_source(scene.path("events.csv"), ROWS)
        with scene.start("run", "events.csv") as importer:
            scene.wait_for_fault("hold")
            at_work = scene.path(MANIFEST).read_bytes()
            scene.mend()
            assert importer.ended().code == 0
        scene.path(MANIFEST).write_bytes(at_work)
        status = scene.status()
        assert (status.reconciles, status.unattempted, status.next_step) == (True, 0, None)
        assert_resumes(scene)
        assert scene.raw_count() == ROWS  # nothing was left to send
        assert manifest(scene)["exit_code"] == 0


# ── around the manifest ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("draft", [b"", b'{"manifest_version": 1, "kind": "re', b"\0" * 300])
def test_killed_before_the_first_manifest_was_renamed(tmp_path: Path, draft: bytes):
    """The draft is left behind as a crash leaves it: no manifest, no results, and nothing was sent."""
    with server(tmp_path) as scene:
        write_source(scene.path("events.csv"), ROWS)
        scene.path(f"{MANIFEST}.tmp").write_bytes(draft)
        assert_resumes(scene)


def test_killed_before_the_manifest_of_a_resume_was_renamed(tmp_path: Path):
    """Likewise a draft beside the manifest of the run that was killed before."""
    with server(tmp_path, "--at", "4=hang") as scene:
        write_source(scene.path("events.csv"), ROWS)
        killed_at(scene, "hang", "run", "events.csv")
        scene.path(f"{MANIFEST}.tmp").write_bytes(scene.path(MANIFEST).read_bytes()[:100])
        scene.mend()
        assert_resumes(scene)


@pytest.mark.parametrize("option", [(), ("--resume",), ("--overwrite",)])
def test_killed_between_the_manifest_and_the_results(tmp_path: Path, option: tuple[str, ...]):
    """The results are removed after the kill: a crash between the two leaves a manifest alone."""
    with server(tmp_path, "--at", "1=hang") as scene:
        write_source(scene.path("events.csv"), ROWS)
        killed_at(scene, "hang", "run", "events.csv")
        scene.path(RESULTS).unlink()
        scene.mend()
        ended = scene.ended("run", "events.csv", *option)
        assert ended.code == 0, ended.said
        assert_whole(scene, ROWS)


def test_killed_between_emptied_results_and_their_new_manifest(tmp_path: Path):
    """The results are emptied after a run, as ``--overwrite`` does before it writes its manifest."""
    with server(tmp_path) as scene:
        write_source(scene.path("events.csv"), ROWS)
        assert scene.ended("run", "events.csv").code == 0
        path = scene.path(RESULTS)
        path.write_bytes(path.read_bytes().partition(b"\n")[0] + b"\n")
        assert_resumes(scene)
        assert scene.raw_count() == 2 * ROWS  # sent again, and there once


@pytest.mark.parametrize("fault", ["hang", "hold"])
def test_killed_while_results_are_replaced(tmp_path: Path, fault: str):
    with server(tmp_path, "--at", f"14={fault}") as scene:
        write_source(scene.path("events.csv"), ROWS)
        assert scene.ended("run", "events.csv").code == 0
        killed_at(scene, fault, "run", "events.csv", "--overwrite")
        scene.mend()
        assert_resumes(scene)


def test_a_lock_that_a_killed_run_left_locks_nothing(tmp_path: Path):
    with server(tmp_path, "--at", "4=hang") as scene:
        write_source(scene.path("events.csv"), ROWS)
        killed_at(scene, "hang", "run", "events.csv")
        assert scene.path(f"{RESULTS}.lock").exists()
        scene.mend()
        assert_resumes(scene)


# ── before anything is sent ──────────────────────────────────────────────────────────────────────


def open_files(process: int) -> set[Path]:
    """The files that a process has open, as far as none is closed while they are listed."""
    found = set()
    for descriptor in Path(f"/proc/{process}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(descriptor.readlink())
    return found


def test_killed_while_every_value_is_looked_at(tmp_path: Path):
    with server(tmp_path) as scene:
        source = write_source(scene.path("events.csv"), 400_000)
        with scene.start("run", "events.csv", "--limit", str(ROWS)) as importer:
            wait_until(lambda: source in open_files(importer.process.pid), "the source is open")
            importer.kill()
        assert {path.name for path in tmp_path.iterdir()} == {"events.csv", "stderr.txt", "stdout.txt"}
        assert scene.requests() == 0
        assert_resumes(scene, "--limit", str(ROWS))


def feed(importer: Importer, data: bytes) -> None:
    assert importer.process.stdin
    importer.process.stdin.write(data)
    importer.process.stdin.flush()


def test_killed_while_standard_input_is_kept(tmp_path: Path):
    with server(tmp_path) as scene:
        data = write_source(tmp_path / "fed.csv", ROWS).read_bytes()
        blank = b"\n" * (1 << 21)
        with scene.start("run", "-") as importer:
            feed(importer, data + blank)
            part = scene.path("stdin.results.csv.source.part")
            wait_until(lambda: part.exists() and part.stat().st_size >= 1 << 20, "a part is kept")
            importer.kill()
        assert not scene.path("stdin.results.csv.source").exists()
        assert not scene.path("stdin.results.csv").exists()
        assert scene.requests() == 0
        with scene.start("run", "-", "--resume") as importer:
            feed(importer, data)
            ended = importer.ended()
        assert ended.code == 0, ended.said
        assert_whole(scene, ROWS, "stdin.results.csv")


def test_killed_while_standard_input_is_sent(tmp_path: Path):
    with server(tmp_path, "--at", "4=hold") as scene:
        data = write_source(tmp_path / "fed.csv", ROWS).read_bytes()
        with scene.start("run", "-") as importer:
            feed(importer, data)
            importer.process.stdin.close()
            scene.wait_for_fault("hold")
            importer.kill()
        kept = scene.path("stdin.results.csv.source")
        assert kept.read_bytes() == data
        scene.mend()
        ended = scene.ended("run", "-", "--resume")  # nothing is fed: what was kept is the source
        assert ended.code == 0, ended.said
        assert not kept.exists()
        assert_whole(scene, ROWS, "stdin.results.csv")


# ── other ways to run ────────────────────────────────────────────────────────────────────────────


def test_killed_in_the_middle_of_a_compressed_source(tmp_path: Path):
    with server(tmp_path, "--at", "4=hold") as scene:
        assert write_source(scene.path("events.csv.gz"), ROWS).read_bytes()[:2] == gzip.compress(b"")[:2]
        killed_at(scene, "hold", "run", "events.csv.gz")
        scene.mend()
        assert_resumes(scene, source="events.csv.gz")


def test_killed_with_records_that_no_event_can_be_made_of(tmp_path: Path):
    invalid = {1, 2, 29, 30, 31, 77, ROWS}
    with server(tmp_path, "--at", "4=hold") as scene:
        write_source(scene.path("events.csv"), ROWS, invalid)
        killed_at(scene, "hold", "run", "events.csv")
        scene.mend()
        assert scene.ended("run", "events.csv", "--resume").code == 1
        landed = scene.landed()
        assert [*broken_ends(scene.path(RESULTS), landed, ROWS, invalid)] == []
        assert [*broken_landings(landed, set(range(1, ROWS + 1)) - invalid)] == []
        assert scene.status().reconciles


def test_killed_in_a_dry_run(tmp_path: Path):
    """The results are cut after a finished run, and the manifest is put back: dry runs wait for nothing."""
    with server(tmp_path) as scene:
        write_source(scene.path("events.csv"), ROWS, {7})
        command = ["run", "events.csv", "--dry-run"]
        assert run_as_typed(scene, command).code == 1
        path = scene.path("events.dry-run.csv")
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        assert run_as_typed(scene, [*command, "--resume"]).code == 1
        assert path.read_bytes() == whole
        assert [line["status"] for line in read_results(path)].count("valid") == ROWS - 1
        assert scene.requests() == 0


def run_as_typed(scene: Scene, words: list[str]) -> Ended:
    with Importer(scene.folder, words) as importer:
        return importer.ended()


def test_killed_before_it_is_known_how_long_the_source_is(tmp_path: Path):
    with server(tmp_path, "--at", "4=hang") as scene:
        source = write_source(scene.path("events.csv"), ROWS)
        with source.open("ab") as file:
            # So large that it is not read before, if its types are declared.
            file.write((b"#" * 999 + b"\n") * 17_000)
        declared = ("--type", "n=integer", "--type", "plan=string", "--comment", "#")
        killed_at(scene, "hang", "run", "events.csv", *declared)
        status = scene.status()
        assert (status.scope, status.unattempted, status.reconciles) == (None, None, True)
        assert status.next_step is not None
        assert status.next_step.action == "resume"
        scene.mend()
        assert_resumes(scene)


def test_a_killed_run_is_resumed_by_the_command_that_status_names(tmp_path: Path):
    with server(tmp_path, "--at", "4=hold") as scene:
        write_source(scene.path("events.csv"), ROWS)
        killed_at(scene, "hold", "run", "events.csv", "--tag", "import 7", "--type", "n=string")
        scene.mend()
        status = json.loads(run_as_typed(scene, ["status", RESULTS, "--json"]).data)
        program, *words = status["next"].split()
        assert program == "mixpanel-importer"
        assert run_as_typed(scene, [*words, "--yes"]).code == 0
        landed = scene.landed()
        assert len(landed) == ROWS
        assert {each["import_tag"] for each in landed} == {"import 7"}
        assert {type(each["n"]) for each in landed} == {str}
