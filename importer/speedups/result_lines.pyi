from collections.abc import Callable, Sequence

from importer.model import Event, Part, Rejection, Status, Verdict

class ResultLineWriter:
    def __init__(
        self,
        *,
        pieces: Sequence[bytes],
        no_time: bytes,
        plain: bytes,
        invalid: Status,
        skipped: Status,
        middle: Callable[[Status, int | None], str],
        text: Callable[[str], str | None],
        error: Callable[[str], str | None],
        most_error: int,
        line: Callable[[Event | Rejection, Verdict | None], bytes],
    ) -> None: ...
    def write(
        self, parts: Sequence[Part], verdicts: Sequence[Verdict]
    ) -> tuple[bytes, tuple[int, int], dict[Status, int], int]: ...

class ResultLines:
    def __len__(self) -> int: ...
    @property
    def places(self) -> bytes: ...
    @property
    def statuses(self) -> bytes: ...
    def texts(self, column: int, chosen: bytes) -> list[str]: ...

class ResultLineReader:
    def __init__(
        self,
        *,
        pieces: Sequence[bytes],
        is_csv: bool,
        code: bytes,
        no_code: bytes,
        no_time: bytes,
        statuses: Sequence[tuple[bytes, Status]],
        most_digits: int,
        item_bits: int,
        parse: Callable[[bytes], tuple[int, Status, int] | None],
        read: Callable[[bytes, int], str],
    ) -> None: ...
    def check(self, data: bytes, row: int, item: int) -> tuple[int, int, int, int, dict[Status, int]]: ...
    def read(self, data: bytes) -> ResultLines | None: ...
