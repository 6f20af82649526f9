"""Conference endpoints: any SIP answer is life, silence is not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from agent.devices import OnvifRoom
from agent.errors import DeviceError, DeviceTrouble
from protocol.words import DeviceClass, Reason, Rung
from tests.agent.devices.builders import QUICK, a_device
from tests.support.virtual_county import RunningCounty, entry, running


def climb(host: str, port: int) -> tuple[Rung, Reason, str]:
    device = a_device(host, device_class=DeviceClass.CONFERENCE_ENDPOINT, sip_port=port)
    adapter = OnvifRoom(limits=QUICK).open(device)
    evidence = adapter.climb()
    adapter.close()
    return evidence.rung, evidence.reason, evidence.detail


def where(county: RunningCounty) -> tuple[str, int]:
    station = county.station()
    assert station.sip is not None
    return county.device().ip, station.sip.port


@pytest.mark.parametrize("answer", ["ok", "unauthorized", "not_found"])
def test_any_answer_is_life(answer: str) -> None:
    with running(entry(kind="conference_endpoint")) as county:
        county.switch(sip=answer)
        rung, reason, detail = climb(*where(county))
    assert (rung, reason) == (Rung.REACHABLE, Reason.OK)
    assert (detail == "") == (answer == "ok")


def test_silence_is_down_and_says_what_to_do() -> None:
    with running(entry(kind="conference_endpoint")) as county:
        county.switch(sip="silent")
        started = time.monotonic()
        rung, reason, detail = climb(*where(county))
        assert time.monotonic() - started < QUICK.sip_s + 0.3
    assert (rung, reason) == (Rung.UNREACHABLE, Reason.UNREACHABLE)
    assert "check the endpoint's power" in detail


def test_unplugged_is_down_at_once() -> None:
    with running(entry(kind="conference_endpoint")) as county:
        address = where(county)
        county.switch(unplugged=True)
        rung, _, _ = climb(*address)
    assert rung is Rung.UNREACHABLE


@contextmanager
def udp(answer: Callable[[bytes, int], list[bytes]]) -> Iterator[int]:
    """Answers the n-th datagram with ``answer(datagram, n)``."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.05)
        stop = threading.Event()

        def serve() -> None:
            number = 0
            while not stop.is_set():
                try:
                    datagram, peer = sock.recvfrom(4096)
                except TimeoutError:
                    continue
                number += 1
                for reply in answer(datagram, number):
                    sock.sendto(reply, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield sock.getsockname()[1]
        stop.set()
        thread.join()


def reply(datagram: bytes, status: str) -> bytes:
    call_id = next(line for line in datagram.split(b"\r\n") if line.startswith(b"Call-ID"))
    return f"SIP/2.0 {status}\r\n".encode() + call_id + b"\r\nServer: Codec 9\r\n\r\n"


def test_a_lost_datagram_is_repeated() -> None:
    with udp(lambda datagram, n: [reply(datagram, "486 Busy Here")] if n == 2 else []) as port:
        rung, reason, detail = climb("127.0.0.1", port)
    assert (rung, reason) == (Rung.REACHABLE, Reason.OK)
    assert "486 Busy Here" in detail


def test_an_answer_to_another_call_does_not_count() -> None:
    with udp(lambda _datagram, _n: [b"SIP/2.0 200 OK\r\nCall-ID: foreign\r\n\r\n", b"\xff" * 200]) as port:
        rung, _, _ = climb("127.0.0.1", port)
    assert rung is Rung.UNREACHABLE


def test_a_provisional_answer_is_not_the_answer() -> None:
    with udp(lambda d, _n: [reply(d, "100 Trying"), reply(d, "200 OK")]) as port:
        device = a_device(device_class=DeviceClass.CONFERENCE_ENDPOINT, sip_port=port)
        adapter = OnvifRoom(limits=QUICK).open(device)
        evidence = adapter.climb()
        assert evidence.detail == ""
        assert evidence.identity is not None
        assert evidence.identity.model == "Codec 9"
        assert adapter.climb().identity is None
        with pytest.raises(DeviceError) as told:
            adapter.snapshot()
    assert told.value.kind is DeviceTrouble.NOT_SUPPORTED
