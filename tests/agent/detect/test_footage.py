"""Real footage, encoded as cameras do: motion where somebody is, none where nobody is."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.detect import EventDebouncer, Moment, SceneJudge
from agent.model import SceneEvent
from protocol.words import Phase, SceneTopic
from tests.support.footage import Truth, encode, folder, pictures, play

T0 = datetime(2026, 1, 1, tzinfo=UTC)

needs_footage = pytest.mark.skipif(
    not folder().is_dir(), reason=f"no footage at {folder()}; set OUTPOST_DATA to the folder that has it"
)


def events_of(clip: str, tmp_path: Path, *, gop_s: float = 2.0) -> list[SceneEvent]:
    """What the box would have written to its log, with the file's seconds as time of day."""
    camera_like = encode(pictures(folder() / clip), tmp_path / "camera.mp4", gop_s=gop_s)
    numbers = itertools.count()
    debouncer = EventDebouncer(new_episode=lambda: str(next(numbers)))
    events: list[SceneEvent] = []
    for _, said in play(camera_like, SceneJudge()):
        events += debouncer.see(said.findings, Moment(said.at_s, T0 + timedelta(seconds=said.at_s)))
    return [*events, *debouncer.close()]


def episodes(events: list[SceneEvent]) -> list[tuple[float, float]]:
    """From and to of each motion episode, in seconds of the file."""
    motion = [event for event in events if event.topic is SceneTopic.MOTION]
    assert [event.phase for event in motion] == [Phase.START, Phase.END] * (len(motion) // 2)
    seconds = [(event.time - T0).total_seconds() for event in motion]
    return list(zip(seconds[::2], seconds[1::2], strict=True))


@needs_footage
@pytest.mark.parametrize("gop_s", [1.0, 2.0])
def test_six_persons_one_by_one_and_nothing_between_them(tmp_path: Path, gop_s: float) -> None:
    events = events_of("one-by-one-person.mp4", tmp_path, gop_s=gop_s)
    truth = Truth.of("one-by-one-person.mp4")
    seen = episodes(events)
    assert len(seen) == 6
    for (enters, gone), (start, end) in zip(truth.visits, seen, strict=True):
        assert enters - 0.5 <= start <= enters + gop_s + 0.3
        assert gone - gop_s - 0.5 <= end <= gone + 0.3, "seen last at a key frame"
    for begin, finish in truth.empty:
        assert [e for e in seen if e[0] < finish and e[1] > begin] == []
    assert {event.topic for event in events} == {SceneTopic.MOTION}


@needs_footage
@pytest.mark.parametrize(("clip", "least_ratio"), [("campus-walk.avi", 0.85), ("motorway.avi", 0.7)])
def test_busy_places_have_motion_all_the_time_and_no_fault(
    clip: str, least_ratio: float, tmp_path: Path
) -> None:
    events = events_of(clip, tmp_path)
    lasts = {"campus-walk.avi": 79.5, "motorway.avi": 30.0}[clip]
    assert sum(end - start for start, end in episodes(events)) >= least_ratio * lasts
    assert {event.topic for event in events} == {SceneTopic.MOTION}
