"""Synthetic traffic of a county road: nights, weekends, a market every fifth day, a holiday week, snow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from agent.services.silence import LOCAL

_SHAPE = (1, 1, 0.5, 0.5, 1, 4, 20, 60, 90, 100, 100, 95, 70, 75, 90, 95, 100, 95, 70, 40, 20, 8, 4, 2)
"""Percent of the busiest hour, by hour of the day."""
STEP_S = 600.0


@dataclass(frozen=True)
class Weather:
    """What a day is worth, as a share of an ordinary one."""

    holidays: frozenset[int] = frozenset(range(30, 37))
    snow: frozenset[int] = frozenset({41, 42})

    def share(self, day: int) -> float:
        if day in self.snow:
            return 0.1
        return 0.4 if day in self.holidays else 1.0


def passages(
    busiest_hour: float, *, begin: datetime, weeks: int, seed: int, weather: Weather | None = None
) -> Iterator[tuple[datetime, int]]:
    """(end of a step of ten minutes, passages in it). More uneven than Poisson: hours and days vary by
    themselves (gamma, variance 1/4 and 1/16)."""
    weather = weather or Weather()
    random = np.random.default_rng(seed)
    day_share = hour_share = 1.0
    for step in range(round(weeks * 7 * 86_400 / STEP_S)):
        at = begin + timedelta(seconds=(step + 1) * STEP_S)
        local = (at - timedelta(seconds=STEP_S)).astimezone(LOCAL)
        day = int(step * STEP_S // 86_400)
        if step % 144 == 0:
            day_share = random.gamma(16, 1 / 16) * weather.share(day) * (1.5 if day % 5 == 0 else 1.0)
        if step % 6 == 0:
            hour_share = random.gamma(4, 1 / 4)
        weekend = 0.7 if local.weekday() >= 5 else 1.0
        mean = busiest_hour * _SHAPE[local.hour] / 100 * day_share * hour_share * weekend / 6
        yield at, int(random.poisson(mean))
