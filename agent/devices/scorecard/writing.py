"""Trials that write: Set then Get by one step and back, a preset that must move the picture.

    read ──> write one step ──> read back ──> put back what was found ──> read back
               whatever happens in between ───────^

Law: only with the installer's word, never to a device of class INTEGRATED, and what was found is put back,
also after an error; what could not be is told by name and value, to be set by hand.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.devices.scorecard import picture
from agent.devices.scorecard.card import Mark, Verdict, mark
from agent.devices.sentences import both
from agent.devices.upkeep.head import Bearing, Head, Preset
from agent.devices.upkeep.proof import until
from agent.errors import DeviceError, DeviceTrouble
from agent.management import Allowed, Aspect, Settings, Value

log = logging.getLogger(__name__)

_TRIES = 4
_PAUSE_S = 1.0
_STEP_S = 0.25
_TURNS_WITHIN_S = 15.0
_STARTS_WITHIN_S = 2.0
_MOVED = 0.02
"""In generic units: less is the head's own noise."""
_CLOCK_RIGHT_S = 2.0
_COMMON_RATES: tuple[Value, ...] = (5, 10, 15, 20, 25, 30)
"""Makes round what lies between; a step of one would come back as it was and look like a lie."""
_TEXT = "0123456789" * 4
_OWN_PRESET = "outpost"
NOTHING_SENT = (DeviceTrouble.READ_ONLY, DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.BAD_VALUE)


@dataclass(frozen=True, slots=True)
class Tools:
    """What the trials work with. ``clock_error_s`` is device minus box, None when unknown."""

    device: str
    aspects: Mapping[str, Aspect]
    head: Head
    snapshot: Callable[[], bytes]
    clock_error_s: Callable[[], float | None]
    pause: Callable[[float], None] = time.sleep


