"""How much memory a process of many threads keeps beside what it uses.

glibc gives each thread a heap of its own, up to eight for each core, and a heap gives nothing back from its
middle. A box has a hundred threads that now and then read a large answer: what each once needed stays in each
heap. Measured with 64 good and 64 hostile devices: 74 MiB above the good ones alone, 38 MiB with two heaps.
"""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8
"""<malloc.h>"""
HEAPS = 2


def share_heaps(count: int = HEAPS) -> bool:
    """Let all threads started from now on share so many heaps; False where the C library knows no such."""
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_ARENA_MAX, count))
    except (AttributeError, OSError):
        return False
