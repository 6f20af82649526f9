"""A device that has a stream and no ONVIF: reachable when its video service answers, no more is asked.

    TCP connect ──> OPTIONS ──> DESCRIBE, logged in ──> authenticated

Law: as for ONVIF devices: one deadline, bounded answers, a password tried once, and none to another device.
The stream's address is given to the video room only after this log-in. Source: RFC 2326.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from urllib.parse import quote

from agent.devices import rtsp_sentences, sentences
from agent.devices.account import Account
from agent.devices.address import bracketed
from agent.devices.digest import digest_challenge, offers_basic
from agent.devices.limits import Deadline, Limits
from agent.devices.rtsp_plate import StreamPlate
from agent.devices.transport import DeadlineSocket, connect
from agent.devices.witness import telling_of
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device, Evidence, Identity
from agent.ports import Register
from protocol.words import Reason, Rung

_STATUS = re.compile(rb"^RTSP/1\.\d (\d{3}) ?([^\r\n]{0,200})")
_HEAD_BYTES = 65_536
_BODY_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class _RtspAnswer:
    status: int
    reason: str
    headers: dict[str, list[str]]


class RtspAdapter:
    """Implements DeviceAdapter for a device with ``stream_path``. Thread-safe."""

    def __init__(
        self,
        device: Device,
        account: Account,
        *,
        limits: Limits,
        stream: Account,
        register: Register | None = None,
    ) -> None:
        """``stream`` is the log-in as the video room uses it, with a rest of its own. ``register`` tells
        who may be shown the password; without it nobody is doubted."""
        self.device = device
        self._account = account
        self._limits = limits
        self._stream = stream
        self._said = ""
        self._plate = StreamPlate(device, register)
        self._lock = threading.Lock()

    def climb(self) -> Evidence:
        """Two or three questions over one connection; ends within twice ``Limits.total_s``."""
        try:
            server = self._described()
        except DeviceError as error:
            self._said = ""
            rung = error.kind.highest_rung
            # Below the log-in stands ``reachable``: a stream without ONVIF has no such rung.
            rung = Rung.REACHABLE if rung is Rung.ONVIF else rung
            return Evidence(rung, error.kind.reason, error.detail)
        fresh = Identity(model=server) if server and server != self._said else None
        self._said = server
        return Evidence(Rung.AUTHENTICATED, Reason.OK, sentences.rtsp_only(self._where), identity=fresh)

    def identity(self) -> Identity:
        """What the video server calls itself. Raises DeviceError."""
        return Identity(model=self._described())

    def stream_uri(self) -> str:
        """The configured stream, without credentials, once the box is let in there. Raises DeviceError."""
        self._require_rested(self._account)
        self._require_rested(self._stream)
        self._described()
        return self._uri

    def stream_refused(self) -> None:
        """The video room was refused with a log-in that was accepted here: it rests there."""
        self._stream.refused()

    @property
    def _uri(self) -> str:
        path = quote(self.device.stream_path or "/", safe="/:@!$&'()*+,;=%-._~?[]")
        return f"rtsp://{self._where}{path if path.startswith('/') else '/' + path}"

    def ask_key(self) -> bool:
        """False: there is nobody to ask."""
        return False

    def snapshot(self) -> bytes:
        """Raises DeviceError: only the video room has pictures of this device."""
        detail = sentences.not_supported(self._where, "GetSnapshotUri")
        raise self._error(DeviceTrouble.NOT_SUPPORTED, detail)

    def forget_failures(self) -> None:
        """Lift the rest of a refused password."""
        self._account.forgiven()
        self._stream.forgiven()

    def close(self) -> None:
        """Nothing is kept open."""

    @property
    def _where(self) -> str:
        return f"{bracketed(self.device.host)}:{self.device.rtsp_port}"

    def _described(self) -> str:
        """Log in as far as DESCRIBE; returns the server's name. Raises DeviceError."""
        with self._lock:
            return self._described_within(Deadline(self._limits.total_s))

    def _described_within(self, deadline: Deadline) -> str:
        try:
            sock = connect(
                self.device.host, self.device.rtsp_port, deadline, connect_s=self._limits.connect_s
            )
        except ConnectionRefusedError as error:
            raise self._error(DeviceTrouble.UNREACHABLE, sentences.refused(self._where)) from error
        except OSError as error:
            why = "timeout" if isinstance(error, TimeoutError) else error.strerror or "?"
            detail = sentences.unreachable(self._where, why)
            raise self._error(DeviceTrouble.UNREACHABLE, detail) from error
        with sock:
            try:
                return self._talk(sock)
            except TimeoutError as error:
                detail = sentences.hung(self._where, self._limits.total_s, sock.received)
                raise self._error(DeviceTrouble.HUNG, detail) from error
            except OSError as error:
                raise self._error(DeviceTrouble.BAD_ANSWER, sentences.hung_up(self._where)) from error

    def _talk(self, sock: DeadlineSocket) -> str:
        uri = self._uri
        server = self._ask(sock, "OPTIONS", uri, 1, None)
        self._require_rested(self._account)
        recognised = self._plate.look(self._where)
        answer = self._ask(sock, "DESCRIBE", uri, 2, None)
        if answer.status == 401:
            answer = self._ask(sock, "DESCRIBE", uri, 3, self._authorization(answer, uri, recognised))
        if answer.status in (401, 403):
            self._account.refused()
            detail = sentences.password_refused(self._where, self._account.username, self._account.rest_s)
            raise self._error(DeviceTrouble.AUTH_FAILED, detail)
        if answer.status != 200:
            detail = sentences.rtsp_answer(self._where, answer.status, self._account.masked(answer.reason))
            raise self._error(DeviceTrouble.NO_STREAM, detail)
        self._account.accepted()
        self._plate.learn()
        names = answer.headers.get("server", server.headers.get("server", []))
        return self._account.quoted(next(iter(names), ""))

    def _authorization(self, answer: _RtspAnswer, uri: str, recognised: bool) -> str:
        if not self._account.username:
            raise self._error(DeviceTrouble.AUTH_FAILED, sentences.no_password(self._where))
        challenges = answer.headers.get("www-authenticate", [])
        challenge = digest_challenge(challenges)
        if challenge is not None:
            return self._account.authorization(challenge, "DESCRIBE", uri)
        if offers_basic(challenges):
            self._require_basic_allowed(recognised)
            return self._account.basic()
        detail = sentences.broken(self._where, "401 without a challenge")
        raise self._error(DeviceTrouble.BAD_ANSWER, detail)

    def _require_rested(self, account: Account) -> None:
        left_s = account.rest_left_s()
        if left_s <= 0:
            return
        says = sentences.account_rests if account is self._account else rtsp_sentences.stream_rests
        raise self._error(DeviceTrouble.AUTH_BACKOFF, says(self._where, left_s))

    def _require_basic_allowed(self, recognised: bool) -> None:
        """Basic is the password in clear. Raises DeviceError."""
        chosen = self.device.rtsp_basic
        if self.device.tls or chosen is False:
            detail = rtsp_sentences.basic_forbidden(self._where)
        elif chosen is None and not recognised:
            detail = rtsp_sentences.basic_in_doubt(self._where)
        else:
            return
        raise self._error(DeviceTrouble.AUTH_FAILED, detail)

    def _ask(
        self, sock: DeadlineSocket, method: str, uri: str, number: int, authorization: str | None
    ) -> _RtspAnswer:
        lines = [f"{method} {uri} RTSP/1.0", f"CSeq: {number}", "User-Agent: Outpost"]
        if method == "DESCRIBE":
            lines.append("Accept: application/sdp")
        if authorization is not None:
            lines.append(f"Authorization: {authorization}")
        login = "none" if authorization is None else authorization.partition(" ")[0].lower()
        with telling_of(f"RTSP {method}", uri, login) as told:
            sock.sendall("\r\n".join([*lines, "", ""]).encode("latin-1", "replace"))
            found = self._read(sock)
            told.heard(f"RTSP {found.status} {self._account.quoted(found.reason, longest=60)}".strip())
        return found

    def _read(self, sock: DeadlineSocket) -> _RtspAnswer:
        head, _, rest = self._until_blank_line(sock).partition(b"\r\n\r\n")
        match = _STATUS.match(head)
        if match is None:
            detail = sentences.broken(self._where, "no RTSP")
            raise self._error(DeviceTrouble.BAD_ANSWER, detail)
        headers: dict[str, list[str]] = {}
        for line in head.decode("utf-8", "replace").split("\r\n")[1:]:
            name, _, value = line.partition(":")
            headers.setdefault(name.strip().lower(), []).append(value.strip())
        length = next(iter(headers.get("content-length", [])), "0")
        if not length.isdecimal() or int(length) > _BODY_BYTES:
            raise self._error(DeviceTrouble.BAD_ANSWER, sentences.too_big(self._where, _BODY_BYTES))
        missing = int(length) - len(rest)
        while missing > 0:
            missing -= len(self._some(sock, missing))
        return _RtspAnswer(int(match.group(1)), match.group(2).decode("utf-8", "replace"), headers)

    def _until_blank_line(self, sock: DeadlineSocket) -> bytes:
        received = bytearray()
        while b"\r\n\r\n" not in received:
            if len(received) > _HEAD_BYTES:
                raise self._error(DeviceTrouble.BAD_ANSWER, sentences.too_big(self._where, _HEAD_BYTES))
            received += self._some(sock, 4096)
        return bytes(received)

    def _some(self, sock: DeadlineSocket, most: int) -> bytes:
        buffer = bytearray(min(most, 65_536))
        count = sock.recv_into(buffer)
        if count == 0:
            raise ConnectionResetError("closed")
        return bytes(buffer[:count])

    def _error(self, kind: DeviceTrouble, detail: str) -> DeviceError:
        return DeviceError(kind, self.device.id, self._account.masked(detail))
