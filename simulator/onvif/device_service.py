"""Answers the ONVIF device service: identity, time, network, capabilities, restart.

Law: element order is that of devicemgmt.wsdl; strict clients refuse anything else.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from simulator.device.device import Device
from simulator.device.kinds import Kind
from simulator.device.recorder import RecordingHabits
from simulator.onvif.operation import Operation
from simulator.onvif.soap import NAMESPACES, SoapFault, SoapRequest, Xml, join, node

TDS = NAMESPACES["tds"]
CHINA = timedelta(hours=8)


def get_system_date_and_time(device: Device, _request: SoapRequest) -> Xml:
    """The device's clock; the time zone is what the make writes, right or not."""
    now = device.clock.now()
    return node(
        "tds:GetSystemDateAndTimeResponse",
        node(
            "tds:SystemDateAndTime",
            node("tt:DateTimeType", device.time_mode),
            node("tt:DaylightSavings", False),
            node("tt:TimeZone", node("tt:TZ", device.time_zone)),
            _date_time("tt:UTCDateTime", now),
            _date_time("tt:LocalDateTime", now + CHINA),
        ),
    )


def _date_time(tag: str, moment: datetime) -> Xml:
    return node(
        tag,
        node(
            "tt:Time",
            node("tt:Hour", moment.hour),
            node("tt:Minute", moment.minute),
            node("tt:Second", moment.second),
        ),
        node(
            "tt:Date",
            node("tt:Year", moment.year),
            node("tt:Month", moment.month),
            node("tt:Day", moment.day),
        ),
    )


def set_system_date_and_time(device: Device, request: SoapRequest) -> Xml:
    """Manual sets the clock to UTCDateTime; NTP makes it right when a server is known (ONVIF Core 8.3)."""
    mode = request.require("DateTimeType")
    zone = request.text("TimeZone", "TZ")
    if device.faults.lying_set:
        return node("tds:SetSystemDateAndTimeResponse")
    if mode == "NTP":
        if not device.ntp_servers and not device.ntp_from_dhcp:
            raise SoapFault(
                "Sender", "ter:InvalidArgVal", "ter:NtpServerUndefined", reason="No NTP server is defined"
            )
        device.repair_clock()
    elif mode == "Manual":
        _set_by_hand(device, request)
    else:
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:InvalidDateTime", reason=f"DateTimeType {mode}")
    device.time_mode = mode
    device.time_zone = zone or device.time_zone
    return node("tds:SetSystemDateAndTimeResponse")


def _set_by_hand(device: Device, request: SoapRequest) -> None:
    names = (("Date", "Year"), ("Date", "Month"), ("Date", "Day"))
    times = (("Time", "Hour"), ("Time", "Minute"), ("Time", "Second"))
    if request.find("UTCDateTime") is None:
        return
    try:
        figures = [int(request.require("UTCDateTime", *path)) for path in (*names, *times)]
        year, month, day, hour, minute, second = figures
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError as error:
        raise SoapFault(
            "Sender", "ter:InvalidArgVal", "ter:InvalidDateTime", reason=f"Invalid date: {error}"
        ) from error
    device.repair_clock()
    device.clock.set_to(moment)


def get_device_information(device: Device, _request: SoapRequest) -> Xml:
    """Make, model, firmware and serial."""
    identity = device.identity
    return node(
        "tds:GetDeviceInformationResponse",
        node("tds:Manufacturer", identity.manufacturer),
        node("tds:Model", identity.model),
        node("tds:FirmwareVersion", identity.firmware),
        node("tds:SerialNumber", identity.serial),
        node("tds:HardwareId", identity.hardware_id),
    )


def services(device: Device) -> list[tuple[str, str, tuple[int, int]]]:
    """(namespace, path, version) of every service the device has."""
    paths = device.personality.paths
    found = [
        (TDS, paths.device, (2, 42)),
        (NAMESPACES["trt"], paths.media, (2, 60)),
        (NAMESPACES["tev"], paths.events, (2, 60)),
        (NAMESPACES["timg"], paths.imaging, (2, 50)),
    ]
    if paths.media2 is not None:
        found.append((NAMESPACES["tr2"], paths.media2, (2, 60)))
    if device.head is not None:
        found.append((NAMESPACES["tptz"], paths.ptz, (2, 50)))
    if device.recorder is not None:
        found.append((NAMESPACES["trc"], device.recorder.habits.recording, (2, 60)))
        found.append((NAMESPACES["tse"], device.recorder.habits.search, (2, 42)))
    if paths.deviceio is not None:
        found.append((NAMESPACES["tmd"], paths.deviceio, (2, 60)))
    return found


def dead_paths(device: Device) -> set[str]:
    """Paths of services that are told and not there."""
    if device.recorder is None or not device.recorder.habits.dead:
        return set()
    return {device.recorder.habits.recording, device.recorder.habits.search}


