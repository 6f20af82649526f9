"""A box's log, applied: entries become the state of devices, intervals and incidents.

Law (invariant 2): entries of one log are applied once, in order, without gaps. What arrives early is
stored and waits; what can never come is passed over only by a gap record of the box; the same sequence
with another body is an anomaly, and the first that came stands.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError
from sqlalchemy import Connection

from controller.db import anomalies, entries
from controller.db.entries import EntryRow, Position
from controller.domain.intake import category_of, reason_of, wanted
from controller.domain.intervals import Cause, clamp
from controller.metrics import ENTRIES, GAPS
from controller.services import darkness
from controller.services.incidents import Finding
from controller.services.village import Village, evidence_of
from protocol.codec import Received
from protocol.errors import Refusal
from protocol.messages import ENTRY_KINDS, BoxEvent, DeviceHealth, DeviceIdentity, Frozen, Gap, Scene, Shed

log = logging.getLogger(__name__)

MISSING_RANGES: Final = 64
"""Ranges named in one acknowledgement (the wire's limit)."""
MISSING_REACH: Final = 600
"""Stored sequences above the applied ones that are looked through for holes: a box has 400 on the way."""
CLOCK_ERROR_LIMIT_MS: Final = 2**62
"""A device that claims more than fits into a column is off by 146 million years either way."""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One entry to be applied. ``at`` is its time as the centre believes it."""

    sequence: int
    kind: str
    subject: str | None
    at: datetime
    data: Frozen


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a log has come: applied up to ``upto``, and what lies between it and the highest received."""

    epoch: str
    upto: int
    missing: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class _Batch:
    """New entries of one log, by sequence."""

    rows: dict[int, EntryRow] = field(default_factory=dict)
    models: dict[int, LogEntry] = field(default_factory=dict)


def apply_received(village: Village, received: Sequence[Received]) -> list[Reached]:
    """Store and apply entries, which may be of several logs of the box, in any order."""
    by_epoch: dict[str, list[Received]] = {}
    for item in received:
        by_epoch.setdefault(item.entry.epoch, []).append(item)
    return [_apply_log(village, epoch, items) for epoch, items in by_epoch.items()]


def reached(connection: Connection, box_id: str, epoch: str) -> Reached:
    """How far a log has come, without anything new."""
    position = entries.position_of(connection, box_id, epoch)
    return Reached(epoch, position.upto, _missing(connection, box_id, epoch, position))


def note(village: Village, refusal: Refusal, what: str) -> None:
    """Count one anomaly of this box."""
    anomalies.note(
        village.transaction.connection,
        box_id=village.box.id,
        refusal=refusal.value,
        what=printable(what)[:200],
        at=village.now,
    )


def printable(text: str) -> str:
    """``text`` as any database and terminal takes it: no control characters, no lone surrogates."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


# --- storing -------------------------------------------------------------------------------------


def _apply_log(village: Village, epoch: str, received: Sequence[Received]) -> Reached:
    connection, box_id = village.transaction.connection, village.box.id
    before = entries.position_of(connection, box_id, epoch)
    batch = _new_ones(village, epoch, received, before)
    entries.add_all(connection, box_id, list(batch.rows.values()), received_at=village.now)
    highest = max([before.highest, *batch.rows])
    upto = _apply_in_order(village, epoch, batch, Position(before.upto, highest))
    after = Position(upto, highest)
    if after != before:
        entries.save_position(connection, box_id, epoch, after)
    _count(batch, before=before, upto=upto)
    darkness.conclude_if_told(village, epoch=epoch, upto=upto)
    return Reached(epoch, upto, _missing(connection, box_id, epoch, after))


def _new_ones(village: Village, epoch: str, received: Sequence[Received], before: Position) -> _Batch:
    """Those not stored yet; an entry that came before with another body is noted."""
    stored = _stored_hashes(village, epoch, received, before)
    batch = _Batch()
    for item in received:
        number = item.entry.number
        known = stored.get(number)
        if known is None:
            stored[number] = item.body_hash
            batch.rows[number] = _row(item, received_at=village.now)
            batch.models[number] = _log_entry(item, received_at=village.now)
        elif known == item.body_hash:
            ENTRIES.labels(outcome="duplicate").inc()
        else:
            _conflict(village, epoch, number)
            if isinstance(item.entry.data, Gap) and before.upto < number <= before.highest:
                _give_way(village, item, batch)
    return batch


def _stored_hashes(
    village: Village, epoch: str, received: Sequence[Received], before: Position
) -> dict[int, str]:
    numbers = [item.entry.number for item in received if item.entry.number <= before.highest]
    if not numbers:
        return {}
    return entries.hashes(village.transaction.connection, village.box.id, epoch, numbers)


def _conflict(village: Village, epoch: str, number: int) -> None:
    ENTRIES.labels(outcome="conflict").inc()
    log.error(
        "box=%s epoch=%s sequence=%d came with another body: see the anomalies", village.box.id, epoch, number
    )
    note(village, Refusal.CONFLICT, f"epoch {epoch} sequence {number} came with another body")


def _give_way(village: Village, gap: Received, batch: _Batch) -> None:
    """A full outbox puts its gap record in the place of the last entry it gave up. When that entry had
    come already and waits behind the gap, only the record can ever close it: it takes the place."""
    row = _row(gap, received_at=village.now)
    entries.replace(village.transaction.connection, village.box.id, row, received_at=village.now)
    batch.models.pop(row.sequence, None)


def _count(batch: _Batch, *, before: Position, upto: int) -> None:
    late = sum(1 for number in batch.rows if number <= before.upto)
    waiting = sum(1 for number in batch.rows if number > upto)
    if late:
        ENTRIES.labels(outcome="late").inc(late)
    if waiting:
        GAPS.inc()
        ENTRIES.labels(outcome="waiting").inc(waiting)
    ENTRIES.labels(outcome="stored").inc(len(batch.rows))


def _row(item: Received, *, received_at: datetime) -> EntryRow:
    entry = item.entry
    return EntryRow(
        epoch=entry.epoch,
        sequence=entry.number,
        type=entry.type,
        subject=entry.subject,
        time=_storable(entry.time, received_at),
        recorded_at=_storable(entry.recordedtime, received_at),
        body_hash=item.body_hash,
        body=_text(item.canonical),
    )


def _storable(claimed: datetime, received_at: datetime) -> datetime:
    """The box's own time, right or wrong; one that UTC cannot hold becomes the moment of receipt."""
    try:
        claimed.astimezone(received_at.tzinfo)
    except OverflowError:
        return received_at
    return claimed


def _text(body: bytes) -> str:
    """A lone surrogate in a field we ignore must not keep the entry out; its hash is of the true bytes."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body.decode("utf-8", "replace")


def _log_entry(item: Received, *, received_at: datetime) -> LogEntry:
    entry = item.entry
    return LogEntry(
        sequence=entry.number,
        kind=entry.data.kind,
        subject=entry.subject,
        at=clamp(entry.time, received_at=received_at),
        data=entry.data,
    )


# --- order ---------------------------------------------------------------------------------------


def _apply_in_order(village: Village, epoch: str, batch: _Batch, position: Position) -> int:
    """Apply what is contiguous; returns the sequence reached.

    The usual batch continues where the log stood and is applied from memory; anything else is read
    from the table, in order.
    """
    upto = position.upto
    while True:
        run = _run_after(upto, batch.models)
        if run:
            _apply_all(village, run)
            upto = run[-1].sequence
        if upto >= position.highest:
            return upto
        reached_now = _apply_stored(village, epoch, upto)
        if reached_now == upto:
            return upto
        upto = reached_now


def _run_after(upto: int, models: Mapping[int, LogEntry]) -> list[LogEntry]:
    run = []
    while (following := models.get(upto + 1)) is not None:
        run.append(following)
        upto += 1
    return run


def _apply_stored(village: Village, epoch: str, upto: int) -> int:
    """Apply from the table what follows ``upto``, passing over what the box declared lost."""
    connection, box_id = village.transaction.connection, village.box.id
    following = entries.following(connection, box_id, epoch, above=upto)
    if following is None:
        return upto
    lost = [] if following == upto + 1 else _declared_lost(connection, box_id, epoch, above=upto)
    if _skip(upto, lost) < following - 1:
        return upto  # what waits may be far ahead and much: a box sends new entries beside its backlog
    rows = entries.pending(connection, box_id, epoch, above=upto)
    ready: list[LogEntry] = []
    for row in rows:
        if row.sequence > upto + 1:
            lost = lost or _declared_lost(connection, box_id, epoch, above=upto)
            if _skip(upto, lost) < row.sequence - 1:
                break
        stored = _read_stored(village, row)
        if stored is not None:
            ready.append(stored)
        upto = row.sequence
    _apply_all(village, ready)
    return upto


def _skip(upto: int, lost: Sequence[tuple[int, int]]) -> int:
    """How far declared losses reach without a hole from ``upto`` on."""
    for first, last in lost:
        if first <= upto + 1 <= last:
            upto = last
    return upto


def _declared_lost(connection: Connection, box_id: str, epoch: str, *, above: int) -> list[tuple[int, int]]:
    """Ranges that the box's gap records above a sequence name, by their first sequence."""
    ranges = []
    for row in entries.gap_records(connection, box_id, epoch, above=above):
        gap = json.loads(row.body)["data"]
        ranges.append((int(gap["first"]), int(gap["last"])))
    return sorted(ranges)


def _read_stored(village: Village, row: EntryRow) -> LogEntry | None:
    """A stored entry as it came; None, noted, when it cannot be read any more."""
    kind = row.type.removeprefix("outpost.").rpartition(".")[0]
    try:
        data = ENTRY_KINDS[kind].model_validate(json.loads(row.body)["data"])
    except (ValidationError, ValueError, KeyError) as error:
        log.error(
            "box=%s epoch=%s sequence=%d cannot be read: %s", village.box.id, row.epoch, row.sequence, error
        )
        note(village, Refusal.SCHEMA, f"stored entry {row.epoch}-{row.sequence} cannot be read")
        return None
    return LogEntry(row.sequence, kind, row.subject, clamp(row.time, received_at=village.now), data)


def _missing(
    connection: Connection, box_id: str, epoch: str, position: Position
) -> tuple[tuple[int, int], ...]:
    """The ranges between ``upto`` and the highest sequence that never came."""
    if position.highest <= position.upto:
        return ()
    ranges: list[tuple[int, int]] = []
    last = position.upto
    for number in entries.sequences(connection, box_id, epoch, above=position.upto, limit=MISSING_REACH):
        if number > last + 1:
            ranges.append((last + 1, number - 1))
            if len(ranges) == MISSING_RANGES:
                break
        last = number
    return tuple(ranges)


# --- meaning -------------------------------------------------------------------------------------


def _apply_all(village: Village, run: Sequence[LogEntry]) -> None:
    if not run:
        return
    village.need({entry.subject for entry in run if entry.subject is not None})
    for entry in run:
        if darkness.is_late(village, entry.at) and not _is_boot(entry):
            darkness.log_reached(village, entry.at)
        meaning = _MEANINGS.get(entry.kind)
        if meaning is not None:
            meaning(village, entry)
    ENTRIES.labels(outcome="applied").inc(len(run))


def _health(village: Village, entry: LogEntry) -> None:
    data = entry.data
    assert isinstance(data, DeviceHealth)
    if not _own_device(village, entry):
        return
    device = village.device(entry.subject or "")
    assert device is not None
    before, called_for = evidence_of(device), _called_for(village, device.id)
    late = darkness.is_late(village, entry.at)
    if late:
        darkness.tell_until(village, device.id, at=entry.at)
    elif village.box.dark_to is not None:
        # the log has passed the dark stretch for this device: it came out of it like this
        village.stand(device.id, before, at=village.box.dark_to, cause=Cause.RETURN)
    _take_evidence(village, entry, data)
    if late:
        return
    _stand_and_judge(village, entry, device_id=device.id, called_for=called_for)


def _called_for(village: Village, device_id: str) -> frozenset[str]:
    device = village.device(device_id)
    assert device is not None
    return wanted(device.device_class, evidence_of(device), device.clock_error_ms) or frozenset()


def _take_evidence(village: Village, entry: LogEntry, data: DeviceHealth) -> None:
    device = village.device(entry.subject or "")
    assert device is not None
    error_ms = data.clock_error_ms
    if error_ms is not None:
        error_ms = max(-CLOCK_ERROR_LIMIT_MS, min(CLOCK_ERROR_LIMIT_MS, error_ms))
    village.put(
        replace(
            device,
            rung=data.rung.value,
            reason=data.reason,
            detail=printable(data.detail),
            clock_error_ms=error_ms if error_ms is not None else device.clock_error_ms,
            last_evidence=data.evidence or device.last_evidence,
            last_entry_time=entry.at,
        )
    )


def _stand_and_judge(
    village: Village, entry: LogEntry, *, device_id: str, called_for: frozenset[str]
) -> None:
    device = village.device(device_id)
    assert device is not None
    standing = evidence_of(device)
    village.stand(device_id, standing, at=entry.at, cause=Cause.ENTRY)
    device = village.device(device_id)
    assert device is not None
    now_called_for = wanted(device.device_class, standing, device.clock_error_ms)
    if now_called_for is None:
        return
    if now_called_for != called_for:
        device = replace(device, changed_at=village.now)
        village.put(device)
    for category in sorted(now_called_for - called_for):
        reason = reason_of(category, standing)
        finding = Finding(category, found_at=entry.at, reason=reason, evidence=device.last_evidence)
        village.incidents.found(village.place(device), finding)


def _identity(village: Village, entry: LogEntry) -> None:
    data = entry.data
    assert isinstance(data, DeviceIdentity)
    if not _own_device(village, entry):
        return
    device = village.device(entry.subject or "")
    assert device is not None
    village.put(
        replace(
            device,
            device_class=data.device_class.value,
            title=printable(data.title) or device.title,
            gb_code=data.gb_code,
            vendor=printable(data.vendor),
            model=printable(data.model),
            firmware=printable(data.firmware),
            serial=printable(data.serial),
            mac_address=data.mac_address,
            profiles=[printable(profile) for profile in data.profiles],
            last_entry_time=entry.at,
            version=device.version + 1,
        )
    )
    if not darkness.is_late(village, entry.at):
        # the class says how high the ladder goes, so the same evidence may mean something else
        village.stand(device.id, _standing_of(village, device.id), at=entry.at, cause=Cause.ENTRY)


def _standing_of(village: Village, device_id: str) -> Any:
    device = village.device(device_id)
    assert device is not None
    return evidence_of(device)


def _scene(village: Village, entry: LogEntry) -> None:
    data = entry.data
    assert isinstance(data, Scene)
    if not _own_device(village, entry):
        return
    device = village.device(entry.subject or "")
    assert device is not None
    device = replace(device, last_evidence=data.evidence or device.last_evidence, last_entry_time=entry.at)
    village.put(device)
    category = category_of(data)
    if category is None:
        return
    finding = Finding(
        category,
        found_at=entry.at,
        reason=printable(data.zone or data.reason)[:40],
        episode=printable(data.episode),
        evidence=data.evidence,
    )
    village.incidents.found(village.place(device), finding)


def _box_event(village: Village, entry: LogEntry) -> None:
    data = entry.data
    assert isinstance(data, BoxEvent)
    log.info("box=%s what=%s detail=%s", village.box.id, data.what, printable(data.detail))
    if _is_boot(entry):
        darkness.rebooted(village, at=entry.at)


def _is_boot(entry: LogEntry) -> bool:
    return isinstance(entry.data, BoxEvent) and entry.data.what == "boot"


def _gap(village: Village, entry: LogEntry) -> None:
    data = entry.data
    assert isinstance(data, Gap)
    log.warning(
        "box=%s declared %d entries lost (%d to %d): %s",
        village.box.id, data.entries, data.first, data.last, data.reason,
    )  # fmt: skip
    ENTRIES.labels(outcome="declared_lost").inc(data.entries)


def _shed(village: Village, entry: LogEntry) -> None:
    data = entry.data
    assert isinstance(data, Shed)
    log.warning(
        "box=%s did not write %s between %s and %s: its outbox was filling",
        village.box.id, dict(data.entries), data.since, data.until,
    )  # fmt: skip
    ENTRIES.labels(outcome="shed").inc(sum(data.entries.values()))


_MEANINGS: Final[dict[str, Callable[[Village, LogEntry], None]]] = {
    DeviceHealth.kind: _health,
    DeviceIdentity.kind: _identity,
    Scene.kind: _scene,
    BoxEvent.kind: _box_event,
    Gap.kind: _gap,
    Shed.kind: _shed,
}
"""What an entry does to the state. A kind that is not listed is kept in the log and does nothing here."""


def _own_device(village: Village, entry: LogEntry) -> bool:
    """Make sure the entry's device is one of this box's; what is not is noted and passed over."""
    if entry.subject is None:
        note(village, Refusal.SCHEMA, f"{entry.kind} without a device")
        return False
    if village.device(entry.subject) is not None:
        return True
    if village.is_foreign(entry.subject):
        log.error("box=%s device=%s belongs to another box: entry passed over", village.box.id, entry.subject)
        note(village, Refusal.FOREIGN, f"device {entry.subject} belongs to another box")
        return False
    if village.full:
        note(village, Refusal.OVERSIZE, f"device {entry.subject}: the box has as many as it may")
        return False
    village.add(entry.subject, at=entry.at)
    return True
