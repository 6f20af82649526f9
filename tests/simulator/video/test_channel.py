"""What a channel shows follows from the clock: one moment in all profiles, switches at key frames."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from simulator.video import Channel, Library, Picture, VideoError
from simulator.video.model import Codec
from tests.simulator.video.conftest import MAIN, SUB
from tests.simulator.video.pictures import jpeg, sharpness, textless


class Hands:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 1_750_000_000.0

    def __call__(self) -> float:
        return self.now


def _with_channel(
    cache: Path, story: Callable[[Channel, Hands], Awaitable[None]], *, scene: str = "gate-day"
) -> None:
    async def run() -> None:
        hands = Hands()
        library = Library(cache)
        channel = Channel(library, scene=scene, profiles=(MAIN, SUB), clock=hands)
        await channel.prepare()
        try:
            await story(channel, hands)
        finally:
            await channel.close()
            await library.close()

    asyncio.run(run())


def test_every_profile_shows_the_same_moment(clip_cache: Path) -> None:
    async def story(channel: Channel, hands: Hands) -> None:
        for _ in range(50):
            hands.now += 0.37
            main, sub = channel.cursor("main"), channel.cursor("sub")
            assert abs(main.index / MAIN.fps - sub.index / SUB.fps) < 1 / SUB.fps + 1e-6
            assert hands.now - 1 / MAIN.fps - 1e-4 <= main.at <= hands.now + 1e-4

    _with_channel(clip_cache, story)


def test_a_switch_takes_effect_at_the_next_frame_with_a_key_frame(clip_cache: Path) -> None:
    async def story(channel: Channel, hands: Hands) -> None:
        await channel.prepare_pictures((Picture.COVERED, Picture.FROZEN))
        hands.now += 3.21
        reader = channel.cursor("sub")
        for picture in (Picture.COVERED, Picture.NORMAL, Picture.FROZEN, Picture.NORMAL):
            asked = hands.now
            channel.show(picture)
            while reader.at <= asked:
                reader.step()
            assert reader.segment.picture is picture
            assert reader.clip.units[reader.index].key
            assert reader.at - asked <= 1 / SUB.fps
            hands.now += 2.34

    _with_channel(clip_cache, story)


def test_a_reader_never_goes_back_and_frames_are_evenly_spaced(clip_cache: Path) -> None:
    async def story(channel: Channel, hands: Hands) -> None:
        await channel.prepare_pictures((Picture.DARK,))
        reader = channel.key_cursor("main")
        times = [reader.at]
        for step in range(600):
            hands.now = reader.at
            if step in (100, 300):
                channel.show([Picture.DARK, Picture.NORMAL][step == 300])
            if step == 400:
                channel.play("intruder")
            reader.step()
            times.append(reader.at)
        gaps = np.diff(times)
        assert gaps.min() > 0
        assert gaps.max() < 1.01 / MAIN.fps
        assert np.mean(np.abs(gaps - 1 / MAIN.fps) < 1e-3) > 0.99

    _with_channel(clip_cache, story)


def test_snapshots_show_the_picture_as_it_is(clip_cache: Path) -> None:
    async def story(channel: Channel, hands: Hands) -> None:
        await channel.prepare_pictures((Picture.COVERED, Picture.BLURRED))
        normal = jpeg(channel.snapshot("main"))
        assert normal.shape == (MAIN.height, MAIN.width)
        assert jpeg(channel.snapshot("sub")).shape == (SUB.height, SUB.width)
        for picture in (Picture.COVERED, Picture.BLURRED):
            channel.show(picture)
            hands.now += 0.3
            assert sharpness(jpeg(channel.snapshot("main"))) < 0.15 * sharpness(normal), picture
        channel.show(Picture.NORMAL)
        hands.now += 0.3
        free = textless(normal)
        assert np.abs(jpeg(channel.snapshot("main")) - normal)[free].mean() < 4
        with pytest.raises(KeyError, match="main, sub"):
            channel.snapshot("third")

    _with_channel(clip_cache, story)


def test_an_action_is_shown_when_it_was_promised(clip_cache: Path) -> None:
    async def story(channel: Channel, hands: Hands) -> None:
        hands.now += 5.05
        empty = jpeg(channel.snapshot("main"))
        free = textless(empty)
        starts_at, ends_at = channel.play("intruder")
        assert hands.now < starts_at < hands.now + 2 < ends_at < hands.now + 10
        hands.now = (starts_at + ends_at) / 2 + 1
        present = np.abs(jpeg(channel.snapshot("main")) - empty)[free]
        assert (present > 30).mean() > 0.002
        hands.now = ends_at + 3
        gone = np.abs(jpeg(channel.snapshot("main")) - empty)[free]
        assert (gone > 30).mean() < 0.0005
        assert [entry["what"] for entry in channel.truth()] == ["person"]
        (entry,) = channel.truth(tracks=True)
        assert (entry["from"], entry["to"]) == pytest.approx((starts_at, ends_at))
        assert entry["track"][0][0] == pytest.approx(starts_at, abs=0.25)
        with pytest.raises(KeyError, match="intruder"):
            channel.play("fire")

    _with_channel(clip_cache, story)


def test_actions_queue_up(clip_cache: Path) -> None:
    async def story(channel: Channel, hands: Hands) -> None:
        first, second = channel.play("intruder"), channel.play("car")
        assert second[0] > first[1]
        hands.now = second[1] + 1
        assert [entry["what"] for entry in channel.truth()] == ["person", "car"]

    _with_channel(clip_cache, story)


def test_with_traffic_an_action_waits_until_nobody_is_in_view(clip_cache: Path) -> None:
    async def story(channel: Channel, hands: Hands) -> None:
        hands.now += 3.0
        channel.play("intruder")
        hands.now += 40
        passers = sorted((e["from"], e["to"]) for e in channel.truth() if e["what"] in ("person", "car"))
        whole = [to - start for start, to in passers if to < hands.now - 1][2:]
        assert min(whole) > 2.5, "nobody vanishes in the middle of the road"

    _with_channel(clip_cache, story, scene="street-day")


def test_the_truth_knows_the_faults_and_that_nobody_is_seen_through_them(clip_cache: Path) -> None:
    async def story(channel: Channel, hands: Hands) -> None:
        await channel.prepare_pictures((Picture.COVERED, Picture.DARK))
        started = hands.now
        hands.now += 4
        channel.show(Picture.COVERED)
        hands.now += 2
        channel.play("intruder")
        hands.now += 10
        channel.show(Picture.DARK)
        hands.now += 3
        channel.show(Picture.NORMAL)
        hands.now += 5
        found = {entry["what"]: (entry["from"] - started, entry["to"] - started) for entry in channel.truth()}
        assert set(found) == {"covered", "dark"}
        assert found["covered"] == pytest.approx((4, 16), abs=0.21)
        assert found["dark"] == pytest.approx((16, 19), abs=0.21)

    _with_channel(clip_cache, story)


def test_the_truth_repeats_with_the_loop_and_ends_now(clip_cache: Path) -> None:
    async def story(channel: Channel, hands: Hands) -> None:
        started = hands.now
        assert channel.truth() == []
        hands.now += 65
        cars = [entry for entry in channel.truth() if entry["what"] == "car"]
        assert 9 <= len(cars) <= 11
        assert all(started <= entry["from"] < entry["to"] <= hands.now for entry in cars)
        hands.now += 7200
        assert min(entry["from"] for entry in channel.truth()) >= hands.now - 3600

    _with_channel(clip_cache, story, scene="street-day")


def test_a_picture_nobody_has_rendered_yet_comes_as_soon_as_it_is(tmp_path: Path) -> None:
    async def story(channel: Channel, hands: Hands) -> None:
        channel.show(Picture.COVERED)
        assert channel.picture is Picture.COVERED
        async with asyncio.timeout(60):
            while channel.cursor("sub").segment.picture is not Picture.COVERED:
                hands.now += 0.05
                await asyncio.sleep(0.05)

    _with_channel(tmp_path, story)


def test_a_profile_can_be_had_in_h265(clip_cache: Path) -> None:
    async def story(channel: Channel, hands: Hands) -> None:
        await channel.prepare_codec("sub", Codec.H265)
        assert channel.cursor("sub", Codec.H265).clip.codec is Codec.H265
        assert channel.cursor("sub").clip.codec is Codec.H264

    _with_channel(clip_cache, story)


def test_cameras_of_one_scene_stand_at_different_moments(clip_cache: Path) -> None:
    async def run() -> None:
        library, hands = Library(clip_cache), Hands()
        channels = [Channel(library, scene="gate-day", profiles=(SUB,), clock=hands) for _ in range(8)]
        for channel in channels:
            await channel.prepare()
        cursors = [channel.cursor("sub") for channel in channels]
        assert len({cursor.index for cursor in cursors}) == 8
        assert len({id(cursor.clip) for cursor in cursors}) == 1, "and share its clip"

    asyncio.run(run())


def test_bad_orders_are_refused_with_their_reason(tmp_path: Path) -> None:
    library = Library(tmp_path)
    with pytest.raises(VideoError, match="gate-noon"):
        Channel(library, scene="gate-noon", profiles=(SUB,))
    with pytest.raises(VideoError, match="exactly one"):
        Channel(library, profiles=(SUB,))
    with pytest.raises(VideoError, match="different tokens"):
        Channel(library, scene="gate-day", profiles=(SUB, SUB))
    with pytest.raises(VideoError, match="prepare"):
        Channel(library, scene="gate-day", profiles=(SUB,)).snapshot("sub")


def test_a_file_tells_when_each_of_its_loops_began(tmp_path: Path) -> None:
    """Its pictures get brighter second by second, so that a picture tells its second."""
    path = tmp_path / "steps.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number in range(60):
            grey = np.full((120, 160, 3), 40 + 30 * (number // 10), np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))

    async def run() -> None:
        hands, library = Hands(), Library(tmp_path / "cache")
        channel = Channel(library, file=path, profiles=(MAIN, SUB), clock=hands)
        await channel.prepare()
        hands.now += 27.3
        (entry,) = channel.truth()
        assert entry["what"] == "file"
        assert entry["loop_s"] == pytest.approx(6.0)
        began = entry["loop_started_at"]
        assert np.diff(began) == pytest.approx(6.0)
        assert began[-1] <= hands.now < began[-1] + 6
        for second in (0, 2, 4):
            hands.now = began[-1] + 6 + second + 0.5
            shown = jpeg(channel.snapshot("main")).mean()
            assert shown == pytest.approx(40 + 30 * second, abs=6)
        with pytest.raises(KeyError, match="intruder"):
            channel.play("intruder")

    asyncio.run(run())
