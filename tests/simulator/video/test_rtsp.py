"""The RTSP server as its clients meet it: log-in, answers, streams, faults."""

from __future__ import annotations

import asyncio
import itertools
import re
import struct
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import av
import numpy as np
import pytest

from simulator.video import Picture, ProfileSpec
from simulator.video.clip import Clip
from simulator.video.rtp import NTP_EPOCH_S
from tests.simulator.video.conftest import SUB, Set, camera, until
from tests.simulator.video.pictures import textless
from tests.support.rtsp_probe import depacketise, frames_of


def _on_set(
    cache: Path,
    story: Callable[[Set], Awaitable[None]],
    *,
    auth: str = "digest",
    profiles: tuple[ProfileSpec, ...] = (SUB,),
    session_timeout_s: float = 60.0,
) -> None:
    async def run() -> None:
        async with asyncio.timeout(100):
            async with camera(
                cache, auth=auth, profiles=profiles, session_timeout_s=session_timeout_s
            ) as stage:
                await story(stage)

    asyncio.run(run())


def test_a_client_is_told_what_it_gets(clip_cache: Path) -> None:
    async def story(stage: Set) -> None:
        probe = await stage.probe()
        assert "DESCRIBE" in (await probe.ask("OPTIONS", stage.url())).headers["public"]
        described = await probe.login("DESCRIBE", stage.url(), Accept="application/sdp")
        assert described.headers["content-type"] == "application/sdp"
        assert described.headers["content-base"] == stage.url() + "/"
        lines = described.body.split("\r\n")
        assert lines[0] == "v=0"
        assert "m=video 0 RTP/AVP 96" in lines
        assert "a=rtpmap:96 H264/90000" in lines
        format_line = next(line for line in lines if line.startswith("a=fmtp:96"))
        assert "packetization-mode=1" in format_line
        assert re.search(r"profile-level-id=4D[0-9A-F]{4}", format_line), "main profile"
        assert re.search(r"sprop-parameter-sets=Z[\w+/=]+,aO[\w+/=]+", format_line)
        assert (await probe.ask("DESCRIBE", stage.server.url("third"))).status == 404

    _on_set(clip_cache, story)


@pytest.mark.parametrize("auth", ["digest", "basic", "both"])
def test_only_the_right_password_opens(clip_cache: Path, auth: str) -> None:
    async def story(stage: Set) -> None:
        stranger = await stage.probe()
        assert (await stranger.ask("DESCRIBE", stage.url())).status == 401
        setup = await stranger.ask("SETUP", stage.url(), Transport="RTP/AVP/TCP;interleaved=0-1")
        assert setup.status == 401
        thief = await stage.probe(password="lens-2")
        assert (await thief.login("DESCRIBE", stage.url())).status == 401
        assert stage.server.auth_failures == 1
        owner = await stage.probe()
        assert (await owner.watch(stage.url())).status == 200

    _on_set(clip_cache, story, auth=auth)


def test_requests_out_of_place_get_their_own_answers(clip_cache: Path) -> None:
    async def story(stage: Set) -> None:
        probe = await stage.probe()
        url = stage.url()
        assert (await probe.login("PLAY", url)).status == 454
        udp = await probe.ask("SETUP", url + "/trackID=1", Transport="RTP/AVP;unicast;client_port=5000-5001")
        assert udp.status == 461
        assert (await probe.ask("ANNOUNCE", url)).status == 501
        assert (await probe.ask("DESCRIBE", url, Require="onvif-replay")).status == 551
        both = "RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;unicast;interleaved=4-5"
        setup = await probe.ask("SETUP", url + "/trackID=1", Transport=both)
        assert setup.status == 200
        assert "interleaved=4-5" in setup.headers["transport"]
        probe.session = "another"
        assert (await probe.ask("PLAY", url)).status == 454
        probe.writer.write(b"HELO there\r\n\r\n")
        assert (await probe.answer()).status == 400
        assert await probe.ended()

    _on_set(clip_cache, story)


