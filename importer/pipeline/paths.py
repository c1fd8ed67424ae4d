"""Files that a run makes beside its results: the copy of standard input, and a mapping for failed rows."""

from __future__ import annotations

from pathlib import Path


def spool_path(results: Path) -> Path:
    """Return the path of the copy of standard input, beside its results."""
    return results.with_name(f"{results.name}.source")


def failed_rows_mapping_path(failed_rows: Path) -> Path:
    """Return the path of the mapping file that reads a copy of failed records, beside that copy."""
    return Path(f"{failed_rows}.toml")
