"""Devices know the password: one that repeats it in what it says puts it into no error and no log."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from urllib.parse import quote

import pytest

from agent.devices.account import Account
from agent.devices.session import Session
from agent.devices.witness import Exchange, watching
from agent.devices.wsdl import shared_services
from agent.errors import DeviceError
from agent.model import Secret
from tests.agent.devices.builders import QUICK, a_device
from tests.support.hostile import answering, http, soap

PASSWORD = "S3cret of/camera+1"
MARKED = "Admin@S3cret/x YQYQ1"
"""Of a rule that finds a half of it the other half would be left."""
PAIR = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
FAULT = (
    "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code>"
    '<s:Reason><s:Text xml:lang="en">{said}</s:Text></s:Reason></s:Fault>'
)
LOCKED = FAULT.replace("{said}", "account {said} is locked")


def faulty(body: str) -> Callable[[str], bytes]:
    return lambda said: http(soap(body.format(said=said)))


def elsewhere(said: str) -> bytes:
    return f"HTTP/1.1 307 X\r\nLocation: http://a/{said}\r\nContent-Length: 0\r\n\r\n".encode()


def packed(said: str) -> bytes:
    return f"HTTP/1.1 200 X\r\nContent-Encoding: {said}\r\nContent-Length: 0\r\n\r\n".encode()


ANSWERS = {"fault": faulty(FAULT), "locked": faulty(LOCKED), "redirect": elsewhere, "encoding": packed}
WRITTEN = {
    "plain": PASSWORD,
    "pair": PAIR,
    "url": quote(PASSWORD, safe=""),
    "cut": "x" * 95 + " " + PASSWORD,
    "twice": f"{PASSWORD} {PAIR}",
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("way", WRITTEN)
def test_a_password_that_is_repeated_stands_nowhere(
    answer: str, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[Exchange] = []
    with answering(lambda _request: ANSWERS[answer](WRITTEN[way])) as device:
        row = a_device(port=device.port, password=PASSWORD)
        session = Session(
            row, Account("admin", Secret(PASSWORD), rest_s=600), shared_services(), limits=QUICK
        )
        with pytest.raises(DeviceError) as told, watching(seen.append):
            session.call("devicemgmt", "GetDeviceInformation", session.device_service)
        session.close()
    for text in (str(told.value), told.value.detail, str(seen), caplog.text):
        for secret in (PASSWORD[:6], PAIR[:12], quote(PASSWORD, safe="")[:8]):
            assert secret.lower() not in text.lower()
    assert seen


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize(
    "saying", ["rtsp://admin:{}@10.0.0.5/live", "password={}", "http://a/?user=a&pwd={}"]
)
def test_half_of_a_password_is_not_left_where_the_other_half_was_cut_out(answer: str, saying: str) -> None:
    seen: list[Exchange] = []
    with answering(lambda _request: ANSWERS[answer](saying.format(MARKED).replace("&", "&amp;"))) as device:
        row = a_device(port=device.port, password=MARKED)
        account = Account("admin", Secret(MARKED), rest_s=600)
        session = Session(row, account, shared_services(), limits=QUICK)
        with pytest.raises(DeviceError) as told, watching(seen.append):
            session.call("devicemgmt", "GetDeviceInformation", session.device_service)
        session.close()
    assert not any(part in told.value.detail + str(seen) for part in ("S3cret", "YQYQ1"))


def test_what_is_no_secret_stays() -> None:
    account = Account("admin", Secret("12"), rest_s=600)
    assert account.masked("12 cameras of admin") == "12 cameras of admin"
    assert Account("", Secret(""), rest_s=600).masked("any text…") == "any text…"
    assert Account("a", Secret("long-one"), rest_s=600).masked("a lo… long… long-one!") == "a lo… ***… ***!"
