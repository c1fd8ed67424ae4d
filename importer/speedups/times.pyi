from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

class Times:
    def __init__(
        self,
        *,
        units: Sequence[tuple[str, int, int, int]],
        forms: tuple[str, str],
        start_of: Callable[[str, str], int | None],
    ) -> None: ...
    def read(self, values: Sequence[Any], forms: Counter[str]) -> list[int | None]: ...
