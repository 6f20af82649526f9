"""The loop every background thread is."""

from __future__ import annotations

import logging
import threading

import pytest

from runtime.backoff import Backoff
from runtime.worker import FATAL_AFTER, Worker
from tests.support.processes import wait_until


def quick() -> Backoff:
    return Backoff(base_s=0.001, ceiling_s=0.002)


def test_it_steps_until_stopped_and_wake_cuts_a_pause() -> None:
    steps: list[int] = []

    def step() -> float:
        steps.append(1)
        return 3600.0

    worker = Worker("stepper", step)
    worker.start()
    wait_until(lambda: len(steps) == 1, within_s=5, what="first step")
    worker.wake()
    wait_until(lambda: len(steps) == 2, within_s=5, what="woken step")
    assert worker.stop()
    assert not worker.alive


def test_an_expected_failure_logs_once_on_entry_and_once_on_recovery(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    tries = iter([OSError("cable"), OSError("cable"), OSError("cable")])
    recovered = threading.Event()

    def step() -> float:
        for error in tries:
            raise error
        recovered.set()
        return 3600.0

    worker = Worker("cable", step, expected=(OSError,), backoff=quick())
    worker.start()
    assert recovered.wait(5)
    wait_until(lambda: "works again" in caplog.text, within_s=5, what="recovery line")
    worker.stop()
    assert caplog.text.count("failed, will retry: cable") == 1
    assert "works again after 3 failures" in caplog.text


def test_a_repeating_bug_ends_the_process_through_on_fatal() -> None:
    fatal: list[str] = []

    def step() -> float:
        raise KeyError("bug")

    worker = Worker("buggy", step, expected=(OSError,), on_fatal=fatal.append, backoff=quick())
    worker.start()
    wait_until(lambda: fatal, within_s=5, what="fatal")
    wait_until(lambda: not worker.alive, within_s=5, what="the loop ended")
    assert fatal == ["buggy"]
    assert FATAL_AFTER > 1
