"""What is said when a setting cannot be written as asked, before anything is sent or by the device itself.

Law: as ``agent.devices.sentences``: Chinese first, then English, and what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.devices.redact import quoted
from agent.devices.sentences import both


def wrong_kind(name: str, value: object, present: object) -> str:
    return both(
        f"{name}={quoted(str(value), longest=40)}：值的类型不对，现值为 {quoted(str(present), longest=40)}",
        f"{name}={quoted(str(value), longest=40)}: wrong kind of value, "
        f"it now is {quoted(str(present), longest=40)}",
    )


def not_writable_text(name: str, longest: int) -> str:
    return both(
        f"{name}：文字须为一行、不含控制字符、不超过 {longest} 字",
        f"{name}: a text must be one line without control characters, at most {longest} of them",
    )


def half_done(refusal: str, done: Sequence[str]) -> str:
    listed = ", ".join(done[:20])
    return both(
        f"{refusal}；在此之前已写入：{listed}，请核对",
        f"already written before that: {listed}; look at it again",
    )


def value_refused(where: str, operation: str, said: str) -> str:
    return both(
        f"{where} 不接受 {operation} 的值（“{quoted(said)}”），未更改：请对照允许的值后再试",
        f'{where} does not take the values of {operation} ("{quoted(said)}"), nothing was changed: '
        "compare them with what is allowed and try again",
    )


def no_time_server(name: str) -> str:
    return both(
        f"{name}=NTP：没有 NTP 服务器，请同时设置 ntp.servers 或 ntp.from_dhcp",
        f"{name}=NTP: there is no server, set ntp.servers or ntp.from_dhcp with it",
    )


def not_posix_zone(name: str, zone: str) -> str:
    shown = quoted(zone, longest=40)
    return both(
        f"{name}={shown}：须为 POSIX 时区，中国为 CST-8（东区为负号）",
        f"{name}={shown}: must be a POSIX zone, China's is CST-8 (east of Greenwich is minus)",
    )


def not_a_host(name: str, host: str) -> str:
    shown = quoted(host, longest=40)
    return both(
        f"{name}={shown}：不是主机名或 IP 地址", f"{name}={shown}: neither a host name nor an IP address"
    )


def size_of_codec(name: str, size: object, codec: object, allowed: str) -> str:
    return both(
        f"{name}={size}：编码 {codec} 没有这个尺寸，请同时设为 {allowed} 之一",
        f"{name}={size}: {codec} does not have this size, set one of {allowed} with it",
    )


def no_text_left(name: str, most: int) -> str:
    return both(
        f"{name}：设备最多 {most} 条字幕，已满；请先清空一条",
        f"{name}: the device has room for {most} texts and they are used; empty one first",
    )


def unconfirmed(where: str, dangers: Sequence[str]) -> str:
    listed = "; ".join(dangers[:10])
    return both(
        f"{where} 未发送任何修改，须先确认：{listed}",
        "nothing was sent: this has to be confirmed first (--yes)",
    )


def closes_own_port(where: str, name: str) -> str:
    return both(
        f"{where} 的 {name} 正被边缘盒用来管理这台设备：关闭后边缘盒再也连不上，只能在设备上恢复",
        f"{where}: the box itself uses {name}; once it is off the box cannot reach the device any more, "
        "and only somebody at the device can undo it",
    )


def moves_own_port(where: str, name: str, port: object) -> str:
    return both(
        f"{where} 的 {name} 正被边缘盒用来管理这台设备：改为 {port} 后须同时改台账中的端口",
        f"{where}: the box itself uses {name}; after the change to {port} the ledger must be changed too",
    )


def closed_own_port(where: str) -> str:
    return both(
        f"{where} 已按要求关闭管理端口，无法读回核对：请在设备上核对，并修改台账",
        f"{where} closed the port it is managed by, as asked, and cannot be read back: "
        "look at the device itself and correct the ledger",
    )


def moved_behind_forwarding(where: str, port: int) -> str:
    return both(
        f"{where} 经端口转发访问，管理端口已按要求改为 {port}，无法读回核对：请同时修改转发规则",
        f"{where} is reached through a forwarded port and moved to {port}, as asked; it cannot be read back "
        "before the forwarding follows",
    )


def may_switch(where: str, name: str) -> str:
    return both(
        f"{where} 的 {name}：更改时触点可能动作（道闸、警笛）",
        f"{where}: changing {name} may move the contact (a gate, a siren)",
    )
