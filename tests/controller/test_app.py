"""The running centre and its command line, with a real broker."""

from __future__ import annotations

import base64
import json
import logging
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from controller.__main__ import main
from controller.app import Centre, StartRefused
from controller.config import load_config
from controller.db import accounts, subscriptions
from controller.db.engine import open_engine
from controller.db.transaction import FeedDraft, Store
from controller.domain.roles import Role, Scope
from controller.services.sign_in import Grant
from tests.support import doors
from tests.support.broker import Broker
from tests.support.receiver import receiving


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """The command line sends all logs to its standard error, which ends with the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def write_config(folder: Path, *, broker_port: int = 1, api_port: int = 0, target_port: int = 9) -> Path:
    file = folder / "centre.toml"
    file.write_text(
        f'data_dir = "{folder / "data"}"\n'
        f"[broker]\nport = {broker_port}\n"
        f"[api]\nport = {api_port}\nsecure_cookies = false\n"
        "[monitor]\nport = 0\n"
        f'[feed]\npoll_s = 0.2\n[[feed.target]]\nhost = "127.0.0.1"\nport = {target_port}\n',
        encoding="utf-8",
    )
    return file


def ready(centre: Centre) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{centre.monitor_port}/readyz", timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def wait_ready(centre: Centre, status: int) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while True:
        found, body = ready(centre)
        if found == status:
            return body
        assert time.monotonic() < deadline, body
        time.sleep(0.05)


def test_it_comes_up_serves_every_door_and_stops_within_five_seconds(tmp_path: Path, broker: Broker) -> None:
    with receiving() as receiver:
        config = load_config(write_config(tmp_path, broker_port=broker.port, target_port=receiver.port))
        centre = Centre(config, on_fatal=lambda name: None)
        centre.start()
        try:
            assert wait_ready(centre, 200) == {"ready": True, "missing": []}
            url = f"http://127.0.0.1:{centre.api_port}"
            assert httpx.get(f"{url}/sign-in", trust_env=False).status_code == 200
            assert httpx.get(f"{url}/v1/me", trust_env=False).status_code == 401
            core = centre._core
            core.subscriptions.add(
                title="x", url=receiver.url, scope=Scope(), types=(), actor="test", from_start=True
            )
            with core.store.write() as transaction:
                transaction.announce(FeedDraft("outpost.box.state.v1", doors.NOON, "b1", {}, "610522"))
            receiver.wait_for(1)
        finally:
            began = time.monotonic()
            centre.stop()
        assert time.monotonic() - began < 5


def test_readyz_is_red_while_a_part_is_missing(tmp_path: Path) -> None:
    centre = Centre(load_config(write_config(tmp_path)), on_fatal=lambda name: None)
    centre.start()
    try:
        missing = wait_ready(centre, 503)["missing"]
        assert any("broker" in line for line in missing)
        centre._workers[0].stop()
        assert f"worker {centre._workers[0].name} is not running" in ready(centre)[1]["missing"]
        centre._sender.stop()
        assert "worker feed is not running" in ready(centre)[1]["missing"]
    finally:
        centre.stop()


def test_a_long_poll_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    file = write_config(tmp_path)
    centre = Centre(load_config(file), on_fatal=lambda name: None)
    centre.start()
    token = centre._core.sign_in.add_client("cases", Grant(Role.API_CLIENT), actor="test")
    answers: list[int] = []

    def wait() -> None:
        url = f"http://127.0.0.1:{centre.api_port}/v1/feed?wait_s=25"
        headers = {"authorization": f"Bearer {token}"}
        answers.append(httpx.get(url, headers=headers, trust_env=False, timeout=30).status_code)

    waiting = threading.Thread(target=wait)
    waiting.start()
    deadline = time.monotonic() + 20
    while not centre._core.bell._waiters:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    began = time.monotonic()
    centre.stop()
    assert time.monotonic() - began < 5
    waiting.join(10)
    assert answers == [200], "who waits gets an answer, not a broken line"


def test_a_taken_port_is_said_and_leaves_nothing_running(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        file = write_config(tmp_path, api_port=taken.getsockname()[1])
        centre = Centre(load_config(file), on_fatal=lambda name: None)
        with pytest.raises(StartRefused, match="api"):
            centre.start()


def test_a_damaged_database_is_named_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_config(tmp_path)
    database = tmp_path / "data" / "controller.db"
    database.parent.mkdir()
    database.write_bytes(b"half a database, written when the power went")
    before = database.read_bytes()
    assert main(["run", "--config", str(file)]) == 1
    assert str(database) in capsys.readouterr().err
    assert database.read_bytes() == before


def test_an_administrators_day(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = ["--config", str(write_config(tmp_path))]
    key = tmp_path / "b1.key"
    key.write_text(base64.b64encode(doors.KEY).decode())

    def run(*words: str) -> tuple[int, str]:
        status = main([*words, *config])
        caught = capsys.readouterr()
        return status, caught.out + caught.err

    assert run("migrate")[0] == 0
    status, said = run("user", "add", "--login", "duty", "--role", "county_duty")
    password = said.split("shown this once): ")[1].split()[0]
    assert status == 0
    assert len(password) >= 12
    assert run("user", "add", "--login", "duty", "--role", "leader")[0] == 1
    box = ("box", "add", "--id", "b1", "--title", "四知村", "--civil-code", "610522101")
    assert run(*box, "--key-file", str(key))[0] == 0
    assert run(*box, "--key-file", str(key))[0] == 1
    assert run(*box, "--key-file", str(tmp_path / "none"))[0] == 1
    assert "opc_" in run("client", "add", "--id", "cases", "--category", "20")[1]
    hook = ("subscription", "add", "--title", "110", "--url")
    assert "whsec_" in run(*hook, "http://127.0.0.1:9/in")[1]
    status, said = run(*hook, "http://127.0.0.1:10/in")
    assert status == 1
    assert "feed.target" in said
    assert run("box", "revoke", "--id", "b1")[0] == 0
    assert run("box", "revoke", "--id", "b9")[0] == 1
    assert run("anomalies")[0] == 0
    status, said = run("check")
    assert (status, "every invariant holds" in said) == (0, True), said
    store = Store(open_engine(f"sqlite:///{tmp_path / 'data' / 'controller.db'}"))
    with store.read() as connection:
        assert accounts.get(connection, "duty") is not None
        assert len(subscriptions.find(connection)) == 1
    store.close()


def test_a_wrong_configuration_shows_every_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("data_dri = 1\n[api]\nport = 70000\n")
    assert main(["check", "--config", str(file)]) == 2
    said = capsys.readouterr().err
    assert "data_dri" in said
    assert "api.port" in said
