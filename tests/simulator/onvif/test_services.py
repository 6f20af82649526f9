"""Every answer is read by a strict SOAP client from the standard's own WSDLs, for every make."""

from __future__ import annotations

import copy
import importlib.metadata
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests
import zeep
import zeep.transports
from zeep.exceptions import Fault

from simulator.device.personality import PERSONALITIES
from tests.support.onvif_client import TR2, TRT, ask
from tests.support.virtual_county import RunningCounty, entry, running

Transport: Any = zeep.transports.Transport  # its module has no types
ZeepClient: Any = zeep.Client
WSDLS = next(
    Path(str(file.locate())).resolve().parent
    for file in importlib.metadata.files("onvif-zeep") or ()
    if file.name == "devicemgmt.wsdl"
)
NS = "http://www.onvif.org"
BINDINGS = {
    "device": ("devicemgmt.wsdl", f"{NS}/ver10/device/wsdl", "DeviceBinding"),
    "media": ("media.wsdl", f"{NS}/ver10/media/wsdl", "MediaBinding"),
    "imaging": ("imaging.wsdl", f"{NS}/ver20/imaging/wsdl", "ImagingBinding"),
    "ptz": ("ptz.wsdl", f"{NS}/ver20/ptz/wsdl", "PTZBinding"),
    "events": ("events.wsdl", f"{NS}/ver10/events/wsdl", "EventBinding"),
}


@cache
def _client(wsdl: str) -> Any:
    return ZeepClient(str(WSDLS / wsdl), settings=zeep.Settings(strict=True), transport=Transport(cache=None))


@pytest.fixture(scope="module")
def county() -> Iterator[RunningCounty]:
    """A dome of every make."""
    makes = [entry(name, personality=name, kind="ptz_dome", auth="none") for name in PERSONALITIES]
    with running(*makes, entry("fixed", auth="none")) as started:
        yield started


@pytest.fixture
def transport() -> Iterator[Any]:
    """A session closed at the end."""
    with requests.Session() as session:
        yield Transport(session=session, cache=None, timeout=5, operation_timeout=10)


def _service(county: RunningCounty, name: str, which: str, transport: Any) -> Any:
    wsdl, namespace, binding = BINDINGS[which]
    path = getattr(county.device(name).personality.paths, which)
    client = copy.copy(_client(wsdl))
    client.transport = transport
    return client.create_service(f"{{{namespace}}}{binding}", county.url(name, path))


@pytest.mark.parametrize("name", PERSONALITIES)
def test_identity_time_and_network(county: RunningCounty, name: str, transport: Any) -> None:
    device = _service(county, name, "device", transport)
    identity = county.device(name).identity
    information = device.GetDeviceInformation()
    assert (information.Manufacturer, information.Model) == (identity.manufacturer, identity.model)
    assert information.SerialNumber == identity.serial
    interface = device.GetNetworkInterfaces()[0]
    assert interface.Info.HwAddress == identity.mac
    assert interface.IPv4.Config.Manual[0].Address == county.device(name).ip
    assert PERSONALITIES[name].time_zone == device.GetSystemDateAndTime().TimeZone.TZ
    assert device.GetHostname().Name == name
    assert [user.Username for user in device.GetUsers()] == ["admin"]
    assert device.GetNTP().NTPManual == []
    assert device.GetServiceCapabilities().Security.UsernameToken
    assert f"{NS}/Profile/Streaming".replace("http", "onvif") in [s.ScopeItem for s in device.GetScopes()]


@pytest.mark.parametrize("name", PERSONALITIES)
def test_capabilities_and_services_name_the_same_addresses(
    county: RunningCounty, name: str, transport: Any
) -> None:
    device = _service(county, name, "device", transport)
    capabilities = device.GetCapabilities("All")
    told = {which: capabilities[which].XAddr for which in ("Device", "Media", "Events", "Imaging", "PTZ")}
    assert capabilities.Events.WSPullPointSupport is PERSONALITIES[name].claims_pull_points
    if not PERSONALITIES[name].has_get_services:
        with pytest.raises(Fault):
            device.GetServices(False)
        return
    services = {service.Namespace: service.XAddr for service in device.GetServices(False)}
    for which, namespace in (("Media", TRT), ("Events", f"{NS}/ver10/events/wsdl")):
        assert services[namespace] == told[which]
    assert (TR2 in services) is (PERSONALITIES[name].paths.media2 is not None)


