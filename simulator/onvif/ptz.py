"""Answers the ONVIF PTZ service of domes: nodes, presets, moves, status.

Law: a device without a moving head knows none of these operations.
"""

from __future__ import annotations

import asyncio

from simulator.device.clock import zulu
from simulator.device.device import Device
from simulator.device.place import Position
from simulator.device.ptz import Head, NoPreset
from simulator.onvif import tours
from simulator.onvif.operation import Operation
from simulator.onvif.soap import NAMESPACES, SoapFault, SoapRequest, Xml, duration_s, join, node

TPTZ = NAMESPACES["tptz"]
NODE_TOKEN = "PTZNode_1"  # noqa: S105 - a name, not a secret
CONFIGURATION_TOKEN = "PTZConfig_1"  # noqa: S105 - a name, not a secret
_SPACES = "http://www.onvif.org/ver10/tptz"
_PAN_TILT = f"{_SPACES}/PanTiltSpaces"
_ZOOM = f"{_SPACES}/ZoomSpaces"
_DEFAULT_TIMEOUT_S = 10.0
REACHED_TOPIC = "tns1:PTZController/PTZPresets/Reached"


def _head(device: Device, request: SoapRequest) -> Head:
    token = request.text("ProfileToken")
    if device.head is None or device.media.find(token) is None:
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:NoProfile", reason=f"No such profile: {token}")
    return device.head


def _no_preset(token: str) -> SoapFault:
    return SoapFault("Sender", "ter:InvalidArgVal", "ter:NoToken", reason=f"No such preset: {token}")


def ptz_configuration(tag: str) -> Xml:
    """The one PTZ configuration, as profiles and GetConfigurations show it."""
    return node(
        tag,
        node("tt:Name", CONFIGURATION_TOKEN),
        node("tt:UseCount", 2),
        node("tt:NodeToken", NODE_TOKEN),
        node("tt:DefaultAbsolutePantTiltPositionSpace", f"{_PAN_TILT}/PositionGenericSpace"),
        node("tt:DefaultAbsoluteZoomPositionSpace", f"{_ZOOM}/PositionGenericSpace"),
        node("tt:DefaultContinuousPanTiltVelocitySpace", f"{_PAN_TILT}/VelocityGenericSpace"),
        node("tt:DefaultContinuousZoomVelocitySpace", f"{_ZOOM}/VelocityGenericSpace"),
        node("tt:DefaultPTZTimeout", f"PT{_DEFAULT_TIMEOUT_S:.0f}S"),
        token=CONFIGURATION_TOKEN,
    )


def get_configurations(_device: Device, _request: SoapRequest) -> Xml:
    """The one configuration."""
    return node("tptz:GetConfigurationsResponse", ptz_configuration("tptz:PTZConfiguration"))


def get_nodes(device: Device, _request: SoapRequest) -> Xml:
    """The one node with its spaces."""
    return node(
        "tptz:GetNodesResponse",
        node(
            "tptz:PTZNode",
            node("tt:Name", NODE_TOKEN),
            node(
                "tt:SupportedPTZSpaces",
                _space("AbsolutePanTiltPositionSpace", f"{_PAN_TILT}/PositionGenericSpace", -1, two=True),
                _space("AbsoluteZoomPositionSpace", f"{_ZOOM}/PositionGenericSpace", 0),
                _space("ContinuousPanTiltVelocitySpace", f"{_PAN_TILT}/VelocityGenericSpace", -1, two=True),
                _space("ContinuousZoomVelocitySpace", f"{_ZOOM}/VelocityGenericSpace", -1),
            ),
            node("tt:MaximumNumberOfPresets", device.personality.max_presets),
            node("tt:HomeSupported", True),
            tours.supported_tours(device),
            token=NODE_TOKEN,
        ),
    )


def _space(name: str, uri: str, low: int, *, two: bool = False) -> Xml:
    span = join(node("tt:Min", low), node("tt:Max", 1))
    return node(
        f"tt:{name}",
        node("tt:URI", uri),
        node("tt:XRange", span),
        node("tt:YRange", span) if two else None,
    )


def get_presets(device: Device, request: SoapRequest) -> Xml:
    """All stored presets."""
    presets = _head(device, request).presets
    return node(
        "tptz:GetPresetsResponse",
        *(
            node(
                "tptz:Preset",
                node("tt:Name", name),
                node("tt:PTZPosition", _vector(position)),
                token=token,
            )
            for token, (name, position) in presets.items()
        ),
    )


def _vector(position: Position) -> Xml:
    return join(
        node("tt:PanTilt", x=round(position.pan, 4), y=round(position.tilt, 4)),
        node("tt:Zoom", x=round(position.zoom, 4)),
    )


