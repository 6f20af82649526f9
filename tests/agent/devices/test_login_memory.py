"""A refused password rests over restarts and beside other processes; a new one is tried at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.devices import OnvifRoom
from agent.devices.account import Account
from agent.devices.login_memory import MODE_TOPIC, REST_TOPIC, LoginMemory
from agent.model import Device, Secret
from agent.outbox.notebook import SqliteNotebook
from protocol.words import Reason, Rung
from tests.agent.devices.builders import QUICK, a_device
from tests.support.virtual_county import RunningCounty, entry, running

REPOSITORY = Path(__file__).resolve().parents[3]
PASSWORD = "pass-word-1"


@pytest.fixture
def book(tmp_path: Path) -> Iterator[SqliteNotebook]:
    opened = SqliteNotebook(tmp_path / "notebook.db")
    yield opened
    opened.close()


def climbed(county: RunningCounty, book: SqliteNotebook, password: str) -> tuple[Rung, Reason]:
    """One climb by a box that has just started."""
    adapter = OnvifRoom(limits=QUICK, notebook=book).open(row(county, password))
    evidence = adapter.climb()
    adapter.close()
    return evidence.rung, evidence.reason


def row(county: RunningCounty, password: str) -> Device:
    device = county.device()
    return a_device(device.ip, device.http_port, password=password)


@pytest.mark.parametrize("make", ["dahua-like", "reolink-like", "bosch-like"])
def test_two_hundred_restarts_with_a_wrong_password_lock_no_account(book: SqliteNotebook, make: str) -> None:
    with running(entry("cam", personality=make)) as county:
        assert climbed(county, book, "wrong") == (Rung.ONVIF, Reason.AUTH_FAILED)
        told = {climbed(county, book, "wrong") for _ in range(199)}
        assert told == {(Rung.ONVIF, Reason.AUTH_BACKOFF)}
        assert county.device().counters["auth_wrong_password"] <= 2
        assert not county.device().users.locked()
        assert climbed(county, book, PASSWORD) == (Rung.AUTHENTICATED, Reason.OK)


def test_the_rest_holds_for_another_process(tmp_path: Path, book: SqliteNotebook) -> None:
    with running(entry("cam", personality="dahua-like")) as county:
        climbed(county, book, "wrong")
        tried = county.device().counters["auth_wrong_password"]
        (tmp_path / "password").write_text("wrong")
        config = tmp_path / "box.toml"
        device = county.device()
        config.write_text(
            f'[box]\nid = "box-1"\ndata_dir = "{tmp_path}"\n[centre]\nhost = "127.0.0.1"\n'
            f'mac_key_file = "{tmp_path}/key"\n[[device]]\nid = "cam"\nhost = "{device.ip}"\n'
            f'port = {device.http_port}\nusername = "admin"\npassword_file = "{tmp_path}/password"\n'
        )
        command = [sys.executable, "-m", "agent", "--log-level", "ERROR", "devices", "probe", "--no-video"]
        done = subprocess.run(
            [*command, "--config", str(config)],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        assert "auth_backoff" in done.stdout
        assert county.device().counters["auth_wrong_password"] == tried


def test_the_way_to_log_in_is_known_after_a_restart(book: SqliteNotebook) -> None:
    with running(entry("cam", auth="digest")) as county:
        climbed(county, book, PASSWORD)
        assert book.noted("cam", MODE_TOPIC) == "digest"
        climbed(county, book, PASSWORD)
        assert county.device().counters["auth_wrong_password"] == 0


def test_a_rest_ends_in_time_whatever_the_clock_did(book: SqliteNotebook) -> None:
    now = [1_000_000.0]
    memory = LoginMemory(book, "cam", unix=lambda: now[0])
    memory.refused("admin", Secret("x"), rest_s=600)
    assert memory.rest_left_s("admin", Secret("x"), rest_s=600) == 600
    now[0] -= 86_400 * 365
    assert memory.rest_left_s("admin", Secret("x"), rest_s=600) == 600
    now[0] += 86_400 * 365 + 601
    assert memory.rest_left_s("admin", Secret("x"), rest_s=600) == 0


def test_other_credentials_do_not_rest(book: SqliteNotebook) -> None:
    memory = LoginMemory(book, "cam")
    memory.refused("admin", Secret("x"), rest_s=600)
    assert memory.rest_left_s("admin", Secret("y"), rest_s=600) == 0
    assert memory.rest_left_s("other", Secret("x"), rest_s=600) == 0
    memory.lifted()
    assert memory.rest_left_s("admin", Secret("x"), rest_s=600) == 0


def test_a_damaged_note_is_no_rest_and_no_crash(book: SqliteNotebook) -> None:
    for document in ("", "{}", "[]", '{"salt": 1, "proof": 2, "until": "x"}', '{"salt": "é"}'):
        book.note("cam", REST_TOPIC, document)
        assert LoginMemory(book, "cam").rest_left_s("admin", Secret("x"), rest_s=600) == 0


def test_the_note_does_not_hold_the_password(book: SqliteNotebook) -> None:
    LoginMemory(book, "cam").refused("admin", Secret("hunter2"), rest_s=600)
    document = book.noted("cam", REST_TOPIC) or ""
    assert "hunter2" not in document
    assert "admin" not in document


def test_who_lifts_the_rest_beside_the_running_box_lifts_it_there_too(book: SqliteNotebook) -> None:
    running_box, by_hand = (
        Account("admin", Secret("x"), rest_s=600, memory=LoginMemory(book, "cam")) for _ in range(2)
    )
    running_box.refused()
    assert running_box.rest_left_s() > 0
    by_hand.forgiven()
    assert running_box.rest_left_s() == 0
    running_box.refused()
    assert running_box.rest_left_s() > 0
