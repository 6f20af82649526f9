"""How much memory this process uses, apart from what its pools keep: for runs that must stay flat.

Resident memory alone says little of a leak of 2 MiB: pools grow by whole arenas and give back late. Bytes
that malloc has handed out and blocks that Python has handed out are exact.
"""

from __future__ import annotations

import ctypes
import gc
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_MIB = 2**20
RESIDENT_GROWTH_MIB = 4.0
"""What is resident after the pools gave back what they can: fragments, stacks, mapped memory."""
MALLOC_GROWTH_MIB = 0.5
"""What malloc has handed out: the trees and names of libxml2, texts above 512 bytes. Measured
0.05 MiB over ten minutes of answers."""
BLOCK_GROWTH = 5_000
"""Python's objects, 90 bytes each in the mean; measured 300 over ten minutes, caches. One that stays of every
60th reading is 6,000."""


class _Mallinfo2(ctypes.Structure):
    """<malloc.h>, glibc 2.33 and later; all arenas together."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )
    hblkhd: int
    uordblks: int


@dataclass(frozen=True, slots=True)
class InUse:
    """Memory at one moment. ``before_mib`` is what was resident before the pools were emptied."""

    before_mib: float
    resident_mib: float
    malloc_mib: float
    blocks: int

    def __str__(self) -> str:
        return (
            f"{self.before_mib:.1f} MiB resident, {self.resident_mib:.1f} with pools emptied, "
            f"malloc {self.malloc_mib:.2f} MiB, Python {self.blocks / 1000:.1f} k blocks"
        )


def in_use() -> InUse:
    """Measure, after a full collection and after malloc gave back what it can. Costs 0.2 s."""
    before = resident_mib()
    gc.collect()
    libc = ctypes.CDLL(None)
    libc.malloc_trim(0)
    libc.mallinfo2.restype = _Mallinfo2
    told = libc.mallinfo2()
    return InUse(before, resident_mib(), (told.uordblks + told.hblkhd) / _MIB, sys.getallocatedblocks())


def resident_mib() -> float:
    """Memory of this process now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / _MIB


def grown(samples: Sequence[InUse]) -> list[str]:
    """What grew from the second sample on (caches are full by then), none when memory is flat."""
    settled = samples[1:]
    if len(settled) < 2:
        return []
    figures: tuple[tuple[str, float, list[float]], ...] = (
        ("resident MiB", RESIDENT_GROWTH_MIB, [one.resident_mib for one in settled]),
        ("MiB of malloc", MALLOC_GROWTH_MIB, [one.malloc_mib for one in settled]),
        ("blocks of Python", BLOCK_GROWTH, [one.blocks for one in settled]),
    )
    return [
        f"memory grew: {name} from {found[0]:.1f} to {max(found):.1f}, more than {bound:g}"
        for name, bound, found in figures
        if max(found) - found[0] > bound
    ]
