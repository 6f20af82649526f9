"""Commands about what devices tell of their own accord: events as they come, and topics nobody knows yet."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from agent.cli.desk import Desk
from agent.cli.spans import ended_as_by_hand
from agent.devices.strange_topics import Strangers
from agent.devices.topics import shown
from agent.model import CameraEvent, DeviceReading
from protocol.scene_words import scene_word

READING_WORDS: Final[Mapping[str, str]] = {
    "processor_usage": "处理器占用 processor",
    "upload_progress": "上传进度 upload",
    "battery": "电池 battery",
    "temperature": "温度 temperature",
    "humidity": "湿度 humidity",
    "link_speed": "网口速率 link speed",
    "last_reboot": "上次重启 last reboot",
    "last_reset": "上次复位 last reset",
    "last_clock_sync": "上次校时 last clock sync",
    "last_maintenance": "上次维护 last maintenance",
    "next_maintenance": "下次维护 next maintenance",
    "last_backup": "上次备份 last backup",
    "operation_progress": "后台操作进度 operation progress",
    "operating_limit_reached": "到达使用时限 operating limit reached",
    "mtbf_default_reached": "到达平均无故障时间 default MTBF reached",
    "mtbf_operation_reached": "到达运行无故障时间 operation MTBF reached",
    "cloud_upgrade_done": "云升级完成 cloud upgrade done",
}


_USUAL_S: Final = 86_400.0
_MOST_STATES: Final = 1_000
"""Of so many states it is known whether they are told again; a device has a few dozen."""


def events(desk: Desk, options: argparse.Namespace) -> int:
    """What a device tells of its own accord: what it has now, or as it comes for ``--seconds`` or to Ctrl+C.

    With ``--json`` one array; with ``--follow`` one document a line. The slot is given back, whoever ends it.
    """
    with ended_as_by_hand():
        return _told(desk, options)


def _told(desk: Desk, options: argparse.Namespace) -> int:
    device = desk.device(options.device)
    lasts = options.follow or options.seconds is not None
    ends = time.monotonic() + (_USUAL_S if options.seconds is None else options.seconds)
    desk.paper.line(f"{device.id}: 正在接收事件，Ctrl+C 结束 / receiving events, Ctrl+C ends")
    subscription = desk.room.subscribe(device)
    heard: set[DeviceReading] = set(desk.room.readings(device.id))
    states: dict[tuple[str, str], bool] = {}
    told: list[object] = []
    tell = desk.paper.document if options.follow else told.append
    try:
        while time.monotonic() < ends:
            for event in subscription.pull():
                if _is_news(event, states):
                    tell(replace(event, said=shown(event.said)))
                    _print_event(desk, event)
            heard = _print_readings(desk, device.id, heard, tell)
            if not lasts:
                break
    except KeyboardInterrupt:
        desk.paper.line("结束 / ended")
    finally:
        subscription.close()
    if not options.follow:
        desk.paper.document(told)
    return 0


def topics(desk: Desk, options: argparse.Namespace) -> int:
    """Topics that devices told and nobody knows: names and counts, for whoever extends the table."""
    known = desk.room.strange_topics()
    if options.device is not None:
        device = desk.device(options.device).id
        known = {device: known.get(device, Strangers())}
    desk.paper.document(
        [
            {"device": device, "beyond": told.beyond, "dropped": told.dropped, "topics": told.topics}
            for device, told in sorted(known.items())
        ]
    )
    if desk.paper.as_json:
        return 0
    rows: list[Sequence[object]] = []
    for device, told in sorted(known.items()):
        rows += [
            (device, one.topic, _items(one.items), one.count, _minute(one.first), _minute(one.last))
            for one in told.topics
        ]
        if told.beyond:
            rows.append((device, "（其余 others）", "", told.beyond, "", ""))
        if told.dropped:
            rows.append((device, "（识别类，已丢弃 recognition, dropped）", "", told.dropped, "", ""))
    columns = ("编号 id", "主题 topic", "数据项 items", "次数 count", "首次 first", "最近 last")
    empty = "没有未识别的事件主题 / no unknown event topics"
    if desk.config is None:
        empty += "；请用 --config 指定边缘盒配置 / --config names the box that keeps them"
    desk.paper.table(columns, rows, empty=empty)
    return 0


def reading_rows(readings: Sequence[DeviceReading]) -> list[tuple[str, object]]:
    """The latest values a device told, as rows of a table."""
    return [(_name(one), f"{_value(one)}（{_minute(one.time)}）") for one in readings]


def _is_news(event: CameraEvent, states: dict[tuple[str, str], bool]) -> bool:
    """Whether an event says something else than the last one of its topic and source; noted in ``states``."""
    if event.active is None:
        return True
    key = event.topic, event.source
    known = states.get(key)
    if key in states or len(states) < _MOST_STATES:
        states[key] = event.active
    return event.active is not known


def _print_event(desk: Desk, event: CameraEvent) -> None:
    if desk.paper.as_json:
        return
    state = {True: "开始 on", False: "结束 off", None: "发生 pulse"}[event.active]
    first = "（当前状态 state） " if event.initial else ""
    count = "" if event.count is None else f" 计数 count {event.count}"
    word = " ".join(scene_word(event.topic))
    line = f"{event.time:%H:%M:%S}  {word}  {event.topic}  {state} {first}{event.source}{count}"
    desk.paper.line(line.rstrip())


def _print_readings(
    desk: Desk, device: str, heard: set[DeviceReading], tell: Callable[[object], None]
) -> set[DeviceReading]:
    """Print the values that are new since ``heard``; returns what is heard now."""
    now = desk.room.readings(device)
    for one in now:
        if one not in heard:
            tell(one)
            if not desk.paper.as_json:
                desk.paper.line(f"{one.time:%H:%M:%S}  {_name(one)}  {_value(one)}")
    return set(now)


def _name(reading: DeviceReading) -> str:
    word = READING_WORDS.get(reading.name) or " ".join(scene_word(reading.name))
    return f"{word} {reading.source}".rstrip()


def _value(reading: DeviceReading) -> str:
    match reading.value:
        case None:
            return "从未 never"
        case bool():
            return "是 yes" if reading.value else "否 no"
        case datetime():
            return _minute(reading.value)
        case number:
            return f"{number:g} {reading.unit}".rstrip()


def _items(items: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name}: {kind}" for name, kind in items)


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
