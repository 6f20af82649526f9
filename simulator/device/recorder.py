"""Decides what a recorder or a card has kept, and which searches of it are open.

Laws: kept spans are in true unix seconds, in order and apart; what is older than the retention is gone. A
search is open until it is ended or its keep-alive time ran out, and only so many are open at a time.
Source: ONVIF Recording Search service specification, 4.4 (searches) and 5 (operations).
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

DAY_S = 86_400.0
Spans = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingHabits:
    """How a make tells what it recorded. Which make lacks which operation is not recorded; that operations
    are lacking in these shapes is."""

    offered: bool = True  # False: no Recording, no Search service
    dead: bool = False  # the services are told and answer 404
    search: str = "/onvif/search_service"
    recording: str = "/onvif/recording_service"
    lacks: frozenset[str] = frozenset()  # operations answered as not supported
    topic: str = "Recording"  # RecordingHistory/{topic}/State; Track: one state a track
    searches: int = 2  # open at a time
    longest_keep_s: float = 60.0
    page: int = 50  # results in one answer, however many were asked for
    takes_s: float = 0.0  # a search says Searching for so long
    completed_early: bool = False  # Completed as soon as all is found, though not all is told
    ends_itself: bool = False  # a search that told everything is forgotten
    earliest_1970: bool = False  # EarliestRecording and DataFrom are 1970
    start_state: bool = True  # IncludeStartState is heeded
    status: bool = True  # RecordingStatus tells whether it records; else Unknown
    words: tuple[str, str] = ("true", "false")


class NoSearch(Exception):
    """All searches of the device are open."""


@dataclass(slots=True)
class Archive:
    """What is kept of one channel: closed spans, and since when it is recording."""

    token: str
    name: str
    retention_s: float = 30 * DAY_S
    closed: list[tuple[float, float]] = field(default_factory=list)
    since: float | None = None

    def stop(self, now: float) -> None:
        """Record no more."""
        if self.since is not None:
            self.closed.append((self.since, now))
            self.since = None

    def resume(self, now: float) -> None:
        """Record from now on."""
        if self.since is None:
            self.since = now

    def spans(self, now: float) -> Spans:
        """What is kept, oldest first; the last one ends now while it is recording."""
        oldest = now - self.retention_s
        every = self.closed + ([] if self.since is None else [(self.since, now)])
        return tuple((max(begin, oldest), end) for begin, end in sorted(every) if end > max(begin, oldest))


@dataclass(slots=True)
class Search:
    """One open search: its results in the order in which they are told."""

    token: str
    kind: str
    results: list[object]
    keep_s: float
    found_at: float
    expires: float
    told: int = 0


class Recorder:
    """All channels of one device and its open searches."""

    def __init__(
        self,
        habits: RecordingHabits,
        channels: int,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        now = wall()
        self.habits = habits
        self.archives = [
            Archive(f"Recording_{number}", f"Channel {number}", since=now - 90 * DAY_S)
            for number in range(1, channels + 1)
        ]
        self.gap: tuple[float, float] | None = None
        """A stretch that was not recorded, whatever the archives hold."""
        self.most_open = 0
        self._wall = wall
        self._monotonic = monotonic
        self._open: dict[str, Search] = {}
        self._numbers = itertools.count(1)

    def set_recording(self, recording: bool) -> None:
        """All channels record, or none."""
        for archive in self.archives:
            if recording:
                archive.resume(self._wall())
            else:
                archive.stop(self._wall())

    def set_gap(self, seconds: float) -> None:
        """So many seconds that ended an hour ago were not recorded; 0: they were."""
        ends = self._wall() - 3600
        self.gap = (ends - seconds, ends) if seconds else None

    def spans(self, archive: Archive) -> Spans:
        """What is kept of a channel now."""
        kept = archive.spans(self._wall())
        if self.gap is None:
            return kept
        begin, end = self.gap
        pieces = [
            piece for span in kept for piece in ((span[0], min(span[1], begin)), (max(span[0], end), span[1]))
        ]
        return tuple(piece for piece in pieces if piece[1] > piece[0])

    def find(self, token: str) -> Archive | None:
        """The channel of a recording token."""
        return next((one for one in self.archives if one.token == token), None)

    def begin(self, kind: str, results: list[object], *, keep_s: float) -> Search:
        """A new search; raises NoSearch when all are open."""
        if len(self.live()) >= self.habits.searches:
            raise NoSearch(f"{self.habits.searches} searches are open")
        now = self._monotonic()
        keep_s = min(keep_s, self.habits.longest_keep_s)
        token = f"SearchToken[{next(self._numbers)}]"
        search = Search(token, kind, results, keep_s, now + self.habits.takes_s, now + keep_s)
        self._open[token] = search
        self.most_open = max(self.most_open, len(self._open))
        return search

    def live(self) -> list[Search]:
        """The searches that are open."""
        now = self._monotonic()
        self._open = {token: one for token, one in self._open.items() if one.expires > now}
        return list(self._open.values())

    def search(self, token: str, kind: str) -> Search | None:
        """The open search of this token and kind, kept alive by the question."""
        self.live()
        found = self._open.get(token)
        if found is None or found.kind != kind:
            return None
        found.expires = self._monotonic() + found.keep_s
        return found

    def found_in_s(self, search: Search) -> float:
        """Seconds until the device has looked through everything, 0 when it has."""
        return max(0.0, search.found_at - self._monotonic())

    def page(self, search: Search, most: int) -> tuple[list[object], bool]:
        """The next results, and whether the search says that it is completed."""
        if self.found_in_s(search) > 0:
            return [], False
        count = min(most, self.habits.page)
        results = search.results[search.told : search.told + count]
        search.told += len(results)
        all_told = search.told >= len(search.results)
        if all_told and self.habits.ends_itself:
            self.end(search.token)
        return results, all_told or self.habits.completed_early

    def end(self, token: str) -> bool:
        """Close a search; False when it is not open."""
        self.live()
        return self._open.pop(token, None) is not None

    def end_all(self) -> None:
        """As a restart does."""
        self._open.clear()
