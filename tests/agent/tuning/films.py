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


FLASH = (20.3, 21.5)
"""Somebody runs through between two key frames."""


def runner(folder: Path) -> Path:
    """24 s at a steady quality, so that what moves costs bits: somebody runs through at 20.3 s."""

    def looks() -> Iterator[Picture]:
        camera = Camera(noise=1.0)
        for number in range(24 * FPS):
            scene, at_s = camera.scene, number / FPS
            if FLASH[0] <= at_s < FLASH[1]:
                share = (at_s - FLASH[0]) / (FLASH[1] - FLASH[0])
                scene = person(scene, int(20 + share * (WIDTH - 40)), int(0.8 * HEIGHT), height=70)
            yield camera.look(scene)

    x264 = "keyint=20:min-keyint=20:scenecut=0:bframes=0:threads=1"
    return encode(
        looks(), folder / "runner.mp4", options={"crf": "28", "preset": "superfast", "x264-params": x264}
    )


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
