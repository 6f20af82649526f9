"""Counting devices and heads on tour, from the simulated device to the box's log."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import random
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agent.app import BoxApp
from agent.config import parse_config
from agent.devices import OnvifRoom
from agent.model import CameraEvent
from agent.outbox.notebook import SqliteNotebook
from agent.services.counting import BOOK, Counting
from agent.services.listener import Listener
from agent.services.tours import NOTE_TOPIC, TourWatch
from protocol.messages import PassageCount, Scene
from protocol.words import DeviceClass, Phase, SceneTopic
from runtime.clock import ManualClock
from simulator.device import senses
from simulator.device.ptz import Head
from tests.agent.devices.builders import QUICK, a_device
from tests.agent.services.fakes import FakeLog
from tests.agent.services.test_tours import touring
from tests.support.processes import free_port, wait_until
from tests.support.virtual_county import RunningCounty, entry, running

PASSWORD = "pass-word-1"


class Post:
    """One simulated checkpoint and the box's services for it; time is moved by hand, the traffic is real."""

    def __init__(self, county: RunningCounty, folder: Path) -> None:
        self.county = county
        self.clock = ManualClock(datetime.now(UTC).replace(minute=10, second=0, microsecond=0))
        self.log = FakeLog()
        self.notebook = SqliteNotebook(folder / "notebook.db")
        device = county.device()
        self.row = a_device(
            device.ip, device.http_port, password=PASSWORD, device_class=DeviceClass.MICRO_CHECKPOINT
        )
        self.start()

    def start(self) -> None:
        room = OnvifRoom(limits=QUICK, notebook=self.notebook)
        numbers = itertools.count(1)
        self.counting = Counting(
            log_=self.log,
            notebook=self.notebook,
            clock=self.clock,
            clock_error_s=lambda _device: 0.0,
            new_episode=lambda: f"episode-{next(numbers)}",
        )
        self.counting.add(self.row)
        self.listener = Listener(
            self.row,
            room.subscribe(self.row),
            log_=self.log,
            clock=self.clock,
            new_episode=lambda: f"episode-{next(numbers)}",
            hear=self._hear,
        )

    def _hear(self, device: str, events: Sequence[CameraEvent], began_s: float) -> Sequence[CameraEvent]:
        self.clock.advance(5)
        return self.counting.hear(device, events, began_s)

    def passes(self, times: int) -> None:
        for _ in range(times):
            self.county.call(lambda: senses.pass_by(self.county.device()))
        self.listener.step()

    def hour_over(self) -> list[PassageCount]:
        self.clock.advance(3700)
        self.counting.step()
        return [each for each in self.log.all(PassageCount) if isinstance(each, PassageCount)]

    def stop(self) -> None:
        self.listener.close()
        self.counting.close()


@contextmanager
def post(folder: Path, *, personality: str = "plain", kind: str = "micro_checkpoint") -> Iterator[Post]:
    with running(entry("cam", kind=kind, personality=personality)) as county:
        made = Post(county, folder)
        yield made
        made.stop()
        made.notebook.close()


@pytest.mark.parametrize(
    ("personality", "kind"),
    [("plain", "micro_checkpoint"), ("hik-like", "face_capture"), ("bosch-like", "micro_checkpoint")],
)
def test_passages_of_a_device_become_one_number_an_hour(tmp_path: Path, personality: str, kind: str) -> None:
    """``bosch-like`` tells each passage as a pulse of its line, the others a total."""
    with post(tmp_path, personality=personality, kind=kind) as checkpoint:
        checkpoint.listener.step()
        checkpoint.passes(3)
        checkpoint.passes(4)
        (count,) = checkpoint.hour_over()
        assert (count.passages, count.late_ratio) == (7, 0.0)
        told = {each.topic for each in checkpoint.log.all(Scene) if isinstance(each, Scene)}
        assert not told & {SceneTopic.LINE_CROSSED, SceneTopic.COUNTER}, "a passage is no intrusion"
        assert count.observed_s == 15


