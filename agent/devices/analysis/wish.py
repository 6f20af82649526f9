"""What an analysis stream is to be, chosen from what an encoder can; and whether a stream is that. Pure.

Law: what cannot be had is not asked for, and what falls short is said. Why so: a check a second (a group of
pictures of 1 s) finds fast movers, a small picture costs little to decode, H.264 less than H.265.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.devices.analysis import sentences
from agent.management import Allowed, Settings, Value
from agent.model import StreamMeasure

NAME = "outpost-analysis"
WIDTH_PX, HEIGHT_PX = 640, 360
LARGEST_PX = 720 * 576
"""What is taken where nothing smaller is offered: the picture of an analogue camera."""
NARROWEST_PX = 320
FPS_LOW, FPS_HIGH = 5.0, 10.0
GOP_S = 1.0
KBPS = 512
"""640x360 at 10 pictures a second with a key frame each second."""
_COMMON_RATES = (10.0, 8.0, 7.0, 6.0, 5.0, 12.0, 12.5, 15.0, 4.0, 3.0, 2.0, 20.0, 25.0, 30.0)
"""By preference: within the wish from above, then what is nearest to it."""
_TOLERATED = 0.25
_DECODED = ("H264", "H265")


@dataclass(frozen=True, slots=True)
class Wish:
    """``settings`` of one encoder without prefix; ``short`` says where it is less than wished for."""

    settings: Mapping[str, Value]
    short: tuple[str, ...] = ()


def codec_for(before: Settings, offered: Allowed | None) -> str:
    """The codec to use; "" when the encoder has none that can be decoded."""
    has = str(before.get("codec", ""))
    codecs = [str(value) for value in offered.values] if offered is not None else [has]
    return next((codec for codec in _DECODED if codec in (*codecs, has)), "")


def wished(before: Settings, options: Mapping[str, Allowed], codec: str) -> Wish | None:
    """What to set on an encoder that is ``before`` and may be ``options`` with ``codec``; None when it
    cannot be small enough."""
    size = _size(before.get("size"), options.get("size"))
    if not codec or size is None:
        return None
    settings: dict[str, Value] = {"codec": codec, "size": size}
    short = []
    if _pixels(size) > WIDTH_PX * HEIGHT_PX:
        short.append(sentences.larger(size))
    fps = _fps(before.get("fps"), options.get("fps"))
    if "fps" in before:
        settings["fps"] = int(fps) if fps == int(fps) else fps
    if not FPS_LOW <= fps <= FPS_HIGH:
        short.append(sentences.other_rate(fps))
    if "gop_frames" not in before:
        short.append(sentences.no_group())
    else:
        gop = int(_within(max(1.0, round(fps * GOP_S)), options.get("gop_frames")))
        settings["gop_frames"] = gop
        if fps and gop / fps > GOP_S * (1 + _TOLERATED):
            short.append(sentences.long_group(gop / fps))
    if "kbps" in before:
        settings["kbps"] = int(_within(KBPS, options.get("kbps")))
    return Wish({name: value for name, value in settings.items() if name in before}, tuple(short))


def differences(settled: Settings, seen: StreamMeasure) -> tuple[str, ...]:
    """Where a stream is not what its encoder was set to, one sentence each."""
    found = []
    size = f"{seen.width}x{seen.height}"
    if str(settled.get("codec", "")) not in ("", seen.codec):
        found.append(sentences.streams_otherwise("codec", settled["codec"], seen.codec))
    if str(settled.get("size", size)) != size:
        found.append(sentences.streams_otherwise("size", settled["size"], size))
    fps, gop = settled.get("fps"), settled.get("gop_frames")
    if isinstance(fps, int | float) and fps and not _is_near(seen.fps, fps):
        found.append(sentences.streams_otherwise("fps", f"{fps:g}", f"{seen.fps:.1f}"))
    if isinstance(fps, int | float) and isinstance(gop, int | float) and fps:
        wanted_s = gop / fps
        if seen.gop_s is None or seen.gop_s > wanted_s * (1 + _TOLERATED):
            shown = f"> {seen.seconds:.0f} s" if seen.gop_s is None else f"{seen.gop_s:.1f} s"
            found.append(sentences.streams_otherwise("gop", f"{wanted_s:.1f} s", shown))
    return tuple(found)


def _is_near(found: float, wanted: float) -> bool:
    return abs(found - wanted) <= max(0.5, _TOLERATED * wanted)


def _size(has: Value | None, allowed: Allowed | None) -> str | None:
    """The largest size within the wish, else the smallest that is still small; None when there is none."""
    offered = [str(value) for value in allowed.values] if allowed is not None else []
    sizes = [size for size in offered or [str(has or "")] if _pixels(size)]
    within = [size for size in sizes if _fits(size) and _width(size) >= NARROWEST_PX]
    if within:
        return max(within, key=_pixels)
    small = [size for size in sizes if _pixels(size) <= LARGEST_PX]
    larger = [size for size in small if _width(size) >= NARROWEST_PX]
    return min(larger, key=_pixels, default=None) or max(small, key=_pixels, default=None)


def _fits(size: str) -> bool:
    return _width(size) <= WIDTH_PX and _pixels(size) <= _width(size) * HEIGHT_PX


def _width(size: str) -> int:
    width = size.partition("x")[0]
    return int(width) if width.isdecimal() else 0


def _pixels(size: str) -> int:
    width, _, height = size.partition("x")
    return int(width) * int(height) if width.isdecimal() and height.isdecimal() else 0


def _fps(has: Value | None, allowed: Allowed | None) -> float:
    present = float(has) if isinstance(has, int | float) else 0.0
    if allowed is None:
        return present if FPS_LOW <= present <= FPS_HIGH else FPS_HIGH
    offered = _offered_rates(allowed)
    wished_for = [rate for rate in offered if FPS_LOW <= rate <= FPS_HIGH]
    if wished_for:
        return max(wished_for)
    return min(offered, key=lambda rate: (abs(rate - FPS_HIGH), rate), default=present)


def _offered_rates(allowed: Allowed) -> Sequence[float]:
    if allowed.values:
        return [float(value) for value in allowed.values if isinstance(value, int | float)]
    low = allowed.low if allowed.low is not None else FPS_LOW
    high = allowed.high if allowed.high is not None else FPS_HIGH
    within = [rate for rate in _COMMON_RATES if low <= rate <= high]
    return within or [low]


def _within(value: float, allowed: Allowed | None) -> float:
    low = allowed.low if allowed is not None and allowed.low is not None else value
    high = allowed.high if allowed is not None and allowed.high is not None else value
    return max(low, min(high, value))
