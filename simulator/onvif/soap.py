"""Decides how SOAP requests are read and answers and faults are written.

Law: text put into an answer is escaped exactly once, by `node`; a request with a DTD is never parsed.
Sources: SOAP 1.2 part 1 (W3C), SOAP 1.1 for old clients, ONVIF Core 5.11 (faults).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
WSA = "http://www.w3.org/2005/08/addressing"

NAMESPACES: dict[str, str] = {
    "tt": "http://www.onvif.org/ver10/schema",
    "tds": "http://www.onvif.org/ver10/device/wsdl",
    "trt": "http://www.onvif.org/ver10/media/wsdl",
    "tr2": "http://www.onvif.org/ver20/media/wsdl",
    "tev": "http://www.onvif.org/ver10/events/wsdl",
    "timg": "http://www.onvif.org/ver20/imaging/wsdl",
    "tptz": "http://www.onvif.org/ver20/ptz/wsdl",
    "trc": "http://www.onvif.org/ver10/recording/wsdl",
    "tse": "http://www.onvif.org/ver10/search/wsdl",
    "tmd": "http://www.onvif.org/ver10/deviceIO/wsdl",
    "ter": "http://www.onvif.org/ver10/error",
    "tns1": "http://www.onvif.org/ver10/topics",
    "wsnt": "http://docs.oasis-open.org/wsn/b-2",
    "wstop": "http://docs.oasis-open.org/wsn/t-1",
    "wsrf-bf": "http://docs.oasis-open.org/wsrf/bf-2",
    "wsa5": WSA,
    "xs": "http://www.w3.org/2001/XMLSchema",
}


class Xml(str):
    """Markup that is already escaped."""

    __slots__ = ()


Content = Xml | str | int | float | bool | None


def node(tag: str, *content: Content | Mapping[str, Content], **attributes: Content) -> Xml:
    """An element; None leaves content or an attribute out, a mapping adds attributes with odd names."""
    markup: list[str] = []
    written: dict[str, Content] = dict(attributes)
    for part in content:
        if isinstance(part, Mapping):
            written.update(part)
        elif part is not None:
            markup.append(part if isinstance(part, Xml) else escape(_text(part)))
    marks = "".join(f" {name}={quoteattr(_text(v))}" for name, v in written.items() if v is not None)
    inner = "".join(markup)
    return Xml(f"<{tag}{marks}>{inner}</{tag}>" if inner else f"<{tag}{marks}/>")


def join(*parts: Xml | None) -> Xml:
    """Several elements side by side."""
    return Xml("".join(part for part in parts if part is not None))


def _text(value: Content) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


class SoapFault(Exception):
    """An answer that is a fault. `status` None follows SOAP 1.2: 400 for Sender, 500 for Receiver."""

    def __init__(
        self, code: str, *subcodes: str, reason: str, detail: str = "", status: int | None = None
    ) -> None:
        super().__init__(f"{code}/{'/'.join(subcodes)}: {reason}")
        self.code = code
        self.subcodes = subcodes
        self.reason = reason
        self.detail = detail
        self.status = status


class NotSoap(ValueError):
    """The request is no SOAP envelope; answered with HTTP 400 and nothing more."""


@dataclass(frozen=True, slots=True)
class SoapRequest:
    """One parsed request: `operation` is the local name of the body's element in `namespace`."""

    version: str
    namespace: str
    operation: str
    body: etree._Element
    header: etree._Element | None
    path: str = ""
    host: str = ""

    def find(self, *names: str) -> etree._Element | None:
        """The first descendant reached by these local names below the operation, or None."""
        return _find(self.body, names)

    def text(self, *names: str) -> str | None:
        """The stripped text there, or None when the element is absent."""
        element = self.find(*names)
        return None if element is None else (element.text or "").strip()

    def require(self, *names: str) -> str:
        """The text there; raises the fault Sender/InvalidArgVal when it is missing."""
        text = self.text(*names)
        if not text:
            raise SoapFault("Sender", "ter:InvalidArgVal", reason=f"{names[-1]} is missing")
        return text

    def header_text(self, namespace: str, name: str) -> str | None:
        """The text of one SOAP header, or None."""
        if self.header is None:
            return None
        element = self.header.find(f"{{{namespace}}}{name}")
        return None if element is None else (element.text or "").strip()

    def security(self) -> etree._Element | None:
        """The wsse:UsernameToken of the header, or None."""
        if self.header is None:
            return None
        return self.header.find(f"{{{WSSE}}}Security/{{{WSSE}}}UsernameToken")


