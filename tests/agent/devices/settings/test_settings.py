"""Settings are read, changed as copies, read back and compared; what is not kept is never a success."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from agent.devices import OnvifRoom
from agent.devices.settings import DeviceSettings
from agent.errors import DeviceError, DeviceTrouble
from agent.management import Aspect, Value
from protocol.words import DeviceClass
from tests.agent.devices.builders import QUICK, a_device
from tests.support.virtual_county import RunningCounty, entry, running

MAKES = ("plain", "hik-like", "dahua-like", "axis-like", "reolink-like", "bosch-like", "tapo-like")
PASSWORD = "pass-word-1"
WRITES: Mapping[str, Mapping[str, Value]] = {
    "encoder": {"sub.fps": 5},
    "imaging": {"brightness": 61},
    "osd": {"1.text": "村口东"},
    "time": {"zone": "CST-8"},
    "network": {"hostname": "cun-kou"},
}


@contextmanager
def camera(**more: object) -> Iterator[tuple[RunningCounty, DeviceSettings]]:
    with running(entry("cam", **more)) as county, contextlib.closing(aspects(county)) as settings:
        yield county, settings


def aspects(county: RunningCounty, device_class: DeviceClass = DeviceClass.SMART_CAMERA) -> DeviceSettings:
    device = county.device()
    row = a_device(device.ip, device.http_port, password=PASSWORD, device_class=device_class)
    return OnvifRoom(limits=QUICK).settings(row)


@pytest.mark.parametrize("make", MAKES)
def test_a_sub_stream_is_changed_and_nothing_else(make: str) -> None:
    with camera(personality=make) as (county, settings):
        before = dict(settings["encoder"].read())
        change = settings["encoder"].write({"sub.fps": 5, "sub.gop_frames": 10})
        assert [(one.name, one.after) for one in change.fields] == [("sub.fps", 5), ("sub.gop_frames", 10)]
        assert settings["encoder"].read() == {**before, "sub.fps": 5, "sub.gop_frames": 10}
        assert county.device().encoders["main"].fps == before["main.fps"]


def test_a_stream_becomes_h265_over_media2_and_media_no_longer_names_it() -> None:
    with camera(personality="plain") as (county, settings):
        settings["encoder"].write({"main.codec": "H265"})
        assert county.device().encoders["main"].codec == "H265"
        assert settings["encoder"].read()["main.codec"] == "H265"


def test_h265_is_refused_where_only_media_is_there() -> None:
    with camera(personality="reolink-like") as (county, settings):
        with refused(DeviceTrouble.BAD_VALUE, "H264"):
            settings["encoder"].write({"main.codec": "H265"})
        assert county.device().counters["op_SetVideoEncoderConfiguration"] == 0


def test_a_size_that_is_not_offered_is_refused_before_anything_is_sent() -> None:
    with camera() as (county, settings):
        with refused(DeviceTrouble.BAD_VALUE, "640x360"):
            settings["encoder"].write({"sub.size": "641x360"})
        with refused(DeviceTrouble.BAD_VALUE, "没有这项设置"):
            settings["encoder"].write({"sub.colour": 1})
        assert county.device().counters["op_SetVideoEncoderConfiguration"] == 0


def test_what_already_is_so_is_not_written() -> None:
    with camera() as (county, settings):
        assert settings["encoder"].write({"sub.fps": settings["encoder"].read()["sub.fps"]}).is_empty
        assert county.device().counters["op_SetVideoEncoderConfiguration"] == 0


@pytest.mark.parametrize("aspect", WRITES)
def test_a_dry_run_sends_nothing(aspect: str) -> None:
    with camera() as (county, settings):
        change = settings[aspect].write(_different(settings[aspect], WRITES[aspect]), dry_run=True)
        assert change.dry_run
        assert not change.is_empty
        assert not [name for name in county.device().counters if name.startswith("op_Set")]


@pytest.mark.parametrize("aspect", WRITES)
def test_a_set_that_lies_is_found_out(aspect: str) -> None:
    with camera() as (county, settings):
        county.switch(lying_set=True)
        with refused(DeviceTrouble.NOT_KEPT, "读回不一致"):
            settings[aspect].write(_different(settings[aspect], WRITES[aspect]))


def test_a_rounded_bit_rate_is_shown_as_the_device_keeps_it() -> None:
    with camera() as (county, settings):
        county.switch(rounding_set=True)
        (field,) = settings["encoder"].write({"sub.kbps": 500}).fields
        assert (field.wanted, field.after) == (500, 448)


@pytest.mark.parametrize("make", MAKES)
def test_the_picture_is_set_and_read_back(make: str) -> None:
    with camera(personality=make) as (county, settings):
        wanted: dict[str, Value] = {
            "brightness": 61,
            "exposure.mode": "MANUAL",
            "exposure.time_us": 20_000,
            "ir_cut": "ON",
            "wdr.mode": "ON",
            "focus.mode": "MANUAL",
        }
        change = settings["imaging"].write(wanted)
        assert {one.name: one.after for one in change.fields} == wanted
        device = county.device()
        assert (device.imaging["Brightness"], device.ir_cut_filter) == (61, "ON")
        assert device.optics["Exposure"]["ExposureTime"] == 20_000
        assert device.imaging["Contrast"] == 50


def test_a_brightness_out_of_range_is_refused_with_the_range() -> None:
    with camera() as (_county, settings), refused(DeviceTrouble.BAD_VALUE, "0..100"):
        settings["imaging"].write({"brightness": 101})


def test_a_text_in_the_picture_is_changed_added_and_taken_away() -> None:
    with camera() as (county, settings):
        osd = settings["osd"]
        assert osd.read()["1.text"] == "Camera 01"
        osd.write({"1.text": "村口东"})
        assert county.device().overlays["OSD_name"].text == "村口东"
        osd.write({"2.text": "前哨"})
        assert [one.text for one in county.device().overlays.values()] == ["", "村口东", "前哨"]
        osd.write({"1.text": ""})
        assert [one.text for one in county.device().overlays.values()] == ["", "前哨"]
        assert osd.read()["2.text"] == "前哨"


def test_time_servers_are_written_before_the_mode() -> None:
    with camera() as (county, settings):
        settings["time"].write({"mode": "NTP", "ntp.servers": ("10.1.1.1", "ntp.village"), "zone": "CST-8"})
        device = county.device()
        assert (device.time_mode, device.ntp_servers) == ("NTP", ("10.1.1.1", "ntp.village"))


def test_time_servers_may_come_from_dhcp() -> None:
    with camera() as (county, settings):
        with refused(DeviceTrouble.BAD_VALUE, "NTP"):
            settings["time"].write({"mode": "NTP"})
        settings["time"].write({"mode": "NTP", "ntp.from_dhcp": True})
        assert (county.device().time_mode, county.device().ntp_from_dhcp) == ("NTP", True)


@pytest.mark.parametrize("make", ["reolink-like", "axis-like", "tapo-like"])
def test_a_text_is_made_and_taken_away_over_media_and_over_media2(make: str) -> None:
    with camera(personality=make) as (county, settings):
        settings["osd"].write({"2.text": "前哨"})
        assert "前哨" in [one.text for one in county.device().overlays.values()]
        settings["osd"].write({"2.text": ""})
        assert "前哨" not in [one.text for one in county.device().overlays.values()]


def test_h264_comes_back_from_h265_over_media2() -> None:
    with camera(personality="hik-like") as (county, settings):
        settings["encoder"].write({"sub.codec": "H265"})
        settings["encoder"].write({"sub.codec": "H264", "sub.fps": 5})
        assert county.device().encoders["sub"].codec == "H264"


def test_protocols_are_switched_and_moved() -> None:
    with camera() as (county, settings):
        settings["network"].write({"https.enabled": True, "https.port": 8443, "rtsp.port": 8554})
        https, rtsp = (county.device().protocols[name] for name in ("HTTPS", "RTSP"))
        assert (https.enabled, https.port, rtsp.enabled, rtsp.port) == (True, 8443, True, 8554)


def test_a_manual_clock_keeps_its_time_when_the_zone_is_written() -> None:
    with camera() as (county, settings):
        county.switch(clock_offset_s=-3600)
        settings["time"].write({"zone": "CST-8:00"})
        assert abs(county.device().clock.now().timestamp() - county.device().clock.unix()) < 2
        assert -3605 < county.device().clock.offset_s < -3595


def test_the_box_sets_a_manual_clock() -> None:
    with camera() as (county, settings):
        county.switch(clock_offset_s=-500)
        time = settings.time
        assert abs(time.synchronise()) <= 2.0
        assert abs(county.device().clock.offset_s) < 2.0


def test_a_clock_that_follows_ntp_is_not_set_by_hand() -> None:
    with camera() as (_county, settings):
        time = settings.time
        time.write({"mode": "NTP", "ntp.servers": ("10.1.1.1",)})
        with refused(DeviceTrouble.BAD_VALUE, "NTP"):
            time.synchronise()


@pytest.mark.parametrize("zone", ["CST+8:00:00", "UTC5UTC", "MoroccoStandardTime0", "<&>"])
def test_a_zone_of_junk_is_shown_as_it_is(zone: str) -> None:
    with camera() as (county, settings):
        county.device().time_zone = zone
        assert settings["time"].read()["zone"] == zone


@pytest.mark.parametrize("aspect", WRITES)
def test_an_integrated_device_is_sent_no_write(aspect: str) -> None:
    with (
        running(entry("cam")) as county,
        contextlib.closing(aspects(county, DeviceClass.INTEGRATED)) as settings,
    ):
        assert settings[aspect].read()
        asked = county.device().counters["requests"]
        with refused(DeviceTrouble.READ_ONLY, ""):
            settings[aspect].write(WRITES[aspect])
        assert county.device().counters["requests"] == asked


def test_a_make_without_osd_says_so() -> None:
    with camera(personality="plain") as (county, settings):
        county.switch(unplugged=True)
        with pytest.raises(DeviceError) as caught:
            settings["osd"].read()
        assert caught.value.kind is DeviceTrouble.UNREACHABLE


def test_a_device_that_restarts_over_a_write_is_waited_for() -> None:
    with camera() as (county, settings):
        encoder = settings["encoder"]
        encoder.read()
        waited: list[float] = []

        def pause(seconds: float) -> None:
            waited.append(seconds)
            county.switch(unplugged=False)

        encoder._pause = pause  # type: ignore[attr-defined]
        send = encoder._send  # type: ignore[attr-defined]

        def send_and_fall(changed: Mapping[str, Value]) -> None:
            send(changed)
            county.switch(unplugged=True)

        encoder._send = send_and_fall  # type: ignore[attr-defined]
        assert encoder.write({"sub.fps": 5}).fields[0].after == 5
        assert waited


def _different(aspect: Aspect, wanted: Mapping[str, Value]) -> Mapping[str, Value]:
    present = aspect.read()
    return {name: "CST-9" if present.get(name) == value else value for name, value in wanted.items()}


@contextmanager
def refused(kind: DeviceTrouble, words: str) -> Iterator[None]:
    with pytest.raises(DeviceError) as caught:
        yield
    assert caught.value.kind is kind
    assert words in caught.value.detail
    assert PASSWORD not in str(caught.value)
