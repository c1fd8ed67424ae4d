"""What is done with a record before its fields are looked up: it may become several, or be left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from importer import speedups
from importer.errors import BadValue, MappingError
from importer.events.explode import make_explode
from importer.events.fast_nested import make_nested_lines
from importer.events.json_texts import make_bag_opener
from importer.events.mask import Masks
from importer.events.nested import Nested, make_nested
from importer.events.unfit import UnfitRecord, make_fit
from importer.events.unmasked import NOT_EXACT
from importer.model import Record, Rejection
from importer.reading import Reading

Item = Record | Rejection
Step = Callable[[Record], Iterable[Item]]
"""Makes records of a record: one, several, or the reason why it is none."""


Filter = Callable[[Sequence[Item]], Sequence[Item]]
"""Puts rejections in place of records."""

_AT_ONCE: Final = 2_000

_LEAST_LINES: Final = 8
"""Lines that the parts of a block must have on average; shorter parts cost more than they save."""

_quoted: Final = re.compile(r", (?:near|found) ['\"].*['\"]", re.DOTALL)
_too_big: Final = re.compile(r"[^ ]+(?= does not fit 64 bits)")
"""What the errors of readers quote of a record."""


class Shaper:
    """Makes of some records what a `Shape` says; rejections pass through.

    Args:
        steps: What is done with each record, one after the other.
        row_filter: Leaves out some of what they become; None to leave out nothing.
        nested_lines: Takes all steps with most of the lines of a block at once; None if nothing does.
        mask: Hides values of what stays; None if all may be seen.
        fit: As `unfit.make_fit`.

    Attributes:
        fit: What a record with an integer of more than 64 bits becomes ahead of all steps; None to refuse it.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        row_filter: Filter | None,
        nested_lines: speedups.NestedLines | None,
        mask: Callable[[Item], Item] | None,
        fit: Callable[[Record], Item] | None,
    ) -> None:
        self.fit = fit
        if fit is not None and steps:
            self.fit = lambda record: UnfitRecord(*record)
            steps = [*steps, lambda item: (fit(item) if type(item) is UnfitRecord else item,)]
        self._steps = steps
        self._filter = row_filter
        self._nested_lines = nested_lines
        self._mask = mask

    def __call__(self, items: Sequence[Item]) -> Iterator[Sequence[Item]]:
        """Yield what the records become, in their order and in parts: one may become a million.

        A `speedups.Block` stays one where no step is taken, or compiled code takes all; unless it is masked.
        """
        for part in self._in_steps(items):
            left = part if self._filter is None else self._filter(part)
            yield left if self._mask is None else list(map(self._mask, left))

    def _in_steps(self, items: Sequence[Item]) -> Iterator[Sequence[Item]]:
        if not self._steps:
            yield items
        elif self._nested_lines is not None and isinstance(items, speedups.Block):
            for part, is_done in self._nested_lines.parts(items, _LEAST_LINES):
                if is_done:
                    yield part
                else:
                    yield from self._one_by_one(part)
        else:
            yield from self._one_by_one(items)

    def _one_by_one(self, items: Iterable[Item]) -> Iterator[Sequence[Item]]:
        made = iter(items)
        for step in self._steps:
            made = _apply(step, made)
        while part := list(islice(made, _AT_ONCE)):
            yield part


def _apply(step: Step, items: Iterator[Item]) -> Iterator[Item]:
    for item in items:
        if isinstance(item, Record):
            yield from step(item)
        else:
            yield item


def make_shaper(reading: Reading, salt: bytes = b"") -> Shaper | None:
    """Return what shapes the records of a source; None if they stay as they are.

    Args:
        reading: How the source is read: what is done with its records, and what its columns are.
        salt: Of the pseudonyms of masked values; empty if there are none.

    Raises:
        MappingError: Records of this kind can't be shaped so.
    """
    shape, steps = reading.shape, list[Step]()
    has_cells = reading.dialect.has_cells
    if shape.explode:
        if has_cells:
            raise MappingError(
                f"explode = {shape.explode!r}: a row of CSV holds no list of events",
                "Export the records as JSON, or leave explode out.",
            )
        opened = make_bag_opener(reading)
        if opened is not None:
            open_bags = _step(opened)
            steps.append(lambda record: (open_bags(record),))
        steps.append(make_explode(shape.explode, reading.columns))
    # What stands in the cells of CSV is no object yet: see `cells.CellReader`.
    nested = None if has_cells else make_nested(reading)
    if nested is not None:
        change = _step(nested)
        steps.append(lambda record: (change(record),))
    row_filter = _row_filter(reading) if shape.where else None
    mask = _make_mask(Masks(reading, salt)) if shape.mask else None
    fit = make_fit(reading)
    if not steps and row_filter is None and mask is None and fit is None:
        return None
    is_nested_alone = len(steps) == 1 and nested is not None
    return Shaper(steps, row_filter, make_nested_lines(reading) if is_nested_alone else None, mask, fit)


def _make_mask(masks: Masks) -> Callable[[Item], Item]:
    """Return what hides values of a record: in it, and in what is said of it."""
    step = _step(masks.in_record)

    def mask(item: Item) -> Item:
        if item.note:
            item = item._replace(note=NOT_EXACT)
        if isinstance(item, Record):
            item = step(item)
        return item._replace(error=without_quotes(item.error)) if isinstance(item, Rejection) else item

    return mask


def without_quotes(error: str) -> str:
    """Return the error of a record that can't be read without what it quotes of the record."""
    return _too_big.sub("a number", _quoted.sub("", error))


def _row_filter(reading: Reading) -> Filter:
    from importer.events.row_filter import RowFilter  # noqa: PLC0415 - a parser that few readings need

    return RowFilter(reading)


def _step(change: Nested | Callable[[Any, list[str]], Any]) -> Callable[[Record], Item]:
    """Return a step that changes the values of each record.

    Args:
        change: Returns the values anew; adds notes; raises `BadValue`.
    """

    def step(record: Record) -> Item:
        notes = [record.note] if record.note else []
        values: Any = record.values
        try:
            made = change(values, notes)
        except BadValue as error:
            return Rejection(record.row, record.line, str(error), note="; ".join(notes), item=record.item)
        return record._replace(values=made, note="; ".join(notes))

    return step
