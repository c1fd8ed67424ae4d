from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from importer.model import Event
from importer.speedups.block import Block
from importer.speedups.times import Times

FITS: Final[int]
RESERVED: Final[int]
ODD: Final[int]
FIELDS: Final[tuple[int, ...]]

class Maker:
    def __init__(
        self,
        *,
        fields: Sequence[int],
        columns: Sequence[tuple[int, bytes, str, Callable[[str], bytes | None]]],
        nulls: Sequence[str],
        outer: Callable[[str], int],
        inner: Callable[[str], int],
        given: tuple[str | None, str | None],
        constants: Sequence[tuple[bytes, bytes]],
        name_of: Callable[[str], bytes | None],
        times: Times,
        time_of: Callable[[str, bool], int | None],
        number_of: Callable[[bytes], bytes | None],
        digest: Callable[[bytes], str],
        row_of: Callable[[int], bytes] | None,
        note_of: Callable[[tuple[str, ...]], str],
        no_user: str,
        finer: str,
        refused: AbstractSet[str],
        id_characters: bytes,
        id_size: int,
        limits: tuple[int, int, int, int, int, int, int],
        tails: tuple[bytes, bytes],
    ) -> None: ...
    def map(self, block: Block, clock: int) -> list[Event | None]: ...
    def insert_ids(self, block: Block, clock: int) -> list[str | None]: ...
