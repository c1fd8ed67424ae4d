"""The scan for types and nothing else: python bench/scan_alone.py FILE.

The command `preview` scans as well, but it also draws tables and shows the first events as they would be
sent; this calls what both `preview` and `run` call.
"""

from __future__ import annotations

import sys
from pathlib import Path

from importer.events.declared_reading import DeclaredReading
from importer.pipeline.resolve import detect_declared, draft_reading
from importer.pipeline.survey import scan_source
from importer.progress import NullProgress


def main() -> None:
    path = Path(sys.argv[1])
    declared = DeclaredReading()
    draft = draft_reading(detect_declared(path, declared), declared, path.name, 0)
    seen = scan_source(path, draft, now_ms=0, progress=NullProgress())
    print(seen.records[0], *(f"{column.name}={column.type}" for column in seen.survey.columns))


if __name__ == "__main__":
    main()
