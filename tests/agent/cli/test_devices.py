"""The command line by hand: what it prints, what it sends, what it refuses. Against simulated cameras."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.cli import search
from simulator.device import images
from tests.agent.devices.test_discovery import _message_id, match, responder
from tests.agent.devices.test_survey import refusing
from tests.support.hostile import answering
from tests.support.virtual_county import RunningCounty, entry, free_ip, running

PASSWORD = "pass-word-1"
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
    with running(entry("cam", kind="ptz_dome"), entry("police")) as started:
        started.station("cam").reboot_s = 0.8
        yield started


@pytest.fixture
def run(tmp_path: Path, county: RunningCounty, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command with a box's configuration; exit status, standard output, standard error."""
    (tmp_path / "password").write_text(PASSWORD)
    rows = "".join(
        f'[[device]]\nid = "{name}"\nclass = "{kind}"\nhost = "{county.device(name).ip}"\n'
        f'port = {county.device(name).http_port}\nusername = "admin"\n'
        f'password_file = "{tmp_path}/password"\ntitle = "{title}"\n'
        for name, kind, title in (("cam", "ptz_dome", "村口"), ("police", "integrated", "卡点"))
    )
    config = tmp_path / "box.toml"
    config.write_text(
        f'[box]\nid = "box-1"\ndata_dir = "{tmp_path}"\n[centre]\nhost = "127.0.0.1"\n'
        f'mac_key_file = "{tmp_path}/key"\n{rows}'
    )

    def carried(*words: str) -> tuple[int, str, str]:
        status = main(["--log-level", "ERROR", "devices", *words, "--config", str(config)])
        told = capsys.readouterr()
        assert PASSWORD not in told.out + told.err
        return status, told.out, told.err

    return carried


def test_the_ledger_is_listed(run: Run) -> None:
    status, out, _ = run("list")
    assert status == 0
    assert "村口" in out and "integrated" in out
    assert [one["id"] for one in json.loads(run("list", "--json")[1])] == ["cam", "police"]


def test_a_device_is_shown_by_id_or_address(run: Run, county: RunningCounty) -> None:
    serial = county.device("cam").identity.serial
    for name in ("cam", county.device("cam").ip):
        status, out, _ = run("show", name)
        assert (status, serial in out) == (0, True)
    assert json.loads(run("show", "cam", "--json")[1])["identity"]["serial"] == serial


def test_a_device_nobody_knows_is_told_with_those_there_are(run: Run) -> None:
    status, _, err = run("show", "nowhere")
    assert status == 2
    assert "cam, police" in err


def test_probe_explains_every_exchange_without_a_secret(run: Run) -> None:
    status, out, _ = run("probe", "cam", "--explain", "--no-video")
    assert status == 0
    assert "GetSystemDateAndTime" in out and "HTTP 200" in out and "√" in out
    told = json.loads(run("probe", "cam", "--explain", "--no-video", "--json")[1])
    assert told[0]["evidence"]["rung"] == "authenticated"
    assert {one["sent"] for one in told[0]["exchanges"]} >= {"GetSystemDateAndTime", "GetDeviceInformation"}


def test_probe_of_a_device_that_is_away_says_what_to_do(run: Run, county: RunningCounty) -> None:
    county.switch("cam", unplugged=True)
    status, out, _ = run("probe", "cam", "--explain", "--no-video")
    assert status == 1
    assert "×" in out and "请检查电源" in out


def test_settings_are_read_and_set_by_name(run: Run, county: RunningCounty) -> None:
    assert "sub.fps" in run("get", "cam", "encoder")[1]
    status, out, _ = run("set", "cam", "encoder", "sub.fps=5")
    assert status == 0
    assert "读回核对" in out
    assert county.device("cam").encoders["sub"].fps == 5
    assert "没有发送" in run("set", "cam", "encoder", "sub.fps=5")[1]


def test_a_dry_run_shows_and_sends_nothing(run: Run, county: RunningCounty) -> None:
    status, out, _ = run("set", "cam", "imaging", "brightness=70", "--dry-run")
    assert status == 0
    assert "预演" in out
    assert county.device("cam").imaging["Brightness"] == 50


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("encoder", "sub.fps=many"), "应为 int"),
        (("encoder", "sub.fps"), "设置=值"),
        (("colour", "a=b"), "encoder"),
    ],
)
def test_a_setting_written_wrongly_is_told_before_anything_is_sent(
    run: Run, county: RunningCounty, words: tuple[str, ...], told: str
) -> None:
    status, _, err = run("set", "cam", *words)
    assert status == 2
    assert told in err
    assert county.device("cam").counters["op_SetVideoEncoderConfiguration"] == 0


