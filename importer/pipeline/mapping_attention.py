"""What the owner of the sources might not expect of the way in which their columns are mapped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from importer.events.declared_reading import DeclaredReading
from importer.events.field_names import is_label
from importer.events.mapping import is_by_id_merge
from importer.facts import ProfileSummary
from importer.mixpanel.limits import MAX_EVENT_NAMES
from importer.reading import Attention, Reading
from importer.text import counted, cut, escape_controls, quoted, shell_word

_FEW_RECORDS: Final = 20
"""So few records may well have a name each."""
_NEARLY_ALL: Final = 0.8
_MOST_NAMED: Final = 5


def with_mapping_attention(
    found: Sequence[Attention], summary: ProfileSummary, about: str, declared: DeclaredReading, draft: Reading
) -> tuple[Attention, ...]:
    """Return what needs attention, with what is to be said of the mapping, and without what was settled.

    Args:
        found: What else needs attention.
        summary: Counts over the events.
        about: The end of a sentence that is about the first records only; else empty.
        declared: What was declared of the reading.
        draft: The reading.
    """
    has_no_user = declared.fields.get("distinct_id") == ""
    kept = (each for each in found if each.code != "no-user" or not has_no_user)
    return (
        *_nothing_left(summary, about, draft),
        *_id_merge(declared, draft),
        *_label(summary, about, declared, draft),
        *_event_names(summary, about, declared),
        *kept,
    )


def _nothing_left(summary: ProfileSummary, about: str, draft: Reading) -> Iterator[Attention]:
    """Yield that all records are left out, by a condition or since their lists are empty."""
    if not summary.records or summary.skipped != summary.records:
        return
    all_of = "the only record is" if summary.records == 1 else f"all {summary.records:,} records are"
    if draft.shape.where:
        text = f"{all_of} left out by where: no event is sent{about}"
        yield Attention.of("where", text, "--where EXPR")
    elif draft.shape.explode:
        text = f"{all_of} left out: there is no list with elements at explode = {quoted(draft.shape.explode)}"
        yield Attention.of("no-event", f"{text}{about}")


def _id_merge(declared: DeclaredReading, draft: Reading) -> Iterator[Attention]:
    entries = draft.alternatives.get("distinct_id", ())
    if "distinct_id" in declared.fields or not is_by_id_merge(entries):
        return
    plain = ",".join(entry.removeprefix("$device:") for entry in entries)
    yield Attention.of(
        "id-merge",
        f"the user is {', else '.join(map(_words, entries))}, as Mixpanel itself makes it on Simplified ID"
        ' Merge ("Identifying Users (Simplified)"); on Original ID Merge, a device has no prefix',
        f"--map {shell_word(f'distinct_id={plain}')}",
    )


def _words(entry: str) -> str:
    prefix, _, column = entry.rstrip("}").partition("{")
    return f"`{prefix}` + `{column}`" if prefix else f"`{column}`"


def _label(
    summary: ProfileSummary, about: str, declared: DeclaredReading, draft: Reading
) -> Iterator[Attention]:
    """Yield that a column that may name anything was taken to name events."""
    column = draft.fields.get("event", "")
    if "event" in declared.fields or not is_label(column) or not summary.names:
        return
    common = Counter(summary.names).most_common(_MOST_NAMED)
    names = ", ".join(f"{cut(escape_controls(name))} {count:,}" for name, count in common)
    more = ", …" if len(summary.names) > len(common) else ""
    yield Attention.of(
        "event-names",
        f"the column `{column}` is taken as the event's name: {names}{more}{about}",
        f"--map {shell_word(f'event={column}')}",
        count=sum(summary.names.values()) + summary.other_names,
    )


def _event_names(summary: ProfileSummary, about: str, declared: DeclaredReading) -> Iterator[Attention]:
    """Yield that names of events are data, if nearly each record has its own, or there are too many."""
    names, records = len(summary.names), sum(summary.names.values()) + summary.other_names
    if not summary.other_names and records >= _FEW_RECORDS and names >= _NEARLY_ALL * records:
        text = f"{names:,} event names in {counted(records, 'record')}{about}: that is data, not a name"
    elif names > MAX_EVENT_NAMES:
        more = "more than " if summary.other_names else ""
        text = f"{more}{names:,} event names in {counted(records, 'record')}{about}"
    else:
        return
    limit = f"; Mixpanel asks for at most {MAX_EVENT_NAMES:,} in a project"
    instead = "in place of --map event=…: " if declared.fields.get("event") else ""
    yield Attention.of(
        "event-names", text + limit, f"{instead}--set event='Name Of All Events'", count=records
    )
