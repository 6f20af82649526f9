"""HTTP Digest and Basic as a server others wrote asks for them: Debian's lighttpd in front of a device."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.devices import Limits, OnvifRoom
from agent.devices.account import Account
from agent.devices.session import Session
from agent.devices.wsdl import shared_services
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device
from protocol.words import Reason, Rung
from tests.agent.devices.builders import PASSWORD, a_device
from tests.support import lighttpd
from tests.support.virtual_county import entry, free_ip, running

LIMITS = Limits(pull_s=0.3)
SNAPSHOTS = "/onvif-http/snapshot/"


@contextmanager
def fronted(
    folder: Path, *, password: str = PASSWORD, algorithm: str = "MD5", basic: tuple[str, ...] = ()
) -> Iterator[tuple[lighttpd.Front, Device]]:
    """A camera that asks for nothing behind a lighttpd that asks; both on the same port, so that the
    addresses the camera returns lead to the front again."""
    with running(entry(auth="none", personality="hik-like")) as county:
        camera = county.device()
        with lighttpd.running(
            folder / "front",
            host=free_ip(),
            port=camera.http_port,
            behind=(camera.ip, camera.http_port),
            username="admin",
            password=PASSWORD,
            algorithm=algorithm,
            basic=basic,
        ) as front:
            yield front, a_device(front.host, front.port, password=password)


def statuses(front: lighttpd.Front, start: str = "/") -> list[int]:
    return [status for path, status in front.statuses() if path.startswith(start)]


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "MD5|SHA-256"])
def test_a_device_behind_digest_is_climbed_and_its_nonce_used_again(tmp_path: Path, algorithm: str) -> None:
    with fronted(tmp_path, algorithm=algorithm) as (front, device):
        room = OnvifRoom(limits=LIMITS)
        with contextlib.closing(room.open(device)) as adapter:
            evidence = adapter.climb()
            picture = adapter.snapshot()
        with contextlib.closing(room.subscribe(device)) as events:
            events.pull()
    assert (evidence.rung, evidence.reason, evidence.detail) == (Rung.AUTHENTICATED, Reason.OK, "")
    assert evidence.identity is not None
    assert evidence.identity.model == "DS-2CD2T46G2-4I"
    assert len(evidence.identity.profiles) == 2
    assert picture.startswith(b"\xff\xd8")
    assert front.refusals() == 0
    asked = [status for path, status in front.statuses() if not path.startswith(SNAPSHOTS)]
    # One each: the clock, which is asked without a log-in; the climb; the pull point; its farewell.
    assert (asked.count(401), set(asked)) == (4, {200, 401})
    assert asked.count(200) >= 8


def test_a_nonce_that_grew_old_is_no_wrong_password(tmp_path: Path) -> None:
    with fronted(tmp_path) as (front, device):
        account = Account(device.username, device.password, rest_s=600)
        session = Session(device, account, shared_services(), limits=LIMITS)
        with contextlib.closing(session):
            session.call("devicemgmt", "GetDeviceInformation", session.device_service)
            challenge = session._challenge
            assert challenge is not None
            challenge.nonce = lighttpd.old_nonce(challenge.nonce, age_s=lighttpd.NONCE_S + 60)
            session.call("devicemgmt", "GetDeviceInformation", session.device_service)
            assert session._challenge is not challenge
            assert session._challenge is not None
            assert session._challenge.stale
    assert statuses(front) == [401, 200, 401, 200]
    assert front.refusals() == 0
    assert account.rest_left_s() == 0


def test_a_wrong_password_is_tried_once_by_everybody_together(tmp_path: Path) -> None:
    with fronted(tmp_path, password="wrong-1") as (front, device):
        room = OnvifRoom(limits=LIMITS)
        with contextlib.closing(room.open(device)) as adapter:
            first, second = adapter.climb(), adapter.climb()
            with pytest.raises(DeviceError) as told:
                adapter.snapshot()
        with contextlib.closing(room.subscribe(device)) as events, contextlib.suppress(DeviceError):
            events.pull()
    assert (first.reason, second.reason) == (Reason.AUTH_FAILED, Reason.AUTH_BACKOFF)
    assert told.value.kind is DeviceTrouble.AUTH_BACKOFF
    assert "wrong user name or password" in first.detail
    assert front.refusals() == 1


def test_a_snapshot_behind_basic_is_fetched(tmp_path: Path) -> None:
    with (
        fronted(tmp_path, algorithm="SHA-256", basic=(SNAPSHOTS,)) as (front, device),
        contextlib.closing(OnvifRoom(limits=LIMITS).open(device)) as adapter,
    ):
        assert adapter.snapshot().startswith(b"\xff\xd8")
    assert statuses(front, SNAPSHOTS) == [401, 200]
    assert front.refusals() == 0


def test_a_wrong_password_at_a_snapshot_is_tried_once(tmp_path: Path) -> None:
    """The SOAP side asks for nothing, so that the snapshot is the first to be refused."""
    with running(entry(auth="none", personality="hik-like")) as county:
        camera = county.device()
        with lighttpd.running(
            tmp_path / "front",
            host=free_ip(),
            port=camera.http_port,
            behind=(camera.ip, camera.http_port),
            username="admin",
            password=PASSWORD,
            basic=(SNAPSHOTS,),
            open_paths=("/onvif/",),
        ) as front:
            device = a_device(front.host, front.port, password="wrong-1")
            with contextlib.closing(OnvifRoom(limits=LIMITS).open(device)) as adapter:
                kinds = []
                for _ in range(3):
                    with pytest.raises(DeviceError) as told:
                        adapter.snapshot()
                    kinds.append(told.value.kind)
    assert kinds[0] is DeviceTrouble.AUTH_FAILED
    assert front.refusals() == 1
    assert statuses(front, SNAPSHOTS)[:2] == [401, 401]