@pytest.mark.parametrize("name", PERSONALITIES)
def test_profiles_sources_and_addresses(county: RunningCounty, name: str, transport: Any) -> None:
    media = _service(county, name, "media", transport)
    profiles = media.GetProfiles()
    assert [profile.token for profile in profiles] == ["main", "sub"]
    encoder = profiles[0].VideoEncoderConfiguration
    assert (encoder.Encoding, encoder.Resolution.Width, encoder.RateControl.FrameRateLimit) == (
        "H264",
        1280,
        15,
    )
    assert encoder.H264.GovLength == 30
    assert media.GetVideoSources()[0].token == profiles[0].VideoSourceConfiguration.SourceToken
    assert media.GetVideoSourceConfigurations()[0].token == profiles[1].VideoSourceConfiguration.token
    assert len(media.GetVideoEncoderConfigurations()) == 2 + len(PERSONALITIES[name].spare_encoders)
    assert media.GetServiceCapabilities().SnapshotUri
    setup = {"Stream": "RTP-Unicast", "Transport": {"Protocol": "RTSP"}}
    assert media.GetStreamUri(setup, "main").Uri.endswith("/main")
    assert county.device(name).ip in media.GetSnapshotUri("sub").Uri


def test_media2_tells_the_codec_and_bare_addresses(county: RunningCounty) -> None:
    url = county.url("plain", county.device("plain").personality.paths.media2)
    bare = ask(url, "GetProfiles", namespace=TR2)
    full = ask(url, "GetProfiles", namespace=TR2, body="<Type>VideoEncoder</Type>")
    assert bare.text("Encoding") is None
    assert full.texts("Encoding") == ["H264", "H264"]
    county.switch("plain", h265=True)
    again = ask(url, "GetProfiles", namespace=TR2, body="<Type>All</Type><Token>sub</Token>")
    assert again.texts("Encoding") == ["H265"]
    county.switch("plain", h265=False)
    uri = ask(
        url, "GetStreamUri", namespace=TR2, body="<Protocol>RTSP</Protocol><ProfileToken>sub</ProfileToken>"
    )
    assert (uri.text("Uri") or "").endswith("/sub")


def test_an_unknown_profile_is_named_in_the_fault(county: RunningCounty) -> None:
    answer = ask(county.url("plain"), "GetStreamUri", namespace=TRT, body="<ProfileToken>zzz</ProfileToken>")
    assert answer.fault == "Sender/InvalidArgVal/NoProfile"


def test_an_unknown_category_is_no_such_service(county: RunningCounty) -> None:
    answer = ask(county.url("plain"), "GetCapabilities", body="<Category>Analytics</Category>")
    assert answer.fault == "Receiver/ActionNotSupported/NoSuchService"


def test_imaging_is_read_changed_and_read_back(county: RunningCounty, transport: Any) -> None:
    imaging = _service(county, "plain", "imaging", transport)
    source = county.device("plain").source_token
    options = imaging.GetOptions(source)
    settings = imaging.GetImagingSettings(source)
    settings.Brightness, settings.IrCutFilter = options.Brightness.Max, "OFF"
    imaging.SetImagingSettings(source, settings)
    changed = imaging.GetImagingSettings(source)
    assert (changed.Brightness, changed.IrCutFilter, changed.Contrast) == (100.0, "OFF", 50.0)
    settings.Brightness, settings.Contrast = 101.0, 10.0
    with pytest.raises(Fault) as fault:
        imaging.SetImagingSettings(source, settings)
    assert [code.localname for code in fault.value.subcodes] == ["InvalidArgVal", "SettingsInvalid"]
    assert imaging.GetImagingSettings(source).Contrast == 50.0
    with pytest.raises(Fault):
        imaging.GetImagingSettings("elsewhere")


