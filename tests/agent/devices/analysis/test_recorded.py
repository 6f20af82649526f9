"""Real devices' recorded answers: what would be made on each, from its own options. Nothing is written."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

from agent.devices import OnvifRoom
from agent.devices.analysis import Plan
from tests.agent.devices.builders import QUICK, a_device
from tests.support.recorded import onvif_data, recorded_devices, served

_ETHAN, _EASY, _NVT = "EthanFlower1-onvif-go", "faithoflifedev-easy_onvif", "hawkeye64-onvif-nvt"
FREE = {
    f"{_ETHAN}/AXIS_P3818-PVE_11.9.60/20260113-142527": ("0", "640x320", 10, 10),
    f"{_NVT}/axis": ("mobile_h264", None, 10, 10),
}
"""Encoder, new size (None: as it is), rate, group of pictures."""
SHARED = {
    f"{_ETHAN}/Bosch_FLEXIDOME_indoor_5100i_IR_8.71.0066/20251110-123259": ("EncCfg_L1S4", 0),
    f"{_ETHAN}/REOLINK_E1_Zoom_v3.1.0.2649_23083101/20260113-134015": ("001", 1),
    f"{_EASY}/DCS-6511": ("VideoEncoderConfiguration1", 1),
    f"{_EASY}/IPG-8150PSS": ("VEToken_2", 1),
    f"{_EASY}/SUNBA": ("video_encoder_config2", 1),
    f"{_EASY}/happytimesoft": ("VideoEncoderConfigurationToken_2", 1),
    f"{_NVT}/hikvision": ("VideoEncoderToken_2", 1),
    f"{_NVT}/hikvision-fixed": ("VideoEncoderToken_2", 0),
}
"""Encoder, and how much falls short of the wish."""


def plan_of(name: str, *, shared: bool) -> Plan:
    device = next(one for one in recorded_devices(onvif_data()) if one.name == name)
    room = OnvifRoom(limits=replace(QUICK, total_s=10.0))
    with (
        served(device) as server,
        contextlib.closing(room.analysis(a_device(server.host, server.port))) as stream,
    ):
        return stream.plan(shared=shared)


@pytest.mark.parametrize("name", FREE)
def test_a_free_encoder_of_a_real_camera_is_found(name: str) -> None:
    encoder, size, fps, gop = FREE[name]
    plan = plan_of(name, shared=False)
    assert (plan.obstacle, plan.encoder, plan.shared_with) == ("", encoder, ())
    wanted = {one.name: one.wanted for one in plan.changes}
    assert (wanted.get("size"), wanted["fps"], wanted["gop_frames"]) == (size, fps, gop)


@pytest.mark.parametrize("name", SHARED)
def test_most_real_cameras_have_none_and_say_which_would_be_shared(name: str) -> None:
    encoder, short = SHARED[name]
    assert "--shared" in plan_of(name, shared=False).obstacle
    plan = plan_of(name, shared=True)
    assert (plan.obstacle, plan.encoder, len(plan.short)) == ("", encoder, short)
    assert plan.shared_with
    assert {"gop_frames": 10}.items() <= {one.name: one.wanted for one in plan.changes}.items()
