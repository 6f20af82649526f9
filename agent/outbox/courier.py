"""Which entries to send next. The sender's half of the log protocol, without I/O.

Laws (``docs/ref/log-protocol.md`` numbers them L1 to L12):
- only sequences already committed are offered (``last``), in order, in batches, within a window (L4);
- nothing counts as delivered but the centre's own acknowledgement (L5);
- an acknowledgement that does not come in time sends everything above ``upto`` again, later each time,
  with jitter (L6);
- what the centre names as missing goes first (L7);
- an acknowledgement below what was acknowledged before is a restored centre: go back (L8);
- what is gone is passed over, and does not count in the window: the gap record behind it does (L9).

``next_range`` only proposes. ``sent`` and ``skip`` say what became of a range; when an acknowledgement or a
new connection came in between, a range that no longer fits changes nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

ACK_TIMEOUT_S = 1.5
ACK_TIMEOUT_CEILING_S = 60.0

Range = tuple[int, int]


class Courier:
    """One epoch's sending state. Times are monotonic seconds."""

    def __init__(
        self, *, upto: int = 0, window: int = 400, batch: int = 50, rng: random.Random | None = None
    ) -> None:
        self.upto = upto
        """Everything up to here the centre has committed and applied."""
        self._sent = upto
        self._window = window
        self._batch = batch
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
        self._move_on(first, last)
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
        self._sent = max(self._sent, upto)
        self._holes = _cut(self._holes, upto + 1, self._sent)
        self._missing = _cut(missing, upto + 1, self._sent)
        if progressed or fell_back:
            self._timeouts = 0
        if self._sent <= upto:
            self._deadline_s = None
        elif progressed or self._deadline_s is None:
            self._deadline_s = now_s + self._timeout_s()
        return fell_back

    def due_in_s(self, *, now_s: float) -> float | None:
        """Seconds until the acknowledgement timer, or None when it does not run."""
        return None if self._deadline_s is None else max(0.0, self._deadline_s - now_s)

    # --- inside --------------------------------------------------------------------------------

    @property
    def _skipped(self) -> int:
        return sum(last - first + 1 for first, last in self._holes)

    def _go_back(self) -> None:
        self._sent = self.upto
        self._missing = []
        self._holes = []
        self._deadline_s = None

    def _move_on(self, first: int, last: int) -> None:
        self._missing = [
            part
            for start, end in self._missing
            for part in ((start, min(end, first - 1)), (max(start, last + 1), end))
            if part[0] <= part[1]
        ]
        if first <= self._sent + 1:
            self._sent = max(self._sent, last)

    def _timeout_s(self) -> float:
        span_s = min(ACK_TIMEOUT_CEILING_S, ACK_TIMEOUT_S * 2 ** min(self._timeouts, 10))
        return span_s if self._timeouts == 0 else self._rng.uniform(span_s / 2, span_s)


def _cut(ranges: Iterable[Range], low: int, high: int) -> list[Range]:
    """The parts of ``ranges`` between ``low`` and ``high``."""
    parts = ((max(first, low), min(last, high)) for first, last in ranges)
    return [(first, last) for first, last in parts if first <= last]
