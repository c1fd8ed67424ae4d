"""Files that nobody means well with: each ends in words and an exit code, never in a traceback or a wait.

Every file goes through the whole command, as a process of its own: checked, previewed and rehearsed.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import pytest
from end_to_end_helpers import CommandResult, Shell, statuses

pytestmark = pytest.mark.slow

GOOD = "Click,2024-05-01T10:00:00Z,u,{}\n"
HEADER = "event,time,user_id,n\n"
LINE = '{{"event": "Click", "time": 1714557600, "user_id": "u", "n": {}}}\n'
CHANCE = random.Random(6)
COMMANDS = (["run", "--dry-run"], ["preview"], ["run", "--sandbox"])
STOPPED = "stopped"
LONG = 10_000_000


class Hostile(NamedTuple):
    """A file, and how it must end.

    Attributes:
        what: What it is.
        name: Its name.
        content: Its bytes.
        says: What is told about it: a pattern over the messages, or over the errors of the results.
        statuses: Outcomes of a dry run in order, in short: ``v`` valid, ``i`` invalid; `STOPPED` if the
            file can't be read at all; empty where a few of the records are all that matters.
        options: What is typed beside it.
    """

    what: str
    name: str
    content: bytes
    says: str
    statuses: str = STOPPED
    options: Sequence[str] = ()


def csv_of(*lines: str) -> bytes:
    return (HEADER + "".join(lines)).encode()


def good(*numbers: int) -> list[str]:
    return [GOOD.format(n) for n in numbers]


def nested(depth: int, opening: str, closing: str) -> str:
    return (
        '{"event": "Click", "time": 1714557600, "user_id": "u", "n": '
        + opening * depth
        + "1"
        + closing * depth
        + "}\n"
    )


def workbook() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in ("[Content_Types].xml", "xl/workbook.xml"):
            archive.writestr(name, "<x/>")
    return content.getvalue()


WORKBOOK = workbook()
PACKED = gzip.compress(csv_of(*good(*range(200_000))))
WIDE = ",".join(f"c{n}" for n in range(10_000))
LINES = [LINE.format(n) for n in range(3)]
ANSI = "\x1b[2J\x1b]0;owned\x07"

FILES = [
    Hostile("random bytes", "e.csv", CHANCE.randbytes(100_000), "binary data"),
    Hostile("random bytes, no name", "e", CHANCE.randbytes(100), "binary data|column|not utf-8|read as CSV"),
    Hostile("random bytes as JSON", "e.jsonl", b'{"event"' + CHANCE.randbytes(100_000), "binary data"),
    Hostile("truncated gzip", "e.csv.gz", PACKED[: len(PACKED) // 2], "cut short"),
    Hostile("a gzip of only a header", "e.csv.gz", PACKED[:12], "cut short|damaged"),
    Hostile("corrupted gzip", "e.csv.gz", PACKED[:50_000] + b"\xff" * 99 + PACKED[50_099:], "damaged|cut short"),
    Hostile("gzip with a wrong checksum", "e.csv.gz", PACKED[:-8] + b"\0" * 4 + PACKED[-4:], "damaged"),
    Hostile("an empty file", "e.csv", b"", "is empty"),
    Hostile("blanks and line breaks", "e.csv", b" \n\n \r\n", "is empty"),
    Hostile("an empty gzip", "e.csv.gz", gzip.compress(b""), "is empty"),
    Hostile("a header alone", "e.csv", HEADER.encode(), "0 records", ""),
    Hostile("a header alone, without an end", "e.csv", HEADER.strip().encode(), "0 records", ""),
    Hostile("a workbook", "e.xlsx", b"PK\x03\x04" + bytes(26) + b"xl/workbook.xml" + bytes(500), "xlsx"),
    Hostile("a workbook by another name", "e.csv", WORKBOOK, "can't be read as a workbook"),
    Hostile("a workbook that is cut", "e.csv", WORKBOOK[:-30], "damaged zip"),
    Hostile("a JSON array", "e.json", b"[\n" + ",\n".join(LINES).encode() + b"]", "", "vvv"),
    Hostile("a JSON array on one line", "e.json", f"[{LINES[0].strip()}]".encode(), "", "v"),
    Hostile("a JSON object over lines", "e.json", b'{\n"event": "a",\n"time": 1}\n', "no epoch", "i"),
    Hostile("UTF-16 with a mark", "e.csv", csv_of(*good(1, 2)).decode().encode("utf-16"), "", "vv"),
    Hostile("UTF-16 without a mark", "e.csv", csv_of(*good(1, 2)).decode().encode("utf-16-le"), "--encoding utf-16-le"),
    Hostile("JSON in UTF-16", "e.jsonl", "".join(LINES).encode("utf-16"), "iconv"),
    Hostile("latin-1", "e.csv", csv_of(*good(1), "Café,1714557600,u,2\n", *good(3)).decode().encode("latin-1"),
            "0xE9 .* --encoding", "viv"),
    Hostile("latin-1 in the header", "e.csv", "événement,time\na,1\n".encode("latin-1"), "--encoding"),
    Hostile("JSON in latin-1", "e.jsonl", (LINES[0] + LINES[1].replace("Click", "Café") + LINES[2]).encode("latin-1"),
            "iconv", "viv"),
    Hostile("NUL bytes in a record", "e.csv", csv_of(*good(1), "Cl\0ick,1714557600,u,2\n", *good(3)), "NUL", "viv"),
    Hostile("NUL bytes in the header", "e.csv", b"event,time,us\0er\na,1714557600,u\n", "NUL"),
    Hostile("NUL bytes in JSON", "e.jsonl", (LINES[0] + "\0\n" + LINES[2]).encode(), "no JSON", "viv"),
    Hostile("columns of one name", "e.csv", b"event,time,n,n\na,1714557600,1,2\n", "'n' 2 times"),
    Hostile("names with escapes", "e.csv", f"event,time,{ANSI}\na,1714557600,{ANSI}\n".encode(), "", "v"),
    Hostile("no field by an escape", "e.csv", f"{ANSI},b\na,1714557600\n".encode(), "no column is known"),
    Hostile("a value with escapes", "e.csv", csv_of(f"Click,{ANSI},u,1\n"), "x1b", "i"),
    Hostile("10,000 columns", "e.csv", f"event,time,{WIDE}\na,1714557600,{WIDE}\n".encode(), "254 properties", "i"),
    Hostile("1,000 columns without a value", "e.csv", f"event,time,{WIDE[:4_889]}\na,1714557600{',' * 1_000}\n".encode(), "", "v"),
    Hostile("10,000 cells under 4 columns", "e.csv", csv_of(*good(1), WIDE + "\n", *good(3)), "expected 4 fields", "viv"),
    Hostile("a line of 10 MB in CSV", "e.csv", csv_of(*good(1), "x" * LONG + "\n", *good(3)), "longer than", "viv"),
    Hostile("a line of 10 MB in JSONL", "e.jsonl", (LINES[0] + LINE.format('"' + "x" * LONG + '"') + LINES[2]).encode(),
            "longer than", "viv"),
    Hostile("nothing but a line of 10 MB", "e.csv", b"x" * LONG, "column|longer"),
    Hostile("nothing but 10 MB of {", "e.jsonl", b"{" * LONG, "JSON"),
    Hostile("a quote that never closes", "e.csv", csv_of(*good(1, 2), 'Click,1714557600,"u,3\n', *good(*range(4, 2_001))),
            "quote that opens", ""),
    Hostile("quotes that never close", "e.csv", csv_of(*good(1), *['Click,"1714557600,u,3\n'] * 2_000), "quote", ""),
    Hostile("nothing but quotes", "e.csv", b'"' * 100_001, "quote|column"),
    Hostile("objects in one another", "e.jsonl", (LINES[0] + nested(100_000, '{"a":', "}") + LINES[2]).encode(), "", "viv"),
    Hostile("arrays in one another", "e.jsonl", (LINES[0] + nested(100_000, "[", "]") + LINES[2]).encode(), "", "viv"),
    Hostile("arrays 1,000 deep", "e.jsonl", (LINES[0] + nested(1_000, "[", "]") + LINES[2]).encode(), "deep", "viv"),
    Hostile("arrays deep in a cell", "e.csv", b'event,time,properties\na,1714557600,"{""a"":' + b"[" * 5_000 + b'"\n',
            "properties", "i"),
    Hostile("an integer of a million digits", "e.jsonl", (LINES[0] + LINE.format("9" * 1_000_000)).encode(), "", "vi"),
    Hostile("a number of a million digits in CSV", "e.csv", csv_of(*good(1), GOOD.format("9" * 1_000_000)), "", "vi"),
    Hostile("another format than it says", "e.jsonl", csv_of(*good(1)), "no line at the beginning", STOPPED, ["--format", "jsonl"]),
    Hostile("an encoding that is none", "e.csv", csv_of(*good(1)), "not an encoding", STOPPED, ["--encoding", "zip"]),
]  # fmt: skip


LIKE_ANOTHER = {
    "a header alone, without an end",
    "JSON in latin-1",
    "NUL bytes in JSON",
    "1,000 columns without a value",
    "10,000 cells under 4 columns",
    "a line of 10 MB in CSV",
    "quotes that never close",
    "arrays in one another",
    "arrays 1,000 deep",
    "an integer of a million digits",
    "gzip with a wrong checksum",
    "corrupted gzip",
}
"""What a preview shows of these, it shows of others here."""


def said_well(said: CommandResult) -> CommandResult:
    """Check what holds for everything that a command says."""
    assert "Traceback" not in said.err + said.out, said.err[-3000:]
    assert re.sub(r"[\n\t]", "", said.err + said.out).isprintable(), ascii(said.err)
    assert max(map(len, said.err.splitlines()), default=0) < 5_000
    assert said.code in (0, 1, 2), said
    return said


def all_errors(shell: Shell, said: CommandResult) -> str:
    path = shell.folder / "out.csv"
    errors = "\n".join(row["error"] for row in shell.results("out.csv")) if path.exists() else ""
    return f"{said.err}\n{said.out}\n{errors}"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, {"COLUMNS": "100"})


@pytest.mark.parametrize("hostile", FILES, ids=lambda each: each.what)
def test_a_hostile_file_is_told_and_the_rest_is_delivered(shell: Shell, hostile: Hostile):
    shell.write(hostile.name, hostile.content)
    dry = said_well(shell.type("run", "--dry-run", hostile.name, "--results", "out.csv", *hostile.options))
    assert re.search(hostile.says, all_errors(shell, dry)), all_errors(shell, dry)[-2000:]
    if hostile.what not in LIKE_ANOTHER:
        preview = said_well(shell.type("preview", hostile.name, *hostile.options))
        assert (preview.code == 2) == (hostile.statuses == STOPPED)
    if hostile.statuses == STOPPED:
        assert dry.code == 2
        assert "Stopped: " in dry.err
        assert not (shell.folder / "out.csv").exists()
        return
    verdicts = statuses(shell.results("out.csv"))
    if hostile.statuses:
        assert "".join(status[0] for status in verdicts) == hostile.statuses
    assert dry.code == int("invalid" in verdicts)
    assert shell.manifest("out.csv")["reconciled"] is True
    if "valid" not in verdicts:
        return
    sandbox = said_well(
        shell.type("run", "--sandbox", hostile.name, "--results", "sent.csv", *hostile.options)
    )
    assert sandbox.code == dry.code
    landed = ["valid" if status == "imported" else status for status in statuses(shell.results("sent.csv"))]
    assert landed == verdicts


def test_an_unclosed_quote_costs_one_record_of_100_000(shell: Shell):
    shell.write("e.csv", csv_of(*good(1, 2), 'Click,1714557600,"u,3\n', *good(*range(4, 100_001))))
    said = said_well(shell.type("run", "--dry-run", "e.csv", "--results", "out.csv"))
    assert said.code == 1
    rows = shell.results("out.csv")
    assert len(rows) == 100_000
    assert [(row["row"], row["line"]) for row in rows if row["status"] == "invalid"] == [("3", "4")]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_folder_without_sources_is_told(shell: Shell, command: list[str]):
    (shell.folder / "exports").mkdir()
    said = said_well(shell.type(*command, "exports"))
    assert said.code == 2
    assert "exports holds no source" in said.err


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_file_that_is_not_there_is_told(shell: Shell, command: list[str]):
    said = said_well(shell.type(*command, "nowhere.csv"))
    assert said.code == 2
    assert "does not exist" in said.err


def test_a_pipe_with_a_name_is_not_waited_for_by_a_preview(shell: Shell):
    os.mkfifo(shell.folder / "pipe.csv")
    said = said_well(shell.type("preview", "pipe.csv"))
    assert said.code == 2
    assert "not a regular file" in said.err


def test_a_pipe_with_a_name_is_read_to_its_end(shell: Shell):
    os.mkfifo(shell.folder / "pipe.csv")
    writer = Thread(target=(shell.folder / "pipe.csv").write_bytes, args=(csv_of(*good(1, 2)),))
    writer.start()
    said = said_well(shell.type("run", "--dry-run", "pipe.csv", "--results", "out.csv"))
    writer.join()
    assert (said.code, len(shell.results("out.csv"))) == (0, 2)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_file_that_may_not_be_read_is_told(shell: Shell, command: list[str]):
    shell.write("e.csv", csv_of(*good(1))).chmod(0)
    said = said_well(shell.type(*command, "e.csv"))
    assert said.code == 2
    assert "permission denied" in said.err


def test_a_name_that_is_no_text_is_no_traceback(shell: Shell):
    name = os.fsdecode(b"e\xff\x1b[31m.csv")
    shell.write(name, csv_of(*good(1)))
    said = said_well(shell.type("run", "--dry-run", name, "--results", "out.csv"))
    assert said.code == 0
    assert json.loads((shell.folder / "out.csv.run.json").read_bytes())["reconciled"] is True
