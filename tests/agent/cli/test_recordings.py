"""``devices recordings``: what an installer reads of a recorder, a card, and a camera without either."""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.devices import OnvifRoom
from agent.errors import DeviceError
from tests.agent.devices.builders import QUICK, a_device
from tests.support.virtual_county import RunningCounty, entry, running

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
    with running(entry("nvr", kind="nvr_channel", recordings=3), entry("bare")) as started:
        yield started


@pytest.fixture
def run(tmp_path: Path, county: RunningCounty, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command for a device of the county; exit status, standard output, standard error."""
    password = tmp_path / "password"
    password.write_text(PASSWORD)

    def carried(name: str, *words: str) -> tuple[int, str, str]:
        device = county.device(name)
        host = f"{device.ip}:{device.http_port}"
        login = ("--host", host, "--user", "admin", "--password-file", str(password))
        status = main(["--log-level", "ERROR", "devices", "recordings", "device", *login, *words])
        told = capsys.readouterr()
        assert PASSWORD not in told.out + told.err
        return status, told.out, told.err

    return carried


def test_channels_days_and_gaps_are_shown(run: Run, county: RunningCounty) -> None:
    kept = county.device("nvr").recorder
    assert kept is not None
    county.call(lambda: kept.archives[1].stop(time.time() - 7200))
    status, out, _ = run("nvr")
    assert status == 0
    assert "Recording_2" in out and "Channel 3" in out
    assert "100.0 %" in out and "99.7 %" in out
    assert "缺 120 分" in out
    assert "硬盘 disk: 正常 ok" in out
    assert county.call(lambda: county.device("nvr").events.live()) == [], "its slot was given back"


def test_a_disk_that_failed_is_told(run: Run, county: RunningCounty) -> None:
    county.switch("nvr", disk="error")
    assert "硬盘 disk: 故障 error" in run("nvr")[1]


def test_a_disk_is_unknown_where_the_device_has_no_slot_to_tell_it(run: Run, county: RunningCounty) -> None:
    device = county.device("nvr")
    row = a_device(device.ip, device.http_port, password=PASSWORD)
    with contextlib.ExitStack() as held:
        with contextlib.suppress(DeviceError):
            for _ in range(20):
                others = held.enter_context(contextlib.closing(OnvifRoom(limits=QUICK).subscribe(row)))
                others.pull()
        status, out, _ = run("nvr")
    assert (status, "硬盘 disk: 未知，设备没有报告" in out) == (0, True)


def test_json_is_one_document(run: Run) -> None:
    status, out, _ = run("nvr", "--json", "--days", "7")
    told = json.loads(out)
    assert (status, told["offered"], told["window_days"], told["disk"]) == (0, True, 7, "ok")
    assert [one["recorded_days"] for one in told["channels"]] == [7, 7, 7]


def test_a_device_without_the_service_is_told_what_to_do(run: Run) -> None:
    status, out, _ = run("bare")
    assert status == 1
    assert "没有可查询的录像服务" in out and "Profile G" in out


@pytest.mark.parametrize("days", ["0", "367", "-1", "x"])
def test_days_that_cannot_be_are_refused(run: Run, days: str) -> None:
    with pytest.raises(SystemExit):
        run("nvr", "--days", days)
