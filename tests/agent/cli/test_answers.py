"""With ``--json`` every way a command ends gives one JSON document; what is wrong is called by its name."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.outbox.notebook import SqliteNotebook
from agent.services.register import DeviceRegister
from tests.agent.cli.test_devices import Run
from tests.agent.cli.test_devices import county as county
from tests.agent.cli.test_devices import logging_left_as_it_was as logging_left_as_it_was
from tests.agent.cli.test_devices import run as run
from tests.support.virtual_county import RunningCounty


@pytest.fixture(autouse=True)
def nobody_at_the_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    yield


@pytest.mark.parametrize(
    ("words", "status", "kind"),
    [
        (("show", "nowhere"), 2, "wrong_arguments"),
        (("set", "cam", "colour", "a=b"), 2, "wrong_arguments"),
        (("discover", "nonsense"), 2, "wrong_arguments"),
        (("reboot", "cam"), 3, "not_confirmed"),
        (("relays", "cam", "--on", "RelayOutput_1"), 3, "not_confirmed"),
        (("accept", "cam"), 3, "not_confirmed"),
        (("forget", "cam", "--yes"), 2, "wrong_arguments"),
        (("set", "police", "encoder", "sub.fps=5"), 1, "read_only"),
    ],
)
def test_what_was_not_done_is_one_document(run: Run, words: tuple[str, ...], status: int, kind: str) -> None:
    told, out, _ = run(*words, "--json")
    document = json.loads(out)
    assert (told, document["kind"]) == (status, kind)
    assert document["detail"]


def test_a_missing_configuration_and_a_misspelt_option_are_documents_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["devices", "accept", "cam", "--yes", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["kind"] == "wrong_arguments"
    assert main(["devices", "list", "--config", str(tmp_path / "none.toml"), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["kind"] == "bad_configuration"
    with pytest.raises(SystemExit) as ended:
        main(["devices", "list", "--colour", "secret-1", "--password=secret-2", "--json"])
    assert ended.value.code == 2
    told = capsys.readouterr()
    assert "--colour" in json.loads(told.out)["detail"]
    assert "secret" not in told.out + told.err
    assert "用法 / usage" in told.err and "错误 / error" in told.err


def test_wrong_arguments_are_not_blamed_on_the_configuration(run: Run) -> None:
    err = run("show", "nowhere")[2]
    assert "参数有误" in err and "配置有误" not in err


def test_nothing_to_probe_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "probe"]) == 2
    assert "没有要检测的设备" in capsys.readouterr().err


def test_events_without_follow_are_one_array(run: Run) -> None:
    assert isinstance(json.loads(run("events", "cam", "--json")[1]), list)


def test_events_last_as_long_as_they_are_asked_for_and_tell_a_state_once(
    run: Run, county: RunningCounty
) -> None:
    status, out, _ = run("events", "cam", "--seconds", "3", "--json")
    assert status == 0
    assert county.device("cam").counters["op_PullMessages"] > 1
    states = [(one["topic"], one["source"], one["active"]) for one in json.loads(out) if "topic" in one]
    assert len(states) == len(set(states))


def test_followed_events_are_one_document_a_line(run: Run) -> None:
    out = run("events", "cam", "--follow", "--seconds", "1", "--json")[1]
    assert all(isinstance(json.loads(line), dict) for line in out.splitlines())


def test_nothing_is_announced_that_is_refused(run: Run, county: RunningCounty, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(b"of another make")
    about = ("--model", "of-another-make", "--version", "9", "--yes")
    status, out, _ = run("firmware", "cam", str(image), *about)
    assert (status, "正在上传" in out) == (1, False)
    status, out, _ = run("reboot", "police", "--yes")
    assert (status, "正在重启" in out) == (1, False)
    status, out, _ = run("reboot", "cam", "--yes")
    assert (status, "正在重启" in out) == (0, True)


def test_a_row_that_discovery_made_is_listed_without_a_class_and_as_read_only(
    run: Run, county: RunningCounty, tmp_path: Path
) -> None:
    run("list")
    with contextlib.closing(SqliteNotebook(tmp_path / "notebook.db")) as notebook:
        document = json.dumps({"host": "127.0.0.9", "port": 80})
        DeviceRegister(notebook).remember_found("found", document)
    rows = {one["id"]: one for one in json.loads(run("list", "--json")[1])}
    assert {name: (row["class"], row["writable"]) for name, row in rows.items()} == {
        "cam": ("ptz_dome", True),
        "police": ("integrated", False),
        "found": (None, False),
    }
    (line,) = [line for line in run("list")[1].splitlines() if line.startswith("found")]
    assert "只读" in line and "read only" in line and "smart_camera" not in line
