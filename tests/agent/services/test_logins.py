"""Which log-in counts: a new file once, then the vault; what another process changes is used at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device, Secret
from agent.outbox.notebook import SqliteNotebook
from agent.outbox.vault import SealedVault
from agent.ports import Credentials
from agent.services.logins import AGAIN_S, CLAIM_S, POLL_S, Logins, claim, disclaim, is_claimed, login_of
from protocol.words import DeviceClass
from runtime.clock import ManualClock

CAMERA = Device("gate", DeviceClass.SMART_CAMERA, "10.0.0.1", username="admin", password=Secret("from-file"))


class Site:
    """A notebook, a vault, a clock, and what the logins did."""

    def __init__(self, folder: Path) -> None:
        self.book = SqliteNotebook(folder / "notebook.db")
        self.key = folder / "vault.key"
        self.vault = SealedVault(self.book, self.key)
        self.clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
        self.used: list[Device] = []
        self.begun: list[Device] = []
        self.settled: list[Device] = []
        self.trouble: DeviceError | None = None

    def logins(self) -> Logins:
        return Logins(
            self.vault, self.book, settle=self.settle, use=self.used.append, clock=self.clock, rest_s=600
        )

    def settle(self, device: Device) -> bool:
        self.settled.append(device)
        if self.trouble is not None:
            raise self.trouble
        self.vault.promote(device.id)
        return True


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.book.close()


def test_a_new_file_goes_into_the_vault_and_then_the_vault_holds(site: Site) -> None:
    assert login_of(CAMERA, site.vault).password == Secret("from-file")
    site.vault.keep("gate", Credentials("admin", Secret("changed")))
    assert login_of(CAMERA, site.vault).password == Secret("changed")


def test_a_file_that_was_changed_counts_again(site: Site) -> None:
    login_of(CAMERA, site.vault)
    site.vault.keep("gate", Credentials("admin", Secret("changed")))
    typed = replace(CAMERA, password=Secret("typed-anew"))
    assert login_of(typed, site.vault).password == Secret("typed-anew")
    held = site.vault.find("gate")
    assert held is not None and held.password == Secret("typed-anew")


def test_a_file_that_is_gone_leaves_what_was_sealed(site: Site) -> None:
    login_of(CAMERA, site.vault)
    assert login_of(replace(CAMERA, password=Secret("")), site.vault).password == Secret("from-file")


def test_a_new_file_does_not_forget_a_change_that_is_open(site: Site) -> None:
    site.vault.keep("gate", Credentials("admin", Secret("old"), pending=Secret("maybe")))
    login_of(CAMERA, site.vault)
    held = site.vault.find("gate")
    assert held == Credentials("admin", Secret("from-file"), pending=Secret("maybe"))


def test_no_password_stands_unsealed_in_the_notebook(site: Site) -> None:
    login_of(CAMERA, site.vault)
    documents = site.book.notes("credentials")
    assert set(documents) == {"gate", "gate/file"}
    assert "from-file" not in "".join(documents.values())


def test_a_key_that_was_lost_makes_the_file_count_and_nothing_crash(site: Site) -> None:
    login_of(CAMERA, site.vault)
    site.key.unlink()
    fresh = SealedVault(site.book, site.key)
    assert login_of(CAMERA, fresh).password == Secret("from-file")


def test_a_change_that_was_cut_off_is_settled_before_the_device_is_climbed(site: Site) -> None:
    login_of(CAMERA, site.vault)
    site.vault.keep("gate", Credentials("admin", Secret("from-file"), pending=Secret("new")))
    logins = site.logins()
    logins.entrust(CAMERA, site.begun.append)
    assert site.begun == []
    logins.step()
    assert [one.password for one in site.begun] == [Secret("new")]
    logins.step()
    assert (len(site.settled), site.used) == (1, [])


def test_a_device_that_is_away_is_watched_meanwhile_and_settled_later(site: Site) -> None:
    site.vault.keep("gate", Credentials("admin", Secret("from-file"), pending=Secret("new")))
    site.trouble = DeviceError(DeviceTrouble.UNREACHABLE, "gate", "away")
    logins = site.logins()
    logins.entrust(CAMERA, site.begun.append)
    logins.step()
    logins.step()
    assert (len(site.begun), len(site.settled)) == (1, 1)
    site.trouble = None
    site.clock.advance(AGAIN_S + 1)
    logins.step()
    logins.step()
    assert [one.password for one in site.used] == [Secret("new")]


def test_what_the_command_line_changed_is_used_at_once(site: Site) -> None:
    logins = site.logins()
    logins.entrust(CAMERA, site.begun.append)
    logins.step()
    by_hand = SqliteNotebook(site.book._path)
    try:
        SealedVault(by_hand, site.key).keep("gate", Credentials("admin", Secret("by-hand")))
        logins.step()
    finally:
        by_hand.close()
    assert [one.password for one in site.used] == [Secret("by-hand")]


def test_a_change_under_way_elsewhere_is_left_alone_while_it_is_claimed(site: Site) -> None:
    logins = site.logins()
    logins.entrust(CAMERA, site.begun.append)
    claim(site.book, "gate", site.clock)
    site.vault.keep("gate", Credentials("admin", Secret("from-file"), pending=Secret("new")))
    for _ in range(5):
        site.clock.advance(3 * POLL_S)
        logins.step()
    assert site.settled == []
    disclaim(site.book, "gate")
    logins.step()
    assert len(site.settled) == 1


def test_a_claim_never_holds_for_ever(site: Site) -> None:
    claim(site.book, "gate", site.clock)
    assert is_claimed(site.book, "gate", site.clock)
    site.clock.advance(CLAIM_S + 1)
    assert not is_claimed(site.book, "gate", site.clock)
    for document in ("99999999999", "soon", ""):
        site.book.note("gate", "password_change", document)
        assert not is_claimed(site.book, "gate", site.clock)


def test_a_device_without_an_account_is_left_as_it_is(site: Site) -> None:
    nobody = replace(CAMERA, username="", password=Secret(""))
    assert login_of(nobody, site.vault) == nobody
    assert site.vault.find("gate") is None
