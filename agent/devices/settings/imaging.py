"""The picture's settings: levels, exposure, day/night filter, wide dynamic range, focus, by video source.

With one video source the names stand alone (``brightness``); with several they begin with its number
(``2.brightness``). IrCutFilter ON means the filter is in: day (ONVIF Imaging 5.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

from lxml import etree

from agent.devices.settings import places
from agent.devices.settings.change import SettingsAspect
from agent.devices.settings.places import Place, number_at, text_at
from agent.devices.settings.surface import named, renamed, tokens
from agent.devices.soap import child, child_text, element, local_name
from agent.devices.wsdl import NAMESPACES
from agent.errors import DeviceError, DeviceTrouble
from agent.management import Allowed, Settings, Value

_PLACES: tuple[tuple[Place, tuple[str, ...]], ...] = (
    (number_at("brightness", "Brightness"), ("Brightness",)),
    (number_at("saturation", "ColorSaturation"), ("ColorSaturation",)),
    (number_at("contrast", "Contrast"), ("Contrast",)),
    (number_at("sharpness", "Sharpness"), ("Sharpness",)),
    (text_at("ir_cut", "IrCutFilter"), ("IrCutFilterModes",)),
    (text_at("exposure.mode", "Exposure", "Mode"), ("Exposure", "Mode")),
    (text_at("exposure.priority", "Exposure", "Priority"), ("Exposure", "Priority")),
    *(
        (number_at(f"exposure.{name}", "Exposure", item), ("Exposure", item))
        for name, item in (
            ("min_time_us", "MinExposureTime"),
            ("max_time_us", "MaxExposureTime"),
            ("min_gain_db", "MinGain"),
            ("max_gain_db", "MaxGain"),
            ("min_iris_db", "MinIris"),
            ("max_iris_db", "MaxIris"),
            ("time_us", "ExposureTime"),
            ("gain_db", "Gain"),
            ("iris_db", "Iris"),
        )
    ),
    (text_at("wdr.mode", "WideDynamicRange", "Mode"), ("WideDynamicRange", "Mode")),
    (number_at("wdr.level", "WideDynamicRange", "Level"), ("WideDynamicRange", "Level")),
    (text_at("backlight.mode", "BacklightCompensation", "Mode"), ("BacklightCompensation", "Mode")),
    (number_at("backlight.level", "BacklightCompensation", "Level"), ("BacklightCompensation", "Level")),
    (text_at("white_balance.mode", "WhiteBalance", "Mode"), ("WhiteBalance", "Mode")),
    (number_at("white_balance.red", "WhiteBalance", "CrGain"), ("WhiteBalance", "YrGain")),
    (number_at("white_balance.blue", "WhiteBalance", "CbGain"), ("WhiteBalance", "YbGain")),
    (text_at("focus.mode", "Focus", "AutoFocusMode"), ("Focus", "AutoFocusModes")),
    (number_at("focus.speed", "Focus", "DefaultSpeed"), ("Focus", "DefaultSpeed")),
    (number_at("focus.near_m", "Focus", "NearLimit"), ("Focus", "NearLimit")),
    (number_at("focus.far_m", "Focus", "FarLimit"), ("Focus", "FarLimit")),
)
"""Each setting and where its options stand."""
_SETTINGS = tuple(place for place, _ in _PLACES)


class ImagingAspect(SettingsAspect):
    """``brightness``, ``exposure.mode``, ``ir_cut``, ``wdr.mode``, …"""

    name = "imaging"
    rounds = frozenset(place.name.rpartition(".")[2] for place, _ in _PLACES if "mode" not in place.name)
    _held: tuple[tuple[str, str, etree._Element], ...] = ()

    def _look(self) -> dict[str, Value]:
        sources = self._sources()
        several = len(sources) > 1
        held = []
        found: dict[str, Value] = {}
        for number, token in enumerate(sources[:64], start=1):
            answer = self._surface.ask("imaging", "GetImagingSettings", _source(token))
            node = child(answer, "ImagingSettings")
            if node is None:
                continue
            prefix = f"{number}." if several else ""
            held.append((prefix, token, deepcopy(node)))
            found |= places.read(node, _SETTINGS, prefix=prefix)
        self._held = tuple(held)
        return found

    def _sources(self) -> list[str]:
        """Tokens of the video sources; by the profiles where the device does not list them."""
        surface = self._surface
        if not surface.has("media"):
            return []
        try:
            return tokens(surface.ask("media", "GetVideoSources"))
        except DeviceError as error:
            if error.kind not in (DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.BAD_ANSWER):
                raise
        profiles = surface.ask("media", "GetProfiles")
        told = [child_text(one, "VideoSourceConfiguration", "SourceToken") for one in profiles]
        return list(dict.fromkeys(filter(None, told)))

    def _bounds(self, _wanted: Settings, /) -> dict[str, Allowed]:
        found: dict[str, Allowed] = {}
        for prefix, token, _ in self._held:
            options = child(self._surface.ask("imaging", "GetOptions", _source(token)), "ImagingOptions")
            for place, path in _PLACES:
                allowed = _option(options, path)
                if allowed is not None:
                    found[prefix + place.name] = allowed
        return found

    def _rest(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for prefix, _, node in self._held:
            found |= places.rest(node, _SETTINGS, prefix=prefix)
        return found

    def _may_follow(self, name: str, changed: Settings) -> bool:
        # A mode decides which of its figures the device shows; an automatic exposure moves its own.
        group = name.rpartition(".")[0]
        return any(other.rpartition(".")[0] == group and "mode" in other for other in changed)

    def _send(self, changed: Settings) -> None:
        for prefix, token, node in self._held:
            if not any(prefix + place.name in changed for place in _SETTINGS):
                continue
            copy = deepcopy(node)
            places.write(copy, _SETTINGS, changed, prefix=prefix)
            persistent = element(NAMESPACES["imaging"], "ForcePersistence", text="true")
            settings = renamed(copy, "imaging", "ImagingSettings")
            self._surface.ask("imaging", "SetImagingSettings", _source(token), settings, persistent)


def _source(token: str) -> etree._Element:
    return named("imaging", "VideoSourceToken", token)


def _option(options: etree._Element | None, path: tuple[str, ...]) -> Allowed | None:
    """What an option element allows: a range, or the listed words."""
    parent = child(options, *path[:-1]) if len(path) > 1 else options
    nodes = [] if parent is None else [node for node in parent if local_name(node) == path[-1]]
    if not nodes:
        return None
    bounds = places.span(nodes[0])
    if bounds is not None:
        return bounds
    words: tuple[Value, ...] = tuple(text for node in nodes if (text := (node.text or "").strip()))
    return Allowed(values=words) if words else None
