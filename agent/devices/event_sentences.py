"""What is said to people about a device's events: who, what, which value, what next."""

from __future__ import annotations

from agent.devices.sentences import both


def pull_points_vanish(where: str, seconds: float) -> str:
    return both(
        f"{where} 的事件订阅反复丢失，暂停 {seconds:.0f} 秒后再订阅；请检查设备是否反复重启，或升级固件",
        f"{where} loses the event subscription again and again, it is made anew in {seconds:.0f} s; "
        "see whether the device keeps restarting, or update its firmware",
    )
