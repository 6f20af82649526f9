"""xs:duration as devices write it, read and written in seconds. Pure.

Source: XML Schema part 2, 3.2.6. Years and months have no length in seconds and are not read.
"""

from __future__ import annotations

import re

_DURATION = re.compile(
    r"P(?:(?P<d>\d{1,6})D)?(?:T(?:(?P<h>\d{1,6})H)?(?:(?P<m>\d{1,6})M)?(?:(?P<s>\d{1,9}(?:\.\d{0,9})?)S)?)?"
)
_UNIT_S = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}


def seconds_of(duration: str) -> float | None:
    """Seconds of ``PT0.5S``, ``P1DT2H``; None for anything else."""
    match = _DURATION.fullmatch(duration.strip())
    if match is None or not any(match.groups()):
        return None
    return sum(float(figure) * _UNIT_S[unit] for unit, figure in match.groupdict().items() if figure)


def duration_of(seconds: float) -> str:
    """``PT90S``, ``PT0.5S``: seconds alone, for some devices misread minutes. To the millisecond."""
    written = f"{max(0.0, seconds):.3f}".rstrip("0").rstrip(".")
    return f"PT{written}S"
