"""A conference room of the simulator: registrar, endpoints that register, every answer and a bad line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent.devices.witness import Exchange, watching
from agent.model import Device, Secret
from protocol.words import Reason, Rung
from tests.agent.devices.test_conference import by_sip, climb, endpoint, opened
from tests.support.processes import wait_until
from tests.support.virtual_county import RunningCounty, entry, running

PASSWORD = "pass-word-1"
ROOM = (
    entry("reg", kind="sip_registrar"),
    entry("vc", kind="conference_endpoint", number="8801", registrar="reg"),
)


def where(county: RunningCounty, name: str = "vc") -> tuple[str, int]:
    sip = county.station(name).sip
    assert sip is not None
    return county.device(name).ip, sip.port


def row(county: RunningCounty, **more: object) -> Device:
    """The endpoint as a ledger has it, with its registrar and the log-in there."""
    host, port = where(county)
    registrar = "{}:{}".format(*where(county, "reg"))
    login = {"username": "8801", "password": Secret(PASSWORD)}
    return endpoint(port, host, **{"sip_user": "8801", "sip_registrar": registrar, **login, **more})


def registered(county: RunningCounty) -> bool:
    return "8801" in county.call(lambda: county.station("reg").sip.bound())  # type: ignore[union-attr]


@pytest.fixture
def county() -> Iterator[RunningCounty]:
    with running(*ROOM) as started:
        wait_until(lambda: registered(started), within_s=10, what="the endpoint registers")
        yield started


def test_an_endpoint_that_registers_can_be_called(county: RunningCounty) -> None:
    evidence = climb(row(county))
    assert (evidence.rung, evidence.reason, evidence.detail) == (Rung.REACHABLE, Reason.OK, "")


def test_one_that_took_its_registration_back_cannot_until_it_registers_again(county: RunningCounty) -> None:
    county.switch("vc", unregistered=True)
    wait_until(lambda: not registered(county), within_s=10, what="it takes its registration back")
    evidence = climb(row(county))
    assert (evidence.rung, evidence.reason) == (Rung.REACHABLE, Reason.NOT_REGISTERED)
    assert "8801" in evidence.detail
    county.switch("vc", unregistered=False)
    wait_until(lambda: registered(county), within_s=10, what="it registers again")
    assert climb(row(county)).reason is Reason.OK


def test_a_wrong_log_in_at_the_registrar_is_tried_once_and_not_held_against_the_endpoint(
    county: RunningCounty,
) -> None:
    adapter = opened(row(county, password=Secret("wrong-word-1")))
    first, second = adapter.climb(), adapter.climb()
    assert first.reason is second.reason is Reason.OK
    assert "wrong user name or password" in first.detail
    assert county.device("reg").counters["auth_wrong_password"] == 1


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("unauthorized", "wants a log-in"),
        ("proxy_unauthorized", "wants a proxy log-in"),
        ("not_found", "does not know the number"),
        ("not_allowed", "does not do OPTIONS"),
        ("unavailable", "temporarily unavailable"),
        ("busy", "busy in a meeting"),
        ("overloaded", "its service is not ready"),
    ],
)
def test_every_answer_of_the_simulator_is_life(county: RunningCounty, how: str, told: str) -> None:
    county.switch("vc", sip=how)
    evidence = climb(row(county))
    assert (evidence.rung, evidence.reason) == (Rung.REACHABLE, Reason.OK)
    assert told in evidence.detail


def test_another_number_is_told_as_unknown(county: RunningCounty) -> None:
    assert "does not know the number" in climb(row(county, sip_user="9999", sip_registrar=None)).detail


@pytest.mark.parametrize(
    ("how", "said"), [("overloaded", "503"), ("unavailable", "480"), ("silent", "timeout")]
)
def test_a_registrar_in_trouble_is_not_held_against_the_endpoint(
    county: RunningCounty, how: str, said: str
) -> None:
    county.switch("reg", sip=how)
    evidence = climb(row(county))
    assert evidence.reason is Reason.OK
    assert "registration cannot be told" in evidence.detail
    assert said in evidence.detail


def test_loss_and_jitter_of_the_line_are_measured(county: RunningCounty) -> None:
    county.switch("vc", line_loss_percent=25, line_jitter_ms=20)
    line = by_sip(row(county)).measure(probes=150)
    assert line is not None
    assert line.loss_ratio == pytest.approx(0.25, abs=0.12)
    assert line.delay_ms is not None and 4 < line.delay_ms < 40
    assert line.jitter_ms is not None and 2 < line.jitter_ms < 40


def test_every_exchange_is_visible_and_no_secret_is(county: RunningCounty) -> None:
    seen: list[Exchange] = []
    adapter = by_sip(row(county))
    with watching(seen.append):
        adapter.climb()
    host, port = where(county)
    assert [one.sent for one in seen] == [
        "SIP OPTIONS (UDP)",
        "SIP OPTIONS (UDP) 10×",
        "SIP REGISTER (UDP)",
        "SIP REGISTER (UDP)",
    ]
    assert seen[0].to == f"sip:8801@{host}:{port}"
    assert "SIP 200 OK" in seen[0].answered
    assert "10/10" in seen[1].answered
    assert [one.login for one in seen[2:]] == ["none", "digest"]
    assert f"registered from {host}" in seen[3].answered
    assert PASSWORD not in repr(seen)


def test_a_silent_endpoint_s_exchanges_say_what_was_tried(county: RunningCounty) -> None:
    county.switch("vc", sip="silent")
    seen: list[Exchange] = []
    with watching(seen.append):
        opened(row(county)).climb()
    assert [one.sent for one in seen] == ["SIP OPTIONS (UDP)", "TCP connect", "ping"]
    assert "no answer" in seen[0].answered
    assert "refused" in seen[1].answered
