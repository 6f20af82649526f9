"""Rendered scenes as files through cascade, decoder and judge: what is found, why, and what it cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from agent.detect import SceneJudge
from agent.errors import NotVideo
from agent.model import Finding, Frame, Image, SightMode
from agent.video.cascade import Cascade
from agent.video.gate import MotionGate, Why
from agent.video.pipeline import Looked
from agent.video.replay import Replay, Step
from protocol.words import SceneTopic
from tests.agent.detect.mini_scene import HEIGHT, WIDTH, Camera, person, place
from tests.support.footage import encode

FPS = 15
SECONDS = 60
SLOW = (24.5, 29.0)
FAST = ((40.3, 41.5), (52.4, 53.4))
"""Between two key frames, of which neither shows it."""
VBR = "bframes=0:scenecut=0:threads=1:crf=27"


def day() -> Iterator[Image]:
    """A wall by day, somebody who walks past it, two who run."""
    wall, camera = place(), Camera(noise=1.5)
    for number in range(SECONDS * FPS):
        at_s = number / FPS
        scene = wall
        for begin_s, end_s in (SLOW, *FAST):
            if begin_s <= at_s < end_s:
                x = int((at_s - begin_s) / (end_s - begin_s) * (WIDTH + 40)) - 20
                scene = person(wall, x, HEIGHT - 40, height=60)
        yield camera.look(scene)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same minute, encoded in several ways."""
    folder = tmp_path_factory.mktemp("day")
    pictures = list(day())

    def made(name: str, gop: int, *, codec: str = "libx264", rate: str = VBR) -> Path:
        kind = "x265-params" if codec == "libx265" else "x264-params"
        params = f"keyint={gop}:min-keyint={gop}:{rate}"
        return encode(
            pictures,
            folder / f"{name}.mp4",
            fps=FPS,
            codec=codec,
            kbps=0 if "crf" in rate else 300,
            options={"preset": "superfast", kind: params},
        )

    h265 = "bframes=0:scenecut=0:open-gop=0:log-level=none:pools=none:frame-threads=1:crf=28"
    return {
        "two seconds": made("two", 2 * FPS),
        "two seconds, constant rate": made(
            "cbr", 2 * FPS, rate="bframes=0:scenecut=0:threads=1:vbv-maxrate=300:vbv-bufsize=300"
        ),
        "two seconds, h265": made("h265", 2 * FPS, codec="libx265", rate=h265),
        "long": made("long", 250),
    }


def looked(replay: Replay) -> list[Looked]:
    return [one for step in replay for one in step.looked]


def moving(seen: list[Looked]) -> list[float]:
    """When a picture showed something moving."""
    return [one.frame.pts_s for one in seen if one.motion is not None and one.motion.present]


def hits(seen: list[Looked], begin_s: float, end_s: float) -> int:
    return sum(begin_s <= at_s < end_s + 0.1 for at_s in moving(seen))


@pytest.mark.parametrize("clip", ["two seconds", "two seconds, constant rate", "two seconds, h265", "long"])
def test_who_stays_two_seconds_is_found_soon_and_nobody_else(clips: dict[str, Path], clip: str) -> None:
    seen = looked(Replay(clips[clip], SceneJudge()))
    times = [at_s for at_s in moving(seen) if SLOW[0] <= at_s < SLOW[1]]
    assert times[0] - SLOW[0] <= 2.0
    assert len(times) >= 6, "and followed"
    visits = [SLOW, *FAST]
    assert [t for t in moving(seen) if not any(a - 0.1 <= t < b + 0.1 for a, b in visits)] == []


@pytest.mark.parametrize("clip", ["two seconds", "two seconds, h265"])
def test_who_runs_past_between_two_key_frames_is_heard_by_day(clips: dict[str, Path], clip: str) -> None:
    seen = looked(Replay(clips[clip], SceneJudge()))
    for begin_s, end_s in FAST:
        assert hits(seen, begin_s, end_s) >= 2, "two pictures make an event"
        assert Why.ALARM in {one.why for one in seen if begin_s <= one.frame.pts_s < end_s}
    simple = looked(Replay(clips[clip], SceneJudge(), gate=MotionGate()))
    assert all(hits(simple, *visit) == 0 for visit in FAST), "the scene is not what this test needs"


