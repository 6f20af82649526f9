"""Whether a conference endpoint lives: SIP OPTIONS over UDP, any answer is life.

    200: ok    401, 407: alive, wants a log-in    404, 405, 486 and every other: alive    silence: down

Law: one question, repeated as RFC 3261 17.1.2 says (T1 0.5 s), answered by Call-ID; no call is ever set up.
"""

from __future__ import annotations

import re
import secrets
import socket
from dataclasses import dataclass

from agent.devices import sentences
from agent.devices.address import bracketed
from agent.devices.limits import Deadline, Limits
from agent.devices.redact import quoted
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device, Evidence, Identity
from protocol.words import Reason, Rung

_T1_S = 0.5
_DATAGRAM_BYTES = 65_535
_STATUS = re.compile(rb"^SIP/2\.0 (\d{3}) ?([^\r\n]{0,200})")


@dataclass(frozen=True, slots=True)
class SipAnswer:
    """The first answer to OPTIONS. ``agent`` is what the endpoint calls itself, "" when it does not."""

    status: int
    reason: str
    agent: str


def options(host: str, port: int, *, seconds: float) -> SipAnswer:
    """Ask OPTIONS. Raises TimeoutError on silence, OSError when the host or the port is not there."""
    deadline = Deadline(seconds)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((host, port))
        call_id = secrets.token_hex(12)
        request = _request(host, port, sock.getsockname(), call_id)
        pause_s = _T1_S
        while True:
            sock.send(request)
            answer = _answer(sock, call_id, deadline.cut(pause_s))
            if answer is not None:
                return answer
            deadline.remaining_s()
            pause_s *= 2


class ConferenceAdapter:
    """Implements DeviceAdapter for a video-conference endpoint: its top rung is ``reachable``."""

    def __init__(self, device: Device, *, limits: Limits) -> None:
        self.device = device
        self._limits = limits
        self._known = ""

    def climb(self) -> Evidence:
        """One OPTIONS; ends within ``Limits.sip_s``."""
        try:
            answer = self._ask()
        except DeviceError as error:
            self._known = ""
            return Evidence(error.kind.highest_rung, error.kind.reason, error.detail)
        detail = (
            "" if answer.status == 200 else sentences.sip_alive(self._where, answer.status, answer.reason)
        )
        fresh = answer.agent if answer.agent != self._known else None
        self._known = answer.agent
        identity = Identity(model=fresh) if fresh else None
        return Evidence(Rung.REACHABLE, Reason.OK, detail, identity=identity)

    def identity(self) -> Identity:
        """What the endpoint calls itself. Raises DeviceError."""
        return Identity(model=self._ask().agent)

    def stream_uri(self) -> str:
        """Raises DeviceError: a conference endpoint has no stream for the box."""
        raise self._lacks("GetStreamUri")

    def snapshot(self) -> bytes:
        """Raises DeviceError: a conference endpoint has no picture for the box."""
        raise self._lacks("GetSnapshotUri")

    def forget_failures(self) -> None:
        """Nothing is ever refused here."""

    def close(self) -> None:
        """Nothing is kept open."""

    @property
    def _where(self) -> str:
        return f"{bracketed(self.device.host)}:{self.device.sip_port}"

    def _ask(self) -> SipAnswer:
        try:
            return options(self.device.host, self.device.sip_port, seconds=self._limits.sip_s)
        except TimeoutError as error:
            detail = sentences.sip_silent(self._where, self._limits.sip_s)
            raise DeviceError(DeviceTrouble.UNREACHABLE, self.device.id, detail) from error
        except ConnectionRefusedError as error:
            detail = sentences.refused(self._where)
            raise DeviceError(DeviceTrouble.UNREACHABLE, self.device.id, detail) from error
        except OSError as error:
            detail = sentences.unreachable(self._where, error.strerror or "?")
            raise DeviceError(DeviceTrouble.UNREACHABLE, self.device.id, detail) from error

    def _lacks(self, operation: str) -> DeviceError:
        detail = sentences.not_supported(self._where, operation)
        return DeviceError(DeviceTrouble.NOT_SUPPORTED, self.device.id, detail)


def _request(host: str, port: int, local: tuple[str, int], call_id: str) -> bytes:
    target, us = f"{bracketed(host)}:{port}", f"{bracketed(local[0])}:{local[1]}"
    lines = [
        f"OPTIONS sip:{target} SIP/2.0",
        f"Via: SIP/2.0/UDP {us};branch=z9hG4bK{call_id};rport",
        "Max-Forwards: 70",
        f"From: <sip:outpost@{us}>;tag={call_id[:8]}",
        f"To: <sip:{target}>",
        f"Call-ID: {call_id}",
        "CSeq: 1 OPTIONS",
        f"Contact: <sip:outpost@{us}>",
        "Accept: application/sdp",
        "User-Agent: Outpost",
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def _answer(sock: socket.socket, call_id: str, deadline: Deadline) -> SipAnswer | None:
    """The first final answer to our call before the deadline; None when none came. Raises OSError."""
    while True:
        try:
            sock.settimeout(deadline.remaining_s())
            datagram = sock.recv(_DATAGRAM_BYTES)
        except TimeoutError:
            return None
        match = _STATUS.match(datagram)
        headers = _headers(datagram)
        if match is None or headers.get("call-id", headers.get("i", "")) != call_id:
            continue
        status = int(match.group(1))
        if status >= 200:
            agent = headers.get("user-agent") or headers.get("server") or ""
            return SipAnswer(status, match.group(2).decode("utf-8", "replace"), quoted(agent, longest=100))


def _headers(datagram: bytes) -> dict[str, str]:
    head = datagram.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    pairs = (line.partition(":") for line in head.split("\r\n")[1:64])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
