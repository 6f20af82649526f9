"""How long to wait after a failure: exponential, full jitter (AWS architecture blog, 2015)."""

from __future__ import annotations

import random


class Backoff:
    """Waits between 0 and ``base_s * 2**failures``, never more than ``ceiling_s``."""

    def __init__(
        self, *, base_s: float = 0.5, ceiling_s: float = 60.0, rng: random.Random | None = None
    ) -> None:
        self.base_s = base_s
        self.ceiling_s = ceiling_s
        self.failures = 0
        self._rng = rng or random.Random()

    def next_s(self) -> float:
        """Count one more failure and return the pause before the next try."""
        span = min(self.ceiling_s, self.base_s * 2 ** min(self.failures, 20))
        self.failures += 1
        return self._rng.uniform(0, span)

    def reset(self) -> int:
        """It worked: forget the failures; returns how many there were."""
        failures, self.failures = self.failures, 0
        return failures
