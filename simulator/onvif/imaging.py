"""Answers the ONVIF imaging service: levels, exposure, focus, day/night filter, back light, white balance.

Law: a value outside what GetOptions tells is refused, and what was set is what is read back. Elements stand
in the order of ImagingSettings20.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulator.device.device import Device
from simulator.device.imaging import GROUPS, IR_CUT_FILTER_MODES, LEVELS, Group
from simulator.onvif.operation import Operation
from simulator.onvif.soap import NAMESPACES, SoapFault, SoapRequest, Xml, node

TIMG = NAMESPACES["timg"]
_ORDER = (
    "BacklightCompensation",
    "Brightness",
    "ColorSaturation",
    "Contrast",
    "Exposure",
    "Focus",
    "IrCutFilter",
    "Sharpness",
    "WideDynamicRange",
    "WhiteBalance",
)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What one request changes."""

    levels: Mapping[str, float]
    groups: Mapping[str, Mapping[str, str | float]]
    ir_cut_filter: str | None


def _check_source(device: Device, request: SoapRequest) -> None:
    token = request.text("VideoSourceToken")
    if token != device.source_token:
        raise SoapFault(
            "Sender", "ter:InvalidArgVal", "ter:NoSource", reason=f"No such video source: {token}"
        )


def get_imaging_settings(device: Device, request: SoapRequest) -> Xml:
    """The present values."""
    _check_source(device, request)
    return node(
        "timg:GetImagingSettingsResponse",
        node("timg:ImagingSettings", *(_setting(device, name) for name in _ORDER)),
    )


def _setting(device: Device, name: str) -> Xml:
    if name == "IrCutFilter":
        return node("tt:IrCutFilter", device.ir_cut_filter)
    if name in LEVELS:
        return node(f"tt:{name}", device.imaging[name])
    return node(f"tt:{name}", *(node(f"tt:{item}", each) for item, each in device.optics[name].items()))


def set_imaging_settings(device: Device, request: SoapRequest) -> Xml:
    """Store all given values, or none when one is refused."""
    _check_source(device, request)
    wanted = _read(request)
    if not device.faults.lying_set:
        device.imaging.update(wanted.levels)
        for name, items in wanted.groups.items():
            device.optics[name] = {**device.optics[name], **items}
        device.ir_cut_filter = wanted.ir_cut_filter or device.ir_cut_filter
    return node("timg:SetImagingSettingsResponse")


def _read(request: SoapRequest) -> _Wanted:
    levels = {}
    for name, (low, high) in LEVELS.items():
        text = request.text("ImagingSettings", name)
        if text is not None:
            levels[name] = _in_range(name, text, low, high)
    mode = request.text("ImagingSettings", "IrCutFilter")
    if mode is not None and mode not in IR_CUT_FILTER_MODES:
        raise _refused(f"IrCutFilter {mode}")
    groups = {name: _read_group(request, name, group) for name, group in GROUPS.items()}
    return _Wanted(levels, groups, mode)


def _read_group(request: SoapRequest, name: str, group: Group) -> dict[str, str | float]:
    items: dict[str, str | float] = {}
    mode = request.text("ImagingSettings", name, group.mode_item)
    if mode is not None:
        if mode not in group.modes:
            raise _refused(f"{name} {mode}")
        items[group.mode_item] = mode
    for item, (low, high) in group.ranges.items():
        text = request.text("ImagingSettings", name, item)
        if text is not None:
            items[item] = _in_range(item, text, low, high)
    return items


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
    """Modes and ranges."""
    _check_source(device, request)
    return node(
        "timg:GetOptionsResponse",
        node("timg:ImagingOptions", *(part for name in _ORDER for part in _options(name))),
    )


def _options(name: str) -> list[Xml]:
    if name == "IrCutFilter":
        return [node("tt:IrCutFilterModes", mode) for mode in IR_CUT_FILTER_MODES]
    if name in LEVELS:
        return [_span(f"tt:{name}", LEVELS[name])]
    group = GROUPS[name]
    modes = [node(f"tt:{group.modes_option}", mode) for mode in group.modes]
    spans = [_span(f"tt:{group.option_items.get(item, item)}", span) for item, span in group.ranges.items()]
    return [node(f"tt:{name}", *modes, *spans)]


def _span(tag: str, bounds: tuple[float, float]) -> Xml:
    return node(tag, node("tt:Min", bounds[0]), node("tt:Max", bounds[1]))


def get_service_capabilities(_device: Device, _request: SoapRequest) -> Xml:
    """No image stabilisation."""
    return node("timg:GetServiceCapabilitiesResponse", node("timg:Capabilities", ImageStabilization=False))


OPERATIONS: dict[tuple[str, str], Operation] = {
    (TIMG, "GetImagingSettings"): get_imaging_settings,
    (TIMG, "SetImagingSettings"): set_imaging_settings,
    (TIMG, "GetOptions"): get_options,
    (TIMG, "GetServiceCapabilities"): get_service_capabilities,
}
