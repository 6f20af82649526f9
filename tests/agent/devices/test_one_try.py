"""One password, tried once, over all paths of a box at once, and beside another process of it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.devices import Limits, OnvifRoom
from agent.devices.account import Account, Mode, Turn
from agent.devices.login_memory import CLAIM_S, CLAIM_TOPIC, LoginMemory
from agent.devices.session import Session
from agent.devices.wsdl import shared_services
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device, Secret
from agent.outbox.notebook import SqliteNotebook
from protocol.words import DeviceClass, Reason
from tests.agent.devices.builders import QUICK, a_device
from tests.agent.devices.test_session import GOOD, ask, challenge, has_digest, refusal
from tests.support.hostile import answering
from tests.support.virtual_county import RunningCounty, entry, running

PASSWORD = "pass-word-1"
LIMITS = Limits(total_s=8.0, connect_s=2.0, pull_s=0.3, unsubscribe_s=1.0, recordings_s=8.0)
SLOW_MS = 150
"""Long enough that all are under way before the first is answered."""


def row(county: RunningCounty, password: str) -> Device:
    cam = county.device()
    return a_device(cam.ip, cam.http_port, password=password, device_class=DeviceClass.PTZ_DOME)


def all_at_once(room: OnvifRoom, device: Device) -> dict[str, object]:
    """What each path of a box came to: None, or what it raised."""
    came: dict[str, object] = {}
    starting = threading.Barrier(6)

    def run(name: str, step: Callable[[], object]) -> None:
        starting.wait(10)
        try:
            step()
            came[name] = None
        except (DeviceError, AssertionError) as error:
            came[name] = error

    with contextlib.ExitStack() as open_ones:
        adapter = open_ones.enter_context(contextlib.closing(room.open(device)))
        events = open_ones.enter_context(contextlib.closing(room.subscribe(device)))
        head = open_ones.enter_context(contextlib.closing(room.watch_head(device)))
        settings = open_ones.enter_context(contextlib.closing(room.settings(device)))
        paths: dict[str, Callable[[], object]] = {
            "ladder": adapter.climb,
            "events": events.pull,
            "tour": head.look,
            "recordings": lambda: room.recordings(device),
            "settings": settings["time"].read,
            "snapshot": adapter.snapshot,
        }
        threads = [threading.Thread(target=run, args=path) for path in paths.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    return came


@pytest.mark.parametrize("make", ["plain", "dahua-like", "hik-like"])
def test_a_wrong_password_is_tried_once_over_all_paths(tmp_path: Path, make: str) -> None:
    cam = entry("cam", personality=make)
    with running(cam) as county, contextlib.closing(SqliteNotebook(tmp_path / "n.db")) as book:
        county.switch(slow_ms=SLOW_MS)
        came = all_at_once(OnvifRoom(limits=LIMITS, notebook=book), row(county, "wrong"))
        assert county.device().counters["auth_wrong_password"] <= 2
        assert not county.device().users.locked()
    assert len(came) == 6
    errors = [error for error in came.values() if error is not None]
    kinds = {error.kind if isinstance(error, DeviceError) else error for error in errors}
    assert kinds <= {DeviceTrouble.AUTH_FAILED, DeviceTrouble.AUTH_BACKOFF}


@pytest.mark.parametrize("make", ["plain", "dahua-like"])
def test_a_right_password_lets_all_paths_in(tmp_path: Path, make: str) -> None:
    cam = entry("cam", personality=make)
    with running(cam) as county, contextlib.closing(SqliteNotebook(tmp_path / "n.db")) as book:
        came = all_at_once(OnvifRoom(limits=LIMITS, notebook=book), row(county, PASSWORD))
        assert county.device().counters["auth_wrong_password"] == 0
        assert book.noted("cam", CLAIM_TOPIC) is None
    kinds = {error.kind for error in came.values() if isinstance(error, DeviceError)}
    assert kinds <= {DeviceTrouble.NOT_SUPPORTED}
    assert {error for error in came.values() if not isinstance(error, DeviceError)} == {None}


def test_after_a_doubt_one_at_a_time_tries_again() -> None:
    """The password was changed at a device that many paths ask: what each may do at once, a second try, is
    made by one."""
    account = Account("admin", Secret("right"), rest_s=600)
    account.mode = Mode.DIGEST
    account.accepted()
    assert _turn_of(account) is Turn.FREE
    account.doubted()
    with account.trying(wait_s=0) as turn:
        assert turn is Turn.MINE
        told: list[Turn] = []
        other = threading.Thread(target=lambda: told.append(_turn_of(account)))
        other.start()
        other.join(10)
        assert told == [Turn.MISSED]
        account.accepted()
    assert _turn_of(account) is Turn.FREE


def _turn_of(account: Account) -> Turn:
    with account.trying(wait_s=0.05) as turn:
        return turn


def test_two_processes_do_not_make_the_first_try_both(tmp_path: Path) -> None:
    """Two boxes' worth of rooms over one notebook file, as the service and the command line are."""
    with running(entry("cam", personality="dahua-like")) as county:
        county.switch(slow_ms=SLOW_MS)
        starting = threading.Barrier(2)
        reasons: list[Reason] = []

        def climb() -> None:
            with contextlib.closing(SqliteNotebook(tmp_path / "n.db")) as book:
                room = OnvifRoom(limits=LIMITS, notebook=book)
                with contextlib.closing(room.open(row(county, "wrong"))) as adapter:
                    starting.wait(10)
                    reasons.append(adapter.climb().reason)

        SqliteNotebook(tmp_path / "n.db").close()
        threads = [threading.Thread(target=climb) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert county.device().counters["auth_wrong_password"] <= 2
    assert set(reasons) <= {Reason.AUTH_FAILED, Reason.AUTH_BACKOFF}


def test_a_claim_is_anothers_until_it_is_given_back_or_outlived(tmp_path: Path) -> None:
    now = [1000.0]
    with contextlib.closing(SqliteNotebook(tmp_path / "n.db")) as book:
        memory = LoginMemory(book, "cam", unix=lambda: now[0])
        assert memory.claim("service")
        assert memory.claim("service")
        assert not memory.claim("command line")
        memory.give_back("command line")
        assert not memory.claim("command line")
        memory.give_back("service")
        assert memory.claim("command line")
        now[0] += CLAIM_S + 1
        assert memory.claim("service"), "who claimed died"
        now[0] -= 10 * CLAIM_S
        assert memory.claim("command line"), "the clock jumped back"
        book.note("cam", CLAIM_TOPIC, "damaged")
        assert memory.claim("service")


def test_another_process_that_tries_is_waited_for_and_then_named(tmp_path: Path) -> None:
    with (
        running(entry("cam")) as county,
        contextlib.closing(SqliteNotebook(tmp_path / "n.db")) as book,
    ):
        assert LoginMemory(book, "cam").claim("another process")
        room = OnvifRoom(limits=QUICK, notebook=book)
        with contextlib.closing(room.open(row(county, PASSWORD))) as adapter:
            evidence = adapter.climb()
            assert evidence.reason is Reason.AUTH_BACKOFF
            assert "稍后自动重试" in evidence.detail
            LoginMemory(book, "cam").give_back("another process")
            assert adapter.climb().reason is Reason.OK


def test_options_refused_before_any_log_in_count_as_tries() -> None:
    with answering(lambda _request: refusal(401, b"", challenge())) as device:
        target = a_device(port=device.port)
        account = Account(target.username, target.password, rest_s=600)
        kinds = []
        for _ in range(4):
            session = Session(target, account, shared_services(), limits=QUICK)
            with pytest.raises(DeviceError) as told:
                ask(session, optional=True)
            kinds.append(told.value.kind)
        tries = [request for request in device.requests if has_digest(request)]
    assert kinds[:2] == [DeviceTrouble.NOT_SUPPORTED, DeviceTrouble.AUTH_FAILED]
    assert set(kinds[2:]) == {DeviceTrouble.AUTH_BACKOFF}
    assert len(tries) == 2


def test_a_mode_that_another_thread_forgot_meanwhile_is_no_crash() -> None:
    account = Account("admin", Secret("wrong"), rest_s=600)

    def rule(request: bytes) -> bytes:
        if not has_digest(request):
            account.mode = None  # as another thread's refusal leaves it
            return refusal(401, b"", challenge())
        return GOOD

    with answering(rule) as device:
        session = Session(a_device(port=device.port), account, shared_services(), limits=QUICK)
        ask(session)
        assert account.mode is Mode.DIGEST
        account.refused()
        session = Session(a_device(port=device.port), account, shared_services(), limits=QUICK)
        with pytest.raises(DeviceError) as told:
            ask(session)
        assert told.value.kind is DeviceTrouble.AUTH_BACKOFF
