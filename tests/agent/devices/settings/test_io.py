"""Relays and inputs as they are set up: over the device service, over DeviceIO, and as recorded."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some
from lxml import etree

from agent.devices import OnvifRoom
from agent.devices.notifications import Tally, read_told
from agent.devices.settings import DeviceSettings
from agent.devices.settings.io import _options
from agent.devices.soap import element
from agent.devices.topic_parsers import source_name
from agent.devices.upkeep.triggers import DIGITAL_INPUT, RELAY, _told
from agent.errors import DeviceError, DeviceTrouble
from agent.management import Allowed, Value
from protocol.words import DeviceClass, SceneTopic
from simulator.onvif import contacts
from tests.agent.devices.builders import QUICK, a_device
from tests.support.recorded import onvif_data, recorded_devices, served
from tests.support.virtual_county import RunningCounty, entry, running

PASSWORD = "pass-word-1"


@contextlib.contextmanager
def camera(
    make: str = "plain", device_class: DeviceClass = DeviceClass.SMART_CAMERA
) -> Iterator[tuple[RunningCounty, DeviceSettings]]:
    with running(entry("cam", personality=make)) as county:
        device = county.device()
        row = a_device(device.ip, device.http_port, password=PASSWORD, device_class=device_class)
        with contextlib.closing(OnvifRoom(limits=QUICK).settings(row)) as settings:
            yield county, settings


@contextlib.contextmanager
def refused(kind: DeviceTrouble, words: str = "") -> Iterator[None]:
    with pytest.raises(DeviceError) as caught:
        yield
    assert caught.value.kind is kind
    assert words in caught.value.detail


@pytest.mark.parametrize("make", ["plain", "hik-like", "axis-like", "bosch-like"])
def test_a_relay_is_set_up_and_nothing_else_moves(make: str) -> None:
    with camera(make) as (county, settings):
        before = settings["io"].read()
        wanted: dict[str, Value] = {
            "relay.1.mode": "Monostable",
            "relay.1.delay_s": 7,
            "relay.1.idle": "closed",
        }
        change = settings["io"].write(wanted, confirmed=True)
        assert {one.name: one.after for one in change.fields} == wanted
        relay = next(iter(county.device().relays.values()))
        assert (relay.mode, relay.delay_s, relay.idle) == ("Monostable", 7.0, "closed")
        assert settings["io"].read() == {**before, **wanted}


def test_an_input_is_set_up_over_deviceio() -> None:
    with camera() as (county, settings):
        assert settings["io"].read()["input.1.idle"] == "open"
        settings["io"].write({"input.1.idle": "closed"})
        assert county.device().inputs["DigitalInput_1"].idle == "closed"


def test_a_relay_is_named_by_its_token_too() -> None:
    with camera("hik-like") as (county, settings):
        settings["io"].write({"AlarmOut_1.delay_s": 9})
        settings["io"].write({"relay.AlarmOut_0.delay_s": 8})
        assert [one.delay_s for one in county.device().relays.values()] == [8, 9]


@pytest.mark.parametrize("setting", ["relay.1.mode=Monostable", "relay.1.idle=closed"])
def test_what_may_move_a_contact_is_done_only_when_confirmed(setting: str) -> None:
    name, _, value = setting.partition("=")
    with camera() as (county, settings):
        assert settings["io"].write({name: value}, dry_run=True).dangers
        with refused(DeviceTrouble.BAD_VALUE, "触点可能动作"):
            settings["io"].write({name: value})
        assert county.device().counters["op_SetRelayOutputSettings"] == 0


def test_a_delay_alone_needs_no_confirmation() -> None:
    with camera() as (_county, settings):
        assert not settings["io"].write({"relay.1.delay_s": 0.5}).dangers
        with refused(DeviceTrouble.BAD_VALUE, "0.5..120"):
            settings["io"].write({"relay.1.delay_s": 500})


@pytest.mark.parametrize("delay_s", [float("nan"), float("inf"), -1.0])
def test_a_delay_that_is_no_number_of_seconds_is_refused(delay_s: float) -> None:
    with camera() as (county, settings):
        with refused(DeviceTrouble.BAD_VALUE):
            settings["io"].write({"relay.1.delay_s": delay_s})
        assert county.device().counters["op_SetRelayOutputSettings"] == 0


@given(words=some.lists(some.text(max_size=12), max_size=5), discrete=some.sampled_from(["true", "", "x"]))
def test_options_of_junk_are_no_options(words: list[str], discrete: str) -> None:
    node = element("urn:x", "RelayOutputOptions", element("urn:x", "Discrete", text=discrete))
    with contextlib.suppress(ValueError):  # what XML cannot hold never came
        node.append(element("urn:x", "DelayTimes", text=" ".join(words)))
    told = _options(node).get("delay_s", Allowed(low=0.0, high=0.0))
    bounds = [float(str(each)) for each in told.values] or [told.low or 0.0, told.high or 0.0]
    assert all(0.0 <= each <= 1e15 for each in bounds)


def test_a_set_that_lies_is_found_out() -> None:
    with camera() as (county, settings):
        county.switch(lying_set=True)
        for name, value in (("relay.1.delay_s", 30), ("input.1.idle", "closed")):
            with refused(DeviceTrouble.NOT_KEPT):
                settings["io"].write({name: value})


def test_inputs_are_there_where_relays_are_not() -> None:
    with camera() as (county, settings):
        county.device().personality = replace(county.device().personality, has_relays=False)
        assert settings["io"].read() == {"input.1.token": "DigitalInput_1", "input.1.idle": "open"}


def test_a_make_without_relays_says_so() -> None:
    with camera("reolink-like") as (_county, settings), refused(DeviceTrouble.NOT_SUPPORTED):
        settings["io"].read()


def test_a_device_with_none_has_no_settings() -> None:
    with camera("dahua-like") as (_county, settings):
        assert settings["io"].read() == {}


def test_an_integrated_device_is_sent_no_write() -> None:
    with camera("plain", DeviceClass.INTEGRATED) as (county, settings):
        assert settings["io"].read()
        asked = county.device().counters["requests"]
        with refused(DeviceTrouble.READ_ONLY):
            settings["io"].write({"relay.1.idle": "closed"}, confirmed=True)
        assert county.device().counters["requests"] == asked


_ETHAN, _NVT = "EthanFlower1-onvif-go", "hawkeye64-onvif-nvt"
RECORDED = {
    f"{_ETHAN}/AXIS_P3818-PVE_11.9.60/20260113-142527": {},
    f"{_ETHAN}/Bosch_AUTODOME_IP_starlight_5000i_7.80.0128/20260113-142522": {
        "relay.1.token": "Output_1",
        "relay.1.mode": "Bistable",
        "relay.1.delay_s": 0.5,
        "relay.1.idle": "open",
    },
    f"{_ETHAN}/REOLINK_E1_Zoom_v3.1.0.2649_23083101/20260113-142518": None,
    f"{_NVT}/axis": {},
    f"{_NVT}/hikvision": {
        f"relay.{number}.{name}": value
        for number in (1, 2)
        for name, value in (
            ("token", f"AlarmOut_{number - 1}"),
            ("mode", "Monostable"),
            ("delay_s", 5),
            ("idle", "closed"),
        )
    },
    f"{_NVT}/hikvision-fixed": {},
}
"""Every recording with an answer to GetRelayOutputs; None: it says that it does not have the operation."""


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_relays_are_read(name: str) -> None:
    recorded = next(one for one in recorded_devices(onvif_data()) if one.name == name)
    with served(recorded) as server:
        room = OnvifRoom(limits=QUICK)
        with contextlib.closing(room.settings(a_device(server.host, server.port))) as settings:
            if RECORDED[name] is None:
                with refused(DeviceTrouble.NOT_SUPPORTED):
                    settings["io"].read()
            else:
                assert settings["io"].read() == RECORDED[name]


def test_no_recorded_relay_is_forgotten() -> None:
    told = {
        one.name
        for one in recorded_devices(onvif_data())
        if any(operation in ("GetRelayOutputs", "GetDigitalInputs") for _, operation in one.answers)
    }
    assert told == RECORDED.keys()


def told_sources(county: RunningCounty, topic: SceneTopic) -> set[str]:
    """What the device's events of a topic call the ports they are about."""
    device = county.device()
    row = a_device(device.ip, device.http_port, password=PASSWORD)
    sources: set[str] = set()
    with contextlib.closing(OnvifRoom(limits=QUICK).subscribe(row)) as subscription:
        ends = time.monotonic() + 5
        while not sources and time.monotonic() < ends:
            sources |= {event.source for event in subscription.pull() if event.topic == topic}
    return sources


