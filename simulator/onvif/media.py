"""Answers the ONVIF Media and Media2 services: sources, profiles, stream and snapshot addresses.

Law: element order is that of media.wsdl and onvif.xsd; Media has no H.265, so only Media2 tells of it.
"""

from __future__ import annotations

from urllib.parse import quote

from simulator.device.device import Device
from simulator.device.profiles import MediaProfile
from simulator.onvif.encoding import encoder, encoder_2
from simulator.onvif.operation import Operation
from simulator.onvif.ptz import ptz_configuration
from simulator.onvif.soap import NAMESPACES, SoapFault, SoapRequest, Xml, join, node
from simulator.video.model import ProfileSpec

TRT = NAMESPACES["trt"]
TR2 = NAMESPACES["tr2"]


def profile_of(device: Device, request: SoapRequest, name: str = "ProfileToken") -> MediaProfile:
    """The profile a request names; raises the fault NoProfile."""
    token = request.text(name)
    found = device.media.find(token)
    if found is None:
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:NoProfile", reason=f"No such profile: {token}")
    return found


def get_profiles(device: Device, _request: SoapRequest) -> Xml:
    """All profiles with their configurations."""
    return node("trt:GetProfilesResponse", *(told_profile(device, p, "trt:Profiles") for p in device.media))


def get_profile(device: Device, request: SoapRequest) -> Xml:
    """One profile by its token."""
    return node("trt:GetProfileResponse", told_profile(device, profile_of(device, request), "trt:Profile"))


def told_profile(device: Device, profile: MediaProfile, tag: str) -> Xml:
    """A profile as Media tells it."""
    state = device.encoder_now(profile.encoder) if profile.encoder else None
    named = state is not None and state.codec == "H264"
    return node(
        tag,
        node("tt:Name", profile.name),
        _video_source_configuration(device, "tt:VideoSourceConfiguration") if profile.has_source else None,
        encoder(device, state, "tt:VideoEncoderConfiguration") if state is not None and named else None,
        ptz_configuration("tt:PTZConfiguration") if device.head and profile.fixed else None,
        token=profile.token,
        fixed=profile.fixed,
    )


def _video_source_configuration(device: Device, tag: str) -> Xml:
    biggest = max(device.profiles, key=lambda profile: profile.width)
    return node(
        tag,
        node("tt:Name", device.source_configuration_token),
        node("tt:UseCount", sum(profile.has_source for profile in device.media)),
        node("tt:SourceToken", device.source_token),
        node("tt:Bounds", x=0, y=0, width=biggest.width, height=biggest.height),
        token=device.source_configuration_token,
    )


def _resolution(profile: ProfileSpec) -> Xml:
    return node("tt:Resolution", node("tt:Width", profile.width), node("tt:Height", profile.height))


def get_video_sources(device: Device, _request: SoapRequest) -> Xml:
    """The one video source."""
    biggest = max(device.profiles, key=lambda profile: profile.width)
    return node(
        "trt:GetVideoSourcesResponse",
        node(
            "trt:VideoSources",
            node("tt:Framerate", float(biggest.fps)),
            _resolution(biggest),
            token=device.source_token,
        ),
    )


def get_video_source_configurations(device: Device, _request: SoapRequest) -> Xml:
    """The one source configuration."""
    return node(
        "trt:GetVideoSourceConfigurationsResponse",
        _video_source_configuration(device, "trt:Configurations"),
    )


def get_stream_uri(device: Device, request: SoapRequest) -> Xml:
    """The stream's RTSP address, for whatever transport was asked; RTSP itself refuses UDP."""
    address = device.advertised(device.stream_url(_complete(profile_of(device, request)).token))
    return node("trt:GetStreamUriResponse", _media_uri(address))


def _complete(profile: MediaProfile) -> MediaProfile:
    if not profile.encoder:
        raise SoapFault("Receiver", "ter:Action", "ter:IncompleteConfiguration", reason=profile.token)
    return profile


def get_snapshot_uri(device: Device, request: SoapRequest) -> Xml:
    """The address of a JPEG of now."""
    return node("trt:GetSnapshotUriResponse", _media_uri(snapshot_url(device, profile_of(device, request))))