def test_an_integrated_device_is_read_and_never_written(run: Run, county: RunningCounty) -> None:
    assert run("get", "police", "encoder")[0] == 0
    status, out, _ = run("set", "police", "encoder", "sub.fps=5")
    assert status == 1
    assert "police" in out
    for command in (("reboot", "police", "--yes"), ("factory-default", "police", "--serial", "1")):
        assert run(*command)[0] == 1
    assert not [name for name in county.device("police").counters if name.startswith(("op_Set", "op_System"))]


def test_a_snapshot_is_written_with_its_hash(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "still.jpg"
    told = json.loads(run("snapshot", "cam", "-o", str(file), "--json")[1])
    assert file.read_bytes().startswith(b"\xff\xd8\xff")
    assert told["bytes"] == file.stat().st_size


def test_what_is_dangerous_wants_a_confirmation(
    run: Run, county: RunningCounty, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    status, out, _ = run("reboot", "cam")
    assert status == 3
    assert "--yes" in out
    assert county.device("cam").counters["reboots"] == 0


def test_a_backup_goes_back_to_its_own_device(run: Run, county: RunningCounty, tmp_path: Path) -> None:
    file = tmp_path / "cam.backup"
    assert run("backup", "cam", "-o", str(file))[0] == 0
    assert file.read_bytes().startswith(images.BACKUP)
    county.device("cam").hostname = "changed"
    status, out, _ = run("restore", "cam", str(file), "--yes")
    assert status == 0 and "restored and compared" in out
    assert county.device("cam").hostname == "cam"
    county.device("cam").hostname = "changed"
    county.switch("cam", lying_set=True)
    status, out, err = run("restore", "cam", str(file), "--yes")
    assert status == 1 and "the very one from before" in out + err
    (tmp_path / "cam.backup.json").unlink()
    assert run("restore", "cam", str(file), "--yes")[0] == 2


def test_factory_default_wants_the_right_serial_number(run: Run, county: RunningCounty) -> None:
    status, out, _ = run("factory-default", "cam", "--serial", "wrong")
    assert status == 1
    assert county.device("cam").identity.serial in out
    assert county.device("cam").counters["op_SetSystemFactoryDefault"] == 0


def test_accounts_presets_log_and_clock_are_at_hand(run: Run, county: RunningCounty) -> None:
    county.switch("cam", clock_offset_s=-100)
    assert "Administrator" in run("users", "cam")[1]
    assert "gate" in run("presets", "cam")[1]
    assert county.device("cam").identity.model in run("log", "cam")[1]
    assert "已校时" in run("sync-clock", "cam")[1]
    assert abs(county.device("cam").clock.offset_s) < 2
    assert run("retry", "cam")[0] == 0


def test_events_come_as_they_are_told(run: Run, county: RunningCounty) -> None:
    status, _, _ = run("events", "cam", "--json")
    assert status == 0
    assert county.call(lambda: len(county.device("cam").events.live())) == 0
    assert county.device("cam").counters["op_Unsubscribe"] >= 1


def test_discover_shows_who_answers_and_what_the_ledger_calls_it(run: Run, county: RunningCounty) -> None:
    told = json.loads(run("discover", f"{county.device('cam').ip}/32", "--json")[1])
    assert isinstance(told, list)
    (dome,) = [one for one in told if one["ledger"] == "cam"]
    assert dome["suggested_class"] == "ptz_dome"
    assert "云台" in dome["note"]
    status, _, err = run("discover", "10.0.0.0/8", "nonsense")
    assert status == 2
    assert "/22" in err and "nonsense" in err


def test_who_announces_itself_at_an_unusual_port_is_shown_as_what_it_is(run: Run) -> None:
    host = free_ip()
    with answering(lambda _: refusing(), host=host) as fresh:

        def announced(probe: bytes) -> list[bytes]:
            xaddrs = f"http://{host}:{fresh.port}/onvif/device_service"
            return [match(relates=_message_id(probe), xaddrs=xaddrs)]

        with responder(host, announced):
            (row,) = [one for one in _rows(run, host) if one["address"] == f"{host}:{fresh.port}"]
    assert row["kind"] == "not_activated"
    assert "激活" in str(row["note"])


def _rows(run: Run, host: str) -> list[dict[str, object]]:
    rows = json.loads(run("discover", f"{host}/32", "--json")[1])
    assert isinstance(rows, list)
    return rows


def test_discover_says_which_subnets_it_leaves_out() -> None:
    subnets = [f"127.{number}.0.0/22" for number in range(60, 78)]
    assert any("未全部查找" in note and "127.77.0.0/22" in note for note in search.notes(subnets))
    assert not any("未全部查找" in note for note in search.notes(subnets[:16]))
    assert "只用组播" in search.notes([])[0]


def test_a_relay_is_switched_only_when_confirmed(run: Run, county: RunningCounty) -> None:
    assert "RelayOutput_1" in run("relays", "cam")[1]
    assert "DigitalInput_1" in run("inputs", "cam", "--state")[1]
    status, out, _ = run("relays", "cam", "--on", "RelayOutput_1")
    assert status == 3
    assert "开闸" in out
    assert not county.device("cam").relays["RelayOutput_1"].active
    status, out, _ = run("relays", "cam", "--on", "RelayOutput_1", "--yes")
    assert status == 0
    assert "已证实" in out
    assert county.device("cam").relays["RelayOutput_1"].active
    told = json.loads(run("relays", "cam", "--off", "1", "--yes", "--json")[1])
    assert told["relay"] == {
        "token": "RelayOutput_1",
        "active": False,
        "proof": "told",
        "returns_s": None,
    }
    assert run("relays", "police", "--on", "1", "--yes")[0] == 1


def test_a_dangerous_setting_is_told_and_asked_back(run: Run, county: RunningCounty) -> None:
    status, out, _ = run("set", "cam", "network", "http.enabled=false")
    assert status == 3
    assert "再也连不上" in out
    assert county.device("cam").counters["op_SetNetworkProtocols"] == 0
    assert run("set", "cam", "io", "relay.1.idle=closed", "--yes")[0] == 0
    assert county.device("cam").relays["RelayOutput_1"].idle == "closed"


def test_an_account_is_made_given_a_level_and_taken_away(
    run: Run, county: RunningCounty, tmp_path: Path
) -> None:
    file = tmp_path / "outpost.password"
    status, out, err = run("users", "cam", "--add", "outpost", "--generate", str(file))
    assert status == 0
    password = file.read_text().strip()
    assert len(password) == 16
    assert password not in out + err
    assert file.stat().st_mode & 0o777 == 0o600
    made = county.device("cam").users.all()[1]
    assert (made.username, made.password, made.level) == ("outpost", password, "Operator")
    told = json.loads(run("users", "cam", "--change", "outpost", "--level", "User", "--json")[1])
    assert told["users"][1] == {"name": "outpost", "level": "User"}
    assert county.device("cam").users.all()[1].password == password
    assert run("users", "cam", "--remove", "outpost")[0] == 3
    assert run("users", "cam", "--remove", "outpost", "--yes")[0] == 0
    assert len(county.device("cam").users.all()) == 1


def test_a_password_file_is_never_written_over_and_goes_with_a_refusal(
    run: Run, county: RunningCounty, tmp_path: Path
) -> None:
    file = tmp_path / "kept"
    file.write_text("mine")
    assert run("users", "cam", "--add", "outpost", "--generate", str(file))[0] == 2
    assert file.read_text() == "mine"
    fresh = tmp_path / "fresh"
    assert run("users", "cam", "--add", "admin", "--generate", str(fresh))[0] == 1
    assert not fresh.exists()
    file.write_text("longer-than-sixteen-characters")
    assert run("users", "cam", "--add", "outpost", "--new-password-file", str(file))[0] == 2
    assert run("users", "cam", "--add", "outpost")[0] == 2
    assert county.device("cam").counters["op_CreateUsers"] == 0


@pytest.mark.parametrize(("again", "status"), [("abcdefgh-1", 0), ("abcdefgh-2", 2)])
def test_a_password_at_a_terminal_is_asked_for_twice(
    run: Run, county: RunningCounty, monkeypatch: pytest.MonkeyPatch, again: str, status: int
) -> None:
    said = iter(["abcdefgh-1", again])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(said))
    assert run("users", "cam", "--add", "guard", "--level", "User")[0] == status
    assert len(county.device("cam").users.all()) == (2 if status == 0 else 1)
