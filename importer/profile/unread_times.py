"""Times that can't be read: how many, which are the first, and which formats would read them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final

from importer.events.excel_dates import EXCEL
from importer.events.time_format import AUTO
from importer.events.times import NS_PER_MS
from importer.facts import ProfileSummary
from importer.profile.format_candidates import candidates, date_order, needs_zone, reads
from importer.reading import MOST_ATTENTION_ROWS, Attention, AttentionRow, Reading
from importer.text import counted, quoted_name, shell_word

_MOST_GROUPS: Final = 4
_MOST_LINES: Final = 3
_IN_2000: Final = 946_684_800 // 900  # in quarters of an hour since the epoch
_DIGITS: Final = "%Y%m%d%H%M"


@dataclass(slots=True)
class _Group:
    """Values that one format reads.

    Attributes:
        formats: Those that read every one of them.
        example: The first of them that needs a zone; the first of them where none does.
        count: How many they are.
    """

    formats: tuple[str, ...]
    example: str
    count: int = 0

    def add(self, kept: tuple[str, ...], example: str, count: int) -> None:
        """Add values, which leave these formats."""
        self.formats = kept
        self.count += count
        if "%Z" in kept[0] and not self.needs_zone and needs_zone(kept[0], example):
            self.example = example

    @property
    def needs_zone(self) -> bool:
        """Whether one of them has no zone, or one that several are called by."""
        return needs_zone(self.formats[0], self.example)


@dataclass(slots=True)
class UnreadTimes:
    """What is known of the times that can't be read. Memory does not grow with their number.

    Attributes:
        missing: Records without a time. All other counts are in the summary.
        rows: The first records of each kind: ``missing``, ``unreadable``, ``no_zone`` and ``form``.
    """

    missing: int = 0
    rows: dict[str, list[AttentionRow]] = field(default_factory=dict)
    _groups: list[_Group] = field(default_factory=list)

    def wants_row(self, kind: str) -> bool:
        """Return whether a further record of a kind would be named."""
        return len(self.rows.get(kind, ())) < MOST_ATTENTION_ROWS

    def add_row(self, kind: str, row: AttentionRow) -> None:
        """Name a record, if it is one of the first of its kind."""
        if self.wants_row(kind):
            self.rows.setdefault(kind, []).append(row)

    def add_value(self, value: Any, row: AttentionRow | None) -> None:
        """Find out which formats would read a value that could not be read.

        Args:
            value: The time of a record.
            row: Which record it is; None if enough are named.
        """
        text = value.strip() if type(value) is str else repr(value) if type(value) in (int, float) else ""
        for group in self._groups:
            kept = tuple(form for form in group.formats if reads(form, text))
            if kept:
                group.add(kept, text, 1)
                break
        else:
            formats = candidates(text) if len(self._groups) < _MOST_GROUPS else ()
            if not formats:
                return
            self._groups.append(_Group(formats, text, 1))
        if row is not None:
            self.add_row("form", row)

    def merge(self, later: UnreadTimes) -> None:
        """Add what is known of another part of the source, or of another source."""
        self.missing += later.missing
        for kind, rows in later.rows.items():
            for row in rows:
                self.add_row(kind, row)
        for other in later._groups:
            for group in self._groups:
                kept = tuple(form for form in group.formats if form in other.formats)
                if kept:
                    group.add(kept, other.example, other.count)
                    break
            else:
                if len(self._groups) < _MOST_GROUPS:
                    self._groups.append(_Group(other.formats, other.example, other.count))

    def attention(self, reading: Reading, summary: ProfileSummary) -> list[Attention]:
        """Return what the owner of the source should know.

        Args:
            reading: How it is read.
            summary: The counts over the same records.
        """
        return [
            *self._counts(reading, summary),
            *self._forms(reading, others_read=bool(summary.forms)),
            *_early_epochs(reading, summary),
        ]

    def _counts(self, reading: Reading, summary: ProfileSummary) -> Iterator[Attention]:
        if summary.no_zone:
            text = f"{_records_have(summary.no_zone)} a time without a zone: invalid"
            rows = self.rows.get("no_zone", ())
            yield Attention.of("no-zone", text, "--timezone ZONE", count=summary.no_zone, rows=rows)
        unreadable = summary.no_time - self.missing
        if unreadable:
            changed = summary.clock_changes
            changes = f" ({changed:,} where clocks were changed)" if changed else ""
            text = f"{_records_have(unreadable)} no time that can be read{changes}: invalid"
            rows = self.rows.get("unreadable", ())
            yield Attention.of("no-time", text, count=unreadable, rows=rows)
        if self.missing:
            rows = self.rows.get("missing", ())
            if reading.missing_time is None:
                text, remedy = f"{_records_have(self.missing)} no time: invalid", ""
            else:
                text = f"{_records_have(self.missing)} no time: sent with the time of the run"
                remedy = "--missing-time reject"
            yield Attention.of("no-time", text, remedy, count=self.missing, rows=rows)

    def _forms(self, reading: Reading, *, others_read: bool) -> Iterator[Attention]:
        given = list(reading.time_format) or ([AUTO] if others_read else [])
        groups = [each for group in self._groups if (each := _helpful(group, reading)).formats]
        if not groups:
            return
        # A zone that is declared, or that another attention asks for, is not asked for again.
        zone = "" if reading.timezone or not any(group.needs_zone for group in groups) else " --timezone ZONE"
        lines = [
            "".join(f"--time-format {shell_word(form)} " for form in (*given, *forms)).rstrip() + zone
            for forms in _choices(groups)
        ]
        text = "; ".join(map(_describe, groups))
        if not lines:
            text += "; some have the day first and others the month, so no format is right for all"
        elif len(lines) > 1:
            text += ", each of them every one: which is right, only the file's owner knows"
        count = sum(group.count for group in groups)
        remedy = "   or   ".join(lines[:_MOST_LINES])
        yield Attention.of("time-forms", text, remedy, count=count, rows=self.rows.get("form", ()))


def _helpful(group: _Group, reading: Reading) -> _Group:
    """Return a group without formats that are declared, or don't read its example in the declared zone."""
    formats = (form for form in group.formats if form not in reading.time_format)
    kept = tuple(form for form in formats if reads(form, group.example, reading.timezone))
    return _Group(kept, group.example, group.count)


