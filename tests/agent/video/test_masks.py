"""Masks: what is under them is black, what is beside them is not, whatever their corners."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli.looking import _masked
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device, Exhibit, ExhibitKind, Image, Polygon, Zone, ZoneKind
from agent.video.masks import burnt
from agent.video.stills import jpeg, masked
from protocol.words import DeviceClass

LEFT: Polygon = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))


def white(width: int = 200, height: int = 100) -> Image:
    return np.full((height, width, 3), 255, np.uint8)


def test_a_mask_is_black_to_its_border_and_two_pixels_beyond() -> None:
    image = white()
    burned = burnt(image, [LEFT])
    assert burned[:, :101].max() == 0
    assert burned[:, 104:].min() == 255
    assert image.min() == 255, "the picture the box looks at is as it was"


def test_grey_pictures_are_masked_too() -> None:
    burned = burnt(white()[:, :, 0], [LEFT])
    assert (burned.shape, burned[:, :101].max(), burned[:, 104:].min()) == ((100, 200), 0, 255)


def test_without_masks_a_picture_is_what_it_was() -> None:
    image = white()
    assert burnt(image, ()) is image


corners = st.tuples(st.floats(-1, 2), st.floats(-1, 2))


@given(st.lists(corners, min_size=3, max_size=8), st.integers(2, 300), st.integers(2, 300))
def test_the_inside_of_any_polygon_is_black_in_any_picture(
    told: list[tuple[float, float]], width: int, height: int
) -> None:
    burned = burnt(white(width, height), [tuple(told)])
    assert burned.shape == (height, width, 3)
    outline = np.rint(np.clip(np.array(told), 0, 1) * (width - 1, height - 1)).astype(np.int32)
    inside = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inside, [outline], (1,))
    assert not burned[inside == 1].any()


def picture_of(exhibit: Exhibit | None) -> Image:
    assert exhibit is not None
    assert exhibit.kind is ExhibitKind.STILL
    return np.asarray(cv2.imdecode(np.frombuffer(exhibit.content, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def test_a_devices_own_snapshot_is_masked_and_made_small() -> None:
    done, large = cv2.imencode(".jpg", white(1920, 1080))
    assert done
    shown = picture_of(masked(large.tobytes(), [LEFT]))
    assert shown.shape == (360, 640, 3)
    assert shown[:, :320].max() < 24
    assert shown[:, 330:].min() > 230


def bomb() -> bytes:
    """A small JPEG that says it is 60,000 pixels wide and high."""
    content = bytearray(jpeg(white()))
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = (60_000).to_bytes(2, "big") * 2
    return bytes(content)


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\xff\xd8\xff\xd9", b"\xff" * 5000, bomb()])
def test_a_snapshot_that_cannot_be_masked_is_not_shown(content: bytes) -> None:
    assert masked(content, [LEFT]) is None
    zones = (Zone("neighbour", LEFT, kind=ZoneKind.PRIVACY),)
    device = Device("gate-1", DeviceClass.SMART_CAMERA, "10.0.0.9", zones=zones)
    with pytest.raises(DeviceError) as refused:
        _masked(device, content)
    assert refused.value.kind is DeviceTrouble.BAD_ANSWER
    assert "未保存" in refused.value.detail


def test_the_snapshot_command_masks_where_there_are_masks() -> None:
    content = jpeg(white())
    plain = Device("gate-1", DeviceClass.SMART_CAMERA, "10.0.0.9", zones=(Zone("yard", LEFT),))
    assert _masked(plain, content) == content
    private = Device(
        "gate-1", DeviceClass.SMART_CAMERA, "10.0.0.9", zones=(Zone("yard", LEFT, kind=ZoneKind.PRIVACY),)
    )
    picture = picture_of(Exhibit(ExhibitKind.STILL, _masked(private, content)))
    assert picture[:, :100].max() < 24
