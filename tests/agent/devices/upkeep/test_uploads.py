"""Files given to old makes: beside a SOAP envelope, streamed, sent once, proved by the device afterwards."""

from __future__ import annotations

import contextlib
import email
import hashlib
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.devices import Limits, OnvifRoom, attachments
from agent.devices.account import Account, Mode
from agent.devices.address import Endpoint
from agent.devices.session import Session, plain_question
from agent.devices.soap import element
from agent.devices.transport import Transport
from agent.devices.upkeep import Upkeep
from agent.devices.upkeep.files import Firmware
from agent.devices.wsdl import NAMESPACES, shared_services
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Identity, Secret
from protocol.words import DeviceClass
from simulator.device import images
from simulator.device.personality import NotSupported
from simulator.onvif import attachments as simulated
from tests.agent.devices.builders import QUICK, a_device
from tests.support.virtual_county import RunningCounty, entry, running

PASSWORD = "pass-word-1"
OLD = "old-hik-like"
TDS = NAMESPACES["devicemgmt"]


@contextlib.contextmanager
def camera(
    device_class: DeviceClass = DeviceClass.SMART_CAMERA, **more: object
) -> Iterator[tuple[RunningCounty, Upkeep]]:
    with running(entry("cam", **more)) as county:
        device, county.station().reboot_s = county.device(), 0.8
        row = a_device(device.ip, device.http_port, password=PASSWORD, device_class=device_class)
        with contextlib.closing(OnvifRoom(limits=QUICK).upkeep(row)) as upkeep:
            upkeep.power._pause = lambda _seconds: time.sleep(0.05)
            yield county, upkeep


@contextlib.contextmanager
def refused(kind: DeviceTrouble, words: str = "") -> Iterator[None]:
    with pytest.raises(DeviceError) as caught:
        yield
    assert caught.value.kind is kind, caught.value
    assert words in caught.value.detail
    assert PASSWORD not in str(caught.value)


def image(folder: Path, model: str, *, padding_bytes: int = 700_000) -> Firmware:
    content = images.firmware(model, "9.9.9", padding_bytes=padding_bytes)
    file = folder / "firmware.img"
    file.write_bytes(content)
    return Firmware(file, hashlib.sha256(content).hexdigest(), model, "9.9.9")


@pytest.mark.parametrize("auth", ["wsse", "digest", "both"])
def test_a_firmware_comes_on_beside_an_envelope(tmp_path: Path, auth: str) -> None:
    with camera(personality=OLD, auth=auth) as (county, upkeep):
        after = upkeep.files.upgrade(image(tmp_path, county.device().identity.model))
        assert after.firmware == "9.9.9"
        counters = county.device().counters
        assert (counters["op_UpgradeSystemFirmware"], counters["reboots"]) == (1, 1)
        assert not counters["auth_wrong_password"]


@pytest.mark.parametrize("auth", ["wsse", "digest"])
def test_what_backup_wrote_is_put_back(tmp_path: Path, auth: str) -> None:
    with camera(personality=OLD, auth=auth) as (county, upkeep):
        file = tmp_path / "cam.backup"
        file.write_bytes(upkeep.files.backup())
        county.device().hostname = "changed"
        upkeep.files.restore(file, of=Identity(vendor="", model="", serial=""), force=True)
        assert county.device().hostname == "cam"
        assert county.device().counters["op_RestoreSystem"] == 1
        assert upkeep.accounts.all()  # it has been away and is back
        assert county.device().counters["reboots"] == 1


def test_a_bad_image_is_refused_and_the_device_stays_as_it_was(tmp_path: Path) -> None:
    with camera(personality=OLD) as (county, upkeep):
        file = tmp_path / "bad.img"
        file.write_bytes(b"rubbish")
        digest = hashlib.sha256(b"rubbish").hexdigest()
        with refused(DeviceTrouble.BAD_VALUE, "bad.img"):
            upkeep.files.upgrade(Firmware(file, digest, county.device().identity.model, "9.9.9"))
        with refused(DeviceTrouble.BAD_VALUE, "InvalidBackupFile"):
            upkeep.files.restore(file, of=Identity(vendor="", model="", serial=""), force=True)
        assert county.device().counters["reboots"] == 0


