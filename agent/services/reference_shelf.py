"""Stored views on the disk: one small file each, whole or not at all. Law: what is damaged, or was taken
under other privacy masks, is dropped with a line in the log, and learned again.

    <data_dir>/references/<device>/<light>-<hash of the position>.ref
    magic, SHA-256 of the rest, length of the header, header (JSON), measures (little-endian), still (JPEG)
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from agent.detect.background import Grey
from agent.detect.vqd.look import COLUMNS, ROWS, STRIPS, WAVE_PX
from agent.detect.vqd.reference import Reference
from agent.detect.vqd.stored import Light, StoredView
from agent.errors import StoreFull
from agent.model import Device
from runtime.files import sync_folder, write_atomic

log = logging.getLogger(__name__)

MAX_BYTES: Final = 64 * 1024
MOST_OF_DEVICE: Final = 24
MOST: Final = 1024
"""Of all devices: 64 MiB at most, some 35 in practice."""
_MAGIC: Final = b"OUTPOST-REFERENCE-1\n"
_HEAD: Final = len(_MAGIC) + 32 + 4
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_STRAY_S: Final = 3600.0
_BLOCKS: Final = ROWS * COLUMNS
_LAYOUT: Final[tuple[tuple[str, tuple[int, int] | tuple[int], str], ...]] = (
    ("small", (90, 160), "u1"),
    ("edges", (_BLOCKS,), "<f2"),
    ("contrast", (_BLOCKS,), "<f2"),
    ("down", (STRIPS, WAVE_PX[1]), "<f2"),
    ("across", (STRIPS, WAVE_PX[0]), "<f2"),
)
_CHROMA: Final = ("chroma", (_BLOCKS, 2), "<f2")


@dataclass(frozen=True, slots=True)
class StoredReference:
    """A stored view with its small still, masks burnt in, and when it was taken (wall time)."""

    view: StoredView
    still: bytes
    taken: datetime
    masks: str
    """Fingerprint of the privacy masks it was taken under."""


def masks_of(device: Device) -> str:
    """Fingerprint of a device's privacy masks."""
    return hashlib.sha256(repr(device.privacy_masks).encode()).hexdigest()[:16]


def encoded(stored: StoredReference) -> bytes:
    """The file's content. Raises ValueError when it would be too large."""
    reference = stored.view.reference
    header = {
        "light": stored.view.light,
        "size": stored.view.size,
        "position": stored.view.position,
        "taken": stored.taken.isoformat(),
        "masks": stored.masks,
        "spread": reference.spread,
        "sharpness": reference.usual_sharpness,
        "chroma": reference.chroma is not None,
    }
    head = json.dumps(header).encode()
    parts = [_packed(getattr(reference, name), kind) for name, _, kind in _LAYOUT]
    if reference.chroma is not None:
        parts.append(_packed(reference.chroma, _CHROMA[2]))
    rest = len(head).to_bytes(4, "big") + head + b"".join(parts) + stored.still
    if len(rest) + _HEAD > MAX_BYTES:
        raise ValueError(f"a stored view of {len(rest)} bytes is larger than {MAX_BYTES}")
    return _MAGIC + hashlib.sha256(rest).digest() + rest


