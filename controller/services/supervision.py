"""Whether a box is there: heard of, silent, gone, back.

Law: ``last_seen`` on the centre's clock decides. A will or a planned stop is a hint that shortens the
wait, and only when it belongs to the box's present session; a retained message is old news and no sign
of life.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import timedelta

from controller.db import entries
from controller.services.darkness import come_back, conclude_if_told, expect, go_dark
from controller.services.village import Village
from protocol.messages import Now, Session

log = logging.getLogger(__name__)

SESSION_LIMIT = 2**62
"""A box's session number is at most this; its clock in seconds is far below."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the centre waits before it says that a box is unreachable."""

    offline_after_s: float = 45.0
    goodbye_s: float = 10.0


def heard(village: Village) -> None:
    """A live message came from the box."""
    if not village.box.online:
        log.info("box=%s is back", village.box.id)
        come_back(village)
    village.box = replace(village.box, last_seen_at=village.now)


def take_session(village: Village, session: Session, *, retained: bool) -> bool:
    """Birth, will or planned stop. Returns whether it counted: one of an older session does not."""
    box, number = village.box, min(session.session, SESSION_LIMIT)
    if number < box.session:
        log.info("box=%s ignored %s of the older session %d", box.id, session.status, number)
        return False
    if session.status == "online" and not retained:
        heard(village)
    known = (village.box.session, village.box.reported_status)
    if known != (number, session.status):
        village.box = replace(
            village.box, session=number, reported_status=session.status, reported_at=village.now
        )
    village.box = replace(
        village.box,
        log_epoch=session.log_epoch,
        software=session.version or village.box.software,
        boot_reason=session.boot_reason,
    )
    return True


def take_heartbeat(village: Village, beat: Now) -> None:
    """A heartbeat: a sign of life, and after a return the word on how much there is to be told."""
    heard(village)
    if village.box.reported_status != "online" and beat.session >= village.box.session:
        # it said good-bye in this session and speaks on: the good-bye is void
        village.box = replace(village.box, reported_status="online", reported_at=village.now)
    expect(village, epoch=beat.log_epoch, last_sequence=beat.last_sequence, uptime_s=beat.uptime_s)
    if village.box.dark_target is not None:
        position = entries.position_of(village.transaction.connection, village.box.id, beat.log_epoch)
        conclude_if_told(village, epoch=beat.log_epoch, upto=position.upto)


def is_silent(village: Village, patience: Patience) -> bool:
    """Whether the box has been silent for so long that it counts as unreachable."""
    box, now = village.box, village.now
    if not box.online or box.last_seen_at is None:
        return False
    if box.last_seen_at < now - timedelta(seconds=patience.offline_after_s):
        return True
    left = box.reported_status in ("offline", "planned_stop") and box.reported_at is not None
    return left and max(box.last_seen_at, box.reported_at or now) < now - timedelta(
        seconds=patience.goodbye_s
    )


def declare_offline(village: Village) -> None:
    """The box is unreachable from its last sign of life on."""
    log.warning("box=%s is unreachable, last heard of at %s", village.box.id, village.box.last_seen_at)
    go_dark(village)
