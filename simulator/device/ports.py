"""Decides what a device needs of the thing that makes its picture; `simulator.video` offers it.

Law: a device knows pictures only through these ports, so that its protocols run without a video encoder.
"""

from __future__ import annotations

from typing import Any, Protocol

from simulator.video.model import ProfileSpec


class MovingPicture(Protocol):
    """What the lens sees; see `simulator.video.Channel`."""

    async def prepare(self) -> None:
        """Make the clips ready."""

    def show(self, picture: Any) -> None:
        """Switch what the lens shows."""

    def play(self, action: str) -> tuple[float, float]:
        """Play an action once; unix seconds of its begin and end. KeyError names the known actions."""

    def snapshot(self, token: str) -> bytes:
        """A JPEG of now."""

    def truth(self) -> list[dict[str, Any]]:
        """What was visible when: `what`, `from`, `to` in unix seconds."""

    def visible(self) -> frozenset[str]:
        """Who or what is in view now: person, car, light, wind; cheap."""

    def arrange(self, spec: ProfileSpec) -> None:
        """A profile is new, or its stream is another one from now on."""

    def end(self, token: str) -> None:
        """A profile has no stream any more."""

    def ask_key(self, token: str) -> None:
        """Put a key frame into the stream of a profile as soon as it can be made."""

    async def close(self) -> None:
        """Give up what is being prepared."""


class StreamServer(Protocol):
    """The RTSP server of one device; see `simulator.video.RtspServer`."""

    host: str
    """The address it listens on from the next `start` on."""
    hung: bool
    no_stream: bool
    garbage: bool
    h265: bool
    credentials_refused: bool
    slow_ms: int

    @property
    def clients(self) -> int:
        """How many clients are connected."""

    async def start(self) -> None:
        """Listen."""

    async def stop(self) -> None:
        """Close the port and drop all clients."""

    def url(self, token: str) -> str:
        """The stream's address, without credentials."""