def test_what_arrives_is_what_was_encoded_with_the_right_times(clip_cache: Path) -> None:
    async def story(stage: Set) -> None:
        probe = await stage.probe()
        played = await probe.watch(stage.url())
        info = dict(part.split("=", 1) for part in played.headers["rtp-info"].split(";"))
        frames = frames_of(await probe.collect(4 * SUB.gop))
        first = frames[0][0]
        assert (first.sequence, first.timestamp) == (int(info["seq"]), int(info["rtptime"]))
        packets = [packet for frame in frames for packet in frame]
        steps = {(b.sequence - a.sequence) % 65536 for a, b in itertools.pairwise(packets)}
        assert steps == {1}
        assert all(len({packet.timestamp for packet in frame}) == 1 for frame in frames)
        ticks = [(b[0].timestamp - a[0].timestamp) % 2**32 for a, b in itertools.pairwise(frames)]
        assert set(ticks) <= {90000 // SUB.fps - 1, 90000 // SUB.fps, 90000 // SUB.fps + 1}
        kinds = [{nal[0] & 0x1F for nal in depacketise([p.payload for p in frame])} for frame in frames]
        assert {7, 8, 5} <= kinds[0], "begins with a key frame and its parameter sets"
        assert [5 in kind for kind in kinds] == [n % SUB.gop == 0 for n in range(len(kinds))]
        clip = stage.channel.cursor("sub").clip
        known = {unit.nals for unit in clip.units}
        assert all(tuple(depacketise([p.payload for p in frame])) in known for frame in frames)

    _on_set(clip_cache, story)


def test_a_new_client_sees_something_at_once_and_then_real_time(clip_cache: Path) -> None:
    async def story(stage: Set) -> None:
        probe = await stage.probe()
        await probe.watch(stage.url())
        asked = time.monotonic()
        await probe.collect(1)
        assert time.monotonic() - asked < 0.5
        burst = len(frames_of(await probe.collect_until(asyncio.get_running_loop().time() + 0.3)))
        assert burst <= SUB.gop + 2
        started = time.monotonic()
        await probe.collect(15)
        assert 2.5 < time.monotonic() - started < 3.6, "fifteen frames at five a second"

    _on_set(clip_cache, story)


def test_sender_reports_tie_the_stream_to_wall_time(clip_cache: Path) -> None:
    async def story(stage: Set) -> None:
        probe = await stage.probe()
        await probe.watch(stage.url())
        packets = await probe.collect(12)
        report = probe.reports[0]
        kind, ssrc, seconds, fraction, timestamp = struct.unpack_from(">xB2xIIII", report)
        assert (kind, ssrc) == (200, packets[0].ssrc)
        wall = seconds - NTP_EPOCH_S + fraction / 2**32
        assert wall == pytest.approx(time.time(), abs=5)
        last = frames_of(packets)[-1][0]
        shown = wall + ((last.timestamp - timestamp + 2**31) % 2**32 - 2**31) / 90000
        assert shown == pytest.approx(time.time(), abs=0.5)

    _on_set(clip_cache, story)


def test_pause_and_play_never_turn_time_back(clip_cache: Path) -> None:
    async def story(stage: Set) -> None:
        probe = await stage.probe()
        url = stage.url()
        await probe.watch(url)
        before = frames_of(await probe.collect(SUB.gop))
        assert (await probe.ask("PAUSE", url)).status == 200
        assert stage.server.clients == 0
        assert (await probe.ask("PLAY", url)).status == 200
        after = frames_of(await probe.collect(3))
        assert 0 < (after[0][0].timestamp - before[-1][0].timestamp) % 2**32 < 2**31
        assert (await probe.ask("TEARDOWN", url)).status == 200
        assert await probe.ended()
        await until(lambda: stage.server.clients == 0)

    _on_set(clip_cache, story)


def test_a_silent_client_is_forgotten_and_one_that_reports_is_kept(clip_cache: Path) -> None:
    async def story(stage: Set) -> None:
        silent, alive = await stage.probe(), await stage.probe()
        await silent.watch(stage.url())
        await alive.watch(stage.url())
        forgotten = asyncio.create_task(silent.ended())
        while not forgotten.done():
            alive.writer.write(b"$\x01\x00\x08\x80\xc9\x00\x01\x00\x00\x00\x01")  # an empty receiver report
            await alive.collect(1)
        assert await forgotten
        assert stage.server.clients == 1

    _on_set(clip_cache, story, session_timeout_s=1.0)


def _watch_with_pyav(url: str, frames: int) -> list[np.ndarray]:
    shown = []
    options = {"rtsp_transport": "tcp", "analyzeduration": "500000", "probesize": "65536"}
    with av.open(
        url.replace("rtsp://", "rtsp://admin:lens-1@"), options=options, timeout=(5, 5)
    ) as container:
        for frame in container.decode(video=0):
            shown.append(frame.to_ndarray(format="gray").astype(np.float32))
            if len(shown) == frames:
                return shown
    return shown


@pytest.mark.parametrize("h265", [False, True])
def test_pyav_decodes_what_is_served(clip_cache: Path, h265: bool) -> None:
    async def story(stage: Set) -> None:
        stage.server.h265 = h265
        if h265:
            probe = await stage.probe()
            described = await probe.login("DESCRIBE", stage.url())
            assert "H265/90000" in described.body
            assert "sprop-vps=" in described.body
        frames = await asyncio.to_thread(_watch_with_pyav, stage.url(), 12)
        assert len(frames) == 12
        assert frames[0].shape == (SUB.height, SUB.width)
        assert frames[0][textless(frames[0])].std() > 20

    _on_set(clip_cache, story)


def _clip_after_switch(stage: Set) -> Clip:
    segment = stage.channel.cursor("sub").segment
    return stage.channel.clip("sub", segment.next or segment)


def test_a_covered_lens_reaches_those_who_watch_with_a_key_frame(clip_cache: Path) -> None:
    async def story(stage: Set) -> None:
        await stage.channel.prepare_pictures((Picture.COVERED,))
        probe = await stage.probe()
        await probe.watch(stage.url())
        await probe.collect(SUB.gop)
        asked = time.monotonic()
        stage.channel.show(Picture.COVERED)
        covered = {unit.nals for unit in _clip_after_switch(stage).units}
        while True:
            (frame,) = frames_of(await probe.collect(1))
            nals = depacketise([packet.payload for packet in frame])
            if tuple(nals) in covered:
                break
            assert time.monotonic() - asked < 1.0
        assert any(nal[0] & 0x1F == 5 for nal in nals)
        assert time.monotonic() - asked < 0.6

    _on_set(clip_cache, story)


def test_a_stream_taken_away_ends_and_is_not_found(clip_cache: Path) -> None:
    async def story(stage: Set) -> None:
        probe = await stage.probe()
        await probe.watch(stage.url())
        await probe.collect(1)
        stage.server.no_stream = True
        assert await probe.ended()
        late = await stage.probe()
        assert (await late.login("DESCRIBE", stage.url())).status == 404
        setup = await late.ask("SETUP", stage.url(), Transport="RTP/AVP/TCP;interleaved=0-1")
        assert setup.status == 503
        stage.server.no_stream = False
        assert (await late.watch(stage.url())).status == 200

    _on_set(clip_cache, story)


def test_a_hung_camera_accepts_and_says_nothing(clip_cache: Path) -> None:
    async def story(stage: Set) -> None:
        watching = await stage.probe()
        await watching.watch(stage.url())
        await watching.collect(SUB.gop)
        stage.server.hung = True
        loop = asyncio.get_running_loop()
        await watching.collect_until(loop.time() + 0.3)
        assert await watching.collect_until(loop.time() + 0.7) == []
        asking = await stage.probe()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asking.ask("OPTIONS", stage.url()), 0.4)
        stage.server.hung = False
        resumed = frames_of(await watching.collect(SUB.gop))
        assert resumed, "it goes on when the fault is over"
        answer = await (await stage.probe()).ask("OPTIONS", stage.url())
        assert answer.status == 200

    _on_set(clip_cache, story)


