from collections import Counter
from collections.abc import Sequence
from typing import Any

from importer.speedups.block import Block

class Times:
    def __init__(
        self,
        *,
        units: Sequence[tuple[str, int, int, int]],
        forms: Sequence[str],
        steps: Sequence[tuple[str, int, int]],
        first_short_year: int,
        utc_names: Sequence[str],
        most_hours: int,
        local_offsets: Sequence[tuple[int, int | None]],
        local_epochs: bool,
    ) -> None: ...
    def read(self, values: Sequence[Any], forms: Counter[str]) -> list[int | None]: ...
    def read_column(self, block: Block, cell: int, forms: Counter[str]) -> tuple[bytes, list[int], int]: ...
