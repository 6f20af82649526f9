"""Endings side by side: within the bound, whatever hangs or fails."""

from __future__ import annotations

import threading
import time

import pytest

from runtime.together import together


def test_all_are_called_side_by_side_and_waited_for() -> None:
    meet = threading.Barrier(3, timeout=5)
    assert together("end", [lambda: meet.wait()] * 3, within_s=5)


def test_one_that_hangs_is_left_and_one_that_fails_is_told(caplog: pytest.LogCaptureFixture) -> None:
    free, done = threading.Event(), threading.Event()

    def fails() -> None:
        raise RuntimeError("broken")

    began_s = time.monotonic()
    assert not together("end", [free.wait, fails, done.set], within_s=0.3)
    assert (done.is_set(), time.monotonic() - began_s < 3) == (True, True)
    assert "1 of 3 did not end within 0.3 s" in caplog.text and "broken" in caplog.text
    free.set()
    for thread in threading.enumerate():
        if thread.name.startswith("end-"):
            thread.join(5)
