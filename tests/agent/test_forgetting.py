"""A whole box lets go of rows that discovery made, by hand and by absence, and bears so many of them."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.app import BoxApp
from agent.config import load_config
from agent.services import found_rows
from agent.services.found_rows import ABSENT_S
from protocol.words import Rung
from tests.agent.devices.builders import QUICK
from tests.agent.test_moving import entries, settled, told
from tests.support.processes import free_port, wait_until
from tests.support.virtual_county import entry, free_ip, running

WITHIN_S = 25.0
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def logging_left_as_it_was() -> Iterator[None]:
    """``main`` sets up the process's log; its handler holds a stream that ends with the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command of ``devices`` with the box's configuration."""

    def carried(*words: str) -> tuple[int, str, str]:
        status = main(["--log-level", "ERROR", "devices", *words, "--config", str(tmp_path / "box.toml")])
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return carried


def configure(folder: Path, *subnets: str, interval_s: float = 600, rows: str = "") -> None:
    """A box that searches at its start, and then every ``interval_s``."""
    (folder / "key").write_text(base64.b64encode(b"k" * 32).decode())
    (folder / "password").write_text("pass-word-1")
    (folder / "box.toml").write_text(
        f'[box]\nid = "b1"\ndata_dir = "{folder}/data"\n'
        f'[centre]\nhost = "127.0.0.1"\nport = {free_port()}\nmac_key_file = "{folder}/key"\n'
        f"[monitor]\nport = {free_port()}\n[watch]\nladder_interval_s = 0.3\nretry_interval_s = 0.2\n"
        f'[search]\nsubnets = {json.dumps([f"{ip}/32" for ip in subnets])}\nusername = "admin"\n'
        f'password_file = "{folder}/password"\ninterval_s = {interval_s}\n{rows}'
    )


@contextmanager
def started(folder: Path) -> Iterator[BoxApp]:
    fatal: list[str] = []
    app = BoxApp(load_config(folder / "box.toml"), on_fatal=fatal.append, limits=QUICK)
    app.start()
    try:
        yield app
    finally:
        app.stop()
        assert fatal == []


def found(app: BoxApp, count: int = 1) -> list[str]:
    wait_until(lambda: len(app._known) == count, within_s=WITHIN_S, what="it is found")
    return sorted(app._known)


def is_gone(app: BoxApp, name: str) -> None:
    """Nothing of the box looks after the device any more."""
    wait_until(lambda: "device_forgotten" in told(app), within_s=WITHIN_S, what="it is let go")
    assert (name in app._known, name in app._listeners, name in app._turns) == (False, False, False)
    assert app.prober.standing(name) is None
    assert app.watcher.sight(name) is None
    assert name not in app.prober.gauges()
    assert not app.recordings.ask_now(name)
    assert not [worker for worker in app._workers if worker.name == f"listen-{name}"]
    assert not [thread for thread in threading.enumerate() if thread.name == f"listen-{name}"]
    assert not [line for line in app.missing() if "worker" in line]
    assert name not in app.store.remembered_devices()
    assert (name in app.register.found(), name in app.register.ledger()) == (False, False)
    assert told(app).count("device_forgotten") == 1


def subjects(folder: Path) -> dict[str, set[str]]:
    with contextlib.closing(sqlite3.connect(folder / "data" / "notebook.db")) as db:
        kept: dict[str, set[str]] = {}
        for subject, topic in db.execute("SELECT subject, topic FROM note"):
            kept.setdefault(subject, set()).add(topic)
    return kept


def test_a_running_box_lets_go_of_what_is_forgotten_by_hand_and_finds_it_again(
    tmp_path: Path, run: Run
) -> None:
    with running(entry("gate", ip=free_ip())) as county:
        configure(tmp_path, county.device("gate").ip)
        live = lambda: len(county.device("gate").events.live())  # noqa: E731
        with started(tmp_path) as app:
            (name,) = found(app)
            settled(app, name)
            wait_until(lambda: county.call(live) == 1, within_s=WITHIN_S, what="it is listened to")
            status, out, _ = run("forget", name, "--yes", "--json")
            assert (status, json.loads(out)["forget"]) == (0, True)
            is_gone(app, name)
            assert county.call(live) == 0, "its slot was given back"
            assert json.loads(run("list", "--json")[1]) == []
            wait_until(lambda: subjects(tmp_path).get(name) == {"parting"}, within_s=5, what="its memory")
            assert f"{name}/file" not in subjects(tmp_path)
        with started(tmp_path) as app:
            assert found(app) == [name]
            settled(app, name)
            assert told(app).count("device_found") == 2
        assert county.device("gate").counters["auth_wrong_password"] == 0


def test_a_box_that_was_off_lets_go_at_its_next_start(tmp_path: Path, run: Run) -> None:
    with running(entry("gate", ip=free_ip())) as county:
        configure(tmp_path, county.device("gate").ip)
        with started(tmp_path) as app:
            (name,) = found(app)
            settled(app, name)
        assert run("forget", name, "--yes")[0] == 0
        assert json.loads(run("list", "--json")[1]) == []
        county.switch("gate", unplugged=True)
        with started(tmp_path) as app:
            is_gone(app, name)
            (event,) = [one for one in entries(app, "box.event") if one["what"] == "device_forgotten"]
            assert county.device("gate").ip not in str(event["detail"]), "it was not even begun"
            assert app._known == {}


def test_what_stands_in_the_configuration_and_what_is_not_confirmed_stays(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with running(entry("gate", ip=free_ip())) as county:
        listed = f'[[device]]\nid = "listed"\nhost = "{free_ip()}"\n'
        configure(tmp_path, county.device("gate").ip, rows=listed)
        with started(tmp_path) as app:
            (name,) = (one for one in found(app, 2) if one != "listed")
        status, _, refusal = run("forget", "listed", "--yes")
        assert status == 2
        assert "请在配置里删除它的 [[device]]" in refusal
        assert "delete its [[device]] there" in refusal
        status, out, _ = run("forget", name, "--json")
        document = json.loads(out)
        assert (status, document["kind"]) == (3, "not_confirmed")
        assert "仍在网上的，下次查找会重新录入" in document["detail"]
        assert {one["id"] for one in json.loads(run("list", "--json")[1])} == {"listed", name}
        assert run("forget", "nowhere", "--yes")[0] == 2


def test_a_row_that_never_let_the_box_in_goes_when_nobody_sees_it_any_more(tmp_path: Path) -> None:
    with running(entry("gate", ip=free_ip(), password="another-1"), entry("yard", ip=free_ip())) as county:
        gate = county.device("gate")
        configure(tmp_path, gate.ip, county.device("yard").ip)
        with started(tmp_path) as app:
            names = found(app, 2)
            at = {app._known[name].host: name for name in names}
            gone, stays = at[gate.ip], at[county.device("yard").ip]
            settled(app, stays)
            wait_until(
                lambda: (s := app.prober.standing(gone)) is not None and s.rung is Rung.ONVIF,
                within_s=WITHIN_S,
                what="the password is refused",
            )
            county.switch("gate", unplugged=True)
            county.switch("yard", unplugged=True)
            for name in names:
                wait_until(
                    lambda name=name: (
                        (s := app.prober.standing(name)) is not None  # type: ignore[misc]
                        and s.rung is Rung.UNREACHABLE
                    ),
                    within_s=WITHIN_S,
                    what="it is away",
                )
                app.found_rows._rows[name].absent_s = ABSENT_S
            is_gone(app, gone)
            assert list(app._known) == [stays], "it let the box in once"
            assert "login_rest" in subjects(tmp_path)[gone], "found again, its account is not tried anew"


def test_devices_that_never_let_the_box_in_do_not_fill_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found_rows, "MOST_UNPROVED", 2)
    cameras = [entry(f"c{number}", ip=free_ip(), password="another-1") for number in range(3)]
    with running(*cameras) as county:
        addresses = [county.device(f"c{number}").ip for number in range(3)]
        configure(tmp_path, *addresses, interval_s=0.5)
        with started(tmp_path) as app:
            wait_until(lambda: "devices_dropped" in told(app), within_s=WITHIN_S, what="one is left out")
            taken = {one.host for one in app._known.values()}
            assert len(taken) == len(app.store.remembered_devices()) == 2
            (left_out,) = (n for n, ip in enumerate(addresses) if ip not in taken)
            assert county.device(f"c{left_out}").counters["auth_wrong_password"] == 0


def test_a_row_that_waits_for_its_password_has_its_ports_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else's log-in goes there before the row is under care."""
    monkeypatch.setattr("agent.services.logins.Logins.entrust", lambda *_args: None)
    configure(
        tmp_path,
        rows="".join(
            f'[[device]]\nid = "{name}"\nclass = "smart_camera"\nhost = "127.0.0.1"\nport = {port}\n'
            for name, port in (("a", 8001), ("b", 8002))
        ),
    )
    with started(tmp_path) as app:
        (row,) = [row for row in app._rows() if row.id == "a"]
        assert app.devices._ports_of_others(row) == {8002, 554}
