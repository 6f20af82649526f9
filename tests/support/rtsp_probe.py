"""A small RTSP client: asks, keeps every answer and packet, puts pictures together again."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import struct
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True)
class Answer:
    """One response; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class RtpPacket:
    """The parts of an RTP packet (RFC 3550 5.1)."""

    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes

    @classmethod
    def parse(cls, packet: bytes) -> Self:
        first, second, sequence, timestamp, ssrc = struct.unpack_from(">BBHII", packet)
        assert first == 0x80, f"version 2, no padding, no extension, no sources: {first:#x}"
        return cls(bool(second & 0x80), second & 0x7F, sequence, timestamp, ssrc, packet[12:])


@dataclass
class RtspProbe:
    """One connection to a camera."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    username: str = "admin"
    password: str = "lens-1"
    session: str = ""
    cseq: int = 0
    challenge: str = ""
    packets: list[RtpPacket] = field(default_factory=list)
    reports: list[bytes] = field(default_factory=list)

    @classmethod
    async def connect(
        cls, host: str, port: int, *, username: str = "admin", password: str = "lens-1"
    ) -> Self:
        reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
        return cls(reader, writer, username, password)

    async def close(self) -> None:
        self.writer.transport.abort()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            return

    async def ask(self, method: str, uri: str, **headers: str) -> Answer:
        """Send a request, with credentials once there was a challenge, and wait for its answer."""
        self.cseq += 1
        lines = [f"{method} {uri} RTSP/1.0", f"CSeq: {self.cseq}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if self.session:
            lines.append(f"Session: {self.session}")
        if self.challenge:
            lines.append(f"Authorization: {self._credentials(method, uri)}")
        self.writer.write("\r\n".join([*lines, "", ""]).encode())
        answer = await self.answer()
        assert answer.headers.get("cseq") == str(self.cseq)
        return answer

    async def login(self, method: str, uri: str, **headers: str) -> Answer:
        """Ask, and once more with credentials after a 401."""
        answer = await self.ask(method, uri, **headers)
        if answer.status == 401:
            self.challenge = answer.headers["www-authenticate"]
            answer = await self.ask(method, uri, **headers)
        return answer

    async def watch(self, uri: str) -> Answer:
        """DESCRIBE, SETUP and PLAY; the answer to PLAY."""
        described = await self.login("DESCRIBE", uri)
        assert described.status == 200, described
        control = described.headers["content-base"] + "trackID=1"
        setup = await self.ask("SETUP", control, Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
        assert setup.status == 200, setup
        self.session = setup.headers["session"].partition(";")[0]
        return await self.ask("PLAY", uri, Range="npt=0.000-")

    async def answer(self) -> Answer:
        """The next answer; packets before it are kept."""
        while True:
            first = await self.reader.readexactly(1)
            if first != b"$":
                break
            await self._packet()
        head = (first + await self.reader.readuntil(b"\r\n\r\n")).decode()
        status_line, *lines = head.strip().split("\r\n")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers.setdefault(name.strip().lower(), value.strip())
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(status_line.split()[1]), headers, body.decode())

    async def collect(self, frames: int) -> list[RtpPacket]:
        """Read on until `frames` more frames are complete; their packets."""
        start = len(self.packets)
        while sum(packet.marker for packet in self.packets[start:]) < frames:
            first = await self.reader.readexactly(1)
            assert first == b"$", "only packets are expected"
            await self._packet()
        return self.packets[start:]

    async def collect_until(self, deadline: float) -> list[RtpPacket]:
        """Read whatever comes until `deadline` on the loop's clock."""
        start = len(self.packets)
        try:
            async with asyncio.timeout_at(deadline):
                while True:
                    assert await self.reader.readexactly(1) == b"$"
                    await self._packet()
        except (TimeoutError, asyncio.IncompleteReadError):
            return self.packets[start:]

    async def ended(self) -> bool:
        """Read until the server closes the connection."""
        try:
            while await self.reader.read(65536):
                continue
        except ConnectionError:
            return True
        return True

    async def _packet(self) -> None:
        channel, length = struct.unpack(">BH", await self.reader.readexactly(3))
        content = await self.reader.readexactly(length)
        if channel == 0:
            self.packets.append(RtpPacket.parse(content))
        else:
            self.reports.append(content)

    def _credentials(self, method: str, uri: str) -> str:
        if self.challenge.startswith("Basic"):
            return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        said = dict(re.findall(r'(\w+)="([^"]*)"', self.challenge))
        secret = _md5(f"{self.username}:{said['realm']}:{self.password}")
        response = _md5(f"{secret}:{said['nonce']}:{_md5(f'{method}:{uri}')}")
        return (
            f'Digest username="{self.username}", realm="{said["realm"]}", nonce="{said["nonce"]}", '
            f'uri="{uri}", response="{response}"'
        )


def frames_of(packets: list[RtpPacket]) -> list[list[RtpPacket]]:
    """Packets by frame: the marker bit ends one."""
    frames: list[list[RtpPacket]] = [[]]
    for packet in packets:
        frames[-1].append(packet)
        if packet.marker:
            frames.append([])
    return frames[:-1]


def depacketise(payloads: list[bytes], *, h265: bool = False) -> list[bytes]:
    """The NAL units of one frame (RFC 6184 5.7, 5.8; RFC 7798 4.4)."""
    nals: list[bytes] = []
    pending: bytearray | None = None
    single, aggregate, fragment, head = (24, 24, 28, 1) if not h265 else (48, 48, 49, 2)
    for payload in payloads:
        kind = (payload[0] >> 1) & 0x3F if h265 else payload[0] & 0x1F
        if kind < single:
            assert pending is None, "a fragment is not complete"
            nals.append(payload)
        elif kind == aggregate:
            at = head
            while at < len(payload):
                (length,) = struct.unpack_from(">H", payload, at)
                nals.append(payload[at + 2 : at + 2 + length])
                at += 2 + length
        else:
            assert kind == fragment, f"no packet type of ours: {kind}"
            marks = payload[head]
            if marks & 0x80:
                assert pending is None
                if h265:
                    pending = bytearray([payload[0] & 0x81 | (marks & 0x3F) << 1, payload[1]])
                else:
                    pending = bytearray([payload[0] & 0xE0 | marks & 0x1F])
            assert pending is not None, "a fragment without its beginning"
            pending += payload[head + 1 :]
            if marks & 0x40:
                nals.append(bytes(pending))
                pending = None
    assert pending is None, "the last fragment is missing"
    return nals


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
