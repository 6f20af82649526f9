"""A county with something going on, and its doors open on a loopback port, for tests of API and page."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import insert, select, update

from controller.api.rooms import Rooms, Trial
from controller.app import Door as HttpDoor
from controller.db import accounts, boxes, devices, tables
from controller.db.engine import open_engine
from controller.db.schema import migrate
from controller.db.transaction import Store
from controller.domain.roles import PEOPLE, Role
from controller.domain.targets import Target
from controller.feed.sender import SenderSettings, try_once
from controller.services.acting import Acting
from controller.services.bell import Bell
from controller.services.evidence import EvidenceStore
from controller.services.incidents import Finding, Incidents, Place
from controller.services.passwords import hash_password
from controller.services.sign_in import SignIn
from controller.services.subscriptions import Subscriptions
from controller.web.build import build_web
from runtime.clock import Clock, ManualClock
from tests.support.postgres import Postgres

NOON = datetime(2025, 11, 23, 1, 5, 12, tzinfo=UTC)
"""2025-11-23 09:05:12 in the county."""
_PLAIN: Any = {"trust_env": False, "timeout": 30, "verify": False}
"""Plain HTTP on loopback: reading the system's certificates for each client would cost more than the test."""
PASSWORD = "correct horse battery"
KEY = bytes(range(32))
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAP//////////////////////////////////////////////////////////////"
    "////////////////////////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAA//EABQQAQAAAAAAAAAAAAAAAAAA"
    "AAD/2gAIAQEAAD8AN//Z"
)
"""One grey point: the smallest whole JPEG."""

VILLAGES = (
    ("b1", "秦东镇 四知村", "610522101201"),
    ("b2", "太要镇 窑上村", "610522102203"),
    ("b3", "桐峪镇 善车口村", "610522103205"),
)
SPOTS = ("村委会门口", "村口卡点", "小学东门", "文化广场", "桥头", "粮站路口", "水库大坝", "会议室终端")


def rooms_on(
    store: Store, clock: Clock, folder: Path, *, targets: tuple[Target, ...] = (), **changes: Any
) -> Rooms:
    """The rooms on a store, wired as the application wires them, without a sender."""
    bell = Bell()
    store.after_commit(bell.ring)
    settings = SenderSettings(targets)

    def trial(subscription_id: str) -> Trial:
        attempt = try_once(store, clock, settings, subscription_id)
        return Trial(attempt.answer == "delivered", attempt.status, attempt.detail)

    return Rooms(
        store=store,
        clock=clock,
        bell=bell,
        sign_in=SignIn(store, clock),
        acting=Acting(store, clock),
        evidence=EvidenceStore(store, clock, folder),
        subscriptions=Subscriptions(store, clock, allowed=targets),
        try_subscription=trial,
        subscriptions_changed=lambda: None,
        secure_cookies=False,
        **changes,
    )


@cache
def _password_hash() -> str:
    return hash_password(PASSWORD)


def add_people(store: Store) -> None:
    """One account for each role, all with the same password: its login is the role with a dash."""
    with store.write() as transaction:
        for role in sorted(PEOPLE):
            accounts.add(
                transaction.connection,
                login=login_of(role),
                title=f"{role} 值班",
                role=role,
                civil_code={"town": "610522101", "village": "610522101201"}.get(role, "610522"),
                categories=(),
                password_hash=_password_hash(),
                expires_at=None,
                at=NOON,
            )


def login_of(role: Role) -> str:
    return role.value.replace("_", "-")


def add_village(
    store: Store, box: str, title: str, civil_code: str, *, spots: tuple[str, ...] = SPOTS
) -> None:
    """One box, online, with a healthy device at each spot, each with its open interval."""
    with store.write() as transaction:
        connection = transaction.connection
        boxes.add(connection, box_id=box, title=title, civil_code=civil_code, mac_key=KEY, at=NOON)
        connection.execute(
            update(tables.box)
            .where(tables.box.c.id == box)
            .values(online=True, verdict="ok", verdict_reason="ok", last_seen_at=NOON, software="0.1.0")
        )
        for number, spot in enumerate(spots, 1):
            _add_device(connection, box, f"{box}-{number:02d}", spot)


