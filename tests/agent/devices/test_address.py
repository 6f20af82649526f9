"""Returned addresses: path and query kept, host never, port as the rule says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.devices.address import (
    AddressRefused,
    device_service,
    first_usable,
    http_endpoint,
    rtsp_uri,
)
from agent.model import Device
from tests.agent.devices.builders import a_device

HOME = "10.0.0.5"
PLAIN = a_device(HOME, 8000, rtsp_port=8554)
TLS = a_device(HOME, 8443, rtsp_port=8554, tls=True)
FORWARDED = a_device(HOME, 8000, rtsp_port=8554, port_forwarded=True)
TLS_FORWARDED = a_device(HOME, 8443, rtsp_port=8554, tls=True, port_forwarded=True)
PORTS = {
    "http://192.168.1.64/x": (8000, 8443),
    "http://192.168.1.64:80/x": (80, 8443),
    "http://192.168.1.64:8080/x": (8080, 8443),
    "https://192.168.1.64/x": (8000, 8443),
    "https://192.168.1.64:443/x": (8000, 443),
    "https://192.168.1.64:9443/x": (8000, 9443),
    "HTTPS://192.168.1.64:9443/x": (8000, 9443),
    "http://192.168.1.64:0/x": (8000, 8443),
    "https://192.168.1.64:0/x": (8000, 8443),
}
"""Returned address: the port used for a device enrolled in plain text, and for one enrolled with TLS."""
HOSTILE = {
    "http://169.254.169.254/latest/meta-data": "/latest/meta-data",
    "http://[fe80::1%25eth0]/x": "/x",
    "http://[::ffff:169.254.169.254]/x": "/x",
    "http://127.0.0.1:22/x": "/x",
    "http://admin:secret@evil.example/x": "/x",
    "http://10.0.0.5@evil.example/x": "/x",
    "http://evil.example#@10.0.0.5/x": "/",
    "http://evil.example\\@10.0.0.5/x": "/x",
    "http://摄像机.example/路径?名=值": "/%E8%B7%AF%E5%BE%84?%E5%90%8D=%E5%80%BC",
    "http://h/x\r\nHost: evil.example\r\n\r\nGET /": "/xHost:%20evil.exampleGET%20/",
    "http://h/\x00\x7f\u2028x": "/%00%7F%E2%80%A8x",
    "http:///x": "/x",
    "http:x": "/x",
    "http://h//evil.example/x": "//evil.example/x",
    "http://h/../../x": "/../../x",
    "http://h/snap?user=admin&password=pw": "/snap?user=admin&password=pw",
}
"""What means harm, and the target that is left of it on the enrolled host."""
REFUSED = (
    "",
    "file:///etc/passwd",
    "gopher://h/",
    "http://h:99999/",
    "http://h:65536/",
    "http://h:-1/",
    "http://h:port/",
    "http://h:８０/",
    "http://[::1",
    "http://[not-ipv6]/x",
    "http://h/" + "a" * 5000,
    "//h/x",
    "http://\u2100.example/x",
    "javascript:alert(1)",
)

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
    assert str(http_endpoint(returned, PLAIN)) == HTTP[returned]


@pytest.mark.parametrize("returned", PORTS)
def test_the_returned_port_is_kept_where_it_is_of_the_enrolled_scheme(returned: str) -> None:
    plain, tls = PORTS[returned]
    assert str(http_endpoint(returned, PLAIN)) == f"http://{HOME}:{plain}/x"
    assert str(http_endpoint(returned, TLS)) == f"https://{HOME}:{tls}/x"


@pytest.mark.parametrize("returned", PORTS)
def test_behind_port_forwarding_the_enrolled_port_is_used_whatever_is_returned(returned: str) -> None:
    assert str(http_endpoint(returned, FORWARDED)) == f"http://{HOME}:8000/x"
    assert str(http_endpoint(returned, TLS_FORWARDED)) == f"https://{HOME}:8443/x"


def test_behind_port_forwarding_the_enrolled_video_port_is_used() -> None:
    assert rtsp_uri("rtsp://192.168.1.64:554/live?a=1", FORWARDED) == f"rtsp://{HOME}:8554/live?a=1"
    assert rtsp_uri("rtsp://192.168.1.64:554/live", TLS_FORWARDED) == f"rtsp://{HOME}:8554/live"
    assert rtsp_uri("rtsp://192.168.1.64:554/live", TLS) == f"rtsp://{HOME}:554/live"


@pytest.mark.parametrize(
    "device", [PLAIN, TLS, FORWARDED, TLS_FORWARDED], ids=["plain", "tls", "forwarded", "both"]
)
@pytest.mark.parametrize("returned", HOSTILE)
def test_an_address_that_means_harm_leaves_path_and_query_alone(returned: str, device: Device) -> None:
    endpoint = http_endpoint(returned, device)
    assert (endpoint.host, endpoint.target, endpoint.tls) == (HOME, HOSTILE[returned], device.tls)
    assert str(endpoint).startswith("https://" if device.tls else "http://")


def test_a_lone_surrogate_breaks_nothing() -> None:
    assert http_endpoint("http://h/\ud800?\udfff", PLAIN).target == "/???"


def test_the_device_service_is_asked_by_the_enrolled_scheme() -> None:
    assert str(device_service(TLS)) == f"https://{HOME}:8443/onvif/device_service"
    assert str(device_service(PLAIN)) == f"http://{HOME}:8000/onvif/device_service"


@pytest.mark.parametrize("returned", RTSP)
def test_stream_address_is_on_the_enrolled_host_without_user_name(returned: str) -> None:
    assert rtsp_uri(returned, PLAIN) == RTSP[returned]


@pytest.mark.parametrize("returned", REFUSED)
def test_what_is_no_http_address_is_refused(returned: str) -> None:
    for device in (PLAIN, TLS, FORWARDED):
        with pytest.raises(AddressRefused):
            http_endpoint(returned, device)


@pytest.mark.parametrize("returned", ["http://h/x", "rtsps://h/x", "udp://h", "/live"])
def test_what_is_no_rtsp_address_is_refused(returned: str) -> None:
    with pytest.raises(AddressRefused):
        rtsp_uri(returned, PLAIN)


@given(st.text(max_size=80), st.sampled_from([PLAIN, TLS, FORWARDED, TLS_FORWARDED]))
def test_no_text_of_a_device_names_another_host_or_breaks_the_request_line(text: str, device: Device) -> None:
    for scheme in ("http", "https"):
        try:
            endpoint = http_endpoint(f"{scheme}://{text}", device)
        except AddressRefused:
            continue
        assert endpoint.host == HOME
        assert endpoint.tls == device.tls
        assert endpoint.port == device.port or not device.port_forwarded
        assert endpoint.target.startswith("/")
        assert not set(endpoint.target) & set(" \r\n\t")
        assert endpoint.target.isascii()


def test_of_several_addresses_plain_http_over_ipv4_is_taken() -> None:
    offered = "https://192.168.1.2/onvif http://[fe80::1]/onvif http://192.168.1.2/onvif"
    assert first_usable(offered) == "http://192.168.1.2/onvif"
    assert first_usable("") == ""


def test_of_several_addresses_the_one_for_tls_is_taken_where_the_device_has_it() -> None:
    offered = "http://192.168.1.2/onvif https://[fe80::1]/onvif https://192.168.1.2/onvif"
    assert first_usable(offered, tls=True) == "https://192.168.1.2/onvif"
    assert first_usable("http://192.168.1.2/onvif", tls=True) == "http://192.168.1.2/onvif"


def test_an_ipv6_device_is_written_in_brackets() -> None:
    device = a_device("fd00::5", 80, rtsp_port=554)
    assert rtsp_uri("rtsp://h/live", device) == "rtsp://[fd00::5]:554/live"
    assert str(http_endpoint("http://h/x", device)) == "http://[fd00::5]:80/x"
