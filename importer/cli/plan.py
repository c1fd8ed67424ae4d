"""The plan: what would be sent where, for a person to say yes to, and the preview of a source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from importer.events.mapper import Mapper
from importer.events.mapping import FIELDS
from importer.events.times import iso_utc
from importer.mixpanel.limits import EVENTS_PER_SECOND
from importer.model import Collisions, Destination, Event, Reading, Record, Rejection
from importer.pipeline.job import Job
from importer.pipeline.prepare import collision_text, rows_text
from importer.profile.scan import SourceScan
from importer.profile.summary import count_ahead, count_by_day, count_by_hour, count_undeletable
from importer.results.manifest import Manifest
from importer.text import counted, quoted

_NS: Final = 10**9
_SHOWN_NAMES: Final = 8
_SHOWN_COLUMNS: Final = 30
_BARS: Final = " ▁▂▃▄▅▆▇█"
_DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_KINDS: Final = {
    "token": "the project token",
    "service-account": "a service account",
    "secret": "the API secret",
}


class LabeledLine(NamedTuple):
    """One line of a plan: a label and what it says."""

    label: str
    text: str


def plan_lines(jobs: Sequence[Job], now_ns: int) -> Iterator[LabeledLine]:
    """Yield what a run is about to do.

    Args:
        jobs: Its sources.
        now_ns: The time, nanoseconds since the epoch.
    """
    first = jobs[0]
    reading, seen = first.manifest.reading, first.scan
    for job in jobs:
        yield LabeledLine("Source", _source(job))
    if first.options.limit is not None:
        what = counted(first.options.limit, "record")
        yield LabeledLine("Limit", f"only the first {what}; what follows is of the whole source")
    yield from describe_source(reading, seen, now_ns)
    if seen.judged is not None:
        notes = f", notes on {seen.noted:,} of them" if seen.noted else ""
        yield LabeledLine(
            "Dry run", f"found {seen.judged.valid:,} valid and {seen.judged.invalid:,} invalid{notes}"
        )
    if seen.collisions is not None:
        yield from about_ids(seen.collisions, first.manifest, len(jobs))
    if first.manifest.kind == "dry-run":
        yield LabeledLine("Destination", "none: a dry run sends nothing")
        return
    credentials = first.target.credentials
    who = f", with {_KINDS[credentials.kind]}" if credentials and first.manifest.kind == "real" else ""
    yield LabeledLine("Destination", _destination(first.target.destination, first.manifest.kind) + who)
    total = events_to_send(jobs)
    if total and all(job.records is not None for job in jobs) and first.manifest.kind == "real":
        seconds = total / EVENTS_PER_SECOND
        what = counted(total, "event")
        yield LabeledLine(
            "Volume", f"{what}; at the 30,000 a second that Mixpanel takes, {_at_least(seconds)}"
        )


def events_to_send(jobs: Sequence[Job]) -> int:
    """Return how many events there are at most, or exactly after a dry run of the same source."""
    judged = jobs[0].scan.judged
    if judged is not None and jobs[0].options.limit is None:
        return judged.valid
    return sum(job.records or 0 for job in jobs)


def about_ids(found: Collisions, manifest: Manifest, sources: int = 1) -> Iterator[LabeledLine]:
    """Yield what an audit found out about ids."""
    if found.identical:
        advice = "" if "insert_id" in manifest.reading.fields else "; --insert-id row keeps all"
        what = f"{found.identical:,} events are identical to an earlier one"
        rows = rows_text(found.first_identical, sources)
        yield LabeledLine("Attention", f"{what}{rows}: Mixpanel keeps one of each{advice}")
    if found.found:
        after = "a run will stop there" if manifest.kind == "dry-run" else "Mixpanel keeps one of each"
        yield LabeledLine("Attention", f"{collision_text(found, sources)}: {after}")


def describe_source(reading: Reading, seen: SourceScan, now_ns: int) -> Iterator[LabeledLine]:
    """Yield how a source is read, and what is in it as far as it was looked at."""
    yield LabeledLine("Fields", " · ".join(_fields(reading)))
    properties = list(_properties(reading))
    if properties:
        more = f" and {len(properties) - _SHOWN_COLUMNS} more" if len(properties) > _SHOWN_COLUMNS else ""
        yield LabeledLine("Properties", " · ".join(properties[:_SHOWN_COLUMNS]) + more)
    facts = seen.facts
    about = "" if seen.whole else f"  (in the first {counted(facts.records, 'record')})"
    if facts.names:
        yield LabeledLine(
            "Events", _names(Counter(facts.names).most_common(_SHOWN_NAMES), len(facts.names)) + about
        )
    yield from _times(reading, seen, now_ns, about)


def _times(reading: Reading, seen: SourceScan, now_ns: int, about: str) -> Iterator[LabeledLine]:
    facts = seen.facts
    if facts.first is not None and facts.last is not None:
        yield LabeledLine("Time", f"{iso_utc(facts.first)} to {iso_utc(facts.last)} (UTC){about}")
        if reading.timezone:
            local = [_local(moment, reading.timezone) for moment in (facts.first, facts.last)]
            yield LabeledLine("", f"{local[0]} to {local[1]} ({reading.timezone})")
        if facts.forms:
            forms = " · ".join(f"{form} {count:,}" for form, count in Counter(facts.forms).most_common())
            yield LabeledLine("", f"written as: {forms}")
        zone = reading.timezone
        yield LabeledLine("By hour", f"00h {_spark(count_by_hour(facts, zone))} 23h ({zone or 'UTC'})")
        days = count_by_day(facts, zone)
        busiest = max(days, key=lambda day: days[day])
        span = "1 day" if len(days) == 1 else f"{len(days):,} days"
        yield LabeledLine("By day", f"{span} with events, most on {busiest}: {days[busiest]:,}")
    yield from _attention(reading, seen, now_ns, about)


def _attention(reading: Reading, seen: SourceScan, now_ns: int, about: str) -> Iterator[LabeledLine]:
    """Yield what a person should know before anything is sent."""
    facts = seen.facts
    ahead, old = count_ahead(facts, now_ns), count_undeletable(facts, now_ns)
    for count, noun, one, several, what in (
        (facts.no_zone, "record", "has", "have", "a time without a zone: invalid without --timezone ZONE"),
        (facts.no_time, "record", "has", "have", f"no time that can be read{_clock(seen)}: invalid"),
        (facts.unreadable, "record", "is", "are", "broken and can't be read: invalid"),
        (ahead, "event", "lies", "lie", "ahead of the clock: invalid"),
        (old, "event", "is", "are", "older than 180 days: Mixpanel's UI can't delete those"),
    ):
        if count:
            yield LabeledLine(
                "Attention", f"{counted(count, noun)} {one if count == 1 else several} {what}{about}"
            )
    if not {"distinct_id", "properties"} & {*reading.fields, *reading.constants}:
        yield LabeledLine(
            "Attention", "no column is the user: all events are sent without one (--map distinct_id=COLUMN)"
        )


def _clock(seen: SourceScan) -> str:
    changes = seen.facts.clock_changes
    return f" ({changes:,} where clocks were changed)" if changes else ""


def _source(job: Job) -> str:
    dialect = job.manifest.reading.dialect
    name = "standard input" if job.manifest.source == "-" else job.manifest.source
    parts = [name, dialect_text(job.manifest.reading), f"{job.manifest.fingerprint.size:,} bytes"]
    if dialect.compression:
        parts[-1] += f" of {dialect.compression}"
    if job.records is not None:
        parts.append(counted(job.records, "record"))
    if job.state.records:
        parts.append(f"{job.state.records:,} of them done")
    return " · ".join(parts)


def dialect_text(reading: Reading) -> str:
    """Return how the bytes of a source are read, for people."""
    dialect = reading.dialect
    if not dialect.has_cells:
        return "JSONL"
    delimiter = _DELIMITERS.get(dialect.delimiter, quoted(dialect.delimiter))
    return (
        f"CSV, {delimiter}, {dialect.encoding}"
        + ("" if dialect.header else ", no header")
        + ("" if dialect.quote == '"' else f", quote {dialect.quote or 'none'}")
    )


def _fields(reading: Reading) -> Iterator[str]:
    for name in FIELDS:
        column = reading.fields.get(name)
        if name in reading.constants:
            yield f"{name} = {quoted(reading.constants[name])}"
        elif column is not None:
            yield f"{name} ← {column if column.isprintable() else quoted(column)}"
        elif name == "distinct_id":
            yield "distinct_id: none (events without a user)"
        elif name == "insert_id":
            yield "$insert_id: a hash of the " + ("row" if reading.insert_id == "row" else "whole event")
        elif name == "ip" and reading.geoip == "off":
            yield "ip: none (no place is looked up)"


def _properties(reading: Reading) -> Iterator[str]:
    mapped = set(reading.fields.values())
    for column in reading.columns:
        kind = reading.types.get(column, "as it is" if not reading.dialect.has_cells else "string")
        if column in mapped or kind == "skip":
            continue
        name = reading.names.get(column, column)
        label = name if name.isprintable() else quoted(name)
        yield label if kind == "as it is" else f"{label} {kind}"
    for name, value in reading.constants.items():
        yield f"{name} = {quoted(value)}"
    if reading.tag:
        yield f"import_tag = {quoted(reading.tag)}"


def _names(common: Iterable[tuple[str, int]], total: int) -> str:
    parts = [f"{name if name.isprintable() else quoted(name)} {count:,}" for name, count in common]
    return " · ".join(parts) + (f" and {total - len(parts):,} more names" if total > len(parts) else "")


def _destination(destination: Destination, kind: str) -> str:
    where = f"{destination.base_url}/{destination.endpoint}"
    return f"the sandbox, {where} (nothing reaches Mixpanel)" if kind == "sandbox" else where


def _at_least(seconds: float) -> str:
    if seconds < 90:  # noqa: PLR2004 - below that, minutes tell less
        return f"at least {max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"at least {minutes} min" if minutes < 90 else f"at least {minutes / 60:.1f} h"  # noqa: PLR2004


def _spark(counts: Sequence[int]) -> str:
    top = max(counts) or 1
    return "".join(_BARS[-(-count * (len(_BARS) - 1) // top)] for count in counts)


def _local(instant: int, zone: str) -> str:
    moment = datetime.fromtimestamp(instant // _NS, UTC)
    try:
        return moment.astimezone(ZoneInfo(zone)).isoformat()
    except OverflowError:  # the calendar ends between here and there
        return moment.isoformat()


# ── preview ──────────────────────────────────────────────────────────────────────────────────────


def column_table(reading: Reading, seen: SourceScan) -> str:
    """Return the columns of a source with their types and examples, tabulated."""
    import pandas as pd  # noqa: PLC0415 - half a second that only the preview needs

    by_column = {column: field for field, column in reading.fields.items()}
    rows = [
        {
            "column": table_text(profile.name),
            "becomes": by_column.get(profile.name)
            or (
                "-"
                if reading.types.get(profile.name) == "skip"
                else reading.names.get(profile.name, "property")
            ),
            "type": "text" if profile.name in by_column else reading.types.get(profile.name, profile.type),
            "filled": f"{profile.filled:,}",
            "examples": ", ".join(_example(example) for example in profile.examples)
            + (f"  (text because of {_example(profile.because)})" if profile.because else ""),
        }
        for profile in seen.profiles
    ]
    table = pd.DataFrame(rows, columns=["column", "becomes", "type", "filled", "examples"])
    for name in ("column", "becomes", "type", "examples"):
        table[name] = table[name].str.ljust(max(map(len, table[name]), default=0))
    return "\n".join(line.rstrip() for line in table.to_string(index=False, justify="left").splitlines())


def table_text(text: str) -> str:
    """Return a text for a table: as it is where that is safe and short, else escaped."""
    return text if text.isprintable() and len(text) <= 40 else quoted(text)  # noqa: PLR2004


def _example(text: str) -> str:
    short = text if len(text) <= 24 else f"{text[:23]}…"  # noqa: PLR2004
    return short if short.isprintable() else repr(short)


def first_events(chunks: Iterable[Sequence[Record | Rejection]], mapper: Mapper, count: int = 3) -> list[str]:
    """Return the first records as they would be sent, or why they would not be."""
    items = (item for chunk in chunks for item in mapper.map(chunk))
    return [_event_text(item) for item in islice(items, count)]


def _event_text(item: Event | Rejection) -> str:
    if isinstance(item, Rejection):
        return f"row {item.row} (line {item.line}) would not be sent: {item.error}"
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in item.body.decode())
    return text + (f"\n  note: {item.note}" if item.note else "")
