"""Hostile TLS: bounded time and memory, a kind that names it, a sentence that says what to do."""

from __future__ import annotations

import contextlib
import io
import time

import psutil
import pytest

from agent.devices import OnvifRoom
from agent.devices.address import Endpoint
from agent.devices.pins import Pins
from agent.devices.tls import securely
from agent.devices.transport import Transport
from agent.errors import DeviceError, DeviceTrouble
from protocol.words import Rung
from tests.agent.devices.builders import PASSWORD, QUICK, a_device
from tests.support.hostile_tls import ATTACKS, HostileTls

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


@pytest.mark.parametrize("attack", ["drips_inside", "drips_a_record", "endless_inside", "hangs_inside"])
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
