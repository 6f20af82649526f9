"""What a device tells too much of reaches neither the log nor the stream; what a busy road tells does."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter

from agent.devices import OnvifRoom
from agent.devices.notifications import MOST_MESSAGES
from agent.services.listener import STILL_BURST, Listener
from agent.services.scene_book import BEGIN_BURST, BEGIN_EVERY_S
from protocol.messages import Scene
from protocol.words import Phase
from runtime.clock import ManualClock
from tests.agent.devices.builders import QUICK, a_device
from tests.agent.devices.test_event_pace import pretended
from tests.agent.devices.test_events import MOTION, tell
from tests.agent.devices.test_ladder import camera
from tests.agent.services.fakes import FakeLog
from tests.support.raw_events import RawEvents, raw_events
from tests.support.virtual_county import running

LINE = "tns1:RuleEngine/LineDetector/Crossed"


def test_no_more_messages_of_an_answer_are_read_than_were_asked_for() -> None:
    flood = RawEvents(states=[number % 2 == 0 for number in range(5 * MOST_MESSAGES)])
    with raw_events(flood) as device:
        row = a_device("127.0.0.1", device.port)
        with contextlib.closing(OnvifRoom(limits=QUICK).subscribe(row)) as point:
            assert len(point.pull()) <= MOST_MESSAGES


def test_a_flood_over_the_wire_is_a_bounded_number_of_entries_and_stills() -> None:
    log, stills, numbers, clock = FakeLog(), Counter[str](), itertools.count(), ManualClock()
    with raw_events(RawEvents(states=[True, False] * 256)) as device:
        row = a_device("127.0.0.1", device.port)
        listener = Listener(
            row,
            OnvifRoom(limits=QUICK).subscribe(row),
            log_=log,
            clock=clock,
            new_episode=lambda: f"episode-{next(numbers)}",
            take_still=lambda name: stills.update([name]),
        )
        with contextlib.closing(listener):
            for _ in range(8):
                listener.step()
                clock.advance(1.0)
    assert device.asked["PullMessages"] == 8
    assert len(log.entries) <= 2 * (BEGIN_BURST + 8 / BEGIN_EVERY_S)
    assert 1 <= stills.total() <= STILL_BURST + 3


def test_a_busy_road_loses_no_car_under_either_of_two_topics() -> None:
    log, numbers, cars = FakeLog(), itertools.count(), 60
    with running(camera()) as county, pretended(county) as driven:
        listener = Listener(
            driven.point.device,
            driven.point,
            log_=log,
            clock=driven.clock,
            new_episode=lambda: f"episode-{next(numbers)}",
        )
        with contextlib.closing(listener):
            listener.step()
            for _ in range(cars):
                tell(county, MOTION, data=(("State", "true"),))
                tell(county, LINE, data=(("ObjectId", "1"),), operation=None)
                listener.step()
                driven.clock.advance(1.2)
                tell(county, MOTION, data=(("State", "false"),))
                listener.step()
                driven.clock.advance(0.8)
    told = Counter(scene.phase for scene in log.all(Scene) if isinstance(scene, Scene))
    assert told == {Phase.START: cars, Phase.END: cars, Phase.PULSE: cars}
