"""Answers what concerns video encoders, over Media and Media2: configurations, options, and changes of them.

Law: Media knows no H.265; a configuration that is H.265 has no encoding there (as Axis 11 and Hikvision do).
"""

from __future__ import annotations

from dataclasses import replace

from simulator.device import encoders
from simulator.device.device import Device
from simulator.device.encoders import EncoderState
from simulator.onvif.operation import Operation
from simulator.onvif.soap import NAMESPACES, SoapFault, SoapRequest, Xml, node

TRT = NAMESPACES["trt"]
TR2 = NAMESPACES["tr2"]
RATES = "30 25 20 15 12 10 8 5 4 2 1"
"""What Media2 lists."""

_MULTICAST = node(
    "tt:Multicast",
    node("tt:Address", node("tt:Type", "IPv4"), node("tt:IPv4Address", "0.0.0.0")),  # noqa: S104 - "none"
    node("tt:Port", 0),
    node("tt:TTL", 1),
    node("tt:AutoStart", False),
)


def encoder(device: Device, state: EncoderState, tag: str) -> Xml:
    """A configuration as Media tells it."""
    return node(
        tag,
        node("tt:Name", state.name),
        node("tt:UseCount", device.media.uses(device.stream_of(state.token))),
        node("tt:Encoding", "H264"),
        _resolution(state),
        node("tt:Quality", state.quality),
        node(
            "tt:RateControl",
            node("tt:FrameRateLimit", state.fps),
            node("tt:EncodingInterval", 1),
            node("tt:BitrateLimit", state.kbps),
        ),
        node("tt:H264", node("tt:GovLength", state.gop), node("tt:H264Profile", state.profile)),
        _MULTICAST,
        node("tt:SessionTimeout", "PT60S"),
        token=state.token,
    )


def encoder_2(device: Device, state: EncoderState, tag: str) -> Xml:
    """A configuration as Media2 tells it."""
    return node(
        tag,
        node("tt:Name", state.name),
        node("tt:UseCount", device.media.uses(device.stream_of(state.token))),
        node("tt:Encoding", state.codec),
        _resolution(state),
        node(
            "tt:RateControl",
            node("tt:FrameRateLimit", float(state.fps)),
            node("tt:BitrateLimit", state.kbps),
            ConstantBitRate=state.constant,
        ),
        node("tt:Quality", float(state.quality)),
        token=state.token,
        GovLength=state.gop,
        Profile=state.profile,
    )


def _resolution(state: EncoderState) -> Xml:
    return node("tt:Resolution", node("tt:Width", state.width), node("tt:Height", state.height))


def get_configurations(device: Device, _request: SoapRequest) -> Xml:
    """The encoder of every stream that Media can name."""
    told = [state for state in device.encoders_now() if state.codec == "H264"]
    return node(
        "trt:GetVideoEncoderConfigurationsResponse",
        *(encoder(device, each, "trt:Configurations") for each in told),
    )


def get_configuration(device: Device, request: SoapRequest) -> Xml:
    """One encoder by its token."""
    state = _named(device, request.text("ConfigurationToken"))
    return node("trt:GetVideoEncoderConfigurationResponse", encoder(device, state, "trt:Configuration"))


def get_options(_device: Device, _request: SoapRequest) -> Xml:
    """What Media lets be set."""
    return node(
        "trt:GetVideoEncoderConfigurationOptionsResponse",
        node(
            "trt:Options",
            _range("tt:QualityRange", encoders.QUALITY),
            node(
                "tt:H264",
                *_sizes("tt:ResolutionsAvailable"),
                _range("tt:GovLengthRange", encoders.GOP),
                _range("tt:FrameRateRange", encoders.FPS),
                _range("tt:EncodingIntervalRange", (1, 1)),
                *(node("tt:H264ProfilesSupported", each) for each in encoders.PROFILES["H264"]),
            ),
        ),
    )


def set_configuration(device: Device, request: SoapRequest) -> Xml:
    """Change one encoder over Media: H.264 only, the whole object is demanded."""
    for missing in ("Resolution", "RateControl", "Multicast", "SessionTimeout"):
        if request.find("Configuration", missing) is None:
            raise _refused(f"{missing} is missing")
    if request.require("Configuration", "Encoding") != "H264":
        raise _refused("Encoding")
    wanted = replace(
        _written(device, request, "Configuration"),
        gop=_number(request, "Configuration", "H264", "GovLength"),
        profile=request.text("Configuration", "H264", "H264Profile") or "Main",
    )
    _keep(device, wanted)
    return node("trt:SetVideoEncoderConfigurationResponse")


