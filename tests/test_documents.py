"""Each command of the README and of docs/ is typed, and must print what the document shows."""

from __future__ import annotations

import difflib
import io
import re
import shutil
import socket
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import documents
import pytest
from documents import PAGES, ROOT, Typed, all_pages, blocks, commands, mixpanel
from typer.main import get_command

from importer.cli.app import app
from importer.cli.help_page import ENVIRONMENT, EXIT_CODES, OTHER_OPTIONS
from importer.cli.progress_bar import ProgressLines
from importer.events.mapping_keys import ENTRY_KEYS, KEYS, PAIR_KEYS
from importer.events.types import COLUMN_TYPES
from importer.reading import FIELDS, MaskKind
from importer.sandbox.faults import SHARES


def commands_of_the_product() -> list[str]:
    return get_command(app).list_commands(None)


_PORT = "8090"
"""That of the sandbox by itself; tests take a free one in its place."""

_VARYING = (
    (re.compile(r"(sandbox, http://127\.0\.0\.1):\d+"), r"\1:PORT"),
    (re.compile(r"\b\d+\.\d s(, [\d,]+ records? a second)?"), "N s"),
    (re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ to 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ(?=  \d)"), "RUN"),
    (re.compile(r'"(version|python|platform)":"[^"]*"'), r'"\1":"…"'),
    (re.compile(r'"(seconds|bytes)":[\d.]+'), r'"\1":0'),
)


def normalized(text: str) -> str:
    """Return an output without what differs from run to run."""
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def is_shown(shown: str, output: str) -> bool:
    """Return whether a document shows an output; its lines ``…`` are any lines."""
    parts = re.split(r"^…$\n?", normalized(shown), flags=re.MULTILINE)
    pattern = r"(?:.*\n)+".join(map(re.escape, parts))
    return re.fullmatch(pattern, normalized(output) + ("\n" if parts[-1] == "" else "")) is not None


def typed_in(page: str, folder: Path) -> list[tuple[Typed, documents.Printed]]:
    """Type the commands of a page into a shell of its own, which finds the samples in its folder."""
    typed = commands((ROOT / page).read_text("utf-8"))
    work, hosts = folder / "work", folder / "hosts"
    hosts.mkdir()
    shutil.copytree(ROOT / "samples", work / "samples")
    port = str(free_port())
    with mixpanel(hosts) as variables:
        printed = documents.run([each.command.replace(_PORT, port) for each in typed], work, **variables)
    texts = [each._replace(output=each.output.replace(port, _PORT)) for each in printed]
    return list(zip(typed, texts, strict=True))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_prints_what_the_page_shows(page: str, tmp_path: Path) -> None:
    for typed, printed in typed_in(page, tmp_path):
        assert printed.code == typed.code, f"{typed.command}\n{printed.output}"
        if typed.shown is not None and not is_shown(typed.shown, printed.output):
            assert normalized(printed.output) == normalized(typed.shown), typed.command


@pytest.mark.parametrize(
    ("shown", "output", "same"),
    [
        ("a\nb\n", "a\nb\n", True),
        ("a\nb", "a\nc\n", False),
        ("a", "a\nb\n", False),
        ("a\n…", "a\nb\nc\n", True),
        ("a\n…", "a\n", False),
        ("…\nc", "a\nb\nc\n", True),
        ("…\nb", "a\nb\nc\n", False),
        ("a\n…\nd", "a\nb\nc\nd\n", True),
        ("a\n…\nd", "a\nb\nc\n", False),
        ("", "a\n", False),
        ("Took         0.1 s", "Took         12.3 s, 1,000 records a second\n", True),
    ],
)
def test_what_is_shown_is_compared_line_by_line(shown: str, output: str, same: bool) -> None:
    assert is_shown(shown, output) is same


def test_commands_are_found_with_what_they_print_and_how_they_end() -> None:
    text = """
```console
$ one --a \\
    --b  # exit code 2
printed
$ two
```

```sh
cat > x <<'END'
three
END
four && five
```
"""
    assert commands(text) == [
        Typed("one --a \\\n    --b  # exit code 2", "printed", 2),
        Typed("two", "", 0),
        Typed("cat > x <<'END'\nthree\nEND", None, 0),
        Typed("four && five", None, 0),
    ]


# ── what the pages say beside commands ───────────────────────────────────────────────────────────


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_are_found(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    assert len(commands(text)) >= 5
    for _, language, content in blocks(text):
        assert language in ("sh", "console", "text"), content
        assert language != "console" or content.startswith("$ "), content
        assert language != "text" or "mixpanel-importer" not in content, content
    fences = re.findall(r"^\s*(?:```|~~~)", text, re.MULTILINE)
    assert len(fences) == 2 * len(list(blocks(text))), "a block that is not closed, or is indented"
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert not re.search(r"^( {4}|\t)\s*(\$ )?mixpanel-importer", prose, re.MULTILINE)
    for words in re.findall(r"`mixpanel-importer ([^`]*)`", prose):
        assert words in ALONE, f"the test does not type it: mixpanel-importer {words}"


ALONE = {"COMMAND --help", "--version"}
"""Commands that a page names in its text; other tests type them."""


@pytest.mark.parametrize("mark", ["run", "test"])
def test_what_installs_is_run_on_a_clean_machine(mark: str) -> None:
    found = [content for name, _, content in blocks((ROOT / "README.md").read_text("utf-8")) if name == mark]
    assert len(found) == 1
    assert found[0].startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert found[0].count("\n") == 1
    assert f"/<!-- command: {mark} -->/" in (ROOT / ".ci/run").read_text("utf-8")


def test_the_first_screen_of_the_readme_shows_installation_a_run_and_its_results() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    screen = "\n".join(text.splitlines()[:40])
    assert ".venv/bin/pip install" in screen
    assert "mixpanel-importer run samples/shop.csv --sandbox" in screen
    assert "$ head -4 shop.sandbox.csv" in screen
    assert text.count("\n") <= 170


def options_of_the_product() -> set[str]:
    """Every flag of every command, as the product itself has it."""
    group = get_command(app)
    flags = {flag for parameter in group.params for flag in parameter.opts}
    for name in commands_of_the_product():
        params = group.get_command(None, name).params
        flags |= {flag for parameter in params for flag in parameter.opts if flag.startswith("-")}
    return flags | {names.split()[0] for names, _ in OTHER_OPTIONS}


def test_every_option_is_on_a_page_and_no_page_has_another() -> None:
    text = re.sub(r"^<!-- command: .*?^```$", "", all_pages(), flags=re.DOTALL | re.MULTILINE)
    written = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*\b", text))
    options = options_of_the_product()
    assert not sorted(each for each in options if each not in written)
    named = {flag for flag in written if flag.startswith("--")}
    assert not sorted(named - options - OF_OTHERS)


OF_OTHERS = {"--help", "--silent", "--request", "--header", "--foreground", "--preserve-status", "--signal"}
"""Options of click, curl and timeout."""


_WRITTEN = (
    re.compile(r"cat > (?P<name>\S+\.toml) <<'END'\n(?P<text>.*)END", re.DOTALL),
    re.compile(r"printf '%s\\n' '(?P<text>[^']*)' > (?P<name>\S+\.toml)"),
)
"""Commands that write a mapping file."""


def mapping_files_of_the_pages() -> list[dict[str, Any]]:
    """Every mapping file that a page writes and then has read."""
    found = []
    for page in PAGES:
        typed = [each.command for each in commands((ROOT / page).read_text("utf-8"))]
        for number, command in enumerate(typed):
            written = next(filter(None, (pattern.fullmatch(command) for pattern in _WRITTEN)), None)
            if written and any(f"--mapping {written['name']}" in each for each in typed[number:]):
                found.append(tomllib.loads(written["text"]))
    return found


def test_every_key_of_a_mapping_file_has_an_example_that_is_typed() -> None:
    shown = {key for each in mapping_files_of_the_pages() for key in each}
    assert not sorted(set(KEYS) - shown)


@pytest.mark.parametrize(
    ("table", "known"),
    [
        ("fields", FIELDS),
        ("types", COLUMN_TYPES),
        ("mask", get_args(MaskKind)),
        ("entries", (*ENTRY_KEYS, "where")),
        ("pairs", PAIR_KEYS),
    ],
)
def test_so_has_all_that_a_table_of_it_takes(table: str, known: Sequence[str]) -> None:
    files = mapping_files_of_the_pages()
    fields = [each for file in files for each in file.get("fields", {}).items()]
    shown = {
        "fields": {name for name, _ in fields},
        "types": {kind for file in files for kind in file.get("types", {}).values()},
        "mask": {kind for file in files for kind in file.get("mask", {}).values()},
        "entries": {
            key for _, columns in fields for entry in columns if isinstance(entry, dict) for key in entry
        },
        "pairs": {key for file in files for pairs in file.get("key_value", {}).values() for key in pairs},
    }
    assert not sorted(set(known) - shown[table])


def test_every_key_of_a_mapping_file_is_in_the_table_of_keys() -> None:
    page = (ROOT / "docs/mapping-files.md").read_text("utf-8")
    table = page.partition("| to say | keys |")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"`(\w+)`", table)) == sorted(KEYS)


