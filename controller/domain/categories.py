"""The categories of incidents that machines open, as data: names, level, limits.

Source: the county's category list. Limits are natural time; a category made by a machine from what it
saw is ``suspected`` until a person confirms it, and no police are ever sent on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_MINUTE = 60
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Category:
    """One category. ``sign_s`` None: repaired by the box itself first, nobody signs."""

    code: str
    zh: str
    en: str
    level: int
    """1 worst to 4."""
    sign_s: int | None
    finish_s: int
    suspected: bool = False

    @property
    def maintenance(self) -> bool:
        """10xx: about equipment. Accepted without a person, checked by the machine."""
        return self.code.startswith("10")


CATEGORIES: Final[dict[str, Category]] = {
    category.code: category
    for category in (
        Category("1001", "边缘盒离线", "Edge box offline", 2, 15 * _MINUTE, 24 * _HOUR),
        Category("1002", "村级断网/断电", "Village outage", 2, 15 * _MINUTE, 24 * _HOUR),
        Category("1003", "摄像机离线", "Camera offline", 3, 30 * _MINUTE, 24 * _HOUR),
        Category("1004", "图像质量异常", "Picture fault", 3, 30 * _MINUTE, 48 * _HOUR),
        Category("1005", "遮挡/破坏", "Lens covered or tampered with", 3, 30 * _MINUTE, 8 * _HOUR),
        Category("1006", "录像缺失/存储不足", "Recording gap", 3, 30 * _MINUTE, 24 * _HOUR),
        Category("1007", "时钟偏差", "Clock error", 4, None, 24 * _HOUR),
        Category("1012", "会议终端故障", "Conference endpoint fault", 3, 15 * _MINUTE, 24 * _HOUR),
        Category(
            "2001", "区域闯入（疑似）", "Intrusion (suspected)", 3, 10 * _MINUTE, 2 * _HOUR, suspected=True
        ),
        Category(
            "2002", "越线（疑似）", "Line crossed (suspected)", 3, 10 * _MINUTE, 2 * _HOUR, suspected=True
        ),
    )
}
