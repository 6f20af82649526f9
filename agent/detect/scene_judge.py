"""What one stream's frames show: something moving, somebody in a closed zone, a picture that is no picture.

Law: who cannot see does not report motion. While the picture is blind or looks elsewhere, motion is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import cv2
import numpy as np

from agent.detect.background import Background, BackgroundConfig, Blob, Foreground
from agent.detect.picture import Opinion, PictureConfig, PictureJudge
from agent.detect.zones import ZoneMask
from agent.model import Finding, Frame, Image, PictureFault, Zone
from protocol.words import SceneTopic

FAULT_TOPICS: Final = {
    PictureFault.DARK: SceneTopic.TOO_DARK,
    PictureFault.OVER_BRIGHT: SceneTopic.TOO_BRIGHT,
    PictureFault.BLURRED: SceneTopic.TOO_BLURRY,
    PictureFault.COVERED: SceneTopic.TAMPER,
    PictureFault.FROZEN: SceneTopic.FROZEN,
    PictureFault.COLOUR_CAST: SceneTopic.COLOUR_CAST,
    PictureFault.NOISY: SceneTopic.NOISE,
    PictureFault.STRIPED: SceneTopic.STRIPES,
    PictureFault.LOW_CONTRAST: SceneTopic.LOW_CONTRAST,
    PictureFault.GREY: SceneTopic.GREY_BY_DAY,
    PictureFault.SHAKING: SceneTopic.SHAKE,
    PictureFault.SCENE_CHANGED: SceneTopic.SCENE_CHANGE,
}

_UNHIDING = frozenset({PictureFault.COLOUR_CAST, PictureFault.GREY, PictureFault.LOW_CONTRAST})
"""Faults through which everything can be seen that moves."""

_ANOTHER_VIEW = frozenset({PictureFault.SCENE_CHANGED, PictureFault.BLURRED})
"""Faults under which something can still be seen, but not against the background that was learned."""


@dataclass(frozen=True, slots=True)
class DetectConfig:
    """Thresholds of all detectors of one stream."""

    background: BackgroundConfig = field(default_factory=BackgroundConfig)
    picture: PictureConfig = field(default_factory=PictureConfig)
    elsewhere_frames: int = 3
    """Key frames in a row after which another view is taken to stay."""
    relearn_frames: int = 12
    """Key frames then needed to learn it before motion is judged in it."""


class SceneJudge:
    """A FrameJudge for one stream."""

    _home: Background
    _elsewhere: Background | None
    _elsewhere_frames: int
    _picture: PictureJudge
    _hidden_by: Opinion | None

    def __init__(
        self,
        config: DetectConfig | None = None,
        *,
        zones: Iterable[Zone] = (),
        daylight: Callable[[], bool | None] = lambda: None,
    ) -> None:
        self._config = config or DetectConfig()
        self._daylight = daylight
        self._zones = tuple(ZoneMask.of(zone) for zone in zones if zone.closed)
        self._shape: tuple[int, ...] = ()
        self._begin()

    def judge(self, frame: Frame) -> Sequence[Finding]:
        """Opinions about this frame: on key frames about the picture and what moves, between them what moves.

        A fault or topic that is not mentioned cannot be told from this frame.
        """
        image = grey(frame.image)
        if image.shape != self._shape:  # another size is another encoder setting: nothing learned holds
            self._shape = image.shape
            self._begin()
        if not frame.key:
            return () if self._hidden_by else self._motion(image, frame, learn=False)
        opinions = self._picture.judge(replace(frame, image=image))
        self._hidden_by = self._hiding(self._picture.standing, image, frame)
        return (*(_finding(opinion) for opinion in opinions), *self._motion(image, frame, learn=True))

    def wants_chroma(self, at_s: float) -> bool:
        """Whether a key frame that comes now shall bring its colours."""
        return self._picture.due(at_s)

    def _begin(self) -> None:
        self._home = Background(self._config.background)
        self._elsewhere = None
        self._elsewhere_frames = 0
        self._picture = PictureJudge(self._config.picture, daylight=self._daylight)
        self._hidden_by = None

    def _hiding(self, opinions: Sequence[Opinion], image: Image, frame: Frame) -> Opinion | None:
        """The fault that hides motion on this key frame.

        Another view hides it while it is learned, if it is there to stay (a lorry before the lens looks like
        one for a moment). Motion then goes on in it; that it is the wrong view remains a fault.
        """
        fault = next((opinion for opinion in opinions if opinion.fault not in _UNHIDING), None)
        if fault is None or fault.fault not in _ANOTHER_VIEW:
            self._elsewhere, self._elsewhere_frames = None, 0
            return fault
        self._elsewhere_frames += 1
        if self._elsewhere_frames < self._config.elsewhere_frames:
            return None
        self._elsewhere = self._elsewhere or Background(self._config.background)
        if self._elsewhere_frames >= self._config.elsewhere_frames + self._config.relearn_frames:
            return None
        self._elsewhere.observe(image, at_s=frame.mono_s)
        return fault

    def _motion(self, image: Image, frame: Frame, *, learn: bool) -> tuple[Finding, ...]:
        if self._hidden_by is not None:
            return self._nothing(f"not judged: {self._hidden_by.reason}")
        learn = learn and (self._elsewhere is not None or not self._elsewhere_frames)
        seen = (self._elsewhere or self._home).observe(image, at_s=frame.mono_s, learn=learn)
        if seen.learning:
            return ()
        if not seen.blobs:
            return self._nothing(_why_nothing(seen))
        inside = (self._inside(zone, seen.blobs) for zone in self._zones)
        return (_moving(seen.blobs), *inside)

    def _inside(self, zone: ZoneMask, blobs: Sequence[Blob]) -> Finding:
        blob = next((blob for blob in blobs if zone.holds(blob)), None)
        if blob is None:
            return Finding(SceneTopic.OBJECTS_INSIDE, False, 0.0, "nothing inside", zone=zone.zone.name)
        reason = f"{blob.area_ratio:.2%} of the picture stands inside"
        return Finding(
            SceneTopic.OBJECTS_INSIDE, True, _strength(blob), reason, box=blob.box, zone=zone.zone.name
        )

    def _nothing(self, reason: str) -> tuple[Finding, ...]:
        zones = (
            Finding(SceneTopic.OBJECTS_INSIDE, False, 0.0, reason, zone=z.zone.name) for z in self._zones
        )
        return (Finding(SceneTopic.MOTION, False, 0.0, reason), *zones)


def grey(image: Image) -> Image:
    """The luma of a colour picture (BGR); a grey one as it is."""
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _moving(blobs: Sequence[Blob]) -> Finding:
    largest = blobs[0]
    reason = (
        f"{len(blobs)} moving, largest {largest.area_ratio:.2%} of the picture, {largest.contrast:.0f} levels"
    )
    return Finding(SceneTopic.MOTION, True, _strength(largest), reason, box=largest.box)


def _strength(blob: Blob) -> float:
    """0.5 for the faintest that counts, 1 for what nobody could overlook."""
    return min(1.0, 0.5 + blob.contrast / 120.0 + blob.area_ratio * 2.0)


def _why_nothing(seen: Foreground) -> str:
    if seen.global_change:
        return f"the light changed in {seen.changed_ratio:.0%} of the picture"
    if seen.light_ratio:
        return f"only the light changed, in {seen.light_ratio:.1%} of the picture"
    return ""


def _finding(opinion: Opinion) -> Finding:
    return Finding(
        FAULT_TOPICS[opinion.fault], opinion.present, opinion.score, opinion.reason, fault=opinion.fault
    )
