"""No picture leaves a box but through its masks: by the code, and by every way there is, up to the county."""

from __future__ import annotations

import ast
import dataclasses
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from sqlalchemy import select

import agent
from agent.config import WatchSection
from agent.model import CameraEvent, Device, Exhibit, Finding, Frame, Image, Polygon, Zone, ZoneKind
from agent.outbox.stills import StillSpool
from agent.services.clips import ClipDesk, ClipTimes
from agent.services.episodes import Merging
from agent.services.listener import Listener
from agent.services.scene_book import SceneBook
from agent.services.watcher import Watcher
from agent.video.ring import RingBounds
from agent.video.room import PyavRoom
from agent.video.stills import still
from controller.db import tables
from controller.db.engine import open_engine
from controller.db.schema import migrate
from controller.db.transaction import Store
from controller.domain.media import JPEG, MP4, media_type
from protocol.messages import Scene
from protocol.words import Phase, SceneTopic, SeenBy
from runtime.clock import ManualClock, SystemClock
from simulator.video import ProfileSpec
from tests.agent.services.fakes import GOOD, FakeAdapter, FakeLog
from tests.agent.services.test_listener import FakeSubscription
from tests.agent.video.watching import QUICK, until
from tests.support import doors
from tests.support.mp4 import probed, shown
from tests.support.studio import Studio, StudioCamera

HIDDEN: Polygon = ((0.0, 0.0), (1.0, 0.0), (1.0, 0.45), (0.0, 0.45))
BLACK = 24
HOUSE = Path(agent.__file__).parent

MAKERS = {"video/stills.py", "video/clip.py"}
"""Who may call what makes a picture that leaves, or puts one into a file."""
RULES = {
    "Exhibit": MAKERS,
    # the tuning page is a file on the operator's own disk; its pictures have one source, which burns masks in
    "imencode": {"video/stills.py", "tuning/page.py", "tuning/plot.py"},
    "jpeg": {"video/stills.py"},
    "imwrite": set[str](),
    "VideoWriter": set[str](),
    "add_stream": {"video/clip.py"},
    "add_stream_from_template": {"video/clip.py"},
    # by hand: masked, or only compared
    "snapshot": {"cli/looking.py", "devices/scorecard/writing.py", "devices/preset_head.py"},
    "put": {"outbox/stills.py"},
}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call, with the last part of the name that is called."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield (
                node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""),
                node,
            )


def test_only_the_video_room_makes_what_leaves_and_it_burns_the_masks_in() -> None:
    found: dict[str, set[str]] = {name: set() for name in RULES}
    for path in sorted(HOUSE.rglob("*.py")):
        where, tree = path.relative_to(HOUSE).as_posix(), ast.parse(path.read_text("utf-8"))
        for name, call in calls(tree):
            if name not in RULES or (name == "put" and "_http" not in ast.unparse(call.func)):
                continue
            found[name].add(where)
            if name == "Exhibit" and where == "video/stills.py":
                assert "burnt(image, masks)" in ast.unparse(call), "a still without its masks"
            if name == "imencode" and where.startswith("tuning/"):
                source = (HOUSE / "tuning" / "rehearsal.py").read_text("utf-8")
                assert "if not self._masks:" in source, "a picture without its masks"
                assert "burnt(colour(self._shown" in source, "a picture without its masks"
            if name == "Exhibit" and where == "video/clip.py":
                assert "_masked(film, masks) if masks else _remuxed(film)" in ast.unparse(tree)
    for name, files in found.items():
        assert files <= RULES[name], f"{name}: {files - RULES[name]} is a way past the masks"
    assert found["Exhibit"] == MAKERS


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    engine = open_engine(f"sqlite:///{tmp_path / 'county.db'}")
    migrate(engine)
    opened = Store(engine)
    yield opened
    opened.close()


class Restless:
    """Somebody is in the yard all the time."""

    def judge(self, frame: Frame) -> list[Finding]:
        return [Finding(SceneTopic.OBJECTS_INSIDE, True, 0.9, "always", zone="yard")]


@pytest.fixture
def camera() -> Iterator[StudioCamera]:
    running = Studio()
    yield running.camera(scene="gate-day", profiles=(ProfileSpec("fast", 640, 360, 10, 10),))
    running.close()


def private(camera: StudioCamera) -> Device:
    zones = (Zone("neighbour", HIDDEN, kind=ZoneKind.PRIVACY),)
    return dataclasses.replace(camera.device("b1-01"), zones=zones)


class Reached(FakeAdapter):
    """The camera, found where it is."""

    def __init__(self, of: Device, url: str) -> None:
        super().__init__(of, GOOD)
        self._url = url

    def stream_uri(self) -> str:
        return self._url


class Counted(StillSpool):
    """The spool, which remembers all it was given."""

    def __init__(self, folder: Path, county: str) -> None:
        self.given: list[str | None] = []
        super().__init__(
            folder,
            box="b1",
            key=doors.KEY,
            clock=ManualClock(doors.NOON),
            base_url=county,
            limit_bytes=10**8,
        )

    def keep(self, exhibit: Exhibit, *, device: str, at: datetime) -> str | None:
        self.given.append(super().keep(exhibit, device=device, at=at))
        return self.given[-1]


