"""What it means to manage a device: settings read and written by name, and what a write really did. Pure.

Law: a setting is read before it is written, written as a changed copy, read back and compared. What the
device kept is in the ``Change``; what it did not keep is a DeviceError NOT_KEPT, never a success.

A device's settings come in aspects (``time``, ``network``, ``encoder``, ``imaging``, ``osd``,
``io``), each a flat
document of dotted names: ``{"sub.codec": "H264", "sub.fps": 10.0}``. The same document serves the command
line, the desired state of ``firmware_configs/`` and the before-and-after an installer confirms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

Value = str | int | float | bool | tuple[str, ...]
"""A setting's value. Durations in seconds, rates in 1/s or kbit/s, as the setting's name says."""

Settings = Mapping[str, Value]
"""Dotted setting name to value."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a device says a setting may be. None and empty where it does not say."""

    values: tuple[Value, ...] = ()
    low: float | None = None
    high: float | None = None
    writable: bool = True

    def __str__(self) -> str:
        if self.values:
            return " | ".join(str(value) for value in self.values)
        if self.low is None and self.high is None:
            return ""
        return (
            f"{'' if self.low is None else f'{self.low:g}'}..{'' if self.high is None else f'{self.high:g}'}"
        )


@dataclass(frozen=True, slots=True)
class ChangedField:
    """One setting of a write. ``after`` equals ``wanted`` unless the device rounds (rates, exposure)."""

    name: str
    before: Value | None
    wanted: Value
    after: Value


@dataclass(frozen=True, slots=True)
class Change:
    """What a write did, or with ``dry_run`` would do (``after`` is then ``wanted``). Nothing to change: no
    fields, and nothing was sent."""

    aspect: str
    fields: tuple[ChangedField, ...]
    dry_run: bool = False
    dangers: tuple[str, ...] = ()
    """What may come of it that a person must agree to beforehand, one sentence each."""

    @property
    def is_empty(self) -> bool:
        """Whether the device already was as wanted."""
        return not self.fields


class Aspect(Protocol):
    """One group of settings of one device. Each call has a total deadline; all raise DeviceError."""

    @property
    def name(self) -> str:
        """``time``, ``network``, ``encoder``, ``imaging``, ``osd`` or ``io``."""
        ...

    def read(self) -> Settings:
        """The settings as the device has them now. NOT_SUPPORTED when it has no such aspect."""
        ...

    def allowed(self) -> Mapping[str, Allowed]:
        """What the device says each setting may be; settings it says nothing about are absent."""
        ...

    def write(self, wanted: Settings, *, dry_run: bool = False, confirmed: bool = False) -> Change:
        """Make the named settings so, leave all others as they are.

        What is dangerous (``Change.dangers`` of a dry run) is done only when ``confirmed``; without it
        BAD_VALUE is raised and nothing is sent.

        Raises DeviceError READ_ONLY (class INTEGRATED; nothing was sent), BAD_VALUE (a name the device does
        not have or a value outside ``allowed``; nothing was sent, or the device refused it), NOT_KEPT (it
        said yes and kept something else; the detail names setting, wanted and found).
        """
        ...
