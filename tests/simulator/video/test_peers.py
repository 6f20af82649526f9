"""Clients that others wrote watch the simulator: ffprobe, ffmpeg and GStreamer."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from simulator.video.model import Codec, ProfileSpec
from tests.simulator.video.conftest import Set, camera

pytestmark = pytest.mark.peers

MAIN = ProfileSpec("main", 640, 360, 10, 20)


def _need(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"{program} is not installed, and under CI it must be")
        pytest.skip(f"{program} is not installed")
    return found


async def _run(*command: str, within_s: float = 40) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(within_s):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out.decode(), err.decode()


def _with_camera(cache: Path, story: Callable[[Set, str], Awaitable[None]]) -> None:
    async def run() -> None:
        async with camera(cache, profiles=(MAIN,)) as stage:
            await story(stage, stage.url("main").replace("rtsp://", "rtsp://admin:lens-1@"))

    asyncio.run(run())


@pytest.mark.parametrize("codec", list(Codec))
def test_ffprobe_reads_the_stream(clip_cache: Path, codec: Codec) -> None:
    ffprobe = _need("ffprobe")

    async def story(stage: Set, url: str) -> None:
        stage.server.h265 = codec is Codec.H265
        await stage.channel.prepare_codec("main", codec)
        status, out, err = await _run(
            ffprobe, "-v", "error", "-rtsp_transport", "tcp", "-show_streams", "-of", "json", url
        )
        assert status == 0, err
        assert err == ""
        (stream,) = json.loads(out)["streams"]
        assert stream["codec_name"] == ("h264" if codec is Codec.H264 else "hevc")
        assert (stream["width"], stream["height"]) == (640, 360)
        assert stream["r_frame_rate"] == "10/1"
        assert stream["has_b_frames"] == 0

    _with_camera(clip_cache, story)


def test_ffmpeg_decodes_without_a_complaint(clip_cache: Path) -> None:
    ffmpeg = _need("ffmpeg")

    async def story(_stage: Set, url: str) -> None:
        status, _, err = await _run(
            ffmpeg,
            "-v",
            "warning",
            "-xerror",
            "-rtsp_transport",
            "tcp",
            "-i",
            url,
            "-frames:v",
            "45",
            "-f",
            "null",
            "-",
        )
        assert (status, err) == (0, "")

    _with_camera(clip_cache, story)


def test_ffprobe_is_told_apart_what_is_wrong(clip_cache: Path) -> None:
    ffprobe = _need("ffprobe")

    async def story(stage: Set, url: str) -> None:
        status, _, err = await _run(ffprobe, "-v", "error", url.replace("lens-1", "lens-2"))
        assert status != 0
        assert "401" in err
        stage.server.no_stream = True
        status, _, err = await _run(ffprobe, "-v", "error", url)
        assert status != 0
        assert "404" in err

    _with_camera(clip_cache, story)


def test_gstreamer_decodes_the_stream(clip_cache: Path) -> None:
    launch = _need("gst-launch-1.0")

    async def story(_stage: Set, url: str) -> None:
        pipeline = (
            f"rtspsrc location={url} protocols=tcp ! rtph264depay ! h264parse ! avdec_h264 ! "
            "fakesink num-buffers=30"
        )
        status, out, err = await _run(launch, *pipeline.split())
        assert status == 0, out + err
        assert "ERROR" not in out + err
        assert "WARNING" not in out + err

    _with_camera(clip_cache, story)