def decoded(content: bytes) -> StoredReference:
    """What ``encoded`` wrote. Raises ValueError that says what is wrong."""
    start = len(_MAGIC)
    if len(content) > MAX_BYTES or not content.startswith(_MAGIC):
        raise ValueError("it is no stored view")
    rest = content[start + 32 :]
    if hashlib.sha256(rest).digest() != content[start : start + 32]:
        raise ValueError("its checksum differs")
    length = int.from_bytes(rest[:4], "big")
    body = rest[4 + length :]
    try:
        header = json.loads(rest[4 : 4 + length])
        layout = (*_LAYOUT, _CHROMA) if header["chroma"] else _LAYOUT
        measures: dict[str, Grey] = {}
        for name, shape, kind in layout:
            size = int(np.prod(shape)) * np.dtype(kind).itemsize
            measures[name] = np.frombuffer(body[:size], kind).reshape(shape).astype(np.float32)
            body = body[size:]
        reference = Reference.stored(
            small=measures["small"],
            edges=measures["edges"],
            contrast=measures["contrast"],
            down=measures["down"],
            across=measures["across"],
            spread=float(header["spread"]),
            chroma=measures.get("chroma"),
            usual_sharpness=float(header["sharpness"]),
        )
        height, width = header["size"]
        view = StoredView(
            Light(header["light"]), (int(height), int(width)), reference, str(header["position"])
        )
        taken = datetime.fromisoformat(header["taken"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"it cannot be read: {error}") from error
    if not all(np.isfinite(measure).all() for measure in measures.values()):
        raise ValueError("a measure is no number")
    return StoredReference(view, body, taken, str(header["masks"]))


class ReferenceShelf:
    """The stored views of all devices of a box. Service and command line have it open at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, device: Device) -> Sequence[StoredReference]:
        """What is stored of a device, damaged and outdated files dropped."""
        found = []
        for path in self._files(device.id):
            stored = self._read(path)
            if stored is not None and stored.masks != masks_of(device):
                log.warning("device=%s stored view %s dropped: privacy masks changed", device.id, path.name)
                _drop(path)
                stored = None
            if stored is not None:
                found.append(stored)
        return found

    def keep(self, device: Device, stored: StoredReference) -> bool:
        """Store a view in place of an older one; False, with a line in the log, where there is no more room.
        Raises StoreFull."""
        path = self._path(device.id, stored.view)
        if path is None:
            return False
        if not path.exists() and self._full(device.id):
            log.warning("device=%s no room for another stored view", device.id)
            return False
        try:
            write_atomic(path, encoded(stored))
        except OSError as error:
            raise StoreFull(f"请清理磁盘 / stored view {path} cannot be written: {error}") from error
        return True

    def strike(self, device: str) -> int:
        """Take all stored views of a device away; how many there were. Raises StoreFull."""
        paths = self._files(device)
        try:
            for path in paths:
                path.unlink(missing_ok=True)
            if paths:
                sync_folder(paths[0].parent)
        except OSError as error:
            raise StoreFull(f"stored views of {device} cannot be removed: {error}") from error
        return len(paths)

    def stamp(self, device: str) -> frozenset[tuple[str, int]]:
        """Differs whenever what is stored of a device was changed, by whomever."""
        stamps = set()
        for path in self._files(device):
            try:
                stamps.add((path.name, path.stat().st_mtime_ns))
            except OSError:
                continue
        return frozenset(stamps)

    def tidy(self) -> None:
        """Remove what a power cut left half written."""
        for path in self._folder.glob("*/.*"):
            try:
                if time.time() - path.stat().st_mtime > _STRAY_S:
                    path.unlink()
            except OSError:
                continue

    def _files(self, device: str) -> list[Path]:
        if not _NAME.fullmatch(device):
            return []
        return sorted((self._folder / device).glob("[!.]*.ref"))[: 4 * MOST_OF_DEVICE]

    def _path(self, device: str, view: StoredView) -> Path | None:
        if not _NAME.fullmatch(device):
            return None
        position = hashlib.sha256(view.position.encode()).hexdigest()[:12] if view.position else "fixed"
        return self._folder / device / f"{view.light}-{position}.ref"

    def _full(self, device: str) -> bool:
        if len(self._files(device)) >= MOST_OF_DEVICE:
            return True
        return sum(1 for _ in self._folder.glob("*/*.ref")) >= MOST

    def _read(self, path: Path) -> StoredReference | None:
        try:
            with path.open("rb") as file:
                return decoded(file.read(MAX_BYTES + 1))
        except FileNotFoundError:
            return None  # struck meanwhile
        except (OSError, ValueError) as error:
            log.warning("device=%s stored view %s dropped: %s", path.parent.name, path.name, error)
            _drop(path)
            return None


def _drop(path: Path) -> None:
    with contextlib.suppress(OSError):  # it is dropped again at the next look
        path.unlink(missing_ok=True)


def _packed(measure: Grey, kind: str) -> bytes:
    whole = np.clip(np.rint(measure), 0, 255) if kind == "u1" else np.clip(measure, -60_000, 60_000)
    return whole.astype(kind).tobytes()
