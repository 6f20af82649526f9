"""Hostile answers: bounded time, bounded memory, a kind that names it, and everybody else untouched."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import psutil
import pytest

from agent.devices import OnvifRoom
from agent.devices.address import Endpoint
from agent.devices.limits import Limits
from agent.devices.transport import Transport
from agent.errors import DeviceError, DeviceTrouble
from protocol.words import Reason, Rung
from tests.agent.devices.builders import QUICK, a_device
from tests.support.hostile import ATTACKS, Hostile, answering, http, soap

B, H, N = DeviceTrouble.BAD_ANSWER, DeviceTrouble.HUNG, DeviceTrouble.NO_ONVIF
KINDS = {
    "entity_bomb": B,
    "entity_bomb_after_5_kB": B,
    "external_entity": B,
    "external_dtd": B,
    "utf16_dtd": B,
    "huge_declared": B,
    "huge_chunked": B,
    "endless": B,
    "endless_headers": B,
    "endless_header_line": B,
    "endless_continue": B,
    "gzip_bomb": B,
    "redirect": B,
    "slow_drip_of_body": H,
    "slow_drip_of_headers": H,
    "never_answers": H,
    "hangs_up": B,
    "truncated": B,
    "cut_off": B,
    "nul": B,
    "html_200": N,
    "plain_text": N,
    "other_xml": N,
    "empty_200": B,
    "not_http": N,
    "bad_length": B,
    "attributes_200000": B,
    "attributes_120000_small": B,
    "elements_400000": B,
    "deep_nesting": B,
    "namespaces_90000": B,
    "names_new_each_time": B,
    "names_as_many_as_fit": B,
    "names_too_long": B,
    "wrong_answer": B,
    "empty_body": DeviceTrouble.NOT_SUPPORTED,
}
WORDS = {
    "entity_bomb": "DTD",
    "entity_bomb_after_5_kB": "DTD",
    "external_entity": "DTD",
    "external_dtd": "DTD",
    "utf16_dtd": "DTD",
    "huge_declared": "2097152",
    "huge_chunked": "2097152",
    "endless": "2097152",
    "attributes_200000": "100000",
    "gzip_bomb": "gzip",
    "truncated": "XML: ",
    "cut_off": "XML: ",
    "nul": "XML: ",
    "deep_nesting": "XML: ",
    "attributes_120000_small": "100000",
    "elements_400000": "100000",
    "wrong_answer": "GetUsersResponse",
}
"""What the sentence names, where another guard would refuse the answer too."""
ROOM = OnvifRoom(limits=QUICK)
ROOM.prepare()


def test_every_attack_has_an_expected_kind() -> None:
    assert KINDS.keys() == ATTACKS.keys()


@pytest.mark.parametrize("attack", ATTACKS)
def test_hostile_answer_ends_in_a_named_kind_within_time_and_memory(attack: str) -> None:
    process = psutil.Process()
    with Hostile(attack) as hostile:
        adapter = ROOM.open(a_device(port=hostile.port))
        before = process.memory_info().rss
        started = time.monotonic()
        evidence = adapter.climb()
        took_s = time.monotonic() - started
        grown_mib = (process.memory_info().rss - before) / 2**20
        with pytest.raises(DeviceError) as told:
            adapter.identity()
        adapter.close()
    assert evidence.reason is KINDS[attack].reason, evidence.detail
    assert evidence.rung in (Rung.REACHABLE, Rung.ONVIF)
    assert told.value.kind is KINDS[attack]
    assert " / " in evidence.detail
    assert WORDS.get(attack, "") in evidence.detail
    assert f"127.0.0.1:{hostile.port}" in evidence.detail
    assert took_s < QUICK.total_s + 0.5
    assert grown_mib < 64


def test_the_deadline_is_eight_seconds_where_nothing_else_is_said() -> None:
    assert Limits().total_s == 8.0
    assert Limits().pull_s <= 5.0
    assert Limits().answer_bytes == 2 * 1024 * 1024


def test_a_hostile_device_holds_up_no_other() -> None:
    with Hostile("never_answers") as hung, Hostile("html_200") as page:
        slow = ROOM.open(a_device(port=hung.port, name="slow"))
        quick = ROOM.open(a_device(port=page.port, name="quick"))
        waiting = threading.Thread(target=slow.climb)
        waiting.start()
        started = time.monotonic()
        evidence = quick.climb()
        took_s = time.monotonic() - started
        waiting.join()
        slow.close()
        quick.close()
    assert evidence.reason is Reason.NO_ONVIF
    assert took_s < 0.5


def test_a_redirect_is_not_followed_and_its_target_is_named() -> None:
    with Hostile("redirect") as hostile:
        adapter = ROOM.open(a_device(port=hostile.port))
        evidence = adapter.climb()
        adapter.close()
    assert "http://127.0.0.9:81/" in evidence.detail


def test_nothing_is_unpacked_that_was_not_asked_for() -> None:
    with Hostile("gzip_bomb") as hostile:
        adapter = ROOM.open(a_device(port=hostile.port))
        assert "gzip" in adapter.climb().detail
        adapter.close()
        assert b"Accept-Encoding: identity" in hostile.requests[0]


def test_a_closed_port_is_unreachable_and_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    evidence = ROOM.open(a_device(port=port)).climb()
    assert (evidence.rung, evidence.reason) == (Rung.UNREACHABLE, Reason.UNREACHABLE)
    assert "请检查电源" in evidence.detail
    assert "check power" in evidence.detail


def test_a_closed_onvif_port_beside_an_open_video_port_is_no_onvif() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as video:
        device = a_device(port=port, rtsp_port=video.getsockname()[1])
        evidence = ROOM.open(device).climb()
    assert (evidence.rung, evidence.reason) == (Rung.REACHABLE, Reason.NO_ONVIF)


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    transport = Transport("cam", limits=QUICK)
    with Hostile("plain_text") as hostile:
        answer = transport.exchange("GET", Endpoint("127.0.0.1", hostile.port, "/"))
        transport.close()
    assert answer.body == b"hello"


def test_what_is_repeated_on_a_new_connection_is_made_anew() -> None:
    """A token or a Digest proof that is sent twice is refused as a replay, and the account would rest."""
    kept = "Connection: keep-alive\r\n"
    with answering(lambda _request: http(soap(), more=kept)) as device:
        transport = Transport("cam", limits=QUICK)
        endpoint = Endpoint("127.0.0.1", device.port, "/")
        transport.exchange("POST", endpoint, body=b"once")
        transport.exchange("POST", endpoint, body=b"twice", again=lambda: (b"anew", {"X-Proof": "2"}))
        transport.close()
        assert device.requests[-1].endswith(b"anew")
        assert b"X-Proof: 2" in device.requests[-1]


def test_a_question_that_was_taken_and_then_cut_off_is_not_asked_twice() -> None:
    """Tapo drops a long pull after 10 s: the repetition would wait as long again."""
    asked: list[bytes] = []

    def slow(request: bytes) -> bytes:
        asked.append(request)
        if len(asked) > 1:
            time.sleep(1.3)  # how long the device thinks before it hangs up
            return b""
        return http(soap(), more="Connection: keep-alive\r\n")

    with Hostile(lambda sock, _stop: _two_questions(sock, slow)) as device:
        transport = Transport("cam", limits=replace(QUICK, total_s=4.0))
        endpoint = Endpoint("127.0.0.1", device.port, "/")
        transport.exchange("POST", endpoint, body=b"x")
        with pytest.raises(DeviceError) as told:
            transport.exchange("POST", endpoint, body=b"y")
        transport.close()
        assert told.value.kind is DeviceTrouble.BAD_ANSWER
        assert device.connections == 1


def _two_questions(sock: socket.socket, answer: Callable[[bytes], bytes]) -> None:
    sock.sendall(answer(b""))
    request = sock.recv(65536)
    if request:
        sock.sendall(answer(request))


def test_a_silently_dropped_connection_is_made_anew_once() -> None:
    """Cheap servers close a kept connection without a word; that is no failure of the device."""
    kept = "Connection: keep-alive\r\n"
    with answering(lambda _request: http(soap(), more=kept)) as device:
        transport = Transport("cam", limits=QUICK)
        endpoint = Endpoint("127.0.0.1", device.port, "/")
        for _ in range(3):
            assert transport.exchange("POST", endpoint, body=b"x").status == 200
        transport.close()
        assert device.connections == 3


def test_what_must_be_sent_at_most_once_takes_a_new_connection() -> None:
    with answering(lambda _request: b"") as device:
        transport = Transport("cam", limits=QUICK)
        with pytest.raises(DeviceError):
            transport.exchange("POST", Endpoint("127.0.0.1", device.port, "/"), repeatable=False)
        transport.close()
        assert device.connections == 1


def test_a_snapshot_may_be_larger_than_an_answer_but_not_than_its_cap() -> None:
    with answering(lambda _request: http(b"x" * 3_000_000)) as device:
        transport = Transport("cam", limits=replace(QUICK, total_s=8.0))
        endpoint = Endpoint("127.0.0.1", device.port, "/")
        assert len(transport.exchange("GET", endpoint, cap_bytes=4_000_000).body) == 3_000_000
        with pytest.raises(DeviceError, match="2097152"):
            transport.exchange("GET", endpoint)
        transport.close()


def test_the_cap_holds_where_no_length_is_declared() -> None:
    chunks = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with answering(lambda _request: head + chunks * 33 + b"0\r\n\r\n") as device:
        transport = Transport("cam", limits=replace(QUICK, total_s=8.0))
        with pytest.raises(DeviceError, match="2097152"):
            transport.exchange("GET", Endpoint("127.0.0.1", device.port, "/"))
        transport.close()


@pytest.mark.parametrize("repeatable", [True, False])
def test_what_is_private_never_goes_to_a_device_that_took_the_address_after_the_look(
    repeatable: bool,
) -> None:
    """The address changes hands right after each look; what was connected before the look is cut by that."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    here, heard = [listener], list[bytes]()

    def leave() -> None:
        """Read what came to whoever is here, then close every connection to him."""
        here[0].setblocking(False)
        with contextlib.closing(here.pop()) as gone, contextlib.suppress(BlockingIOError):
            while True:
                with gone.accept()[0] as sock, contextlib.suppress(BlockingIOError):
                    sock.setblocking(False)
                    heard.append(sock.recv(4096))

    def looked_and_gone() -> None:
        leave()
        here.append(socket.create_server(("127.0.0.1", port)))

    transport = Transport("cam", limits=QUICK)
    transport.introduce = looked_and_gone
    try:
        for _ in range(2):
            with pytest.raises(DeviceError):
                transport.exchange(
                    "POST",
                    Endpoint("127.0.0.1", port, "/"),
                    body=b"a secret",
                    repeatable=repeatable,
                    private=True,
                )
    finally:
        transport.close()
        leave()
    assert heard == []
