"""Relays are switched once; what is then known of them is what the device tells."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from agent.devices import OnvifRoom
from agent.devices.upkeep import Upkeep, triggers
from agent.devices.upkeep.contacts import Proof, Switching
from agent.errors import DeviceError, DeviceTrouble
from protocol.words import DeviceClass
from simulator.onvif import contacts
from tests.agent.devices.builders import QUICK, a_device
from tests.support.virtual_county import RunningCounty, entry, running

PASSWORD = "pass-word-1"


@contextlib.contextmanager
def camera(
    make: str = "plain", device_class: DeviceClass = DeviceClass.SMART_CAMERA
) -> Iterator[tuple[RunningCounty, Upkeep]]:
    with running(entry("cam", personality=make)) as county:
        device = county.device()
        row = a_device(device.ip, device.http_port, password=PASSWORD, device_class=device_class)
        with contextlib.closing(OnvifRoom(limits=QUICK).upkeep(row)) as upkeep:
            yield county, upkeep


@contextlib.contextmanager
def refused(kind: DeviceTrouble) -> Iterator[None]:
    with pytest.raises(DeviceError) as caught:
        yield
    assert caught.value.kind is kind, caught.value


def slots_taken(county: RunningCounty) -> int:
    return county.call(lambda: len(county.device().events.live()))


@pytest.mark.parametrize(("make", "token"), [("plain", "RelayOutput_1"), ("axis-like", "3")])
def test_a_switched_relay_is_proved_by_the_devices_own_event(make: str, token: str) -> None:
    with camera(make) as (county, upkeep):
        assert upkeep.contacts.switch(token, active=True) == Switching(token, True, Proof.TOLD)
        assert county.device().relays[token].active
        assert upkeep.contacts.switch(token, active=True).proof is Proof.TOLD
        assert upkeep.contacts.switch(token, active=False) == Switching(token, False, Proof.TOLD)
        assert slots_taken(county) == 0


def test_a_device_that_tells_nothing_is_believed_as_far_as_it_goes() -> None:
    with camera("hik-like") as (county, upkeep):
        assert upkeep.contacts.switch("AlarmOut_0", active=True).proof is Proof.ACCEPTED
        assert county.device().relays["AlarmOut_0"].active


def test_a_device_without_a_free_slot_is_switched_all_the_same() -> None:
    with camera() as (county, upkeep):
        county.switch(two_slots=True)
        for _ in range(2):
            county.call(lambda: county.device().events.open(lasts_s=60, slots=2, wanted=None))
        assert upkeep.contacts.switch("RelayOutput_1", active=True).proof is Proof.ACCEPTED


def test_a_relay_that_did_not_move_is_no_success() -> None:
    with camera() as (county, upkeep):
        county.switch(lying_set=True)
        with refused(DeviceTrouble.NOT_KEPT):
            upkeep.contacts.switch("RelayOutput_1", active=True)
        assert slots_taken(county) == 0


def test_a_monostable_relay_falls_back_and_that_is_told() -> None:
    with camera() as (county, upkeep):
        relay = county.device().relays["RelayOutput_2"]
        county.device().relays["RelayOutput_2"] = replace(relay, mode="Monostable", delay_s=0.5)
        switching = upkeep.contacts.switch("RelayOutput_2", active=True)
        assert (switching.proof, switching.returns_s) == (Proof.TOLD, 0.5)


def test_an_order_is_never_repeated_over_a_dropped_connection() -> None:
    with camera("hik-like") as (county, upkeep):
        # Without a free slot the order goes over the connection that is already open.
        county.switch(two_slots=True, drop_after_write=True)
        for _ in range(2):
            county.call(lambda: county.device().events.open(lasts_s=60, slots=2, wanted=None))
        with refused(DeviceTrouble.BAD_ANSWER):
            upkeep.contacts.switch("AlarmOut_0", active=True)
        assert county.device().counters["op_SetRelayOutputState"] == 1


def test_an_unknown_relay_is_told_with_those_there_are() -> None:
    with camera() as (county, upkeep):
        with pytest.raises(DeviceError, match="RelayOutput_1, RelayOutput_2"):
            upkeep.contacts.switch("9", active=True)
        assert county.device().counters["op_SetRelayOutputState"] == 0
        assert upkeep.contacts.switch("2", active=True).token == "RelayOutput_2"


def test_relays_and_inputs_are_listed_with_their_state_where_it_is_told() -> None:
    with camera() as (county, upkeep):
        assert [(one.token, one.active) for one in upkeep.contacts.relays()] == [
            ("RelayOutput_1", None),
            ("RelayOutput_2", None),
        ]
        county.call(lambda: contacts.tell_relays(county.device()))
        county.call(lambda: contacts.tell_input(county.device(), "DigitalInput_1", active=True))
        assert [one.active for one in upkeep.contacts.relays(with_state=True)] == [False, False]
        (one,) = upkeep.contacts.inputs(with_state=True)
        assert (one.role, one.settings, one.active) == ("input.1", {"idle": "open"}, True)
        assert slots_taken(county) == 0


def test_a_device_without_inputs_has_none() -> None:
    with camera("dahua-like") as (_county, upkeep):
        assert upkeep.contacts.inputs() == ()


def test_our_own_operator_may_switch_and_may_not_set_up() -> None:
    with camera() as (county, upkeep):
        secret = upkeep.accounts.add_own()
        device = county.device()
        row = replace(
            a_device(device.ip, device.http_port, name="as-operator"), username="outpost", password=secret
        )
        room = OnvifRoom(limits=QUICK)
        with contextlib.closing(room.upkeep(row)) as operator:
            assert operator.contacts.switch("1", active=True).proof is Proof.TOLD
            with refused(DeviceTrouble.AUTH_FAILED):
                operator.accounts.add_own(name="another")


def test_an_integrated_device_is_sent_no_order() -> None:
    with camera("plain", DeviceClass.INTEGRATED) as (county, upkeep):
        assert upkeep.contacts.relays()
        asked = county.device().counters["requests"]
        with refused(DeviceTrouble.READ_ONLY):
            upkeep.contacts.switch("RelayOutput_1", active=True)
        assert county.device().counters["requests"] == asked


def test_a_look_that_lasts_renews_its_slot_at_four_fifths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triggers, "_LEASE_S", 1.0)
    with camera() as (county, upkeep):
        with triggers.told_by(upkeep._surface, triggers.RELAY) as told:
            ends = time.monotonic() + 2.0
            while time.monotonic() < ends:
                told.states(seconds=0.2)
            assert slots_taken(county) == 1, "kept beyond its first lease"
        assert county.call(lambda: county.device().counters["op_Renew"]) in (1, 2, 3)
        assert slots_taken(county) == 0
