"""The control port: everything is seen and switched over HTTP; what is wrong is refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.support.onvif_client import ask, token
from tests.support.virtual_county import RunningCounty, entry, running


@pytest.fixture
def county() -> Iterator[RunningCounty]:
    """A camera, a checkpoint, an endpoint."""
    with running(
        entry("cam"),
        entry("check", kind="micro_checkpoint"),
        entry("vc", kind="conference_endpoint"),
    ) as started:
        yield started


def _call(county: RunningCounty, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    reply = requests.request(method, f"{county.control_url}{path}", json=body, timeout=10)
    return reply.status_code, reply.json()


def test_the_list_tells_addresses_faults_and_what_happened(county: RunningCounty) -> None:
    ask(county.url(), "GetDeviceInformation")
    ask(county.url(), "GetDeviceInformation", header=token(password="wrong"))
    status, devices = _call(county, "GET", "/devices")
    assert (status, sorted(devices)) == (200, ["cam", "check", "vc"])
    cam = devices["cam"]
    assert cam["onvif"] == county.url()
    assert (cam["auth_failures"], cam["counters"]["op_GetDeviceInformation"]) == (1, 2)
    assert [r["status"] for r in cam["last_requests"]] == [200, 400]
    assert _call(county, "GET", "/devices/cam")[1]["serial"] == cam["serial"]


def test_faults_are_switched_and_ended(county: RunningCounty) -> None:
    assert _call(county, "PATCH", "/devices/cam/faults", {"covered": True, "slow_ms": 5}) == (
        200,
        {"picture": "covered", "slow_ms": 5},
    )
    assert county.lens().shown[-1] == "covered"
    assert _call(county, "DELETE", "/devices/cam/faults") == (200, {})
    assert county.lens().shown[-1] == "normal"


def test_the_answer_to_a_switch_comes_when_the_ports_have_followed(county: RunningCounty) -> None:
    _call(county, "PATCH", "/devices/cam/faults", {"unplugged": True})
    with pytest.raises(requests.ConnectionError):
        requests.get(county.url(), timeout=10)
    _call(county, "DELETE", "/devices/cam/faults")
    assert requests.get(county.url(), timeout=10).status_code == 404


def test_many_devices_are_switched_at_once_or_none(county: RunningCounty) -> None:
    patch = {"names": ["cam", "check"], "faults": {"dark": True}}
    assert _call(county, "PATCH", "/devices", patch)[1] == {
        "cam": {"picture": "dark"},
        "check": {"picture": "dark"},
    }
    wrong = {"names": ["cam", "nobody"], "faults": {"hung": True}}
    assert _call(county, "PATCH", "/devices", wrong)[0] == 404
    assert county.device("cam").faults.active() == {"picture": "dark"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("GET", "/devices/nobody", None, 404, "nobody"),
        ("PATCH", "/devices/cam/faults", {"melted": True}, 422, "unplugged"),
        ("PATCH", "/devices/cam/faults", {"slow_ms": "x"}, 422, "slow_ms"),
        ("PATCH", "/devices/cam/faults", [1], 400, "object"),
        ("PATCH", "/devices", {"device": "cam"}, 422, "names"),
        ("POST", "/devices/cam/play", {"action": "dance"}, 422, "intruder"),
        ("POST", "/devices/vc/play", {"action": "intruder"}, 409, "no picture"),
        ("POST", "/devices/cam/event", {}, 422, "topic"),
        ("POST", "/devices/cam/event", {"topic": "a", "operation": "Exploded"}, 422, "Changed"),
        ("POST", "/devices/cam/event", {"topic": "a", "data": 1}, 422, "data"),
        ("POST", "/devices/cam/passage", None, 409, "counts nothing"),
        ("POST", "/devices/cam/reboot", {"seconds": -1}, 422, "seconds"),
    ],
)
def test_what_is_wrong_is_refused(
    county: RunningCounty, method: str, path: str, body: Any, status: int, said: str
) -> None:
    code, answer = _call(county, method, path, body)
    assert code == status
    assert said in answer["detail"]
    assert county.device("cam").faults.active() == {}


def test_a_body_that_is_no_json_is_refused(county: RunningCounty) -> None:
    reply = requests.patch(f"{county.control_url}/devices/cam/faults", data=b"{", timeout=10)
    assert reply.status_code == 400


def test_an_event_reaches_a_subscriber(county: RunningCounty) -> None:
    point = county.call(lambda: county.device().events.open(lasts_s=60, slots=2, wanted=None))
    county.call(lambda: point.take(100))
    status, answer = _call(
        county,
        "POST",
        "/devices/cam/event",
        {"topic": "tns1:Device/Trigger/DigitalInput", "source": {"Token": "1"}, "data": {"State": "true"}},
    )
    assert (status, answer) == (200, {"subscriptions": 1})
    told = [n for n in county.call(lambda: point.take(100)) if n.topic.endswith("DigitalInput")]
    assert [(n.source, n.data, n.operation) for n in told] == [
        ((("Token", "1"),), (("State", "true"),), None)
    ]


def test_truth_holds_faults_plays_and_restarts_with_their_times(county: RunningCounty) -> None:
    before = time.time()
    _call(county, "PATCH", "/devices/cam/faults", {"covered": True})
    _call(county, "DELETE", "/devices/cam/faults")
    _, played = _call(county, "POST", "/devices/cam/play", {"action": "intruder"})
    _call(county, "POST", "/devices/cam/reboot", {"seconds": 0})
    told = {interval["what"]: interval for interval in _call(county, "GET", "/truth")[1]["cam"]}
    assert set(told) == {"fault:picture", "play:intruder", "reboot"}
    fault = told["fault:picture"]
    assert fault["value"] == "covered"
    assert before <= fault["from"] <= fault["to"] <= time.time()
    assert (told["play:intruder"]["from"], told["play:intruder"]["to"]) == tuple(played.values())


def test_a_restart_drops_subscriptions_and_unlocks(county: RunningCounty) -> None:
    county.call(lambda: county.device().events.open(lasts_s=60, slots=2, wanted=None))
    _call(county, "POST", "/devices/cam/reboot", {"seconds": 0.2})
    assert _call(county, "GET", "/devices/cam")[1]["subscriptions"] == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(county.url(), timeout=10)
    deadline = time.monotonic() + 10
    while True:
        try:
            requests.get(county.url(), timeout=10)
            return
        except requests.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def _counts(county: RunningCounty, switch: dict[str, bool]) -> list[tuple[str, dict[str, str]]]:
    _call(county, "PATCH", "/devices/check/faults", switch)
    point = county.call(lambda: county.device("check").events.open(lasts_s=60, slots=9, wanted=None))
    county.call(lambda: point.take(100))
    _call(county, "POST", "/devices/check/passage")
    return [
        (n.topic, dict(n.data))
        for n in county.call(lambda: point.take(100))
        if n.topic.startswith("tns1:RuleEngine/")
    ]


def test_a_checkpoint_counts_and_tells_no_plate(county: RunningCounty) -> None:
    assert _counts(county, {}) == [("tns1:RuleEngine/CountAggregation/Counter", {"Count": "1"})]


def test_a_leaking_checkpoint_tells_an_artificial_plate(county: RunningCounty) -> None:
    (_, count), (topic, plate) = _counts(county, {"leaks_identity": True})
    assert count.pop("Count") == "1"
    assert set(count.values()) == {"TEST-PLATE"}
    assert topic == "tns1:RuleEngine/Recognition/LicensePlate"
    assert plate["PlateNumber"] == "TEST-PLATE"


def test_cars_in_view_are_counted_once_each(county: RunningCounty) -> None:
    device = county.device("check")
    county.call(lambda: device.events.open(lasts_s=60, slots=2, wanted=None))
    station = county.station("check")
    for in_view in ({"car"}, {"car"}, set(), {"person"}, {"car", "person"}):
        county.lens("check").in_view = frozenset(in_view)
        county.call(station.notice)
    assert device.passages == 2