class Eyes:
    """The sight of one box: real video room, desk, book and spool."""

    def __init__(self, camera: StudioCamera, folder: Path, *, county: str) -> None:
        self.device, self.log, clock = private(camera), FakeLog(), SystemClock()
        config = dataclasses.replace(QUICK, ring=RingBounds(10))
        self.stills = Counted(folder, county)
        numbers = itertools.count()
        times = ClipTimes(before_s=1.5, after_s=1.0)
        self.clips = ClipDesk(
            lambda name, since_s, until_s: self.watcher.record(name, since_s, until_s),
            stills=self.stills,
            clock=clock,
            times=times,
        )
        self.book = SceneBook(
            log_=self.log, clock=clock, merging=Merging(join_s=0.1, cool_down_s=0.1), clips=self.clips
        )
        self.watcher = Watcher(
            PyavRoom(config, clock=clock),
            log_=self.log,
            stills=self.stills,
            show=still,
            judge_for=lambda _device: Restless(),
            new_episode=lambda: f"episode-{next(numbers)}",
            clock=clock,
            watch=WatchSection(motion_confirm_s=2.5, motion_hold_s=0.5),
            on_change=lambda _device: None,
            book=self.book,
        )
        self.said = FakeSubscription()
        self.listener = Listener(
            self.device,
            self.said,
            log_=self.log,
            clock=clock,
            new_episode=lambda: f"episode-{next(numbers)}",
            take_still=self.watcher.take_still,
            book=self.book,
        )
        self.watcher.add(self.device, Reached(self.device, camera.url))

    def step(self) -> bool:
        self.watcher.step()
        self.clips.step()
        self.book.step()
        return True

    def close(self) -> None:
        self.watcher.close()
        self.listener.close()
        self.clips.close()
        self.book.close()
        self.stills.close()

    @property
    def told(self) -> list[Scene]:
        return [entry.data for entry in self.log.entries if isinstance(entry.data, Scene)]


def test_every_way_out_of_a_box_is_black_under_the_mask_up_to_the_county(
    camera: StudioCamera, store: Store, tmp_path: Path
) -> None:
    doors.add_village(store, *doors.VILLAGES[0])
    folder = tmp_path / "evidence"
    with doors.opened(doors.web_on(store, folder, clock=ManualClock(doors.NOON))) as door:
        eyes = Eyes(camera, tmp_path / "stills", county=door.url)
        try:
            _see_everything(eyes)
            while eyes.stills.upload_one() == 0.0:
                pass
        finally:
            eyes.close()
    end = next(one for one in eyes.told if one.phase is Phase.END and one.clip)
    assert (end.seen_by, end.topic) == (SeenBy.CAMERA, SceneTopic.TAMPER)
    contents = {path.parent.name + path.name: path.read_bytes() for path in folder.glob("??/*")}
    kinds = [media_type(content) for content in contents.values()]
    assert kinds.count(MP4) == 1
    assert kinds.count(JPEG) == len(kinds) - 1
    starts = {one.seen_by: one.evidence for one in eyes.told if one.phase is Phase.START}
    assert starts.keys() == {SeenBy.CAMERA, SeenBy.BOX}
    assert None not in starts.values(), "each start has its still"
    assert len(eyes.stills.given) >= 5, "routine, by command, both starts, and a clip"
    assert contents.keys() == set(eyes.stills.given) >= {end.clip, *starts.values()}
    for content in contents.values():
        _assert_masked(content)
    assert probed(contents[end.clip or ""], tmp_path).complaints == ""
    with store.read() as connection:
        query = select(tables.evidence.c.media_type).where(tables.evidence.c.sha256 == end.clip)
        assert connection.execute(query).scalar_one() == MP4


def _see_everything(eyes: Eyes) -> None:
    """Every way a picture goes: as a routine, by command, with either source's event, as a clip."""
    at = datetime(2026, 3, 1, tzinfo=UTC)
    event = CameraEvent(SceneTopic.TAMPER, active=True, initial=False, time=at)
    eyes.said.pulls += [[event], [dataclasses.replace(event, active=False)]]
    until(lambda: eyes.step() and eyes.stills.given, within_s=40, what="a still as a routine")
    assert eyes.watcher.take_still(eyes.device.id) is not None
    eyes.listener.step()
    until(lambda: eyes.step() and any(one.seen_by is SeenBy.BOX for one in eyes.told), within_s=20)
    eyes.listener.step()
    until(lambda: eyes.step() and any(one.clip for one in eyes.told), within_s=20)


def _assert_masked(content: bytes) -> None:
    if media_type(content) == MP4:
        pictures = [picture for _, picture in shown(content)]
        assert len(pictures) >= 10, "a second after it began, and what there was before"
    else:
        pictures = [np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR), np.uint8)]
    for picture in pictures:
        _assert_black(picture)


def _assert_black(picture: Image) -> None:
    edge = round(picture.shape[0] * 0.45)
    assert picture[: edge - 6].max() <= BLACK
    assert picture[edge + 6 :].mean() > 40
