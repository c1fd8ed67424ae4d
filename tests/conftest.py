"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# A machine that is busy with other things is no defect: no example has a time limit.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
