"""What is said to people about recordings: Chinese first, English complete after " / "."""

from __future__ import annotations

from agent.devices.redact import quoted
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


def search_refused(said: str) -> str:
    return both(f"录像检索失败（{quoted(said, longest=60)}）", f"search failed ({quoted(said, longest=60)})")


def device_is_busy(where: str, said: str) -> str:
    return both(
        f"{where} 拒绝了录像查询（{quoted(said)}）：请稍后再试，或关闭其他正在检索录像的客户端",
        f"{where} refused to tell its recordings ({quoted(said)}): try again later, or close other clients "
        "that search it",
    )


def more_recordings(count: int) -> str:
    return both(f"另有 {count} 条录像未查", f"{count} more recordings were not looked at")
