"""The options that say what becomes of an export: which preset, which records, which properties."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from importer.cli.declared import Option
from importer.reading import PRESET_NAMES


@dataclass(frozen=True, slots=True)
class MappingOptions:
    """How the export of another tool is read, and what is kept of it."""

    preset: Annotated[
        str | None,
        Option(
            f"The mapping file for an export of another tool: {', '.join(PRESET_NAMES)}. Others go over it.",
            heading="Mapping",
            metavar="NAME",
            values=PRESET_NAMES,
        ),
    ] = None
    where: Annotated[
        str | None,
        Option(
            "Only the records for which this is true, such as \"type in ('track', 'page') and amount > 0\".",
            metavar="EXPR",
        ),
    ] = None
    only: Annotated[
        list[str],
        Option("Keep these properties alone; names, or patterns such as utm_*.", metavar="NAME,…"),
    ] = field(default_factory=list)
    drop: Annotated[list[str], Option("Leave out these properties; likewise.", metavar="NAME,…")] = field(
        default_factory=list
    )
    rename: Annotated[
        list[str],
        Option(
            "Another name for a property; with a pattern, utm_*=campaign_*. May be repeated.",
            metavar="OLD=NEW",
        ),
    ] = field(default_factory=list)
