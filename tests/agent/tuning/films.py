"""Recordings drawn for these tests: a place, somebody who walks through, as a camera would send them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.agent.detect.mini_scene import HEIGHT, WIDTH, Camera, person
from tests.support.footage import Picture, encode

FPS = 10
VISIT = (10.0, 16.0)
"""When somebody is in the picture, walking from left to right, feet at three quarters of its height."""
BLINK = 22.0
"""When something is there at one key frame alone."""
SECONDS = 28


def pictures(seconds: int = SECONDS) -> Iterator[Picture]:
    camera = Camera()
    for number in range(seconds * FPS):
        at_s = number / FPS
        scene = camera.scene
        if VISIT[0] <= at_s < VISIT[1]:
            share = (at_s - VISIT[0]) / (VISIT[1] - VISIT[0])
            scene = person(scene, int(20 + share * (WIDTH - 40)), int(0.75 * HEIGHT))
        if at_s == BLINK:
            scene = person(scene, 60, 120)
        yield camera.look(scene)


def visit(folder: Path) -> Path:
    """28 s: nobody, somebody from 10 to 16 s, nobody, something at 22 s for one picture, nobody."""
    return encode(pictures(), folder / "visit.mp4", fps=FPS, kbps=400)


ZONES = """
[[zone]]
name = "院门"
corners = [[0.4, 0.5], [0.9, 0.5], [0.9, 0.9], [0.4, 0.9]]

[[zone]]
name = "window"
kind = "privacy"
corners = [[0.0, 0.0], [0.2, 0.0], [0.2, 0.3], [0.0, 0.3]]

[[zone]]
name = "path"
kind = "line"
direction = "a_to_b"
corners = [[0.5, 1.0], [0.5, 0.0]]
"""
