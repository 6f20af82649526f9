"""Recorded devices, served on loopback: what a real device once answered, operation by operation.

A folder of answers becomes one device. What was not recorded is answered ``ActionNotSupported``; the
hosts of service addresses are rewritten to the server. The recordings are read in place, never copied.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import pytest
from lxml import etree

from tests.support.hostile import Hostile, answering

REPOSITORY = Path(__file__).resolve().parents[2]
_FOLDERS = ("EthanFlower1-onvif-go/*/*", "faithoflifedev-easy_onvif/*", "hawkeye64-onvif-nvt/*")
_WHOLE = ("agsh-onvif", "gBillal-ex_onvif", "Kane610-axis", "openvideolibs-onvif-parsers")
_FILE = re.compile(r"^(?:\d{3}_)?(?:[a-z]+\.)?([A-Za-z_0-9]+?)(?:Response)?(?:\.(?:Response|Error))?\.xml$")
_HOST = re.compile(rb"((?:XAddr|Address)\b[^>]*>\s*)https?://[^/<]+")
_URI_PORT = re.compile(rb"(Uri\b[^>]*>\s*http://[^/:<]+)(?::\d+)?(?=/)")
"""Addresses of pictures and files: the recorded host stays, the port is the server's."""
_NOT_SUPPORTED = (
    b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    b'xmlns:ter="http://www.onvif.org/ver10/error"><s:Body><s:Fault><s:Code><s:Value>s:Receiver</s:Value>'
    b"<s:Subcode><s:Value>ter:ActionNotSupported</s:Value></s:Subcode></s:Code><s:Reason>"
    b'<s:Text xml:lang="en">not recorded</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>'
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One device: its answers by (namespace, operation) and, for faults, by ("", operation)."""

    name: str
    folder: Path
    answers: Mapping[tuple[str, str], Path]

    @property
    def is_device(self) -> bool:
        """Whether it answers anything; two folders hold events alone."""
        return bool(self.answers)


def onvif_data() -> Path:
    """The folder of recorded answers; skips the test when it is not there."""
    data = Path(os.environ.get("OUTPOST_DATA", REPOSITORY.parent / "shared" / "data"))
    folder = data / "onvif"
    if not folder.is_dir():
        pytest.skip(f"no recorded devices: {folder} is not there (set OUTPOST_DATA)")
    return folder


def recorded_devices(folder: Path) -> list[Recorded]:
    """All devices below the data folder, by name."""
    found = [path for pattern in _FOLDERS for path in folder.glob(pattern) if path.is_dir()]
    found += [folder / name for name in _WHOLE if (folder / name).is_dir()]
    return [Recorded(str(path.relative_to(folder)), path, _answers(path)) for path in sorted(found)]


@contextlib.contextmanager
def served(device: Recorded) -> Iterator[Hostile]:
    """The device on a free loopback port."""
    with answering(lambda request: answer_to(device, request, server.port)) as server:
        yield server


@contextlib.contextmanager
def served_and_kept(device: Recorded, unrecorded: set[str] | None = None) -> Iterator[Hostile]:
    """As ``served``; a GET is answered with a picture, ``unrecorded`` collects what was asked for and is not
    in the recording, and what is written to an encoder or to the picture is what is read from then on.

    The device under the recording was never written to: this shows that a changed copy of its own answer goes
    there and back whole, not that the device would have kept it.
    """
    written: dict[str, etree._Element] = {}
    missing = set() if unrecorded is None else unrecorded

    def answer(request: bytes) -> bytes:
        if request.startswith(b"GET "):
            return _http(_JPEG)
        return _kept_answer(device, request, server.port, written, missing)

    with answering(answer) as server:
        yield server


_JPEG = b"\xff\xd8\xff\xe0still\xff\xd9"


_KEPT = {
    "SetVideoEncoderConfiguration": ("Configuration", "GetVideoEncoderConfigurations", "Configurations"),
    "SetImagingSettings": ("ImagingSettings", "GetImagingSettings", "ImagingSettings"),
}
"""Write operation: its parameter, and where that is told again."""


def _kept_answer(
    device: Recorded,
    request: bytes,
    port: int,
    written: dict[str, etree._Element],
    unrecorded: set[str],
) -> bytes:
    body = etree.fromstring(request.partition(b"\r\n\r\n")[2]).find("{*}Body")
    assert body is not None
    asked = etree.QName(body[0])
    if asked.localname in _KEPT:
        parameter, told_by, told_as = _KEPT[asked.localname]
        node = body[0].find(f"{{*}}{parameter}")
        assert node is not None
        node.tag = f"{{{asked.namespace}}}{told_as}"
        written[f"{told_by} {node.get('token') or ''}"] = node
        return _http(_ENVELOPE % (f'<r:{asked.localname}Response xmlns:r="{asked.namespace}"/>'.encode()))
    answer = answer_to(device, request, port)
    if b"not recorded" in answer:
        unrecorded.add(asked.localname)
    kept = {
        name.partition(" ")[2]: node
        for name, node in written.items()
        if name.startswith(asked.localname) or (asked.localname == "GetProfiles" and "Encoder" in name)
    }
    if not kept:
        return answer
    root = etree.fromstring(answer.partition(b"\r\n\r\n")[2].lstrip())
    for old in list(root.iter("{*}Configurations", "{*}VideoEncoderConfiguration", "{*}ImagingSettings")):
        new = kept.get(old.get("token") or "")
        parent = old.getparent()
        if new is not None and parent is not None:
            told = deepcopy(new)
            told.tag = old.tag
            parent.replace(old, told)
    return _http(etree.tostring(root))


_ENVELOPE = b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>%s</s:Body></s:Envelope>'


def _http(payload: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\nContent-Length: {len(payload)}\r\n\r\n"
    return head.encode() + payload


def _answers(folder: Path) -> dict[tuple[str, str], Path]:
    answers: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.rglob("*.xml"), key=lambda path: (".Error." in path.name, path)):
        name = _FILE.match(path.name)
        key = _key(path, name.group(1) if name else "")
        if key is not None:
            answers.setdefault(key, path)
    return answers


def _key(path: Path, named: str) -> tuple[str, str] | None:
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True)
    root = etree.fromstring(path.read_bytes().lstrip() or b"<none/>", parser)
    body = None if root is None else root.find("{*}Body")
    content = None if body is None else next((node for node in body if isinstance(node.tag, str)), None)
    if content is None:
        return ("", named) if b"Envelope" in path.read_bytes()[:400] and named else None
    tag = etree.QName(content)
    if tag.localname == "Fault":
        return ("", named) if named else None
    return tag.namespace or "", tag.localname.removesuffix("Response")


def answer_to(device: Recorded, request: bytes, port: int) -> bytes:
    """The HTTP answer of a recorded device to one request; service addresses name ``port``."""
    body = etree.fromstring(request.partition(b"\r\n\r\n")[2]).find("{*}Body")
    assert body is not None
    asked = etree.QName(body[0])
    path = device.answers.get((asked.namespace or "", asked.localname))
    path = path or device.answers.get(("", asked.localname))
    payload = _NOT_SUPPORTED if path is None else path.read_bytes()
    payload = _HOST.sub(rb"\1http://127.0.0.1:" + str(port).encode(), payload)
    payload = _URI_PORT.sub(rb"\1:" + str(port).encode(), payload)
    status = "500 Error" if b"Fault>" in payload else "200 OK"
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/soap+xml\r\nContent-Length: {len(payload)}\r\n\r\n"
    )
    return head.encode() + payload
