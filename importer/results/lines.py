"""From delivered batches to lines of results files: by compiled code from blocks, or else one by one."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from importer import speedups
from importer.model import Delivered, Event, Outcome, Rejection, Status, Verdict
from importer.results.rows import LONGEST_ERROR, RowFormat

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_INSIDE, _FIRST = 1, 2  # as `ResultLineWriter` has them


def outcomes_of(delivered: Delivered) -> Iterator[Outcome]:
    """Yield what became of each record of a batch, in order."""
    batch, verdicts = delivered
    given = iter(verdicts)
    for item in batch.items():
        yield _outcome(item, next(given) if isinstance(item, Event) else None)
    if next(given, None) is not None:
        raise ValueError("too many verdicts")


def _outcome(item: Event | Rejection, verdict: Verdict | None) -> Outcome:
    """Return what became of an event, which has a verdict, or of a rejection."""
    time = item.time if isinstance(item, Event) else None
    if isinstance(item, Rejection):
        verdict = Verdict(item.status, None, item.error)
    assert verdict is not None, "an event has one"
    status, code, error = verdict
    name, user, insert_id = item.event, item.distinct_id, item.insert_id
    texts = (name, user, insert_id, error, item.note)
    return Outcome(item.row, item.line, status, code, *texts, time, item.item)


class EncodedLines(NamedTuple):
    """Lines of a results file, one for each of some records.

    Attributes:
        data: Whole lines.
        last: Row and item of the last of them; zeros if there is none.
        tally: Lines by status.
        notes: Lines with a note.
    """

    data: bytes
    last: tuple[int, int]
    tally: Mapping[Status, int]
    notes: int

    @classmethod
    def of(cls, form: RowFormat, outcomes: Sequence[Outcome]) -> EncodedLines:
        """Return the lines of some outcomes."""
        last = (outcomes[-1].row, outcomes[-1].item) if outcomes else (0, 0)
        tally = Counter(outcome.status for outcome in outcomes)
        notes = sum(outcome.note != "" for outcome in outcomes)
        return cls(b"".join(map(form.encode, outcomes)), last, tally, notes)


class LineEncoder:
    """Makes the lines of a results file.

    Args:
        form: The form of the file.
        compiled: Whether compiled code does it for blocks that are compiled, too.
    """

    def __init__(self, form: RowFormat, *, compiled: bool = speedups.COMPILED) -> None:
        self._form = form
        self._writer = _line_writer(form) if compiled else None

    def encode(self, delivered: Delivered) -> EncodedLines:
        """Return a line for each record of a batch, in order."""
        parts, verdicts = delivered.batch.parts, delivered.verdicts
        if self._writer is not None and all(type(part.block) is speedups.EventBlock for part in parts):
            return EncodedLines(*self._writer.write(parts, verdicts))
        return EncodedLines.of(self._form, list(outcomes_of(delivered)))


@lru_cache(8)  # of many small sources, it would be the most that there is to do
def _plain(form: RowFormat) -> bytes:
    """Return which characters of ASCII stand for themselves in a text, and which may begin one."""
    letters = [chr(code) for code in range(128)]
    return bytes(
        _INSIDE * (form.text(f"a{letter}a") == f"a{letter}a") | _FIRST * (form.text(letter) == letter)
        for letter in letters
    )


def _line_writer(form: RowFormat) -> speedups.ResultLineWriter:
    def line(item: Event | Rejection, verdict: Verdict | None) -> bytes:
        return form.encode(_outcome(item, verdict))

    return speedups.ResultLineWriter(
        pieces=form.pieces,
        no_time=form.no_time.encode(),
        plain=_plain(form),
        invalid=Status.INVALID,
        skipped=Status.SKIPPED,
        middle=form.middle,
        text=form.text,
        error=form.error,
        most_error=LONGEST_ERROR,
        line=line,
    )
