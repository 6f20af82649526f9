"""``devices analysis`` against a camera that really encodes: made, looked at over RTSP, read, undone."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from agent.__main__ import main
from agent.devices import OnvifRoom
from agent.devices.analysis import NAME
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device
from agent.outbox.notebook import SqliteNotebook
from agent.video.measure import distance, measure, rate
from simulator.lens import equipment
from simulator.video import Library, ProfileSpec
from simulator.video.model import Reel
from tests.agent.devices.builders import a_device
from tests.support.studio import scene_cache
from tests.support.virtual_county import RunningCounty, entry, running

PASSWORD = "pass-word-1"
PROFILES = (ProfileSpec("main", 976, 548, 2, 4), ProfileSpec("sub", 640, 360, 5, 20))
OURS = ProfileSpec("own", 640, 360, 10, 10)
"""What the spare encoder is set to."""


class Run(Protocol):
    def __call__(self, *words: str) -> tuple[int, str]: ...


@pytest.fixture(autouse=True)
def logging_left_as_it_was() -> Iterator[None]:
    """``main`` sets up the process's log; its handler holds a stream that ends with the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@contextmanager
def filming(**more: object) -> Iterator[RunningCounty]:
    """A camera with moving pictures, its scene rendered once a machine, that of our stream too."""
    asyncio.run(Library(scene_cache()).prepare([Reel("gate-day", OURS)]))
    equip = equipment(Library(scene_cache()), PROFILES)
    with running(entry("cam", **more), equip=equip, profiles=PROFILES) as county:
        yield county


def commands(
    tmp_path: Path, county: RunningCounty, capsys: pytest.CaptureFixture[str], *, kind: str = "smart_camera"
) -> Run:
    device = county.device()
    (tmp_path / "password").write_text(PASSWORD)
    config = tmp_path / "box.toml"
    config.write_text(
        f'[box]\nid = "box-1"\ndata_dir = "{tmp_path}"\n[centre]\nhost = "127.0.0.1"\n'
        f'mac_key_file = "{tmp_path}/key"\n[[device]]\nid = "cam"\nclass = "{kind}"\nhost = "{device.ip}"\n'
        f'port = {device.http_port}\nusername = "admin"\npassword_file = "{tmp_path}/password"\n'
    )

    def carried(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        asked = ["--log-level", "ERROR", "devices", "analysis", "cam", *words, "--config", str(config)]
        status = main(asked)
        told = capsys.readouterr()
        assert PASSWORD not in told.out + told.err
        return status, told.out + ("" if "--json" in words else told.err)

    return carried


def watched(tmp_path: Path, row: Device) -> str:
    """What the service would read, with the same notebook."""
    notebook = SqliteNotebook(tmp_path / "notebook.db")
    try:
        adapter = OnvifRoom(notebook=notebook).open(row)
        try:
            return adapter.stream_uri()
        finally:
            adapter.close()
    finally:
        notebook.close()


def test_from_the_dry_run_to_the_undoing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with filming() as county:
        run = commands(tmp_path, county, capsys)
        device = county.device()
        row = a_device(device.ip, device.http_port, password=PASSWORD)
        before = (dict(device.encoders), [one.token for one in device.media])
        status, told = run()
        assert status == 0
        assert all(word in told for word in ("预演", "代价", "好处", "VideoEncoder_third", "640x360"))
        assert (dict(device.encoders), [one.token for one in device.media]) == before
        assert run("--apply")[0] == 3, "nobody said yes"
        status, told = run("--apply", "--yes", "--json")
        document = json.loads(told)
        assert (status, document["verified"]) == (0, True), document
        measured = document["applied"]["measured"]
        assert (measured["codec"], measured["width"], measured["height"]) == ("H264", 640, 360)
        assert measured["fps"] == pytest.approx(10, abs=0.2)
        assert measured["gop_s"] == pytest.approx(1.0, abs=0.05)
        assert watched(tmp_path, row).endswith(f"/{document['applied']['profile']}")
        assert "已核对" in run()[1]
        status, told = run("--undo", "--yes")
        assert (status, "已撤销" in told) == (0, True)
        assert (dict(device.encoders), [one.token for one in device.media]) == before
        assert watched(tmp_path, row).endswith("/sub")
        assert run("--undo", "--yes")[0] == 1


def test_a_stream_that_stays_as_it_was_is_told_and_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The camera says yes, tells the new settings, and goes on with its group of 4 s."""
    with filming(personality="hik-like") as county:
        run = commands(tmp_path, county, capsys)
        status, told = run("--apply", "--yes")
        assert (status, "--shared" in told) == (1, True)
        county.device().media.most = 2
        county.switch(streams_stay=True)
        status, told = run("--apply", "--shared", "--yes")
        assert status == 1
        assert "× 关键帧间隔 要求" in told and "--undo" in told
        run("--undo", "--yes")
        assert county.device().encoders["sub"].gop == 20


def test_an_integrated_camera_has_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(entry("cam")) as county:
        run = commands(tmp_path, county, capsys, kind="integrated")
        for words in ((), ("--apply", "--yes"), ("--undo", "--yes")):
            status, told = run(*words)
            assert status == 1
            assert "read only" in told or "只读" in told
        assert county.device().counters["requests"] == 0
        assert NAME not in [one.name for one in county.device().media]


def test_a_stream_is_measured_by_its_own_time() -> None:
    assert rate([0.0, 0.1, 0.2, 0.3, 0.9, 1.0]) == pytest.approx(10)
    assert rate([]) == rate([1.0]) == 0
    assert distance([0.0, 2.0, 4.0]) == 2.0
    assert distance([3.0]) is None
    with pytest.raises(DeviceError) as caught:
        measure(a_device(), "http://127.0.0.1/")
    assert caught.value.kind is DeviceTrouble.BAD_STREAM
