from collections.abc import Callable

from importer.model import Event, Record, Rejection
from importer.speedups.block import Block
from importer.speedups.event_block import EventBlock
from importer.speedups.plan import MappingPlan

class BlockMapper:
    def __init__(self, plan: MappingPlan) -> None: ...
    def map(
        self, block: Block, clock: int, map_record: Callable[[Record | Rejection], Event | Rejection]
    ) -> EventBlock: ...
    def insert_ids(self, block: Block, clock: int) -> list[str | None]: ...
