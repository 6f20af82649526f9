"""What is said of a picture fault, and what to do. Law: the number of the county's list comes first."""

from __future__ import annotations

from typing import Final

from agent.model import PictureFault

_SAID: Final[dict[PictureFault, tuple[str, str]]] = {
    PictureFault.DARK: (
        "画面过暗：检查补光灯、供电和曝光设置",
        "picture too dark: check the lamp, its power, and the exposure setting",
    ),
    PictureFault.OVER_BRIGHT: (
        "画面过亮：检查曝光、宽动态设置，避开强光直射",
        "picture over-bright: check exposure and wide dynamic range; turn it out of direct light",
    ),
    PictureFault.BLURRED: (
        "画面模糊：清洁镜头或重新聚焦",
        "picture blurred: clean the lens or refocus it",
    ),
    PictureFault.FROZEN: (
        "画面冻结：重启摄像机，再现则检查编码器和固件",
        "picture frozen: restart the camera; if it comes back, check its encoder and firmware",
    ),
    PictureFault.COVERED: (
        "镜头被遮挡：到现场查看，清除遮挡物或修剪树叶",
        "lens covered: look at it on site, take away what covers it or cut the leaves",
    ),
    PictureFault.COLOUR_CAST: (
        "画面偏色：白平衡设为自动，检查红外滤光片",
        "colour cast: set white balance to automatic; check the IR-cut filter",
    ),
    PictureFault.NOISY: (
        "画面噪声或雪花：检查供电、接地和接头，夜间检查补光",
        "noise or snow: check power, earthing and plugs, at night the lamp",
    ),
    PictureFault.STRIPED: (
        "画面有条纹：检查供电和接地干扰，防闪烁设为 50 Hz",
        "stripes: check power and earthing for interference; set anti-flicker to 50 Hz",
    ),
    PictureFault.LOW_CONTRAST: (
        "对比度异常：清洁镜头和护罩，检查透雾、宽动态设置",
        "low contrast: clean lens and housing; check the settings for defog and wide dynamic range",
    ),
    PictureFault.GREY: (
        "白天为黑白画面：日夜模式设为自动，检查红外滤光片是否卡住",
        "black and white by day: set day/night to automatic; check whether the IR-cut filter is stuck",
    ),
    PictureFault.SHAKING: (
        "画面抖动：紧固立杆、支架和云台",
        "picture shaking: tighten pole, bracket and head",
    ),
    PictureFault.SCENE_CHANGED: (
        "场景变更：核对并调回原来的角度",
        "the camera looks elsewhere than before: check, and turn it back",
    ),
}


def fault_sentence(fault: PictureFault) -> str:
    """Chinese first, at most 200 characters."""
    chinese, english = _SAID[fault]
    return f"{fault.code} {chinese} / {english}"
