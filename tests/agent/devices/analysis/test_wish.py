"""What is asked of an encoder, and when a stream is that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.devices.analysis.wish import codec_for, differences, wished
from agent.management import Allowed, Value
from agent.model import StreamMeasure

BEFORE: dict[str, Value] = {"codec": "H264", "size": "352x288", "fps": 25, "gop_frames": 50, "kbps": 2048}
SIZES = Allowed(values=("1920x1080", "640x360", "640x480", "352x288"))


def test_a_small_picture_with_a_key_frame_a_second() -> None:
    options = {"size": SIZES, "fps": Allowed(low=1, high=30), "gop_frames": Allowed(low=1, high=250)}
    wish = wished(BEFORE, options, "H264")
    assert wish is not None
    assert wish.settings == {"codec": "H264", "size": "640x360", "fps": 10, "gop_frames": 10, "kbps": 512}
    assert wish.short == ()


@pytest.mark.parametrize(
    ("sizes", "taken"),
    [
        (("1920x1080", "704x576", "352x288"), "352x288"),
        (("1920x1080", "704x576"), "704x576"),
        (("640x480", "320x240", "160x120"), "320x240"),
        (("176x144", "1280x720"), "176x144"),
        (("1920x1080", "1280x720"), None),
    ],
)
def test_the_size_is_the_largest_that_is_small_enough(sizes: tuple[str, ...], taken: str | None) -> None:
    wish = wished(BEFORE, {"size": Allowed(values=sizes)}, "H264")
    assert (None if wish is None else wish.settings["size"]) == taken


def test_what_falls_short_is_said() -> None:
    options = {
        "size": Allowed(values=("704x576",)),
        "fps": Allowed(values=(25.0, 12.5)),
        "gop_frames": Allowed(low=25, high=250),
    }
    wish = wished(BEFORE, options, "H264")
    assert wish is not None
    assert wish.settings["fps"] == 12.5
    assert wish.settings["gop_frames"] == 25
    assert len(wish.short) == 3
    del (blind := dict(BEFORE))["gop_frames"]
    wish = wished(blind, options, "H264")
    assert wish is not None
    assert "gop_frames" not in wish.settings
    assert any("关键帧间隔" in sentence for sentence in wish.short)


def test_rates_that_are_listed_one_by_one_are_kept_to() -> None:
    for rates, taken in (((25.0, 8.0, 6.0), 8), ((30.0, 15.0), 15), ((1.0, 2.0), 2), ((10.0, 5.0), 10)):
        wish = wished(BEFORE, {"size": SIZES, "fps": Allowed(values=rates)}, "H264")
        assert wish is not None
        assert wish.settings["fps"] == taken


def test_h264_is_taken_where_it_is_offered_and_jpeg_never() -> None:
    assert codec_for({"codec": "H265"}, Allowed(values=("H264", "H265"))) == "H264"
    assert codec_for({"codec": "H265"}, Allowed(values=("H265",))) == "H265"
    assert codec_for({"codec": "H265"}, None) == "H265"
    assert codec_for({"codec": "JPEG"}, Allowed(values=("JPEG",))) == ""
    assert wished({"codec": "JPEG", "size": "640x360"}, {}, "") is None


@given(
    low=st.floats(0, 60),
    span=st.floats(0, 60),
    shortest=st.integers(1, 300),
    longest=st.integers(0, 300),
    sizes=st.lists(st.tuples(st.integers(16, 4096), st.integers(16, 2304)), max_size=6),
)
def test_nothing_is_asked_that_the_options_do_not_allow(
    low: float, span: float, shortest: int, longest: int, sizes: list[tuple[int, int]]
) -> None:
    options = {
        "size": Allowed(values=tuple(f"{width}x{height}" for width, height in sizes)),
        "fps": Allowed(low=low, high=low + span),
        "gop_frames": Allowed(low=shortest, high=shortest + longest),
        "kbps": Allowed(low=64, high=4096),
    }
    wish = wished(BEFORE, options, "H264")
    if wish is None:
        assert sizes
        return
    assert not sizes or wish.settings["size"] in options["size"].values
    fps, gop = wish.settings["fps"], wish.settings["gop_frames"]
    assert isinstance(fps, int | float) and low <= fps <= low + span
    assert isinstance(gop, int) and shortest <= gop <= shortest + longest


def test_a_stream_is_what_was_asked_or_the_difference_is_named() -> None:
    settled: dict[str, Value] = {"codec": "H264", "size": "640x360", "fps": 10, "gop_frames": 10}
    right = StreamMeasure("H264", 640, 360, 10.1, 1.0, 4.0)
    assert differences(settled, right) == ()
    wrong = StreamMeasure("H265", 352, 288, 25.0, 2.0, 4.0)
    assert [text.partition(" ")[0] for text in differences(settled, wrong)] == [
        "编码",
        "尺寸",
        "帧率",
        "关键帧间隔",
    ]
    endless = StreamMeasure("H264", 640, 360, 10.0, None, 12.0)
    assert "> 12 s" in differences(settled, endless)[0]
