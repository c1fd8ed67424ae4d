"""Which columns become which field of an event: the declared ones, else the one with a well-known name.

Nothing is guessed if two columns could be meant, or none: an error stops the run and shows a ``--map`` that
would help.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from importer.errors import MappingError
from importer.events.columns import Openable, exists
from importer.events.declared_reading import FieldEntry
from importer.events.field_names import FIELD_CALLED, PROPERTY_OF, is_label, plain_name, well_known
from importer.events.templates import check_template, columns_in, constant_of
from importer.model import Record
from importer.reading import FIELDS, Field, MissingColumns
from importer.text import list_columns, nearest, quoted, shell_word

_USER_ID: Final = "$user_id"
_DEVICE_ID: Final = "$device_id"
_DEVICE_PREFIX: Final = "$device:"
_SPLIT_COMMAS: Final = re.compile(r",(?![^{}]*\})").split  # not at a comma in braces
_NEEDED: Final[tuple[Field, ...]] = ("event", "time")
_MEANING: Final[Mapping[Field, str]] = {"event": "the event's name", "time": "the time"}
_HINTS: Final[Mapping[Field, tuple[str, ...]]] = {
    "event": ("event", "action", "name", "type", "activity"),
    "time": ("time", "date", "when", "stamp"),
}


def nested_columns(sample: Sequence[Record], column: str) -> tuple[str, ...]:
    """Return the dotted paths of the keys that the objects in ``column`` have, in a sample of JSONL.

    A key that has a dot of its own has no such path.
    """
    keys: dict[str, None] = {}
    for record in sample:
        value: Any = record.values.get(column) if isinstance(record.values, dict) else None
        if isinstance(value, dict):
            keys.update(dict.fromkeys(f"{column}.{key}" for key in value if "." not in key))
    return tuple(keys)


class ChosenFields(NamedTuple):
    """What gives each field.

    Attributes:
        fields: The column of each field that one column gives.
        alternatives: The columns and templates of each other mapped field, in the order in which they are
            tried.
        conditions: When each of these is tried; empty for always.
    """

    fields: dict[Field, str]
    alternatives: dict[Field, tuple[str, ...]]
    conditions: dict[Field, tuple[str, ...]]


class Lookup(NamedTuple):
    """How columns are looked up that the source may lack.

    Attributes:
        missing: What becomes of entries of a list whose columns the source lacks.
        changing: As for `put_field`.
        strict: Fields whose columns must be there all the same.
    """

    missing: MissingColumns
    changing: bool
    strict: Collection[Field] = ()

    def of(self, field: Field) -> MissingColumns:
        """Return what becomes of columns of a field that the source lacks."""
        return "refuse" if field in self.strict else self.missing


STRICT: Final = Lookup("refuse", changing=False)
"""A column must be there, and always stands at the same place."""


def choose_fields(
    columns: Sequence[str],
    declared: Mapping[Field, str | tuple[str | FieldEntry, ...]],
    constants: Iterable[str],
    nested: Sequence[str] = (),
    *,
    paths: Openable = False,
    lookup: Lookup = STRICT,
    defaults: Collection[Field] = (),
    times: str = "",
    labels: Sequence[str] = (),
) -> ChosenFields:
    """Return the columns of each field.

    Args:
        columns: The columns of the source.
        declared: Columns by ``--map`` and the mapping file, as for `entries_of_field`; an empty text means
            that the field has none.
        constants: Names that ``--set`` defines; for a field among them, no column is guessed.
        nested: Dotted paths inside the ``properties`` column that are known (JSONL).
        paths: Whether a column may be a path.
        lookup: How columns are looked up that the source may lack.
        defaults: Fields that have a value where nothing else gives one.
        times: A column that holds times, for the example in a message; empty if none is known.
        labels: Columns called ``name`` or ``type`` whose values are names of events.

    Raises:
        MappingError: A column does not exist, or ``event`` or ``time`` has none, or a field could be meant
            by two columns, or is both mapped and set.
    """
    set_fields = _set_fields(constants)
    given = {
        field: entries_of_field(field, typed, columns, paths=paths, missing=lookup.of(field))
        for field, typed in declared.items()
    }
    taken = {entry.text for entries in given.values() for entry in entries}
    free, free_nested = ([c for c in names if c not in taken] for names in (columns, nested))
    chosen = ChosenFields({}, {}, {})
    unfound = set[Field]()  # the first records have none of their columns
    for field in FIELDS:
        entries = given.get(field, ())
        # Whatever --set gives is settled, but what it can't give: it makes a property called properties.
        if field not in given and (field not in set_fields or field == "properties"):
            entries = as_entries(_guess(field, free, free_nested, labels, columns))
        texts = [entry.text for entry in entries]
        if lookup.missing == "ignore" and not finds_any(texts, columns, paths):
            unfound.add(field)
            entries = () if field in set_fields else entries
        if field in set_fields and entries:
            raise mapped_and_set(field, texts)
        put_field(chosen, field, entries, columns, changing=lookup.changing)
    if "distinct_id" not in {*given, *set_fields, *chosen.fields}:
        put_field(chosen, "distinct_id", as_entries(_id_merge(columns, nested)), columns)
    known = {*chosen.fields, *chosen.alternatives} - unfound | {*set_fields, *defaults}
    unknown = [field for field in _NEEDED if field not in known]
    if unknown:
        names = [c for c in free if is_label(c) and c not in labels] if "event" in unknown else []
        used = set(chosen.fields.values())
        raise _missing(unknown, [c for c in (*free, *free_nested) if c not in used], times, names, columns)
    return chosen


def _set_fields(constants: Iterable[str]) -> set[str]:
    names = {FIELD_CALLED.get(name, name) for name in constants}
    if "token" in names:
        raise MappingError("--set token=…: a token is never part of an event", "Leave it out.")
    return names


def finds_any(entries: Iterable[str], columns: Sequence[str], paths: Openable) -> bool:
    """Return whether the columns of at least one of several entries exist, so far as is known."""
    return any(
        all(exists(column, columns, paths=paths) for column in columns_in(entry, columns))
        for entry in entries
    )


def as_entries(texts: Iterable[str]) -> tuple[FieldEntry, ...]:
    """Return what may give a field under no condition."""
    return tuple(FieldEntry(text, "") for text in texts)


def put_field(
    chosen: ChosenFields,
    field: Field,
    entries: Sequence[FieldEntry],
    columns: Sequence[str],
    *,
    changing: bool = False,
) -> None:
    """Put what gives a field to the fields or the alternatives.

    Args:
        chosen: What gives each field.
        field: The field.
        entries: What gives this one.
        columns: The columns of the source.
        changing: True if where a column stands that is not among them is found out for each record: within a
            cell, or where objects are flattened. It becomes an alternative.
    """
    texts = tuple(entry.text for entry in entries)
    is_column = len(texts) == 1 and next(iter(columns_in(texts[0], columns)), None) == texts[0]
    if is_column and not entries[0].where and (not changing or texts[0] in columns):
        chosen.fields[field] = texts[0]
    elif texts:
        chosen.alternatives[field] = texts
        if any(entry.where for entry in entries):
            chosen.conditions[field] = tuple(entry.where for entry in entries)


def entries_of_field(
    field: Field,
    typed: str | tuple[str | FieldEntry, ...],
    columns: Sequence[str],
    *,
    paths: Openable,
    missing: MissingColumns = "refuse",
) -> tuple[FieldEntry, ...]:
    """Return what is declared for a field, in order; empty if it has nothing.

    Args:
        field: The field.
        typed: A text with commas between several, unless a column has such a name; or several as they stand.
        columns: The columns of the source.
        paths: Whether a column may be a path.
        missing: What becomes of those of several as they stand whose columns the source lacks. Of objects,
            a later one may have them, so they stay; of cells, they are left out.

    Raises:
        MappingError: A column does not exist, or a condition can't be read.
    """
    is_list = isinstance(typed, tuple)
    entries = [
        entry if isinstance(entry, FieldEntry) else FieldEntry(entry, "")
        for entry in (typed if isinstance(typed, tuple) else _split(typed, columns))
    ]
    kept = []
    for entry in entries:
        if missing == "ignore" and is_list:
            if paths is not True and not _has_columns(entry.text, columns, paths):
                continue
        else:
            _check_entry(field, entry.text, columns, paths)
        if entry.where:
            from importer.events.where import compile_where  # noqa: PLC0415 - as in `templates`

            condition = compile_where(entry.where)
            if missing == "refuse":
                condition.check(lambda name: exists(name, columns, paths=paths), columns)
        kept.append(entry)
    return tuple(dict.fromkeys(kept))


def _has_columns(text: str, columns: Sequence[str], paths: Openable) -> bool:
    return finds_any((text,), columns, paths)


def _check_entry(field: Field, text: str, columns: Sequence[str], paths: Openable) -> None:
    """Check that the columns exist that may give a field.

    Raises:
        MappingError: One does not.
    """
    # A key that the first lines lack may come later: a well-known one is surely no slip of the pen.
    if exists(text, columns, paths=paths) or (paths is True and well_known(text) == field):
        return
    if constant_of(text) is not None:
        return
    if "{" in text:
        check_template(f"--map {field}=", text, columns, paths=paths)
    else:
        raise MappingError(
            f"--map {field}=…: there is no column {quoted(text)}{nearest(text, columns)}",
            list_columns(columns),
        )


def _split(text: str, columns: Sequence[str]) -> list[str]:
    """Return what stands between the commas of a text, but for those in the name of a column."""
    if not text or text in columns:
        return [text] if text else []
    parts = _SPLIT_COMMAS(text)
    entries, at = list[str](), 0
    while at < len(parts):
        runs = ((end, ",".join(parts[at:end])) for end in range(len(parts), at, -1))
        at, entry = next(
            (
                (end, name)
                for end, run in runs
                for name in (run, run.strip())
                if name in columns or end == at + 1
            )
        )
        entries.append(entry if entry in columns or len(parts) == 1 else entry.strip())
    return entries


def _guess(
    field: Field, free: Sequence[str], nested: Sequence[str], labels: Sequence[str], columns: Sequence[str]
) -> tuple[str, ...]:
    """Return the column that a field is known by, if there is one.

    Raises:
        MappingError: There are two.
    """
    found = [c for c in free if well_known(c) == field] or _inside(field, nested)
    if field == "event":
        found = found or [c for c in free if plain_name(c) == "action"] or [c for c in free if c in labels]
    if len(found) > 1:
        raise _ambiguous(field, found, columns)
    return tuple(found)


def _id_merge(columns: Sequence[str], nested: Sequence[str]) -> tuple[str, ...]:
    """Return what Mixpanel makes the user of, where an event has no ``distinct_id``.

    "It takes the value of ``$user_id`` when present, otherwise ``$device_id`` prefixed with ``$device:``"
    (Simplified ID Merge; troubleshooting/errors/server-side-events-without-a-user).
    """
    found = {path.rpartition(".")[2]: path for path in nested} | {column: column for column in columns}
    user, device = found.get(_USER_ID), found.get(_DEVICE_ID)
    return (
        *([f"{{{user}}}"] if user else []),
        *([f"{_DEVICE_PREFIX}{{{device}}}"] if device else []),
    )


def is_by_id_merge(entries: Sequence[str]) -> bool:
    """Return whether the alternatives of a user are those of ``$user_id`` and ``$device_id``."""
    return bool(entries) and all(
        (entry.startswith("{") and entry.endswith(f"{_USER_ID}}}"))
        or (entry.startswith(f"{_DEVICE_PREFIX}{{") and entry.endswith(f"{_DEVICE_ID}}}"))
        for entry in entries
    )


def mapped_and_set(field: Field, entries: Sequence[str]) -> MappingError:
    """Return the error of a field that both ``--set`` and a column give."""
    return MappingError(
        f"--set {field}=… and the column {quoted(', '.join(entries))} both give the {field}",
        f"Leave out --set {field}, or leave the column unmapped with --map {field}=",
    )


def _inside(field: Field, nested: Sequence[str]) -> list[str]:
    """Return the keys of ``properties`` that could be a field; Mixpanel's own name for it, if it is there."""
    if field not in PROPERTY_OF:
        return []
    keys = {path.rsplit(".", 1)[1]: path for path in nested}
    if PROPERTY_OF[field] in keys:
        return [keys[PROPERTY_OF[field]]]
    return [path for key, path in keys.items() if well_known(key) == field]


