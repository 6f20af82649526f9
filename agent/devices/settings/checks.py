"""Which values may be asked for, and when what a device kept is what was asked. Pure.

Law: a number may come back rounded only where the device stated a range, only within it, and only by a step.
"""

from __future__ import annotations

import math
import re
from typing import TypeGuard

from agent.devices import sentences
from agent.devices.redact import quoted
from agent.devices.settings import refusals
from agent.management import Allowed, Value

_STEP_RATIO = 0.15
"""Bit rates are kept in steps of 64 kbit/s or a tenth (Reolink, Hikvision); more was not kept."""
_STEP = 1.0
_FLOAT_RATIO = 1e-4
"""xs:float has 7 digits: 0.3333333 comes back as 0.333333."""
LONGEST = 200
"""Characters of a text; the longest name of a place fits four times."""
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)


def problem_of(name: str, value: Value, present: Value | None, allowed: Allowed | None) -> str:
    """Why a value cannot be asked for, in a sentence; "" when it can."""
    if present is None:
        return sentences.no_such_setting(name)
    if _kind(value) is not _kind(present) or (isinstance(value, float) and not math.isfinite(value)):
        return refusals.wrong_kind(name, value, present)
    if any(_UNPRINTABLE.search(text) or len(text) > LONGEST for text in _texts(value)):
        return refusals.not_writable_text(name, LONGEST)
    return "" if allowed is None else _outside(name, value, allowed)


def is_kept(wanted: Value, found: Value | None, rounding: Allowed | None) -> bool:
    """Whether ``found`` is what was wanted. ``rounding`` is the range of a number that may be rounded."""
    if found == wanted:
        return True
    if isinstance(wanted, str) and isinstance(found, str):
        return quoted(wanted, longest=LONGEST) == found
    if not _is_number(wanted) or not _is_number(found):
        return False
    away = abs(float(found) - float(wanted))
    if away <= abs(float(wanted)) * _FLOAT_RATIO:
        return True
    if rounding is None or not _states_range(rounding) or _beyond(float(found), rounding):
        return False
    return away <= max(_STEP, abs(float(wanted)) * _STEP_RATIO)


def _outside(name: str, value: Value, allowed: Allowed) -> str:
    if not allowed.writable:
        return sentences.setting_read_only(name)
    if allowed.values and value not in allowed.values:
        return sentences.outside(name, value, str(allowed))
    if _is_number(value) and _beyond(float(value), allowed):
        return sentences.outside(name, value, str(allowed))
    return ""


def _states_range(allowed: Allowed) -> bool:
    return allowed.low is not None and allowed.high is not None


def _beyond(value: float, allowed: Allowed) -> bool:
    too_low = allowed.low is not None and value < allowed.low
    return too_low or (allowed.high is not None and value > allowed.high)


def _is_number(value: Value | None) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(value: Value) -> type:
    return float if _is_number(value) else type(value)


def _texts(value: Value) -> tuple[str, ...]:
    if isinstance(value, tuple):
        return value
    return (value,) if isinstance(value, str) else ()
