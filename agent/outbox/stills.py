"""Stills and clips on their way to the county: a folder, bounded, oldest given up first, uploaded one by one.

Each is named by its SHA-256, which the log entry that needs it carries as ``evidence`` or ``clip``; the entry
never waits for the upload. A still goes before all clips: it is small, and shows the same. The upload is
signed with the box's entry key.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlencode, urlsplit

import requests

from agent.metrics import STILLS_DROPPED, STILLS_WAITING
from agent.model import Exhibit, ExhibitKind
from protocol.codec import mac_of
from protocol.messages import format_time
from runtime.clock import Clock
from runtime.files import write_atomic
from runtime.link import LinkDown

log = logging.getLogger(__name__)

LIMITS_BYTES: Final[Mapping[ExhibitKind, int]] = {
    ExhibitKind.STILL: 512 * 1024,
    ExhibitKind.CLIP: 4 * 1024 * 1024,
}
"""What the county takes of one."""
TIMEOUT_S = (5.0, 20.0)
_TRY_AGAIN = frozenset({401, 403, 408, 425, 429})
"""Answers that may change: a clock, an enrolment, a busy county. Other 4xx will not; 3xx and 5xx may."""
_NAME = re.compile(r"(\d{15})_([a-z0-9-]{1,40})_([0-9a-f]{64})\.(jpg|mp4)")
_SUFFIXES: Final = {ExhibitKind.STILL: ".jpg", ExhibitKind.CLIP: ".mp4"}
_MEDIA_TYPES: Final = {".jpg": "image/jpeg", ".mp4": "video/mp4"}


class StillSpool:
    """Keeps stills and clips in ``folder`` until the county has them. One uploader; any thread may keep."""

    def __init__(
        self,
        folder: Path,
        *,
        box: str,
        key: bytes,
        clock: Clock,
        base_url: str | None,
        limit_bytes: int,
        ca_file: Path | None = None,
    ) -> None:
        self._folder = folder
        self._box = box
        self._key = key
        self._clock = clock
        self._base_url = base_url.rstrip("/") if base_url else None
        self._limit_bytes = limit_bytes
        self._http = requests.Session()
        self._http.trust_env = False
        if ca_file is not None:
            self._http.verify = str(ca_file)
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        for torn in folder.glob(".*"):  # a power cut while one was written
            torn.unlink(missing_ok=True)

    def keep(self, exhibit: Exhibit, *, device: str, at: datetime) -> str | None:
        """Keep one; returns its SHA-256, or None when it is empty, too large, or the disk refuses."""
        content = exhibit.content
        if not 0 < len(content) <= min(LIMITS_BYTES[exhibit.kind], self._limit_bytes):
            STILLS_DROPPED.inc()
            return None
        digest = hashlib.sha256(content).hexdigest()
        taken_ms = max(0, int(at.timestamp() * 1000))
        name = f"{taken_ms:015d}_{device}_{digest}{_SUFFIXES[exhibit.kind]}"
        try:
            with self._lock:
                self._make_room(exhibit)
                write_atomic(self._folder / name, content)
        except OSError as error:
            log.warning("device=%s %s not kept: %s", device, exhibit.kind, error)
            STILLS_DROPPED.inc()
            return None
        STILLS_WAITING.inc()
        return digest

    def upload_one(self) -> float:
        """Send the oldest still, or else the oldest clip; returns the pause before the next call.

        Raises LinkDown when it cannot.
        """
        waiting = self._waiting()
        STILLS_WAITING.set(len(waiting))
        if self._base_url is None or not waiting:
            return 1.0
        path = min(waiting, key=lambda path: (path.suffix != ".jpg", path.name))
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return 0.0  # given up a moment ago, to make room
        status = self._put(path, content)
        if status < 300:
            path.unlink(missing_ok=True)
        elif status < 400 or status >= 500 or status in _TRY_AGAIN:
            raise LinkDown(f"the county answered {status} to a picture of {self._device_of(path)}")
        else:
            log.warning("device=%s picture given up: the county answered %d", self._device_of(path), status)
            STILLS_DROPPED.inc()
            path.unlink(missing_ok=True)
        return 0.0

    def close(self) -> None:
        self._http.close()

    def _put(self, path: Path, content: bytes) -> int:
        taken_ms, device, digest = path.stem.split("_")
        taken_at = format_time(datetime.fromtimestamp(int(taken_ms) / 1000, UTC))
        url = f"{self._base_url}/v1/boxes/{self._box}/evidence/{digest}?" + urlencode(
            {"device": device, "taken_at": taken_at}
        )
        parts = urlsplit(url)
        moment = int(self._clock.now().timestamp())
        signed = mac_of(self._key, f"PUT\n{parts.path}?{parts.query}\n{moment}\n{digest}".encode())
        try:
            answer = self._http.put(
                url,
                data=content,
                headers={
                    "Authorization": f"Outpost-Box ts={moment}, mac={signed}",
                    "Content-Type": _MEDIA_TYPES[path.suffix],
                },
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise LinkDown(f"the county's HTTP door: {error.__class__.__name__}") from error
        return answer.status_code

    def _waiting(self) -> list[Path]:
        return sorted(path for path in self._folder.iterdir() if _NAME.fullmatch(path.name))

    def _make_room(self, wanted: Exhibit) -> None:
        """Give up the oldest clips, and for a still then the oldest stills. Raises OSError when a clip would
        cost stills."""
        waiting = [(path, _size_bytes(path)) for path in self._waiting()]
        total = sum(size for _, size in waiting) + len(wanted.content)
        clips = [(path, size) for path, size in waiting if path.suffix == _SUFFIXES[ExhibitKind.CLIP]]
        stills = [(path, size) for path, size in waiting if path.suffix == _SUFFIXES[ExhibitKind.STILL]]
        if wanted.kind is ExhibitKind.CLIP and total - sum(size for _, size in clips) > self._limit_bytes:
            raise OSError(errno.ENOSPC, "the spool is full of stills")
        for path, size in [*clips, *stills]:
            if total <= self._limit_bytes:
                return
            total -= size
            path.unlink(missing_ok=True)
            STILLS_DROPPED.inc()

    @staticmethod
    def _device_of(path: Path) -> str:
        return path.stem.split("_")[1]


def _size_bytes(path: Path) -> int:
    """0 for one that was uploaded a moment ago."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
