"""Decides how a conference endpoint makes itself known to its registrar, and how it logs in there.

Law: it registers when it comes up and at half the time granted, tries again soon when nobody answers, and
answers a challenge once: a refused log-in waits for the next round. Source: RFC 3261 sections 10.2 and 22.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import Callable
from contextlib import suppress

from simulator.device.device import Device
from simulator.sip_text import status_of

EXPIRES_S = 60
_RETRY_S = 1.0
_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,]+))')


class Registration:
    """One endpoint's place at its registrar, kept over the endpoint's own SIP port."""

    def __init__(self, device: Device, *, number: str, registrar: Callable[[], tuple[str, int]]) -> None:
        """`registrar` tells where it listens by now. The log-in is the number and the device's password."""
        self._device = device
        self._number = number
        self._registrar = registrar
        self._call_id = secrets.token_hex(12)
        self._cseq = 0
        self._answer: asyncio.Future[bytes] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._looking = asyncio.Event()
        self._port = 0
        self.status = 0
        """The last status the registrar gave, 0 when it gave none."""

    def start(self, transport: asyncio.DatagramTransport) -> None:
        """Register now and keep registered."""
        self._port = int(transport.get_extra_info("sockname")[1])
        work = self._keep(transport)
        self._keeping = asyncio.get_running_loop().create_task(work, name=f"{self._device.name}: registers")

    def stop(self) -> None:
        """Register no more; the registrar forgets by itself."""
        if self._keeping is not None:
            self._keeping.cancel()
            self._keeping = None

    def look(self) -> None:
        """A switch was thrown: do at once what it asks for."""
        self._looking.set()

    def heard(self, datagram: bytes) -> bool:
        """Take an answer to our request; False for everything else."""
        if status_of(datagram) is None:
            return False
        waits = self._answer is not None and not self._answer.done()
        if waits and self._answer is not None and f"CSeq: {self._cseq} REGISTER".encode() in datagram:
            self._answer.set_result(datagram)
        return True

    async def _keep(self, transport: asyncio.DatagramTransport) -> None:
        mine = asyncio.current_task()
        while self._keeping is mine:  # wait_for may swallow a cancellation that meets its answer (3.11)
            expires_s = 0 if self._device.faults.unregistered else EXPIRES_S
            self.status = await self._register(transport, expires_s)
            if self._keeping is not mine:
                return
            pause_s = EXPIRES_S / 2 if self.status == 200 else _RETRY_S
            self._looking.clear()
            if self._device.faults.unregistered == (expires_s == 0):
                with suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._looking.wait(), pause_s)

    async def _register(self, transport: asyncio.DatagramTransport, expires_s: int) -> int:
        found = await self._asked(transport, expires_s, "")
        if status_of(found) == 401:
            found = await self._asked(transport, expires_s, self._authorization(found))
        return status_of(found) or 0

    async def _asked(self, transport: asyncio.DatagramTransport, expires_s: int, authorization: str) -> bytes:
        self._cseq += 1
        self._answer = asyncio.get_running_loop().create_future()
        transport.sendto(self._request(expires_s, authorization), self._registrar())
        with suppress(asyncio.TimeoutError):
            return await asyncio.wait_for(self._answer, _RETRY_S)
        return b""

    def _request(self, expires_s: int, authorization: str) -> bytes:
        host, port = self._registrar()
        local = f"{self._device.ip}:{self._port}"
        lines = [
            f"REGISTER sip:{host}:{port} SIP/2.0",
            f"Via: SIP/2.0/UDP {local};branch=z9hG4bK{secrets.token_hex(6)};rport",
            "Max-Forwards: 70",
            f"From: <sip:{self._number}@{host}>;tag={secrets.token_hex(4)}",
            f"To: <sip:{self._number}@{host}>",
            f"Call-ID: {self._call_id}",
            f"CSeq: {self._cseq} REGISTER",
            f"Contact: <sip:{self._number}@{local}>;expires={expires_s}",
        ]
        lines += [f"Authorization: {authorization}"] if authorization else []
        return "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode()

    def _authorization(self, challenge: bytes) -> str:
        """Digest with MD5 and qop=auth, as conference codecs do (RFC 3261 22.4)."""
        host, port = self._registrar()
        row = next(
            (one for one in challenge.decode("utf-8", "replace").split("\r\n") if "Digest " in one), ""
        )
        said = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(row)}
        uri, cnonce = f"sip:{host}:{port}", secrets.token_hex(8)
        realm, nonce = said.get("realm", ""), said.get("nonce", "")
        first = _md5(f"{self._number}:{realm}:{self._device.users.password}")
        proof = _md5(f"{first}:{nonce}:00000001:{cnonce}:auth:{_md5(f'REGISTER:{uri}')}")
        return (
            f'Digest username="{self._number}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
            f'response="{proof}", algorithm=MD5, qop=auth, nc=00000001, cnonce="{cnonce}"'
        )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
