"""Answers what concerns relays and digital inputs, over the device service and over DeviceIO.

Law: deviceio.wsdl takes GetRelayOutputs and SetRelayOutputState in the namespace of the device service, and
has a SetRelayOutputSettings of its own. A state is told by an event alone: nothing reads it back.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from lxml import etree

from simulator.device import contacts
from simulator.device.contacts import Relay
from simulator.device.device import Device
from simulator.onvif.operation import Operation
from simulator.onvif.soap import NAMESPACES, SoapFault, SoapRequest, Xml, duration_s, local_name, node

TDS, TMD = NAMESPACES["tds"], NAMESPACES["tmd"]
RELAY_TOPIC = "tns1:Device/Trigger/Relay"
INPUT_TOPIC = "tns1:Device/Trigger/DigitalInput"


def get_relays(device: Device, _request: SoapRequest) -> Xml:
    """All relays with their settings."""
    return node(
        "tds:GetRelayOutputsResponse",
        *(
            node(
                "tds:RelayOutputs",
                node(
                    "tt:Properties",
                    node("tt:Mode", one.mode),
                    node("tt:DelayTime", f"PT{one.delay_s:g}S"),
                    node("tt:IdleState", one.idle),
                ),
                token=one.token,
            )
            for one in device.relays.values()
        ),
    )


def get_relay_options(device: Device, request: SoapRequest) -> Xml:
    """Modes and the range of delays."""
    asked = request.text("RelayOutputToken")
    return node(
        "tmd:GetRelayOutputOptionsResponse",
        *(
            node(
                "tmd:RelayOutputOptions",
                *(node("tmd:Mode", mode) for mode in contacts.MODES),
                node("tmd:DelayTimes", " ".join(f"{delay:g}" for delay in contacts.DELAYS_S)),
                token=token,
            )
            for token in device.relays
            if asked in (None, token)
        ),
    )


def set_relay_settings(device: Device, request: SoapRequest) -> Xml:
    """Other settings, over the device service."""
    _set(device, request.text("RelayOutputToken") or "", request.find("Properties"))
    return node("tds:SetRelayOutputSettingsResponse")


def set_relay_settings_by_io(device: Device, request: SoapRequest) -> Xml:
    """Other settings, over DeviceIO: the relay whole."""
    relay = request.find("RelayOutput")
    _set(device, "" if relay is None else relay.get("token", ""), request.find("RelayOutput", "Properties"))
    return node("tmd:SetRelayOutputSettingsResponse")


def _set(device: Device, token: str, properties: etree._Element | None) -> None:
    relay = _relay(device, token)
    told = {
        local_name(part): (part.text or "").strip() for part in (() if properties is None else properties)
    }
    try:
        delay_s = duration_s(told.get("DelayTime", ""))
    except ValueError as error:
        raise _refused(str(error)) from error
    wanted = replace(relay, mode=told.get("Mode", ""), delay_s=delay_s, idle=told.get("IdleState", ""))
    if why := contacts.refused(wanted):
        raise _refused(why)
    if not device.faults.lying_set:
        device.relays[token] = wanted


def set_relay_state(device: Device, request: SoapRequest) -> Xml:
    """Move a relay; a monostable one falls back after its delay."""
    token, state = request.require("RelayOutputToken"), request.require("LogicalState")
    relay = _relay(device, token)
    if state not in ("active", "inactive"):
        raise _refused(f"LogicalState {state}")
    tell_relays(device)
    if not device.faults.lying_set:
        moved = _moved(device, relay, active=state == "active")
        if moved.active and moved.mode == "Monostable":
            asyncio.get_running_loop().call_later(moved.delay_s, _fall_back, device, moved)
    return node("tds:SetRelayOutputStateResponse")


def _moved(device: Device, relay: Relay, *, active: bool) -> Relay:
    moved = replace(relay, active=active, moves=relay.moves + 1)
    device.relays[relay.token] = moved
    tell_relays(device)
    return moved


def _fall_back(device: Device, relay: Relay) -> None:
    if device.relays[relay.token].moves == relay.moves:
        _moved(device, device.relays[relay.token], active=False)


def tell_relays(device: Device) -> None:
    """Tell the states by events, on makes that do."""
    if not device.personality.tells_relays:
        return
    for relay in device.relays.values():
        device.events.set_state(
            RELAY_TOPIC,
            source=(("RelayToken", relay.token),),
            data=(("LogicalState", "active" if relay.active else "inactive"),),
        )


def tell_input(device: Device, token: str, *, active: bool) -> None:
    """An input closed or opened."""
    device.events.set_state(
        INPUT_TOPIC,
        source=(("InputToken", token),),
        data=(("LogicalState", "true" if active else "false"),),
    )


def get_inputs(device: Device, _request: SoapRequest) -> Xml:
    """All inputs."""
    return node(
        "tmd:GetDigitalInputsResponse",
        *(node("tmd:DigitalInputs", token=one.token, IdleState=one.idle) for one in device.inputs.values()),
    )


def get_input_options(_device: Device, _request: SoapRequest) -> Xml:
    """Both idle states."""
    states = (node("tmd:IdleState", state) for state in contacts.IDLE_STATES)
    return node("tmd:GetDigitalInputConfigurationOptionsResponse", node("tmd:DigitalInputOptions", *states))


def set_inputs(device: Device, request: SoapRequest) -> Xml:
    """Other idle states."""
    for element in request.body:
        token, idle = element.get("token", ""), element.get("IdleState", "")
        if token not in device.inputs or idle not in contacts.IDLE_STATES:
            raise _refused(f"DigitalInputs {token} {idle}")
        if not device.faults.lying_set:
            device.inputs[token] = replace(device.inputs[token], idle=idle)
    return node("tmd:SetDigitalInputConfigurationsResponse")


def get_service_capabilities(device: Device, _request: SoapRequest) -> Xml:
    """How many of each."""
    counts = {"RelayOutputs": len(device.relays), "DigitalInputs": len(device.inputs)}
    return node("tmd:GetServiceCapabilitiesResponse", node("tmd:Capabilities", {**counts}))


def _relay(device: Device, token: str) -> Relay:
    if token not in device.relays:
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:RelayToken", reason=f"Unknown relay: {token}")
    return device.relays[token]


def _refused(reason: str) -> SoapFault:
    return SoapFault("Sender", "ter:InvalidArgVal", "ter:ModeError", reason=reason)


OPERATIONS: dict[tuple[str, str], Operation] = {
    (TDS, "GetRelayOutputs"): get_relays,
    (TDS, "SetRelayOutputSettings"): set_relay_settings,
    (TDS, "SetRelayOutputState"): set_relay_state,
    (TMD, "GetServiceCapabilities"): get_service_capabilities,
    (TMD, "GetRelayOutputOptions"): get_relay_options,
    (TMD, "SetRelayOutputSettings"): set_relay_settings_by_io,
    (TMD, "GetDigitalInputs"): get_inputs,
    (TMD, "GetDigitalInputConfigurationOptions"): get_input_options,
    (TMD, "SetDigitalInputConfigurations"): set_inputs,
}
