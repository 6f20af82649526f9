"""The county itself: lays out its folder, starts every part in order, knows when all is ready, takes it down.

Law: what is started is stopped, in the reverse order, whatever happened in between; every socket is on
loopback; nothing is written outside the folder.
"""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.demo import layout
from deploy.demo.centre import COMMAND, Administrator, Ports, write_centre_file
from deploy.demo.doors import Door, DoorClosed, DoorRefused
from deploy.demo.layout import Claim, Folders, Pace
from deploy.demo.parts import Part, PartFailed, environment, find_program, free_port, listens
from deploy.demo.places import VILLAGES, Village
from deploy.demo.relay import Relay

TELL = Callable[[str], None]
LOGINS: Final = {"duty": "county_duty", "it": "county_it"}
"""Accounts of the demo and their roles."""
LOCK_PORT: Final = 17999


@dataclass(frozen=True, slots=True)
class Line:
    """One village's line to the county: to the broker and to the evidence door."""

    broker: Relay
    evidence: Relay

    def cut(self) -> None:
        self.broker.cut()
        self.evidence.cut()

    def join(self) -> None:
        self.broker.join()
        self.evidence.join()


class County:
    """Everything that runs. Use as a context manager, or ``start`` and ``stop``, on one thread."""

    def __init__(
        self,
        root: Path,
        *,
        pace: Pace | None = None,
        clips: Path | None = None,
        tell: TELL = lambda _: None,
        rehearse: Mapping[str, str] | None = None,
    ) -> None:
        """``rehearse``: device and picture fault to have rendered before any box looks."""
        self.folders: Folders = layout.folders_of(root.absolute(), clips=clips)
        self.pace = pace or Pace()
        self.administrator = Administrator(self.folders, self.folders.centre / "controller.toml")
        self.passwords: dict[str, str] = {}
        self.parts: dict[str, Part] = {}
        """By name, in the order in which they were started."""
        self.lines: dict[str, Line] = {}
        """By box id."""
        self._tell = tell
        self._rehearsed = dict(rehearse or {})
        self._claim: Claim | None = None
        self._network: socket.socket | None = None
        self._ports: dict[str, int] = {}
        self._token = ""

    def __enter__(self) -> County:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- up --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Bring up everything and wait until every device stands on its top rung.

        Raises FolderTaken, PartFailed.
        """
        self._claim = layout.claim(self.folders)
        network, self._network = _take_network()
        self._ports = {name: free_port() for name in ("broker", "api", "monitor")}
        camera_password = layout.write_secret(self.folders.county / "camera.password", layout.new_password())
        self._start_simulator(network, camera_password)
        self._start_desk()
        self._make_centre()
        self._start_broker()
        self._start_centre()
        self._tell("模拟设备就绪中 / devices: preparing pictures (the first time takes some minutes)")
        self.parts["case-system"].wait_ready(30)
        self.parts["simulator"].wait_ready(600)
        self._rehearse(within_s=300)
        for village in VILLAGES:
            self._start_box(village, network, camera_password)
        self._tell("三个边缘盒启动，逐台检测设备 / three boxes started, each device is being probed")
        self.wait_devices(within_s=90)

    def _start_simulator(self, network: int, password: Path) -> None:
        file = layout.write_county_file(
            self.folders, network=network, password=password.read_text("utf-8").strip()
        )
        ready = self.folders.simulator / "ready.json"
        self._add(
            "simulator",
            [
                *(sys.executable, "-m", "simulator", "run", str(file)),
                *("--cache", str(self.folders.clips), "--ready-file", str(ready)),
            ],
            is_ready=ready.exists,
        )

    def _start_desk(self) -> None:
        ready, port = self.folders.desk / "ready.json", free_port()
        self._add(
            "case-system",
            [
                *(sys.executable, "-m", "simulator", "case-system", "--port", str(port)),
                *("--secret-file", str(self.folders.desk / "secret"), "--ready-file", str(ready)),
                *("--store", str(self.folders.desk / "case-system.db")),
            ],
            is_ready=ready.exists,
        )
        self._ports["desk"] = port

    def _make_centre(self) -> None:
        """The centre's file, certificates, boxes and accounts."""
        self._tell("签发证书，登记边缘盒和账号 / making certificates, registering boxes and accounts")
        write_centre_file(
            self.folders,
            ports=Ports(self._ports["api"], self._ports["monitor"]),
            broker_port=self._ports["broker"],
            desk_port=self._ports["desk"],
            pace=self.pace,
        )
        boxes = tuple(village.box for village in VILLAGES)
        with ThreadPoolExecutor(1, thread_name_prefix="authority") as beside:
            certificates = beside.submit(
                self.administrator.make_authority,
                servers={"broker": "127.0.0.1"},
                clients=("centre", *boxes),
            )
            self._register()
            certificates.result()

    def _register(self) -> None:
        """Boxes, accounts, the demo's own API client and the case system, in the centre's database."""
        for village in VILLAGES:
            key = layout.write_secret(self.folders.box(village) / "entry.key", layout.new_entry_key())
            self.administrator.add_box(village, key)
        for login, role in LOGINS.items():
            self.passwords[login] = layout.new_password()
            file = layout.write_secret(self.folders.centre / f"{login}.password", self.passwords[login])
            self.administrator.add_account(login, role, file)
        self._token = self.administrator.add_client("demo")
        # the case system is told the secret that the centre signs with
        url = f"http://127.0.0.1:{self._ports['desk']}/webhook"
        secret = self.administrator.add_subscription("示例事项系统 / sample case system", url)
        layout.write_secret(self.folders.desk / "secret", secret)

    def _start_broker(self) -> None:
        port = self._ports["broker"]
        config = layout.write_broker_config(self.folders, port=port)
        self._add("broker", [find_program("mosquitto"), "-c", str(config)], is_ready=lambda: listens(port))
        self.parts["broker"].wait_ready(10)

    def _start_centre(self) -> None:
        config = self.folders.centre / "controller.toml"
        self._add("controller", [*COMMAND, "run", "--config", str(config)], is_ready=self._centre_ready)
        self.parts["controller"].wait_ready(30)

    def _centre_ready(self) -> bool:
        with contextlib.suppress(DoorClosed, DoorRefused):
            Door(f"http://127.0.0.1:{self._ports['monitor']}", timeout_s=2).get("/readyz")
            self.api.get("/v1/summary")
            return True
        return False

    def _rehearse(self, *, within_s: float) -> None:
        deadline, control = time.monotonic() + within_s, self.control
        for device, picture in self._rehearsed.items():
            control.send("PATCH", f"/devices/{device}/faults", {"picture": picture})
        for device, picture in self._rehearsed.items():
            while picture not in {shown["what"] for shown in control.get("/truth", timeout_s=30)[device]}:
                if time.monotonic() > deadline:
                    raise PartFailed(f"{device} shows no {picture} picture / 无法渲染故障画面")
                time.sleep(0.2)
            control.send("PATCH", f"/devices/{device}/faults", {"picture": "normal"})

    def _start_box(self, village: Village, network: int, password: Path) -> None:
        line = Line(
            Relay(f"{village.box}-broker", port=self._ports["broker"]),
            Relay(f"{village.box}-evidence", port=self._ports["api"]),
        )
        line.broker.start()
        line.evidence.start()
        self.lines[village.box] = line
        monitor = free_port()
        file = layout.write_box_file(
            self.folders,
            village,
            network=network,
            uplink=layout.Uplink(line.broker.port, line.evidence.port, monitor),
            password_file=password,
            pace=self.pace,
        )
        self._add(
            village.box,
            [sys.executable, "-m", "agent", "run", "--config", str(file)],
            is_ready=lambda: listens(monitor),
        )

    def _add(self, name: str, arguments: list[str], *, is_ready: Callable[[], bool]) -> None:
        part = Part(
            name,
            arguments,
            log=self.folders.logs / f"{name}.log",
            cwd=layout.REPOSITORY,
            env=environment(bytecode=self.folders.bytecode),
            is_ready=is_ready,
        )
        self.parts[name] = part
        part.start()

    def wait_devices(self, *, within_s: float) -> None:
        """Return when every device is well at the centre. Raises PartFailed that names those that are not."""
        wanted = sum(len(village.devices) for village in VILLAGES)
        deadline = time.monotonic() + within_s
        devices: list[dict[str, Any]] = []
        while time.monotonic() < deadline:
            for part in self.parts.values():
                if not part.running:
                    raise PartFailed(f"{part.name} ended by itself / 进程自行退出\n{part.tail()}")
            with contextlib.suppress(DoorClosed, DoorRefused):
                devices = self.devices()
            if sum(device["verdict"] == "ok" for device in devices) == wanted:
                return
            time.sleep(0.2)
        missing = [
            f"{d['id']}={d['verdict']}({d['verdict_reason']})" for d in devices if d["verdict"] != "ok"
        ]
        raise PartFailed(
            f"{wanted - len(devices)} devices unheard of, not ready after {within_s:.0f} s / 设备未就绪: "
            + ", ".join(missing)
        )

    # --- doors -----------------------------------------------------------------------------------

    @property
    def api(self) -> Door:
        """The centre's door, as an API client of the whole county."""
        return Door(f"http://127.0.0.1:{self._ports['api']}", token=self._token)

    @property
    def web(self) -> Door:
        """The centre's door, for people."""
        return Door(f"http://127.0.0.1:{self._ports['api']}")

    @property
    def desk(self) -> Door:
        """The case system."""
        return Door(f"http://127.0.0.1:{self._ports['desk']}")

    @property
    def control(self) -> Door:
        """The simulator's control port."""
        told = json.loads((self.folders.simulator / "ready.json").read_text("utf-8"))
        return Door(str(told["control"]))

    def devices(self) -> list[dict[str, Any]]:
        """All devices as the centre knows them."""
        listed: list[dict[str, Any]] = self.api.get("/v1/devices", limit=100)["items"]
        return listed

    def ports(self) -> Iterator[int]:
        """Loopback ports that somebody of this county listens on."""
        yield from self._ports.values()
        for line in self.lines.values():
            yield from (line.broker.port, line.evidence.port)

    # --- down ------------------------------------------------------------------------------------

    def stop(self) -> list[str]:
        """Stop everything; returns the parts that had to be killed."""
        boxes = [self.parts[village.box] for village in VILLAGES if village.box in self.parts]
        for box in boxes:
            box.ask_to_stop()
        order = [*boxes, *(part for part in reversed(self.parts.values()) if part not in boxes)]
        stubborn = [part.name for part in order if not part.stop()]
        for line in self.lines.values():
            line.broker.stop()
            line.evidence.stop()
        if self._network is not None:
            self._network.close()
        if self._claim is not None:
            self._claim.release()
            self._claim = None
        return stubborn


def _take_network() -> tuple[int, socket.socket]:
    """A second octet of 127.x that no other county uses, held as long as the socket is open."""
    for number in layout.NETWORKS:
        lock = socket.socket()
        try:
            lock.bind((f"127.{number}.0.1", LOCK_PORT))
            lock.listen(1)
        except OSError:
            lock.close()
            continue
        return number, lock
    raise PartFailed("no free loopback network 127.20 to 127.119 / 没有空闲的环回网段")
