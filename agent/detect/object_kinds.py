"""Which classes of an object model are taken. Law: persons, vehicles, animals, things; never who somebody is.

Words are taken from a list alone: what stands on none may be somebody's name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from agent.model import ObjectKind

_KINDS: Final = {
    ObjectKind.PERSON: "person pedestrian people rider cyclist",
    ObjectKind.VEHICLE: "vehicle car truck bus van motorcycle motorbike bicycle train tractor lorry tricycle "
    "boat airplane aeroplane",
    ObjectKind.ANIMAL: "animal dog cat bird horse sheep cow elephant bear zebra giraffe pig goat monkey "
    "deer boar",
}
_THINGS: Final = (
    "background|object|other|traffic light|traffic sign|fire hydrant|stop sign|parking meter|bench|backpack|"
    "umbrella|handbag|tie|suitcase|frisbee|skis|snowboard|sports ball|kite|baseball bat|baseball glove|"
    "skateboard|surfboard|tennis racket|bottle|wine glass|cup|fork|knife|spoon|bowl|banana|apple|sandwich|"
    "orange|broccoli|carrot|hot dog|pizza|donut|cake|chair|couch|sofa|potted plant|pottedplant|bed|"
    "dining table|diningtable|toilet|tv|tvmonitor|laptop|mouse|remote|keyboard|cell phone|microwave|oven|"
    "toaster|sink|refrigerator|book|clock|vase|scissors|teddy bear|hair drier|toothbrush|fire|smoke|tree|bag"
)
_IDENTITY: Final = re.compile(
    r"face|facial|head|plate|licen[cs]e|lpr|anpr|ocr|re.?id|ident|gait|name|gender|\bmale|female|\bman\b|woman|"
    r"\bboy|\bgirl|\bage\b|aged|adult|child|elder|young|beard|glasses|hair(?! drier)|ethnic|race|skin|"
    r"emotion|iris|finger|voice|uniform|police|人脸|车牌|步态|性别|年龄|姓名|民族|身份|表情|头部|眼镜",
    re.IGNORECASE,
)


class ModelRefused(ValueError):
    """This model is not taken; the text says why and what to do, Chinese first."""


def kinds_of(classes: Sequence[str]) -> tuple[ObjectKind | None, ...]:
    """The kind of each class; None for things that are none. Raises ModelRefused for any other word.

    Words are taken only from a list: what is on none may be somebody's name.
    """
    known = {word: kind for kind, words in _KINDS.items() for word in words.split()}
    things = frozenset(_THINGS.split("|"))
    kinds: list[ObjectKind | None] = []
    for name in classes:
        word = name.strip().lower().replace("_", " ")
        if word not in things and word not in known and _IDENTITY.search(word):
            raise ModelRefused(
                f"模型类别 {name[:40]!r} 涉及身份，前哨不使用此类模型 / class {name[:40]!r} "
                "tells who somebody is or looks like; such a model is never used"
            )
        if word not in things and word not in known:
            raise ModelRefused(
                f"不认识的模型类别 {name[:40]!r}，请改用人、车、动物的模型 / "
                f"class {name[:40]!r} is not known; "
                "use a model of persons, vehicles, animals and common things"
            )
        kinds.append(known.get(word))
    if not any(kinds):
        raise ModelRefused(
            "模型没有人、车、动物类别 / the model has no class for a person, vehicle or animal"
        )
    return tuple(kinds)
