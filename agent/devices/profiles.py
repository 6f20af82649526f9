"""Which streams a device offers, and which of them the box watches.

Law: the box watches the smallest H.264 stream that is wide enough to see with; it decodes for a living, and
a 640x360 sub-stream costs a tenth of the main stream. H.265 is taken only where there is nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lxml import etree

from agent.devices import reading, soap
from agent.devices.address import Endpoint
from agent.devices.habits import Habit
from agent.devices.redact import quoted
from agent.devices.session import Session, plain_question
from agent.devices.soap import child, child_text, local_name
from agent.devices.wsdl import NAMESPACES
from agent.errors import DeviceError, DeviceTrouble
from agent.model import MediaProfile

_MEDIA2 = NAMESPACES["media2"]
_NARROWEST_PX = 320
_CODECS = {"H264": 0, "H265": 1, "HEVC": 1, "": 2}
"""Rank of codecs the box decodes; JPEG and MPEG4 profiles are listed and never watched."""


def read_profiles(
    session: Session, media: Endpoint | None, media2: Endpoint | None
) -> tuple[MediaProfile, ...]:
    """All profiles with video, in the device's order. Raises DeviceError when no service lists any.

    Media1 cannot name H.265: Axis 11 and Hikvision leave such a profile without its encoder there, so
    Media2 fills the holes where the device has it.
    """
    found: tuple[MediaProfile, ...] = ()
    trouble: DeviceError | None = None
    if media is not None:
        try:
            found = tuple(_from_media1(session.call("media", "GetProfiles", media)))
        except DeviceError as error:
            if error.kind is not DeviceTrouble.NOT_SUPPORTED:
                raise
            trouble = error
    if media2 is not None and (not found or any(not profile.codec for profile in found)):
        try:
            found = _completed(found, _ask_media2(session, media2))
            session.account.habits.contradicted(Habit.DEAD_MEDIA2)
        except DeviceError as error:
            if found and error.kind in (DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.NO_ONVIF):
                session.account.habits.learned(Habit.DEAD_MEDIA2)
            trouble = trouble or error
    if media2 is None and any(not profile.codec for profile in found):
        session.account.habits.doubted(Habit.DEAD_MEDIA2)
    if not found and trouble is not None:
        raise trouble
    return found


def watched(profiles: Sequence[MediaProfile]) -> MediaProfile | None:
    """The profile the box should watch; None when none can be decoded."""
    fit = [profile for profile in profiles if profile.codec in _CODECS]
    return min(fit, key=_cost, default=None)


def shown(profiles: Sequence[MediaProfile]) -> MediaProfile | None:
    """The profile to take a snapshot of: the largest; None when there is none."""
    return max(profiles, key=lambda profile: profile.width * profile.height, default=None)


def _cost(profile: MediaProfile) -> tuple[int, int, int]:
    width = profile.width
    if 480 <= width <= 960:
        fitness = 0  # the class of 640x360: sub-streams made for watching
    elif _NARROWEST_PX <= width < 480:
        fitness = 1
    elif width > 960:
        fitness = 2
    else:
        fitness = 3  # too narrow, or the device does not say
    return _CODECS[profile.codec], fitness, width * profile.height


def _from_media1(answer: object) -> list[MediaProfile]:
    found = []
    for item in reading.each(answer):
        token = reading.raw_text(item, "token")
        encoder = reading.child(item, "VideoEncoderConfiguration")
        if not token or (encoder is None and reading.child(item, "VideoSourceConfiguration") is None):
            continue
        found.append(
            MediaProfile(
                token=token,
                name=reading.text(item, "Name", longest=64),
                codec=_codec(reading.text(encoder, "Encoding", longest=16)),
                width=int(reading.number(encoder, "Resolution", "Width")),
                height=int(reading.number(encoder, "Resolution", "Height")),
                fps=reading.number(encoder, "RateControl", "FrameRateLimit"),
            )
        )
    return found


def _ask_media2(session: Session, media2: Endpoint) -> tuple[MediaProfile, ...]:
    content = soap.element(_MEDIA2, "GetProfiles", soap.element(_MEDIA2, "Type", text="VideoEncoder"))
    question = plain_question("GetProfiles", media2, content, action=f"{_MEDIA2}/GetProfiles", optional=True)
    answer = session.ask(question).content
    assert answer is not None
    return tuple(
        made for node in answer if local_name(node) == "Profiles" and (made := _from_media2(node)) is not None
    )


def _from_media2(node: etree._Element) -> MediaProfile | None:
    encoder = child(node, "Configurations", "VideoEncoder")
    token = (node.get("token") or "").strip()
    if encoder is None or not token:
        return None
    sizes = {name: child_text(encoder, "Resolution", name) for name in ("Width", "Height")}
    return MediaProfile(
        token=token,
        name=quoted(child_text(node, "Name"), longest=64),
        codec=_codec(child_text(encoder, "Encoding")),
        width=int(reading.number(sizes, "Width")),
        height=int(reading.number(sizes, "Height")),
        fps=reading.number({"limit": child_text(encoder, "RateControl", "FrameRateLimit")}, "limit"),
    )


def _completed(found: tuple[MediaProfile, ...], better: tuple[MediaProfile, ...]) -> tuple[MediaProfile, ...]:
    by_token: Mapping[str, MediaProfile] = {profile.token: profile for profile in better}
    known = {profile.token for profile in found}
    filled = tuple(
        replace(by_token[profile.token], name=profile.name or by_token[profile.token].name)
        if not profile.codec and profile.token in by_token
        else profile
        for profile in found
    )
    return filled + tuple(profile for profile in better if profile.token not in known)


def _codec(said: str) -> str:
    word = said.upper().replace(".", "").replace(" ", "")
    return {"HEVC": "H265", "VIDEO/H264": "H264", "VIDEO/H265": "H265"}.get(word, word)
