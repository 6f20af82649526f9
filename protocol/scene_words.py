"""What people call a scene topic, Chinese and English: the same word at the box and at the county.

Law: every topic of ``SceneTopic`` is here; a topic that a newer box invented is shown as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from protocol.words import SceneTopic

SCENE_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    SceneTopic.MOTION: ("画面移动", "Motion"),
    SceneTopic.SCENE_CHANGE: ("画面移位", "Scene changed"),
    SceneTopic.TOO_DARK: ("画面过暗", "Too dark"),
    SceneTopic.TOO_BRIGHT: ("画面过亮", "Too bright"),
    SceneTopic.TOO_BLURRY: ("画面模糊", "Too blurry"),
    SceneTopic.SIGNAL_LOSS: ("视频信号丢失", "Video signal lost"),
    SceneTopic.IMPAIRED: ("能见度差（雾、烟、尘）", "Visibility impaired (fog, smoke, dust)"),
    SceneTopic.TAMPER: ("镜头被遮挡或破坏", "Camera tampered with"),
    SceneTopic.LINE_CROSSED: ("越线", "Line crossed"),
    SceneTopic.OBJECTS_INSIDE: ("进入区域", "Object inside a field"),
    SceneTopic.LOITERING: ("徘徊", "Loitering"),
    SceneTopic.OBJECT_LEFT: ("物品遗留", "Object left behind"),
    SceneTopic.OBJECT_REMOVED: ("物品移走", "Object removed"),
    SceneTopic.OBJECT_DETECTED: ("检出目标", "Object detected"),
    SceneTopic.COUNTER: ("通过计数", "Passage counter"),
    SceneTopic.OCCUPANCY: ("在场计数", "Occupancy counter"),
    SceneTopic.DIGITAL_INPUT: ("报警输入", "Digital input"),
    SceneTopic.RELAY: ("继电器输出", "Relay output"),
    SceneTopic.STORAGE_FAILURE: ("存储故障", "Storage failure"),
    SceneTopic.STORAGE_FULL: ("存储已满", "Storage full"),
    SceneTopic.FAN_FAILURE: ("风扇故障", "Fan failure"),
    SceneTopic.POWER_FAILURE: ("电源故障", "Power supply failure"),
    SceneTopic.TEMPERATURE_CRITICAL: ("温度异常", "Temperature critical"),
    SceneTopic.NETWORK_BROKEN: ("设备网口断开", "Network port lost"),
    SceneTopic.IP_CONFLICT: ("IP 地址冲突", "Address conflict"),
    SceneTopic.CASING_OPEN: ("机壳被打开", "Casing opened"),
    SceneTopic.ACCESS_REFUSED: ("登录设备被拒", "Log-in to the device refused"),
    SceneTopic.CROWDING: ("人员聚集（疑似）", "Crowding (suspected)"),
    SceneTopic.SMOKE_SUSPECTED: ("烟火（疑似）", "Smoke (suspected)"),
    SceneTopic.LIGHT_LEVEL: ("灯亮", "Lamp on"),
    SceneTopic.SILENCE: ("计数设备无数据", "No passages counted"),
    SceneTopic.TOUR_STOPPED: ("巡航停止", "Tour stopped"),
    SceneTopic.PTZ_STUCK: ("云台失控", "Head does not turn to its presets"),
    SceneTopic.FROZEN: ("画面冻结", "Picture frozen"),
    SceneTopic.COLOUR_CAST: ("画面偏色", "Colour cast"),
    SceneTopic.NOISE: ("画面噪声（雪花）", "Noise or snow in the picture"),
    SceneTopic.STRIPES: ("条纹干扰", "Stripes in the picture"),
    SceneTopic.LOW_CONTRAST: ("对比度异常", "Low contrast"),
    SceneTopic.GREY_BY_DAY: ("白天黑白画面", "Black and white by day"),
    SceneTopic.SHAKE: ("画面抖动", "Picture shaking"),
}


def scene_word(topic: str) -> tuple[str, str]:
    """The word for a topic in both languages; the topic itself where there is none."""
    return SCENE_WORDS.get(topic, (topic, topic))
