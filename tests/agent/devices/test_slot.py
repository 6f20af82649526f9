"""A slot against the simulator: taken, pulled, renewed, given back whatever happens to who holds it."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.devices.account import Account
from agent.devices.address import Endpoint
from agent.devices.durations import duration_of
from agent.devices.identity import read_whereabouts
from agent.devices.session import Session
from agent.devices.slot import Slot, creation, either_way, give_back, granted_s, held, lease, moment
from agent.devices.soap import Opened
from agent.devices.wsdl import shared_services
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device
from simulator.device.personality import Lifetime
from tests.agent.devices.builders import QUICK, a_device
from tests.agent.devices.test_events import live
from tests.agent.devices.test_ladder import camera, ledger_row
from tests.support.hostile import Hostile
from tests.support.virtual_county import RunningCounty, running


def session_to(device: Device) -> Session:
    account = Account(device.username, device.password, rest_s=1)
    return Session(device, account, shared_services(), limits=QUICK)


@contextlib.contextmanager
def asking(county: RunningCounty) -> Iterator[tuple[Session, Endpoint]]:
    """A session and where its device's event service is."""
    with contextlib.closing(session_to(ledger_row(county))) as session:
        session.clock()
        events = read_whereabouts(session).find("events")
        assert events is not None
        yield session, events


def asked_for(session: Session, events: Endpoint, lease_s: int = 60) -> Opened:
    return session.faulty(creation(events, duration_of(lease_s)))


def left_s(county: RunningCounty) -> float:
    """What is left of the lease of the only pull point, as the device counts."""

    def left() -> float:
        events = county.device().events
        (point,) = events.live()
        return events.left_s(point)

    return county.call(left)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GeneratorExit])
def test_a_device_of_two_slots_never_runs_out_whatever_breaks_off(error: type[BaseException]) -> None:
    with running(camera(personality="reolink-like")) as county, asking(county) as (session, events):
        for _ in range(6):
            with pytest.raises(error), held(session, asked_for(session, events), events=events) as slot:
                assert slot is not None
                assert live(county) == 1
                raise error
            assert live(county) == 0


def test_without_a_free_slot_there_is_nothing_to_hold_and_nothing_of_others_is_given_back() -> None:
    with running(camera(personality="reolink-like")) as county, asking(county) as (session, events):
        for _ in range(2):
            county.call(lambda: county.device().events.open(lasts_s=60, slots=2, wanted=None))
        with held(session, asked_for(session, events), events=events) as slot:
            assert slot is None
        assert live(county) == 2


def test_the_devices_own_marks_come_back_with_every_question() -> None:
    with running(camera(personality="axis-like")) as county, asking(county) as (session, events):
        opened = asked_for(session, events)
        with held(session, opened, events=events) as slot:
            assert slot is not None and slot.parameters
            assert session.faulty(slot.pull(0.1, echoing=False)).fault is not None
            for question in (slot.pull(0.1), slot.synchronization(), slot.renewal("PT60S")):
                assert session.faulty(question).fault is None, question.operation
        assert live(county) == 0, "given back with its marks"


def test_a_lease_in_seconds_is_granted_and_lengthened() -> None:
    with running(camera()) as county, asking(county) as (session, events):
        opened = asked_for(session, events, 20)
        assert granted_s(opened.content) == pytest.approx(20, abs=1.5)
        with held(session, opened, events=events) as slot:
            assert slot is not None
            assert left_s(county) <= 20
            renewed = session.faulty(slot.renewal(duration_of(90)))
            assert granted_s(renewed.content) == pytest.approx(90, abs=1.5)
            assert 80 < left_s(county) <= 90


@given(
    granted=some.none() | some.floats(0.1, 1e9),
    asked=some.integers(1, 86_400),
    now=some.floats(0, 1e6),
)
def test_a_lease_is_renewed_at_four_fifths_and_never_trusted_longer_than_asked(
    granted: float | None, asked: int, now: float
) -> None:
    got = lease(granted, asked_s=asked, now_s=now)
    trusted_s = got.ends_mono_s - now
    assert trusted_s == pytest.approx(asked if granted is None else min(granted, asked), abs=1e-6)
    assert got.renew_mono_s - now == pytest.approx(0.8 * trusted_s, abs=1e-6)


@pytest.mark.parametrize("how", ["never_answers", "slow_drip_of_body"])
def test_giving_back_ends_in_its_own_time_whatever_the_device_does(how: str) -> None:
    with Hostile(how) as device:
        row = a_device(device.host, device.port)
        slot = Slot("urn:1", Endpoint(device.host, device.port, "/events", False), ())
        with contextlib.closing(session_to(row)) as session:
            session.account.clock_error_s = 0.0
            began = time.monotonic()
            error = give_back(session, slot)
        assert isinstance(error, DeviceError) and error.kind is DeviceTrouble.HUNG
        assert time.monotonic() - began < QUICK.unsubscribe_s + 1.0


def test_a_point_in_time_is_told_by_the_devices_clock() -> None:
    plain, ahead = moment(60, clock_error_s=None), moment(60, clock_error_s=86_400.0)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", plain)
    assert plain < ahead


@pytest.mark.parametrize("wants_other", [False, True])
def test_the_other_term_is_asked_for_only_where_the_device_wants_it(wants_other: bool) -> None:
    terms: list[str] = []
    with running(camera()) as county, asking(county) as (session, events):
        if wants_other:
            device = county.device()
            device.personality = replace(device.personality, lifetime=Lifetime.ABSOLUTE)

        def ask(term: str) -> Opened:
            terms.append(term)
            return session.faulty(creation(events, term))

        until = moment(60, clock_error_s=session.account.clock_error_s)
        opened, otherwise = either_way(ask, "PT60S", until)
        with held(session, opened, events=events) as slot:
            assert slot is not None and otherwise is wants_other
        assert terms == ["PT60S", until][: 1 + wants_other]
        assert live(county) == 0
