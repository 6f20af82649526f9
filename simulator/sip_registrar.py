"""Decides who is registered at a conference registrar and what is said to whoever asks.

Law: a number is bound for the time granted and no longer; a REGISTER without Contact changes nothing; only an
account's own number, or the administrator, is let in. Source: RFC 3261 sections 10.2, 10.3 and 22.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable

from simulator.device.device import Device
from simulator.device.personality import AuthMode
from simulator.device.users import Refusal
from simulator.onvif.auth import HttpDigest
from simulator.sip_text import SipRequest, parse, response, user_of

MOST_S = 300
_REALM = "conference"
_EXPIRES = re.compile(r"(?i);\s*expires=(\d{1,9})")
_SWITCHED = {"unavailable": "480 Temporarily Unavailable", "overloaded": "503 Service Unavailable"}


class Registrar(asyncio.DatagramProtocol):
    """The SIP port of one registrar. It can be opened and closed again, and then forgets its bindings."""

    def __init__(self, device: Device, *, port: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._device = device
        self._port = port
        self._monotonic = monotonic
        self._digest = HttpDigest(device.users, realm=_REALM, algorithms=("MD5",))
        self._bindings: dict[str, tuple[str, float]] = {}
        self._transport: asyncio.DatagramTransport | None = None

    @property
    def port(self) -> int:
        """The bound port while open, else the wanted one."""
        return self._port

    async def open(self) -> None:
        """Listen; raises OSError when the address is taken."""
        if self._transport is None:
            loop = asyncio.get_running_loop()
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: self, local_addr=(self._device.ip, self._port)
            )
            self._port = int(self._transport.get_extra_info("sockname")[1])

    def close(self) -> None:
        """Stop listening."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
            self._bindings.clear()

    def bound(self) -> dict[str, str]:
        """Numbers that can be called now, with where."""
        now_s = self._monotonic()
        return {number: contact for number, (contact, until_s) in self._bindings.items() if until_s > now_s}

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer after the switched delay; a hung or silent registrar says nothing."""
        faults, request = self._device.faults, parse(data)
        if request is None or request.method == "ACK" or faults.hung or faults.sip == "silent":
            return
        reply = self.answer(request)
        self._device.note(request.method, client=addr[0], status=int(reply.split()[1]))
        loop = asyncio.get_running_loop()
        loop.call_later(faults.slow_ms / 1000, self._send, reply, addr)

    def answer(self, request: SipRequest) -> bytes:
        """What is said to one request."""
        if (switched := _SWITCHED.get(self._device.faults.sip)) is not None:
            return response(request, switched)
        if request.method == "OPTIONS":
            return response(request, "200 OK", more=("Allow: REGISTER, OPTIONS",))
        if request.method != "REGISTER":
            return response(request, "405 Method Not Allowed", more=("Allow: REGISTER, OPTIONS",))
        number = user_of(request.header("to"))
        refusal = self._refusal(request, number)
        if refusal is Refusal.MISSING or refusal is Refusal.STALE:
            stale = refusal is Refusal.STALE
            asked = [f"WWW-Authenticate: {one}" for one in self._digest.challenges(stale=stale)]
            return response(request, "401 Unauthorized", more=asked)
        if refusal is not None:
            self._device.counters[f"auth_{refusal}"] += 1
            return response(request, "403 Forbidden")
        if number not in {account.username for account in self._device.users.all()[1:]}:
            return response(request, "404 Not Found")
        self._bind(number, request.header("contact"))
        contact = self.bound().get(number)
        left_s = round(self._bindings[number][1] - self._monotonic()) if contact else 0
        return response(request, "200 OK", more=[f"Contact: <{contact}>;expires={left_s}"] if contact else [])

    def _refusal(self, request: SipRequest, number: str) -> Refusal | None:
        if self._device.auth is AuthMode.NONE:
            return None
        header = request.header("authorization")
        if not header.lower().startswith("digest "):
            return Refusal.MISSING
        refusal = self._digest.refusal(header, method="REGISTER", uri=request.uri)
        caller = self._device.users.caller
        if (
            refusal is None
            and caller is not None
            and caller.username not in (number, self._device.users.username)
        ):
            return Refusal.UNKNOWN_USER
        return refusal

    def _bind(self, number: str, contact: str) -> None:
        """Keep, renew or take back a binding; without Contact nothing changes."""
        address = re.search(r"sips?:[^>;\s]+", contact)
        if address is None:
            return
        asked = _EXPIRES.search(contact)
        seconds = min(MOST_S, int(asked[1])) if asked else MOST_S
        if seconds == 0:
            self._bindings.pop(number, None)
        else:
            self._bindings[number] = (address[0], self._monotonic() + seconds)

    def _send(self, reply: bytes, to: tuple[str, int]) -> None:
        if self._transport is not None:
            self._transport.sendto(reply, to)
