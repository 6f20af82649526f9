"""Times that are typed are bounded, and a signal ends a command as Ctrl+C does."""

from __future__ import annotations

import os
import signal
import sys
import threading
from argparse import ArgumentTypeError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli.spans import ended_as_by_hand, seconds
from tests.agent.cli.test_devices import PASSWORD, Run, county, logging_left_as_it_was, run
from tests.support.processes import Process, wait_until
from tests.support.virtual_county import RunningCounty

__all__ = ["county", "logging_left_as_it_was", "run"]


@pytest.mark.parametrize("text", ["-3", "0", "nan", "inf", "-inf", "1e9", "601", "two", "", "1_0e9"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="must be seconds"):
        seconds(600)(text)


@given(st.floats(min_value=0, max_value=600, exclude_min=True))
def test_a_time_within_its_bounds_is_taken(given_s: float) -> None:
    assert seconds(600)(repr(given_s)) == given_s


@pytest.mark.parametrize("text", ["-3", "nan", "inf"])
@pytest.mark.parametrize("words", [("events", "cam", "--seconds"), ("probe", "cam", "--video-s")])
def test_a_command_refuses_it_before_a_device_is_asked(
    run: Run, county: RunningCounty, words: tuple[str, ...], text: str
) -> None:
    with pytest.raises(SystemExit) as told:
        run(*words, text)
    assert told.value.code == 2
    assert not county.device("cam").counters["op_GetSystemDateAndTime"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_the_slot_of_followed_events_is_given_back_whoever_ends_it(
    run: Run, county: RunningCounty, tmp_path: Path, how: signal.Signals
) -> None:
    live = lambda: len(county.device("cam").events.live())  # noqa: E731
    run("list")
    words = [sys.executable, "-m", "agent", "devices", "events", "cam", "--follow"]
    follower = Process([*words, "--config", str(tmp_path / "box.toml")], log=tmp_path / "log")
    try:
        pulls = county.device("cam").counters
        wait_until(lambda: pulls["op_PullMessages"], within_s=20, what="it is followed")
        assert county.call(live) == 1
        os.kill(follower.pid, how)
        wait_until(lambda: not follower.running, within_s=20, what="it ends")
    finally:
        follower.kill()
    assert county.call(live) == 0
    assert PASSWORD not in follower.tail()


def test_a_second_signal_does_not_cut_short_what_the_first_began() -> None:
    given_back = False
    with pytest.raises(KeyboardInterrupt), ended_as_by_hand():
        try:
            signal.raise_signal(signal.SIGHUP)
        finally:
            signal.raise_signal(signal.SIGTERM)
            given_back = True
    assert given_back


def test_a_signal_that_is_ignored_stays_so_and_all_are_as_before() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_as_by_hand():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_leaves_signals_alone() -> None:
    entered: list[bool] = []

    def enter() -> None:
        with ended_as_by_hand():
            entered.append(True)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join(5)
    assert entered == [True]
