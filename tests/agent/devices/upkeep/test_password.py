"""A password is changed in two phases: cut the power anywhere, box and device agree afterwards."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.devices import OnvifRoom
from agent.devices.upkeep.password import Ending, PasswordChange
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device, Secret
from agent.outbox.notebook import SqliteNotebook
from agent.outbox.vault import SealedVault
from agent.ports import Credentials
from protocol.words import DeviceClass
from tests.agent.devices.builders import QUICK, a_device
from tests.support.virtual_county import RunningCounty, entry, running

OLD, NEW = "pass-word-1", "New-pass-word-2"


class PowerCut(Exception):
    """Everything in memory is gone."""


class CuttingVault(SealedVault):
    """A vault whose box loses power at the n-th step, before or after the disk has it."""

    cuts: Iterator[bool] = iter(())

    def step(self, write: Callable[[], None]) -> None:
        if next(self.cuts, False):
            raise PowerCut
        write()
        if next(self.cuts, False):
            raise PowerCut

    def keep(self, device: str, credentials: Credentials) -> None:
        self.step(lambda: SealedVault.keep(self, device, credentials))


@contextmanager
def site(tmp_path: Path, **more: object) -> Iterator[tuple[RunningCounty, Device, CuttingVault]]:
    book = SqliteNotebook(tmp_path / "notebook.db")
    with running(entry("cam", **more)) as county:
        device = county.device()
        row = a_device(device.ip, device.http_port, password=OLD)
        yield county, row, CuttingVault(book, tmp_path / "vault.key")
    book.close()


def changing(vault: SealedVault) -> PasswordChange:
    return OnvifRoom(limits=QUICK).password_change(vault)


def agreed(county: RunningCounty, row: Device, vault: SealedVault) -> str:
    """The password box and device agree on; fails when they do not."""
    held = vault.find(row.id)
    known = row.password.reveal if held is None else held.password.reveal
    assert held is None or held.pending is None
    assert county.device().users.password == known
    return known


@pytest.mark.parametrize("make", ["plain", "hik-like", "dahua-like", "bosch-like"])
def test_a_password_is_changed_and_the_new_one_is_kept(tmp_path: Path, make: str) -> None:
    with site(tmp_path, personality=make) as (county, row, vault):
        assert changing(vault).change(row, Secret(NEW)) is Ending.CHANGED
        assert agreed(county, row, vault) == NEW
        assert county.device().counters["auth_wrong_password"] == 0


@pytest.mark.parametrize("cut_at", range(4))
@pytest.mark.parametrize("network", ["whole", "drop_before_write", "drop_after_write"])
def test_power_cut_at_any_step_leaves_box_and_device_agreed(
    tmp_path: Path, cut_at: int, network: str
) -> None:
    with site(tmp_path, personality="dahua-like") as (county, row, vault):
        if network != "whole":
            county.switch(**{network: True})  # type: ignore[arg-type]
        vault.cuts = itertools.chain(itertools.repeat(False, cut_at), [True], itertools.repeat(False))
        with contextlib.suppress(PowerCut, DeviceError):
            changing(vault).change(row, Secret(NEW))
        county.switch(drop_before_write=False, drop_after_write=False)
        vault.cuts = iter(())
        ending = changing(vault).recover(row)
        assert ending is not Ending.OPEN
        agreed(county, row, vault)
        assert county.device().counters["auth_wrong_password"] <= 2
        assert not county.device().users.locked()


def test_a_cut_between_the_device_and_the_log_in_is_finished_at_the_next_start(tmp_path: Path) -> None:
    with site(tmp_path) as (county, row, vault):
        room = OnvifRoom(limits=QUICK)

        def cut(_device: Device) -> None:
            raise PowerCut

        whole = room.password_change(vault)
        with pytest.raises(PowerCut):
            replace(whole, log_in=cut).change(row, Secret(NEW))
        assert county.device().users.password == NEW
        assert whole.recover(row) is Ending.CHANGED
        assert agreed(county, row, vault) == NEW


def test_a_set_user_that_lies_is_rolled_back(tmp_path: Path) -> None:
    with site(tmp_path) as (county, row, vault):
        county.switch(lying_set=True)
        with pytest.raises(DeviceError) as caught:
            changing(vault).change(row, Secret(NEW))
        assert caught.value.kind is DeviceTrouble.NOT_KEPT
        assert NEW not in str(caught.value) and OLD not in str(caught.value)
        assert agreed(county, row, vault) == OLD
        assert county.device().counters["auth_wrong_password"] == 1


def test_a_password_the_device_does_not_take_leaves_the_old_one(tmp_path: Path) -> None:
    with site(tmp_path) as (county, row, vault):
        with pytest.raises(DeviceError) as caught:
            changing(vault).change(row, Secret("x" * 40))
        assert caught.value.kind is DeviceTrouble.BAD_VALUE
        assert agreed(county, row, vault) == OLD


def test_a_device_that_is_away_stays_open_and_is_asked_again(tmp_path: Path) -> None:
    with site(tmp_path) as (county, row, vault):
        vault.keep(row.id, Credentials("admin", Secret(OLD), pending=Secret(NEW)))
        county.switch(unplugged=True)
        with pytest.raises(DeviceError):
            changing(vault).recover(row)
        held = vault.find(row.id)
        assert held is not None and held.pending == Secret(NEW)


def test_an_integrated_device_keeps_its_password(tmp_path: Path) -> None:
    with site(tmp_path) as (county, row, vault):
        with pytest.raises(DeviceError) as caught:
            changing(vault).change(replace(row, device_class=DeviceClass.INTEGRATED), Secret(NEW))
        assert caught.value.kind is DeviceTrouble.READ_ONLY
        assert agreed(county, row, vault) == OLD
