"""Answers the ONVIF imaging service: brightness, saturation, contrast, sharpness, day/night filter.

Law: a value outside the range told by GetOptions is refused, and what was set is what is read back.
"""

from __future__ import annotations

from simulator.device.device import IMAGING_RANGES, Device
from simulator.onvif.operation import Operation
from simulator.onvif.soap import NAMESPACES, SoapFault, SoapRequest, Xml, node

TIMG = NAMESPACES["timg"]
IR_CUT_FILTER_MODES = ("ON", "OFF", "AUTO")


def _check_source(device: Device, request: SoapRequest) -> None:
    token = request.text("VideoSourceToken")
    if token != device.source_token:
        raise SoapFault(
            "Sender", "ter:InvalidArgVal", "ter:NoSource", reason=f"No such video source: {token}"
        )


def get_imaging_settings(device: Device, request: SoapRequest) -> Xml:
    """The present values."""
    _check_source(device, request)
    values = device.imaging
    return node(
        "timg:GetImagingSettingsResponse",
        node(
            "timg:ImagingSettings",
            node("tt:Brightness", values["Brightness"]),
            node("tt:ColorSaturation", values["ColorSaturation"]),
            node("tt:Contrast", values["Contrast"]),
            node("tt:IrCutFilter", device.ir_cut_filter),
            node("tt:Sharpness", values["Sharpness"]),
        ),
    )


def set_imaging_settings(device: Device, request: SoapRequest) -> Xml:
    """Store all given values, or none when one is out of range."""
    _check_source(device, request)
    wanted: dict[str, float] = {}
    for name, (low, high) in IMAGING_RANGES.items():
        text = request.text("ImagingSettings", name)
        if text is not None:
            wanted[name] = _in_range(name, text, low, high)
    mode = request.text("ImagingSettings", "IrCutFilter")
    if mode is not None and mode not in IR_CUT_FILTER_MODES:
        raise _refused(f"IrCutFilter {mode}")
    device.imaging.update(wanted)
    device.ir_cut_filter = mode or device.ir_cut_filter
    return node("timg:SetImagingSettingsResponse")


def _in_range(name: str, text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise _refused(f"{name} {text}") from error
    if not low <= value <= high:
        raise _refused(f"{name} {text} is not within {low}..{high}")
    return value


def _refused(reason: str) -> SoapFault:
    return SoapFault("Sender", "ter:InvalidArgVal", "ter:SettingsInvalid", reason=reason)


def get_options(device: Device, request: SoapRequest) -> Xml:
    """The ranges."""
    _check_source(device, request)

    def span(name: str) -> Xml:
        low, high = IMAGING_RANGES[name]
        return node(f"tt:{name}", node("tt:Min", low), node("tt:Max", high))

    return node(
        "timg:GetOptionsResponse",
        node(
            "timg:ImagingOptions",
            span("Brightness"),
            span("ColorSaturation"),
            span("Contrast"),
            *(node("tt:IrCutFilterModes", mode) for mode in IR_CUT_FILTER_MODES),
            span("Sharpness"),
        ),
    )


def get_service_capabilities(_device: Device, _request: SoapRequest) -> Xml:
    """No image stabilisation."""
    return node("timg:GetServiceCapabilitiesResponse", node("timg:Capabilities", ImageStabilization=False))


OPERATIONS: dict[tuple[str, str], Operation] = {
    (TIMG, "GetImagingSettings"): get_imaging_settings,
    (TIMG, "SetImagingSettings"): set_imaging_settings,
    (TIMG, "GetOptions"): get_options,
    (TIMG, "GetServiceCapabilities"): get_service_capabilities,
}
