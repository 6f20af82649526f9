"""Command ``recordings``: what a recorder or a card kept, a row a channel. A read: nothing is changed.

The state of the disk is told by the device's events alone: they are listened to for some seconds, as the
running box does all day.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from dataclasses import replace
from datetime import datetime

from agent.cli.desk import Desk
from agent.errors import DeviceError
from agent.model import Device, Disk, RecordedChannel, RecordingReport

EXIT_OK, EXIT_TROUBLE = 0, 1
_MOST_DAYS = 366
_LISTENED_S = 3.0
"""A device that tells the state of its disks at all tells it in its first answers."""

DISK_WORDS = {
    Disk.OK: "正常 ok",
    Disk.FULL: "已满 full",
    Disk.ERROR: "故障 error",
    Disk.UNKNOWN: "未知，设备没有报告 unknown, the device does not tell",
}
_COLUMNS = (
    "通道 channel",
    "名称 title",
    "录像中 recording",
    "最早 oldest",
    "最近 newest",
    "天数 days",
    "完整率 ratio",
    "缺失 gaps",
)
_WHEN = "%Y-%m-%d %H:%M"


def days(text: str) -> int:
    """How many days back; argparse tells what is wrong."""
    if text.isdecimal() and 1 <= int(text) <= _MOST_DAYS:
        return int(text)
    raise argparse.ArgumentTypeError(f"应为 1 至 {_MOST_DAYS} / must be 1 to {_MOST_DAYS}")


def recordings(desk: Desk, options: argparse.Namespace) -> int:
    """Channels, days, ratio, gaps and disk of one device."""
    device = desk.device(options.device)
    report = desk.room.recordings(device, days=options.days)
    if report.offered and report.disk is Disk.UNKNOWN:
        report = replace(report, disk=_disk_told(desk, device))
    desk.paper.document({"device": device.id, **_document(report)})
    if not desk.paper.as_json:
        _print(desk, device.id, report)
    return EXIT_OK if report.offered else EXIT_TROUBLE


def _disk_told(desk: Desk, device: Device) -> Disk:
    """What the device's events say of its disks now; unknown too where no slot is free."""
    ends = time.monotonic() + _LISTENED_S
    with contextlib.suppress(DeviceError), contextlib.closing(desk.room.subscribe(device)) as events:
        while desk.room.storage.disk(device.id) is Disk.UNKNOWN and time.monotonic() < ends:
            events.pull()
    return desk.room.storage.disk(device.id)


def _document(report: RecordingReport) -> dict[str, object]:
    return {
        "offered": report.offered,
        "window_days": report.window_days,
        "disk": report.disk,
        "channels": report.channels,
        "detail": report.detail,
    }


def _print(desk: Desk, name: str, report: RecordingReport) -> None:
    paper = desk.paper
    if report.channels:
        paper.line(
            f"{name}  最近 {report.window_days} 天 last {report.window_days} days  "
            f"硬盘 disk: {DISK_WORDS[report.disk]}"
        )
        paper.table(_COLUMNS, [_row(one) for one in report.channels], empty="")
    if report.detail:
        paper.line(report.detail)
    for channel in report.channels:
        _print_gaps(desk, channel)


def _row(channel: RecordedChannel) -> tuple[object, ...]:
    ratio = channel.recorded_ratio
    return (
        channel.channel or "1",
        channel.title,
        channel.recording,
        _when(channel.oldest),
        _when(channel.newest),
        channel.recorded_days,
        None if ratio is None else f"{ratio * 100:.1f} %",
        len(channel.gaps) + channel.gaps_omitted,
    )


def _print_gaps(desk: Desk, channel: RecordedChannel) -> None:
    mark = channel.channel or "1"
    for gap in channel.gaps:
        minutes = (gap.ends - gap.begins).total_seconds() / 60
        missing = f"缺 {minutes:.0f} 分 missing {minutes:.0f} min"
        desk.paper.line(f"  {mark}: {_when(gap.begins)} → {_when(gap.ends)}  {missing}")
    if channel.gaps_omitted:
        more = channel.gaps_omitted
        desk.paper.line(f"  {mark}: 另有 {more} 处较短缺失 / {more} shorter gaps")
    if channel.detail:
        desk.paper.line(f"  {mark}: {channel.detail}")


def _when(moment: datetime | None) -> str:
    """By the clock on the wall of whoever reads it."""
    return "" if moment is None else moment.astimezone().strftime(_WHEN)
