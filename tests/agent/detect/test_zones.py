"""Feet decide who is in a zone."""

from __future__ import annotations

import numpy as np
import pytest

from agent.detect.background import Blob
from agent.detect.zones import ZoneMask
from agent.model import Rectangle, Zone

LOWER_LEFT = Zone("yard", ((0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (0.0, 1.0)))


def body(left: int, top: int, right: int, bottom: int) -> Blob:
    mask = np.zeros((90, 160), np.bool_)
    mask[top:bottom, left:right] = True
    return Blob(Rectangle(left / 160, top / 90, right / 160, bottom / 90), mask.mean(), 50.0, mask)


@pytest.mark.parametrize(
    ("blob", "inside"),
    [
        (body(20, 20, 30, 60), True),  # head above the zone, feet in it
        (body(20, 10, 30, 42), False),  # in front of nothing, feet above
        (body(120, 50, 130, 80), False),  # beside it
        (body(60, 50, 110, 80), False),  # most of the feet outside
        (body(10, 60, 30, 90), True),  # feet below the picture, body inside
        (body(10, 0, 30, 90), True),  # fills the height: half of the body inside
    ],
)
def test_who_stands_inside(blob: Blob, inside: bool) -> None:
    assert ZoneMask.of(LOWER_LEFT).holds(blob) is inside


def test_a_zone_without_area_holds_nobody() -> None:
    for corners in ((), ((0.1, 0.1), (0.9, 0.9))):
        assert not ZoneMask.of(Zone("line", corners)).holds(body(0, 0, 160, 90))


def test_corners_beyond_the_picture_are_cut() -> None:
    wide = Zone("all", ((-3.0, -3.0), (4.0, -3.0), (4.0, 4.0), (-3.0, 4.0)))
    assert ZoneMask.of(wide).mask.all()
