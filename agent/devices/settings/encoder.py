"""Video encoders: codec, size, rates, group of pictures, over Media2 where it is there, else Media.

Streams are named by size at the first look: ``main`` the largest, ``sub`` the next, then ``third`` and on.
The names stay with the configurations for as long as the aspect is open, whatever sizes are written.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

from lxml import etree

from agent.devices.settings import places
from agent.devices.settings.change import SettingsAspect
from agent.devices.settings.places import (
    Place,
    flag_attribute,
    number_at,
    number_attribute,
    size_at,
    text_at,
    word_attribute,
)
from agent.devices.settings.surface import named, renamed
from agent.devices.soap import below, child, child_text, element, local_name
from agent.devices.wsdl import NAMESPACES
from agent.errors import DeviceError, DeviceTrouble
from agent.management import Allowed, Settings, Value

_ROLES = ("main", "sub", "third", "fourth", "fifth", "sixth")
_MEDIA1: tuple[Place, ...] = (
    text_at("codec", "Encoding"),
    size_at("size", "Resolution"),
    number_at("fps", "RateControl", "FrameRateLimit"),
    number_at("kbps", "RateControl", "BitrateLimit"),
    number_at("gop_frames", "H264", "GovLength"),
    text_at("profile", "H264", "H264Profile"),
    number_at("quality", "Quality"),
)
_MEDIA2: tuple[Place, ...] = (
    text_at("codec", "Encoding"),
    size_at("size", "Resolution"),
    number_at("fps", "RateControl", "FrameRateLimit"),
    number_at("kbps", "RateControl", "BitrateLimit"),
    number_attribute("gop_frames", "GovLength"),
    word_attribute("profile", "Profile"),
    number_at("quality", "Quality"),
    flag_attribute("constant_rate", "ConstantBitRate", "RateControl"),
)


@dataclass(frozen=True, slots=True)
class _Held:
    """One configuration as it was read."""

    token: str
    role: str
    service: str
    node: etree._Element

    @property
    def places(self) -> tuple[Place, ...]:
        return _MEDIA2 if self.service == "media2" else _MEDIA1


class EncoderAspect(SettingsAspect):
    """``main.codec``, ``sub.size``, ``sub.fps``, ``sub.kbps``, ``sub.gop_frames``, …"""

    name = "encoder"
    rounds = frozenset({"fps", "kbps", "gop_frames", "quality"})
    _held: tuple[_Held, ...] = ()
    _roles: dict[str, str]

    def _look(self) -> dict[str, Value]:
        service, nodes = self._configurations()
        self._name(nodes)
        self._held = tuple(
            _Held(token, self._roles[token], service, node) for token, node in nodes if token in self._roles
        )
        found: dict[str, Value] = {}
        for held in sorted(self._held, key=lambda one: _rank(one.role)):
            found |= places.read(held.node, held.places, prefix=f"{held.role}.")
        return found

    def _configurations(self) -> tuple[str, list[tuple[str, etree._Element]]]:
        """The service that told, and (token, configuration) in the device's order."""
        surface = self._surface
        if surface.has("media2"):
            try:
                return "media2", _with_token(surface.ask("media2", "GetVideoEncoderConfigurations"))
            except DeviceError as error:
                if error.kind not in (DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.BAD_ANSWER):
                    raise
        try:
            return "media", _with_token(surface.ask("media", "GetVideoEncoderConfigurations"))
        except DeviceError as error:
            if error.kind is not DeviceTrouble.NOT_SUPPORTED:
                raise
        # Every device lists its profiles, and a profile holds its encoder whole.
        return "media", _of_profiles(surface.ask("media", "GetProfiles"))

    def _name(self, nodes: list[tuple[str, etree._Element]]) -> None:
        """Give roles by size at the first look; what comes later goes behind."""
        if not hasattr(self, "_roles"):
            self._roles = {}
        for token, _ in sorted(nodes, key=lambda pair: -_pixels(pair[1])):
            if token not in self._roles and len(self._roles) < len(_ROLES):
                self._roles[token] = _ROLES[len(self._roles)]

    def _bounds(self) -> dict[str, Allowed]:
        found: dict[str, Allowed] = {}
        for held in self._held:
            told = self._options(held)
            found |= {f"{held.role}.{name}": allowed for name, allowed in told.items()}
        return found

    def _options(self, held: _Held) -> dict[str, Allowed]:
        wanted = named(held.service, "ConfigurationToken", held.token)
        answer = self._surface.ask(held.service, "GetVideoEncoderConfigurationOptions", wanted)
        return _options_2(answer, held.node) if held.service == "media2" else _options_1(answer)

    def _send(self, changed: Settings) -> None:
        for held in self._held:
            prefix = f"{held.role}."
            if not any(name.startswith(prefix) for name in changed):
                continue
            copy = deepcopy(held.node)
            places.write(copy, held.places, changed, prefix=prefix)
            parts = [renamed(copy, held.service, "Configuration")]
            if held.service == "media":
                parts.append(element(NAMESPACES["media"], "ForcePersistence", text="true"))
            self._surface.ask(held.service, "SetVideoEncoderConfiguration", *parts)


