"""The observer that infers the types of columns."""

from __future__ import annotations

from importer.events.number_marks import marks_of
from importer.profile.chunk import ColumnarChunk
from importer.profile.column_types import TypeInference
from importer.profile.null_sample import NullSample
from importer.profile.type_attention import type_attention
from importer.reading import Attention, Reading


class TypeObserver:
    """Infers the types of the columns of a source of cells, and says which of them may not be expected.

    Attributes:
        inference: What is known of each column.
    """

    def __init__(self, reading: Reading) -> None:
        self.inference = TypeInference(reading.columns, reading.null, marks_of(reading))
        self._reading = reading
        self._null_sample = NullSample(reading)

    def observe(self, chunk: ColumnarChunk) -> None:
        """As in `Observer`."""
        if chunk.records:
            self._null_sample.observe(chunk)
            if chunk.block is None:
                self.inference.add(chunk.column, chunk.row)
            else:
                self.inference.add_block(chunk.block, chunk.row)

    def merge(self, later: TypeObserver) -> None:
        """Add what is known of later sources, whose columns may be others."""
        self.inference.merge(later.inference)
        self._null_sample.merge(later._null_sample)

    def attention(self) -> list[Attention]:
        """As in `AttentionObserver`."""
        columns = self.inference.columns
        explained = {column.name for column in columns if column.is_but_for_words}
        return [*type_attention(columns, self._reading), *self._null_sample.attention(explained)]
