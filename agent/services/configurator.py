"""The desired twin: applied setting by setting, each refusal with its reason, and reported back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice

from agent.ports import Log
from protocol.messages import ConfigApplied, TwinDesired, TwinReported
from runtime.clock import Clock

log = logging.getLogger(__name__)

Value = int | float | bool | str
REFUSALS_TOLD = 32
"""In one log entry; the reported twin has all."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One number the county may set: its bounds in its unit, its present value, and how to apply it."""

    low: float
    high: float
    value: float
    apply: Callable[[float], None]


class Configurator:
    """Knows which settings exist; unknown ones are refused by name."""

    def __init__(self, settings: Mapping[str, Setting], *, software: str, log_: Log, clock: Clock) -> None:
        self._settings = dict(settings)
        self._values: dict[str, Value] = {name: setting.value for name, setting in settings.items()}
        self._software = software
        self._log = log_
        self._clock = clock
        self._version = 0
        self._refused: dict[str, str] = {}

    @property
    def reported(self) -> TwinReported:
        return TwinReported(
            version=self._version,
            software=self._software,
            settings=dict(self._values),
            refused=dict(self._refused),
        )

    def desire(self, desired: TwinDesired) -> bool:
        """Apply a desired document; False when its version was applied before."""
        if desired.version <= self._version:
            return False
        self._version = desired.version
        self._refused = {}
        for name, value in desired.settings.items():
            problem = self._apply(name, value)
            if problem:
                self._refused[name] = problem
        told = dict(islice(self._refused.items(), REFUSALS_TOLD))
        self._log.append(ConfigApplied(version=self._version, refused=told), at=self._clock.now())
        log.info("twin version=%d applied, refused=%s", self._version, sorted(self._refused))
        return True

    def _apply(self, name: str, value: Value) -> str:
        setting = self._settings.get(name)
        if setting is None:
            return "未知设置 / unknown setting"
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "不是数字 / not a number"
        if not setting.low <= value <= setting.high:
            return f"超出范围 / must be {setting.low:g} to {setting.high:g}"
        setting.apply(float(value))
        self._values[name] = float(value)
        return ""
