"""Commands ``references`` and ``ptz-check``: what is stored of the cameras' views, and whether heads obey.

Law: a still leaves the box with privacy masks burnt in, those it was taken under and those of now.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from agent.cli.confirm import confirmed
from agent.cli.desk import Desk
from agent.config import BoxSection
from agent.detect.vqd.stored import Light
from agent.detect.vqd.sun import daylight
from agent.devices import sentences
from agent.errors import ConfigError, DeviceError, DeviceTrouble
from agent.hours import zone_named
from agent.model import Device, Image
from agent.services.preset_truth import Outcome, Truth, check
from agent.services.preset_views import PresetViews
from agent.services.reference_shelf import ReferenceShelf, StoredReference
from agent.video.stills import grey_of, masked, small_still
from runtime.files import write_atomic

EXIT_OK, EXIT_TROUBLE, EXIT_REFUSED = 0, 1, 3

_LIGHTS = {Light.DAY: "白天 day", Light.NIGHT: "夜间彩色 night", Light.GREY: "红外黑白 infrared"}
_OUTCOMES = {
    Outcome.HONEST: "云台正常 the head obeys",
    Outcome.STUCK: "云台失控 the head does not obey",
    Outcome.IN_USE: "未检查 not checked",
    Outcome.NO_PRESET: "未检查 not checked",
    Outcome.UNTOLD: "无法判断 cannot tell",
}


def references(desk: Desk, options: argparse.Namespace) -> int:
    """The stored views of a device, or of all; with ``--save`` their stills; ``--retake`` drops them."""
    box = _box(desk)
    shelf = _shelf(box)
    devices = [desk.device(options.device)] if options.device else list(desk.devices)
    if options.retake:
        if not options.device:
            raise ConfigError("references", ["重取要指明设备 / --retake wants a device"])
        return _retake(desk, options, shelf, devices[0])
    rows = [(device, stored) for device in devices for stored in shelf.of(device)]
    saved = [_saved(options.save, device, stored) for device, stored in rows] if options.save else []
    documents = [
        _document(device, stored, saved[number] if saved else None)
        for number, (device, stored) in enumerate(rows)
    ]
    desk.paper.document(documents)
    if not desk.paper.as_json:
        columns = ("编号 id", "时间 taken", "光线 light", "位置 position", "画面 size", "对比度 contrast")
        empty = (
            "还没有基准画面：画面正常约半小时后自动学习 / none yet: learned in half an hour of good picture"
        )
        desk.paper.table(
            columns, [_row(device, stored, box.time_zone) for device, stored in rows], empty=empty
        )
        for path in saved:
            desk.paper.line(str(path))
    return EXIT_OK


def ptz_check(desk: Desk, options: argparse.Namespace) -> int:
    """Turn a head to a preset and back, and see by its picture whether it did. It moves the head."""
    device = desk.device(options.device)
    box = _box(desk)
    if not device.writable:
        raise DeviceError(DeviceTrouble.READ_ONLY, device.id, sentences.read_only(device.host, "GotoPreset"))
    what = (
        f"云台 {device.id} 将转到预置位再转回（最多 2 分钟） / "
        "its head turns to a preset and back, 2 min at most"
    )
    if not confirmed(desk, options, what):
        return EXIT_REFUSED
    views = PresetViews(_shelf(box), device, shown=partial(_grey, device), show=small_still)
    with contextlib.closing(desk.room.preset_head(device)) as head:
        truth = check(head, views.of, shown=partial(_grey, device), preset=options.preset)
    now = datetime.now(UTC)
    sun = daylight(now, latitude=box.latitude, longitude=box.longitude)
    kept = views.keep(truth, daylight=sun, now=now)
    _tell_truth(desk, device, truth, kept)
    return EXIT_OK if truth.outcome is Outcome.HONEST and truth.back else EXIT_TROUBLE


def _tell_truth(desk: Desk, device: Device, truth: Truth, kept: Sequence[str]) -> None:
    desk.paper.document(
        {
            "device": device.id,
            "outcome": truth.outcome,
            "preset": truth.preset or None,
            "tries": truth.tries,
            "back": truth.back,
            "reason": truth.reason,
            "stored": kept,
        }
    )
    desk.paper.line(f"{device.id}: {_OUTCOMES[truth.outcome]}  预置位 preset {truth.preset or '-'}")
    desk.paper.line(f"  {truth.reason}")
    if kept:
        desk.paper.line(f"  已存画面 views stored: {', '.join(kept)}")
    if not truth.back:
        desk.paper.line(
            "  云台没有转回原位：请用 devices presets --go 转回 / "
            "it is not back where it was: turn it with devices presets --go"
        )


def _box(desk: Desk) -> BoxSection:
    if desk.config is None:
        problem = "基准画面存在边缘盒里，请用 --config / stored views are the box's: give --config FILE"
        raise ConfigError("references", [problem])
    return desk.config.box


def _shelf(box: BoxSection) -> ReferenceShelf:
    return ReferenceShelf(box.data_dir / "references")


def _retake(desk: Desk, options: argparse.Namespace, shelf: ReferenceShelf, device: Device) -> int:
    count = len(shelf.of(device))
    what = (
        f"删除 {device.id} 的 {count} 个基准画面并从现在的画面重新学习；请先确认画面正常 / "
        f"drop its {count} stored views and learn the present picture; make sure that it is good"
    )
    if not confirmed(desk, options, what):
        return EXIT_REFUSED
    struck = shelf.strike(device.id)
    desk.paper.document({"device": device.id, "retaken": struck})
    desk.paper.line(
        f"{device.id}: 已删除 {struck} 个基准画面，约半小时后重新学完 / "
        f"{struck} stored views dropped; learned anew within half an hour or so"
    )
    return EXIT_OK


def _row(device: Device, stored: StoredReference, zone: str) -> tuple[object, ...]:
    view = stored.view
    height, width = view.size
    taken = stored.taken.astimezone(zone_named(zone))
    return (
        device.id,
        f"{taken:%Y-%m-%d %H:%M}",
        _LIGHTS[view.light],
        view.position or "固定 fixed",
        f"{width}x{height}",
        f"{view.reference.spread:.0f}",
    )


def _document(device: Device, stored: StoredReference, path: Path | None) -> dict[str, object]:
    height, width = stored.view.size
    return {
        "device": device.id,
        "taken": stored.taken.isoformat(),
        "light": stored.view.light,
        "position": stored.view.position or None,
        "width": width,
        "height": height,
        "contrast": round(stored.view.reference.spread, 1),
        "still": path,
    }


def _saved(folder: Path, device: Device, stored: StoredReference) -> Path | None:
    """The still in a file; None when it cannot be decoded."""
    exhibit = masked(stored.still, device.privacy_masks)
    if exhibit is None:
        return None
    position = "".join(c if c.isalnum() else "_" for c in stored.view.position[:20])
    name = f"{device.id}-{stored.view.light}{'-' if position else ''}{position}.jpg"
    write_atomic(folder / name, exhibit.content)
    return folder / name


def _grey(device: Device, jpeg: bytes) -> Image | None:
    return grey_of(jpeg, device.privacy_masks)