class Writer:
    """The writing trials of one device. ``left`` names what could not be put back."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.left: list[str] = []

    def marks(self) -> Iterator[Mark]:
        """All of them, one after the other; one that fails does not keep the others from being made."""
        for trial, name, step in (
            ("set_rate", "encoder", rate_step),
            ("set_brightness", "imaging", brightness_step),
            ("set_clock_mode", "time", self._clock_step),
        ):
            yield self._stepped(trial, name, step)
        yield self._text()
        yield self._preset()

    # --- settings --------------------------------------------------------------------------------

    def _stepped(self, trial: str, name: str, step: Step) -> Mark:
        """Set one value, read it back, put it back."""
        try:
            aspect = self._tools.aspects[name]
            before = dict(aspect.read())
            wanted = step(before, aspect.allowed())
        except DeviceError as error:
            return _not_tried(trial, error)
        if isinstance(wanted, str):
            return mark(trial, "-", "-", Verdict.UNDECIDED, wanted)
        verdict, told = Verdict.HONEST, ""
        try:
            aspect.write(wanted)
        except DeviceError as error:
            verdict, told = _judged(error), error.kind.value
        finally:
            # An automatic exposure moves its own figures: of the picture only what was written is put back.
            mine = {each: before[each] for each in wanted if each in before}
            restored = self._put_back(aspect, mine if name == "imaging" else before)
        ((setting, value),) = list(wanted.items())[:1]
        does = value if verdict is Verdict.HONEST else f"{before.get(setting)} ({told})"
        evidence = both(
            f"{setting} 从 {before.get(setting)} 改为 {value}；{_restored(restored)[0]}",
            f"{setting} from {before.get(setting)} to {value}; {_restored(restored)[1]}",
        )
        return mark(trial, value, does, verdict, evidence)

    def _put_back(self, aspect: Aspect, before: Settings) -> bool:
        """Write what differs from ``before`` until nothing does; note what is left. Raises nothing."""
        differs: Settings = {}
        for attempt in range(_TRIES):
            try:
                now = aspect.read()
                differs = {name: value for name, value in before.items() if now.get(name) != value}
                if not differs:
                    return True
                aspect.write(differs)
            except DeviceError as error:
                if error.kind is DeviceTrouble.READ_ONLY:
                    return True
                if attempt + 1 < _TRIES:
                    self._tools.pause(_PAUSE_S)
        try:
            now = aspect.read()
            differs = {name: value for name, value in before.items() if now.get(name) != value}
        except DeviceError:
            differs = differs or before
        if not differs:
            return True
        values = ", ".join(f"{aspect.name} {name}={value}" for name, value in list(differs.items())[:12])
        self._leave(both(f"请手工改回：{values}", f"set back by hand: {values}"))
        return False

    def _leave(self, told: str) -> None:
        """Said at once: whoever interrupts the rest must know it too."""
        log.error("device=%s a trial could not put back: %s", self._tools.device, told)
        self.left.append(told)

    def _clock_step(self, before: Settings, _allowed: Mapping[str, Allowed]) -> Settings | str:
        """The other mode. NTP only where a server is set and the clock is right, so that nothing jumps."""
        if before.get("mode") == "NTP":
            return {"mode": "Manual"}
        if not before.get("ntp.servers") and before.get("ntp.from_dhcp") is not True:
            return both("没有设置 NTP 服务器，未试", "no time server is set, not tried")
        error_s = self._tools.clock_error_s()
        if error_s is None or abs(error_s) > _CLOCK_RIGHT_S:
            return both("时钟不准，请先校时，未试", "its clock is off: set it first; not tried")
        return {"mode": "NTP"}

    def _text(self) -> Mark:
        """How much of a text of forty characters stays."""
        try:
            aspect = self._tools.aspects["osd"]
            before = dict(aspect.read())
        except DeviceError as error:
            return _not_tried("set_text", error)
        name = next((each for each in before if each.endswith(".text")), None)
        if name is None:
            return mark("set_text", "-", "-", Verdict.NOT_OFFERED, both("没有字幕", "it has no texts"))
        kept, told = len(_TEXT), ""
        try:
            aspect.write({name: _TEXT})
        except DeviceError as error:
            told = error.kind.value
            kept = _kept_length(aspect, name) if error.kind is DeviceTrouble.NOT_KEPT else 0
        finally:
            restored = self._put_back(aspect, before)
        verdict = Verdict.HONEST if kept == len(_TEXT) else Verdict.LIES
        if told and told != DeviceTrouble.NOT_KEPT:
            verdict = Verdict.HONEST if told == DeviceTrouble.BAD_VALUE else Verdict.UNDECIDED
        does = f"{kept}" if not told or kept else told
        chinese, english = _restored(restored)
        evidence = both(f"保留 {kept} 个字符；{chinese}", f"{kept} characters stay; {english}")
        return mark("set_text", len(_TEXT), does, verdict, evidence)

    # --- the head --------------------------------------------------------------------------------

    def _preset(self) -> Mark:
        head = self._tools.head
        try:
            presets, start = head.presets(), head.bearing()
        except DeviceError as error:
            return _not_tried("preset", error)
        if not presets:
            told = both("没有预置位，请先存两个", "no preset is stored: store two first")
            return mark("preset", "-", "-", Verdict.UNDECIDED, told)
        try:
            way_back = head.store(_OWN_PRESET)
        except DeviceError as error:
            self._sweep(presets)
            told = both(
                f"存不下返回点，未试：{error.kind}", f"the way back cannot be stored, not tried: {error.kind}"
            )
            return mark("preset", True, "-", Verdict.UNDECIDED, told)
        outcome: tuple[Verdict, str, str] = (
            Verdict.UNDECIDED,
            "-",
            both("没有试成", "it could not be tried"),
        )
        try:
            outcome = self._turned([one for one in presets if one.token != way_back.token], start)
        except DeviceError as error:
            outcome = (Verdict.UNDECIDED, error.kind.value, both("试验中断", "the trial was cut short"))
        finally:
            restored = self._turned_back(way_back, start, new=way_back not in presets)
        verdict, does, told = outcome
        back = both(*_restored(restored))
        return mark("preset", True, does, verdict, f"{told}; {back}")

    def _turned(self, presets: list[Preset], start: Bearing) -> tuple[Verdict, str, str]:
        """Go to presets until one is elsewhere; (verdict, what it did, why)."""
        before, again = self._tools.snapshot(), self._tools.snapshot()
        after, claims = again, False
        for preset in presets[:4]:
            self._tools.head.go_to(preset.token)
            claims = self._waited(start)
            after = self._tools.snapshot()
            if claims or picture.moved(before, again, after):
                break
        return judge_turn(claims=claims, seen=picture.moved(before, again, after))

    def _waited(self, start: Bearing) -> bool:
        """Wait until the head has turned and stands; whether it says that it is elsewhere than before."""
        starts = time.monotonic() + _STARTS_WITHIN_S

        def stands(now: Bearing) -> bool:
            return not now.moving and (elsewhere(start, now) or time.monotonic() > starts)

        self._tools.pause(_STEP_S)
        return elsewhere(start, self._seen(stands))

    def _turned_back(self, way_back: Preset, start: Bearing, *, new: bool) -> bool:
        """Where it looked before, and without the preset made for it. Raises nothing."""
        for attempt in range(_TRIES):
            if attempt:
                self._tools.pause(_PAUSE_S)
            with contextlib.suppress(DeviceError):
                self._tools.head.go_to(way_back.token)
            with contextlib.suppress(DeviceError):
                if self._stands_at(start) and (not new or self._forgotten(way_back.token)):
                    return True
        where = f"pan {start.pan:.2f} tilt {start.tilt:.2f} zoom {start.zoom:.2f}"
        self._leave(
            both(
                f"请手工把云台转回 {where}，并删除预置位 {_OWN_PRESET}",
                f"turn the head back by hand to {where}, and take preset {_OWN_PRESET} away",
            )
        )
        return False

    def _stands_at(self, place: Bearing) -> bool:
        now = self._seen(lambda seen: not seen.moving)
        return not now.moving and not elsewhere(place, now)

    def _seen(self, done: Callable[[Bearing], bool]) -> Bearing:
        """Where the head looks once it is so, or when a turn has had its time."""
        return until(
            self._tools.head.bearing,
            done,
            within_s=_TURNS_WITHIN_S,
            every_s=_STEP_S,
            pause=self._tools.pause,
        )

    def _forgotten(self, token: str) -> bool:
        """Whether a preset is gone, whatever was answered to taking it away."""
        if any(one.token == token for one in self._tools.head.presets()):
            with contextlib.suppress(DeviceError):
                self._tools.head.forget(token)
        return all(one.token != token for one in self._tools.head.presets())

    def _sweep(self, before: Sequence[Preset]) -> None:
        """Take a preset of ours away that was stored although the answer to it was lost."""
        known = {one.token for one in before}
        with contextlib.suppress(DeviceError):
            for one in self._tools.head.presets():
                if one.token not in known and one.name == _OWN_PRESET:
                    self._forgotten(one.token)


Step = Callable[[Settings, Mapping[str, Allowed]], Settings | str]
"""What to write, or the sentence why that is not tried."""


def rate_step(before: Settings, allowed: Mapping[str, Allowed]) -> Settings | str:
    """The frame rate of the smallest stream by one step of the common rates, downwards first. Pure."""
    names = [name for name in before if name.endswith(".fps")]
    if not names:
        return both("没有帧率设置", "it has no frame rate to set")
    name = names[-1]
    span = allowed.get(name, Allowed())
    if not span.values:
        low, high = span.low or 1.0, span.high or 30.0
        common = tuple(rate for rate in _COMMON_RATES if low <= float(str(rate)) <= high)
        span = Allowed(values=common) if common else span
    return _one_step(name, before, {name: span})


def brightness_step(before: Settings, allowed: Mapping[str, Allowed]) -> Settings | str:
    """The brightness by one step. Pure."""
    names = [name for name in before if name.rpartition(".")[2] == "brightness"]
    if not names:
        return both("没有亮度设置", "it has no brightness to set")
    return _one_step(names[0], before, allowed)


def _one_step(name: str, before: Settings, allowed: Mapping[str, Allowed]) -> Settings | str:
    value = before[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return both(f"{name} 不是数字", f"{name} is no number")
    wanted = neighbour(value, allowed.get(name, Allowed()))
    if wanted is None:
        return both(f"{name} 只有一个可选值", f"{name} may be nothing else")
    return {name: wanted}


def neighbour(value: float, allowed: Allowed) -> Value | None:
    """The next allowed value below, else above; None when there is none. Whole numbers stay whole. Pure."""
    listed = sorted(each for each in allowed.values if isinstance(each, int | float))
    if listed:
        below = [each for each in listed if each < value]
        above = [each for each in listed if each > value]
        chosen = below[-1] if below else above[0] if above else None
    elif allowed.low is None or value - 1 >= allowed.low:
        chosen = value - 1
    else:
        chosen = value + 1 if allowed.high is None or value + 1 <= allowed.high else None
    if chosen is None or chosen < 0:
        return None
    return type(value)(chosen)


def elsewhere(one: Bearing, other: Bearing) -> bool:
    """Whether the head says that it looks elsewhere. Pure."""
    steps = (one.pan - other.pan, one.tilt - other.tilt, one.zoom - other.zoom)
    return max(abs(step) for step in steps) > _MOVED


def judge_turn(*, claims: bool, seen: bool | None) -> tuple[Verdict, str, str]:
    """(verdict, what it did, why) of a preset: what the head says and what the pictures show. Pure."""
    if seen is None:
        told = both("画面看不出（太暗、太乱或取不到）", "the pictures cannot tell: dark, busy or none")
        return Verdict.UNDECIDED, f"status {'moves' if claims else 'stays'}", told
    if claims and seen:
        return Verdict.HONEST, "moves", both("位置和画面都变了", "position and picture changed")
    if seen:
        return (
            Verdict.HONEST,
            "moves",
            both("画面变了，位置没有上报", "the picture changed, no position is told"),
        )
    if claims:
        return (
            Verdict.LIES,
            "picture stays",
            both("报告转了，画面没变", "it says it turned, the picture stays"),
        )
    return Verdict.LIES, "stays", both("位置和画面都没变", "neither position nor picture changed")


def _kept_length(aspect: Aspect, name: str) -> int:
    try:
        text = str(aspect.read().get(name, ""))
    except DeviceError:
        return 0
    return len(text) if text and _TEXT.startswith(text) else 0


def _judged(error: DeviceError) -> Verdict:
    return Verdict.LIES if error.kind is DeviceTrouble.NOT_KEPT else Verdict.UNDECIDED


def _not_tried(trial: str, error: DeviceError) -> Mark:
    lacks = error.kind in NOTHING_SENT and error.kind is not DeviceTrouble.READ_ONLY
    told = both(f"未试：{error.kind}", f"not tried: {error.kind}")
    return mark(trial, "-", "-", Verdict.NOT_OFFERED if lacks else Verdict.UNDECIDED, told)


def _restored(done: bool) -> tuple[str, str]:
    return ("已恢复原样", "put back") if done else ("没有恢复，见下", "not put back, see below")
