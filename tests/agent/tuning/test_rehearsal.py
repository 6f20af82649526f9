"""What is told of a recording is what the box would tell of the stream."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from agent.config import WatchSection
from agent.detect.confirm import EventDebouncer, Moment
from agent.detect.for_device import judge_for
from agent.model import FULL_ALLOWANCE, KEYS_ONLY, Allowance, Device
from agent.services.watcher import confirm_config
from agent.tuning.film import look_at
from agent.tuning.rehearsal import Act, Rehearsal
from agent.tuning.trial_values import thresholds_of
from agent.tuning.zone_file import Setting, zones_of
from agent.video.gate import Why
from protocol.words import DeviceClass, Phase, SceneTopic
from tests.agent.tuning import films
from tests.support.footage import Truth, encode, folder, pictures, play


def rehearsed(
    film: Path,
    zones: str = films.ZONES,
    *,
    changes: tuple[str, ...] = (),
    begins: datetime | None = None,
    allowance: Allowance = FULL_ALLOWANCE,
) -> Rehearsal:
    setting = Setting(zones_of(zones)) if zones else Setting()
    return Rehearsal(
        look_at(film),
        thresholds_of(setting, changes),
        begins=begins,
        zone=ZoneInfo("Asia/Shanghai"),
        allowance=allowance,
        pictures=True,
    )


def test_the_visit_is_told_with_its_times_zones_and_reasons(film: Path) -> None:
    rehearsal = rehearsed(film)
    decisions = list(rehearsal.decisions())
    events = {(one.topic, one.zone): one for one in rehearsal.outcome.events}
    assert set(events) == {
        (SceneTopic.MOTION, ""),
        (SceneTopic.OBJECTS_INSIDE, "院门"),
        (SceneTopic.LINE_CROSSED, "path"),
    }
    motion = events[SceneTopic.MOTION, ""]
    assert motion.start_s == pytest.approx(films.VISIT[0], abs=0.5)
    assert motion.end_s == pytest.approx(films.VISIT[1], abs=0.5)
    assert motion.start_s < motion.told_s < motion.start_s + 1.5
    assert "moving" in motion.reason
    crossed = events[SceneTopic.LINE_CROSSED, "path"]
    assert crossed.end_s is None
    assert 12.5 < crossed.start_s < 14.0
    times = [one.at_s for one in decisions]
    assert times == sorted(times)


def test_what_was_there_for_one_picture_is_a_glimpse_and_no_event(film: Path) -> None:
    rehearsal = rehearsed(film)
    list(rehearsal.decisions())
    assert rehearsal.outcome.glimpsed == Counter({(SceneTopic.MOTION, ""): 1})
    assert [one.at_s for one in rehearsal.outcome.glimpses] == [pytest.approx(films.BLINK, abs=0.05)]


def test_events_are_those_of_the_box_with_its_own_parts(film: Path) -> None:
    """The same file through gate, judge and debouncer as the watcher joins them."""
    zones = tuple(section.zone() for section in zones_of(films.ZONES))
    device = Device(id="c", device_class=DeviceClass.SMART_CAMERA, host="", zones=zones)
    debouncer = EventDebouncer(confirm_config(WatchSection()), new_episode=lambda: "e")
    began = datetime(2026, 1, 1, tzinfo=UTC)
    told: list[tuple[SceneTopic, str, float]] = []
    for frame, opinions in play(film, judge_for(device)):
        told += [
            (event.topic, event.zone, round(frame.pts_s, 2))
            for event in debouncer.see(opinions.findings, Moment(frame.mono_s, began))
            if event.phase is not Phase.END
        ]
    rehearsal = rehearsed(film)
    list(rehearsal.decisions())
    assert [(e.topic, e.zone, round(e.told_s, 2)) for e in rehearsal.outcome.events] == told


def test_every_judged_picture_is_a_decision_with_why_it_was_decoded(film: Path) -> None:
    rehearsal = rehearsed(film)
    decisions = list(rehearsal.decisions())
    outcome = rehearsal.outcome
    judged = [one for one in decisions if one.judged]
    assert len(judged) == outcome.judged
    assert sum(one.act is Act.KEY for one in judged) == outcome.keyframes == films.SECONDS // 2
    assert all(one.learning for one in judged[:3])
    assert judged[3].changed_ratio is not None
    assert outcome.packets == films.SECONDS * films.FPS
    assert 0 < outcome.open_ratio < 0.6
    assert outcome.stream_s == pytest.approx(films.SECONDS, abs=0.2)
    assert {Act(why.value) for why in Why} <= set(Act)


def test_why_nothing_was_told_is_counted_by_zone(film: Path) -> None:
    rehearsal = rehearsed(film)
    list(rehearsal.decisions())
    assert rehearsal.outcome.absent[SceneTopic.OBJECTS_INSIDE, "院门", "nothing inside"] > 5


def test_a_schedule_holds_only_with_a_time_of_day(film: Path) -> None:
    zones = films.ZONES.replace('name = "院门"', 'name = "院门"\nschedule = ["daily 20:00-06:00"]')
    shanghai = ZoneInfo("Asia/Shanghai")
    noon, night = (datetime(2026, 11, 25, hour, tzinfo=shanghai) for hour in (12, 21))
    inside = (SceneTopic.OBJECTS_INSIDE, "院门")
    assert inside in _told(rehearsed(film, zones))
    assert inside in _told(rehearsed(film, zones, begins=night))
    assert inside not in _told(rehearsed(film, zones, begins=noon))


def _told(rehearsal: Rehearsal) -> set[tuple[SceneTopic, str]]:
    list(rehearsal.decisions())
    return {(one.topic, one.zone) for one in rehearsal.outcome.events}


def test_thresholds_tried_out_change_what_is_told(film: Path) -> None:
    assert _told(rehearsed(film, changes=("background.blob_ratio=0.2",))) == set()
    longer = rehearsed(film, changes=("motion_confirm_s=10",))
    assert _told(longer) == {(SceneTopic.LINE_CROSSED, "path")}


def test_when_the_box_is_too_busy_key_frames_alone_are_judged(film: Path) -> None:
    rehearsal = rehearsed(film, allowance=KEYS_ONLY)
    decisions = list(rehearsal.decisions())
    assert {one.act for one in decisions if one.judged} == {Act.KEY}
    assert rehearsal.outcome.open_s == 0.0


def test_a_runner_between_key_frames_is_heard_in_the_packets(tmp_path: Path) -> None:
    path = films.runner(tmp_path)
    rehearsal = rehearsed(path, "")
    alarmed = [one for one in rehearsal.decisions() if one.act is Act.ALARM]
    assert alarmed and alarmed[0].at_s == pytest.approx(films.FLASH[0], abs=0.8)
    assert max(one.surprise for one in rehearsal.timeline.columns) > 3.0
    assert rehearsal.outcome.gate["alarms_right"] == 1
    assert [one.topic for one in rehearsal.outcome.events] == [SceneTopic.MOTION]
    shed = rehearsed(path, "", allowance=KEYS_ONLY)
    acts = [one.act for one in shed.decisions()]
    assert Act.SHED in acts and Act.ALARM not in acts
    assert shed.outcome.events == []


def test_masks_are_black_in_every_picture_that_is_kept(film: Path) -> None:
    rehearsal = rehearsed(film)
    list(rehearsal.decisions())
    kept = [rehearsal.outcome.still, *(one.picture for one in rehearsal.outcome.events)]
    assert len(kept) == 4
    for picture in kept:
        assert picture is not None
        height, width = picture.shape[:2]
        assert not picture[: int(0.3 * height), : int(0.2 * width)].any()
        assert picture[height // 2 :].mean() > 30


def test_a_mask_hides_at_small_sizes_what_lies_at_its_edge(tmp_path: Path) -> None:
    """A white stripe just inside the mask leaves no trace outside it, however small the picture is made."""
    picture = np.full((720, 1280), 60, np.uint8)
    picture[:, 633:639] = 255
    path = encode([picture] * 20, tmp_path / "stripe.mp4", fps=10, gop_s=0.5, options={"qp": "5", "g": "5"})
    mask = '[[zone]]\nname="m"\nkind="privacy"\ncorners=[[0,0],[0.5,0],[0.5,1],[0,1]]'
    rehearsal = rehearsed(path, mask)
    list(rehearsal.decisions())
    still = rehearsal.outcome.still
    assert still is not None and still.shape[1] == 960
    assert still.max() < 90


def test_stopped_half_way_what_was_seen_stays_told(film: Path) -> None:
    rehearsal = rehearsed(film)
    decisions = rehearsal.decisions()
    for decision in decisions:
        if decision.at_s > 14:
            break
    decisions.close()
    assert {one.topic for one in rehearsal.outcome.events} >= {SceneTopic.MOTION, SceneTopic.OBJECTS_INSIDE}
    assert all(one.cut_off for one in rehearsal.outcome.events if one.end_s is not None)
    assert rehearsal.outcome.stream_s < 15


@pytest.mark.skipif(not (folder() / "truth.json").exists(), reason="no footage (OUTPOST_DATA)")
def test_real_visits_are_told_within_two_seconds(tmp_path: Path) -> None:
    clip = "one-by-one-person.mp4"
    first = islice(pictures(folder() / clip, width=320, height=180), 260)
    path = encode(first, tmp_path / "walk.mp4", fps=10)
    rehearsal = rehearsed(path, "", changes=("motion_hold_s=2",))
    list(rehearsal.decisions())
    enters = [enter for enter, _ in Truth.of(clip).visits if enter < 24]
    starts = [event.start_s for event in rehearsal.outcome.events if event.topic is SceneTopic.MOTION]
    assert len(enters) == 2
    for enter in enters:
        assert any(enter - 0.5 <= start <= enter + 2.0 for start in starts), (enter, starts)