@pytest.mark.parametrize(("personality", "passages", "resets"), [("plain", 7, 1), ("hik-like", 7, 0)])
def test_a_reboot_of_the_device_loses_no_passage(
    tmp_path: Path, personality: str, passages: int, resets: int
) -> None:
    """``plain`` begins again from zero, ``hik-like`` keeps its total."""
    with post(tmp_path, personality=personality) as checkpoint:
        checkpoint.listener.step()
        checkpoint.passes(5)
        checkpoint.county.wait(checkpoint.county.station().reboot(0.0))
        wait_until(lambda: _steps(checkpoint), within_s=15, what="the device is subscribed to again")
        checkpoint.passes(2)
        (count,) = checkpoint.hour_over()
        assert (count.passages, count.resets) == (passages, resets)


def _steps(checkpoint: Post) -> bool:
    with contextlib.suppress(Exception):
        checkpoint.listener.step()
        return bool(checkpoint.county.device().events.live())
    return False


def test_a_restart_of_the_box_neither_loses_nor_doubles(tmp_path: Path) -> None:
    with post(tmp_path) as checkpoint:
        checkpoint.listener.step()
        checkpoint.passes(5)
        checkpoint.stop()
        for _ in range(3):
            checkpoint.county.call(lambda: senses.pass_by(checkpoint.county.device()))
        checkpoint.start()
        checkpoint.listener.step()
        checkpoint.passes(2)
        (count,) = checkpoint.hour_over()
        assert (count.passages, count.resets) == (10, 0)


def test_late_reports_are_told_as_late(tmp_path: Path) -> None:
    with post(tmp_path) as checkpoint:
        checkpoint.county.switch(late_push_s=90)
        checkpoint.listener.step()
        checkpoint.passes(2)
        (count,) = checkpoint.hour_over()
        assert count.late_ratio == 1.0
        assert count.delay_ms == pytest.approx(90_000, abs=5_000)


def test_a_counter_that_stands_still_is_counted_as_none(tmp_path: Path) -> None:
    with post(tmp_path) as checkpoint:
        checkpoint.listener.step()
        checkpoint.county.switch(counter_silent=True)
        checkpoint.passes(2)
        assert [count.passages for count in checkpoint.hour_over()] == [0]


@pytest.mark.parametrize("personality", ["plain", "bosch-like"])
def test_recognition_inside_the_counting_message_goes_nowhere(
    tmp_path: Path, personality: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with post(tmp_path, personality=personality) as checkpoint:
        checkpoint.county.switch(leaks_identity=True)
        checkpoint.listener.step()
        checkpoint.passes(2)
        (count,) = checkpoint.hour_over()
        assert count.passages == 2
        checkpoint.counting.close()
        kept = [checkpoint.notebook.notes(topic) for topic in (BOOK, "passage_baseline", "pull_point")]
        written = [repr(each.data) for each in checkpoint.log.entries]
    told = json.dumps([kept, written, caplog.messages])
    assert "TEST-PLATE" not in told and "Plate" not in told and "Face" not in told


# --- heads --------------------------------------------------------------------------------------


class Tower:
    """One simulated lookout on tour, and the service that watches it, on one clock."""

    def __init__(self, county: RunningCounty, folder: Path) -> None:
        self.county = county
        self.clock = ManualClock()
        self.log = FakeLog()
        county.device().head = touring(self.clock, ("1", 10.0), ("3", 20.0))
        device = county.device()
        row = a_device(device.ip, device.http_port, password=PASSWORD, device_class=DeviceClass.LOOKOUT)
        self.notebook = SqliteNotebook(folder / "notebook.db")
        self.watch = TourWatch(
            log_=self.log,
            notebook=self.notebook,
            clock=self.clock,
            new_episode=lambda: "episode",
            chance=random.Random(1),
        )
        self.watch.add(row, OnvifRoom(limits=QUICK).watch_head)

    def watched(self, seconds: float) -> list[Phase]:
        ends = self.clock.monotonic() + seconds
        while self.clock.monotonic() < ends:
            pause_s = self.watch.step()
            self.clock.advance(max(pause_s, 1.0))
        return self.phases

    @property
    def head(self) -> Head:
        head = self.county.device().head
        assert head is not None
        return head

    @property
    def phases(self) -> list[Phase]:
        scenes = [each for each in self.log.all(Scene) if isinstance(each, Scene)]
        assert all(each.topic == SceneTopic.TOUR_STOPPED for each in scenes)
        return [each.phase for each in scenes]


@contextmanager
def tower(personality: str = "plain") -> Iterator[Tower]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running(entry("cam", kind="lookout", personality=personality)) as county,
    ):
        made = Tower(county, Path(folder))
        yield made
        made.watch.close()
        made.notebook.close()


