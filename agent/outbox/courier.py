"""Which entries to send next. The sender's half of the log protocol, without I/O.

Laws (``docs/ref/log-protocol.md`` numbers them L1 to L12):
- only sequences already committed are offered (``last``), in order, in batches, within a window (L4);
- nothing counts as delivered but the centre's own acknowledgement (L5);
- an acknowledgement that does not come in time sends everything above ``upto`` again, later each time,
  with jitter (L6);
- what the centre names as missing goes first (L7);
- an acknowledgement below what was acknowledged before is a restored centre: go back (L8);
- what is gone is passed over, and does not count in the window: the gap record behind it does (L9);
- what is written while a backlog drains goes beside it, ahead of its turn (L15);
- the window is as wide as the way answers quickly (L16).

``next_range`` only proposes. ``sent`` and ``skip`` say what became of a range; when an acknowledgement or a
new connection came in between, a range that no longer fits changes nothing.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

ACK_TIMEOUT_S: Final = 1.5
ACK_TIMEOUT_CEILING_S: Final = 60.0
LIVE_EVERY_S: Final = 0.5
"""A batch of what is new goes beside a backlog at most so often."""
QUICK_S: Final = 0.4
SLOW_S: Final = 1.0
"""An answer sooner widens the window by a batch, one later narrows it by a third: whoever waits behind a
county's backlog shall not wait longer than this for each of its turns."""
SMALLEST_WINDOW: Final = 50

Range = tuple[int, int]


