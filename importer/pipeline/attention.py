"""What the owner of the sources might not expect of a run, as far as it is known before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from importer.errors import UsageError
from importer.events.times import NS_PER_MS
from importer.facts import ProfileSummary
from importer.mixpanel import limits
from importer.pipeline.job import Job, RunOptions, Survey, about_sample
from importer.profile.summary import count_ahead, count_older_than, count_undeletable
from importer.reading import ATTENTION, Attention
from importer.settings import INSTEAD_OF_SECRET
from importer.text import counted

_A_DAY_NS: Final = 86_400 * 10**9
"""An event that lies so far ahead of the clock still does when the run comes to it."""

_BY_THE_CLOCK: Final = frozenset({"ahead", "undeletable", "retention"})
"""Codes of what changes as time goes by."""


def with_attention(
    survey: Survey, detected: Sequence[Attention], now_ms: int, others: Sequence[Attention] = ()
) -> Survey:
    """Return a survey with all that its sources' owner might not expect.

    Args:
        survey: With what the observers of a pass found.
        detected: What the beginning of the sources shows.
        now_ms: The time, in milliseconds since the epoch.
        others: What else was found.
    """
    found = list(detected)
    known = {each.code for each in survey.attention}  # with their rows, which the counts don't have
    found += [each for each in summary_attention(survey, now_ms) if each.code not in known]
    # A dry run has found the same, if the survey is one of its.
    return replace(survey, attention=tuple(dict.fromkeys((*found, *survey.attention, *others))))


def at_this_time(survey: Survey, now_ms: int) -> Survey:
    """Return an earlier survey with what hangs on the clock as it is now, in milliseconds since the epoch."""
    kept = tuple(each for each in survey.attention if each.code not in _BY_THE_CLOCK)
    return with_attention(replace(survey, attention=kept), (), now_ms)


def summary_attention(survey: Survey, now_ms: int) -> Iterator[Attention]:
    """Yield what the counts over the events of a source show.

    Args:
        survey: What is known of it.
        now_ms: The time, in milliseconds since the epoch.
    """
    summary = survey.summary
    now_ns = now_ms * NS_PER_MS
    about = about_sample(survey)
    named = sum(each.count for each in survey.attention if each.code in ("header-line", "where"))
    broken = summary.unreadable - named  # those have an attention of their own
    ahead, old = count_ahead(summary, now_ns), count_undeletable(summary, now_ns)
    changes = f" ({summary.clock_changes:,} where clocks were changed)" if summary.clock_changes else ""
    invalid = "a time without a zone: invalid"
    no_time = f"no time that can be read{changes}: invalid"
    undeletable = f"older than 180 days: Mixpanel's UI can't delete {'it' if old == 1 else 'those'}"
    for code, count, noun, one, several, what, remedy in (
        ("no-zone", summary.no_zone, "record", "has", "have", invalid, "--timezone ZONE"),
        ("no-time", summary.no_time, "record", "has", "have", no_time, ""),
        ("unreadable", broken, "record", "is", "are", "broken and can't be read: invalid", ""),
        ("ahead", ahead, "event", "lies", "lie", "ahead of the clock: invalid", ""),
        ("undeletable", old, "event", "is", "are", undeletable, ""),
    ):
        if count:
            text = f"{counted(count, noun)} {one if count == 1 else several} {what}{about}"
            surely = count_ahead(summary, now_ns + _A_DAY_NS) if code == "ahead" else 0
            yield Attention.of(code, text, remedy, count=count, invalid=surely)
    yield from _retention(summary, now_ns, about)


def _retention(summary: ProfileSummary, now_ns: int, about: str) -> Iterator[Attention]:
    """Yield how many events Mixpanel deletes soon, because of their age, in projects of each kind."""
    before = limits.OLDER_RETENTION_BEFORE.isoformat()
    for years, where in (
        (limits.RETENTION_YEARS, f"unless the project was created before {before}"),
        (limits.OLDER_RETENTION_YEARS, "in projects of any age"),
    ):
        count = count_older_than(summary, now_ns, years)
        if count:
            are, those = ("event is", "it") if count == 1 else ("events are", "those")
            text = f"{count:,} {are} older than {years} years: Mixpanel deletes {those}, {where}{about}"
            yield Attention.of("retention", text, count=count)


def with_target_attention(job: Job, now_ms: int) -> Job:
    """Return a job with what its owner might not expect of its credentials.

    Args:
        job: The job, with what is known of its source.
        now_ms: The time, in milliseconds since the epoch.
    """
    credentials = job.target.credentials
    attention: list[Attention] = []
    if credentials is not None and credentials.kind == "secret":
        retired = limits.API_SECRET_RETIRED
        is_past = datetime.fromtimestamp(now_ms / 1000, UTC).date() >= retired
        when = f"Mixpanel {'retired it on' if is_past else 'retires it on'} {retired.isoformat()}"
        attention.append(
            Attention.of("api-secret", f"the API secret is a legacy credential: {when}", INSTEAD_OF_SECRET)
        )

    def with_it(found: Sequence[Attention]) -> tuple[Attention, ...]:
        return (*(each for each in found if each.code != "api-secret"), *attention)

    manifest = replace(job.manifest, attention=with_it(job.manifest.attention))
    return replace(
        job, manifest=manifest, survey=replace(job.survey, attention=with_it(job.survey.attention))
    )


def check_strict(found: Sequence[Attention], options: RunOptions) -> None:
    """Check that no decision stops a strict run.

    Args:
        found: What needs attention.
        options: Of these, ``--strict`` and ``--accept``.

    Raises:
        UsageError: ``--strict``, and a decision is not accepted.
    """
    codes = dict.fromkeys(
        each.code for each in found if each.level == "decision" and each.code not in options.accept
    )
    if options.strict and codes:
        raise UsageError(
            f"--strict: nothing was sent, for {counted(len(codes), 'decision')}: {', '.join(codes)}",
            "Read it differently, as shown above, or accept what is right as it is: "
            + " ".join(f"--accept {code}" for code in codes),
        )


def check_codes(codes: Sequence[str]) -> None:
    """Check that all codes of ``--accept`` are known.

    Raises:
        UsageError: One is not.
    """
    for code in codes:
        if code not in ATTENTION:
            raise UsageError(
                f"--accept {code}: there is no such code",
                f"The codes are: {', '.join(c for c, level in ATTENTION.items() if level == 'decision')}",
            )
