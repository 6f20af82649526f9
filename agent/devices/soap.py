"""SOAP 1.2 written and read: envelopes out, and in only what is small, whole and free of a DTD.

Law: an answer is parsed strictly, once; nothing is repaired but what ``quirks.mended`` names; entities are
never expanded. Sources: SOAP 1.2 part 1; WS-Addressing 1.0; ONVIF Core 5.8 (faults).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree

from agent.devices import quirks
from agent.devices.limits import Limits
from agent.devices.vocabulary import Vocabulary

ENVELOPE = "http://www.w3.org/2003/05/soap-envelope"
ENVELOPE_11 = "http://schemas.xmlsoap.org/soap/envelope/"
ADDRESSING = "http://www.w3.org/2005/08/addressing"
CONTENT_TYPE = "application/soap+xml; charset=utf-8"


class NotAnEnvelope(Exception):
    """The bytes are no SOAP envelope. ``web_page``: they are HTML; ``foreign``: other XML; else broken."""

    def __init__(self, why: str, *, web_page: bool = False, foreign: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.web_page = web_page
        self.foreign = foreign


@dataclass(frozen=True, slots=True)
class Fault:
    """A SOAP fault: local names of code and subcodes, outermost first, and the reason's text."""

    codes: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        return "/".join(self.codes) + (f": {self.reason}" if self.reason else "")

    @property
    def refuses_login(self) -> bool:
        """It says that the credentials are missing, wrong, too old or locked."""
        return quirks.refuses_login(self.codes, self.reason)

    @property
    def not_supported(self) -> bool:
        """It says that the operation does not exist here, in one of the known shapes."""
        return quirks.not_supported(self.codes, self.reason)


@dataclass(frozen=True, slots=True)
class Opened:
    """One parsed answer. ``content`` is the first element of the body, None when the body is empty."""

    root: etree._Element
    content: etree._Element | None
    fault: Fault | None


def opened(body: bytes, content_type: str, limits: Limits, *, vocabulary: Vocabulary | None = None) -> Opened:
    """Parse an answer; ``vocabulary`` bounds the names its sender may use. Raises NotAnEnvelope."""
    text = quirks.mended(body)
    _check_shape(text, content_type, limits)
    if vocabulary is not None and not vocabulary.admits(text):
        raise NotAnEnvelope("too many different names")
    root = _parsed(text)
    name = etree.QName(root)
    if name.localname != "Envelope" or name.namespace not in (ENVELOPE, ENVELOPE_11):
        raise NotAnEnvelope(f"root element {name.localname[:40]}", foreign=True)
    if name.namespace == ENVELOPE_11:
        for node in (root, *(part for part in root if isinstance(part.tag, str))):
            node.tag = f"{{{ENVELOPE}}}{local_name(node)}"
    content = _content(root)
    fault = _fault(content) if content is not None and local_name(content) == "Fault" else None
    return Opened(root, content, fault)


def envelope(content: etree._Element) -> etree._Element:
    """A SOAP 1.2 envelope round one body element."""
    root = etree.Element(f"{{{ENVELOPE}}}Envelope", nsmap={"s": ENVELOPE})
    etree.SubElement(root, f"{{{ENVELOPE}}}Body").append(content)
    return root


def with_headers(root: etree._Element, headers: Iterable[etree._Element]) -> bytes:
    """The envelope with these SOAP headers, as bytes. ``root`` is left as it was but for its header."""
    old = root.find(f"{{{ENVELOPE}}}Header")
    if old is not None:
        root.remove(old)
    added = list(headers)
    if added:
        header = etree.Element(f"{{{ENVELOPE}}}Header")
        header.extend(added)
        root.insert(0, header)
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def element(namespace: str, name: str, *children: etree._Element, text: str | None = None) -> etree._Element:
    """One element with children or text."""
    made = etree.Element(f"{{{namespace}}}{name}")
    made.text = text
    made.extend(children)
    return made


def local_name(node: etree._Element) -> str:
    """The name without its namespace, "" for comments."""
    return etree.QName(node).localname if isinstance(node.tag, str) else ""


def child(node: etree._Element | None, *names: str) -> etree._Element | None:
    """The first descendant reached by these local names, whatever the namespaces; None when absent."""
    for name in names:
        if node is None:
            return None
        node = next((inside for inside in node if local_name(inside) == name), None)
    return node


def below(node: etree._Element | None, *names: str) -> list[etree._Element]:
    """The elements inside the one reached by these local names, comments left out."""
    found = child(node, *names)
    return [] if found is None else [inside for inside in found if isinstance(inside.tag, str)]


def child_text(node: etree._Element | None, *names: str) -> str:
    """The stripped text there, "" when absent."""
    found = child(node, *names)
    return "" if found is None else (found.text or "").strip()


_DECLARED = re.compile(
    rb"""<\?xml[^>]{0,120}?\bencoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""", re.IGNORECASE
)
_KNOWN_CHARSET = re.compile(
    rb"utf-?8|utf-?16(le|be)?|(us-)?ascii|iso[-_]8859-\d{1,2}|latin-?1|windows-125\d"
    rb"|gb_?2312(-80)?|gbk|gb_?18030|cp936|big5|euc-(jp|kr)|shift[-_]jis",
    re.IGNORECASE,
)
"""In which ``<`` stands as it is: UTF-7 and EBCDIC hide markup from every guard before the parser."""


def _check_shape(text: bytes, content_type: str, limits: Limits) -> None:
    if not text:
        raise NotAnEnvelope("empty")
    start = text[:512].lower()
    if b"<html" in start or b"<!doctype html" in start:
        raise NotAnEnvelope("HTML", web_page=True)
    if not text.startswith((b"<", b"\xfe\xff", b"\xff\xfe")):
        raise NotAnEnvelope("not XML", web_page="html" in content_type.lower(), foreign=True)
    declared = _DECLARED.match(text)
    if declared is not None and not _KNOWN_CHARSET.fullmatch(declared[1]):
        raise NotAnEnvelope(f"charset {declared[1].decode()}")
    if text.count(b"<") + text.count(b"=") > limits.markup:
        raise NotAnEnvelope(f"more than {limits.markup} elements and attributes")


def _parsed(text: bytes) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
    )
    if b"<!DOCTYPE" in text[:4096] or b"<!ENTITY" in text:
        raise NotAnEnvelope("it carries a DTD")
    try:
        root = etree.fromstring(text, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NotAnEnvelope(f"XML: {str(error)[:80]}") from error
    if getattr(root.getroottree().docinfo, "doctype", ""):
        raise NotAnEnvelope("it carries a DTD")
    return root


def _content(root: etree._Element) -> etree._Element | None:
    body = child(root, "Body")
    if body is None:
        raise NotAnEnvelope("no SOAP body")
    return next((node for node in body if isinstance(node.tag, str)), None)


def _fault(node: etree._Element) -> Fault:
    if child(node, "Code") is None:
        return Fault((_bare(child_text(node, "faultcode")),), child_text(node, "faultstring"))
    codes: list[str] = []
    step = child(node, "Code")
    while step is not None and len(codes) < 8:
        codes.append(_bare(child_text(step, "Value")))
        step = child(step, "Subcode")
    words = [child_text(node, "Reason", "Text"), child_text(node, "Detail", "Text")]
    return Fault(tuple(code for code in codes if code), " ".join(word for word in words if word))


def _bare(qname: str) -> str:
    return qname.rpartition(":")[2]
