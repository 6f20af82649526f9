"""Video encoders: codec, size, rates, group of pictures, over Media2 where it is there, else Media.

Streams are named by size at the first look: ``main`` the largest, ``sub`` the next, then ``third`` and on.
The names stay with the configurations for as long as the aspect is open, whatever sizes are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

from lxml import etree

from agent.devices.habits import Habit
from agent.devices.settings import places, refusals
from agent.devices.settings.change import SettingsAspect
from agent.devices.settings.encoder_options import options_1, options_2
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
from agent.devices.soap import child, child_text, element, local_name
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


_FOLLOWS: Mapping[str, tuple[str, ...]] = {
    "gop_frames": ("fps",),  # Reolink keeps it as a multiple of the frame rate
    "kbps": ("size", "fps", "constant_rate"),
    "fps": ("size",),
    "quality": ("kbps", "constant_rate"),
}
"""Which settings of a stream may move by themselves after which others; after a codec, all of it."""


@dataclass(frozen=True, slots=True)
class Held:
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
    own_token = ""
    """The encoder of the box's analysis stream: its role comes after those of the camera's own streams."""
    rounds = frozenset({"fps", "kbps", "gop_frames", "quality"})
    _held: tuple[Held, ...] = ()
    _doubted = False
    _roles: dict[str, str]

    def _look(self) -> dict[str, Value]:
        service, nodes = self._configurations()
        self._name(nodes)
        self._held = tuple(
            Held(token, self._roles[token], service, node) for token, node in nodes if token in self._roles
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
                if error.kind is DeviceTrouble.NOT_SUPPORTED:
                    self._doubt_media2()
        try:
            return "media", _with_token(surface.ask("media", "GetVideoEncoderConfigurations"))
        except DeviceError as error:
            if error.kind is not DeviceTrouble.NOT_SUPPORTED:
                raise
        # Every device lists its profiles, and a profile holds its encoder whole.
        return "media", _of_profiles(surface.ask("media", "GetProfiles"))

    def _doubt_media2(self) -> None:
        """Ask once more, what every Media2 answers: one that has only no encoders is not dead."""
        if self._doubted:
            return
        self._doubted = True
        try:
            self._surface.ask("media2", "GetProfiles")
        except DeviceError as error:
            if error.kind is DeviceTrouble.NOT_SUPPORTED:
                self._surface.session.account.habits.learned(Habit.DEAD_MEDIA2)

    def _name(self, nodes: list[tuple[str, etree._Element]]) -> None:
        """Give roles by size at the first look; what comes later goes behind."""
        if not hasattr(self, "_roles"):
            self._roles = {}
        for token, _ in sorted(nodes, key=lambda pair: (pair[0] == self.own_token, -_pixels(pair[1]))):
            if token not in self._roles and len(self._roles) < len(_ROLES):
                self._roles[token] = _ROLES[len(self._roles)]

    def _bounds(self, wanted: Settings, /) -> dict[str, Allowed]:
        found: dict[str, Allowed] = {}
        for held in self._held:
            told = self._options(held, str(wanted.get(f"{held.role}.codec", "")))
            found |= {f"{held.role}.{name}": allowed for name, allowed in told.items()}
        return found

    def _options(self, held: Held, codec: str) -> dict[str, Allowed]:
        """What one configuration may be with ``codec``; with the codec it has when that is ""."""
        token = named(held.service, "ConfigurationToken", held.token)
        answer = self._surface.ask(held.service, "GetVideoEncoderConfigurationOptions", token)
        return self._told_options(held, answer, codec)

    def _told_options(self, held: Held, answer: etree._Element, codec: str) -> dict[str, Allowed]:
        has = child_text(held.node, "Encoding")
        return options_2(answer, codec or has) if held.service == "media2" else options_1(answer, has)

    def _known_as(self, wanted: Settings) -> Settings:
        roles = dict(self._roles)
        if any(_prefix(name) not in {*roles, *roles.values()} for name in wanted):
            roles |= self._roles_of_profiles()
        return places.by_role(wanted, roles)

    def _roles_of_profiles(self) -> dict[str, str]:
        """Roles by the token of the profile that shows the stream."""
        if not self._surface.has("media"):
            return {}
        answer = self._surface.ask("media", "GetProfiles")
        found = {}
        for profile in answer:
            encoder = child(profile, "VideoEncoderConfiguration")
            token = "" if encoder is None else (encoder.get("token") or "").strip()
            if token in self._roles:
                found[(profile.get("token") or "").strip()] = self._roles[token]
        return found

    def _objections(self, wanted: Settings, before: Settings) -> Sequence[str]:
        """A new codec often has other sizes: the one that stays must be among them."""
        found = []
        for held in self._held:
            codec, size = wanted.get(f"{held.role}.codec"), f"{held.role}.size"
            if codec is None or size in wanted:
                continue
            offered = self._options(held, str(codec)).get("size")
            if offered is not None and before.get(size) not in offered.values:
                found.append(refusals.size_of_codec(size, before.get(size), codec, str(offered)))
        return found

    def _rest(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for held in self._held:
            found |= places.rest(held.node, held.places, prefix=held.role)
        return found

    def _may_follow(self, name: str, changed: Settings) -> bool:
        role, _, item = name.partition(".")
        if f"{role.partition('/')[0].partition('@')[0]}.codec" in changed:
            return True
        return any(f"{role}.{other}" in changed for other in _FOLLOWS.get(item, ()))

    def _send(self, changed: Settings) -> None:
        for held in self._held:
            prefix = f"{held.role}."
            if not any(name.startswith(prefix) for name in changed):
                continue
            self._set(held, changed)

    def _set(self, held: Held, changed: Settings) -> None:
        """Write one configuration; over Media where Media2 only reads it."""
        copy = deepcopy(held.node)
        places.write(copy, held.places, changed, prefix=f"{held.role}.")
        parts = [renamed(copy, held.service, "Configuration")]
        if held.service == "media":
            parts.append(element(NAMESPACES["media"], "ForcePersistence", text="true"))
        try:
            self._surface.ask(held.service, "SetVideoEncoderConfiguration", *parts)
        except DeviceError as error:
            other = self._in_media(held, changed) if error.kind is DeviceTrouble.NOT_SUPPORTED else None
            if other is None:
                raise
            self._set(other, changed)

    def _in_media(self, held: Held, changed: Settings) -> Held | None:
        """The same configuration as Media tells it; None when it has it not, or not these settings."""
        if held.service == "media" or not self._surface.has("media"):
            return None
        listed = dict(_with_token(self._surface.ask("media", "GetVideoEncoderConfigurations")))
        if held.token not in listed:
            return None
        other = Held(held.token, held.role, "media", listed[held.token])
        offered = places.read(other.node, other.places, prefix=f"{held.role}.")
        mine = {name for name in changed if _prefix(name) == held.role}
        new_codec = changed.get(f"{held.role}.codec", "H264") != "H264"
        return None if new_codec or mine - offered.keys() else other


def _prefix(name: str) -> str:
    return name.rpartition(".")[0]


def _rank(role: str) -> int:
    return _ROLES.index(role) if role in _ROLES else len(_ROLES)


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
