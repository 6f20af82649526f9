"""A clip: the seconds before it are there, it plays, and what is under a mask is in no picture of it."""

from __future__ import annotations

import dataclasses
import io
import itertools
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import numpy as np
import pytest
from av.video.stream import VideoStream
from hypothesis import given
from hypothesis import strategies as st

from agent.model import Exhibit, ExhibitKind, Image, Polygon, Zone, ZoneKind
from agent.video.clip import MAX_BYTES, MAX_S, Recording, _ticks, clip
from agent.video.ring import Film, Kept, PacketRing
from simulator.video import ProfileSpec
from tests.agent.video.watching import Watching, until
from tests.support.mp4 import probed, shown
from tests.support.studio import Studio

FPS, GOP = 10, 10
DOOR: Polygon = ((0.1, 0.2), (0.55, 0.15), (0.5, 0.8), (0.1, 0.9))
CORNER: Polygon = ((0.8, 0.8), (1.0, 0.8), (1.0, 1.0), (0.8, 1.0))
BLACK = 24
"""Of 255: what an encoder makes of black beside white."""


def busy(seconds: float, *, width: int = 640, height: int = 360) -> Iterator[Image]:
    """Bright pictures, never twice the same."""
    rng = np.random.default_rng(4711)
    for _ in range(round(seconds * FPS)):
        coarse = rng.integers(150, 255, (height // 20, width // 20, 3)).astype(np.uint8)
        yield np.asarray(cv2.resize(coarse, (width, height)), np.uint8)


def encoded(
    pictures: Iterator[Image] | Sequence[Image], codec: str = "h264", *, bframes: int = 0
) -> list[tuple[bytes, float, bool]]:
    """Packets as a camera sends them: content in Annex B, when to show, whether it is a key frame."""
    libraries = {"h264": ("libx264", "x264-params"), "hevc": ("libx265", "x265-params")}
    library, params = libraries[codec]
    supply = list(pictures)
    context = av.VideoCodecContext.create(library, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.height, context.width = supply[0].shape[:2]
    context.pix_fmt, context.time_base, context.framerate = "yuv420p", Fraction(1, FPS), Fraction(FPS)
    quiet = ":log-level=none" if codec == "hevc" else ""
    more = f"keyint={GOP}:min-keyint={GOP}:scenecut=0:bframes={bframes}:repeat-headers=1{quiet}"
    context.options = {"preset": "ultrafast", params: more}
    packets = []
    for number, picture in enumerate(supply):
        frame = av.VideoFrame.from_ndarray(picture, format="bgr24").reformat(format="yuv420p")
        frame.pts = number
        packets += context.encode(frame)
    packets += context.encode(None)
    return [(bytes(one), float(one.pts or 0) / FPS, one.is_keyframe) for one in packets]


def film(packets: Sequence[tuple[bytes, float, bool]], codec: str = "h264") -> Film:
    kept = (
        Kept(number, content, 1000 + at_s, number / FPS, key)
        for number, (content, at_s, key) in enumerate(packets)
    )
    return Film(1, codec, None, tuple(kept))


def made(exhibit: Exhibit | None) -> bytes:
    assert exhibit is not None
    assert exhibit.kind is ExhibitKind.CLIP
    return exhibit.content


def inside(mask: Polygon, shape: tuple[int, ...]) -> Image:
    """Pixels of a mask, without its border."""
    canvas = np.zeros(shape[:2], np.uint8)
    corners = np.rint(np.array(mask) * (shape[1] - 1, shape[0] - 1)).astype(np.int32)
    cv2.fillPoly(canvas, [corners], (255,))
    return np.asarray(cv2.erode(canvas, np.ones((9, 9), np.uint8), borderValue=255), np.uint8)


def assert_black(pictures: Sequence[Image], mask: Polygon) -> None:
    assert pictures
    hidden = inside(mask, pictures[0].shape) > 0
    assert hidden.any()
    for number, picture in enumerate(pictures):
        assert picture[hidden].max() <= BLACK, f"picture {number} shows what is under the mask"


# --- over RTSP ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("h265", [False, True])
def test_a_clip_over_rtsp_has_the_seconds_before_and_plays(
    studio: Studio, tmp_path: Path, *, h265: bool
) -> None:
    camera = studio.camera(scene="gate-day", profiles=(ProfileSpec("fast", 640, 360, 10, 10),))
    camera.switch(h265=h265)
    with Watching(camera.device(), camera.url) as seen:
        until(lambda: len(seen.shown) >= 5, within_s=40)
        now_s = time.monotonic()
        recording = seen.watch.record(since_s=now_s - 2.5, until_s=now_s + 1.0)
        until(lambda: recording.collect(time.monotonic()))
        decoded = seen.watch.state().counters["decoded"]
        content = made(recording.exhibit())
    told = probed(content, tmp_path)
    assert (told.streams, told.codec) == (1, "hevc" if h265 else "h264")
    assert (told.width, told.height, told.first_is_key, told.complaints) == (640, 360, True, "")
    assert 3.0 <= told.duration_s <= 5.0, "2.5 s and at most a second to the key frame before, 1 s after"
    assert told.pictures == pytest.approx(told.duration_s * 10, abs=2)
    assert decoded < told.pictures, "the packets between key frames were written and not decoded"


def test_a_masked_clip_over_rtsp_is_black_under_the_mask_in_every_picture(
    studio: Studio, tmp_path: Path
) -> None:
    camera = studio.camera(scene="gate-day", profiles=(ProfileSpec("fast", 640, 360, 10, 10),))
    private = dataclasses.replace(
        camera.device(), zones=(Zone("door", DOOR, kind=ZoneKind.PRIVACY), Zone("yard", CORNER))
    )
    with Watching(private, camera.url) as seen:
        until(lambda: len(seen.shown) >= 4, within_s=40)
        now_s = time.monotonic()
        recording = seen.watch.record(since_s=now_s - 2.0, until_s=now_s + 0.5)
        until(lambda: recording.collect(time.monotonic()))
        content = made(recording.exhibit())
    assert probed(content, tmp_path).complaints == ""
    pictures = [picture for _, picture in shown(content)]
    assert len(pictures) >= 20
    assert_black(pictures, DOOR)
    free = inside(CORNER, pictures[0].shape) > 0
    assert pictures[0][free].mean() > 40, "a zone that is no mask is shown"


# --- rules --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("size", [(640, 360), (1280, 720)])
def test_a_masked_clip_is_small_and_black_under_every_mask(
    codec: str, size: tuple[int, int], tmp_path: Path
) -> None:
    packets = encoded(busy(3, width=size[0], height=size[1]), codec)
    content = made(clip(film(packets, codec), [DOOR, CORNER]))
    told = probed(content, tmp_path)
    assert (told.codec, told.width, told.height, told.complaints) == ("h264", 640, 360, "")
    pictures = [picture for _, picture in shown(content)]
    assert len(pictures) == 3 * FPS
    for mask in (DOOR, CORNER):
        assert_black(pictures, mask)
    assert pictures[0][100:150, 400:450].mean() > 150, "what is not under a mask is shown"


def test_what_was_under_a_mask_is_in_no_byte_of_the_clip() -> None:
    """Two films that differ under the mask alone make the same clip."""
    calm, wild = list(busy(2)), list(busy(2))
    for number, picture in enumerate(wild):
        picture[110:200, 100:250] = (number * 40) % 255
    packets, others = encoded(calm), encoded(wild)
    assert packets != others
    mask = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    whole, other = made(clip(film(packets), [mask])), made(clip(film(others), [mask]))
    assert whole == other


def test_thirty_pictures_a_second_become_fifteen() -> None:
    packets = [(content, at_s / 3, key) for content, at_s, key in encoded(busy(6))]
    times = [at_s for at_s, _ in shown(made(clip(film(packets), [DOOR])))]
    assert len(times) == pytest.approx(30, abs=2)
    assert min(later - at_s for at_s, later in itertools.pairwise(times)) > 0.05


@pytest.mark.parametrize("masks", [[], [DOOR]])
def test_pictures_out_of_order_are_shown_in_order(masks: list[Polygon], tmp_path: Path) -> None:
    packets = encoded(busy(3), bframes=2)
    assert [at_s for _, at_s, _ in packets] != sorted(at_s for _, at_s, _ in packets)
    content = made(clip(film(packets), masks))
    assert probed(content, tmp_path).complaints == ""
    times = [at_s for at_s, _ in shown(content)]
    assert len(times) == 3 * FPS
    assert np.allclose(np.diff(times), 1 / FPS, atol=0.002)


stamps = st.lists(st.floats(0, 60), min_size=1, max_size=60)


@given(stamps)
def test_whatever_the_stamps_decoding_goes_on_and_no_picture_is_late(told: list[float]) -> None:
    made_of = [Kept(number, b"", at_s, 0.0, number == 0) for number, at_s in enumerate(told)]
    ticks = list(_ticks(made_of))
    assert all(shown_at >= decoded_at >= 0 for shown_at, decoded_at in ticks)
    assert all(later > at for (_, at), (_, later) in itertools.pairwise(ticks))


def test_a_change_of_the_picture_size_ends_the_clip(tmp_path: Path) -> None:
    small, large = encoded(busy(1)), encoded(busy(1, width=320, height=180))
    packets = [*small, *((content, 1 + at_s, key) for content, at_s, key in large)]
    told = probed(made(clip(film(packets), [])), tmp_path)
    assert (told.width, told.pictures, told.complaints) == (640, FPS, "")


def test_a_clip_is_bounded_in_seconds_and_bytes(tmp_path: Path) -> None:
    packets = encoded(busy(2, width=160, height=100))
    long = [(content, at_s + 2 * turn, key) for turn in range(60) for content, at_s, key in packets]
    told = probed(made(clip(film(long), [])), tmp_path)
    assert MAX_S - 1 < told.duration_s <= MAX_S + 0.2
    noise = np.random.default_rng(1).integers(0, 255, (MAX_BYTES // 8,), np.uint8).tobytes()
    rich = [(content + b"\0\0\1\x0c" + noise, at_s, key) for content, at_s, key in packets]
    exhibit = clip(film(rich), [])
    assert 0.5 * MAX_BYTES < len(made(exhibit)) <= MAX_BYTES
    assert len(made(clip(film(long), [DOOR]))) <= MAX_BYTES


def test_what_came_after_its_time_is_not_in_it() -> None:
    packets = encoded(busy(3))
    assert len(shown(made(clip(film(packets), [], until_s=1.55)))) == 16


@pytest.mark.parametrize("masks", [[], [DOOR]])
def test_broken_packets_make_no_clip_or_one_that_is_masked(masks: list[Polygon]) -> None:
    rng = np.random.default_rng(7)
    packets = encoded(busy(3))
    for _ in range(40):
        broken = []
        for content, at_s, key in packets:
            bad = bytearray(content)
            for place in rng.integers(0, len(bad), 3):
                bad[place] = rng.integers(0, 256)
            broken.append((bytes(bad), at_s, key))
        exhibit = clip(film(broken), masks)
        if exhibit is not None and masks:
            assert_black([picture for _, picture in shown(exhibit.content)], DOOR)


@pytest.mark.parametrize("content", [b"", b"\0\0\0\1", b"no video at all", b"\xff" * 5000])
@pytest.mark.parametrize("masks", [[], [DOOR]])
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_garbage_makes_no_clip(content: bytes, masks: list[Polygon], codec: str) -> None:
    assert clip(film([(content, 0.0, True)] * 3, codec), masks) is None


def test_a_recording_of_a_ring_that_has_nothing_is_over_and_makes_nothing() -> None:
    recording = Recording(PacketRing(), since_s=0, until_s=10)
    assert recording.collect(0.0)
    assert recording.exhibit() is None


def test_a_recording_ends_where_the_stream_broke_off() -> None:
    ring = PacketRing()
    ring.begin("h264", None)
    _feed(ring, encoded(busy(2)))
    recording = Recording(ring, since_s=0.0, until_s=60.0)
    assert not recording.collect(2.0)
    ring.begin("h264", None)
    assert recording.collect(2.5)
    assert len(shown(made(recording.exhibit()))) == 2 * FPS


def test_a_recording_takes_what_the_ring_no_longer_has() -> None:
    ring = PacketRing()
    ring.begin("h264", None)
    packets = encoded(busy(20, width=64, height=40))
    recording: Recording | None = None
    for number in range(20):
        _feed(ring, packets[number * FPS : (number + 1) * FPS], from_s=number)
        recording = recording or Recording(ring, since_s=0.0, until_s=18.9)
        assert recording.collect(number + 1.0) == (number + 1.0 >= 19.9)
    assert ring.since(0.0).packets[0].mono_s > 0
    assert recording is not None
    times = [at_s for at_s, _ in shown(made(recording.exhibit()))]
    assert len(times) == 190


def _feed(ring: PacketRing, packets: Sequence[tuple[bytes, float, bool]], *, from_s: float = 0.0) -> None:
    for number, (content, at_s, key) in enumerate(packets):
        packet = cast("av.Packet[VideoStream]", av.Packet(content))
        packet.time_base, packet.pts, packet.is_keyframe = Fraction(1, 1000), round(at_s * 1000), key
        ring.add(packet, from_s + number / FPS)


def test_no_clip_has_a_sound_track_or_says_anything_but_the_picture() -> None:
    for masks in ([], [DOOR]):
        with av.open(io.BytesIO(made(clip(film(encoded(busy(1))), masks)))) as container:
            assert [stream.type for stream in container.streams] == ["video"]
            assert set(container.metadata) <= {"major_brand", "minor_version", "compatible_brands", "encoder"}