def test_every_exit_code_is_on_its_page() -> None:
    text = (ROOT / "docs/exit-codes.md").read_text("utf-8")
    listed = [int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)]
    assert listed == [code for code, _ in EXIT_CODES]


def test_every_variable_is_on_a_page() -> None:
    text = all_pages()
    for names, _ in ENVIRONMENT:
        assert all(f"`{name}`" in text for name in names.split(", ")), names


def test_the_line_of_progress_is_written_so() -> None:
    stream, now = io.StringIO(), [0.0]
    lines = ProgressLines(stream, lambda: now[0])
    lines.begin("Importing", 100)
    lines.update(0, 0, 0)
    now[0] = 30.0
    lines.update(42, 843_390, 12)
    assert stream.getvalue() in (ROOT / "docs/delivery.md").read_text("utf-8")


def test_a_fault_of_the_sandbox_is_on_its_page_in_the_words_of_the_product() -> None:
    text = (ROOT / "docs/sandbox.md").read_text("utf-8")
    rows = "\n".join(line for line in text.splitlines() if line.startswith("| `"))
    for name in (*SHARES, "latency", "rate", "seed"):
        assert f"`{name}=" in rows


@pytest.mark.parametrize(
    "page", [*PAGES, "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/values.md", "docs/decisions.md"]
)
def test_every_link_leads_somewhere(page: str) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", (ROOT / page).read_text("utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), link
        if anchor:
            titles = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}, (
                link
            )


