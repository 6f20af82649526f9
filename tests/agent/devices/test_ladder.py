"""The ladder against the simulator: every rung, every way to log in, every fault."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from agent.devices import Limits, OnvifRoom
from agent.devices.account import Account
from agent.devices.session import Session
from agent.devices.wsdl import shared_services
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device
from agent.ports import DeviceAdapter
from protocol.words import DeviceClass, Reason, Rung
from tests.agent.devices.builders import PASSWORD, QUICK, a_device
from tests.support.processes import wait_until
from tests.support.virtual_county import JPEG, RunningCounty, entry, running

PERSONALITIES = (
    "plain",
    "hik-like",
    "dahua-like",
    "axis-like",
    "reolink-like",
    "bosch-like",
    "tapo-like",
    "old-hik-like",
    "onvif-srvd-like",
)


def ledger_row(county: RunningCounty, name: str = "cam", **more: object) -> Device:
    device = county.device(name)
    tls = device.certificates is not None
    return a_device(device.ip, device.http_port, name=name, tls=tls, **more)  # type: ignore[arg-type]


@contextmanager
def climbing(
    county: RunningCounty, name: str = "cam", *, limits: Limits = QUICK, **more: object
) -> Iterator[DeviceAdapter]:
    adapter = OnvifRoom(limits=limits).open(ledger_row(county, name, **more))
    try:
        yield adapter
    finally:
        adapter.close()


def asked(county: RunningCounty, operation: str, name: str = "cam") -> int:
    return county.call(lambda: county.device(name).counters[f"op_{operation}"])


def auth_failures(county: RunningCounty, name: str = "cam") -> int:
    counters = county.call(lambda: dict(county.device(name).counters))
    return sum(count for key, count in counters.items() if key.startswith("auth_") and key != "auth_missing")


def camera(**more: Any) -> dict[str, object]:
    return entry(password=PASSWORD, **more)


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_every_make_is_climbed_and_identified(personality: str) -> None:
    with running(camera(personality=personality)) as county, climbing(county) as adapter:
        evidence = adapter.climb()
        identity = county.device().identity
        assert (evidence.rung, evidence.reason) == (Rung.AUTHENTICATED, Reason.OK), evidence.detail
        assert evidence.identity is not None
        assert evidence.identity.model == identity.model
        assert evidence.identity.serial == identity.serial
        assert evidence.identity.mac_address == identity.mac.upper().replace(":", "-")
        assert [profile.width for profile in evidence.identity.profiles] == [1280, 640]
        assert auth_failures(county) == 0


@pytest.mark.parametrize("auth", ["wsse", "digest", "both", "none"])
def test_every_way_to_log_in_is_found_without_a_wrong_try(auth: str) -> None:
    with running(camera(auth=auth)) as county, climbing(county) as adapter:
        for _ in range(3):
            assert adapter.climb().rung is Rung.AUTHENTICATED
        assert auth_failures(county) == 0


def test_a_second_climb_is_two_questions_and_keeps_the_identity() -> None:
    with running(camera(auth="wsse")) as county, climbing(county) as adapter:
        first = adapter.climb().identity
        assert first is not None
        before = county.call(lambda: county.device().counters["requests"])
        evidence = adapter.climb()
        assert evidence.identity == first
        assert evidence.rung is Rung.AUTHENTICATED
        assert county.call(lambda: county.device().counters["requests"]) - before == 2


@pytest.mark.parametrize("auth", ["wsse", "digest", "both"])
def test_a_wrong_password_is_tried_once_and_then_left_alone(auth: str) -> None:
    with running(camera(auth=auth)) as county, climbing(county, password="wrong") as adapter:
        evidence = adapter.climb()
        assert (evidence.rung, evidence.reason) == (Rung.ONVIF, Reason.AUTH_FAILED)
        assert "密码不对" in evidence.detail
        assert "wrong user name or password" in evidence.detail
        assert "wrong'" not in evidence.detail
        assert auth_failures(county) == 1
        for _ in range(5):
            again = adapter.climb()
            assert (again.rung, again.reason) == (Rung.ONVIF, Reason.AUTH_BACKOFF)
            with pytest.raises(DeviceError) as told:
                adapter.snapshot()
            assert told.value.kind is DeviceTrouble.AUTH_BACKOFF
        assert auth_failures(county) == 1


def test_the_ladder_and_the_events_share_one_try() -> None:
    with running(camera()) as county:
        room = OnvifRoom(limits=QUICK)
        device = ledger_row(county, password="wrong")
        adapter, events = room.open(device), room.subscribe(device)
        assert adapter.climb().reason is Reason.AUTH_FAILED
        with pytest.raises(DeviceError) as told:
            events.pull()
        events.close()
        adapter.close()
        assert told.value.kind is DeviceTrouble.AUTH_BACKOFF
        assert auth_failures(county) == 1


def test_the_operator_lifts_the_rest() -> None:
    with running(camera()) as county, climbing(county) as adapter:
        county.switch(wrong_password=True)
        assert adapter.climb().reason is Reason.AUTH_FAILED
        county.switch(wrong_password=False)
        assert adapter.climb().reason is Reason.AUTH_BACKOFF
        adapter.forget_failures()
        assert adapter.climb().rung is Rung.AUTHENTICATED


def test_the_rest_ends_by_itself() -> None:
    limits = Limits(total_s=1.0, refused_pause_s=0.2)
    with running(camera()) as county, climbing(county, limits=limits) as adapter:
        county.switch(wrong_password=True)
        assert adapter.climb().reason is Reason.AUTH_FAILED
        county.switch(wrong_password=False)
        wait_until(lambda: adapter.climb().rung is Rung.AUTHENTICATED, within_s=3, what="logged in again")


def test_a_password_changed_while_running_costs_at_most_two_tries() -> None:
    with running(camera()) as county, climbing(county) as adapter:
        assert adapter.climb().rung is Rung.AUTHENTICATED
        county.switch(wrong_password=True)
        for _ in range(3):
            adapter.climb()
        assert auth_failures(county) == 1


def test_a_new_password_in_the_ledger_is_tried_at_once() -> None:
    with running(camera()) as county:
        room = OnvifRoom(limits=QUICK)
        wrong = room.open(ledger_row(county, password="wrong"))
        assert wrong.climb().reason is Reason.AUTH_FAILED
        wrong.close()
        right = room.open(ledger_row(county))
        assert right.climb().rung is Rung.AUTHENTICATED
        right.close()


def test_without_a_user_name_nothing_is_tried() -> None:
    with running(camera()) as county, climbing(county, username="", password="") as adapter:
        evidence = adapter.climb()
        assert evidence.reason is Reason.AUTH_FAILED
        assert "没有填用户名和密码" in evidence.detail
        assert auth_failures(county) == 0


@pytest.mark.parametrize("offset_s", [3600, -3600, -15_552_000])
@pytest.mark.parametrize("auth", ["wsse", "both"])
def test_a_clock_that_is_off_logs_in_and_is_told(offset_s: int, auth: str) -> None:
    """Traps of Home Assistant 91587 (an hour) and 121952 (half a year)."""
    with running(camera(auth=auth)) as county, climbing(county) as adapter:
        county.switch(clock_offset_s=offset_s)
        evidence = adapter.climb()
        assert (evidence.rung, evidence.reason) == (Rung.AUTHENTICATED, Reason.OK)
        assert evidence.clock_error_s == pytest.approx(offset_s, abs=2)
        assert ("快" if offset_s > 0 else "慢") in evidence.detail
        assert auth_failures(county) == 0


def test_a_clock_that_jumps_while_running_is_no_wrong_password() -> None:
    with running(camera(auth="wsse")) as county, climbing(county) as adapter:
        assert adapter.climb().rung is Rung.AUTHENTICATED
        county.switch(clock_offset_s=7200)
        assert adapter.snapshot() == JPEG + b"main"
        assert adapter.climb().rung is Rung.AUTHENTICATED


FAULTS = {
    "unplugged": (Rung.UNREACHABLE, Reason.UNREACHABLE),
    "hung": (Rung.REACHABLE, Reason.HUNG),
    "html_200": (Rung.REACHABLE, Reason.NO_ONVIF),
    "broken_xml": (Rung.REACHABLE, Reason.BAD_ANSWER),
    "entity_bomb": (Rung.REACHABLE, Reason.BAD_ANSWER),
    "external_entity": (Rung.REACHABLE, Reason.BAD_ANSWER),
    "huge_answer": (Rung.REACHABLE, Reason.BAD_ANSWER),
    "endless_answer": (Rung.REACHABLE, Reason.BAD_ANSWER),
    "redirect": (Rung.REACHABLE, Reason.BAD_ANSWER),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_stops_at_its_rung_and_passes(fault: str) -> None:
    with running(camera()) as county, climbing(county) as adapter:
        assert adapter.climb().rung is Rung.AUTHENTICATED
        county.switch("cam", **{fault: True})
        started = time.monotonic()
        evidence = adapter.climb()
        assert time.monotonic() - started < QUICK.total_s + 1.2
        assert (evidence.rung, evidence.reason) == FAULTS[fault], evidence.detail
        county.switch("cam", **{fault: False})
        again = adapter.climb()
        assert again.rung is Rung.AUTHENTICATED, again.detail
        assert again.identity is not None, "the identity is read again after a failure"


def test_a_slow_device_is_awaited_and_a_too_slow_one_is_hung() -> None:
    with running(camera()) as county, climbing(county) as adapter:
        county.switch(slow_ms=100)
        assert adapter.climb().rung is Rung.AUTHENTICATED
        county.switch(slow_ms=5000)
        assert adapter.climb().reason is Reason.HUNG


def test_addresses_that_name_another_host_are_asked_at_the_enrolled_one() -> None:
    with running(camera()) as county, climbing(county) as adapter:
        county.switch(wrong_host_xaddr=True)
        evidence = adapter.climb()
        assert evidence.identity is not None
        assert len(evidence.identity.profiles) == 2
        assert adapter.snapshot() == JPEG + b"main"


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_a_snapshot_is_the_picture_of_the_largest_profile(personality: str) -> None:
    with running(camera(personality=personality)) as county, climbing(county) as adapter:
        assert adapter.snapshot() == JPEG + b"main"
        assert auth_failures(county) == 0


def test_another_firmware_is_noticed_without_a_failure() -> None:
    with running(camera()) as county, climbing(county) as adapter:
        first = adapter.climb().identity
        assert first is not None
        identity = county.device().identity
        county.call(lambda: object.__setattr__(identity, "firmware", "9.9.9"))
        again = adapter.climb().identity
        assert again is not None
        assert again.firmware == "9.9.9"


def test_nothing_is_written_to_a_police_device() -> None:
    with running(camera()) as county:
        device = ledger_row(county, device_class=DeviceClass.INTEGRATED)
        account = Account(device.username, device.password, rest_s=1)
        session = Session(device, account, shared_services(), limits=QUICK)
        with pytest.raises(DeviceError, match="read only"):
            session.call("devicemgmt", "SystemReboot", session.device_service)
        session.close()
        assert asked(county, "SystemReboot") == 0
