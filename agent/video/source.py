"""One open stream: packets out, foreign errors named. Law: no exception that leaves here holds an address.

libav writes the whole address, password included, into the text of its errors. So that text is never used,
and our error is raised outside the handler: nothing is chained to it.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import av
import av.error
import av.logging
from av.container import InputContainer
from av.video.stream import VideoStream

from agent.errors import DeviceError, DeviceTrouble
from agent.video.address import StreamAddress
from agent.video.cutter import Cutter, claim, turn_at

MAX_PIXELS: Final = 4096 * 2304
"""Larger pictures are refused before memory is taken for them."""

CODECS: Final = ("h264", "hevc")

_OPTIONS: Final = {
    "rtsp_transport": "tcp",
    "protocol_whitelist": "rtsp,rtp,tcp",
    "allowed_media_types": "video",  # sound is never asked for
    "user_agent": "Outpost",
    "analyzeduration": "500000",  # us; with probesize: first picture after 0.28 s instead of 2 s
    "probesize": "65536",
    "threads": "1",
    "max_pixels": str(MAX_PIXELS),
}

_DRIP_S: Final = 1.0

av.logging.set_libav_level(av.logging.PANIC)  # libav prints addresses and every broken slice to stderr


@dataclass(frozen=True, slots=True)
class _Trouble:
    kind: DeviceTrouble
    text: str


_NO_ANSWER = _Trouble(
    DeviceTrouble.NO_STREAM,
    "视频流没有应答，请检查设备 / the stream does not answer; check the device",
)
_CLOSED = _Trouble(
    DeviceTrouble.NO_STREAM,
    "设备断开了视频流 / the device closed the stream",
)
_TROUBLES: Final[tuple[tuple[type[BaseException], _Trouble], ...]] = (
    (
        av.error.HTTPUnauthorizedError,
        _Trouble(
            DeviceTrouble.AUTH_FAILED,
            "视频流拒绝了用户名或密码，请更正 / the stream refuses user name or password; correct them",
        ),
    ),
    (
        av.error.HTTPForbiddenError,
        _Trouble(
            DeviceTrouble.AUTH_FAILED,
            "该用户无权查看视频流（403），请授权 / this user may not see the stream (403); grant it",
        ),
    ),
    (
        av.error.HTTPNotFoundError,
        _Trouble(
            DeviceTrouble.NO_STREAM,
            "设备没有这个视频流（404），请检查码流配置 / "
            "the device has no such stream (404); check its stream settings",
        ),
    ),
    (
        av.error.HTTPServerError,
        _Trouble(
            DeviceTrouble.NO_STREAM,
            "设备无法提供视频流（5xx），可能连接数已满 / "
            "the device cannot serve the stream (5xx); perhaps too many viewers",
        ),
    ),
    (
        av.error.HTTPClientError,
        _Trouble(
            DeviceTrouble.NO_STREAM,
            "设备拒绝了视频请求（4xx），请检查码流配置 / "
            "the device refuses the stream request (4xx); check its stream settings",
        ),
    ),
    (av.error.ExitError, _NO_ANSWER),
    (av.error.EOFError, _CLOSED),
    (
        av.error.InvalidDataError,
        _Trouble(
            DeviceTrouble.BAD_STREAM,
            "视频流数据无法识别，请检查编码设置 / the stream cannot be understood; check its encoding",
        ),
    ),
    (OSError, _NO_ANSWER),
)


class RtspSource:
    """An RTSP stream over TCP, its video only."""

    def __init__(
        self, address: StreamAddress, *, with_password: bool, open_timeout_s: float, slice_s: float
    ) -> None:
        """Open it. Raises DeviceError within ``open_timeout_s`` or little more, twice that while another
        stream of the same address is opened.

        ``with_password``: libav answers Digest with it, and Basic just as well: knock before.
        """
        self._device = address.device.id
        self._began_s: float | None = None
        """When the read that goes on began."""
        self._bound_s = open_timeout_s
        self._cut = False
        self._cutter: Cutter | None = None
        secret = address.opened() if with_password else address.plain
        turn = turn_at(address.host, address.port)
        if turn.lock.acquire(timeout=open_timeout_s):
            try:
                self._container = self._opened(secret, open_timeout_s, None)
                self._cutter = claim(address.host, address.port)
            finally:
                turn.lock.release()
            if (
                self._cutter is None
            ):  # it could not be ended by others: it must end by itself, whatever that costs
                self._container.close()
                self._container = self._opened(secret, open_timeout_s, slice_s)
        else:
            self._container = self._opened(secret, open_timeout_s, slice_s)
        self._stream = self._video()
        self._packets: Iterator[av.Packet[VideoStream]] = self._container.demux(self._stream)

    def _opened(self, address: str, open_timeout_s: float, slice_s: float | None) -> InputContainer:
        trouble: _Trouble | None = None
        began_s = time.monotonic()
        try:
            return av.open(
                address,
                format="rtsp",
                options={**_OPTIONS, "timeout": str(int(open_timeout_s * 1e6))},  # us of silence
                timeout=(open_timeout_s, slice_s),
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            # out of time, libav names what it was doing: a description cut short is "invalid data"
            late = time.monotonic() - began_s >= open_timeout_s and not _is_eio(error)
            trouble = _NO_ANSWER if late else _name(error)
        raise DeviceError(trouble.kind, self._device, trouble.text)

    @property
    def codec(self) -> str:
        """``h264`` or ``hevc``."""
        return str(self._stream.codec_context.name)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as the parameter sets tell them; 0 where they do not."""
        return self._stream.codec_context.width, self._stream.codec_context.height

    @property
    def extradata(self) -> bytes | None:
        """Parameter sets the description of the stream brought, if any."""
        return self._stream.codec_context.extradata

    def read(self) -> av.Packet[VideoStream] | None:
        """The next packet; None when nothing came for seconds. Raises DeviceError when the stream ended."""
        trouble: _Trouble | None = None
        self._began_s = time.monotonic()
        try:
            packet = next(self._packets, None)
        except (av.error.ExitError, av.error.BlockingIOError, TimeoutError):  # silence; the stream goes on
            self._packets = self._container.demux(self._stream)
            return None
        except (av.error.FFmpegError, OSError) as error:
            trouble = _name(error)
        else:
            if packet is not None and packet.size:
                return packet
        finally:
            self._began_s = None
        trouble = _CUT_OFF if self._cut else trouble or _CLOSED
        raise DeviceError(trouble.kind, self._device, trouble.text)

    @property
    def overdue(self) -> bool:
        """Whether a read goes on for so long that bytes must come but no packet: others may cut it."""
        began_s = self._began_s
        return began_s is not None and time.monotonic() - began_s > self._bound_s + _DRIP_S

    def cut(self) -> None:
        """End the read that goes on, from another thread; the stream is over with it."""
        if self._cutter is not None:
            self._cut = True
            self._cutter.cut()

    def close(self) -> None:
        """Say TEARDOWN without waiting for an answer, and close."""
        self._packets = iter(())
        self._container.close()
        if self._cutter is not None:
            self._cutter.close()

    def _video(self) -> VideoStream:
        video = self._container.streams.video
        name = video[0].codec_context.name if video and video[0].codec_context is not None else "?"
        if name in CODECS:
            return video[0]
        self.close()
        found = f"{name}" if video else "-"
        raise DeviceError(
            DeviceTrouble.BAD_STREAM,
            self._device,
            f"视频编码 {found} 不是 H.264 或 H.265，请在设备上改为 H.264 / "
            f"video codec {found} is neither H.264 nor H.265; set the device to H.264",
        )


_CUT_OFF = _Trouble(
    DeviceTrouble.BAD_STREAM,
    "视频数据不完整或无法识别，请检查编码设置和网络 / "
    "video data come in pieces or cannot be understood; check encoding and network",
)


def _is_eio(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EIO


def _name(error: BaseException) -> _Trouble:
    if _is_eio(error):
        return _CUT_OFF  # libav was reading when the slice ended: data come, but make no frame
    for kind, trouble in _TROUBLES:
        if isinstance(error, kind):
            return trouble
    word = type(error).__name__
    return _Trouble(
        DeviceTrouble.BAD_STREAM, f"视频流无法打开（{word}）/ the stream cannot be opened ({word})"
    )
