"""The one way a setting is changed: read, compare, write a changed copy, read back, compare again.

    read ──nothing to change──> empty Change
      └──> check names and values ──dry run──> Change
                └──> write ──> read back ──kept──> Change
                                  └──not kept, or something else moved──> NOT_KEPT

Law: success is what the device says afterwards, never that it said yes. A device that restarts over a write
is waited for.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

from agent.devices import sentences
from agent.devices.settings.surface import Surface
from agent.errors import DeviceError, DeviceTrouble
from agent.management import Allowed, Change, ChangedField, Settings, Value

log = logging.getLogger(__name__)

READ_BACK_S = 45.0
"""Some makes restart over a write (Hikvision: a new stream size, half a minute)."""
_PAUSE_S = 1.0
_ROUNDED = 0.15
"""Devices keep rates and exposures in steps; what differs by more was not kept."""
_AWAY = (DeviceTrouble.UNREACHABLE, DeviceTrouble.HUNG, DeviceTrouble.BAD_ANSWER, DeviceTrouble.NO_ONVIF)


class SettingsAspect(ABC):
    """Implements Aspect; an aspect says how it looks and how it sends."""

    name: ClassVar[str]
    rounds: ClassVar[frozenset[str]] = frozenset()
    """Last parts of the names of numbers that devices round."""

    def __init__(self, surface: Surface, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._surface = surface
        self._pause = pause

    @abstractmethod
    def _look(self) -> dict[str, Value]:
        """The settings now; remembers what ``_send`` writes changed copies of."""

    @abstractmethod
    def _bounds(self) -> dict[str, Allowed]:
        """What the device says each may be."""

    @abstractmethod
    def _send(self, changed: Settings) -> None:
        """Write changed copies of what was looked at last."""

    def _may_follow(self, name: str, changed: Settings) -> bool:
        """Whether a setting may move by itself because others were written (a codec's profile with it)."""
        return name.rpartition(".")[0] in {other.rpartition(".")[0] for other in changed}

    def read(self) -> Settings:
        with self._surface.lock, self._surface.session.transport.within(READ_BACK_S):
            return self._look()

    def allowed(self) -> Mapping[str, Allowed]:
        with self._surface.lock, self._surface.session.transport.within(READ_BACK_S):
            self._look()
            return self._asked_bounds()

    def write(self, wanted: Settings, *, dry_run: bool = False) -> Change:
        surface = self._surface
        if not surface.writable:
            raise surface.error(
                DeviceTrouble.READ_ONLY, sentences.read_only(surface.where, f"set {self.name}")
            )
        with surface.lock, surface.session.transport.within(READ_BACK_S):
            before = self._look()
            bounds = self._asked_bounds()
            self._check(wanted, before, bounds)
            changed = {name: value for name, value in wanted.items() if before.get(name) != value}
            if not changed or dry_run:
                return Change(self.name, _fields(changed, before, changed), dry_run=dry_run)
            self._send(changed)
        after = self._looked_again()
        self._compare(before, changed, after)
        moved = {
            name: before[name] for name, value in after.items() if name in before and value != before[name]
        }
        change = Change(self.name, _fields({**moved, **changed}, before, after))
        told = ", ".join(f"{each.name}: {each.before} -> {each.after}" for each in change.fields)
        log.info("device=%s aspect=%s changed %s", surface.device.id, self.name, told)
        return change

    def _asked_bounds(self) -> dict[str, Allowed]:
        try:
            return self._bounds()
        except DeviceError as error:
            if error.kind in (DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.BAD_ANSWER, DeviceTrouble.BAD_VALUE):
                return {}
            raise

    def _check(self, wanted: Settings, before: Settings, bounds: Mapping[str, Allowed]) -> None:
        problems = [
            problem
            for name, value in wanted.items()
            if (problem := _problem(name, value, before.get(name), bounds.get(name)))
        ]
        if problems:
            unknown = any(name not in before for name in wanted)
            detail = sentences.bad_values(self._surface.where, problems, sorted(before) if unknown else ())
            raise self._surface.error(DeviceTrouble.BAD_VALUE, detail)

    def _looked_again(self) -> dict[str, Value]:
        """The settings after a write; waits for a device that went away over it. Raises DeviceError."""
        ends = time.monotonic() + READ_BACK_S
        while True:
            try:
                with self._surface.lock, self._surface.session.transport.within(READ_BACK_S):
                    return self._look()
            except DeviceError as error:
                if error.kind not in _AWAY or time.monotonic() + _PAUSE_S > ends:
                    raise
            self._pause(_PAUSE_S)

    def _compare(self, before: Settings, changed: Settings, after: Settings) -> None:
        lost = [
            sentences.kept_instead(name, value, after.get(name))
            for name, value in changed.items()
            if not self._is_kept(name, value, before.get(name), after.get(name))
        ]
        strayed = [
            sentences.moved_by_itself(name, value, after.get(name))
            for name, value in before.items()
            if name not in changed and after.get(name) != value and not self._may_follow(name, changed)
        ]
        if lost or strayed:
            detail = sentences.not_kept(self._surface.where, [*lost, *strayed])
            raise self._surface.error(DeviceTrouble.NOT_KEPT, detail)

    def _is_kept(self, name: str, wanted: Value, before: Value | None, after: Value | None) -> bool:
        if after == wanted:
            return True
        if name.rpartition(".")[2] not in self.rounds or after == before:
            return False
        if not isinstance(wanted, int | float) or not isinstance(after, int | float):
            return False
        return abs(after - wanted) <= max(1.0, abs(wanted) * _ROUNDED)


def _fields(names: Settings, before: Settings, after: Settings) -> tuple[ChangedField, ...]:
    return tuple(
        ChangedField(name, before.get(name), names[name], after[name]) for name in names if name in after
    )


def _problem(name: str, value: Value, present: Value | None, allowed: Allowed | None) -> str:
    """Why a value cannot be asked for; "" when it can."""
    if present is None:
        return sentences.no_such_setting(name)
    if allowed is None:
        return ""
    if not allowed.writable:
        return sentences.setting_read_only(name)
    if allowed.values and value not in allowed.values:
        return sentences.outside(name, value, str(allowed))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    too_low = allowed.low is not None and value < allowed.low
    too_high = allowed.high is not None and value > allowed.high
    return sentences.outside(name, value, str(allowed)) if too_low or too_high else ""
