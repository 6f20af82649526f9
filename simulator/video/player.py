"""Sends a profile's frames to one client when they are due, with bounded memory.

Laws: time stamps follow the clock and never go back. A client that does not keep up loses frames up to a key
frame; one that takes nothing for `Patience.stalled_s` is disconnected.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from simulator.video.channel import Channel, Cursor
from simulator.video.model import Codec, VideoError
from simulator.video.rtp import CLOCK_HZ, Packets, addressed, sealed, sender_report

REPORT_S = 5.0  # RFC 3550 6.2: the recommended minimum
_RETRY_S = 0.25
_GARBAGE_NALS = (0, 24 + 7, 30)  # H.264 types that nobody may send: unspecified ones


class Faults(Protocol):
    """The switches a player looks at before every frame."""

    hung: bool
    no_stream: bool
    garbage: bool
    h265: bool


class Outlet(Protocol):
    """What a player needs of a connection; asyncio's transports are outlets."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send, or keep until it can be sent."""

    def get_write_buffer_size(self) -> int:
        """Bytes kept."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How much may wait for a slow client, and how long it may take nothing."""

    waiting_bytes: int = 1_000_000  # about five seconds of 720p
    stalled_s: float = 10.0


@dataclass(slots=True)
class Sent:
    """What a player has sent."""

    frames: int = 0
    packets: int = 0
    payload_bytes: int = 0
    skipped: int = 0  # how often frames were left out
    late_s: float = 0.0  # the longest a frame was sent after it was due


class Player:
    """One client's stream of one profile."""

    def __init__(
        self,
        outlet: Outlet,
        channel: Channel,
        *,
        token: str,
        channels: tuple[int, int],
        faults: Faults,
        lost: Callable[[str], None],
        patience: Patience | None = None,
    ) -> None:
        """`channels` are those of RTP and RTCP; `lost` is told why when the client is given up."""
        self._outlet, self._channel, self._token = outlet, channel, token
        self._patience = patience or Patience()
        self._rtp_channel, self._rtcp_channel = channels
        self._faults, self._lost = faults, lost
        self._ssrc = random.getrandbits(32)
        self._sequence = random.getrandbits(16)
        self._origin_timestamp = random.getrandbits(32)
        self._origin = channel.now()
        self._h265 = faults.h265
        self._profile = channel.profile(token)
        self._cursor: Cursor | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._next_report = 0.0
        self._stalled_since: float | None = None
        self._await_key = False
        self._noise = random.Random(self._ssrc)
        self.sent = Sent()

    @property
    def playing(self) -> bool:
        """Whether frames are due to this client."""
        return self._timer is not None

    @property
    def codec(self) -> Codec:
        """What this client gets."""
        return Codec.H265 if self._h265 else self._profile.codec

    def start(self) -> tuple[int, int]:
        """Begin with the latest key frame; its sequence number and time stamp. Sending begins afterwards.

        After a pause within the same GOP the stream goes on where it stopped.
        """
        cursor = self._catch_up()
        self._next_report = 0.0
        self._plan(0.0)
        return self._sequence, self._timestamp(cursor.at)

    def pause(self) -> None:
        """Send nothing until `start`."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def report(self, now: float) -> None:
        """Send an RTCP sender report that ties the stream to wall time."""
        self._outlet.write(
            sender_report(
                channel=self._rtcp_channel,
                ssrc=self._ssrc,
                unix_s=now,
                timestamp=self._timestamp(now),
                packets=self.sent.packets,
                payload_bytes=self.sent.payload_bytes,
                cname="camera",
            )
        )

    def _plan(self, delay_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(max(0.0, delay_s), self._tick)

    def _tick(self) -> None:
        faults = self._faults
        if faults.no_stream or faults.h265 is not self._h265 or not self._is_arranged():
            self.pause()
            self._lost("the stream's configuration changed")
            return
        now = self._channel.now()
        if faults.hung:
            self._await_key = True
            self._plan(_RETRY_S)
            return
        if not self._room(now):
            return
        try:
            due_in = self._send_due(now)
        except VideoError as error:
            self.pause()
            self._lost(str(error))
            return
        if now >= self._next_report:
            self.report(now)
            self._next_report = now + REPORT_S
        self._plan(due_in)

    def _is_arranged(self) -> bool:
        """Whether the profile is still there and its stream the one that was set up."""
        return self._token in self._channel.tokens and self._channel.profile(self._token) == self._profile

    def _room(self, now: float) -> bool:
        """Whether the client takes what it gets; plans the next look, or gives the client up, when not."""
        if self._outlet.get_write_buffer_size() <= self._patience.waiting_bytes:
            self._stalled_since = None
            return True
        self._await_key = True
        self._stalled_since = now if self._stalled_since is None else self._stalled_since
        if now - self._stalled_since > self._patience.stalled_s:
            self.pause()
            self._lost("the client takes nothing")
        else:
            self._plan(_RETRY_S)
        return False

    def _send_due(self, now: float) -> float:
        """Send what is due; seconds until the next frame."""
        cursor = self._cursor
        behind = cursor is None or self._await_key
        if cursor is None or behind:
            cursor = self._catch_up()
        behind = behind or self.sent.frames == 0
        while cursor.at <= now:
            if not behind:
                self.sent.late_s = max(self.sent.late_s, now - cursor.at)
            self._send(cursor)
            cursor.step()
            if self._outlet.get_write_buffer_size() > self._patience.waiting_bytes:
                break
        return cursor.at - now

    def _catch_up(self) -> Cursor:
        """The latest key frame, or where the stream stopped when that comes later."""
        fresh = self._channel.key_cursor(self._token, self.codec)
        if self._cursor is None or fresh.at > self._cursor.at:
            self.sent.skipped += self._cursor is not None
            self._cursor = fresh
        self._await_key = False
        return self._cursor

    def _send(self, cursor: Cursor) -> None:
        packets = self._junk() if self._faults.garbage else cursor.packets()
        self._outlet.write(
            addressed(
                packets,
                channel=self._rtp_channel,
                sequence=self._sequence,
                timestamp=self._timestamp(cursor.at),
                ssrc=self._ssrc,
            )
        )
        count = len(packets.places)
        self._sequence = (self._sequence + count) & 0xFFFF
        self.sent.frames += 1
        self.sent.packets += count
        self.sent.payload_bytes += len(packets.template) - 16 * count

    def _junk(self) -> Packets:
        """Valid RTP around bytes that are no H.264."""
        kind = self._noise.choice(_GARBAGE_NALS)
        return sealed(
            bytes([0x60 | kind]) + self._noise.randbytes(self._noise.randint(300, 1300)) for _ in range(3)
        )

    def _timestamp(self, at: float) -> int:
        return (self._origin_timestamp + round((at - self._origin) * CLOCK_HZ)) & 0xFFFFFFFF
