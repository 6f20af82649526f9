"""Which stream is watched: small, H.264, wide enough; H.265 only where there is nothing else."""

from __future__ import annotations

import pytest

from agent.devices import OnvifRoom
from agent.devices.profiles import shown, watched
from agent.model import MediaProfile
from tests.agent.devices.builders import QUICK, a_device
from tests.support.hostile import ENVELOPE, answering, http


def profiles(*streams: str) -> list[MediaProfile]:
    made = []
    for stream in streams:
        codec, _, size = stream.partition(" ")
        width, _, height = size.partition("x")
        made.append(MediaProfile(stream, stream, codec, int(width or 0), int(height or 0), 10.0))
    return made


WATCHED = {
    ("H264 1920x1080", "H264 640x360"): "H264 640x360",
    ("H264 1920x1080", "H264 352x288", "H264 640x360"): "H264 640x360",
    ("H264 1920x1080", "H264 352x288"): "H264 352x288",
    ("H264 1920x1080", "H264 1280x720", "H264 160x120"): "H264 1280x720",
    ("H264 704x480", "H264 640x480"): "H264 640x480",
    ("H265 640x360", "H264 1920x1080"): "H264 1920x1080",
    ("H265 2560x1440", "H265 640x360"): "H265 640x360",
    ("H265 2560x1440", "JPEG 640x360"): "H265 2560x1440",
    ("JPEG 640x360",): None,
    ("H264 0x0",): "H264 0x0",
    (): None,
}


@pytest.mark.parametrize("streams", WATCHED)
def test_the_stream_to_watch(streams: tuple[str, ...]) -> None:
    chosen = watched(profiles(*streams))
    assert (chosen.token if chosen else None) == WATCHED[streams]


def test_the_picture_to_show_is_the_largest() -> None:
    largest = shown(profiles("H264 640x360", "JPEG 5120x2560", "H264 1920x1080"))
    assert largest is not None
    assert largest.token == "JPEG 5120x2560"
    assert shown([]) is None


MEDIA1 = "http://www.onvif.org/ver10/media/wsdl"
MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"
_DEVICE = "http://www.onvif.org/ver10/device/wsdl"
_SCHEMA = "http://www.onvif.org/ver10/schema"


def _response(namespace: str, name: str, inner: str) -> bytes:
    body = f'<r:{name}Response xmlns:r="{namespace}" xmlns:tt="{_SCHEMA}">{inner}</r:{name}Response>'
    return http(ENVELOPE.format(prolog="", body=body).encode())


def _h265_camera(request: bytes) -> bytes:
    """As Axis 11 and Hikvision: Media1 lists the H.265 profile without its encoder, Media2 names it."""
    if b"GetSystemDateAndTime" in request:
        return _response(_DEVICE, "GetSystemDateAndTime", "<r:SystemDateAndTime/>")
    if b"GetDeviceInformation" in request:
        return _response(
            _DEVICE, "GetDeviceInformation", "<r:Manufacturer>A</r:Manufacturer><r:Model>B</r:Model>"
        )
    if b"GetServices" in request:
        services = "".join(
            f"<r:Service><r:Namespace>{ns}</r:Namespace><r:XAddr>http://10.9.9.9/{n}</r:XAddr></r:Service>"
            for n, ns in (("one", MEDIA1), ("two", MEDIA2))
        )
        return _response(_DEVICE, "GetServices", services)
    if b"GetProfiles" in request and MEDIA2.encode() in request:
        encoder = (
            "<r:VideoEncoder><tt:Encoding>H265</tt:Encoding><tt:Resolution><tt:Width>2560</tt:Width>"
            "<tt:Height>1440</tt:Height></tt:Resolution><tt:RateControl>"
            "<tt:FrameRateLimit>25</tt:FrameRateLimit></tt:RateControl></r:VideoEncoder>"
        )
        inner = f"<r:Name>hevc</r:Name><r:Configurations>{encoder}</r:Configurations>"
        return _response(MEDIA2, "GetProfiles", f'<r:Profiles token="p1">{inner}</r:Profiles>')
    if b"GetProfiles" in request:
        source = '<tt:VideoSourceConfiguration token="v"><tt:Name>v</tt:Name></tt:VideoSourceConfiguration>'
        inner = f'<r:Profiles token="p1"><tt:Name>main</tt:Name>{source}</r:Profiles>'
        return _response(MEDIA1, "GetProfiles", inner)
    return b"HTTP/1.1 500 E\r\nContent-Length: 0\r\n\r\n"


def test_media2_names_the_codec_that_media1_cannot() -> None:
    with answering(_h265_camera) as camera:
        adapter = OnvifRoom(limits=QUICK).open(a_device(port=camera.port))
        identity = adapter.identity()
        adapter.close()
    assert [str(profile) for profile in identity.profiles] == ["main 2560x1440@25 H265"]
