"""What real devices send that no standard allows, and mutations of it: a value, or a reason to act on.

What else of the kind stands where its part is tested: faults and repairs in ``test_soap``, log-ins in
``test_session``, topics and times in ``test_notifications``, hostile answers in ``test_transport``.
"""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.devices import OnvifRoom, attachments, soap
from agent.devices.limits import Limits
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Evidence
from protocol.words import Reason, Rung
from tests.agent.devices.builders import PASSWORD, QUICK, a_device
from tests.agent.devices.test_session import ask, session_to
from tests.agent.devices.test_soap import LOGIN, NOT_SUPPORTED
from tests.support.fuzz_devices import Subject, read_everything
from tests.support.hostile import ENVELOPE, INFORMATION, answering, http
from tests.support.hostile import soap as enveloped
from tests.support.recorded import onvif_data

_FAULT = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code>{codes}</s:Code>'
    '<s:Reason><s:Text xml:lang="en">{reason}</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>'
)


def fault(codes: tuple[str, ...], reason: str) -> bytes:
    """A fault with its subcodes nested, as SOAP 1.2 has it."""
    inside = ""
    for place, code in reversed(list(enumerate(codes))):
        value = f"<s:Value>{'s' if place == 0 else 'ter'}:{code}</s:Value>"
        inside = f"{value}<s:Subcode>{inside}</s:Subcode>" if inside else value
    return _FAULT.format(codes=inside, reason=reason).encode()


def answered(body: bytes, status: str = "200 OK") -> bytes:
    return http(body).replace(b"200 OK", status.encode(), 1)


def trouble_of(answer: bytes) -> DeviceError:
    """What one question to a device that answers so ends in."""
    with answering(lambda _request: answer) as device, pytest.raises(DeviceError) as told:
        ask(session_to(device))
    assert " / " in told.value.detail
    assert PASSWORD not in told.value.detail
    return told.value


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "500 Internal Server Error"])
@pytest.mark.parametrize(("codes", "reason"), NOT_SUPPORTED)
def test_six_shapes_of_not_supported_are_one_with_any_status(
    codes: tuple[str, ...], reason: str, status: str
) -> None:
    assert trouble_of(answered(fault(codes, reason), status)).kind is DeviceTrouble.NOT_SUPPORTED


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "401 Unauthorized", "500 Error"])
@pytest.mark.parametrize(("codes", "reason"), LOGIN)
def test_a_refused_log_in_is_one_with_any_status(codes: tuple[str, ...], reason: str, status: str) -> None:
    assert trouble_of(answered(fault(codes, reason), status)).kind is DeviceTrouble.AUTH_FAILED


# --- charsets and namespaces ---------------------------------------------------------------------


def maker_of(body: bytes) -> str:
    return soap.child_text(soap.opened(body, "", Limits()).content, "Manufacturer")


@pytest.mark.parametrize("charset", ["GB2312", "gbk", "GB18030", "utf-8", "UTF-16", "iso-8859-1"])
def test_an_honest_charset_is_read(charset: str) -> None:
    maker = "Boschü" if charset == "iso-8859-1" else "海康威视"
    text = enveloped(maker=maker).decode().replace("UTF-8", charset)
    assert maker_of(text.encode(charset)) == maker


@pytest.mark.parametrize(
    ("claimed", "real", "maker"),
    [
        ("UTF-8", "gbk", "海康威视"),  # Chinese OEM firmware: GBK bytes under a UTF-8 claim
        ("klingon", "utf-8", "acme"),
        ("UTF-7", "utf-7", "acme"),
        ("IBM037", "utf-8", "acme"),
    ],
)
def test_a_lying_charset_is_a_broken_answer_with_a_reason(claimed: str, real: str, maker: str) -> None:
    body = enveloped(maker=maker).decode().replace("UTF-8", claimed).encode(real)
    error = trouble_of(answered(body))
    assert error.kind is DeviceTrouble.BAD_ANSWER
    assert "update or replace the device" in error.detail


def test_markup_is_not_hidden_by_a_charset() -> None:
    """``+ADw-`` is ``<`` in UTF-7: 60,000 elements that no guard would have counted."""
    hidden = "".join(f"+ADw-a{n}/+AD4-" for n in range(60_000))
    body = f'<?xml version="1.0" encoding="utf-7"?>{enveloped("{}").decode().partition("?>")[2]}'
    with pytest.raises(soap.NotAnEnvelope, match="charset utf-7"):
        soap.opened(body.replace("{}", hidden).encode(), "", Limits())


@pytest.mark.parametrize(
    "namespace",
    [
        "http://www.onvif.org/ver99/device/wsdl",
        "urn:no-such-thing",
        "http://www.onvif.org/ver10/device/wsdl/",
    ],
)
def test_a_namespace_that_does_not_exist_is_an_answer_or_a_reason(namespace: str) -> None:
    body = enveloped().replace(b"http://www.onvif.org/ver10/device/wsdl", namespace.encode())
    with answering(lambda _request: answered(body)) as device:
        evidence = climbed(device.host, device.port)
    assert evidence.reason in (Reason.OK, Reason.BAD_ANSWER)
    assert evidence.reason is Reason.OK or " / " in evidence.detail


def test_a_prefix_nobody_declared_is_a_broken_answer() -> None:
    undeclared = enveloped().replace(b"<tds:Model>M</tds:Model>", b"<zz:Model>M</zz:Model>")
    assert trouble_of(answered(undeclared)).kind is DeviceTrouble.BAD_ANSWER


