"""What goes over the REST door: every field with its meaning and unit. Times are RFC 3339 UTC.

Law: a field that could carry a face, a plate, a person's name or an identity number cannot stand here
(a test walks the generated document). New fields may be added; clients ignore what they do not know.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints

from protocol.messages import format_time

At = Annotated[datetime, PlainSerializer(format_time, return_type=str, when_used="json")]


class Out(BaseModel):
    """Base of answers: made from database rows."""

    model_config = ConfigDict(from_attributes=True, extra="ignore")


class In(BaseModel):
    """Base of requests: unknown fields are refused, so that a typing error is noticed."""

    model_config = ConfigDict(extra="forbid")


class Credentials(In):
    """A login and its password."""

    login: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    password: Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Me(Out):
    """Who is asking, and what the role allows."""

    caller: str = Field(description="account:…, client:…")
    title: str
    role: str
    place: str = Field(description="civil code prefix; empty: the whole county")
    categories: list[str] = Field(description="category prefixes; empty: all")
    permissions: list[str]
    actions: list[str] = Field(description="actions of the incident loop this role may take")


class SummaryOut(Out):
    """Counts; each equals the length of the list behind it."""

    boxes: int
    boxes_online: int
    devices: int
    by_verdict: dict[str, int]
    incidents_open: int
    incidents_by_state: dict[str, int]
    incidents_by_level: dict[int, int]
    incidents_recovered: int = Field(description="open, but the device is healthy again")
    feed_cursor: str = Field(description="the feed's end when this was counted")


class BoxOut(Out):
    """One village box."""

    id: str
    title: str
    civil_code: str
    online: bool
    verdict: str
    verdict_reason: str
    verdict_since: At | None
    last_seen_at: At | None
    software: str
    boot_reason: str | None
    revoked: bool
    version: int
    devices: dict[str, int] = Field({}, description="how many devices have which verdict")


class DeviceOut(Out):
    """One device: the evidence ladder and the verdict are two axes."""

    id: str = Field(description="ledger id; the device's identity")
    box_id: str
    box_title: str
    civil_code: str
    device_class: str | None
    title: str
    gb_code: str | None = Field(description="20 digits of GB/T 28181")
    vendor: str
    model: str
    firmware: str
    serial: str
    mac_address: str | None
    profiles: list[str]
    rung: str | None = Field(description="highest rung of the evidence ladder that holds")
    reason: str | None = Field(description="why not the next rung, as the box says")
    detail: str
    clock_error_ms: int | None
    verdict: str = Field(description="unknown, ok, degraded, down, maintenance, retired")
    verdict_reason: str
    verdict_since: At | None
    last_evidence: str | None = Field(description="SHA-256 of the last still; see /v1/evidence")
    version: int


class IntervalOut(Out):
    """A stretch of time with one verdict; the next begins where it ends."""

    from_at: At
    to_at: At | None = Field(description="null: until now")
    verdict: str
    reason: str
    exempt: bool
    cause: str


class DeviceFile(DeviceOut):
    """A device with its intervals, newest first."""

    intervals: list[IntervalOut]


class IncidentOut(Out):
    """One matter in the loop."""

    id: str
    case_no: str
    category: str
    level: int = Field(description="1 worst to 4")
    state: str
    suspected: bool = Field(description="made by a machine and not confirmed by a person")
    title_zh: str
    title_en: str
    box_id: str
    box_title: str
    device_id: str | None
    device_title: str | None
    civil_code: str
    reason: str
    count: int
    found_at: At
    opened_at: At
    sign_due_at: At | None
    finish_due_at: At | None
    unit: str
    recovered_at: At | None
    evidence: str | None
    version: int
    updated_at: At
    actions: list[str] = Field([], description="what the caller may do now")


class HistoryOut(Out):
    """One row of an incident's history."""

    number: int
    at: At
    actor: str
    action: str
    from_state: str | None
    to_state: str
    text: str


class ActIn(In):
    """What an action brings along."""

    text: Annotated[str, StringConstraints(max_length=1000)] = ""
    unit: Annotated[str, StringConstraints(max_length=100)] = ""


class FeedOut(BaseModel):
    """Entries in commit order. Ask again with ``next``: nothing is skipped, nothing comes twice."""

    entries: list[dict[str, object]] = Field(description="CloudEvents 1.0, the same at every door")
    next: str = Field(description="cursor to go on from; stays good for ever")
    more: bool = Field(description="true: there are more entries right now")


Categories = Annotated[list[Annotated[str, StringConstraints(pattern=r"^\d{1,4}$")]], Field(max_length=20)]
Types = Annotated[
    list[Annotated[str, StringConstraints(pattern=r"^outpost\.[a-z.]{1,40}\.v\d$")]], Field(max_length=20)
]
Place = Annotated[str, StringConstraints(pattern=r"^\d{0,15}$")]
Url = Annotated[str, StringConstraints(max_length=500, pattern=r"^https?://[!-~]+$")]


class SubscriptionIn(In):
    """A new webhook subscription."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    url: Url
    place: Place | None = Field(None, description="civil code prefix; absent: the caller's own")
    categories: Categories = []
    types: Types = []
    from_start: bool = Field(False, description="true: begin with the very first entry of the feed")


class SubscriptionChange(In):
    """What to change; absent: leave as it is."""

    title: Annotated[str, StringConstraints(min_length=1, max_length=80)] | None = None
    url: Url | None = None
    categories: Categories | None = None
    types: Types | None = None
    active: bool | None = Field(None, description="true also tries again at once")


class SubscriptionOut(Out):
    """One webhook subscription; its secret is never shown again."""

    id: str
    title: str
    url: str
    place: str
    categories: list[str]
    types: list[str]
    state: str = Field(description="active or disabled")
    why: str = Field(description="the last failure, or why it is disabled")
    failures: int = Field(description="attempts in a row that found nobody")
    next_at: At | None = Field(description="no attempt before; null: at once")
    behind: int = Field(description="positions of the feed it has not passed yet")
    deliveries: dict[str, int] = Field(description="delivered (recent), waiting, dead")
    version: int
    created_at: At


class SubscriptionMade(SubscriptionOut):
    """A new subscription with its secret, shown this once."""

    secret: str = Field(description="whsec_… of Standard Webhooks")


class DeliveryOut(Out):
    """What became of one entry at one subscription."""

    position: int
    event_id: str
    type: str
    incident_id: str | None
    state: str = Field(description="delivered, waiting or dead")
    attempts: int
    first_at: At
    last_at: At
    next_at: At | None
    status: int | None
    detail: str


class TrialOut(Out):
    """What a test delivery came to."""

    delivered: bool
    status: int | None
    detail: str


class StoredOut(Out):
    """A stored still."""

    sha256: str
    bytes: int
    fresh: bool = Field(description="false: it was here already")


class AnomalyOut(Out):
    """Something that was refused at the door, counted."""

    id: int
    box_id: str | None
    refusal: str
    what: str
    count: int
    first_at: At
    at: At


class AuditOut(Out):
    """One row of the audit log."""

    number: int
    at: str
    actor: str
    action: str
    subject: str
    detail: str
    remote: str
    hash: str


class AuditCheck(Out):
    """Whether the chain holds."""

    holds: bool
    rows: int
    first_bad: int | None = Field(description="the first row that does not hold")
    why: str
