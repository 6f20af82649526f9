"""What a device answers to each operation: recorded, or our own where none is recorded.

A device that says the same to every question is left at the first one; to be asked for its presets, its
relays or its recordings it must name its services and answer in the operation's own words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from agent.devices.wsdl import NAMESPACES

_ACTION = re.compile(rb'action="[^"]*/(\w+?)(?:Request)?"')
_ANSWERED = re.compile(rb"Body[^>]*>\s*<(?:[\w.-]+:)?(\w+)Response[\s/>]")
_BY_PREFIX: Final = {
    "tds": NAMESPACES["devicemgmt"],
    "tptz": NAMESPACES["ptz"],
    "trc": NAMESPACES["recording"],
    "tse": NAMESPACES["search"],
    "tmd": NAMESPACES["deviceio"],
    "tt": "http://www.onvif.org/ver10/schema",
}
_NAMESPACES: Final = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in _BY_PREFIX.items())
_TOPIC: Final = (
    '<wsnt:Topic xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2" xmlns:tns1="http://www.onvif.org/ver10/topics">'
    "tns1:RecordingHistory/Recording/State</wsnt:Topic>"
)
_OWN: Final[Mapping[str, str]] = {
    "tds:GetDeviceInformation": "<tds:Manufacturer>M</tds:Manufacturer><tds:Model>1</tds:Model>"
    "<tds:FirmwareVersion>1.0</tds:FirmwareVersion><tds:SerialNumber>A1</tds:SerialNumber>",
    "tds:GetEndpointReference": "<tds:GUID>urn:uuid:0f0f0f0f-0000-1000-8000-00a0b0c0d0e0</tds:GUID>",
    "tds:GetRelayOutputs": '<tds:RelayOutputs token="r1"><tt:Properties><tt:Mode>Monostable</tt:Mode>'
    "<tt:DelayTime>PT5S</tt:DelayTime><tt:IdleState>open</tt:IdleState></tt:Properties></tds:RelayOutputs>",
    "tmd:GetDigitalInputs": '<tmd:DigitalInputs token="i1" IdleState="closed"/>',
    "tmd:GetRelayOutputOptions": '<tmd:RelayOutputOptions token="r1"><tmd:Mode>Bistable</tmd:Mode>'
    "<tmd:DelayTimes>1 60</tmd:DelayTimes><tmd:Discrete>false</tmd:Discrete></tmd:RelayOutputOptions>",
    "tptz:GetStatus": "<tptz:PTZStatus><tt:Position>"
    '<tt:PanTilt x="0.5" y="-1"/><tt:Zoom x="0"/></tt:Position>'
    "<tt:MoveStatus><tt:PanTilt>IDLE</tt:PanTilt></tt:MoveStatus></tptz:PTZStatus>",
    "tptz:GetPresets": '<tptz:Preset token="1"><tt:Name>gate</tt:Name><tt:PTZPosition>'
    '<tt:PanTilt x="0.1" y="0.2"/><tt:Zoom x="0.3"/></tt:PTZPosition></tptz:Preset>',
    "tptz:GetPresetTours": '<tptz:PresetTour token="t1"><tt:Name>round</tt:Name><tt:Status><tt:State>Touring'
    "</tt:State></tt:Status><tt:AutoStart>true</tt:AutoStart><tt:TourSpot><tt:PresetDetail><tt:PresetToken>1"
    "</tt:PresetToken></tt:PresetDetail><tt:StayTime>PT10S</tt:StayTime></tt:TourSpot></tptz:PresetTour>",
    "tptz:GetPresetTourOptions": "<tptz:Options><tt:TourSpot><tt:PresetDetail><tt:PresetToken>1"
    "</tt:PresetToken></tt:PresetDetail><tt:StayTime><tt:Min>PT1S</tt:Min><tt:Max>PT1H</tt:Max>"
    "</tt:StayTime></tt:TourSpot></tptz:Options>",
    "tse:FindRecordings": "<tse:SearchToken>s1</tse:SearchToken>",
    "tse:FindEvents": "<tse:SearchToken>s2</tse:SearchToken>",
    "tse:GetRecordingSearchResults": "<tse:ResultList><tt:SearchState>Completed</tt:SearchState>"
    "<tt:RecordingInformation><tt:RecordingToken>rec1</tt:RecordingToken><tt:Source><tt:Name>gate</tt:Name>"
    "</tt:Source><tt:EarliestRecording>2026-01-01T00:00:00Z</tt:EarliestRecording><tt:LatestRecording>"
    "2026-01-02T00:00:00Z</tt:LatestRecording><tt:Track><tt:TrackToken>v</tt:TrackToken><tt:TrackType>Video"
    "</tt:TrackType></tt:Track><tt:RecordingStatus>Recording</tt:RecordingStatus></tt:RecordingInformation>"
    "</tse:ResultList>",
    "tse:GetEventSearchResults": "<tse:ResultList><tt:SearchState>Completed</tt:SearchState><tt:Result>"
    "<tt:RecordingToken>rec1</tt:RecordingToken><tt:Time>2026-01-01T10:00:00Z</tt:Time>"
    f'<tt:Event>{_TOPIC}<wsnt:Message xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2">'
    '<tt:Message UtcTime="2026-01-01T10:00:00Z"><tt:Data><tt:SimpleItem Name="IsRecording" Value="true"/>'
    "</tt:Data></tt:Message></wsnt:Message></tt:Event><tt:StartStateEvent>false</tt:StartStateEvent>"
    "</tt:Result></tse:ResultList>",
    "tse:EndSearch": "<tse:Endpoint>2026-01-02T00:00:00Z</tse:Endpoint>",
    "trc:GetRecordings": "<trc:RecordingItem><tt:RecordingToken>rec1</tt:RecordingToken></trc:RecordingItem>",
    "trc:GetRecordingJobs": "<trc:JobItem><tt:JobToken>j1</tt:JobToken><tt:JobConfiguration>"
    "<tt:RecordingToken>rec1</tt:RecordingToken></tt:JobConfiguration></trc:JobItem>",
    "trc:GetRecordingJobState": "<trc:State><tt:State>Active</tt:State></trc:State>",
}


def own_answers() -> dict[str, bytes]:
    """Operation to an answer of ours, for what few or none of the recorded devices answer."""
    return {name.partition(":")[2]: _enveloped(name, body) for name, body in _OWN.items()}


def by_operation(seeds: Sequence[bytes]) -> dict[str, list[bytes]]:
    """Operation to all answers known to it, recorded and ours."""
    found: dict[str, list[bytes]] = {name: [text] for name, text in own_answers().items()}
    for text in seeds:
        match = _ANSWERED.search(text)
        if match is not None:
            found.setdefault(match[1].decode(), []).append(text)
    return found


def services_at(host: str, port: int) -> bytes:
    """A GetServices answer: every service this room talks to, at this address."""
    listed = "".join(
        f"<tds:Service><tds:Namespace>{namespace}</tds:Namespace><tds:XAddr>http://{host}:{port}/onvif/{name}"
        "</tds:XAddr><tds:Version><tt:Major>2</tt:Major><tt:Minor>0</tt:Minor></tds:Version></tds:Service>"
        for name, namespace in NAMESPACES.items()
    )
    return _enveloped("tds:GetServices", listed)


def announcement(probe: str) -> bytes:
    """A ProbeMatches answer to a probe with this message id."""
    return (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
        'xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" '
        'xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><s:Header>'
        f"<a:RelatesTo>{probe}</a:RelatesTo></s:Header><s:Body><d:ProbeMatches><d:ProbeMatch>"
        "<a:EndpointReference><a:Address>urn:uuid:0f0f0f0f-0000-1000-8000-00a0b0c0d0e0</a:Address>"
        "</a:EndpointReference><d:Scopes>onvif://www.onvif.org/name/M onvif://www.onvif.org/hardware/1%20A"
        "</d:Scopes><d:XAddrs>http://127.0.0.1:8080/onvif/device_service http://[fe80::1]/onvif</d:XAddrs>"
        "</d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"
    ).encode()


def asked(request: bytes) -> str:
    """The operation of a request, "" where it says none."""
    match = _ACTION.search(request)
    return "" if match is None else match[1].decode()


def _enveloped(operation: str, body: str) -> bytes:
    return (
        f'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" {_NAMESPACES}><s:Body>'
        f"<{operation}Response>{body}</{operation}Response></s:Body></s:Envelope>"
    ).encode()