def get_configurations_2(device: Device, request: SoapRequest) -> Xml:
    """All encoders, or the one asked for."""
    token = request.text("ConfigurationToken")
    told = [_named(device, token)] if token else list(device.encoders_now())
    return node(
        "tr2:GetVideoEncoderConfigurationsResponse",
        *(encoder_2(device, each, "tr2:Configurations") for each in told),
    )


def get_options_2(_device: Device, _request: SoapRequest) -> Xml:
    """What Media2 lets be set, codec by codec."""
    return node(
        "tr2:GetVideoEncoderConfigurationOptionsResponse",
        *(
            node(
                "tr2:Options",
                node("tt:Encoding", codec),
                _range("tt:QualityRange", encoders.QUALITY),
                *_sizes("tt:ResolutionsAvailable"),
                _range("tt:BitrateRange", encoders.KBPS),
                GovLengthRange=f"{encoders.GOP[0]} {encoders.GOP[1]}",
                FrameRatesSupported=RATES,
                ProfilesSupported=" ".join(encoders.PROFILES[codec]),
                ConstantBitRateSupported=True,
            )
            for codec in encoders.CODECS
        ),
    )


def set_configuration_2(device: Device, request: SoapRequest) -> Xml:
    """Change one encoder over Media2."""
    configuration = request.find("Configuration")
    rate = request.find("Configuration", "RateControl")
    if configuration is None:
        raise _refused("Configuration is missing")
    present = _named(device, configuration.get("token"))
    wanted = replace(
        _written(device, request, "Configuration"),
        codec=request.require("Configuration", "Encoding"),
        gop=int(configuration.get("GovLength") or present.gop),
        profile=configuration.get("Profile") or present.profile,
        constant=rate is not None and rate.get("ConstantBitRate") in ("true", "1"),
    )
    _keep(device, wanted)
    return node("tr2:SetVideoEncoderConfigurationResponse")


def _written(device: Device, request: SoapRequest, *at: str) -> EncoderState:
    """What Media and Media2 write alike."""
    element = request.find(*at)
    present = _named(device, None if element is None else element.get("token"))
    return replace(
        present,
        name=request.text(*at, "Name") or present.name,
        width=_number(request, *at, "Resolution", "Width"),
        height=_number(request, *at, "Resolution", "Height"),
        fps=_number(request, *at, "RateControl", "FrameRateLimit"),
        kbps=_number(request, *at, "RateControl", "BitrateLimit"),
        quality=_number(request, *at, "Quality"),
    )


def _number(request: SoapRequest, *at: str) -> int:
    text = request.require(*at)
    try:
        return int(float(text))
    except (ValueError, OverflowError) as error:
        raise _refused(f"{at[-1]} {text}") from error


def _keep(device: Device, wanted: EncoderState) -> None:
    why = encoders.refused(wanted)
    if why:
        raise _refused(why)
    if device.faults.lying_set:
        return
    stream = device.stream_of(wanted.token)
    if device.faults.gop_stays:
        wanted = replace(wanted, gop=device.encoders[stream].gop)
    device.set_encoder(stream, wanted.rounded() if device.faults.rounding_set else wanted)


def _named(device: Device, token: str | None) -> EncoderState:
    found = next((state for state in device.encoders_now() if state.token == token), None)
    if found is None:
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:NoConfig", reason=f"No such encoder: {token}")
    return found


def _refused(reason: str) -> SoapFault:
    return SoapFault("Sender", "ter:InvalidArgVal", "ter:ConfigModify", reason=reason)


def _range(tag: str, bounds: tuple[int, int]) -> Xml:
    return node(tag, node("tt:Min", bounds[0]), node("tt:Max", bounds[1]))


def _sizes(tag: str) -> list[Xml]:
    return [node(tag, node("tt:Width", width), node("tt:Height", height)) for width, height in encoders.SIZES]


OPERATIONS: dict[tuple[str, str], Operation] = {
    (TRT, "GetVideoEncoderConfigurations"): get_configurations,
    (TRT, "GetVideoEncoderConfiguration"): get_configuration,
    (TRT, "GetVideoEncoderConfigurationOptions"): get_options,
    (TRT, "SetVideoEncoderConfiguration"): set_configuration,
    (TR2, "GetVideoEncoderConfigurations"): get_configurations_2,
    (TR2, "GetVideoEncoderConfigurationOptions"): get_options_2,
    (TR2, "SetVideoEncoderConfiguration"): set_configuration_2,
}
