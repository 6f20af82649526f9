"""The working copy of one box and its devices inside one transaction.

Law: the box's row is held while this lives, so a box has one writer at a time. Rows are read once, many
at a time, changed in memory by pure rules, and written once at the end (measured: row-by-row reading and
writing through an ORM costs ten times as much).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime

from controller.db import boxes, devices, intervals
from controller.db.records import BoxRecord, DeviceRecord
from controller.db.transaction import Transaction
from controller.domain.health import PARENT, STARTING, Standing, Verdict, standing_of
from controller.domain.intervals import Cause, Stretch, advance, fill
from controller.services.announcing import box_draft, device_draft
from controller.services.incidents import Incidents, Place

DEVICES_LIMIT = 512
"""Devices of one box at most: eight times what a box is built for."""


class Village:
    """One box with those of its devices that a use case needs."""

    def __init__(
        self, transaction: Transaction, box: BoxRecord, *, now: datetime, case_prefix: str = "TG"
    ) -> None:
        self.transaction = transaction
        self.now = now
        self.box = box
        self.incidents = Incidents(transaction, now=now, case_prefix=case_prefix)
        self._box_before = box
        self._stored: dict[str, DeviceRecord] = {}
        self._devices: dict[str, DeviceRecord] = {}
        self._foreign: set[str] = set()
        self._timelines: dict[str, tuple[Stretch, ...]] = {}
        self._timelines_before: dict[str, tuple[Stretch, ...]] = {}
        self._box_timeline: tuple[Stretch, ...] = ()
        self._box_timeline_before: tuple[Stretch, ...] = ()
        self._complete = False

    # --- devices ---------------------------------------------------------------------------------

    def need(self, device_ids: Collection[str]) -> None:
        """Read these devices, those that exist, unless that was done before."""
        missing = [i for i in set(device_ids) if i not in self._devices and i not in self._foreign]
        if missing and not self._complete:
            self._take_in(devices.among(self.transaction.connection, missing))

    def need_all(self) -> None:
        """Read every device of the box."""
        if self._complete:
            return
        known = set(self._devices)
        found = devices.of_box(self.transaction.connection, self.box.id)
        self._take_in([device for device in found if device.id not in known])
        self._complete = True

    def device(self, device_id: str) -> DeviceRecord | None:
        """A device that was asked for by ``need``; None when the box has no such device."""
        return self._devices.get(device_id)

    def devices(self) -> Iterator[DeviceRecord]:
        """Those read so far, by id; after ``need_all``: all."""
        for device_id in sorted(self._devices):
            yield self._devices[device_id]

    def is_foreign(self, device_id: str) -> bool:
        """Whether the device belongs to another box."""
        self.need([device_id])
        if self._complete and device_id not in self._devices and device_id not in self._foreign:
            self._take_in(devices.among(self.transaction.connection, [device_id]))
        return device_id in self._foreign

    @property
    def full(self) -> bool:
        """Whether no further device fits."""
        fresh = len(self._devices) - len(self._stored)
        return devices.count_of_box(self.transaction.connection, self.box.id) + fresh >= DEVICES_LIMIT

    def add(self, device_id: str, *, at: datetime) -> DeviceRecord:
        """A device that is mentioned for the first time."""
        device = _new_device(device_id, box_id=self.box.id, at=at, now=self.now)
        self._devices[device_id] = device
        self._timelines[device_id] = (Stretch(at, None, STARTING, Cause.REGISTERED),)
        return device

    def put(self, device: DeviceRecord) -> None:
        """Replace a device by its changed self."""
        self._devices[device.id] = device

    def place(self, device: DeviceRecord | None = None) -> Place:
        """What an incident is about. Its row refers to the device's, so a new device is written first."""
        if device is not None and device.id not in self._stored:
            self.save_new_devices()
        return Place(self.box, device)

    # --- standings -------------------------------------------------------------------------------

    def stand(self, device_id: str, standing: Standing, *, at: datetime, cause: Cause) -> None:
        """From ``at`` on the device has this standing."""
        timeline = self._timelines[device_id]
        moved = advance(timeline, standing, at=at, cause=cause)
        if moved == timeline:
            return
        self._timelines[device_id] = moved
        device = self._devices[device_id]
        before = Standing(Verdict(device.verdict), device.verdict_reason)
        device = replace(
            device,
            verdict=standing.verdict.value,
            verdict_reason=standing.reason,
            verdict_since=moved[-1].from_at,
            changed_at=self.now,
            version=device.version + 1,
        )
        self._devices[device_id] = device
        self.transaction.announce(device_draft(device, box=self.box, before=before, now=self.now))

    def tell(self, device_id: str, standing: Standing, *, from_at: datetime, to_at: datetime) -> None:
        """What the device was while nobody could know."""
        timeline = self._timelines[device_id]
        self._timelines[device_id] = fill(timeline, standing, from_at=from_at, to_at=to_at)

    def stand_box(self, standing: Standing, *, at: datetime) -> None:
        """From ``at`` on the box has this standing."""
        connection = self.transaction.connection
        if not self._box_timeline:
            loaded = intervals.load(connection, intervals.BOX, [self.box.id])
            self._box_timeline = self._box_timeline_before = loaded[self.box.id]
        moved = advance(self._box_timeline, standing, at=at, cause=Cause.LIVENESS)
        if moved == self._box_timeline:
            return
        self._box_timeline = moved
        before = Standing(Verdict(self.box.verdict), self.box.verdict_reason)
        self.box = replace(
            self.box,
            verdict=standing.verdict.value,
            verdict_reason=standing.reason,
            verdict_since=moved[-1].from_at,
            changed_at=self.now,
            version=self.box.version + 1,
        )
        self.transaction.announce(box_draft(self.box, before=before, now=self.now))

    # --- the end ---------------------------------------------------------------------------------

    def save(self) -> None:
        """Write what changed."""
        connection = self.transaction.connection
        if self.box != self._box_before:
            boxes.save(connection, self.box)
        self.save_new_devices()
        changed = [d for d in self.devices() if d is not self._stored[d.id]]
        devices.save_all(connection, changed)
        intervals.save(connection, intervals.DEVICE, self._timelines_before, self._changed_timelines())
        if self._box_timeline is not self._box_timeline_before:
            subject = self.box.id
            before = {subject: self._box_timeline_before}
            intervals.save(connection, intervals.BOX, before, {subject: self._box_timeline})

    def save_new_devices(self) -> None:
        """Write devices mentioned for the first time, so that other rows can refer to them."""
        fresh = [device for device in self.devices() if device.id not in self._stored]
        devices.add_all(self.transaction.connection, fresh)
        self._stored |= {device.id: device for device in fresh}

    def _changed_timelines(self) -> dict[str, tuple[Stretch, ...]]:
        before = self._timelines_before
        return {
            subject: timeline
            for subject, timeline in self._timelines.items()
            if timeline is not before.get(subject)
        }

    def _take_in(self, found: Collection[DeviceRecord]) -> None:
        self._foreign |= {device.id for device in found if device.box_id != self.box.id}
        own = {device.id: device for device in found if device.box_id == self.box.id}
        self._stored |= own
        self._devices |= own
        timelines = intervals.load(
            self.transaction.connection, intervals.DEVICE, list(own), since=self.box.dark_from
        )
        self._timelines |= timelines
        self._timelines_before |= timelines


def evidence_of(device: DeviceRecord) -> Standing:
    """What the last evidence says, whether or not the box can be reached."""
    return standing_of(device.device_class, device.rung, device.reason)


def in_the_dark(device: DeviceRecord) -> bool:
    """Whether the device is unknown only because its box is."""
    return device.verdict == PARENT.verdict and device.verdict_reason == PARENT.reason


def _new_device(device_id: str, *, box_id: str, at: datetime, now: datetime) -> DeviceRecord:
    return DeviceRecord(
        id=device_id,
        box_id=box_id,
        device_class=None,
        title="",
        gb_code=None,
        vendor="",
        model="",
        firmware="",
        serial="",
        mac_address=None,
        profiles=[],
        rung=None,
        reason=None,
        detail="",
        clock_error_ms=None,
        verdict=STARTING.verdict.value,
        verdict_reason=STARTING.reason,
        verdict_since=at,
        changed_at=now,
        last_evidence=None,
        last_entry_time=None,
        version=1,
        created_at=now,
    )
