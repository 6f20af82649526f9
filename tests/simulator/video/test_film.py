"""Every picture really looks like what it is called, and the truth is where the pixels change."""

from __future__ import annotations

import functools
import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from simulator.video import SCENES, VideoError, render
from simulator.video.clip import Clip
from simulator.video.film import bake
from simulator.video.model import Codec, Picture, ProfileSpec, Reel
from tests.simulator.video.pictures import Grey, clock_of, decoded, sharpness, textless

SMALL = ProfileSpec("sub", 320, 180, 5, 10)
USUAL = ProfileSpec("sub", 640, 360, 10, 20)


@functools.cache
def _baked(
    scene: str, picture: Picture = Picture.NORMAL, action: str | None = None, profile: ProfileSpec = SMALL
) -> tuple[Clip, list[Grey]]:
    clip = bake(Reel(scene, profile, picture, action))
    return clip, decoded(clip)


def _quiet_change(frames: list[Grey]) -> float:
    """Mean difference of neighbours, where no text is."""
    free = textless(frames[0])
    return float(np.mean([np.abs(a - b)[free].mean() for a, b in pairwise(frames)]))


def test_a_covered_lens_is_dark_and_nearly_uniform() -> None:
    _, frames = _baked("gate-day", Picture.COVERED)
    free = textless(frames[0])
    assert 20 < frames[3][free].mean() < 70
    assert frames[3][free].std() < 8 < _baked("gate-day")[1][3][free].std()


def test_dark_and_over_bright_are_at_the_ends_of_the_scale() -> None:
    free = textless(_baked("gate-day")[1][0])
    assert _baked("gate-day", Picture.DARK)[1][3][free].mean() < 20
    assert 60 < _baked("gate-day")[1][3][free].mean() < 170
    assert _baked("gate-day", Picture.OVER_BRIGHT)[1][3][free].mean() > 215


def test_a_blurred_picture_has_lost_its_edges() -> None:
    assert sharpness(_baked("gate-day", Picture.BLURRED)[1][3]) < 0.05 * sharpness(_baked("gate-day")[1][3])


def test_a_moved_camera_shows_the_place_elsewhere() -> None:
    before, after = _baked("gate-day")[1][3], _baked("gate-day", Picture.MOVED)[1][3]
    free = textless(before)
    assert np.corrcoef(before[free], after[free])[0, 1] < 0.6
    assert sharpness(after) > 0.25 * sharpness(before), "moved, not blurred"


def test_a_frozen_picture_never_changes_not_even_its_clock() -> None:
    clip, frames = _baked("gate-day", Picture.FROZEN)
    assert len(clip.units) == SMALL.gop
    assert all(np.array_equal(frames[0], frame) for frame in frames[1:])


def test_a_living_picture_has_noise_and_a_running_clock() -> None:
    for scene in ("gate-day", "gate-night"):
        _, frames = _baked(scene)
        assert 0.2 < _quiet_change(frames) < 6, scene
        seconds = [clock_of(frame) for frame in frames]
        within = np.abs(seconds[11] - seconds[12]).max()
        across = np.abs(seconds[9] - seconds[10]).max()
        assert across > 60 > within, scene


def test_noise_is_new_in_every_picture() -> None:
    """Before encoding: neighbours share their scene and none of their noise."""
    from simulator.video.film import Sensor

    flat = np.full((180, 320), 120, np.uint8)
    sensor = Sensor.of(320, 180, 5.0, 1)
    noise = [sensor.expose(flat).astype(np.float32) - 120 for _ in range(12)]
    assert all(4.5 < n.std() < 5.5 for n in noise)
    correlations = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairwise(noise)]
    assert max(map(abs, correlations)) < 0.02


def _differs(frame: Grey, still: Grey) -> Grey:
    """Difference from the empty place, noise smoothed away."""
    return np.asarray(np.abs(cv2.blur(frame - still, (5, 5))), np.float32)


@pytest.mark.parametrize(
    ("scene", "action"), [("gate-day", "intruder"), ("gate-day", "car"), ("gate-night", "intruder")]
)
def test_the_gate_changes_where_the_truth_says_and_nowhere_else(scene: str, action: str) -> None:
    _, empty = _baked(scene, profile=USUAL)
    still = np.median(np.stack(empty[::5]), axis=0).astype(np.float32)
    clip, frames = _baked(scene, action=action, profile=USUAL)
    free = textless(still)
    (seen,) = clip.sightings
    height, width = still.shape
    boxes = {round(t * USUAL.fps): (x, y, w, h) for t, x, y, w, h in seen.track}
    judged = 0
    for number, frame in enumerate(frames):
        change = _differs(frame, still)
        if not seen.from_s <= number / USUAL.fps <= seen.to_s:
            assert (change[free] > 12).mean() < 0.002, f"frame {number}: nobody is in view"
            continue
        if number not in boxes:  # the track has five boxes a second
            continue
        x, y, w, h = boxes[number]
        box = np.zeros_like(free)
        box[int(y * height) : int((y + h) * height) + 1, int(x * width) : int((x + w) * width) + 1] = True
        if box.sum() < 250:
            continue
        judged += 1
        share = 0.3 if scene == "gate-day" else 0.1  # dark clothes at night
        assert (change[box & free] > 6).mean() > share, f"frame {number}: the mover is in its box"
        if scene == "gate-day":  # at night headlamps and shadows reach further
            around = cv2.dilate(box.astype(np.uint8), np.ones((51, 51), np.uint8)).astype(bool)
            assert (change[free & ~around] > 12).mean() < 0.002, f"frame {number}: nothing else moves"
    assert judged > 10


