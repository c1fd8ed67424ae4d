"""What ``--set`` means for a source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from importer.errors import MappingError, UsageError
from importer.events.columns import Openable
from importer.events.declared_reading import DeclaredReading
from importer.events.field_names import FIELD_CALLED
from importer.events.mapping import finds_any, mapped_and_set
from importer.events.templates import read_set
from importer.events.types import to_boolean, to_integer, to_number
from importer.exact_json import loads
from importer.reading import FIELDS, JSON, ColumnType, Field


class GivenValues(NamedTuple):
    """What ``--set`` means.

    Attributes:
        constants: Values of fields and properties.
        templates: Templates of properties.
        fields: Templates of fields.
    """

    constants: dict[str, JSON]
    templates: dict[str, str]
    fields: dict[Field, tuple[str, ...]]

    @property
    def names(self) -> frozenset[str]:
        """Names of constants and of properties that are made of columns."""
        return frozenset({*self.constants, *self.templates})


def given_values(declared: DeclaredReading, columns: Sequence[str], paths: Openable) -> GivenValues:
    """Return what ``--set`` means for a source of these columns.

    Args:
        declared: What is declared.
        columns: The columns of the source.
        paths: Whether a column may be a path.

    Raises:
        MappingError: A template names a column that does not exist, or gives a field that is mapped, too.
        UsageError: A value is not of the type that is declared for it.
    """
    said = GivenValues({}, {}, {})
    for name, value in declared.constants.items():
        kind = declared.types.get(name, "string")
        text, is_template = (value, False)
        if kind != "json":
            try:
                text, is_template = read_set(name, value, columns, paths=paths)
            except MappingError:  # it lacks a column
                if declared.missing_columns != "ignore":
                    raise
                if paths is not True:
                    continue
                is_template = True  # a later record may have it
        field = FIELD_CALLED.get(name, name)
        if not is_template:
            said.constants[name] = _constant(name, text, declared.types)
        elif field not in FIELDS or field == "properties":
            if kind not in ("string", "skip"):  # a column of its name may be left out
                raise UsageError(
                    f"--set {name}={value}: a value made of columns is text", f"Leave out --type {name}."
                )
            said.templates[name] = str(text)
        elif is_mapped(declared, field, columns, paths):
            raise mapped_and_set(field, [str(declared.fields[field])])
        else:
            said.fields[field] = (str(text),)
    return said


def is_mapped(declared: DeclaredReading, field: Field, columns: Sequence[str], paths: Openable) -> bool:
    """Return whether a field is declared to be given by a column that the source has."""
    said = declared.fields.get(field)
    if not said or declared.missing_columns != "ignore" or isinstance(said, str):
        return bool(said)
    return finds_any((each if isinstance(each, str) else each.text for each in said), columns, paths)


def _constant(name: str, value: JSON, types: Mapping[str, ColumnType]) -> JSON:
    """Return the value of a ``--set``: text, unless ``--type`` declares another type."""
    kind = types.get(name, "string")
    if not isinstance(value, str) or kind in ("string", "time", "skip") or name in FIELDS:
        return value
    try:
        if kind == "json":
            parsed: JSON = loads(value.encode())[0]
            return parsed
        return {"integer": to_integer, "number": to_number, "boolean": to_boolean}[kind](value)
    except (KeyError, ValueError) as error:
        raise UsageError(f"--set {name}={value}: {error}", f"Mend it, or leave out --type {name}.") from None