def test_an_upgrade_that_kept_the_old_version_is_no_success(tmp_path: Path) -> None:
    with camera(personality=OLD) as (county, upkeep):
        county.switch(lying_set=True)
        with refused(DeviceTrouble.NOT_KEPT, "9.9.9"):
            upkeep.files.upgrade(image(tmp_path, county.device().identity.model))


@pytest.mark.parametrize("shape", NotSupported)
def test_in_whatever_shape_the_newer_way_is_refused_the_older_one_is_taken(
    tmp_path: Path, shape: NotSupported
) -> None:
    with camera(personality=OLD) as (county, upkeep):
        device = county.device()
        device.personality = replace(device.personality, not_supported=shape)
        file = tmp_path / "cam.backup"
        file.write_bytes(images.backup(device.identity.serial, device.kept()))
        device.hostname = "changed"
        upkeep.files.restore(file, of=Identity(vendor="", model="", serial=""), force=True)
        assert device.hostname == "cam"


def test_an_unclear_refusal_is_read_by_what_the_device_claims(tmp_path: Path) -> None:
    """HttpFirmwareUpgrade false: "busy" or not, the newer way is not there."""
    with camera(personality="plain") as (county, upkeep):
        device = county.device()
        device.personality = replace(
            device.personality, http_upgrade=False, mtom=True, not_supported_text="Internal error"
        )
        firmware = image(tmp_path, device.identity.model)
        assert upkeep.files.upgrade(firmware).firmware == "9.9.9"
        device.personality = replace(device.personality, claims_http_upgrade=True)
        with refused(DeviceTrouble.BAD_ANSWER, "Internal error"):
            upkeep.files.upgrade(firmware)
        assert device.counters["op_UpgradeSystemFirmware"] == 1


def test_a_make_with_neither_way_says_so(tmp_path: Path) -> None:
    with (
        camera(personality="reolink-like") as (county, upkeep),
        refused(DeviceTrouble.NOT_SUPPORTED, "UpgradeSystemFirmware"),
    ):
        upkeep.files.upgrade(image(tmp_path, county.device().identity.model))


@pytest.mark.parametrize("make", ["plain", OLD])
def test_an_image_that_was_taken_without_an_answer_is_decided_by_the_device(
    tmp_path: Path, make: str
) -> None:
    with camera(personality=make) as (county, upkeep):
        firmware = image(tmp_path, county.device().identity.model)
        county.switch(drop_after_upload=True)
        assert upkeep.files.upgrade(firmware).firmware == "9.9.9"
        assert county.device().counters["reboots"] == 1


@pytest.mark.parametrize("auth", ["wsse", "digest", "both", "none"])
@pytest.mark.parametrize("mode", [None, Mode.DIGEST, Mode.BOTH])
def test_the_log_in_is_settled_before_the_file_goes(auth: str, mode: Mode | None) -> None:
    """Whatever was noted of the device before a restart, and without a nonce: the file goes once."""
    with running(entry("cam", personality=OLD, auth=auth)) as county:
        device = county.device()
        account = Account("admin", Secret(PASSWORD), rest_s=60)
        account.mode = mode
        row = a_device(device.ip, device.http_port, password=PASSWORD)
        session = Session(row, account, shared_services(), limits=QUICK)
        parameter = element(TDS, "Firmware", attachments.include())
        question = plain_question(
            "UpgradeSystemFirmware",
            session.device_service,
            element(TDS, "UpgradeSystemFirmware", parameter),
            action="",
        )
        content = images.firmware(device.identity.model, "9.9.9")
        with contextlib.closing(session):
            opened = session.ask_with_file(question, BytesIO(content), size_bytes=len(content))
        assert opened.fault is None
        assert device.counters["op_UpgradeSystemFirmware"] == 1
        assert device.identity.firmware == "9.9.9"


