from collections.abc import Sequence

from importer.speedups.block import Block

class Fields(Block):
    def values(self, cell: int) -> list[str | int | None]: ...

class FieldFinder:
    def __init__(
        self,
        keys: Sequence[tuple[bytes, bool, bool, int, int]],
        inside: bytes,
        refused: tuple[bytes, ...],
        refused_inside: tuple[bytes, ...] = (),
    ) -> None: ...
    def parts(self, block: Block, least: int = 1) -> list[tuple[Block, Fields | None]]: ...

def outer_lines_hold(block: Block, count: int, text: bytes) -> bool: ...
def has_outer_cell(block: Block, cell: int, count: int) -> bool: ...
def cells_beside(block: Block, cell: int, text: bytes, places: list[int]) -> list[tuple[int, str]]: ...
