"""Key frames on demand: seldom enough, never where nothing may be written, and not where there are none."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from agent.devices import OnvifRoom
from agent.devices.habits import Habit, HabitBook, LooseLeaves
from agent.devices.key_frames import is_known_to_refuse
from agent.devices.key_pace import KeyPace
from agent.ports import DeviceAdapter
from agent.video.address import StreamAddress
from agent.video.source import RtspSource
from protocol.words import DeviceClass
from simulator.lens import equipment
from simulator.video import Library, ProfileSpec
from tests.agent.devices.builders import QUICK, a_device
from tests.support.studio import scene_cache
from tests.support.virtual_county import RunningCounty, entry, running

OFTEN = replace(QUICK, total_s=5.0, keys_every_s=0.0, key_s=1.0)


@contextmanager
def camera(
    make: str = "plain",
    *,
    device_class: DeviceClass = DeviceClass.SMART_CAMERA,
    notebook: LooseLeaves | None = None,
    often: bool = True,
    classified: bool = True,
) -> Iterator[tuple[RunningCounty, DeviceAdapter]]:
    with running(entry("cam", personality=make)) as county:
        device = county.device()
        row = a_device(device.ip, device.http_port, password="pass-word-1", device_class=device_class)
        row = replace(row, classified=classified)
        room = OnvifRoom(limits=OFTEN if often else replace(OFTEN, keys_every_s=2.0), notebook=notebook)
        with contextlib.closing(room.open(row)) as adapter:
            yield county, adapter


@pytest.mark.parametrize(
    "make", ["plain", "hik-like", "dahua-like", "axis-like", "bosch-like", "old-hik-like"]
)
def test_a_key_frame_is_asked_for_in_the_stream_that_is_read(make: str) -> None:
    with camera(make) as (county, adapter):
        assert not adapter.ask_key(), "no stream was given yet"
        adapter.stream_uri()
        assert adapter.ask_key()
        assert county.lens().keys_asked == ["sub"]


def test_at_most_one_is_asked_for_in_two_seconds() -> None:
    with camera(often=False) as (county, adapter):
        adapter.stream_uri()
        assert [adapter.ask_key() for _ in range(5)] == [True, False, False, False, False]
        assert county.lens().keys_asked == ["sub"]


def test_the_pace_is_one_for_all_and_slows_down_after_failures() -> None:
    now = [0.0]
    pace = KeyPace(monotonic=lambda: now[0])
    assert pace.takes(2.0)
    now[0] = 1.9
    assert not pace.takes(2.0)
    now[0] = 2.0
    assert pace.takes(2.0)
    for failures in range(1, 20):
        pace.failed(2.0)
        now[0] += min(600.0, 2.0 * 2 ** min(failures, 10)) - 0.1
        assert not pace.takes(2.0)
        now[0] += 0.2
        assert pace.takes(2.0)
    pace.succeeded()
    pace.failed(2.0)
    now[0] += 4.1
    assert pace.takes(2.0)


def test_a_make_that_has_none_is_not_asked_again_for_a_day() -> None:
    with camera("tapo-like", notebook=LooseLeaves()) as (county, adapter):
        adapter.climb()
        adapter.stream_uri()
        assert not adapter.ask_key()
        asked = county.device().counters["op_SetSynchronizationPoint"]
        assert asked == 1
        assert not adapter.ask_key()
        assert county.device().counters["op_SetSynchronizationPoint"] == asked


def test_after_a_day_it_is_asked_once_more() -> None:
    unix = [1_000_000.0]
    book = HabitBook(unix=lambda: unix[0])
    book.notebook.note("cam", "make", "tp-link/Tapo/1")
    habits = book.of("cam")
    habits.learned(Habit.NO_KEY_ON_DEMAND)
    assert is_known_to_refuse(habits)
    unix[0] += 86_399
    assert is_known_to_refuse(habits)
    unix[0] += 2
    assert not is_known_to_refuse(habits)
    habits.learned(Habit.NO_KEY_ON_DEMAND)
    assert is_known_to_refuse(habits), "and then not for another day"
    habits.contradicted(Habit.NO_KEY_ON_DEMAND)
    assert not is_known_to_refuse(habits)


@pytest.mark.parametrize(
    ("device_class", "classified"),
    [(DeviceClass.INTEGRATED, True), (DeviceClass.SMART_CAMERA, False)],
)
def test_a_device_that_may_only_be_read_is_never_asked(device_class: DeviceClass, classified: bool) -> None:
    with camera(device_class=device_class, classified=classified) as (county, adapter):
        adapter.stream_uri()
        before = county.device().counters["requests"]
        assert not adapter.ask_key()
        assert county.device().counters["requests"] == before


def test_a_hung_device_holds_whoever_asks_for_a_second_at_most_and_raises_nothing() -> None:
    with camera() as (county, adapter):
        adapter.stream_uri()
        county.switch(hung=True)
        began = time.monotonic()
        assert not adapter.ask_key()
        assert time.monotonic() - began < 4


def test_it_does_not_wait_for_a_climb_that_hangs() -> None:
    with camera() as (county, adapter):
        adapter.stream_uri()
        county.switch(slow_ms=1500)
        climbing = threading.Thread(target=adapter.climb)
        climbing.start()
        began = time.monotonic()
        assert not adapter.ask_key()
        assert time.monotonic() - began < 3
        climbing.join()
        county.switch(slow_ms=0)


def test_the_stream_really_gets_one_at_once() -> None:
    """A camera that films, with a group of 10 s: asked for, the next key frame is there at once."""
    slow = ProfileSpec("sub", 320, 180, 5, 50)
    equip = equipment(Library(scene_cache()), (slow,))
    with running(entry("cam", auth="none"), equip=equip, profiles=(slow,)) as county:
        device = county.device()
        row = a_device(device.ip, device.http_port, password="pass-word-1")
        with contextlib.closing(OnvifRoom(limits=OFTEN).open(row)) as adapter:
            address = StreamAddress.of(row, adapter.stream_uri())
            source = RtspSource(address, with_password=False, open_timeout_s=10, slice_s=0.5)
            with contextlib.closing(source):
                keys = [_next_key(source, 10)]
                for _ in range(2):  # at least one of the two is not the camera's own
                    assert adapter.ask_key()
                    keys.append(_next_key(source, 10))
    assert min(after - before for before, after in itertools.pairwise(keys)) < 5


def _next_key(source: RtspSource, seconds: float) -> float:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        packet = source.read()
        if packet is not None and packet.is_keyframe and packet.pts is not None:
            return float(packet.pts * packet.time_base)
    raise AssertionError("no key frame came")


def test_devices_without_onvif_have_none() -> None:
    with running(entry("cam")) as county:
        device = county.device()
        room = OnvifRoom(limits=QUICK)
        row = a_device(device.ip, device.http_port, stream_path="/sub")
        assert not room.open(row).ask_key()
        assert not room.open(a_device(device_class=DeviceClass.CONFERENCE_ENDPOINT)).ask_key()
