"""``outpost-agent sight``: the live count of a running box, as people and scripts read it."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.__main__ import main
from runtime.monitor import Monitor
from tests.agent.services.fakes import device
from tests.agent.services.test_governor import Box, guarded
from tests.support.processes import free_port


@contextmanager
def monitored(pages: Mapping[str, Callable[[], object]], port: int) -> Iterator[None]:
    monitor = Monitor(port=port, ready=list, pages=pages)
    monitor.start()
    try:
        yield
    finally:
        monitor.stop()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def config(tmp_path: Path, port: int) -> Path:
    (tmp_path / "key").write_text(base64.b64encode(b"k" * 32).decode())
    path = tmp_path / "box.toml"
    path.write_text(
        f'[box]\nid = "b1"\ndata_dir = "{tmp_path}/data"\n'
        f'[centre]\nhost = "127.0.0.1"\nmac_key_file = "{tmp_path}/key"\n'
        f"[monitor]\nport = {port}\n"
    )
    return path


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def shed() -> Box:
    box = Box(device("street"), guarded("yard"))
    box.live(70, cpu=0.9)
    return box


def test_a_person_reads_streams_load_and_what_is_judged_less(
    config: Path, port: int, shed: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    with monitored({"/sight": shed.governor.report}, port):
        assert main(["sight", "--config", str(config)]) == 0
    said = capsys.readouterr().out
    assert "视频 streams 2/2" in said
    assert "处理器 CPU 90.0%（上限 bound 60%，2 核 cores）" in said
    assert "降负荷 shed level" in said
    assert "处理器 CPU，自 since" in said
    lines = {line.split()[0]: line for line in said.splitlines() if line.split()}
    assert "1280x720 h264" in lines["street"]
    assert "every 5th key frame" in lines["street"]


def test_a_script_gets_one_document(
    config: Path, port: int, shed: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    with monitored({"/sight": shed.governor.report}, port):
        assert main(["sight", "--config", str(config), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["shed_cause"] == "cpu"
    assert [one["device"] for one in told["each"]] == ["street", "yard"]


def test_a_box_that_has_just_begun_is_shown(
    config: Path, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with monitored({"/sight": Box().governor.report}, port):
        assert main(["sight", "--config", str(config)]) == 0
    said = capsys.readouterr().out
    assert "全部照常判断" in said
    assert "没有视频流" in said


@pytest.mark.parametrize(
    "pages", [{}, {"/sight": lambda: {"each": 5}}, {"/sight": lambda: [1]}], ids=["old", "other", "list"]
)
def test_another_program_at_the_port_is_said_to_be_one(
    config: Path, port: int, pages: Mapping[str, Callable[[], object]], capsys: pytest.CaptureFixture[str]
) -> None:
    with monitored(pages, port):
        assert main(["sight", "--config", str(config), "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["kind"] == "failed"
    assert "不是本版本边缘盒的" in told.err


def test_a_box_that_is_not_running_is_said_not_to_be(
    config: Path, port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sight", "--config", str(config)]) == 1
    assert f"边缘盒没有应答（127.0.0.1:{port}" in capsys.readouterr().err


def test_no_address_stands_on_the_page() -> None:
    """It is readable without log-in for whoever reaches the port."""
    box = Box(replace(device("street"), host="10.1.2.3", username="admin"))
    box.live(4, cpu=0.1)
    assert "10.1.2.3" not in json.dumps(box.governor.report())
    assert "admin" not in json.dumps(box.governor.report())
