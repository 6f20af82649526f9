"""A device is taken out of care while the box is at it: nothing that is under way brings it back."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config import WatchSection
from agent.devices.habits import LooseLeaves
from agent.model import Device, Evidence, Secret
from agent.outbox.notebook import SqliteNotebook
from agent.outbox.vault import SealedVault
from agent.ports import Credentials, Notebook
from agent.services.logins import Logins
from agent.services.prober import Prober
from protocol.messages import DeviceHealth
from protocol.words import DeviceClass
from runtime.clock import ManualClock
from tests.agent.devices.test_pins import FullDisk
from tests.agent.services.fakes import GONE, GOOD, FakeAdapter, FakeLog, device
from tests.agent.services.passing import FakeNotebook


def prober_with(adapter: FakeAdapter) -> tuple[Prober, ManualClock, FakeLog]:
    clock, log = ManualClock(), FakeLog()
    prober = Prober(log_=log, clock=clock, watch=WatchSection())
    prober._wake.wait = lambda timeout=None: True  # type: ignore[method-assign]
    prober.add(adapter.device, adapter)
    return prober, clock, log


def test_a_device_that_was_removed_is_climbed_no_more_and_its_adapter_is_closed() -> None:
    adapter = FakeAdapter(device(), GOOD)
    prober, clock, _ = prober_with(adapter)
    prober.step()
    prober.remove("gate-1")
    prober.remove("gate-1")
    for _ in range(100):
        clock.advance(10)
        prober.step()
    assert (adapter.climbs, adapter.closed, prober.gauges(), prober.nudge("gate-1")) == (1, True, {}, False)
    late = FakeAdapter(device(), GOOD)
    prober.rebind(device(), late)
    assert late.closed


def test_what_a_climb_under_way_finds_counts_for_nothing_and_its_successor_is_climbed() -> None:
    again = FakeAdapter(device(), GOOD)
    heard: list[str] = []

    class Slow(FakeAdapter):
        def climb(self) -> Evidence:
            prober.remove("gate-1")
            assert not self.closed, "the climb is still at it"
            prober.add(again.device, again)
            return GONE

    slow = Slow(device(), GONE)
    prober, clock, log = prober_with(slow)

    def hears(name: str, _evidence: Evidence) -> bool:
        heard.append(name)
        return False

    prober.heard = hears
    prober.step()
    assert (slow.closed, heard, log.all(DeviceHealth)) == (True, [], [])
    clock.advance(1)
    prober.step()
    assert (again.climbs, again.closed, heard) == (1, False, ["gate-1"])


@pytest.mark.parametrize("kind", ["sqlite", "loose", "fake", "full"])
def test_all_of_a_subject_is_struck_but_what_is_to_stay(tmp_path: Path, kind: str) -> None:
    full = FullDisk()
    full.is_full = False
    sqlite = SqliteNotebook(tmp_path / "n.db")
    books: dict[str, Notebook] = {
        "sqlite": sqlite,
        "loose": LooseLeaves(),
        "fake": FakeNotebook(),
        "full": full,
    }
    book = books[kind]
    for subject in ("cam-1", "cam-2"):
        for topic in ("a", "b", "c"):
            book.note(subject, topic, "x")
    book.strike_all("cam-1", but=("b", "' OR 1 --"))
    assert [sorted(book.notes(topic)) for topic in "abc"] == [["cam-2"], ["cam-1", "cam-2"], ["cam-2"]]
    book.strike_all("cam-1")
    book.strike_all("cam-1")
    assert sorted(book.notes("b")) == ["cam-2"]
    sqlite.close()


def test_a_password_change_that_is_being_settled_does_not_bring_a_device_back(tmp_path: Path) -> None:
    book = LooseLeaves()
    vault = SealedVault(book, tmp_path / "vault.key")
    camera = Device("gate", DeviceClass.SMART_CAMERA, "10.0.0.1", username="admin", password=Secret("old"))
    vault.keep("gate", Credentials("admin", Secret("old"), pending=Secret("new")))
    begun: list[Device] = []

    def settle(one: Device) -> bool:
        logins.remove(one.id)
        return True

    logins = Logins(vault, book, settle=settle, use=begun.append, clock=ManualClock())
    logins.entrust(camera, begun.append)
    logins.step()
    logins.step()
    assert begun == []
    assert book.noted("gate/file", "credentials") is None
