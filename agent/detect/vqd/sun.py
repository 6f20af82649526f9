"""Whether the sun is up. Law: near the horizon nobody knows: cameras switch to night at their own time."""

from __future__ import annotations

import math
from datetime import UTC, datetime

DAY_DEG = 10.0
"""Sun above this: every outdoor camera works in colour."""
NIGHT_DEG = -4.0


def elevation_deg(at: datetime, *, latitude: float, longitude: float) -> float:
    """The sun's height over the horizon, to half a degree. Source: NOAA's solar calculator, low precision."""
    utc = at.astimezone(UTC)
    hours = utc.hour + utc.minute / 60 + utc.second / 3600
    year = 2 * math.pi / 365.25 * (utc.timetuple().tm_yday - 1 + (hours - 12) / 24)
    declination = (
        0.006918 - 0.399912 * math.cos(year) + 0.070257 * math.sin(year)
        - 0.006758 * math.cos(2 * year) + 0.000907 * math.sin(2 * year)
    )  # fmt: skip
    equation_min = 229.18 * (
        0.000075 + 0.001868 * math.cos(year) - 0.032077 * math.sin(year)
        - 0.014615 * math.cos(2 * year) - 0.040849 * math.sin(2 * year)
    )  # fmt: skip
    hour_angle = math.radians((hours * 60 + equation_min + 4 * longitude) / 4 - 180)
    north = math.radians(latitude)
    sine = math.sin(north) * math.sin(declination) + math.cos(north) * math.cos(declination) * math.cos(
        hour_angle
    )
    return math.degrees(math.asin(max(-1.0, min(1.0, sine))))


def daylight(at: datetime, *, latitude: float, longitude: float) -> bool | None:
    """Day, night, or None between them."""
    height = elevation_deg(at, latitude=latitude, longitude=longitude)
    if height >= DAY_DEG:
        return True
    return False if height <= NIGHT_DEG else None
