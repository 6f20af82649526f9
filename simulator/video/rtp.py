"""How coded pictures become RTP packets (RFC 6184 for H.264, RFC 7798 for H.265) and RTCP sender reports.

Law: a packet is built once per clip; per client only its 12-byte header is written again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from simulator.video.model import Codec

CLOCK_HZ = 90_000  # RFC 6184 8.1, RFC 7798 7.1
PAYLOAD_TYPE = 96  # the first dynamic one (RFC 3551 6)
MTU_PAYLOAD_BYTES = 1400  # what cameras use on Ethernet, also inside TCP
NTP_EPOCH_S = 2_208_988_800  # 1900-01-01 to 1970-01-01 (RFC 5905)

_PREFIX_BYTES = 16  # "$", channel, length (RFC 2326 10.12) and the fixed RTP header (RFC 3550 5.1)
_PREFIX = struct.Struct(">BBHBBHII")
_FU_A = 28
_STAP_A = 24
_FU_H265 = 49
_AP_H265 = 48


@dataclass(frozen=True, slots=True)
class Packets:
    """All packets of one frame with room for their headers: (offset, payload bytes, last of the frame)."""

    template: bytes
    places: tuple[tuple[int, int, bool], ...]


def packetise(nals: Sequence[bytes], codec: Codec, mtu_bytes: int = MTU_PAYLOAD_BYTES) -> list[bytes]:
    """The RTP payloads of one access unit, in order.

    Parameter sets are joined into one aggregation packet when they fit; what is longer than `mtu_bytes` is
    cut into fragmentation units.
    """
    header_bytes = 1 if codec is Codec.H264 else 2
    sets = [nal for nal in nals if _is_parameter_set(nal, codec)]
    payloads = []
    if len(sets) > 1 and header_bytes + sum(2 + len(nal) for nal in sets) <= mtu_bytes:
        payloads.append(_aggregate(sets, codec))
        nals = [nal for nal in nals if not _is_parameter_set(nal, codec)]
    for nal in nals:
        if len(nal) <= mtu_bytes:
            payloads.append(nal)
        else:
            payloads.extend(_fragments(nal, codec, mtu_bytes))
    return payloads


def sealed(payloads: Iterable[bytes]) -> Packets:
    """Lay the payloads of one frame out with room for each header."""
    parts, places, offset = [], [], 0
    payloads = list(payloads)
    for number, payload in enumerate(payloads):
        parts += [bytes(_PREFIX_BYTES), payload]
        places.append((offset, len(payload), number == len(payloads) - 1))
        offset += _PREFIX_BYTES + len(payload)
    return Packets(b"".join(parts), tuple(places))


def addressed(packets: Packets, *, channel: int, sequence: int, timestamp: int, ssrc: int) -> bytearray:
    """A copy of `packets` for one client, ready for an interleaved connection.

    `sequence` is that of the first packet; the caller goes on with `sequence + len(packets.places)`.
    """
    out = bytearray(packets.template)
    for number, (offset, payload_bytes, last) in enumerate(packets.places):
        _PREFIX.pack_into(
            out,
            offset,
            0x24,
            channel,
            12 + payload_bytes,
            0x80,
            PAYLOAD_TYPE | (0x80 if last else 0),
            (sequence + number) & 0xFFFF,
            timestamp & 0xFFFFFFFF,
            ssrc,
        )
    return out


def sender_report(
    *, channel: int, ssrc: int, unix_s: float, timestamp: int, packets: int, payload_bytes: int, cname: str
) -> bytes:
    """An interleaved RTCP SR with its SDES (RFC 3550 6.4.1, 6.5) that ties `timestamp` to wall time."""
    seconds = int(unix_s)
    fraction = int((unix_s - seconds) * 2**32)
    report = struct.pack(
        ">BBHIIIIII",
        0x80,
        200,
        6,
        ssrc,
        (seconds + NTP_EPOCH_S) & 0xFFFFFFFF,
        fraction,
        timestamp & 0xFFFFFFFF,
        packets & 0xFFFFFFFF,
        payload_bytes & 0xFFFFFFFF,
    )
    name = cname.encode()[:255]
    item = struct.pack(">IBB", ssrc, 1, len(name)) + name
    item += b"\0" * (4 - len(item) % 4)
    compound = report + struct.pack(">BBH", 0x81, 202, len(item) // 4) + item
    return struct.pack(">BBH", 0x24, channel, len(compound)) + compound


def _is_parameter_set(nal: bytes, codec: Codec) -> bool:
    if codec is Codec.H264:
        return nal[0] & 0x1F in (7, 8)
    return (nal[0] >> 1) & 0x3F in (32, 33, 34)


def _aggregate(nals: Sequence[bytes], codec: Codec) -> bytes:
    units = b"".join(struct.pack(">H", len(nal)) + nal for nal in nals)
    if codec is Codec.H264:  # STAP-A, 5.7.1: the highest reference number of its units
        return bytes([max(nal[0] & 0x60 for nal in nals) | _STAP_A]) + units
    return bytes([_AP_H265 << 1, 1]) + units  # AP, 4.4.2: layer 0, the lowest temporal id


def _fragments(nal: bytes, codec: Codec, mtu_bytes: int) -> list[bytes]:
    if codec is Codec.H264:
        head, kind, body = bytes([nal[0] & 0xE0 | _FU_A]), nal[0] & 0x1F, nal[1:]
    else:
        head = bytes([nal[0] & 0x81 | _FU_H265 << 1, nal[1]])
        kind, body = (nal[0] >> 1) & 0x3F, nal[2:]
    room = mtu_bytes - len(head) - 1
    pieces = [body[at : at + room] for at in range(0, len(body), room)]
    last = len(pieces) - 1
    return [
        head + bytes([kind | (0x80 if number == 0 else 0) | (0x40 if number == last else 0)]) + piece
        for number, piece in enumerate(pieces)
    ]
