"""One camera's moving picture: every profile shows the same moment, and the moment comes from the clock.

Law: when nobody looks nothing is computed; where a camera is in its loop follows from the time alone.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2

from simulator.video.clip import Clip
from simulator.video.library import Library
from simulator.video.model import BLIND, Codec, Picture, ProfileSpec, Reel, VideoError
from simulator.video.rekey import Splice, recode, rest_of_group
from simulator.video.rtp import Packets
from simulator.video.scenes import Scene, scene_named
from simulator.video.timeline import Segment, Timeline

log = logging.getLogger(__name__)

TRUTH_S = 3600
"""How far back a camera remembers what it showed."""
JPEG_QUALITY = 85
_SLACK = 1e-4  # frames
_SEARCH_STEP_S = 0.2
_KEY_LEADS_S = (0.1, 0.3, 1.0)
"""How far ahead a key frame that was asked for is put: as far as coding it takes, which is tried."""
_MOST_SPLICES = 8

Clock = Callable[[], float]
"""Unix seconds, never jumping back."""


def steady_clock() -> Clock:
    """Wall time that runs on with the monotonic clock from now."""
    wall, started = time.time(), time.monotonic()
    return lambda: wall + time.monotonic() - started


@dataclass(slots=True)
class Cursor:
    """A reader's place in a profile: a segment and the number of frames shown of it."""

    channel: Channel
    token: str
    codec: Codec | None
    segment: Segment
    number: int
    clip: Clip

    @property
    def at(self) -> float:
        """Unix seconds of the frame."""
        return self.segment.start + self.number / self.clip.fps

    @property
    def index(self) -> int:
        """The frame's index in its clip."""
        return frame_index(self.segment, self.clip, self.number)

    def packets(self) -> Packets:
        """The frame as it is sent: coded anew where a key frame was asked for."""
        return self.channel.spliced(self) or self.clip.packets(self.index)

    def step(self) -> None:
        """Go on to the next frame, into the next segment (with its key frame) when this one is over."""
        self.number += 1
        while self.segment.next is not None and self.number + _SLACK >= self.segment.lasts() * self.clip.fps:
            self.segment = self.segment.next
            self.number = 0
            self.clip = self.channel.clip(self.token, self.segment, self.codec)