def test_the_clock_is_set_by_hand_and_by_ntp(county: RunningCounty, transport: Any) -> None:
    device, simulated = _service(county, "fixed", "device", transport), county.device("fixed")
    county.switch("fixed", clock_offset_s=-5000)
    moment = {
        "Time": {"Hour": 1, "Minute": 2, "Second": 3},
        "Date": {"Year": 2020, "Month": 2, "Day": 29},
    }
    device.SetSystemDateAndTime("Manual", False, {"TZ": "CST-8"}, moment)
    assert "clock_offset_s" not in simulated.faults.active()
    assert device.GetSystemDateAndTime().UTCDateTime.Date.Year == 2020
    with pytest.raises(Fault) as fault:
        device.SetSystemDateAndTime("NTP", False)
    assert [code.localname for code in fault.value.subcodes][-1] == "NtpServerUndefined"
    device.SetNTP(
        False, [{"Type": "IPv4", "IPv4Address": "127.0.0.1"}, {"Type": "DNS", "DNSname": "ntp.lan"}]
    )
    assert [host.DNSname for host in device.GetNTP().NTPManual] == [None, "ntp.lan"]
    assert device.GetSystemDateAndTime().UTCDateTime.Date.Year == 2020
    device.SetSystemDateAndTime("NTP", False)
    assert simulated.clock.offset_s == 0
    assert device.GetSystemDateAndTime().DateTimeType == "NTP"


def test_an_impossible_date_is_refused(county: RunningCounty, transport: Any) -> None:
    device = _service(county, "fixed", "device", transport)
    moment = {"Time": {"Hour": 1, "Minute": 2, "Second": 3}, "Date": {"Year": 2021, "Month": 2, "Day": 29}}
    with pytest.raises(Fault) as fault:
        device.SetSystemDateAndTime("Manual", False, None, moment)
    assert [code.localname for code in fault.value.subcodes][-1] == "InvalidDateTime"


def test_a_dome_moves_to_presets_and_stores_new_ones(county: RunningCounty, transport: Any) -> None:
    ptz = _service(county, "plain", "ptz", transport)
    assert ptz.GetNodes()[0].SupportedPTZSpaces.AbsoluteZoomPositionSpace[0].XRange.Min == 0
    assert ptz.GetConfigurations()[0].NodeToken == ptz.GetNodes()[0].token
    assert [preset.Name for preset in ptz.GetPresets("main")][:3] == ["gate", "road", "yard"]
    ptz.AbsoluteMove("main", {"PanTilt": {"x": 0.01, "y": 0.0}, "Zoom": {"x": 0.0}})
    ptz.GotoPreset("main", "2")
    assert ptz.GetStatus("main").MoveStatus.PanTilt == "MOVING"
    ptz.Stop("main")
    assert ptz.GetStatus("main").MoveStatus.PanTilt == "IDLE"
    token = ptz.SetPreset("main", "here")
    here = ptz.GetStatus("main").Position.PanTilt.x
    stored = next(preset for preset in ptz.GetPresets("main") if preset.token == token)
    assert (stored.Name, stored.PTZPosition.PanTilt.x) == ("here", here)
    ptz.RemovePreset("main", token)
    with pytest.raises(Fault) as fault:
        ptz.GotoPreset("main", token)
    assert [code.localname for code in fault.value.subcodes][-1] == "NoToken"
    ptz.ContinuousMove("main", {"PanTilt": {"x": 0.2, "y": 0.0}}, "PT0.01S")
    ptz.GotoHomePosition("main")


def test_a_fixed_camera_has_no_ptz_anywhere(county: RunningCounty, transport: Any) -> None:
    device = _service(county, "fixed", "device", transport)
    assert device.GetCapabilities("All").PTZ is None
    assert all("ptz" not in service.Namespace for service in device.GetServices(False))
    assert _service(county, "fixed", "media", transport).GetProfiles()[0].PTZConfiguration is None


def test_a_camera_reboots_on_request_and_comes_back(county: RunningCounty) -> None:
    assert ask(county.url("fixed"), "SystemReboot").text("Message")
    device, deadline = county.device("fixed"), time.monotonic() + 15
    while not device.counters["reboots"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(requests.ConnectionError):
        ask(county.url("fixed"), "GetHostname")
    while True:
        assert time.monotonic() < deadline
        try:
            assert ask(county.url("fixed"), "GetHostname").text("Name") == "fixed"
            break
        except requests.ConnectionError:
            time.sleep(0.05)