def test_garbage_is_valid_rtp_and_no_h264(clip_cache: Path) -> None:
    async def story(stage: Set) -> None:
        stage.server.garbage = True
        probe = await stage.probe()
        await probe.watch(stage.url())
        packets = await probe.collect(6)
        assert {packet.payload_type for packet in packets} == {96}
        assert {packet.payload[0] & 0x1F for packet in packets} <= {0, 30, 31}
        assert {(b.sequence - a.sequence) % 65536 for a, b in itertools.pairwise(packets)} == {1}

    _on_set(clip_cache, story)


def test_refused_credentials_and_slow_answers(clip_cache: Path) -> None:
    async def story(stage: Set) -> None:
        stage.server.credentials_refused = True
        probe = await stage.probe()
        assert (await probe.login("DESCRIBE", stage.url())).status == 401
        stage.server.credentials_refused = False
        assert (await probe.login("DESCRIBE", stage.url())).status == 200
        stage.server.slow_ms = 300
        asked = time.monotonic()
        await probe.ask("OPTIONS", stage.url())
        assert time.monotonic() - asked >= 0.3

    _on_set(clip_cache, story)


def test_a_change_of_compression_drops_those_who_watch(clip_cache: Path) -> None:
    async def story(stage: Set) -> None:
        probe = await stage.probe()
        await probe.watch(stage.url())
        await probe.collect(1)
        stage.server.h265 = True
        assert await probe.ended()

    _on_set(clip_cache, story)


def test_an_unplugged_camera_comes_back_on_the_same_port(clip_cache: Path) -> None:
    async def story(stage: Set) -> None:
        probe = await stage.probe()
        await probe.watch(stage.url())
        url = stage.url()
        await stage.server.stop()
        assert await probe.ended()
        with pytest.raises(ConnectionRefusedError):
            await stage.probe()
        await stage.server.start()
        assert stage.url() == url
        assert (await (await stage.probe()).watch(url)).status == 200

    _on_set(clip_cache, story)


def test_many_clients_are_all_served_in_real_time(clip_cache: Path) -> None:
    async def story(stage: Set) -> None:
        probes = [await stage.probe() for _ in range(40)]
        for probe in probes:
            await probe.watch(stage.url())
        assert stage.server.clients == 40
        before = time.process_time()
        started = time.monotonic()
        deadline = asyncio.get_running_loop().time() + 3
        counted = await asyncio.gather(*(probe.collect_until(deadline) for probe in probes))
        took = time.monotonic() - started
        frames = [sum(packet.marker for packet in packets) for packets in counted]
        assert min(frames) >= 3 * SUB.fps - 3
        assert max(player.sent.late_s for player in stage.server.players) < 1.0
        assert time.process_time() - before < 0.8 * took, "both ends together, forty times"

    _on_set(clip_cache, story)
