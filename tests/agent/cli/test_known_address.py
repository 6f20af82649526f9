"""A known device's address typed for a new row: no password is tried on it before an operator says so."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.outbox.notebook import SqliteNotebook
from agent.services.register import DeviceRegister, Place
from tests.agent.cli.test_devices import PASSWORD, Run
from tests.agent.cli.test_devices import logging_left_as_it_was as logging_left_as_it_was
from tests.support.virtual_county import RunningCounty, entry, running


@pytest.fixture
def county() -> Iterator[RunningCounty]:
    with running(entry("cam")) as started:
        yield started


@pytest.fixture
def run(tmp_path: Path, county: RunningCounty, capsys: pytest.CaptureFixture[str]) -> Run:
    """``axis`` was followed to where it is; the row ``new-cam`` has that address too, and another
    password, which the file ``new`` holds."""
    device, config = county.device(), tmp_path / "box.toml"
    (tmp_path / "old").write_text(PASSWORD)
    (tmp_path / "new").write_text("another-one-1")
    rows = "".join(
        f'[[device]]\nid = "{name}"\nhost = "{host}"\nport = {device.http_port}\nusername = "admin"\n'
        f'password_file = "{tmp_path}/{file}"\n'
        for name, host, file in (("axis", "10.9.9.9", "old"), ("new-cam", device.ip, "new"))
    )
    config.write_text(
        f'[box]\nid = "box-1"\ndata_dir = "{tmp_path}"\n[centre]\nhost = "127.0.0.1"\n'
        f'mac_key_file = "{tmp_path}/key"\n{rows}'
    )
    with contextlib.closing(SqliteNotebook(tmp_path / "notebook.db")) as book:
        place = Place(device.ip, device.http_port, 1_790_000_000.0, "10.9.9.9", device.http_port)
        DeviceRegister(book).seen("axis", place)

    def carried(*words: str) -> tuple[int, str, str]:
        status = main(["--log-level", "ERROR", "devices", *words, "--config", str(config)])
        told = capsys.readouterr()
        return status, told.out, told.err

    return carried


def failures(county: RunningCounty) -> int:
    told = county.device().counters
    return sum(count for name, count in told.items() if name.startswith("auth_") and name != "auth_missing")


def probed(run: Run, name: str) -> tuple[str, str]:
    """Reason and sentence of a climb."""
    (told,) = json.loads(run("probe", name, "--no-video", "--json")[1])
    return told["evidence"]["reason"], told["evidence"]["detail"]


def test_no_password_of_a_new_row_is_tried_on_a_known_device(
    run: Run, county: RunningCounty, tmp_path: Path
) -> None:
    assert probed(run, "axis")[0] == "ok"
    before = failures(county)
    for words in (("show",), ("get",), ("reboot", "--yes")):
        status, out, err = run(*words[:1], "new-cam", *words[1:])
        assert status == 1
        assert "= axis" in out + err
    reason, detail = probed(run, "new-cam")
    assert (reason, "= axis" in detail) == ("other_device", True)
    assert failures(county) == before
    assert probed(run, "axis")[0] == "ok"

    assert run("accept", "new-cam", "--yes")[0] == 0
    (tmp_path / "new").write_text(PASSWORD)
    assert probed(run, "new-cam")[0] == "ok"
    assert probed(run, "new-cam")[0] == "ok", "it is learnt, and needs no word any more"
    assert probed(run, "axis")[0] == "ok"
