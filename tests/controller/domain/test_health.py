"""Verdicts from evidence: every class, rung and reason."""

from __future__ import annotations

import pytest

from controller.domain.health import OK, STARTING, Standing, Verdict, box_standing, standing_of
from protocol.words import DeviceClass, Reason, Rung


@pytest.mark.parametrize(
    ("rung", "reason", "verdict"),
    [
        (Rung.PICTURE_OK, Reason.OK, Verdict.OK),
        (Rung.STREAMING, Reason.PICTURE_DARK, Verdict.DEGRADED),
        (Rung.STREAMING, Reason.BAD_STREAM, Verdict.DEGRADED),
        (Rung.STREAMING, Reason.OK, Verdict.OK),
        (Rung.AUTHENTICATED, Reason.NO_STREAM, Verdict.DOWN),
        (Rung.ONVIF, Reason.AUTH_FAILED, Verdict.DOWN),
        (Rung.REACHABLE, Reason.HUNG, Verdict.DOWN),
        (Rung.UNREACHABLE, Reason.UNREACHABLE, Verdict.DOWN),
        (Rung.UNREACHABLE, Reason.STARTING, Verdict.UNKNOWN),
    ],
)
def test_a_camera_is_judged_by_its_ladder(rung: Rung, reason: Reason, verdict: Verdict) -> None:
    found = standing_of(DeviceClass.SMART_CAMERA, rung, reason)
    assert found.verdict is verdict
    if verdict in (Verdict.DEGRADED, Verdict.DOWN):
        assert found.reason == reason


@pytest.mark.parametrize("rung", [rung for rung in Rung if rung.height < Rung.STREAMING.height])
def test_down_always_says_why_even_when_the_box_does_not(rung: Rung) -> None:
    found = standing_of(DeviceClass.SMART_CAMERA, rung, "ok")
    assert found.verdict is Verdict.DOWN
    assert found.reason not in ("ok", "")


def test_a_conference_endpoint_is_fine_when_it_answers() -> None:
    assert standing_of(DeviceClass.CONFERENCE_ENDPOINT, Rung.REACHABLE, "ok") == OK
    assert standing_of(DeviceClass.CONFERENCE_ENDPOINT, Rung.UNREACHABLE, "unreachable") == Standing(
        Verdict.DOWN, "unreachable"
    )


@pytest.mark.parametrize("reason", ["not_registered", "poor_line"])
def test_an_endpoint_that_lives_and_cannot_hold_a_meeting_is_degraded(reason: str) -> None:
    found = standing_of(DeviceClass.CONFERENCE_ENDPOINT, Rung.REACHABLE, reason)
    assert found == Standing(Verdict.DEGRADED, reason)


def test_a_device_without_evidence_is_starting() -> None:
    assert standing_of(DeviceClass.SMART_CAMERA, None, None) == STARTING


def test_a_reason_of_a_newer_box_stands_as_it_is() -> None:
    assert standing_of(None, Rung.STREAMING, "lens_fogged") == Standing(Verdict.DEGRADED, "lens_fogged")


def test_a_box_that_was_never_heard_of_is_not_down() -> None:
    assert box_standing(online=False, seen=False, reported_status=None) == STARTING
    assert box_standing(online=False, seen=True, reported_status="offline") == Standing(
        Verdict.DOWN, "unreachable"
    )
    assert box_standing(online=False, seen=True, reported_status="planned_stop").reason == "planned_stop"
    assert box_standing(online=True, seen=True, reported_status="offline") == OK
