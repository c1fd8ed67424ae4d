"""Values that are made of several columns: by a template such as ``{date} {time}``, or by trying one by one.

A template puts the cells in as they stand. ``{{`` and ``}}`` stand for braces. A column whose name is exactly
the text of a template wins over it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from importer.errors import BadValue, MappingError
from importer.events.columns import Openable, exists
from importer.reading import JSON, Field, Reading
from importer.text import list_columns, nearest, quoted

Look = Callable[[str], Any]
"""Returns the value of a column in the record at hand; None if there is none."""

_parts_of: Final = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[^{}]+").match
_CONSTANT: Final = "= "
"""What an entry begins with that is neither a column nor a template, but a value."""

_is_name: Final = re.compile(r"[\w$][\w$ .\[\]\"-]*").fullmatch


class Template(NamedTuple):
    """Columns with text around them.

    Attributes:
        columns: The columns in their order.
        texts: The text ahead of each of them, and that behind the last one.
    """

    columns: tuple[str, ...]
    texts: tuple[str, ...]

    @property
    def is_bare(self) -> bool:
        """Whether it is one column with no text around it."""
        return self.texts == ("", "")

    def fill(self, look: Look) -> str | None:
        """Return the text for a record; None if one of the columns has no value there.

        Args:
            look: Returns the value of a column.

        Raises:
            BadValue: A column holds an object or an array (JSONL).
        """
        parts = [self.texts[0]]
        for column, text in zip(self.columns, self.texts[1:], strict=True):
            value = look(column)
            if value is None or value == "":
                return None
            parts += (value if type(value) is str else _text_of(column, value), text)
        return "".join(parts)


def _text_of(column: str, value: Any) -> str:
    """Return a value of JSON as text: a number as its digits."""
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    if type(value) is float:
        return str(int(value)) if value == int(value) else repr(value)
    raise BadValue(f"{column}: expected text or a number for a template, found {quoted(value)}")


def parse_template(text: str) -> Template | None:
    """Return the template that a text is, whether its columns exist or not; None if its braces make none."""
    columns, texts, at = list[str](), [""], 0
    while at < len(text):
        part = _parts_of(text, at)
        if part is None:
            return None
        if part[1] is not None:
            columns.append(part[1])
            texts.append("")
        else:
            texts[-1] += part[0][0] if part[0] in ("{{", "}}") else part[0]
        at = part.end()
    return Template(tuple(columns), tuple(texts))


def template_of(text: str, columns: Sequence[str]) -> Template | None:
    """Return the template that a column's place in a reading holds; None if it holds a column.

    Args:
        text: An entry of `Reading.alternatives` or a value of `Reading.templates`.
        columns: The columns of the source.
    """
    if text in columns:
        return None
    if text.startswith(_CONSTANT):
        return Template((), (text.removeprefix(_CONSTANT),))
    return parse_template(text) if "{" in text else None


def constant_entry(value: str) -> str:
    """Return the entry of `Reading.alternatives` that gives a field a value of its own."""
    return _CONSTANT + value


def constant_of(entry: str) -> str | None:
    """Return the value that an entry of `Reading.alternatives` is; None if it is a column or a template."""
    return entry.removeprefix(_CONSTANT) if entry.startswith(_CONSTANT) else None


def check_template(where: str, text: str, columns: Sequence[str], *, paths: Openable) -> None:
    """Check that each column in a template exists.

    Args:
        where: What was typed ahead of it, such as ``--map time=``.
        text: The template.
        columns: The columns of the source.
        paths: Whether a column may be a path.

    Raises:
        MappingError: One does not exist, or the braces don't match.
    """
    template = parse_template(text)
    if template is None or not template.columns:
        raise MappingError(
            f"{where}{text}: the braces hold no columns",
            "Write {COLUMN} for the value of a column, and {{ and }} for braces.",
        )
    for column in template.columns:
        if not exists(column, columns, paths=paths):
            raise MappingError(
                f"{where}{text}: there is no column {quoted(column)}{nearest(column, columns)}",
                "For a brace itself, write {{ or }}.",
                list_columns(columns),
            )


def read_set(name: str, value: JSON, columns: Sequence[str], *, paths: Openable) -> tuple[JSON, bool]:
    """Return what ``--set`` means: a constant, or a template.

    Braces that hold no column are part of a constant, such as JSON.

    Args:
        name: The property.
        value: What was typed.
        columns: The columns of the source.
        paths: Whether a column may be a path.

    Returns:
        The value, in which doubled braces are single if it is a constant; and whether it is a template.

    Raises:
        MappingError: Something in braces looks like the name of a column, but is none.
    """
    if not isinstance(value, str) or not ("{" in value or "}" in value):
        return value, False
    template = parse_template(value)
    if value in columns:
        return value, True
    named = template.columns if template else ()
    if not any(exists(column, columns, paths=paths) for column in named) and not any(map(_is_name, named)):
        return value if template is None or named else template.texts[0], False
    check_template(f"--set {name}=", value, columns, paths=paths)
    return value, True


def set_text(name: str, value: JSON, columns: Sequence[str], *, paths: Openable) -> JSON:
    """Return what must be written for ``--set`` to mean this constant: the opposite of `read_set`."""
    try:
        if read_set(name, value, columns, paths=paths) == (value, False):
            return value
    except MappingError:
        pass
    return str(value).replace("{", "{{").replace("}", "}}")


def columns_in(text: str, columns: Sequence[str]) -> Iterator[str]:
    """Yield the columns that an entry of `Reading.alternatives` names: itself, or those of a template."""
    template = template_of(text, columns)
    yield from (text,) if template is None else template.columns


def set_templates(reading: Reading) -> dict[str, Template]:
    """Return the templates of ``--set`` by the name of the property."""
    return {
        name: template_of(text, reading.columns) or Template((text,), ("", ""))
        for name, text in reading.templates.items()
    }


def fill_templates(templates: Mapping[str, Template], look: Look) -> Iterator[tuple[str, str]]:
    """Yield name and value of each property that ``--set`` makes of columns.

    Where one of its columns has no value, a template makes no property.

    Args:
        templates: By the name of the property.
        look: Returns the value of a column in the record.

    Raises:
        BadValue: A template names a column that holds an object or an array (JSONL).
    """
    for name, template in templates.items():
        text = template.fill(look)
        if text is not None:
            yield name, text


def field_entries(reading: Reading) -> dict[Field, tuple[str | Template, ...]]:
    """Return the columns and templates of each field that more than a single column may give, in order."""
    return {
        field: tuple(template_of(entry, reading.columns) or entry for entry in entries)
        for field, entries in reading.alternatives.items()
    }
