"""Ping sockets: an echo where the kernel allows it, a plain word where it does not."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from agent.devices.icmp import NotPermitted, Pinger, answers_ping
from agent.devices.limits import Deadline
from agent.devices.probe_series import by_ping

_INSIDE = """
from pathlib import Path
Path("/proc/sys/net/ipv4/ping_group_range").write_text("0 0")
from agent.devices.icmp import answers_ping
from agent.devices.probe_series import by_ping
print(*(answers_ping(host, seconds=2) for host in ("127.0.0.1", "::1", "192.0.2.1")))
print(len([t for t in by_ping("127.0.0.1", count=5, gap_s=0.01, wait_s=1) if t is not None]))
"""


def permitted() -> bool:
    try:
        with Pinger("127.0.0.1"):
            return True
    except NotPermitted:
        return False


def test_a_living_host_answers_or_the_kernel_says_no() -> None:
    if permitted():
        assert answers_ping("127.0.0.1", seconds=2) is True
        assert all(by_ping("127.0.0.1", count=3, gap_s=0.01, wait_s=1))
    else:
        assert answers_ping("127.0.0.1", seconds=2) is None
        with pytest.raises(NotPermitted):
            by_ping("127.0.0.1", count=3, gap_s=0.01, wait_s=1)


def test_echoes_come_back_in_a_network_of_their_own() -> None:
    """Where this user may make a network namespace, its kernel allows ping to it alone."""
    unshare = shutil.which("unshare")
    inside = ["-rn", "sh", "-c", f"ip link set lo up && exec {sys.executable} -c '{_INSIDE}'"]
    ran = subprocess.run([str(unshare), *inside], capture_output=True, text=True, timeout=60, check=False)
    if ran.returncode != 0:
        assert "unshare" in ran.stderr or "ermission" in ran.stderr, ran.stderr
        return
    assert ran.stdout.splitlines() == ["True True False", "5"]


class OneAnswer(Pinger):
    """Reads a message as if it had come from the network."""

    def __init__(self, message: bytes) -> None:
        self._mark, self._reply = b"0123456789abcdef", 0
        self.sequence = self._read(message)


@pytest.mark.parametrize(
    ("message", "sequence"),
    [
        (b"\x00\x00\x12\x34\x00\x01\x00\x07" + b"0123456789abcdef", 7),
        (b"\x08\x00\x12\x34\x00\x01\x00\x07" + b"0123456789abcdef", None),
        (b"\x00\x00\x12\x34\x00\x01\x00\x07" + b"fedcba9876543210", None),
        (b"\x00\x00\x12", None),
        (b"", None),
    ],
)
def test_only_our_own_echo_is_an_answer(message: bytes, sequence: int | None) -> None:
    assert OneAnswer(message).sequence == sequence


def test_an_unknown_host_does_not_answer() -> None:
    assert answers_ping("host.invalid", seconds=1) in (False, None)
    assert Deadline(1).remaining_s() > 0
