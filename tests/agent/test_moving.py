"""Cameras change addresses while the box runs: identity, history, events and passwords follow the device."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.app import BoxApp
from agent.config import parse_config
from agent.devices import OnvifRoom
from agent.model import Secret
from agent.outbox.notebook import SqliteNotebook
from agent.outbox.vault import SealedVault
from agent.ports import Credentials
from agent.services.admission import MOST_OF_A_HOST
from agent.services.logins import claim, disclaim
from protocol.words import Reason, Rung
from runtime.clock import SystemClock
from tests.agent.devices.builders import QUICK
from tests.agent.devices.test_discovery import _message_id, match, responder
from tests.agent.devices.test_survey import refusing
from tests.support.hostile import answering
from tests.support.processes import free_port, wait_until
from tests.support.virtual_county import RunningCounty, entry, free_ip, running

PORT = 18080
WITHIN_S = 25.0


def camera(name: str, **more: object) -> dict[str, object]:
    """On a port that all share: what moves is the address alone."""
    return entry(name, http_port=PORT, password=f"pass-{name}", **more)


@contextmanager
def box(
    folder: Path, county: RunningCounty, *names: str, classes: Sequence[str] = (), subnets: Sequence[str] = ()
) -> Iterator[BoxApp]:
    """A box whose ledger has the named cameras where they are now; it reaches no broker."""
    (folder / "key").write_text(base64.b64encode(b"k" * 32).decode())
    devices = []
    for number, name in enumerate(names):
        (folder / f"{name}.password").write_text(f"pass-{name}")
        devices.append(
            {
                "id": name,
                "class": classes[number] if number < len(classes) else "smart_camera",
                "host": county.device(name).ip,
                "port": PORT,
                "username": "admin",
                "password_file": str(folder / f"{name}.password"),
                "zone": [{"name": f"zone of {name}", "corners": [[0, 0], [1, 0], [1, 1]]}],
            }
        )
    with started(folder, {"device": devices, "search": {"subnets": list(subnets), "interval_s": 0.5}}) as app:
        yield app


@contextmanager
def started(folder: Path, more: dict[str, object]) -> Iterator[BoxApp]:
    config = parse_config(
        {
            "box": {"id": "b1", "data_dir": str(folder / "data")},
            "centre": {"host": "127.0.0.1", "port": free_port(), "mac_key_file": str(folder / "key")},
            "monitor": {"port": free_port()},
            "watch": {"ladder_interval_s": 0.3, "retry_interval_s": 0.2},
            **more,
        },
        where="box.toml",
    )
    fatal: list[str] = []
    app = BoxApp(config, on_fatal=fatal.append, limits=QUICK)
    app.start()
    try:
        yield app
    finally:
        app.stop()
        assert fatal == []


def entries(app: BoxApp, kind: str, subject: str | None = None) -> list[dict[str, object]]:
    """Data of what the box wrote, of one kind and about one device."""
    rows: list[dict[str, object]] = []
    first = 1
    while batch := app.store.read(first, app.store.last):
        rows += [json.loads(row.body) for row in batch]
        first = batch[-1].sequence + 1
    return [
        dict(row["data"])  # type: ignore[call-overload]
        for row in rows
        if row["type"] == f"outpost.{kind}.v1" and (subject is None or row.get("subject") == subject)
    ]


def told(app: BoxApp) -> list[str]:
    return [str(one["what"]) for one in entries(app, "box.event")]


def is_in(app: BoxApp, name: str) -> bool:
    """Whether the last climb of a device let the box in."""
    patient = app.prober._patients.get(name)
    return patient is not None and patient.evidence is not None and patient.evidence.reason is Reason.OK


def settled(app: BoxApp, *names: str) -> None:
    """Wait until the devices are identified and listened to."""
    for name in names:
        wait_until(
            lambda name=name: is_in(app, name) and app.register.knows(name),  # type: ignore[misc]
            within_s=WITHIN_S,
            what=f"{name} is let in",
        )


def wrong_tries(county: RunningCounty, name: str) -> int:
    return county.device(name).counters["auth_wrong_password"]


def place(app: BoxApp, name: str) -> str:
    return app._known[name].host


@pytest.mark.parametrize("make", ["plain", "dahua-like", "hik-like"])
def test_two_cameras_that_swap_addresses_keep_identity_history_events_and_passwords(
    tmp_path: Path, make: str
) -> None:
    with running(camera("gate", personality=make), camera("yard", personality=make)) as county:
        gate, yard = county.device("gate").ip, county.device("yard").ip
        with box(tmp_path, county, "gate", "yard") as app:
            settled(app, "gate", "yard")
            listening = lambda: all(county.device(name).events.live() for name in ("gate", "yard"))  # noqa: E731
            wait_until(lambda: county.call(listening), within_s=WITHIN_S, what="both are listened to")
            written = app.store.last
            county.move(gate=yard, yard=gate)
            wait_until(
                lambda: (place(app, "gate"), place(app, "yard")) == (yard, gate),
                within_s=WITHIN_S,
                what="the rows follow their devices",
            )
            settled(app, "gate", "yard")
            # one that was seen at its new address while its old one was still empty has moved
            wait_until(
                lambda: sum(told(app).count(what) for what in ("device_swapped", "device_moved")) == 2,
                within_s=WITHIN_S,
                what="both are told",
            )
            assert "device_swapped" in told(app)
            serials = {name: county.device(name).identity.serial for name in ("gate", "yard")}
            for name, serial in serials.items():
                assert {one["serial"] for one in entries(app, "device.identity", name)} == {serial}
                assert county.device(name).users.password == f"pass-{name}"
                assert wrong_tries(county, name) == 0
                health = [one["reason"] for one in entries(app, "device.health", name)]
                assert not {"unreachable", "other_device", "auth_failed"} & set(health)
            assert app.store.last > written

            wait_until(lambda: county.call(listening), within_s=WITHIN_S, what="both are listened to again")

            views = itertools.cycle([frozenset({"person"}), frozenset[str]()])

            def somebody_comes_and_goes() -> bool:
                """What was in view when the box began to listen is state; a change later is an event."""
                county.lens("gate").in_view = next(views)
                return bool(entries(app, "scene", "gate"))

            wait_until(somebody_comes_and_goes, within_s=WITHIN_S, what="motion at the gate", every_s=0.6)
            assert entries(app, "scene", "yard") == []
            assert [zone.name for zone in app._known["gate"].zones] == ["zone of gate"]
        with started(
            tmp_path, {"device": [_row(tmp_path, "gate", gate), _row(tmp_path, "yard", yard)]}
        ) as app:
            settled(app, "gate", "yard")
            assert (place(app, "gate"), place(app, "yard")) == (yard, gate)
            assert (wrong_tries(county, "gate"), wrong_tries(county, "yard")) == (0, 0)


def _row(folder: Path, name: str, host: str) -> dict[str, object]:
    return {
        "id": name,
        "host": host,
        "port": PORT,
        "username": "admin",
        "password_file": str(folder / f"{name}.password"),
    }


def test_a_camera_that_moved_is_followed_without_a_restart(tmp_path: Path) -> None:
    with running(camera("gate")) as county:
        old, new = county.device("gate").ip, free_ip()
        with box(tmp_path, county, "gate") as app:
            settled(app, "gate")
            county.move(gate=new)
            wait_until(lambda: "device_moved" in told(app), within_s=WITHIN_S, what="it is followed")
            settled(app, "gate")
            assert (place(app, "gate"), told(app).count("device_moved")) == (new, 1)
            assert wrong_tries(county, "gate") == 0
        with started(tmp_path, {"device": [_row(tmp_path, "gate", new)]}) as app:
            assert place(app, "gate") == new, "the ledger was corrected by hand"
        assert old != new


def test_a_stranger_at_a_known_address_is_named_and_gets_neither_password_nor_write(tmp_path: Path) -> None:
    with running(camera("gate"), camera("stranger", ip=free_ip())) as county:
        gate = county.device("gate").ip
        with box(tmp_path, county, "gate") as app:
            settled(app, "gate")
            county.switch("gate", unplugged=True)
            before = dict(county.device("stranger").counters)
            county.move(stranger=gate)
            wait_until(
                lambda: (s := app.prober.standing("gate")) is not None and s.reason is Reason.OTHER_DEVICE,
                within_s=WITHIN_S,
                what="the evidence says so",
            )
            standing = app.prober.standing("gate")
            assert standing is not None
            assert standing.rung is Rung.UNREACHABLE
            assert "另一台设备" in standing.detail
            assert "stranger_met" in told(app)
            after = county.device("stranger").counters
            asked = {name for name in after if name.startswith("op_") and after[name] > before.get(name, 0)}
            assert asked <= {"op_GetSystemDateAndTime", "op_GetEndpointReference"}
            assert wrong_tries(county, "stranger") == 0
            assert "device_found" not in told(app)


def test_a_cloned_reference_moves_nobody_and_is_told(tmp_path: Path) -> None:
    """Two cameras of one image with the same uuid; the one in the ledger dies, its clone is no stand-in."""
    with running(camera("gate"), camera("clone")) as county:
        gate, clone = county.device("gate"), county.device("clone")
        clone.identity = replace(clone.identity, uuid=gate.identity.uuid)
        with box(tmp_path, county, "gate") as app:
            settled(app, "gate")
            app.mover.found(app.devices.discover([f"{gate.ip}/32", f"{clone.ip}/32"]))
            assert "device_collided" in told(app)
            assert place(app, "gate") == gate.ip
            assert wrong_tries(county, "clone") == 0


def test_an_integrated_camera_that_moved_is_followed_and_never_written_to(tmp_path: Path) -> None:
    with running(camera("police")) as county:
        new = free_ip()
        with box(tmp_path, county, "police", classes=["integrated"]) as app:
            settled(app, "police")
            county.move(police=new)
            wait_until(lambda: place(app, "police") == new, within_s=WITHIN_S, what="it is followed")
            settled(app, "police")
        counters = county.device("police").counters
        assert not [name for name in counters if name.startswith(("op_SetUser", "op_SetNTP", "op_System"))]


def test_two_devices_that_take_turns_at_one_address_are_told_as_a_conflict(tmp_path: Path) -> None:
    with running(camera("gate"), camera("rival")) as county:
        gate, away = county.device("gate").ip, county.device("rival").ip
        with box(tmp_path, county, "gate") as app:
            settled(app, "gate")
            for _ in range(8):
                if "address_contested" in told(app):
                    break
                county.switch("gate", unplugged=True)
                county.move(rival=gate)
                wait_until(lambda: not _last_itself(app), within_s=WITHIN_S, what="the rival is met")
                county.move(rival=away)
                county.switch("gate", unplugged=False)
                wait_until(lambda: _last_itself(app), within_s=WITHIN_S, what="the gate is met")
            wait_until(lambda: "address_contested" in told(app), within_s=WITHIN_S, what="it is told")
            assert place(app, "gate") == gate
            assert wrong_tries(county, "rival") == 0


def _last_itself(app: BoxApp) -> bool:
    return app.mover._watched["gate"].hands[-1][1]


def test_a_password_changed_by_hand_is_used_by_the_running_box_without_locking_anybody(
    tmp_path: Path,
) -> None:
    with running(camera("gate", personality="dahua-like")) as county, box(tmp_path, county, "gate") as app:
        settled(app, "gate")
        by_hand = SqliteNotebook(tmp_path / "data" / "notebook.db")
        with contextlib.closing(by_hand):
            vault = SealedVault(by_hand, tmp_path / "data" / "vault.key")
            claim(by_hand, "gate", SystemClock())
            change = OnvifRoom(limits=QUICK).password_change(vault)
            change.change(app._known["gate"], Secret("New-pass-word-2"))
            disclaim(by_hand, "gate")
        wait_until(
            lambda: app._known["gate"].password == Secret("New-pass-word-2"),
            within_s=WITHIN_S,
            what="the box uses it",
        )
        seen = county.device("gate").counters["op_GetDeviceInformation"]
        wait_until(
            lambda: (
                is_in(app, "gate") and county.device("gate").counters["op_GetDeviceInformation"] > seen + 1
            ),
            within_s=WITHIN_S,
            what="it is let in again",
        )
        assert wrong_tries(county, "gate") <= 2
        assert not county.device("gate").users.locked()


@pytest.mark.parametrize("reached", [True, False])
def test_a_password_change_that_a_power_cut_interrupted_is_settled_at_the_next_start(
    tmp_path: Path, reached: bool
) -> None:
    """Before the first climb: one try with the new one, and with the old one only when that was refused."""
    with running(camera("gate", personality="dahua-like")) as county:
        with box(tmp_path, county, "gate") as app:
            settled(app, "gate")
        with contextlib.closing(SqliteNotebook(tmp_path / "data" / "notebook.db")) as book:
            vault = SealedVault(book, tmp_path / "data" / "vault.key")
            vault.keep("gate", Credentials("admin", Secret("pass-gate"), pending=Secret("Half-way-3")))
        if reached:
            county.call(lambda: county.device("gate").users.change("admin", "Half-way-3", "Administrator"))
        with box(tmp_path, county, "gate") as app:
            settled(app, "gate")
            expected = "Half-way-3" if reached else "pass-gate"
            held = app.vault.find("gate")
            assert held == Credentials("admin", Secret(expected))
            assert app._known["gate"].password == Secret(expected)
            assert wrong_tries(county, "gate") == (0 if reached else 1)


def test_a_row_of_an_older_version_is_adopted_and_a_damaged_one_passed_over(tmp_path: Path) -> None:
    with running(camera("gate")) as county:
        gate = county.device("gate")
        reference = f"urn:uuid:{gate.identity.uuid}"
        search = {
            "subnets": [f"{gate.ip}/32"],
            "username": "admin",
            "password_file": str(tmp_path / "gate.password"),
            "interval_s": 0.5,
        }
        (tmp_path / "gate.password").write_text("pass-gate")
        with box(tmp_path, county):
            pass
        with contextlib.closing(sqlite3.connect(tmp_path / "data" / "box.db")) as db, db:
            document = json.dumps({"reference": reference, "host": free_ip(), "port": PORT})
            db.execute("INSERT INTO device VALUES (?, ?)", ("cam-0123456789ab", document))
            db.execute("INSERT INTO device VALUES (?, ?)", ("cam-damaged", '{"reference": 3'))
            db.execute("INSERT INTO device VALUES (?, ?)", ("cam-elsewhere", '{"host": "x", "port": 1}'))
        with started(tmp_path, {"search": search}) as app:
            wait_until(lambda: "device_moved" in told(app), within_s=WITHIN_S, what="it is followed")
            settled(app, "cam-0123456789ab")
            assert list(app._known) == ["cam-0123456789ab"]
            assert "device_found" not in told(app)


def test_a_host_that_announces_hundreds_gets_a_few_rows_and_is_told(tmp_path: Path) -> None:
    host = free_ip()
    answers = [
        match(relates="{relates}", reference=f"urn:uuid:{number:08d}-aaaa-bbbb-cccc-000000000000", xaddrs="")
        for number in range(300)
    ]
    search = {"subnets": [f"{host}/32"], "interval_s": 0.5}
    (tmp_path / "key").write_text(base64.b64encode(b"k" * 32).decode())

    def hostile(probe: bytes) -> list[bytes]:
        return [answer.replace(b"{relates}", _message_id(probe).encode()) for answer in answers]

    with responder(host, hostile), started(tmp_path, {"search": search}) as app:
        wait_until(lambda: "devices_dropped" in told(app), within_s=WITHIN_S, what="it is told")
        assert told(app).count("device_found") == MOST_OF_A_HOST
        wait_until(lambda: app.store.last > 0, within_s=1, what="the log lives")
        assert told(app).count("devices_dropped") == 1


def test_a_camera_that_never_announces_itself_is_found_by_knocking(tmp_path: Path) -> None:
    """Discovery is switched off on it; its ONVIF port is a usual one."""
    with running(entry("quiet", http_port=8000)) as county:
        quiet = county.device("quiet")
        county.call(county.station("quiet").announcer.close)  # type: ignore[union-attr]
        (tmp_path / "key").write_text(base64.b64encode(b"k" * 32).decode())
        (tmp_path / "password").write_text("pass-word-1")
        search = {
            "subnets": [f"{quiet.ip}/32"],
            "username": "admin",
            "password_file": str(tmp_path / "password"),
            "interval_s": 0.5,
        }
        with started(tmp_path, {"search": search}) as app:
            wait_until(lambda: "device_found" in told(app), within_s=WITHIN_S, what="it is found")
            (name,) = app.store.remembered_devices()
            settled(app, name)
            assert place(app, name) == quiet.ip
        assert county.device("quiet").counters["auth_wrong_password"] == 0


def test_a_device_that_is_not_activated_is_told_once_and_not_taken_in(tmp_path: Path) -> None:
    host = free_ip()
    (tmp_path / "key").write_text(base64.b64encode(b"k" * 32).decode())
    search = {"subnets": [f"{host}/32"], "interval_s": 0.5}
    with (
        answering(lambda _: refusing(), host=host, port=8000) as fresh,
        started(tmp_path, {"search": search}) as app,
    ):
        wait_until(lambda: "device_unusable" in told(app), within_s=WITHIN_S, what="it is told")
        asked = len(fresh.requests)
        wait_until(lambda: len(fresh.requests) > asked + 2, within_s=WITHIN_S, what="searched again")
        (event,) = [one for one in entries(app, "box.event") if one["what"] == "device_unusable"]
        assert str(event["detail"]).startswith(f"{host} not_activated")
        assert "device_found" not in told(app)


def test_a_dome_found_stays_a_camera_and_its_class_is_suggested(tmp_path: Path) -> None:
    with running(entry("dome", kind="ptz_dome")) as county:
        (tmp_path / "key").write_text(base64.b64encode(b"k" * 32).decode())
        search = {"subnets": [f"{county.device('dome').ip}/32"], "interval_s": 0.5}
        with started(tmp_path, {"search": search}) as app:
            wait_until(lambda: "device_found" in told(app), within_s=WITHIN_S, what="it is found")
            (event,) = [one for one in entries(app, "box.event") if one["what"] == "device_found"]
            assert "list it as ptz_dome" in str(event["detail"])
            wait_until(lambda: bool(app._known), within_s=WITHIN_S, what="it is taken under care")
            assert [known.device_class for known in app._known.values()] == ["smart_camera"]
