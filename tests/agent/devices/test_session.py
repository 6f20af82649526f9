"""Logging in to devices that answer oddly: each scripted as one make was seen to answer."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from agent.devices.account import Account, Mode
from agent.devices.session import Session
from agent.devices.wsdl import shared_services
from agent.errors import DeviceError, DeviceTrouble
from tests.agent.devices.builders import PASSWORD, QUICK, a_device
from tests.support.hostile import INFORMATION, Hostile, answering, http, soap

NOT_AUTHORIZED = (
    b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    b'xmlns:ter="http://www.onvif.org/ver10/error"><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value>'
    b"<s:Subcode><s:Value>ter:NotAuthorized</s:Value></s:Subcode></s:Code></s:Fault></s:Body></s:Envelope>"
)
GOOD = http(soap(INFORMATION.format(maker="acme")))


def refusal(status: int, body: bytes = NOT_AUTHORIZED, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def challenge(nonce: str = "n1", more: str = "") -> str:
    return f'WWW-Authenticate: Digest realm="cam", qop="auth", nonce="{nonce}"{more}'


def has_token(request: bytes) -> bool:
    return b"UsernameToken" in request


def has_digest(request: bytes) -> bool:
    return b"Authorization: Digest" in request


def session_to(device: Hostile) -> Session:
    row = a_device(port=device.port)
    account = Account(row.username, row.password, rest_s=600)
    return Session(row, account, shared_services(), limits=QUICK)


def ask(session: Session, *, optional: bool = False) -> None:
    try:
        session.call("devicemgmt", "GetDeviceInformation", session.device_service, optional=optional)
    finally:
        session.close()


def information(rule: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Answers log-ins by ``rule``; the clock is asked freely and told as now."""
    now = datetime.now(UTC)
    clock = (
        "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:UTCDateTime>"
        f"<tt:Time><tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute>"
        f"<tt:Second>{now.second}</tt:Second></tt:Time><tt:Date><tt:Year>{now.year}</tt:Year>"
        f"<tt:Month>{now.month}</tt:Month><tt:Day>{now.day}</tt:Day></tt:Date>"
        "</tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    )
    return lambda request: http(soap(clock)) if b"GetSystemDateAndTime" in request else rule(request)


def test_a_token_answered_by_a_digest_challenge_turns_to_digest() -> None:
    """Hikvision DS-2SE4C425: 401 with HTML to a token on its media service."""

    def rule(request: bytes) -> bytes:
        if has_digest(request):
            return GOOD
        if has_token(request):
            return refusal(401, b"<html>401</html>", challenge())
        return refusal(400)

    with answering(information(rule)) as device:
        session = session_to(device)
        ask(session)
        assert session.account.mode is Mode.DIGEST
        assert session.account.rest_left_s() == 0


def test_a_stale_nonce_is_no_wrong_password() -> None:
    nonces = iter(["n1", "n2"])

    def rule(request: bytes) -> bytes:
        if b'nonce="n2"' in request:
            return GOOD
        stale = ", stale=true" if has_digest(request) else ""
        return refusal(401, b"", challenge(next(nonces), stale))

    with answering(rule) as device:
        session = session_to(device)
        ask(session)
        assert session.account.mode is Mode.DIGEST


def test_a_nonce_outlived_in_silence_is_no_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.devices.session._NONCE_TRUSTED_S", 0.0)
    accepted = {"n1"}

    def rule(request: bytes) -> bytes:
        nonce = re.search(rb'nonce="(\w+)"', request)
        if nonce is not None and nonce.group(1).decode() in accepted:
            return GOOD
        return refusal(401, b"", challenge(next(iter(accepted))))

    with answering(rule) as device:
        session = session_to(device)
        ask(session)
        accepted.clear()
        accepted.add("n2")
        ask(session)
        assert session.account.rest_left_s() == 0


def test_a_device_that_wants_both_gets_both() -> None:
    """HTTP lets the Digest in and SOAP still says NotAuthorized."""

    def rule(request: bytes) -> bytes:
        if not has_digest(request):
            return refusal(401, b"", challenge())
        return GOOD if has_token(request) else refusal(400)

    with answering(information(rule)) as device:
        session = session_to(device)
        ask(session)
        assert session.account.mode is Mode.BOTH


def test_a_device_that_hides_its_clock_is_read_by_its_http_date() -> None:
    """Some Axis want a log-in for GetSystemDateAndTime: the Date of the refusal is its clock then."""
    device_now = datetime.now(UTC) - timedelta(hours=5)
    date = f"Date: {format_datetime(device_now, usegmt=True)}"

    def rule(request: bytes) -> bytes:
        created = re.search(rb"Created>([^<]+)<", request)
        if created is None:
            return refusal(400, NOT_AUTHORIZED, date)
        told = datetime.fromisoformat(created.group(1).decode())
        good = abs((told - device_now).total_seconds()) < 5
        return GOOD if good else refusal(400, NOT_AUTHORIZED, date)

    with answering(rule) as device:
        session = session_to(device)
        assert session.clock() is not None
        ask(session)
        assert session.account.clock_error_s == pytest.approx(-5 * 3600, abs=3)


def test_a_locked_account_is_not_tried_a_second_way() -> None:
    locked = NOT_AUTHORIZED.replace(
        b"</s:Code>", b"</s:Code><s:Reason><s:Text>account is locked, try after 5 minutes</s:Text></s:Reason>"
    )
    with answering(information(lambda request: refusal(400, locked))) as device:
        session = session_to(device)
        with pytest.raises(DeviceError, match="locked") as told:
            ask(session)
        tries = [request for request in device.requests if has_token(request)]
    assert told.value.kind is DeviceTrouble.AUTH_FAILED
    assert len(tries) == 1


def test_a_refused_option_says_nothing_about_the_password() -> None:
    """Axis 5.x answers NotAuthorized for what it does not have."""

    def rule(request: bytes) -> bytes:
        return refusal(400)

    with answering(information(rule)) as device:
        session = session_to(device)
        with pytest.raises(DeviceError) as told:
            ask(session, optional=True)
        assert told.value.kind is DeviceTrouble.NOT_SUPPORTED
        assert session.account.rest_left_s() == 0


def test_the_body_decides_and_not_the_status() -> None:
    """Four recorded faults came with HTTP 200, and good answers with 500."""
    good_500 = GOOD.replace(b"200 OK", b"500 Error")
    with answering(lambda _request: good_500) as device:
        ask(session_to(device))
    with answering(lambda _request: http(NOT_AUTHORIZED)) as device:
        with pytest.raises(DeviceError) as told:
            ask(session_to(device))
        assert told.value.kind is DeviceTrouble.AUTH_FAILED


def test_no_password_ever_stands_in_an_error_or_goes_out_in_clear() -> None:
    with answering(information(lambda _request: refusal(400))) as device:
        with pytest.raises(DeviceError) as told:
            ask(session_to(device))
        sent = b"".join(device.requests)
    assert PASSWORD not in str(told.value)
    assert PASSWORD.encode() not in sent
