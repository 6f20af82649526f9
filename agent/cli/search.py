"""Command ``discover``: who is on the LAN, as what, whether it says so itself or only when knocked at."""

from __future__ import annotations

import argparse
import ipaddress
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from agent.cli.desk import Desk
from agent.devices.own_networks import own_networks
from agent.devices.room import OnvifRoom
from agent.devices.search_sentences import multicast_alone, not_asked, suggests
from agent.devices.subnets import MOST_OF_A_SUBNET, planned
from agent.devices.survey import Kind, Ports, Surveyed
from agent.errors import ConfigError
from agent.ports import Found

EXIT_OK = 0

KIND_WORDS = {
    Kind.ONVIF: "ONVIF",
    Kind.NOT_ACTIVATED: "未激活 not activated",
    Kind.ONVIF_OFF: "ONVIF 未开 ONVIF off",
    Kind.RTSP_ONLY: "仅视频流 RTSP only",
    Kind.CONFERENCE: "会议终端 conference",
    Kind.OTHER: "其他 other",
}


def discover(desk: Desk, options: argparse.Namespace) -> int:
    """WS-Discovery and a survey of the subnets, one row a device. No password is sent to anybody.

    Without a subnet those of [search] are searched, else the private networks this machine stands in.
    """
    configured = desk.config.search.subnets if desk.config else ()
    subnets = options.subnet or configured or own_networks()
    _check(subnets)
    for note in notes(subnets):
        desk.paper.line(note)
    told, seen = both_ways(desk.room, subnets, gentle=options.gentle)
    announced = {found.host: found for found in told}
    surveyed = {one.host: one for one in seen}
    unreached = [one for host, one in announced.items() if _is_nobody(surveyed.get(host))]
    surveyed |= {one.host: _at_least(surveyed.get(one.host), one) for one in desk.room.asked(unreached)}
    hosts = sorted({*announced, *surveyed}, key=lambda host: ipaddress.ip_address(host).packed)
    rows = [_row(desk, host, announced.get(host), surveyed.get(host)) for host in hosts]
    desk.paper.document(rows)
    if not desk.paper.as_json:
        columns = ("地址 address", "类型 kind", "厂商 make", "型号 model", "MAC", "台账 ledger", "说明 note")
        cells = [[row[name] for name in _COLUMNS] for row in rows]
        desk.paper.table(
            columns, cells, empty="没有设备应答：检查网线和网段 / nobody answers: check cable and subnet"
        )
    return EXIT_OK


def notes(subnets: Sequence[str]) -> Sequence[str]:
    """What is said before the search: where it looks, and what it leaves out."""
    left = planned(subnets).left
    looking = f"正在查找 / looking: {', '.join(subnets)}" if subnets else multicast_alone()
    return [looking, not_asked(left)] if left else [looking]


def both_ways(
    room: OnvifRoom, subnets: Sequence[str], *, gentle: bool = False
) -> tuple[Sequence[Found], Sequence[Surveyed]]:
    """WS-Discovery and the survey, at the same time unless old devices are to be spared."""
    with ThreadPoolExecutor(1 if gentle else 2, thread_name_prefix="search") as searchers:
        told = searchers.submit(room.discover, subnets)
        seen = searchers.submit(room.survey, subnets, gentle=gentle)
        return told.result(), seen.result()


def door(found: Found | None, seen: Surveyed | None) -> tuple[int, bool]:
    """The port at which a device speaks, 0 for none, and whether with TLS: the one it announces, unless that
    was tried and is closed while ONVIF was met at another."""
    if found is None:
        return (0, False) if seen is None else (seen.port, seen.tls)
    tried = Ports.usual()
    if seen is not None and seen.kind is Kind.ONVIF and found.port in (*tried.http, *tried.https):
        return (
            (found.port, found.tls) if found.port in (seen.port, *seen.open_ports) else (seen.port, seen.tls)
        )
    return found.port, found.tls


_COLUMNS = ("address", "kind", "make", "model", "mac", "ledger", "note")


def _check(subnets: Sequence[str]) -> None:
    """Raises ConfigError that names every subnet which cannot be searched."""
    problems = []
    for subnet in subnets:
        try:
            if ipaddress.IPv4Network(subnet, strict=False).num_addresses > MOST_OF_A_SUBNET:
                problems.append(f"{subnet}: 最大 /22 / at most a /22")
        except ValueError:
            problems.append(f"{subnet}: 不是 IPv4 网段 / is no IPv4 subnet, e.g. 192.168.1.0/24")
    if problems:
        raise ConfigError("discover", problems)


def _is_nobody(seen: Surveyed | None) -> bool:
    """Whether the survey did not come to speak ONVIF with it: its port is an unusual one, or it is away."""
    return seen is None or seen.kind is Kind.OTHER


def _at_least(seen: Surveyed | None, asked: Surveyed) -> Surveyed:
    """What was asked where it announces itself; who announces ONVIF is shown as that when it is silent."""
    kind = Kind.ONVIF if asked.kind is Kind.OTHER else asked.kind
    return replace(asked, kind=kind, open_ports=() if seen is None else seen.open_ports)


def _row(desk: Desk, host: str, found: Found | None, seen: Surveyed | None) -> dict[str, object]:
    kind = Kind.ONVIF if seen is None else seen.kind
    port, tls = door(found, seen)
    known = next((device.id for device in desk.devices if device.host == host), "")
    return {
        "address": f"{'https://' if tls else ''}{host}:{port}" if port else host,
        "kind": KIND_WORDS[kind] if not desk.paper.as_json else kind,
        "make": "" if seen is None else seen.make_hint,
        "model": "" if found is None else found.hardware,
        "mac": None if seen is None else seen.mac_address,
        "ledger": known,
        "note": _note(found, seen),
        "suggested_class": None if found is None else found.suggested_class,
        "tls": tls,
        "endpoint_reference": "" if found is None else found.endpoint_reference,
    }


def _note(found: Found | None, seen: Surveyed | None) -> str:
    """What to do with it; else which class its ledger row should have."""
    if seen is not None and seen.detail:
        return seen.detail
    suggested = None if found is None else found.suggested_class
    return "" if suggested is None else suggests(suggested)
