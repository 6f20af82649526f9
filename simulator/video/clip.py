"""One encoded clip, in memory and on disk. Law: a file that is not whole and unaltered is never a clip.

File: magic, 4 bytes length of the head, the head (JSON), the NAL units back to back, SHA-256 of everything
before it. It appears under its name only when complete (temporary file, fsync, rename).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from simulator.video.model import Codec, Sighting
from simulator.video.rtp import Packets, packetise, sealed

MAGIC = b"OPCLIP1\n"
_DIGEST_BYTES = 32


class BrokenClip(Exception):
    """The file is cut short, altered, or no clip."""


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded picture: its NAL units without start codes."""

    nals: tuple[bytes, ...]
    key: bool


@dataclass(frozen=True)
class Clip:
    """A loop or an action, ready to be sent."""

    codec: Codec
    width: int
    height: int
    fps: int
    gop: int
    units: tuple[AccessUnit, ...]
    sightings: tuple[Sighting, ...] = ()
    _packets: dict[int, Packets] = field(default_factory=dict, repr=False, compare=False)
    _pictures: dict[int, bytes] = field(default_factory=dict, repr=False, compare=False)

    @property
    def seconds(self) -> float:
        """How long the clip lasts."""
        return len(self.units) / self.fps

    @cached_property
    def key_before(self) -> tuple[int, ...]:
        """For every frame the index of the latest key frame at or before it."""
        latest, found = 0, []
        for index, unit in enumerate(self.units):
            latest = index if unit.key else latest
            found.append(latest)
        return tuple(found)

    @cached_property
    def parameter_sets(self) -> tuple[bytes, ...]:
        """SPS and PPS (H.265: VPS, SPS, PPS) of the first key frame."""
        kinds = (7, 8) if self.codec is Codec.H264 else (32, 33, 34)
        return tuple(n for kind in kinds for n in self.units[0].nals if nal_type(n, self.codec) == kind)

    def packets(self, index: int) -> Packets:
        """RTP packets of a frame, built once and shared by all who watch."""
        packets = self._packets.get(index)
        if packets is None:
            packets = sealed(packetise(self.units[index].nals, self.codec))
            self._packets[index] = packets
        return packets

    def annexb(self, index: int) -> bytes:
        """A frame with start codes, as decoders take it."""
        return b"".join(b"\0\0\0\1" + nal for nal in self.units[index].nals)

    @property
    def jpegs(self) -> dict[int, bytes]:
        """JPEGs of key frames made so far, by frame index."""
        return self._pictures


def nal_type(nal: bytes, codec: Codec) -> int:
    """The type of a NAL unit (H.264 7.3.1, H.265 7.3.1.2)."""
    return nal[0] & 0x1F if codec is Codec.H264 else (nal[0] >> 1) & 0x3F


def save(clip: Clip, path: Path) -> None:
    """Write `clip` to `path`; a kill in between leaves no file of that name."""
    head = json.dumps(
        {
            "codec": str(clip.codec),
            "size": [clip.width, clip.height],
            "fps": clip.fps,
            "gop": clip.gop,
            "units": [[int(unit.key), *map(len, unit.nals)] for unit in clip.units],
            "sightings": [sighting.as_json() for sighting in clip.sightings],
        }
    ).encode()
    body = b"".join(
        (MAGIC, struct.pack(">I", len(head)), head, *(nal for unit in clip.units for nal in unit.nals))
    )
    write_whole(path, body + hashlib.sha256(body).digest())


def load(path: Path) -> Clip:
    """Read a clip.

    Raises BrokenClip when the file is not exactly what `save` wrote, OSError when it cannot be read.
    """
    content = path.read_bytes()
    body, digest = content[:-_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    if not body.startswith(MAGIC) or hashlib.sha256(body).digest() != digest:
        raise BrokenClip(f"{path.name}: cut short or altered ({len(content)} bytes)")
    start = len(MAGIC) + 4
    (head_bytes,) = struct.unpack_from(">I", body, len(MAGIC))
    head: dict[str, Any] = json.loads(body[start : start + head_bytes])
    return Clip(
        codec=Codec(head["codec"]),
        width=head["size"][0],
        height=head["size"][1],
        fps=head["fps"],
        gop=head["gop"],
        units=_units(body, start + head_bytes, head["units"]),
        sightings=tuple(map(Sighting.from_json, head["sightings"])),
    )


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there completely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, part = tempfile.mkstemp(prefix=path.name, suffix=".part", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        Path(part).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(part).unlink()
        raise


def _units(body: bytes, at: int, lengths: Sequence[Sequence[int]]) -> tuple[AccessUnit, ...]:
    units = []
    for key, *sizes in lengths:
        nals = []
        for size in sizes:
            nals.append(body[at : at + size])
            at += size
        units.append(AccessUnit(tuple(nals), bool(key)))
    return tuple(units)
