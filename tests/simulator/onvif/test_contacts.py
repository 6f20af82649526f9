"""Relays and digital inputs, asked by a strict client that others wrote, over both services."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from zeep.exceptions import Fault

from tests.simulator.onvif.test_services import BINDINGS, _client
from tests.support.virtual_county import RunningCounty, entry, running

TMD = "http://www.onvif.org/ver10/deviceIO/wsdl"


@pytest.fixture
def county() -> Iterator[RunningCounty]:
    with running(entry("cam", auth="none")) as started:
        yield started


def device_service(county: RunningCounty) -> Any:
    wsdl, namespace, binding = BINDINGS["device"]
    return copy.copy(_client(wsdl)).create_service(f"{{{namespace}}}{binding}", county.url())


def io_service(county: RunningCounty) -> Any:
    path = county.device().personality.paths.deviceio
    client = copy.copy(_client("deviceio.wsdl"))
    return client.create_service(f"{{{TMD}}}DeviceIOBinding", county.url(path=path))


def test_a_relay_is_set_up_and_moved_over_the_device_service(county: RunningCounty) -> None:
    device = device_service(county)
    assert [one.token for one in device.GetRelayOutputs()] == ["RelayOutput_1", "RelayOutput_2"]
    settings = {"Mode": "Monostable", "DelayTime": timedelta(seconds=9), "IdleState": "closed"}
    device.SetRelayOutputSettings(RelayOutputToken="RelayOutput_1", Properties=settings)
    told = device.GetRelayOutputs()[0].Properties
    assert (told.Mode, told.DelayTime, told.IdleState) == ("Monostable", timedelta(seconds=9), "closed")
    device.SetRelayOutputState(RelayOutputToken="RelayOutput_2", LogicalState="active")
    assert county.device().relays["RelayOutput_2"].active


def test_the_same_over_deviceio(county: RunningCounty) -> None:
    io = io_service(county)
    relay = io.GetRelayOutputs()[0]
    relay.Properties.IdleState = "closed"
    io.SetRelayOutputSettings(RelayOutput=relay)
    assert io.GetRelayOutputs()[0].Properties.IdleState == "closed"
    io.SetRelayOutputState(RelayOutputToken=relay.token, LogicalState="active")
    assert county.device().relays[relay.token].active
    assert io.GetRelayOutputOptions(RelayOutputToken=relay.token)[0].Mode == ["Bistable", "Monostable"]
    assert [one.token for one in io.GetDigitalInputs()] == ["DigitalInput_1"]
    assert io.GetServiceCapabilities().RelayOutputs == 2


def test_what_a_relay_cannot_be_is_refused(county: RunningCounty) -> None:
    device = device_service(county)
    settings = {"Mode": "Monostable", "DelayTime": timedelta(hours=9), "IdleState": "closed"}
    with pytest.raises(Fault, match="DelayTime"):
        device.SetRelayOutputSettings(RelayOutputToken="RelayOutput_1", Properties=settings)
    with pytest.raises(Fault, match="Unknown relay"):
        device.SetRelayOutputState(RelayOutputToken="9", LogicalState="active")
