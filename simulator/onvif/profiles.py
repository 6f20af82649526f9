"""Answers what makes, changes and deletes media profiles over Media and Media2, and asks for a key frame.

Law: limits and conflicts are refused with the faults of the Media services; a stream follows its profile.
"""

from __future__ import annotations

from simulator.device.device import Device
from simulator.device.profiles import MediaProfile, ProfilesFull
from simulator.onvif.encoding import encoder
from simulator.onvif.media import profile_of, told_profile
from simulator.onvif.operation import Operation
from simulator.onvif.soap import NAMESPACES, SoapFault, SoapRequest, Xml, local_name, node

TRT = NAMESPACES["trt"]
TR2 = NAMESPACES["tr2"]

CHANGES = frozenset(
    {
        "CreateProfile",
        "DeleteProfile",
        "AddConfiguration",
        "RemoveConfiguration",
        *(f"{verb}Video{part}Configuration" for verb in ("Add", "Remove") for part in ("Encoder", "Source")),
    }
)
"""What a make without profiles of a client's own does not have."""


def create_profile(device: Device, request: SoapRequest) -> Xml:
    """Media: an empty profile."""
    made = _make(device, request.require("Name"), request.text("Token") or None)
    return node("trt:CreateProfileResponse", told_profile(device, made, "trt:Profile"))


def create_profile_2(device: Device, request: SoapRequest) -> Xml:
    """Media2: a profile, with configurations where some are named."""
    made = _make(device, request.require("Name"), None)
    try:
        _add_all(device, made, request)
    except SoapFault:
        device.profile_dropped(made)
        raise
    return node("tr2:CreateProfileResponse", node("tr2:Token", made.token))


def _make(device: Device, name: str, token: str | None) -> MediaProfile:
    try:
        return device.media.make(name, token)
    except KeyError as error:
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:ProfileExists", reason=f"{token}") from error
    except ProfilesFull as error:
        raise SoapFault(
            "Receiver",
            "ter:Action",
            "ter:MaxNVTProfiles",
            reason="The maximum number of supported profiles has been reached",
        ) from error


def delete_profile(device: Device, request: SoapRequest) -> Xml:
    """Media."""
    _delete(device, profile_of(device, request))
    return node("trt:DeleteProfileResponse")


def delete_profile_2(device: Device, request: SoapRequest) -> Xml:
    """Media2."""
    _delete(device, profile_of(device, request, "Token"))
    return node("tr2:DeleteProfileResponse")


def _delete(device: Device, profile: MediaProfile) -> None:
    if profile.fixed:
        raise SoapFault("Sender", "ter:Action", "ter:DeletionOfFixedProfile", reason="A fixed profile")
    device.profile_dropped(profile)


def add_encoder(device: Device, request: SoapRequest) -> Xml:
    """Media: an encoder into a profile, in place of the one that was there."""
    _add(device, profile_of(device, request), "VideoEncoder", request.text("ConfigurationToken"))
    return node("trt:AddVideoEncoderConfigurationResponse")


def add_source(device: Device, request: SoapRequest) -> Xml:
    """Media: the source into a profile."""
    _add(device, profile_of(device, request), "VideoSource", request.text("ConfigurationToken"))
    return node("trt:AddVideoSourceConfigurationResponse")


def remove_encoder(device: Device, request: SoapRequest) -> Xml:
    """Media: the encoder out of a profile."""
    _remove(device, profile_of(device, request), "VideoEncoder")
    return node("trt:RemoveVideoEncoderConfigurationResponse")


def remove_source(device: Device, request: SoapRequest) -> Xml:
    """Media: the source out of a profile."""
    _remove(device, profile_of(device, request), "VideoSource")
    return node("trt:RemoveVideoSourceConfigurationResponse")


def add_configuration_2(device: Device, request: SoapRequest) -> Xml:
    """Media2: configurations into a profile."""
    _add_all(device, profile_of(device, request), request)
    return node("tr2:AddConfigurationResponse")


def remove_configuration_2(device: Device, request: SoapRequest) -> Xml:
    """Media2: configurations out of a profile."""
    profile = profile_of(device, request)
    for kind, _ in _configurations(request):
        _remove(device, profile, kind)
    return node("tr2:RemoveConfigurationResponse")


def _configurations(request: SoapRequest) -> list[tuple[str, str | None]]:
    """Type and token of the configurations of a Media2 request."""
    found = []
    for item in request.body:
        if local_name(item) == "Configuration":
            texts = {local_name(part): (part.text or "").strip() for part in item}
            found.append((texts.get("Type", ""), texts.get("Token")))
    return found


