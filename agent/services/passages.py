"""How many passed a counting device in each hour: growth of its counters, hours, delays. Pure.

    first value of a counter ──> base            more than before ──> so many passed
    value replayed on subscription: as any value  far less ─────────> began again from zero: so many since
    a little less ──> corrected, nothing passed   more than can pass ─> new base, nothing passed

Laws. An hour is a UTC hour of the box's wall clock; it is told once, or never when the device was heard at no
time in it. What grew while nobody listened is counted in the hour in which it is heard, if that was within an
hour; a longer stretch belongs to no hour and is left out. Monotonic time measures what was observed.

Clock jumps of the box. Forward: the hour that was open is told with what was observed of it, hours that were
jumped over are not told. Back within the hour: nothing. Back by at most an hour into one that was told: its
passages go to the hour that is open. Further back: the open hour is told; hours that were told before pass a
second time untold, hours that were not are counted as any.
"""

from __future__ import annotations

import json
import statistics
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta

from agent.model import CameraEvent
from protocol.words import SceneTopic

HOUR_S = 3600.0
GAP_S = 3600.0
"""Unheard for longer, growth can no longer be given to an hour."""
TOGETHER_S = 2.0
"""Two pulls with no more between them are one stretch of listening."""
LATE_S = 60.0
"""Domain row 74: a report more than a minute behind its passage is late."""
BURST = 20
RATE_PER_S = 5.0
"""More than a burst and five a second (18,000 an hour, ten full lanes) nobody passes: the counter was set."""
SERIES_LIMIT = 16
"""Counters told apart on one device; recorded devices have at most eight (lanes, doors)."""
DELAYS_KEPT = 128
JUNK_DELAY_S = 7 * 86_400.0
RANGES_LIMIT = 64
CLOSING_GRACE_S = 15.0
"""A pull that began before the hour ended may end so much later."""


def is_passage(event: CameraEvent) -> bool:
    """Whether a counting device means a passage by it: its counter, or a crossed line."""
    return event.topic in (SceneTopic.COUNTER, SceneTopic.LINE_CROSSED)


@dataclass(frozen=True, slots=True)
class Growth:
    """What a new value of a counter means. ``odd``: it cannot have grown so."""

    passages: int = 0
    reset: bool = False
    odd: bool = False


def growth(before: int, value: int, *, elapsed_s: float) -> Growth:
    """Compare a counter's value with the one told ``elapsed_s`` before it."""
    most = BURST + RATE_PER_S * elapsed_s
    if value >= before:
        return Growth(value - before) if value - before <= most else Growth(odd=True)
    if value * 10 >= before * 9:
        return Growth()  # in-and-out counters take back what turned round
    return Growth(value, reset=True) if value <= most else Growth(odd=True)


@dataclass(frozen=True, slots=True)
class HourCount:
    """One hour that is over. ``hour`` is when it began."""

    hour: datetime
    passages: int
    observed_s: int
    delay_s: float | None
    late_ratio: float | None
    resets: int


class HourSet:
    """Which hours were told, as ranges of hours since 1970. Bounded: the nearest ranges become one, so an
    hour that was told stays told, and at worst one that was not counts as told."""

    def __init__(self, ranges: Iterable[Sequence[int]] = ()) -> None:
        self.ranges: list[tuple[int, int]] = []
        for first, last in ranges:
            if not 0 <= first <= last:
                raise ValueError(f"{first} to {last} is no range")
            self._join(first, last)

    def __contains__(self, number: int) -> bool:
        place = bisect_left(self.ranges, (number + 1,)) - 1
        return place >= 0 and self.ranges[place][1] >= number

    def add(self, number: int) -> None:
        self._join(number, number)

    def _join(self, first: int, last: int) -> None:
        touching = [each for each in self.ranges if each[0] <= last + 1 and each[1] >= first - 1]
        rest = [each for each in self.ranges if each not in touching]
        whole = (
            min([first, *(each[0] for each in touching)]),
            max([last, *(each[1] for each in touching)]),
        )
        self.ranges = sorted([*rest, whole])
        while len(self.ranges) > RANGES_LIMIT:
            gaps = [self.ranges[i + 1][0] - self.ranges[i][1] for i in range(len(self.ranges) - 1)]
            at = gaps.index(min(gaps))
            self.ranges[at : at + 2] = [(self.ranges[at][0], self.ranges[at + 1][1])]


