"""Import files of historical events into Mixpanel.

The command is ``mixpanel-importer``. A program that sends one event calls `track`.
"""

from __future__ import annotations

TYPE_CHECKING = False  # that of typing takes milliseconds, ahead of the handlers of signals in `__main__`
if TYPE_CHECKING:
    from importer.pipeline.track import track
    from importer.text import VERSION as __version__  # noqa: N811 - what a package calls it

__all__ = ["__version__", "track"]


def __getattr__(name: str) -> object:
    """Import what is asked for on its first use, so that ``import importer`` and --help stay fast."""
    if name == "__version__":
        from importer.text import VERSION  # noqa: PLC0415 - see above

        return VERSION
    if name == "track":
        from importer.pipeline.track import track  # noqa: PLC0415 - see above

        return track
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
