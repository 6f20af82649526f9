"""What is said to people about recordings: Chinese first, English complete after " / "."""

from __future__ import annotations

from agent.devices.sentences import both


def no_recording_service(where: str) -> str:
    return both(
        f"{where} 没有可查询的录像服务：如应有录像，请在设备上开启 ONVIF Profile G 或升级固件",
        f"{where} has no recording service that can be asked: if it should record, enable ONVIF Profile G "
        "or update its firmware",
    )


def nothing_recorded(where: str) -> str:
    return both(
        f"{where} 有录像服务，但没有一条录像：请检查存储卡或硬盘和录像计划",
        f"{where} has a recording service and not one recording: check its card or disk and its schedule",
    )


def spans_not_told() -> str:
    return both("设备不报告录像起止，只有最早和最近时间", "it does not tell spans, only oldest and newest")


def too_much(results: int) -> str:
    return both(
        f"录像片段没有查完（已读 {results} 条）：天数和完整率不计",
        f"its spans could not be read in full ({results} results came): days and ratio are not told",
    )


def more_recordings(count: int) -> str:
    return both(f"另有 {count} 条录像未查", f"{count} more recordings were not looked at")


def too_slow(where: str, seconds: float) -> str:
    return both(
        f"{where} 在 {seconds:g} 秒内没有列出录像：设备可能正忙，请稍后再试",
        f"{where} did not list its recordings within {seconds:g} s: it may be busy, try again later",
    )