class Channel:
    """The picture of one camera, from a scene by name or from a file."""

    def __init__(
        self,
        library: Library,
        *,
        scene: str | None = None,
        file: Path | None = None,
        profiles: tuple[ProfileSpec, ...],
        clock: Clock | None = None,
    ) -> None:
        """One of `scene` and `file`; raises VideoError for an unknown scene or when no profile is given."""
        if (scene is None) == (file is None):
            raise VideoError("需要 scene 或 file 之一 / exactly one of scene and file is needed")
        if not profiles or len({profile.token for profile in profiles}) != len(profiles):
            raise VideoError("profiles: 至少一个且名称不同 / at least one, with different tokens")
        self._library = library
        self._scene: Scene | None = None if scene is None else scene_named(scene)
        self._source: str | Path = scene if scene is not None else Path(str(file))
        self._profiles = {profile.token: profile for profile in profiles}
        self._factory = profiles
        """What the loop and the truth are told by, whatever the streams are set to."""
        self._splices: deque[Splice] = deque(maxlen=_MOST_SPLICES)
        self._making_keys: set[str] = set()
        self._clock = clock or steady_clock()
        self._clips: dict[Reel, Clip] = {}
        self._extra_codecs: set[Codec] = set()
        self._wanted = Picture.NORMAL
        self._timeline: Timeline | None = None
        self._started = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def tokens(self) -> tuple[str, ...]:
        """The profiles, the first one is the main one."""
        return tuple(self._profiles)

    @property
    def picture(self) -> Picture:
        """What `show` was last asked for."""
        return self._wanted

    @property
    def actions(self) -> tuple[str, ...]:
        """What `play` knows."""
        return () if self._scene is None else tuple(self._scene.actions)

    def now(self) -> float:
        """The camera's own idea of unix time."""
        return self._clock()

    def profile(self, token: str) -> ProfileSpec:
        """A profile; raises KeyError naming those there are."""
        if token not in self._profiles:
            raise KeyError(f"no profile {token!r}; known: {', '.join(self._profiles)}")
        return self._profiles[token]

    def arrange(self, spec: ProfileSpec) -> None:
        """Offer a profile, or another stream in it: whoever watches is dropped, and its clips are made when
        somebody asks for it. Its bit rate is that of its size."""
        self._profiles[spec.token] = spec

    def end(self, token: str) -> None:
        """Offer a profile no longer; no effect on one that is not there."""
        self._profiles.pop(token, None)

    def ask_key(self, token: str) -> None:
        """Put a key frame into a profile's stream as soon as it is coded; once, however often it is asked.

        Needs a running event loop. A stream that nobody prepared has none to be put.
        """
        if token in self._profiles and token not in self._making_keys:
            self._making_keys.add(token)
            self._start(lambda: self._make_key(token), f"key frame of {token}")

    def spliced(self, cursor: Cursor) -> Packets | None:
        """The frame at a cursor where it was coded anew, the latest first."""
        for splice in reversed(self._splices):
            packets = splice.packets(cursor.segment, cursor.clip, cursor.number)
            if packets is not None:
                return packets
        return None

    async def _make_key(self, token: str) -> None:
        try:
            for lead_s in _KEY_LEADS_S:
                if await self._key_after(token, lead_s):
                    return
            log.warning("source=%s profile=%s a key frame could not be coded in time", self._source, token)
        except (VideoError, KeyError) as error:
            log.warning("source=%s profile=%s no key frame: %s", self._source, token, error)
        finally:
            self._making_keys.discard(token)

    async def _key_after(self, token: str, lead_s: float) -> bool:
        """Code one for the first frame after ``lead_s``; False when it was due before it was ready."""
        cursor = self.cursor(token)
        due = self._clock() + lead_s
        while cursor.at < due:
            cursor.step()
        segment, clip, number, index = cursor.segment, cursor.clip, cursor.number, cursor.index
        if clip.units[index].key:
            return True
        recoded = await asyncio.to_thread(recode, clip, index, rest_of_group(clip, index))
        if self._clock() >= segment.start + number / clip.fps:
            return False
        self._splices.append(Splice(segment, clip, number, recoded))
        return True

    async def prepare(self) -> None:
        """Have the loop and the actions ready; raises VideoError when the source cannot be played."""
        await self._library.prepare(self.reels(Picture.NORMAL))
        await self._hold(self.reels(Picture.NORMAL))
        if self._timeline is None:
            now = self._clock()
            phase = self._library.next_phase() if self._scene is not None else 0.0
            main = self._main_clip()
            offset_s = math.floor(phase * len(main.units)) / main.fps
            # A loop that began `offset_s` ago: the segment starts with its key frame, in the past.
            self._timeline = Timeline(start=now - offset_s, keep_s=TRUTH_S)
            self._started = now

    async def prepare_pictures(self, pictures: Iterable[Picture] = tuple(Picture)) -> None:
        """Have fault pictures ready too, so that `show` takes effect at once."""
        for picture in pictures:
            await self._hold(self.reels(picture))

    async def prepare_codec(self, token: str, codec: Codec) -> None:
        """Have a profile's loop ready in another compression; the rest of it follows by itself."""
        await self._hold_loop(replace(self.profile(token), codec=codec))
        self.prepare_codec_soon(codec)

    async def prepare_profile(self, token: str) -> None:
        """Have a profile's loop ready as it is arranged now; the rest of it follows by itself."""
        profile = self.profile(token)
        if profile in self._factory:
            return
        is_new = self._reel(profile, Picture.NORMAL, None) not in self._clips
        await self._hold_loop(profile)
        if is_new:
            self._start(self._prepare_codec_fully, f"profile {token}")

    async def _hold_loop(self, profile: ProfileSpec) -> None:
        for picture in dict.fromkeys((Picture.NORMAL, self._wanted)):
            await self._hold([self._reel(profile, picture, None)])

    def prepare_codec_soon(self, codec: Codec) -> None:
        """Begin to have everything in another compression; without a running event loop, only note it."""
        if codec in self._extra_codecs or all(profile.codec is codec for profile in self._profiles.values()):
            return
        self._extra_codecs.add(codec)
        self._start(self._prepare_codec_fully, f"codec {codec}")

    def forget_codec(self, codec: Codec) -> None:
        """Later pictures need no longer be ready in another compression."""
        self._extra_codecs.discard(codec)

    def show(self, picture: Picture) -> None:
        """Show the world through `picture` from the next frame on, which is a key frame.

        When its clips are not rendered yet this happens as soon as they are; needs a running event loop then.
        """
        if picture is self._wanted:
            return
        self._wanted = picture
        if self._ready(picture):
            self._switch()
            return
        self._start(lambda: self._switch_when_ready(picture), f"show {picture}")

    def play(self, action: str) -> tuple[float, float]:
        """Play an action once, as soon as nobody is in view; unix seconds between which it can be seen.

        Raises KeyError naming the known actions.
        """
        if self._scene is None:
            raise KeyError(f"文件没有动作 / a file has no action {action!r}")
        script = self._scene.script(action)
        timeline = self._require_timeline()
        at = self._quiet_from(timeline)
        timeline.play(action, at, script.seconds)
        clip = self._clips[self._reel(self._factory[0], Picture.NORMAL, action)]
        seen = [s for s in clip.sightings if s.what != "wind"]
        return at + min(s.from_s for s in seen), at + max(s.to_s for s in seen)

    def snapshot(self, token: str) -> bytes:
        """JPEG of the latest key frame: at most one GOP old; raises KeyError for an unknown profile."""
        self.profile(token)
        try:
            cursor = self.cursor(token)
        except VideoError:  # arranged, and nobody watched it yet
            cursor = self.own_cursor()
        return _jpeg(cursor.clip, cursor.clip.key_before[cursor.index])

    def truth(self, *, tracks: bool = False) -> list[dict[str, Any]]:
        """What was visible when, in unix seconds, up to now and at most `TRUTH_S` back.

        Entries {what, from, to}: person, car, light and wind of the scene, faults of the picture by their
        name; for files one entry `file` with `loop_s` and `loop_started_at` (second s of the file was shown
        at each of them + s). With `tracks` movers carry `track`: [unix seconds, x, y, w, h] in ratios.
        """
        if self._timeline is None:
            return []
        now = self._clock()
        since = max(self._started, now - TRUTH_S)
        found: list[dict[str, Any]] = []
        for segment in self._timeline:
            begin, end = max(segment.start, since), min(now, now if segment.end is None else segment.end)
            if end <= begin:
                continue
            if segment.picture is not Picture.NORMAL:
                _join(found, {"what": str(segment.picture), "from": begin, "to": end})
            found += self._shown(segment, begin, end, tracks=tracks)
        if self._scene is None:
            found.append(self._file_truth(since, now))
        return sorted(found, key=lambda entry: (entry["from"], entry["what"]))

    def cursor(self, token: str, codec: Codec | None = None) -> Cursor:
        """A reader's place at the frame shown now; raises KeyError for an unknown profile."""
        segment = self._require_timeline().at(self._clock())
        clip = self.clip(token, segment, codec)
        number = max(0, math.floor((self._clock() - segment.start) * clip.fps + _SLACK))
        return Cursor(self, token, codec, segment, number, clip)

    def own_cursor(self) -> Cursor:
        """What the camera itself sees now, whatever its streams are set to."""
        segment = self._require_timeline().at(self._clock())
        clip = self._clip(self._factory[0], segment)
        number = max(0, math.floor((self._clock() - segment.start) * clip.fps + _SLACK))
        return Cursor(self, self._factory[0].token, None, segment, number, clip)

    def key_cursor(self, token: str, codec: Codec | None = None) -> Cursor:
        """A reader's place at the latest key frame: where a new reader begins."""
        cursor = self.cursor(token, codec)
        cursor.number -= cursor.index - cursor.clip.key_before[cursor.index]
        cursor.number = max(0, cursor.number)
        return cursor

    def clip(self, token: str, segment: Segment, codec: Codec | None = None) -> Clip:
        """The clip a segment shows in a profile; what is not rendered yet is shown as the normal loop."""
        profile = self.profile(token)
        return self._clip(profile if codec is None else replace(profile, codec=codec), segment)

    def _clip(self, profile: ProfileSpec, segment: Segment) -> Clip:
        wished = self._reel(profile, segment.picture, segment.action)
        for reel in (
            wished,
            replace(wished, action=None),
            replace(wished, action=None, picture=Picture.NORMAL),
        ):
            clip = self._clips.get(reel)
            if clip is not None:
                return clip
        raise VideoError(f"{wished}: 尚未准备 / not prepared yet")

    async def close(self) -> None:
        """Give up what is being rendered for this camera."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def reels(self, picture: Picture) -> list[Reel]:
        """All clips needed to show `picture`: loops in every profile, and actions that would be seen."""
        actions = () if picture in BLIND else self.actions
        return [
            self._reel(in_codec, picture, action)
            for profile in self._profiles.values()
            for in_codec in self._codecs(profile)
            for action in (None, *actions)
        ]

    def _codecs(self, profile: ProfileSpec) -> Iterator[ProfileSpec]:
        for codec in {profile.codec, *self._extra_codecs}:
            yield replace(profile, codec=codec)

    def _reel(self, profile: ProfileSpec, picture: Picture, action: str | None) -> Reel:
        return Reel(self._source, profile, picture, action)

    async def _hold(self, reels: list[Reel]) -> None:
        for _ in range(2):  # a file may be thrown away as broken between baking and reading
            await self._library.prepare(reels)
            if self._held(reels):
                return
        raise VideoError(f"{reels[0]}: 缓存无法使用 / cache cannot be used")

    def _held(self, reels: list[Reel]) -> bool:
        """Take the clips from the library; False when one is not rendered."""
        for reel in reels:
            if reel in self._clips:
                continue
            clip = self._library.load(reel)
            if clip is None:
                return False
            self._clips[reel] = clip
        return True

    def _ready(self, picture: Picture) -> bool:
        try:
            return self._held(self.reels(picture))
        except VideoError:
            return False

    def _start(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            log.warning("source=%s no event loop runs, not begun: %s", self._source, name)
            return
        task = loop.create_task(work(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _prepare_codec_fully(self) -> None:
        try:
            for picture in dict.fromkeys((Picture.NORMAL, self._wanted)):
                await self._hold(self.reels(picture))
        except VideoError as error:
            log.error("source=%s cannot be compressed otherwise: %s", self._source, error)

    async def _switch_when_ready(self, picture: Picture) -> None:
        try:
            await self._hold(self.reels(picture))
        except VideoError as error:
            log.error("source=%s picture=%s cannot be shown: %s", self._source, picture, error)
            return
        if self._wanted is picture:
            self._switch()

    def _switch(self) -> None:
        timeline = self._require_timeline()
        at = timeline.next_frame_time(self._clock(), self._main_clip().fps)
        timeline.show(self._wanted, at, anchored=self._anchor)

    def _anchor(self, segment: Segment, at: float) -> float:
        """Seconds into the clip of the latest moment before `at` at which every profile has a key frame."""
        position = at - segment.start + segment.offset_s
        main = self._main_clip()
        length = main.seconds if segment.action is None else position + 1
        interval = self._key_interval_s()
        return float(math.floor((position % length) / interval + 1e-6) * interval)

    def _key_interval_s(self) -> float:
        gops = [Fraction(c.gop, c.fps) for c in map(self._loop, self._factory)]
        scale = math.lcm(*(gop.denominator for gop in gops))
        return math.lcm(*(int(gop * scale) for gop in gops)) / scale

    def _main_clip(self) -> Clip:
        return self._loop(self._factory[0])

    def _loop(self, profile: ProfileSpec) -> Clip:
        return self._clips[self._reel(profile, Picture.NORMAL, None)]

    def _require_timeline(self) -> Timeline:
        if self._timeline is None:
            raise VideoError(f"{self._source}: 尚未准备 / prepare() has not been awaited")
        return self._timeline

    def _quiet_from(self, timeline: Timeline) -> float:
        """The next frame at which the last loop shows nobody."""
        fps = self._main_clip().fps
        last = timeline.last
        at = max(timeline.next_frame_time(self._clock(), fps), last.start)
        loop = self._main_clip()
        stride = max(1, round(_SEARCH_STEP_S * fps)) / fps
        for _ in range(math.ceil(loop.seconds / stride) + 1):
            moment = (at - last.start + last.offset_s) % loop.seconds
            if not any(s.from_s <= moment <= s.to_s for s in loop.sightings if s.track):
                return at
            at += stride
        return at

    def _shown(self, segment: Segment, begin: float, end: float, *, tracks: bool) -> Iterator[dict[str, Any]]:
        if segment.picture in BLIND:
            return
        clip = self._clip(self._factory[0], segment)
        origin = segment.start - segment.offset_s
        rounds = range(1)
        if segment.action is None:
            first = math.floor((begin - origin) / clip.seconds)
            rounds = range(max(0, first), math.floor((end - origin) / clip.seconds) + 1)
        for number in rounds:
            zero = origin + number * clip.seconds
            for seen in clip.sightings:
                start, stop = max(begin, zero + seen.from_s), min(end, zero + seen.to_s)
                if stop <= start:
                    continue
                entry: dict[str, Any] = {"what": seen.what, "from": start, "to": stop}
                if tracks:
                    entry["track"] = [[zero + t, *box] for t, *box in seen.track if start <= zero + t <= stop]
                yield entry

    def _file_truth(self, since: float, now: float) -> dict[str, Any]:
        seconds = self._main_clip().seconds
        started = []
        for segment in self._require_timeline():
            at, end = segment.start - segment.offset_s, now if segment.end is None else min(now, segment.end)
            first = max(0, math.floor((since - at) / seconds))
            while at + first * seconds < end:
                started.append(at + first * seconds)
                first += 1
        return {
            "what": "file",
            "from": since,
            "to": now,
            "file": Path(self._source).name,
            "loop_s": seconds,
            "loop_started_at": started,
        }


def frame_index(segment: Segment, clip: Clip, number: int) -> int:
    """Which frame of `clip` is the `number`th of a segment; a segment always begins with a key frame."""
    count = len(clip.units)
    first = clip.key_before[round(segment.offset_s * clip.fps) % count]
    if segment.action is not None and segment.picture not in BLIND:
        return min(first + number, count - 1)
    return (first + number) % count


def _join(found: list[dict[str, Any]], entry: dict[str, Any]) -> None:
    """Add an entry, or lengthen the one that it goes on from."""
    for earlier in reversed(found):
        if earlier["what"] == entry["what"]:
            if abs(earlier["to"] - entry["from"]) < 1e-3:
                earlier["to"] = entry["to"]
                return
            break
    found.append(entry)


def _jpeg(clip: Clip, key: int) -> bytes:
    jpeg = clip.jpegs.get(key)
    if jpeg is None:
        decoder = av.VideoCodecContext.create("h264" if clip.codec is Codec.H264 else "hevc", "r")
        decoder.thread_count = 1
        frames = [*decoder.decode(av.Packet(clip.annexb(key))), *decoder.decode(None)]
        shown = frames[0].to_ndarray(format="bgr24")
        jpeg = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
        clip.jpegs[key] = jpeg
    return jpeg
