"""Real devices' recorded answers: each is identified as who it is, or the reason is the expected one."""

from __future__ import annotations

import pytest

from tests.support.identify_recorded import EVENTS_ALONE, identified
from tests.support.recorded import onvif_data, recorded_devices

_ETHAN, _EASY, _NVT = "EthanFlower1-onvif-go", "faithoflifedev-easy_onvif", "hawkeye64-onvif-nvt"
_AXIS = ("AXIS", "P3818-PVE", "11.9.60", "profile_1 h264 1920x960@30 H264")
_DOME = ("Bosch", "AUTODOME IP starlight 5000i", "7.80.0128", "H26x_L1S1 1536x864@30 H264")
_REOLINK = ("REOLINK", "E1 Zoom", "v3.1.0.2649_23083101", "Profile000_MainStream 2048x1536@15 H264")
IDENTIFIED = {
    f"{_ETHAN}/AXIS_P3818-PVE_11.9.60/20260113-134032": _AXIS,
    f"{_ETHAN}/AXIS_P3818-PVE_11.9.60/20260113-142527": _AXIS,
    f"{_ETHAN}/Bosch_AUTODOME_IP_starlight_5000i_7.80.0128/20260113-134024": _DOME,
    f"{_ETHAN}/Bosch_AUTODOME_IP_starlight_5000i_7.80.0128/20260113-142522": _DOME,
    f"{_ETHAN}/Bosch_FLEXIDOME_indoor_5100i_IR_8.71.0066/20251110-123259": (
        "Bosch",
        "FLEXIDOME indoor 5100i IR",
        "8.71.0066",
        "Profile_L1S1 1920x1080@30 H264",
    ),
    f"{_ETHAN}/REOLINK_E1_Zoom_v3.1.0.2649_23083101/20260113-134015": _REOLINK,
    f"{_ETHAN}/REOLINK_E1_Zoom_v3.1.0.2649_23083101/20260113-142518": _REOLINK,
    "agsh-onvif": ("Mockup Manufacturer", "Mockup Model", "Mockup_15_14_13", "main 1920x1080@5 H264"),
    f"{_EASY}/DCS-6511": ("D-Link Corporation", "DCS-6511", "1.16.00", "Profile1 1280x1024@7 H264"),
    f"{_EASY}/IPG-8150PSS": (
        "ONVIF_IPNC",
        "IPG-8150PSS",
        "1.3.0-20210203CN-PT",
        "PROFILE_000 2560x1920@20 H264",
    ),
    f"{_EASY}/SUNBA": (
        "SUNBA",
        "Performance-Series",
        "QIPC-B2202.3.73.C06290.NB.230628",
        "media_profile1 2592x1944@12 H264",
    ),
    f"{_EASY}/happytimesoft": ("Happytimesoft", "IPCamera", "2.4", "ProfileName_1 1280x720@25 H264"),
    f"{_NVT}/axis": ("AXIS", "AXIS Q6045-E", "5.55.1.2", "profile_1 h264 1280x720@30 H264"),
    f"{_NVT}/hikvision": (
        "HIKVISION",
        "DS-2DF7276-AEL",
        "V5.1.6 build 140401",
        "mainStream 1280x720@10 H264",
    ),
    f"{_NVT}/hikvision-fixed": (
        "HIKVISION",
        "DS-2CD2012-I",
        "V5.2.0 build 140721",
        "mainStream 1280x720@10 H264",
    ),
}
EXPLAINED = {
    "Kane610-axis": EVENTS_ALONE,
    "openvideolibs-onvif-parsers": EVENTS_ALONE,
    "gBillal-ex_onvif": "Milesight Technology Co.,Ltd. MS-C8165-PE 61.8.0.3-r8: ",  # no GetServices recorded
}


def test_every_recorded_device_is_expected() -> None:
    names = {recorded.name for recorded in recorded_devices(onvif_data())}
    assert names == IDENTIFIED.keys() | EXPLAINED.keys()


@pytest.mark.parametrize("name", [*IDENTIFIED, *EXPLAINED])
def test_recorded_device_is_identified_or_explained(name: str) -> None:
    recorded = next(one for one in recorded_devices(onvif_data()) if one.name == name)
    outcome = identified(recorded)
    assert outcome.settled
    if name in EXPLAINED:
        assert outcome.reason.startswith(EXPLAINED[name])
        return
    assert outcome.identity is not None, outcome.reason
    who = outcome.identity
    assert (who.vendor, who.model, who.firmware, str(who.profiles[0])) == IDENTIFIED[name]