def test_quiet_stretches_cost_their_key_frames(clips: dict[str, Path]) -> None:
    replay = Replay(clips["two seconds"], SceneJudge())
    judged: Counter[Why] = Counter()
    for step in replay:
        if step.packet.at_s < 24.0:
            judged.update(one.why for one in step.looked)
            quiet = replay.counters["decoded"]
    assert judged[Why.KEY] == 12
    assert sum(judged.values()) <= 12 + 6
    assert quiet <= 12 + 50, "one false alarm at most"


def test_a_long_gop_is_looked_at_every_second_and_says_so(clips: dict[str, Path]) -> None:
    replay = Replay(clips["long"], SceneJudge())
    seen = looked(replay)
    assert replay.state.mode is SightMode.LOW_RATE
    checks = [one for one in seen if one.why in (Why.KEY, Why.LOW_RATE)]
    assert all(one.frame.key for one in checks), "they teach the judge as key frames do"
    assert len(checks) == pytest.approx(SECONDS, abs=8)


def test_a_long_gop_asks_first(clips: dict[str, Path]) -> None:
    asked: list[float] = []
    replay = Replay(clips["long"], SceneJudge(), gate=Cascade(ask_key=lambda: asked.append(1.0)))
    modes = [replay.state.mode for _ in replay]
    assert len(asked) == 3
    assert modes.index(SightMode.ASKING) < modes.index(SightMode.LOW_RATE)


def test_every_packet_is_told_and_frames_come_in_order(clips: dict[str, Path]) -> None:
    replay = Replay(clips["two seconds"], SceneJudge())
    steps: list[Step] = list(replay)
    assert len(steps) == replay.counters["packets"] == SECONDS * FPS
    assert sum(step.packet.key for step in steps) == replay.counters["keyframes"] == 30
    assert replay.counters["judged"] == sum(len(step.looked) for step in steps)
    times = [one.frame.pts_s for step in steps for one in step.looked]
    assert times == sorted(times)
    assert max(step.packet.surprise for step in steps if FAST[0][0] < step.packet.at_s < FAST[0][1]) > 3
    assert any(step.packet.running for step in steps)
    assert not steps[0].packet.running


class Restless:
    """Sees something in every picture."""

    def judge(self, _frame: Frame) -> list[Finding]:
        return [Finding(SceneTopic.MOTION, True, 1.0, "always")]


def test_where_something_is_always_there_five_pictures_a_second_are_judged(clips: dict[str, Path]) -> None:
    replay = Replay(clips["two seconds"], Restless())
    seen = looked(replay)
    assert replay.counters["decoded"] == SECONDS * FPS
    assert len(seen) / SECONDS == pytest.approx(5, abs=0.6)


def test_what_is_no_video_is_refused_in_both_languages(tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("no video")
    mjpeg = encode(
        [np.zeros((64, 64), np.uint8)] * 3, tmp_path / "a.avi", codec="mpeg4", options={"qscale": "5"}
    )
    for path, words in ((text, "无法读取"), (tmp_path / "none.mp4", "无法读取"), (mjpeg, "没有 H.264")):
        with pytest.raises(NotVideo, match=words) as caught:
            list(Replay(path, SceneJudge()))
        assert " / " in str(caught.value)


def test_a_damaged_file_ends_where_it_is_damaged_or_goes_on_behind_it(
    clips: dict[str, Path], tmp_path: Path
) -> None:
    whole = clips["two seconds"].read_bytes()
    for number, spoilt in enumerate(
        (whole[: len(whole) // 2], whole[:5000] + bytes(4000) + whole[9000:], whole[:-200] + b"\xff" * 200)
    ):
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(spoilt)
        try:
            replay = Replay(path, SceneJudge())
            assert sum(1 for _ in replay) <= SECONDS * FPS
        except NotVideo:
            pass
