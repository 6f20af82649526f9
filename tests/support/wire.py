"""Messages with fixed values: one of every kind, as a box or the centre would write it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from protocol.codec import CENTRE_SOURCE, PLAIN_KIND_OF, encode_entry, encode_event
from protocol.messages import (
    Acknowledgement,
    BoxEvent,
    Canary,
    Command,
    CommandResult,
    ConfigApplied,
    DeviceHealth,
    DeviceIdentity,
    Frozen,
    Gap,
    Now,
    PassageCount,
    Quarantined,
    RecordingState,
    Scene,
    Session,
    Shed,
    TwinDesired,
    TwinReported,
)
from protocol.topics import Topic, TopicClass

KEY: Final = bytes(range(32))
"""Entry key of the box of the tests."""
BOX: Final = "village-1"
EPOCH: Final = "0123456789abcdef"
AT: Final = datetime(2026, 11, 23, 1, 5, 12, 345000, tzinfo=UTC)
LOG: Final = Topic(BOX, TopicClass.LOG)
_HASH: Final = "5e" * 32

EXAMPLES: Final[tuple[Frozen, ...]] = (
    DeviceHealth.model_validate(
        {
            "rung": "streaming",
            "reason": "picture_covered",
            "detail": "镜头被遮挡 / lens covered",
            "previous_rung": "picture_ok",
            "clock_error_ms": -1500,
            "evidence": _HASH,
        }
    ),
    DeviceIdentity.model_validate(
        {
            "device_class": "face_capture",
            "title": "四知村东门",
            "gb_code": "61052210001310000001",
            "vendor": "Vendor",
            "model": "M-1",
            "firmware": "1.2.3 build 4",
            "serial": "SN0001",
            "mac_address": "00-11-22-AA-BB-CC",
            "profiles": ["main 1920x1080@25 H264", "sub 640x360@10 H264"],
        }
    ),
    Scene.model_validate(
        {
            "topic": "tns1:RuleEngine/FieldDetector/ObjectsInside",
            "phase": "end",
            "seen_by": "box",
            "episode": "9f0c3b52a1d4e687",
            "score": 0.875,
            "reason": "moved 12 px in 3 of 3 frames",
            "box": {"left": 0.1, "top": 0.25, "right": 0.5, "bottom": 1},
            "count": 2,
            "duration_ms": 4200,
            "evidence": _HASH,
            "zone": "大门",
            "clock_error_ms": 0,
        }
    ),
    PassageCount.model_validate(
        {
            "hour": "2026-11-23T00:00:00.000Z",
            "passages": 212,
            "observed_s": 3570,
            "delay_ms": 1800,
            "late_ratio": 0.005,
            "resets": 1,
        }
    ),
    RecordingState.model_validate(
        {
            "offered": True,
            "channel": "channel-3",
            "disk": "full",
            "recording": False,
            "oldest": "2026-10-20T08:00:00.000Z",
            "newest": "2026-11-22T16:00:00.000Z",
            "window_days": 30,
            "recorded_days": 29,
            "recorded_ratio": 0.9574,
            "gaps": [{"begins": "2026-11-22T16:00:00.000Z", "ends": "2026-11-23T01:00:00.000Z"}],
            "gaps_omitted": 2,
            "detail": "硬盘已满 / disk full",
        }
    ),
    CommandResult(command="cmd-0001", verb="probe", outcome="done", detail="gate-1 is probed again"),
    ConfigApplied(version=7, refused={"colour": "unknown setting / 未知设置"}),
    BoxEvent(what="boot", detail="after_crash"),
    Canary(number=12),
    Gap(first=401, last=500, entries=100, reason="outbox_full"),
    Shed.model_validate(
        {
            "since": "2026-11-20T08:00:00.000Z",
            "until": "2026-11-23T01:05:00.000Z",
            "entries": {"canary": 780, "scene": 12_404, "passage.count": 65},
        }
    ),
    Quarantined(sha256=_HASH, refused_because="Packet too large"),
    Session.model_validate(
        {
            "status": "offline",
            "session": 1795655112,
            "log_epoch": EPOCH,
            "version": "0.1.0",
            "boot_reason": "clean_start",
            "site": "四知村",
            "civil_code": "610522101",
        }
    ),
    Now.model_validate(
        {
            "session": 1795655112,
            "uptime_s": 3600,
            "outbox_rows": 3,
            "outbox_oldest_s": 2,
            "log_epoch": EPOCH,
            "last_sequence": 1203,
            "cpu_ratio": 0.31,
            "memory_bytes": 150_000_000,
            "devices": {
                "gate-1": {
                    "rung": "picture_ok",
                    "clock_error_ms": 0,
                    "stream_kbps": 450,
                    "stream_fps": 10.0,
                },
                "face-1": {"rung": "reachable"},
            },
        }
    ),
    Acknowledgement(epoch=EPOCH, upto=1200, missing=((1202, 1202),), refused=((1202, "schema"),)),
    TwinReported(version=7, software="0.1.0", settings={"ladder_interval_s": 30.0}, refused={"colour": "?"}),
    TwinDesired(version=7, settings={"ladder_interval_s": 30, "quiet": True, "colour": "green", "gain": 0.5}),
    Command(command="cmd-0001", verb="probe", device="gate-1", expires=AT),
)

VARIANTS: Final[dict[str, Frozen]] = {
    "scene.both": Scene.model_validate(
        {
            "topic": "tns1:VideoSource/MotionAlarm",
            "phase": "end",
            "seen_by": "camera",
            "episode": "9f0c3b52a1d4e688",
            "score": 0.75,
            "duration_ms": 9500,
            "evidence": _HASH,
            "sources": ["camera", "box"],
            "clip": "c1" * 32,
        }
    ),
}
"""More of a kind, by the name of its golden file: what became possible after the first was recorded."""
"""With every field set, so that a golden file shows all of them."""


def kind_of(data: Frozen) -> str:
    kind: str = data.kind  # type: ignore[attr-defined]
    return kind


def topic_for(data: Frozen) -> Topic:
    """The topic this message travels on."""
    for topic_class, kind in PLAIN_KIND_OF.items():
        if kind == kind_of(data):
            return Topic(BOX, topic_class)
    return LOG


def entry_bytes(data: Frozen, sequence: int = 1, *, box: str = BOX, key: bytes = KEY) -> bytes:
    """One log entry, with its MAC."""
    return encode_entry(
        data,
        box=box,
        key=key,
        epoch=EPOCH,
        sequence=sequence,
        at=AT,
        recorded_at=AT,
        subject="gate-1",
        severity="WARN",
    )


def event_bytes(data: Frozen) -> bytes:
    """One plain event, from whoever sends its kind."""
    topic = topic_for(data)
    source = f"/box/{BOX}" if topic.kind.upward else CENTRE_SOURCE
    return encode_event(data, source=source, event_id=f"{EPOCH}-{kind_of(data)}-1", at=AT)


def payload_of(data: Frozen) -> bytes:
    """What would stand on its topic; a log entry as a batch of one."""
    return b"[" + entry_bytes(data) + b"]" if topic_for(data) is LOG else event_bytes(data)
