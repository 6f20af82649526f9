"""The county file is checked before anything listens; the command starts and stops cleanly."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import requests

from simulator.county import CountyFileWrong, read_county
from simulator.device.kinds import ABILITIES, Kind
from simulator.device.personality import PERSONALITIES
from simulator.video import SCENES
from tests.support.virtual_county import entry, free_ip, running

GOOD = '[[device]]\nname = "gate-1"\nip = "127.20.1.11"\npassword = "p"\n'


def _read(tmp_path: Path, text: str) -> object:
    path = tmp_path / "county.toml"
    path.write_text(text)
    return read_county(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[device]\n", "county.toml"),
        (GOOD + "colour = 1\n", "colour"),
        (GOOD.replace("gate-1", "Gate 1"), "name"),
        (GOOD.replace("127.20.1.11", "192.0.2.1"), "loopback"),
        (GOOD + 'personality = "acme"\n', "hik-like"),
        (GOOD + 'kind = "toaster"\n', "kind"),
        (GOOD + 'scene = "gate-day"\nfile = "a.mp4"\n', "not both"),
        (GOOD + GOOD.replace("127.20.1.11", "127.20.1.12"), "used twice: gate-1"),
        (GOOD + GOOD.replace("gate-1", "gate-2"), "used twice: 127.20.1.11"),
        ("[control]\nport = 70000\n", "port"),
    ],
)
def test_a_wrong_file_is_refused_and_says_where(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(CountyFileWrong, match=said):
        _read(tmp_path, text)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(CountyFileWrong) as wrong:
        _read(tmp_path, GOOD.replace("gate-1", "Gate 1") + 'personality = "acme"\nhttp_port = -1\n')
    assert len(str(wrong.value).splitlines()) == 3


def test_a_password_is_not_in_what_is_printed(tmp_path: Path) -> None:
    assert "s3cret" not in repr(_read(tmp_path, GOOD.replace('"p"', '"s3cret"')))


def test_a_relative_clip_lies_beside_the_county_file(tmp_path: Path) -> None:
    path = tmp_path / "county.toml"
    path.write_text(GOOD + 'file = "a.mp4"\n')
    assert read_county(path).device[0].file == tmp_path / "a.mp4"


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_scene_that_exists(kind: Kind) -> None:
    scene = ABILITIES[kind].default_scene
    assert scene in SCENES or not ABILITIES[kind].onvif


def test_channels_of_one_recorder_share_its_serial_and_have_their_own_source() -> None:
    with running(
        entry("nvr-1", kind="nvr_channel", parent="nvr", channel=1),
        entry("nvr-2", kind="nvr_channel", parent="nvr", channel=2),
        entry("other"),
    ) as county:
        first, second, other = (county.device(name) for name in ("nvr-1", "nvr-2", "other"))
        assert first.identity.serial == second.identity.serial != other.identity.serial
        assert first.identity.model == PERSONALITIES["plain"].recorder_model
        assert first.source_token != second.source_token


def test_serials_do_not_change_between_runs_and_differ_between_devices() -> None:
    def serials() -> dict[str, str]:
        with running(*(entry(f"c{n}", personality="hik-like") for n in range(8))) as county:
            return {name: s.device.identity.serial for name, s in county.county.stations.items()}

    first = serials()
    assert first == serials()
    assert len(set(first.values())) == 8


def test_an_address_in_use_names_the_device() -> None:
    taken = entry("cam")
    with socket.create_server((str(taken["ip"]), 0)) as holder:
        taken["http_port"] = holder.getsockname()[1]
        with pytest.raises(OSError, match="device cam at 127"), running(taken):
            pass


def _command(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "simulator", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_when_it_is_ready_and_stops_cleanly(tmp_path: Path, how: signal.Signals) -> None:
    path, ready = tmp_path / "county.toml", tmp_path / "ready.json"
    ip = free_ip()
    path.write_text(f'[[device]]\nname = "vc"\nkind = "conference_endpoint"\nip = "{ip}"\nsip_port = 0\n')
    with _command("run", path, "--cache", tmp_path / "clips", "--ready-file", ready) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        told = json.loads(line)
        assert told["ready"] is True
        assert told["devices"]["vc"]["sip"].startswith(f"sip:{ip}:")
        assert ready.read_text() == line
        assert requests.get(f"{told['control']}/devices", timeout=10).json()["vc"]["ip"] == ip
        process.send_signal(how)
        rest, errors = process.communicate(timeout=20)
    assert (process.returncode, rest, "Traceback" in errors) == (0, "", False)


def test_the_command_refuses_a_wrong_file_in_both_languages(tmp_path: Path) -> None:
    path = tmp_path / "county.toml"
    path.write_text(GOOD + "colour = 1\n")
    with _command("run", path) as process:
        output, errors = process.communicate(timeout=20)
    assert (process.returncode, output) == (2, "")
    assert "县域文件有误" in errors
    assert "colour" in errors


def test_idle_devices_cost_next_to_nothing() -> None:
    """64 devices, each with a subscription that nobody reads: CPU of this whole process over 2 s."""
    with running(*(entry(f"c{n}") for n in range(64))) as county:
        for name, station in county.county.stations.items():
            events = station.device.events
            county.call(partial(events.open, lasts_s=600, slots=10, wanted=None))
            assert len(county.device(name).events.live()) == 1
        cpu, wall = time.process_time(), time.monotonic()
        deadline = wall + 2.0
        while time.monotonic() < deadline:
            time.sleep(0.1)
        used = (time.process_time() - cpu) / (time.monotonic() - wall)
    assert used < 0.2, f"{used:.1%} of a core"
