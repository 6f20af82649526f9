"""SOAP: requests as clients write them, answers as devices write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from simulator.onvif.soap import (
    SOAP_11,
    SOAP_12,
    NotSoap,
    SoapFault,
    Writer,
    duration_s,
    moment,
    node,
    parse,
)

REQUEST = (
    '<s:Envelope xmlns:s="{version}"><s:Header><a:MessageID xmlns:a="urn:a"> m1 </a:MessageID></s:Header>'
    '<s:Body><d:Call xmlns:d="urn:d"><d:One> x </d:One><d:Two><d:Three>y</d:Three></d:Two></d:Call></s:Body>'
    "</s:Envelope>"
)
XML_TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff"))


@pytest.mark.parametrize("version", [SOAP_12, SOAP_11])
def test_a_request_is_read_in_both_soap_versions(version: str) -> None:
    request = parse(REQUEST.format(version=version).encode())
    assert (request.version, request.namespace, request.operation) == (version, "urn:d", "Call")
    assert request.text("One") == "x"
    assert request.text("Two", "Three") == "y"
    assert request.text("Two", "Four") is None
    assert request.header_text("urn:a", "MessageID") == "m1"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"no xml",
        b"<a/>",
        b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"/>',
        b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body/></s:Envelope>',
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + REQUEST.format(version=SOAP_12).encode(),
    ],
)
def test_what_is_no_soap_is_refused(payload: bytes) -> None:
    with pytest.raises(NotSoap):
        parse(payload)


def test_a_missing_argument_is_the_callers_fault() -> None:
    request = parse(REQUEST.format(version=SOAP_12).encode())
    with pytest.raises(SoapFault) as fault:
        request.require("Four")
    assert (fault.value.code, fault.value.subcodes) == ("Sender", ("ter:InvalidArgVal",))


@given(XML_TEXT, XML_TEXT)
def test_any_text_comes_back_as_it_was_put_in(text: str, attribute: str) -> None:
    element = etree.fromstring(node("a", node("b", text), {"c": attribute}).encode())
    assert (element.findtext("b") or "") == text
    assert element.get("c") == attribute


def test_a_fault_carries_its_nested_subcodes() -> None:
    fault = SoapFault("Receiver", "ter:ActionNotSupported", "ter:InvalidOperation", reason="not here")
    root = etree.fromstring(Writer("env").fault(fault))
    values = [value.text for value in root.iterfind(".//{*}Value")]
    assert values == ["env:Receiver", "ter:ActionNotSupported", "ter:InvalidOperation"]
    assert root.findtext(".//{*}Text") == "not here"


def test_a_fault_for_an_old_client_is_soap_1_1() -> None:
    root = etree.fromstring(Writer().fault(SoapFault("Sender", reason="no"), version=SOAP_11))
    assert etree.QName(root).namespace == SOAP_11
    assert (root.findtext(".//faultcode"), root.findtext(".//faultstring")) == ("SOAP-ENV:Client", "no")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT10S", 10), ("PT1M", 60), ("PT1H30M", 5400), ("P1D", 86400), ("PT0.5S", 0.5), ("P1DT1S", 86401)],
)
def test_durations_are_seconds(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "P", "PT", "10", "PT10", "-PT10S", "PT10SX"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        duration_s(text)


def test_a_moment_without_a_zone_is_utc() -> None:
    assert (
        moment("2026-01-02T03:04:05") == moment("2026-01-02T03:04:05Z") == moment("2026-01-02T11:04:05+08:00")
    )
