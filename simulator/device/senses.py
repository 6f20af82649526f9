"""Decides what a device notices of its own picture, and by which topics its make tells it.

Law: what the device tells follows what is in view; passages are counted while somebody subscribes.
"""

from __future__ import annotations

from collections.abc import Iterable

from simulator.device.device import Device
from simulator.device.personality import PassageReport, Report
from simulator.device.pull_points import Items

MOVERS = frozenset({"person", "car"})
SCENE_CHANGED = frozenset({"covered", "moved"})
COUNTER_TOPIC = "tns1:RuleEngine/CountAggregation/Counter"
LINE_TOPIC = "tns1:RuleEngine/LineDetector/Crossed"
PLATE_TOPIC = "tns1:RuleEngine/Recognition/LicensePlate"
PLATE_TEXT = "TEST-PLATE"


def look(device: Device) -> None:
    """Compare the picture with what was told, and tell the difference."""
    if device.picture is None:
        return
    before, device.in_view = device.in_view, device.picture.visible()
    _report(device, device.personality.motion, bool(device.in_view & MOVERS))
    scene_changed = device.personality.sees_scene_change and device.faults.picture in SCENE_CHANGED
    _report(device, device.personality.scene_change, scene_changed)
    counted = device.abilities.counts
    if counted is None:
        return
    if counted in device.in_view and counted not in before:
        pass_by(device)
    elif not device.passages:
        recount(device)


def recount(device: Device) -> None:
    """Tell the counter as it stands, where there is one."""
    if device.abilities.counts is not None and device.personality.passages is PassageReport.TOTAL:
        _tell_count(device)


def pass_by(device: Device) -> None:
    """Somebody or something passed a counting device: one more, and the plate if it leaks."""
    if device.faults.counter_silent:
        return
    device.passages += 1
    if device.personality.passages is PassageReport.PULSE:
        _tell_line(device)
    else:
        _tell_count(device)
    if device.faults.leaks_identity:
        device.events.tell(
            PLATE_TOPIC,
            source=_source(device, (("VideoSource", "{source}"),)),
            data=(("PlateNumber", PLATE_TEXT), ("Likelihood", "0.98")),
            operation=None,
        )


def _tell_count(device: Device) -> None:
    device.events.set_state(
        COUNTER_TOPIC,
        source=_source(device, (("VideoSource", "{source}"), ("Rule", "Passages"))),
        data=(("Count", str(device.passages)), *_leaked(device)),
        late_s=device.faults.late_push_s,
    )


def _tell_line(device: Device) -> None:
    device.events.tell(
        LINE_TOPIC,
        source=_source(device, (("VideoSource", "{source}"), ("Rule", "Line"))),
        data=(("ObjectId", str(device.passages)), *_leaked(device)),
        operation=None,
        late_s=device.faults.late_push_s,
    )


def _leaked(device: Device) -> Items:
    """Recognition inside the very message that counts, as vendors' platforms have it."""
    if not device.faults.leaks_identity or not device.passages:
        return ()
    return (("PlateNumber", PLATE_TEXT), ("FaceFeature", PLATE_TEXT), ("Image", PLATE_TEXT))


def _report(device: Device, reports: Iterable[Report], state: bool) -> None:
    """Tell the state by each of the reports."""
    for report in reports:
        device.events.set_state(
            report.topic,
            source=_source(device, report.source),
            data=((report.item, report.on if state else report.off),),
        )


def _source(device: Device, items: Items) -> Items:
    values = {"source": device.source_token, "source_configuration": device.source_configuration_token}
    return tuple((name, value.format(**values)) for name, value in items)
