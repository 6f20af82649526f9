"""How a device's stream is judged: the one maker for the box and for whoever replays a recording."""

from __future__ import annotations

from collections.abc import Callable

from agent.detect.object_model import ObjectDesk
from agent.detect.picture import PictureConfig
from agent.detect.rules import WallTime
from agent.detect.scene_judge import DetectConfig, SceneJudge
from agent.model import Device
from protocol.words import DeviceClass

TURNING = frozenset({DeviceClass.PTZ_DOME, DeviceClass.LOOKOUT})
"""A view that turns by itself has no fixed scene to compare with."""


def detect_config(device_class: DeviceClass, *, supplementary_light: bool = True) -> DetectConfig:
    """The thresholds for a device of this class, with lamp or infrared or without."""
    return DetectConfig(
        picture=PictureConfig(
            fixed_view=device_class not in TURNING, supplementary_light=supplementary_light
        ),
        smoke=device_class is DeviceClass.LOOKOUT,
    )


def judge_for(
    device: Device,
    *,
    wall: WallTime | None = None,
    objects: ObjectDesk | None = None,
    daylight: Callable[[], bool | None] = lambda: None,
    config: DetectConfig | None = None,
) -> SceneJudge:
    """Detection for one device's stream; ``config`` instead of what its class has."""
    return SceneJudge(
        config or detect_config(device.device_class, supplementary_light=device.supplementary_light),
        zones=device.zones,
        wall=wall,
        objects=objects,
        daylight=daylight,
    )
