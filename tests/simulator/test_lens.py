"""A county with real pictures: what cameras tell, stream and lose follows what is played and switched."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import av
import pytest
import requests
from requests.auth import HTTPDigestAuth

from simulator.lens import equipment
from simulator.video import Library, ProfileSpec
from tests.support.onvif_client import TEV, WSNT, ask, token
from tests.support.virtual_county import RunningCounty, entry, running

PROFILES = (ProfileSpec("main", 320, 180, 5, 10), ProfileSpec("sub", 160, 90, 5, 10))
PASSWORD = "pass-word-1"


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCounty]:
    """A quiet gate and a busy checkpoint."""
    library = Library(tmp_path_factory.mktemp("clips"))
    with running(
        entry("gate", scene="gate-day", personality="hik-like"),
        entry("road", scene="road-day", kind="micro_checkpoint"),
        equip=equipment(library, PROFILES),
        profiles=PROFILES,
    ) as started:
        yield started
        started.wait(library.close())


@pytest.fixture(autouse=True)
def _no_faults(county: RunningCounty) -> Iterator[None]:
    yield
    for name, station in county.county.stations.items():
        county.switch(name, **station.device.faults.defaults())


def _until(claim: Callable[[], bool], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _stream(county: RunningCounty, name: str, password: str = PASSWORD) -> av.container.InputContainer:
    url = county.device(name).stream_url("sub").replace("rtsp://", f"rtsp://admin:{password}@")
    return av.open(url, options={"rtsp_transport": "tcp"}, timeout=(5, 5))


def test_a_played_intruder_is_told_by_the_camera_while_in_view(county: RunningCounty) -> None:
    device = county.device("gate")
    address = county.url("gate", device.personality.paths.events)
    created = ask(
        address,
        "CreatePullPointSubscription",
        namespace=TEV,
        body="<InitialTerminationTime>PT60S</InitialTerminationTime>",
    )
    manager = created.text("Address") or ""
    reply = requests.post(
        f"{county.control_url}/devices/gate/play", json={"action": "intruder"}, timeout=10
    ).json()
    told: list[tuple[str, float]] = []

    def pull() -> bool:
        answer = ask(
            manager,
            "PullMessages",
            namespace=TEV,
            header=token(),
            body="<Timeout>PT2S</Timeout><MessageLimit>9</MessageLimit>",
        )
        for message in answer.root.iterfind(".//{*}NotificationMessage"):
            if (message.findtext("{*}Topic") or "").endswith("MotionAlarm"):
                item = message.find(".//{*}Data/{*}SimpleItem")
                assert item is not None
                told.append((str(item.get("Value")), time.time()))
        return [value for value, _ in told] == ["false", "true", "false"]

    _until(pull, 60)
    assert told[1][1] == pytest.approx(reply["starts_at"], abs=1.5)
    assert told[2][1] == pytest.approx(reply["ends_at"], abs=1.5)
    ask(manager, "Unsubscribe", namespace=WSNT)
    truth = requests.get(f"{county.control_url}/truth", timeout=10).json()["gate"]
    seen = [interval for interval in truth if interval["what"] == "person"]
    assert seen[-1]["from"] == pytest.approx(reply["starts_at"], abs=0.3)


def test_cars_of_the_scene_are_in_view_when_the_truth_says_so(county: RunningCounty) -> None:
    picture = county.device("road").picture
    assert picture is not None
    observed: dict[bool, float] = {}

    def both_seen() -> bool:
        observed.setdefault("car" in county.call(picture.visible), time.time())
        return len(observed) == 2

    _until(both_seen, 60)
    _until(lambda: time.time() > max(observed.values()) + 0.5, 5)
    cars = [interval for interval in county.call(picture.truth) if interval["what"] == "car"]
    for in_view, at in observed.items():
        told = any(car["from"] - 0.3 <= at <= car["to"] + 0.3 for car in cars)
        surely = any(car["from"] + 0.3 <= at <= car["to"] - 0.3 for car in cars)
        assert told if in_view else not surely


def test_a_covered_lens_sees_nobody(county: RunningCounty) -> None:
    picture = county.device("road").picture
    assert picture is not None
    _until(lambda: "car" in county.call(picture.visible), 60)
    county.switch("road", covered=True)
    _until(lambda: county.call(picture.visible) == frozenset(), 30)


def test_the_stream_and_the_snapshot_are_pictures(county: RunningCounty) -> None:
    with _stream(county, "gate") as stream:
        frame = next(stream.decode(video=0))
        assert (frame.width, frame.height) == (160, 90)
    path = county.device("gate").personality.paths.snapshot.format(token="main")
    reply = requests.get(county.url("gate", path), auth=HTTPDigestAuth("admin", PASSWORD), timeout=10)
    assert reply.content.startswith(b"\xff\xd8\xff")


def test_stream_faults_reach_the_stream(county: RunningCounty) -> None:
    with pytest.raises(av.error.HTTPUnauthorizedError):
        _stream(county, "gate", password="wrong")
    county.switch("gate", wrong_password=True)
    with pytest.raises(av.error.HTTPUnauthorizedError):
        _stream(county, "gate")
    county.switch("gate", wrong_password=False, no_stream=True)
    with pytest.raises((av.error.HTTPNotFoundError, av.error.HTTPServerError)):
        _stream(county, "gate")
    county.switch("gate", no_stream=False)
    _stream(county, "gate").close()


def test_unplugging_drops_a_stream_and_plugging_in_brings_it_back(county: RunningCounty) -> None:
    streams = county.station("gate").streams
    assert streams is not None
    with _stream(county, "gate") as stream:
        next(stream.demux(video=0))
        county.switch("gate", unplugged=True)
        started = time.monotonic()
        with pytest.raises((av.error.FFmpegError, StopIteration)):
            while next(stream.demux(video=0)).size:
                assert time.monotonic() - started < 10
            raise StopIteration
    with pytest.raises((av.error.ConnectionRefusedError, OSError)):
        _stream(county, "gate")
    county.switch("gate", unplugged=False)
    _stream(county, "gate").close()
