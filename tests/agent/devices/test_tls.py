"""Devices over TLS against the simulator: pinned at first sight, refused after, all else as over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.devices import Limits, OnvifRoom
from agent.devices.account import Account
from agent.devices.events import NOTE_TOPIC
from agent.devices.pins import TOPIC, certificate_of
from agent.devices.session import Session
from agent.devices.upkeep.files import Firmware, sha256_of
from agent.devices.witness import Exchange, watching
from agent.devices.wsdl import shared_services
from agent.errors import DeviceError, DeviceTrouble
from agent.outbox.notebook import SqliteNotebook
from protocol.words import Reason, Rung
from simulator.device import images
from tests.agent.devices.builders import PASSWORD, QUICK, a_device
from tests.agent.devices.test_events import SOURCE, live, pulled_until
from tests.agent.devices.test_ladder import PERSONALITIES, asked, auth_failures, camera, ledger_row
from tests.support.processes import wait_until
from tests.support.virtual_county import JPEG, RunningCounty, running

TLS_LIMITS = replace(QUICK, total_s=3.0)
"""Two cores shared with other tests: a handshake may wait its turn."""


@contextmanager
def secure(**more: object) -> Iterator[RunningCounty]:
    with running(camera(tls=True, **more)) as county:
        yield county


@contextmanager
def room_at(folder: Path, *, limits: Limits = TLS_LIMITS) -> Iterator[OnvifRoom]:
    """A room with a notebook, as the service has it; another one of the same folder is a restart."""
    with contextlib.closing(SqliteNotebook(folder / "notebook.db")) as notebook:
        yield OnvifRoom(limits=limits, notebook=notebook)


def restarts_quickly(county: RunningCounty) -> None:
    """The device is away for one and a half seconds instead of three."""
    station = county.station()

    async def soon() -> None:
        await asyncio.sleep(0.2)
        await station.reboot(1.5)

    station.device.on_reboot = lambda: station._spawn(soon(), "reboot")


def requests(county: RunningCounty) -> int:
    """Whole HTTP requests the device has read since it started."""
    return county.call(lambda: county.device().counters["requests"])


def der(county: RunningCounty) -> bytes:
    certificates = county.device().certificates
    assert certificates is not None
    return county.call(lambda: certificates.der)


def changed(act: Callable[[], object]) -> DeviceError:
    with pytest.raises(DeviceError) as told:
        act()
    assert told.value.kind is DeviceTrouble.CERTIFICATE_CHANGED, told.value
    assert PASSWORD not in str(told.value)
    return told.value


# --- all that works over HTTP works over TLS -----------------------------------------------------


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_every_make_is_climbed_and_shows_its_picture(personality: str) -> None:
    """Old Hikvision: RSA of 1024 bits. Dahua: names plain-text addresses also over HTTPS."""
    with secure(personality=personality) as county:
        device = ledger_row(county)
        with contextlib.closing(OnvifRoom(limits=TLS_LIMITS).open(device)) as adapter:
            evidence = adapter.climb()
            assert (evidence.rung, evidence.reason) == (Rung.AUTHENTICATED, Reason.OK), evidence.detail
            assert evidence.identity is not None
            assert [profile.width for profile in evidence.identity.profiles] == [1280, 640]
            assert adapter.snapshot() == JPEG + b"main"
            assert adapter.stream_uri().startswith("rtsp://")
        assert auth_failures(county) == 0


@pytest.mark.parametrize("auth", ["wsse", "digest", "both", "none"])
def test_every_way_to_log_in_works(auth: str) -> None:
    with secure(auth=auth) as county:
        adapter = OnvifRoom(limits=TLS_LIMITS).open(ledger_row(county))
        with contextlib.closing(adapter):
            for _ in range(2):
                assert adapter.climb().rung is Rung.AUTHENTICATED
        assert auth_failures(county) == 0


def test_events_come_and_the_slot_is_given_back() -> None:
    with secure() as county:
        subscription = OnvifRoom(limits=TLS_LIMITS).subscribe(ledger_row(county))
        assert all(event.initial for event in subscription.pull())
        county.call(
            lambda: county.device().events.tell(
                "tns1:VideoSource/MotionAlarm",
                source=SOURCE,
                data=(("State", "true"),),
                operation="Changed",
            )
        )
        assert pulled_until(subscription, lambda one: not one.initial)[-1].active is True
        subscription.close()
        assert live(county) == 0


def test_settings_are_written_and_read_back() -> None:
    with secure() as county:
        with contextlib.closing(OnvifRoom(limits=TLS_LIMITS).settings(ledger_row(county))) as settings:
            settings["encoder"].write({"sub.fps": 5})
        assert county.device().encoders["sub"].fps == 5


def test_a_firmware_of_many_records_is_uploaded(tmp_path: Path) -> None:
    with secure(auth="digest") as county:
        model = county.device().identity.model
        file = tmp_path / "image.bin"
        file.write_bytes(images.firmware(model, "2.0.0", padding_bytes=700_000))
        restarts_quickly(county)
        with contextlib.closing(OnvifRoom(limits=TLS_LIMITS).upkeep(ledger_row(county))) as upkeep:
            done = upkeep.files.upgrade(Firmware(file, sha256_of(file), model, "2.0.0"))
        assert done.firmware == "2.0.0"


def test_the_connection_is_kept_from_one_question_to_the_next() -> None:
    exchanges: list[Exchange] = []
    with secure() as county:
        room = OnvifRoom(limits=TLS_LIMITS)
        with contextlib.closing(room.open(ledger_row(county))) as adapter, watching(exchanges.append):
            adapter.climb()
        assert len(exchanges) > 5
        assert county.call(lambda: county.device().counters["connections"]) == 1
        assert all(one.to.startswith("https://") for one in exchanges)


def test_a_device_restarted_between_two_questions_is_connected_to_anew() -> None:
    with secure() as county:
        adapter = OnvifRoom(limits=TLS_LIMITS).open(ledger_row(county))
        assert adapter.climb().rung is Rung.AUTHENTICATED
        county.wait(county.station().reboot(0.1))
        wait_until(lambda: adapter.climb().rung is Rung.AUTHENTICATED, within_s=5, what="back")
        adapter.close()


# --- the pin -------------------------------------------------------------------------------------


def test_the_certificate_is_on_the_disk_before_the_first_credential_is_sent(tmp_path: Path) -> None:
    with secure() as county, room_at(tmp_path) as room:
        book = SqliteNotebook(tmp_path / "notebook.db")
        noted: list[tuple[str, bool]] = []

        def seen(exchange: Exchange) -> None:
            noted.append((exchange.login, book.noted("cam", TOPIC) is not None))

        with contextlib.closing(room.open(ledger_row(county))) as adapter, watching(seen):
            adapter.climb()
        assert noted[0] == ("none", True)
        pinned = room.trust(ledger_row(county)).pinned()
        assert pinned is not None
        assert pinned.sha256 == certificate_of(der(county)).sha256
        assert pinned.der == der(county)
        book.close()


def test_another_certificate_stops_at_reachable_and_nothing_is_sent(tmp_path: Path) -> None:
    with secure() as county, room_at(tmp_path) as room:
        device = ledger_row(county)
        with contextlib.closing(room.open(device)) as adapter:
            assert adapter.climb().rung is Rung.AUTHENTICATED
            was = certificate_of(der(county)).sha256
            county.switch(certificate="replaced")
            before = requests(county)
            for _ in range(2):
                evidence = adapter.climb()
                assert (evidence.rung, evidence.reason) == (Rung.REACHABLE, Reason.CERTIFICATE_CHANGED)
            changed(adapter.identity)
            changed(adapter.snapshot)
            changed(adapter.stream_uri)
        assert requests(county) == before
        assert "outpost-agent devices trust cam" in evidence.detail
        assert was[:2].upper() + ":" in evidence.detail
        assert "未发送口令" in evidence.detail and "sent no password" in evidence.detail


def test_pull_point_settings_upkeep_and_password_change_are_refused_as_well(tmp_path: Path) -> None:
    with secure() as county, room_at(tmp_path) as room:
        device = ledger_row(county)
        subscription = room.subscribe(device)
        subscription.pull()
        county.switch(certificate="replaced")
        before = requests(county)
        for _ in range(3):
            changed(subscription.pull)
        changed(room.subscribe(device).pull)
        with contextlib.closing(room.settings(device)) as settings:
            changed(settings["time"].read)
            changed(settings.time.synchronise)
        with contextlib.closing(room.upkeep(device)) as upkeep:
            changed(upkeep.accounts.all)
            changed(upkeep.files.system_log)
            changed(upkeep.power.reboot)
        changed(lambda: room._proved(device))
        subscription.close()
        assert requests(county) == before
        book = SqliteNotebook(tmp_path / "notebook.db")
        assert book.noted("cam", NOTE_TOPIC) is not None, "the slot is given back when the device is itself"
        book.close()


def test_a_restart_remembers_and_the_address_does_not_matter(tmp_path: Path) -> None:
    """The pin belongs to the ledger id: whoever answers at a new address must be the same device."""
    with running(camera(tls=True), {**camera(tls=True), "name": "other"}) as county:
        with room_at(tmp_path) as room, contextlib.closing(room.open(ledger_row(county))) as adapter:
            assert adapter.climb().rung is Rung.AUTHENTICATED
        moved = replace(ledger_row(county, "other"), id="cam")
        with room_at(tmp_path) as room, contextlib.closing(room.open(moved)) as adapter:
            assert adapter.climb().reason is Reason.CERTIFICATE_CHANGED
        with room_at(tmp_path) as room, contextlib.closing(room.open(ledger_row(county))) as adapter:
            assert adapter.climb().rung is Rung.AUTHENTICATED


def test_trust_lifts_it_for_the_service_that_runs_beside(tmp_path: Path) -> None:
    with secure() as county, room_at(tmp_path) as service, room_at(tmp_path) as by_hand:
        device = ledger_row(county)
        with contextlib.closing(service.open(device)) as adapter:
            assert adapter.climb().rung is Rung.AUTHENTICATED
            county.switch(certificate="replaced")
            assert adapter.climb().reason is Reason.CERTIFICATE_CHANGED
            trust = by_hand.trust(device)
            before = requests(county)
            shown = trust.shown()
            assert requests(county) == before
            assert shown.sha256 == certificate_of(der(county)).sha256
            assert adapter.climb().reason is Reason.CERTIFICATE_CHANGED, "looking trusts nobody"
            trust.take(shown)
            assert adapter.climb().rung is Rung.AUTHENTICATED
            county.switch(certificate="own")
            assert adapter.climb().reason is Reason.CERTIFICATE_CHANGED, "the old one is not trusted any more"


def test_a_hard_factory_default_makes_another_certificate(tmp_path: Path) -> None:
    with secure() as county, room_at(tmp_path) as room:
        device = ledger_row(county)
        with contextlib.closing(room.upkeep(device)) as upkeep:
            upkeep.power.factory_default(serial=county.device().identity.serial, hard=True)
        with contextlib.closing(room.open(device)) as adapter:
            wait_until(
                lambda: adapter.climb().reason is Reason.CERTIFICATE_CHANGED, within_s=8, what="changed"
            )


def test_a_certificate_of_1970_is_pinned_like_any_other(tmp_path: Path) -> None:
    with secure() as county, room_at(tmp_path) as room:
        county.switch(certificate="expired")
        with contextlib.closing(room.open(ledger_row(county))) as adapter:
            assert adapter.climb().rung is Rung.AUTHENTICATED
            county.switch(certificate="own")
            assert adapter.climb().reason is Reason.CERTIFICATE_CHANGED


def test_without_a_notebook_the_pin_lasts_as_long_as_the_room() -> None:
    with secure() as county:
        room = OnvifRoom(limits=TLS_LIMITS)
        with contextlib.closing(room.open(ledger_row(county))) as adapter:
            assert adapter.climb().rung is Rung.AUTHENTICATED
            county.switch(certificate="replaced")
            assert adapter.climb().reason is Reason.CERTIFICATE_CHANGED
        with contextlib.closing(OnvifRoom(limits=TLS_LIMITS).open(ledger_row(county))) as adapter:
            assert adapter.climb().rung is Rung.AUTHENTICATED


def test_a_certificate_changed_in_the_middle_of_the_first_climb_is_not_passed_over(tmp_path: Path) -> None:
    with secure() as county, room_at(tmp_path) as room:

        def replace_it(exchange: Exchange) -> None:
            if exchange.sent == "GetDeviceInformation" and exchange.login != "none":
                county.switch(certificate="replaced")

        with contextlib.closing(room.open(ledger_row(county))) as adapter, watching(replace_it):
            evidence = adapter.climb()
        assert (evidence.rung, evidence.reason) == (Rung.REACHABLE, Reason.CERTIFICATE_CHANGED)


# --- never in plain text -------------------------------------------------------------------------


@contextmanager
def eavesdropper(host: str) -> Iterator[tuple[int, list[bytes]]]:
    """A listener that would hear plain text; what it heard."""
    with socket.create_server((host, 0)) as listener:
        listener.setblocking(False)
        heard: list[bytes] = []
        yield int(listener.getsockname()[1]), heard
        with contextlib.suppress(BlockingIOError):
            sock, _ = listener.accept()
            with sock:
                sock.settimeout(1)
                heard.append(sock.recv(65_536))


@pytest.mark.parametrize("more", ["", "?x=1"])
def test_an_address_in_plain_text_is_asked_over_tls(more: str) -> None:
    """A device, or somebody between, that names ``http://`` addresses gets nothing in plain text."""
    with secure() as county, eavesdropper(county.device().ip) as (port, heard):
        device = county.device()
        county.call(lambda: setattr(device, "url", lambda path: f"http://{device.ip}:{port}{path}{more}"))
        with contextlib.closing(OnvifRoom(limits=TLS_LIMITS).open(ledger_row(county))) as adapter:
            assert adapter.climb().rung is Rung.AUTHENTICATED
            assert adapter.snapshot() == JPEG + b"main"
    assert heard == []