class Courier:
    """One epoch's sending state. Times are monotonic seconds."""

    def __init__(
        self, *, upto: int = 0, window: int = 400, batch: int = 50, rng: random.Random | None = None
    ) -> None:
        self.upto = upto
        """Everything up to here the centre has committed and applied."""
        self._sent = upto
        self._most = window
        self._window = min(window, max(2 * batch, SMALLEST_WINDOW))
        self._batch = batch
        self._under_way: deque[tuple[int, float]] = deque()
        """The last sequence of each batch that was sent for the first time, and when."""
        self._live_from: int | None = None
        """What is written from here on is new: all before it is backlog. None: there is no backlog."""
        self._live_sent = 0
        self._live_missing: list[Range] = []
        self._live_due_s = 0.0
        self._rng = rng or random.Random()
        self._missing: list[Range] = []
        self._holes: list[Range] = []
        """Above ``upto`` and up to ``_sent``; in order, apart from each other."""
        self._deadline_s: float | None = None
        self._timeouts = 0
        self._open = False

    @property
    def in_flight(self) -> int:
        """Entries sent and not acknowledged."""
        return max(0, self._sent - self.upto - self._skipped)

    def connected(self) -> None:
        """A new connection: what was under way is void."""
        self._open = True
        self._timeouts = 0
        self._live_from = None
        self._go_back()

    def disconnected(self) -> None:
        """No connection: nothing is due."""
        self._open = False
        self._deadline_s = None

    def next_range(self, *, last: int, now_s: float) -> Range | None:
        """The next closed range to send, at most one batch, or None when nothing is due now."""
        if not self._open:
            return None
        if self._deadline_s is not None and now_s >= self._deadline_s:
            self._timeouts += 1
            self._go_back()
        live = self._live_range(last, now_s)
        if live is not None:
            return live
        if self._missing:
            first, end = self._missing[0]
            return first, min(end, first + self._batch - 1)
        first = self._sent + 1
        end = min(last, self.upto + self._window + self._skipped, self._sent + self._batch)
        return (first, end) if first <= end else None

    def sent(self, first: int, last: int, *, now_s: float) -> None:
        """The entries from ``first`` to ``last`` were handed to the broker link."""
        if not self._open:
            return
        before = self._sent
        self._move_on(first, last)
        if self._live_from is not None and first >= self._live_from and first > before + 1:
            self._live_sent = max(self._live_sent, last)
            self._live_missing = _without(self._live_missing, first, last)
            self._live_due_s = now_s + LIVE_EVERY_S
        if self._sent > before:
            self._under_way.append((self._sent, now_s))
        if self._deadline_s is None and self._sent > self.upto:
            self._deadline_s = now_s + self._timeout_s()

    def skip(self, first: int, last: int) -> None:
        """Nothing is kept from ``first`` to ``last``."""
        before = self._sent
        self._move_on(first, last)
        if self._sent > before:
            self._holes.append((before + 1, self._sent))

    def acknowledged(self, upto: int, missing: Sequence[Range], *, last: int, now_s: float) -> bool:
        """The centre's word. Returns True when it fell behind what it had said before (a restored centre).

        ``last`` is the last committed sequence: an ``upto`` beyond it is impossible and ignored, and so
        are missing ranges outside of what was sent.
        """
        if upto > last:
            return False
        fell_back = upto < self.upto
        progressed = upto > self.upto
        self.upto = upto
        if fell_back:
            self._go_back()
        self._measure(upto, now_s)
        self._hear_missing(missing)
        if progressed or fell_back:
            self._timeouts = 0
        if self._sent <= upto:
            self._deadline_s = None
        elif progressed or self._deadline_s is None:
            self._deadline_s = now_s + self._timeout_s()
        return fell_back

    def due_in_s(self, *, now_s: float) -> float | None:
        """Seconds until a timer ends, that of the acknowledgement or of new entries; None: none runs."""
        ends = [end for end in (self._deadline_s, self._live_due_s) if end is not None and end > now_s]
        if self._deadline_s is not None and self._deadline_s <= now_s:
            return 0.0
        return min(ends) - now_s if ends else None

    # --- inside --------------------------------------------------------------------------------

    def _live_range(self, last: int, now_s: float) -> Range | None:
        """New entries that go ahead of a backlog, when their turn is."""
        if self._live_from is not None and self._sent >= self._live_from - 1:
            self._live_from = None  # the backlog has come so far: from here on one after the other
        if self._live_from is None:
            if last - self._sent <= 2 * self._most:
                return None
            self._live_from, self._live_sent, self._live_missing = last + 1, last, []
        if now_s < self._live_due_s:
            return None
        first, end = self._live_missing[0] if self._live_missing else (self._live_sent + 1, last)
        end = min(end, first + self._batch - 1)
        return (first, end) if first <= end else None

    def _hear_missing(self, missing: Sequence[Range]) -> None:
        """Ranges within what was sent. One that ends where new entries begin is only under way."""
        self._sent = max(self._sent, self.upto)
        self._holes = _cut(self._holes, self.upto + 1, self._sent)
        live_from = self._live_from
        if live_from is None:
            self._missing = _cut(missing, self.upto + 1, self._sent)
            return
        within = [(first, last) for first, last in missing if last <= self._sent]
        self._missing = _cut(within, self.upto + 1, self._sent)
        self._live_missing = _cut(missing, max(live_from, self._sent + 1), self._live_sent)

    def _measure(self, upto: int, now_s: float) -> None:
        """Narrow or widen the window by how long the way took for what is acknowledged now."""
        took_s = None
        while self._under_way and self._under_way[0][0] <= upto:
            took_s = now_s - self._under_way.popleft()[1]
        if took_s is None:
            return
        if took_s > SLOW_S:
            self._window = max(min(SMALLEST_WINDOW, self._most), self._window * 2 // 3)
        elif took_s < QUICK_S:
            self._window = min(self._most, self._window + self._batch)

    @property
    def _skipped(self) -> int:
        return sum(last - first + 1 for first, last in self._holes)

    def _go_back(self) -> None:
        self._sent = self.upto
        self._missing = []
        self._holes = []
        self._under_way.clear()
        self._deadline_s = None

    def _move_on(self, first: int, last: int) -> None:
        self._missing = _without(self._missing, first, last)
        if first <= self._sent + 1:
            self._sent = max(self._sent, last)

    def _timeout_s(self) -> float:
        span_s = min(ACK_TIMEOUT_CEILING_S, ACK_TIMEOUT_S * 2 ** min(self._timeouts, 10))
        return span_s if self._timeouts == 0 else self._rng.uniform(span_s / 2, span_s)


def _without(ranges: Iterable[Range], first: int, last: int) -> list[Range]:
    """``ranges`` less those from ``first`` to ``last``."""
    parts = (
        part for start, end in ranges for part in ((start, min(end, first - 1)), (max(start, last + 1), end))
    )
    return [part for part in parts if part[0] <= part[1]]


def _cut(ranges: Iterable[Range], low: int, high: int) -> list[Range]:
    """The parts of ``ranges`` between ``low`` and ``high``."""
    parts = ((max(first, low), min(last, high)) for first, last in ranges)
    return [(first, last) for first, last in parts if first <= last]
