"""Whether somebody speaks RTSP at an address, before it is opened. Law: it can be stopped at any time.

libav's opening cannot be interrupted from outside and names a hung, a closed and a wrong port alike. One
OPTIONS request (RFC 2326 10.1), without credentials, tells them apart.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable

from agent.errors import DeviceError, DeviceTrouble
from agent.video.address import StreamAddress

_SLICE_S = 0.2
_ENOUGH_BYTES = 12  # "RTSP/1.0 200"


def knock(address: StreamAddress, *, timeout_s: float, stopping: Callable[[], bool]) -> bool:
    """Ask for OPTIONS and wait for the first line; False when ``stopping`` became true.

    Raises DeviceError: NO_STREAM when nobody answers, BAD_STREAM when it is not RTSP or sends us elsewhere.
    """
    deadline = time.monotonic() + timeout_s
    with contextlib.closing(_dial(address, timeout_s)) as connection:
        request = f"OPTIONS {address.plain} RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: Outpost\r\n\r\n"
        answer = b""
        try:
            connection.sendall(request.encode())
            connection.settimeout(_SLICE_S)
            while len(answer) < _ENOUGH_BYTES:
                if stopping():
                    return False
                if time.monotonic() > deadline:
                    raise _hung(address, timeout_s)
                with contextlib.suppress(TimeoutError):
                    piece = connection.recv(_ENOUGH_BYTES - len(answer))
                    if not piece:
                        break
                    answer += piece
        except OSError as error:
            raise _silent(address, type(error).__name__) from None
    _check(address, answer)
    return True


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
    if not answer:
        raise _silent(address, "closed")
    if not answer.startswith(b"RTSP/1.0 "):
        raise DeviceError(
            DeviceTrouble.BAD_STREAM,
            address.device.id,
            f"端口 {address.port} 的应答 {answer!r} 不是 RTSP，请检查端口 / "
            f"port {address.port} answers {answer!r}, which is not RTSP; check the port",
        )
    if answer[9:10] == b"3":
        raise DeviceError(
            DeviceTrouble.BAD_STREAM,
            address.device.id,
            "设备把视频流转向别处，已拒绝；请检查设备 / "
            "the device sends the stream request elsewhere, refused; check the device",
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