def test_headlights_change_the_picture_without_a_mover() -> None:
    clip, frames = _baked("headlights-night")
    assert {seen.what for seen in clip.sightings} == {"light"}
    still = np.median(np.stack(frames), axis=0)
    free = textless(frames[0])
    lit = [float(np.abs(frame - still)[free].mean()) for frame in frames]
    on = [
        lit[n] for n in range(len(lit)) if any(s.from_s + 0.8 < n / 5 < s.to_s - 0.8 for s in clip.sightings)
    ]
    off = [
        lit[n]
        for n in range(len(lit))
        if not any(s.from_s - 0.3 < n / 5 < s.to_s + 0.3 for s in clip.sightings)
    ]
    assert min(on) > 3 * max(off)


def test_wind_moves_the_trees_and_leaves_the_path_alone() -> None:
    _, frames = _baked("trees-wind")
    changes = np.mean([np.abs(a - b) for a, b in pairwise(frames)], axis=0)
    crowns, path = changes[20:70, 250:310], changes[130:170, 130:200]
    assert crowns.mean() > 4 * path.mean()


@pytest.mark.parametrize("scene", sorted(SCENES))
def test_every_scene_is_textured_and_of_its_hour(scene: str) -> None:
    _, frames = _baked(scene)
    mean = frames[0][textless(frames[0])].mean()
    low, high = {"day": (75, 180), "dusk": (35, 90), "night": (17, 60), "indoor": (100, 200)}[
        SCENES[scene].hour
    ]
    assert low < mean < high
    assert sharpness(frames[0]) > 2.5


def test_h265_shows_the_same() -> None:
    profile = ProfileSpec("sub", 320, 180, 5, 10, Codec.H265)
    h264, h265 = _baked("gate-day")[1][24], _baked("gate-day", profile=profile)[1][24]
    assert np.abs(h264 - h265).mean() < 4


def test_a_rendered_scene_has_its_truth_beside_it(tmp_path: Path) -> None:
    truth_file = render("gate-day", tmp_path / "gate.mp4", profile=SMALL, action="intruder")
    assert truth_file == tmp_path / "gate.truth.json"
    truth = json.loads(truth_file.read_text())
    with av.open(str(tmp_path / "gate.mp4")) as container:
        frames = [frame.time for frame in container.decode(video=0)]
    assert len(frames) == truth["seconds"] * truth["fps"]
    (seen,) = truth["seen"]
    assert seen["what"] == "person"
    times = [box[0] for box in seen["track"]]
    assert np.allclose(np.diff(times), 0.2)
    assert seen["from"] - 0.2 <= times[0] <= times[-1] <= seen["to"] + 0.2


def _write_video(path: Path, *, width: int, height: int, fps: int, seconds: float) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(int(seconds * fps)):
            picture = np.full((height, width, 3), 90, np.uint8)
            cv2.rectangle(picture, (number * 4, 20), (number * 4 + 30, 60), (240, 240, 240), -1)
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(
    ("shape", "played"),
    [((320, 240, 12), (240, 180, 12)), ((160, 120, 10), (160, 120, 10)), ((640, 180, 50), (320, 90, 25))],
)
def test_files_keep_their_shape_and_pace(
    tmp_path: Path, shape: tuple[int, int, int], played: tuple[int, int, int]
) -> None:
    path = tmp_path / "clip.mp4"
    _write_video(path, width=shape[0], height=shape[1], fps=shape[2], seconds=5)
    clip = bake(Reel(path, SMALL))
    assert (clip.width, clip.height, clip.fps) == played
    assert clip.gop == 2 * clip.fps
    assert clip.seconds == pytest.approx(5, abs=0.2)
    frames = decoded(clip)
    moved = [
        float(np.average(np.arange(played[0]), weights=np.maximum(f[played[1] // 6] - 150, 0) + 1e-6))
        for f in frames
    ]
    per_second = (moved[3 * clip.fps] - moved[clip.fps]) / 2
    assert per_second == pytest.approx(4 * shape[2] * played[0] / shape[0], rel=0.1)


def test_what_is_no_video_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "letter.mp4"
    path.write_text("no video")
    with pytest.raises(VideoError, match=r"letter\.mp4"):
        bake(Reel(path, SMALL))
    with pytest.raises(VideoError, match=r"missing\.mp4"):
        bake(Reel(tmp_path / "missing.mp4", SMALL))
    with pytest.raises(VideoError, match="gate-day"):
        bake(Reel("gate-noon", SMALL))
    with pytest.raises(KeyError, match="intruder"):
        bake(Reel("gate-day", SMALL, Picture.NORMAL, "fire"))
