from collections.abc import Callable, Sequence

from importer.speedups.block import Block
from importer.speedups.plan import NestedPlan

class NestedLines:
    def __init__(self, plans: Sequence[NestedPlan], as_number: Callable[[str, bool], bytes]) -> None: ...
    def parts(self, block: Block, least: int = 1) -> list[tuple[Block, bool]]: ...
