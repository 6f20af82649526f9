"""Incidents: opened by what is known, moved by people, recovered by machines.

Law (invariant 5): every step goes along the table and leaves one history row and one feed entry in the
same transaction. Rows that change no state (seen again, box offline) leave no feed entry: mere counts
keep the feed quiet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from controller.db import boxes, devices
from controller.db import incidents as incidents_db
from controller.db.records import BoxRecord, DeviceRecord, IncidentRecord
from controller.db.transaction import Transaction, new_ulid
from controller.domain.categories import CATEGORIES, Category
from controller.domain.incidents import SYSTEM, Action, IllegalTransition, Note, State, step
from controller.metrics import TRANSITIONS
from controller.services.announcing import (
    INCIDENT_CHANGED,
    INCIDENT_OPENED,
    INCIDENT_RECOVERED,
    incident_draft,
)

SILENT_NOTES: Final = frozenset({Note.COUNT, Note.BOX_OFFLINE})
"""History rows without a feed entry."""


class UnknownIncident(LookupError):
    """There is no such incident."""


class VersionStale(ValueError):
    """Somebody changed the incident since the caller read it."""


@dataclass(frozen=True, slots=True)
class Place:
    """What an incident is about: a device of a box, or the box itself (device None)."""

    box: BoxRecord
    device: DeviceRecord | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, in the county's categories."""

    category: str
    found_at: datetime
    reason: str = ""
    episode: str | None = None
    evidence: str | None = None


