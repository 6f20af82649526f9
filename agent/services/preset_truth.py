"""PTZ truth (V13): a head is told to turn to a preset; whether it did is what its picture says.

Laws. Only a head that stands still at a preset and is on no tour is moved, and it is brought back there.
Two tries. Compared is with the stored view of the preset; where none is stored, the picture must at least be
another than before the head left. A picture that shows nothing (night, fog, a cover) decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from agent.detect.vqd.look import Look
from agent.detect.vqd.rules import PictureConfig
from agent.detect.vqd.view import ViewMatch, same_view
from agent.model import Image, Place, PresetSpot
from agent.ports import PresetHead

TRIES = 2
APART = 0.1
"""Of an axis: presets that are nearer may show much of the same."""
_LEAST_STRUCTURE = 1.5
_LEAST_LUMA = PictureConfig().dark_levels


class Outcome(StrEnum):
    """What a check found."""

    HONEST = "honest"
    STUCK = "stuck"
    IN_USE = "in_use"
    """It moves, tours, or stands at no preset: somebody has it in hand."""
    NO_PRESET = "no_preset"
    """There is no other preset to turn to."""
    UNTOLD = "untold"
    """The pictures show too little to tell."""


@dataclass(frozen=True, slots=True)
class Truth:
    """``views``: pictures of presets at which the head is known to stand, by token."""

    outcome: Outcome
    reason: str
    preset: str = ""
    tries: int = 0
    back: bool = True
    """Whether the head says that it stands where it was before."""
    views: dict[str, Image] = field(default_factory=dict)


def check(
    head: PresetHead,
    stored: Callable[[str], Sequence[Image]],
    *,
    shown: Callable[[bytes], Image | None],
    preset: str | None = None,
) -> Truth:
    """Turn a head to a preset (``preset``, or one with a stored view, or the farthest) and back.

    ``stored``: the stored pictures of a preset, grey; ``shown``: a JPEG as such a picture. Takes up to two
    minutes. Raises DeviceError; READ_ONLY for a device that may not be written to, with nothing moved.
    """
    home = head.stands_at()
    if home is None:
        return Truth(Outcome.IN_USE, _IN_USE)
    target = _target(head.presets(), home, stored, preset)
    if target is None:
        return Truth(Outcome.NO_PRESET, _NO_PRESET)
    before = shown(head.picture())
    if before is None or not _tells(before):
        return Truth(Outcome.UNTOLD, _UNTOLD, target.token)
    try:
        found = _turned(head, target, stored(target.token), before, shown)
    finally:
        back = head.turn_to(home)
    if found.outcome is Outcome.HONEST:
        found.views[home] = before
    return Truth(found.outcome, found.reason, target.token, found.tries, back, found.views)


def _turned(
    head: PresetHead,
    target: PresetSpot,
    stored: Sequence[Image],
    before: Image,
    shown: Callable[[bytes], Image | None],
) -> Truth:
    said: list[str] = []
    for number in range(1, TRIES + 1):
        there = head.turn_to(target.token)
        now = shown(head.picture())
        if now is None or not _tells(now):
            return Truth(Outcome.UNTOLD, _UNTOLD, tries=number)
        matches = [same_view(now, view) for view in stored]
        if any(one.correlation is None for one in matches):
            return Truth(Outcome.UNTOLD, _UNTOLD, tries=number)
        left = same_view(now, before)
        if there and _arrived(matches, left):
            return Truth(Outcome.HONEST, _HONEST, tries=number, views={target.token: now})
        said.append(_why(matches, left, there=there))
    return Truth(Outcome.STUCK, stuck(target, said[-1]), tries=TRIES)


def _arrived(matches: Sequence[ViewMatch], left: ViewMatch) -> bool:
    return any(one.same for one in matches) if matches else not left.same


def _why(matches: Sequence[ViewMatch], left: ViewMatch, *, there: bool) -> str:
    if left.same:
        return f"画面未变 picture unchanged: {left.reason}"
    if matches:
        return f"{matches[0].reason}"
    return "" if there else "位置未到 it says it is elsewhere"


def _target(
    presets: Sequence[PresetSpot], home: str, stored: Callable[[str], Sequence[Image]], wanted: str | None
) -> PresetSpot | None:
    """The preset to turn to: one with a stored view before others, the farthest of them."""
    at = next((one.place for one in presets if one.token == home), None)
    others = [one for one in presets if one.token != home and _apart(one.place, at) >= APART]
    if wanted is not None:
        others = [one for one in others if one.token == wanted]
    return max(others, key=lambda one: (bool(stored(one.token)), _apart(one.place, at)), default=None)


def _apart(one: Place | None, other: Place | None) -> float:
    """Of pan and tilt; 0 where a place is not told: nobody knows when the head stands there."""
    if one is None or other is None:
        return 0.0
    return max(abs(one.pan - other.pan), abs(one.tilt - other.tilt))


def _tells(picture: Image) -> bool:
    look = Look.at(picture)
    return look.luma >= _LEAST_LUMA and float(look.fine.std()) >= _LEAST_STRUCTURE


def stuck(target: PresetSpot, why: str) -> str:
    """V13 in a sentence, at most 200 characters."""
    name = target.token[:12]
    return (
        f"V13 云台失控：两次转到预置位 {name}，画面不符，请现场检查云台；若改过预置位请重取基准 / "
        f"told twice to turn to preset {name}, its picture is another: check the head ({why})"
    )[:200]


_HONEST = "云台转到预置位，画面相符 / it turns to its preset, and its picture shows it"
_IN_USE = (
    "云台正在转动、巡航或不在预置位，未检查：请停在预置位后再试 / "
    "it moves, tours or stands at no preset, so it was not moved: try again when it stands at one"
)
_NO_PRESET = "没有位置已知的其他预置位：请在设备上设置预置位 / no other preset whose place is told: store one"
_UNTOLD = "画面内容太少，无法判断：请在白天再试 / the picture shows too little to tell: try by day"
