"""Events over real HTTP: slots, lifetimes, initial states, long polls, and the habits of makes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
import requests

from simulator.device.personality import PERSONALITIES
from tests.support.onvif_client import TEV, WSNT, Answer, ask
from tests.support.virtual_county import RunningCounty, entry, running

MOTION = "tns1:VideoSource/MotionAlarm"


@pytest.fixture
def county() -> Iterator[RunningCounty]:
    """One camera of every make."""
    with running(*(entry(name, personality=name, auth="none") for name in PERSONALITIES)) as started:
        yield started


@dataclass(frozen=True, slots=True)
class Subscription:
    """A pull point as a client holds it."""

    address: str
    header: str

    def call(self, operation: str, body: str = "", *, namespace: str = WSNT) -> Answer:
        """An operation on the subscription manager."""
        return ask(self.address, operation, namespace=namespace, body=body, header=self.header)

    def pull(self, timeout: str = "PT5S", limit: int = 20) -> Answer:
        """PullMessages."""
        body = f"<Timeout>{timeout}</Timeout><MessageLimit>{limit}</MessageLimit>"
        return self.call("PullMessages", body, namespace=TEV)

    def topics(self, timeout: str = "PT5S") -> list[str]:
        """The topics of what waits."""
        return self.pull(timeout).texts("Topic")


def _create(county: RunningCounty, name: str, lasts: str | None = "PT60S", more: str = "") -> Answer:
    time_wanted = "" if lasts is None else f"<InitialTerminationTime>{lasts}</InitialTerminationTime>"
    address = county.url(name, county.device(name).personality.paths.events)
    return ask(address, "CreatePullPointSubscription", namespace=TEV, body=f"{more}{time_wanted}", header="")


def _subscribe(county: RunningCounty, name: str = "plain", **how: str | None) -> Subscription:
    answer = _create(county, name, **how)  # type: ignore[arg-type]
    address = answer.text("Address")
    assert address is not None, answer.payload
    parameters = county.device(name).personality.reference_parameters
    if parameters is None:
        return Subscription(address, "")
    namespace, tag = parameters
    return Subscription(address, f'<x:{tag} xmlns:x="{namespace}">{answer.text(tag)}</x:{tag}>')


def _lasts_s(answer: Answer) -> float:
    now, end = answer.text("CurrentTime"), answer.text("TerminationTime")
    assert now is not None
    assert end is not None
    return (datetime.fromisoformat(end) - datetime.fromisoformat(now)).total_seconds()


@pytest.mark.parametrize("name", PERSONALITIES)
def test_every_make_tells_its_motion_state_as_initialized_and_then_changes(
    county: RunningCounty, name: str
) -> None:
    subscription = _subscribe(county, name)
    first = subscription.pull()
    expected = {report.topic for report in county.device(name).personality.motion}
    assert expected <= set(first.texts("Topic"))
    operations = {m.get("PropertyOperation") for m in first.root.iterfind(".//{*}Message[@UtcTime]")}
    assert operations == {"Initialized"}
    county.lens(name).in_view = frozenset({"person"})
    moved = subscription.pull()
    assert set(moved.texts("Topic")) == expected
    assert {m.get("PropertyOperation") for m in moved.root.iterfind(".//{*}Message[@UtcTime]")} == {"Changed"}
    values = {i.get("Value") for i in moved.root.iterfind(".//{*}Data/{*}SimpleItem")}
    assert values == {report.on for report in county.device(name).personality.motion}
    assert subscription.call("Unsubscribe").fault == ""


def test_wind_and_light_are_no_motion(county: RunningCounty) -> None:
    subscription = _subscribe(county)
    subscription.pull()
    county.lens("plain").in_view = frozenset({"wind", "light"})
    assert subscription.topics("PT1S") == []


def test_a_make_that_sees_scene_changes_tells_a_covered_lens(county: RunningCounty) -> None:
    seeing, blind = _subscribe(county, "bosch-like"), _subscribe(county, "plain")
    for subscription in (seeing, blind):
        subscription.pull()
    for name in ("bosch-like", "plain"):
        county.switch(name, covered=True)
    assert seeing.topics() == ["tns1:VideoSource/GlobalSceneChange/ImagingService"]
    assert blind.topics("PT1S") == []


@pytest.mark.parametrize("name", ["plain", "reolink-like", "axis-like"])
def test_slots_are_limited_and_unsubscribing_frees_one(county: RunningCounty, name: str) -> None:
    slots = county.device(name).slots
    assert slots == PERSONALITIES[name].pull_points
    opened = [_subscribe(county, name) for _ in range(slots)]
    refused = _create(county, name)
    assert (refused.status, refused.fault) == (500, "Receiver/Action")
    assert opened[0].call("Unsubscribe").fault == ""
    assert _create(county, name).fault == ""


def test_the_switch_leaves_two_slots(county: RunningCounty) -> None:
    county.switch("plain", two_slots=True)
    assert [_create(county, "plain").fault for _ in range(3)] == ["", "", "Receiver/Action"]


def test_an_ended_subscription_is_unknown(county: RunningCounty) -> None:
    subscription = _subscribe(county)
    subscription.call("Unsubscribe")
    for operation, namespace in (("PullMessages", TEV), ("Unsubscribe", WSNT), ("Renew", WSNT)):
        answer = subscription.call(operation, namespace=namespace)
        assert (answer.status, answer.fault) == (400, "Sender/InvalidArgVal")


def test_reference_parameters_must_be_echoed(county: RunningCounty) -> None:
    subscription = _subscribe(county, "axis-like")
    assert Subscription(subscription.address, "").pull().fault == "Sender/InvalidArgs"
    assert subscription.pull().fault == ""


@pytest.mark.parametrize(
    ("name", "asked", "lasts_s"),
    [
        ("plain", "PT60S", 60),
        ("plain", "PT10M", 600),
        ("plain", None, 60),
        ("dahua-like", "PT10M", 10),
        ("dahua-like", "PT600S", 600),
        ("bosch-like", "PT60S", 3600),
        ("reolink-like", "PT600S", 60),
    ],
)
def test_lifetimes_as_makes_understand_them(
    county: RunningCounty, name: str, asked: str | None, lasts_s: float
) -> None:
    assert _lasts_s(_create(county, name, asked)) == pytest.approx(lasts_s, abs=1)


def test_an_absolute_end_is_by_the_devices_clock(county: RunningCounty) -> None:
    county.switch("plain", clock_offset_s=7200)
    end = (datetime.now(UTC) + timedelta(seconds=7200 + 90)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert _lasts_s(_create(county, "plain", end)) == pytest.approx(90, abs=2)


@pytest.mark.parametrize("asked", ["soon", "PT0S", "2001-01-01T00:00:00Z"])
def test_an_end_that_is_none_is_refused(county: RunningCounty, asked: str) -> None:
    assert _create(county, "plain", asked).fault == "Sender/UnacceptableInitialTerminationTimeFault"


def test_a_make_that_needs_a_lifetime_breaks_without(county: RunningCounty) -> None:
    answer = _create(county, "tapo-like", None)
    assert (answer.status, answer.payload) == (500, b"")


def test_renew_moves_the_end(county: RunningCounty) -> None:
    subscription = _subscribe(county)
    renewed = subscription.call("Renew", "<TerminationTime>PT300S</TerminationTime>")
    assert _lasts_s(renewed) == pytest.approx(300, abs=1)
    assert _lasts_s(subscription.pull()) == pytest.approx(300, abs=1)


def test_pulling_keeps_a_subscription_alive_for_at_least_its_timeout(county: RunningCounty) -> None:
    subscription = _subscribe(county, lasts="PT2S")
    subscription.pull()
    end = time.monotonic() + 3.2
    while time.monotonic() < end:
        assert subscription.pull("PT1S").fault == ""


def test_a_subscription_that_ran_out_frees_its_slot(county: RunningCounty) -> None:
    _subscribe(county, lasts="PT1S")
    device = county.device("plain")
    deadline = time.monotonic() + 5
    while county.call(device.events.live):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_synchronization_point_repeats_the_states(county: RunningCounty) -> None:
    subscription = _subscribe(county)
    told = subscription.topics()
    assert subscription.call("SetSynchronizationPoint", namespace=TEV).fault == ""
    assert subscription.topics() == told


def test_a_pull_waits_for_news_and_answers_at_once(county: RunningCounty) -> None:
    subscription = _subscribe(county)
    subscription.pull()
    started = time.monotonic()
    notice = threading.Timer(0.3, lambda: county.call(lambda: _relay(county)))
    notice.start()
    assert subscription.topics("PT10S") == ["tns1:Device/Trigger/Relay"]
    assert 0.25 < time.monotonic() - started < 5
    notice.join()


def _relay(county: RunningCounty) -> None:
    county.device("plain").events.tell(
        "tns1:Device/Trigger/Relay", source=(), data=(("LogicalState", "active"),), operation="Changed"
    )


def test_a_pull_without_news_ends_at_its_timeout(county: RunningCounty) -> None:
    subscription = _subscribe(county)
    subscription.pull()
    started = time.monotonic()
    assert subscription.topics("PT1S") == []
    assert 0.9 < time.monotonic() - started < 5


def test_the_message_limit_holds(county: RunningCounty) -> None:
    subscription = _subscribe(county)
    assert len(subscription.pull(limit=1).texts("Topic")) == 1
    assert len(subscription.pull(limit=1).texts("Topic")) == 1


def test_a_topic_filter_holds(county: RunningCounty) -> None:
    dialect = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
    expression = f'<w:TopicExpression xmlns:w="{WSNT}" Dialect="{dialect}">{MOTION}</w:TopicExpression>'
    wanted = f"<Filter>{expression}</Filter>"
    assert _subscribe(county, more=wanted).topics() == [MOTION]


def test_an_unknown_filter_dialect_is_refused(county: RunningCounty) -> None:
    wanted = f'<Filter><w:TopicExpression xmlns:w="{WSNT}" Dialect="urn:x">a</w:TopicExpression></Filter>'
    assert _create(county, "plain", more=wanted).fault == "Sender/TopicExpressionDialectUnknownFault"


def test_a_make_that_drops_long_pulls_closes_the_socket(
    county: RunningCounty, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = county.device("tapo-like")
    monkeypatch.setattr(device, "personality", replace(device.personality, longest_pull_s=0.5))
    subscription = _subscribe(county, "tapo-like")
    subscription.pull("PT0S")
    with pytest.raises(requests.ConnectionError):
        subscription.pull("PT5S")
    assert device.counters["pulls_dropped"] == 1


def test_the_topic_tree_names_every_state(county: RunningCounty) -> None:
    address = county.url("hik-like", county.device("hik-like").personality.paths.events)
    answer = ask(address, "GetEventProperties", namespace=TEV, header="")
    tree = answer.root.find(".//{*}TopicSet")
    assert tree is not None
    steps = ["{http://www.onvif.org/ver10/topics}RuleEngine", "CellMotionDetector", "Motion"]
    leaf = tree.find("/".join(steps))
    assert leaf is not None
    assert leaf.get("{http://docs.oasis-open.org/wsn/t-1}topic") == "true"
    assert leaf.find(".//{*}Data/{*}SimpleItemDescription").get("Name") == "IsMotion"  # type: ignore[union-attr]


def test_answers_relate_to_the_request(county: RunningCounty) -> None:
    header = '<a:MessageID xmlns:a="http://www.w3.org/2005/08/addressing">urn:uuid:1</a:MessageID>'
    address = county.url("plain", county.device("plain").personality.paths.events)
    answer = ask(address, "GetServiceCapabilities", namespace=TEV, header=header)
    assert answer.text("RelatesTo") == "urn:uuid:1"
    assert (answer.text("Action") or "").endswith("GetServiceCapabilitiesResponse")
