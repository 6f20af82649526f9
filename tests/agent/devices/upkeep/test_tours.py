"""Preset tours of a head: made, changed, run, removed, and proved by what the device says afterwards."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest
from lxml import etree

from agent.devices import OnvifRoom
from agent.devices.upkeep import Upkeep, head, tours
from agent.devices.upkeep.ptz import place_of, seconds_of
from agent.devices.upkeep.tours import Spot
from agent.errors import DeviceError, DeviceTrouble
from agent.model import HeadSight, Place
from protocol.words import DeviceClass
from simulator.device.ptz import Head
from simulator.device.tours import Stop
from tests.agent.devices.builders import QUICK, a_device
from tests.support.virtual_county import RunningCounty, entry, running

PASSWORD = "pass-word-1"
ROUND = (Spot("1", 5.0), Spot("3", 20.0))


@contextlib.contextmanager
def dome(
    personality: str = "plain", *, device_class: DeviceClass = DeviceClass.PTZ_DOME
) -> Iterator[tuple[RunningCounty, Upkeep]]:
    with running(entry("cam", kind="ptz_dome", personality=personality)) as county:
        device = county.device()
        row = a_device(device.ip, device.http_port, password=PASSWORD, device_class=device_class)
        with contextlib.closing(OnvifRoom(limits=QUICK).upkeep(row)) as upkeep:
            yield county, upkeep


@contextlib.contextmanager
def refused(kind: DeviceTrouble) -> Iterator[None]:
    with pytest.raises(DeviceError) as caught:
        yield
    assert caught.value.kind is kind, caught.value
    assert " / " in caught.value.detail


def head_of(county: RunningCounty) -> Head:
    found = county.device().head
    assert found is not None
    return found


@pytest.mark.parametrize("personality", ["plain", "hik-like", "dahua-like"])
def test_a_tour_is_made_changed_run_and_removed(personality: str) -> None:
    with dome(personality) as (county, upkeep):
        made = upkeep.tours.make("round", ROUND, autostart=True)
        assert (made.name, made.state, made.autostart, made.spots) == ("round", "Idle", True, ROUND)
        changed = upkeep.tours.change(made.token, spots=(Spot("2", 30.0), *ROUND))
        assert [spot.preset for spot in changed.spots] == ["2", "1", "3"]
        assert changed.name == "round"
        assert upkeep.tours.start(made.token).state == "Touring"
        assert head_of(county).tours.running() is not None
        assert upkeep.tours.pause(made.token).state == "Paused"
        assert upkeep.tours.stop(made.token).state == "Idle"
        upkeep.tours.remove(made.token)
        assert upkeep.tours.listed() == ()


def test_a_change_that_changes_nothing_is_not_sent() -> None:
    with dome() as (county, upkeep):
        made = upkeep.tours.make("round", ROUND)
        sent = county.device().counters["op_ModifyPresetTour"]
        assert upkeep.tours.change(made.token, name="round", spots=ROUND) == made
        assert county.device().counters["op_ModifyPresetTour"] == sent


def test_a_spot_that_stays_keeps_its_speed() -> None:
    """The copy holds what this room does not know; the simulator tells a speed for every spot."""
    node = etree.fromstring(
        '<PresetTour xmlns="http://www.onvif.org/ver10/schema" token="T"><Name>a</Name><Status>'
        "<State>Idle</State></Status><AutoStart>false</AutoStart><StartingCondition/><TourSpot><PresetDetail>"
        '<PresetToken>1</PresetToken></PresetDetail><Speed><PanTilt x="0.3"/></Speed>'
        "<StayTime>PT5S</StayTime>"
        "</TourSpot><Extension/></PresetTour>"
    )
    wanted = tours.Tour("T", "a", "Idle", False, (Spot("2", 7.0), Spot("1", 9.0)))
    copy = tours._copied(node, wanted)
    names = [etree.QName(each).localname for each in copy]
    assert names == [
        "Name", "Status", "AutoStart", "StartingCondition", "TourSpot", "TourSpot", "Extension",
    ]  # fmt: skip
    assert [each.get("x") for each in copy.iter("{*}PanTilt")] == ["0.3"]
    assert [each.text for each in copy.iter("{*}StayTime")] == ["PT7S", "PT9S"]
    assert tours._tour(copy).spots == wanted.spots


@pytest.mark.parametrize("spots", [(), (Spot("1"),), (Spot("1"), Spot("99"))])
def test_a_tour_that_leads_nowhere_is_not_sent(spots: tuple[Spot, ...]) -> None:
    with dome() as (county, upkeep):
        with refused(DeviceTrouble.BAD_VALUE):
            upkeep.tours.make("round", spots)
        assert county.device().counters["op_CreatePresetTour"] == 0


def test_a_stay_the_device_does_not_take_leaves_no_tour_behind() -> None:
    with dome() as (_county, upkeep):
        with refused(DeviceTrouble.BAD_VALUE):
            upkeep.tours.make("round", (Spot("1", 0.1), Spot("2")))
        assert upkeep.tours.listed() == ()
        made = upkeep.tours.make("round", ROUND)
        with refused(DeviceTrouble.BAD_VALUE):
            upkeep.tours.change(made.token, spots=(Spot("1", 9_999.0), Spot("2")))
        assert upkeep.tours.listed() == (made,)


@pytest.mark.parametrize("call", ["start", "stop", "pause", "remove", "change"])
def test_a_tour_nobody_knows_is_told_with_those_there_are(call: str) -> None:
    with dome() as (_county, upkeep), refused(DeviceTrouble.BAD_VALUE):
        getattr(upkeep.tours, call)("Tour_7")


def test_a_device_that_says_yes_and_keeps_nothing_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tours, "SETTLE_S", 0.3)
    with dome() as (county, upkeep):
        made = upkeep.tours.make("round", ROUND)
        county.switch(lying_set=True)
        for write in (
            lambda: upkeep.tours.make("other", ROUND),
            lambda: upkeep.tours.change(made.token, name="other"),
            lambda: upkeep.tours.start(made.token),
            lambda: upkeep.tours.remove(made.token),
        ):
            with refused(DeviceTrouble.NOT_KEPT):
                write()


def test_a_make_without_tours_says_so() -> None:
    with dome("axis-like") as (_county, upkeep), pytest.raises(DeviceError) as caught:
        upkeep.tours.listed()
    assert caught.value.kind in (DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.BAD_ANSWER)


def test_a_head_that_turns_is_seen_at_its_preset() -> None:
    with dome() as (_county, upkeep):
        bearing = upkeep.head.turn_to("2")
        assert bearing.place is not None
        assert bearing.place.is_near(Place(0.3, -0.1, 0.4), within=0.02)


def test_a_head_that_is_stuck_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "TURN_S", 0.4)
    with dome() as (county, upkeep):
        county.switch(stuck_head=True)
        with refused(DeviceTrouble.NOT_KEPT):
            upkeep.head.turn_to("3")


def test_a_head_that_does_not_tell_where_it_looks_is_not_called_stuck() -> None:
    with dome("reolink-like") as (_county, upkeep), refused(DeviceTrouble.NOT_SUPPORTED):
        upkeep.head.turn_to("3")


def test_a_look_tells_place_tours_and_stays() -> None:
    with dome() as (county, upkeep):
        device = county.device()
        row = a_device(
            device.ip, device.http_port, password=PASSWORD, device_class=DeviceClass.PTZ_DOME, name="dome"
        )
        with contextlib.closing(OnvifRoom(limits=QUICK).watch_head(row)) as watch:
            assert watch.look() == HeadSight(None)
            asked = device.counters["op_GetStatus"]
            assert watch.look() == HeadSight(None)
            assert device.counters["op_GetStatus"] == asked, "a dome without tours is asked for nothing"
        made = upkeep.tours.make("round", ROUND)
        with contextlib.closing(OnvifRoom(limits=QUICK).watch_head(row)) as watch:
            upkeep.tours.start(made.token)
            sight = watch.look()
            assert sight.place is not None
            assert (sight.tours, sight.touring, sight.paused, sight.stay_s) == (1, True, False, 20.0)
            assert sight.spots == (Place(-0.5, 0.1, 0.0), Place(0.8, 0.2, 0.1))
            upkeep.head.stop()
            assert (watch.look().touring, watch.look().paused) == (False, True)
        assert {name for name in device.counters if name.startswith("op_")} & {"op_GetPresetTours"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT5S", 5.0), ("PT1M30.5S", 90.5), ("PT0S", 0.0), ("P1DT1S", 86_400.0), ("PT", None), ("5", None),
     ("", None), ("PT" + "9" * 60 + "S", None), ("P", None), ("-PT5S", None)],
)  # fmt: skip
def test_durations_are_read_or_not_told(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('<v><PanTilt x="0.5" y="-1"/><Zoom x="0.25"/></v>', Place(0.5, -1.0, 0.25)),
        ('<v><PanTilt x="0.5" y="-1"/></v>', Place(0.5, -1.0, 0.0)),
        ("<v/>", None),
        ('<v><PanTilt x="nan" y="0"/></v>', None),
        ('<v><PanTilt x="inf" y="0"/></v>', None),
        ('<v><PanTilt y="0"/></v>', None),
        ('<v><PanTilt x="0" y="0"/><Zoom x="far"/></v>', None),
    ],
)
def test_a_place_is_read_or_not_told(text: str, place: Place | None) -> None:
    assert place_of(etree.fromstring(text)) == place


def test_a_simulated_head_on_tour_moves_and_stays() -> None:
    now = 0.0
    turning = Head(max_presets=9, monotonic=lambda: now)
    tour = turning.tours.create()
    turning.tours.modify(tour.token, name="r", autostart=True, stops=(Stop("1", 10.0), Stop("3", 20.0)))
    turning.start_tour(tour.token)
    seen = []
    for second in range(200):
        now = float(second)
        seen.append((turning.position(), turning.moving()))
    places = [turning.presets[token][1] for token in ("1", "3")]
    assert all(sum(place == there for there, _ in seen) > 20 for place in places)
    assert any(moving for _, moving in seen)
    turning.stop()
    assert turning.tours.running() is None
    turning.restart()
    assert turning.tours.running() is not None


def test_a_look_at_a_slow_device_ends_in_time() -> None:
    """Each answer alone is in time; the look has five of them to wait for."""
    with dome() as (county, upkeep):
        upkeep.tours.make("round", ROUND)
        county.switch(slow_ms=400)
        device = county.device()
        row = a_device(
            device.ip, device.http_port, password=PASSWORD, device_class=DeviceClass.PTZ_DOME, name="dome"
        )
        with contextlib.closing(OnvifRoom(limits=QUICK).watch_head(row)) as watch:
            began_s = time.monotonic()
            with pytest.raises(DeviceError):
                watch.look()
            assert time.monotonic() - began_s < QUICK.total_s + 2.0
