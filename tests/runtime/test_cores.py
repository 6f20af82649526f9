"""How many cores and how much memory a process has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.cores import usable_cores
from runtime.memory import give_back, resident_bytes

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


def test_what_is_resident_is_measured_and_can_be_given_back() -> None:
    before = resident_bytes()
    block = bytearray(32 * 2**20)
    assert resident_bytes() - before > 24 * 2**20
    del block
    give_back()
    assert resident_bytes() - before < 24 * 2**20
