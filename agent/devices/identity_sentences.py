"""What is said about a device's identity: another one at its address, moved, swapped, collided.

Law: as in ``sentences``. An address stands in the text so that somebody can go there.
"""

from __future__ import annotations

from agent.devices.sentences import both


def other_device(where: str, met: str, why: str) -> str:
    """``met`` are the marks of who answers, ``why`` how they compare."""
    return both(
        f"{where} 上应答的是另一台设备（{met}；{why}），已停止登录：请核对是否更换、改址或地址冲突",
        f"another device answers at {where} ({met}; {why}), nothing is sent to it any more: "
        "check whether the device was replaced or readdressed, and for an address conflict",
    )


def may_be_integrated(where: str, operation: str) -> str:
    """By its marks a device may be one that another row of the ledger has as integrated."""
    return both(
        f"{where} 与台账中一台整合类（归公安）设备的标识相符，只读，不执行 {operation}：请核对地址和台账",
        f"{where} bears marks of a device that the ledger has as integrated and is read only, {operation} is "
        "not done: check the address and the ledger",
    )


def not_in_clear(where: str) -> str:
    """Basic is asked for by one that may be another device."""
    return both(
        f"{where} 要求以明文（Basic）发送口令，但无法确认它就是登记的设备，未发送："
        "请核对设备，或启用摘要认证 Digest",
        f"{where} asks for the password in clear (Basic) and cannot be told for sure to be the enrolled "
        "device, it is not sent: check the device, or turn on digest authentication",
    )


def shows_nothing(where: str) -> str:
    """A device that showed who it is before does not: no password goes there for now."""
    return both(
        f"{where} 暂未表明身份（可能正在启动，或已换成别的设备），先不发送口令，稍后再看",
        f"{where} does not say who it is at the moment (it may be starting, or be another device): "
        "no password is sent, it is asked again shortly",
    )
