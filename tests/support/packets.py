"""Made-up packet sizes: what encoders spend where nothing happens, and on something that passes."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Packet:
    """What a gate is told of a packet."""

    at_s: float
    size_bytes: int
    key: bool


def stream(
    seconds: float,
    *,
    fps: float = 15.0,
    gop: int = 30,
    usual_bytes: float = 1500.0,
    noise: float = 0.15,
    places: Callable[[int], float] = lambda _place: 1.0,
    passing: Callable[[float], float] = lambda _at_s: 1.0,
    seed: int = 1,
    begin_s: float = 0.0,
) -> Iterator[Packet]:
    """Sizes with log-normal ``noise``; ``places`` and ``passing`` are factors by place and by time."""
    rng = random.Random(seed)
    for number in range(int(seconds * fps)):
        at_s, place = begin_s + number / fps, number % gop
        size = usual_bytes * (10.0 if place == 0 else places(place) * passing(at_s))
        yield Packet(at_s, max(1, round(size * math.exp(rng.gauss(0.0, noise)))), place == 0)


def during(begin_s: float, end_s: float, factor: float) -> Callable[[float], float]:
    """Something that costs ``factor`` times the usual for a while."""
    return lambda at_s: factor if begin_s <= at_s < end_s else 1.0