def _add_device(connection: Any, box: str, device: str, spot: str) -> None:
    conference = spot.endswith("终端")
    connection.execute(
        insert(tables.device).values(
            id=device,
            box_id=box,
            device_class="conference_endpoint" if conference else "smart_camera",
            title=spot,
            gb_code=f"6105220200132{int(hashlib.sha256(device.encode()).hexdigest(), 16) % 10**7:07d}",
            vendor="" if conference else "Hikvision",
            model="" if conference else "DS-2CD3T46WD",
            firmware="" if conference else "V5.5.82",
            profiles=[] if conference else ["main 2560x1440@25 H264", "sub 640x360@10 H264"],
            rung="reachable" if conference else "picture_ok",
            reason="ok",
            verdict="ok",
            verdict_reason="ok",
            verdict_since=NOON - timedelta(hours=30),
            changed_at=NOON - timedelta(hours=30),
            created_at=NOON - timedelta(days=9),
        )
    )
    connection.execute(
        insert(tables.interval).values(
            subject_kind="device",
            subject_id=device,
            from_at=NOON - timedelta(hours=30),
            verdict="ok",
            reason="ok",
            cause="entry",
        )
    )


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a device, and the incident that follows from it (None: none)."""

    device: str
    verdict: str
    reason: str
    category: str | None
    minutes_ago: float


FAULTS = (
    Fault("b1-01", "degraded", "picture_covered", "1005", 4.0),
    Fault("b1-03", "down", "unreachable", "1003", 192.0),
    Fault("b2-02", "down", "auth_failed", "1003", 1500.0),
    Fault("b2-05", "degraded", "picture_blurred", "1004", 35.0),
)


def add_fault(store: Store, fault: Fault, *, at: datetime) -> str | None:
    """Let a device fail; returns the incident's id."""
    with store.write() as transaction:
        connection = transaction.connection
        change_verdict(connection, fault.device, fault.verdict, fault.reason, at=at)
        if fault.category is None:
            return None
        device = devices.get(connection, fault.device)
        assert device is not None
        box = boxes.get(connection, device.box_id)
        assert box is not None
        finding = Finding(fault.category, at, reason=fault.reason)
        return Incidents(transaction, now=at).found(Place(box, device), finding).id


def change_verdict(connection: Any, device: str, verdict: str, reason: str, *, at: datetime) -> None:
    """Close the open interval of a device and open the next."""
    interval = tables.interval
    connection.execute(
        update(interval).where(interval.c.subject_id == device, interval.c.to_at.is_(None)).values(to_at=at)
    )
    connection.execute(
        insert(interval).values(
            subject_kind="device",
            subject_id=device,
            from_at=at,
            verdict=verdict,
            reason=reason,
            cause="entry",
        )
    )
    connection.execute(
        update(tables.device)
        .where(tables.device.c.id == device)
        .values(verdict=verdict, verdict_reason=reason, reason=reason, verdict_since=at, changed_at=at)
    )


def add_county(store: Store) -> None:
    """Three villages with faults; the third one's box is dark; somebody is inside a closed zone."""
    for box, title, civil_code in VILLAGES:
        add_village(store, box, title, civil_code)
    for fault in sorted(FAULTS, key=lambda fault: -fault.minutes_ago):
        add_fault(store, fault, at=NOON - timedelta(minutes=fault.minutes_ago))
    darken(store, "b3", at=NOON - timedelta(minutes=12))
    intrude(store, "b1-02", at=NOON - timedelta(minutes=1))


def incidents_of(store: Store) -> dict[str, str]:
    """Ids of the incidents of ``add_county``, by device, else box; ``gate`` is the intrusion."""
    incident = tables.incident.c
    with store.read() as connection:
        rows = connection.execute(select(incident.id, incident.device_id, incident.box_id, incident.category))
        return {"gate" if row.category == "2001" else row.device_id or row.box_id: row.id for row in rows}


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the county and its people: to be copied, because making it costs a hundred commits."""
    file = tmp_path_factory.mktemp("county") / "controller.db"
    _fill(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> str:
    """The same as a database of the run's server."""
    name = postgres.new_database()
    _fill(postgres.url(name))
    return name


