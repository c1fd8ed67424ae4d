"""The options of a set of sources; declared as those of `cli.options` are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from importer.cli.declared import Option


@dataclass(frozen=True, slots=True)
class WorkOptions:
    """How many processes do the work, and how much room they have for it."""

    workers: Annotated[
        int | None,
        Option(
            "Processes that read and send.",
            heading="Delivery",
            default="1 for one source, else as many as cores",
            metavar="N",
            min=1,
            max=256,
        ),
    ] = None
    spool_space: Annotated[
        str,
        Option(
            "Disk space that compressed tars, and copies of files that are read at any place, may take.",
            metavar="SIZE",
        ),
    ] = "20GB"


@dataclass(frozen=True, slots=True)
class SetOptions(WorkOptions):
    """Which sources of folders and archives are read, and where their results go."""

    include: Annotated[
        list[str],
        Option(
            "Of folders and archives, only sources that match, such as 2024/** or *.csv. May be repeated.",
            heading="Sources",
            metavar="GLOB",
        ),
    ] = field(default_factory=list)
    exclude: Annotated[
        list[str], Option("Leave out sources that match. May be repeated.", metavar="GLOB")
    ] = field(default_factory=list)
    skip_unfit: Annotated[
        bool, Option("Leave out sources that lack a mapped column, or are of another format.")
    ] = False
    results_format: Annotated[
        Literal["csv", "jsonl"],
        Option("Format of the results of a set of sources.", heading="Results", default="csv"),
    ] = "csv"
