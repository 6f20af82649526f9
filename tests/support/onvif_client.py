"""A plain ONVIF client for tests: raw SOAP with the credentials a test wants, right or wrong."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import requests
from lxml import etree
from requests.auth import AuthBase

SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
TDS = "http://www.onvif.org/ver10/device/wsdl"
TRT = "http://www.onvif.org/ver10/media/wsdl"
TR2 = "http://www.onvif.org/ver20/media/wsdl"
TEV = "http://www.onvif.org/ver10/events/wsdl"
TPTZ = "http://www.onvif.org/ver20/ptz/wsdl"
TIMG = "http://www.onvif.org/ver20/imaging/wsdl"
WSNT = "http://docs.oasis-open.org/wsn/b-2"
_WSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
TIMEOUT_S = 10


def token(
    username: str = "admin",
    password: str = "pass-word-1",
    *,
    offset_s: float = 0.0,
    nonce: bytes | None = None,
    created: str | None = None,
) -> str:
    """A WS-UsernameToken header; `offset_s` moves Created away from the true time."""
    raw = secrets.token_bytes(16) if nonce is None else nonce
    stamp = created or (datetime.now(UTC) + timedelta(seconds=offset_s)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    digest = base64.b64encode(hashlib.sha1(raw + stamp.encode() + password.encode()).digest()).decode()
    return (
        f'<w:Security xmlns:w="{_WSS}-wssecurity-secext-1.0.xsd" xmlns:u="{_WSS}-wssecurity-utility-1.0.xsd">'
        f"<w:UsernameToken><w:Username>{username}</w:Username>"
        f'<w:Password Type="{_WSS}-username-token-profile-1.0#PasswordDigest">{digest}</w:Password>'
        f"<w:Nonce>{base64.b64encode(raw).decode()}</w:Nonce><u:Created>{stamp}</u:Created>"
        "</w:UsernameToken></w:Security>"
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer and its parsed body."""

    status: int
    headers: requests.structures.CaseInsensitiveDict[str]
    payload: bytes

    @property
    def root(self) -> etree._Element:
        """The envelope."""
        return etree.fromstring(self.payload)

    def text(self, name: str) -> str | None:
        """The stripped text of the first element of this local name."""
        found = self.root.find(f".//{{*}}{name}")
        return None if found is None else (found.text or "").strip()

    def texts(self, name: str) -> list[str]:
        """The stripped texts of all elements of this local name."""
        return [(found.text or "").strip() for found in self.root.iterfind(f".//{{*}}{name}")]

    @property
    def fault(self) -> str:
        """Code and subcodes without prefixes, such as Sender/NotAuthorized; empty when it is no fault."""
        code = self.root.find(".//{*}Fault/{*}Code")
        if code is None:
            return ""
        return "/".join((v.text or "").rpartition(":")[2] for v in code.iterfind(".//{*}Value"))


def ask(
    url: str,
    operation: str,
    *,
    namespace: str = TDS,
    body: str = "",
    header: str | None = None,
    version: str = SOAP_12,
    auth: AuthBase | None = None,
    content_type: str = "application/soap+xml; charset=utf-8",
    timeout_s: float = TIMEOUT_S,
    more: dict[str, str] | None = None,
) -> Answer:
    """Call one operation; `header` None sends a right token, an empty one sends none."""
    head = token() if header is None else header
    envelope = (
        f'<s:Envelope xmlns:s="{version}"><s:Header>{head}</s:Header>'
        f'<s:Body><{operation} xmlns="{namespace}">{body}</{operation}></s:Body></s:Envelope>'
    )
    reply = requests.post(
        url,
        data=envelope.encode(),
        headers={"Content-Type": content_type, "Connection": "close", **(more or {})},
        auth=auth,
        timeout=timeout_s,
        allow_redirects=False,
    )
    return Answer(reply.status_code, reply.headers, reply.content)
