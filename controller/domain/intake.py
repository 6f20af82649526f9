"""Which incident, if any, follows from what is known. Pure, and the same for every box.

Law: ``unknown`` opens nothing and ends nothing. A machine's finding about people or places is suspected
and waits for a person; plain motion is no incident.
"""

from __future__ import annotations

from typing import Final

from controller.domain.health import Standing, Verdict
from protocol.messages import Scene
from protocol.words import DeviceClass, Phase, Reason, SceneTopic

CLOCK_LIMIT_MS: Final = 10_000
"""A video device's clock may be this far from its box's (the county's default; 5 s for capture devices)."""

CLOCK_REASON: Final = "clock_error"

HEALTH_CATEGORIES: Final = frozenset({"1003", "1004", "1005", "1007", "1012"})
"""Opened by a device's health, and over when it is healthy again."""


def wanted(
    device_class: str | None,
    standing: Standing,
    clock_error_ms: int | None,
    *,
    limit_ms: int = CLOCK_LIMIT_MS,
) -> frozenset[str] | None:
    """The categories that this health calls for; None when nobody can know."""
    if standing.verdict is Verdict.UNKNOWN:
        return None
    categories = set()
    if device_class == DeviceClass.CONFERENCE_ENDPOINT:
        if standing.verdict in (Verdict.DOWN, Verdict.DEGRADED):
            categories.add("1012")
    elif standing.verdict is Verdict.DOWN:
        categories.add("1003")
    elif standing.verdict is Verdict.DEGRADED:
        categories.add("1005" if standing.reason == Reason.PICTURE_COVERED else "1004")
    if clock_error_ms is not None and abs(clock_error_ms) > limit_ms:
        categories.add("1007")
    return frozenset(categories)


def reason_of(category: str, standing: Standing) -> str:
    """Why an incident of this category is opened: a wrong clock is no rung of the ladder."""
    return CLOCK_REASON if category == "1007" else standing.reason


def category_of(scene: Scene) -> str | None:
    """The category a scene event opens or counts up; None when it is only a fact about the device.

    Objects inside an area count only when the box names the closed zone; the end of an event opens
    nothing.
    """
    if scene.phase is Phase.END:
        return None
    if scene.topic == SceneTopic.LINE_CROSSED:
        return "2002"
    if scene.topic == SceneTopic.OBJECTS_INSIDE and scene.zone.strip():
        return "2001"
    return None
