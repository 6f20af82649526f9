"""What is said to people about a search: what was not asked, what was found and cannot be taken in as it is.

Law: as in ``sentences``.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.devices.sentences import both


def not_asked(subnets: Sequence[str]) -> str:
    named = ", ".join(subnets[:16]) + (" …" if len(subnets) > 16 else "")
    return both(
        f"网段过大或过多，这些网段未全部查找：{named}。请分几次查找，每次最多 16 个 /22",
        f"too large or too many: not every address of {named} was asked; search them in turns, "
        "at most 16 subnets of /22 at a time",
    )


def list_by_hand(where: str) -> str:
    """A stream without ONVIF, found by a search."""
    return both(
        f"{where} 只有视频流：如是本单位摄像机，请写入台账并填写 stream_path",
        f"{where} has a stream only: if the camera is yours, list it with its stream_path",
    )


def conference(where: str, agent: str) -> str:
    """``agent`` is what the endpoint calls itself."""
    named = f"（{agent}）" if agent else ""
    named_english = f" as {agent}" if agent else ""
    return both(
        f"{where} 应答 SIP{named}：如是会议终端，请以 conference_endpoint 写入台账",
        f"{where} answers SIP{named_english}: if it is a conference endpoint, list it as conference_endpoint",
    )


def announces_only(where: str) -> str:
    return both(
        f"{where} 自报为 ONVIF 设备但不应答：请检查端口和防火墙，或稍后再查",
        f"{where} announces ONVIF and does not answer: check port and firewall, or search again later",
    )


def multicast_alone() -> str:
    return both(
        "本机没有私有网段，只用组播查找；跨网段请写出网段，如 192.168.1.0/24",
        "this box has no private network: multicast alone is asked; name a subnet to search it, "
        "e.g. 192.168.1.0/24",
    )


def suggests(device_class: str) -> str:
    return both(
        f"设备自报有云台，台账类别宜为 {device_class}", f"it has a moving head: list it as {device_class}"
    )
