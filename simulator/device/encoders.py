"""Decides what the encoder of a stream is set to, and which settings a device takes.

Law: what is told over Media and Media2 is one state, and the stream follows it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from simulator.video.model import Codec, ProfileSpec

SIZES = ((1920, 1080), (1280, 720), (640, 360), (640, 480), (352, 288))
CODECS = ("H264", "H265")
PROFILES = {"H264": ("Baseline", "Main", "High"), "H265": ("Main",)}
FPS = (1, 30)
GOP = (1, 250)
KBPS = (32, 16_384)
QUALITY = (1, 6)
ROUNDED_KBPS = 64


@dataclass(frozen=True, slots=True)
class EncoderState:
    """One video encoder configuration. ``profile`` is Main, High or Baseline."""

    token: str
    name: str
    codec: str
    width: int
    height: int
    fps: int
    kbps: int
    gop: int
    quality: int = 4
    profile: str = "Main"
    constant: bool = False

    def rounded(self) -> EncoderState:
        """As makes that know bit rates only in steps keep it."""
        return replace(self, kbps=max(ROUNDED_KBPS, self.kbps // ROUNDED_KBPS * ROUNDED_KBPS))


def initial(profile: ProfileSpec, *, codec: str) -> EncoderState:
    """The factory's settings for a stream."""
    return EncoderState(
        token=f"VideoEncoder_{profile.token}",
        name=f"VideoEncoder_{profile.token}",
        codec=codec,
        width=profile.width,
        height=profile.height,
        fps=profile.fps,
        kbps=max(64, profile.width * profile.height * profile.fps // 10_000),
        gop=profile.gop,
    )


def stream(state: EncoderState, *, token: str) -> ProfileSpec:
    """The stream that an encoder makes in the profile ``token``; its bit rate is the clip's own."""
    return ProfileSpec(
        token=token,
        width=state.width,
        height=state.height,
        fps=state.fps,
        gop=state.gop,
        codec=Codec(state.codec.lower()),
    )


def refused(state: EncoderState) -> str:
    """Why a device does not take these settings; "" when it does."""
    if state.codec not in CODECS:
        return f"Encoding {state.codec}"
    if (state.width, state.height) not in SIZES:
        return f"Resolution {state.width}x{state.height}"
    if state.profile not in PROFILES[state.codec]:
        return f"Profile {state.profile}"
    bounds = {"fps": FPS, "kbps": KBPS, "gop": GOP, "quality": QUALITY}
    for name, (low, high) in bounds.items():
        value = getattr(state, name)
        if not low <= value <= high:
            return f"{name} {value} is not within {low}..{high}"
    return ""
