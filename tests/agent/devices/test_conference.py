"""Conference endpoints: any SIP answer is life, silence is down, and each answer says something else."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from agent.devices import OnvifRoom
from agent.devices.conference import ConferenceAdapter
from agent.devices.digest import digest_challenge
from agent.devices.limits import Limits
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device, Evidence, Secret
from protocol.words import DeviceClass, Reason, Rung
from tests.agent.devices.builders import QUICK, a_device
from tests.support.sip_peer import always, reply, tcp, udp
from tests.support.virtual_county import RunningCounty, entry, running

FAST = replace(QUICK, sip_s=0.8, series_gap_s=0.002, series_wait_s=0.2)
ANSWERS = [
    ("200 OK", ""),
    ("401 Unauthorized", "wants a log-in"),
    ("407 Proxy Authentication Required", "wants a proxy log-in"),
    ("404 Not Found", "does not know the number"),
    ("405 Method Not Allowed", "does not do OPTIONS"),
    ("486 Busy Here", "busy in a meeting"),
    ("603 Decline", "is alive (SIP 603 Decline)"),
]


def endpoint(port: int, host: str = "127.0.0.1", **more: object) -> Device:
    device = a_device(host, device_class=DeviceClass.CONFERENCE_ENDPOINT, sip_port=port)
    return replace(device, **more)  # type: ignore[arg-type]


def opened(device: Device, limits: Limits = FAST) -> ConferenceAdapter:
    adapter = OnvifRoom(limits=limits).open(device)
    assert isinstance(adapter, ConferenceAdapter)
    return adapter


def climb(device: Device, limits: Limits = FAST) -> Evidence:
    return opened(device, limits).climb()


def where(county: RunningCounty) -> Device:
    station = county.station()
    assert station.sip is not None
    return endpoint(station.sip.port, county.device().ip)


@pytest.mark.parametrize(("status", "told"), ANSWERS)
def test_every_answer_is_life_and_is_told_apart(status: str, told: str) -> None:
    with udp(always(status)) as port:
        evidence = climb(endpoint(port))
    assert (evidence.rung, evidence.reason) == (Rung.REACHABLE, Reason.OK)
    assert told in evidence.detail
    assert bool(evidence.detail) == bool(told)


@pytest.mark.parametrize("answer", ["ok", "unauthorized", "not_found"])
def test_the_countys_endpoint_lives_whatever_it_answers(answer: str) -> None:
    with running(entry(kind="conference_endpoint")) as county:
        county.switch(sip=answer)
        evidence = climb(where(county))
    assert (evidence.rung, evidence.reason) == (Rung.REACHABLE, Reason.OK)
    assert (evidence.detail == "") == (answer == "ok")


def test_a_silent_service_on_a_living_host_is_down_and_hung() -> None:
    with running(entry(kind="conference_endpoint")) as county:
        county.switch(sip="silent")
        started = time.monotonic()
        evidence = climb(where(county))
        assert time.monotonic() - started < FAST.sip_s + 2.0
    assert (evidence.rung, evidence.reason) == (Rung.UNREACHABLE, Reason.HUNG)
    assert "TCP refused" in evidence.detail
    assert "check its SIP setting or restart it" in evidence.detail


def test_unplugged_is_down_at_once() -> None:
    with running(entry(kind="conference_endpoint")) as county:
        device = where(county)
        county.switch(unplugged=True)
        evidence = climb(device)
    assert (evidence.rung, evidence.reason) == (Rung.UNREACHABLE, Reason.UNREACHABLE)


def test_an_endpoint_that_speaks_sip_only_over_tcp_lives() -> None:
    with tcp(always("200 OK", "Allow: INVITE")) as port:
        evidence = climb(endpoint(port))
    assert (evidence.rung, evidence.reason) == (Rung.REACHABLE, Reason.OK)
    assert evidence.identity is not None
    assert evidence.identity.model == "Codec 9"


def test_an_open_port_that_never_answers_is_hung() -> None:
    with tcp(lambda _request, _number: []) as port:
        evidence = climb(endpoint(port))
    assert (evidence.rung, evidence.reason) == (Rung.UNREACHABLE, Reason.HUNG)
    assert "TCP open" in evidence.detail


def test_an_endless_answer_ends_in_time_and_is_no_life() -> None:
    with tcp(lambda _request, _number: [b"SIP/2.0 100 Trying\r\n" + b"X: y\r\n" * 200_000]) as port:
        started = time.monotonic()
        evidence = climb(endpoint(port))
    assert time.monotonic() - started < 4
    assert evidence.reason is Reason.HUNG


def test_a_lost_datagram_is_repeated() -> None:
    with udp(lambda request, n: [reply(request, "486 Busy Here")] if n >= 2 else []) as port:
        evidence = climb(endpoint(port))
    assert evidence.rung is Rung.REACHABLE
    assert "486 Busy Here" in evidence.detail


def test_an_answer_to_another_call_does_not_count() -> None:
    def strangers(request: bytes, _number: int) -> list[bytes]:
        foreign = reply(request, "200 OK").replace(b"Call-ID: ", b"Call-ID: not-")
        other = reply(request, "200 OK").replace(b" OPTIONS", b" INVITE")
        return [foreign, other, b"\xff" * 200, b"", b"SIP/2.0 999 \r\n\r\n"]

    with udp(strangers) as port:
        assert climb(endpoint(port)).rung is Rung.UNREACHABLE


def test_a_provisional_answer_is_not_the_answer() -> None:
    with udp(lambda request, _n: [reply(request, "100 Trying"), reply(request, "200 OK")]) as port:
        adapter = opened(endpoint(port))
        evidence = adapter.climb()
        assert evidence.detail == ""
        assert evidence.identity is not None
        assert evidence.identity.model == "Codec 9"
        assert adapter.climb().identity is None, "told once"
        with pytest.raises(DeviceError) as told:
            adapter.snapshot()
    assert told.value.kind is DeviceTrouble.NOT_SUPPORTED


def test_the_number_is_asked_for_when_one_is_known() -> None:
    asked: list[bytes] = []

    def answer(request: bytes, _number: int) -> list[bytes]:
        asked.append(request.partition(b"\r\n")[0])
        return [reply(request, "200 OK")]

    with udp(answer) as port:
        climb(endpoint(port, sip_user="8801"))
    assert asked[0] == f"OPTIONS sip:8801@127.0.0.1:{port} SIP/2.0".encode()


# --- the line ------------------------------------------------------------------------------------


def test_loss_delay_and_jitter_are_measured() -> None:
    with udp(lambda request, n: [] if n % 4 == 0 else [reply(request, "200 OK")]) as port:
        adapter = by_sip(endpoint(port))
        line = adapter.measure(probes=100)
    assert line is not None
    assert line.by == "sip"
    assert line.probes == 100
    assert line.loss_ratio == pytest.approx(0.25, abs=0.02)
    assert line.delay_ms is not None and 0 < line.delay_ms < 50
    assert line.jitter_ms is not None and line.jitter_ms < 50


def by_sip(device: Device) -> ConferenceAdapter:
    """As where the kernel does not allow ping: a test must not depend on the machine."""
    adapter = opened(device)
    adapter._by = "sip"
    return adapter


def test_a_lossy_line_is_poor_after_fifty_probes_and_not_before() -> None:
    with udp(lambda request, n: [] if n % 5 == 0 else [reply(request, "200 OK")]) as port:
        adapter = by_sip(endpoint(port))
        seen = [adapter.climb() for _ in range(6)]
    assert [each.reason for each in seen[:4]] == [Reason.OK] * 4
    assert seen[5].reason is Reason.POOR_LINE
    assert seen[5].rung is Rung.REACHABLE
    assert "loss" in seen[5].detail


def test_a_series_is_gentle_and_never_repeated() -> None:
    asked: list[bytes] = []

    def mute(request: bytes, number: int) -> list[bytes]:
        asked.append(request)
        return [reply(request, "200 OK")] if number == 1 else []

    with udp(mute) as port:
        evidence = by_sip(endpoint(port)).climb()
    assert evidence.line is not None
    assert evidence.line.loss_ratio == 1.0
    assert len(asked) == 1 + FAST.series_probes


# --- the registrar -------------------------------------------------------------------------------


def registered(registrar: int, endpoint_port: int, **more: object) -> Device:
    device = endpoint(endpoint_port, sip_user="8801", sip_registrar=f"127.0.0.1:{registrar}")
    return replace(device, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "contact", "reason", "told"),
    [
        ("200 OK", "Contact: <sip:8801@127.0.0.1:5060>;expires=300", Reason.OK, ""),
        ("200 OK", "Contact: <sip:8801@10.9.8.7>;expires=300", Reason.OK, "registered from 10.9.8.7"),
        ("200 OK", "X-Nothing: 1", Reason.NOT_REGISTERED, "not registered"),
        ("200 OK", "Contact: <sip:8801@127.0.0.1>;expires=0", Reason.NOT_REGISTERED, "not registered"),
        ("404 Not Found", "X-Nothing: 1", Reason.NOT_REGISTERED, "not registered"),
        ("403 Forbidden", "X-Nothing: 1", Reason.OK, "registration cannot be told"),
        ("503 Service Unavailable", "X-Nothing: 1", Reason.OK, "registration cannot be told"),
    ],
)
def test_what_the_registrar_says_of_the_endpoint(
    status: str, contact: str, reason: Reason, told: str
) -> None:
    with udp(always("200 OK")) as port, udp(always(status, contact)) as registrar:
        evidence = climb(registered(registrar, port))
    assert (evidence.rung, evidence.reason) == (Rung.REACHABLE, reason)
    assert told in evidence.detail
    assert bool(evidence.detail) == bool(told)


def test_a_dead_registrar_is_not_held_against_the_endpoint() -> None:
    with udp(always("200 OK")) as port, udp(lambda _request, _n: []) as registrar:
        evidence = climb(registered(registrar, port))
    assert evidence.reason is Reason.OK
    assert "registration cannot be told" in evidence.detail


def test_asking_the_registrar_binds_nothing_and_logs_in_once() -> None:
    challenge = 'Digest realm="county", nonce="n-1", algorithm=SHA-256, qop="auth"'
    asked: list[str] = []

    def answer(request: bytes, _number: int) -> list[bytes]:
        text = request.decode()
        asked.append(text)
        if "Authorization:" not in text:
            return [reply(request, "401 Unauthorized", f"WWW-Authenticate: {challenge}")]
        return [reply(request, "200 OK", "Contact: <sip:8801@127.0.0.1>")]

    with udp(always("200 OK")) as port, udp(answer) as registrar:
        evidence = climb(registered(registrar, port, username="8801", password=Secret("line-pw")))
    assert evidence.reason is Reason.OK
    assert evidence.detail == ""
    assert len(asked) == 2
    assert not any("Contact:" in text or "line-pw" in text for text in asked)
    assert "CSeq: 2 REGISTER" in asked[1]
    assert 'uri="sip:127.0.0.1' in asked[1]
    assert digest_challenge([challenge]) is not None


def test_a_refused_log_in_at_the_registrar_is_not_tried_again() -> None:
    challenge = 'Digest realm="county", nonce="n-1", qop="auth"'
    tries: list[bytes] = []

    def refuse(request: bytes, _number: int) -> list[bytes]:
        if b"Authorization:" in request:
            tries.append(request)
        return [reply(request, "401 Unauthorized", f"WWW-Authenticate: {challenge}")]

    with udp(always("200 OK")) as port, udp(refuse) as registrar:
        device = registered(registrar, port, username="8801", password=Secret("wrong-pw"))
        adapter = opened(device)
        first, second = adapter.climb(), adapter.climb()
    assert len(tries) == 1
    assert first.reason is second.reason is Reason.OK
    assert "wrong user name or password" in first.detail
    assert "wrong-pw" not in first.detail + second.detail