@dataclass(slots=True)
class _Delays:
    """Upload delays of one hour; a bounded, even sample of them for the median."""

    told: int = 0
    late: int = 0
    stride: int = 1
    kept_ms: list[int] = field(default_factory=list)

    def add(self, delay_s: float) -> None:
        if self.told % self.stride == 0:
            self.kept_ms.append(round(delay_s * 1000))
        if len(self.kept_ms) >= DELAYS_KEPT:
            self.kept_ms = self.kept_ms[::2]
            self.stride *= 2
        self.told += 1
        self.late += delay_s > LATE_S

    @property
    def median_s(self) -> float | None:
        return statistics.median(self.kept_ms) / 1000 if self.kept_ms else None

    @property
    def late_ratio(self) -> float | None:
        return self.late / self.told if self.told else None


@dataclass(slots=True)
class _Account:
    """The hour that is open, by its number since 1970."""

    hour: int
    passages: int = 0
    observed_s: float = 0.0
    resets: int = 0
    delays: _Delays = field(default_factory=_Delays)


@dataclass(slots=True)
class _Base:
    """The last value of one counter. ``mono_s`` is None when an earlier process heard it."""

    value: int
    at: datetime
    mono_s: float | None = None
    stale: bool = False
    """Unheard for too long: the next value is a new base."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one pull brought. ``alive``: a counter moved, plausibly or not."""

    seconds: float
    passages: int
    alive: bool
    late: int = 0
    in_time: int = 0
    untimed: int = 0


class PassageBook:
    """One counting device. What is in ``document()`` outlives the process."""

    def __init__(self) -> None:
        self.owed: list[HourCount] = []
        """Hours that are over and not written yet."""
        self.left_out = 0
        """Passages that belong to no hour that can be told."""
        self._bases: dict[str, _Base] = {}
        self._pulses = False
        self._account: _Account | None = None
        self._told = HourSet()
        self._heard_s: float | None = None
        self._heard_at: datetime | None = None

    def hear(
        self,
        events: Sequence[CameraEvent],
        *,
        began_s: float,
        ended_s: float,
        now: datetime,
        clock_error_s: float | None,
    ) -> Heard:
        """A pull from ``began_s`` to ``ended_s`` (monotonic) that ended well at wall time ``now``."""
        unheard_s = self._unheard_s(began_s, now)
        together = self._heard_s is not None and unheard_s is not None and unheard_s <= TOGETHER_S
        since_s = self._heard_s if together and self._heard_s is not None else began_s
        seconds = min(max(0.0, ended_s - since_s), HOUR_S)
        if unheard_s is not None and unheard_s > GAP_S:
            for base in self._bases.values():
                base.stale = True
        self._heard_s, self._heard_at = ended_s, now
        account = self._turned(now, seconds)
        passages, alive, delays = 0, False, _Delays()
        untimed = 0
        for event in events:
            grown = self._grown(event, mono_s=ended_s)
            passages += grown.passages
            account.resets += grown.reset
            alive = alive or grown.odd or grown.passages > 0
            if is_passage(event) and not event.initial:
                delay_s = _delay_s(event, clock_error_s)
                untimed += delay_s is None
                if delay_s is not None:
                    delays.add(delay_s)
                    account.delays.add(delay_s)
        account.passages += passages
        if account.hour in self._told:
            self.left_out += passages
        in_time = delays.told - delays.late
        return Heard(seconds, passages, alive, late=delays.late, in_time=in_time, untimed=untimed)

    def tick(self, now: datetime) -> None:
        """Close the hour when it is over, whether or not the device is heard."""
        account = self._account
        if account is None:
            return
        over_s = now.timestamp() - (account.hour + 1) * HOUR_S
        if over_s >= CLOSING_GRACE_S:
            self._close(account)
            self._account = None

    def next_owed(self) -> HourCount | None:
        """Take the oldest hour that is to be written."""
        return self.owed.pop(0) if self.owed else None

    def document(self) -> str:
        """All of it, small: some hundred bytes, with a full sample of delays some thousand."""
        account = self._account
        return json.dumps(
            {
                "v": 1,
                "bases": {name: [base.value, base.at.timestamp()] for name, base in self._bases.items()},
                "pulses": self._pulses,
                "heard": None if self._heard_at is None else self._heard_at.timestamp(),
                "account": None if account is None else asdict(account),
                "told": self._told.ranges,
                "owed": [{**asdict(each), "hour": each.hour.timestamp()} for each in self.owed],
            },
            separators=(",", ":"),
        )

    @classmethod
    def restored(cls, document: str) -> PassageBook:
        """The book of an earlier process. Raises ValueError for a document that is none."""
        book = cls()
        try:
            told = json.loads(document)
            if told["v"] != 1:
                raise ValueError(f"version {told['v']}")
            for name, (value, at) in told["bases"].items():
                book._bases[str(name)] = _Base(int(value), _moment(at))
            book._pulses = bool(told["pulses"])
            book._heard_at = None if told["heard"] is None else _moment(told["heard"])
            book._told = HourSet(told["told"])
            book.owed = [_count_of(each) for each in told["owed"]]
            if told["account"] is not None:
                delays = _Delays(**told["account"].pop("delays"))
                book._account = _Account(**told["account"], delays=delays)
        except (KeyError, TypeError, AttributeError, OverflowError, OSError) as error:
            raise ValueError(f"no passage book: {error}") from error
        return book

    def _unheard_s(self, began_s: float, now: datetime) -> float | None:
        """How long nobody listened before this pull; None when never heard before."""
        if self._heard_s is not None:
            return began_s - self._heard_s
        if self._heard_at is None:
            return None
        return max(0.0, (now - self._heard_at).total_seconds())

    def _turned(self, now: datetime, seconds: float) -> _Account:
        """The account of ``now``; ``seconds`` of listening up to now are given to it and the one before."""
        hour, into_s = divmod(now.timestamp(), HOUR_S)
        account = self._account
        if account is not None and account.hour != hour:
            stepped_back = 0 < account.hour - hour <= 1 and int(hour) in self._told
            if not stepped_back:
                if hour == account.hour + 1:
                    _observe(account, seconds - into_s)
                seconds = min(seconds, into_s)
                self._close(account)
                account = None
        if account is None:
            account = self._account = _Account(int(hour))
            seconds = min(seconds, into_s)
        _observe(account, seconds)
        return account

    def _close(self, account: _Account) -> None:
        counts = bool(self._bases) or self._pulses
        if account.observed_s <= 0 or not counts or account.hour in self._told:
            return
        self._told.add(account.hour)
        self.owed.append(
            HourCount(
                hour=_moment(account.hour * HOUR_S),
                passages=account.passages,
                observed_s=max(1, round(account.observed_s)),
                delay_s=account.delays.median_s,
                late_ratio=account.delays.late_ratio,
                resets=account.resets,
            )
        )

    def _grown(self, event: CameraEvent, *, mono_s: float) -> Growth:
        if event.topic is SceneTopic.COUNTER and event.count is not None:
            return self._counted(event, event.count, mono_s)
        crossed = event.topic is SceneTopic.LINE_CROSSED and event.active is not False
        if not crossed or event.initial or self._bases:
            return Growth()  # a device that counts tells each passage twice when its lines are heard too
        self._pulses = True
        return Growth(1)

    def _counted(self, event: CameraEvent, value: int, mono_s: float) -> Growth:
        base = self._bases.get(event.series)
        if base is None:
            if len(self._bases) < SERIES_LIMIT:
                self._bases[event.series] = _Base(value, event.time, mono_s)
            return Growth()
        elapsed_s = _elapsed_s(base, event, mono_s)
        before, base.value, base.at, base.mono_s = base.value, value, event.time, mono_s
        if base.stale:
            base.stale = False
            self.left_out += max(0, value - before)
            return Growth()
        return growth(before, value, elapsed_s=elapsed_s)


