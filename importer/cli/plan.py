"""The plan of a run: how its sources are read, what they hold, and where it sends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from importer.cli.console import LabeledLine
from importer.cli.options import CommandOptions
from importer.cli.phrases import attention_lines, outcomes_text
from importer.events.field_choices import mapped_text
from importer.events.field_names import PROPERTY_OF
from importer.events.layout import field_columns, replaced_columns, set_fields
from importer.events.number_marks import marks_of
from importer.events.property_names import PropertyNames
from importer.events.templates import constant_of
from importer.events.times import iso_utc
from importer.mixpanel.limits import EVENTS_PER_SECOND
from importer.model import Destination, RunKind
from importer.pipeline.forecast import JobSet, about_text
from importer.pipeline.job import Job, Survey, about_sample
from importer.profile.summary import count_by_day, count_by_hour
from importer.reading import FIELDS, Dialect, Field, Reading
from importer.source.registry import find_format
from importer.text import MAX_QUOTED, counted, listed, one_line, quoted

_NS_PER_S: Final = 10**9
_MOST_NAMES: Final = 8
_MOST_PROPERTIES: Final = 30
_BARS: Final = " ▁▂▃▄▅▆▇█"
_NAMES_OF_UTC: Final = frozenset(
    {"UTC", "UCT", "Universal", "Zulu", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu"}
)
_DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_CREDENTIALS: Final = {
    "token": "the project token",
    "service-account": "a service account",
    "secret": "the API secret",
}

_OF_WHAT_IS_SENT: Final = frozenset({"copies", "same-ids", "hot-shard", "undeletable", "retention"})
"""Codes of attention that is about what Mixpanel makes of the events that it gets."""


def plan_lines(jobs: JobSet) -> Iterator[LabeledLine]:
    """Yield what a run is about to do."""
    first = jobs.first
    survey, limit = first.survey, first.options.limit
    if survey.summary.records == (jobs.records if limit is None else limit):
        survey = replace(survey, whole=True)  # what was looked at is what will be sent
    if jobs.forecast.events == 0:
        found = tuple(each for each in survey.attention if each.code not in _OF_WHAT_IS_SENT)
        survey = replace(survey, attention=found)
    yield LabeledLine("Source", _source(first))
    if limit is not None:
        yield LabeledLine("Limit", f"only the first {counted(limit, 'record')}")
        if first.survey.whole:
            yield LabeledLine("", "names, times and counts that follow are of all records")
    yield from describe_source(first.manifest.reading, survey)
    yield from dry_run_line(jobs)
    yield destination_line(first)
    yield from volume_line(jobs)


def dry_run_line(jobs: JobSet) -> Iterator[LabeledLine]:
    """Yield what an earlier dry run of the same sources found."""
    counts = jobs.dry_run
    if counts is not None:
        noted = sum(job.dry_run.notes for job in jobs.jobs if job.dry_run is not None)
        notes = f", notes on {noted:,} of them" if noted else ""
        found = [f"{counts.valid:,} valid", f"{counts.invalid:,} invalid"]
        if counts.skipped:
            found.append(f"{counts.skipped:,} left out")
        *first, last = found
        yield LabeledLine("Dry run", f"found {', '.join(first)} and {last}{notes}")


def volume_line(jobs: JobSet) -> Iterator[LabeledLine]:
    """Yield how many events a run sends to Mixpanel, and how long Mixpanel takes for them."""
    forecast = jobs.forecast if jobs.first.manifest.kind == "real" else None
    if forecast is not None and forecast.events:
        rate = jobs.first.options.delivery.rate
        seconds = forecast.events / (rate or EVENTS_PER_SECOND)
        whose = (
            f"{rate:,} a second of --rate" if rate else f"{EVENTS_PER_SECOND:,} a second that Mixpanel takes"
        )
        about = "at least" if forecast.exact else "about"
        yield LabeledLine(
            "Volume",
            f"{forecast.text}; at the {whose}, {about} {_time_text(seconds)}",
        )


def destination_line(job: Job) -> LabeledLine:
    """Return where a job sends, and as whom."""
    kind, credentials = job.manifest.kind, job.target.credentials
    if kind == "dry-run":
        return LabeledLine("Destination", "none: a dry run sends nothing")
    who = f", with {_CREDENTIALS[credentials.kind]}" if credentials and kind == "real" else ""
    return LabeledLine("Destination", _destination(job.target.destination, kind) + who)


def describe_source(reading: Reading, survey: Survey, sources: int = 1) -> Iterator[LabeledLine]:
    """Yield how a source is read, and what it holds.

    Args:
        reading: How it is read.
        survey: What is known of it.
        sources: How many sources the survey is of.
    """
    if reading.shape.where:
        yield LabeledLine("Rows", _rows(reading, survey))
    yield LabeledLine("Fields", " · ".join(_fields(reading)))
    yield from _choices(survey)
    yield from _replaced(reading)
    properties = list(_properties(reading))
    if properties:
        more = f" and {len(properties) - _MOST_PROPERTIES} more" if len(properties) > _MOST_PROPERTIES else ""
        yield LabeledLine("Properties", " · ".join(properties[:_MOST_PROPERTIES]) + more)
    yield from _kept(reading)
    yield from _numbers(reading)
    summary = survey.summary
    about = "" if survey.whole else f"  (in the first {counted(summary.records, 'record')})"
    if summary.names:
        yield LabeledLine(
            "Events", _names(Counter(summary.names).most_common(_MOST_NAMES), len(summary.names)) + about
        )
    yield from _times(reading, survey, about)
    yield from attention_lines(survey.attention, sources)


def _rows(reading: Reading, survey: Survey) -> str:
    """Return which records are sent, and how many are left out of those that were looked at."""
    skipped, records = survey.summary.skipped, survey.summary.records
    what = counted(records, "event" if reading.shape.explode else "record")
    return f"where {one_line(reading.shape.where)} · {skipped:,} of {what} left out{about_sample(survey)}"


def _choices(survey: Survey) -> Iterator[LabeledLine]:
    """Yield how many records took a field from which of its columns."""
    about = about_sample(survey)
    for name, taken in survey.summary.taken.items():
        if len(taken) > 1:
            parts = [f"{count:,} from {_entry(entry)}" for entry, count in taken.items()]
            summary = survey.summary
            none = summary.records - summary.unreadable - summary.skipped - sum(taken.values())
            parts += [f"{none:,} without"] if none else []
            yield LabeledLine("", f"{name}: {' · '.join(parts)}{about}")


def _replaced(reading: Reading) -> Iterator[LabeledLine]:
    """Yield which columns are no property since that would be a field that something else gives."""
    for column, field in replaced_columns(reading).items():
        label, name = _printable(column), PROPERTY_OF[field]
        if field in set_fields(reading):
            yield LabeledLine("", f"the column {label} is left out: --set gives the {name}")
        elif column not in reading.alternatives.get(field, ()):
            given = _printable(mapped_text(reading, field))
            yield LabeledLine(
                "", f"the column {label} is left out, but gives the {name} where {given} has no value"
            )


def _times(reading: Reading, survey: Survey, about: str) -> Iterator[LabeledLine]:
    summary = survey.summary
    if summary.first is not None and summary.last is not None:
        yield LabeledLine("Time", f"{iso_utc(summary.first)} to {iso_utc(summary.last)} (UTC){about}")
        if reading.timezone and reading.timezone not in _NAMES_OF_UTC:
            local = [_local(moment, reading.timezone) for moment in (summary.first, summary.last)]
            yield LabeledLine("", f"{local[0]} to {local[1]} ({reading.timezone})")
        if summary.forms:
            common = Counter(summary.forms).most_common()
            forms = " · ".join(f"{_form_text(form)} ({counted(count, 'record')})" for form, count in common)
            yield LabeledLine("", f"written as: {forms}")
        zone = reading.timezone
        yield LabeledLine("By hour", f"00h {_sparkline(count_by_hour(summary, zone))} 23h ({zone or 'UTC'})")
        days = count_by_day(summary, zone)
        busiest = max(days, key=lambda day: days[day])
        span = "1 day" if len(days) == 1 else f"{len(days):,} days"
        yield LabeledLine("By day", f"{span} with events, most on {busiest}: {days[busiest]:,}")


def _form_text(form: str) -> str:
    """Return the name of a form of times for a sentence: ``epoch s`` is ``epoch in s``."""
    return form.replace("epoch ", "epoch in ", 1) if form.startswith("epoch ") else form


def _source(job: Job) -> str:
    dialect = job.manifest.reading.dialect
    name = "standard input" if job.manifest.source == "-" else job.manifest.source
    parts = [name, dialect_text(job.manifest.reading.dialect), counted(job.manifest.fingerprint.size, "byte")]
    if dialect.compression:
        parts[-1] += f" of {dialect.compression}"
    if job.records is not None:
        first = "the first " if job.records == job.options.limit else ""
        exploded = job.survey.summary.exploded if job.has_items and job.survey.whole else 0
        parts.append(first + outcomes_text(job.records, exploded if job.has_items else None))
    elif job.about is not None:
        parts.append(about_text(job.about, "event" if job.has_items else "record"))
    if job.state.records:
        parts.append(f"{job.state.records:,} of them done")
    return " · ".join(parts)


def dialect_text(dialect: Dialect) -> str:
    """Return how the bytes of a source are read, such as ``CSV, comma, utf-8``."""
    format_ = find_format(dialect.format)
    if not dialect.has_cells:
        parts = [
            format_.title,
            f"records in {quoted(dialect.records)}" if dialect.records else "",
            f"sheet {quoted(dialect.sheet)}" if dialect.sheet else "",
        ]
        return ", ".join(filter(None, parts))
    delimiter = _DELIMITERS.get(dialect.delimiter, quoted(dialect.delimiter))
    parts = [
        format_.title,
        f"{delimiter} + space" if dialect.skip_space else delimiter,
        dialect.encoding,
        "" if dialect.header else "no header",
        "" if dialect.quote == '"' else f"quote {dialect.quote or 'none'}",
        f"escape {dialect.escape}" if dialect.escape else "",
        "a delimiter after each record" if dialect.trailing_delimiter else "",
        "the first line names the delimiter (sep=)" if dialect.sep_line else "",
        f"{counted(dialect.skip_lines, 'line')} skipped" if dialect.skip_lines else "",
        f"comments begin with {dialect.comment}" if dialect.comment else "",
        "lines end in CR" if dialect.line_end == "cr" else "",
    ]
    return ", ".join(filter(None, parts))


def _fields(reading: Reading) -> Iterator[str]:
    constants = set_fields(reading)
    for name in FIELDS:
        column = reading.fields.get(name)
        if name in constants:
            yield f"{name} = {quoted(reading.constants[constants[name]])}"
        elif column is not None:
            yield f"{name} ← {', else '.join((_entry(column), *_default(reading, name)))}"
        elif name in reading.alternatives:
            yield f"{name} ← {', else '.join(_entries(reading, name))}"
        elif name in reading.defaults:
            yield f"{name} = {quoted(reading.defaults[name])}"
        elif name == "distinct_id":
            yield "distinct_id: none (the events have no user)"
        elif name == "insert_id":
            yield "$insert_id: a hash of the " + ("row" if reading.insert_id == "row" else "whole event")
        elif name == "ip" and reading.geoip == "off":
            yield "ip: none (no place is looked up)"


def _entries(reading: Reading, field: Field) -> Iterator[str]:
    """Yield what may give a field, in order: columns, templates, values, each with its condition."""
    entries = reading.alternatives[field]
    conditions = reading.conditions.get(field) or ("",) * len(entries)
    for entry, where in zip(entries, conditions, strict=True):
        text = _entry(entry)
        yield f"{text} (where {_printable(where)})" if where else text
    yield from _default(reading, field)


def _entry(entry: str) -> str:
    """Return what may give a field, for people: a column or a template, or a value of its own in quotes."""
    value = constant_of(entry)
    return _printable(entry) if value is None else quoted(value)


def _default(reading: Reading, field: Field) -> Iterator[str]:
    if field in reading.defaults:
        yield quoted(reading.defaults[field])


def _kept(reading: Reading) -> Iterator[LabeledLine]:
    """Yield which properties are left out, which are masked, and what else a mapping does to all of them."""
    names = PropertyNames(reading)
    fields = field_columns(reading)
    out = [
        _printable(column)
        for column in reading.columns
        if column not in fields and names.of_column(column) is None and reading.types.get(column) != "skip"
    ]
    if out:
        yield LabeledLine("", f"left out: {listed(out, _MOST_NAMES)}")
    rules = {"only": reading.only, "without": reading.drop}
    parts = [
        f"{word} {listed(list(map(_printable, each)), _MOST_NAMES)}" for word, each in rules.items() if each
    ]
    if reading.renames:
        new = [f"{_printable(old)} as {_printable(name)}" for old, name in reading.renames.items()]
        parts.append(f"with {listed(new, _MOST_NAMES)}")
    if parts and "properties" in reading.mapped:
        yield LabeledLine(
            "", f"of the keys in {_printable(mapped_text(reading, 'properties'))}: {'; '.join(parts)}"
        )
    if reading.shape.mask:
        words = {"sha256": "a pseudonym", "redact": "[redacted]"}
        masked = [f"{_printable(name)} ({words[kind]})" for name, kind in reading.shape.mask.items()]
        yield LabeledLine("Masked", listed(masked, _MOST_PROPERTIES))


def _properties(reading: Reading) -> Iterator[str]:
    # What is tried first is the field wherever it has a value, and never a property.
    first = {entries[0] for field, entries in reading.alternatives.items() if field not in reading.conditions}
    mapped = field_columns(reading) | first | replaced_columns(reading).keys()
    names = PropertyNames(reading)
    for column in reading.columns:
        kind = reading.types.get(column, "as it is" if not reading.dialect.has_cells else "string")
        name = names.of_column(column)
        if column in mapped or kind == "skip" or name is None:
            continue
        label = _printable(name)
        yield label if kind == "as it is" else f"{label} ({kind})"
    fields = set(set_fields(reading).values())
    for name, value in reading.constants.items():
        if name not in fields:
            yield f"{name} = {quoted(value)}"
    for name, template in reading.templates.items():
        yield f"{_printable(name)} ← {_printable(template)}"
    if reading.tag:
        yield f"import_tag = {quoted(reading.tag)}"


def _numbers(reading: Reading) -> Iterator[LabeledLine]:
    """Yield how numbers are read that are written with marks."""
    marks = marks_of(reading)
    if marks is None:
        return
    yield LabeledLine("Numbers", f"{marks.example} is 1234.56")
    numbers = [column for column, kind in reading.types.items() if kind == "number"]
    if numbers and reading.dialect.has_cells:
        sign = f"a currency sign or % is left out: 45{marks.decimal}67% is sent as 45.67"
        minus = f"6{marks.decimal}00- and (6{marks.decimal}00) are -6"
        yield LabeledLine("", f"where a column is declared a number, {sign}; {minus}")


def _printable(name: str) -> str:
    return name if name.isprintable() else quoted(name)


def _names(common: Iterable[tuple[str, int]], total: int) -> str:
    parts = [
        f"{_printable(name) if len(name) <= MAX_QUOTED else quoted(name)} ({count:,})"
        for name, count in common
    ]
    return " · ".join(parts) + (f" and {total - len(parts):,} more names" if total > len(parts) else "")


def _destination(destination: Destination, kind: RunKind) -> str:
    where = f"{destination.base_url}/{destination.endpoint}"
    return f"the sandbox, {where} (nothing reaches Mixpanel)" if kind == "sandbox" else where


def _time_text(seconds: float) -> str:
    if seconds < 90:  # noqa: PLR2004 - minutes would be too coarse
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"  # noqa: PLR2004


def _sparkline(counts: Sequence[int]) -> str:
    top = max(counts) or 1
    return "".join(_BARS[-(-count * (len(_BARS) - 1) // top)] for count in counts)


def _local(instant: int, zone: str) -> str:
    moment = datetime.fromtimestamp(instant // _NS_PER_S, UTC)
    try:
        return moment.astimezone(ZoneInfo(zone)).isoformat()
    except OverflowError:  # the zone moves the time beyond the years that Python knows
        return moment.isoformat()


def fault_lines(options: CommandOptions) -> list[LabeledLine]:
    """Return the line that names the faults that a sandbox makes on purpose; none if it makes none."""
    if options.faults is None:
        return []
    return [LabeledLine("Faults", f"{options.faults} (the same text brings the same faults again)")]
