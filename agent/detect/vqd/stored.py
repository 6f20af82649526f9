"""A view as it was when it was good, and what has become of it since. Law: a stored view never follows.

The running reference follows evening, fog and seasons, and with them a lens that greys over weeks. Against
the stored one a fault counts that was there at every comparison over ``slow_s``: no weather lasts so long
without a clear hour.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from agent.detect.vqd import colour, exposure, lens, signal, view
from agent.detect.vqd.look import Look
from agent.detect.vqd.reference import Reference, likeness
from agent.detect.vqd.rules import Opinion, PictureConfig
from agent.model import PictureFault

_FEWEST_ROUNDS = 3
"""Comparisons that a slow fault needs, however long they are apart."""


class Light(StrEnum):
    """By what light a view was seen: each is another picture."""

    DAY = "day"
    NIGHT = "night"
    """In colour, by night: lamps."""
    GREY = "grey"
    """The camera sends no colour: infrared."""

    @classmethod
    def of(cls, *, grey: bool, daylight: bool | None) -> Light | None:
        """None at dusk and dawn, when a camera in colour shows neither day nor night."""
        if grey:
            return cls.GREY
        return None if daylight is None else cls.DAY if daylight else cls.NIGHT


_Against = tuple[Light, str, PictureFault]


@dataclass(frozen=True, slots=True)
class StoredView:
    """One view of one camera by one light. ``position``: the preset of a head, empty for a fixed camera."""

    light: Light
    size: tuple[int, int]
    """Height and width of the pictures it was learned from: another size is another encoder setting."""
    reference: Reference
    position: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """The last full look at a picture."""

    look: Look
    at_s: float
    size: tuple[int, int]
    light: Light | None
    good: bool
    """No fault was there, quick or slow, and the picture lives."""


_SAME = PictureConfig().same_correlation


def matching(
    views: Iterable[StoredView], look: Look, *, light: Light | None, size: tuple[int, int], fixed: bool
) -> StoredView | None:
    """The stored view to compare a look with; of a head that turns, the one it is most like, if any."""
    same = [one for one in views if one.light is light and one.size == size]
    if fixed:
        return same[0] if same else None
    alike = [(likeness(look, one.reference), one) for one in same]
    known = [(how, one) for how, one in alike if how is not None and how >= _SAME]
    return max(known, key=lambda pair: pair[0])[1] if known else None


def learned(looks: Sequence[Look], *, config: PictureConfig | None = None) -> Reference | None:
    """The reference of some good looks; None when they do not show one view."""
    config = config or PictureConfig()
    first = Reference.of([looks[0]])
    alike = [likeness(look, first) for look in looks[1:]]
    if any(how is not None and how < config.same_correlation for how in alike):
        return None
    return Reference.of(list(looks))


class SlowFaults:
    """The comparison with stored views, round by round. Times are monotonic seconds."""

    def __init__(self, config: PictureConfig) -> None:
        self._config = config
        self._looked_s = -math.inf
        self._steadiness = view.Steadiness(config)
        self._compared: StoredView | None = None
        self._since: dict[_Against, tuple[float, float, int]] = {}
        """When a fault was first and last seen against a view, and in how many rounds, each of them. What the
        day tells is not taken back by the night."""
        self._last: dict[_Against, Opinion] = {}

    @property
    def suspected(self) -> bool:
        """Whether the last round found anything, confirmed or not."""
        return bool(self._since)

    @property
    def standing(self) -> tuple[Opinion, ...]:
        """What was there at every round for long enough."""
        told: dict[PictureFault, Opinion] = {}
        for key, (since, last, rounds) in self._since.items():
            lasted_s = last - since
            if rounds >= _FEWEST_ROUNDS and lasted_s >= self._config.slow_s:
                said = self._last[key]
                told[said.fault] = replace(said, reason=f"{said.reason} for {_spoken(lasted_s)}")
        return tuple(told.values())

    def due(self, at_s: float) -> bool:
        """Whether the next look is to be compared."""
        return not 0.0 <= at_s - self._looked_s < self._config.round_s

    def see(self, look: Look, stored: StoredView, *, at_s: float, daylight: bool | None) -> None:
        """One round: a look without a fault that hides the others."""
        if self._compared is not stored:
            self._compared = stored
            self._steadiness.forget()
        self._looked_s = at_s
        for said in self._opinions(look, stored.reference, daylight):
            key = stored.light, stored.position, said.fault
            if not said.present:
                self._since.pop(key, None)
                continue
            since, _, rounds = self._since.get(key, (at_s, at_s, 0))
            self._since[key] = since, at_s, rounds + 1
            self._last[key] = replace(said, reason=f"{said.reason}, against its stored view")

    def forget(self) -> None:
        """Other views are stored now."""
        self._since.clear()
        self._compared = None
        self._looked_s = -math.inf

    def _opinions(self, look: Look, reference: Reference, daylight: bool | None) -> list[Opinion]:
        """From the top; what is there hides those below it."""
        config = self._config
        self._steadiness.see(look, reference)
        said: list[Opinion] = []
        for opinion in (
            lens.covered(look, reference, None, config),
            signal.striped(look, reference, config),
            view.moved(look, reference, self._steadiness, config),
            exposure.low_contrast(look, reference, None, config),
            lens.blurred(look, reference, None, config),
            colour.colour_cast(look, reference, config, daylight=daylight),
        ):
            if opinion is None:
                continue
            said.append(opinion)
            if opinion.present:
                break
        return said


def _spoken(seconds: float) -> str:
    return f"{seconds / 3600:.0f} h" if seconds >= 7200 else f"{seconds / 60:.0f} min"