def _elapsed_s(base: _Base, event: CameraEvent, mono_s: float) -> float:
    if base.mono_s is not None:
        return max(0.0, mono_s - base.mono_s)
    by_wall_s = (event.time - base.at).total_seconds()
    return by_wall_s if by_wall_s >= 0 else GAP_S


def _observe(account: _Account, seconds: float) -> None:
    account.observed_s = min(HOUR_S, account.observed_s + max(0.0, seconds))


def _delay_s(event: CameraEvent, clock_error_s: float | None) -> float | None:
    """Receipt minus the device's time, its clock error (device minus box) taken out; None when not told."""
    if event.device_time is None or clock_error_s is None:
        return None
    delay_s = (event.time - event.device_time).total_seconds() + clock_error_s
    return delay_s if abs(delay_s) <= JUNK_DELAY_S else None


def _count_of(plain: dict[str, float | None]) -> HourCount:
    delay_s, late_ratio = plain["delay_s"], plain["late_ratio"]
    return HourCount(
        hour=_moment(plain["hour"] or 0.0),
        passages=int(plain["passages"] or 0),
        observed_s=int(plain["observed_s"] or 0),
        delay_s=None if delay_s is None else float(delay_s),
        late_ratio=None if late_ratio is None else float(late_ratio),
        resets=int(plain["resets"] or 0),
    )


def _moment(timestamp: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=float(timestamp))
