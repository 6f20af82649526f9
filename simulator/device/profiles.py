"""Decides which media profiles a device has, which encoder each shows, and what may be changed of it.

Law: the factory's profiles are fixed; a made one can be changed and deleted. Several may share an encoder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from simulator.video.model import ProfileSpec


@dataclass(slots=True)
class MediaProfile:
    """One profile. ``encoder`` is a key of ``Device.encoders``, "" while it has none."""

    token: str
    name: str
    fixed: bool
    encoder: str = ""
    has_source: bool = False


class ProfilesFull(Exception):
    """No further profile fits."""


class Profiles:
    """The profiles of one device, at most ``most``."""

    def __init__(self, factory: tuple[ProfileSpec, ...], *, most: int) -> None:
        self.most = most
        self.hidden_uses: dict[str, int] = {}
        """How often an encoder is used by what the device lists nowhere (its own recording), by its key."""
        self._made = 0
        self._profiles = {
            spec.token: MediaProfile(spec.token, f"{spec.token}Stream", True, spec.token, True)
            for spec in factory
        }

    def __iter__(self) -> Iterator[MediaProfile]:
        return iter(self._profiles.values())

    def find(self, token: str | None) -> MediaProfile | None:
        """The profile of a token."""
        return self._profiles.get(token or "")

    def make(self, name: str, token: str | None = None) -> MediaProfile:
        """A new, empty profile. Raises ProfilesFull, and KeyError when the token is taken."""
        if token in self._profiles:
            raise KeyError(token)
        if len(self._profiles) >= self.most:
            raise ProfilesFull
        self._made += 1
        made = MediaProfile(token or f"profile_u{self._made}", name, False)
        self._profiles[made.token] = made
        return made

    def delete(self, token: str) -> None:
        """Take one away."""
        del self._profiles[token]

    def showing(self, encoder: str) -> list[MediaProfile]:
        """The profiles that show an encoder, by its key."""
        return [profile for profile in self if profile.encoder == encoder]

    def uses(self, encoder: str) -> int:
        """UseCount of an encoder."""
        return len(self.showing(encoder)) + self.hidden_uses.get(encoder, 0)
