"""The picture quality round: every camera in turn, its picture against what is stored of it.

Laws. A view is stored only from pictures that were good at several rounds: no fault, confirmed or suspected,
nothing that moves. It never follows the picture; only somebody's word takes it anew. The comparison itself is
the judge's (``detect.vqd.stored``), here is what outlives the process.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent.config import QualitySection
from agent.detect.for_device import TURNING
from agent.detect.vqd.stored import Light, Shown, StoredView, learned
from agent.errors import DeviceError
from agent.metrics import QUALITY_ROUNDS, REFERENCES
from agent.model import Device, Exhibit, Image, Polygon
from agent.services.reference_shelf import ReferenceShelf, StoredReference, masks_of
from agent.services.watcher import Sight
from runtime.clock import Clock

log = logging.getLogger(__name__)

FRESH_S = 120.0
"""A look that is older tells nothing of now: the stream stands."""
POLL_S = 20.0
"""So soon it is noticed that somebody took stored views away."""
JITTER = 0.1


class ViewJudge(Protocol):
    """The judge of a stream, as far as stored views go. From any thread."""

    @property
    def shown(self) -> Shown | None:
        """The last full look at the picture."""
        ...

    def begin_with(self, views: Sequence[StoredView], *, anew: bool = False) -> None:
        """Compare with these from the next frame on; ``anew``: what it learned before is void."""
        ...


@dataclass(slots=True)
class _Camera:
    device: Device
    judge: ViewJudge
    stored: Sequence[StoredReference]
    stamp: frozenset[tuple[str, int]]
    due_s: float
    looks: dict[tuple[Light, str], list[Shown]] = field(default_factory=dict)


class QualityRounds:
    """All cameras of the box. ``step`` runs on one worker; the rest from any thread."""

    def __init__(
        self,
        shelf: ReferenceShelf,
        *,
        sight: Callable[[str], Sight | None],
        picture: Callable[[str], Image | None],
        show: Callable[[Image, Sequence[Polygon]], Exhibit],
        stands_at: Callable[[Device], str | None],
        section: QualitySection,
        clock: Clock,
        chance: random.Random | None = None,
    ) -> None:
        """``picture``: what a camera shows now; ``show``: a small still of it, masks burnt in; ``stands_at``:
        the preset at which a head stands, None when at none, raises DeviceError."""
        self._shelf = shelf
        self._sight = sight
        self._picture = picture
        self._show = show
        self._stands_at = stands_at
        self._section = section
        self._clock = clock
        self._chance = chance or random.Random()
        self._cameras: dict[str, _Camera] = {}
        self._lock = threading.Lock()

    def adopt(self, device: Device, judge: ViewJudge) -> None:
        """Look after the pictures that this judge sees, from what is stored of the device on."""
        stored = self._shelf.of(device)
        judge.begin_with(_views(stored))
        first_s = self._chance.uniform(0.1, 1.0) * self._section.round_min * 60.0
        stamp = self._shelf.stamp(device.id)
        camera = _Camera(device, judge, stored, stamp, self._clock.monotonic() + first_s)
        with self._lock:
            self._cameras[device.id] = camera
        if stored:
            log.info("device=%s begins with %d stored views", device.id, len(stored))

    def remove(self, device: str) -> None:
        """Look after it no more, and keep nothing of it."""
        with self._lock:
            self._cameras.pop(device, None)
        self._shelf.strike(device)

    def retake(self, device: str) -> int | None:
        """Take the stored views of a device anew, from the next good pictures on; how many there were. None:
        no such camera. Raises StoreFull."""
        with self._lock:
            camera = self._cameras.get(device)
        if camera is None:
            return None
        count = self._shelf.strike(device)
        self._reload(camera)
        return count

    def step(self) -> float:
        """Notice what somebody changed; one round for each camera that is due. Raises StoreFull."""
        with self._lock:
            cameras = list(self._cameras.values())
        for camera in cameras:
            if self._shelf.stamp(camera.device.id) != camera.stamp:
                self._reload(camera)
        now_s = self._clock.monotonic()
        for camera in cameras:
            if camera.due_s <= now_s:
                pause_s = self._section.round_min * 60.0
                camera.due_s = now_s + pause_s * self._chance.uniform(1 - JITTER, 1 + JITTER)
                QUALITY_ROUNDS.labels(outcome=self._round(camera)).inc()
        for light in Light:
            count = sum(one.view.light is light for camera in cameras for one in camera.stored)
            REFERENCES.labels(light=light).set(count)
        return POLL_S

    def _reload(self, camera: _Camera) -> None:
        """What was stored is no more, or another: the judge begins anew with what is there now."""
        camera.stored = self._shelf.of(camera.device)
        camera.stamp = self._shelf.stamp(camera.device.id)
        camera.looks.clear()
        camera.judge.begin_with(_views(camera.stored), anew=True)
        log.info("device=%s stored views changed, %d now: begins anew", camera.device.id, len(camera.stored))

    def _round(self, camera: _Camera) -> str:
        """What this round was; a word of a few."""
        shown = camera.judge.shown
        if shown is None or self._clock.monotonic() - shown.at_s > FRESH_S:
            return "no_picture"
        sight = self._sight(camera.device.id)
        if sight is None or not sight.picture.judged or sight.picture.fault is not None:
            camera.looks.clear()
            return "fault"
        if not shown.good:
            return "not_good"
        if shown.light is None:
            return "twilight"
        position = self._position(camera.device)
        if position is None:
            return "elsewhere"
        return self._learn(camera, shown, shown.light, position)

    def _position(self, device: Device) -> str | None:
        if device.device_class not in TURNING:
            return ""
        try:
            return self._stands_at(device)
        except DeviceError as error:
            log.debug("device=%s its head was not asked: %s", device.id, error)
            return None

    def _learn(self, camera: _Camera, shown: Shown, light: Light, position: str) -> str:
        for one in camera.stored:
            if (one.view.light, one.view.position, one.view.size) == (light, position, shown.size):
                return "compared"
        looks = camera.looks.setdefault((light, position), [])
        looks[:] = [one for one in looks if one.size == shown.size and one.at_s != shown.at_s]
        looks.append(shown)
        if len(looks) < self._section.learn_rounds:
            return "learning"
        reference = learned([one.look for one in looks])
        picture = self._picture(camera.device.id)
        if reference is None or picture is None:
            del looks[:-1]
            return "learning"
        view = StoredView(light, shown.size, reference, position)
        still = self._show(picture, camera.device.privacy_masks).content
        stored = StoredReference(view, still, self._clock.now(), masks_of(camera.device))
        del camera.looks[light, position]
        if not self._shelf.keep(camera.device, stored):
            return "no_room"
        camera.stored = self._shelf.of(camera.device)
        camera.stamp = self._shelf.stamp(camera.device.id)
        camera.judge.begin_with(_views(camera.stored))
        log.info("device=%s view stored: light=%s position=%s", camera.device.id, light, position or "-")
        return "stored"


def _views(stored: Sequence[StoredReference]) -> list[StoredView]:
    return [one.view for one in stored]
