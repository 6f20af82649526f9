"""Reasons of findings in Chinese. Law: the detector's sentence is the truth; an unknown one stays."""

from __future__ import annotations

import re
from typing import Final

_NUMBER = r"(-?[0-9.]+%?)"


def _pattern(english: str) -> re.Pattern[str]:
    """``#`` is a number, ``*`` any words."""
    escaped = re.escape(english).replace(r"\#", _NUMBER).replace(r"\*", "(.+)")
    return re.compile(escaped)


_TABLE: Final = tuple(
    (_pattern(english), chinese)
    for english, chinese in (
        ("# moving, largest # of the picture, # levels", "{0} 处移动，最大占画面 {1}，灰度差 {2}"),
        ("# of the picture moves inside, # levels", "区域内移动占画面 {0}，灰度差 {1}"),
        ("# of the picture stands inside", "区域内目标占画面 {0}"),
        ("nothing moves inside", "区域内无移动"),
        ("nothing stands still", "没有静止的新物体"),
        ("nothing of that kind stands still", "没有此类静止物体"),
        ("nothing inside", "区域内无目标"),
        ("outside its schedule", "不在布防时段"),
        ("another view", "视角已变"),
        ("the light changed in # of the picture", "画面 {0} 的光线变了"),
        ("only the light changed, in # of the picture", "只是光线变化，占画面 {0}"),
        ("not judged: *", "未判断：{0}"),
        ("not yet # s", "不到 {0} 秒"),
        ("inside for # of # s", "已停留 {0} 秒，需 {1} 秒"),
        ("inside for # s, # s allowed", "已停留 {0} 秒，限 {1} 秒"),
        ("crossed *, # of the picture, # levels", "越线 {0}，占画面 {1}，灰度差 {2}"),
        ("its part of the picture is at # levels", "该处亮度 {0}"),
        ("the light of the whole picture rose by # levels", "整幅画面变亮 {0}"),
        ("the light of the whole picture fell by # levels", "整幅画面变暗 {0}"),
        ("mean luma # < #", "平均亮度 {0} 低于 {1}"),
        ("mean luma # > #", "平均亮度 {0} 高于 {1}"),
        ("uniform: coarse deviation # < # levels", "画面单一：偏差 {0} 低于 {1}"),
        ("edges gone in # of # blocks", "{1} 块中有 {0} 失去边缘"),
        (
            "structure correlates # < # with the reference all over the picture",
            "全画面与基准的相关度 {0} 低于 {1}",
        ),
        ("fine structure correlates # < # with the reference", "细节与基准的相关度 {0} 低于 {1}"),
        ("the view lies # > # of its width from the reference", "视角偏离基准 {0}，超过 {1}"),
        ("the view jumps # > # of its width from look to look", "画面来回跳动 {0}，超过 {1}"),
        ("chroma # < # levels by day", "白天色度 {0} 低于 {1}"),
        ("everything # > # levels of colour further than usual", "整体偏色 {0} 超过 {1}（与平时比）"),
        ("everything # > # levels of colour further than grey", "整体偏色 {0} 超过 {1}（与灰色比）"),
        ("deviation # < # levels from the start", "一开始反差 {0} 就低于 {1}"),
        (
            "deviation # < # levels, # of its contrast, near and far",
            "反差 {0} 低于 {1}，只有平时的 {2}，远近皆然",
        ),
        ("noise of # > # levels, # of the contrast", "噪声 {0} 超过 {1}，占反差 {2}"),
        ("# waves of # > # levels across the *", "{0} 条条纹，幅度 {1} 超过 {2}（{3}）"),
        (
            "# key frames in a row the same, # of pixels, its clock stands",
            "连续 {0} 个关键帧相同，占像素 {1}，字幕时钟不走",
        ),
        ("a veil over # of the picture takes # of its contrast", "烟雾状覆盖画面 {0}，反差减少 {1}"),
        ("a veil over # of the picture takes # of its contrast, *", "烟雾状覆盖画面 {0}，反差减少 {1}，{2}"),
        ("grew # times in # s and rose by #", "{1} 秒内扩大 {0} 倍，上升 {2}"),
        ("no veil that grows", "没有扩大的烟雾"),
        ("contrast is gone everywhere, #: fog", "各处反差减少 {0}：雾"),
        ("the whole picture keeps # of its contrast: fog", "整幅画面只剩 {0} 的反差：雾"),
        ("nothing moves", "无移动"),
        ("not seen", "未见"),
        ("person #", "人 {0}"),
        ("vehicle #", "车辆 {0}"),
        ("animal #", "动物 {0}"),
        ("sharpness # of its median < #", "清晰度为常值的 {0}，低于 {1}"),
        ("# key frames in a row the same, # of pixels", "连续 {0} 个关键帧相同，占像素 {1}"),
        ("# of the picture stands there for # s, edges #:1", "占画面 {0} 的物品已放置 {1} 秒，边缘比 {2}"),
        ("# of the picture is gone for # s, edges #:1", "占画面 {0} 的物品已移走 {1} 秒，边缘比 {2}"),
        ("about # of # persons", "按面积约 {0} 人，限 {1} 人"),
        ("# of the zone covered, # allowed", "区域被占 {0}，限 {1}"),
        ("about # of # persons, by area", "按面积约 {0} 人，限 {1} 人"),
        ("# of the zone covered, # allowed, by area", "区域被占 {0}，限 {1}（按面积）"),
    )
)


def in_chinese(reason: str) -> str:
    """The reason in Chinese; the reason itself where nobody wrote one."""
    for pattern, chinese in _TABLE:
        match = pattern.fullmatch(reason)
        if match is not None:
            return chinese.format(*(in_chinese(part) for part in match.groups()))
    return reason


def kind_of(reason: str) -> str:
    """The reason without its numbers: what many of them have in common."""
    return re.sub(r"[0-9]+(?:\.[0-9]+)?", "#", reason)
