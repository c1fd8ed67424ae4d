"""What holds for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# How long an example takes says nothing on a machine that is busy with other things. What must be fast is held by
# counting steps: `test_work.py`. The examples are the same in each run, so that a change is judged by what it
# changes; `--hypothesis-profile searching` draws new ones.
settings.register_profile("searching", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("patient", settings.get_profile("searching"), derandomize=True)
settings.load_profile("patient")