def goto_preset(device: Device, request: SoapRequest) -> Xml:
    """Start moving; when the head is there the device tells it."""
    token = request.require("PresetToken")
    try:
        seconds = _head(device, request).goto_preset(token)
    except NoPreset as error:
        raise _no_preset(token) from error
    asyncio.get_running_loop().call_later(seconds, _tell_reached, device, token)
    return node("tptz:GotoPresetResponse")


def _tell_reached(device: Device, token: str) -> None:
    if device.head is None or device.head.moving() or token not in device.head.presets:
        return
    device.events.tell(
        REACHED_TOPIC,
        source=(("PTZConfigurationToken", CONFIGURATION_TOKEN),),
        data=(("PresetToken", token), ("PresetName", device.head.presets[token][0])),
        operation=None,
    )


def set_preset(device: Device, request: SoapRequest) -> Xml:
    """Store the present position, new or in place of another."""
    token = request.text("PresetToken")
    try:
        stored = _head(device, request).set_preset(request.text("PresetName"), token or None)
    except NoPreset as error:
        raise _no_preset(token or "no place left") from error
    return node("tptz:SetPresetResponse", node("tptz:PresetToken", stored))


def remove_preset(device: Device, request: SoapRequest) -> Xml:
    """Forget a preset."""
    token = request.require("PresetToken")
    try:
        _head(device, request).remove_preset(token)
    except NoPreset as error:
        raise _no_preset(token) from error
    return node("tptz:RemovePresetResponse")


def get_status(device: Device, request: SoapRequest) -> Xml:
    """Where the head looks and whether it moves."""
    head = _head(device, request)
    moving = "MOVING" if head.moving() else "IDLE"
    return node(
        "tptz:GetStatusResponse",
        node(
            "tptz:PTZStatus",
            *((node("tt:Position", _vector(head.position())),) if device.personality.tells_position else ()),
            node("tt:MoveStatus", node("tt:PanTilt", moving), node("tt:Zoom", moving)),
            node("tt:UtcTime", zulu(device.clock.now())),
        ),
    )


def continuous_move(device: Device, request: SoapRequest) -> Xml:
    """Move until Stop or the timeout."""
    text = request.text("Timeout")
    try:
        for_s = duration_s(text) if text else _DEFAULT_TIMEOUT_S
    except ValueError as error:
        raise SoapFault("Sender", "ter:InvalidArgVal", reason=str(error)) from error
    _head(device, request).drive(_wanted(request, "Velocity", Position()), for_s)
    return node("tptz:ContinuousMoveResponse")


def absolute_move(device: Device, request: SoapRequest) -> Xml:
    """Move to a position; what is left out stays."""
    head = _head(device, request)
    head.go(_wanted(request, "Position", head.position()))
    return node("tptz:AbsoluteMoveResponse")


def _wanted(request: SoapRequest, tag: str, missing: Position) -> Position:
    pan_tilt, zoom = request.find(tag, "PanTilt"), request.find(tag, "Zoom")
    try:
        return Position(
            missing.pan if pan_tilt is None else float(pan_tilt.get("x", "0")),
            missing.tilt if pan_tilt is None else float(pan_tilt.get("y", "0")),
            missing.zoom if zoom is None else float(zoom.get("x", "0")),
        )
    except ValueError as error:
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:InvalidPosition", reason=str(error)) from error


def stop(device: Device, request: SoapRequest) -> Xml:
    """Stand still."""
    _head(device, request).stop()
    return node("tptz:StopResponse")


def goto_home_position(device: Device, request: SoapRequest) -> Xml:
    """Move home."""
    head = _head(device, request)
    head.go(head.home)
    return node("tptz:GotoHomePositionResponse")


def set_home_position(device: Device, request: SoapRequest) -> Xml:
    """The present view is home from now on."""
    head = _head(device, request)
    if not device.faults.lying_set:
        head.home = head.position()
    return node("tptz:SetHomePositionResponse")


def get_service_capabilities(_device: Device, _request: SoapRequest) -> Xml:
    """No flip, no reverse."""
    return node("tptz:GetServiceCapabilitiesResponse", node("tptz:Capabilities", EFlip=False, Reverse=False))


OPERATIONS: dict[tuple[str, str], Operation] = {
    (TPTZ, "GetNodes"): get_nodes,
    (TPTZ, "GetConfigurations"): get_configurations,
    (TPTZ, "GetPresets"): get_presets,
    (TPTZ, "GotoPreset"): goto_preset,
    (TPTZ, "SetPreset"): set_preset,
    (TPTZ, "RemovePreset"): remove_preset,
    (TPTZ, "GetStatus"): get_status,
    (TPTZ, "ContinuousMove"): continuous_move,
    (TPTZ, "AbsoluteMove"): absolute_move,
    (TPTZ, "Stop"): stop,
    (TPTZ, "GotoHomePosition"): goto_home_position,
    (TPTZ, "SetHomePosition"): set_home_position,
    (TPTZ, "GetServiceCapabilities"): get_service_capabilities,
    **tours.OPERATIONS,
}
