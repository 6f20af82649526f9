"""Hostile TLS: bounded time and memory, a kind that names it, a sentence that says what to do."""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
import threading
import time

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.devices import OnvifRoom
from agent.devices.address import Endpoint
from agent.devices.limits import Deadline
from agent.devices.pins import Pins, certificate_of
from agent.devices.tls import TlsSocket, _shaken, securely
from agent.devices.transport import Transport
from agent.errors import DeviceError, DeviceTrouble
from protocol.words import Rung
from tests.agent.devices.builders import PASSWORD, QUICK, a_device
from tests.support.hostile_tls import ATTACKS, HostileTls, certificate

B, H, N = DeviceTrouble.BAD_ANSWER, DeviceTrouble.HUNG, DeviceTrouble.NO_ONVIF
KINDS = {
    "plain_http": N,
    "ssh": N,
    "garbage": N,
    "plain_text_for_ever": N,
    "garbage_in_a_record": B,
    "silent": H,
    "dripping_record": H,
    "closes_after_hello": B,
    "no_common_cipher": B,
    "protocol_alert": B,
    "warnings_for_ever": B,
    "empty_records_for_ever": B,
    "hello_requests_for_ever": B,
    "endless_handshake_message": B,
    "hangs_inside": H,
    "drips_inside": H,
    "drips_a_record": H,
    "garbage_below": B,
    "plain_below": B,
    "closes_inside": B,
    "endless_inside": B,
    "cut_off_inside": B,
    "huge_chain": B,
    "tickets_without_end": B,
    "only_tls_1_1": B,
    "anonymous": B,
    "wants_our_certificate_1_2": B,
    "wants_our_certificate_1_3": B,
}
WORDS = {
    "plain_http": "启用 HTTPS 并核对端口",
    "ssh": "not in HTTPS",
    "garbage": "not in HTTPS",
    "silent": "断电重启",
    "dripping_record": "断电重启",
    "closes_after_hello": "未作答就断开",
    "no_common_cipher": "TLS 1.2",
    "protocol_alert": "TLS 1.2",
    "only_tls_1_1": "TLS 1.2",
    "huge_chain": "excessive message size",
    "tickets_without_end": "2097152",
    "endless_inside": "2097152",
    "garbage_below": "broken TLS",
    "plain_below": "broken TLS",
    "cut_off_inside": "XML",
}
"""What the sentence says, where another guard would refuse the device too."""
ROOM = OnvifRoom(limits=QUICK)
ROOM.prepare()


def test_every_attack_has_an_expected_kind() -> None:
    assert set(KINDS) == set(ATTACKS)


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_tls_ends_in_a_named_kind_within_time_and_memory(attack: str) -> None:
    process = psutil.Process()
    with HostileTls(attack) as hostile:
        device = a_device(port=hostile.port, tls=True, name=f"cam-{attack.replace('_', '-')}")
        with contextlib.closing(ROOM.open(device)) as adapter:
            before = process.memory_info().rss
            started = time.monotonic()
            evidence = adapter.climb()
            took_s = time.monotonic() - started
            grown_mib = (process.memory_info().rss - before) / 2**20
    assert evidence.reason is KINDS[attack].reason, evidence.detail
    assert evidence.rung is Rung.REACHABLE
    assert " / " in evidence.detail and f"127.0.0.1:{hostile.port}" in evidence.detail
    assert WORDS.get(attack, "") in evidence.detail
    assert PASSWORD not in evidence.detail
    assert took_s < QUICK.total_s + 0.5
    assert grown_mib < 64


@pytest.mark.parametrize("attack", ["drips_a_record", "endless_inside"])
def test_an_upload_to_it_ends_as_well(attack: str) -> None:
    with HostileTls(attack) as hostile:
        transport = Transport("cam", limits=QUICK, dial=securely("cam", Pins(), limits=QUICK))
        started = time.monotonic()
        with contextlib.closing(transport), pytest.raises(DeviceError):
            transport.upload(
                Endpoint("127.0.0.1", hostile.port, "/", tls=True),
                io.BytesIO(b"x" * 10_000_000),
                size_bytes=10_000_000,
                headers={},
                seconds=1.0,
            )
        assert time.monotonic() - started < 1.5


@pytest.mark.parametrize("attack", ["silent", "dripping_record"])
def test_a_handshake_does_not_get_the_time_of_an_upload(attack: str) -> None:
    with HostileTls(attack) as hostile:
        transport = Transport("cam", limits=QUICK, dial=securely("cam", Pins(), limits=QUICK))
        started = time.monotonic()
        with contextlib.closing(transport), pytest.raises(DeviceError) as told:
            transport.upload(
                Endpoint("127.0.0.1", hostile.port, "/", tls=True),
                io.BytesIO(b""),
                size_bytes=0,
                headers={},
                seconds=600.0,
            )
        assert told.value.kind is H
        assert time.monotonic() - started < QUICK.total_s + 0.5


@settings(max_examples=80, deadline=None)
@given(
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
    keep=st.floats(0, 1),
    version=st.sampled_from([ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]),
)
def test_a_damaged_handshake_is_a_device_error_or_a_good_one(
    flips: list[tuple[float, int]], keep: float, version: ssl.TLSVersion
) -> None:
    context = certificate().context
    context.maximum_version = version
    near, far = socket.socketpair()
    with far, TlsSocket(near.family, near.type, near.proto, fileno=near.detach()) as sock:
        far.settimeout(0.05)
        server = threading.Thread(target=damaged_server, args=(far, context, flips, keep))
        server.start()
        try:
            der = _shaken(sock, "cam", "127.0.0.1:443", Deadline(5), QUICK)
        except DeviceError as error:
            assert error.kind in (B, N), error
            assert " / " in error.detail
        else:
            assert certificate_of(der).sha256
        finally:
            sock.close()
            server.join()


def damaged_server(
    sock: socket.socket, context: ssl.SSLContext, flips: list[tuple[float, int]], keep: float
) -> None:
    """Answer one ClientHello honestly, then damage the answer on its way; one more round for what comes."""
    inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(inward, outward, server_side=True)
    with contextlib.suppress(OSError):
        for _ in range(2):
            inward.write(sock.recv(65_536))
            with contextlib.suppress(ssl.SSLError):
                server.do_handshake()
            flight = bytearray(outward.read())
            for place, octet in flips if flight else ():
                flight[int(place * len(flight))] ^= octet
            sock.sendall(flight[: round(keep * len(flight))])
            if keep < 1:
                break
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
