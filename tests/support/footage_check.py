"""Plays the real footage over RTSP to the box's own eyes and compares what they report with the truth.

``python -m tests.support.footage_check`` prints a table and exits with 1 when one was missed or made up.
The clips play at their own pace, all at once: as long as the longest of them, some 140 s.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.detect import EventDebouncer, Moment, SceneJudge
from agent.model import Finding, Frame, SceneEvent
from agent.video import PyavRoom
from agent.video.reader import StreamReader
from protocol.words import Phase, SceneTopic
from simulator.video import ProfileSpec
from tests.support.footage import Truth, folder
from tests.support.studio import Studio

LATE_S = 2.5
"""Key frames come every 2 s: somebody is found at the next one, and half a second is for the way."""


@dataclass(frozen=True)
class Clip:
    """A file of the footage and how it is played."""

    name: str
    seconds: float
    profile: ProfileSpec


CLIPS = (
    Clip("one-by-one-person.mp4", 139.4, ProfileSpec("sub", 640, 360, 10, 20)),
    Clip("campus-walk.avi", 79.5, ProfileSpec("sub", 640, 360, 10, 20)),
    Clip("motorway.avi", 30.0, ProfileSpec("sub", 640, 360, 15, 30)),
)


@dataclass(frozen=True)
class Outcome:
    """What was seen of a clip, in its seconds."""

    clip: str
    episodes: tuple[tuple[float, float], ...]
    other: tuple[str, ...]
    """Events that are not motion."""
    state: str
    missed: tuple[tuple[float, float], ...]
    """Visits without an event that began within LATE_S."""
    made_up: tuple[tuple[float, float], ...]
    """Empty stretches in which motion was reported."""

    @property
    def good(self) -> bool:
        return bool(self.episodes) and not (self.missed or self.made_up or self.other)


class Eyes:
    """The box's reader, judge and debouncer on one camera; keeps the events."""

    def __init__(self) -> None:
        numbers = itertools.count()
        self._debouncer = EventDebouncer(new_episode=lambda: str(next(numbers)))
        self._lock = threading.Lock()
        self._events: list[SceneEvent] = []
        self.watch: StreamReader | None = None

    def take(self, frame: Frame, findings: Sequence[Finding]) -> None:
        """What the reader calls for every judged picture."""
        stamp = datetime.fromtimestamp(time.time() - (time.monotonic() - frame.mono_s), UTC)
        with self._lock:
            self._events += self._debouncer.see(findings, Moment(frame.mono_s, stamp))

    def finish(self) -> list[SceneEvent]:
        """Stop watching; everything that happened."""
        assert self.watch is not None
        self.watch.close()
        with self._lock:
            self._events += self._debouncer.close()
            return self._events


def watch(studio: Studio, path: Path, clip: Clip, *, seconds: float, truth: Truth) -> Outcome:
    """Play a file from its beginning and look at it for ``seconds``."""
    camera = studio.camera(file=path, profiles=(clip.profile,))
    eyes = Eyes()
    eyes.watch = PyavRoom().watch(
        camera.device(Path(clip.name).stem), lambda: camera.url, SceneJudge(), eyes.take
    )
    (record,) = [entry for entry in camera.channel.truth() if entry["what"] == "file"]
    began = float(record["loop_started_at"][0])
    while time.time() < began + seconds:
        time.sleep(0.1)
    state = eyes.watch.state()
    said = f"{state.reason.value} {state.codec} {state.width}x{state.height} {state.fps:g} fps"
    return compare(clip.name, eyes.finish(), began=began, seconds=seconds, truth=truth, state=said)


def compare(
    name: str, events: Sequence[SceneEvent], *, began: float, seconds: float, truth: Truth, state: str
) -> Outcome:
    """Hold events against the truth of the part that was played."""
    motion = [event for event in events if event.topic is SceneTopic.MOTION]
    times = [event.time.timestamp() - began for event in motion]
    assert [event.phase for event in motion] == [Phase.START, Phase.END] * (len(motion) // 2)
    episodes = tuple(zip(times[::2], times[1::2], strict=True))
    visits = [(enters, gone) for enters, gone in truth.visits if enters + LATE_S < seconds]
    # a clip that is never empty begins with movers: the place is learned from its first three key frames
    begins = {enters: (enters + LATE_S if truth.empty else 8.0) for enters, _ in visits}
    found = {v: [e for e in episodes if e[0] <= begins[v[0]] and e[1] > v[0]] for v in visits}
    empty = [(a, b) for a, b in truth.empty if a < seconds]
    return Outcome(
        clip=name,
        episodes=episodes,
        other=tuple(f"{e.topic.value} {e.reason}" for e in events if e.topic is not SceneTopic.MOTION),
        state=state,
        missed=tuple(visit for visit, by in found.items() if not by),
        made_up=tuple(s for s in empty if any(e[0] < s[1] and e[1] > s[0] for e in episodes)),
    )


def main() -> int:
    """Play all clips, print the table."""
    if not folder().is_dir():
        print(f"没有素材 / no footage at {folder()}; set OUTPOST_DATA")
        return 2
    studio = Studio()
    outcomes: list[Outcome] = []

    def play(clip: Clip) -> None:
        truth = Truth.of(clip.name)
        outcomes.append(watch(studio, folder() / clip.name, clip, seconds=clip.seconds, truth=truth))

    print(f"播放 {len(CLIPS)} 个片段，约 140 秒 / playing {len(CLIPS)} clips, about 140 s", file=sys.stderr)
    threads = [threading.Thread(target=play, args=(clip,), name=clip.name) for clip in CLIPS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    studio.close()
    for outcome in sorted(outcomes, key=lambda o: o.clip):
        print_row(outcome)
    return 0 if len(outcomes) == len(CLIPS) and all(outcome.good for outcome in outcomes) else 1


def print_row(outcome: Outcome) -> None:
    """One clip for people."""
    print(f"{'通过 pass' if outcome.good else '失败 FAIL'}  {outcome.clip}  [{outcome.state}]")
    truth = Truth.of(outcome.clip)
    if truth.empty:
        for enters, gone in truth.visits:
            own = [e for e in outcome.episodes if e[0] < gone and e[1] > enters]
            said = ", ".join(f"{a:6.1f} .. {b:6.1f} s" for a, b in own) or "-"
            print(f"    somebody {enters:6.1f} .. {gone:6.1f} s   reported {said}")
    else:
        for start, end in outcome.episodes:
            print(f"    never empty, reported {start:6.1f} .. {end:6.1f} s")
    print(
        f"    missed {len(outcome.missed)} of {len(truth.visits)}, "
        f"empty stretches with motion {len(outcome.made_up)} of {len(truth.empty)}, "
        f"other events {len(outcome.other)} {' '.join(outcome.other)}"
    )


if __name__ == "__main__":
    sys.exit(main())
