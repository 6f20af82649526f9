"""Devices of the simulator with no ONVIF to speak of: not activated yet, or a stream and nothing else."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
import requests

from agent.devices import OnvifRoom
from agent.devices.survey import Kind, Ports, Surveyed
from agent.devices.witness import Exchange, watching
from protocol.words import Reason, Rung
from simulator.lens import equipment
from simulator.video import Library
from tests.agent.devices.builders import QUICK, a_device
from tests.support.processes import free_port
from tests.support.studio import SUB, scene_cache
from tests.support.virtual_county import RunningCounty, entry, running

PASSWORD = "pass-word-1"


def seen(host: str, ports: Ports) -> Surveyed:
    (found,) = OnvifRoom(limits=QUICK).survey([f"{host}/32"], ports=ports)
    return found


def test_a_device_not_activated_is_told_before_anybody_logs_in_and_is_onvif_afterwards() -> None:
    with running(entry("new", activated=False)) as county:
        camera = county.device("new")
        ports = Ports((camera.http_port,), free_port())
        before = seen(camera.ip, ports)
        page = county.url("new", path="/activation")
        assert requests.post(page, data={"password": "Village-First-1"}, timeout=10).status_code == 200
        after = seen(camera.ip, ports)
    assert (before.kind, after.kind) == (Kind.NOT_ACTIVATED, Kind.ONVIF)
    assert "activate it on its own page" in before.detail


def test_a_device_not_activated_is_climbed_without_trying_a_password() -> None:
    with running(entry("new", activated=False)) as county:
        camera = county.device("new")
        device = a_device(camera.ip, camera.http_port, password=PASSWORD)
        with contextlib.closing(OnvifRoom(limits=QUICK).open(device)) as adapter:
            reasons = [adapter.climb().reason for _ in range(3)]
            requests.post(county.url("new", path="/activation"), data={"password": PASSWORD}, timeout=10)
            activated = adapter.climb()
        assert county.device("new").counters["auth_wrong_password"] == 0
    assert reasons == [Reason.NOT_ACTIVATED] * 3
    assert (activated.rung, activated.reason) == (Rung.AUTHENTICATED, Reason.OK)


@contextlib.contextmanager
def rtsp_camera(**more: object) -> Iterator[RunningCounty]:
    equip = equipment(Library(scene_cache()), (SUB,))
    with running(entry("rtsp", kind="rtsp_camera", **more), equip=equip, profiles=(SUB,)) as county:
        yield county


def port_of(county: RunningCounty) -> int:
    streams = county.station("rtsp").streams
    assert streams is not None
    return int(streams.url("sub").rpartition(":")[2].partition("/")[0])


@pytest.mark.parametrize(
    ("auth", "logins"), [("digest", ["none", "none", "digest"]), ("none", ["none", "none"])]
)
def test_a_camera_with_a_stream_and_nothing_else_is_found_and_climbed(auth: str, logins: list[str]) -> None:
    exchanges: list[Exchange] = []
    with rtsp_camera(auth=auth) as county:
        host, port = county.device("rtsp").ip, port_of(county)
        found = seen(host, Ports((free_port(host),), port))
        device = a_device(host, rtsp_port=port, stream_path="/sub", password=PASSWORD)
        with contextlib.closing(OnvifRoom(limits=QUICK).open(device)) as adapter, watching(exchanges.append):
            evidence = adapter.climb()
        assert county.station("rtsp").endpoint is None
    assert found.kind is Kind.RTSP_ONLY
    assert (evidence.rung, evidence.reason) == (Rung.AUTHENTICATED, Reason.OK)
    assert [one.sent for one in exchanges][:2] == ["RTSP OPTIONS", "RTSP DESCRIBE"]
    assert [one.login for one in exchanges] == logins
    assert PASSWORD not in repr(exchanges)


@pytest.mark.parametrize(
    ("fault", "rung", "reason"),
    [
        ({"wrong_password": True}, Rung.REACHABLE, Reason.AUTH_FAILED),
        ({"no_stream": True}, Rung.AUTHENTICATED, Reason.NO_STREAM),
        ({"hung": True}, Rung.REACHABLE, Reason.HUNG),
        ({"unplugged": True}, Rung.UNREACHABLE, Reason.UNREACHABLE),
    ],
)
def test_what_is_wrong_with_it_stops_at_its_rung(fault: dict[str, bool], rung: Rung, reason: Reason) -> None:
    with rtsp_camera() as county:
        device = a_device(
            county.device("rtsp").ip, rtsp_port=port_of(county), stream_path="/sub", password=PASSWORD
        )
        county.switch("rtsp", **fault)
        with contextlib.closing(OnvifRoom(limits=QUICK).open(device)) as adapter:
            evidence = adapter.climb()
    assert (evidence.rung, evidence.reason) == (rung, reason), evidence.detail
