"""Options that mend invalid records, by what is said of such records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from importer.model import Status
from importer.reading import Attention
from importer.results.reader import read_failures
from importer.results.selection import select_records
from importer.results.status import HistoryStatus

_ZONE: Final = "Say in which zone the times were written, as Europe/Berlin in place of ZONE:"
_EXCEL: Final = "--time-format auto --time-format excel"  # other times of the column stay what they are
_CURES: Final = {
    "--timezone ZONE (": ("--timezone ZONE", _ZONE),
    "say --time-format excel --timezone ZONE": (f"{_EXCEL} --timezone ZONE", _ZONE),
    "say --time-format excel": (_EXCEL, "Read numbers such as these as dates of Excel, and check again:"),
    "send it by --endpoint import": ("--endpoint import", "What is too old for /track can go to /import:"),
}
"""Options that mend invalid records, each with advice, by a part of the error of such a record."""

_FIRST_FAILURES: Final = 1_000
"""In so many of the records that were not taken an option that mends them is looked for."""


class Cure(NamedTuple):
    """Options that mend invalid records, and what to say of them."""

    options: list[str]
    advice: str


def cure_by_preset(attention: Iterable[Attention], accepted: Collection[str]) -> Cure | None:
    """Return the preset for a source that looks like the export of another tool, unless that was accepted."""
    for each in attention:
        if each.code == "preset" and each.code not in accepted:
            text = f"{each.text[0].upper()}{each.text[1:]}. To check how it is read by its preset:"
            return Cure(each.remedy.split(), text)
    return None


def cure_of_history(status: HistoryStatus) -> Cure | None:
    """Return what mends invalid records; None if nothing is known that does."""
    if not status.counts.invalid:
        return None
    results = status.runs[-1].results
    if len(status.runs) == 1:
        return cure_of_run(results)
    return _cure(lambda error: bool(select_records(results, {Status.INVALID}, error)))


def cure_of_run(results: Path) -> Cure | None:
    """Return what mends the first invalid records of a run; None if nothing is known that does."""
    failures = islice(read_failures(results), _FIRST_FAILURES)
    errors = [line.error for line in failures if line.status == Status.INVALID.value]
    return _cure(lambda error: any(error in each for each in errors))


def _cure(is_found: Callable[[str], bool]) -> Cure | None:
    found = (Cure(options.split(), advice) for error, (options, advice) in _CURES.items() if is_found(error))
    return next(found, None)
