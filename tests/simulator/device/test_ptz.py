"""A lens that came loose, and what the lens shows from where it looks."""

from __future__ import annotations

import cv2
import numpy as np

from simulator.device.place import Position
from simulator.device.ptz import Head
from simulator.device.view import seen_from


def picture() -> bytes:
    striped = np.zeros((90, 160, 3), np.uint8)
    striped[:, :80] = 255
    return cv2.imencode(".jpg", striped)[1].tobytes()


def left_half(jpeg: bytes) -> float:
    shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert shown is not None
    return float(shown[:, :80].mean())


def test_a_head_tells_where_it_should_be_while_its_loose_lens_stays() -> None:
    now = [0.0]
    head = Head(max_presets=8, monotonic=lambda: now[0])
    head.goto_preset("1")
    now[0] += 10
    there = head.position()
    assert head.sight() == there
    head.come_loose(True)
    head.goto_preset("3")
    now[0] += 10
    assert head.position() != there
    assert head.sight() == there
    head.come_loose(True)
    assert head.sight() == there
    head.come_loose(False)
    assert head.sight() == head.position()


def test_straight_ahead_is_the_picture_as_it_is() -> None:
    assert seen_from(Position(), picture()) == picture()
    assert left_half(picture()) > 250


def test_elsewhere_the_picture_is_another_one() -> None:
    assert left_half(seen_from(Position(1.0, 0.0, 0.0), picture())) < 5
    assert 100 < left_half(seen_from(Position(0.5, 0.0, 0.0), picture())) < 150
    assert seen_from(Position(0.0, 0.0, 1.0), picture()) != picture()


def test_what_is_no_picture_is_passed_through() -> None:
    assert seen_from(Position(1.0, 0.0, 0.0), b"\xff\xd8\xff\xe0still") == b"\xff\xd8\xff\xe0still"
