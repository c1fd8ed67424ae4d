"""Outcomes → results file: one line for each record, and beside it what the run was."""

from importer.results.compare import check_overwrite, differences, reading_differences
from importer.results.counts import Counts
from importer.results.glance import Glance, unsuccessful
from importer.results.ledger import Ledger, outcomes
from importer.results.lines import COLUMNS
from importer.results.lock import Lock
from importer.results.manifest import (
    Manifest,
    credential_digest,
    follow,
    link,
    manifest_text,
    read_manifest,
    salt_for,
    write_manifest,
)
from importer.results.outcomes import Outcomes
from importer.results.paths import Kind, manifest_path, results_path, retry_path
from importer.results.resume import Standing, holds, inspect, repair
from importer.results.selection import Choice, Selection, origins, select, successes
from importer.results.status import ChainStatus, check_retriable, status_of
from importer.results.writer import ResultsWriter

__all__ = [
    "COLUMNS",
    "ChainStatus",
    "Choice",
    "Counts",
    "Glance",
    "Kind",
    "Ledger",
    "Lock",
    "Manifest",
    "Outcomes",
    "ResultsWriter",
    "Selection",
    "Standing",
    "check_overwrite",
    "check_retriable",
    "credential_digest",
    "differences",
    "follow",
    "holds",
    "inspect",
    "link",
    "manifest_path",
    "manifest_text",
    "origins",
    "outcomes",
    "read_manifest",
    "reading_differences",
    "repair",
    "results_path",
    "retry_path",
    "salt_for",
    "select",
    "status_of",
    "successes",
    "unsuccessful",
    "write_manifest",
]
