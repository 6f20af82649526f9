"""Recordings that cannot be watched: each is refused for its own reason, which says what to do."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream

from agent.tuning.film import FilmError, FilmTrouble, look_at
from agent.tuning.rehearsal import Rehearsal
from agent.tuning.trial_values import Thresholds
from tests.agent.tuning import films
from tests.support.footage import encode

Make = Callable[[Path], Path]


def _text(folder: Path) -> Path:
    path = folder / "notes.mp4"
    path.write_text("镜头在大门口，朝东。\n" * 500, "utf-8")
    return path


def _list(folder: Path) -> Path:
    """A playlist that would make a player fetch from elsewhere."""
    path = folder / "list.m3u8"
    path.write_text("#EXTM3U\n#EXTINF:2,\nhttp://192.0.2.1/a.ts\n#EXT-X-ENDLIST\n")
    return path


def _noise(folder: Path) -> Path:
    path = folder / "noise.mp4"
    path.write_bytes(np.random.default_rng(1).bytes(20_000))
    return path


def _headless(folder: Path) -> Path:
    """An MP4 whose index was never written: the recorder lost its power."""
    path = encode(films.pictures(4), folder / "cut.mp4")
    path.write_bytes(path.read_bytes()[:3000])
    return path


def _empty(folder: Path) -> Path:
    path = folder / "empty.mp4"
    path.touch()
    return path


def _pipe(folder: Path) -> Path:
    path = folder / "pipe"
    os.mkfifo(path)
    return path


def _sound(folder: Path) -> Path:
    path = folder / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        assert isinstance(stream, AudioStream)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _mpeg4(folder: Path) -> Path:
    return encode(films.pictures(1), folder / "old.avi", codec="mpeg4", options={"g": "10"})


def _huge(folder: Path) -> Path:
    picture = np.full((4320, 7680), 90, np.uint8)
    return encode([picture], folder / "8k.mp4", options={"preset": "ultrafast", "x264-params": "threads=1"})


_MAKES: dict[FilmTrouble, tuple[Make, ...]] = {
    FilmTrouble.MISSING: (lambda folder: folder / "none.mp4", lambda folder: folder / ("x" * 300)),
    FilmTrouble.DIRECTORY: (lambda folder: folder,),
    FilmTrouble.NO_FILE: (_pipe,),
    FilmTrouble.EMPTY: (_empty,),
    FilmTrouble.NOT_VIDEO: (_text, _list, _noise, _headless),
    FilmTrouble.NO_PICTURE: (_sound,),
    FilmTrouble.WRONG_CODEC: (_mpeg4,),
    FilmTrouble.TOO_LARGE: (_huge,),
}


@pytest.mark.parametrize(
    ("trouble", "make"), [(trouble, make) for trouble, makes in _MAKES.items() for make in makes]
)
def test_what_is_no_recording_is_refused_for_its_own_reason(
    trouble: FilmTrouble, make: Make, tmp_path: Path
) -> None:
    path = make(tmp_path)
    with pytest.raises(FilmError) as caught:
        look_at(path)
    assert caught.value.trouble is trouble
    assert re.search(r"[一-鿿]", caught.value.detail.partition(" / ")[0])
    assert str(path) in caught.value.detail


def test_a_good_one_tells_what_it_is(film: Path) -> None:
    found = look_at(film)
    assert (found.codec, found.width, found.height) == ("h264", 320, 180)
    assert found.fps == pytest.approx(films.FPS)
    assert found.duration_s == pytest.approx(films.SECONDS, abs=0.2)


def watched(path: Path) -> Rehearsal:
    rehearsal = Rehearsal(look_at(path), Thresholds())
    list(rehearsal.decisions())
    return rehearsal


def copied(film: Path, to: Path, *, keys: bool = True) -> Path:
    """The packets of a film in another file, as its name says."""
    with av.open(str(film)) as given, av.open(str(to), "w") as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(given.streams.video[0]):
            if packet.size and (keys or not packet.is_keyframe):
                packet.stream = stream
                made.mux(packet)
    return to


def test_h265_is_watched_as_well(tmp_path: Path) -> None:
    options = {
        "preset": "ultrafast",
        "x265-params": "keyint=20:min-keyint=20:bframes=0:pools=1:log-level=none",
    }
    path = encode(films.pictures(18), tmp_path / "visit.mkv", codec="libx265", kbps=400, options=options)
    assert look_at(path).codec == "hevc"
    assert [round(one.start_s) for one in watched(path).outcome.events] == [10]


def test_without_a_key_frame_it_says_so(film: Path, tmp_path: Path) -> None:
    path = copied(film, tmp_path / "tail.mp4", keys=False)
    with pytest.raises(FilmError) as caught:
        watched(path)
    assert caught.value.trouble is FilmTrouble.NO_KEY_FRAME
    assert "ffmpeg" in caught.value.detail


def test_key_frames_of_which_no_picture_comes_are_told(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "spoilt.mp4"
    data = bytearray(film.read_bytes())
    begin = data.index(b"mdat") + 8
    for place in range(begin + 700, len(data) - 20_000, 40):
        data[place] ^= 0xFF
    path.write_bytes(bytes(data))
    try:
        outcome = watched(path).outcome
    except FilmError as error:
        assert error.trouble is FilmTrouble.UNDECODABLE
    else:
        assert outcome.left_out["broken_keyframes"] > 0 or outcome.damaged


def test_a_file_cut_off_in_the_middle_is_seen_to_where_it_ends(film: Path, tmp_path: Path) -> None:
    whole = copied(film, tmp_path / "whole.ts")
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) * 6 // 10])
    outcome = watched(whole).outcome
    assert 8 < outcome.stream_s < films.SECONDS * 0.8
    assert outcome.events


def test_one_cut_off_whose_head_tells_more_is_told_to_be_damaged(film: Path, tmp_path: Path) -> None:
    path = copied(film, tmp_path / "cut.mkv")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    assert watched(path).outcome.damaged
    assert not watched(film).outcome.damaged


@pytest.mark.parametrize("form", ["mp4", "mkv", "ts", "flv"])
def test_whatever_a_file_holds_it_ends_with_an_answer(film: Path, tmp_path: Path, form: str) -> None:
    """Bytes flipped, cut, put in between; the same each time."""
    rng = random.Random(form)
    whole = copied(film, tmp_path / f"whole.{form}").read_bytes()
    path = tmp_path / f"broken.{form}"
    for _ in range(5):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 5, 50, 500))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        place = rng.randrange(len(data))
        data[place:place] = rng.randbytes(rng.choice((0, 0, 700)))
        path.write_bytes(data[: rng.randrange(len(data) // 4, len(data))])
        try:
            outcome = watched(path).outcome
        except FilmError as error:
            assert " / " in error.detail
        else:
            assert outcome.decoded > 0


def test_a_pause_in_the_file_is_left_out_of_its_times_and_said(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "pause.mkv"
    with av.open(str(film)) as given, av.open(str(path), "w") as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(given.streams.video[0]):
            if packet.size and packet.pts is not None and packet.dts is not None:
                late = 0 if packet.pts * packet.time_base < 18 else round(600 / packet.time_base)
                packet.pts, packet.dts = packet.pts + late, packet.dts + late
                packet.stream = stream
                made.mux(packet)
    outcome = watched(path).outcome
    assert outcome.time_jumps == 1
    assert not outcome.damaged
    assert outcome.stream_s == pytest.approx(films.SECONDS, abs=1)


def test_one_that_goes_away_after_it_was_looked_at_is_told(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "gone.mp4"
    path.write_bytes(film.read_bytes())
    found = look_at(path)
    path.unlink()
    with pytest.raises(FilmError) as caught:
        list(Rehearsal(found, Thresholds()).decisions())
    assert caught.value.trouble is FilmTrouble.VANISHED


def test_a_plain_stream_without_times_is_told_by_its_frame_rate(film: Path, tmp_path: Path) -> None:
    outcome = watched(copied(film, tmp_path / "plain.h264")).outcome
    assert outcome.untimed
    assert outcome.stream_s == pytest.approx(films.SECONDS, rel=0.02)
    assert [round(one.start_s) for one in outcome.events] == [10]
    assert not watched(film).outcome.untimed


def test_a_name_that_looks_like_an_address_is_a_file(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "a:b %d.mp4"
    path.write_bytes(film.read_bytes())
    assert watched(path).outcome.events
