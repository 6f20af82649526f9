"""Reads one stream as long as it is watched. Law: every wait is bounded, every failure named.

One thread a stream (libav lets go of the interpreter while it waits and decodes). A session is one
connection: opened, read, closed; between sessions the pause grows with full jitter.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import av
from av.video.stream import VideoStream

from agent.errors import DeviceError, DeviceTrouble
from agent.model import FULL_ALLOWANCE, Allowance, Device, Finding, Frame, Image, SightMode, StreamState
from agent.ports import FrameJudge
from agent.video.address import StreamAddress
from agent.video.clip import Recording
from agent.video.decoder import Decoder, colour
from agent.video.gate import DecodeGate
from agent.video.health import HealthLimits, StreamHealth
from agent.video.knock import knock, may_have_password
from agent.video.pipeline import Pipeline
from agent.video.ring import PacketRing, RingBounds
from agent.video.source import RtspSource
from agent.video.timing import StreamTime
from runtime.backoff import Backoff
from runtime.clock import Clock
from runtime.worker import Worker

log = logging.getLogger(__name__)

_POLITE_S = 0.5
"""The next packet of a stream that goes on comes sooner: then the device is told TEARDOWN."""
_TOO_LARGE_TIMES = 3
"""Packets in a row of a picture that is too large: one that was damaged on its way is not."""


@dataclass(frozen=True, slots=True)
class VideoConfig:
    """Waits in seconds."""

    open_timeout_s: float = 5.0
    slice_s: float = 1.0
    """How long one read waits: after that the thread looks whether it shall end."""
    close_s: float = 2.0
    limits: HealthLimits = field(default_factory=HealthLimits)
    backoff_base_s: float = 1.0
    backoff_ceiling_s: float = 30.0
    steady_s: float = 10.0
    """A connection that lived so long with pictures clears the back-off."""
    auth_pause_s: float = 600.0
    """After a refused password: cameras lock accounts, so it is not tried again soon."""
    still_max_age_s: float = 60.0
    still_width_px: int = 1280
    ring: RingBounds = field(default_factory=RingBounds)


class StreamReader:
    """A StreamWatch. Starts reading when made."""

    def __init__(
        self,
        device: Device,
        uri: Callable[[], str],
        judge: FrameJudge,
        on_findings: Callable[[Frame, Sequence[Finding]], None],
        *,
        refused: Callable[[], object],
        gate: DecodeGate,
        config: VideoConfig,
        clock: Clock,
    ) -> None:
        self._device = device
        self._uri = uri
        self._refused = refused
        self._judge = judge
        self._on_findings = on_findings
        self._gate = gate
        self._config = config
        self._clock = clock
        self._health = StreamHealth(config.limits)
        self._times = StreamTime()
        self._mode = SightMode.KEYS
        self._ring = PacketRing(config.ring)
        self._allowance = FULL_ALLOWANCE
        self._connected = False
        self._lock = threading.Lock()
        self._last: tuple[av.VideoFrame, float] | None = None
        self._backoff = _Patience(config)
        self._source: RtspSource | None = None
        self._worker = Worker(
            f"video-{device.id}", self._session, expected=(DeviceError,), backoff=self._backoff
        )
        self._worker.start()

    def state(self) -> StreamState:
        """What is known of the stream right now. Whoever asks now and then also sees to it that a read
        of which no packet comes, though bytes do, has an end."""
        source = self._source
        if source is not None and source.overdue:
            source.cut()
        return self._health.state(self._clock.monotonic(), self._gate.state(), self._allowance)

    def allow(self, allowance: Allowance) -> None:
        """From now on decode no more than this. Packets are read as before."""
        self._allowance = allowance
        self._gate.allow(allowance)

    def still(self) -> Image | None:
        """The last decoded picture in BGR, at most 1280 wide; None when there is none younger than 60 s."""
        with self._lock:
            if self._last is None:
                return None
            frame, at_s = self._last
            if self._clock.monotonic() - at_s > self._config.still_max_age_s:
                return None
            return colour(frame, max_width_px=self._config.still_width_px)

    def record(self, *, since_s: float, until_s: float) -> Recording:
        """A clip of what came and will come between two monotonic times; privacy masks are burnt in."""
        return Recording(self._ring, since_s=since_s, until_s=until_s, masks=self._device.privacy_masks)

    def retry(self) -> None:
        """The device is back: connect now instead of when the pause is over."""
        self._worker.wake()

    def close(self) -> None:
        """End within 2 s. A thread that libav holds in an opening ends by itself when that times out."""
        source = self._source
        cutting = threading.Timer(_POLITE_S, source.cut) if source is not None else None
        if cutting is not None:
            cutting.start()
        self._worker.stop(self._config.close_s)
        if cutting is not None:
            cutting.cancel()
            cutting.join()
        with self._lock:
            self._last = None
        self._ring.clear()

    def _session(self) -> float:
        """One connection from opening to its end; returns the pause before the next. Raises DeviceError."""
        try:
            source = self._source = self._connect()
            if source is not None:
                try:
                    self._read(source)
                finally:
                    self._source = None
                    source.close()
        except DeviceError as error:
            if self._worker.stopping:
                return 0.0
            self._health.failed(error)
            self._backoff.refused = error.kind in (DeviceTrouble.AUTH_FAILED, DeviceTrouble.AUTH_BACKOFF)
            raise
        self._backoff.reset()  # watching ends: nothing recovered, so nothing is said
        return 0.0

    def _connect(self) -> RtspSource | None:
        """An open stream, or None when watching ends."""
        if self._connected:
            self._health.count("reconnects")
        self._connected = True
        address = StreamAddress.of(self._device, self._uri())
        timeout_s = self._config.open_timeout_s
        login = knock(address, timeout_s=timeout_s, stopping=lambda: self._worker.stopping)
        if login is None:
            return None
        shown = may_have_password(self._device, login)
        try:
            source = RtspSource(
                address, with_password=shown, open_timeout_s=timeout_s, slice_s=self._config.slice_s
            )
        except DeviceError as error:
            if error.kind is DeviceTrouble.AUTH_FAILED and shown:
                self._refused()
            raise
        self._health.opened(source.codec)
        return source

    def _read(self, source: RtspSource) -> None:
        decoder = Decoder(source.codec, source.extradata)
        pipeline = Pipeline(
            decoder,
            self._gate,
            self._judge,
            shown=self._shown,
            count=self._health.count,
        )
        refused = 0
        opened_s = self._clock.monotonic()
        self._times.begin()
        self._ring.begin(source.codec, source.extradata)
        while not self._worker.stopping:
            packet = source.read()
            now_s = self._clock.monotonic()
            if packet is not None:
                self._take(packet, pipeline, now_s)
                refused = refused + 1 if decoder.too_large else 0
                if decoder.too_large and refused >= _TOO_LARGE_TIMES:
                    raise self._too_large(*decoder.too_large)
            elif self._health.starved(now_s, since_s=opened_s):
                raise DeviceError(
                    DeviceTrouble.NO_STREAM,
                    self._device.id,
                    "连接正常但没有视频数据，请检查设备 / "
                    "connected, but no video packet comes; check the device",
                )
            if self._backoff.failures and self._steady(now_s, opened_s):
                failures = self._backoff.reset()
                log.info("device=%s stream is steady after %d failures", self._device.id, failures)

    def _too_large(self, width: int, height: int) -> DeviceError:
        return DeviceError(
            DeviceTrouble.BAD_STREAM,
            self._device.id,
            f"画面 {width}x{height} 过大，不予解码，请改用子码流或降低分辨率 / "
            f"pictures of {width}x{height} are too large to decode; use a sub-stream or a lower resolution",
        )

    def _steady(self, now_s: float, opened_s: float) -> bool:
        return now_s - opened_s >= self._config.steady_s and self.state().up

    def _take(self, packet: av.Packet[VideoStream], pipeline: Pipeline, now_s: float) -> None:
        self._ring.add(packet, now_s)
        pts_s = self._times.of(packet, now_s)
        if self._times.jumped:
            self._health.jumped()
        self._health.packet(at_s=now_s, pts_s=pts_s, size_bytes=packet.size, key=packet.is_keyframe)
        if packet.is_corrupt:
            self._health.count("corrupt_packets")
        for looked in pipeline.take(packet, pts_s=pts_s, mono_s=now_s):
            self._health.judged(at_s=self._clock.monotonic(), pts_s=looked.frame.pts_s)
            self._on_findings(looked.frame, looked.findings)
        mode = self._gate.state().mode if packet.is_keyframe else self._mode
        if mode is not self._mode:
            log.info("device=%s pictures=%s before=%s", self._device.id, mode, self._mode)
            self._mode = mode

    def _shown(self, picture: av.VideoFrame, mono_s: float) -> None:
        if self._health.picture(picture.width, picture.height):
            log.info("device=%s stream is up: %dx%d", self._device.id, picture.width, picture.height)
        with self._lock:
            self._last = (picture, mono_s)


class _Patience(Backoff):
    """Full jitter between sessions; a long rest after a refused password."""

    def __init__(self, config: VideoConfig) -> None:
        super().__init__(base_s=config.backoff_base_s, ceiling_s=config.backoff_ceiling_s)
        self._auth_pause_s = config.auth_pause_s
        self.refused = False

    def next_s(self) -> float:
        """The pause before the next session."""
        pause_s = super().next_s()
        return self._auth_pause_s if self.refused else pause_s
