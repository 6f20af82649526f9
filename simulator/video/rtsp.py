"""A camera's RTSP server (RFC 2326): one listening socket, streams over the same TCP connection.

Law: every answer obeys the fault switches, which may change at any moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import re
import secrets
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from simulator.video import sdp
from simulator.video.channel import Channel
from simulator.video.login import Doorkeeper, Scheme
from simulator.video.model import Codec, VideoError
from simulator.video.player import Player
from simulator.video.rtsp_message import (
    MAX_HEAD_BYTES,
    BadRequest,
    Interleaved,
    Request,
    read_message,
    response,
)

log = logging.getLogger(__name__)

SESSION_TIMEOUT_S = 60
"""A client that neither asks nor reports for this long is gone (RFC 2326 12.37: the default)."""
REALM = "RTSP camera"
SEND_BUFFER_BYTES = 262_144  # a small camera's
_METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER"
_OPEN_METHODS = frozenset({"OPTIONS"})  # cameras answer these without credentials
_INTERLEAVED = re.compile(r"interleaved=(\d+)(?:-(\d+))?")

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with."""

    status: int
    headers: Headers
    body: bytes = b""


class RtspServer:
    """Serves the profiles of one channel at rtsp://host:port/<token>."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        channel: Channel,
        username: str,
        password: str,
        auth: str = "digest",
        session_timeout_s: float = SESSION_TIMEOUT_S,
    ) -> None:
        """`auth`: digest, basic, both or none. `port` 0 takes a free one, known after `start`."""
        self.hung = False
        self.no_stream = False
        self.garbage = False
        self._h265 = False
        self.credentials_refused = False
        self.slow_ms = 0
        self.auth_failures = 0
        self.requests = 0
        self.host, self.port, self.channel = host, port, channel
        self.doorkeeper = Doorkeeper(scheme=Scheme(auth), realm=REALM, username=username, password=password)
        self.session_timeout_s = session_timeout_s
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], _Connection] = {}

    @property
    def h265(self) -> bool:
        """Whether the stream is H.265, whatever the profile says. Setting it drops those who watch."""
        return self._h265

    @h265.setter
    def h265(self, wanted: bool) -> None:
        self._h265 = wanted
        if wanted:
            self.channel.prepare_codec_soon(Codec.H265)
        else:
            self.channel.forget_codec(Codec.H265)

    @property
    def clients(self) -> int:
        """How many clients are being sent frames."""
        return sum(connection.playing for connection in self._connections.values())

    @property
    def players(self) -> list[Player]:
        """Everybody who has set a stream up."""
        return [
            connection.player for connection in self._connections.values() if connection.player is not None
        ]

    def url(self, token: str) -> str:
        """Where a profile is watched, without credentials."""
        return f"rtsp://{self.host}:{self.port}/{token}"

    async def start(self) -> None:
        """Listen; raises OSError when the address is taken."""
        self._server = await asyncio.start_server(self._accept, self.host, self.port, limit=MAX_HEAD_BYTES)
        for (
            listening
        ) in self._server.sockets:  # accepted ones inherit it: what waits is bounded in the kernel too
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and drop all clients at once."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task, connection in tuple(self._connections.items()):
            connection.drop()
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self, reader, writer)
        task = asyncio.get_running_loop().create_task(connection.serve(), name=f"rtsp {self.host}")
        self._connections[task] = connection
        task.add_done_callback(lambda done: self._connections.pop(done, None))


class _Connection:
    """One client: its requests in order, and its one session."""

    def __init__(
        self, server: RtspServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server, self._reader, self._writer = server, reader, writer
        self._session: str | None = None
        self._token = ""
        self.player: Player | None = None
        self._verbs: dict[str, Callable[[Request], Awaitable[Answer]]] = {
            "OPTIONS": self._options,
            "DESCRIBE": self._describe,
            "SETUP": self._setup,
            "PLAY": self._play,
            "PAUSE": self._pause,
            "TEARDOWN": self._teardown,
            "GET_PARAMETER": self._keep_alive,
            "SET_PARAMETER": self._keep_alive,
        }

    @property
    def playing(self) -> bool:
        return self.player is not None and self.player.playing

    def drop(self) -> None:
        """Cut the connection without a word, as a pulled cable does."""
        if self.player is not None:
            self.player.pause()
        self._writer.transport.abort()

    async def serve(self) -> None:
        try:
            await self._converse()
        except (ConnectionError, TimeoutError):
            pass
        finally:
            self.drop()
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()

    async def _converse(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._server.session_timeout_s):
                    message = await read_message(self._reader)
            except BadRequest as error:
                log.info("rtsp=%s bad request: %s", self._server.host, error)
                self._writer.write(response(400, None))
                return
            if message is None:
                return
            if isinstance(message, Interleaved) or self._server.hung:
                continue
            if not await self._answer(message):
                return

    async def _answer(self, request: Request) -> bool:
        """Answer; False when the conversation is over."""
        server = self._server
        server.requests += 1
        if server.slow_ms > 0:
            await asyncio.sleep(server.slow_ms / 1000)
        if server.hung:
            return True
        answer = await self._decide(request)
        headers = list(answer.headers)
        if self._session is not None and answer.status == 200:
            headers.insert(0, ("Session", f"{self._session};timeout={server.session_timeout_s:.0f}"))
        self._writer.write(response(answer.status, request.headers.get("cseq"), headers, answer.body))
        if request.method == "TEARDOWN" and answer.status == 200:
            await self._writer.drain()
            return False
        return True

    async def _decide(self, request: Request) -> Answer:
        server = self._server
        if request.method not in _OPEN_METHODS and not self._admitted(request):
            server.auth_failures += "authorization" in request.headers
            return Answer(401, [("WWW-Authenticate", value) for value in server.doorkeeper.challenges()])
        if "require" in request.headers:
            return Answer(551, [("Unsupported", request.headers["require"])])
        verb = self._verbs.get(request.method)
        if verb is None:
            return Answer(501, [("Public", _METHODS)])
        try:
            return await verb(request)
        except VideoError as error:
            log.error("rtsp=%s %s: %s", server.host, request.method, error)
            return Answer(503, [])
        except KeyError:  # the profile went away meanwhile
            return Answer(404, [])

    def _admitted(self, request: Request) -> bool:
        if self._server.credentials_refused:
            return False
        return self._server.doorkeeper.admits(
            request.method, request.uri, request.headers.get("authorization")
        )

    async def _options(self, _request: Request) -> Answer:
        return Answer(200, [("Public", _METHODS)])

    async def _keep_alive(self, _request: Request) -> Answer:
        return Answer(200, [])

    async def _describe(self, request: Request) -> Answer:
        server, token = self._server, _token(request.uri)
        if server.no_stream or token not in server.channel.tokens:
            return Answer(404, [])
        codec = await self._codec(token)
        clip = server.channel.cursor(token, codec).clip
        body = sdp.describe(clip, host=server.host, session_id=random.getrandbits(31), garbage=server.garbage)
        base = f"{server.url(token)}/"
        return Answer(200, [("Content-Type", "application/sdp"), ("Content-Base", base)], body)

    async def _setup(self, request: Request) -> Answer:
        server, token = self._server, _token(request.uri)
        if token not in server.channel.tokens:
            return Answer(404, [])
        if server.no_stream:
            return Answer(503, [])
        if self.playing:
            return Answer(455, [("Allow", "PLAY, PAUSE, TEARDOWN")])
        channels = _interleaved(request.headers.get("transport", ""))
        if channels is None:
            return Answer(461, [])
        await self._codec(token)
        transport = self._writer.transport
        if not isinstance(transport, asyncio.Transport):
            return Answer(500, [])
        self._token = token
        self._session = self._session or secrets.token_hex(8)
        self.player = Player(
            transport, server.channel, token=token, channels=channels, faults=server, lost=self._lost
        )
        said = f'RTP/AVP/TCP;unicast;interleaved={channels[0]}-{channels[1]};mode="PLAY"'
        return Answer(200, [("Transport", said)])

    async def _play(self, request: Request) -> Answer:
        if self.player is None or not self._is_session(request):
            return Answer(454, [])
        if self._server.no_stream:
            return Answer(503, [])
        self.player.pause()
        sequence, timestamp = self.player.start()
        track = f"{self._server.url(self._token)}/{sdp.TRACK}"
        info = f"url={track};seq={sequence};rtptime={timestamp}"
        return Answer(200, [("Range", "npt=now-"), ("RTP-Info", info)])

    async def _pause(self, request: Request) -> Answer:
        if self.player is None or not self._is_session(request):
            return Answer(454, [])
        self.player.pause()
        return Answer(200, [])

    async def _teardown(self, request: Request) -> Answer:
        if self.player is None or not self._is_session(request):
            return Answer(454, [])
        self.player.pause()
        self.player = None
        return Answer(200, [])

    async def _codec(self, token: str) -> Codec:
        """The compression in force, with its clips ready."""
        channel = self._server.channel
        codec = Codec.H265 if self._server.h265 else channel.profile(token).codec
        await channel.prepare_profile(token)
        if codec is not channel.profile(token).codec:
            await channel.prepare_codec(token, codec)
        return codec

    def _is_session(self, request: Request) -> bool:
        said = request.headers.get("session")
        return said is not None and said.partition(";")[0].strip() == self._session

    def _lost(self, reason: str) -> None:
        log.info("rtsp=%s client dropped: %s", self._server.host, reason)
        self.drop()


def _token(uri: str) -> str:
    """The profile a request is about: rtsp://host/<token>[/trackID=1]."""
    path = unquote(urlsplit(uri).path).strip("/")
    return path.removesuffix(sdp.TRACK).strip("/")


def _interleaved(transport: str) -> tuple[int, int] | None:
    """The two channels of the first offer inside TCP, None when the client offers none."""
    for offer in transport.split(","):
        if "RTP/AVP/TCP" not in offer.upper():
            continue
        found = _INTERLEAVED.search(offer)
        first = int(found[1]) if found else 0
        second = int(found[2]) if found and found[2] else first + 1
        return (first, second) if max(first, second) <= 255 else None
    return None
