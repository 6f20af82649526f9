"""A key frame on demand is a real one of that very picture, and profiles come, change and go while served."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from simulator.video import ProfileSpec
from simulator.video.clip import Clip, nal_type
from simulator.video.encoder import encode
from simulator.video.model import Codec
from simulator.video.rekey import recode, rest_of_group
from tests.simulator.video.conftest import SUB, Set, camera
from tests.support.rtsp_probe import depacketise, frames_of

Picture = npt.NDArray[np.uint8]


def on_set(cache: Path, story: Callable[[Set], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(100), camera(cache, profiles=(SUB,)) as stage:
            await story(stage)

    asyncio.run(run())


def moving_clip(codec: Codec) -> Clip:
    """Two groups of eight frames in which a block moves."""
    pictures = []
    for number in range(16):
        picture = np.full((288, 320), 90, np.uint8)
        picture[40:120, 8 * number : 8 * number + 64] = 200
        picture[192:] = 128
        pictures.append(picture)
    return encode(pictures, ProfileSpec("moving", 320, 192, 8, 8, codec))


def decoded(units: Sequence[bytes], codec: Codec = Codec.H264) -> list[Picture]:
    """Brightness of every picture; any error of the decoder fails."""
    decoder = av.CodecContext.create("h264" if codec is Codec.H264 else "hevc", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.options = {"err_detect": "explode"}
    frames = [frame for unit in units for frame in decoder.decode(av.Packet(unit))]
    frames += decoder.decode(None)
    return [np.asarray(frame.to_ndarray(format="gray"), np.uint8) for frame in frames]


@pytest.mark.parametrize("codec", Codec)
@pytest.mark.parametrize("index", [1, 5, 11])
def test_the_rest_of_a_group_coded_anew_shows_the_same_and_begins_with_a_key(
    codec: Codec, index: int
) -> None:
    clip = moving_clip(codec)
    count = rest_of_group(clip, index)
    assert index + count in (8, 16)
    recoded = recode(clip, index, count)
    assert [unit.key for unit in recoded.units] == [True] + [False] * (count - 1)
    assert {nal_type(nal, codec) for nal in recoded.units[0].nals} >= (
        {7, 8} if codec is Codec.H264 else {32}
    )
    was = decoded([clip.annexb(number) for number in range(16)], codec)
    spliced = [clip.annexb(number) for number in range(index)]
    spliced += [recoded.annexb(number) for number in range(count)]
    spliced += [clip.annexb(number) for number in range(index + count, 16)]
    shown = decoded(spliced, codec)
    assert len(shown) == 16
    for number, (one, other) in enumerate(zip(was, shown, strict=True)):
        away = np.abs(one.astype(int) - other.astype(int)).mean()
        assert away < (3.0 if index <= number < index + count else 0.01), number


def test_a_key_frame_comes_when_it_is_asked_for_and_time_goes_on(clip_cache: Path) -> None:
    """A group of 2 s: asked shortly after a key, the next one is there long before its time."""

    async def story(stage: Set) -> None:
        probe = await stage.probe()
        await probe.watch(stage.url())
        clip = stage.channel.cursor("sub").clip
        while (cursor := stage.channel.cursor("sub")).index % clip.gop != 1:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        asked = cursor.at
        stage.channel.ask_key("sub")
        stage.channel.ask_key("sub")
        packets = await probe.collect(24)
        frames = frames_of(packets)
        stamps = [frame[0].timestamp for frame in frames]
        steps = {(after - before) & 0xFFFFFFFF for before, after in itertools.pairwise(stamps)}
        assert steps <= {18_000, 17_999, 18_001}, "no jump in time"
        units = [depacketise([packet.payload for packet in frame]) for frame in frames]
        keys = [at for at, nals in enumerate(units) if any(nal_type(nal, Codec.H264) == 5 for nal in nals)]
        (extra,) = [at for at in keys if at % clip.gop]
        assert {at % clip.gop for at in keys} == {0, extra % clip.gop}, "the clip goes on with its own"
        (splice,) = stage.channel._splices
        assert 0 < splice.segment.start + splice.first / clip.fps - asked < 2.5
        pictures = decoded([b"".join(b"\0\0\0\1" + nal for nal in nals) for nals in units])
        assert len(pictures) == len(frames)

    on_set(clip_cache, story)


def test_a_profile_that_was_made_is_served_and_whoever_watches_a_changed_one_is_dropped(
    clip_cache: Path,
) -> None:
    async def story(stage: Set) -> None:
        analysis = replace(SUB, token="own")  # the clips of which are there
        probe = await stage.probe()
        assert (await probe.login("DESCRIBE", stage.url("own"))).status == 404
        stage.channel.arrange(analysis)
        assert (await probe.watch(stage.url("own"))).status == 200
        units = [
            depacketise([packet.payload for packet in frame]) for frame in frames_of(await probe.collect(12))
        ]
        keys = [at for at, nals in enumerate(units) if any(nal_type(nal, Codec.H264) == 5 for nal in nals)]
        assert [after - before for before, after in itertools.pairwise(keys)] == [SUB.gop] * (len(keys) - 1)
        assert decoded([b"".join(b"\0\0\0\1" + nal for nal in nals) for nals in units])[0].shape == (180, 320)
        assert stage.channel.truth() is not None
        stage.channel.arrange(ProfileSpec("own", 176, 144, 10, 5))
        assert await probe.ended()
        stage.channel.arrange(analysis)
        late = await stage.probe()
        described = await late.login("DESCRIBE", stage.url("own"))
        control = described.headers["content-base"] + "trackID=1"
        setup = await late.ask("SETUP", control, Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
        late.session = setup.headers["session"].partition(";")[0]
        stage.channel.end("own")
        assert (await late.ask("PLAY", stage.url("own"))).status == 404
        again = await stage.probe()
        assert (await again.login("DESCRIBE", stage.url("own"))).status == 404
        assert (await (await stage.probe()).watch(stage.url())).status == 200

    on_set(clip_cache, story)
