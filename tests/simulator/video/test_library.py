"""The cache: made once, shared, made again when damaged, never half written."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from simulator.video import Library, Picture, ProfileSpec, Reel, VideoError
from simulator.video.library import reel_key
from simulator.video.model import Codec
from tests.simulator.video.conftest import until

TINY = ProfileSpec("sub", 160, 90, 2, 4)
REEL = Reel("gate-day", TINY, Picture.COVERED)


def _prepare(library: Library, *reels: Reel) -> None:
    async def story() -> None:
        await library.prepare(reels)
        await library.close()

    asyncio.run(story())


def test_a_clip_is_made_once_and_shared(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    library = Library(tmp_path)
    assert library.load(REEL) is None
    _prepare(library, REEL, REEL)
    clip = library.load(REEL)
    assert clip is not None
    assert library.load(replace(REEL, profile=replace(TINY, token="other"))) is clip
    assert "gate-day: 1 " in capfd.readouterr().err
    _prepare(Library(tmp_path), REEL)
    assert capfd.readouterr().err == "", "the second time nothing is rendered"


@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_a_damaged_clip_is_made_again(tmp_path: Path, damage: str) -> None:
    library = Library(tmp_path)
    _prepare(library, REEL)
    path = library.path(REEL)
    whole = path.read_bytes()
    half = len(whole) // 2
    path.write_bytes(
        {"cut": whole[:half], "changed": whole[:half] + b"\xff" + whole[half + 1 :], "empty": b""}[damage]
    )
    assert Library(tmp_path).load(REEL) is None
    assert not path.exists()
    again = Library(tmp_path)
    _prepare(again, REEL)
    assert path.read_bytes() == whole, "the same order gives the same clip"


def test_a_killed_render_leaves_no_clip(tmp_path: Path) -> None:
    long = Reel("street-day", ProfileSpec("main", 1280, 720, 25, 50))

    async def story() -> None:
        library = Library(tmp_path)
        task = asyncio.create_task(library.prepare([long]))
        await until(lambda: library.under_way == 1)
        await library.close()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(story())
    assert not list(tmp_path.glob("*.clip"))


def test_two_who_want_the_same_wait_for_one_render(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async def story() -> None:
        library = Library(tmp_path)
        await asyncio.gather(*(library.prepare([REEL]) for _ in range(5)))

    asyncio.run(story())
    assert capfd.readouterr().err.count("gate-day") == 1


def test_everything_that_shows_is_in_the_key(tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    file.write_bytes(b"one")
    other = [
        REEL,
        replace(REEL, source="gate-night"),
        replace(REEL, picture=Picture.DARK),
        replace(REEL, action="intruder"),
        REEL.in_codec(Codec.H265),
        replace(REEL, profile=replace(TINY, width=162)),
        replace(REEL, profile=replace(TINY, height=92)),
        replace(REEL, profile=replace(TINY, fps=3)),
        replace(REEL, profile=replace(TINY, gop=5)),
        replace(REEL, source=file),
    ]
    keys = [reel_key(reel) for reel in other]
    file.write_bytes(b"two, longer")
    keys.append(reel_key(other[-1]))
    assert len(set(keys)) == len(keys)
    assert reel_key(replace(REEL, profile=replace(TINY, token="main"))) == keys[0]


def test_what_cannot_be_made_says_why(tmp_path: Path) -> None:
    letter = tmp_path / "letter.mp4"
    letter.write_text("no video")
    with pytest.raises(VideoError, match=r"letter\.mp4"):
        _prepare(Library(tmp_path / "cache"), Reel(letter, TINY))
    with pytest.raises(VideoError, match=r"gate-noon.*known:.*gate-day"):
        _prepare(Library(tmp_path / "cache"), Reel("gate-noon", TINY))
    with pytest.raises(VideoError, match=r"missing\.mp4"):
        _prepare(Library(tmp_path / "cache"), Reel(tmp_path / "missing.mp4", TINY))


def test_phases_spread_evenly(tmp_path: Path) -> None:
    library = Library(tmp_path)
    phases = sorted(library.next_phase() for _ in range(24))
    gaps = [later - earlier for earlier, later in pairwise(phases)]
    assert max(gaps) < 0.1
    assert min(gaps) > 0.005
