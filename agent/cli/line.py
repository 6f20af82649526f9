"""Devices without ONVIF: their rows in ``show``, and the line to a conference endpoint before a meeting."""

from __future__ import annotations

import argparse
import contextlib

from agent.cli.desk import Desk, address
from agent.devices import conference_sentences, line_quality
from agent.devices.conference import ConferenceAdapter
from agent.devices.line_quality import Grade
from agent.errors import ConfigError
from agent.model import Device

USUAL = 200
"""At the gap of a series some ten seconds."""
_FEWEST, _MOST = 10, 2_000


def rows(device: Device) -> list[tuple[str, object]]:
    """What the ledger knows of a device without ONVIF; [] for one with it."""
    if device.is_conference:
        return [
            ("号码 number", device.sip_user or "-"),
            ("注册服务器 registrar", device.sip_registrar or "-"),
        ]
    if device.stream_path is not None:
        return [("视频流 stream", device.stream_path), ("ONVIF", "无 none")]
    return []


def measure(desk: Desk, options: argparse.Namespace) -> int:
    """Loss, delay and jitter of one long series, and whether a meeting can be held over it."""
    device = desk.device(options.device)
    if not _FEWEST <= options.probes <= _MOST:
        raise ConfigError("--probes", [f"应为 {_FEWEST} 到 {_MOST} / must be {_FEWEST} to {_MOST}"])
    with contextlib.closing(desk.room.open(device)) as adapter:
        if not isinstance(adapter, ConferenceAdapter):
            raise ConfigError(
                device.id, ["不是会议终端 / not a conference endpoint: `devices probe` looks at it"]
            )
        desk.paper.line(
            f"{device.id}: 正在测线路，{options.probes} 次 / measuring the line, {options.probes} probes"
        )
        found = adapter.measure(probes=options.probes, by=options.by)
    grade = None if found is None else line_quality.grade(found)
    detail = conference_sentences.measured(address(device), found, grade)
    desk.paper.document({"device": device.id, "line": found, "grade": grade, "detail": detail})
    if found is not None and not desk.paper.as_json:
        chinese, english = conference_sentences.line_told(found)
        desk.paper.line(f"  {found.by}: {chinese} / {english}")
    desk.paper.line(f"  {detail}")
    return 0 if grade in (Grade.GOOD, Grade.FAIR, None) and found is not None else 1
