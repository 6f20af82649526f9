"""``--host``: one device described by hand. What is remembered of it, and what is never written to it."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.__main__ import main
from agent.cli import described
from agent.errors import ConfigError
from agent.marks import Marks, made
from agent.outbox.notebook import SqliteNotebook
from agent.services.register import MARKS_TOPIC, DeviceRegister, Place
from tests.agent.cli.test_devices import PASSWORD, Run
from tests.agent.cli.test_devices import logging_left_as_it_was as logging_left_as_it_was
from tests.support.virtual_county import RunningCounty, entry, running

WRONG = "wrong-word-1"


@pytest.fixture
def county() -> Iterator[RunningCounty]:
    with running(entry("cam", personality="reolink-like")) as started:
        yield started


@pytest.fixture
def run(tmp_path: Path, county: RunningCounty, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command about the device at ``--host``; the password file is ``wrong`` or ``right``."""
    (tmp_path / "right").write_text(PASSWORD)
    (tmp_path / "wrong").write_text(WRONG)
    device = county.device()
    address = f"{device.ip}:{device.http_port}"

    def carried(*words: str, file: str = "right", host: str | None = None) -> tuple[int, str, str]:
        login = ["--host", host or address, "--user", "admin", "--password-file", str(tmp_path / file)]
        status = main(["--log-level", "ERROR", "devices", *words, *login])
        told = capsys.readouterr()
        assert PASSWORD not in told.out + told.err
        return status, told.out, told.err

    return carried


def failures(county: RunningCounty) -> int:
    told = county.device().counters
    return sum(count for name, count in told.items() if name.startswith("auth_") and name != "auth_missing")


def test_a_wrong_password_run_after_run_does_not_lock_the_camera(
    run: Run, county: RunningCounty, state: Path
) -> None:
    said = [run("show", file="wrong")[1] for _ in range(7)]
    assert 1 <= failures(county) <= 2
    assert not county.device().users.locked()
    assert "10 分钟" in said[0]
    assert all("重启边缘盒服务" not in one and "--password-file" in one for one in said)
    assert run("show")[0] == 0, "another password is tried at once"
    kept = state / "outpost"
    assert kept.stat().st_mode & 0o777 == 0o700
    for file in kept.iterdir():
        assert file.stat().st_mode & 0o077 == 0
        assert WRONG.encode() not in file.read_bytes() and PASSWORD.encode() not in file.read_bytes()


def test_retry_lifts_the_rest_of_a_described_device(run: Run, county: RunningCounty) -> None:
    run("show", file="wrong")
    before = failures(county)
    status, out, _ = run("probe", "--no-video", "--json", file="wrong")
    assert (status, before) == (1, failures(county)), "it rests: nothing is tried"
    assert "auth_backoff" in out
    assert run("retry", file="wrong")[0] == 0
    status, out, _ = run("probe", "--no-video", "--json", file="wrong")
    assert status == 1 and "auth_backoff" not in out and "auth_failed" in out
    assert failures(county) > before, "the rest is lifted: it was tried once more"