# --- clocks --------------------------------------------------------------------------------------

_CLOCK = (
    "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>Manual</tt:DateTimeType>"
    "<tt:TimeZone><tt:TZ>{zone}</tt:TZ></tt:TimeZone><tt:UTCDateTime>"
    "<tt:Time><tt:Hour>{at.hour}</tt:Hour><tt:Minute>{at.minute}</tt:Minute><tt:Second>{at.second}</tt:Second>"
    "</tt:Time><tt:Date><tt:Year>{at.year}</tt:Year><tt:Month>{at.month}</tt:Month><tt:Day>{at.day}</tt:Day>"
    "</tt:Date></tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
)
ZONES = [
    "CST-8",
    "CST+8:00:00",
    "UTC5UTC",
    "MoroccoStandardTime0",
    "CST7:00:00DST01:00:00,M3.2.0/02:00:00",
    "",
    "\N{BLACK HEART SUIT}",
]


def climbed(host: str, port: int) -> Evidence:
    with contextlib.closing(OnvifRoom(limits=QUICK).open(a_device(host, port))) as adapter:
        return adapter.climb()


def telling(clock: str) -> Evidence:
    """The climb of a device that tells this clock and is honest otherwise."""

    def rule(request: bytes) -> bytes:
        if b"GetSystemDateAndTime" in request:
            return http(ENVELOPE.format(prolog="", body=clock).encode())
        if b"GetDeviceInformation" in request:
            return http(enveloped(INFORMATION.format(maker="acme")))
        return answered(fault(("Receiver", "ActionNotSupported"), ""), "500 Error")

    with answering(rule) as device:
        return climbed(device.host, device.port)


@pytest.mark.parametrize("years", [-2, 2, -56])
def test_a_clock_years_off_is_measured_and_told(years: int) -> None:
    """A Bosch captured in November 2025 told 2023; a device without a battery begins in 1970."""
    told = datetime.now(UTC) + timedelta(days=365 * years)
    evidence = telling(_CLOCK.format(zone="CST-8", at=told))
    assert (evidence.rung, evidence.reason) == (Rung.AUTHENTICATED, Reason.OK)
    assert evidence.clock_error_s == pytest.approx(timedelta(days=365 * years).total_seconds(), abs=3)
    assert "give it an NTP server" in evidence.detail


@pytest.mark.parametrize("zone", ZONES)
def test_a_zone_of_junk_does_not_move_the_clock(zone: str) -> None:
    evidence = telling(_CLOCK.format(zone=zone, at=datetime.now(UTC)))
    assert evidence.reason is Reason.OK
    assert evidence.clock_error_s == pytest.approx(0, abs=3)


@pytest.mark.parametrize(
    "spoilt", ["<tt:Year>0</tt:Year>", "<tt:Year>99999</tt:Year>", "<tt:Year>two</tt:Year>", ""]
)
def test_a_time_that_is_none_is_no_clock_and_no_trouble(spoilt: str) -> None:
    now = datetime.now(UTC)
    evidence = telling(_CLOCK.format(zone="", at=now).replace(f"<tt:Year>{now.year}</tt:Year>", spoilt))
    assert evidence.reason is Reason.OK
    assert evidence.clock_error_s is None


# --- files beside the envelope -------------------------------------------------------------------

_MTOM = "multipart/related; boundary=--other; type=application/xop+xml"


def with_file(mark: bytes, file: bytes, *, line: bytes = b"\r\n") -> bytes:
    head = line.join([b"", b"Content-Type: application/xop+xml", b"", b""])
    second = line.join([b"", b"Content-Type: application/octet-stream", b"", b""])
    return mark + head + enveloped() + line + mark + second + file + line + mark + b"--" + line


@pytest.mark.parametrize("line", [b"\r\n", b"\n"])
@pytest.mark.parametrize("mark", [b"--uuid:1", b"----http://tempuri@onvif.org/getsystembackup"])
def test_a_file_beside_its_envelope_is_taken_apart_whatever_the_header_says(mark: bytes, line: bytes) -> None:
    body = with_file(mark, b"\x00\x01backup", line=line)
    assert maker_of(attachments.envelope_of(body, _MTOM)) == "acme"
    assert attachments.attached(body, _MTOM) == b"\x00\x01backup"


@given(st.binary(max_size=300).filter(lambda file: b"\n--m" not in file))
def test_any_file_comes_back_as_it_was_sent(file: bytes) -> None:
    assert attachments.attached(with_file(b"--m", file), _MTOM) == file


@given(st.binary(max_size=2000))
def test_no_body_breaks_the_taking_apart(body: bytes) -> None:
    for content_type in (_MTOM, "multipart/", "text/xml"):
        attachments.envelope_of(b"--" + body, content_type)
        attachments.attached(b"--" + body, content_type)


# --- mutations -----------------------------------------------------------------------------------

_RECORDED = sorted(onvif_data().rglob("*.xml"))
_EDITS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 400),
        st.one_of(
            st.binary(max_size=20), st.sampled_from([b"<", b">", b"&", b"]]>", b"\x00", b"NaN", b"-1"])
        ),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(_RECORDED), _EDITS)
def test_a_recorded_answer_with_pieces_replaced_is_a_value_or_a_named_error(
    path: Path, edits: list[tuple[float, int, bytes]]
) -> None:
    body = path.read_bytes()[:60_000]
    for place, length, instead in edits:
        start = int(place * len(body))
        body = body[:start] + instead + body[start + length :]
    with contextlib.closing(Subject()) as subject:
        read_everything(body, subject)