@pytest.mark.parametrize("make", ["plain", "axis-like"])
def test_a_port_has_one_name_in_settings_in_events_and_among_the_contacts(make: str) -> None:
    with camera(make) as (county, settings):
        device = county.device()
        county.call(lambda: contacts.tell_relays(device))
        for token in device.inputs:
            county.call(lambda token=token: contacts.tell_input(device, token, active=True))  # type: ignore[misc]
        told = settings["io"].read()
        row = a_device(device.ip, device.http_port, password=PASSWORD)
        with contextlib.closing(OnvifRoom(limits=QUICK).upkeep(row)) as upkeep:
            listed = {one.role: one.token for one in (*upkeep.contacts.relays(), *upkeep.contacts.inputs())}
        assert {f"{role}.token": token for role, token in listed.items()} == {
            name: value for name, value in told.items() if name.endswith(".token")
        }
        relays = {token for role, token in listed.items() if role.startswith("relay.")}
        assert told_sources(county, SceneTopic.RELAY) == relays == set(device.relays)
        if device.inputs:
            inputs = {token for role, token in listed.items() if role.startswith("input.")}
            assert told_sources(county, SceneTopic.DIGITAL_INPUT) == inputs == set(device.inputs)


def test_the_name_of_a_port_cannot_be_set() -> None:
    with camera() as (county, settings):
        with refused(DeviceTrouble.BAD_VALUE, "relay.1.token"):
            settings["io"].write({"relay.1.token": "gate"}, confirmed=True)
        assert not [name for name in county.device().counters if name.startswith("op_Set")]


