"""Words for "no value" in columns of text: so plain ones that no text means them, in the first records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from functools import reduce
from operator import or_
from typing import Final

from importer.profile.chunk import ColumnarChunk
from importer.reading import Attention, AttentionRow, Reading
from importer.text import counted, cut, quoted, shell_word

_MOST_RECORDS: Final = 1_000
"""First records that are looked at: to look at every cell of text would be dear."""

_MOST_COLUMNS: Final = 5
"""Most columns that are named."""

_MARKERS: Final[frozenset[str]] = frozenset(
    {
        "NULL", "null", "\\N", "(null)", "<NA>", "#N/A", "#REF!", "NaN", "nan", "undefined",
        "[object Object]",
    }
)  # fmt: skip
"""Not ``None``, ``N/A``, ``-`` or ``unknown``, which may be values."""


class NullSample:
    """Counts such words in the properties of the first records of a source of cells.

    Args:
        reading: The reading, without the types that were inferred. Columns that it maps to a field, or whose
            type it declares, are left out.
    """

    def __init__(self, reading: Reading) -> None:
        tried = (entry for entries in reading.alternatives.values() for entry in entries)
        settled = {*reading.fields.values(), *tried, *reading.types}
        self._nulls = reading.null
        self._markers = _MARKERS - {*reading.null}
        self._columns = [(at, name) for at, name in enumerate(reading.columns) if name not in settled]
        self._found: dict[
            str, dict[str, int]
        ] = {}  # a bit for each record that has a word, by column and word
        self._rows: dict[int, AttentionRow] = {}  # of each such record, by its place among those looked at
        self._records = 0

    def observe(self, chunk: ColumnarChunk) -> None:
        """As in `Observer`."""
        count = min(_MOST_RECORDS - self._records, chunk.records)
        if count <= 0:
            return
        for at, name in self._columns:
            cells = chunk.column(at)[:count]
            for word in self._markers.intersection(cells):
                for place in [place for place, cell in enumerate(cells) if cell == word]:
                    self._add(name, word, 1 << self._records + place)
                    self._rows.setdefault(self._records + place, chunk.row(place))
        self._records += count

    def merge(self, later: NullSample) -> None:
        """Add what was found in later sources, as far as their records are among the first ones."""
        count = min(_MOST_RECORDS - self._records, later._records)
        for name, words in later._found.items():
            for word, places in words.items():
                self._add(name, word, (places & (1 << count) - 1) << self._records)
        for place, row in later._rows.items():
            if place < count:
                self._rows[self._records + place] = row
        self._records += count

    def _add(self, name: str, word: str, places: int) -> None:
        if places:
            words = self._found.setdefault(name, {})
            words[word] = words.get(word, 0) | places

    def attention(self, explained: Collection[str]) -> Iterator[Attention]:
        """Yield what was found.

        Args:
            explained: Names of columns of which as much is said elsewhere.
        """
        found = {
            name: Counter({word: places.bit_count() for word, places in words.items()})
            for name, words in self._found.items()
            if name not in explained
        }
        if not found:
            return
        places = reduce(or_, (places for name in found for places in self._found[name].values()))
        rows = [row for place, row in sorted(self._rows.items()) if places >> place & 1]
        words = list(dict.fromkeys(word for each in found.values() for word in sorted(each)))
        are = "is" if sum(each.total() for each in found.values()) == 1 else "are"
        yield Attention.of(
            "null-words",
            f"in the first {counted(self._records, 'record')}, {_columns_text(found)} {are}"
            f" {cut(' or '.join(words), 200)}: sent as text",
            " ".join(f"--null {shell_word(word)}" for word in (*self._nulls, *words)),
            count=len(rows),
            rows=rows,
        )


def _columns_text(found: Mapping[str, Counter[str]]) -> str:
    """Return how many such cells each column has: ``50 cells of plan and 3 of city``."""
    (first, words), *others = found.items()
    named = others[: _MOST_COLUMNS - 1]
    texts = [f"{counted(words.total(), 'cell')} of {_name_text(first)}"]
    texts += [f"{each.total():,} of {_name_text(name)}" for name, each in named]
    further = others[len(named) :]
    if further:
        total = sum(each.total() for _, each in further)
        texts.append(f"{total:,} of {counted(len(further), 'further column')}")
    return f"{', '.join(texts[:-1])} and {texts[-1]}" if others else texts[0]


def _name_text(name: str) -> str:
    return name if name.isprintable() else quoted(name)