def test_without_a_place_to_remember_nothing_is_promised(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    status, out, err = run("show", file="wrong")
    assert status == 1
    assert err.count("没有可写的用户目录") == 1 and "nothing is remembered" in err
    assert "不再重试" not in out and "not tried again" not in out and "锁定" in out
    assert run("show")[0] == 0


def test_a_described_device_is_only_read_until_its_class_is_named(run: Run, county: RunningCounty) -> None:
    for words in (
        ("set", "encoder", "sub.fps=5"),
        ("set", "device", "encoder", "sub.fps=5"),
        ("reboot", "--yes"),
    ):
        status, out, _ = run(*words)
        assert status == 1
        assert "--class" in out and "公安" not in out and "police" not in out
    assert not [name for name in county.device().counters if name.startswith(("op_Set", "op_System"))]
    assert run("set", "encoder", "sub.fps=5", "--class", "smart_camera")[0] == 0
    assert county.device().encoders["sub"].fps == 5


def test_settings_are_read_and_written_by_address_alone(run: Run, county: RunningCounty) -> None:
    device = county.device()
    before = json.loads(run("get", "encoder", "--json")[1])["settings"]["encoder"]
    assert before["sub.fps"] == device.encoders["sub"].fps != 5
    status, out, _ = run("set", "encoder", "sub.fps=5", "--class", "smart_camera", "--json")
    (field,) = json.loads(out)["change"]["fields"]
    assert (status, field["name"], field["before"], field["after"]) == (0, "sub.fps", before["sub.fps"], 5)
    assert county.call(lambda: device.encoders["sub"].fps) == 5
    assert json.loads(run("get", "encoder", "--json")[1])["settings"]["encoder"] == {**before, "sub.fps": 5}
    assert set(json.loads(run("get", "--json")[1])["settings"]) >= {"time", "network", "encoder"}


@pytest.mark.parametrize("moved", [False, True])
def test_what_a_ledger_knows_as_integrated_is_not_written_whatever_class_is_named(
    run: Run, county: RunningCounty, tmp_path: Path, moved: bool
) -> None:
    device, listed = county.device(), "10.9.9.9" if moved else county.device().ip
    if moved:
        with contextlib.closing(SqliteNotebook(tmp_path / "notebook.db")) as book:
            place = Place(device.ip, device.http_port, 1_790_000_000.0, listed, 80)
            DeviceRegister(book).seen("police", place)
    config = box_that_knows(tmp_path, listed)
    words = ("set", "encoder", "sub.fps=5", "--class", "smart_camera", "--config", config)
    status, out, _ = run(*words)
    assert status == 1
    assert "整合类" in out
    assert county.device().counters["op_SetVideoEncoderConfiguration"] == 0


def box_that_knows(folder: Path, host: str) -> str:
    """The configuration of a box with one integrated camera at ``host``."""
    config = folder / "box.toml"
    config.write_text(
        f'[box]\nid = "box-1"\ndata_dir = "{folder}"\n[centre]\nhost = "127.0.0.1"\n'
        f'mac_key_file = "{folder}/key"\n[[device]]\nid = "police"\nclass = "integrated"\n'
        f'host = "{host}"\n'
    )
    return str(config)


def test_an_integrated_device_that_moved_is_known_by_its_marks(
    run: Run, county: RunningCounty, tmp_path: Path
) -> None:
    """The box was off when it got another address: no place is known, and what it shows tells."""
    device, config = county.device(), box_that_knows(tmp_path, "10.9.9.9")
    words = ("set", "encoder", "sub.fps=5", "--class", "smart_camera", "--config", config)
    with contextlib.closing(SqliteNotebook(tmp_path / "notebook.db")) as book:
        DeviceRegister(book).learn("police", made(reference=device.identity.uuid), near=Marks())
        kept = book.notes(MARKS_TOPIC)
    for write in (words, ("reboot", "--yes", *words[3:])):
        status, out, _ = run(*write)
        assert (status, "整合类" in out) == (1, True)
    assert not [name for name in device.counters if name.startswith(("op_Set", "op_System"))]
    assert run("show", "--config", config)[0] == 0
    with contextlib.closing(SqliteNotebook(tmp_path / "notebook.db")) as book:
        assert book.notes(MARKS_TOPIC) == kept, "the box learns nothing of what is described by hand"
        other = made(reference="urn:uuid:99999999-2222-3333-4444-555555555555")
        book.strike("police", MARKS_TOPIC)
        DeviceRegister(book).learn("police", other, near=Marks())
    assert run(*words)[0] == 0
    assert device.counters["op_SetVideoEncoderConfiguration"] == 1


def spelt(ip: str, port: int) -> list[str]:
    """The same address as a resolver would understand it too."""
    first, second, third, fourth = map(int, ip.split("."))
    number = int.from_bytes(bytes((first, second, third, fourth)), "big")
    return [
        f"{first}.{second}.0{third:o}.{fourth}:{port}",
        f"{first}.{second}.{third * 256 + fourth}:{port}",
        f"{first:#x}.{second}.{third}.{fourth}:{port}",
        f"{number}:{port}",
        f"{number:#x}:{port}",
    ]


def test_another_spelling_of_an_address_gets_nowhere(run: Run, county: RunningCounty, tmp_path: Path) -> None:
    """What a ledger knows as integrated is not written to, and no wrong password is tried anew."""
    device, config = county.device(), box_that_knows(tmp_path, county.device().ip)
    words = ("set", "encoder", "sub.fps=5", "--class", "smart_camera", "--config", config)
    for other in spelt(device.ip, device.http_port):
        assert run(*words, host=other)[0] == 2
        assert run("show", host=other, file="wrong")[0] == 2
    assert (failures(county), device.counters["requests"]) == (0, 0)
    mapped = f"[::ffff:{device.ip}]:{device.http_port}"
    status, out, _ = run(*words, host=mapped)
    assert (status, "整合类" in out) == (1, True)
    assert device.counters["op_SetVideoEncoderConfiguration"] == 0
    for host in (mapped, f"{device.ip}.:{device.http_port}", None):
        assert run("show", file="wrong", host=host)[0] == 1
    assert 1 <= failures(county) <= 2, "one wrong password, whatever the address is written like"


def test_a_name_is_the_address_it_stands_for(
    run: Run, county: RunningCounty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = county.device()
    asked = socket.getaddrinfo

    def resolved(host: Any, *rest: Any, **more: Any) -> Any:
        return asked(device.ip if host == "gate.lan" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    words = ("set", "encoder", "sub.fps=5", "--class", "smart_camera", "--config")
    named = f"Gate.lan:{device.http_port}"
    for config in (box_that_knows(tmp_path, device.ip), box_that_knows(tmp_path, "GATE.lan")):
        for host in (named, None):
            status, out, _ = run(*words, config, host=host)
            assert (status, "整合类" in out) == (1, True)
    assert device.counters["op_SetVideoEncoderConfiguration"] == 0
    status, out, _ = run("show", "gate.lan", "--json", host=named)
    assert (status, json.loads(out)["id"]) == (0, f"{device.ip}:{device.http_port}")


def test_a_name_nobody_knows_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    status, out, err = run("show", host="nowhere.lan")
    assert status == 2
    assert "主机名无法解析" in out + err


def test_the_device_of_a_host_needs_no_name_and_takes_some(run: Run, county: RunningCounty) -> None:
    for name in ((), ("device",), (county.device().ip,)):
        assert run("show", *name)[0] == 0
    assert "sub.fps" in run("get", "encoder")[1]
    told = json.loads(run("show", "--json")[1])
    assert told["id"] == f"{county.device().ip}:{county.device().http_port}"
    assert run("show", "other")[0] == 2


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("10.0.0.9", "10.0.0.9", None),
        ("cam.lan:8000", "cam.lan", 8000),
        ("[::1]:80", "::1", 80),
        ("[::1]", "::1", None),
        ("fe80::1", "fe80::1", None),
        ("FE80:0::01", "fe80::1", None),
        ("[::ffff:10.0.0.9]:80", "10.0.0.9", 80),
        ("Cam.LAN.:8000", "cam.lan", 8000),
    ],
)
def test_an_address_is_read(text: str, host: str, port: int | None) -> None:
    assert described.where(text) == (host, port)


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.9:0",
        "10.0.0.9:65536",
        "10.0.0.9:",
        "h:80x",
        ":80",
        "[::1]:a",
        "a b",
        "10.0.09.9",
        "10.9",
        "0xa.0.0.9",
    ],
)
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        described.where(text)
