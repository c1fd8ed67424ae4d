"""``preview``: shows how a source would be read, and its first events as they would be sent."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from importer.cli.command_lines import repeat_command
from importer.cli.console import Console, LabeledLine
from importer.cli.conversion import declared_reading
from importer.cli.fold import cut_to, width
from importer.cli.options import PreviewOptions, ReadingOptions
from importer.cli.phrases import outcomes_text
from importer.cli.plan import describe_source, dialect_text
from importer.cli.progress_bar import progress_for
from importer.cli.table import table_text
from importer.delivery.protocols import system_now
from importer.errors import UsageError
from importer.events import mapping_file
from importer.events.declared_reading import DeclaredReading
from importer.events.layout import replaced_columns, set_fields
from importer.events.mapper import Mapper
from importer.events.presets import preset_text
from importer.events.property_names import PropertyNames
from importer.model import Event, Record, Rejection, Status
from importer.pipeline.attention import with_attention
from importer.pipeline.job import Survey
from importer.pipeline.mapping_attention import with_mapping_attention
from importer.pipeline.outputs import check_source, holds_several
from importer.pipeline.paths import free_path
from importer.pipeline.resolve import detect_declared, draft_reading, settle_reading
from importer.pipeline.survey import scan_source
from importer.profile.records import open_records
from importer.reading import ColumnProfile, Field, Reading
from importer.source.detect import DetectedSource
from importer.source.members import SourcePath, file_of
from importer.text import PROGRAM, escape_controls, file_command, quoted

_FIRST_EVENTS: Final = 3
_MOST_NAME: Final = 40
"""Most columns of the terminal for the name of a column in the table."""
_MOST_EXAMPLE: Final = 24
"""Most columns of the terminal for an example in the table."""


def preview_source(source: str | None, options: PreviewOptions, reading_options: ReadingOptions) -> int:
    """Print how a source would be read, and its first events as they would be sent. Nothing is sent.

    Args:
        source: The path of the source, as typed; None to copy a preset.
        options: Where the mapping file is written.
        reading_options: How the source is read.

    Returns:
        The exit code, 0.

    Raises:
        ImporterError: Options, source and mapping don't fit, or the mapping file can't be written.
    """
    if _copies_preset(source, options, reading_options):
        return 0
    if source is None:
        raise UsageError(
            "preview: no source is named",
            f"Name a file: {PROGRAM} preview events.csv",
            f"Or copy a preset, to be changed: {PROGRAM} preview --preset amplitude --save mapping.toml",
        )
    if source == "-":
        kept = free_path(lambda number: Path("events.csv" if number == 1 else f"events-{number}.csv"))
        raise UsageError(
            "preview reads its source more than once, so it can't be standard input",
            f"Keep it in a file first: cat > {kept}, then {PROGRAM} preview {kept}",
        )
    path = check_source(source)
    declared = declared_reading(reading_options)
    console = Console(stream=sys.stdout)
    detected = detect_declared(path, declared)
    if options.save is not None:
        _check_save(options.save, file_of(path))
    console.lines(
        [
            LabeledLine("Source", source),
            LabeledLine("Columns", ", ".join(map(_name_text, detected.columns))),
        ]
    )
    draft = draft_reading(detected, declared, Path(source).name, system_now())
    reading, survey = _scan(path, detected, draft)
    found = with_mapping_attention(survey.attention, survey.summary, "", declared, draft)
    survey = replace(survey, attention=found)
    _show_source(path, reading, survey, console)
    if options.save is None:
        console.say()
        console.next(repeat_command("run", add=["--dry-run"]))
        return 0
    preset = preset_text(declared.preset.name) if declared.preset else ""
    mapping_file.save(options.save, reading, survey.columns, preset)
    console.say()
    console.say(f"Saved: {options.save}")
    console.next(file_command("run", source, "--mapping", str(options.save), "--dry-run"))
    return 0


def _copies_preset(source: str | None, options: PreviewOptions, reading_options: ReadingOptions) -> bool:
    """Write the text of a preset as a mapping file, if there is no single source to be read; return whether.

    Raises:
        ImporterError: There is no such preset, something else is said of the reading, or there is a file.
    """
    several = source not in (None, "-") and holds_several(str(source))
    if options.save is None or reading_options.preset is None or not (source is None or several):
        return False
    declared = declared_reading(reading_options)
    if declared.preset is None or declared.preset.own != DeclaredReading():
        raise UsageError(
            "preview --preset NAME --save FILE without a single source copies the preset as it is",
            "Leave out the other options, or name a file that is read by them.",
        )
    if options.save.exists():
        raise UsageError(f"--save {options.save}: there is such a file", "Name another file.")
    _check_save(options.save, options.save)
    options.save.write_text(preset_text(declared.preset.name), "utf-8")
    console = Console(stream=sys.stdout)
    console.say(f"Saved: {options.save}, the preset {declared.preset.name} as it is")
    console.next(file_command("run", source or "SOURCE", "--mapping", str(options.save), "--dry-run"))
    return True


def _check_save(save: Path, source: Path) -> None:
    if source.exists() and save.exists() and source.samefile(save):
        raise UsageError(f"--save {save} is the source", "Name another file.")
    if save.is_dir() or not save.parent.is_dir():
        raise UsageError(
            f"--save {save} can't be written: expected a file in a folder that exists",
            "Make the folder, or name another file.",
        )


def _scan(path: SourcePath, detected: DetectedSource, draft: Reading) -> tuple[Reading, Survey]:
    """Scan a whole source; return the reading with the types that were inferred, and the survey."""
    progress = progress_for(quiet=not sys.stderr.isatty())
    surveyed = scan_source(path, draft, now_ms=system_now(), progress=progress)
    reading = settle_reading(draft, surveyed.types)
    return reading, with_attention(surveyed.survey, detected.attention, system_now())


def _show_source(path: SourcePath, reading: Reading, survey: Survey, console: Console) -> None:
    """Write how a source is read, its columns, and its first events."""
    exploded = survey.summary.exploded if reading.shape.explode else None
    records = outcomes_text(survey.summary.records, exploded)
    console.lines([LabeledLine("Read as", f"{dialect_text(reading.dialect)} · {records}")])
    console.lines(describe_source(reading, survey))
    if survey.columns:
        console.say_as_is("\n" + _column_table(reading, survey.columns, console.columns))
    console.say()
    with open_records(path, reading, to_break=True) as opened:
        items = list(_first_items(opened.chunks(), Mapper(reading, system_now)))
    console.say("The first events, as they would be sent:" if items else "No event would be sent.")
    for item in items:
        _say_item(item, console)


def _column_table(reading: Reading, profiles: Sequence[ColumnProfile], columns: int | None) -> str:
    """Return a table of the columns of a source: what each becomes, its type, and examples.

    Args:
        reading: How the source is read.
        profiles: Its columns.
        columns: Columns of the terminal; None if there is no end to them.
    """
    import pandas as pd  # noqa: PLC0415 - half a second that only the preview needs

    fields = {column: field for field, column in reading.fields.items()}
    replaced = replaced_columns(reading)
    maybe = {entry: field for field, entries in reading.alternatives.items() for entry in entries}
    rows = [
        (
            _name_text(profile.name),
            fields.get(profile.name)
            or (f"{maybe[profile.name]} or " if profile.name in maybe else "")
            + _property_text(reading, profile.name, replaced.get(profile.name)),
            "text" if profile.name in fields else reading.types.get(profile.name, profile.type),
            f"{profile.filled:,}",
            ", ".join(map(_example_text, profile.examples))
            + (
                f"  (text because of {_example_text(profile.odd_value)})"
                if profile.odd_value and reading.types.get(profile.name) == "string"
                else ""
            ),
        )
        for profile in profiles
    ]
    table = pd.DataFrame(rows, columns=["column", "becomes", "type", "filled", "examples"])
    return table_text(table, columns)


def _property_text(reading: Reading, column: str, field: Field | None) -> str:
    """Return what a column becomes that no field takes: ``field`` gives way to something else there."""
    if field is not None and field not in set_fields(reading):
        return f"{field} or -"  # where the mapped column has no value
    is_left_out = field is not None or reading.types.get(column) == "skip"
    name = PropertyNames(reading).of_column(column)
    if is_left_out or name is None:
        return "-"
    return "property" if name == column and column not in reading.names else escape_controls(name)


def _name_text(name: str) -> str:
    return name if name.isprintable() and width(name) <= _MOST_NAME else quoted(name)


def _example_text(text: str) -> str:
    short = cut_to(text, _MOST_EXAMPLE)
    return short if short.isprintable() else repr(short)


def _first_items(
    chunks: Iterable[Sequence[Record | Rejection]], mapper: Mapper
) -> Iterator[Event | Rejection]:
    """Yield what the first records become that are not left out."""
    items = (item for chunk in chunks for item in mapper.map(chunk))
    return islice((item for item in items if not _is_left_out(item)), _FIRST_EVENTS)


def _is_left_out(item: Event | Rejection) -> bool:
    return isinstance(item, Rejection) and item.status is Status.SKIPPED


def _say_item(item: Event | Rejection, console: Console) -> None:
    """Write an event as it would be sent, or why none would be."""
    if isinstance(item, Rejection):
        console.say(f"row {item.row:,} (line {item.line:,}) would not be sent: {item.error}")
        return
    console.say_as_is("".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in item.body.decode()))
    if item.note:
        console.say(f"  note: {item.note}")
