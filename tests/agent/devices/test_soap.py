"""Answers opened: the shapes of faults seen in the field, and the few repairs that lose nothing."""

from __future__ import annotations

import pytest

from agent.devices import quirks, soap
from agent.devices.limits import Limits
from tests.support.recorded import onvif_data

NOT_SUPPORTED = [
    (("Receiver", "ActionNotSupported"), ""),  # Bosch, Axis, Pelco
    (("Receiver", "ActionNotSupported", "InvalidOperation"), ""),  # Hikvision
    (("Sender", "ActionNotSupported"), "Optional Action Not Implemented"),
    (("Receiver", "Action"), "Action failed"),  # Axis 5.x
    (("Sender",), "Method 'tds:GetServices' not implemented: method name or namespace not recognized"),
    (("Reveiver", "ActionNotSupported"), ""),  # Hikvision's spelling
]
LOGIN = [
    (("Sender", "NotAuthorized"), "Sender not authorized"),
    (("Sender", "NotAuthorized"), "The account is locked, please try again later"),
    (("Sender", "FailedAuthentication"), ""),
    (("Sender",), "Authority failure"),
    (("Client",), "Unauthorized"),
]


@pytest.mark.parametrize(("codes", "reason"), NOT_SUPPORTED)
def test_every_shape_of_not_supported(codes: tuple[str, ...], reason: str) -> None:
    assert soap.Fault(codes, reason).not_supported
    assert not soap.Fault(codes, reason).refuses_login


@pytest.mark.parametrize(("codes", "reason"), LOGIN)
def test_every_shape_of_a_refused_log_in(codes: tuple[str, ...], reason: str) -> None:
    assert soap.Fault(codes, reason).refuses_login
    assert not soap.Fault(codes, reason).not_supported


def test_an_ordinary_fault_is_neither() -> None:
    fault = soap.Fault(("Sender", "InvalidArgVal", "NoProfile"), "The requested profile does not exist")
    assert not fault.not_supported
    assert not fault.refuses_login
    assert str(fault) == "Sender/InvalidArgVal/NoProfile: The requested profile does not exist"


def test_every_recorded_fault_is_understood() -> None:
    """A fault that is neither would be told as "broken answer"; only real argument errors may be."""
    other = set()
    count = 0
    for path in sorted(onvif_data().rglob("*.xml")):
        body = path.read_bytes()
        if b"Fault>" not in body:
            continue
        try:
            fault = soap.opened(body, "", Limits()).fault
        except soap.NotAnEnvelope:
            continue
        if fault is None:
            continue
        count += 1
        if not (fault.not_supported or fault.refuses_login):
            other.add("/".join(fault.codes))
    assert count > 100
    assert {code for code in other if "ActionNotSupported" in code} == set()


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf\xef\xbb\xbf<?xml version='1.0'?><a/>",
        b"\r\n  <?xml version='1.0'?><a/>",
        b"<?xml version='1.0' encoding='utf-16'?><a/>",
    ],
)
def test_what_stands_before_the_document_is_no_reason_to_drop_it(body: bytes) -> None:
    with pytest.raises(soap.NotAnEnvelope) as told:
        soap.opened(body, "", Limits())
    assert told.value.foreign, told.value.why  # read as XML, and found to be no envelope


def test_a_bare_ampersand_is_mended_and_nothing_else() -> None:
    assert quirks.mended(b"<u>/a?b=1&c=2&amp;d=&#38;&#x26;</u>") == (
        b"<u>/a?b=1&amp;c=2&amp;d=&#38;&#x26;</u>"
    )


def test_recorded_utf16_claim_of_an_encoder_is_read() -> None:
    body = (onvif_data() / "agsh-onvif" / "GetCapabilitiesEncoder.xml").read_bytes()
    opened = soap.opened(body, "", Limits())
    assert soap.child_text(opened.content, "Capabilities", "Device", "XAddr").endswith("/device_service")


def test_soap_11_is_read_as_soap_12() -> None:
    body = (
        b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault>'
        b"<faultcode>e:Client</faultcode><faultstring>Unauthorized</faultstring></e:Fault></e:Body></e:Envelope>"
    )
    fault = soap.opened(body, "", Limits()).fault
    assert fault == soap.Fault(("Client",), "Unauthorized")


def test_every_recorded_answer_that_is_well_formed_is_opened() -> None:
    folder = onvif_data()
    refused = []
    for path in sorted(folder.rglob("*.xml")):
        if path.is_relative_to(folder / "Kane610-axis") or path.is_relative_to(folder / "agsh-onvif"):
            continue  # no envelopes; templates
        try:
            soap.opened(path.read_bytes(), "", Limits())
        except soap.NotAnEnvelope as error:
            refused.append((path.name, error.why))
    assert [name for name, _ in refused] == ["GetSystemBackup.Response.xml"], refused  # multipart framing