def _rank(role: str) -> int:
    return _ROLES.index(role)


def _with_token(answer: etree._Element) -> list[tuple[str, etree._Element]]:
    """Configurations with a token, detached from the answer they came in."""
    return [
        (token, deepcopy(node))
        for node in answer
        if local_name(node) == "Configurations" and (token := (node.get("token") or "").strip())
    ]


def _of_profiles(answer: etree._Element) -> list[tuple[str, etree._Element]]:
    found = (child(node, "VideoEncoderConfiguration") for node in answer if local_name(node) == "Profiles")
    return [
        (token, deepcopy(node))
        for node in found
        if node is not None and (token := (node.get("token") or "").strip())
    ]


def _pixels(node: etree._Element) -> int:
    size = size_at("size", "Resolution").get(node)
    width, _, height = str(size or "0x0").partition("x")
    return int(width) * int(height)


def _options_1(answer: etree._Element) -> dict[str, Allowed]:
    """Media: one set of ranges a codec; only H.264's are written through it."""
    options = child(answer, "Options")
    h264 = child(options, "H264")
    spans = {
        "quality": child(options, "QualityRange"),
        "fps": child(h264, "FrameRateRange"),
        "gop_frames": child(h264, "GovLengthRange"),
        "kbps": child(options, "Extension", "H264", "BitrateRange"),
    }
    found = {name: allowed for name, node in spans.items() if (allowed := places.span(node)) is not None}
    listed = {"size": _sizes(h264), "profile": _texts(h264, "H264ProfilesSupported")}
    found |= {name: Allowed(values=values) for name, values in listed.items() if values}
    return {**found, "codec": Allowed(values=("H264",))} if h264 is not None else found


def _options_2(answer: etree._Element, node: etree._Element) -> dict[str, Allowed]:
    """Media2: ranges of the codec in use; the codecs of all."""
    each = [option for option in answer if local_name(option) == "Options"]
    codecs = tuple(dict.fromkeys(child_text(option, "Encoding") for option in each))
    using = child_text(node, "Encoding")
    option = next((one for one in each if child_text(one, "Encoding") == using), None)
    if option is None:
        return {}
    found = {"codec": Allowed(values=codecs)}
    spans = {"quality": "QualityRange", "kbps": "BitrateRange"}
    found |= {
        name: allowed
        for name, tag in spans.items()
        if (allowed := places.span(child(option, tag))) is not None
    }
    gop = [float(part) for part in (option.get("GovLengthRange") or "").split() if part.isdecimal()]
    if len(gop) == 2:
        found["gop_frames"] = Allowed(low=gop[0], high=gop[1])
    rates = [float(part) for part in (option.get("FrameRatesSupported") or "").split() if _is_number(part)]
    if rates:
        found["fps"] = Allowed(low=min(rates), high=max(rates))
    if len(codecs) == 1:
        # With several codecs a profile belongs to the one that will be written, which may not be this one.
        profiles: tuple[Value, ...] = tuple((option.get("ProfilesSupported") or "").split())
        found |= {"profile": Allowed(values=profiles)} if profiles else {}
    sizes = _sizes(option)
    return {**found, "size": Allowed(values=sizes)} if sizes else found


def _sizes(node: etree._Element | None) -> tuple[Value, ...]:
    place = size_at("size")
    nodes = (
        [one for one in below(node) if local_name(one) == "ResolutionsAvailable"] if node is not None else []
    )
    return tuple(size for one in nodes if (size := place.get(one)) is not None)


def _texts(node: etree._Element | None, name: str) -> tuple[Value, ...]:
    nodes = [] if node is None else [one for one in node if local_name(one) == name]
    return tuple(text for one in nodes if (text := (one.text or "").strip()))


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()