def _add_all(device: Device, profile: MediaProfile, request: SoapRequest) -> None:
    for kind, token in _configurations(request):
        _add(device, profile, kind, token)


def _add(device: Device, profile: MediaProfile, kind: str, token: str | None) -> None:
    if profile.fixed:
        raise _conflict("A fixed profile")
    if kind == "VideoSource" and token == device.source_configuration_token:
        profile.has_source = True
    elif kind == "VideoEncoder" and profile.has_source:
        stream = next((key for key, state in device.encoders.items() if state.token == token), None)
        if stream is None:
            raise SoapFault("Sender", "ter:InvalidArgVal", "ter:NoConfig", reason=f"No such encoder: {token}")
        profile.encoder = stream
    elif kind in ("VideoEncoder", "VideoSource"):
        raise _conflict(f"{kind} {token}")
    else:
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:NoConfig", reason=f"No such type: {kind}")
    device.profile_changed(profile)


def _remove(device: Device, profile: MediaProfile, kind: str) -> None:
    if profile.fixed:
        raise _conflict("A fixed profile")
    if kind == "VideoEncoder":
        profile.encoder = ""
    elif kind == "VideoSource":
        profile.has_source, profile.encoder = False, ""
    device.profile_changed(profile)


def _conflict(reason: str) -> SoapFault:
    return SoapFault("Receiver", "ter:Action", "ter:ConfigurationConflict", reason=reason)


def guaranteed_instances(device: Device, request: SoapRequest) -> Xml:
    """Media: how many encoders run at a time."""
    _require_source(device, request)
    count = len(device.encoders)
    return node(
        "trt:GetGuaranteedNumberOfVideoEncoderInstancesResponse",
        node("trt:TotalNumber", count),
        node("trt:H264", count),
    )


def instances_2(device: Device, request: SoapRequest) -> Xml:
    """Media2: how many encoders run at a time."""
    _require_source(device, request)
    count = len(device.encoders)
    codec = node("tr2:Codec", node("tr2:Encoding", "H264"), node("tr2:Number", count))
    return node("tr2:GetVideoEncoderInstancesResponse", node("tr2:Info", codec, node("tr2:Total", count)))


def _require_source(device: Device, request: SoapRequest) -> None:
    token = request.text("ConfigurationToken")
    if token != device.source_configuration_token:
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:NoConfig", reason=f"No such source: {token}")


def get_compatible(device: Device, request: SoapRequest) -> Xml:
    """Media: the encoders that fit a profile; all, for there is one source."""
    profile_of(device, request)
    told = [state for state in device.encoders_now() if state.codec == "H264"]
    return node(
        "trt:GetCompatibleVideoEncoderConfigurationsResponse",
        *(encoder(device, each, "trt:Configurations") for each in told),
    )


def key_frame(device: Device, request: SoapRequest) -> Xml:
    """Media: the stream of a profile gets a key frame at once."""
    _ask_key(device, profile_of(device, request))
    return node("trt:SetSynchronizationPointResponse")


def key_frame_2(device: Device, request: SoapRequest) -> Xml:
    """Media2: the same."""
    _ask_key(device, profile_of(device, request))
    return node("tr2:SetSynchronizationPointResponse")


def _ask_key(device: Device, profile: MediaProfile) -> None:
    if not profile.encoder:
        raise SoapFault("Sender", "ter:Action", "ter:IncompleteConfiguration", reason=profile.token)
    device.counters["keys_asked"] += 1
    if device.picture is not None and not device.faults.keys_ignored:
        device.picture.ask_key(profile.token)


OPERATIONS: dict[tuple[str, str], Operation] = {
    (TRT, "CreateProfile"): create_profile,
    (TRT, "DeleteProfile"): delete_profile,
    (TRT, "AddVideoSourceConfiguration"): add_source,
    (TRT, "AddVideoEncoderConfiguration"): add_encoder,
    (TRT, "RemoveVideoSourceConfiguration"): remove_source,
    (TRT, "RemoveVideoEncoderConfiguration"): remove_encoder,
    (TRT, "GetCompatibleVideoEncoderConfigurations"): get_compatible,
    (TRT, "GetGuaranteedNumberOfVideoEncoderInstances"): guaranteed_instances,
    (TRT, "SetSynchronizationPoint"): key_frame,
    (TR2, "CreateProfile"): create_profile_2,
    (TR2, "DeleteProfile"): delete_profile_2,
    (TR2, "AddConfiguration"): add_configuration_2,
    (TR2, "RemoveConfiguration"): remove_configuration_2,
    (TR2, "GetVideoEncoderInstances"): instances_2,
    (TR2, "SetSynchronizationPoint"): key_frame_2,
}
