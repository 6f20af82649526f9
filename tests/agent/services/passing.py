"""A road with a counter, and a box that listens to it on a clock moved by hand."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from agent.model import CameraEvent
from agent.services.counting import Counting
from protocol.messages import PassageCount, Scene
from protocol.words import DeviceClass, SceneTopic
from runtime.clock import ManualClock
from tests.agent.services.fakes import FakeLog, device

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


@dataclass
class FakeNotebook:
    """Keeps documents in a dict, as the port says."""

    documents: dict[tuple[str, str], str] = field(default_factory=dict)

    def note(self, subject: str, topic: str, document: str) -> None:
        self.documents[topic, subject] = document

    def noted(self, subject: str, topic: str) -> str | None:
        return self.documents.get((topic, subject))

    def notes(self, topic: str) -> dict[str, str]:
        return {subject: text for (kind, subject), text in self.documents.items() if kind == topic}

    def strike(self, subject: str, topic: str) -> None:
        self.documents.pop((topic, subject), None)

    def strike_all(self, subject: str, *, but: Collection[str] = ()) -> None:
        for key in [key for key in self.documents if key[1] == subject and key[0] not in but]:
            del self.documents[key]


def counted(
    value: int,
    *,
    at: datetime,
    initial: bool = False,
    series: str = "a",
    device_time: datetime | None = None,
) -> CameraEvent:
    return CameraEvent(
        SceneTopic.COUNTER, None, initial, at, device_time=device_time, count=value, series=series
    )


def crossed(*, at: datetime) -> CameraEvent:
    return CameraEvent(SceneTopic.LINE_CROSSED, None, False, at)


@dataclass
class Road:
    """One checkpoint and its box. ``total`` is the device's counter; ``listen`` lets time pass."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(MONDAY))
    log: FakeLog = field(default_factory=FakeLog)
    notebook: FakeNotebook = field(default_factory=FakeNotebook)
    error_s: float | None = 0.0
    total: int = 0
    counting: Counting = field(init=False)

    def __post_init__(self) -> None:
        self._episodes = itertools.count(1)
        self.start()

    def start(self) -> None:
        """A new process of the box."""
        self.counting = Counting(
            log_=self.log,
            notebook=self.notebook,
            clock=self.clock,
            clock_error_s=lambda _device: self.error_s,
            new_episode=lambda: f"episode-{next(self._episodes)}",
        )
        self.counting.add(device("road", DeviceClass.MICRO_CHECKPOINT))

    def subscribe(self) -> None:
        """A new subscription: the device replays its counter."""
        self.pull([counted(self.total, at=self.clock.now(), initial=True)], lasts_s=1.0)

    def pull(self, events: Sequence[CameraEvent] = (), *, lasts_s: float = 5.0) -> None:
        began_s = self.clock.monotonic()
        self.clock.advance(lasts_s)
        self.counting.hear("road", events, began_s)
        self.counting.step()

    def listen(self, seconds: float, *, passages: int = 0, pull_s: float = 5.0) -> None:
        """Pull for so long; the passages come with the first pulls, one each, the rest with the last."""
        left = passages
        pulls = max(1, round(seconds / pull_s))
        for number in range(pulls):
            now_passed = left if number == pulls - 1 else min(1, left)
            left -= now_passed
            self.total += now_passed
            at = self.clock.now() + timedelta(seconds=pull_s)
            self.pull([counted(self.total, at=at)] if now_passed else [], lasts_s=pull_s)

    @property
    def hours(self) -> list[PassageCount]:
        return [each for each in self.log.all(PassageCount) if isinstance(each, PassageCount)]

    @property
    def told(self) -> list[tuple[int, int, int]]:
        """(hour since the start, passages, observed seconds) of each entry."""
        return [
            (round((each.hour - MONDAY).total_seconds() / 3600), each.passages, each.observed_s)
            for each in self.hours
        ]

    @property
    def silences(self) -> list[Scene]:
        scenes = [each for each in self.log.all(Scene) if isinstance(each, Scene)]
        return [each for each in scenes if each.topic == SceneTopic.SILENCE]
