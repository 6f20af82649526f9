"""No credential survives on its way to a message."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.devices.account import Account
from agent.devices.redact import quoted, redact
from agent.model import Secret

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


SAYING = (
    "rtsp://admin:{}@10.0.0.5:554/live",
    "http://10.0.0.5/snap?user=admin&password={}&channel=0",
    "/user=admin_password={}_channel=1_stream=0.sdp",
    "password={} is wrong",
    "account {} is locked",
    "<Password>{}</Password>",
    "Authorization: Basic {}",
)


def test_a_password_with_an_at_sign_is_cut_up_to_the_last_one() -> None:
    assert redact("rtsp://admin:Admin@Secret99@10.0.0.5/") == "rtsp://10.0.0.5/"
    assert redact("rtsp://10.0.0.5/a@b?c@d") == "rtsp://10.0.0.5/a@b?c@d"
    assert redact("rtsp://10.0.0.5 by a@b") == "rtsp://10.0.0.5 by a@b"


@given(
    halves=st.lists(st.text("abc@/ ?#&;_'", min_size=0, max_size=6), min_size=2, max_size=2),
    saying=st.sampled_from(SAYING),
    longest=st.integers(20, 120),
)
@example(["Admin@", ""], SAYING[0], 120)
@example(["Ad@min/", ""], SAYING[0], 120)
@example(["x ", ""], SAYING[3], 120)
def test_no_part_of_a_known_password_is_told(halves: list[str], saying: str, longest: int) -> None:
    """Each half ends in a mark of its own: none may stand in what is said, wherever it is cut."""
    password = f"XQX{halves[0]}YQY{halves[1]}ZQZ"
    said = Account("admin", Secret(password), rest_s=600).quoted(saying.format(password), longest=longest)
    assert not any(mark in said for mark in ("XQX", "YQY", "ZQZ"))


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
