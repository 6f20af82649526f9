"""The pull point against the simulator: made once, pulled, renewed, lost, made anew, given back."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.devices import Limits, OnvifRoom
from agent.devices.account import Account
from agent.devices.address import Endpoint
from agent.devices.events import NOTE_TOPIC, PullPoint
from agent.devices.notifications import Tally
from agent.devices.wsdl import shared_services
from agent.errors import DeviceError, DeviceTrouble
from agent.model import CameraEvent
from agent.outbox.notebook import SqliteNotebook
from agent.ports import EventSubscription
from protocol.words import SceneTopic
from simulator.device.pull_points import Items
from tests.agent.devices.builders import PASSWORD, QUICK, a_device
from tests.agent.devices.test_ladder import PERSONALITIES, asked, camera, ledger_row
from tests.support.hostile import Hostile, answering, http
from tests.support.processes import wait_until
from tests.support.recorded import onvif_data, recorded_devices, served
from tests.support.virtual_county import RunningCounty, running

REPOSITORY = Path(__file__).resolve().parents[3]
MOTION = "tns1:VideoSource/MotionAlarm"
SOURCE: Items = (("Source", "VideoSource_1"),)


@contextmanager
def subscribed(
    county: RunningCounty, *, limits: Limits = QUICK
) -> Iterator[tuple[EventSubscription, OnvifRoom]]:
    room = OnvifRoom(limits=limits)
    subscription = room.subscribe(ledger_row(county))
    try:
        yield subscription, room
    finally:
        subscription.close()


def tell(
    county: RunningCounty, topic: str = MOTION, *, data: Items, operation: str | None = "Changed"
) -> None:
    county.call(lambda: county.device().events.tell(topic, source=SOURCE, data=data, operation=operation))


def live(county: RunningCounty) -> int:
    return county.call(lambda: len(county.device().events.live()))


def numbers(county: RunningCounty) -> list[int]:
    """The open pull points by number; the device numbers them as they are made."""
    return county.call(lambda: [point.number for point in county.device().events.live()])


def pulled_until(subscription: EventSubscription, wanted: Callable[[CameraEvent], bool]) -> list[CameraEvent]:
    """Everything pulled up to the first event that is wanted; fails after 5 s."""
    found: list[CameraEvent] = []
    deadline = time.monotonic() + 5
    while not any(wanted(event) for event in found):
        assert time.monotonic() < deadline, found
        found.extend(subscription.pull())
    return found


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_every_makes_events_arrive_with_their_topic_and_its_slot_is_given_back(personality: str) -> None:
    with running(camera(personality=personality)) as county:
        with subscribed(county) as (subscription, room):
            initial = subscription.pull()
            assert initial
            assert all(event.initial for event in initial)
            tell(county, data=(("State", "true"),))
            event = pulled_until(subscription, lambda one: not one.initial)[-1]
            assert (event.topic, event.active, event.source) == (SceneTopic.MOTION, True, "VideoSource_1")
            assert live(county) == 1
            assert not room.counts()
        assert live(county) == 0


def test_a_state_replayed_on_subscription_is_never_an_event() -> None:
    """Kerberos 173: an alarm that is on when the box subscribes must not raise an incident."""
    with running(camera()) as county:
        tell(county, data=(("State", "true"),))
        with subscribed(county) as (subscription, _):
            told = [event for _ in range(3) for event in subscription.pull()]
            assert any(event.active for event in told)
            assert not [event for event in told if event.active and not event.initial]


@pytest.mark.parametrize("personality", ["reolink-like", "bosch-like"])
def test_two_hundred_restarts_leave_no_slot_taken(personality: str) -> None:
    """Tapo-Control 1355: slots leaked until nothing could subscribe any more."""
    with running(camera(personality=personality)) as county:
        room = OnvifRoom(limits=QUICK)
        device = ledger_row(county)
        tell(county, data=(("State", "true"),))
        for _ in range(200):
            subscription = room.subscribe(device)
            assert subscription.pull()
            subscription.close()
        assert live(county) == 0
        assert county.call(lambda: county.device().counters["slots_refused"]) == 0


@pytest.mark.parametrize("personality", ["reolink-like", "axis-like", "bosch-like"])
def test_two_hundred_power_cuts_leave_no_slot_taken(personality: str, tmp_path: Path) -> None:
    """A killed box gives nothing back: the next start does, before it takes a slot of its own."""
    with running(camera(personality=personality)) as county:
        book = SqliteNotebook(tmp_path / "notebook.db")
        device = ledger_row(county)
        tell(county, data=(("State", "true"),))
        for _ in range(200):
            subscription = OnvifRoom(limits=QUICK, notebook=book).subscribe(device)
            assert subscription.pull()
            subscription._session.close()  # type: ignore[attr-defined]
        assert live(county) == 1
        subscription = OnvifRoom(limits=QUICK, notebook=book).subscribe(device)
        assert subscription.pull()
        subscription.close()
        assert live(county) == 0
        assert book.notes(NOTE_TOPIC) == {}
        assert county.call(lambda: county.device().counters["slots_refused"]) == 0
        book.close()


def test_a_box_that_was_really_killed_takes_its_slot_back(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from agent.devices import OnvifRoom\n"
        "from agent.model import Device, Secret\n"
        "from agent.outbox.notebook import SqliteNotebook\n"
        "from protocol.words import DeviceClass\n"
        "room = OnvifRoom(notebook=SqliteNotebook(Path(sys.argv[1])))\n"
        "device = Device(id='cam', device_class=DeviceClass.SMART_CAMERA, host=sys.argv[2],\n"
        "                port=int(sys.argv[3]), username='admin', password=Secret(sys.stdin.read()))\n"
        "room.subscribe(device).pull()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with running(camera(personality="reolink-like")) as county:
        tell(county, data=(("State", "true"),))
        device = county.device()
        for _ in range(4):
            died = subprocess.run(
                [sys.executable, "-c", code, str(tmp_path / "n.db"), device.ip, str(device.http_port)],
                cwd=REPOSITORY,
                input=PASSWORD,
                text=True,
                timeout=60,
                check=False,
            )
            assert died.returncode == -signal.SIGKILL
            assert live(county) == 1
        assert county.call(lambda: county.device().counters["slots_refused"]) == 0


def test_a_damaged_note_of_a_slot_keeps_nobody_from_events(tmp_path: Path) -> None:
    with running(camera()) as county:
        book = SqliteNotebook(tmp_path / "notebook.db")
        tell(county, data=(("State", "true"),))
        for document in ("", "[]", '{"address": "file:///x", "parameters": []}', '{"parameters": ["<a"]}'):
            book.note("cam", NOTE_TOPIC, document)
            subscription = OnvifRoom(limits=QUICK, notebook=book).subscribe(ledger_row(county))
            assert subscription.pull()
            subscription.close()
        book.close()


def test_terms_are_asked_in_seconds() -> None:
    """Home Assistant 92551: some cameras misread minutes."""
    with Hostile("never_answers") as silent:
        device = a_device(port=silent.port)
        point = _point_without_a_lookup(device.host, silent.port, QUICK)
        with pytest.raises(DeviceError):
            point.pull()
        point.close()
        body = silent.requests[0].decode()
    assert "InitialTerminationTime>PT60S<" in body
    assert not re.search(r"PT\d+M", body)


def _point_without_a_lookup(host: str, port: int, limits: Limits) -> PullPoint:
    device = a_device(host, port)
    account = Account(device.username, device.password, rest_s=1)
    account.clock_error_s = 0.0
    point = PullPoint(device, account, shared_services(), limits=limits, tally=Tally())
    point._events = Endpoint(host, port, "/onvif/events")
    return point


@pytest.mark.parametrize("personality", ["plain", "axis-like"])
def test_the_lease_is_renewed_before_it_ends(personality: str) -> None:
    limits = replace(QUICK, lease_s=1)
    with running(camera(personality=personality)) as county:
        with subscribed(county, limits=limits) as (subscription, room):
            ends = time.monotonic() + 3
            while time.monotonic() < ends:
                subscription.pull()
            assert numbers(county) == [1]
            assert asked(county, "Renew") >= 1
            assert room.counts()["renewed", ""] >= 1
        assert live(county) == 0


def test_after_a_reboot_the_pull_point_is_made_anew() -> None:
    """ZoneMinder 4099, Home Assistant 133278: a camera that restarted was never subscribed to again."""
    with running(camera()) as county, subscribed(county) as (subscription, _):
        subscription.pull()
        assert numbers(county) == [1]
        county.wait(county.station().reboot())
        kinds: set[DeviceTrouble] = set()
        deadline = time.monotonic() + 20
        while numbers(county) in ([], [1]):
            assert time.monotonic() < deadline, kinds
            try:
                subscription.pull()
            except DeviceError as error:
                kinds.add(error.kind)
                time.sleep(0.05)
        assert kinds
        assert all(kind.retryable for kind in kinds)
        tell(county, data=(("State", "true"),))
        pulled_until(subscription, lambda event: event.active is True and not event.initial)
        assert live(county) == 1


def test_a_cable_pulled_for_a_moment_costs_no_second_slot() -> None:
    with running(camera()) as county, subscribed(county) as (subscription, _):
        subscription.pull()
        county.switch(unplugged=True)
        for _ in range(4):
            with pytest.raises(DeviceError) as told:
                subscription.pull()
            assert told.value.kind is DeviceTrouble.UNREACHABLE
        county.switch(unplugged=False)
        wait_until(lambda: _pulls(subscription), within_s=5, what="the pull point is used again")
        assert numbers(county) == [1]


def _pulls(subscription: EventSubscription) -> bool:
    try:
        subscription.pull()
    except DeviceError:
        return False
    return True


def test_a_device_without_a_free_slot_says_so() -> None:
    with running(camera(personality="reolink-like")) as county:
        others = [OnvifRoom(limits=QUICK).subscribe(ledger_row(county)) for _ in range(2)]
        for other in others:
            other.pull()
        with subscribed(county) as (subscription, _):
            with pytest.raises(DeviceError) as told:
                subscription.pull()
            assert told.value.kind is DeviceTrouble.BAD_ANSWER
            assert told.value.kind.retryable
            assert "名额已满" in told.value.detail
        for other in others:
            other.close()
        assert live(county) == 0


def test_closing_while_a_pull_waits_ends_it_and_gives_the_slot_back() -> None:
    limits = replace(QUICK, total_s=8.0, pull_s=5.0)
    with running(camera()) as county:
        room = OnvifRoom(limits=limits)
        subscription = room.subscribe(ledger_row(county))
        subscription.pull()
        before = asked(county, "PullMessages")
        ended: list[Sequence[CameraEvent]] = []
        waiting = threading.Thread(target=lambda: ended.append(subscription.pull()))
        waiting.start()
        wait_until(lambda: asked(county, "PullMessages") > before, within_s=3, what="the pull waits")
        started = time.monotonic()
        subscription.close()
        waiting.join()
        assert time.monotonic() - started < 2.5
        assert ended == [()]
        assert subscription.pull() == ()
        assert live(county) == 0


def test_closing_is_quick_when_the_device_hangs() -> None:
    with running(camera()) as county:
        room = OnvifRoom(limits=QUICK)
        subscription = room.subscribe(ledger_row(county))
        subscription.pull()
        county.switch(hung=True)
        started = time.monotonic()
        subscription.close()
        subscription.close()
        assert time.monotonic() - started < QUICK.unsubscribe_s + 0.5
        county.switch(hung=False)


def test_what_two_topics_tell_of_one_motion_is_told_once() -> None:
    cell = "tns1:RuleEngine/CellMotionDetector/Motion"
    with running(camera()) as county, subscribed(county) as (subscription, room):
        subscription.pull()
        for word in ("true", "false"):
            tell(county, data=(("State", word),))
            tell(county, cell, data=(("IsMotion", word),))
        told = pulled_until(subscription, lambda event: event.active is False and not event.initial)
        told += subscription.pull()
        assert [event.active for event in told if not event.initial] == [True, False]
        assert room.counts()["told_twice", "RuleEngine/CellMotionDetector/Motion"] == 2


def test_a_plate_never_leaves_the_room() -> None:
    with running(camera(kind="micro_checkpoint")) as county, subscribed(county) as (subscription, room):
        subscription.pull()
        plate = "tns1:RuleEngine/Recognition/LicensePlate"
        tell(county, plate, data=(("Plate", "TEST-PLATE"),), operation=None)
        tell(county, data=(("State", "true"),))
        told = pulled_until(subscription, lambda event: not event.initial)
        assert "TEST-PLATE" not in repr(told)
        assert room.counts()["identity_dropped", ""] == 1


def test_a_clock_that_jumps_between_pulls_is_no_wrong_password() -> None:
    with running(camera(auth="wsse")) as county, subscribed(county) as (subscription, _):
        subscription.pull()
        county.switch(clock_offset_s=-86_400)
        subscription.pull()
        tell(county, data=(("State", "true"),))
        pulled_until(subscription, lambda event: event.active is True)


def test_reference_parameters_come_back_as_headers() -> None:
    """Recorded Axis Q6045: without the echoed SubscriptionId it answers Sender/InvalidArgs."""
    axis = next(one for one in recorded_devices(onvif_data()) if one.name == "hawkeye64-onvif-nvt/axis")
    with served(axis) as server:
        point = _point_without_a_lookup(server.host, server.port, QUICK)
        with pytest.raises(DeviceError, match="InvalidArgs"):
            point.pull()
        point.close()
        pull = next(request for request in server.requests if b"PullMessages" in request).decode()
    assert re.search(r'<\w+:SubscriptionId [^>]*xmlns:\w+="http://www.axis.com/2009/event"[^>]*>5</', pull)
    assert "IsReferenceParameter" in pull


def test_a_device_that_wants_a_point_in_time_gets_one() -> None:
    fault = (
        b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code>'
        b"<s:Value>s:Sender</s:Value><s:Subcode><s:Value>w:UnacceptableInitialTerminationTimeFault</s:Value>"
        b"</s:Subcode></s:Code></s:Fault></s:Body></s:Envelope>"
    )
    with answering(lambda _request: http(fault)) as device:
        point = _point_without_a_lookup(device.host, device.port, QUICK)
        with pytest.raises(DeviceError):
            point.pull()
        point.close()
    terms = [re.findall(r"TerminationTime>([^<]+)<", request.decode())[0] for request in device.requests]
    assert terms[0] == "PT60S"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", terms[1])


def test_a_device_without_onvif_has_no_events() -> None:
    subscription = OnvifRoom(limits=QUICK).subscribe(a_device(stream_path="/live"))
    with pytest.raises(DeviceError) as told:
        subscription.pull()
    assert told.value.kind is DeviceTrouble.NOT_SUPPORTED
    subscription.close()
