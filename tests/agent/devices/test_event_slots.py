"""A slot that was granted is given back, wherever the device says that it is."""

from __future__ import annotations

import contextlib

import pytest

from agent.devices import OnvifRoom
from agent.devices.events import MADE_BURST
from agent.devices.upkeep.triggers import RELAY, told_by
from agent.errors import DeviceError, DeviceTrouble
from tests.agent.devices.builders import QUICK, a_device
from tests.support.raw_events import RawEvents, raw_events

UNUSABLE = ["urn:pull:7", "", "ftp://127.0.0.1/x"]


@pytest.mark.parametrize("address", UNUSABLE)
def test_a_pull_point_at_an_unusable_address_is_given_back_where_it_was_granted(address: str) -> None:
    with raw_events(RawEvents(address=address)) as device:
        row = a_device("127.0.0.1", device.port)
        with contextlib.closing(OnvifRoom(limits=QUICK).subscribe(row)) as point:
            for _ in range(3 * MADE_BURST):
                with pytest.raises(DeviceError) as caught:
                    point.pull()
                assert caught.value.kind is DeviceTrouble.BAD_ANSWER
    assert 1 <= device.asked["CreatePullPointSubscription"] <= MADE_BURST
    assert len(device.unsubscribed) == device.asked["CreatePullPointSubscription"]
    assert all(b">7<" in request and b"POST /events " in request for request in device.unsubscribed)


@pytest.mark.parametrize("address", UNUSABLE)
def test_a_look_at_contacts_gives_back_what_was_granted_at_an_unusable_address(address: str) -> None:
    with raw_events(RawEvents(address=address)) as device:
        row = a_device("127.0.0.1", device.port)
        with contextlib.closing(OnvifRoom(limits=QUICK).upkeep(row)) as upkeep:
            for _ in range(3):
                with told_by(upkeep._surface, RELAY) as told:
                    assert told.states(seconds=0.2) == {}
    assert device.asked["CreatePullPointSubscription"] == 3
    assert len(device.unsubscribed) == 3
    assert all(b">7<" in request for request in device.unsubscribed)
