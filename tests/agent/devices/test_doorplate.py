"""Before a password goes to an address: who answers there, by reference and by MAC, and what is done then."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.devices import OnvifRoom
from agent.devices import doorplate as doorplates
from agent.devices.address import Endpoint
from agent.devices.doorplate import SILENT_LOOKS
from agent.devices.session import Session
from agent.devices.wsdl import shared_services
from agent.errors import DeviceError, DeviceTrouble
from agent.marks import made
from agent.model import Device
from agent.outbox.notebook import SqliteNotebook
from agent.services.register import DeviceRegister
from protocol.words import DeviceClass, Reason, Rung
from tests.agent.devices.builders import QUICK, a_device
from tests.support.virtual_county import RunningCounty, entry, free_ip, running

PASSWORD = "pass-word-1"


class Site:
    """A camera ``cam`` that is known, another one ``other``, and the room through which they are asked."""

    def __init__(self, county: RunningCounty, register: DeviceRegister, room: OnvifRoom, row: Device) -> None:
        self.county = county
        self.register = register
        self.room = room
        self.row = row

    def other_takes_over(self) -> None:
        """The other camera stands at the address of the known one."""
        self.county.switch("cam", unplugged=True)
        self.county.move(other=self.row.host)

    def asked(self) -> set[str]:
        """Operations the other camera got."""
        counters = self.county.device("other").counters
        return {name.removeprefix("op_") for name in counters if name.startswith("op_")}

    @property
    def wrong_tries(self) -> int:
        return self.county.device("other").counters["auth_wrong_password"]


@contextmanager
def site(folder: Path, make: str, **more: object) -> Iterator[Site]:
    book = SqliteNotebook(folder / "notebook.db")
    cameras = [
        entry("cam", http_port=18081, personality=make, **more),
        entry("other", http_port=18081, personality=make, password="another-one-1"),
    ]
    with running(*cameras) as county, contextlib.closing(book):
        register = DeviceRegister(book)
        room = OnvifRoom(limits=QUICK, notebook=book, register=register)
        row = a_device(county.device("cam").ip, 18081, password=PASSWORD)
        with contextlib.closing(room.open(row)) as adapter:
            assert adapter.climb().reason is Reason.OK
        yield Site(county, register, room, row)


ANONYMOUS = {"GetSystemDateAndTime", "GetEndpointReference"}


@pytest.mark.parametrize("make", ["plain", "hik-like", "dahua-like", "bosch-like", "tapo-like"])
def test_another_device_gets_no_password_from_a_climb(tmp_path: Path, make: str) -> None:
    with site(tmp_path, make) as there, contextlib.closing(there.room.open(there.row)) as adapter:
        assert adapter.climb().reason is Reason.OK
        there.other_takes_over()
        evidence = adapter.climb()
        assert (evidence.rung, evidence.reason) == (Rung.UNREACHABLE, Reason.OTHER_DEVICE)
        assert evidence.clock_error_s is None and evidence.identity is None
        assert there.asked() <= ANONYMOUS
        assert there.wrong_tries == 0


def test_the_stream_the_snapshot_and_the_events_ask_first_too(tmp_path: Path) -> None:
    with site(tmp_path, "dahua-like") as there, contextlib.closing(there.room.open(there.row)) as adapter:
        adapter.stream_uri()
        there.other_takes_over()
        for step in (adapter.stream_uri, adapter.snapshot, adapter.identity):
            with pytest.raises(DeviceError) as caught:
                step()
            assert caught.value.kind is DeviceTrouble.OTHER_DEVICE
        subscription = there.room.subscribe(there.row)
        with pytest.raises(DeviceError), contextlib.closing(subscription):
            subscription.pull()
        assert there.asked() <= ANONYMOUS
        assert there.wrong_tries == 0


def test_an_event_stream_that_loses_its_connection_does_not_log_in_to_who_is_there_now(
    tmp_path: Path,
) -> None:
    with site(tmp_path, "dahua-like") as there:
        subscription = there.room.subscribe(there.row)
        with contextlib.closing(subscription):
            subscription.pull()
            there.other_takes_over()
            for _ in range(3):
                with pytest.raises(DeviceError):
                    subscription.pull()
        assert there.asked() <= ANONYMOUS
        assert there.wrong_tries == 0


@pytest.mark.parametrize("device_class", [DeviceClass.SMART_CAMERA, DeviceClass.INTEGRATED])
def test_nothing_is_written_to_another_device_even_with_the_same_password(
    tmp_path: Path, device_class: DeviceClass
) -> None:
    with site(tmp_path, "plain") as there:
        settings = there.room.settings(replace(there.row, device_class=device_class))
        with contextlib.closing(settings):
            settings["time"].read()
            there.other_takes_over()
            with pytest.raises(DeviceError) as caught:
                settings["time"].write({"zone": "CST-8"})
            assert caught.value.kind in (DeviceTrouble.OTHER_DEVICE, DeviceTrouble.READ_ONLY)
        assert there.asked() <= ANONYMOUS


def test_no_file_is_uploaded_to_another_device(tmp_path: Path) -> None:
    with site(tmp_path, "plain") as there:
        session = Session(there.row, there.room._account(there.row), shared_services(), limits=QUICK)
        with contextlib.closing(session):
            there.other_takes_over()
            door = Endpoint(there.row.host, there.row.port, "/onvif/upgrade")
            with pytest.raises(DeviceError) as caught:
                session.upload("StartFirmwareUpgrade", door, io.BytesIO(b"image"), size_bytes=5)
        assert caught.value.kind is DeviceTrouble.OTHER_DEVICE
        operations = {one["operation"] for one in there.county.device("other").last_requests}
        assert operations <= ANONYMOUS


def test_one_that_hides_its_reference_is_told_by_its_serial_after_the_log_in(tmp_path: Path) -> None:
    """A fleet with one password: the log-in succeeds, and is the last thing that does."""
    with site(tmp_path, "dahua-like") as there, contextlib.closing(there.room.open(there.row)) as adapter:
        cam = there.county.device("cam")
        cam.identity = replace(cam.identity, serial="7B0999999999PAG")
        assert adapter.climb().reason is Reason.OK, "one reference and one MAC outweigh a serial"
        assert there.register.marks_of("cam").serial == "7B0999999999PAG"
        cam.identity = replace(cam.identity, serial="7B0999999998PAG", mac="3c:ef:8c:99:99:99")
        evidence = adapter.climb()
        assert (evidence.reason, evidence.identity) == (Reason.OTHER_DEVICE, None), "a clone of its image"


def test_a_device_that_announces_another_reference_than_it_tells_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site(tmp_path, "plain") as there:
        announced = "urn:uuid:aaaaaaaa-1111-2222-3333-444444444444"
        monkeypatch.setattr(doorplates, "reference_at", lambda _host, wait_s: announced)
        there.register.learn("found", made(reference=announced), near=made())
        with contextlib.closing(there.room.open(replace(there.row, id="found"))) as adapter:
            assert adapter.climb().reason is Reason.OK
            assert adapter.climb().reason is Reason.OK
        assert len(there.register.marks_of("found").references) == 2


def test_a_firmware_update_that_changes_the_reference_is_still_the_device_by_its_mac(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site(tmp_path, "plain") as there:
        cam = there.county.device("cam")
        table = tmp_path / "arp"
        table.write_text(f"head\n{cam.ip} 0x1 0x2 {cam.identity.mac} * eth0\n")
        monkeypatch.setattr(doorplates, "mac_at", lambda host, _file: _mac_in(table, host))
        cam.identity = replace(cam.identity, uuid="00000000-1111-2222-3333-444444444444", firmware="2.0.0")
        with contextlib.closing(there.room.open(there.row)) as adapter:
            assert adapter.climb().reason is Reason.OK
        assert cam.identity.uuid in there.register.marks_of("cam").references


def test_another_mac_at_the_address_of_one_without_a_reference_gets_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site(tmp_path, "dahua-like") as there:
        there.register.learn(
            "quiet", made(vendor="m", serial="SN-0001", macs=["3C-EF-8C-00-00-01"]), near=made()
        )
        table = tmp_path / "arp"
        table.write_text(f"head\n{there.row.host} 0x1 0x2 3c:ef:8c:00:00:02 * eth0\n")
        monkeypatch.setattr(doorplates, "mac_at", lambda host, _file: _mac_in(table, host))
        monkeypatch.setattr(doorplates, "reference_at", lambda _host, wait_s: "")
        before = there.county.device("cam").counters["op_GetDeviceInformation"]
        with contextlib.closing(there.room.open(replace(there.row, id="quiet"))) as adapter:
            assert adapter.climb().reason is Reason.OTHER_DEVICE
        assert there.county.device("cam").counters["op_GetDeviceInformation"] == before


def test_one_that_showed_itself_and_does_not_any_more_waits_for_some_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its web server is up before its discovery; then it may be switched off for good."""
    with site(tmp_path, "dahua-like") as there, contextlib.closing(there.room.open(there.row)) as adapter:
        assert adapter.climb().reason is Reason.OK
        monkeypatch.setattr(doorplates, "reference_at", lambda _host, wait_s: "")
        for _ in range(SILENT_LOOKS + 2):
            evidence = adapter.climb()
            assert (evidence.reason, "未表明身份" in evidence.detail) == (Reason.HUNG, True)
        monkeypatch.setattr(doorplates, "SILENT_S", 0.0)
        assert adapter.climb().reason is Reason.OK


