"""The line to an endpoint, from times alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.devices.line_quality import ENOUGH, WINDOW, Grade, LineWindow, grade
from agent.model import LineQuality


def window(*rounds: Sequence[float | None]) -> LineQuality:
    kept = LineWindow()
    for each in rounds:
        kept.add(each)
    found = kept.quality("sip")
    assert found is not None
    return found


def test_an_even_line_has_no_jitter() -> None:
    found = window([0.02] * 50, [0.02] * 50)
    assert (found.loss_ratio, found.delay_ms, found.jitter_ms) == (0.0, 20.0, 0.0)
    assert grade(found) is Grade.GOOD


def test_jitter_is_the_mean_change_and_moves_by_a_sixteenth() -> None:
    assert window([0.020, 0.030] * 5).jitter_ms == 10.0
    later = window([0.020, 0.030] * 8 + [0.020], [0.050, 0.050]).jitter_ms
    assert later == pytest.approx(10.0 * 15 / 16, abs=0.001)


def test_a_lost_probe_is_no_step_of_jitter() -> None:
    assert window([0.02, None, 0.5]).jitter_ms is None
    found = window([0.02, 0.03, None, 0.5, 0.51])
    assert found.loss_ratio == 0.2
    assert found.jitter_ms == 10.0


def test_silence_has_neither_delay_nor_jitter() -> None:
    found = window([None] * 60)
    assert (found.loss_ratio, found.delay_ms, found.jitter_ms) == (1.0, None, None)
    assert grade(found) is Grade.POOR


@pytest.mark.parametrize(
    ("loss", "delay", "jitter", "expected"),
    [
        (0.01, 100.0, 30.0, Grade.GOOD),
        (0.011, 10.0, 1.0, Grade.FAIR),
        (0.05, 300.0, 50.0, Grade.FAIR),
        (0.051, 10.0, 1.0, Grade.POOR),
        (0.0, 300.1, 1.0, Grade.POOR),
        (0.0, 10.0, 50.1, Grade.POOR),
    ],
)
def test_the_gates_before_a_meeting(loss: float, delay: float, jitter: float, expected: Grade) -> None:
    assert grade(LineQuality(100, loss, delay, jitter)) is expected


def test_too_few_probes_are_not_judged() -> None:
    assert grade(LineQuality(ENOUGH - 1, 1.0)) is None


@given(st.lists(st.lists(st.none() | st.floats(0, 5), min_size=1, max_size=30), min_size=1, max_size=60))
def test_the_window_is_bounded_and_its_numbers_are_sound(rounds: list[list[float | None]]) -> None:
    found = window(*rounds)
    assert found.probes <= WINDOW + 29
    assert 0.0 <= found.loss_ratio <= 1.0
    assert (found.delay_ms is None) == (found.loss_ratio == 1.0)
    assert found.jitter_ms is None or found.jitter_ms >= 0


def test_an_endpoint_that_was_away_begins_anew() -> None:
    kept = LineWindow()
    kept.add([None] * 10)
    kept.forget()
    assert kept.quality("icmp") is None
