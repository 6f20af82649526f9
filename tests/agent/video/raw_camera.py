"""RTSP servers that misbehave in one chosen way, on plain sockets in a thread."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Self

import cv2
import numpy as np

from agent.model import Device, Secret
from protocol.words import DeviceClass
from simulator.video import Codec, ProfileSpec
from simulator.video.clip import Clip
from simulator.video.encoder import encode
from simulator.video.rtp import CLOCK_HZ, addressed, packetise, sealed

PASSWORD = "p@ss:w/o#r%d ?&"
H265_SDP = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\na=control:track\r\n"
H264_SDP = (
    "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track\r\n"
)

Talk = Callable[[socket.socket], None]


class RawCamera:
    """Listens on a free port of 127.0.0.1; every connection is given to ``talk``."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.1)
        self.port = int(self._listener.getsockname()[1])
        self.url = f"rtsp://127.0.0.1:{self.port}/live"
        self.connections = 0
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._accept, name="raw-camera")]
        self._threads[0].start()
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def device(self) -> Device:
        """The ledger row a box would have for it."""
        return Device(
            "camera-1",
            DeviceClass.SMART_CAMERA,
            "127.0.0.1",
            rtsp_port=self.port,
            username="box",
            password=Secret(PASSWORD),
        )

    def _accept(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._listener.accept()
                connection.settimeout(5)
                self.connections += 1
                self._open.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection,), name="raw-camera-talk")
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), contextlib.closing(connection):
            self._talk(connection)


def requests(connection: socket.socket) -> Iterator[tuple[str, str]]:
    """Method and CSeq of each request until the client goes."""
    data = b""
    while True:
        while b"\r\n\r\n" not in data:
            piece = connection.recv(4096)
            if not piece:
                return
            data += piece
        head, _, data = data.partition(b"\r\n\r\n")
        number = re.search(rb"CSeq: *(\d+)", head, re.IGNORECASE)
        yield head.split(b" ", 1)[0].decode(), number[1].decode() if number else "0"


def answer(
    connection: socket.socket, cseq: str, *, status: str = "200 OK", head: str = "", body: str = ""
) -> None:
    """Send a response."""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    connection.sendall(f"RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n{head}{length}\r\n{body}".encode())


def plays(media: Callable[[socket.socket], None], *, sdp: str = H264_SDP) -> Talk:
    """A camera that goes through the opening well and then sends ``media``."""

    def talk(connection: socket.socket) -> None:
        for method, cseq in requests(connection):
            if method == "DESCRIBE":
                head = "Content-Type: application/sdp\r\n"
                answer(connection, cseq, head=head, body=f"v=0\r\no=- 1 1 IN IP4 0\r\ns=x\r\nt=0 0\r\n{sdp}")
            elif method == "SETUP":
                head = "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
                answer(connection, cseq, head=head)
            else:
                answer(connection, cseq, head="Session: 1\r\n")
            if method == "PLAY":
                media(connection)

    return talk


def clip(
    *,
    width: int = 320,
    height: int = 180,
    frames: int = 40,
    fps: int = 10,
    gop: int = 10,
    codec: Codec = Codec.H264,
) -> Clip:
    """A person-sized thing walks through a still place."""
    rng = np.random.default_rng(5)
    place = cv2.resize(rng.integers(40, 200, (9, 16)).astype(np.uint8), (width, height))

    def pictures() -> Iterator[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
        for number in range(frames):
            luma = place.copy()
            x = number * width // frames
            luma[height // 3 : height * 2 // 3, x : x + width // 12] = 10
            luma = np.clip(luma + rng.normal(0, 2, luma.shape), 0, 255).astype(np.uint8)
            yield np.vstack([luma, np.full((height // 2, width), 128, np.uint8)])

    return encode(pictures(), ProfileSpec("x", width, height, fps, gop, codec))


def sends(
    units: Iterable[tuple[Sequence[bytes], float]],
    *,
    pace_s: float = 0.02,
    linger_s: float = 0.0,
    codec: Codec = Codec.H264,
) -> Callable[[socket.socket], None]:
    """Media: access units with their stream time in seconds, packed as RTP inside the connection."""

    def media(connection: socket.socket) -> None:
        sequence = 0
        for nals, at_s in units:
            packets = sealed(packetise(nals, codec))
            stamp = int(at_s * CLOCK_HZ)
            connection.sendall(addressed(packets, channel=0, sequence=sequence, timestamp=stamp, ssrc=1))
            sequence += len(packets.places)
            time.sleep(pace_s)
        deadline = time.monotonic() + linger_s
        connection.settimeout(0.1)
        while time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                if not connection.recv(4096):
                    return

    return media


def timed(material: Clip, *, start_s: float = 10.0) -> list[tuple[Sequence[bytes], float]]:
    """A clip's access units with even times."""
    return [(unit.nals, start_s + number / material.fps) for number, unit in enumerate(material.units)]
