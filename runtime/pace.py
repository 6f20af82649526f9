"""How often a device may be asked, whatever it answers: a bucket of tokens that fills with time.

Pure: times are handed in, in monotonic seconds.
"""

from __future__ import annotations


class Pace:
    """At most ``burst`` at once and one in ``every_s`` after that."""

    def __init__(self, *, burst: int, every_s: float) -> None:
        self._burst = float(burst)
        self._every_s = every_s
        self._tokens = float(burst)
        self._at_s: float | None = None

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next one may be; 0 when it may be now."""
        self._fill(now_s)
        return 0.0 if self._tokens >= 1.0 else (1.0 - self._tokens) * self._every_s

    def take(self, now_s: float) -> None:
        """One was done, allowed or not."""
        self._fill(now_s)
        self._tokens = max(0.0, self._tokens - 1.0)

    def _fill(self, now_s: float) -> None:
        if self._at_s is not None:
            gained = max(0.0, now_s - self._at_s) / self._every_s
            self._tokens = min(self._burst, self._tokens + gained)
        self._at_s = now_s
