"""How long a LAN takes to be found, over a wire of its own: ``make discovery-figures`` (root).

Two network namespaces joined by a veth pair: the box in one, in the other devices of the simulator, each on
an address of its own with WS-Discovery over real multicast and ONVIF on port 80. The addresses nobody has are
silent, as on a real LAN: there is no ARP answer for them. Nothing leaves the two namespaces.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import os
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.cli.search import both_ways
from agent.devices import Limits, OnvifRoom
from agent.devices.own_networks import own_networks
from simulator.device.device import Device
from simulator.device.kinds import Kind as DeviceKind
from simulator.onvif.discovery import GROUP, PORT, Announcer
from simulator.onvif.endpoint import Endpoint

LAN = ipaddress.IPv4Network("10.77.0.0/22")
BOX = "10.77.3.254"
GATE = "10.77.3.253"
"""The other side's own address, by which it joins the group."""
BOUNDS_S = {24: 5.0, 22: 20.0}
_MAKES = ("plain", "hik-like", "dahua-like", "axis-like", "reolink-like", "bosch-like", "tapo-like")


@dataclass(frozen=True, slots=True)
class Figure:
    """One subnet, searched in several ways. Seconds, and how many devices were found."""

    subnet: str
    devices: int
    multicast_s: float
    multicast_found: int
    bare_found: int
    """By multicast of a search that is given no subnet at all."""
    own: str
    """What the box takes for its own networks."""
    command_s: float
    """As ``outpost-agent devices discover`` does it: both ways at the same time."""
    command_found: int
    answers: int
    """Datagrams the devices sent, all searches together: many a device, one entry each."""
    twice: int
    """Devices that stand twice in a result; 0 when deduplication holds."""


class NotPermitted(Exception):
    """No network namespaces here; the text says why."""


def devices_of(prefix: int) -> list[str]:
    """Where devices are: 64 in the first /24, and as many again in the rest of the /22."""
    first = [str(LAN[10 + 3 * number]) for number in range(64)]
    return first if prefix == 24 else first + [str(LAN[300 + 7 * number]) for number in range(64)]


