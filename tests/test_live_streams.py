"""The verdict on runs of live streams that went well and that went wrong; ``make live-64`` is such a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from agent.cli.sight import Sight
from tests.support.live_streams import MAIN, Look, Run, growth_mib, wrong

STREAMS = 64
GOOD = Sight(
    cpu_bound=0.6,
    memory_bound_bytes=2**30,
    shed_level=0,
    shed_cause="",
    shed_since=None,
    up=STREAMS,
    packets_per_s=float(STREAMS * MAIN.fps),
    lag_s=0.3,
)


def looks(count: int = 360, *, grows_mib: float = 0.0) -> list[Look]:
    """Half an hour at one look in five seconds; memory settles in the first third and then goes on."""
    return [
        Look(5.0 * n, 2.5 * n, 0.5 * n, 4.0 * n, 600 + min(n, 100) + grows_mib * n / count, GOOD)
        for n in range(count)
    ]


def run(found: Sequence[Look], **more: float) -> Run:
    told = Run(STREAMS, list(found), up_after_s=20.0)
    for name, value in more.items():
        setattr(told, name, value)
    return told


def test_a_run_in_which_all_went_well_is_told_so() -> None:
    assert wrong(run(looks())) == []
    assert growth_mib(run(looks())) == pytest.approx(0.0, abs=0.5)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"up": STREAMS - 1}, "1 streams were not up"),
        ({"lag_s": 2.4}, "2.40 s late"),
        ({"packets_per_s": 0.0}, "of the pictures sent were read"),
        ({"lost_frames": 10**6}, "were lost"),
    ],
)
def test_what_went_wrong_is_named(bad: dict[str, float], said: str) -> None:
    found = looks()
    many = range(100, 200) if "packets_per_s" in bad else range(len(found) - 1, len(found))
    for n in many:
        found[n] = replace(found[n], sight=GOOD.model_copy(update=bad))
    (line,) = wrong(run(found))
    assert said in line


def test_memory_that_grows_by_a_megabyte_a_minute_is_seen() -> None:
    (line,) = wrong(run(looks(grows_mib=40.0)))
    assert "memory grew by" in line


def test_a_box_with_bugs_or_that_ended_is_not_good() -> None:
    assert len(wrong(run(looks(), bugs=1, ended=True))) == 2
    assert wrong(run([])) != []
