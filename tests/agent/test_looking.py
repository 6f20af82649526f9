"""The mover among addresses that take a connection and say nothing: they hold up nobody's look."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from agent import marks
from agent.devices import OnvifRoom
from agent.devices.habits import LooseLeaves
from agent.marks import Marks
from agent.model import Device, Evidence
from agent.ports import Found
from agent.services.mover import LOOKERS, Mover
from agent.services.register import DeviceRegister
from protocol.messages import BoxEvent
from protocol.words import Reason, Rung
from runtime.clock import SystemClock
from tests.agent.devices.builders import QUICK, a_device
from tests.agent.services.fakes import FakeLog
from tests.support.hostile import Hostile
from tests.support.processes import wait_until
from tests.support.virtual_county import RunningCounty, entry, running

PORT = 18081
HUNG = 3 * LOOKERS
LOST = Evidence(Rung.REACHABLE, Reason.HUNG, "")
OTHER = Evidence(Rung.UNREACHABLE, Reason.OTHER_DEVICE, "")


class Desk:
    """A mover over real looks, which are counted, and what it did."""

    def __init__(self, *, look_s: float = 2.0) -> None:
        notes = LooseLeaves()
        self.log = FakeLog()
        self.register = DeviceRegister(notes)
        self.room = OnvifRoom(limits=replace(QUICK, look_s=look_s), notebook=notes, register=self.register)
        self.lock = threading.Lock()
        self.looked: list[tuple[str, int]] = []
        self.at_once = self.most_at_once = 0
        self.moved: list[tuple[str, str]] = []
        self.looked_before_move = self.searches = 0
        self.mover = Mover(
            self.register,
            look_at=self.look,
            discover=self.discover,
            rebind=self.rebind,
            log_=self.log,
            clock=SystemClock(),
        )

    def look(self, host: str, port: int) -> Marks | None:
        with self.lock:
            self.looked.append((host, port))
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return self.room.look_at(host, port)
        finally:
            with self.lock:
                self.at_once -= 1

    def discover(self, _subnets: Sequence[str]) -> Sequence[Found]:
        self.searches += 1
        return ()

    def rebind(self, device: str, host: str, _port: int) -> None:
        self.moved.append((device, host))
        self.looked_before_move = self.looked_before_move or len(self.looked)

    def know(self, device: Device) -> None:
        """Climb a device and look after it."""
        with contextlib.closing(self.room.open(device)) as adapter:
            assert adapter.climb().reason is Reason.OK
        self.mover.add(device, configured=(device.host, device.port))

    def lose(self, cameras: Sequence[Hostile]) -> None:
        """Devices that were known and hang now."""
        for number, camera in enumerate(cameras):
            name, reference = f"hung-{number}", f"{number:08d}-2222-3333-4444-555555555555"
            self.register.learn(name, marks.made(reference=reference), near=Marks())
            device = a_device(camera.host, camera.port, name=name)
            self.mover.add(device, configured=(device.host, device.port))
            self.mover.heard(name, LOST)

    def steps(self) -> int:
        """Step until it pauses; how many it took."""
        for number in range(1, 100):
            if self.mover.step() > 0:
                return number
        raise AssertionError("it never pauses")


@contextlib.contextmanager
def hung_cameras(count: int = HUNG) -> Iterator[Sequence[Hostile]]:
    with contextlib.ExitStack() as opened:
        yield [opened.enter_context(contextlib.closing(Hostile("never_answers"))) for _ in range(count)]


@pytest.fixture
def county() -> Iterator[RunningCounty]:
    with running(entry("gate", http_port=PORT), entry("yard", http_port=PORT)) as started:
        yield started


@pytest.mark.parametrize("first", ["hung", "swapped"])
def test_two_cameras_that_swapped_are_followed_before_anybody_waits_for_hung_ones(
    county: RunningCounty, first: str
) -> None:
    desk = Desk()
    gate, yard = county.device("gate").ip, county.device("yard").ip
    with hung_cameras() as cameras:
        for name, host in (("gate", gate), ("yard", yard)):
            desk.know(a_device(host, PORT, name=name, password="pass-word-1"))
        county.move(gate=yard, yard=gate)
        if first == "hung":
            desk.lose(cameras)
        assert desk.mover.heard("gate", OTHER), "its verdict waits for the look"
        desk.mover.heard("yard", OTHER)
        if first == "swapped":
            desk.lose(cameras)
        desk.mover.step()
        assert sorted(desk.moved) == [("gate", yard), ("yard", gate)]
        assert (desk.looked_before_move, sum(camera.connections for camera in cameras)) == (2, 0)
        told = [one.what for one in desk.log.all(BoxEvent) if isinstance(one, BoxEvent)]
        assert told == ["device_swapped", "device_swapped"]


def test_a_swap_that_is_met_while_hung_ones_are_looked_at_comes_next(county: RunningCounty) -> None:
    desk = Desk()
    gate, yard = county.device("gate").ip, county.device("yard").ip
    with hung_cameras() as cameras:
        for name, host in (("gate", gate), ("yard", yard)):
            desk.know(a_device(host, PORT, name=name, password="pass-word-1"))
        desk.lose(cameras)
        assert desk.mover.step() == 0.0
        county.move(gate=yard, yard=gate)
        desk.mover.heard("gate", OTHER)
        desk.mover.step()
        assert sorted(desk.moved) == [("gate", yard), ("yard", gate)]
        assert len(desk.looked) == LOOKERS + 2, "one batch of hung ones, then the two"


def test_hung_addresses_are_looked_at_side_by_side_and_each_once() -> None:
    desk = Desk(look_s=0.4)
    with hung_cameras() as cameras:
        desk.lose(cameras)
        assert desk.steps() == HUNG // LOOKERS
        assert 1 < desk.most_at_once <= LOOKERS
        assert desk.searches == 1
        assert sorted(desk.looked) == sorted((camera.host, camera.port) for camera in cameras)
        assert not [one for one in threading.enumerate() if one.name.startswith("look")]
    assert desk.moved == []


def test_a_look_ends_by_its_own_deadline() -> None:
    """Far below that of a climb, which is what a test without a bound would wait for."""
    room = OnvifRoom(limits=replace(QUICK, total_s=20.0, look_s=0.3))
    with hung_cameras(1) as (camera,):
        began_s = time.monotonic()
        assert room.look_at(camera.host, camera.port) == Marks(), "somebody is there and shows nothing"
        assert time.monotonic() - began_s < 10.0


def test_a_box_that_stops_begins_no_further_look_and_moves_nobody() -> None:
    desk = Desk()
    with hung_cameras() as cameras:
        desk.lose(cameras)
        for number in range(HUNG):
            desk.mover.heard(f"hung-{number}", OTHER)
        stepping = threading.Thread(target=desk.mover.step, name="stepping")
        stepping.start()
        wait_until(lambda: len(desk.looked) == LOOKERS, within_s=10, what="the first are looked at")
        desk.mover.close()
        stepping.join(10)
        assert not stepping.is_alive()
        assert len(desk.looked) == LOOKERS
        assert (desk.moved, desk.log.all(BoxEvent)) == ([], [])
