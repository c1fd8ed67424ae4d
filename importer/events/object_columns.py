"""Where the values of an object stand by their columns: in it, or in the object of its properties."""

from __future__ import annotations

from typing import Any, NamedTuple

from importer.events.columns import Path, path_to, take_at, value_at


class ObjectColumns(NamedTuple):
    """The values of a record by column, wherever they stand.

    Attributes:
        outside: The object of the line.
        inside: The object that the properties column holds.
        bag: The path to the properties column; None if there is none.
        columns: The columns of the source.
        is_flat: True if objects were flattened, so that a path may be the name of a key.
    """

    outside: dict[str, Any]
    inside: dict[str, Any]
    bag: Path | None
    columns: tuple[str, ...]
    is_flat: bool

    def look(self, column: str) -> Any:
        """Return the value of a column; None if there is none."""
        if self.is_flat and column in self.outside:  # a key of its own, though the first records had none
            return self.outside[column]
        path, is_inside = self._path(column)
        return value_at(path, self.inside if is_inside else self.outside)

    def remove(self, column: str, left: dict[str, Any], properties: dict[str, Any]) -> None:
        """Take the value of a column out of what becomes the properties."""
        if self.is_flat and column in self.outside:
            left.pop(column, None)
            return
        path, is_inside = self._path(column)
        take_at(path, properties if is_inside else left)

    def _path(self, column: str) -> tuple[Path, bool]:
        path, bag = path_to(column, self.columns), self.bag
        is_inside = bag is not None and len(path) > len(bag) and path[: len(bag)] == bag
        return (path[len(bag) :], True) if bag is not None and is_inside else (path, False)
