"""What is done with a record before its fields are looked up: it may become several, or be left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from importer.errors import MappingError
from importer.events.explode import make_explode
from importer.model import Record, Rejection
from importer.reading import Dialect, Shape

Item = Record | Rejection
Step = Callable[[Record], Iterable[Item]]
"""Makes records of a record: one, several, or the reason why it is none."""


class Shaper:
    """Makes of some records what a `Shape` says; rejections pass through.

    Args:
        steps: What is done with each record, one after the other.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        """Return what the records become, in their order."""
        found = list(items)
        for step in self._steps:
            found = [made for item in found for made in (step(item) if isinstance(item, Record) else (item,))]
        return found


def make_shaper(shape: Shape, dialect: Dialect, columns: Sequence[str]) -> Shaper | None:
    """Return what shapes the records of a source; None if they stay as they are.

    Args:
        shape: What is done with them.
        dialect: How they are read.
        columns: Their columns, if they are rows of cells.

    Raises:
        MappingError: Records of this kind can't be shaped so.
    """
    steps: list[Step] = []
    if shape.explode:
        if dialect.has_cells:
            raise MappingError(
                f"explode = {shape.explode!r}: a row of CSV holds no list of events",
                "Export the records as JSON, or leave explode out.",
            )
        steps.append(make_explode(shape.explode, columns))
    return Shaper(steps) if steps else None
