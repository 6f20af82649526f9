"""How zeep's untyped answers are read: by name, leniently, into bounded plain values.

Law: what is absent or odd reads as empty, never as an error; no text of a device is longer than asked for.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent.devices.redact import quoted


def child(value: object, *names: str) -> object:
    """The value reached by these element or attribute names; None where the path ends early."""
    for name in names:
        if value is None:
            return None
        value = value.get(name) if isinstance(value, dict) else getattr(value, name, None)
    return value


def text(value: object, *names: str, longest: int = 100) -> str:
    """The text there: one line, no control characters, no credentials, at most ``longest`` characters."""
    found = child(value, *names)
    if found is None or isinstance(found, (list, dict)):
        return ""
    return quoted(str(found), longest=longest)


def raw_text(value: object, *names: str) -> str:
    """The text there as it came, stripped: for tokens and addresses that go back to the device."""
    found = child(value, *names)
    return found.strip() if isinstance(found, str) else ""


def number(value: object, *names: str) -> float:
    """The number there, 0 when absent, odd or negative."""
    found = child(value, *names)
    try:
        read = float(str(found)) if found is not None else 0.0
    except ValueError:
        return 0.0
    return read if 0.0 <= read < 1e6 else 0.0


def each(value: object, *, most: int = 256) -> Iterable[object]:
    """The items of a list, one item for a lone value, none for None; at most ``most``."""
    if value is None:
        return ()
    return value[:most] if isinstance(value, list) else (value,)