def snapshot_url(device: Device, profile: MediaProfile) -> str:
    """Where a JPEG of the profile is fetched; some makes write name and password into it."""
    address = device.url(device.personality.paths.snapshot.format(token=profile.token))
    if not device.personality.snapshot_credentials:
        return address
    user, password = quote(device.users.username), quote(device.users.password)
    return f"{address}?cmd=onvifSnapPic&user={user}&password={password}"


def _media_uri(address: str) -> Xml:
    return node(
        "trt:MediaUri",
        node("tt:Uri", address),
        node("tt:InvalidAfterConnect", False),
        node("tt:InvalidAfterReboot", False),
        node("tt:Timeout", "PT60S"),
    )


def get_service_capabilities(device: Device, _request: SoapRequest) -> Xml:
    """What the media service can do."""
    return node(
        "trt:GetServiceCapabilitiesResponse",
        node(
            "trt:Capabilities",
            node("trt:ProfileCapabilities", MaximumNumberOfProfiles=device.media.most),
            node("trt:StreamingCapabilities", RTPMulticast=False, RTP_TCP=False, RTP_RTSP_TCP=True),
            SnapshotUri=True,
            Rotation=False,
            VideoSourceMode=False,
            OSD=True,
        ),
    )


def get_profiles_2(device: Device, request: SoapRequest) -> Xml:
    """Media2: configurations come only for the types asked for."""
    asked = {(element.text or "").strip() for element in request.body if str(element.tag).endswith("}Type")}
    token = request.text("Token")
    chosen = [profile for profile in device.media if token in (None, profile.token)]
    return node("tr2:GetProfilesResponse", *(_profile_2(device, profile, asked) for profile in chosen))


def _profile_2(device: Device, profile: MediaProfile, asked: set[str]) -> Xml:
    def wanted(part: str) -> bool:
        return bool({"All", part} & asked)

    parts = join(
        _video_source_configuration(device, "tr2:VideoSource")
        if profile.has_source and wanted("VideoSource")
        else None,
        encoder_2(device, device.encoder_now(profile.encoder), "tr2:VideoEncoder")
        if profile.encoder and wanted("VideoEncoder")
        else None,
        ptz_configuration("tr2:PTZ") if device.head and profile.fixed and wanted("PTZ") else None,
    )
    return node(
        "tr2:Profiles",
        node("tr2:Name", profile.name),
        node("tr2:Configurations", parts) if asked else None,
        token=profile.token,
        fixed=profile.fixed,
    )


def get_stream_uri_2(device: Device, request: SoapRequest) -> Xml:
    """Media2: the bare address."""
    address = device.advertised(device.stream_url(_complete(profile_of(device, request)).token))
    return node("tr2:GetStreamUriResponse", node("tr2:Uri", address))


def get_snapshot_uri_2(device: Device, request: SoapRequest) -> Xml:
    """Media2: the bare address."""
    return node(
        "tr2:GetSnapshotUriResponse", node("tr2:Uri", snapshot_url(device, profile_of(device, request)))
    )


def get_service_capabilities_2(device: Device, _request: SoapRequest) -> Xml:
    """What Media2 can do."""
    return node(
        "tr2:GetServiceCapabilitiesResponse",
        node(
            "tr2:Capabilities",
            node("tr2:ProfileCapabilities", MaximumNumberOfProfiles=device.media.most),
            node("tr2:StreamingCapabilities", RTSPStreaming=True, RTPMulticast=False, RTP_RTSP_TCP=True),
            SnapshotUri=True,
            Rotation=False,
            VideoSourceMode=False,
            OSD=True,
        ),
    )


OPERATIONS: dict[tuple[str, str], Operation] = {
    (TRT, "GetProfiles"): get_profiles,
    (TRT, "GetProfile"): get_profile,
    (TRT, "GetVideoSources"): get_video_sources,
    (TRT, "GetVideoSourceConfigurations"): get_video_source_configurations,
    (TRT, "GetStreamUri"): get_stream_uri,
    (TRT, "GetSnapshotUri"): get_snapshot_uri,
    (TRT, "GetServiceCapabilities"): get_service_capabilities,
    (TR2, "GetServiceCapabilities"): get_service_capabilities_2,
    (TR2, "GetProfiles"): get_profiles_2,
    (TR2, "GetStreamUri"): get_stream_uri_2,
    (TR2, "GetSnapshotUri"): get_snapshot_uri_2,
}