def test_a_tour_that_goes_is_not_told_of() -> None:
    with tower() as lookout:
        assert lookout.watched(1800) == []


def test_a_stuck_head_is_told_within_five_minutes_and_its_recovery_too() -> None:
    """Stays of 10 and 20 s: 180 s of standing and 60 s of close looks."""
    with tower() as lookout:
        lookout.watched(200)
        lookout.county.switch(stuck_head=True)
        assert lookout.watched(300) == [Phase.START]
        assert lookout.notebook.noted("cam", NOTE_TOPIC) == "episode"
        lookout.county.switch(stuck_head=False)
        assert lookout.watched(200) == [Phase.START, Phase.END]


def test_a_tour_that_ended_by_itself_is_told_when_nobody_can_be_using_the_head() -> None:
    with tower() as lookout:
        lookout.watched(200)
        lookout.county.switch(tour_stopped=True)
        assert lookout.watched(800) == []
        assert lookout.watched(400) == [Phase.START]
        lookout.county.switch(tour_stopped=False)
        assert lookout.watched(200) == [Phase.START, Phase.END]


def test_a_lookout_that_cannot_be_reached_is_unknown() -> None:
    with tower() as lookout:
        lookout.watched(200)
        lookout.county.switch(unplugged=True)
        assert lookout.watched(3600) == []


def test_a_head_without_position_and_tours_is_judged_by_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with tower("reolink-like") as lookout:
        assert lookout.watched(7200) == []
    assert sum("its tour is not watched" in line for line in caplog.messages) == 1


# --- the whole box ------------------------------------------------------------------------------


def test_a_box_counts_and_watches_what_its_ledger_says(tmp_path: Path) -> None:
    kinds = {"road": "micro_checkpoint", "tower": "lookout", "gate": "camera"}
    with running(*(entry(name, kind=kind) for name, kind in kinds.items())) as county:
        clock = ManualClock(datetime.now(UTC).replace(minute=10, second=0, microsecond=0))
        app = BoxApp(_config(tmp_path, county, kinds), clock=clock, on_fatal=lambda name: None)
        app.devices = OnvifRoom(limits=QUICK, notebook=app.notebook)
        app.start()
        try:
            road, watched = county.device("road"), county.device("tower")
            wait_until(lambda: bool(road.events.live()), within_s=20, what="the checkpoint is listened to")
            wait_until(lambda: watched.counters["op_GetStatus"] > 0, within_s=20, what="the head is seen")
            for _ in range(3):
                county.call(lambda: senses.pass_by(road))
            wait_until(lambda: _noted(app, clock) == 3, within_s=20, what="three passages are heard")
            clock.advance(3700)
            wait_until(lambda: bool(_counts(app)), within_s=20, what="the hour is told")
            assert [(subject, data["passages"]) for subject, data in _counts(app)] == [("road", 3)]
        finally:
            app.stop()


def _noted(app: BoxApp, clock: ManualClock) -> int:
    clock.advance(1)
    document = app.notebook.noted("road", BOOK)
    account = None if document is None else json.loads(document)["account"]
    return 0 if account is None else int(account["passages"])


def _counts(app: BoxApp) -> list[tuple[str, dict[str, Any]]]:
    rows = [json.loads(row.body) for row in app.store.read(1, app.store.last)]
    return [(row["subject"], row["data"]) for row in rows if row["type"] == "outpost.passage.count.v1"]


def _config(folder: Path, county: RunningCounty, kinds: dict[str, str]) -> Any:
    (folder / "key").write_text(base64.b64encode(b"k" * 32).decode())
    (folder / "password").write_text(PASSWORD)
    return parse_config(
        {
            "box": {"id": "b1", "data_dir": str(folder / "data")},
            "centre": {"host": "127.0.0.1", "port": free_port(), "mac_key_file": str(folder / "key")},
            "monitor": {"port": free_port()},
            "device": [
                {
                    "id": name,
                    "class": {"camera": "smart_camera"}.get(kind, kind),
                    "host": county.device(name).ip,
                    "port": county.device(name).http_port,
                    "username": "admin",
                    "password_file": str(folder / "password"),
                }
                for name, kind in kinds.items()
            ],
        },
        where="box.toml",
    )
