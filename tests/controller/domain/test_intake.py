"""Which incident follows from what."""

from __future__ import annotations

import pytest

from controller.domain.categories import CATEGORIES
from controller.domain.health import OK, PARENT, STARTING, Standing, Verdict
from controller.domain.intake import HEALTH_CATEGORIES, category_of, reason_of, wanted
from protocol.messages import Scene
from protocol.words import DEVICE_HEALTH_TOPICS, Phase, SceneTopic, SeenBy


@pytest.mark.parametrize(
    ("device_class", "standing", "clock_error_ms", "expected"),
    [
        ("smart_camera", OK, None, set()),
        ("smart_camera", OK, 10_000, set()),
        ("smart_camera", OK, 10_001, {"1007"}),
        ("smart_camera", OK, -3_600_000, {"1007"}),
        ("smart_camera", Standing(Verdict.DOWN, "unreachable"), None, {"1003"}),
        ("conference_endpoint", Standing(Verdict.DOWN, "unreachable"), None, {"1012"}),
        ("conference_endpoint", Standing(Verdict.DEGRADED, "poor_line"), None, {"1012"}),
        ("conference_endpoint", OK, None, set()),
        ("smart_camera", Standing(Verdict.DEGRADED, "picture_covered"), None, {"1005"}),
        ("smart_camera", Standing(Verdict.DEGRADED, "picture_dark"), 99_999, {"1004", "1007"}),
        ("smart_camera", Standing(Verdict.DEGRADED, "something_new"), None, {"1004"}),
        ("smart_camera", PARENT, 99_999, None),
        ("smart_camera", STARTING, None, None),
        ("smart_camera", Standing(Verdict.MAINTENANCE, "planned"), None, set()),
    ],
)
def test_health_calls_for_categories(
    device_class: str, standing: Standing, clock_error_ms: int | None, expected: set[str] | None
) -> None:
    assert wanted(device_class, standing, clock_error_ms) == expected


def scene(topic: str, *, phase: Phase = Phase.START, zone: str = "") -> Scene:
    return Scene(topic=topic, phase=phase, seen_by=SeenBy.BOX, episode="e1", zone=zone)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (scene(SceneTopic.LINE_CROSSED), "2002"),
        (scene(SceneTopic.LINE_CROSSED, phase=Phase.PULSE), "2002"),
        (scene(SceneTopic.LINE_CROSSED, phase=Phase.END), None),
        (scene(SceneTopic.OBJECTS_INSIDE, zone="gate"), "2001"),
        (scene(SceneTopic.OBJECTS_INSIDE, zone="  "), None),
        (scene(SceneTopic.MOTION, zone="gate"), None),
        (scene(SceneTopic.TAMPER), None),
        (scene("tns1:Vendor/SomethingNew"), None),
    ],
)
def test_only_closed_zones_and_lines_open_incidents(found: Scene, expected: str | None) -> None:
    assert category_of(found) == expected


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize(
    "topic",
    [
        *sorted(DEVICE_HEALTH_TOPICS),
        SceneTopic.LOITERING,
        SceneTopic.OBJECT_LEFT,
        SceneTopic.OBJECT_REMOVED,
        SceneTopic.OBJECT_DETECTED,
        SceneTopic.OCCUPANCY,
        SceneTopic.IMPAIRED,
        SceneTopic.RELAY,
    ],
)
def test_what_a_device_says_of_itself_is_recorded_and_opens_no_incident(topic: str, phase: Phase) -> None:
    assert category_of(scene(topic, phase=phase, zone="gate")) is None


def test_what_a_machine_sees_of_people_is_suspected_and_waits_for_a_person() -> None:
    for category in CATEGORIES.values():
        assert category.suspected == category.code.startswith("20")
        assert category.maintenance != category.suspected


def test_every_category_of_health_is_in_the_list() -> None:
    assert set(CATEGORIES) >= HEALTH_CATEGORIES


def test_a_wrong_clock_is_its_own_reason() -> None:
    fine = Standing(Verdict.OK, "ok")
    assert reason_of("1007", fine) == "clock_error"
    assert reason_of("1003", Standing(Verdict.DOWN, "unreachable")) == "unreachable"
