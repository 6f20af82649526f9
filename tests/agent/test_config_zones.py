"""Zones in the configuration: what cannot be meant is refused with device, zone and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from agent.config import parse_config
from agent.errors import ConfigError
from agent.model import Hours, LineDirection, Zone, ZoneKind

LEAST: dict[str, Any] = {
    "box": {"id": "village-1", "data_dir": "/d"},
    "centre": {"host": "h", "mac_key_file": "/k"},
}
SQUARE = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5], [0.1, 0.5]]
LINE = [[0.5, 0.2], [0.5, 0.9]]


def zone(**given: Any) -> Zone:
    config = parse_config(with_zone(**given), where="box.toml")
    return config.devices[0].zones[0].zone()


def with_zone(**given: Any) -> dict[str, Any]:
    row = {"name": "大门", "corners": SQUARE, **given}
    return {**LEAST, "device": [{"id": "gate-1", "host": "192.0.2.9", "zone": [row]}]}


def refusal(raw: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        parse_config(raw, where="box.toml")
    return refused.value.problems


def test_a_zone_as_it_was_is_a_closed_one() -> None:
    assert zone() == Zone("大门", tuple((x, y) for x, y in SQUARE))
    assert not zone(closed=False).closed


def test_each_kind_takes_its_own_keys() -> None:
    line = zone(kind="line", corners=LINE, direction="a_to_b", schedule=["mon-fri 22:00-06:00"])
    assert (line.kind, line.direction) == (ZoneKind.LINE, LineDirection.A_TO_B)
    assert line.hours == (Hours(frozenset(range(5)), 1320, 360),)
    assert zone(kind="dwell", dwell_s=90).dwell_s == 90
    assert zone(kind="crowd", crowd_count=20, person_ratio=0.1).crowd_count == 20
    assert zone(kind="watch", watch_s=120).watch_s == 120
    assert zone(kind="lamp").kind is ZoneKind.LAMP
    assert zone(kind="motion", min_size_ratio=0.01, max_size_ratio=0.2).least_ratio == 0.01
    assert zone(kind="privacy").kind.is_mask
    assert zone(kind="ignore", schedule=["daily 06:00-22:00"]).kind.is_mask


@pytest.mark.parametrize(
    ("sensitivity", "factor"), [(50, 1.0), (100, 0.5), (1, 1.97)]
)  # fmt: skip
def test_sensitivity_is_contrast(sensitivity: int, factor: float) -> None:
    assert zone(kind="motion", sensitivity=sensitivity).contrast_factor == pytest.approx(factor, abs=0.01)


@pytest.mark.parametrize(
    ("given", "place", "advice"),
    [
        ({"corners": LINE}, "corners", "an area has 3 corners"),
        ({"corners": [[0.1, 0.1], [0.2, 0.2], [0.3, 0.3]]}, "corners", "draw them anew"),
        ({"kind": "line", "corners": [[0.1, 0.1], [0.1, 0.1]]}, "corners", "move its points apart"),
        ({"kind": "line", "corners": LINE, "dwell_s": 9}, "", "remove it or change kind"),
        ({"kind": "presence", "direction": "both"}, "", "remove it or change kind"),
        ({"kind": "crowd"}, "", "one of them"),
        ({"kind": "crowd", "crowd_ratio": 0.5, "crowd_count": 5}, "", "one of them"),
        ({"kind": "privacy", "schedule": ["daily 08:00-09:00"]}, "", "remove schedule"),
        ({"kind": "ignore", "sensitivity": 70}, "", "remove sensitivity"),
        ({"min_size_ratio": 0.5, "max_size_ratio": 0.1}, "", "must be below max_size_ratio"),
        ({"schedule": ["monday 8-9"]}, "schedule", "write it as"),
        ({"kind": "face"}, "kind", "不在可选值之内"),
        ({"track": True}, "track", "没有这个配置项"),
        ({"dwell_s": 0, "kind": "dwell"}, "dwell_s", "数值过小"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_names(given: dict[str, Any], place: str, advice: str) -> None:
    (problem,) = refusal(with_zone(**given))
    path = f"device.0.zone.0.{place}".rstrip(".")
    assert problem.startswith(f"{path} [gate-1 大门]: ")
    assert advice in problem
    assert not problem.partition("]: ")[2].partition(" / ")[0].isascii()


def test_two_zones_of_one_name_are_refused() -> None:
    raw = with_zone()
    raw["device"][0]["zone"] *= 2
    (problem,) = refusal(raw)
    assert problem.startswith("device.0.zone [gate-1]: 区域名称重复")


def test_a_time_zone_nobody_knows_is_refused() -> None:
    (problem,) = refusal({**LEAST, "box": {**LEAST["box"], "time_zone": "Mars/Olympus"}})
    assert problem.startswith("box.time_zone: 不认识的时区")


def test_odd_trees_do_not_break_the_naming() -> None:
    for devices in ([3], [{"zone": 5}], [{"zone": [7]}], {"zone": 1}, [{"id": 5, "zone": [{"name": []}]}]):
        assert refusal({**LEAST, "device": devices})