def _find(element: etree._Element, names: tuple[str, ...]) -> etree._Element | None:
    for name in names:
        found = next((child for child in element if local_name(child) == name), None)
        if found is None:
            return None
        element = found
    return element


def local_name(element: etree._Element) -> str:
    """The element's name without its namespace; empty for comments."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def parse(payload: bytes, *, path: str = "", host: str = "") -> SoapRequest:
    """Read one request; raises NotSoap with the reason."""
    if b"<!DOCTYPE" in payload[:4096].upper():
        raise NotSoap("a DTD is not accepted")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, remove_comments=True)
    try:
        envelope = etree.fromstring(payload, parser)
    except etree.XMLSyntaxError as error:
        raise NotSoap(f"not well-formed: {error}") from error
    version = etree.QName(envelope).namespace or ""
    if version not in (SOAP_12, SOAP_11) or local_name(envelope) != "Envelope":
        raise NotSoap("no SOAP envelope")
    body = envelope.find(f"{{{version}}}Body")
    if body is None or len(body) == 0:
        raise NotSoap("an empty body")
    called = etree.QName(body[0])
    return SoapRequest(
        version=version,
        namespace=called.namespace or "",
        operation=called.localname,
        body=body[0],
        header=envelope.find(f"{{{version}}}Header"),
        path=path,
        host=host,
    )


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes envelopes as one make does: its prefix and the namespaces it declares on top."""

    prefix: str = "SOAP-ENV"
    extra: Mapping[str, str] = field(default_factory=dict)

    def envelope(self, content: Xml, *, version: str = SOAP_12, header: Xml | None = None) -> bytes:
        """A whole document in UTF-8."""
        declared = {self.prefix: version, **NAMESPACES, **self.extra}
        marks = "".join(f' xmlns:{prefix}="{uri}"' for prefix, uri in declared.items())
        p = self.prefix
        head = f"<{p}:Header>{header}</{p}:Header>" if header else ""
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<{p}:Envelope{marks}>{head}'
            f"<{p}:Body>{content}</{p}:Body></{p}:Envelope>"
        ).encode()

    def fault(self, fault: SoapFault, *, version: str = SOAP_12) -> bytes:
        """The fault as a document of the request's SOAP version."""
        content = self._fault_11(fault) if version == SOAP_11 else self._fault_12(fault)
        return self.envelope(content, version=version)

    def _fault_12(self, fault: SoapFault) -> Xml:
        p = self.prefix
        subcode: Xml | None = None
        for name in reversed(fault.subcodes):
            subcode = node(f"{p}:Subcode", node(f"{p}:Value", name), subcode)
        return node(
            f"{p}:Fault",
            node(f"{p}:Code", node(f"{p}:Value", f"{p}:{fault.code}"), subcode),
            node(f"{p}:Reason", node(f"{p}:Text", {"xml:lang": "en"}, fault.reason)),
            node(f"{p}:Detail", node(f"{p}:Text", fault.detail)) if fault.detail else None,
        )

    def _fault_11(self, fault: SoapFault) -> Xml:
        code = {"Sender": "Client", "Receiver": "Server"}[fault.code]
        return node(
            f"{self.prefix}:Fault",
            node("faultcode", f"{self.prefix}:{code}"),
            node("faultstring", fault.reason),
            node("detail", "/".join(fault.subcodes)) if fault.subcodes else None,
        )


_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
_UNIT_S = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}


def duration_parts(text: str) -> dict[str, float]:
    """The figures of an xs:duration by unit (days to seconds); raises ValueError for anything else."""
    match = _DURATION.fullmatch(text)
    if match is None or text in ("P", "PT"):
        raise ValueError(f"not a duration: {text!r}")
    return {unit: float(figure) for unit, figure in match.groupdict().items() if figure is not None}


def duration_s(text: str) -> float:
    """Seconds of an xs:duration without years and months."""
    return sum(figure * _UNIT_S[unit] for unit, figure in duration_parts(text).items())


def moment(text: str) -> datetime:
    """An xs:dateTime; without a zone it is UTC. Raises ValueError."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)
