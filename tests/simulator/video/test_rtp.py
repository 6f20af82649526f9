"""Packets carry exactly what was packed, whatever its size, and headers say what RFC 3550 says."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.video.model import Codec
from simulator.video.rtp import NTP_EPOCH_S, addressed, packetise, sealed, sender_report
from tests.support.rtsp_probe import RtpPacket, depacketise

H264_KINDS = st.sampled_from([1, 5, 6, 7, 8])
H265_KINDS = st.sampled_from([0, 1, 19, 20, 21, 32, 33, 34, 39])
BODIES = st.one_of(
    st.binary(min_size=1, max_size=40), st.integers(1, 9000).map(lambda n: bytes(i % 251 for i in range(n)))
)


@st.composite
def h264_nals(draw: st.DrawFn) -> list[bytes]:
    parts = draw(st.lists(st.tuples(H264_KINDS, st.integers(0, 3), BODIES), min_size=1, max_size=6))
    return [bytes([reference << 5 | kind]) + body for kind, reference, body in parts]


@st.composite
def h265_nals(draw: st.DrawFn) -> list[bytes]:
    parts = draw(st.lists(st.tuples(H265_KINDS, BODIES), min_size=1, max_size=6))
    return [bytes([kind << 1, 1]) + body for kind, body in parts]


def _sets_first(nals: list[bytes], *, h265: bool) -> list[bytes]:
    def is_set(nal: bytes) -> bool:
        return (nal[0] >> 1) & 0x3F in (32, 33, 34) if h265 else nal[0] & 0x1F in (7, 8)

    return sorted(nals, key=lambda nal: not is_set(nal))


@given(h264_nals(), st.integers(64, 1500))
def test_h264_comes_out_as_it_went_in(nals: list[bytes], mtu_bytes: int) -> None:
    nals = _sets_first(nals, h265=False)  # as encoders send them
    payloads = packetise(nals, Codec.H264, mtu_bytes)
    assert depacketise(payloads) == nals
    assert max(map(len, payloads)) <= mtu_bytes


@given(h265_nals(), st.integers(64, 1500))
def test_h265_comes_out_as_it_went_in(nals: list[bytes], mtu_bytes: int) -> None:
    nals = _sets_first(nals, h265=True)
    payloads = packetise(nals, Codec.H265, mtu_bytes)
    assert depacketise(payloads, h265=True) == nals
    assert max(map(len, payloads)) <= mtu_bytes


def test_parameter_sets_travel_together() -> None:
    payloads = packetise([b"\x67abc", b"\x68de", b"\x65picture"], Codec.H264)
    assert len(payloads) == 2
    assert payloads[0][0] & 0x1F == 24
    assert payloads[0][0] & 0x60 == 0x60


@pytest.mark.parametrize("first", [0, 65_534])
def test_headers_are_written_per_client(first: int) -> None:
    packets = sealed([b"one", b"two", b"three"])
    sent = bytes(addressed(packets, channel=2, sequence=first, timestamp=2**32 + 7, ssrc=0xCAFE))
    seen, at = [], 0
    while at < len(sent):
        dollar, channel, length = struct.unpack_from(">BBH", sent, at)
        assert (dollar, channel) == (0x24, 2)
        seen.append(RtpPacket.parse(sent[at + 4 : at + 4 + length]))
        at += 4 + length
    assert [packet.payload for packet in seen] == [b"one", b"two", b"three"]
    assert [packet.sequence for packet in seen] == [(first + n) % 65_536 for n in range(3)]
    assert [packet.marker for packet in seen] == [False, False, True]
    assert {(packet.timestamp, packet.ssrc, packet.payload_type) for packet in seen} == {(7, 0xCAFE, 96)}
    assert packets.template[:16] == bytes(16), "what is shared stays untouched"


def test_a_sender_report_ties_the_stream_to_wall_time() -> None:
    report = sender_report(
        channel=1,
        ssrc=5,
        unix_s=1_700_000_000.5,
        timestamp=90_000,
        packets=3,
        payload_bytes=99,
        cname="camera",
    )
    assert report[:2] == b"\x24\x01"
    assert len(report) == 4 + struct.unpack(">H", report[2:4])[0]
    head, kind, words, ssrc, seconds, fraction, timestamp, packets, octets = struct.unpack(
        ">BBHIIIIII", report[4:32]
    )
    assert (head, kind, words, ssrc) == (0x80, 200, 6, 5)
    assert seconds - NTP_EPOCH_S == 1_700_000_000
    assert fraction == 2**31
    assert (timestamp, packets, octets) == (90_000, 3, 99)
    description = report[32:]
    assert len(description) % 4 == 0
    assert len(description) == 4 + 4 * struct.unpack(">H", description[2:4])[0]
    assert b"camera\0" in description
