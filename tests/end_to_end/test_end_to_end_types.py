"""Columns that may be something else than they seem: what the plan says of them, and what its remedies do."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from end_to_end_helpers import Shell

pytestmark = pytest.mark.slow

HEAD = "event;time;distinct_id;value\n"


def dry_run(shell: Shell, cells: list[str], options: str = "") -> dict[str, Any]:
    """Return the manifest of a dry run of a file with one further column."""
    rows = (f"E;2024-05-01T10:00:00Z;u{n};{cell}\n" for n, cell in enumerate(cells))
    (shell.folder / "a.csv").write_text(HEAD + "".join(rows), "utf-8")
    done = shell.type(
        "run",
        "a.csv",
        "--dry-run",
        "--json",
        "--results",
        "a.results.csv",
        "--overwrite",
        *shlex.split(options),
    )
    assert done.out, done.err
    manifest: dict[str, Any] = json.loads(done.out)
    return manifest


def said(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in manifest["attention"] if each["level"] == "decision"]


@pytest.mark.parametrize(
    ("cells", "code", "text", "rows", "remedies", "kinds"),
    [
        (
            ["1.10", "1.1"],
            "number-forms",
            "value is text, since its numbers have two forms: 1.10 has 2 decimals and ends in 0, 1.1 has 1 decimal",
            [1, 2],
            ["--type value=number"],
            ["number"],
        ),
        (
            ["5", "799642630.1717000001", "799642630.1717000002"],
            "number-forms",
            "value is text, since 799642630.1717000001 has more than 15 digits: as a number, it would be 799642630.1717",
            [2],
            ["--type value=number"],
            ["number"],
        ),
        (
            ["0.1", "0.30000000000000004"],
            "number-forms",
            "value is text, since 0.30000000000000004 has more than 15 digits",
            [2],
            ["--type value=number"],
            ["number"],
        ),
        (
            ["12E3", "45E6"],
            "number-forms",
            "value is text, since 12E3 has an exponent without sign or decimal point: as a number, it would be 12000",
            [1],
            ["--type value=number"],
            ["number"],
        ),
        (
            ["1e22", "1e23"],
            "number-forms",
            "value is text, since 1e22 has an exponent without sign or decimal point: as a number, it would be 1e+22",
            [1],
            ["--type value=number"],
            ["number"],
        ),
        (
            ["20", "2e1", "NULL"],
            "number-forms",
            "value is text, since its numbers have two forms: 20 has no exponent, 2e1 has an exponent",
            [1, 2],
            ["--null NULL --type value=number"],
            ["number"],
        ),
        (
            ["10.210,10", "0,5"],
            "decimal-mark",
            "value would be a number with --decimal , --thousands . (10.210,10 is 10210.1)",
            [1],
            ["--decimal , --thousands ."],
            ["number"],
        ),
        (
            ["5", "1,234"],
            "decimal-mark",
            "value would be a number with --decimal , (1,234 is 1.234) or with --thousands , (1,234 is 1234)",
            [2],
            ["--decimal ,", "--thousands ,"],
            ["number", "integer"],
        ),
        (
            ["1 234", "1\u00a0234,5"],
            "decimal-mark",
            "value would be a number with --decimal , --thousands ' ' (1 234 is 1234)",
            [1],
            ["--decimal , --thousands ' '"],
            ["number"],
        ),
        (
            ["45.67%", "5%"],
            "decimal-mark",
            "value would be a number with --decimal . (45.67% is 45.67, without its %)",
            [1],
            ["--decimal . --type value=number"],
            ["number"],
        ),
        (
            ["1.234,56-", "5,00"],
            "decimal-mark",
            "value would be a number with --decimal , --thousands . (1.234,56- is -1234.56)",
            [1],
            ["--decimal , --thousands . --type value=number"],
            ["number"],
        ),
        (
            ["5.00", "($6.00)"],
            "decimal-mark",
            "value would be a number with --decimal . (($6.00) is -6, without its $)",
            [2],
            ["--decimal . --type value=number"],
            ["number"],
        ),
        (
            ["1", "NULL", "2", r"\N"],
            "null-words",
            r"value would be a number but for 2 cells NULL or \N",
            [2, 4],
            [r"--null NULL --null '\N'"],
            ["integer"],
        ),
        (
            ["pro", "NULL", "free", r"\N", "NULL"],
            "null-words",
            r"in the first 5 records, 3 cells of value are NULL or \N: sent as text",
            [2, 4, 5],
            [r"--null NULL --null '\N'"],
            ["string"],
        ),
        (
            [r"\N", r"\N"],
            "null-words",
            r"in the first 2 records, 2 cells of value are \N: sent as text",
            [1, 2],
            [r"--null '\N'"],
            ["string"],
        ),
        (
            ["true", "(not set)"],
            "null-words",
            "value would be a boolean but for 1 cell (not set)",
            [2],
            ["--null '(not set)'"],
            ["boolean"],
        ),
        (
            ["2024-05-01 10:00", "N/A"],
            "null-words",
            "value would be a date or a time but for 1 cell N/A",
            [2],
            ["--null N/A"],
            ["string"],
        ),
    ],
)
def test_what_is_said_of_a_column_is_mended_by_what_is_to_be_typed(
    bare: Shell,
    cells: list[str],
    code: str,
    text: str,
    rows: list[int],
    remedies: list[str],
    kinds: list[str],
):
    before = dry_run(bare, cells)
    (found,) = said(before)
    assert (found["code"], found["text"]) == (code, text)
    assert [row["row"] for row in found["rows"]] == rows
    assert found["remedy"] == " or ".join(remedies)
    assert before["reading"]["types"]["value"] == "string"
    for remedy, kind in zip(remedies, kinds, strict=True):
        after = dry_run(bare, cells, remedy)
        assert said(after) == []
        assert after["reading"]["types"]["value"] == kind
        assert (after["counts"]["valid"], after["counts"]["invalid"]) == (len(cells), 0)


@pytest.mark.parametrize("option", ["--type value=string", "--type value=skip", "--map distinct_id=value"])
def test_nothing_is_said_of_a_column_that_its_owner_has_spoken_of(bare: Shell, option: str):
    for cells in (["1.10", "1.1"], ["1,5", "2"], ["1", "NULL"]):
        codes = {each["code"] for each in said(dry_run(bare, cells, option))}
        assert codes.isdisjoint({"number-forms", "decimal-mark"})
        assert option.startswith("--map") or "null-words" not in codes


def test_a_point_that_an_option_makes_a_mark_for_thousands_is_named(bare: Shell):
    options = "--decimal , --thousands ."
    read = dry_run(bare, ["52.123", "13.405"], options)
    (found,) = said(read)
    read_so = "value is read with --decimal , --thousands ."
    assert found["text"] == (
        f"{read_so}: 52.123 is 52123, where it would be 52.123 without; "
        "as json it has decimal points; as string it stays as it is written"
    )
    assert read["reading"]["types"]["value"] == "integer"
    remedies = found["remedy"].split(" or ")
    for remedy, kind in zip(remedies, ["json", "string"], strict=True):
        kept = dry_run(bare, ["52.123", "13.405"], f"{options} {remedy}")
        assert said(kept) == []
        assert kept["reading"]["types"]["value"] == kind


def test_numbers_of_two_readings_in_one_column_are_text(bare: Shell):
    (found,) = said(dry_run(bare, ["5,5", "1.234"], "--decimal ,"))
    assert found["text"] == "value is text: 5,5 is a number with --decimal , but 1.234 is none"
    assert said(dry_run(bare, ["5,5", "1.234"], found["remedy"])) == []


def test_the_plan_says_what_becomes_of_marks_and_signs(bare: Shell):
    (bare.folder / "a.csv").write_text(HEAD + "E;2024-05-01T10:00:00Z;u;45,67%\n", "utf-8")
    done = bare.type("preview", "a.csv", "--decimal", ",", "--thousands", ".", "--type", "value=number")
    assert "1.234,56 is 1234.56" in done.out
    assert "a currency sign or % is left out: 45,67% is sent as 45.67" in done.out
    assert '"value":45.67' in done.out


def test_marks_that_make_no_sense_are_refused_wherever_they_stand(bare: Shell):
    (bare.folder / "a.csv").write_text(HEAD + "E;2024-05-01T10:00:00Z;u;1,5\n", "utf-8")
    (bare.folder / "m.toml").write_text('decimal = "."\nthousands = "."\n', "utf-8")
    for words in (["--decimal", ",", "--thousands", ","], ["--mapping", "m.toml"]):
        done = bare.type("run", "a.csv", "--dry-run", *words)
        assert done.code == 2
        assert "it is the decimal mark, too" in done.err


@pytest.mark.parametrize(
    ("cells", "odd", "kind"),
    [(["1", "2"], "n/a?", "number"), (["1.5"], "inf", "number"), (["true"], "yes", "boolean")],
)
def test_one_odd_cell_that_makes_text_of_a_column_is_named(
    bare: Shell, cells: list[str], odd: str, kind: str
):
    cells = cells * 300 + [odd]
    (found,) = said(dry_run(bare, cells))
    assert (found["code"], found["count"], found["remedy"]) == ("number-forms", 0, f"--type value={kind}")
    assert found["text"] == (
        f"value is text because of '{odd}', though its first 100 values are {kind}s; with --type, such records"
        " are invalid"
    )
    assert [row["row"] for row in found["rows"]] == [len(cells)]
    after = dry_run(bare, cells, found["remedy"])
    assert after["reading"]["types"]["value"] == kind
    assert (after["counts"]["valid"], after["counts"]["invalid"]) == (len(cells) - 1, 1)


@pytest.mark.parametrize(
    ("cells", "text"),
    [
        (["1.234", "12.501"], "value: 1.234 is read as 1.234; with --decimal , --thousands . it is 1234"),
        (["950", "12.500"], "value: 12.500 is text; with --decimal , --thousands . it is 12500"),
    ],
)
def test_a_point_that_may_part_thousands_is_named_in_a_file_of_semicolons(
    bare: Shell, cells: list[str], text: str
):
    (found,) = said(dry_run(bare, cells))
    assert (found["code"], found["text"]) == ("decimal-mark", text)
    assert found["remedy"] == "--decimal , --thousands ."
    after = dry_run(bare, cells, found["remedy"])
    assert after["reading"]["types"]["value"] == "integer"
    assert after["counts"]["valid"] == len(cells)
