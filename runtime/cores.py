"""How many processor cores this process may use: a container is often given fewer than there are."""

from __future__ import annotations

import os
from pathlib import Path

_LIMITS = (
    Path("/sys/fs/cgroup/cpu.max"),  # cgroup v2: "QUOTA PERIOD" or "max PERIOD", in microseconds
    Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),  # v1: the quota; -1 is none
)
_V1_PERIOD_US = 100_000.0
"""What every container engine sets."""


def usable_cores(limits: tuple[Path, ...] = _LIMITS) -> float:
    """Cores this process may run on, a part of one where a quota says so; at least 0.1."""
    cores = float(len(os.sched_getaffinity(0)))
    for limit in limits:
        quota = _quota(limit)
        if quota is not None:
            return max(0.1, min(cores, quota))
    return cores


def _quota(limit: Path) -> float | None:
    """The cores a limit allows; None without one."""
    try:
        quota, _, period = limit.read_text("ascii").strip().partition(" ")
        cores = float(quota) / float(period or _V1_PERIOD_US)
    except (OSError, ValueError, ZeroDivisionError):
        return None
    return cores if cores > 0 else None