def _choices(groups: Sequence[_Group]) -> Iterator[tuple[str, ...]]:
    """Yield the formats to declare: one for each group, all of which have day and month in one order."""
    for forms in product(*map(_distinct, groups)):
        orders = {order for form in forms if (order := date_order(form))}
        if not {"dmY", "mdY"} <= orders:
            yield forms


def _distinct(group: _Group) -> list[str]:
    """Return the formats of a group without those that differ in nothing: May is a short and a long name."""
    return list({form.replace("%B", "%b"): form for form in reversed(group.formats)}.values())[::-1]


def _early_epochs(reading: Reading, summary: ProfileSummary) -> Iterator[Attention]:
    """Yield that epochs lie before 2000: ``202405011000`` is one of 1976, and was meant as a date."""
    if summary.first is None or not all(form.startswith("epoch") for form in summary.forms):
        return
    early = summary.quarters.total(end=_IN_2000)
    if not early:
        return
    what = f"{counted(early, 'epoch')} {'lies' if early == 1 else 'lie'} before the year 2000"
    digits = str(summary.first // NS_PER_MS)
    if len(digits) == len("202405011000") and reads(_DIGITS, digits):
        zone = "" if reading.timezone else " --timezone ZONE"
        text = f"{what}: {digits} may be a date that is written without marks"
        yield Attention.of("time-forms", text, f"--time-format {_DIGITS}{zone}", count=early)
    else:
        text = f"{what}: do they count from 1970, in s, ms, µs or ns?"
        yield Attention.of("time-forms", text, count=early)


def _records_have(count: int) -> str:
    return f"{counted(count, 'record')} {'has' if count == 1 else 'have'}"


def _describe(group: _Group) -> str:
    what = counted(group.count, "time")
    if group.formats == (EXCEL,):
        are = "is a date" if group.count == 1 else "are dates"
        return f"{what} such as {quoted_name(group.example)} {are} of Excel, which counts days"
    formats = " and by ".join(map(quoted_name, _distinct(group)))
    return f"{what} such as {quoted_name(group.example)} can be read by {formats}"
