"""The box's configuration: every problem at once, nothing unknown, and its page generated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.app import device_of
from agent.config import COUNTY, Config, load_config, parse_config
from agent.config_reference import main, reference
from agent.errors import ConfigError
from protocol.words import DeviceClass

PAGE = Path(__file__).parents[2] / "docs" / "ref" / "agent-config.md"
LEAST: dict[str, Any] = {
    "box": {"id": "village-1", "data_dir": "/var/lib/outpost"},
    "centre": {"host": "127.0.0.1", "mac_key_file": "/etc/outpost/mac.key"},
}


def problems(**changes: Any) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        parse_config({**LEAST, **changes}, where="box.toml")
    assert refused.value.where == "box.toml"
    return refused.value.problems


def test_the_least_configuration_has_the_defaults() -> None:
    config = parse_config(LEAST, where="box.toml")
    assert (config.centre.port, config.centre.keepalive_s) == (8883, 10)
    assert (config.watch.ladder_interval_s, config.watch.failures_to_enter) == (30, 2)
    assert (config.bounds.outbox_rows, config.bounds.grace_h) == (500_000, 72)
    assert (config.monitor.host, config.devices, config.search.subnets) == ("127.0.0.1", (), ())


def test_the_box_stands_in_the_county_unless_it_is_told_where() -> None:
    assert (parse_config(LEAST, where="box.toml").box.latitude, COUNTY[1]) == (COUNTY[0], 110.3)
    told = parse_config({**LEAST, "box": {**LEAST["box"], "latitude": -33.9, "longitude": 18.4}}, where="b")
    assert (told.box.latitude, told.box.longitude) == (-33.9, 18.4)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"latitude": 34.5}, "box: latitude（纬度）和 longitude（经度）要同时给出 / "),
        ({"longitude": 110.3}, "box: latitude（纬度）和 longitude（经度）要同时给出 / "),
        ({"latitude": 110.3, "longitude": 34.5}, "box.latitude: 数值过大 / "),
        ({"latitude": -91, "longitude": 0}, "box.latitude: 数值过小 / "),
        ({"latitude": 34.5, "longitude": 181}, "box.longitude: 数值过大 / "),
        ({"latitude": "34°30'N", "longitude": 110.3}, "box.latitude: 应为数字 / "),
        ({"latitude": float("nan"), "longitude": 110.3}, "box.latitude: "),
    ],
)
def test_a_location_that_is_none_is_refused(given: dict[str, Any], said: str) -> None:
    (problem,) = problems(box={**LEAST["box"], **given})
    assert problem.startswith(said)


def test_all_problems_are_shown_at_once_with_their_place_chinese_first() -> None:
    found = problems(
        box={"id": "Village 1", "civil_code": "６１０５２２"},
        centre={"host": "127.0.0.1", "mac_key_file": "k", "port": 0, "cert": "x"},
        watch={"heartbeat_s": "often", "failures_to_enter": 11, "dark_confirm_s": float("nan")},
        search={"subnets": ["10.0.0.0/8"]},
        device=[{"id": "a", "host": "127.0.0.1"}, {"id": "a", "host": "127.0.0.2"}],
        extra={},
    )
    text = "\n".join(found)
    for place in (
        "box.id: 格式不对 / ",
        "box.civil_code: 格式不对 / ",
        "box.data_dir: 缺少此项 / ",
        "centre.port: 数值过小 / ",
        "centre.cert: 没有这个配置项 / ",
        "watch.heartbeat_s: 应为数字 / ",
        "watch.failures_to_enter: 数值过大 / ",
        "watch.dark_confirm_s: ",
        "search.subnets: ",
        "device: ",
        "extra: 没有这个配置项 / ",
    ):
        assert place in text, f"{place} in\n{text}"
    assert len(found) == 11


@pytest.mark.parametrize("section", ["box", "centre", "watch", "bounds", "monitor", "search"])
def test_an_unknown_key_in_any_section_is_refused_by_name(section: str) -> None:
    (problem,) = problems(**{section: {**LEAST.get(section, {}), "colour": "green"}})
    assert problem.startswith(f"{section}.colour: ")


@pytest.mark.parametrize(
    ("device", "place"),
    [
        ({"host": "127.0.0.1"}, "device.0.id"),
        ({"id": "../x", "host": "h"}, "device.0.id"),
        ({"id": "a", "host": "http://camera/"}, "device.0.host"),
        ({"id": "a", "host": "user@camera"}, "device.0.host"),
        ({"id": "a", "host": ""}, "device.0.host"),
        ({"id": "a", "host": "h", "class": "toaster"}, "device.0.class"),
        ({"id": "a", "host": "h", "password": "secret"}, "device.0.password"),
        ({"id": "a", "host": "h", "gb_code": "12345"}, "device.0.gb_code"),
        ({"id": "a", "host": "h", "port": 65536}, "device.0.port"),
        (
            {"id": "a", "host": "h", "zone": [{"name": "gate", "corners": [[0, 0], [1, 1]]}]},
            "device.0.zone.0.corners",
        ),
        (
            {"id": "a", "host": "h", "zone": [{"name": "gate", "corners": [[0, 0], [1, 1], [0, 2]]}]},
            "device.0.zone.0",
        ),
    ],
)
def test_a_bad_device_is_named(device: dict[str, Any], place: str) -> None:
    found = problems(device=[device])
    assert found[0].startswith(place)
    assert all(one.startswith(place.rpartition(".")[0]) for one in found)


@pytest.mark.parametrize(
    ("more", "port"),
    [({}, 80), ({"tls": True}, 443), ({"tls": True, "port": 8443}, 8443), ({"tls": False}, 80)],
)
def test_a_device_with_tls_is_at_443_where_no_port_is_given(more: dict[str, Any], port: int) -> None:
    device = {"id": "a", "host": "h", **more}
    config = parse_config({**LEAST, "device": [device]}, where="box.toml")
    assert (config.devices[0].port, config.devices[0].tls) == (port, more.get("tls", False))


@pytest.mark.parametrize("more", [{"stream_path": "/live"}, {"class": "conference_endpoint"}])
def test_tls_is_for_devices_with_onvif(more: dict[str, Any]) -> None:
    (problem,) = problems(device=[{"id": "a", "host": "h", "tls": True, **more}])
    assert "tls is for devices with ONVIF" in problem


def test_a_password_in_clear_is_the_ledgers_choice_and_never_beside_tls() -> None:
    (problem,) = problems(device=[{"id": "a", "host": "h", "tls": True, "rtsp_basic": True}])
    assert "rtsp_basic" in problem
    for chosen in ({}, {"rtsp_basic": True}, {"rtsp_basic": False}, {"rtsp_basic": False, "tls": True}):
        config = parse_config({**LEAST, "device": [{"id": "a", "host": "h", **chosen}]}, where="box.toml")
        assert device_of(config.devices[0]).rtsp_basic is chosen.get("rtsp_basic")


def test_a_secret_never_stands_in_a_problem() -> None:
    assert "hunter2" not in "\n".join(problems(device=[{"id": "a", "host": "h", "password": "hunter2"}]))


def test_certificate_and_key_go_together() -> None:
    (problem,) = problems(centre={**LEAST["centre"], "cert_file": "box.pem"})
    assert "cert_file and key_file" in problem


@pytest.mark.parametrize("subnet", ["10.0.0.0/8", "fe80::/64", "everything", "10.0.0.1/24"])
def test_only_small_ipv4_networks_are_searched(subnet: str) -> None:
    assert problems(search={"subnets": [subnet]})


def test_a_file_is_read_whole_and_one_that_cannot_be_is_named(tmp_path: Path) -> None:
    path = tmp_path / "box.toml"
    path.write_text(
        '[box]\nid = "village-1"\ntitle = "四知村"\ndata_dir = "/d"\n'
        '[centre]\nhost = "h"\nmac_key_file = "/k"\n'
        '[[device]]\nid = "gate-1"\nclass = "ptz_dome"\nhost = "127.0.0.9"\n'
        '[[device.zone]]\nname = "大门"\ncorners = [[0, 0], [1, 0], [1, 1]]\n',
        "utf-8",
    )
    config = load_config(path)
    assert config.devices[0].device_class is DeviceClass.PTZ_DOME
    assert config.devices[0].zones[0].name == "大门"
    for content in (b"\xff\xfe", b"[box", b""):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=r"box\.toml"):
            load_config(path)
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        load_config(tmp_path / "nowhere.toml")


def test_the_reference_page_is_what_the_models_say(tmp_path: Path) -> None:
    assert main(["--check", "--file", str(PAGE)]) == 0, "run: python -m agent.config_reference"
    copy = tmp_path / "page.md"
    assert main(["--file", str(copy)]) == 0
    assert copy.read_text("utf-8") == reference()
    copy.write_text("old")
    assert main(["--check", "--file", str(copy)]) == 1


def test_every_key_has_a_description() -> None:
    schema = Config.model_json_schema()
    for name, section in schema["$defs"].items():
        if "enum" in section:
            continue
        for key, field in section["properties"].items():
            assert field.get("description"), f"{name}.{key}"


def test_one_door_is_one_device() -> None:
    """A second row would give a camera another class or log-in; channels and NAT share a host rightly."""
    row = {"id": "police", "class": "integrated", "host": "Gate.lan", "port": 8000}
    (said,) = problems(device=[row, {"id": "new", "host": "gate.lan", "port": 8000}])
    assert "gate.lan:8000: police, new" in said and said.startswith("device: 同一地址")
    rest = [
        {"id": "beside", "host": "gate.lan", "port": 8001},
        {"id": "secure", "host": "gate.lan", "tls": True},
        *({"id": f"channel-{n}", "host": "gate.lan", "port": 8000, "stream_path": f"/{n}"} for n in (1, 2)),
        {"id": "room", "class": "conference_endpoint", "host": "gate.lan", "port": 8000},
    ]
    assert len(parse_config({**LEAST, "device": [row, *rest]}, where="box.toml").devices) == 6


@pytest.mark.parametrize(
    "host", ["127.0.03.1", "127.1", "0x7f.0.0.1", "2130706433", "１２７.0.0.1", "a b", ""]
)
def test_a_host_that_can_be_read_in_two_ways_is_refused(host: str) -> None:
    (said,) = problems(device=[{"id": "a", "host": host}])
    assert said.startswith("device.0.host") or "不是有效的地址" in said
