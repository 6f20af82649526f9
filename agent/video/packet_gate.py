"""How surprising a stream's last packets are, from their sizes alone. Law: pure, bounded, and of no unit:
a stream of twice the size says the same.

What moves costs bits. What a packet usually costs depends on its place between two key frames (encoders give
the first ones more, and every second or fourth where they code in layers) and drifts with light and rate. So
each place has its own usual size, the stream has a level, and what is left over is compared with how much it
is used to vary. Medians and median deviations follow by steps of bounded size: a packet however large moves
them no more than a somewhat larger one does.

Quantisers are not read: docs/design/decisions.md has the measurement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

_TO_DEVIATION: Final = 1.4826
"""A median deviation times this is the deviation of a normal distribution."""
_LEAST_SPREAD: Final = 0.01
"""Of the logarithm of sizes: no stream is steadier than one part in a hundred."""


@dataclass(frozen=True, slots=True)
class PacketGateConfig:
    """How the usual is learned. Rates are shares per packet."""

    window_s: float = 0.4
    """How long a thing must cost bits: one large packet alone is the encoder's own doing."""
    warm_packets: int = 60
    """Packets until there is an opinion."""
    places: int = 64
    """Places after the key frame with a usual size of their own; later ones share two, even and odd."""
    level_rate: float = 1 / 150
    place_rate: float = 0.05
    spread_rate: float = 0.02
    window_rate: float = 0.004


class PacketGate:
    """The usual sizes of one stream. One thread."""

    def __init__(self, config: PacketGateConfig | None = None) -> None:
        self._config = config or PacketGateConfig()
        self._usual: dict[int, tuple[float, int]] = {}
        """By place: median of what is left over the level, and how often it was heard."""
        self._level = 0.0
        self._spread = 0.1
        self._middle = 0.0
        self._width = 0.1
        self._heard = 0
        self._place = -1
        self._recent: list[float] = []
        self._count = 4
        """Packets in the window."""
        self._at_s: float | None = None
        self._gap_s = 0.1

    def begin(self) -> None:
        """A new connection: no key frame yet, and nothing recent. What is usual stays."""
        self._place = -1
        self._recent.clear()
        self._at_s = None

    def hear(self, size_bytes: int, *, key: bool, at_s: float, learn: bool = True) -> float:
        """How many deviations the last packets together are over the usual; 0.0 while that cannot be told.

        ``at_s`` is the stream's time. With ``learn`` false nothing becomes usual: something is there.
        """
        self._pace(at_s)
        if key:
            self._place = 0
            self._count = min(max(round(self._config.window_s / self._gap_s), 3), 8)
            return 0.0
        if self._place < 0:
            return 0.0
        self._place += 1
        rest = self._rest(math.log(max(size_bytes, 1)), learn=learn)
        recent = self._recent
        recent.append(rest)
        del recent[: -self._count]
        if len(recent) < self._count:
            return 0.0
        mean = (sum(recent) - max(recent)) / (len(recent) - 1)
        surprise = (mean - self._middle) / (self._width * _TO_DEVIATION)
        if learn or self._heard <= self._config.warm_packets:
            self._follow(mean)
        return surprise if self._heard > self._config.warm_packets else 0.0

    def _pace(self, at_s: float) -> None:
        if self._at_s is not None:
            gap_s = at_s - self._at_s
            if 0.0 < gap_s < 2.0:
                self._gap_s += 0.05 * (gap_s - self._gap_s)
        self._at_s = at_s

    def _rest(self, size: float, *, learn: bool) -> float:
        """What is left of a packet's size over level and place; both follow it."""
        self._heard += 1
        if self._heard == 1:
            self._level = size
        config = self._config
        place = self._place if self._place < config.places else config.places + (self._place & 1)
        usual, times = self._usual.get(place, (0.0, 0))
        rest = size - self._level - usual
        if not learn and self._heard > config.warm_packets:
            return rest
        bound = 3.0 * self._spread
        step = min(max(rest, -bound), bound)
        if times < 20:
            usual += rest if not times else step / (times + 1)
            self._usual[place] = (usual, times + 1)
        else:
            self._usual[place] = (usual + config.place_rate * step, times)
        further = abs(rest) > self._spread * 1.5
        self._spread *= 1.0 + config.spread_rate * (1.0 if further else -1.0)
        self._spread = min(max(self._spread, _LEAST_SPREAD), 10.0)
        self._level += max(config.level_rate, 1.0 / self._heard) * step
        return rest

    def _follow(self, mean: float) -> None:
        """Median and median deviation of what the window is used to be."""
        rate = max(self._config.window_rate, 1.0 / self._heard)
        off = mean - self._middle
        self._middle += rate * self._width * (1.0 if off > 0.0 else -1.0)
        wide = abs(off) > self._width
        self._width *= 1.0 + 2.0 * rate * (1.0 if wide else -1.0)
        self._width = min(max(self._width, _LEAST_SPREAD), 10.0)
