"""What is said about relays and inputs. Law: as ``agent.devices.sentences``."""

from __future__ import annotations

from agent.devices.redact import quoted
from agent.devices.sentences import both


def no_relay(where: str, token: str, there: str) -> str:
    return both(
        f"{where} 没有继电器 {quoted(token, longest=40)}，有：{quoted(there)}；未发送任何操作",
        f"{where} has no relay {quoted(token, longest=40)}; there are: {quoted(there)}; nothing was sent",
    )


def not_switched(where: str, token: str, active: bool) -> str:
    return both(
        f"{where} 接受了命令，但继电器 {token} 仍报告为{'未动作' if active else '动作'}：请到现场查看",
        f"{where} took the command, but tells relay {token} is still {'inactive' if active else 'active'}: "
        "have a look at it",
    )


def switched(token: str, active: bool) -> str:
    return both(
        f"继电器 {token} 已{'动作' if active else '复位'}，设备事件已证实",
        f"relay {token} is {'active' if active else 'inactive'}, the device's own event says so",
    )


def accepted(token: str, active: bool) -> str:
    return both(
        f"继电器 {token}：设备接受了{'动作' if active else '复位'}命令，但不报告状态，请到现场确认",
        f"relay {token}: the device took the command to be {'active' if active else 'inactive'} and tells no "
        "state: make sure on site",
    )


def falls_back(seconds: float) -> str:
    return both(f"单稳态：{seconds:g} 秒后自动复位", f"monostable: it falls back after {seconds:g} s")
