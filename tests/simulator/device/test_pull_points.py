"""Pull points: states, slots, lifetimes, filters."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from simulator.device.pull_points import QUEUE_ENTRIES, NoSlot, PullPoints, TopicFilter

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MOTION = "tns1:VideoSource/MotionAlarm"


class Clock:
    """A monotonic clock the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The device's monotonic clock."""
    return Clock()


@pytest.fixture
def points(clock: Clock) -> PullPoints:
    """A device that knows no state yet."""
    return PullPoints(lambda: NOW, clock)


def _set(points: PullPoints, state: str) -> bool:
    return points.set_state(MOTION, source=(("Source", "1"),), data=(("State", state),))


def test_a_new_pull_point_is_told_every_state_as_initialized(points: PullPoints) -> None:
    _set(points, "false")
    _set(points, "true")
    point = points.open(lasts_s=60, slots=2, wanted=None)
    assert [(n.operation, n.data) for n in point.take(10)] == [("Initialized", (("State", "true"),))]


def test_a_state_is_told_only_when_it_changes(points: PullPoints) -> None:
    _set(points, "false")
    point = points.open(lasts_s=60, slots=2, wanted=None)
    point.take(10)
    assert [_set(points, state) for state in ("false", "true", "true", "false")] == [False, True, False, True]
    assert [n.data[0][1] for n in point.take(10)] == ["true", "false"]
    assert not point.filled.is_set()


def test_a_synchronization_point_repeats_the_states(points: PullPoints) -> None:
    _set(points, "true")
    point = points.open(lasts_s=60, slots=2, wanted=None)
    point.take(10)
    points.tell_states(point)
    assert [n.operation for n in point.take(10)] == ["Initialized"]


def test_a_deleted_state_is_told_and_forgotten(points: PullPoints) -> None:
    _set(points, "true")
    points.tell(MOTION, source=(("Source", "1"),), data=(("State", "true"),), operation="Deleted")
    assert points.open(lasts_s=60, slots=2, wanted=None).take(10) == []


def test_a_notice_without_operation_is_no_state(points: PullPoints) -> None:
    point = points.open(lasts_s=60, slots=2, wanted=None)
    points.tell("tns1:Device/Trigger/Relay", source=(), data=(("LogicalState", "active"),), operation=None)
    assert len(point.take(10)) == 1
    assert points.open(lasts_s=60, slots=2, wanted=None).take(10) == []


def test_slots_are_limited_and_come_free_when_a_pull_point_runs_out(points: PullPoints, clock: Clock) -> None:
    points.open(lasts_s=10, slots=2, wanted=None)
    points.open(lasts_s=60, slots=2, wanted=None)
    with pytest.raises(NoSlot):
        points.open(lasts_s=60, slots=2, wanted=None)
    clock.now = 10.0
    points.open(lasts_s=60, slots=2, wanted=None)


def test_a_pull_point_that_ran_out_is_closed_and_wakes_its_reader(points: PullPoints, clock: Clock) -> None:
    point = points.open(lasts_s=10, slots=2, wanted=None)
    points.extend(point, 5, never_shorter=True)
    assert points.left_s(point) == 10
    points.extend(point, 20)
    clock.now = 19.0
    assert points.find(point.number) is point
    clock.now = 20.0
    assert points.find(point.number) is None
    assert point.closed
    assert point.filled.is_set()


def test_a_full_queue_drops_its_oldest(points: PullPoints) -> None:
    point = points.open(lasts_s=60, slots=2, wanted=None)
    for number in range(QUEUE_ENTRIES + 3):
        points.tell("tns1:A/B", source=(), data=(("N", str(number)),), operation=None)
    taken = point.take(1000)
    assert len(taken) == QUEUE_ENTRIES
    assert taken[0].data == (("N", "3"),)


@pytest.mark.parametrize(
    ("expression", "topic", "matches"),
    [
        (MOTION, MOTION, True),
        (MOTION, "tns1:VideoSource/MotionAlarm/Sub", False),
        ("tns1:VideoSource//.", MOTION, True),
        ("tns1:VideoSource//.", "tns1:RuleEngine/CellMotionDetector/Motion", False),
        (" tns1:RuleEngine//. | tns1:VideoSource/MotionAlarm ", MOTION, True),
        ("tns1:VideoSource/GlobalSceneChange//.", "tns1:VideoSource/GlobalSceneChange/ImagingService", True),
        ("tns1:Device/tnshik:AlarmIn", "tns1:Device/AlarmIn", True),
    ],
)
def test_topic_expressions(expression: str, topic: str, matches: bool) -> None:
    assert TopicFilter(expression).matches(topic) is matches
