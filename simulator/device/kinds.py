"""Decides which kinds of device the county has and what each can do.

Law: a kind is data; no protocol code asks for a kind by name, only for what it can do.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Kinds of device, by the words of the county's ledger."""

    CAMERA = "camera"
    PTZ_DOME = "ptz_dome"
    NVR_CHANNEL = "nvr_channel"
    MICRO_CHECKPOINT = "micro_checkpoint"
    FACE_CAPTURE = "face_capture"
    LOOKOUT = "lookout"
    CONFERENCE_ENDPOINT = "conference_endpoint"
    RTSP_CAMERA = "rtsp_camera"
    SIP_REGISTRAR = "sip_registrar"


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a kind can do; `counts` names whose passages it counts, None when it counts nothing;
    `recordings` is how many channels it records, unless the county file says otherwise."""

    onvif: bool = True
    ptz: bool = False
    counts: str | None = None
    recordings: int = 0
    sip: bool = False
    registrar: bool = False
    streams: bool = True
    default_scene: str | None = "gate-day"


ABILITIES: dict[Kind, Abilities] = {
    Kind.CAMERA: Abilities(),
    Kind.PTZ_DOME: Abilities(ptz=True, default_scene="street-day"),
    Kind.NVR_CHANNEL: Abilities(recordings=1),
    Kind.MICRO_CHECKPOINT: Abilities(counts="car", default_scene="road-day"),
    Kind.FACE_CAPTURE: Abilities(counts="person", default_scene="entrance-hall"),
    Kind.LOOKOUT: Abilities(ptz=True, default_scene="lookout-day"),
    Kind.CONFERENCE_ENDPOINT: Abilities(onvif=False, streams=False, sip=True, default_scene=None),
    Kind.RTSP_CAMERA: Abilities(onvif=False),
    Kind.SIP_REGISTRAR: Abilities(onvif=False, streams=False, registrar=True, default_scene=None),
}
