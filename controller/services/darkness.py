"""What happens to a village when its box cannot be reached, and when it comes back.

Law (invariant 3): while the box is dark its devices are ``unknown(parent)`` and none of them opens an
incident; the cut cable is one incident, 1001. When it comes back, its log tells what was: stretches in
which the box was watching are filled in, those in which it was off stay unknown.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from controller.domain.health import OK, PARENT, Verdict, box_standing
from controller.domain.intake import reason_of, wanted
from controller.domain.intervals import Cause
from controller.services.incidents import Finding
from controller.services.village import Village, evidence_of, in_the_dark


def go_dark(village: Village) -> None:
    """The box is declared unreachable. Its last sign of life is where knowledge ends."""
    box = village.box
    ended = min(box.last_seen_at or village.now, village.now)
    village.box = replace(box, online=False)
    standing = box_standing(
        online=False, seen=box.last_seen_at is not None, reported_status=box.reported_status
    )
    village.stand_box(standing, at=ended)
    village.need_all()
    for device in list(village.devices()):
        if device.verdict not in (Verdict.MAINTENANCE, Verdict.RETIRED):
            village.stand(device.id, PARENT, at=ended, cause=Cause.PARENT)
    village.incidents.box_went_dark(box.id)
    village.incidents.found(village.place(), Finding("1001", found_at=ended, reason=standing.reason))


def come_back(village: Village) -> None:
    """The box is heard of again: devices return to what was last known, until its log tells more."""
    now, box = village.now, village.box
    was_dark = box.verdict == Verdict.DOWN
    if was_dark:
        dark_from = box.dark_from or box.verdict_since or now
        box = replace(
            box, dark_from=dark_from, dark_to=now, dark_watch_from=None, dark_epoch=None, dark_target=None
        )
    village.box = replace(box, online=True)
    village.stand_box(OK, at=now)
    if not was_dark:
        return
    village.need_all()
    for device in list(village.devices()):
        if in_the_dark(device):
            village.stand(device.id, evidence_of(device), at=now, cause=Cause.RETURN)


def is_late(village: Village, at: datetime) -> bool:
    """Whether something that happened at ``at`` belongs to the dark stretch being told."""
    return village.box.dark_to is not None and at < village.box.dark_to


def tell_until(village: Village, device_id: str, *, at: datetime) -> None:
    """The log has reached ``at`` for this device: until then it was as its evidence so far says."""
    device = village.device(device_id)
    assert device is not None, device_id
    for from_at, to_at in _watched(village, at):
        village.tell(device_id, evidence_of(device), from_at=from_at, to_at=to_at)


def log_reached(village: Village, at: datetime) -> None:
    """An entry of the dark stretch proves that the box was watching then."""
    box = village.box
    if box.dark_watch_from is not None and at >= box.dark_watch_from:
        return
    if box.dark_known_to is None or at > box.dark_known_to:
        village.box = replace(box, dark_known_to=at)


def rebooted(village: Village, *, at: datetime) -> None:
    """The box started at ``at``: what lies between its last entry before and now stays unknown."""
    box = village.box
    if box.dark_from is None or not is_late(village, at):
        return
    village.need_all()
    known_to = box.dark_known_to
    if known_to is not None:
        for device in list(village.devices()):
            village.tell(device.id, evidence_of(device), from_at=box.dark_from, to_at=min(known_to, at))
    village.box = replace(box, dark_from=max(box.dark_from, at), dark_known_to=at)


def expect(village: Village, *, epoch: str, last_sequence: int, uptime_s: int) -> None:
    """The first heartbeat after the return says how long the log is and since when the box runs."""
    box = village.box
    if box.dark_to is None or box.dark_target is not None:
        return
    watch_from = village.now - timedelta(seconds=min(uptime_s, 10**9))
    village.box = replace(
        box, dark_watch_from=watch_from, dark_epoch=epoch, dark_target=min(last_sequence, 2**62)
    )


def conclude_if_told(village: Village, *, epoch: str, upto: int) -> None:
    """End the telling once the log has been applied as far as the box had written it."""
    box = village.box
    if box.dark_to is None or box.dark_target is None:
        return
    if box.dark_epoch != epoch or upto < box.dark_target:
        return
    village.need_all()
    for device in list(village.devices()):
        tell_until(village, device.id, at=box.dark_to)
        if device.verdict not in (Verdict.MAINTENANCE, Verdict.RETIRED):
            village.stand(device.id, evidence_of(device), at=box.dark_to, cause=Cause.RETURN)
    village.box = replace(
        village.box,
        dark_from=None,
        dark_to=None,
        dark_known_to=None,
        dark_watch_from=None,
        dark_epoch=None,
        dark_target=None,
    )
    _judge_all(village)


def _judge_all(village: Village) -> None:
    """What was put off while the log was being told: faults that are there now have their incident."""
    for device in village.devices():
        standing = evidence_of(device)
        for category in sorted(wanted(device.device_class, standing, device.clock_error_ms) or ()):
            found_at = device.verdict_since or village.now
            finding = Finding(
                category,
                found_at=found_at,
                reason=reason_of(category, standing),
                evidence=device.last_evidence,
            )
            village.incidents.still_wanted(village.place(device), finding)


def _watched(village: Village, until: datetime) -> list[tuple[datetime, datetime]]:
    """The parts of the dark stretch before ``until`` in which the box was watching."""
    box = village.box
    if box.dark_from is None:
        return []
    started, known_to = box.dark_watch_from, box.dark_known_to or box.dark_from
    if started is None or started <= known_to:
        return [(box.dark_from, until)]
    return [(box.dark_from, min(known_to, until)), (max(started, box.dark_from), until)]
