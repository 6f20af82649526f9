"""The zones of a recording: a file of ``[[zone]]`` tables, or one device of a box's configuration.

Law: the same tables as ``[[device.zone]]``, refused for the same reasons; what is wrong names line and zone.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import Field, ValidationError, field_validator

from agent.config import (
    COUNTY,
    ObjectsSection,
    Section,
    WatchSection,
    ZoneSection,
    load_config,
    problem_in_words,
    with_own_names,
)
from agent.errors import ConfigError
from protocol.words import DeviceClass

MOST_BYTES: Final = 1_000_000


class ZoneFile(Section):
    """A file of zones alone."""

    zones: tuple[ZoneSection, ...] = Field((), alias="zone", max_length=32)

    @field_validator("zones")
    @classmethod
    def _zones_have_names_of_their_own(cls, zones: tuple[ZoneSection, ...]) -> tuple[ZoneSection, ...]:
        return with_own_names(zones)


@dataclass(frozen=True, slots=True)
class Setting:
    """What the box would know of a camera."""

    zones: tuple[ZoneSection, ...] = ()
    watch: WatchSection = field(default_factory=WatchSection)
    device_class: DeviceClass = DeviceClass.SMART_CAMERA
    time_zone: str = "Asia/Shanghai"
    device: str = ""
    objects: ObjectsSection = field(default_factory=ObjectsSection)
    location: tuple[float, float] = COUNTY
    """Latitude and longitude of the box."""
    supplementary_light: bool = True


def read_setting(path: Path, *, device: str | None) -> Setting:
    """The zones of a file; of a box's configuration those of ``device``. Raises ConfigError."""
    text = _text(path)
    raw = _tables(text, path)
    if "box" in raw or _has_ids(raw):
        return _of_box(path, raw, device)
    if device is not None:
        raise ConfigError(
            str(path),
            [
                "--device 只用于边缘盒配置，这个文件只有区域；请去掉 --device / "
                "--device is for a box's configuration, this file holds zones alone; leave it out"
            ],
        )
    return Setting(_zones(raw, text, path))


def zones_of(text: str, *, where: str = "zones") -> tuple[ZoneSection, ...]:
    """The zones of a text. Raises ConfigError."""
    path = Path(where)
    return _zones(_tables(text, path), text, path)


def _text(path: Path) -> str:
    try:
        if path.is_file() and path.stat().st_size > MOST_BYTES:
            raise ConfigError(
                str(path), ["文件太大，不像区域文件 / the file is too large for one of zones; check the path"]
            )
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ConfigError(
            str(path),
            [f"无法读取，请检查路径、权限和 UTF-8 编码 / cannot be read; check path, rights, UTF-8: {error}"],
        ) from error


def _tables(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(
            str(path), [f"不是有效的 TOML，请改正该行 / no valid TOML; put that line right: {error}"]
        ) from error


def _has_ids(raw: Mapping[str, Any]) -> bool:
    """Whether there are devices; ``[[device.zone]]`` copied alone makes a nameless one."""
    return isinstance(raw.get("device"), list)


def _of_box(path: Path, raw: Mapping[str, Any], device: str | None) -> Setting:
    devices = raw.get("device")
    rows = devices if isinstance(devices, list) else []
    there = ", ".join(str(one.get("id")) for one in rows if isinstance(one, dict)) or "-"
    if device is None:
        raise ConfigError(
            str(path),
            [f"请用 --device 指明设备 / say which device with --device; there are: {there}"],
        )
    config = load_config(path)
    section = next((one for one in config.devices if device in (one.id, one.gb_code, one.host)), None)
    if section is None:
        raise ConfigError(device, [f"{path} 中没有这台设备 / no such device in {path}; there are: {there}"])
    box = config.box
    return Setting(
        section.zones,
        config.watch,
        section.device_class,
        box.time_zone,
        section.id,
        config.objects,
        (box.latitude, box.longitude),
        section.supplementary_light,
    )


def _zones(raw: dict[str, Any], text: str, path: Path) -> tuple[ZoneSection, ...]:
    nameless = raw.get("device")
    if isinstance(nameless, dict):  # [[device.zone]] tables, copied without their device
        raw = {**{key: value for key, value in raw.items() if key != "device"}, **nameless}
    try:
        found = ZoneFile.model_validate(raw).zones
    except ValidationError as error:
        problems = [
            _problem(item, raw, text) for item in error.errors(include_url=False, include_input=False)
        ]
        raise ConfigError(str(path), problems) from error
    if not found:
        raise ConfigError(
            str(path),
            ["没有区域，请写 [[zone]]，或去掉 --zones / no zone; write a [[zone]], or leave --zones out"],
        )
    return found


def _problem(item: Mapping[str, Any], raw: Mapping[str, Any], text: str) -> str:
    place: Sequence[int | str] = item["loc"]
    line = line_of(text, place)
    name = ""
    if len(place) > 1 and place[0] == "zone" and isinstance(place[1], int):
        row = raw["zone"][place[1]]
        called = row.get("name") if isinstance(row, dict) else None
        name = f" [{called[:40]}]" if isinstance(called, str) else ""
        name = f"zone {place[1] + 1}{name}"
    key = ".".join(str(part) for part in place[2 if name else 0 :])
    where = " ".join(filter(None, (f"第 {line} 行 line {line}" if line else "", name, key)))
    return f"{where or 'file'}: {problem_in_words(item)}"


_HEADER = re.compile(r"\s*\[\[\s*(?:device\s*\.\s*)?zone\s*\]\]")
_ANY_HEADER = re.compile(r"\s*\[\[?\s*[A-Za-z_\"'][^=\]]*\]\]?\s*(?:#.*)?$")


def line_of(text: str, place: Sequence[int | str]) -> int | None:
    """The line, counted from 1, of a key of the n-th zone, of its head where the key is missing, or of a key
    of the file; None where it cannot be found (zones written as one inline array)."""
    lines = text.splitlines()
    if not place:
        return None
    if place[0] != "zone" or len(place) < 2 or not isinstance(place[1], int):
        return _key_line(lines, 0, str(place[0])) or _named_header(lines, str(place[0]))
    heads = [number for number, line in enumerate(lines) if _HEADER.match(line)]
    if place[1] >= len(heads):
        return None
    head = heads[place[1]]
    found = _key_line(lines, head + 1, str(place[2])) if len(place) > 2 else None
    return found or head + 1


def _key_line(lines: Sequence[str], begin: int, key: str) -> int | None:
    written = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=")
    for number in range(begin, len(lines)):
        if written.match(lines[number]):
            return number + 1
        if _ANY_HEADER.match(lines[number]):
            return None
    return None


def _named_header(lines: Sequence[str], key: str) -> int | None:
    written = re.compile(rf"\s*\[+\s*{re.escape(key)}\s*\]+")
    return next((number for number, line in enumerate(lines, start=1) if written.match(line)), None)
