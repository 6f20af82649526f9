"""No credential survives on its way to a message."""

from __future__ import annotations

import time

import pytest

from agent.devices.redact import quoted, redact

SECRET = "tlJwpbo6"
TEXTS = [
    f"rtsp://admin:{SECRET}@192.168.1.10:554/live",
    f"rtsp://192.168.1.10:554/user=admin_password={SECRET}_channel=1_stream=0&onvif=0.sdp",
    f"http://192.168.1.10/cgi-bin/api.cgi?cmd=onvifSnapPic&user=admin&password={SECRET}&channel=0",
    f"http://192.168.1.10/snap.jpg?usr=admin&pwd={SECRET}",
    f"GET /snap?token={SECRET} failed",
    f'<wsse:Password Type="#PasswordDigest">{SECRET}</wsse:Password>',
    f"<Password>{SECRET}</Password>",
    f"Authorization: Basic {SECRET}",
    f'Digest username="admin", response="{SECRET}"',
    f"HTTPUnauthorizedError: 'rtsp://root:{SECRET}@[fd00::1]/x' failed",
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_secret_is_cut_out(text: str) -> None:
    assert SECRET not in redact(text)
    assert SECRET not in quoted(text)


def test_what_is_no_secret_stays() -> None:
    assert redact("rtsp://10.0.0.5:554/Streaming/Channels/3?profile=Profile_3") == (
        "rtsp://10.0.0.5:554/Streaming/Channels/3?profile=Profile_3"
    )
    path = redact(f"/user=admin_password={SECRET}_channel=1_stream=0.sdp")
    assert path == "/user=***_password=***_channel=1_stream=0.sdp"


def test_device_text_becomes_one_short_line() -> None:
    assert quoted("a\r\nb\x00c\u202ed") == "a b c d"
    assert len(quoted("x" * 500)) == 120


@pytest.mark.parametrize(
    "filling",
    [
        *("a", "a ", "a-", "a.", "a://", "http://a:", "//@", "<", "<Password>", "<Password ", "<a:Nonce>x"),
        *(
            "password",
            "password=",
            "user=a_",
            "authorization: ",
            "authorization:a",
            'response="',
            "cnonce=",
            "\x00",
        ),
    ],
)
def test_a_long_text_is_read_at_once_whatever_a_device_writes(filling: str) -> None:
    text = filling * (200_000 // len(filling))
    began = time.process_time()
    quoted(text)
    assert time.process_time() - began < 1.0


def test_a_password_that_is_never_closed_is_cut_out_too() -> None:
    assert redact("<Password>geheim") == "<Password>***"
    assert redact("-http://u:geheim@h/") == "-http://h/"
