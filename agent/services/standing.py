"""Where a device stands on the ladder, and how sure we must be before saying so. Pure.

Laws. The first rung that fails decides, with its reason. Worse is believed after ``failures_to_enter``
equal observations in a row, better after ``successes_to_leave``; what the picture rules have already
confirmed counts at once, and so does the first good observation after a start. Nothing is said before
everything that should be judged was judged.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.model import Device, Evidence, PictureFault, StreamState
from agent.services.picture_words import fault_sentence
from protocol.words import Reason, Rung


@dataclass(frozen=True, slots=True)
class Standing:
    """One opinion of a device's state."""

    rung: Rung
    reason: Reason
    detail: str = ""

    def same_as(self, other: Standing) -> bool:
        """Equal but for the wording."""
        return (self.rung, self.reason) == (other.rung, other.reason)


STARTING = Standing(Rung.UNREACHABLE, Reason.STARTING)


def judge(
    device: Device, evidence: Evidence, stream: StreamState | None, fault: PictureFault | None
) -> Standing | None:
    """Combine what the rooms know; None while the stream was not judged yet."""
    if evidence.reason is not Reason.OK or device.is_conference or stream is None:
        return Standing(evidence.rung, evidence.reason, evidence.detail)
    if stream.reason is Reason.STARTING:
        return None
    if stream.reason is not Reason.OK:
        return Standing(Rung.AUTHENTICATED, stream.reason, stream.detail)
    if fault is not None:
        return Standing(Rung.STREAMING, fault.reason, fault_sentence(fault))
    return Standing(Rung.PICTURE_OK, Reason.OK)


class StandingTracker:
    """One device's confirmed standing."""

    def __init__(self, *, failures_to_enter: int = 2, successes_to_leave: int = 2) -> None:
        self.current = STARTING
        self._failures_to_enter = failures_to_enter
        self._successes_to_leave = successes_to_leave
        self._candidate: Standing | None = None
        self._seen = 0

    @property
    def undecided(self) -> bool:
        """Something other than the current standing was seen and is not confirmed: look again soon."""
        return self._candidate is not None or self.current is STARTING

    def observe(self, standing: Standing) -> Standing | None:
        """Count one observation; returns the new standing when it is confirmed by it."""
        if standing.same_as(self.current):
            self._candidate = None
            self._seen = 0
            return None
        if self._candidate is not None and standing.same_as(self._candidate):
            self._seen += 1
        else:
            self._seen = 1
        self._candidate = standing
        if self._seen < self._needed(standing):
            return None
        self.current = standing
        self._candidate = None
        self._seen = 0
        return standing

    def _needed(self, standing: Standing) -> int:
        if _by_picture(standing, self.current):
            return 1
        if self.current is STARTING:
            return 1 if standing.reason is Reason.OK else self._failures_to_enter
        if standing.rung.height > self.current.rung.height:
            return self._successes_to_leave
        return self._failures_to_enter


def _by_picture(new: Standing, old: Standing) -> bool:
    """Whether the change lies between ``streaming`` and ``picture_ok``, which the picture rules confirm."""
    return new.rung.height >= Rung.STREAMING.height and old.rung.height >= Rung.STREAMING.height
