"""The mover with real devices behind it: TLS cameras keep their port, hung ones hold nobody up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from agent.devices import OnvifRoom
from agent.devices.habits import LooseLeaves
from agent.model import Device, Evidence
from agent.ports import Found
from agent.services.mover import Mover
from agent.services.register import DeviceRegister
from protocol.messages import BoxEvent
from protocol.words import Reason, Rung
from runtime.clock import SystemClock
from tests.agent.devices.builders import a_device
from tests.agent.devices.test_tls import TLS_LIMITS
from tests.agent.services.fakes import FakeLog
from tests.support.virtual_county import entry, free_ip, running

LOST = Evidence(Rung.UNREACHABLE, Reason.UNREACHABLE, "")


@dataclass
class Desk:
    """A mover, its register and what it did."""

    announced: list[Found] = field(default_factory=list)
    rebound: list[tuple[str, str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        notes = LooseLeaves()
        self.log = FakeLog()
        self.register = DeviceRegister(notes)
        self.room = OnvifRoom(limits=TLS_LIMITS, notebook=notes, register=self.register)
        self.mover = Mover(
            self.register,
            look_at=self.room.look_at,
            discover=lambda _subnets: self.announced,
            rebind=lambda *to: self.rebound.append(to),
            log_=self.log,
            clock=SystemClock(),
        )

    def know(self, device: Device) -> str:
        """Climb a device and look after it; its endpoint reference."""
        adapter = self.room.open(device)
        assert adapter.climb().reason is Reason.OK
        adapter.close()
        self.mover.add(device, configured=(device.host, device.port))
        return next(iter(self.register.marks_of(device.id).references))

    def told(self) -> Sequence[str]:
        return [one.what for one in self.log.all(BoxEvent) if isinstance(one, BoxEvent)]


@pytest.mark.parametrize("case", ["restarts", "healthy"])
def test_a_tls_camera_that_announces_plain_http_on_its_own_host_stays(case: str) -> None:
    with running(entry("gate", tls=True)) as county:
        camera, desk = county.device("gate"), Desk()
        reference = desk.know(a_device(camera.ip, camera.http_port, password="pass-word-1", tls=True))
        desk.announced.append(Found(reference, f"http://{camera.ip}/", camera.ip, 80))
        if case == "restarts":
            county.switch("gate", unplugged=True)
        desk.mover.heard("cam", LOST)
        desk.mover.step()
        assert (desk.rebound, desk.told()) == ([], [])


def test_a_tls_camera_that_moved_keeps_its_port_though_it_announces_plain_http() -> None:
    with running(entry("gate", tls=True)) as county:
        camera, desk, new = county.device("gate"), Desk(), free_ip()
        reference = desk.know(a_device(camera.ip, camera.http_port, password="pass-word-1", tls=True))
        county.move(gate=new)
        desk.announced.append(Found(reference, f"http://{new}/", new, 80))
        desk.mover.heard("cam", LOST)
        desk.mover.step()
        assert (desk.rebound, desk.told()) == ([("cam", new, camera.http_port)], ["device_moved"])


def test_a_camera_whose_port_was_changed_on_it_is_followed() -> None:
    with running(entry("gate")) as county:
        camera, desk = county.device("gate"), Desk()
        reference = desk.know(a_device(camera.ip, camera.http_port, password="pass-word-1"))
        wrong = a_device(camera.ip, 1, password="pass-word-1")
        desk.mover.add(wrong, configured=(camera.ip, 1))
        desk.announced.append(Found(reference, "http://x/", camera.ip, camera.http_port))
        desk.mover.heard("cam", LOST)
        desk.mover.step()
        assert desk.rebound == [("cam", camera.ip, camera.http_port)]
