"""Answers the preset tours of the ONVIF PTZ service.

Law: a make without preset tours knows none of these operations; a lying device answers and keeps nothing.
"""

from __future__ import annotations

from lxml import etree

from simulator.device.device import Device
from simulator.device.ptz import MAX_TOURS, Head
from simulator.device.tours import (
    DEFAULT_STAY_S,
    LEAST_STAY_S,
    MOST_STAY_S,
    NoTour,
    PresetTour,
    Stop,
    TourState,
)
from simulator.onvif.operation import Operation
from simulator.onvif.soap import NAMESPACES, SoapFault, SoapRequest, Xml, duration_s, local_name, node

TPTZ = NAMESPACES["tptz"]
_OPERATIONS = ("Start", "Stop", "Pause")


def supported_tours(device: Device) -> Xml | None:
    """What a PTZ node tells of tours; None for a make without them."""
    if not device.personality.preset_tours:
        return None
    return node(
        "tt:Extension",
        node(
            "tt:SupportedPresetTour",
            node("tt:MaximumNumberOfPresetTours", MAX_TOURS),
            *(node("tt:PTZPresetTourOperation", name) for name in _OPERATIONS),
        ),
    )


def get_preset_tours(device: Device, request: SoapRequest) -> Xml:
    """All tours with their states."""
    tours = _head(device, request).tours.all()
    return node("tptz:GetPresetToursResponse", *(_tour("tptz:PresetTour", tour) for tour in tours))


def get_preset_tour(device: Device, request: SoapRequest) -> Xml:
    """One tour."""
    tour = _find(_head(device, request), request.require("PresetTourToken"))
    return node("tptz:GetPresetTourResponse", _tour("tptz:PresetTour", tour))


def get_preset_tour_options(device: Device, request: SoapRequest) -> Xml:
    """What a spot may be."""
    presets = _head(device, request).presets
    return node(
        "tptz:GetPresetTourOptionsResponse",
        node(
            "tptz:Options",
            node("tt:AutoStart", True),
            node("tt:StartingCondition"),
            node(
                "tt:TourSpot",
                node("tt:PresetDetail", *(node("tt:PresetToken", token) for token in presets)),
                node(
                    "tt:StayTime",
                    node("tt:Min", f"PT{LEAST_STAY_S:g}S"),
                    node("tt:Max", f"PT{MOST_STAY_S:g}S"),
                ),
            ),
        ),
    )


def create_preset_tour(device: Device, request: SoapRequest) -> Xml:
    """An empty tour."""
    head = _head(device, request)
    if device.faults.lying_set:
        return node("tptz:CreatePresetTourResponse", node("tptz:PresetTourToken", "Tour_lie"))
    try:
        made = head.tours.create()
    except NoTour as error:
        raise SoapFault("Receiver", "ter:Action", "ter:TooManyPresetTours", reason=str(error)) from error
    return node("tptz:CreatePresetTourResponse", node("tptz:PresetTourToken", made.token))


def modify_preset_tour(device: Device, request: SoapRequest) -> Xml:
    """Name, stops and automatic start of one tour."""
    head = _head(device, request)
    wanted = request.find("PresetTour")
    if wanted is None:
        raise SoapFault("Sender", "ter:InvalidArgVal", reason="PresetTour is missing")
    tour = _find(head, wanted.get("token", ""))
    stops = tuple(_stop(each, head) for each in wanted if local_name(each) == "TourSpot")
    name = (request.text("PresetTour", "Name") or tour.name)[:64]
    autostart = request.text("PresetTour", "AutoStart") in ("true", "1")
    if not device.faults.lying_set:
        head.tours.modify(tour.token, name=name, autostart=autostart, stops=stops)
    return node("tptz:ModifyPresetTourResponse")


def operate_preset_tour(device: Device, request: SoapRequest) -> Xml:
    """Start, stop or pause."""
    head = _head(device, request)
    tour = _find(head, request.require("PresetTourToken"))
    operation = request.require("Operation")
    if operation not in _OPERATIONS:
        raise SoapFault("Sender", "ter:InvalidArgVal", reason=f"no such operation: {operation}")
    if device.faults.lying_set:
        return node("tptz:OperatePresetTourResponse")
    if operation == "Start":
        try:
            head.start_tour(tour.token)
        except NoTour as error:
            raise SoapFault("Receiver", "ter:Action", "ter:ActivationFailed", reason=str(error)) from error
    else:
        head.leave_tour(TourState.PAUSED if operation == "Pause" else TourState.IDLE)
    return node("tptz:OperatePresetTourResponse")


def remove_preset_tour(device: Device, request: SoapRequest) -> Xml:
    """Forget a tour; one that runs ends."""
    head = _head(device, request)
    tour = _find(head, request.require("PresetTourToken"))
    if not device.faults.lying_set:
        if tour.state is TourState.TOURING:
            head.leave_tour()
        head.tours.remove(tour.token)
    return node("tptz:RemovePresetTourResponse")


def _head(device: Device, request: SoapRequest) -> Head:
    token = request.text("ProfileToken")
    if device.head is None or device.media.find(token) is None:
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:NoProfile", reason=f"No such profile: {token}")
    return device.head


def _find(head: Head, token: str) -> PresetTour:
    try:
        return head.tours.find(token)
    except NoTour as error:
        reason = f"No such preset tour: {token}"
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:NoToken", reason=reason) from error


def _stop(spot: etree._Element, head: Head) -> Stop:
    texts = {local_name(each): (each.text or "").strip() for each in spot.iter() if local_name(each)}
    preset = texts.get("PresetToken", "")
    if preset not in head.presets:
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:InvalidPresetTour", reason=f"no preset {preset}")
    try:
        stay_s = duration_s(texts["StayTime"]) if "StayTime" in texts else DEFAULT_STAY_S
    except ValueError as error:
        raise SoapFault("Sender", "ter:InvalidArgVal", reason=str(error)) from error
    if not LEAST_STAY_S <= stay_s <= MOST_STAY_S:
        raise SoapFault("Sender", "ter:InvalidArgVal", reason=f"no such stay: {stay_s:g} s")
    return Stop(preset, stay_s)


def _tour(tag: str, tour: PresetTour) -> Xml:
    return node(
        tag,
        node("tt:Name", tour.name),
        node("tt:Status", node("tt:State", str(tour.state))),
        node("tt:AutoStart", tour.autostart),
        node("tt:StartingCondition"),
        *(
            node(
                "tt:TourSpot",
                node("tt:PresetDetail", node("tt:PresetToken", stop.preset)),
                node("tt:Speed", node("tt:PanTilt", x=0.5, y=0.5)),
                node("tt:StayTime", f"PT{stop.stay_s:g}S"),
            )
            for stop in tour.stops
        ),
        token=tour.token,
    )


OPERATIONS: dict[tuple[str, str], Operation] = {
    (TPTZ, "GetPresetTours"): get_preset_tours,
    (TPTZ, "GetPresetTour"): get_preset_tour,
    (TPTZ, "GetPresetTourOptions"): get_preset_tour_options,
    (TPTZ, "CreatePresetTour"): create_preset_tour,
    (TPTZ, "ModifyPresetTour"): modify_preset_tour,
    (TPTZ, "OperatePresetTour"): operate_preset_tour,
    (TPTZ, "RemovePresetTour"): remove_preset_tour,
}
NAMES = frozenset(name for _, name in OPERATIONS)
