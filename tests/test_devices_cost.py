"""The targets of the devices' cost: each is held, and missing one is told and no success."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench import __main__ as benches
from bench import devices_cost
from bench.devices_cost import Figures, missed_targets

MET = Figures(
    up_s=0.9,
    above_first_mib=9.0,
    steady_percent=2.0,
    steady_failures=0,
    climbs=192,
    pulls=900,
    resident_mib=(90.0, 95.0, 95.5, 96.0),
    files=20,
)


def test_figures_that_meet_all_targets_are_a_success() -> None:
    assert missed_targets(MET) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"up_s": 1.01}, "CPU s of 50 devices: 1.01"),
        ({"up_s": float("nan")}, "CPU s of 50 devices"),
        ({"above_first_mib": 15.2}, "MiB above the first device"),
        ({"steady_percent": 3.1}, "% of a core"),
        ({"steady_failures": 1}, "failures"),
        ({"climbs": 3}, "climbs"),
        ({"pulls": 0}, "pulls"),
        ({"resident_mib": (90.0, 95.0, 96.0, 98.0)}, "grown over 10000 climbs"),
        ({"files": 400}, "files open"),
    ],
)
def test_each_missed_target_is_named(change: dict[str, Any], words: str) -> None:
    (line,) = missed_targets(replace(MET, **change))
    assert words in line


@pytest.mark.parametrize("status", [0, 1])
def test_a_missed_target_is_the_status_of_the_run(
    status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(devices_cost, "main", lambda: status)
    assert benches.main(["devices_cost"]) == status
    assert "devices_cost" in capsys.readouterr().out
