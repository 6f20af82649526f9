"""Threads share their heaps: what one needed for a moment does not stay beside what the next one needs."""

from __future__ import annotations

import subprocess
import sys

_CODE = """
import re, sys, threading
from runtime.memory import share_heaps
if sys.argv[1] == "shared":
    assert share_heaps()
barrier = threading.Barrier(12)
def work():
    barrier.wait()
    kept = [bytes(2000) for _ in range(50)]
    barrier.wait()
threads = [threading.Thread(target=work) for _ in range(12)]
[one.start() for one in threads]
[one.join() for one in threads]
maps = open("/proc/self/maps").read()
heaps = [row for row in maps.splitlines() if re.match(r"[0-9a-f]+000000-", row) and "rw-p" in row]
print(len(heaps))
"""


def heaps(way: str) -> int:
    """Heaps of the process beside its first: they begin at multiples of 64 MiB."""
    told = subprocess.run([sys.executable, "-c", _CODE, way], capture_output=True, text=True, check=True)
    return int(told.stdout)


def test_twelve_threads_share_two_heaps() -> None:
    assert heaps("shared") < heaps("own")
