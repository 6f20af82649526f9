"""Media profiles as they are listed, made, filled and deleted, over Media2 where it is there, else Media."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from agent.devices.redact import quoted
from agent.devices.settings.surface import Surface, named, tokens
from agent.devices.soap import child, child_text, element, local_name
from agent.devices.wsdl import NAMESPACES
from agent.errors import DeviceError, DeviceTrouble

_NOT_TOLD = (DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.BAD_ANSWER, DeviceTrouble.BAD_VALUE)
_MOST_LISTED = 256


@dataclass(frozen=True, slots=True)
class Listed:
    """One profile; ``source`` and ``encoder`` are tokens of configurations, "" where it has none."""

    token: str
    name: str
    source: str
    encoder: str


class MediaProfiles:
    """The profiles of one device. Every call may raise DeviceError."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    def listed(self) -> tuple[Listed, ...]:
        """All profiles, those without an encoder too. Some Media2 tell no configurations of any (SUNBA)."""
        surface = self._surface
        found: tuple[Listed, ...] = ()
        if surface.has("media2"):
            wanted = [named("media2", "Type", kind) for kind in ("VideoSource", "VideoEncoder")]
            try:
                found = tuple(_listed_2(surface.ask("media2", "GetProfiles", *wanted)))
            except DeviceError as error:
                if error.kind not in _NOT_TOLD:
                    raise
        if any(one.encoder for one in found) or (found and not surface.has("media")):
            return found
        return tuple(_listed_1(surface.ask("media", "GetProfiles")))

    def most(self) -> int | None:
        """How many profiles there may be; None where it is not told."""
        for service in self._services():
            try:
                answer = self._surface.ask(service, "GetServiceCapabilities")
            except DeviceError as error:
                if error.kind not in _NOT_TOLD:
                    raise
                continue
            told = child(answer, "Capabilities", "ProfileCapabilities")
            number = "" if told is None else (told.get("MaximumNumberOfProfiles") or "")
            if number.isdecimal() and len(number) < 6:
                return int(number)
        return None

    def instances(self, source: str) -> int | None:
        """How many encoders run at a time for a source; None where it is not told."""
        try:
            if self._surface.has("media2"):
                asked = named("media2", "ConfigurationToken", source)
                answer = self._surface.ask("media2", "GetVideoEncoderInstances", asked)
                return _count(child_text(answer, "Info", "Total"))
        except DeviceError as error:
            if error.kind not in _NOT_TOLD:
                raise
        try:
            asked = named("media", "ConfigurationToken", source)
            answer = self._surface.ask("media", "GetGuaranteedNumberOfVideoEncoderInstances", asked)
            return _count(child_text(answer, "TotalNumber"))
        except DeviceError as error:
            if error.kind not in _NOT_TOLD:
                raise
            return None

    def compatible(self, profile: str) -> frozenset[str] | None:
        """The encoders, by token, that a profile like this one may have; None where it is not told."""
        surface = self._surface
        try:
            if surface.has("media2"):
                asked = named("media2", "ProfileToken", profile)
                answer = surface.ask("media2", "GetVideoEncoderConfigurations", asked)
            else:
                asked = named("media", "ProfileToken", profile)
                answer = surface.ask("media", "GetCompatibleVideoEncoderConfigurations", asked)
        except DeviceError as error:
            if error.kind not in _NOT_TOLD:
                raise
            return None
        return frozenset(tokens(answer)) or None

    def create(self, name: str) -> str:
        """A new profile, empty; returns its token. NOT_SUPPORTED where clients may make none."""
        surface = self._surface
        if surface.has("media2"):
            try:
                answer = surface.ask("media2", "CreateProfile", named("media2", "Name", name))
                return self._made(child_text(answer, "Token"))
            except DeviceError as error:
                if error.kind is not DeviceTrouble.NOT_SUPPORTED:
                    raise
        answer = surface.ask("media", "CreateProfile", named("media", "Name", name))
        made = child(answer, "Profile")
        return self._made("" if made is None else (made.get("token") or "").strip())

    def fill(self, profile: str, *, source: str, encoder: str) -> None:
        """Put source, then encoder into a profile."""
        surface = self._surface
        if surface.has("media2"):
            try:
                for kind, token in (("VideoSource", source), ("VideoEncoder", encoder)):
                    part = element(
                        NAMESPACES["media2"],
                        "Configuration",
                        named("media2", "Type", kind),
                        named("media2", "Token", token),
                    )
                    surface.ask("media2", "AddConfiguration", named("media2", "ProfileToken", profile), part)
                return
            except DeviceError as error:
                if error.kind is not DeviceTrouble.NOT_SUPPORTED:
                    raise
        whole = (named("media", "ProfileToken", profile), named("media", "ConfigurationToken", source))
        surface.ask("media", "AddVideoSourceConfiguration", *whole)
        whole = (named("media", "ProfileToken", profile), named("media", "ConfigurationToken", encoder))
        surface.ask("media", "AddVideoEncoderConfiguration", *whole)

    def delete(self, profile: str) -> None:
        """Take a profile away; its configurations stay."""
        surface = self._surface
        if surface.has("media2"):
            try:
                surface.ask("media2", "DeleteProfile", named("media2", "Token", profile))
                return
            except DeviceError as error:
                if error.kind is not DeviceTrouble.NOT_SUPPORTED:
                    raise
        surface.ask("media", "DeleteProfile", named("media", "ProfileToken", profile))

    def _services(self) -> Iterator[str]:
        yield from (name for name in ("media2", "media") if self._surface.has(name))

    def _made(self, token: str) -> str:
        if token:
            return token
        detail = f"{self._surface.where} CreateProfile: 没有 token / no token"
        raise self._surface.error(DeviceTrouble.BAD_ANSWER, detail)


def _listed_1(answer: etree._Element) -> Iterator[Listed]:
    for node in _profiles(answer):
        source, encoder = child(node, "VideoSourceConfiguration"), child(node, "VideoEncoderConfiguration")
        yield Listed(_token(node), _name(node), _token(source), _token(encoder))


def _listed_2(answer: etree._Element) -> Iterator[Listed]:
    for node in _profiles(answer):
        source = child(node, "Configurations", "VideoSource")
        encoder = child(node, "Configurations", "VideoEncoder")
        yield Listed(_token(node), _name(node), _token(source), _token(encoder))


def _profiles(answer: etree._Element) -> list[etree._Element]:
    return [node for node in answer if local_name(node) == "Profiles" and _token(node)][:_MOST_LISTED]


def _token(node: etree._Element | None) -> str:
    return "" if node is None else (node.get("token") or "").strip()


def _name(node: etree._Element) -> str:
    return quoted(child_text(node, "Name"), longest=64)


def _count(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 6 else None
