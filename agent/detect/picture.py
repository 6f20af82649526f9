"""What is wrong with the picture itself. Law: a fault is named only when the picture shows it, with numbers.

One fault hides those below it: who sees nothing cannot say that it is blurred. A fault not mentioned cannot
be told from this picture. Measured fully only every ``period_s`` and while opinions change; a sample of the
pixels of every key frame tells when to look at once.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from agent.detect.vqd import colour, exposure, lens, signal, view
from agent.detect.vqd.look import Look
from agent.detect.vqd.reference import Reference, likeness
from agent.detect.vqd.rules import Opinion, PictureConfig, absent
from agent.detect.vqd.stored import Light, Shown, SlowFaults, StoredView, matching
from agent.model import Frame, Image, PictureFault

__all__ = ["Opinion", "PictureConfig", "PictureJudge"]

_BLIND: Final = (PictureFault.DARK, PictureFault.OVER_BRIGHT, PictureFault.COVERED)
_HEALTHY_LOOKS: Final = 4
_HEALTHY_SPACING_S: Final = 40.0
"""The oldest of so many healthy looks is two minutes old or a little more."""
_HAZY_RATIO: Final = 0.45
"""Contrast against the reference below which the loss of colour comes with a loss of sight."""
_PALE_RATIO: Final = 0.75
"""The same where nobody saw it come, against the stored view: infrared by day has the view's contrast."""
_JUMP_LEVELS: Final = 20
_JUMP_RATIO: Final = 0.35
"""Share of a sample of the pixels that changed since the last look: something happened to the picture."""


