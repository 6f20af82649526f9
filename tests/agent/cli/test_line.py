"""Devices without ONVIF on the command line: what the installer reads of an endpoint and of a stream."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.__main__ import main
from tests.agent.cli.test_devices import logging_left_as_it_was
from tests.agent.devices.builders import PASSWORD as RIGHT
from tests.agent.devices.test_rtsp import server
from tests.support.hostile import Hostile
from tests.support.processes import wait_until
from tests.support.virtual_county import RunningCounty, entry, running

PASSWORD = "pass-word-1"
Run = Callable[..., tuple[int, str, str]]
__all__ = ["logging_left_as_it_was"]


@pytest.fixture
def county() -> Iterator[RunningCounty]:
    room = entry("vc", kind="conference_endpoint", number="8801", registrar="reg")
    with running(entry("reg", kind="sip_registrar"), room) as started:
        registrar = started.station("reg").sip
        wait_until(lambda: registrar.bound(), within_s=10, what="it registers")  # type: ignore[union-attr]
        yield started


@pytest.fixture
def run(tmp_path: Path, county: RunningCounty, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command with the endpoint in a box's configuration."""
    (tmp_path / "password").write_text(PASSWORD)
    endpoint, registrar = county.station("vc").sip, county.station("reg").sip
    assert endpoint is not None
    assert registrar is not None
    config = tmp_path / "box.toml"
    config.write_text(
        f'[box]\nid = "box-1"\ndata_dir = "{tmp_path}"\n[centre]\nhost = "127.0.0.1"\n'
        f'mac_key_file = "{tmp_path}/key"\n[[device]]\nid = "vc"\nclass = "conference_endpoint"\n'
        f'host = "{county.device("vc").ip}"\nsip_port = {endpoint.port}\nsip_user = "8801"\n'
        f'sip_registrar = "{county.device("reg").ip}:{registrar.port}"\nusername = "8801"\n'
        f'password_file = "{tmp_path}/password"\ntitle = "会议室"\n'
    )

    def carried(*words: str) -> tuple[int, str, str]:
        status = main(["--log-level", "ERROR", "devices", *words, "--config", str(config)])
        told = capsys.readouterr()
        assert PASSWORD not in told.out + told.err
        return status, told.out, told.err

    return carried


def test_probe_explains_every_sip_exchange(run: Run, county: RunningCounty) -> None:
    status, out, _ = run("probe", "vc", "--explain")
    assert status == 0
    assert "SIP OPTIONS (UDP) → sip:8801@" in out
    assert "SIP 200 OK, Outpost Simulator" in out
    assert out.count("SIP REGISTER (UDP)") == 2
    assert f"registered from {county.device('vc').ip}" in out
    assert "线路 line: 丢包 0.0 %" in out
    assert "ONVIF" not in out


def test_probe_of_a_silent_endpoint_shows_what_was_tried(run: Run, county: RunningCounty) -> None:
    county.switch("vc", sip="silent")
    status, out, _ = run("probe", "vc", "--explain")
    assert status == 1
    lines = out.splitlines()
    assert "× 可达 reachable" in lines[1]
    assert [line.split(" → ")[0].strip() for line in lines[2:5]] == [
        "SIP OPTIONS (UDP)",
        "TCP connect",
        "ping",
    ]
    assert "无应答 no answer" in lines[2]
    assert "check its SIP setting or restart it" in lines[-1]


def test_show_tells_number_and_registrar_and_leaves_out_what_it_has_not(run: Run) -> None:
    status, out, _ = run("show", "vc")
    assert status == 0
    assert "号码 number" in out
    assert "8801" in out
    assert "MAC" not in out


def test_the_line_is_measured_before_a_meeting(run: Run, county: RunningCounty) -> None:
    status, out, _ = run("line", "vc", "--probes", "50", "--by", "sip")
    assert status == 0
    assert "丢包 0.0 %" in out
    assert "fit for a meeting" in out
    county.switch("vc", line_loss_percent=30, line_jitter_ms=20)
    status, out, _ = run("line", "vc", "--probes", "50", "--by", "sip", "--json")
    document = json.loads(out)
    assert status == 1
    assert document["grade"] == "poor"
    assert document["line"]["probes"] == 50
    assert "check cable, switch and uplink" in document["detail"]


def test_a_few_probes_make_no_verdict_and_too_many_are_refused(run: Run) -> None:
    status, out, _ = run("line", "vc", "--probes", "10", "--by", "sip")
    assert status == 0
    assert "too few probes to say" in out
    for wrong in ("9", "2001"):
        status, _, err = run("line", "vc", "--probes", wrong)
        assert status == 2
        assert "10 到 2000" in err


def test_the_line_to_an_endpoint_that_is_away_says_so(run: Run, county: RunningCounty) -> None:
    county.switch("vc", unplugged=True)
    status, out, _ = run("line", "vc", "--probes", "10")
    assert status == 1
    assert "check power" in out


def test_the_line_to_a_camera_is_not_measured(capsys: pytest.CaptureFixture[str]) -> None:
    with Hostile("plain_text") as camera:
        status = main(
            ["--log-level", "ERROR", "devices", "line", "device", "--host", f"127.0.0.1:{camera.port}"]
        )
        assert camera.connections == 0
    assert status == 2
    assert "not a conference endpoint" in capsys.readouterr().err


def test_a_stream_without_onvif_is_probed_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "password").write_text(RIGHT)
    with Hostile(server) as video:
        where = ["--host", "127.0.0.1", "--rtsp-port", str(video.port), "--stream-path", "/live"]
        login = ["--user", "admin", "--password-file", str(tmp_path / "password")]
        words = ["--log-level", "ERROR", "devices"]
        assert main([*words, "probe", "device", "--explain", "--no-video", *where, *login]) == 0
        probed = capsys.readouterr().out.splitlines()
        assert main([*words, "show", "device", *where, *login]) == 0
    assert probed[0] == f"127.0.0.1:{video.port}  已登录 authenticated  ok"
    assert [line.split(" → ")[0].strip() for line in probed[1:6]] == [
        "√ 可达 reachable",
        "RTSP OPTIONS",
        "√ 已登录 authenticated",
        "RTSP DESCRIBE",
        "RTSP DESCRIBE",
    ]
    assert "RTSP 401 Unauthorized" in probed[4]
    assert "（登录 login: digest）" in probed[5]
    shown = capsys.readouterr().out
    assert any(line.split() == ["视频流", "stream", "/live"] for line in shown.splitlines())
    assert "无 none" in shown


def test_an_endpoint_in_no_configuration_is_probed_on_the_spot(
    county: RunningCounty, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint = county.station("vc").sip
    assert endpoint is not None
    where = f"{county.device('vc').ip}:{endpoint.port}"
    words = [
        "devices",
        "probe",
        "device",
        "--class",
        "conference_endpoint",
        "--host",
        where,
        "--number",
        "8801",
    ]
    assert main(["--log-level", "ERROR", *words]) == 0
    assert f"{where}  可达 reachable  ok" in capsys.readouterr().out
