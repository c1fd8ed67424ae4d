"""Import files of historical events into Mixpanel: right before it sends, certain after.

The command is ``mixpanel-importer``; for one event from a program there is `track`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from importer.version import __version__

if TYPE_CHECKING:
    from importer.pipeline.track import track

__all__ = ["__version__", "track"]


def __getattr__(name: str) -> Any:
    """Import `track` when it is asked for: the command's --help must not pay for it."""
    if name == "track":
        from importer.pipeline.track import track  # noqa: PLC0415 - see above

        return track
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