def get_services(device: Device, _request: SoapRequest) -> Xml:
    """All services; capabilities are asked for one by one."""
    return node(
        "tds:GetServicesResponse",
        *(
            node(
                "tds:Service",
                node("tds:Namespace", namespace),
                node("tds:XAddr", device.url(path)),
                node("tds:Version", node("tt:Major", major), node("tt:Minor", minor)),
            )
            for namespace, path, (major, minor) in services(device)
        ),
    )


def get_service_capabilities(device: Device, _request: SoapRequest) -> Xml:
    """What the device service can do."""
    return node(
        "tds:GetServiceCapabilitiesResponse",
        node(
            "tds:Capabilities",
            node("tds:Network", NTP=1, IPFilter=False, ZeroConfiguration=False, IPVersion6=False),
            node(
                "tds:Security",
                {"TLS1.2": False, "UsernameToken": True, "HttpDigest": True},
                MaxUsers=10,
                MaxUserNameLength=32,
                MaxPasswordLength=16,
            ),
            node(
                "tds:System",
                DiscoveryResolve=True,
                DiscoveryBye=True,
                FirmwareUpgrade=device.personality.mtom,
                HttpFirmwareUpgrade=_claimed(
                    device.personality.claims_http_upgrade, device.personality.http_upgrade
                ),
                HttpSystemBackup=device.personality.system_uris,
            ),
        ),
    )


def _claimed(claim: bool | None, truth: bool) -> bool:
    return truth if claim is None else claim


def get_capabilities(device: Device, request: SoapRequest) -> Xml:
    """The older answer to GetServices, by category; All is the default."""
    asked = {(element.text or "").strip() for element in request.body} or {"All"}
    parts = _capabilities(device)
    if unknown := asked - {"All"} - parts.keys():
        raise SoapFault(
            "Receiver",
            "ter:ActionNotSupported",
            "ter:NoSuchService",
            reason=f"No such service: {', '.join(sorted(unknown))}",
        )
    wanted = parts if "All" in asked else {name: parts[name] for name in parts if name in asked}
    return node("tds:GetCapabilitiesResponse", node("tds:Capabilities", join(*wanted.values())))


def _capabilities(device: Device) -> dict[str, Xml]:
    paths = device.personality.paths
    parts = {
        "Device": node(
            "tt:Device",
            node("tt:XAddr", device.url(paths.device)),
            node(
                "tt:System",
                node("tt:DiscoveryResolve", True),
                node("tt:DiscoveryBye", True),
                node("tt:RemoteDiscovery", False),
                node("tt:SystemBackup", device.personality.mtom),
                node("tt:SystemLogging", True),
                node("tt:FirmwareUpgrade", device.personality.mtom),
                node("tt:SupportedVersions", node("tt:Major", 2), node("tt:Minor", 42)),
            ),
        ),
        "Events": node(
            "tt:Events",
            node("tt:XAddr", device.url(paths.events)),
            node("tt:WSSubscriptionPolicySupport", False),
            node("tt:WSPullPointSupport", device.personality.claims_pull_points),
            node("tt:WSPausableSubscriptionManagerInterfaceSupport", False),
        ),
        "Imaging": node("tt:Imaging", node("tt:XAddr", device.url(paths.imaging))),
        "Media": node(
            "tt:Media",
            node("tt:XAddr", device.url(paths.media)),
            node(
                "tt:StreamingCapabilities",
                node("tt:RTPMulticast", False),
                node("tt:RTP_TCP", False),
                node("tt:RTP_RTSP_TCP", True),
            ),
        ),
    }
    if device.head is not None:
        parts["PTZ"] = node("tt:PTZ", node("tt:XAddr", device.url(paths.ptz)))
    if device.recorder is not None:
        parts["Extension"] = _recording_capabilities(device, device.recorder.habits)
    return parts


def _recording_capabilities(device: Device, habits: RecordingHabits) -> Xml:
    return node(
        "tt:Extension",
        node(
            "tt:Recording",
            node("tt:XAddr", device.url(habits.recording)),
            node("tt:ReceiverSource", False),
            node("tt:MediaProfileSource", True),
            node("tt:DynamicRecordings", False),
            node("tt:DynamicTracks", False),
            node("tt:MaxStringLength", 64),
        ),
        node(
            "tt:Search",
            node("tt:XAddr", device.url(habits.search)),
            node("tt:MetadataSearch", False),
        ),
    )