def test_a_device_nobody_knows_yet_is_looked_at_once_when_it_is_learnt(tmp_path: Path) -> None:
    with running(entry("new")) as county, contextlib.closing(SqliteNotebook(tmp_path / "n.db")) as book:
        room = OnvifRoom(limits=QUICK, register=DeviceRegister(book))
        device = county.device("new")
        with contextlib.closing(
            room.open(a_device(device.ip, device.http_port, password=PASSWORD))
        ) as adapter:
            assert adapter.climb().reason is Reason.OK
        assert device.counters["op_GetEndpointReference"] == 2, "as strangers see it, and as we do"


def test_a_steady_climb_costs_one_question_more(tmp_path: Path) -> None:
    with site(tmp_path, "plain") as there, contextlib.closing(there.room.open(there.row)) as adapter:
        adapter.climb()
        cam = there.county.device("cam")
        before = dict(cam.counters)
        adapter.climb()
        more = {
            name: cam.counters[name] - before.get(name, 0) for name in cam.counters if name.startswith("op_")
        }
        assert more["op_GetEndpointReference"] == 1
        assert sum(more.values()) <= 4


def test_a_refusal_by_whoever_stood_at_the_old_address_does_not_rest_the_new_one(tmp_path: Path) -> None:
    """Of one that shows nothing to strangers the refusal is all there is; it was not this device's."""
    with site(tmp_path, "dahua-like") as there:
        unknown = replace(there.row, id="unknown")
        there.register.keep_to([unknown])
        there.other_takes_over()
        with contextlib.closing(there.room.open(unknown)) as adapter:
            assert adapter.climb().reason is Reason.AUTH_FAILED
            assert adapter.climb().reason is Reason.AUTH_BACKOFF
        assert there.wrong_tries == 1
        elsewhere = free_ip()
        there.county.move(cam=elsewhere)
        there.county.switch("cam", unplugged=False)
        moved = replace(unknown, host=elsewhere)
        there.room.rebound(moved)
        with contextlib.closing(there.room.open(moved)) as adapter:
            assert adapter.climb().reason is Reason.OK


def _mac_in(table: Path, host: str) -> str | None:
    from agent.devices.neighbours import mac_at

    return mac_at(host, table)
