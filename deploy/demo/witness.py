"""What really happened, read where it is written: the boxes' logs, the centre's feed, the case system.

Law: the witness only reads. Times are those of who wrote them down; all clocks are this machine's. What it
has seen stays seen, in the order of its source; a source that is away is asked again.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from deploy.demo.doors import Door, DoorClosed, DoorRefused

POLL_S = 0.05
LONG_POLL_S = 10


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry of a box's log. Times are unix seconds; ``recorded_s`` is when the box wrote it down."""

    box: str
    sequence: int
    kind: str
    subject: str | None
    at_s: float
    recorded_s: float
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One entry of the centre's feed. ``seen_s`` is when it had come through the API."""

    id: str
    type: str
    at_s: float
    seen_s: float
    data: dict[str, Any]

    @property
    def box(self) -> str:
        place = self.data.get("place") or {}
        return str(place.get("box", ""))

    @property
    def device(self) -> str | None:
        device = self.data.get("device")
        return str(device["id"]) if isinstance(device, dict) else None


@dataclass(frozen=True, slots=True)
class Arrival:
    """One entry at the case system; ``at_s`` is when it first came, as the case system wrote it down."""

    id: str
    at_s: float
    repeats: int
    conflicts: int


S = TypeVar("S", LogEntry, FeedEntry, Arrival)


class Witness:
    """Reads all three on threads of its own between ``start`` and ``stop``."""

    def __init__(
        self, *, outboxes: dict[str, Path], api: Callable[[], Door], desk: Callable[[], Door]
    ) -> None:
        self._outboxes = outboxes
        self._api = api
        self._desk = desk
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._log: list[LogEntry] = []
        self._feed: list[FeedEntry] = []
        self._arrivals: list[Arrival] = []
        self._threads = [
            threading.Thread(target=work, name=f"witness-{work.__name__}", daemon=True)
            for work in (self._read_logs, self._read_feed, self._read_desk)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(LONG_POLL_S + 5)

    @property
    def log(self) -> Sequence[LogEntry]:
        """All boxes' entries, in the order in which they were read."""
        with self._changed:
            return list(self._log)

    @property
    def feed(self) -> Sequence[FeedEntry]:
        """The feed from its beginning."""
        with self._changed:
            return list(self._feed)

    def wait_log(self, fits: Callable[[LogEntry], bool], *, within_s: float) -> LogEntry | None:
        """The first log entry that fits, None when none came in time."""
        return self._wait(self._log, fits, within_s)

    def wait_feed(self, fits: Callable[[FeedEntry], bool], *, within_s: float) -> FeedEntry | None:
        """The first feed entry that fits, None when none came in time."""
        return self._wait(self._feed, fits, within_s)

    def wait_arrival(self, entry: FeedEntry, *, within_s: float) -> Arrival | None:
        """The arrival of this entry at the case system, None when it did not come in time."""
        return self._wait(self._arrivals, lambda arrival: arrival.id == entry.id, within_s)

    def _wait(self, source: list[S], fits: Callable[[S], bool], within_s: float) -> S | None:
        deadline = time.monotonic() + within_s
        looked = 0
        with self._changed:
            while True:
                for item in source[looked:]:
                    if fits(item):
                        return item
                looked = len(source)
                left_s = deadline - time.monotonic()
                if left_s <= 0 or self._stopping.is_set():
                    return None
                self._changed.wait(min(left_s, 0.5))

    def _take(self, source: list[S], items: Sequence[S]) -> None:
        if items:
            with self._changed:
                source.extend(items)
                self._changed.notify_all()

    # --- the three sources -----------------------------------------------------------------------

    def _read_logs(self) -> None:
        reached = dict.fromkeys(self._outboxes, 0)
        while not self._stopping.wait(POLL_S):
            for box, path in self._outboxes.items():
                with contextlib.suppress(sqlite3.Error):
                    entries = read_outbox(box, path, above=reached[box])
                    self._take(self._log, entries)
                    reached[box] = entries[-1].sequence if entries else reached[box]

    def _read_feed(self) -> None:
        cursor: str | None = None
        while not self._stopping.is_set():
            try:
                page = self._api().get(
                    "/v1/feed", cursor=cursor, limit=500, wait_s=LONG_POLL_S, timeout_s=LONG_POLL_S + 10
                )
            except (DoorClosed, DoorRefused):
                self._stopping.wait(0.2)
                continue
            seen_s = time.time()
            cursor = page["next"]
            self._take(self._feed, [feed_entry(entry, seen_s=seen_s) for entry in page["entries"]])

    def _read_desk(self) -> None:
        reached = 0
        while not self._stopping.wait(POLL_S):
            with contextlib.suppress(DoorClosed, DoorRefused):
                told = self._desk().get("/received", after=reached)["entries"]
                self._take(self._arrivals, [arrival(entry) for entry in told])
                reached = told[-1]["number"] if told else reached


def read_outbox(box: str, path: Path, *, above: int) -> list[LogEntry]:
    """Entries above a sequence, straight from the box's file, read-only. Raises sqlite3.Error."""
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1)
    try:
        rows = db.execute(
            "SELECT sequence, kind, recorded_s, body FROM entry WHERE sequence > ? ORDER BY sequence",
            (above,),
        ).fetchall()
    finally:
        db.close()
    return [_log_entry(box, *row) for row in rows]


def _log_entry(box: str, sequence: int, kind: str, recorded_s: float, body: bytes) -> LogEntry:
    event = json.loads(body)
    return LogEntry(
        box, sequence, kind, event.get("subject"), unix_s(event["time"]), recorded_s, event.get("data", {})
    )


def feed_entry(event: dict[str, Any], *, seen_s: float) -> FeedEntry:
    """A CloudEvents object of the feed."""
    return FeedEntry(event["id"], event["type"], unix_s(event["time"]), seen_s, event["data"])


def arrival(entry: dict[str, Any]) -> Arrival:
    """One row of the case system's list."""
    return Arrival(entry["id"], entry["at"], entry["repeats"], entry["conflicts"])


def unix_s(text: str) -> float:
    """RFC 3339 to unix seconds."""
    return datetime.fromisoformat(text).timestamp()
