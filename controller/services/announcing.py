"""What the feed says: one shape for each kind of entry, the same at every door.

Law: no name of a person ever stands here; who acted is ``system``, ``person`` or ``client``. Times are
RFC 3339 UTC. Fields are added, never renamed, within a version of the type.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from controller.db.records import BoxRecord, DeviceRecord, IncidentRecord
from controller.db.transaction import FeedDraft
from controller.domain.categories import CATEGORIES
from controller.domain.health import Standing
from controller.domain.incidents import ACTION_WORDS, STATE_WORDS, State
from protocol.messages import format_time

INCIDENT_OPENED: Final = "outpost.incident.opened.v1"
INCIDENT_CHANGED: Final = "outpost.incident.changed.v1"
INCIDENT_RECOVERED: Final = "outpost.incident.recovered.v1"
DEVICE_VERDICT: Final = "outpost.device.verdict.v1"
BOX_STATE: Final = "outpost.box.state.v1"


def incident_draft(
    type_: str,
    incident: IncidentRecord,
    *,
    box: BoxRecord,
    device: DeviceRecord | None,
    action: str,
    number: int,
    actor: str,
    text: str,
    now: datetime,
) -> FeedDraft:
    """An incident after a step. ``number`` is that of the step's history row."""
    category = CATEGORIES[incident.category]
    state_zh, state_en = STATE_WORDS[State(incident.state)]
    data: dict[str, Any] = {
        "incident": incident.id,
        "case_no": incident.case_no,
        "number": number,
        "action": action,
        "action_zh": ACTION_WORDS[action][0],
        "actor": _kind_of(actor),
        "text": text,
        "category": incident.category,
        "category_zh": category.zh,
        "category_en": category.en,
        "level": incident.level,
        "state": incident.state,
        "state_zh": state_zh,
        "state_en": state_en,
        "suspected": incident.suspected,
        "title_zh": incident.title_zh,
        "title_en": incident.title_en,
        "reason": incident.reason,
        "count": incident.count,
        "place": {"civil_code": incident.civil_code, "box": box.id, "title": box.title},
        "device": _device(device),
        "found_at": format_time(incident.found_at),
        "opened_at": format_time(incident.opened_at),
        "sign_due_at": _time(incident.sign_due_at),
        "finish_due_at": _time(incident.finish_due_at),
        "recovered_at": _time(incident.recovered_at),
        "unit": incident.unit,
        "evidence": [{"sha256": incident.evidence}] if incident.evidence else [],
        "version": incident.version,
    }
    return FeedDraft(
        type=type_,
        time=now,
        subject=incident.id,
        data=data,
        civil_code=incident.civil_code,
        box_id=incident.box_id,
        device_id=incident.device_id,
        incident_id=incident.id,
        category=incident.category,
    )


def device_draft(device: DeviceRecord, *, box: BoxRecord, before: Standing, now: datetime) -> FeedDraft:
    """A device whose verdict changed from ``before``."""
    data: dict[str, Any] = {
        "device": _device(device),
        "place": {"civil_code": box.civil_code, "box": box.id, "title": box.title},
        "verdict": device.verdict,
        "reason": device.verdict_reason,
        "detail": device.detail,
        "since": _time(device.verdict_since),
        "rung": device.rung,
        "previous": {"verdict": before.verdict.value, "reason": before.reason},
        "version": device.version,
    }
    return FeedDraft(
        type=DEVICE_VERDICT,
        time=now,
        subject=device.id,
        data=data,
        civil_code=box.civil_code,
        box_id=box.id,
        device_id=device.id,
    )


def box_draft(box: BoxRecord, *, before: Standing, now: datetime) -> FeedDraft:
    """A box that went or came back."""
    data: dict[str, Any] = {
        "box": box.id,
        "place": {"civil_code": box.civil_code, "box": box.id, "title": box.title},
        "online": box.online,
        "verdict": box.verdict,
        "reason": box.verdict_reason,
        "since": _time(box.verdict_since),
        "previous": {"verdict": before.verdict.value, "reason": before.reason},
        "version": box.version,
    }
    return FeedDraft(
        type=BOX_STATE, time=now, subject=box.id, data=data, civil_code=box.civil_code, box_id=box.id
    )


def _device(device: DeviceRecord | None) -> dict[str, Any] | None:
    if device is None:
        return None
    return {
        "id": device.id,
        "gb_code": device.gb_code,
        "title": device.title,
        "device_class": device.device_class,
    }


def _time(moment: datetime | None) -> str | None:
    return format_time(moment) if moment is not None else None


def _kind_of(actor: str) -> str:
    kind = actor.partition(":")[0]
    return {"account": "person", "client": "client"}.get(kind, "system")
