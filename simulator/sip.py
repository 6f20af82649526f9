"""Decides how a conference endpoint answers SIP over UDP: OPTIONS says that it lives, no call is taken.

Law: every request gets at most one final answer with the request's Via, From, To, Call-ID and CSeq.
Source: RFC 3261 sections 8.2.6 and 11.
"""

from __future__ import annotations

import asyncio
import secrets

from simulator.device.device import Device

SIP_PORT = 5060
_COPIED = ("via", "from", "to", "call-id", "cseq")
_LONG_NAME = {"v": "via", "f": "from", "t": "to", "i": "call-id"}
_STATUS = {"ok": "200 OK", "unauthorized": "401 Unauthorized", "not_found": "404 Not Found"}
_ALLOWED = "INVITE, ACK, CANCEL, BYE, OPTIONS"


def answer(datagram: bytes, *, how: str, agent: str) -> bytes | None:
    """The answer to one SIP request; None for silence, for ACK and for what is no SIP request.

    `how` is the fault switch `sip`: ok, unauthorized, not_found or silent.
    """
    head = datagram.decode("utf-8", "replace").partition("\r\n\r\n")[0]
    start, _, rest = head.partition("\r\n")
    method, _, version = start.partition(" ")
    if not version.endswith("SIP/2.0") or method == "ACK" or how == "silent":
        return None
    headers = [line.partition(":") for line in rest.split("\r\n") if ":" in line]
    named = [(_long(name), value.strip()) for name, _, value in headers]
    if {name for name, _ in named} < set(_COPIED):
        return None
    status = _STATUS[how] if method == "OPTIONS" else "405 Method Not Allowed"
    lines = [f"SIP/2.0 {status}"]
    lines += [_copied(name, value) for name, value in named if name in _COPIED]
    if status.startswith("401"):
        nonce = secrets.token_hex(8)
        lines.append(f'WWW-Authenticate: Digest realm="conference", nonce="{nonce}", algorithm=MD5')
    lines += [f"Allow: {_ALLOWED}", f"User-Agent: {agent}", "Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode()


def _long(name: str) -> str:
    lowered = name.strip().lower()
    return _LONG_NAME.get(lowered, lowered)


def _copied(name: str, value: str) -> str:
    """A To without a tag gets one (RFC 3261 8.2.6.2)."""
    if name == "to" and ";tag=" not in value:
        value = f"{value};tag={secrets.token_hex(4)}"
    written = {"call-id": "Call-ID", "cseq": "CSeq"}.get(name, name.capitalize())
    return f"{written}: {value}"


class SipEndpoint(asyncio.DatagramProtocol):
    """The SIP port of one conference endpoint. It can be opened and closed again."""

    def __init__(self, device: Device, *, port: int) -> None:
        self._device = device
        self._port = port
        self._transport: asyncio.DatagramTransport | None = None

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

    def close(self) -> None:
        """Stop listening."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer after the switched delay; a hung endpoint stays silent."""
        faults = self._device.faults
        if faults.hung:
            return
        identity = self._device.identity
        agent = f"{identity.manufacturer} {identity.model}"
        reply = answer(data, how=faults.sip, agent=agent)
        self._device.note("SIP", client=addr[0], status=0 if reply is None else int(reply.split()[1]))
        if reply is None:
            return
        loop = asyncio.get_running_loop()
        loop.call_later(faults.slow_ms / 1000, self._send, reply, addr)

    def _send(self, reply: bytes, to: tuple[str, int]) -> None:
        if self._transport is not None:
            self._transport.sendto(reply, to)
