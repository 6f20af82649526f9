"""Whether a stream's key frames come often enough, and what is done when not. Law: ask first, seldom, and
only as long as it helps.

Times are the stream's, in seconds, and never go back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Final

from agent.errors import DeviceError
from agent.model import SightMode

AskKey = Callable[[], object]
"""Hands a request for a key frame over and returns at once. ``False`` or DeviceError: none can be had; LATER:
it was asked a moment ago by the box's clock, the stream's ran ahead."""

LATER: Final = "later"
_PACE_S: Final = 1.5

_EARLY = 0.8
"""A key frame that comes before so much of the usual gap was not the camera's own."""
_LATE = 1.6
"""A key frame that has not come after so many times the usual gap is late: one lost in between is not."""


@dataclass(frozen=True, slots=True)
class KeyFrameConfig:
    """Seconds."""

    rare_s: float = 2.5
    """Key frames further apart are too rare: what stays two seconds would be missed."""
    ask_at_s: float = 1.8
    """Where asking helps, so long after the last key frame the next one is asked for."""
    ask_gap_s: float = 2.0
    """Between two requests."""
    brings_s: float = 1.6
    """So long after a request the key frame may come that it brought: a busy camera, a slow line."""
    misses: int = 3
    """Requests in a row that brought nothing, after which asking is given up."""
    try_again_s: float = 600.0
    """After which asking is tried anew; and after which a stream that is asked shows what it does unasked."""


class PacedAsking:
    """An AskKey that does not take a burst for time: the packets that waited while a stream was opened
    come at once, and would ask three times in a second."""

    def __init__(self, ask: AskKey, *, monotonic: Callable[[], float]) -> None:
        self._ask = ask
        self._monotonic = monotonic
        self._asked_s = float("-inf")

    def __call__(self) -> object:
        now_s = self._monotonic()
        if now_s - self._asked_s < _PACE_S:
            return LATER
        self._asked_s = now_s
        return self._ask()


class KeyFrames:
    """The key frames of one stream."""

    def __init__(self, config: KeyFrameConfig | None = None, *, ask: AskKey | None = None) -> None:
        self._config = config or KeyFrameConfig()
        self._ask = ask
        self._gaps: deque[float] = deque(maxlen=5)
        self._usual_s: float | None = None
        """The median of the gaps; None while there is none."""
        self._unasked_s: float | None = None
        """The same as it was before asking began."""
        self._key_s: float | None = None
        self._asked_s = float("-inf")
        self._pending = False
        self._misses = 0
        self._asking_since_s: float | None = None
        self._hopeless_until_s = float("-inf")
        self.asked = 0
        self.mode = SightMode.KEYS

    @property
    def unknown(self) -> bool:
        """How far they are apart is not known yet."""
        return self._usual_s is None

    def begin(self) -> None:
        """A new connection, perhaps with a clock of its own: gaps and whether asking helps stay known."""
        self._key_s = None
        self._asked_s = float("-inf")
        self._pending = False
        self._asking_since_s = None
        if self._hopeless_until_s > float("-inf"):
            self._hopeless_until_s = float("inf")  # until a time of the new clock is heard

    def came(self, pts_s: float) -> None:
        """A key frame came."""
        if self._key_s is not None:
            gap_s = pts_s - self._key_s
            self._gaps.append(gap_s)
            self._usual_s = median(self._gaps)
            if self._pending:
                self._misses = 0 if self._brought(pts_s, gap_s) else self._misses + 1
        self._key_s = pts_s
        self._pending = False

    def _brought(self, pts_s: float, gap_s: float) -> bool:
        """Whether the request brought this key frame, or it came when it would have come anyway."""
        soon = pts_s - self._asked_s <= self._config.brings_s
        early = self._unasked_s is not None and gap_s < _EARLY * self._unasked_s
        return gap_s <= self._config.rare_s or (soon and early)

    def look(self, pts_s: float, *, may_ask: bool) -> SightMode:
        """The mode at this time; asks for a key frame where one is due. Before the first nothing is rare."""
        if self._key_s is None:
            return self.mode
        since_s = pts_s - self._key_s
        if self._hopeless_until_s == float("inf"):
            self._hopeless_until_s = pts_s + self._config.try_again_s
        if self._asking_since_s is not None and pts_s - self._asking_since_s >= self._config.try_again_s:
            self._asking_since_s = None
            self._gaps.clear()
            self._usual_s = None
        asking = self._asking_since_s is not None
        if not asking and not self._rare(since_s):
            self.mode = SightMode.KEYS
        elif self._ask is None or not may_ask or pts_s < self._hopeless_until_s:
            self.mode = SightMode.LOW_RATE
        else:
            self._asking(pts_s, since_s)
        return self.mode

    def _rare(self, since_s: float) -> bool:
        rare_s = self._config.rare_s
        if self._usual_s is None:
            return since_s > rare_s
        return self._usual_s > rare_s or since_s > max(rare_s, _LATE * self._usual_s)

    def _asking(self, pts_s: float, since_s: float) -> None:
        self.mode = SightMode.ASKING
        if self._asking_since_s is None:
            self._asking_since_s = pts_s
            self._unasked_s = self._usual_s
            self._misses = 0
        if since_s < self._config.ask_at_s or pts_s - self._asked_s < self._config.ask_gap_s:
            return
        misses = self._misses + self._pending  # asked before, and no key frame since
        if misses >= self._config.misses:
            self._give_up(pts_s)
            return
        answer = self._answer()
        if answer == LATER:
            return
        self._misses = misses
        self._asked_s = pts_s
        self.asked += 1
        self._pending = True
        if answer is False:
            self._give_up(pts_s)

    def _answer(self) -> object:
        assert self._ask is not None
        try:
            return self._ask()
        except DeviceError:
            return False

    def _give_up(self, pts_s: float) -> None:
        self.mode = SightMode.LOW_RATE
        self._asking_since_s = None
        self._pending = False
        self._hopeless_until_s = pts_s + self._config.try_again_s
