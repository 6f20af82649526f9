"""Decides what of `simulator.video` a device's lens is: its channel, and who is in view at this moment.

Law: looking costs no decoding; who is in view follows from the clip's sightings and the time in it.
"""

from __future__ import annotations

from typing import Any

from simulator.county import PROFILES, DeviceEntry, Equip
from simulator.device.kinds import ABILITIES
from simulator.device.personality import AuthMode
from simulator.device.ports import MovingPicture, StreamServer
from simulator.video import Channel, Library, Picture, ProfileSpec, RtspServer
from simulator.video.model import BLIND


def equipment(library: Library, profiles: tuple[ProfileSpec, ...] = PROFILES) -> Equip:
    """Makes lens and stream of each device out of one library's clips."""

    def equip(entry: DeviceEntry) -> tuple[MovingPicture, StreamServer | None]:
        scene = None if entry.file is not None else entry.scene or ABILITIES[entry.kind].default_scene
        channel = Channel(library, scene=scene, file=entry.file, profiles=profiles)
        server = RtspServer(
            host=entry.ip,
            port=entry.rtsp_port,
            channel=channel,
            username=entry.username,
            password=entry.password.get_secret_value(),
            auth="none" if entry.auth is AuthMode.NONE else "digest",
        )
        return Lens(channel), server

    return equip


class Lens:
    """A `Channel` as a device needs it."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel

    async def prepare(self) -> None:
        """Make the clips ready."""
        await self.channel.prepare()

    def arrange(self, spec: ProfileSpec) -> None:
        """Offer a profile, or another stream in it."""
        self.channel.arrange(spec)

    def end(self, token: str) -> None:
        """Offer a profile no longer."""
        self.channel.end(token)

    def ask_key(self, token: str) -> None:
        """Put a key frame into a stream."""
        self.channel.ask_key(token)

    async def close(self) -> None:
        """Give up what is being rendered."""
        await self.channel.close()

    def show(self, picture: Picture) -> None:
        """Switch what the lens shows."""
        self.channel.show(picture)

    def play(self, action: str) -> tuple[float, float]:
        """Play an action once; KeyError names the known actions."""
        return self.channel.play(action)

    def snapshot(self, token: str) -> bytes:
        """A JPEG of now."""
        return self.channel.snapshot(token)

    def truth(self) -> list[dict[str, Any]]:
        """What was visible when."""
        return self.channel.truth()

    def visible(self) -> frozenset[str]:
        """Who or what is in view now: person, car, light, wind."""
        cursor = self.channel.own_cursor()
        if cursor.segment.picture in BLIND:
            return frozenset()
        seconds = cursor.index / cursor.clip.fps
        return frozenset(seen.what for seen in cursor.clip.sightings if seen.from_s <= seconds <= seen.to_s)
