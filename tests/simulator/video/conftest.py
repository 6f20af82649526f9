"""What the video tests share: small quick clips in a cache of this run, and a camera that serves them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from simulator.video import Channel, Library, ProfileSpec, RtspServer
from tests.support.rtsp_probe import RtspProbe

MAIN = ProfileSpec("main", 480, 270, 10, 20)
SUB = ProfileSpec("sub", 320, 180, 5, 10)


@pytest.fixture(scope="session")
def clip_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips rendered once for the whole run."""
    return tmp_path_factory.mktemp("clips")


class Set:
    """One camera on loopback with clients that look at it; everything ends with the block."""

    def __init__(self, server: RtspServer) -> None:
        self.server = server
        self.channel = server.channel
        self._probes: list[RtspProbe] = []

    def url(self, token: str = "sub") -> str:
        return self.server.url(token)

    async def probe(self, *, username: str = "admin", password: str = "lens-1") -> RtspProbe:
        probe = await RtspProbe.connect(
            self.server.host, self.server.port, username=username, password=password
        )
        self._probes.append(probe)
        return probe

    async def end(self) -> None:
        for probe in self._probes:
            await probe.close()
        await self.server.stop()
        await self.channel.close()


@asynccontextmanager
async def camera(
    cache: Path,
    *,
    scene: str = "gate-day",
    auth: str = "digest",
    profiles: tuple[ProfileSpec, ...] = (MAIN, SUB),
    session_timeout_s: float = 60.0,
) -> AsyncIterator[Set]:
    """A camera that streams `scene` from 127.0.0.1, any port."""
    library = Library(cache)
    channel = Channel(library, scene=scene, profiles=profiles)
    await channel.prepare()
    server = RtspServer(
        host="127.0.0.1",
        port=0,
        channel=channel,
        username="admin",
        password="lens-1",
        auth=auth,
        session_timeout_s=session_timeout_s,
    )
    await server.start()
    stage = Set(server)
    try:
        yield stage
    finally:
        await stage.end()
        await library.close()


async def until(condition: Callable[[], object], *, within_s: float = 20.0) -> None:
    """Wait until `condition()` holds; fails after `within_s`."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.01)
