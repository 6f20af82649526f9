"""Thresholds tried out with ``--set NAME=VALUE``. Law: what a box cannot be given is said to be so."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from agent.config import WatchSection, ZoneSection, problem_in_words
from agent.detect.for_device import detect_config
from agent.detect.scene_judge import DetectConfig
from agent.errors import ConfigError
from agent.tuning.zone_file import Setting
from agent.video.cascade import CascadeConfig

MOST: Final = 64
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """All that decides what is told of a recording."""

    zones: tuple[ZoneSection, ...] = ()
    watch: WatchSection = field(default_factory=WatchSection)
    detect: DetectConfig = field(default_factory=DetectConfig)
    gate: CascadeConfig = field(default_factory=CascadeConfig)
    trial_only: tuple[str, ...] = ()
    """Names of those changed that no configuration of the box has."""
    configured: tuple[str, ...] = ()
    """Those changed that it has, as ``watch.motion_hold_s = 3.0``."""


def thresholds_of(setting: Setting, changes: Sequence[str]) -> Thresholds:
    """What the box would use for a setting, some values changed. Raises ConfigError with all problems."""
    detect = detect_config(setting.device_class, supplementary_light=setting.supplementary_light)
    found = Thresholds(setting.zones, setting.watch, detect)
    problems: list[str] = []
    if len(changes) > MOST:
        raise ConfigError("--set", [f"最多 {MOST} 个 / {MOST} at most"])
    for change in changes:
        try:
            found = _changed(found, change)
        except ValueError as error:
            problems.append(f"{change[:80]}: {error}")
    if problems:
        raise ConfigError("--set", problems)
    return found


def names() -> tuple[str, ...]:
    """Every name but those of zones."""
    one = Thresholds()
    return (
        *(f"watch.{name}" for name in _WATCH),
        *(f"{group}.{name}" for group, part in _parts(one).items() for name in _numbers(part)),
    )


_WATCH: Final = tuple(name for name in WatchSection.model_fields if name.endswith(("_confirm_s", "_hold_s")))
"""Those of ``[watch]`` that decide what becomes an event."""


def _changed(found: Thresholds, change: str) -> Thresholds:
    name, sign, text = change.partition("=")
    name = name.strip()
    if not sign or not name:
        raise ValueError("应写作 名称=数值 / write it as NAME=VALUE")
    group, dot, key = name.partition(".")
    value = _value(text.strip())
    if group == "zone":
        return _zone_changed(found, key, value)
    if not dot:
        group, key = "watch", name
    if group == "watch" and key in _WATCH:
        watch = _validated(WatchSection, found.watch, key, value)
        return replace(found, watch=watch, configured=(*found.configured, f"watch.{key} = {value}"))
    part = _parts(found).get(group)
    if part is None or key not in _numbers(part):
        raise ValueError(
            f"没有这个名称；可用 zone.区域.键 和：{', '.join(names())} / "
            f"no such name; there are zone.ZONE.KEY and: {', '.join(names())}"
        )
    made = replace(part, **{key: _like(getattr(part, key), value)})
    return replace(_put(found, group, made), trial_only=(*found.trial_only, name))


def _zone_changed(found: Thresholds, rest: str, value: object) -> Thresholds:
    name, _, key = rest.rpartition(".")
    there = [zone.name for zone in found.zones]
    if name not in there:
        raise ValueError(
            f"没有区域 {name!r}，应写作 zone.区域.键=数值；有：{', '.join(there) or '-'} / "
            f"no zone {name!r}, write zone.ZONE.KEY=VALUE; there are: {', '.join(there) or '-'}"
        )
    zones = tuple(
        _validated(ZoneSection, zone, key, value) if zone.name == name else zone for zone in found.zones
    )
    return replace(found, zones=zones, configured=(*found.configured, f"zone.{rest} = {value}"))


def _validated(section: type[T], now: Any, key: str, value: object) -> T:
    told = {**now.model_dump(exclude_unset=True), key: value}
    try:
        return section.model_validate(told)  # type: ignore[attr-defined, no-any-return]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(problem_in_words(first)) from error


def _parts(found: Thresholds) -> dict[str, Any]:
    return {
        "background": found.detect.background,
        "picture": found.detect.picture,
        "gate": found.gate,
        "packets": found.gate.packets,
        "keys": found.gate.keys,
    }


def _put(found: Thresholds, group: str, part: Any) -> Thresholds:
    match group:
        case "background":
            return replace(found, detect=replace(found.detect, background=part))
        case "picture":
            return replace(found, detect=replace(found.detect, picture=part))
        case "gate":
            return replace(found, gate=part)
        case "packets":
            return replace(found, gate=replace(found.gate, packets=part))
        case _:
            return replace(found, gate=replace(found.gate, keys=part))


def _numbers(part: Any) -> tuple[str, ...]:
    return tuple(one.name for one in fields(part) if isinstance(getattr(part, one.name), int | float))


def _like(now: bool | int | float, value: object) -> bool | int | float:
    """A value of the kind the present one has."""
    if isinstance(now, bool):
        if isinstance(value, bool):
            return value
        raise ValueError("应为 true 或 false / must be true or false")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("应为数字 / must be a number")
    if not 0 < value <= 1e6:
        raise ValueError("应大于 0，不超过 1000000 / must be above 0, 1000000 at most")
    if isinstance(now, int) and value != int(value):
        raise ValueError("应为整数 / must be a whole number")
    return int(value) if isinstance(now, int) else float(value)


def _value(text: str) -> object:
    """As TOML reads it; what is no value there is a word."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
