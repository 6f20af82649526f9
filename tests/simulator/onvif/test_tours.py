"""Preset tours as a strict SOAP client from the standard's own WSDL reads and writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from zeep.exceptions import Fault

from simulator.device.tours import Stop
from tests.simulator.onvif.test_services import _service, transport  # noqa: F401 - a fixture
from tests.support.virtual_county import RunningCounty, entry, running

MAKES = ("plain", "hik-like", "dahua-like")


@pytest.fixture(scope="module")
def county() -> Iterator[RunningCounty]:
    """A lookout of every make with tours, and one without."""
    makes = [entry(name, personality=name, kind="lookout", auth="none") for name in (*MAKES, "bosch-like")]
    with running(*makes) as started:
        yield started


def spot(preset: str, stay: str) -> dict[str, Any]:
    return {"PresetDetail": {"PresetToken": preset}, "StayTime": stay}


@pytest.mark.parametrize("name", MAKES)
def test_a_tour_lives_from_creation_to_removal(
    county: RunningCounty,
    name: str,
    transport: Any,  # noqa: F811
) -> None:
    ptz = _service(county, name, "ptz", transport)
    assert ptz.GetNodes()[0].Extension is not None  # zeep gives what is inside to the any of the type
    token = ptz.CreatePresetTour("main")
    assert ptz.GetPresetTourOptions("main", token).TourSpot.PresetDetail.PresetToken[:3] == ["1", "2", "3"]
    wanted = {
        "token": token,
        "Name": "round",
        "Status": {"State": "Idle"},
        "AutoStart": True,
        "StartingCondition": {},
        "TourSpot": [spot("1", "PT5S"), spot("3", "PT20S")],
    }
    ptz.ModifyPresetTour("main", wanted)
    (tour,) = ptz.GetPresetTours("main")
    assert (tour.Name, tour.AutoStart, tour.Status.State) == ("round", True, "Idle")
    assert [each.StayTime.total_seconds() for each in tour.TourSpot] == [5.0, 20.0]
    for operation, state in (
        ("Start", "Touring"),
        ("Pause", "Paused"),
        ("Start", "Touring"),
        ("Stop", "Idle"),
    ):
        ptz.OperatePresetTour("main", token, operation)
        assert ptz.GetPresetTour("main", token).Status.State == state
    ptz.OperatePresetTour("main", token, "Start")
    ptz.GotoPreset("main", "2")
    assert ptz.GetPresetTour("main", token).Status.State == "Paused", "whoever moves the head interrupts it"
    ptz.RemovePresetTour("main", token)
    assert not ptz.GetPresetTours("main")
    with pytest.raises(Fault):
        ptz.OperatePresetTour("main", token, "Start")


def test_a_make_without_tours_knows_none_of_it(
    county: RunningCounty,
    transport: Any,  # noqa: F811
) -> None:
    ptz = _service(county, "bosch-like", "ptz", transport)
    assert ptz.GetNodes()[0].Extension is None
    with pytest.raises(Fault):
        ptz.GetPresetTours("main")


def test_a_tour_that_starts_by_itself_runs_after_a_restart(county: RunningCounty) -> None:
    device = county.device("plain")
    head = device.head
    assert head is not None
    tour = head.tours.create()
    head.tours.modify(tour.token, name="r", autostart=True, stops=(Stop("1"), Stop("2")))
    assert head.tours.running() is None
    county.wait(county.station("plain").reboot(0.0))
    assert head.tours.running() is not None
    county.switch("plain", tour_stopped=True)
    assert head.tours.running() is None
    county.switch("plain", tour_stopped=False)
    assert head.tours.running() is not None
    head.tours.remove(tour.token)
