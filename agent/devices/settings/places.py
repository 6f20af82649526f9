"""Where a setting stands in the XML of a configuration, and how it is read and changed there.

Law: a setting that is not there is not made up: it reads as absent and cannot be written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass

from lxml import etree

from agent.devices.redact import quoted
from agent.devices.settings.checks import LONGEST
from agent.devices.soap import child, child_text, local_name
from agent.management import Allowed, Settings, Value


@dataclass(frozen=True, slots=True)
class Place:
    """One setting of a configuration element: ``get`` gives None where the element does not have it."""

    name: str
    get: Callable[[etree._Element], Value | None]
    put: Callable[[etree._Element, Value], None]


def text_at(name: str, *path: str) -> Place:
    """A word or text in the element at ``path`` (local names)."""

    def get(root: etree._Element) -> Value | None:
        return None if child(root, *path) is None else quoted(child_text(root, *path), longest=LONGEST)

    return Place(name, get, _writer(path, str))


def number_at(name: str, *path: str) -> Place:
    """A number in the element at ``path``; whole ones read as int."""
    return Place(name, lambda root: _number(child_text(root, *path)), _writer(path, _written))


def flag_at(name: str, *path: str) -> Place:
    """An xs:boolean in the element at ``path``."""
    return Place(name, lambda root: _flag(child_text(root, *path)), _writer(path, _written))


def number_attribute(name: str, attribute: str, *path: str) -> Place:
    """A number in an attribute of the element at ``path``."""
    return Place(name, lambda root: _number(_attribute(root, attribute, path)), _setter(attribute, path))


def word_attribute(name: str, attribute: str, *path: str) -> Place:
    """A word in an attribute of the element at ``path``."""
    return Place(name, lambda root: _attribute(root, attribute, path) or None, _setter(attribute, path))


def flag_attribute(name: str, attribute: str, *path: str) -> Place:
    """An xs:boolean in an attribute of the element at ``path``."""
    return Place(name, lambda root: _flag(_attribute(root, attribute, path)), _setter(attribute, path))


def size_at(name: str, *path: str) -> Place:
    """Width and height as ``640x360``."""

    def get(root: etree._Element) -> Value | None:
        width, height = (child_text(root, *path, part) for part in ("Width", "Height"))
        return f"{int(width)}x{int(height)}" if width.isdecimal() and height.isdecimal() else None

    def put(root: etree._Element, value: Value) -> None:
        for part, figure in zip(("Width", "Height"), str(value).split("x"), strict=True):
            _writer((*path, part), str)(root, figure)

    return Place(name, get, put)


def read(root: etree._Element, places: Iterable[Place], *, prefix: str = "") -> dict[str, Value]:
    """All settings an element has, under ``prefix``."""
    found = ((place.name, place.get(root)) for place in places)
    return {prefix + name: value for name, value in found if value is not None}


def write(
    root: etree._Element, places: Iterable[Place], values: Mapping[str, Value], *, prefix: str = ""
) -> None:
    """Change those settings of the element that ``values`` names under ``prefix``."""
    for place in places:
        if prefix + place.name in values:
            place.put(root, values[prefix + place.name])


def rest(root: etree._Element, places: Iterable[Place], *, prefix: str = "") -> dict[str, str]:
    """What the element holds beside ``places``, by where it stands; UseCount is left out."""
    copy = deepcopy(root)
    for place in places:
        present = place.get(copy)
        if present is not None:
            place.put(copy, "0x0" if place.name == "size" else _NOTHING[type(present)])
    found: dict[str, str] = {}
    _gather(copy, prefix, found)
    return found


def by_role(wanted: Settings, roles: Mapping[str, str]) -> Settings:
    """``wanted`` with names that begin with a token named by its role: ``VE_1.fps`` is ``main.fps``."""
    renamed = {}
    for name, value in wanted.items():
        token, _, item = name.rpartition(".")
        renamed[f"{roles[token]}.{item}" if token in roles else name] = value
    return renamed


def span(node: etree._Element | None) -> Allowed | None:
    """The range of an element with Min and Max; None when it has none."""
    low, high = (_number(child_text(node, end)) for end in ("Min", "Max"))
    if not isinstance(low, int | float) or not isinstance(high, int | float) or low > high:
        return None
    return Allowed(low=float(low), high=float(high))


_NOTHING: Mapping[type, Value] = {str: "", int: 0, float: 0, bool: False}


def _gather(node: etree._Element, at: str, found: dict[str, str]) -> None:
    inside = [part for part in node if isinstance(part.tag, str)]
    for name, value in node.attrib.items():
        found[f"{at}@{etree.QName(str(name)).localname}"] = str(value).strip()
    if not inside:
        found[at] = (node.text or "").strip()
    counts: dict[str, int] = {}
    for part in inside:
        name = local_name(part)
        counts[name] = counts.get(name, 0) + 1
        number = f"[{counts[name]}]" if counts[name] > 1 else ""
        if name != "UseCount":
            _gather(part, f"{at}/{name}{number}", found)


def _number(text: str) -> int | float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    if not math.isfinite(value) or abs(value) > 1e12:
        return None
    return int(value) if value == int(value) else value


def _flag(text: str) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get(text.strip().lower())


def _written(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value)


def _writer(
    path: tuple[str, ...], as_text: Callable[[Value], str]
) -> Callable[[etree._Element, Value], None]:
    def put(root: etree._Element, value: Value) -> None:
        node = child(root, *path)
        if node is not None:
            node.text = as_text(value)

    return put


def _attribute(root: etree._Element, attribute: str, path: tuple[str, ...]) -> str:
    node = child(root, *path) if path else root
    return "" if node is None else (node.get(attribute) or "").strip()


def _setter(attribute: str, path: tuple[str, ...]) -> Callable[[etree._Element, Value], None]:
    def put(root: etree._Element, value: Value) -> None:
        node = child(root, *path) if path else root
        if node is not None:
            node.set(attribute, _written(value))

    return put