def scopes(device: Device) -> list[str]:
    """The device's scopes, percent-encoded as in the field."""
    identity = device.identity
    roles = ["type/Network_Video_Transmitter", "type/video_encoder"]
    if device.head is not None:
        roles.append("type/ptz")
    if device.kind is Kind.NVR_CHANNEL:
        roles[0] = "type/Network_Video_Recorder"
    profiles = (
        ["Profile/Streaming"]
        + (["Profile/G"] if device.recorder else [])
        + (["Profile/T"] if device.personality.paths.media2 else [])
    )
    told = [*profiles, *roles]
    told.append(f"name/{quote(f'{identity.manufacturer} {identity.model}')}")
    told.append(f"hardware/{quote(identity.model)}")
    told.append("location/country/china")
    return [f"onvif://www.onvif.org/{scope}" for scope in told]


def get_scopes(device: Device, _request: SoapRequest) -> Xml:
    """All scopes, all fixed."""
    return node(
        "tds:GetScopesResponse",
        *(
            node("tds:Scopes", node("tt:ScopeDef", "Fixed"), node("tt:ScopeItem", scope))
            for scope in scopes(device)
        ),
    )


def get_endpoint_reference(device: Device, _request: SoapRequest) -> Xml:
    """The name by which WS-Discovery knows the device."""
    return node("tds:GetEndpointReferenceResponse", node("tds:GUID", f"urn:uuid:{device.identity.uuid}"))


def get_network_interfaces(device: Device, _request: SoapRequest) -> Xml:
    """One Ethernet port with the device's MAC and address."""
    link = join(node("tt:AutoNegotiation", True), node("tt:Speed", 100), node("tt:Duplex", "Full"))
    address = node("tt:Manual", node("tt:Address", device.ip), node("tt:PrefixLength", 24))
    return node(
        "tds:GetNetworkInterfacesResponse",
        node(
            "tds:NetworkInterfaces",
            node("tt:Enabled", True),
            node(
                "tt:Info",
                node("tt:Name", "eth0"),
                node("tt:HwAddress", device.identity.mac),
                node("tt:MTU", 1500),
            ),
            node(
                "tt:Link",
                node("tt:AdminSettings", link),
                node("tt:OperSettings", link),
                node("tt:InterfaceType", 6),
            ),
            node(
                "tt:IPv4",
                node("tt:Enabled", True),
                node("tt:Config", address, node("tt:DHCP", False)),
            ),
            token="eth0",  # noqa: S106 - a name, not a secret
        ),
    )


def get_hostname(device: Device, _request: SoapRequest) -> Xml:
    """The name it was given."""
    return node(
        "tds:GetHostnameResponse",
        node("tds:HostnameInformation", node("tt:FromDHCP", False), node("tt:Name", device.hostname)),
    )


def get_ntp(device: Device, _request: SoapRequest) -> Xml:
    """The time servers set by hand."""
    return node(
        "tds:GetNTPResponse",
        node(
            "tds:NTPInformation",
            node("tt:FromDHCP", device.ntp_from_dhcp),
            *(
                node("tt:NTPManual", node("tt:Type", "IPv4"), node("tt:IPv4Address", server))
                if _is_ipv4(server)
                else node("tt:NTPManual", node("tt:Type", "DNS"), node("tt:DNSname", server))
                for server in device.ntp_servers
            ),
        ),
    )


def _is_ipv4(server: str) -> bool:
    return server.replace(".", "").isdigit()


def set_ntp(device: Device, request: SoapRequest) -> Xml:
    """Store time servers; the clock's mode stays (ONVIF Core 8.3.4)."""
    servers: list[str] = []
    for entry in request.body:
        servers += [
            (child.text or "").strip()
            for child in entry
            if isinstance(child.tag, str) and child.tag.endswith(("}IPv4Address", "}DNSname"))
        ]
    if not device.faults.lying_set:
        device.ntp_servers = tuple(servers)
        device.ntp_from_dhcp = request.text("FromDHCP") in ("true", "1")
    return node("tds:SetNTPResponse")


def system_reboot(device: Device, _request: SoapRequest) -> Xml:
    """Answer first, then go down."""
    device.on_reboot()
    return node("tds:SystemRebootResponse", node("tds:Message", "Rebooting in 1 second"))


OPERATIONS: dict[tuple[str, str], Operation] = {
    (TDS, "GetSystemDateAndTime"): get_system_date_and_time,
    (TDS, "SetSystemDateAndTime"): set_system_date_and_time,
    (TDS, "GetDeviceInformation"): get_device_information,
    (TDS, "GetServices"): get_services,
    (TDS, "GetServiceCapabilities"): get_service_capabilities,
    (TDS, "GetCapabilities"): get_capabilities,
    (TDS, "GetScopes"): get_scopes,
    (TDS, "GetEndpointReference"): get_endpoint_reference,
    (TDS, "GetNetworkInterfaces"): get_network_interfaces,
    (TDS, "GetHostname"): get_hostname,
    (TDS, "GetNTP"): get_ntp,
    (TDS, "SetNTP"): set_ntp,
    (TDS, "SystemReboot"): system_reboot,
}
