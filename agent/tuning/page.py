"""A page to tune a camera's zones in: the place, its zones to draw, what fired and when.

Law: one file that asks nobody for anything, of bounded size; masks are black in every picture of it. What is
drawn in it comes out as the tables the configuration takes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import cv2

from agent.config import ZoneSection
from agent.model import Image, LineDirection, Rectangle, ZoneKind
from agent.tuning.film import Film
from agent.tuning.reasons import in_chinese
from agent.tuning.rehearsal import Happening, Outcome
from agent.tuning.timeline import Timeline
from agent.tuning.trial_values import Thresholds
from agent.tuning.wording import certain, span, summary
from protocol.scene_words import scene_word

MOST_EVENTS: Final = 200
MOST_PICTURES: Final = 60
THUMB_BYTES, STILL_BYTES = 20_000, 200_000
_TEMPLATE: Final = Path(__file__).with_name("page.html")
_PLACE: Final = "__DATA__"

_KINDS: Final[Mapping[ZoneKind, tuple[str, str]]] = {
    ZoneKind.PRIVACY: ("隐私遮罩", "privacy mask"),
    ZoneKind.IGNORE: ("忽略区", "ignored"),
    ZoneKind.MOTION: ("移动区", "motion"),
    ZoneKind.PRESENCE: ("禁入区", "presence"),
    ZoneKind.DWELL: ("徘徊区", "dwell"),
    ZoneKind.CROWD: ("聚集区", "crowd"),
    ZoneKind.LINE: ("越线", "line"),
    ZoneKind.WATCH: ("物品看护", "watch"),
    ZoneKind.LAMP: ("灯光", "lamp"),
}
_SEEING: Final = tuple(kind for kind in ZoneKind if not kind.is_mask)
_Key = tuple[str, str, str, str, tuple[ZoneKind, ...]]
_KEYS: Final[tuple[_Key, ...]] = (
    ("closed", "flag", "有人即报", "somebody inside is an event", (ZoneKind.PRESENCE,)),
    ("direction", "choice", "方向", "direction", (ZoneKind.LINE,)),
    ("dwell_s", "number", "停留秒数", "seconds inside", (ZoneKind.DWELL,)),
    ("crowd_count", "number", "人数", "persons", (ZoneKind.CROWD,)),
    ("crowd_ratio", "number", "占区域比例", "share covered", (ZoneKind.CROWD,)),
    ("person_ratio", "number", "人高占画面", "height of a person", (ZoneKind.CROWD,)),
    ("watch_s", "number", "放置秒数", "seconds left", (ZoneKind.WATCH,)),
    ("sensitivity", "number", "灵敏度 1–100", "sensitivity 1–100", _SEEING),
    ("min_size_ratio", "number", "最小（占画面）", "smallest, share", _SEEING),
    ("max_size_ratio", "number", "最大（占画面）", "largest, share", _SEEING),
    ("schedule", "lines", "时段，每行一个", "schedule, a line each", (*_SEEING, ZoneKind.IGNORE)),
)
"""Key, how it is typed in, what it is called, and for which kinds it is."""


def page(film: Film, outcome: Outcome, timeline: Timeline, thresholds: Thresholds) -> str:
    """The whole page."""
    data = {
        "film": {
            "name": film.path.name,
            "facts": f"{film.codec} {film.width}×{film.height}",
            "seconds": round(outcome.stream_s, 2),
            "aspect": film.height / film.width if film.width else 0.5625,
        },
        "still": _data_uri(outcome.still, STILL_BYTES),
        "zones": [_zone(zone) for zone in thresholds.zones],
        "kinds": [[kind.value, *words] for kind, words in _KINDS.items()],
        "keys": [_key(*key) for key in _KEYS],
        "directions": [one.value for one in LineDirection],
        "events": [_event(event, number) for number, event in enumerate(outcome.events[:MOST_EVENTS])],
        "events_more": max(0, len(outcome.events) - MOST_EVENTS) + outcome.events_omitted,
        "glimpses": [
            [round(one.at_s, 2), *scene_word(one.topic), one.zone] for one in outcome.glimpses[:500]
        ],
        "timeline": _timeline(timeline, thresholds),
        "summary": list(summary(film, outcome, thresholds)),
    }
    return _TEMPLATE.read_text("utf-8").replace(_PLACE, _script_safe(data))


def _script_safe(data: object) -> str:
    """JSON that ends no script element, whatever a zone is called."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _zone(zone: ZoneSection) -> Mapping[str, object]:
    told = zone.model_dump(mode="json", exclude_unset=True)
    return {"kind": zone.kind.value, **told}


def _key(key: str, typed: str, chinese: str, english: str, kinds: Sequence[ZoneKind]) -> Mapping[str, object]:
    default = ZoneSection.model_fields[key].default
    return {
        "key": key,
        "typed": typed,
        "zh": chinese,
        "en": english,
        "kinds": [kind.value for kind in kinds],
        "default": list(default) if isinstance(default, tuple) else default,
    }


def _event(event: Happening, number: int) -> Mapping[str, object]:
    pictured = number < MOST_PICTURES and event.picture is not None
    return {
        "start": round(event.start_s, 2),
        "told": round(event.told_s, 2),
        "end": None if event.end_s is None else round(event.end_s, 2),
        "span": span(event),
        "words": scene_word(event.topic),
        "certain": certain(event),
        "zone": event.zone,
        "score": round(event.score, 2),
        "reason": [in_chinese(event.reason), event.reason],
        "box": _box(event.box),
        "thumb": _data_uri(event.picture, THUMB_BYTES) if pictured else None,
        "thumb_box": _box(event.picture_box),
    }


def _box(box: Rectangle | None) -> Sequence[float] | None:
    return None if box is None else [round(v, 4) for v in (box.left, box.top, box.right, box.bottom)]


def _timeline(timeline: Timeline, thresholds: Thresholds) -> Mapping[str, object]:
    columns = timeline.columns
    return {
        "step_s": timeline.step_s,
        "kbps": [round(8 * one.size_bytes / timeline.step_s / 1000, 1) for one in columns],
        "surprise": [round(one.surprise, 2) for one in columns],
        "ratio": [round(one.ratio, 5) for one in columns],
        "keys": [one.keys + one.low_rate for one in columns],
        "runs": [one.runs for one in columns],
        "alarms": [one.alarms for one in columns],
        "surprise_limit": thresholds.gate.surprise,
        "ratio_limit": thresholds.detect.background.blob_ratio,
    }


def _data_uri(picture: Image | None, most_bytes: int) -> str | None:
    """A picture inside the page; None without one, or where it does not fit."""
    if picture is None or not picture.size:
        return None
    for quality in (80, 60, 40, 20):
        done, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if done and encoded.size <= most_bytes:
            return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode("ascii")
    return None