def test_a_refused_log_in_is_told_and_the_account_rests(tmp_path: Path) -> None:
    with camera(personality=OLD) as (county, upkeep):
        firmware = image(tmp_path, county.device().identity.model)
        county.switch(wrong_password=True)
        for kind in (DeviceTrouble.AUTH_FAILED, DeviceTrouble.AUTH_BACKOFF):
            with refused(kind):
                upkeep.files.upgrade(firmware)
        assert county.device().counters["op_UpgradeSystemFirmware"] == 0


def test_an_integrated_device_is_sent_no_file(tmp_path: Path) -> None:
    with camera(DeviceClass.INTEGRATED, personality=OLD) as (county, upkeep):
        with refused(DeviceTrouble.READ_ONLY):
            upkeep.files.upgrade(image(tmp_path, county.device().identity.model))
        assert county.device().counters["requests"] == 0


@given(file=some.binary(max_size=3000), envelope=some.binary(max_size=500))
def test_what_is_wrapped_is_taken_apart_whole(file: bytes, envelope: bytes) -> None:
    wrapping = attachments.wrapped(envelope, action="http://www.onvif.org/ver10/device/wsdl/X")
    body = wrapping.before + file + wrapping.after
    assert simulated.taken_apart(body, wrapping.content_type) == (envelope, file)


def test_mail_software_reads_the_body_as_two_parts() -> None:
    wrapping = attachments.wrapped(b"<e/>", action="a:b")
    head = f"MIME-Version: 1.0\r\nContent-Type: {wrapping.content_type}\r\n\r\n".encode()
    message = email.message_from_bytes(head + wrapping.before + b"\x00\xff--\r\n" + wrapping.after)
    envelope, file = (part for part in message.walk() if not part.is_multipart())
    assert envelope.get_content_type() == "application/xop+xml"
    assert envelope.get_param("type") == 'application/soap+xml; action="a:b"'
    assert (envelope["Content-ID"], message.get_param("start")) == (
        "<envelope@outpost>",
        "<envelope@outpost>",
    )
    assert file.get_payload(decode=True) == b"\x00\xff--\r\n"


def test_the_body_names_the_file_as_xop_does() -> None:
    wrapping = attachments.wrapped(b"<e/>", action="a:b")
    href = str(attachments.include().get("href"))
    assert href.startswith("cid:")
    assert f"<{href.removeprefix('cid:')}>".encode() in wrapping.before
    assert 'type="application/xop+xml"' in wrapping.content_type
    assert 'start-info="application/soap+xml"' in wrapping.content_type


def test_a_large_image_is_streamed_from_disk_in_little_memory(tmp_path: Path) -> None:
    file = tmp_path / "large.img"
    size = 48 * 1024 * 1024
    with file.open("wb") as hole:
        hole.truncate(size)
    with swallowing() as (port, swallowed), file.open("rb") as content:
        transport = Transport("cam", limits=Limits())
        tracemalloc.start()
        try:
            transport.upload(
                Endpoint("127.0.0.1", port, "/"),
                content,
                size_bytes=size,
                headers={},
                seconds=60,
                before=b"<",
                after=b">",
            )
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            transport.close()
    assert swallowed[0] == size + 2
    assert peak < 2 * 1024 * 1024


@contextlib.contextmanager
def swallowing() -> Iterator[tuple[int, list[int]]]:
    """A device that reads one request's body into nothing and answers 200; how many bytes it was."""
    swallowed: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with sock, sock.makefile("rb") as stream:
                length = 0
                while (line := stream.readline()) not in (b"\r\n", b""):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                left, buffer = length, bytearray(65536)
                while left and (count := stream.readinto(memoryview(buffer)[: min(left, 65536)])):
                    left -= count
                swallowed.append(length - left)
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(listener.getsockname()[1]), swallowed
        thread.join(60)
