"""The words of a simulated camera's picture: what it can look like, how it is encoded, what was in view."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

MAX_SIDE_PX = 4096
MAX_FPS = 60


class Picture(StrEnum):
    """How the picture looks: as it should, or with one fault of the lens, the light or the encoder."""

    NORMAL = "normal"
    COVERED = "covered"  # a cloth over the lens: nearly uniform dark grey
    DARK = "dark"  # no light reaches the sensor
    OVER_BRIGHT = "over_bright"  # exposure stuck open
    BLURRED = "blurred"  # focus lost
    FROZEN = "frozen"  # live packets of one and the same picture, the burnt-in clock included
    MOVED = "moved"  # somebody turned the camera
    COLOUR_CAST = "colour_cast"  # white balance lost
    NOISY = "noisy"  # snow and grain of bad power or a bad plug
    STRIPED = "striped"  # bars that roll through
    LOW_CONTRAST = "low_contrast"  # a grey haze
    GREY = "grey"  # black and white although it is day
    SHAKING = "shaking"  # a loose bracket


BLIND = frozenset({Picture.COVERED, Picture.DARK, Picture.OVER_BRIGHT, Picture.FROZEN})
"""Pictures in which nobody who walks by can be seen."""


class Codec(StrEnum):
    """The compressions a simulated camera speaks."""

    H264 = "h264"
    H265 = "h265"


@dataclass(frozen=True, slots=True)
class ProfileSpec:
    """One media profile: `token` names it in URLs; `gop` is the distance of key frames in frames."""

    token: str
    width: int
    height: int
    fps: int
    gop: int
    codec: Codec = Codec.H264

    def __post_init__(self) -> None:
        if not (16 <= self.width <= MAX_SIDE_PX and 16 <= self.height <= MAX_SIDE_PX):
            raise ValueError(
                f"profile {self.token!r}: size {self.width}x{self.height} px; allowed 16..{MAX_SIDE_PX}"
            )
        if self.width % 2 or self.height % 2:
            raise ValueError(f"profile {self.token!r}: size {self.width}x{self.height} px must be even")
        if not 1 <= self.fps <= MAX_FPS:
            raise ValueError(f"profile {self.token!r}: fps={self.fps}; allowed 1..{MAX_FPS}")
        if self.gop < 1:
            raise ValueError(f"profile {self.token!r}: gop={self.gop}; needs at least 1 frame")

    def gop_s(self) -> Fraction:
        """Seconds between two key frames."""
        return Fraction(self.gop, self.fps)


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something in view from `from_s` to `to_s` of a clip.

    `what` is person, car, light or wind. `track` holds (t_s, x, y, w, h) five times a second; x, y, w, h are
    ratios of the picture, (x, y) the upper left corner, clipped to the picture. Light and wind have none.
    """

    what: str
    from_s: float
    to_s: float
    track: tuple[tuple[float, float, float, float, float], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The form written beside clips."""
        return {
            "what": self.what,
            "from": self.from_s,
            "to": self.to_s,
            "track": [list(b) for b in self.track],
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Sighting:
        """Inverse of `as_json`; raises KeyError or ValueError for another form."""
        track = tuple((float(t), float(x), float(y), float(w), float(h)) for t, x, y, w, h in record["track"])
        return cls(str(record["what"]), float(record["from"]), float(record["to"]), track)


@dataclass(frozen=True, slots=True)
class Reel:
    """Names one clip: its source, profile and picture, and the action it plays (None: the loop)."""

    source: str | Path
    profile: ProfileSpec
    picture: Picture = Picture.NORMAL
    action: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The form handed to the process that bakes it."""
        source = {"file": str(self.source)} if isinstance(self.source, Path) else {"scene": self.source}
        return {
            **source,
            "profile": asdict(self.profile),
            "picture": str(self.picture),
            "action": self.action,
        }

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Reel:
        """Inverse of `as_json`."""
        profile = record["profile"]
        spec = ProfileSpec(**{**profile, "codec": Codec(profile["codec"])})
        source = Path(record["file"]) if "file" in record else str(record["scene"])
        return cls(source, spec, Picture(record["picture"]), record["action"])

    def in_codec(self, codec: Codec) -> Reel:
        """The same clip in another compression."""
        return replace(self, profile=replace(self.profile, codec=codec))

    def __str__(self) -> str:
        source = self.source.name if isinstance(self.source, Path) else self.source
        p = self.profile
        action = f" {self.action}" if self.action else ""
        return f"{source} {p.width}x{p.height}@{p.fps} {p.codec} {self.picture}{action}"


class VideoError(Exception):
    """The picture cannot be made or played; the text says which and what to do."""