SPELLINGS = {
    RELAY: ("RelayToken", "RelayOutputToken", "Token"),
    DIGITAL_INPUT: ("InputToken", "AlarmInToken", "Token"),
}


@pytest.mark.parametrize("topic", list(SPELLINGS))
@pytest.mark.parametrize("token", ["3", "AlarmOut_0", "x" * 80])
def test_events_and_a_look_at_the_contacts_read_a_port_alike(topic: str, token: str) -> None:
    for spelling in SPELLINGS[topic]:
        content = told_of(topic, spelling, token)
        told = read_told(content, now=datetime(2026, 11, 24, tzinfo=UTC), tally=Tally())
        (port,) = _told(content, topic)
        assert port == (token, True), spelling
        assert [notice.event.source for notice in told.notices] == [source_name(token)], spelling


def told_of(topic: str, spelling: str, token: str) -> etree._Element:
    return etree.fromstring(
        '<PullMessagesResponse xmlns:tns1="http://www.onvif.org/ver10/topics"><NotificationMessage>'
        f'<Topic>tns1:{topic}</Topic><Message><Message PropertyOperation="Changed">'
        f'<Source><SimpleItem Name="{spelling}" Value="{token}"/></Source>'
        '<Data><SimpleItem Name="LogicalState" Value="active"/></Data>'
        "</Message></Message></NotificationMessage></PullMessagesResponse>"
    )
