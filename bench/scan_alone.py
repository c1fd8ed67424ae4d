"""The scan for types and nothing else: python bench/scan_alone.py FILE.

The command `preview` scans as well, but it also draws tables and shows the first events as they would be
sent; this calls what both `preview` and `run` call.
"""

from __future__ import annotations

import sys
from pathlib import Path

from importer.events.mapping_file import DeclaredReading
from importer.pipeline.resolve import detect_with, make_reading
from importer.profile.scan import scan_sources


def main() -> None:
    path = Path(sys.argv[1])
    declared = DeclaredReading()
    seen = scan_sources([path], make_reading(detect_with(path, declared), declared, path.name, 0))
    print(seen.records[0], *(f"{profile.name}={profile.type}" for profile in seen.profiles))


if __name__ == "__main__":
    main()
