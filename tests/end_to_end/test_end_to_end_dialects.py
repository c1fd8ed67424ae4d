"""Files as people have them: what the plan says of each, what lands, and that the offered option does it."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from end_to_end_helpers import Server, Shell

HEAD = "event,time,distinct_id,a\n"
T = "2024-05-01T10:00:00Z"


def landed(shell: Shell, server: Server, name: str, *options: str) -> list[object]:
    """Import a file, and return the property ``a`` of each event."""
    result = shell.type("run", name, "--yes", *options)
    assert result.code == 0, result.err
    return [event["properties"].get("a") for event in server.events()]


@pytest.mark.parametrize(
    ("text", "options", "shown", "values"),
    [
        (f'event, time, distinct_id, "a"\nx, {T}, u1, "q, r"\n', [], "CSV, comma + space, utf-8", ["q, r"]),
        (f"{HEAD}x,{T},u1,first\rsecond\nx,{T},u1,ok\n", [], "CSV, comma, utf-8 ·", ["first\rsecond", "ok"]),
        (f"{HEAD}x,{T},u1,y\n".replace("\n", "\r"), [], "lines end in CR", ["y"]),
        (
            f"sep=;\r\n{HEAD}x,{T},u1,y\n".replace(",", ";"),
            [],
            "semicolon, utf-8, the first line names the delimiter",
            ["y"],
        ),
        (f"Title\n\n{HEAD}x,{T},u1,y\n", ["--skip-lines", "2"], "2 lines skipped", ["y"]),
        (f"#x\n{HEAD}#y\nx,{T},u1,y\n", ["--comment", "#"], "comments begin with #", ["y"]),
        (f"{HEAD}x,{T},u1,y,\n", [], "a delimiter after each record", ["y"]),
        (f'{HEAD}x,{T},u1,"say \\"hi\\", ok"\n', ["--escape", "\\"], "escape \\", ['say "hi", ok']),
        (f"{HEAD}x,{T},u1,y\n".replace(",", "\x01"), ["--delimiter", "\\x01"], "'\\x01'", ["y"]),
    ],
)
def test_the_plan_shows_how_a_file_is_read_and_its_values_land(
    shell: Shell, server: Server, text: str, options: list[str], shown: str, values: list[object]
) -> None:
    (shell.folder / "events.csv").write_bytes(text.encode())

    assert shown in shell.type("run", "events.csv", "--dry-run", *options).err
    assert landed(shell, server, "events.csv", *options) == values


@pytest.mark.parametrize(
    "text",
    [f"Export of 1 May\n# internal\n\n{HEAD}x,{T},u1,y\n", f"'event','time','a'\n'x','{T}','y'\n"],
)
def test_the_option_that_a_refusal_offers_reads_the_file(shell: Shell, server: Server, text: str) -> None:
    shell.write("events.csv", text)

    result = shell.type("run", "events.csv", "--yes")

    assert result.code != 0
    assert "--map" not in result.err
    offered = result.err.partition("Read it like this: ")[2].splitlines()[0]
    assert landed(shell, server, "events.csv", *shlex.split(offered)) == ["y"]


def test_the_option_that_an_error_offers_reads_the_record(shell: Shell, server: Server) -> None:
    shell.write("events.csv", f'{HEAD}x,{T},u1,"say \\"hi\\", ok"\n')
    result = shell.type("run", "events.csv", "--dry-run")
    offered = result.err.partition("is a quote in a cell: ")[2].splitlines()[0]

    assert landed(shell, server, "events.csv", *shlex.split(offered)) == ['say "hi", ok']


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (f"sep=;\n{HEAD}x,,u1,y\nx,{T},u1,z\n".replace(",", ";"), []),
        (f"Title\n\n{HEAD}x,,u1,y\nx,{T},u1,z\n", ["--skip-lines", "2"]),
        (f"#t\n{HEAD}x,,u1,y\n#\nx,{T},u1,z\n", ["--comment", "#"]),
        (f"{HEAD}x,,u1,y\nx,{T},u1,z\n".replace(",", ", "), []),
        (f"{HEAD}x,,u1,y,\nx,{T},u1,z,\n", []),
        (f"{HEAD}x,,u1,y\nx,{T},u1,z\n".replace("\n", "\r"), []),
        (f'{HEAD}x,,u1,"y"\nx,{T},u1,"\\"z"\n', ["--escape", "\\"]),
    ],
)
def test_failed_rows_are_read_again_in_the_dialect_of_their_source(
    shell: Shell, server: Server, text: str, options: list[str]
) -> None:
    (shell.folder / "events.csv").write_bytes(text.encode())
    result = shell.type("run", "events.csv", "--yes", "--failed-rows", "bad.csv", *options)
    assert result.code == 1
    bad = shell.folder / "bad.csv"
    data = bad.read_bytes().decode()
    assert data.count("u1") == 1
    bad.write_bytes(
        data.replace("x,,", f"x,{T},").replace("x;;", f"x;{T};").replace("x, ,", f"x, {T},").encode()
    )

    (command,) = (line for line in result.err.splitlines() if "run bad.csv" in line)
    words = shlex.split(command[command.index("run bad.csv") :])
    assert shell.type(*words, "--yes").code == 0
    assert sorted(event["properties"]["a"] for event in server.events()) in (["y", "z"], ['"z', "y"])


def test_an_invalid_record_is_cured_by_a_retry_with_another_dialect(shell: Shell, server: Server) -> None:
    shell.write("events.csv", f'{HEAD}x,{T},u1,"say \\"hi\\""\nx,{T},u2,z\n')
    assert shell.type("run", "events.csv", "--yes").code == 1

    assert shell.type("retry", "events.results.csv", "--yes", "--escape", "\\").code == 0

    assert sorted(event["properties"]["a"] for event in server.events()) == ['say "hi"', "z"]


def test_a_good_line_below_hundreds_that_json_cannot_hold_lands(shell: Shell, server: Server) -> None:
    bad = '{"event":"L","time":1714557600,"distinct_id":"u","v":NaN}\n'
    shell.write("events.jsonl", bad * 300 + bad.replace("NaN", "1"))

    result = shell.type("run", "events.jsonl", "--yes")

    assert result.code == 1
    assert [event["event"] for event in server.events()] == ["L"]
    rows = shell.results("events.results.csv")
    assert all("NaN is no JSON" in row["error"] for row in rows[:300])
    assert rows[300]["status"] == "imported"


def test_lines_that_are_no_objects_at_all_are_refused_with_their_own_reasons(bare: Shell) -> None:
    bare.write("events.jsonl", '{"event":L}\n' * 3)

    result = bare.type("run", "events.jsonl", "--dry-run")

    assert result.code != 0
    assert "line 1: no JSON at column" in result.err


@pytest.mark.slow
def test_records_that_end_in_a_separator_are_refused_with_the_command_that_parts_them(
    shell: Shell, server: Server
) -> None:
    fields = [["event", "time", "user_id"], ["A", "1714557600", "u1"], ["B", "1714557601", "u2"]]
    shell.write("events.dat", "".join("\x1f".join(record) + "\x1e" for record in fields))
    refused = shell.type("run", "events.dat", "--yes")
    assert refused.code == 2
    (command,) = [line.partition(": ")[2] for line in refused.err.splitlines() if "tr " in line]
    subprocess.run(["bash", "-c", command], cwd=shell.folder, check=True)
    assert shell.type("run", "events.lines.csv", "--yes").code == 0
    assert sorted(each["event"] for each in server.events()) == ["A", "B"]
