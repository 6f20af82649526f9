"""What is said when devices change places, and which announcements are near enough to be believed. Pure.

Law: Chinese first, English after " / "; the first 200 characters say it, for the wire takes no more.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from agent import marks
from agent.marks import Marks
from agent.ports import Found
from agent.services.placing import Address, Collision, Move


def within(host: str, networks: Iterable[str]) -> bool:
    """Whether an IPv4 address is in one of the networks; what is no address or no network is in none.

    A device does not move to another network by itself, and what answers a multicast from elsewhere is none
    of the box's business and is not shown its password.
    """
    try:
        where = ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return any(where in network for network in map(_network, networks) if network is not None)


def marks_of(found: Found) -> Marks:
    """What an announcement tells of who sent it."""
    return marks.made(reference=found.endpoint_reference, macs=filter(None, [found.mac_address]))


def moved(move: Move) -> str:
    """Where a device was and is."""
    way = "与另一台设备互换了地址" if move.swapped else "换了地址"
    english = "exchanged addresses with another device" if move.swapped else "moved"
    return f"{move.device} {way}：{_at(move.was)} → {_at(move.to)} / {move.device} {english}"


def collided(one: Collision) -> str:
    """Which rows or addresses cannot be told apart."""
    names, places = ", ".join(one.devices[:4]), ", ".join(map(_at, one.addresses[:4]))
    return (
        f"{names} 的标识同时出现在 {places}，无法区分，不作变更：请核对是否克隆镜像或双网口"
        f" / marks of {names} answer at {places}: clones or two interfaces?"
    )[:200]


def shared(mark: str, devices: Iterable[str]) -> str:
    """Several rows bear one mark."""
    names = ", ".join(list(devices)[:6])
    return (
        f"{names} 的标识 {mark} 相同：克隆镜像，或同一台设备登记了两次"
        f" / {names} bear the same mark: a cloned image, or one device listed twice"
    )[:200]


def contested(device: str, where: Address) -> str:
    """Two devices claim one address."""
    return (
        f"{_at(where)}（{device}）上有两台设备交替应答：地址冲突，请给其中一台改地址"
        f" / two devices take turns at {_at(where)}: address conflict, readdress one"
    )[:200]


def stranger(device: str, where: Address, met: Marks | None) -> str:
    """Somebody who is in no row answers where a device was."""
    return (
        f"{device} 的地址 {_at(where)} 上是一台不在台账中的设备（{met or '-'}）"
        f" / a device that is in no ledger answers at the address of {device}"
    )[:200]


def restless(move: Move) -> str:
    """A device that moves too often is left where it is."""
    return (
        f"{move.device} 一小时内换地址过于频繁，暂停跟随：请检查 DHCP 与地址冲突"
        f" / {move.device} moves too often, not followed for now: check DHCP"
    )[:200]


def dropped(host: str, count: int) -> str:
    """Announcements that were not taken in."""
    return (
        f"{host} 另有 {count} 条设备通告未采纳：数量超限或没有可用标识"
        f" / {count} announcements of {host} were not taken in: too many, or no usable mark"
    )[:200]


def forgotten(device: str, where: str, *, unseen_h: int | None) -> str:
    """A row that discovery made is gone; ``unseen_h`` hours without a sight, None when by hand."""
    named = " ".join(filter(None, (device, where)))
    if unseen_h is None:
        return f"{named} 已按命令移出台账 / {named} was taken out of the ledger by hand"[:200]
    return (
        f"{named} 自动发现后从未登录成功，已 {unseen_h} 小时不见，移出台账；再次出现会重新录入"
        f" / found, never let the box in, not seen for {unseen_h} h: taken out of the ledger"
    )[:200]


def _at(address: Address) -> str:
    return f"{address[0]}:{address[1]}"


def _network(written: str) -> ipaddress.IPv4Network | None:
    try:
        return ipaddress.IPv4Network(written, strict=False)
    except ValueError:
        return None
