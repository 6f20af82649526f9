"""The analysis stream on simulated makes: planned, applied, verified, undone; nothing else moves."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from agent.devices import OnvifRoom
from agent.devices.analysis import NAME, AnalysisNotes, AnalysisStream
from agent.devices.habits import LooseLeaves
from agent.errors import DeviceError, DeviceTrouble, StoreFull
from agent.model import Device, StreamMeasure
from simulator.device.device import Device as Camera
from tests.agent.devices.builders import QUICK as BRIEF
from tests.agent.devices.builders import a_device
from tests.support.virtual_county import RunningCounty, entry, running

QUICK = replace(BRIEF, total_s=5.0)
"""Nothing here hangs: a busy machine is waited for."""
PASSWORD = "pass-word-1"
WITH_A_SPARE = ("plain", "axis-like", "old-hik-like")


def row_of(county: RunningCounty) -> Device:
    device = county.device()
    return a_device(device.ip, device.http_port, password=PASSWORD)


@contextmanager
def camera(
    make: str = "plain", *, notebook: LooseLeaves | None = None
) -> Iterator[tuple[RunningCounty, AnalysisStream]]:
    with running(entry("cam", personality=make)) as county:
        room = OnvifRoom(limits=QUICK, notebook=notebook)
        with contextlib.closing(room.analysis(row_of(county))) as stream:
            yield county, stream


def held(county: RunningCounty) -> dict[str, object]:
    """Everything this may touch, as the device holds it."""

    def look() -> dict[str, object]:
        one = county.device()
        profiles = [(each.token, each.name, each.encoder, each.has_source) for each in one.media]
        return {"profiles": profiles, "encoders": dict(one.encoders)}

    return county.call(look)


def as_told(county: RunningCounty) -> Callable[[str], StreamMeasure]:
    """Looks at the stream as the lens was told to show it."""

    def look(token: str) -> StreamMeasure:
        spec = county.lens().arranged[token]
        return StreamMeasure("H264", spec.width, spec.height, spec.fps, spec.gop / spec.fps, 4.0)

    return look


def own(county: RunningCounty) -> list[Any]:
    return [one for one in county.device().media if one.name == NAME]


def of_sub(token: str) -> StreamMeasure:
    assert token == "sub"
    return StreamMeasure("H264", 640, 360, 10.0, 1.0, 4.0)


def change(county: RunningCounty, **fields: object) -> None:
    one = county.device()
    one.personality = replace(one.personality, **fields)  # type: ignore[arg-type]


@contextmanager
def refused(kind: DeviceTrouble, *words: str) -> Iterator[None]:
    with pytest.raises(DeviceError) as caught:
        yield
    assert caught.value.kind is kind, caught.value.detail
    assert all(word in caught.value.detail for word in words), caught.value.detail


def writes(county: RunningCounty) -> Mapping[str, int]:
    verbs = ("op_Create", "op_Add", "op_Set", "op_Delete", "op_Remove")
    return {name: count for name, count in county.device().counters.items() if name.startswith(verbs)}


def test_a_plan_says_what_would_be_and_sends_nothing() -> None:
    with camera() as (county, stream):
        before = held(county)
        plan = stream.plan()
        assert not plan.obstacle
        assert (plan.makes_profile, plan.encoder, plan.shared_with) == (True, "VideoEncoder_third", ())
        assert {one.name: (one.before, one.wanted) for one in plan.changes} == {
            "size": ("352x288", "640x360"),
            "fps": (25, 10),
            "gop_frames": (50, 10),
            "kbps": (253, 512),
        }
        assert (plan.profiles, plan.most_profiles, plan.encoders, plan.most_encoders) == (2, 8, 3, 3)
        assert (held(county), writes(county)) == (before, {})


@pytest.mark.parametrize("make", WITH_A_SPARE)
def test_it_is_made_verified_and_undone_as_if_it_had_never_been(make: str) -> None:
    with camera(make) as (county, stream):
        before = held(county)
        applied = stream.apply(as_told(county))
        assert applied.verified, applied
        (profile,) = own(county)
        assert (profile.token, profile.encoder, profile.fixed) == (applied.profile, "third", False)
        third = county.device().encoders["third"]
        assert (third.width, third.height, third.fps, third.gop) == (640, 360, 10, 10)
        assert county.device().encoders["sub"] == before["encoders"]["sub"]  # type: ignore[index]
        undone = stream.undo()
        assert undone.profile == applied.profile
        assert (undone.left, stream.note) == ((), None)
        assert held(county) == before


def test_applied_again_it_only_looks_and_puts_right_what_somebody_changed() -> None:
    with camera() as (county, stream):
        before = held(county)
        stream.apply(as_told(county))
        sent = writes(county)
        assert stream.apply(as_told(county)).verified
        assert writes(county) == sent
        device = county.device()
        county.call(lambda: device.set_encoder("third", replace(device.encoders["third"], gop=100)))
        assert stream.apply(as_told(county)).verified
        assert len(own(county)) == 1
        assert device.encoders["third"].gop == 10
        stream.undo()
        assert held(county) == before


def test_it_survives_a_restart_of_the_box() -> None:
    notebook = LooseLeaves()
    with camera(notebook=notebook) as (county, stream):
        before = held(county)
        stream.apply(as_told(county))
        again = OnvifRoom(limits=QUICK, notebook=notebook)
        with contextlib.closing(again.analysis(row_of(county))) as later:
            later.undo()
        assert held(county) == before
        with refused(DeviceTrouble.BAD_VALUE, "没有前哨的分析码流"):
            stream.undo()


def test_an_encoder_that_others_use_is_only_taken_when_the_user_says_so() -> None:
    with camera("hik-like") as (county, stream):
        before = held(county)
        assert "--shared" in stream.plan().obstacle
        with refused(DeviceTrouble.BAD_VALUE, "--shared", "subStream"):
            stream.apply(as_told(county))
        assert writes(county) == {}
        plan = stream.plan(shared=True)
        assert plan.shared_with == ("subStream",)
        assert [one.name for one in plan.changes] == ["gop_frames", "kbps"]
        assert stream.apply(as_told(county), shared=True).verified
        assert county.device().encoders["sub"].gop == 10
        assert own(county)[0].encoder == "sub"
        assert county.device().encoders["main"] == before["encoders"]["main"]  # type: ignore[index]
        stream.undo()
        assert held(county) == before


def test_where_no_profile_fits_the_sub_stream_itself_is_set_and_put_back() -> None:
    with camera("dahua-like") as (county, stream):
        before = held(county)
        assert stream.plan().obstacle
        applied = stream.apply(of_sub, shared=True)
        assert (applied.profile, applied.verified) == ("sub", True)
        assert own(county) == []
        assert county.device().encoders["sub"].gop == 10
        stream.undo()
        assert held(county) == before


def test_a_free_encoder_is_no_use_where_all_profiles_are_taken() -> None:
    with camera() as (county, stream):
        county.device().media.most = 2
        plan = stream.plan()
        assert "2/2" in plan.obstacle and "--shared" in plan.obstacle
        assert plan.free_encoders == ("VideoEncoder_third",)


def test_an_encoder_that_the_device_uses_itself_is_not_free() -> None:
    with camera() as (county, stream):
        county.device().media.hidden_uses["third"] = 1
        assert "设备内部" in stream.plan().obstacle
        assert stream.plan(shared=True).encoder == "VideoEncoder_sub"


def test_the_only_stream_of_a_camera_is_never_shared() -> None:
    with camera("hik-like") as (county, stream):
        device = county.device()
        main = device.encoders["main"]
        wide = replace(device.encoders["sub"], width=main.width, height=main.height)
        county.call(lambda: device.set_encoder("sub", wide))
        assert "没有空闲的编码器" in stream.plan(shared=True).obstacle


@pytest.mark.parametrize("make", ["reolink-like", "onvif-srvd-like"])
def test_a_make_without_profiles_of_our_own_refuses_and_nothing_is_left(make: str) -> None:
    with camera(make) as (county, stream):
        before = held(county)
        with pytest.raises(DeviceError) as caught:
            stream.apply(as_told(county), shared=True)
        assert caught.value.kind in (DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.BAD_ANSWER)
        assert (held(county), stream.note) == (before, None)


@pytest.mark.parametrize("fault", ["lying_set", "gop_stays"])
def test_what_is_not_kept_is_put_back(fault: str) -> None:
    with camera() as (county, stream):
        before = held(county)
        county.switch("cam", **{fault: True})
        with refused(DeviceTrouble.NOT_KEPT, "已恢复原状"):
            stream.apply(as_told(county))
        county.switch("cam", **{fault: False})
        assert (held(county), stream.note) == (before, None)


def test_a_stream_that_is_not_what_its_encoder_says_is_told_and_not_used() -> None:
    with camera() as (county, stream):

        def long_group(_token: str) -> StreamMeasure:
            return StreamMeasure("H264", 640, 360, 10.0, 5.0, 12.0)

        applied = stream.apply(long_group)
        assert not applied.verified
        assert "关键帧间隔" in applied.differences[0]
        assert stream.note is not None and not stream.note.verified
        assert stream.apply(as_told(county)).verified
        assert stream.note.profile == applied.profile


def test_a_stream_that_cannot_be_opened_leaves_it_unverified() -> None:
    with camera() as (_county, stream):

        def closed(_token: str) -> StreamMeasure:
            raise DeviceError(DeviceTrouble.NO_STREAM, "cam", "404")

        applied = stream.apply(closed)
        assert (applied.verified, applied.trouble) == (False, "404")


def test_what_somebody_changed_since_stays_when_it_is_undone() -> None:
    with camera() as (county, stream):
        stream.apply(as_told(county))
        device = county.device()
        county.call(lambda: device.set_encoder("third", replace(device.encoders["third"], fps=5)))
        undone = stream.undo()
        assert len(undone.left) == 1 and "fps" in undone.left[0]
        third = device.encoders["third"]
        assert (third.width, third.gop, third.fps) == (352, 50, 5)


def test_a_profile_of_another_name_at_the_noted_token_is_not_ours() -> None:
    with camera() as (county, stream):
        applied = stream.apply(as_told(county))
        (profile,) = own(county)
        profile.name = "somebody's"
        undone = stream.undo()
        assert undone.profile == ""
        assert county.device().media.find(applied.profile) is not None
        assert county.device().encoders["third"].fps == 25


def test_a_profile_that_is_gone_already_does_not_stop_the_undoing() -> None:
    with camera() as (county, stream):
        before = held(county)
        stream.apply(as_told(county))
        device = county.device()
        county.call(lambda: device.profile_dropped(own(county)[0]))
        assert stream.undo().profile == ""
        assert held(county) == before


def test_without_a_note_our_profile_goes_and_the_encoder_stays() -> None:
    notebook = LooseLeaves()
    with camera(notebook=notebook) as (county, stream):
        stream.apply(as_told(county))
        AnalysisNotes(notebook).strike("cam")
        undone = stream.undo()
        assert undone.profile and "原来的设置" in undone.left[0]
        assert own(county) == []


def test_a_cut_line_in_the_middle_is_undone_later() -> None:
    with camera() as (county, stream):
        before = held(county)
        county.switch(drop_after_write=True)
        with pytest.raises(DeviceError) as caught:
            stream.apply(as_told(county))
        county.switch(drop_after_write=False)
        if stream.note is not None:
            assert "--undo" in caught.value.detail
            stream.undo()
        assert held(county) == before


def test_nothing_is_sent_when_nothing_can_be_noted() -> None:
    class Full(LooseLeaves):
        def note(self, subject: str, topic: str, document: str) -> None:
            if topic == "analysis_stream":
                raise StoreFull("full")
            super().note(subject, topic, document)

    with camera(notebook=Full()) as (county, stream):
        with pytest.raises(StoreFull):
            stream.apply(as_told(county))
        assert writes(county) == {}


def test_an_h265_encoder_becomes_h264_and_comes_back() -> None:
    with camera() as (county, stream):
        device: Camera = county.device()
        third = replace(device.encoders["third"], codec="H265", profile="Main")
        county.call(lambda: device.set_encoder("third", third))
        before = held(county)
        stream.apply(as_told(county))
        assert device.encoders["third"].codec == "H264"
        stream.undo()
        assert held(county) == before


def test_a_frame_rate_that_is_not_listed_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.onvif.encoding.RATES", "25 12.5 8 6.25")
    with camera() as (county, stream):
        assert stream.apply(as_told(county)).verified
        third = county.device().encoders["third"]
        assert (third.fps, third.gop) == (8, 8)


def test_the_names_of_the_cameras_own_streams_stay_when_ours_is_larger() -> None:
    """``sub`` is the sub-stream still: a baseline of the county must not meet our encoder."""
    notebook = LooseLeaves()
    with camera(notebook=notebook) as (county, stream):
        device = county.device()
        small = replace(device.encoders["sub"], width=352, height=288)
        county.call(lambda: device.set_encoder("sub", small))
        stream.apply(as_told(county))
        room = OnvifRoom(limits=QUICK, notebook=notebook)
        with contextlib.closing(room.settings(row_of(county))) as settings:
            told = settings["encoder"].read()
        assert (told["sub.size"], told["third.size"]) == ("352x288", "640x360")


def test_a_shared_encoder_keeps_its_name_among_the_settings() -> None:
    notebook = LooseLeaves()
    with camera(notebook=notebook) as (county, stream):
        county.device().media.hidden_uses["third"] = 1
        stream.apply(as_told(county), shared=True)
        assert AnalysisNotes(notebook).encoder_of("cam") == ""
        room = OnvifRoom(limits=QUICK, notebook=notebook)
        with contextlib.closing(room.settings(row_of(county))) as settings:
            told = settings["encoder"].read()
        assert (told["sub.gop_frames"], told["third.gop_frames"]) == (10, 50)


def test_another_encoder_is_not_taken_before_the_first_one_is_put_back() -> None:
    with camera() as (county, stream):
        before = held(county)
        stream.apply(as_told(county))
        (profile,) = own(county)
        profile.encoder = ""
        county.device().media.hidden_uses["third"] = 1
        with refused(DeviceTrouble.BAD_VALUE, "--undo", "VideoEncoder_third"):
            stream.apply(as_told(county), shared=True)
        county.device().media.hidden_uses.clear()
        stream.undo()
        assert held(county) == before


def test_a_damaged_note_counts_as_none() -> None:
    notebook = LooseLeaves()
    notes = AnalysisNotes(notebook)
    for document in ("", "{", "[]", "3", '{"profile": 1}', '{"profile": "a", "name": "", "made": true}'):
        notebook.note("cam", "analysis_stream", document)
        assert notes.read("cam") is None
        assert notes.encoder_of("cam") == ""
