"""A password changed by hand, a replaced device accepted, marks in the ledger: against simulated cameras."""

from __future__ import annotations

import json
import logging
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.model import Secret
from agent.outbox.notebook import SqliteNotebook
from agent.outbox.vault import SealedVault
from agent.ports import Credentials
from agent.services.logins import claim
from agent.services.register import DeviceRegister, Place
from runtime.clock import SystemClock
from tests.support.virtual_county import RunningCounty, entry, running

OLD, NEW = "pass-word-1", "New-pass-word-2"
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
def county() -> Iterator[RunningCounty]:
    with running(entry("cam", personality="dahua-like"), entry("police")) as started:
        yield started


@pytest.fixture
def run(tmp_path: Path, county: RunningCounty, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command with a box's configuration; no password may be printed, whatever it does."""
    (tmp_path / "password").write_text(OLD)
    rows = "".join(
        f'[[device]]\nid = "{name}"\nclass = "{kind}"\nhost = "{county.device(name).ip}"\n'
        f'port = {county.device(name).http_port}\nusername = "admin"\n'
        f'password_file = "{tmp_path}/password"\n'
        for name, kind in (("cam", "smart_camera"), ("police", "integrated"))
    )
    config = tmp_path / "box.toml"
    config.write_text(
        f'[box]\nid = "box-1"\ndata_dir = "{tmp_path}"\n[centre]\nhost = "127.0.0.1"\n'
        f'mac_key_file = "{tmp_path}/key"\n{rows}'
    )

    def carried(*words: str) -> tuple[int, str, str]:
        status = main(["--log-level", "ERROR", "devices", *words, "--config", str(config)])
        told = capsys.readouterr()
        assert OLD not in told.out + told.err and NEW not in told.out + told.err
        return status, told.out, told.err

    return carried


def new_file(folder: Path, text: str = NEW) -> str:
    (folder / "new").write_text(text + "\n")
    return str(folder / "new")


def held(folder: Path, name: str = "cam") -> Credentials | None:
    book = SqliteNotebook(folder / "notebook.db")
    try:
        return SealedVault(book, folder / "vault.key").find(name)
    finally:
        book.close()


def test_a_password_is_changed_and_used_from_then_on(run: Run, county: RunningCounty, tmp_path: Path) -> None:
    status, out, _ = run("password", "cam", "--new-file", new_file(tmp_path))
    assert (status, "已修改" in out) == (0, True)
    assert county.device("cam").users.password == NEW
    assert run("show", "cam")[0] == 0, "the file still has the old one; the vault holds"
    assert county.device("cam").counters["auth_wrong_password"] == 0


def test_a_generated_password_fits_every_make_and_is_kept_for_its_owner(
    run: Run, county: RunningCounty, tmp_path: Path
) -> None:
    file = tmp_path / "kept"
    status, out, _ = run("password", "cam", "--generate", "--keep-in", str(file), "--json")
    assert (status, json.loads(out)) == (0, {"device": "cam", "password": "changed"})
    new = county.device("cam").users.password
    assert 12 <= len(new) <= 16
    assert file.read_text() == new + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert new not in out


def test_a_change_that_was_cut_off_is_settled_before_another_begins(
    run: Run, county: RunningCounty, tmp_path: Path
) -> None:
    run("list")
    book = SqliteNotebook(tmp_path / "notebook.db")
    SealedVault(book, tmp_path / "vault.key").keep(
        "cam", Credentials("admin", Secret(OLD), Secret("Half-way-3"))
    )
    book.close()
    county.call(lambda: county.device("cam").users.change("admin", "Half-way-3", "Administrator"))
    assert run("password", "cam", "--new-file", new_file(tmp_path))[0] == 0
    assert county.device("cam").users.password == NEW
    assert county.device("cam").counters["auth_wrong_password"] == 0


def test_two_changes_at_once_are_one_too_many(run: Run, county: RunningCounty, tmp_path: Path) -> None:
    run("list")
    book = SqliteNotebook(tmp_path / "notebook.db")
    claim(book, "cam", SystemClock())
    book.close()
    status, _, err = run("password", "cam", "--new-file", new_file(tmp_path))
    assert (status, "一分钟后" in err) == (2, True)
    assert county.device("cam").users.password == OLD


@pytest.mark.parametrize("text", ["short", "x" * 17, "has a blank 1", "口令口令口令口令", ""])
def test_a_password_some_make_would_cut_off_is_refused_before_anything_is_sent(
    run: Run, county: RunningCounty, tmp_path: Path, text: str
) -> None:
    assert run("password", "cam", "--new-file", new_file(tmp_path, text))[0] == 2
    assert county.device("cam").users.password == OLD
    assert held(tmp_path) == Credentials("admin", Secret(OLD))


def test_a_password_typed_twice_differently_changes_nothing(
    run: Run, county: RunningCounty, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter(["first-one-1", "other-one-1"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(typed))
    assert run("password", "cam")[0] == 2
    assert county.device("cam").users.password == OLD


def test_without_a_terminal_a_password_is_not_asked_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    status, _, err = run("password", "cam")
    assert (status, "--new-file" in err) == (2, True)


def test_an_integrated_device_keeps_its_password(run: Run, county: RunningCounty, tmp_path: Path) -> None:
    status, out, _ = run("password", "police", "--new-file", new_file(tmp_path))
    assert (status, "police" in out) == (1, True)
    assert county.device("police").counters["op_SetUser"] == 0
    assert held(tmp_path, "police") == Credentials("admin", Secret(OLD))


@pytest.mark.parametrize(("name", "away"), [("police", False), ("cam", True)])
def test_a_password_that_was_never_set_is_not_kept_in_its_file(
    run: Run, county: RunningCounty, tmp_path: Path, name: str, away: bool
) -> None:
    file = tmp_path / "kept"
    county.switch("cam", unplugged=away)
    assert run("password", name, "--generate", "--keep-in", str(file))[0] == 1
    credentials = held(tmp_path, name)
    in_doubt = credentials is not None and credentials.pending is not None
    assert file.exists() == in_doubt
    assert not (name == "police" and in_doubt)


def test_a_device_of_no_ledger_has_no_vault(county: RunningCounty, tmp_path: Path) -> None:
    device = county.device("cam")
    words = ["--host", f"{device.ip}:{device.http_port}", "--user", "admin"]
    words += ["--password-file", new_file(tmp_path, OLD), "--generate"]
    assert main(["--log-level", "ERROR", "devices", "password", "device", *words]) == 2
    assert device.users.password == OLD


def test_the_ledger_shows_marks_place_and_when_a_device_was_last_seen(
    run: Run, county: RunningCounty, tmp_path: Path
) -> None:
    assert run("probe", "cam", "--no-video")[0] == 0
    book = SqliteNotebook(tmp_path / "notebook.db")
    register, cam = DeviceRegister(book), county.device("cam")
    register.seen("cam", Place("127.9.9.9", 8000, 1_790_000_000.0, cam.ip, cam.http_port))
    register.seen("cam-0123456789ab", Place("127.9.9.8", 443, 1_790_000_000.0, "127.9.9.8", 443))
    found = {"reference": "", "host": "127.9.9.8", "port": 443, "tls": True}
    register.remember_found("cam-0123456789ab", json.dumps(found))
    book.close()
    told = {one["id"]: one for one in json.loads(run("list", "--json")[1])}
    assert cam.identity.serial in told["cam"]["marks"] and cam.identity.uuid in told["cam"]["marks"]
    assert (told["cam"]["host"], told["cam"]["last_seen"]) == ("127.9.9.9", "2026-09-21T14:13+00:00")
    row = told["cam-0123456789ab"]
    assert (row["host"], row["port"], row["tls"]) == ("127.9.9.8", 443, True)
    assert "last seen" in run("list")[1]


def test_a_replaced_device_is_another_one_until_it_is_accepted(
    run: Run, county: RunningCounty, tmp_path: Path
) -> None:
    assert run("probe", "cam", "--no-video")[0] == 0
    cam, police = county.device("cam"), county.device("police")
    cam.identity, police.identity = police.identity, cam.identity
    status, out, _ = run("probe", "cam", "--no-video")
    assert (status, "other_device" in out, "另一台设备" in out) == (1, True, True)
    assert run("accept", "cam", "--yes")[0] == 0
    assert run("probe", "cam", "--no-video")[0] == 0
    assert cam.identity.serial in json.loads(run("show", "cam", "--json")[1])["marks"]
    assert cam.counters["auth_wrong_password"] == 0
