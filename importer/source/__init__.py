"""Files → records: what a file is, its records in order, and the same records again.

A record that can't be read is a `model.Rejection` with its number and line, and reading goes on; a file
that can't be read is a `SourceError`.
"""

from importer.source.copy import copy_records
from importer.source.detect import Detected, as_said, detect
from importer.source.fingerprint import fingerprint, unchanged
from importer.source.source import Source, open_source
from importer.source.spool import spool

__all__ = [
    "Detected",
    "Source",
    "as_said",
    "copy_records",
    "detect",
    "fingerprint",
    "open_source",
    "spool",
    "unchanged",
]
