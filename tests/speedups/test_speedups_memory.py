"""Memory that was freed goes back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from importer import speedups

pytestmark = pytest.mark.skipif(not speedups.COMPILED, reason="nothing is compiled")

SCRIPT = """
from importer import speedups

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

speedups.use_one_arena()
# What stays, between what goes, is what keeps the C library from giving back the end of its arena.
texts = [bytes(20_000) for _ in range(4_000)]
texts = texts[::40]
before = resident()
given = speedups.give_memory_back()
print(given, before - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library gives nothing back")
def test_free_pages_between_those_in_use_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    given, size = done.stdout.split()
    assert (given, int(size) > 50_000_000) == ("True", True)
