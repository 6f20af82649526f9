"""The stored views of a head's presets, as PTZ truth compares and adds to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from agent.detect.vqd.look import Look
from agent.detect.vqd.reference import Reference
from agent.detect.vqd.stored import Light, StoredView
from agent.model import Device, Exhibit, Image, Polygon
from agent.services.preset_truth import Truth
from agent.services.reference_shelf import ReferenceShelf, StoredReference, masks_of


class PresetViews:
    """Of one device, read once."""

    def __init__(
        self,
        shelf: ReferenceShelf,
        device: Device,
        *,
        shown: Callable[[bytes], Image | None],
        show: Callable[[Image, Sequence[Polygon]], Exhibit],
    ) -> None:
        """``shown``: a JPEG as a grey picture to compare; ``show``: a small still, masks burnt in."""
        self._shelf = shelf
        self._device = device
        self._shown = shown
        self._show = show
        self._stored = shelf.of(device)

    def of(self, token: str) -> Sequence[Image]:
        """The stored pictures of a preset."""
        pictures = [self._shown(one.still) for one in self._stored if one.view.position == token]
        return [one for one in pictures if one is not None]

    def keep(self, truth: Truth, *, daylight: bool | None, now: datetime) -> Sequence[str]:
        """Store what a check saw at presets of which nothing is stored; their tokens. Raises StoreFull."""
        light = Light.of(grey=False, daylight=daylight)
        if light is None:
            return ()
        known = {one.view.position for one in self._stored}
        return [
            token
            for token, picture in truth.views.items()
            if token not in known and self._keep(token, picture, light, now)
        ]

    def _keep(self, token: str, picture: Image, light: Light, now: datetime) -> bool:
        height, width = picture.shape[:2]
        view = StoredView(light, (height, width), Reference.of([Look.at(picture)]), token)
        still = self._show(picture, self._device.privacy_masks).content
        return self._shelf.keep(self._device, StoredReference(view, still, now, masks_of(self._device)))
