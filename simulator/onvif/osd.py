"""Answers the OSD operations, alike over Media and Media2."""

from __future__ import annotations

from collections.abc import Callable

from simulator.device import overlays
from simulator.device.device import Device
from simulator.device.overlays import Overlay
from simulator.onvif.operation import Operation
from simulator.onvif.soap import NAMESPACES, SoapFault, SoapRequest, Xml, node


def _osd(device: Device, overlay: Overlay, tag: str) -> Xml:
    custom = overlay.position == "Custom"
    return node(
        tag,
        node("tt:VideoSourceConfigurationToken", device.source_configuration_token),
        node("tt:Type", "Text"),
        node(
            "tt:Position",
            node("tt:Type", overlay.position),
            node("tt:Pos", x=overlay.x, y=overlay.y) if custom else None,
        ),
        node(
            "tt:TextString",
            node("tt:Type", overlay.kind),
            node("tt:DateFormat", "yyyy-MM-dd") if overlay.kind.startswith("Date") else None,
            node("tt:TimeFormat", "HH:mm:ss") if overlay.kind.endswith("Time") else None,
            node("tt:FontSize", overlay.font_size),
            node("tt:PlainText", overlay.text) if overlay.kind == "Plain" else None,
        ),
        token=overlay.token,
    )


def _written(request: SoapRequest, token: str) -> Overlay:
    position = request.require("OSD", "Position", "Type")
    place = request.find("OSD", "Position", "Pos")
    try:
        return Overlay(
            token=token,
            kind=request.require("OSD", "TextString", "Type"),
            position=position,
            text=request.text("OSD", "TextString", "PlainText") or "",
            font_size=int(request.text("OSD", "TextString", "FontSize") or 32),
            x=float("0" if place is None else place.get("x", "0")),
            y=float("0" if place is None else place.get("y", "0")),
        )
    except ValueError as error:
        raise _refused(str(error)) from error


def _refused(reason: str) -> SoapFault:
    return SoapFault("Sender", "ter:InvalidArgVal", "ter:ConfigModify", reason=reason)


def _token(device: Device, token: str | None) -> str:
    if token not in device.overlays:
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:NoConfig", reason=f"No such OSD: {token}")
    return token


def _keep(device: Device, overlay: Overlay) -> None:
    why = overlays.refused(overlay)
    if why:
        raise _refused(why)
    if not device.faults.lying_set:
        device.overlays[overlay.token] = overlay


def _operations(prefix: str) -> dict[tuple[str, str], Operation]:
    """The five operations under one service's prefix."""

    def get_all(device: Device, _request: SoapRequest) -> Xml:
        told = [_osd(device, each, f"{prefix}:OSDs") for each in device.overlays.values()]
        return node(f"{prefix}:GetOSDsResponse", *told)

    def options(_device: Device, _request: SoapRequest) -> Xml:
        low, high = overlays.FONT_SIZES
        text = node(
            "tt:TextOption",
            *(node("tt:Type", kind) for kind in overlays.KINDS),
            node("tt:FontSizeRange", node("tt:Min", low), node("tt:Max", high)),
            node("tt:DateFormat", "yyyy-MM-dd"),
            node("tt:TimeFormat", "HH:mm:ss"),
        )
        return node(
            f"{prefix}:GetOSDOptionsResponse",
            node(
                f"{prefix}:OSDOptions",
                node(
                    "tt:MaximumNumberOfOSDs",
                    Total=overlays.MOST,
                    Image=0,
                    PlainText=overlays.MOST - 1,
                    DateAndTime=1,
                ),
                node("tt:Type", "Text"),
                *(node("tt:PositionOption", place) for place in overlays.POSITIONS),
                text,
            ),
        )

    def create(device: Device, request: SoapRequest) -> Xml:
        if len(device.overlays) >= overlays.MOST:
            raise SoapFault("Receiver", "ter:Action", "ter:MaxOSDs", reason="No more OSDs")
        token = next(name for n in range(99) if (name := f"OSD_{n}") not in device.overlays)
        _keep(device, _written(request, token))
        return node(f"{prefix}:CreateOSDResponse", node(f"{prefix}:OSDToken", token))

    def change(device: Device, request: SoapRequest) -> Xml:
        element = request.find("OSD")
        token = _token(device, None if element is None else element.get("token"))
        _keep(device, _written(request, token))
        return node(f"{prefix}:SetOSDResponse")

    def delete(device: Device, request: SoapRequest) -> Xml:
        token = _token(device, request.text("OSDToken"))
        if not device.faults.lying_set:
            del device.overlays[token]
        return node(f"{prefix}:DeleteOSDResponse")

    named: dict[str, Callable[[Device, SoapRequest], Xml]] = {
        "GetOSDs": get_all,
        "GetOSDOptions": options,
        "CreateOSD": create,
        "SetOSD": change,
        "DeleteOSD": delete,
    }
    return {(NAMESPACES[prefix], name): operation for name, operation in named.items()}


OPERATIONS: dict[tuple[str, str], Operation] = {**_operations("trt"), **_operations("tr2")}
