"""The first half minute of real footage, from the simulator over RTSP to events."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.support.footage import Truth, encode, folder, pictures
from tests.support.footage_check import CLIPS, watch
from tests.support.studio import Studio


@pytest.mark.skipif(not folder().is_dir(), reason=f"no footage at {folder()}; set OUTPOST_DATA to its folder")
def test_somebody_who_comes_and_goes_is_reported_once_and_the_empty_room_never(
    studio: Studio, tmp_path: Path
) -> None:
    clip, seconds = CLIPS[0], 24.0
    beginning = itertools.islice(pictures(folder() / clip.name), 260)
    short = encode(beginning, tmp_path / "beginning.mp4", kbps=800)
    truth = Truth.of(clip.name)
    outcome = watch(studio, short, clip, seconds=seconds, truth=truth)
    assert outcome.missed == ()
    assert outcome.made_up == ()
    assert outcome.other == ()
    start, end = outcome.episodes[0]
    enters, gone = truth.visits[0]
    assert enters - 0.5 <= start <= enters + 2.5
    assert abs(end - gone) < 2.6, "seen last at a key frame, which come every 2 s"
