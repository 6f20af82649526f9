"""What one stream's frames show: something moving, somebody in a closed zone, a picture that is no picture.

Law: who cannot see does not report motion. While the picture is blind or looks elsewhere, motion is absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np

from agent.detect.background import Background, BackgroundConfig, Foreground
from agent.detect.masks import PrivacyMasks
from agent.detect.picture import Opinion, PictureConfig, PictureJudge
from agent.detect.rules import SceneRules, WallTime
from agent.model import Finding, Frame, Image, PictureFault, Zone
from protocol.words import SceneTopic

FAULT_TOPICS: Final = {
    PictureFault.DARK: SceneTopic.TOO_DARK,
    PictureFault.OVER_BRIGHT: SceneTopic.TOO_BRIGHT,
    PictureFault.BLURRED: SceneTopic.TOO_BLURRY,
    PictureFault.COVERED: SceneTopic.TAMPER,
    PictureFault.FROZEN: SceneTopic.TAMPER,
    PictureFault.SCENE_CHANGED: SceneTopic.SCENE_CHANGE,
}
"""ONVIF has no topic for a frozen picture: SignalLoss means no stream, and a picture that stands still under
live packets is what a tamperer would show. The finding's ``fault`` tells covered and frozen apart."""

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
    seen: Foreground | None
    """What the last picture showed beside the background; None when it was not compared with one."""

    def __init__(
        self, config: DetectConfig | None = None, *, zones: Iterable[Zone] = (), wall: WallTime | None = None
    ) -> None:
        """``wall`` tells the schedules of zones which time of day a frame has."""
        self._config = config or DetectConfig()
        zones = tuple(zones)
        self._privacy = PrivacyMasks(zones)
        self._rules = SceneRules(zones, wall, absorb_s=self._config.background.absorb_s)
        self._shape: tuple[int, ...] = ()
        self._begin()

    def judge(self, frame: Frame) -> Sequence[Finding]:
        """Opinions about this frame: on key frames about the picture and what moves, between them what moves.

        A fault or topic that is not mentioned cannot be told from this frame.
        """
        self.seen = None
        image = self._privacy.for_judging(grey(frame.image))
        if image.shape != self._shape:  # another size is another encoder setting: nothing learned holds
            self._shape = image.shape
            self._begin()
        if not frame.key:
            return () if self._hidden_by else self._motion(image, frame, learn=False)
        opinions = self._picture.judge(image)
        self._hidden_by = self._hiding(opinions, image, frame)
        return (*(_finding(opinion) for opinion in opinions), *self._motion(image, frame, learn=True))

    def _begin(self) -> None:
        self._home = Background(self._config.background)
        self._elsewhere = None
        self._elsewhere_frames = 0
        self._picture = PictureJudge(self._config.picture)
        self._hidden_by = None
        self.seen = None
        self._rules.blind("")
        self._attend()

    def _hiding(self, opinions: Sequence[Opinion], image: Image, frame: Frame) -> Opinion | None:
        """The fault that hides motion on this key frame.

        Another view hides it while it is learned, if it is there to stay (a lorry before the lens looks like
        one for a moment). Motion then goes on in it; that it is the wrong view remains a fault.
        """
        fault = next((opinion for opinion in opinions if opinion.present), None)
        if fault is None or fault.fault not in _ANOTHER_VIEW:
            self._elsewhere, self._elsewhere_frames = None, 0
            return fault
        self._elsewhere_frames += 1
        if self._elsewhere_frames < self._config.elsewhere_frames:
            return None
        if self._elsewhere is None:
            self._elsewhere = Background(self._config.background)
            self._attend()
            self._rules.blind("another view")
        if self._elsewhere_frames >= self._config.elsewhere_frames + self._config.relearn_frames:
            return None
        self._elsewhere.observe(image, at_s=frame.mono_s)
        return fault

    def _motion(self, image: Image, frame: Frame, *, learn: bool) -> tuple[Finding, ...]:
        if self._hidden_by is not None:
            return self._rules.blind(f"not judged: {self._hidden_by.reason}")
        learn = learn and (self._elsewhere is not None or not self._elsewhere_frames)
        background = self._elsewhere or self._home
        if self._rules.wake(frame):
            self._attend()
        seen = self.seen = background.observe(image, at_s=frame.mono_s, learn=learn)
        return () if seen.learning else self._rules.judge(seen, background, frame)

    def _attend(self) -> None:
        for background in (self._home, self._elsewhere):
            if background is not None:
                background.attend(self._rules.attention)


def grey(image: Image) -> Image:
    """The luma of a colour picture (BGR); a grey one as it is."""
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _finding(opinion: Opinion) -> Finding:
    return Finding(
        FAULT_TOPICS[opinion.fault], opinion.present, opinion.score, opinion.reason, fault=opinion.fault
    )
