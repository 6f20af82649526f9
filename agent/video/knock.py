"""Whether somebody speaks RTSP at an address, and how a log-in is wanted, before it is opened. Law: it can be
stopped at any time, and sends no password.

libav's opening cannot be interrupted from outside, names a hung, a closed and a wrong port alike, and gives
the password in clear to whoever asks for Basic. OPTIONS and DESCRIBE (RFC 2326 10.1, 10.2), both without
credentials, tell these apart.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Callable
from enum import StrEnum

from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device
from agent.video.address import StreamAddress

_SLICE_S = 0.2
_MOST_BYTES = 65_536
_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d{1,9})[ \t]*\r?$")
_CHALLENGE = re.compile(rb"(?im)^www-authenticate:[ \t]*([^\r\n]*)")


class Login(StrEnum):
    """What a stream wants before it is described."""

    NONE = "none"
    DIGEST = "digest"
    BASIC = "basic"
    """Only that, or libav would choose it: the password in clear."""


def knock(address: StreamAddress, *, timeout_s: float, stopping: Callable[[], bool]) -> Login | None:
    """Ask what the stream wants; None when ``stopping`` became true.

    Raises DeviceError: NO_STREAM when nobody answers, BAD_STREAM when it is not RTSP or sends us elsewhere.
    """
    deadline = time.monotonic() + timeout_s
    with contextlib.closing(_dial(address, timeout_s)) as connection:
        talk = _Talk(connection, address, deadline, timeout_s, stopping)
        wanted = []
        for number, (method, more) in enumerate(_QUESTIONS, 1):
            head = talk.ask(f"{method} {address.plain} RTSP/1.0\r\nCSeq: {number}\r\n{more}")
            if head is None:
                return None
            wanted.append(_wanted(head))
    return max(wanted, key=list(Login).index)  # libav answers either question: the weakest way counts


def may_have_password(device: Device, login: Login) -> bool:
    """Whether libav is given the password of a stream that wants ``login``. Raises DeviceError for Basic
    where it may not be used.

    A stream that wants nothing may still ask later on, and then for anything: so it counts as Basic would.
    """
    if login is Login.DIGEST:
        return True
    allowed = not device.tls and device.rtsp_basic is not False
    if login is Login.NONE:
        return allowed and (device.rtsp_basic is True or device.stream_path is None)
    if allowed or not device.username:
        return True
    why = "用 TLS 登记" if device.tls else "设了 rtsp_basic = false"
    raise DeviceError(
        DeviceTrouble.AUTH_FAILED,
        device.id,
        f"视频流只接受明文口令（Basic），而该设备{why}，口令没有发送：请在设备上把 RTSP 认证改为 digest / "
        "the stream wants the password in clear (Basic), which is never sent to this device "
        f"({'tls' if device.tls else 'rtsp_basic = false'}): set RTSP authentication to digest on the device",
    )


_AGENT = "User-Agent: Outpost\r\n\r\n"
_QUESTIONS = (("OPTIONS", _AGENT), ("DESCRIBE", f"Accept: application/sdp\r\n{_AGENT}"))


class _Talk:
    """Questions and answers over one connection, one after the other."""

    def __init__(
        self,
        connection: socket.socket,
        address: StreamAddress,
        deadline: float,
        timeout_s: float,
        stopping: Callable[[], bool],
    ) -> None:
        self._connection = connection
        self._address = address
        self._deadline = deadline
        self._timeout_s = timeout_s
        self._stopping = stopping
        self._received = b""
        self._body_bytes = 0

    def ask(self, request: str) -> bytes | None:
        """The head of the answer; None when stopping. Raises DeviceError."""
        try:
            self._connection.sendall(request.encode())
            self._connection.settimeout(_SLICE_S)
            return self._answer()
        except OSError as error:
            raise _silent(self._address, type(error).__name__) from None

    def _answer(self) -> bytes | None:
        while len(self._received) < self._body_bytes:
            if not self._more():
                return None
        self._received = self._received[self._body_bytes :]
        while b"\r\n\r\n" not in self._received:
            if not self._more():
                return None
            _check(self._address, self._received)
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        given = _LENGTH.search(head)
        self._body_bytes = min(int(given[1]), _MOST_BYTES) if given else 0
        return head

    def _more(self) -> bool:
        """Some bytes more; False when stopping. Raises DeviceError."""
        while not self._stopping():
            if time.monotonic() > self._deadline:
                raise _hung(self._address, self._timeout_s)
            with contextlib.suppress(TimeoutError):
                piece = self._connection.recv(4096)
                if not piece:
                    raise _silent(self._address, "closed")
                self._received += piece
                if len(self._received) > 2 * _MOST_BYTES:
                    raise _not_rtsp(self._address, self._received)
                return True
        return False


def _wanted(head: bytes) -> Login:
    if head[9:12] != b"401":
        return Login.NONE
    challenges = [found.lower() for found in _CHALLENGE.findall(head)]
    # libav reads the first word of each line; Digest in any of them wins over Basic (libavformat/httpauth.c)
    if any(challenge.startswith(b"digest ") for challenge in challenges):
        return Login.DIGEST
    return Login.BASIC


def _dial(address: StreamAddress, timeout_s: float) -> socket.socket:
    try:
        return socket.create_connection((address.host, address.port), timeout=min(timeout_s, 1.5))
    except TimeoutError:
        reason = f"{min(timeout_s, 1.5):g} s"
    except OSError as error:
        reason = error.strerror or type(error).__name__
    raise DeviceError(
        DeviceTrouble.NO_STREAM,
        address.device.id,
        f"RTSP 端口 {address.port} 连接不上（{reason}），请检查设备是否开启 RTSP / "
        f"cannot connect to RTSP port {address.port} ({reason}); check that RTSP is enabled",
    )


def _check(address: StreamAddress, answer: bytes) -> None:
    """Raises DeviceError for a beginning that is not RTSP, or sends us elsewhere."""
    expected = b"RTSP/1.0 "
    if not answer.startswith(expected[: len(answer)]):
        raise _not_rtsp(address, answer)
    if answer[9:10] == b"3":
        raise DeviceError(
            DeviceTrouble.BAD_STREAM,
            address.device.id,
            "设备把视频流转向别处，已拒绝；请检查设备 / "
            "the device sends the stream request elsewhere, refused; check the device",
        )


def _not_rtsp(address: StreamAddress, answer: bytes) -> DeviceError:
    return DeviceError(
        DeviceTrouble.BAD_STREAM,
        address.device.id,
        f"端口 {address.port} 的应答 {answer[:12]!r} 不是 RTSP，请检查端口 / "
        f"port {address.port} answers {answer[:12]!r}, which is not RTSP; check the port",
    )


def _hung(address: StreamAddress, timeout_s: float) -> DeviceError:
    return DeviceError(
        DeviceTrouble.NO_STREAM,
        address.device.id,
        f"RTSP 端口 {address.port} 接受连接但 {timeout_s:g} 秒内没有应答，请重启设备 / "
        f"RTSP port {address.port} accepts but does not answer within {timeout_s:g} s; restart the device",
    )


def _silent(address: StreamAddress, how: str) -> DeviceError:
    return DeviceError(
        DeviceTrouble.NO_STREAM,
        address.device.id,
        f"RTSP 端口 {address.port} 断开而不应答（{how}），请重启设备 / "
        f"RTSP port {address.port} hangs up without an answer ({how}); restart the device",
    )
