"""What happens in a judging scene, drawn by lot from a seed. Pure.

Law: the same seed, the same scene. Nobody comes in the warm-up or while the light changes; between two visits
lie at least QUIET_S, so that each can be told from the next.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

from bench.sight.scoring import WARM_UP_S, Stretch, Truth

QUIET_S = 11.0
IN_VIEW_RATIO = 0.25
"""A mover is in view while a quarter of its width is inside the picture: before, there is a toe."""
ORDINARY_S, FAST_S = (2.4, 4.2), (0.8, 1.8)


class Light(StrEnum):
    """Under what a scene is looked at."""

    DAY = "day"
    DUSK = "dusk"
    NIGHT = "night"
    NIGHT_NR = "night-nr"
    """The camera's noise reduction averages pictures that differ little."""
    WIND = "wind"
    RAIN = "rain"
    HEADLIGHTS = "headlights"
    """Night; beams of cars that stay out of view wander over walls and ground."""


@dataclass(frozen=True, slots=True)
class Mover:
    """Somebody who crosses, or who comes in at a side and goes back (``turns``).

    Ratios are of the picture's height (``height``, ``foot``) and width (``reach``: how far it comes in).
    """

    what: str
    look: int
    from_s: float
    to_s: float
    height: float
    foot: float
    rightwards: bool
    turns: bool
    reach: float


@dataclass(frozen=True, slots=True)
class LightChange:
    """From ``from_s`` on, within ``ramp_s``, everything is lit ``gain`` times as bright, for ``lasts_s``."""

    from_s: float
    ramp_s: float
    gain: float
    lasts_s: float

    def at(self, at_s: float) -> float:
        """The gain at a moment."""
        since_s = at_s - self.from_s
        share = min(since_s, self.lasts_s + self.ramp_s - since_s) / self.ramp_s
        return 1.0 + (self.gain - 1.0) * min(1.0, max(0.0, share))


@dataclass(frozen=True, slots=True)
class Script:
    """One scene."""

    light: Light
    seed: int
    seconds: float
    movers: tuple[Mover, ...]
    change: LightChange

    @property
    def truth(self) -> Truth:
        """Who is in view when; the light goes up and comes back: two changes."""
        change = self.change
        back_s = change.from_s + change.lasts_s
        return Truth(
            self.seconds,
            tuple(Stretch(mover.from_s, mover.to_s) for mover in self.movers),
            (Stretch(change.from_s, change.from_s + change.ramp_s), Stretch(back_s, back_s + change.ramp_s)),
        )

    @property
    def duty(self) -> float:
        """Share of the time in which somebody is in view."""
        return sum(mover.to_s - mover.from_s for mover in self.movers) / self.seconds


def script(light: Light, seed: int, *, seconds: float, dense: bool = False) -> Script:
    """Draw a scene: one visit about every 25 s, three ordinary to two fast.

    With ``dense`` as often as can be told apart, all of them ordinary, and the light stays.
    """
    lot = random.Random(f"{light}-{seed}")
    change = LightChange(
        from_s=round(WARM_UP_S + lot.uniform(12, 25), 2),
        ramp_s=round(lot.uniform(0.3, 1.5), 2),
        gain=round(lot.choice((lot.uniform(1.2, 1.45), lot.uniform(0.65, 0.82))), 3),
        lasts_s=round(lot.uniform(20, 40), 2),
    )
    if dense:
        change = LightChange(seconds, 1.0, 1.0, 0.0)
    kinds = [False] if dense else [False, True, False, True, False]
    movers: list[Mover] = []
    at_s, number = WARM_UP_S + lot.uniform(1, 6), lot.randrange(len(kinds))
    while True:
        fast = kinds[number % len(kinds)]
        lasts_s = lot.uniform(*(FAST_S if fast else ORDINARY_S))
        at_s = _clear_of(change, at_s, lasts_s)
        if at_s + lasts_s + QUIET_S / 2 > seconds:
            break
        movers.append(_mover(lot, at_s, lasts_s, fast=fast))
        at_s += lasts_s + QUIET_S + lot.uniform(0, 1.5 if dense else 20)
        number += 1
    return Script(light, seed, seconds, tuple(movers), change)


def _clear_of(change: LightChange, at_s: float, lasts_s: float) -> float:
    """The first moment from ``at_s`` on at which a visit stays away from both changes of the light."""
    for begins_s in (change.from_s, change.from_s + change.lasts_s):
        if at_s < begins_s + change.ramp_s + QUIET_S / 2 and at_s + lasts_s > begins_s - QUIET_S / 2:
            at_s = begins_s + change.ramp_s + QUIET_S / 2
    return at_s


def _mover(lot: random.Random, at_s: float, lasts_s: float, *, fast: bool) -> Mover:
    what = lot.choice(("car", "car", "person") if fast else ("person", "person", "car"))
    turns = what == "person" and not fast and lot.random() < 0.4
    height = lot.uniform(0.14, 0.28) if what == "car" else lot.uniform(0.2, 0.42)
    return Mover(
        what=what,
        look=lot.randrange(6),
        from_s=round(at_s, 3),
        to_s=round(at_s + lasts_s, 3),
        height=round(height, 3),
        foot=round(lot.uniform(max(0.55, height + 0.12), 0.97), 3),
        rightwards=lot.random() < 0.5,
        turns=turns,
        reach=round(lot.uniform(0.12, 0.35), 3),
    )