def test_a_device_that_speaks_plain_text_now_is_told_nothing() -> None:
    with running(camera()) as county:
        device = replace(ledger_row(county), tls=True)
        with contextlib.closing(OnvifRoom(limits=TLS_LIMITS).open(device)) as adapter:
            evidence = adapter.climb()
        assert (evidence.rung, evidence.reason) == (Rung.REACHABLE, Reason.NO_ONVIF)
        assert "不是 HTTPS" in evidence.detail and "not in HTTPS" in evidence.detail
        assert requests(county) == 0


def test_a_session_over_tls_cannot_be_made_without_a_pin() -> None:
    device = a_device(tls=True)
    account = Account("admin", device.password, rest_s=1)
    with pytest.raises(AssertionError, match="pin"):
        Session(device, account, shared_services(), limits=QUICK)


# --- behind port forwarding ----------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True])
def test_behind_port_forwarding_every_returned_port_is_the_enrolled_one(tls: bool, tmp_path: Path) -> None:
    with running(camera(tls=tls)) as county:
        restarts_quickly(county)
        county.switch(wrong_port_xaddr=True, wrong_host_xaddr=True)
        device = replace(ledger_row(county), port_forwarded=True, rtsp_port=8554)
        room = OnvifRoom(limits=TLS_LIMITS)
        with contextlib.closing(room.open(device)) as adapter:
            evidence = adapter.climb()
            assert evidence.identity is not None
            assert len(evidence.identity.profiles) == 2
            assert adapter.snapshot() == JPEG + b"main"
            assert adapter.stream_uri().startswith(f"rtsp://{device.host}:8554/")
        subscription = room.subscribe(device)
        assert subscription.pull()
        subscription.close()
        assert live(county) == 0
        with contextlib.closing(room.upkeep(device)) as upkeep:
            assert "started" in upkeep.files.system_log()
            model = county.device().identity.model
            file = tmp_path / "image.bin"
            file.write_bytes(images.firmware(model, "2.0.0"))
            firmware = Firmware(file, sha256_of(file), model, "2.0.0")
            assert upkeep.files.upgrade(firmware).firmware == "2.0.0"
        assert asked(county, "GetSystemUris") > 0


@pytest.mark.parametrize(("tls", "name"), [(False, "http"), (True, "https")])
def test_behind_port_forwarding_the_protocol_in_use_is_not_switched_off(tls: bool, name: str) -> None:
    with running(camera(tls=tls)) as county:
        device = replace(ledger_row(county), port_forwarded=True)
        with contextlib.closing(OnvifRoom(limits=TLS_LIMITS).settings(device)) as settings:
            for setting in (f"{name}.enabled", "rtsp.enabled"):
                with pytest.raises(DeviceError, match=name if name in setting else "rtsp"):
                    settings["network"].write({setting: False})
        assert asked(county, "SetNetworkProtocols") == 0


def test_without_it_the_returned_port_is_kept() -> None:
    with running(camera()) as county:
        county.switch(wrong_port_xaddr=True)
        adapter = OnvifRoom(limits=QUICK).open(ledger_row(county))
        with contextlib.closing(adapter), pytest.raises(DeviceError) as told:
            adapter.snapshot()
        assert told.value.kind is DeviceTrouble.UNREACHABLE
        assert ":9 " in told.value.detail
