"""Key frames come out at once and whole; what is broken comes out not at all."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import cast

import av
import numpy as np
import psutil
import pytest
from av.video.stream import VideoStream

from agent.video.decoder import Decoder, colour, luma
from tests.support.footage import encode

GOP = 10


def pictures(count: int = 40) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """A ramp from black to white in which a block moves."""
    ramp = np.tile(np.linspace(0, 255, 320), (180, 1)).astype(np.uint8)
    out = []
    for number in range(count):
        picture = ramp.copy()
        picture[60:120, 4 * number : 4 * number + 40] = 255
        out.append(picture)
    return out


CODECS = {
    "h264": ("libx264", f"keyint={GOP}:min-keyint={GOP}:scenecut=0:bframes=0"),
    "h264 with B frames": (
        "libx264",
        f"keyint={GOP}:min-keyint={GOP}:scenecut=0:bframes=3:b-adapt=0:open-gop=0",
    ),
    "h265": ("libx265", f"keyint={GOP}:min-keyint={GOP}:scenecut=0:bframes=0:open-gop=0:log-level=none"),
    "h265 with B frames": (
        "libx265",
        f"keyint={GOP}:min-keyint={GOP}:scenecut=0:bframes=3:b-adapt=0:open-gop=0:log-level=none",
    ),
}


def packets(path: Path) -> tuple[Decoder, list[av.Packet[VideoStream]]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        found = [packet for packet in container.demux(stream) if packet.size]
        return Decoder(stream.codec_context.name, stream.codec_context.extradata), found


@pytest.fixture(params=list(CODECS))
def stream(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Decoder, list[av.Packet[VideoStream]]]:
    codec, params = CODECS[request.param]
    key = "x265-params" if codec == "libx265" else "x264-params"
    options = {"preset": "ultrafast", key: params}
    return packets(encode(pictures(), tmp_path / "clip.mkv", codec=codec, options=options))


def test_a_key_frame_comes_out_at_once(stream: tuple[Decoder, list[av.Packet[VideoStream]]]) -> None:
    decoder, found = stream
    keys = [packet for packet in found if packet.is_keyframe]
    assert len(keys) == 4
    for number, packet in enumerate(keys):
        frame = decoder.key(packet, follow=False)
        assert frame is not None
        assert frame.pts == packet.pts
        shown = luma(frame)[90]
        assert abs(int(np.argmax(shown > 250)) - 4 * GOP * number) <= 2


def test_a_run_goes_on_from_its_key_frame(stream: tuple[Decoder, list[av.Packet[VideoStream]]]) -> None:
    decoder, found = stream
    start = [n for n, packet in enumerate(found) if packet.is_keyframe][1]
    assert decoder.key(found[start], follow=True) is not None
    shown = [frame for packet in found[start + 1 : start + GOP] for frame in decoder.next(packet)]
    assert len(shown) >= GOP - 4  # the last ones wait for their neighbours where there are B frames


def test_packets_without_their_key_frame_are_not_decoded(
    stream: tuple[Decoder, list[av.Packet[VideoStream]]],
) -> None:
    decoder, found = stream
    assert [decoder.next(packet) for packet in found[1:GOP]] == [()] * (GOP - 1)


def test_black_is_0_and_white_is_255(tmp_path: Path) -> None:
    decoder, found = packets(encode(pictures(12), tmp_path / "clip.mkv"))
    frame = decoder.key(found[0], follow=False)
    assert frame is not None
    row = luma(frame)[10]
    assert row[:4].max() <= 6
    assert row[-4:].min() >= 250
    assert abs(int(row[160]) - 128) <= 4
    assert colour(frame, max_width_px=160).shape == (90, 160, 3)
    assert colour(frame, max_width_px=1280).shape == (180, 320, 3)


def test_a_picture_too_large_is_refused(tmp_path: Path) -> None:
    """4096x2400 is more than any camera of ours sends; a bomb is larger still."""
    huge = np.zeros((2400, 4096), np.uint8)
    decoder, found = packets(encode([huge] * 2, tmp_path / "clip.mkv", options={"preset": "ultrafast"}))
    assert decoder.key(found[0], follow=False) is None


def test_mutated_streams_neither_crash_nor_grow(tmp_path: Path) -> None:
    """Three seconds of random damage: flipped bits, cut, spliced, repeated; then the decoder still works."""
    rng = random.Random(2024)
    decoder, found = packets(encode(pictures(), tmp_path / "clip.mkv"))
    raw = [bytes(packet) for packet in found]
    process = psutil.Process()
    before = process.memory_info().rss
    deadline = time.monotonic() + 3
    rounds = 0
    while time.monotonic() < deadline:
        rounds += 1
        body = bytearray(rng.choice(raw))
        for _ in range(rng.randrange(1, 40)):
            body[rng.randrange(len(body))] = rng.randrange(256)
        if rng.random() < 0.3:
            body = body[: rng.randrange(1, len(body))]
        if rng.random() < 0.2:
            body += rng.choice(raw)[rng.randrange(20) :]
        packet = cast("av.Packet[VideoStream]", av.Packet(bytes(body)))
        if rng.random() < 0.5:
            frame = decoder.key(packet, follow=True)
            shown = [frame] if frame else []
        else:
            shown = list(decoder.next(packet))
        for frame in shown:
            assert luma(frame).shape == (frame.height, frame.width)
    assert rounds > 300
    assert process.memory_info().rss - before < 64e6
    assert decoder.key(found[0], follow=False) is not None
