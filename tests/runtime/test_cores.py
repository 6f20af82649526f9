"""How many cores and how much memory a process has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.cores import usable_cores

HERE = float(len(os.sched_getaffinity(0)))


@pytest.mark.parametrize(
    ("said", "cores"),
    [
        ("50000 100000\n", 0.5),
        ("max 100000\n", HERE),
        ("99999999 100000\n", HERE),
        ("25000\n", 0.25),  # cgroup v1 has a file for the quota alone
        ("-1\n", HERE),
        ("1 100000\n", 0.1),
        ("100000 0\n", HERE),
        ("\n", HERE),
        ("broken", HERE),
    ],
)
def test_a_quota_counts_as_fewer_cores(tmp_path: Path, said: str, cores: float) -> None:
    limit = tmp_path / "cpu.max"
    limit.write_text(said)
    assert usable_cores((limit,)) == cores


def test_without_a_quota_all_cores_count(tmp_path: Path) -> None:
    assert usable_cores((tmp_path / "none",)) == HERE


_HELD_AND_GIVEN_BACK = """
from runtime.memory import give_back, resident_bytes
before = resident_bytes()
block = bytearray(32 * 2**20)
held = resident_bytes() - before
del block
give_back()
print(held, resident_bytes() - before)
"""


def test_what_is_resident_is_measured_and_can_be_given_back() -> None:
    """In a process of its own: one that ran other tests serves the block from what it freed before."""
    ran = subprocess.run(
        [sys.executable, "-c", _HELD_AND_GIVEN_BACK], capture_output=True, text=True, timeout=60, check=True
    )
    held, left = map(int, ran.stdout.split())
    assert held > 24 * 2**20
    assert left < 8 * 2**20
