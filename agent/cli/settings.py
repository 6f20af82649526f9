"""Commands ``get`` and ``set``: a device's settings, shown and changed by name.

Law: what a change may bring about (the box cut off, a contact moved) is said before it is sent.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Mapping

from agent.cli.confirm import confirmed
from agent.cli.desk import Desk
from agent.errors import ConfigError, DeviceError, DeviceTrouble
from agent.management import Aspect, Change, Settings, Value

EXIT_OK, EXIT_REFUSED = 0, 3


def get(desk: Desk, options: argparse.Namespace) -> int:
    """The settings of one aspect, or of all a device has."""
    device = desk.device(options.device)
    document: dict[str, Settings] = {}
    rows: list[tuple[object, ...]] = []
    with contextlib.closing(desk.room.settings(device)) as aspects:
        for aspect in [_aspect(aspects, options.aspect)] if options.aspect else aspects.values():
            settings = _read(aspect, required=bool(options.aspect))
            allowed = aspect.allowed() if options.aspect else {}
            document |= {aspect.name: settings} if settings else {}
            rows += [(aspect.name, name, value, allowed.get(name, "")) for name, value in settings.items()]
    desk.paper.document({"device": device.id, "settings": document})
    if not desk.paper.as_json:
        columns = ("方面 aspect", "设置 setting", "值 value", "允许 allowed")
        empty = f"{device.id} 没有可读的设置 / has no settings that can be read"
        desk.paper.table(columns, rows, empty=empty)
    return EXIT_OK


def put(desk: Desk, options: argparse.Namespace) -> int:
    """Make the named settings so; shows before and after, ``--dry-run`` sends nothing."""
    device = desk.device(options.device)
    with contextlib.closing(desk.room.settings(device)) as aspects:
        aspect = _aspect(aspects, options.aspect)
        wanted = _wanted(options.setting, aspect.read())
        change = aspect.write(wanted, dry_run=True)
        for danger in change.dangers:
            desk.paper.line(f"！ {danger}")
        if not options.dry_run:
            if change.dangers and not confirmed(desk, options, f"更改 {device.id} / change it"):
                return EXIT_REFUSED
            change = aspect.write(wanted, confirmed=bool(change.dangers))
    desk.paper.document({"device": device.id, "change": change})
    if not desk.paper.as_json:
        _print_change(desk, change)
    return EXIT_OK


def _print_change(desk: Desk, change: Change) -> None:
    if change.is_empty:
        desk.paper.line("已经是这样，没有发送任何修改 / already so, nothing was sent")
        return
    columns = ("设置 setting", "之前 before", "要求 wanted", "之后 after")
    rows = [(one.name, one.before, one.wanted, one.after) for one in change.fields]
    desk.paper.table(columns, rows, empty="")
    if change.dry_run:
        desk.paper.line("预演：没有发送任何修改 / dry run: nothing was sent")
    else:
        desk.paper.line("已写入并读回核对 / written, read back and compared")


def _read(aspect: Aspect, *, required: bool) -> Settings:
    """The settings; none for an aspect the device does not have, unless that one was asked for."""
    try:
        return aspect.read()
    except DeviceError as error:
        if error.kind is not DeviceTrouble.NOT_SUPPORTED or required:
            raise
        return {}


def _aspect(aspects: Mapping[str, Aspect], name: str) -> Aspect:
    if name in aspects:
        return aspects[name]
    there = ", ".join(aspects)
    raise ConfigError(name, [f"没有这个方面，可选 / no such aspect, there are: {there}"])


def _wanted(assignments: list[str], present: Settings) -> dict[str, Value]:
    """``name=value`` pairs, each read as the kind of value the device has now. Raises ConfigError."""
    wanted: dict[str, Value] = {}
    problems = []
    for text in assignments:
        name, sign, value = text.partition("=")
        if not sign:
            problems.append(f"{text}: 应写成 设置=值 / must be setting=value")
            continue
        try:
            wanted[name] = _typed(value, present.get(name))
        except ValueError:
            kind = type(present[name]).__name__
            problems.append(f"{name}={value}: 值的类型不对，应为 {kind} / wrong kind, must be {kind}")
    if problems:
        raise ConfigError("set", problems)
    return wanted


_YES = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def _typed(text: str, like: Value | None) -> Value:
    """``text`` as the kind of value ``like`` is; as text when nothing is known. Raises ValueError."""
    if isinstance(like, bool):
        if text.lower() not in _YES:
            raise ValueError(text)
        return _YES[text.lower()]
    if isinstance(like, int):
        return int(text)
    if isinstance(like, float):
        return float(text)
    if isinstance(like, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text
