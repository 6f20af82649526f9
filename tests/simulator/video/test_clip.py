"""A clip file is whole or it is no clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simulator.video.clip import BrokenClip, Clip, load, nal_type, save
from simulator.video.encoder import encode, split_annexb
from simulator.video.model import Codec, ProfileSpec, Sighting, VideoError

TINY = ProfileSpec("tiny", 64, 48, 5, 5)


def _clip(codec: Codec = Codec.H264) -> Clip:
    rng = np.random.default_rng(1)
    pictures = [rng.integers(16, 235, (72, 64), np.uint8) for _ in range(12)]
    profile = ProfileSpec("tiny", 64, 48, 5, 5, codec)
    return encode(pictures, profile, sightings=(Sighting("person", 0.4, 1.2, ((0.4, 0.1, 0.2, 0.3, 0.4),)),))


@pytest.mark.parametrize("codec", list(Codec))
def test_what_is_saved_is_loaded(tmp_path: Path, codec: Codec) -> None:
    clip = _clip(codec)
    save(clip, tmp_path / "one.clip")
    assert load(tmp_path / "one.clip") == clip
    assert [path.name for path in tmp_path.iterdir()] == ["one.clip"]


@pytest.mark.parametrize("codec", list(Codec))
def test_clips_are_coded_as_cameras_do(codec: Codec) -> None:
    clip = _clip(codec)
    assert [unit.key for unit in clip.units] == [n % 5 == 0 for n in range(12)]
    assert clip.key_before == (0, 0, 0, 0, 0, 5, 5, 5, 5, 5, 10, 10)
    sets = {7, 8} if codec is Codec.H264 else {32, 33, 34}
    for unit in clip.units:
        kinds = {nal_type(nal, codec) for nal in unit.nals}
        assert (sets <= kinds) is unit.key, "parameter sets before every key frame, and only there"
    assert len(clip.parameter_sets) == len(sets)


def test_any_damage_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "one.clip"
    save(_clip(), path)
    whole = path.read_bytes()
    damaged = {
        "empty": b"",
        "cut": whole[: len(whole) // 2],
        "one byte short": whole[:-1],
        "one bit": whole[:200] + bytes([whole[200] ^ 1]) + whole[201:],
        "another file": b"\x89PNG" + whole[4:],
    }
    for how, content in damaged.items():
        path.write_bytes(content)
        with pytest.raises(BrokenClip):
            load(path)
        assert path.exists(), how


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save(_clip(), tmp_path / "one.clip")
    assert list(tmp_path.iterdir()) == []


def test_no_picture_is_no_clip() -> None:
    with pytest.raises(VideoError, match="no picture"):
        encode([], TINY)


def test_start_codes_of_both_lengths_split() -> None:
    assert split_annexb(b"\0\0\0\1\x67ab\0\0\1\x68c\0\0\0\1\x65d") == [b"\x67ab", b"\x68c", b"\x65d"]