class PictureJudge:
    """Judges the key frames of one view, in order.

    ``daylight`` says whether the sun is up (None: nobody knows): the faults of colour need it.
    """

    def __init__(
        self, config: PictureConfig | None = None, *, daylight: Callable[[], bool | None] = lambda: None
    ) -> None:
        self.config = config or PictureConfig()
        self._daylight = daylight
        self._references: dict[bool, Reference] = {}
        """By whether the camera sends grey (IR mode): its night is another picture."""
        self._grey = False
        self._colourful = math.inf
        """Chroma of the last look that had some."""
        self._learning: list[Look] = []
        self._stillness = signal.Stillness(self.config)
        self._steadiness = view.Steadiness(self.config)
        self._before: Look | None = None
        self._healthy: deque[tuple[float, Look]] = deque(maxlen=_HEALTHY_LOOKS)
        self._sample: Image | None = None
        self._looked_s = -math.inf
        self._changed_s = -math.inf
        self._present: tuple[Opinion, ...] = ()
        self._frozen = absent(PictureFault.FROZEN)
        self._views: tuple[StoredView, ...] = ()
        self._begun: dict[bool, StoredView] = {}
        """By the same: whose running reference began from a stored view."""
        self._slow = SlowFaults(self.config)
        self.shown: Shown | None = None
        """The last full look; None before the first."""

    def begin_with(self, views: Iterable[StoredView], *, anew: bool = False) -> None:
        """Compare with these stored views from now on; ``anew``: what was learned before is void."""
        self._views = tuple(views)
        self._slow.forget()
        if anew:
            self._references.clear()
            self._begun.clear()
            self._learning = []
            self._healthy.clear()
            self._steadiness.forget()
            self._present = ()
            self.shown = None

    @property
    def standing(self) -> tuple[Opinion, ...]:
        """The faults that the last look found, and that the picture stands still as of the last key frame."""
        return (*self._present, self._frozen) if self._frozen.present else self._present

    def due(self, at_s: float) -> bool:
        """Whether a key frame that comes now is measured fully, as far as is known before it is seen."""
        if self._learning:
            return True
        if not 0.0 <= at_s - self._changed_s >= self.config.fresh_s:
            return True
        return not 0.0 <= at_s - self._looked_s < self.config.period_s - 0.05

    def judge(self, frame: Frame) -> tuple[Opinion, ...]:
        """Opinions about a key frame; none when it was not its turn and nothing happened to the picture."""
        image = frame.image
        before, was_still = self._frozen, self._stillness.suspected
        due = self.due(frame.mono_s)
        frozen = self._frozen = self._stillness.see(image, learn=due)
        if frozen.present is not before.present:
            self._changed_s = frame.mono_s
        sample = _sample(image)
        if not due and not self._jumped(sample):
            return self._judged_by_night((frozen,)) if was_still or frozen.present else ()
        self._sample, self._looked_s = sample, frame.mono_s
        look = Look.at(image, frame.chroma)
        self._begin(look, at_s=frame.mono_s, size=_size(image))
        opinions = self._look(look, at_s=frame.mono_s, frozen=frozen.present)
        self._before = look
        present = tuple(opinion for opinion in opinions if opinion.present)
        if [one.fault for one in present] != [one.fault for one in self._present]:
            self._changed_s = frame.mono_s
        self._present = present
        opinions = self._with_slow(look, opinions, at_s=frame.mono_s, size=_size(image))
        good = not frozen.present and not any(one.present for one in opinions) and not self._slow.suspected
        self.shown = Shown(look, frame.mono_s, _size(image), self._light, good)
        return self._judged_by_night((*opinions, frozen))

    def _judged_by_night(self, opinions: tuple[Opinion, ...]) -> tuple[Opinion, ...]:
        """Of opinions about a dark picture those that hold where neither lamp nor infrared lights the night.

        What is not judged is left out, not denied: a lens covered by day is no better for the night. Black
        without a clock is the same again and again; that tells nothing either.
        """
        if self.config.supplementary_light or self._daylight():
            return opinions
        if not any(one.fault is PictureFault.DARK for one in self._present):
            return opinions
        untold = {PictureFault.DARK, PictureFault.COVERED}
        if not self._stillness.clocked:
            untold.add(PictureFault.FROZEN)
        return tuple(one for one in opinions if one.fault not in untold)

    @property
    def _light(self) -> Light | None:
        return Light.of(grey=self._grey, daylight=self._daylight())

    def _stored(self, look: Look, size: tuple[int, int]) -> StoredView | None:
        fixed = self.config.fixed_view
        return matching(self._views, look, light=self._light, size=size, fixed=fixed) if self._views else None

    def _begin(self, look: Look, *, at_s: float, size: tuple[int, int]) -> None:
        """Where a view is stored the picture is compared with it from the start, and followed from there."""
        self._adopt(look, at_s=at_s, size=size)  # what it was like in colour tells whether fog took it away
        self._choose_mode(look)
        self._adopt(look, at_s=at_s, size=size)

    def _adopt(self, look: Look, *, at_s: float, size: tuple[int, int]) -> None:
        stored = None if self._grey in self._begun else self._stored(look, size)
        if stored is None:
            return
        self._begun[self._grey] = stored
        self._references[self._grey] = stored.reference.begun(at_s)
        self._learning = []
        self._healthy.clear()
        self._steadiness.forget()

    def _with_slow(
        self, look: Look, opinions: tuple[Opinion, ...], *, at_s: float, size: tuple[int, int]
    ) -> tuple[Opinion, ...]:
        """What the running reference follows as if it were normal, the stored view tells."""
        hidden = any(one.present for one in opinions)
        if not hidden and self._slow.due(at_s):
            stored = self._stored(look, size)
            if stored is not None:
                self._slow.see(look, stored, at_s=at_s, daylight=self._daylight())
        standing = self._slow.standing
        told = {one.fault for one in standing}
        quick = tuple(one for one in opinions if one.present or one.fault not in told)
        return quick if hidden else (*quick, *standing)

    @property
    def _reference(self) -> Reference | None:
        return self._references.get(self._grey)

    @property
    def _earlier(self) -> Look | None:
        """A healthy look of some minutes ago."""
        return self._healthy[0][1] if self._healthy else None

    def _look(self, look: Look, *, at_s: float, frozen: bool) -> tuple[Opinion, ...]:
        reference = self._reference
        told: list[Opinion] = []
        for blind in (
            exposure.dark(look, self.config),
            exposure.over_bright(look, self.config),
            self._covered(look),
        ):
            if blind.present:
                self._steadiness.forget()
                return (blind, *(absent(fault) for fault in _BLIND if fault is not blind.fault))
            told.append(blind)
        told += self._of_signal_and_view(look, reference)
        if not any(opinion.present for opinion in told):
            told += self._of_detail(look)
        told += self._of_colour(look, told)
        self._learn(look, at_s=at_s, healthy=not frozen and not any(opinion.present for opinion in told))
        return tuple(told)

    def _covered(self, look: Look) -> Opinion:
        """Where nothing was seen before, as after a restart, what may be fog is none."""
        reference, earlier = self._trusted(look), self._earlier
        said = lens.covered(look, reference, earlier, self.config)
        if said.present and earlier is None and reference is not None and lens.hazy(look, reference):
            return absent(PictureFault.COVERED)
        return said

    def _of_signal_and_view(self, look: Look, reference: Reference | None) -> list[Opinion]:
        """Noise, stripes, shaking, another view; the first that is there hides the others."""
        noise = signal.noisy(look, self._before, self._held(PictureFault.NOISY))
        if noise.present:
            return [noise]
        if reference is None:
            return [noise, absent(PictureFault.STRIPED), absent(PictureFault.SHAKING), absent(_MOVED)]
        stripes = signal.striped(look, self._trusted(look), self._held(PictureFault.STRIPED))
        if stripes.present:
            return [noise, stripes]
        self._steadiness.see(look, reference)
        shaking = self._steadiness.shaking(self._held(PictureFault.SHAKING))
        if shaking.present:
            return [noise, stripes, shaking]
        return [noise, stripes, shaking, view.moved(look, reference, self._steadiness, self.config)]

    def _held(self, fault: PictureFault) -> PictureConfig:
        """The thresholds for a fault the encoder blurs: lower while it was there just now."""
        if not any(one.fault is fault for one in self._present):
            return self.config
        share = self.config.held_ratio
        return replace(
            self.config,
            noise_levels=(self.config.noise_levels[0] * share, self.config.noise_levels[1] * share),
            shake_ratio=self.config.shake_ratio * share,
            stripe_levels=self.config.stripe_levels * share,
            stripe_peak=self.config.stripe_peak * share,
        )

    def _of_detail(self, look: Look) -> list[Opinion]:
        reference = self._trusted(look)
        earlier = self._earlier
        if earlier is None and self._grey in self._begun:
            earlier = look  # nobody saw it come: fog or the lens is for the slow comparison to tell
        contrast = exposure.low_contrast(look, reference, earlier, self.config)
        return [contrast, lens.blurred(look, reference, self._earlier, self.config)]

    def _of_colour(self, look: Look, told: Sequence[Opinion]) -> list[Opinion]:
        if any(opinion.present and opinion.fault is _MOVED for opinion in told):
            return []
        daylight = self._daylight()
        said = (
            colour.grey_by_day(look, self.config, switched=self._grey, daylight=daylight),
            colour.colour_cast(look, self._trusted(look), self.config, daylight=daylight),
        )
        return [opinion for opinion in said if opinion is not None]

    def _choose_mode(self, look: Look) -> None:
        grey = colour.is_grey(look, self.config)
        if grey is None:
            return
        if grey and not self._grey and self._took_colour_away(look):
            return
        if not grey:
            self._colourful = look.colourful
        if grey != self._grey:
            self._grey = grey
            self._learning = []
            self._healthy.clear()
            self._before = None
            self._steadiness.forget()

    def _took_colour_away(self, look: Look) -> bool:
        """Whether fog, haze or a cloth left no colour, and not the camera's night mode."""
        reference, stored = self._reference, self._begun.get(False)
        if stored is not None and math.isinf(self._colourful) and self._daylight():  # no colour seen yet
            return look.spread < _PALE_RATIO * stored.reference.spread
        if reference is not None and look.spread < _HAZY_RATIO * reference.spread:
            return True
        return self._covered(look).present or self._colourful < self.config.faded_levels

    def _trusted(self, look: Look) -> Reference | None:
        """The reference, unless a head that turns looks somewhere else just now."""
        reference = self._reference
        if reference is None or self.config.fixed_view:
            return reference
        same = likeness(look, reference)
        return reference if same is None or same >= self.config.same_correlation else None

    def _learn(self, look: Look, *, at_s: float, healthy: bool) -> None:
        if not healthy:
            self._learning = []
            return
        if self._present:
            return  # one good look after bad ones may be the fault itself, unseen
        if not self._healthy or at_s - self._healthy[-1][0] >= _HEALTHY_SPACING_S:
            self._healthy.append((at_s, look))
        reference = self._trusted(look)
        if reference is not None:
            reference.follow(look, at_s=at_s, follow_s=self.config.follow_s)
            return
        self._learning = [*self._still_alike(look), look]
        if len(self._learning) >= self.config.learn_frames:
            self._references[self._grey] = Reference.of(self._learning, at_s=at_s)
            self._learning = []
            self._steadiness.forget()

    def _still_alike(self, look: Look) -> list[Look]:
        """The looks being learned, as far as this one shows the same view."""
        if not self._learning or self.config.fixed_view:
            return self._learning
        same = likeness(look, Reference.of(self._learning[-1:]))
        return self._learning if same is None or same >= self.config.same_correlation else []

    def _jumped(self, sample: Image) -> bool:
        if self._sample is None or self._sample.shape != sample.shape:
            return True
        changed = np.count_nonzero(cv2.absdiff(self._sample, sample) > _JUMP_LEVELS)
        return bool(changed > _JUMP_RATIO * sample.size)


_MOVED: Final = PictureFault.SCENE_CHANGED


def _sample(image: Image) -> Image:
    """Some thousand pixels, evenly spread."""
    step = max(image.shape[0] // 45, 1)
    return np.ascontiguousarray(image[::step, ::step])


def _size(image: Image) -> tuple[int, int]:
    return image.shape[0], image.shape[1]