def measured(prefix: int) -> Figure:
    """Search one subnet in namespaces made for it. Raises NotPermitted."""
    hosts = devices_of(22)
    with _namespaces(hosts) as (box, lan), _started(lan, "lan", json.dumps(hosts)) as ask:
        ran = subprocess.run(
            [*box, sys.executable, "-m", "tests.support.discovery_figures", "box", f"{LAN[0]}/{prefix}"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if ran.returncode != 0:
            raise AssertionError(ran.stderr[-2000:])
        answers = int(ask())
    return Figure(devices=len(devices_of(prefix)), answers=answers, **json.loads(ran.stdout))


@contextlib.contextmanager
def _namespaces(hosts: Sequence[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Two namespaces joined by a wire; gives how to run something in the box's and in the LAN's."""
    ip = shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if ip is None or os.geteuid() != 0:
        raise NotPermitted("network namespaces need root and `ip` (iproute2)")
    mark = secrets.token_hex(3)
    box, lan = f"op-box-{mark}", f"op-lan-{mark}"
    made: list[str] = []

    def run(*words: str, text: str | None = None) -> None:
        done = subprocess.run([ip, *words], input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NotPermitted(f"ip {' '.join(words)}: {done.stderr.strip()}")

    try:
        for name in (box, lan):
            run("netns", "add", name)
            made.append(name)
        run("link", "add", "wire", "netns", box, "type", "veth", "peer", "name", "wire", "netns", lan)
        length = LAN.prefixlen
        for name, addresses in ((box, [BOX]), (lan, [GATE, *hosts])):
            rows = [f"addr add {address}/{length} dev wire" for address in addresses]
            rows += ["link set lo up", "link set wire up", "route add 224.0.0.0/4 dev wire"]
            run("-n", name, "-batch", "-", text="\n".join(rows) + "\n")
        yield [ip, "netns", "exec", box], [ip, "netns", "exec", lan]
    finally:
        for name in made:
            subprocess.run([ip, "netns", "del", name], capture_output=True, check=False)


@contextlib.contextmanager
def _started(way: Sequence[str], *words: str) -> Iterator[Callable[[], str]]:
    """A process of this module in a namespace, from its first line on; gives how to ask it for the next."""
    process = subprocess.Popen(
        [*way, sys.executable, "-m", "tests.support.discovery_figures", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        ready = process.stdout.readline()
        assert ready, "the LAN did not come up"

        def ask() -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            return process.stdout.readline()

        yield ask
    finally:
        process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


# --- in the LAN's namespace ----------------------------------------------------------------------


def be_lan(hosts: Sequence[str]) -> None:
    """Devices on these addresses until the input ends; a line of input asks how often they answered."""
    asyncio.run(_serve(hosts))


async def _serve(hosts: Sequence[str]) -> None:
    devices = [_device(number, host) for number, host in enumerate(hosts)]
    announcers = [Announcer(device) for device in devices]
    endpoints = [Endpoint(device) for device in devices]
    for announcer, endpoint in zip(announcers, endpoints, strict=True):
        await announcer.open()
        await endpoint.open()
    loop = asyncio.get_running_loop()
    group = _joined()

    def heard() -> None:
        datagram, sender = group.recvfrom(65_535)
        for announcer in announcers:
            announcer.answer(datagram, sender)

    loop.add_reader(group.fileno(), heard)
    print("ready", flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(sum(device.counters["discovery_answered"] for device in devices), flush=True)
    loop.remove_reader(group.fileno())
    group.close()
    for announcer in announcers:
        announcer.close()
    for endpoint in endpoints:
        await endpoint.close()


def _device(number: int, host: str) -> Device:
    return Device(
        f"cam-{number}",
        DeviceKind.CAMERA,
        ip=host,
        http_port=80,
        personality=_MAKES[number % len(_MAKES)],
        username="admin",
        password="pass-word-1",
        auth=None,
        profiles=(),
        picture=None,
    )


def _joined() -> socket.socket:
    """A socket that hears the group on the wire."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setblocking(False)
    sock.bind((GROUP, PORT))
    membership = struct.pack("4s4s", socket.inet_aton(GROUP), socket.inet_aton(GATE))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    return sock


# --- in the box's namespace ----------------------------------------------------------------------


def be_box(subnet: str) -> None:
    """Search, and print what it took."""
    room = OnvifRoom()
    room.prepare()
    inside = ipaddress.IPv4Network(subnet)
    alone = OnvifRoom(limits=replace(Limits(), probed_addresses=0))
    multicast_s, by_group = _timed(lambda: [one.host for one in alone.discover([subnet])])
    bare = {one.host for one in alone.discover([])}
    command_s, both = _timed(lambda: [one.host for way in both_ways(room, [subnet]) for one in way])
    devices = [host for host in {*both} - {BOX, GATE} if ipaddress.ip_address(host) in inside]
    told: dict[str, Any] = {
        "subnet": subnet,
        "multicast_s": multicast_s,
        "multicast_found": len({host for host in by_group if ipaddress.ip_address(host) in inside}),
        "bare_found": len({host for host in bare if ipaddress.ip_address(host) in inside}),
        "own": ", ".join(own_networks()),
        "command_s": command_s,
        "command_found": len(devices),
        "twice": len(by_group) - len(set(by_group)),
    }
    print(json.dumps(told))


def _timed(work: Callable[[], list[str]]) -> tuple[float, list[str]]:
    began = time.monotonic()
    found = work()
    return round(time.monotonic() - began, 2), found


def wrong(figure: Figure) -> list[str]:
    """What is not as promised; [] when everything is."""
    bound_s = BOUNDS_S[ipaddress.IPv4Network(figure.subnet).prefixlen]
    lines = []
    for way in ("multicast", "command"):
        took_s, found = getattr(figure, f"{way}_s"), getattr(figure, f"{way}_found")
        if took_s > bound_s:
            lines.append(f"{figure.subnet} {way}: {took_s:.1f} s, more than {bound_s:g}")
        if found != figure.devices:
            lines.append(f"{figure.subnet} {way}: {found} of {figure.devices} devices found")
    if figure.bare_found != figure.devices:
        lines.append(
            f"{figure.subnet} no subnet named: {figure.bare_found} of {figure.devices} devices found"
        )
    if figure.own != str(LAN):
        lines.append(f"own networks: {figure.own}, not {LAN}")
    if figure.twice:
        lines.append(f"{figure.subnet}: {figure.twice} devices stand twice in a result")
    return lines


def main(arguments: Sequence[str]) -> int:
    """One of the two sides, or both subnets measured; exit status 1 when a promise is broken."""
    match list(arguments):
        case ["lan", hosts]:
            be_lan(json.loads(hosts))
            return 0
        case ["box", subnet]:
            be_box(subnet)
            return 0
    try:
        figures = [measured(prefix) for prefix in BOUNDS_S]
    except NotPermitted as error:
        print(f"不能测 / cannot be measured here: {error}")
        return 2
    for figure in figures:
        print(
            f"{figure.subnet}: {figure.devices} devices; multicast alone {figure.multicast_found} in "
            f"{figure.multicast_s} s, every address and port tried as well {figure.command_found} in "
            f"{figure.command_s} s; {figure.answers} answers, {figure.twice} devices double"
        )
    broken = [line for figure in figures for line in wrong(figure)]
    print("\n".join(broken))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
