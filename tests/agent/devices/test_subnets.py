"""Every subnet that is named is searched, each within its own bound; what is left out is told."""

from __future__ import annotations

import ipaddress
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.devices import OnvifRoom
from agent.devices.subnets import Plan, planned
from agent.devices.survey import Ports
from tests.agent.devices.builders import QUICK
from tests.agent.devices.test_discovery import responder
from tests.support.hostile import Hostile
from tests.support.processes import free_port

LARGE, SMALL = "127.45.0.0/22", "127.46.8.0/28"


def test_a_large_subnet_does_not_hide_the_next_one() -> None:
    plan = planned([LARGE, SMALL])
    assert "127.46.8.14" in plan.hosts
    assert len(plan.hosts) == 1022 + 14
    assert plan.left == ()


def test_sixteen_of_the_largest_are_asked_whole_and_a_seventeenth_is_told() -> None:
    subnets = [f"127.{number}.0.0/22" for number in range(60, 76)]
    assert len(planned(subnets).hosts) == 16 * 1022
    assert planned(subnets).left == ()
    more = planned([*subnets, "127.90.0.0/22"])
    assert len(more.hosts) == 16 * 1024
    assert more.left == ("127.90.0.0/22",)
    assert planned(["127.45.0.0/16", SMALL]).left == ("127.45.0.0/16",)
    assert planned([SMALL, SMALL]) == planned([SMALL])


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(20, 32)), max_size=20))
def test_an_address_is_asked_once_and_what_is_not_asked_is_told(named: list[tuple[int, int]]) -> None:
    networks = [ipaddress.IPv4Network((f"10.1.{third}.0", length), strict=False) for third, length in named]
    plan = planned(map(str, networks), of_a_subnet=300, most=900)
    assert len(plan.hosts) == len(set(plan.hosts)) <= 900
    asked = set(plan.hosts)
    for network in networks:
        assert str(network) in plan.left or {str(host) for host in network.hosts()} <= asked


def test_what_is_no_subnet_is_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        planned(["nonsense"])
    assert planned([]) == Plan(())


def test_discovery_and_survey_reach_the_second_subnet() -> None:
    host = "127.46.8.9"
    with responder(host, lambda _probe: []) as probes:
        OnvifRoom(limits=QUICK).discover([LARGE, SMALL])
    assert len(probes) == 4
    with Hostile("never_answers", host=host) as there:
        seen = OnvifRoom(limits=QUICK).survey([LARGE, SMALL], ports=Ports((there.port,), free_port()))
    assert host in {one.host for one in seen}


def test_what_is_left_out_is_one_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    subnet = "127.47.0.0/21"
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            OnvifRoom(limits=QUICK).survey([subnet], ports=Ports((free_port(),), free_port()))
    told = [record.getMessage() for record in caplog.records if subnet in record.getMessage()]
    assert len(told) == 1
    assert told[0].startswith("网段过大")
