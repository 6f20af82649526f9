"""A village box as the centre hears it: writes a log with real MACs, keeps it, sends it as it likes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from controller.db import tables
from controller.db.transaction import Store
from controller.ingest.receiver import Outgoing, Receiver
from controller.schedule import Schedule, ScheduleSettings
from controller.services.boxes import register
from controller.services.invariants import violations
from protocol.codec import encode_entry, encode_event, join_batch
from protocol.messages import (
    DeviceHealth,
    DeviceIdentity,
    Frozen,
    Now,
    Scene,
    Session,
)
from protocol.topics import TopicClass, topic_of
from protocol.words import DeviceClass, Phase, Rung, SceneTopic, SeenBy
from runtime.clock import ManualClock

PLACE = "610522101001"
EPOCH = "00112233445566aa"


class Centre:
    """The centre's insides on one store and one manual clock; no broker, no thread."""

    def __init__(self, store: Store, *, settings: ScheduleSettings | None = None) -> None:
        self.store = store
        self.clock = ManualClock(datetime.fromisoformat("2026-03-01T08:00:00+00:00"))
        self.receiver = Receiver(store, self.clock)
        self.listening = True
        self.settings = settings or ScheduleSettings()
        self.schedule = self.new_schedule()

    def new_schedule(self) -> Schedule:
        """As after a restart."""
        return Schedule(self.store, self.clock, self.settings, listening=lambda: self.listening)

    def box(self, box_id: str, *, title: str = "四知村") -> VillageBox:
        """Register a box and hand it out."""
        key = box_id.encode().ljust(32, b".")
        with self.store.write() as transaction:
            register(
                transaction,
                box_id=box_id,
                title=title,
                civil_code=PLACE,
                mac_key=key,
                now=self.clock.now(),
            )
        return VillageBox(self, box_id, key)

    def pass_time(self, seconds: float, *, every_s: float = 1.0, beating: Iterable[VillageBox] = ()) -> None:
        """Let time pass; the schedule looks, and ``beating`` boxes send heartbeats every 30 s."""
        beating = list(beating)
        passed = 0.0
        while passed < seconds:
            step = min(every_s, seconds - passed)
            self.clock.advance(step)
            if int(passed / 30) != int((passed + step) / 30):
                for box in beating:
                    box.beat()
            passed += step
            self.receiver.flush_if_due()
            self.schedule.step()

    def row(self, table: str, **where: Any) -> dict[str, Any]:
        """The one row of ``table`` with these values."""
        (found,) = self.rows(table, **where)
        return found

    def rows(self, table: str, **where: Any) -> list[dict[str, Any]]:
        """Rows of ``table`` with these values, by primary key."""
        columns = tables.metadata.tables[table].c
        query = select(tables.metadata.tables[table]).order_by(*tables.metadata.tables[table].primary_key)
        with self.store.read() as connection:
            found = connection.execute(
                query.where(*(columns[name] == value for name, value in where.items()))
            )
            return [dict(row._mapping) for row in found]

    def intervals(self, subject: str, kind: str = "device") -> list[tuple[str, str]]:
        """(verdict, reason) over time."""
        rows = self.rows("interval", subject_kind=kind, subject_id=subject)
        return [(row["verdict"], row["reason"]) for row in sorted(rows, key=lambda row: row["from_at"])]

    def feed(self, *types: str) -> list[dict[str, Any]]:
        """Feed bodies in order; of these types only when given."""
        bodies = [json.loads(row["body"]) for row in self.rows("feed")]
        return [body for body in bodies if not types or body["type"] in types]

    def assert_lawful(self) -> None:
        """The invariants hold."""
        found = violations(self.store)
        if found:
            pytest.fail("\n".join(str(violation) for violation in found))