def test_every_page_is_named_in_the_readme_and_every_command() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    for page in (*PAGES[1:], "docs/values.md", "docs/decisions.md"):
        assert f"]({page})" in text
    for name in commands_of_the_product():
        assert f"`{name}`" in text or f"mixpanel-importer {name}" in text


def refreshed(shown: str, output: str) -> str:
    """Return what a document shows anew of an output; what it left out is left out again, if its lines are found."""
    printed, found = output.strip("\n").splitlines(), []
    if "…" not in shown.splitlines():
        return "\n".join(printed)
    for line in shown.splitlines():
        near = [line] if line == "…" else difflib.get_close_matches(line, printed, 1, 0.5)
        if not near:
            return "\n".join(printed)
        found += near
    return "\n".join(found)


if __name__ == "__main__":  # python tests/test_documents.py PAGE...: bring the outputs up to date
    for page in sys.argv[1:]:
        path = ROOT / page
        with tempfile.TemporaryDirectory() as name:
            for typed, printed in typed_in(page, Path(name)):
                if printed.code != typed.code:
                    print(f"{page}: exit code {printed.code}: {typed.command}\n{printed.output}")
                elif typed.shown is not None and not is_shown(typed.shown, printed.output):
                    old, new = typed.shown, refreshed(typed.shown, printed.output)
                    blocks_ = [f"$ {typed.command}\n{each}".rstrip("\n") + "\n" for each in (old, new)]
                    path.write_text(path.read_text("utf-8").replace(*blocks_, 1), "utf-8")
