"""Decides how a conference endpoint answers SIP over UDP: OPTIONS says that it lives, no call is taken.

Law: every request gets at most one final answer with the request's Via, From, To, Call-ID and CSeq.
Source: RFC 3261 sections 8.2.6 and 11.
"""

from __future__ import annotations

import asyncio
import random
import secrets

from simulator.device.device import Device
from simulator.sip_registration import Registration
from simulator.sip_text import parse, response, user_of

SIP_PORT = 5060
_STATUS = {
    "ok": "200 OK",
    "unauthorized": "401 Unauthorized",
    "proxy_unauthorized": "407 Proxy Authentication Required",
    "not_found": "404 Not Found",
    "not_allowed": "405 Method Not Allowed",
    "unavailable": "480 Temporarily Unavailable",
    "busy": "486 Busy Here",
    "overloaded": "503 Service Unavailable",
}
_ASKING = {"401": "WWW-Authenticate", "407": "Proxy-Authenticate"}
_ALLOWED = "INVITE, ACK, CANCEL, BYE, OPTIONS"


def answer(datagram: bytes, *, how: str, agent: str, number: str = "") -> bytes | None:
    """The answer to one SIP request; None for silence, for ACK and for what is no SIP request.

    `how` is the fault switch `sip`: a key of the known answers, or silent. With a `number` of its own the
    endpoint answers 404 to a question for another one, as baresip does.
    """
    request = parse(datagram)
    if request is None or request.method == "ACK" or how == "silent":
        return None
    status = _STATUS[how] if request.method == "OPTIONS" else _STATUS["not_allowed"]
    asked_for = user_of(request.uri)
    if number and asked_for and asked_for != number:
        status = _STATUS["not_found"]
    more = [f"Allow: {_ALLOWED}", f"User-Agent: {agent}"]
    if (asking := _ASKING.get(status[:3])) is not None:
        more.append(f'{asking}: Digest realm="conference", nonce="{secrets.token_hex(8)}", algorithm=MD5')
    return response(request, status, more=more)


class SipEndpoint(asyncio.DatagramProtocol):
    """The SIP port of one conference endpoint. It can be opened and closed again."""

    def __init__(
        self, device: Device, *, port: int, number: str = "", registration: Registration | None = None
    ) -> None:
        """`number` is what it is called by; `registration` keeps it known to a registrar while it is open."""
        self._device = device
        self._port = port
        self._number = number
        self._registration = registration
        self._transport: asyncio.DatagramTransport | None = None
        self._chance = random.Random(device.name)

    @property
    def port(self) -> int:
        """The bound port while open, else the wanted one."""
        if self._transport is None:
            return self._port
        return int(self._transport.get_extra_info("sockname")[1])

    async def open(self) -> None:
        """Listen; raises OSError when the address is taken."""
        if self._transport is None:
            loop = asyncio.get_running_loop()
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: self, local_addr=(self._device.ip, self._port)
            )
            self._port = self.port
            if self._registration is not None:
                self._registration.start(self._transport)

    def close(self) -> None:
        """Stop listening."""
        if self._transport is not None:
            if self._registration is not None:
                self._registration.stop()
            self._transport.close()
            self._transport = None

    def faults_changed(self) -> None:
        """Let the registration follow its switch."""
        if self._registration is not None:
            self._registration.look()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer after the switched delay; a hung endpoint stays silent, a bad line loses and delays."""
        faults = self._device.faults
        if faults.hung:
            return
        if self._chance.random() * 100 < faults.line_loss_percent:
            self._device.counters["lost"] += 1
            return
        if self._registration is not None and self._registration.heard(data):
            return
        identity = self._device.identity
        agent = f"{identity.manufacturer} {identity.model}"
        reply = answer(data, how=faults.sip, agent=agent, number=self._number)
        self._device.note("SIP", client=addr[0], status=0 if reply is None else int(reply.split()[1]))
        if reply is None:
            return
        late_ms = faults.slow_ms + self._chance.random() * faults.line_jitter_ms
        asyncio.get_running_loop().call_later(late_ms / 1000, self._send, reply, addr)

    def _send(self, reply: bytes, to: tuple[str, int]) -> None:
        if self._transport is not None:
            self._transport.sendto(reply, to)
