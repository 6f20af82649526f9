"""Some mutated pictures with fixed seeds, and that the fuzzer sees what it must: ``make fuzz-sight``."""

from __future__ import annotations

import random
import sys

import pytest

from simulator.video.model import Codec
from tests.support import fuzz_sight
from tests.support.fuzz_sight import damaged_units, kind_of, mutated, run

BEGINS = "import os, sys, json; print(json.dumps({'begin': int(sys.argv[1])}), flush=True); "


def test_what_is_damaged_is_a_picture_or_has_a_reason() -> None:
    """39 cases end with six cameras read side by side."""
    told = run(60, seed=1, most=39)
    assert told.cases == 39
    assert told.findings == []
    kinds = {came.split()[0] for came in told.came}
    assert kinds == {"packets", "file", "stream"}


@pytest.mark.parametrize(
    ("then", "finding"),
    [
        ("os.abort()", "ended the process with -6"),
        ("import ctypes; ctypes.string_at(8)", "ended the process with -11"),
        ("import time; time.sleep(60)", "hangs"),
    ],
    ids=["abort", "segmentation fault", "hang"],
)
def test_a_child_that_dies_or_hangs_is_a_finding_and_the_next_goes_on_behind_it(
    then: str, finding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []

    def child(first: int, _seconds: float, _most: int) -> list[str]:
        begun.append(first)
        return [sys.executable, "-c", BEGINS + then, str(first)]

    monkeypatch.setattr(fuzz_sight, "MOST_CRASHES", 2)
    monkeypatch.setattr(fuzz_sight, "_command", child)
    told = run(60, seed=5, hang_s=2.0 if "sleep" in then else 20.0)
    assert told.crashes == 2
    assert begun == [5, 6]
    assert all(finding in line for line in told.findings)


def test_a_case_that_raises_is_a_finding_with_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    says = (
        "import json; print(json.dumps({'begin': 7})); "
        "print(json.dumps({'end': 7, 'came': 'x', 'took_s': 0.1, 'wrong': 'KeyError: 1', 'resident': 99.0}))"
    )
    monkeypatch.setattr(fuzz_sight, "_command", lambda *_: [sys.executable, "-c", says])
    told = run(60, seed=7, most=1)
    assert told.findings == ["case 7 (file): KeyError: 1"]


def test_the_same_number_is_the_same_case() -> None:
    assert kind_of(3) == "file"
    first = [damaged_units(Codec.H264, random.Random(7)) for _ in range(2)]
    assert first[0] == first[1]
    assert mutated(b"a" * 100, random.Random(3)) == mutated(b"a" * 100, random.Random(3))
