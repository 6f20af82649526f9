"""A client that is too slow costs bounded memory: it loses frames, and in the end its stream."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from simulator.video import Channel, Library
from simulator.video.player import Patience, Player
from tests.simulator.video.conftest import SUB, until
from tests.support.rtsp_probe import RtpPacket, depacketise, frames_of


@dataclass
class Pipe:
    """An outlet that keeps what is sent until somebody takes it."""

    sent: bytearray = field(default_factory=bytearray)
    waiting: int = 0
    taken: bool = True
    most: int = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data
        if not self.taken:
            self.waiting += len(data)
            self.most = max(self.most, self.waiting)

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def frames(self) -> list[list[RtpPacket]]:
        packets, at = [], 0
        while at < len(self.sent):
            length = int.from_bytes(self.sent[at + 2 : at + 4], "big")
            if self.sent[at + 1] == 0:
                packets.append(RtpPacket.parse(bytes(self.sent[at + 4 : at + 4 + length])))
            at += 4 + length
        return frames_of(packets)


@dataclass
class Switches:
    hung: bool = False
    no_stream: bool = False
    garbage: bool = False
    h265: bool = False


def test_a_slow_client_loses_frames_then_the_stream(clip_cache: Path) -> None:
    patience = Patience(waiting_bytes=20_000, stalled_s=1.5)

    async def story() -> None:
        channel = Channel(Library(clip_cache), scene="gate-day", profiles=(SUB,))
        await channel.prepare()
        pipe = Pipe()
        lost: list[str] = []
        player = Player(
            pipe,
            channel,
            token="sub",
            channels=(0, 1),
            faults=Switches(),
            lost=lost.append,
            patience=patience,
        )
        player.start()
        await until(lambda: len(pipe.frames()) >= 2)
        pipe.taken = False
        await until(lambda: pipe.waiting > patience.waiting_bytes)
        before = len(pipe.frames())
        await asyncio.sleep(0.6)
        assert len(pipe.frames()) == before, "nothing more is kept for it"
        pipe.taken, pipe.waiting = True, 0
        await until(lambda: len(pipe.frames()) > before + 1)
        resumed = depacketise([packet.payload for packet in pipe.frames()[before]])
        last, first = pipe.frames()[before - 1][0], pipe.frames()[before][0]
        gap_s = (first.timestamp - last.timestamp) % 2**32 / 90_000
        assert gap_s < 1 / SUB.fps + 0.01 or any(nal[0] & 0x1F == 5 for nal in resumed)
        assert lost == []
        pipe.taken = False
        await until(lambda: lost)
        assert lost == ["the client takes nothing"]
        assert not player.playing
        assert pipe.most < patience.waiting_bytes + 40_000

    asyncio.run(story())


def test_nobody_looking_and_a_pause_are_no_work(clip_cache: Path) -> None:
    async def story() -> None:
        channel = Channel(Library(clip_cache), scene="gate-day", profiles=(SUB,))
        await channel.prepare()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        assert tasks == set()
        pipe = Pipe()
        player = Player(pipe, channel, token="sub", channels=(0, 1), faults=Switches(), lost=print)
        player.start()
        await until(lambda: pipe.sent)
        player.pause()
        sent = len(pipe.sent)
        await asyncio.sleep(2 / SUB.fps)
        assert len(pipe.sent) == sent

    asyncio.run(story())
