"""Import files of historical events into Mixpanel.

The command is ``mixpanel-importer``. A program that sends one event calls `track`.
"""

from __future__ import annotations

TYPE_CHECKING = False  # that of typing takes milliseconds, ahead of the handlers of signals in `__main__`
if TYPE_CHECKING:
    from importer.pipeline.track import track

__all__ = ["__version__", "track"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import `track` on its first use, so that ``import importer`` and the command's --help stay fast."""
    if name == "track":
        from importer.pipeline.track import track  # noqa: PLC0415 - see above

        return track
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
