"""How a write is known to have come about, and how long the device is given to show it."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

Seen = TypeVar("Seen")


class Proof(StrEnum):
    """What is known after a write the device answered with success. A write found undone raises NOT_KEPT."""

    COMPARED = "compared"
    """The device was asked again and is as it was to be."""
    NOT_COMPARABLE = "not_comparable"
    """It took the write; nothing it tells shows whether that came about."""


def until(
    look: Callable[[], Seen],
    done: Callable[[Seen], bool],
    *,
    within_s: float,
    every_s: float,
    pause: Callable[[float], None],
) -> Seen:
    """Look, at least once, until ``done`` or the time is over; the last thing seen, for the caller to judge.

    What ``look`` raises ends the waiting.
    """
    ends = time.monotonic() + within_s
    while True:
        seen = look()
        if done(seen) or time.monotonic() >= ends:
            return seen
        pause(every_s)
