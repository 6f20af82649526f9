"""Zones of a recording: the tables of the configuration, refused with line, zone and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.config import WatchSection
from agent.errors import ConfigError
from agent.model import ZoneKind
from agent.tuning.trial_values import names, thresholds_of
from agent.tuning.zone_file import Setting, read_setting, zones_of
from protocol.words import DeviceClass
from tests.agent.tuning import films

GOOD = 'name = "gate"\ncorners = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]\n'


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        zones_of(text)
    for problem in caught.value.problems:
        assert re.search(r"[一-鿿]", problem.partition(" / ")[0]), problem
    return caught.value.problems


def test_zones_are_read_alone_and_as_copied_from_a_configuration() -> None:
    alone = zones_of(films.ZONES)
    assert [zone.kind for zone in alone] == [ZoneKind.PRESENCE, ZoneKind.PRIVACY, ZoneKind.LINE]
    assert zones_of(films.ZONES.replace("[[zone]]", "[[device.zone]]")) == alone


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[[zone]]\nname = "gate"\nkind = "line"\ncorners = [[0.1, 0.1]]\n', 4, ("zone 1 [gate]", "corners")),
        (
            f'[[zone]]\n{GOOD}\n[[zone]]\nname = "x"\nsensitivty = 4\n{GOOD[14:]}',
            7,
            ("zone 2 [x]", "sensitivty"),
        ),
        (f"[[zone]]\n{GOOD}sensitivity = 400\n", 4, ("zone 1 [gate]", "sensitivity")),
        (f'[[zone]]\n{GOOD}\n[[zone]]\nname = "far"\n', 5, ("zone 2 [far]", "corners")),
        (
            '[[zone]]\nname = "gate"\ncorners = [\n  [0.1, 0.1],\n  [0.5, 0.1],\n]\nkind = "crowd"\n',
            3,
            ("zone 1 [gate]", "corners"),
        ),
        (f"[[zone]]\n{GOOD}\n[[zone]]\n{GOOD}", 1, ("gate",)),
        (f"colour = 1\n[[zone]]\n{GOOD}", 1, ("colour",)),
        (f"[[zone]]\n{GOOD}\n[limits]\na = 1\n", 5, ("limits",)),
        (f"[[zone]]\n{GOOD}dwell_s = 3\n", 1, ("zone 1 [gate]", "dwell")),
        ("[[zone]]\nname = \n", 2, ("TOML",)),
    ],
)
def test_what_is_wrong_names_line_and_zone(text: str, line: int, words: tuple[str, ...]) -> None:
    told = "\n".join(problems(text))
    assert f"line {line}" in told
    assert all(word in told for word in words), told


def test_a_file_without_zones_is_told_what_to_do() -> None:
    assert "[[zone]]" in problems("")[0]


def test_an_inline_table_is_refused_without_a_line() -> None:
    assert "zone 1 [a]" in problems('zone = [{name = "a", corners = [[0, 0]]}]')[0]


BOX = """
[box]
id = "b1"
data_dir = "/tmp/b1"
time_zone = "Asia/Urumqi"
latitude = 43.8
longitude = 87.6
[centre]
host = "centre"
mac_key_file = "/tmp/mac"
[watch]
motion_hold_s = 9
[[device]]
id = "b1-01"
class = "ptz_dome"
host = "10.0.0.1"
supplementary_light = false
[[device.zone]]
name = "gate"
corners = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.5]]
[[device]]
id = "b1-02"
host = "10.0.0.2"
"""


def test_of_a_box_the_device_brings_zones_class_and_times(tmp_path: Path) -> None:
    path = tmp_path / "box.toml"
    path.write_text(BOX, "utf-8")
    setting = read_setting(path, device="b1-01")
    assert [zone.name for zone in setting.zones] == ["gate"]
    assert setting.watch.motion_hold_s == 9
    assert setting.device_class is DeviceClass.PTZ_DOME
    assert setting.time_zone == "Asia/Urumqi"
    assert setting.location == (43.8, 87.6)
    picture = thresholds_of(setting, []).detect.picture
    assert not picture.fixed_view
    assert not picture.supplementary_light
    for device, words in ((None, "--device"), ("b1-09", "b1-01, b1-02")):
        with pytest.raises(ConfigError, match=words):
            read_setting(path, device=device)
    zones = tmp_path / "zones.toml"
    zones.write_text(films.ZONES, "utf-8")
    with pytest.raises(ConfigError, match="--device"):
        read_setting(zones, device="b1-01")


@pytest.mark.parametrize("name", ["none.toml", ".", "bytes.toml"])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        read_setting(tmp_path / name, device=None)


def test_values_tried_out_are_kept_apart_by_whether_a_box_can_have_them() -> None:
    setting = Setting(zones_of(films.ZONES))
    found = thresholds_of(
        setting,
        [
            "motion_hold_s=3",
            "watch.dark_confirm_s = 20",
            "zone.院门.sensitivity=80",
            'zone.path.direction="b_to_a"',
            "zone.path.min_size_ratio=0.01",
            "background.floor_levels=9",
            "gate.surprise=5",
            "packets.window_s=0.6",
            "keys.misses=5",
            "picture.fixed_view=false",
        ],
    )
    assert found.watch == WatchSection(motion_hold_s=3, dark_confirm_s=20)
    assert found.zones[0].sensitivity == 80
    assert found.zones[2].direction == "b_to_a"
    assert found.detect.background.floor_levels == 9.0
    assert not found.detect.picture.fixed_view
    assert (found.gate.surprise, found.gate.packets.window_s, found.gate.keys.misses) == (5.0, 0.6, 5)
    assert len(found.configured) == len(found.trial_only) == 5


@pytest.mark.parametrize(
    "change",
    [
        "motion_hold_s", "=3", "motion_hold_s=-1", "motion_hold_s=long", "nothing=3", "watch.canary_s=5",
        "zone.nobody.sensitivity=3", "zone.院门.sensitivity=300", "zone.院门.colour=1", "zone.=1", "zone=1",
        "background.floor_levels=nan", "background.floor_levels=-3", "background.learn_frames=2.5",
        "background.nothing=3", "picture.fixed_view=7", "gate.packets=3", "background.floor_levels=true",
    ],
)  # fmt: skip
def test_values_that_cannot_be_are_refused(change: str) -> None:
    with pytest.raises(ConfigError) as caught:
        thresholds_of(Setting(zones_of(films.ZONES)), [change])
    assert len(caught.value.problems) == 1
    assert re.search(r"[一-鿿]", caught.value.problems[0])


def test_every_name_offered_can_be_set() -> None:
    for name in names():
        value = "true" if name in ("picture.fixed_view", "picture.supplementary_light") else "2"
        assert thresholds_of(Setting(), [f"{name}={value}"]) != thresholds_of(Setting(), [])
