"""Texts in the picture: ``1.text``, ``1.position``, ``1.font_size``, ``2.text``…; ``clock.position``.

The number after the last text is a free place and reads as an empty text: a text written there makes a new
OSD, an empty text written to a used one takes it away. Numbers stay while the aspect is open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

from lxml import etree

from agent.devices.settings import places, refusals
from agent.devices.settings.change import SettingsAspect
from agent.devices.settings.places import by_role, number_at, text_at
from agent.devices.settings.surface import SCHEMA, named, renamed, tokens
from agent.devices.soap import child, child_text, element, local_name
from agent.devices.wsdl import NAMESPACES
from agent.errors import DeviceError, DeviceTrouble
from agent.management import Allowed, Settings, Value

_TEXT = text_at("text", "TextString", "PlainText")
_COMMON = (text_at("position", "Position", "Type"), number_at("font_size", "TextString", "FontSize"))
_PLAIN = "Plain"
_CLOCK = "clock"
_MOST = 16
_NEW_POSITION = "LowerLeft"


@dataclass(frozen=True, slots=True)
class _Held:
    """One text OSD as it was read."""

    token: str
    role: str
    node: etree._Element


class OsdAspect(SettingsAspect):
    """See the head of the file."""

    name = "osd"
    rounds = frozenset({"font_size"})
    _held: tuple[_Held, ...] = ()
    _service = "media"
    _free: str | None = None
    _room: int | None = None
    """How many plain texts the device takes; None when it does not say."""
    _numbers: dict[str, str]
    _offered: set[str]
    """Names under which a free place was shown: it moves as texts come and go."""

    def _look(self) -> dict[str, Value]:
        nodes = self._asked()
        if not hasattr(self, "_numbers"):
            self._numbers, self._offered = {}, set()
        self._held = tuple(self._named(node) for node in nodes[:_MOST] if _is_text(node))
        found: dict[str, Value] = {}
        for held in self._held:
            found |= places.read(held.node, _COMMON, prefix=f"{held.role}.")
            if held.role != _CLOCK:
                found[f"{held.role}.text"] = _TEXT.get(held.node) or ""
        used = {held.role for held in self._held}
        self._free = next((str(n) for n in range(1, _MOST) if str(n) not in used), None)
        if self._free is not None:
            found[f"{self._free}.text"] = ""
            self._offered.add(f"{self._free}.text")
        return found

    def _asked(self) -> list[etree._Element]:
        surface = self._surface
        for service in ("media2", "media"):
            if not surface.has(service):
                continue
            try:
                answer = surface.ask(service, "GetOSDs", optional=True)
            except DeviceError as error:
                if service == "media2" and error.kind in (
                    DeviceTrouble.NOT_SUPPORTED,
                    DeviceTrouble.BAD_ANSWER,
                ):
                    continue
                raise
            self._service = service
            return [deepcopy(node) for node in answer if local_name(node) == "OSDs"]
        raise surface.error(DeviceTrouble.NOT_SUPPORTED, f"{surface.where}: 不支持字幕 / has no OSD")

    def _named(self, node: etree._Element) -> _Held:
        token = (node.get("token") or "").strip()
        if child_text(node, "TextString", "Type") != _PLAIN:
            return _Held(token, _CLOCK, node)
        if token not in self._numbers:
            taken = set(self._numbers.values())
            self._numbers[token] = next(str(n) for n in range(1, 99) if str(n) not in taken)
        return _Held(token, self._numbers[token], node)

    def _bounds(self, _wanted: Settings, /) -> dict[str, Allowed]:
        configuration = self._configuration()
        answer = self._surface.ask(
            self._service, "GetOSDOptions", named(self._service, "ConfigurationToken", configuration)
        )
        options = child(answer, "OSDOptions")
        most = child(options, "MaximumNumberOfOSDs")
        room = "" if most is None else most.get("PlainText") or ""
        self._room = int(room) if room.isdecimal() else None
        positions = tuple(
            text
            for node in (() if options is None else options)
            if local_name(node) == "PositionOption" and (text := (node.text or "").strip())
        )
        sizes = places.span(child(options, "TextOption", "FontSizeRange"))
        found: dict[str, Allowed] = {}
        for held in self._held:
            if positions:
                found[f"{held.role}.position"] = Allowed(values=positions)
            if sizes is not None:
                found[f"{held.role}.font_size"] = sizes
        return found

    def _may_follow(self, name: str, changed: Settings, /) -> bool:
        # Position and size go with a text that is taken away.
        role = re.split(r"[./@]", name, maxsplit=1)[0]
        return name in self._offered or changed.get(f"{role}.text") == ""

    def _known_as(self, wanted: Settings) -> Settings:
        return by_role(wanted, {held.token: held.role for held in self._held})

    def _objections(self, wanted: Settings, _before: Settings, /) -> Sequence[str]:
        made = f"{self._free}.text"
        used = sum(1 for held in self._held if held.role != _CLOCK)
        full = self._room is not None and used >= self._room
        return [refusals.no_text_left(made, used)] if full and wanted.get(made) else []

    def _rest(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for held in self._held:
            if held.role == _CLOCK or _TEXT.get(held.node):
                found |= places.rest(held.node, (_TEXT, *_COMMON), prefix=held.role)
        return found

    def _send(self, changed: Settings) -> None:
        for held in self._held:
            mine = {name: value for name, value in changed.items() if name.startswith(f"{held.role}.")}
            if not mine:
                continue
            if mine.get(f"{held.role}.text") == "":
                self._surface.ask(self._service, "DeleteOSD", named(self._service, "OSDToken", held.token))
                self._numbers.pop(held.token, None)
                continue
            copy = deepcopy(held.node)
            places.write(copy, (_TEXT, *_COMMON), mine, prefix=f"{held.role}.")
            self._surface.ask(self._service, "SetOSD", renamed(copy, self._service, "OSD"))
        text = changed.get(f"{self._free}.text")
        if text:
            self._create(str(text))

    def _create(self, text: str) -> None:
        made = element(
            NAMESPACES[self._service],
            "OSD",
            element(SCHEMA, "VideoSourceConfigurationToken", text=self._configuration()),
            element(SCHEMA, "Type", text="Text"),
            element(SCHEMA, "Position", element(SCHEMA, "Type", text=_NEW_POSITION)),
            element(
                SCHEMA,
                "TextString",
                element(SCHEMA, "Type", text=_PLAIN),
                element(SCHEMA, "PlainText", text=text),
            ),
        )
        answer = self._surface.ask(self._service, "CreateOSD", made)
        token = child_text(answer, "OSDToken")
        if token and self._free is not None:
            self._numbers[token] = self._free

    def _configuration(self) -> str:
        """The token of the first video source configuration."""
        for held in self._held:
            token = child_text(held.node, "VideoSourceConfigurationToken")
            if token:
                return token
        found = tokens(self._surface.ask(self._service, "GetVideoSourceConfigurations"))
        if not found:
            where = self._surface.where
            told = f"{where}: 没有视频源，无法加字幕 / no video source to write a text on"
            raise self._surface.error(DeviceTrouble.NOT_SUPPORTED, told)
        return found[0]


def _is_text(node: etree._Element) -> bool:
    return child_text(node, "Type") == "Text" and bool((node.get("token") or "").strip())
