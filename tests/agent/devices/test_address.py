"""Returned addresses: path and query kept, host never, port as the rule says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.devices.address import AddressRefused, first_usable, http_endpoint, rtsp_uri

HTTP = {
    "http://192.168.1.64/onvif/Media": "http://10.0.0.5:8000/onvif/Media",
    "http://127.0.0.1:80/onvif/media_service?x=1&y=2": "http://10.0.0.5:80/onvif/media_service?x=1&y=2",
    "http://169.254.169.254/latest/meta-data": "http://10.0.0.5:8000/latest/meta-data",
    "https://192.168.1.64:443/onvif/Media": "http://10.0.0.5:8000/onvif/Media",
    "http://[fe80::1]:8080/onvif/x": "http://10.0.0.5:8080/onvif/x",
    "http://admin:secret@1.2.3.4/snap.jpg": "http://10.0.0.5:8000/snap.jpg",
    "http://h": "http://10.0.0.5:8000/",
    "http://h/a b\r\nX: y": "http://10.0.0.5:8000/a%20bX:%20y",
}
RTSP = {
    "rtsp://10.10.1.60:554/Streaming/Channels/3?transportmode=unicast&profile=Profile_3": (
        "rtsp://10.0.0.5:554/Streaming/Channels/3?transportmode=unicast&profile=Profile_3"
    ),
    "rtsp://admin:pw@192.168.1.64/live": "rtsp://10.0.0.5:8554/live",
    "rtsp://169.254.169.254:8555/x": "rtsp://10.0.0.5:8555/x",
    "rtsp://h:554/user=admin_password=tlJw_channel=1_stream=0&onvif=0.sdp?real_stream": (
        "rtsp://10.0.0.5:554/user=admin_password=tlJw_channel=1_stream=0&onvif=0.sdp?real_stream"
    ),
}


@pytest.mark.parametrize("returned", HTTP)
def test_service_address_is_on_the_enrolled_host(returned: str) -> None:
    assert str(http_endpoint(returned, host="10.0.0.5", port=8000)) == HTTP[returned]


@pytest.mark.parametrize("returned", RTSP)
def test_stream_address_is_on_the_enrolled_host_without_user_name(returned: str) -> None:
    assert rtsp_uri(returned, host="10.0.0.5", port=8554) == RTSP[returned]


@pytest.mark.parametrize(
    "returned", ["", "file:///etc/passwd", "gopher://h/", "http://h:99999/", "http://[::1"]
)
def test_what_is_no_http_address_is_refused(returned: str) -> None:
    with pytest.raises(AddressRefused):
        http_endpoint(returned, host="10.0.0.5", port=80)


@pytest.mark.parametrize("returned", ["http://h/x", "rtsps://h/x", "udp://h", "/live"])
def test_what_is_no_rtsp_address_is_refused(returned: str) -> None:
    with pytest.raises(AddressRefused):
        rtsp_uri(returned, host="10.0.0.5", port=554)


@given(st.text(max_size=80))
def test_no_text_of_a_device_names_another_host_or_breaks_the_request_line(text: str) -> None:
    for scheme in ("http", "https"):
        try:
            endpoint = http_endpoint(f"{scheme}://{text}", host="10.0.0.5", port=80)
        except AddressRefused:
            continue
        assert endpoint.host == "10.0.0.5"
        assert endpoint.target.startswith("/")
        assert not set(endpoint.target) & set(" \r\n\t")
        assert endpoint.target.isascii()


def test_of_several_addresses_plain_http_over_ipv4_is_taken() -> None:
    offered = "https://192.168.1.2/onvif http://[fe80::1]/onvif http://192.168.1.2/onvif"
    assert first_usable(offered) == "http://192.168.1.2/onvif"
    assert first_usable("") == ""


def test_an_ipv6_device_is_written_in_brackets() -> None:
    assert rtsp_uri("rtsp://h/live", host="fd00::5", port=554) == "rtsp://[fd00::5]:554/live"
    assert str(http_endpoint("http://h/x", host="fd00::5", port=80)) == "http://[fd00::5]:80/x"