class VillageBox:
    """Keeps its whole log; ``send`` sends any part of it. Its clock may be off by ``clock_off_s``."""

    def __init__(self, centre: Centre, box_id: str, key: bytes) -> None:
        self.centre = centre
        self.id = box_id
        self.key = key
        self.epoch = EPOCH
        self.session = 1
        self.log: dict[int, bytes] = {}
        self.clock_off_s = 0.0
        self.started_s = centre.clock.monotonic()

    @property
    def last(self) -> int:
        return max(self.log, default=0)

    def now(self) -> datetime:
        return self.centre.clock.now() + timedelta(seconds=self.clock_off_s)

    # --- writing ---------------------------------------------------------------------------------

    def write(
        self,
        data: Frozen,
        *,
        device: str | None = None,
        at: datetime | None = None,
        sequence: int | None = None,
    ) -> int:
        """Put an entry into the log; returns its sequence."""
        number = sequence or self.last + 1
        self.log[number] = encode_entry(
            data,
            box=self.id,
            key=self.key,
            epoch=self.epoch,
            sequence=number,
            at=at or self.now(),
            recorded_at=at or self.now(),
            subject=device,
        )
        return number

    def health(self, device: str, rung: Rung, reason: str = "ok", **more: Any) -> int:
        at = more.pop("at", None)
        return self.write(DeviceHealth(rung=rung, reason=reason, **more), device=device, at=at)

    def identity(self, device: str, **more: Any) -> int:
        fields: dict[str, Any] = {"device_class": DeviceClass.SMART_CAMERA, "title": f"村口 {device}", **more}
        return self.write(DeviceIdentity(**fields), device=device)

    def scene(self, device: str, topic: str = SceneTopic.OBJECTS_INSIDE, **more: Any) -> int:
        at = more.pop("at", None)
        fields: dict[str, Any] = {
            "phase": Phase.START,
            "seen_by": SeenBy.BOX,
            "episode": f"e{self.last + 1}",
            "zone": "gate",
            **more,
        }
        return self.write(Scene(topic=topic, **fields), device=device, at=at)

    # --- sending ---------------------------------------------------------------------------------

    def send(self, *sequences: int, retained: bool = False) -> list[dict[str, Any]]:
        """Send these entries in one message; returns the acknowledgements, decoded."""
        payload = join_batch([self.log[number] for number in sequences])
        return self.raw(payload, retained=retained)

    def send_all(self, *, after: int = 0) -> list[dict[str, Any]]:
        """Send the log above ``after``, in batches of 50."""
        numbers = [number for number in sorted(self.log) if number > after]
        answers = []
        for begin in range(0, len(numbers), 50):
            answers += self.send(*numbers[begin : begin + 50])
        return answers

    def raw(
        self, payload: bytes, *, kind: TopicClass = TopicClass.LOG, retained: bool = False
    ) -> list[dict[str, Any]]:
        out = self.centre.receiver.receive(topic_of(self.id, kind), payload, retained=retained)
        return [acknowledgement_in(message, box=self.id) for message in out]

    def beat(self, **more: Any) -> None:
        """A heartbeat, as it is now."""
        uptime_s = int(self.centre.clock.monotonic() - self.started_s)
        fields: dict[str, Any] = {
            "session": self.session,
            "uptime_s": uptime_s,
            "log_epoch": self.epoch,
            "last_sequence": self.last,
            **more,
        }
        self._plain(Now(**fields), TopicClass.NOW)

    def say(self, status: str, *, session: int | None = None, retained: bool = False) -> list[dict[str, Any]]:
        """A session message: online, offline (the will) or planned_stop."""
        data = Session.model_validate(
            {"status": status, "session": session or self.session, "log_epoch": self.epoch, "version": "1.0"}
        )
        return self._plain(data, TopicClass.SESSION, retained=retained)

    def come_online(self) -> None:
        """A new session, and its first heartbeat written."""
        self.session += 1
        self.say("online")
        self.beat()
        self.centre.receiver.flush()

    def _plain(self, data: Frozen, kind: TopicClass, *, retained: bool = False) -> list[dict[str, Any]]:
        payload = encode_event(data, source=f"/box/{self.id}", event_id="x", at=self.now())
        return self.raw(payload, kind=kind, retained=retained)


def acknowledgement_in(message: Outgoing, *, box: str) -> dict[str, Any]:
    """What an outgoing acknowledgement says, after a look at its envelope."""
    assert message.topic == f"op/v1/{box}/dn/ack"
    assert (message.qos, message.retain) == (1, False)
    data: dict[str, Any] = json.loads(message.payload)["data"]
    return data
