from collections.abc import Callable, Iterator, Sequence
from typing import Final, overload

from importer.model import Record, Rejection

NO_QUOTE: Final[int]

class Block(Sequence[Record | Rejection]):
    @property
    def data(self) -> bytes: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def row(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def records(self) -> int: ...
    @property
    def rejections(self) -> list[Rejection]: ...
    def without(self, places: Sequence[int], reject: Callable[[int, int, int], Rejection]) -> Block: ...
    def __len__(self) -> int: ...
    @overload
    def __getitem__(self, at: int) -> Record | Rejection: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Record | Rejection]: ...
    def __iter__(self) -> Iterator[Record | Rejection]: ...
    def record(self, n: int) -> Record | Rejection: ...
    def row_of(self, n: int) -> int: ...
    def rows(self) -> list[range]: ...
    def column(self, cell: int, places: Sequence[int] | None = None) -> list[str]: ...
    def count_filled(self, cells: Sequence[int]) -> list[int]: ...
    def count_column(
        self, cell: int, apart: tuple[bytes, ...] = (), known: int = 0
    ) -> tuple[int, list[int], list[tuple[int, str] | None]]: ...

def cut_csv(
    data: bytes,
    delimiter: int,
    quote: int,
    width: int,
    row: int,
    line: int,
    *,
    skip_space: bool = False,
    trailing: bool = False,
    comment: int = 256,
    names: tuple[bytes, ...] = (),
    reject: Callable[[int, int, int, int, int], Rejection] | None = None,
    start: int = 0,
    stop: int | None = None,
) -> tuple[Block, int, bool]: ...
def cut_lines(
    data: bytes,
    row: int,
    line: int,
    read: Callable[[int, int, bytes], Record | Rejection],
    *,
    start: int = 0,
    stop: int | None = None,
) -> tuple[Block, int]: ...
def cut_objects(
    data: bytes,
    row: int,
    line: int,
    read: Callable[[int, int, bytes], Record | Rejection],
    comma: bool,
    most: int,
    *,
    start: int = 0,
    stop: int | None = None,
) -> tuple[Block, int, bool]: ...
def end_of_text(data: bytes, start: int, stop: int, *, nul: bool = False) -> int: ...
