"""How a device is spoken to over TLS: the laws of the plain socket below, the pinned certificate before.

    TCP connect ──> handshake ──> certificate as pinned? ──> HTTP
    unreachable     no TLS, hung, broken, refused    certificate changed, nothing sent

Law: TLS runs in memory over a ``DeadlineSocket``, so that every byte off the wire stands under the deadline
and the cap of its exchange. OpenSSL on the socket itself would follow a flood of session tickets or empty
records without end. Trust is by pin alone; names, issuers and validity are not checked.
"""

from __future__ import annotations

import contextlib
import functools
import ssl
from typing import TYPE_CHECKING

from agent.devices import sentences, tls_sentences
from agent.devices.address import Endpoint
from agent.devices.limits import Deadline, Limits
from agent.devices.pins import Pins, certificate_of
from agent.devices.transport import DeadlineSocket, Dial, Flooded, connect_as
from agent.errors import DeviceError, DeviceTrouble

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_RECORD_BYTES = 16_384 + 512
"""One TLS record with what stands around it (RFC 8446 5.2: 2^14 + 256, and 5 of its head)."""
_FIRST_BYTES = (0x15, 0x16)
"""A TLS server's first record is an alert or a handshake (RFC 8446 5.1)."""
_HANDSHAKE_BYTES = 192 * 1024
"""OpenSSL takes at most 100 KiB of certificates; a camera sends some 3 KiB in all."""
_CIPHERS = (
    "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:RSA+AESGCM:RSA+AES:!AESCCM:!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=0"
)
"""Forward secrecy first, then the plain RSA of older cameras. Level 0 for their RSA keys of 1024 bits and
SHA-1 signatures. No DHE: at this level its groups could be broken while the handshake waits."""
_LEGACY_SERVER = 0x4
"""SSL_OP_LEGACY_SERVER_CONNECT: servers without RFC 5746, which OpenSSL 3 refuses. Named in ssl from 3.12."""


class TlsSocket(DeadlineSocket):
    """TLS over a socket with a deadline. ``shake_hands`` comes first."""

    _tls: ssl.SSLObject
    _from_wire: ssl.MemoryBIO
    _to_wire: ssl.MemoryBIO
    _first = True

    def shake_hands(self, context: ssl.SSLContext, deadline: Deadline) -> bytes:
        """Become a TLS connection; returns the peer's certificate as DER.

        Raises TimeoutError, NotTls, ssl.SSLError, Flooded, OSError.
        """
        self._from_wire, self._to_wire = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._from_wire, self._to_wire)
        self.begin(deadline, most_bytes=_HANDSHAKE_BYTES)
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                if not self._feed():
                    raise ConnectionResetError("closed in the handshake") from None
        self._flush()
        return self._tls.getpeercert(binary_form=True) or b""

    def sendall(self, data: ReadableBuffer, flags: int = 0, /) -> None:
        """As DeadlineSocket.sendall."""
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[self._tls.write(rest) :]
        self._flush(flags)

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, _flags: int = 0, /) -> int:
        """As DeadlineSocket.recv_into; 0 also where the device closes without saying so, as many do."""
        view = memoryview(buffer).cast("B")
        count = None
        while count is None:
            count = self._read(view[:nbytes] if nbytes else view)
        self.received += count
        return count

    def _read(self, view: memoryview) -> int | None:
        """Bytes decrypted into ``view``, 0 at the end; None when more had to come first."""
        try:
            return int(self._tls.read(len(view), view))
        except ssl.SSLWantReadError:
            self._flush()
            return None if self._feed() else 0

    def _feed(self) -> bool:
        """Give TLS what the wire has next; False when it ended. Raises NotTls, TimeoutError, Flooded."""
        record = bytearray(_RECORD_BYTES)
        count = self._take(record)
        if count and self._first:
            self._first = False
            if record[0] not in _FIRST_BYTES:
                raise NotTls
        self._from_wire.write(memoryview(record)[:count])
        return count > 0

    def _flush(self, flags: int = 0) -> None:
        pending = self._to_wire.read()
        if pending:
            super().sendall(pending, flags)


class NotTls(Exception):
    """Whoever answers does not speak TLS."""


def securely(device: str, pins: Pins, *, limits: Limits) -> Dial:
    """Makes connections over TLS to one device, and none to whoever shows another certificate than pinned."""

    def dial(endpoint: Endpoint, deadline: Deadline, connect_s: float) -> DeadlineSocket:
        sock = connect_as(TlsSocket, endpoint.host, endpoint.port, deadline, connect_s=connect_s)
        with contextlib.ExitStack() as unless_good:
            unless_good.callback(sock.close)
            in_time = deadline.cut(limits.total_s)
            certificate = _shaken(sock, device, endpoint.netloc, in_time, limits)
            _require_pinned(device, pins, certificate, endpoint.netloc)
            unless_good.pop_all()
        return sock

    return dial


def shown_by(device: str, endpoint: Endpoint, *, limits: Limits) -> bytes:
    """The certificate a device shows now, as DER; nothing is sent but the handshake.

    Raises DeviceError, but never because of the certificate.
    """
    deadline = Deadline(limits.total_s)
    where = endpoint.netloc
    try:
        sock = connect_as(TlsSocket, endpoint.host, endpoint.port, deadline, connect_s=limits.connect_s)
    except (OSError, UnicodeError) as error:
        detail = sentences.unreachable(where, getattr(error, "strerror", "") or "timeout")
        raise DeviceError(DeviceTrouble.UNREACHABLE, device, detail) from error
    with sock:
        return _shaken(sock, device, where, deadline, limits)


def _shaken(sock: TlsSocket, device: str, where: str, deadline: Deadline, limits: Limits) -> bytes:
    """The certificate shown in the handshake; whatever else comes of it is a DeviceError."""
    try:
        certificate = sock.shake_hands(_context(), deadline)
    except TimeoutError as error:
        detail = sentences.hung(where, limits.total_s, sock.off_wire)
        raise DeviceError(DeviceTrouble.HUNG, device, detail) from error
    except NotTls as error:
        raise DeviceError(DeviceTrouble.NO_ONVIF, device, tls_sentences.not_tls(where)) from error
    except Flooded as error:
        detail = sentences.too_big(where, _HANDSHAKE_BYTES)
        raise DeviceError(DeviceTrouble.BAD_ANSWER, device, detail) from error
    except ssl.SSLError as error:
        raise DeviceError(DeviceTrouble.BAD_ANSWER, device, _ssl_sentence(where, error)) from error
    except OSError as error:
        raise DeviceError(DeviceTrouble.BAD_ANSWER, device, sentences.hung_up(where)) from error
    if not certificate:
        raise DeviceError(DeviceTrouble.BAD_ANSWER, device, tls_sentences.no_certificate(where))
    return certificate


def _ssl_sentence(where: str, error: ssl.SSLError) -> str:
    why = (error.reason or "?").replace("_", " ").lower()
    agreed_on_nothing = "alert" in why or "unsupported" in why or "no ciphers" in why
    return tls_sentences.refused(where, why) if agreed_on_nothing else tls_sentences.broken(where, why)


def _require_pinned(device: str, pins: Pins, der: bytes, where: str) -> None:
    pinned = pins.admit(device, der)
    if pinned is not None:
        shown = certificate_of(der).sha256
        detail = tls_sentences.certificate_changed(where, device, pinned.sha256, shown)
        raise DeviceError(DeviceTrouble.CERTIFICATE_CHANGED, device, detail)


@functools.cache
def _context() -> ssl.SSLContext:
    """One for all devices: it holds no secret, and is read only once made."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | _LEGACY_SERVER
    return context
