"""All encoders of a device by their tokens, read and written as the aspect ``encoder`` does it.

Law: whatever is written to one of them, no other may move: that is found out as NOT_KEPT.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lxml import etree

from agent.devices.settings.encoder import EncoderAspect, Held
from agent.devices.settings.encoder_options import rates_2
from agent.devices.soap import child_text
from agent.errors import DeviceError, DeviceTrouble
from agent.management import Allowed, Change, Settings, Value

_MOST = 64
_NOT_TOLD = (DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.BAD_ANSWER, DeviceTrouble.BAD_VALUE)


class Encoders(EncoderAspect):
    """Settings are named ``e1.fps``, ``e2.fps``; callers name an encoder by its token."""

    def of_all(self) -> dict[str, dict[str, Value]]:
        """The settings of every encoder, without prefix, by token. Raises DeviceError."""
        settings = self.read()
        return {held.token: _own(settings, held.role) for held in self._held}

    def used_inside(self) -> frozenset[str]:
        """The encoders that say they are in use, of those read last."""
        return frozenset(
            held.token for held in self._held if child_text(held.node, "UseCount").strip("0").isdecimal()
        )

    def choices(self, token: str, codec: str = "") -> Mapping[str, Allowed]:
        """What an encoder may be, with ``codec`` or the one it has; nothing where that is not told."""
        held = next((one for one in self._held if one.token == token), None)
        if held is None:
            return {}
        with self._surface.lock:
            try:
                return self._options(held, codec)
            except DeviceError as error:
                if error.kind not in _NOT_TOLD:
                    raise
                return {}

    def set(self, token: str, wanted: Settings) -> Change:
        """Make settings of one encoder so, read back and compared. Raises DeviceError."""
        role = self._roles[token]
        return self.write({f"{role}.{name}": value for name, value in wanted.items()})

    def _told_options(self, held: Held, answer: etree._Element, codec: str) -> dict[str, Allowed]:
        """With the frame rates one by one where they are told so."""
        told = super()._told_options(held, answer, codec)
        rates = rates_2(answer, codec or child_text(held.node, "Encoding"))
        if rates and "fps" in told:
            told["fps"] = replace(told["fps"], values=rates)
        return told

    def _name(self, nodes: list[tuple[str, etree._Element]]) -> None:
        if not hasattr(self, "_roles"):
            self._roles = {}
        for token, _ in nodes:
            if token not in self._roles and len(self._roles) < _MOST:
                self._roles[token] = f"e{len(self._roles) + 1}"


def _own(settings: Settings, role: str) -> dict[str, Value]:
    prefix = f"{role}."
    return {name.removeprefix(prefix): value for name, value in settings.items() if name.startswith(prefix)}
