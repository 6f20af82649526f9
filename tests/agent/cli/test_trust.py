"""Confirming a certificate by hand: both are shown, nothing is pinned unasked, nothing secret is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.devices.pins import certificate_of
from agent.devices.tls_sentences import colons
from tests.agent.cli.test_devices import PASSWORD, Run
from tests.agent.cli.test_devices import logging_left_as_it_was as logging_left_as_it_was
from tests.support.virtual_county import RunningCounty, entry, running


@pytest.fixture
def county() -> Iterator[RunningCounty]:
    with running(entry("cam", tls=True), entry("plain")) as started:
        yield started


@pytest.fixture
def run(tmp_path: Path, county: RunningCounty, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command with a box's configuration; exit status, standard output, standard error."""
    (tmp_path / "password").write_text(PASSWORD)
    rows = "".join(
        f'[[device]]\nid = "{name}"\nhost = "{county.device(name).ip}"\ntls = {tls}\n'
        f'port = {county.device(name).http_port}\nusername = "admin"\n'
        f'password_file = "{tmp_path}/password"\n'
        for name, tls in (("cam", "true"), ("plain", "false"))
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


def fingerprint(county: RunningCounty) -> str:
    certificates = county.device().certificates
    assert certificates is not None
    return certificate_of(county.call(lambda: certificates.der)).sha256


def test_the_pinned_certificate_is_shown_with_the_device(run: Run, county: RunningCounty) -> None:
    status, out, _ = run("show", "cam")
    assert status == 0
    assert colons(fingerprint(county)) in out
    assert f"CN={county.device().identity.serial}" in out and "不检查" in out
    told = json.loads(run("show", "cam", "--json")[1])
    assert told["tls"] is True
    assert told["certificate"]["sha256"] == fingerprint(county)
    plain = json.loads(run("show", "plain", "--json")[1])
    assert (plain["tls"], plain["certificate"]) == (False, None)


def test_a_replaced_certificate_is_confirmed_once_both_are_shown(run: Run, county: RunningCounty) -> None:
    assert run("show", "cam")[0] == 0
    old = fingerprint(county)
    county.switch(certificate="replaced")
    status, out, _ = run("probe", "cam", "--no-video")
    assert status == 1
    assert "certificate_changed" in out and "devices trust cam" in out
    assert run("show", "cam")[0] == 1

    status, out, _ = run("trust", "cam")
    assert status == 3
    assert colons(old) in out and colons(fingerprint(county)) in out and "--yes" in out
    assert run("probe", "cam", "--no-video")[0] == 1, "not confirmed, not pinned"

    status, out, _ = run("trust", "cam", "--yes", "--json")
    told = json.loads(out)
    assert (status, told["trusted"]) == (0, True)
    assert (told["pinned"]["sha256"], told["shown"]["sha256"]) == (old, fingerprint(county))
    assert run("probe", "cam", "--no-video")[0] == 0


def test_an_expired_certificate_is_said_to_be(run: Run, county: RunningCounty) -> None:
    county.switch(certificate="expired")
    assert run("probe", "cam", "--no-video")[0] == 0
    status, out, _ = run("trust", "cam")
    assert status == 0
    assert "已过期 expired" in out and "1970-01-01" in out and "证书没有变" in out


def test_a_device_never_spoken_to_is_trusted_when_confirmed(run: Run, county: RunningCounty) -> None:
    status, out, _ = run("trust", "cam")
    assert (status, "尚无原证书" in out) == (3, True)
    assert run("trust", "cam", "--yes")[0] == 0
    county.switch(certificate="replaced")
    assert run("probe", "cam", "--no-video")[0] == 1


def test_a_device_in_plain_text_has_nothing_to_trust(run: Run) -> None:
    status, out, _ = run("trust", "plain", "--yes")
    assert status == 1
    assert "tls = true" in out


def test_a_device_that_is_away_is_told_as_such(run: Run, county: RunningCounty) -> None:
    county.switch(unplugged=True)
    status, out, _ = run("trust", "cam", "--yes")
    assert status == 1
    assert "请检查" in out


def test_a_device_on_the_spot_is_spoken_to_over_tls(
    county: RunningCounty, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    device = county.device()
    (tmp_path / "password").write_text(PASSWORD)
    words = ["devices", "show", "device", "--host", f"{device.ip}:{device.http_port}", "--user", "admin"]
    words += ["--password-file", str(tmp_path / "password"), "--json"]
    assert main(["--log-level", "ERROR", *words, "--tls"]) == 0
    assert json.loads(capsys.readouterr().out)["certificate"]["sha256"] == fingerprint(county)
    assert main(["--log-level", "ERROR", *words]) == 1
