"""What the owner of the sources might not expect of a run, as far as it is known before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from importer.errors import UsageError
from importer.events.times import NS_PER_MS
from importer.model import ATTENTION, Attention
from importer.pipeline.job import RunOptions, Survey, about_sample
from importer.profile.summary import count_ahead, count_undeletable
from importer.source.detect import DetectedSource
from importer.text import counted


def with_attention(survey: Survey, detected: Sequence[DetectedSource], now_ms: int) -> Survey:
    """Return a survey with all that its sources' owner might not expect.

    Args:
        survey: With what the observers of a pass found.
        detected: Dialect and columns of each.
        now_ms: The time, in milliseconds since the epoch.
    """
    found = [each for source in detected for each in source.attention]
    known = {each.code for each in survey.attention}  # with their rows, which the counts don't have
    found += [each for each in summary_attention(survey, now_ms) if each.code not in known]
    return replace(survey, attention=(*found, *survey.attention))


def summary_attention(survey: Survey, now_ms: int) -> Iterator[Attention]:
    """Yield what the counts over the events of a source show.

    Args:
        survey: What is known of it.
        now_ms: The time, in milliseconds since the epoch.
    """
    summary = survey.summary
    now_ns = now_ms * NS_PER_MS
    about = about_sample(survey)
    ahead, old = count_ahead(summary, now_ns), count_undeletable(summary, now_ns)
    changes = f" ({summary.clock_changes:,} where clocks were changed)" if summary.clock_changes else ""
    invalid = "a time without a zone: invalid"
    no_time = f"no time that can be read{changes}: invalid"
    undeletable = "older than 180 days: Mixpanel's UI can't delete those"
    for code, count, noun, one, several, what, remedy in (
        ("no-zone", summary.no_zone, "record", "has", "have", invalid, "--timezone ZONE"),
        ("no-time", summary.no_time, "record", "has", "have", no_time, ""),
        ("unreadable", summary.unreadable, "record", "is", "are", "broken and can't be read: invalid", ""),
        ("ahead", ahead, "event", "lies", "lie", "ahead of the clock: invalid", ""),
        ("undeletable", old, "event", "is", "are", undeletable, ""),
    ):
        if count:
            text = f"{counted(count, noun)} {one if count == 1 else several} {what}{about}"
            yield Attention.of(code, text, remedy, count=count)


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
            "Read it otherwise, as said above; or, where it is right as it is: "
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
                f"--accept {code}: unknown",
                f"Codes are: {', '.join(c for c, level in ATTENTION.items() if level == 'decision')}",
            )
