"""Accounts, restart, log, backup, restore, firmware, PTZ: proved by what the device says after."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.devices import OnvifRoom
from agent.devices.upkeep import Upkeep
from agent.devices.upkeep import head as head_of_upkeep
from agent.devices.upkeep.accounts import User, new_password
from agent.devices.upkeep.files import Firmware
from agent.devices.upkeep.proof import Proof
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Identity, Secret
from protocol.words import DeviceClass
from simulator.device import images
from simulator.device.place import Position
from tests.agent.devices.builders import QUICK, a_device
from tests.support.virtual_county import RunningCounty, entry, running

PASSWORD = "pass-word-1"
IDENTITY = Identity(vendor="x", model="y", serial="z")


@contextlib.contextmanager
def camera(
    device_class: DeviceClass = DeviceClass.SMART_CAMERA, **more: object
) -> Iterator[tuple[RunningCounty, Upkeep]]:
    with running(entry("cam", **more)) as county:
        county.station().reboot_s = 0.8
        with contextlib.closing(opened(county, device_class)) as upkeep:
            upkeep.power._pause = lambda _seconds: time.sleep(0.05)
            yield county, upkeep


def opened(county: RunningCounty, device_class: DeviceClass = DeviceClass.SMART_CAMERA) -> Upkeep:
    device = county.device()
    row = a_device(device.ip, device.http_port, password=PASSWORD, device_class=device_class)
    return OnvifRoom(limits=QUICK).upkeep(row)


@contextlib.contextmanager
def refused(kind: DeviceTrouble) -> Iterator[None]:
    with pytest.raises(DeviceError) as caught:
        yield
    assert caught.value.kind is kind, caught.value
    assert PASSWORD not in str(caught.value)


def test_our_own_operator_is_made_and_taken_away() -> None:
    with camera() as (county, upkeep):
        secret = upkeep.accounts.add_own()
        assert upkeep.accounts.all() == (User("admin", "Administrator"), User("outpost", "Operator"))
        assert county.device().users.all()[1].password == secret.reveal
        with refused(DeviceTrouble.BAD_VALUE):
            upkeep.accounts.add_own()
        upkeep.accounts.remove_own()
        upkeep.accounts.remove_own()
        assert upkeep.accounts.all() == (User("admin", "Administrator"),)


def test_an_account_of_somebody_else_is_never_deleted() -> None:
    with camera() as (county, upkeep):
        county.call(lambda: county.device().users.create("guard", "abcdefgh", "Administrator"))
        with refused(DeviceTrouble.BAD_VALUE):
            upkeep.accounts.remove_own(name="guard")
        assert len(county.device().users.all()) == 2


def test_an_account_below_administrator_is_given_another_level_and_keeps_its_password() -> None:
    with camera() as (county, upkeep):
        secret = upkeep.accounts.add_own(level="User")
        assert upkeep.accounts.set_level("outpost", "Operator") == User("outpost", "Operator")
        assert county.device().users.all()[1].password == secret.reveal
        county.call(lambda: county.device().users.create("chief", "abcdefgh", "Administrator"))
        for name, level in (
            ("admin", "User"),
            ("chief", "User"),
            ("nobody", "User"),
            ("outpost", "Boss"),
        ):
            with refused(DeviceTrouble.BAD_VALUE):
                upkeep.accounts.set_level(name, level)
        with refused(DeviceTrouble.BAD_VALUE):
            upkeep.accounts.add_own(name="boss", level="Administrator")
        with refused(DeviceTrouble.BAD_VALUE):
            upkeep.accounts.add_own(name="other", password=Secret("x" * 17))
        assert [one.level for one in county.device().users.all()] == [
            "Administrator",
            "Operator",
            "Administrator",
        ]
        county.switch(lying_set=True)
        with refused(DeviceTrouble.NOT_KEPT):
            upkeep.accounts.set_level("outpost", "User")


def test_an_account_that_is_not_listed_is_given_no_password_and_no_level() -> None:
    with camera() as (county, upkeep):
        with pytest.raises(DeviceError) as caught:
            upkeep.accounts.set_password("nobody", Secret("new-Pass-word-1"))
        assert caught.value.kind is DeviceTrouble.BAD_VALUE
        assert "nobody" in caught.value.detail and "admin" in caught.value.detail
        assert "new-Pass" not in str(caught.value)
        assert county.device().counters["op_SetUser"] == 0


def test_an_account_that_was_not_kept_is_no_success() -> None:
    with camera() as (county, upkeep):
        county.switch(lying_set=True)
        with refused(DeviceTrouble.NOT_KEPT):
            upkeep.accounts.add_own()


def test_a_new_password_has_four_kinds_of_characters_and_sixteen_in_all() -> None:
    for _ in range(200):
        password = new_password().reveal
        assert len(password) == 16
        assert any(c.islower() for c in password) and any(c.isupper() for c in password)
        assert any(c.isdigit() for c in password) and any(not c.isalnum() for c in password)


def test_a_restart_is_over_when_the_device_is_back() -> None:
    with camera() as (county, upkeep):
        identity = upkeep.power.reboot()
        assert identity is not None
        assert identity.serial == county.device().identity.serial
        assert county.device().counters["reboots"] == 1


def test_factory_default_needs_the_serial_number_of_this_device() -> None:
    with camera() as (county, upkeep):
        county.device().hostname = "changed"
        for wrong in ("", "another"):
            with refused(DeviceTrouble.BAD_VALUE):
                upkeep.power.factory_default(serial=wrong)
        assert county.device().hostname == "changed"
        upkeep.power.factory_default(serial=county.device().identity.serial)
        assert county.device().hostname == "cam"


@pytest.mark.parametrize("make", ["plain", "bosch-like", "dahua-like", "reolink-like", "old-hik-like"])
def test_the_log_is_read_whatever_the_way(make: str) -> None:
    with camera(personality=make) as (county, upkeep):
        assert county.device().identity.model in upkeep.files.system_log()


@pytest.mark.parametrize("make", ["plain", "axis-like", "old-hik-like"])
def test_a_backup_is_taken_by_address_or_as_an_attachment(make: str) -> None:
    with camera(personality=make) as (_county, upkeep):
        assert upkeep.files.backup().startswith(images.BACKUP)


def test_a_make_without_backup_says_so() -> None:
    with camera(personality="reolink-like") as (_county, upkeep), refused(DeviceTrouble.NOT_SUPPORTED):
        upkeep.files.backup()


def test_a_backup_is_put_back_on_its_own_device_alone(tmp_path: Path) -> None:
    with camera() as (county, upkeep):
        file = tmp_path / "cam.backup"
        file.write_bytes(upkeep.files.backup())
        county.device().hostname = "changed"
        with refused(DeviceTrouble.BAD_VALUE):
            upkeep.files.restore(file, of=IDENTITY)
        assert county.device().hostname == "changed"
        assert upkeep.files.restore(file, of=IDENTITY, force=True).proof is Proof.COMPARED
        assert county.device().hostname == "cam"


@pytest.mark.parametrize("make", ["plain", "old-hik-like"])
def test_a_restore_that_changed_nothing_is_no_success(tmp_path: Path, make: str) -> None:
    with camera(personality=make) as (county, upkeep):
        file = tmp_path / "cam.backup"
        file.write_bytes(upkeep.files.backup())
        county.device().hostname = "changed"
        county.switch(lying_set=True)
        with refused(DeviceTrouble.NOT_KEPT):
            upkeep.files.restore(file, of=IDENTITY, force=True)
        assert county.device().counters["reboots"] == 1


def test_a_backup_that_looks_otherwise_afterwards_is_not_called_restored(tmp_path: Path) -> None:
    """Makes put the time or a new key into every backup: the bytes prove nothing then."""
    with camera() as (county, upkeep):
        file = tmp_path / "cam.backup"
        file.write_bytes(upkeep.files.backup() + b"taken at noon")
        county.device().hostname = "changed"
        assert upkeep.files.restore(file, of=IDENTITY, force=True).proof is Proof.NOT_COMPARABLE
        assert county.device().hostname == "cam"


def test_a_firmware_comes_on_over_a_restart(tmp_path: Path) -> None:
    with camera(auth="digest") as (county, upkeep):
        firmware = image(tmp_path, county.device().identity.model, "2.0.0", padding_bytes=700_000)
        assert upkeep.files.upgrade(firmware).firmware == "2.0.0"


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda one: Firmware(one.file, "0" * 64, one.model, one.version), DeviceTrouble.BAD_VALUE),
        (lambda one: Firmware(one.file, one.sha256, "other", one.version), DeviceTrouble.BAD_VALUE),
        (lambda one: Firmware(Path("/none"), one.sha256, one.model, one.version), DeviceTrouble.BAD_VALUE),
    ],
)
def test_an_unfit_image_is_never_sent(
    tmp_path: Path, spoil: Callable[[Firmware], Firmware], kind: DeviceTrouble
) -> None:
    with camera() as (county, upkeep):
        firmware = image(tmp_path, county.device().identity.model, "2.0.0")
        with refused(kind):
            upkeep.files.upgrade(spoil(firmware))
        assert county.device().counters["op_StartFirmwareUpgrade"] == 0


def test_an_image_the_device_refuses_is_told(tmp_path: Path) -> None:
    with camera() as (county, upkeep):
        file = tmp_path / "bad.img"
        file.write_bytes(b"rubbish")
        digest = hashlib.sha256(b"rubbish").hexdigest()
        with refused(DeviceTrouble.BAD_VALUE):
            upkeep.files.upgrade(Firmware(file, digest, county.device().identity.model, "2.0.0"))


def test_an_upgrade_that_kept_the_old_version_is_no_success(tmp_path: Path) -> None:
    with camera() as (county, upkeep):
        firmware = image(tmp_path, county.device().identity.model, "2.0.0")
        county.switch(lying_set=True)
        with refused(DeviceTrouble.NOT_KEPT):
            upkeep.files.upgrade(firmware)


def test_addresses_for_files_are_taken_on_the_enrolled_host_alone() -> None:
    with camera() as (county, upkeep):
        county.switch(wrong_host_xaddr=True)
        assert upkeep.files.backup().startswith(images.BACKUP)


def test_presets_are_stored_reached_and_forgotten() -> None:
    with camera(kind="ptz_dome") as (_county, upkeep):
        assert [one.name for one in upkeep.head.presets()] == ["gate", "road", "yard"]
        upkeep.head.go_to("2")
        made = upkeep.head.store("well")
        assert made in upkeep.head.presets()
        upkeep.head.forget(made.token)
        assert made not in upkeep.head.presets()
        upkeep.head.stop()
        assert -1 <= upkeep.head.bearing().pan <= 1
        with refused(DeviceTrouble.BAD_VALUE):
            upkeep.head.go_to("99")


def test_the_present_view_becomes_home() -> None:
    with camera(kind="ptz_dome") as (county, upkeep):
        head = county.device().head
        assert head is not None
        county.call(lambda: head.go(head.presets["2"][1]))
        upkeep.head.stop()
        assert upkeep.head.go_home() is Proof.NOT_COMPARABLE  # where home is was not seen
        upkeep.head.turn_to("2")
        upkeep.head.set_home()
        assert head.home == head.position() != Position()
        upkeep.head.turn_to("1")
        assert upkeep.head.go_home() is Proof.COMPARED


def test_a_home_that_was_not_kept_is_found_out_when_the_head_goes_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with camera(kind="ptz_dome") as (county, upkeep):
        county.switch(lying_set=True)
        upkeep.head.turn_to("2")
        upkeep.head.set_home()
        monkeypatch.setattr(head_of_upkeep, "TURN_S", 0.4)
        with refused(DeviceTrouble.NOT_KEPT):
            upkeep.head.go_home()


def test_a_head_that_does_not_tell_where_it_looks_leaves_home_open() -> None:
    with camera(kind="ptz_dome", personality="reolink-like") as (_county, upkeep):
        upkeep.head.set_home()
        assert upkeep.head.go_home() is Proof.NOT_COMPARABLE


def test_a_fixed_camera_has_no_presets() -> None:
    with camera() as (_county, upkeep), refused(DeviceTrouble.NOT_SUPPORTED):
        upkeep.head.presets()


def image(folder: Path, model: str, version: str, *, padding_bytes: int = 0) -> Firmware:
    content = images.firmware(model, version, padding_bytes=padding_bytes)
    file = folder / "firmware.img"
    file.write_bytes(content)
    return Firmware(file, hashlib.sha256(content).hexdigest(), model, version)
