"""Who stays in a zone. Law: one and the same, all the time; three who pass are not one who stays."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from agent.detect.tracks import LOST_S, Track
from agent.detect.zones import ZoneMask
from agent.model import Finding
from protocol.words import SceneTopic


@dataclass(slots=True)
class _Stay:
    """A step out of the zone is forgiven as long as a track that is not seen."""

    since_s: float
    last_s: float


class DwellJudge:
    """One zone."""

    def __init__(self, zone: ZoneMask) -> None:
        self.zone = zone
        self._stays: dict[int, _Stay] = {}

    def see(self, tracks: Sequence[Track], *, alive: Set[int], at_s: float) -> Finding:
        """Whether somebody has been inside for the zone's time."""
        self._stays = {
            number: stay
            for number, stay in self._stays.items()
            if number in alive and at_s - stay.last_s <= LOST_S
        }
        inside = [track for track in tracks if self.zone.counts(track.blob)]
        for track in inside:
            self._stays.setdefault(track.number, _Stay(at_s, at_s)).last_s = at_s
        name = self.zone.zone.name
        longest = max(inside, key=lambda track: at_s - self._stays[track.number].since_s, default=None)
        if longest is None:
            return Finding(SceneTopic.LOITERING, False, 0.0, "nothing inside", zone=name)
        stayed_s = at_s - self._stays[longest.number].since_s
        needed_s = self.zone.zone.dwell_s
        if stayed_s < needed_s:
            reason = f"inside for {stayed_s:.0f} of {needed_s:.0f} s"
            return Finding(SceneTopic.LOITERING, False, 0.0, reason, zone=name)
        score = min(1.0, 0.5 + 0.5 * (stayed_s - needed_s) / needed_s)
        reason = f"inside for {stayed_s:.0f} s, {needed_s:.0f} s allowed"
        return Finding(SceneTopic.LOITERING, True, score, reason, box=longest.blob.box, zone=name)

    def forget(self) -> None:
        """The view is another."""
        self._stays = {}
