"""Commands that only look: list, show, probe, snapshot. They write nothing to a device."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from agent.cli import line, trust
from agent.cli.desk import Desk, address
from agent.cli.telling import reading_rows
from agent.cli.trial import knock, watch_stream
from agent.devices.conference_sentences import line_told
from agent.devices.witness import Exchange, watching
from agent.errors import ConfigError, DeviceError, DeviceTrouble
from agent.model import Device, Evidence, Identity
from agent.video.stills import masked
from protocol.words import RUNGS, Reason, Rung
from runtime.files import write_atomic

EXIT_OK, EXIT_TROUBLE = 0, 1

RUNG_WORDS = {
    Rung.UNREACHABLE: "不可达 unreachable",
    Rung.REACHABLE: "可达 reachable",
    Rung.ONVIF: "ONVIF",
    Rung.AUTHENTICATED: "已登录 authenticated",
    Rung.STREAMING: "有视频 streaming",
    Rung.PICTURE_OK: "画面正常 picture ok",
}
_FIRST_QUESTION = "GetSystemDateAndTime"


def list_devices(desk: Desk, _options: argparse.Namespace) -> int:
    """The ledger: every device the box looks after."""
    rows = [
        (one.id, one.gb_code, _class_of(one), address(one), one.title, *_known_of(desk, one))
        for one in desk.devices
    ]
    columns = (
        "编号 id",
        "国标编码 GB code",
        "类别 class",
        "地址 address",
        "名称 title",
        "标识 marks",
        "最近见到 last seen",
    )
    empty = "台账是空的：用 devices discover 查找设备 / the ledger is empty: try devices discover"
    desk.paper.document([{**_ledger_row(one), **_known_document(desk, one)} for one in desk.devices])
    if not desk.paper.as_json:
        desk.paper.table(columns, rows, empty=empty)
    return EXIT_OK


def show(desk: Desk, options: argparse.Namespace) -> int:
    """Who a device is, as it says itself."""
    device = desk.device(options.device)
    with contextlib.closing(desk.room.open(device)) as adapter:
        identity = adapter.identity()
    readings = desk.room.readings(device.id)
    pinned = trust.pinned(desk, device)
    told = {"identity": identity, "readings": readings, "certificate": pinned}
    desk.paper.document({**_ledger_row(device), **_known_document(desk, device), **told})
    if not desk.paper.as_json:
        known, seen = _known_of(desk, device)
        rows = [
            *_identity_rows(device, identity),
            ("已知标识 known marks", known),
            ("最近见到 last seen", seen),
            *trust.rows(pinned),
            *reading_rows(readings),
        ]
        desk.paper.table(("项目 item", "值 value"), rows, empty="")
    return EXIT_OK


def probe(desk: Desk, options: argparse.Namespace) -> int:
    """Climb the ladder of the named devices, or of all; with ``--explain`` every exchange is shown."""
    devices = [desk.device(name) for name in options.device] or list(desk.devices)
    if not devices:
        problem = "没有要检测的设备：请用 --config 或 --host / nothing to probe: give --config or --host"
        raise ConfigError("probe", [problem])
    told = [_probe_one(desk, device, options) for device in devices]
    desk.paper.document([document for document, _ in told])
    return max((status for _, status in told), default=EXIT_OK)


def snapshot(desk: Desk, options: argparse.Namespace) -> int:
    """One JPEG of a device into a file; where it has privacy masks, a small one with them burnt in."""
    device = desk.device(options.device)
    with contextlib.closing(desk.room.open(device)) as adapter:
        jpeg = _masked(device, adapter.snapshot())
    path = options.output or Path(f"{device.id}.jpg")
    write_atomic(path, jpeg)
    digest = hashlib.sha256(jpeg).hexdigest()
    desk.paper.document({"device": device.id, "file": path, "bytes": len(jpeg), "sha256": digest})
    desk.paper.line(f"{path}: {len(jpeg)} 字节 bytes, sha256 {digest}")
    return EXIT_OK


def _masked(device: Device, jpeg: bytes) -> bytes:
    """Raises DeviceError where masks cannot be burnt in."""
    if not device.privacy_masks:
        return jpeg
    exhibit = masked(jpeg, device.privacy_masks)
    if exhibit is None:
        raise DeviceError(
            DeviceTrouble.BAD_ANSWER,
            device.id,
            "抓拍图像无法解码，无法加隐私遮挡，未保存；请检查设备 / "
            "the snapshot cannot be decoded and masked, so it is not kept; check the device",
        )
    return exhibit.content


def _probe_one(desk: Desk, device: Device, options: argparse.Namespace) -> tuple[dict[str, object], int]:
    exchanges: list[Exchange] = []
    with contextlib.closing(desk.room.open(device)) as adapter:
        with watching(exchanges.append):
            evidence = adapter.climb()
            if options.explain and evidence.rung is Rung.UNREACHABLE and not device.is_conference:
                knock(device.host, device.port if device.stream_path is None else device.rtsp_port)
        below = len(exchanges)
        arrived = evidence.rung is Rung.AUTHENTICATED and evidence.reason is Reason.OK
        if arrived and options.video and not device.is_conference:
            with watching(exchanges.append):
                trial = watch_stream(device, adapter, wait_s=options.video_s)
            detail = "; ".join(filter(None, (evidence.detail, trial.detail)))
            evidence = replace(evidence, rung=trial.rung, reason=trial.reason, detail=detail)
    document: dict[str, object] = {"device": device.id, "address": address(device), "evidence": evidence}
    if options.explain:
        document["exchanges"] = exchanges
    if not desk.paper.as_json:
        _print_probe(desk, device, evidence)
        if options.explain:
            _explain(desk, device, evidence, exchanges[:below], exchanges[below:])
        if evidence.detail:
            desk.paper.line(f"  {evidence.detail}")
    return document, EXIT_OK if evidence.reason is Reason.OK else EXIT_TROUBLE


def _print_probe(desk: Desk, device: Device, evidence: Evidence) -> None:
    name = device.id if device.id == address(device) else f"{device.id}  {address(device)}"
    desk.paper.line(f"{name}  {RUNG_WORDS[evidence.rung]}  {evidence.reason}")


def _explain(
    desk: Desk, device: Device, evidence: Evidence, asked: Sequence[Exchange], video: Sequence[Exchange]
) -> None:
    """Every rung with what decided it: reached √, failed ×, not tested – and why not."""
    paper, failed = desk.paper, False
    for rung in _rungs_of(device):
        mark, why = _mark(rung, evidence, failed=failed)
        failed = failed or mark == "×"
        paper.line(f"  {mark} {RUNG_WORDS[rung]}{why}")
        for exchange in () if mark == "–" else _deciding(device, rung, mark, asked=asked, video=video):
            paper.line(
                f"      {exchange.sent} → {exchange.to}"
                f"（登录 login: {exchange.login}） {exchange.took_ms} ms: {exchange.answered}"
            )
    if evidence.clock_error_s is not None:
        paper.line(f"  时钟误差 clock error: {evidence.clock_error_s:+.1f} s")
    if evidence.line is not None:
        paper.line(f"  线路 line: {' / '.join(line_told(evidence.line))}")


def _deciding(
    device: Device, rung: Rung, mark: str, *, asked: Sequence[Exchange], video: Sequence[Exchange]
) -> Sequence[Exchange]:
    """The exchanges that decided a rung; of a device nobody reached, all that was tried."""
    if rung is Rung.REACHABLE and mark == "×":
        return asked
    return video if rung is Rung.STREAMING else _of_rung(device, rung, asked)


def _mark(rung: Rung, evidence: Evidence, *, failed: bool) -> tuple[str, str]:
    """The mark of a rung and the words after it; ``failed``: a lower rung was not reached."""
    if rung.height <= evidence.rung.height:
        return "√", ""
    if evidence.reason is Reason.OK:
        return "–", "（未检测：没有看视频 not tested: no video was looked at）"
    if failed:
        return "–", "（未检测：下一级未通过 not tested: a rung below failed）"
    return "×", ""


def _rungs_of(device: Device) -> Sequence[Rung]:
    """The rungs above ``unreachable`` that this device can stand on; without ONVIF there is no such rung."""
    top = device.device_class.top_rung.height
    rungs = [rung for rung in RUNGS[1:] if rung.height <= top]
    return rungs if device.stream_path is None else [rung for rung in rungs if rung is not Rung.ONVIF]


def _of_rung(device: Device, rung: Rung, exchanges: Sequence[Exchange]) -> Sequence[Exchange]:
    """Which exchanges decided a rung: the clock's question the first two, everything else the log-in.

    Of a conference endpoint all of them decide whether it is there; of a stream its OPTIONS does.
    """
    if device.is_conference:
        return exchanges
    if device.stream_path is not None and rung is Rung.REACHABLE:
        return exchanges[:1]
    if device.stream_path is not None:
        return exchanges[1:] if rung is Rung.AUTHENTICATED else ()
    first = [one for one in exchanges if one.sent == _FIRST_QUESTION]
    if rung is Rung.ONVIF:
        return first
    return [one for one in exchanges if one not in first] if rung is Rung.AUTHENTICATED else ()


def _class_of(device: Device) -> str:
    """As the table shows it: nobody said yet what a row is that discovery made."""
    return device.device_class if device.classified else "未分类，只读 unclassified, read only"


def _ledger_row(device: Device) -> dict[str, object]:
    return {
        "id": device.id,
        "gb_code": device.gb_code,
        "class": device.device_class if device.classified else None,
        "writable": device.writable,
        "host": device.host,
        "port": device.port,
        "tls": device.tls,
        "title": device.title,
        "username": device.username,
    }


def _known_of(desk: Desk, device: Device) -> tuple[str, str]:
    """The marks the box knows a device by, and when it last was let in, to the hour."""
    known = _known_document(desk, device)
    return str(known["marks"] or ""), str(known["last_seen"] or "")


def _known_document(desk: Desk, device: Device) -> dict[str, object]:
    if desk.register is None:
        return {"marks": None, "last_seen": None}
    known, place = desk.register.marks_of(device.id), desk.register.place_of(device.id)
    seen = None if place is None else datetime.fromtimestamp(place.seen_unix, UTC)
    return {
        "marks": None if known.is_empty else str(known),
        "last_seen": None if seen is None else seen.isoformat(timespec="minutes"),
    }


def _identity_rows(device: Device, identity: Identity) -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = [
        ("编号 id", device.id),
        ("地址 address", address(device)),
        ("厂商 vendor", identity.vendor),
        ("型号 model", identity.model),
        ("固件 firmware", identity.firmware),
        ("序列号 serial", identity.serial),
        ("MAC", identity.mac_address),
        ("端点引用 endpoint reference", identity.endpoint_reference),
    ]
    rows += [("码流 profile", str(profile)) for profile in identity.profiles]
    own = line.rows(device)
    return [row for row in rows if row[1]] + own if own else rows


def told_error(desk: Desk, error: DeviceError) -> int:
    """What went wrong with a device: one sentence, or one JSON document."""
    desk.paper.document({"device": error.device, "kind": error.kind, "detail": error.detail})
    desk.paper.line(f"{error.device}: {error.detail}")
    return EXIT_TROUBLE
