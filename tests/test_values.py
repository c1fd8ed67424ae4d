"""docs/values.md is checked row by row: what the tables say is what would be sent."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
import tomllib
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from importer.cli.app import app
from importer.errors import UsageError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent


def rows_of(title: str) -> list[list[str]]:
    """Return the cells of the table under a heading of docs/values.md."""
    section = (ROOT / "docs/values.md").read_text("utf-8").split(f"# {title}\n")[1]
    section = re.split(r"\n##+ ", section)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def cells(text: str) -> list[str]:
    return [
        cell.strip()[1:-1] if cell.strip().startswith("`") else cell.strip() for cell in text.split(" · ")
    ]


@pytest.mark.parametrize(
    "row", [*rows_of("Cells of a CSV column"), *rows_of("Which numbers are numbers")], ids=lambda row: row[0]
)
def test_cells_of_a_column_land_as_the_table_says(row: list[str], tmp_path: Path) -> None:
    found, kind, expected = row
    check_column(tmp_path, found, "", kind, expected)


@pytest.mark.parametrize("row", rows_of("Numbers as people write them"), ids=lambda row: f"{row[0]} {row[1]}")
def test_numbers_as_people_write_them_land_as_the_table_says(row: list[str], tmp_path: Path) -> None:
    found, options, kind, expected = row
    check_column(tmp_path, found, options.strip("`"), kind, expected)


def check_column(tmp_path: Path, found: str, options: str, kind: str, expected: str) -> None:
    source = tmp_path / "cells.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["event", "user_id", "time", "value"])
        for number, cell in enumerate(cells(found)):
            writer.writerow(["E", f"u{number}", "2024-05-01T10:00:00Z", "" if cell == "∅" else cell])
    bodies, _, mapping = previewed(source, tmp_path, options)
    assert mapping["types"]["value"] == kind
    for body, value in zip(bodies, expected.split(" · "), strict=True):
        properties = json.loads(body)["properties"]
        if value.strip() == "absent":
            assert "value" not in properties
        else:
            wanted = json.loads(value.strip()[1:-1])
            assert (properties["value"], type(properties["value"])) == (wanted, type(wanted))


@pytest.mark.parametrize("row", rows_of("Times"), ids=lambda row: f"{row[0]} {row[1]}")
def test_times_land_as_the_table_says(row: list[str], tmp_path: Path) -> None:
    found, options, expected = row
    source = tmp_path / "times.csv"
    source.write_text(f'event,user_id,time\nE,u1,"{found[1:-1]}"\n', "utf-8")
    words = options[1:-1]
    check(source, tmp_path, words, expected, "time")


@pytest.mark.parametrize("row", rows_of("Formats of times"), ids=lambda row: f"{row[0]} {row[1]}")
def test_formats_of_times_are_honoured_or_refused_as_the_table_says(row: list[str], tmp_path: Path) -> None:
    form, found, more, expected = row
    source = tmp_path / "times.csv"
    source.write_text(f'event,user_id,time\nE,u1,"{found[1:-1]}"\n', "utf-8")
    options = f"--time-format {shlex.quote(form[1:-1])} {more[1:-1]}"
    if not expected.startswith("refused: "):
        check(source, tmp_path, options, expected, "time")
        return
    with pytest.raises(UsageError) as refused:
        preview(source, *shlex.split(options))
    assert expected.removeprefix("refused: ") in f"{refused.value.message}\n{refused.value.remedy}"


@pytest.mark.parametrize("row", rows_of("Values of JSONL"), ids=lambda row: row[0])
def test_values_of_jsonl_land_as_the_table_says(row: list[str], tmp_path: Path) -> None:
    found, expected = row
    source = tmp_path / "values.jsonl"
    head = '{"event": "E", "distinct_id": "u", "time": 1714557600'
    source.write_text(f'{head}}}\n{head}, "value": {found[1:-1]}}}\n', "utf-8")
    check(source, tmp_path, "", expected, "value", last=True)


@pytest.mark.parametrize("row", rows_of("Values of several columns"), ids=lambda row: f"{row[0]} {row[1]}")
def test_values_of_several_columns_land_as_the_table_says(row: list[str], tmp_path: Path) -> None:
    found, options, expected = row
    values = dict(cell.split("=", 1) for cell in cells(found))
    rest = {"event": "E", "time": "2024-05-01T10:00:00Z"}
    if "clock" in values:
        del rest["time"]
    given = rest | {name: "" if value == "∅" else value for name, value in values.items()}
    source = tmp_path / "columns.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([given.keys(), given.values()])
    (body,), _, _ = previewed(source, tmp_path, options.strip("`"))
    properties = json.loads(body)["properties"]
    for name, value in (cell.split("=", 1) for cell in cells(expected)):
        assert properties.get(name) == (None if value == "∅" else json.loads(value)), name


@pytest.mark.parametrize("row", rows_of("Fields"), ids=lambda row: f"{row[0]} {row[1]}")
def test_fields_land_as_the_table_says(row: list[str], tmp_path: Path) -> None:
    found, options, expected = row
    source = tmp_path / "fields.jsonl"
    line = {"event": "E", "distinct_id": "u", "time": 1714557600, **json.loads(f"{{{found[1:-1]}}}")}
    source.write_text(json.dumps(line) + "\n", "utf-8")
    check(source, tmp_path, options.strip("`"), expected, found.split('"')[1])


@pytest.mark.parametrize("row", rows_of("Deep objects"), ids=lambda row: f"{row[0]} {row[1]}")
def test_deep_objects_land_as_the_table_says(row: list[str], tmp_path: Path) -> None:
    found, deep, expected = row
    source = tmp_path / "deep.jsonl"
    source.write_text(
        f'{{"event": "E", "distinct_id": "u", "time": 1714557600, "v": {found[1:-1]}}}\n', "utf-8"
    )
    check(source, tmp_path, f"--deep {deep[1:-1]}", expected, "v")


def check(source: Path, folder: Path, options: str, expected: str, name: str, *, last: bool = False) -> None:
    bodies, notes, _ = previewed(source, folder, options)
    body = bodies[-1 if last else 0]
    if expected.startswith("invalid: "):
        assert "would not be sent" in body
        assert expected.removeprefix("invalid: ") in body
    else:
        event = json.loads(body)
        wanted = json.loads(expected.removesuffix(" noted").strip("`"))
        properties = {"event": event["event"], **event["properties"]}
        if name == "v":
            assert {key: value for key, value in properties.items() if key.startswith("v")} == wanted
        else:
            assert properties[name] == wanted
    assert bool(notes) == expected.endswith(" noted")


def preview(source: Path, *options: str) -> str:
    """Return what the command prints, within this process: a new one for each row would take minutes."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        app(["preview", str(source), *options], standalone_mode=False)
    return printed.getvalue()


def previewed(source: Path, folder: Path, options: str) -> tuple[list[str], list[str], dict[str, Any]]:
    """Return the first events and their notes as the preview shows them, and the mapping file that it saves."""
    printed = preview(source, "--save", str(folder / "m.toml"), *shlex.split(options))
    shown = printed.split("as they would be sent:\n")[1].split("\n\n")[0].splitlines()
    bodies = [line for line in shown if line.startswith(("{", "row "))]
    notes = [line for line in shown if line.startswith("  note: ")]
    return bodies, notes, tomllib.loads((folder / "m.toml").read_text("utf-8"))