def _fill(url: str) -> None:
    engine = open_engine(url)
    migrate(engine)
    store = Store(engine)
    add_county(store)
    add_people(store)
    if engine.dialect.name == "sqlite":
        raw = engine.raw_connection()
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw.close()
    store.close()


def darken(store: Store, box_id: str, *, at: datetime) -> str:
    """A box goes silent: its devices are unknown, one incident opens."""
    with store.write() as transaction:
        connection = transaction.connection
        connection.execute(
            update(tables.box)
            .where(tables.box.c.id == box_id)
            .values(online=False, verdict="down", verdict_reason="unreachable", verdict_since=at)
        )
        for device in devices.of_box(connection, box_id):
            change_verdict(connection, device.id, "unknown", "parent", at=at)
        box = boxes.get(connection, box_id)
        assert box is not None
        return Incidents(transaction, now=at).found(Place(box), Finding("1001", at, reason="unreachable")).id


def intrude(store: Store, device_id: str, *, at: datetime) -> str:
    """Somebody is seen inside a closed zone."""
    with store.write() as transaction:
        device = devices.get(transaction.connection, device_id)
        assert device is not None
        box = boxes.get(transaction.connection, device.box_id)
        assert box is not None
        finding = Finding("2001", at, reason="objects_inside", episode="e1")
        return Incidents(transaction, now=at).found(Place(box, device), finding).id


def sign_upload(
    path: str, query: str, body: bytes, *, key: bytes = KEY, at: datetime = NOON
) -> dict[str, str]:
    """The headers a box sends with a still, written from the contract, not from the code."""
    stamp = int(at.timestamp())
    text = f"PUT\n{path}?{query}\n{stamp}\n{hashlib.sha256(body).hexdigest()}"
    mac = base64.urlsafe_b64encode(hmac.digest(key, text.encode(), "sha256")).decode().rstrip("=")
    return {"authorization": f"Outpost-Box ts={stamp}, mac={mac}", "content-type": "image/jpeg"}


@dataclass(frozen=True, slots=True)
class Door:
    """An application that really listens."""

    url: str
    app: FastAPI

    @property
    def rooms(self) -> Rooms:
        rooms = self.app.state.rooms
        assert isinstance(rooms, Rooms)
        return rooms

    @contextmanager
    def guest(self, **headers: str) -> Iterator[httpx.Client]:
        """Somebody who is not signed in, using this site's own page."""
        own = {"origin": self.url, **{name.replace("_", "-"): value for name, value in headers.items()}}
        with httpx.Client(base_url=self.url, headers=own, **_PLAIN) as client:
            yield client

    @contextmanager
    def person(self, role: Role) -> Iterator[httpx.Client]:
        """Somebody signed in with that role."""
        with self.guest() as client:
            answer = client.post("/v1/session", json={"login": login_of(role), "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            yield client

    @contextmanager
    def program(self, token: str) -> Iterator[httpx.Client]:
        """A program with a token: no cookie, no origin."""
        headers = {"authorization": f"Bearer {token}"}
        with httpx.Client(base_url=self.url, headers=headers, **_PLAIN) as client:
            yield client


@contextmanager
def opened(app: FastAPI) -> Iterator[Door]:
    """Serve ``app`` on an ephemeral loopback port, as the centre does, for the length of the block."""
    served = HttpDoor(app, "127.0.0.1", 0)
    served.bind()
    served.start()
    deadline = time.monotonic() + 20
    while not served.open:
        assert time.monotonic() < deadline, "the door did not open"
        time.sleep(0.005)
    try:
        yield Door(f"http://127.0.0.1:{served.port}", app)
    finally:
        app.state.rooms.bell.close()
        served.stop()


def web_on(
    store: Store, folder: Path, *, clock: Clock | None = None, targets: tuple[Target, ...] = ()
) -> FastAPI:
    """The whole application on a store."""
    return build_web(rooms_on(store, clock or ManualClock(NOON), folder, targets=targets))
