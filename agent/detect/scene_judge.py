"""What one stream's frames show: something moving, somebody in a closed zone, a picture that is no picture.

Law: who cannot see does not report motion. While the picture is blind or looks elsewhere, motion is absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import cv2
import numpy as np

from agent.detect.background import Background, BackgroundConfig, Foreground
from agent.detect.masks import PrivacyMasks
from agent.detect.object_model import ObjectDesk, ObjectLook, with_kinds
from agent.detect.picture import Opinion, PictureConfig, PictureJudge
from agent.detect.rules import SceneRules, WallTime
from agent.detect.smoke import SmokeJudge
from agent.detect.vqd.stored import Shown, StoredView
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

_TELLS_CONTRAST_TO = 0.25
"""Share of the picture under privacy masks, all of one grey, beyond which its contrast tells nothing."""
_UNHIDING = frozenset({PictureFault.COLOUR_CAST, PictureFault.GREY, PictureFault.LOW_CONTRAST})
"""Faults through which everything can be seen that moves."""

_ANOTHER_VIEW = frozenset({PictureFault.SCENE_CHANGED, PictureFault.BLURRED})
"""Faults under which something can still be seen, but not against the background that was learned."""


@dataclass(frozen=True, slots=True)
class DetectConfig:
    """Thresholds of all detectors of one stream."""

    background: BackgroundConfig = field(default_factory=BackgroundConfig)
    picture: PictureConfig = field(default_factory=PictureConfig)
    smoke: bool = False
    """Whether this is a wide view over the land, in which smoke is looked for."""
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
    _smoke: SmokeJudge | None

    def __init__(
        self,
        config: DetectConfig | None = None,
        *,
        zones: Iterable[Zone] = (),
        wall: WallTime | None = None,
        objects: ObjectDesk | None = None,
        daylight: Callable[[], bool | None] = lambda: None,
    ) -> None:
        """``wall`` tells the schedules of zones which time of day a frame has; ``objects`` what moves;
        ``daylight`` whether the sun is up, None near the horizon."""
        self._config = config or DetectConfig()
        zones = tuple(zones)
        self._privacy = PrivacyMasks(zones)
        self._objects = None if objects is None else ObjectLook(objects)
        self._rules = SceneRules(zones, wall, absorb_s=self._config.background.absorb_s)
        self._daylight = daylight
        self._shape: tuple[int, ...] = ()
        self._views: tuple[StoredView, ...] = ()
        self._views_waiting: bool | None = None
        """Whether stored views that the picture's judge has not got yet make what it learned void."""
        self._shown: Shown | None = None
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
        if frame.key:
            self._take_views()
        else:
            return () if self._hidden_by else self._motion(image, frame, learn=False)
        opinions = self._picture.judge(replace(frame, image=image))
        if self._privacy.ratio > _TELLS_CONTRAST_TO:
            opinions = tuple(one for one in opinions if one.fault is not PictureFault.LOW_CONTRAST)
        self._hidden_by = self._hiding(self._picture.standing, image, frame)
        moving = self._motion(image, frame, learn=True)
        self._show(moving)
        return (*(_finding(opinion) for opinion in opinions), *moving)

    @property
    def wants_run(self) -> bool:
        """Whether what moves is to be followed picture by picture."""
        return self._rules.follows

    def wants_chroma(self, at_s: float) -> bool:
        """Whether a key frame that comes now shall bring its colours."""
        return self._picture.due(at_s)

    def begin_with(self, views: Iterable[StoredView], *, anew: bool = False) -> None:
        """Compare the picture with these stored views from the next frame on; ``anew``: what was learned of
        it is void. From any thread."""
        waiting = self._views_waiting
        self._views = tuple(views)
        self._views_waiting = anew or waiting is True

    @property
    def shown(self) -> Shown | None:
        """The last full look at the picture; not good while something moves. From any thread."""
        return self._shown

    def _take_views(self) -> None:
        if self._views_waiting is not None:
            anew, self._views_waiting = self._views_waiting, None
            self._picture.begin_with(self._views, anew=anew)
            self._shown = None

    def _show(self, findings: Sequence[Finding]) -> None:
        """``findings``: of what moves."""
        shown = self._picture.shown
        if shown is not None and (self._shown is None or self._shown.at_s != shown.at_s):
            moving = any(one.present for one in findings)
            self._shown = replace(shown, good=shown.good and not moving)

    def _begin(self) -> None:
        self._home = Background(self._config.background)
        self._elsewhere = None
        self._elsewhere_frames = 0
        self._picture = PictureJudge(self._config.picture, daylight=self._daylight)
        self._picture.begin_with(self._views)
        self._hidden_by = None
        self.seen = None
        self._smoke = SmokeJudge() if self._config.smoke else None
        self._rules.blind("")
        self._attend()

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
            reason = f"not judged: {self._hidden_by.reason}"
            return (*self._rules.blind(reason), *self._no_smoke(reason))
        learn = learn and (self._elsewhere is not None or not self._elsewhere_frames)
        background = self._elsewhere or self._home
        if self._rules.wake(frame):
            self._attend()
        seen = self.seen = background.observe(image, at_s=frame.mono_s, learn=learn)
        if seen.learning:
            return ()
        findings = (*self._rules.judge(seen, background, frame), *self._smoke_in(seen, frame))
        if self._objects is None:
            return findings
        told, what = self._objects.see(image, seen.blobs, at_s=frame.mono_s)
        return (*with_kinds(findings, what), *told)

    def _smoke_in(self, seen: Foreground, frame: Frame) -> tuple[Finding, ...]:
        if self._smoke is None or not frame.key or seen.grey is None:
            return ()
        return self._smoke.see(seen.grey, at_s=frame.mono_s, judged=self._rules.attention.judged)

    def _no_smoke(self, reason: str) -> tuple[Finding, ...]:
        if self._smoke is None:
            return ()
        self._smoke.forget()
        return (Finding(SceneTopic.SMOKE_SUSPECTED, False, 0.0, reason),)

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