def _ambiguous(field: Field, found: Sequence[str], columns: Sequence[str]) -> MappingError:
    names = " and ".join(map(quoted, found))
    lines = [f"Say which: --map {shell_word(f'{field}={found[0]}')}"]
    lines += [f"       or: --map {shell_word(f'{field}={other}')}" for other in found[1:]]
    return MappingError(f"{names} could each be the {field}", *lines, list_columns(columns))


def _missing(
    missing: Sequence[Field], free: Sequence[str], times: str, names: Sequence[str], columns: Sequence[str]
) -> MappingError:
    """Return the error that asks for fields.

    Args:
        missing: The fields.
        free: Columns and paths that are none yet.
        times: A column that holds times; empty if none is known.
        names: Columns that hold names, but perhaps of people or things.
        columns: The columns of the source.
    """
    chosen: dict[Field, str] = {}
    for field in reversed(missing):  # a column that holds times is easier to know than one that holds names
        left = [column for column in free if column not in (*chosen.values(), *names)]
        chosen[field] = times if field == "time" and times in left else _likely(field, left)
    words = " ".join(f"--map {shell_word(f'{field}={chosen[field]}')}" for field in missing)
    lines = [f"Say which, for example: {words}"]
    if "event" in missing:
        lines.append("or, if all are of one kind: --set event='Name Of All Events'")
    for name in names:
        option = f"--map {shell_word(f'event={name}')}"
        lines.append(f"or, if {quoted(name)} names events, not people or things: {option}")
    meant = " and ".join(_MEANING[field] for field in missing)
    return MappingError(f"no column is known to hold {meant}", *lines, list_columns(columns))


def _likely(field: Field, columns: Sequence[str]) -> str:
    """Return the column that most looks like ``field``, for the example in a message."""
    for hint in _HINTS[field]:
        for column in columns:
            if hint in plain_name(column):
                return column
    ends = ("_at", "At", " at") if field == "time" else ()
    return next((column for column in columns if column.endswith(ends)), "COLUMN")
