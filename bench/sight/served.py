"""The tapes as cameras: a process that serves files over RTSP in real time, their packets as they are.

``python -m bench.sight.served FILE…`` answers one JSON line: for each file its port and when its second 0 was
shown (unix time). It serves until its input ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Iterable
from pathlib import Path

import av

from simulator.video import Channel, Library, ProfileSpec, RtspServer
from simulator.video.clip import Clip
from simulator.video.encoder import access_unit
from simulator.video.model import Codec, Reel

TOKEN = "tape"


class Shelf(Library):
    """Clips that are files of H.264, taken as they are instead of encoded anew."""

    async def prepare(self, wanted: Iterable[Reel]) -> None:
        """Everything is there."""

    def load(self, reel: Reel) -> Clip | None:
        """The file's own packets."""
        assert isinstance(reel.source, Path)
        return clip_of(reel.source)


def clip_of(path: Path) -> Clip:
    """A file as a clip of the simulator, not decoded."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        annexb = av.BitStreamFilterContext("h264_mp4toannexb", stream)
        packets = [*container.demux(stream)]
        raw = [bytes(out) for packet in packets for out in annexb.filter(packet if packet.size else None)]
        rate = stream.average_rate
        assert rate is not None
        units = tuple(access_unit(one, Codec.H264) for one in raw)
        keys = [number for number, unit in enumerate(units) if unit.key]
        gop = keys[1] - keys[0] if len(keys) > 1 else len(units)
        return Clip(Codec.H264, stream.width, stream.height, round(float(rate)), gop, units)


async def serve(paths: list[Path]) -> None:
    """Serve all files until the input ends."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of every client that left
    shelf, servers, told = Shelf(Path("/nowhere")), [], []
    for path in paths:
        clip = clip_of(path)
        profile = ProfileSpec(TOKEN, clip.width, clip.height, clip.fps, clip.gop)
        channel = Channel(shelf, file=path, profiles=(profile,))
        await channel.prepare()
        server = RtspServer(
            host="127.0.0.1", port=0, channel=channel, username="u", password="p", auth="none"
        )
        await server.start()
        servers.append(server)
        (record,) = channel.truth()
        told.append({"port": server.port, "began": record["loop_started_at"][0]})
    print(json.dumps(told), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for server in servers:
        await server.stop()


if __name__ == "__main__":
    asyncio.run(serve([Path(name) for name in sys.argv[1:]]))
