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
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from agent.devices import sentences
from agent.devices.settings import refusals
from agent.devices.settings.checks import is_kept, problem_of
from agent.devices.settings.surface import Surface
from agent.errors import DeviceError, DeviceTrouble
from agent.management import Allowed, Change, ChangedField, Settings, Value

log = logging.getLogger(__name__)

READ_BACK_S = 45.0
"""Some makes restart over a write (Hikvision: a new stream size, half a minute)."""
_PAUSE_S = 1.0
_AWAY = (DeviceTrouble.UNREACHABLE, DeviceTrouble.HUNG, DeviceTrouble.BAD_ANSWER, DeviceTrouble.NO_ONVIF)
_NOT_TOLD = (DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.BAD_ANSWER, DeviceTrouble.BAD_VALUE)


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
    def _bounds(self, wanted: Settings, /) -> dict[str, Allowed]:
        """What the device says each may be, once ``wanted`` is so: sizes depend on the codec."""

    @abstractmethod
    def _send(self, changed: Settings) -> None:
        """Write changed copies of what was looked at last."""

    def _rest(self) -> Mapping[str, str]:
        """What else the elements looked at last hold, by where it stands: all of it is to stay."""
        return {}

    def _may_follow(self, _name: str, _changed: Settings, /) -> bool:
        """Whether a setting may move by itself because others were written (a codec's profile with it)."""
        return False

    def _known_as(self, wanted: Settings) -> Settings:
        """``wanted`` by the names of ``_look``, where a thing has several (a token and a role)."""
        return wanted

    def _objections(self, _wanted: Settings, _before: Settings, /) -> Sequence[str]:
        """Why these values must not be written together, one sentence each; nothing was sent yet."""
        return ()

    def _dangers(self, _changed: Settings, _before: Settings, /) -> Sequence[str]:
        """What may come of the write that somebody must agree to beforehand, one sentence each."""
        return ()

    def _sent_off(self, _changed: Settings, _before: Settings, /) -> str:
        """Follow the device where the write sends it; why it cannot be read back, "" when it can."""
        return ""

    def _measured(self, _changed: Settings, /) -> tuple[ChangedField, ...]:
        """What a write brought about that is no setting."""
        return ()

    def read(self) -> Settings:
        with self._surface.lock, self._surface.session.transport.within(READ_BACK_S):
            return self._look()

    def allowed(self) -> Mapping[str, Allowed]:
        with self._surface.lock, self._surface.session.transport.within(READ_BACK_S):
            self._look()
            return self._asked_bounds({})

    def write(self, wanted: Settings, *, dry_run: bool = False, confirmed: bool = False) -> Change:
        surface = self._surface
        if not surface.writable:
            raise surface.error(
                DeviceTrouble.READ_ONLY, sentences.read_only(surface.where, f"set {self.name}")
            )
        with surface.lock, surface.session.transport.within(READ_BACK_S):
            before = self._look()
            rest = dict(self._rest())
            wanted = self._known_as(wanted)
            bounds = self._asked_bounds(wanted)
            changed = {name: value for name, value in wanted.items() if before.get(name) != value}
            self._check(wanted, changed, before, bounds)
            dangers = tuple(self._dangers(changed, before))
            if not changed or dry_run:
                return Change(self.name, _fields(changed, before, changed), dry_run=dry_run, dangers=dangers)
            if dangers and not confirmed:
                raise surface.error(DeviceTrouble.BAD_VALUE, refusals.unconfirmed(surface.where, dangers))
            refused = self._sent(changed, before)
            sent_off = self._sent_off(changed, before)
        after = self._looked_again(sent_off)
        differences = self._differences(before, changed, after, bounds) + self._strayed(rest, changed)
        if differences:
            detail = sentences.not_kept(surface.where, differences)
            raise refused or surface.error(DeviceTrouble.NOT_KEPT, detail)
        return self._told(before, changed, after)

    def _told(self, before: Settings, changed: Settings, after: Settings) -> Change:
        moved = {
            name: before[name] for name, value in after.items() if name in before and value != before[name]
        }
        with self._surface.lock, self._surface.session.transport.within(self._surface.limits.total_s):
            measured = self._measured(changed)
        change = Change(self.name, _fields({**moved, **changed}, before, after) + measured)
        told = ", ".join(f"{each.name}: {each.before} -> {each.after}" for each in change.fields)
        log.info("device=%s aspect=%s changed %s", self._surface.device.id, self.name, told)
        return change

    def _asked_bounds(self, wanted: Settings) -> dict[str, Allowed]:
        try:
            return self._bounds(wanted)
        except DeviceError as error:
            if error.kind in _NOT_TOLD:
                return {}
            raise

    def _check(
        self, wanted: Settings, changed: Settings, before: Settings, bounds: Mapping[str, Allowed]
    ) -> None:
        problems = [
            problem
            for name, value in wanted.items()
            if (problem := problem_of(name, value, before.get(name), bounds.get(name)))
        ]
        problems = problems or list(self._objections(changed, before))
        if problems:
            unknown = any(name not in before for name in wanted)
            detail = sentences.bad_values(self._surface.where, problems, sorted(before) if unknown else ())
            raise self._surface.error(DeviceTrouble.BAD_VALUE, detail)

    def _sent(self, changed: Settings, before: Settings) -> DeviceError | None:
        """Send. A device that went away over it may have done it: that error is returned, not raised."""
        try:
            self._send(changed)
        except DeviceError as error:
            if error.kind in _AWAY:
                return error
            raise self._half_done(error, changed, before) from error
        return None

    def _half_done(self, error: DeviceError, changed: Settings, before: Settings) -> DeviceError:
        """``error`` with what was already written when the device refused the rest."""
        if len(changed) < 2:
            return error
        try:
            now = self._look()
        except DeviceError:
            return error
        done = [name for name in changed if now.get(name) != before.get(name)]
        if not done:
            return error
        return self._surface.error(error.kind, refusals.half_done(error.detail, done))

    def _looked_again(self, sent_off: str = "") -> dict[str, Value]:
        """The settings after a write; waits for a device that went away over it. Raises DeviceError.

        ``sent_off``: why it went for good; then it is asked once, for it may not have done so.
        """
        ends = time.monotonic() + READ_BACK_S
        while True:
            try:
                with self._surface.lock, self._surface.session.transport.within(READ_BACK_S):
                    return self._look()
            except DeviceError as error:
                if error.kind in _AWAY and sent_off:
                    raise self._surface.error(error.kind, sent_off) from error
                if error.kind not in _AWAY or time.monotonic() + _PAUSE_S > ends:
                    raise
            self._pause(_PAUSE_S)

    def _differences(
        self, before: Settings, changed: Settings, after: Settings, bounds: Mapping[str, Allowed]
    ) -> list[str]:
        lost = [
            sentences.kept_instead(name, value, after.get(name))
            for name, value in changed.items()
            if not self._is_kept(name, value, before, after, bounds)
        ]
        strayed = [
            sentences.moved_by_itself(name, value, after.get(name))
            for name, value in before.items()
            if name not in changed and after.get(name) != value and not self._may_follow(name, changed)
        ]
        return lost + strayed

    def _is_kept(
        self,
        name: str,
        wanted: Value,
        before: Settings,
        after: Settings,
        bounds: Mapping[str, Allowed],
    ) -> bool:
        found = after.get(name)
        rounded = name.rpartition(".")[2] in self.rounds and found != before.get(name)
        return is_kept(wanted, found, bounds.get(name) if rounded else None)

    def _strayed(self, rest: Mapping[str, str], changed: Settings) -> list[str]:
        """What moved in the parts of the elements that are no settings here."""
        now = self._rest()
        return [
            sentences.moved_by_itself(where, was or "-", now.get(where))
            for where, was in rest.items()
            if now.get(where) != was and not self._may_follow(where, changed)
        ]


def _fields(names: Settings, before: Settings, after: Settings) -> tuple[ChangedField, ...]:
    return tuple(
        ChangedField(name, before.get(name), names[name], after[name]) for name in names if name in after
    )