class Incidents:
    """Incidents within one transaction. ``case_prefix`` is the county's, ``TG`` for Tongguan."""

    def __init__(self, transaction: Transaction, *, now: datetime, case_prefix: str = "TG") -> None:
        self._transaction = transaction
        self._connection = transaction.connection
        self._now = now
        self._case_prefix = case_prefix

    # --- what machines find ----------------------------------------------------------------------

    def found(self, place: Place, finding: Finding) -> IncidentRecord:
        """Open an incident, or count up the open one of the same category and subject."""
        existing = self._open_of(place, finding.category)
        if existing is None:
            return self._open(place, finding)
        return self._again(place, existing, finding)

    def still_wanted(self, place: Place, finding: Finding) -> None:
        """The fault is there now, whether or not it is new: have it open, count nothing."""
        existing = self._open_of(place, finding.category)
        if existing is None:
            self._open(place, finding)
        elif existing.recovered_at is not None:
            self._again(place, existing, finding)

    def recovered(self, place: Place, incident: IncidentRecord) -> None:
        """The subject is healthy again. The state waits for people, or for the machine's check."""
        changed = self._save(replace(incident, recovered_at=self._now))
        self._row(place, changed, INCIDENT_RECOVERED, action=Note.RECOVERED, before=incident.state)

    def box_went_dark(self, box_id: str) -> None:
        """Note in the open incidents of a box's devices that nobody can know how they stand."""
        for incident in incidents_db.open_below(self._connection, box_id):
            self._history(incident, action=Note.BOX_OFFLINE, before=incident.state)

    # --- what people do --------------------------------------------------------------------------

    def act(
        self,
        incident_id: str,
        action: str,
        *,
        actor: str,
        text: str = "",
        unit: str = "",
        version: int | None = None,
    ) -> IncidentRecord:
        """Take one step. ``version`` is what the caller read; None does not compare.

        Raises UnknownIncident, VersionStale, IllegalTransition.
        """
        incident = incidents_db.lock(self._connection, incident_id)
        if incident is None:
            raise UnknownIncident(f"no incident {incident_id}")
        if version is not None and version != incident.version:
            raise VersionStale(
                f"{incident.case_no} is at version {incident.version}, not {version}: read it anew"
            )
        to = step(
            State(incident.state),
            action,
            case_no=incident.case_no,
            text=text,
            unit=unit,
            actor=actor,
            handler=incidents_db.last_actor(self._connection, incident_id, Action.FEED_BACK),
        )
        place = self._place_of(incident)
        if action == Action.REOPEN:
            self._refuse_second(place, incident)
        changed = self._save(self._after(incident, to, Action(action), unit))
        self._row(
            place, changed, INCIDENT_CHANGED, action=action, before=incident.state, actor=actor, text=text
        )
        return changed

    def _after(self, incident: IncidentRecord, to: State, action: Action, unit: str) -> IncidentRecord:
        category = CATEGORIES[incident.category]
        changed = replace(incident, state=to.value)
        if action is Action.ASSIGN:
            return replace(changed, unit=unit[:100], sign_due_at=_due(self._now, category.sign_s))
        if action is Action.REOPEN:
            return replace(changed, finish_due_at=_due(self._now, category.finish_s), recovered_at=None)
        return changed

    def _refuse_second(self, place: Place, incident: IncidentRecord) -> None:
        other = self._open_of(place, incident.category)
        if other is not None and other.id != incident.id:
            raise IllegalTransition(
                case_no=incident.case_no,
                zh=f"{incident.case_no} 不能重办：同一对象已有未办结事项 {other.case_no}，请在该事项中办理。",
                en=f"{incident.case_no} cannot be reopened: {other.case_no} is open about the same: use that",
            )

    # --- inside ----------------------------------------------------------------------------------

    def _open_of(self, place: Place, category: str) -> IncidentRecord | None:
        device_id = place.device.id if place.device is not None else None
        about = incidents_db.open_about(self._connection, place.box.id, device_id)
        return next((incident for incident in about if incident.category == category), None)

    def _open(self, place: Place, finding: Finding) -> IncidentRecord:
        category = CATEGORIES[finding.category]
        opened = self._new(place, finding, category)
        incidents_db.add(self._connection, opened)
        self._row(place, opened, INCIDENT_OPENED, action=Action.OPEN, before=None)
        if not category.maintenance:
            return opened
        accepted = self._save(replace(opened, state=step(State.NEW, Action.ACCEPT).value))
        self._row(place, accepted, INCIDENT_CHANGED, action=Action.ACCEPT, before=opened.state)
        return accepted

    def _new(self, place: Place, finding: Finding, category: Category) -> IncidentRecord:
        title_zh, title_en = _titles(place, category)
        return IncidentRecord(
            id=new_ulid(self._now),
            case_no=incidents_db.next_case_no(self._connection, prefix=self._case_prefix, at=self._now),
            category=category.code,
            level=category.level,
            state=step(None, Action.OPEN).value,
            suspected=category.suspected,
            title_zh=title_zh,
            title_en=title_en,
            box_id=place.box.id,
            device_id=place.device.id if place.device is not None else None,
            civil_code=place.box.civil_code,
            reason=finding.reason,
            episode=finding.episode,
            count=1,
            found_at=finding.found_at,
            opened_at=self._now,
            sign_due_at=_due(self._now, category.sign_s),
            finish_due_at=_due(self._now, category.finish_s),
            unit="",
            recovered_at=None,
            evidence=finding.evidence,
            version=1,
            updated_at=self._now,
        )

    def _again(self, place: Place, incident: IncidentRecord, finding: Finding) -> IncidentRecord:
        if finding.episode is not None and finding.episode == incident.episode:
            return incident
        counted = replace(
            incident,
            count=incident.count + 1,
            episode=finding.episode,
            evidence=finding.evidence or incident.evidence,
            updated_at=self._now,
        )
        if incident.recovered_at is not None:
            changed = self._save(replace(counted, recovered_at=None, reason=finding.reason))
            self._row(place, changed, INCIDENT_CHANGED, action=Note.RECURRED, before=incident.state)
            return changed
        # the version stays: who is about to act has read everything that matters
        incidents_db.save_count(self._connection, counted)
        if _worth_a_row(counted.count):
            self._history(counted, action=Note.COUNT, before=incident.state, text=str(counted.count))
        return counted

    def _save(self, incident: IncidentRecord) -> IncidentRecord:
        changed = replace(incident, version=incident.version + 1, updated_at=self._now)
        incidents_db.save(self._connection, changed)
        return changed

    def _row(
        self,
        place: Place,
        incident: IncidentRecord,
        type_: str,
        *,
        action: str,
        before: str | None,
        actor: str = SYSTEM,
        text: str = "",
    ) -> None:
        """One history row and one feed entry: there is no other way to write either of a step."""
        number = self._history(incident, action=action, before=before, actor=actor, text=text)
        self._transaction.announce(
            incident_draft(
                type_,
                incident,
                box=place.box,
                device=place.device,
                action=action,
                number=number,
                actor=actor,
                text=text,
                now=self._now,
            )
        )
        TRANSITIONS.labels(action=str(action)).inc()

    def _history(
        self,
        incident: IncidentRecord,
        *,
        action: str,
        before: str | None,
        actor: str = SYSTEM,
        text: str = "",
    ) -> int:
        return incidents_db.add_history(
            self._connection,
            incident.id,
            at=self._now,
            actor=actor,
            action=str(action),
            from_state=before,
            to_state=incident.state,
            text=text,
        )

    def _place_of(self, incident: IncidentRecord) -> Place:
        box = boxes.get(self._connection, incident.box_id)
        assert box is not None, incident.box_id
        device = devices.get(self._connection, incident.device_id) if incident.device_id else None
        return Place(box, device)


def _due(now: datetime, limit_s: int | None) -> datetime | None:
    return now + timedelta(seconds=limit_s) if limit_s is not None else None


def _worth_a_row(count: int) -> bool:
    """2, 10, 100, 1000 ...: a history of a thousand equal rows is no history."""
    return count == 2 or (count >= 10 and str(count).strip("0") == "1")


def _titles(place: Place, category: Category) -> tuple[str, str]:
    site = place.box.title or place.box.id
    if place.device is None:
        return f"{site} {category.zh}", f"{site}: {category.en}"
    device = place.device.title or place.device.id
    return f"{site} {device} {category.zh}", f"{site}, {device}: {category.en}"
