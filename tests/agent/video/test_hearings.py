"""What a packet gate is worth outlives the box's restart, and not its device."""

from __future__ import annotations

import base64
import logging
from pathlib import Path

import pytest

from agent.app import BoxApp
from agent.config import parse_config
from agent.detect import SceneJudge
from agent.errors import DeviceError, DeviceTrouble
from agent.model import Device
from agent.outbox.notebook import SqliteNotebook
from agent.video.agreement import Agreement, Hearing
from agent.video.cascade import Cascade
from agent.video.hearings import KEEP_S, TOPIC, Hearings
from agent.video.room import PyavRoom
from protocol.words import DeviceClass
from tests.agent.services.passing import FakeNotebook


def cry_wolf(agreement: Agreement) -> None:
    for _ in range(10):
        agreement.alarm(right=False, hour=0)


def test_a_gate_that_cried_wolf_is_not_listened_to_after_a_restart_either(tmp_path: Path) -> None:
    notebook = SqliteNotebook(tmp_path / "notebook.db")
    hearings = Hearings(notebook)
    cry_wolf(hearings.of("gate"))
    assert Cascade(agreement=hearings.of("gate")).hearing is Hearing.WOLF, "opened again it is the same"
    assert hearings.step() == KEEP_S
    notebook.close()
    again = SqliteNotebook(tmp_path / "notebook.db")
    assert Cascade(agreement=Hearings(again).of("gate")).hearing is Hearing.WOLF
    assert Cascade(agreement=Hearings(again).of("road")).hearing is Hearing.UNTRIED
    again.close()


def test_each_device_is_watched_with_what_is_known_of_it() -> None:
    def unreachable() -> str:
        raise DeviceError(DeviceTrouble.UNREACHABLE, "gate", "nothing there")

    hearings = Hearings(FakeNotebook())
    device = Device("gate", DeviceClass.SMART_CAMERA, "127.0.0.1")
    watch = PyavRoom(hearings=hearings).watch(device, unreachable, SceneJudge(), lambda _frame, _said: None)
    try:
        assert isinstance(watch._gate, Cascade)
        assert watch._gate._agreement is hearings.of("gate")
    finally:
        watch.close()


def test_a_box_that_stops_has_written_what_it_knows(tmp_path: Path) -> None:
    key = tmp_path / "mac.key"
    key.write_text(base64.b64encode(bytes(32)).decode())
    document = {
        "box": {"id": "village-1", "data_dir": str(tmp_path)},
        "centre": {"host": "127.0.0.1", "mac_key_file": str(key)},
    }
    for known in (Hearing.UNTRIED, Hearing.WOLF):
        app = BoxApp(parse_config(document, where="box.toml"), on_fatal=print)
        try:
            assert app.hearings.of("gate").hearing(0) is known
            cry_wolf(app.hearings.of("gate"))
        finally:
            app.stop()


class Counted(FakeNotebook):
    """Counts what is written."""

    written = 0

    def note(self, subject: str, topic: str, document: str) -> None:
        self.written += 1
        super().note(subject, topic, document)


def test_only_what_changed_is_written() -> None:
    notebook = Counted()
    hearings = Hearings(notebook)
    for device in ("gate", "road", "yard"):
        hearings.of(device)
    hearings.step()
    assert notebook.written == 0
    cry_wolf(hearings.of("road"))
    hearings.step()
    hearings.step()
    assert notebook.written == 1
    Hearings(notebook).of("road")
    assert list(notebook.notes(TOPIC)) == ["road"]


def test_of_a_device_out_of_care_nothing_is_written_again() -> None:
    notebook = FakeNotebook()
    hearings = Hearings(notebook)
    cry_wolf(hearings.of("gate"))
    hearings.step()
    hearings.drop("gate")
    notebook.strike_all("gate")
    hearings.step()
    assert notebook.documents == {}
    assert hearings.of("gate").hearing(0) is Hearing.UNTRIED


@pytest.mark.parametrize("document", ["", "[", "{}", "[[1, 2, 3, 4]]", "null"])
def test_what_cannot_be_read_is_measured_anew(document: str, caplog: pytest.LogCaptureFixture) -> None:
    notebook = FakeNotebook()
    notebook.note("gate", TOPIC, document)
    hearings = Hearings(notebook)
    with caplog.at_level(logging.WARNING):
        cry_wolf(hearings.of("gate"))
    assert "device=gate" in caplog.text
    hearings.step()
    assert Hearings(notebook).of("gate").hearing(0) is Hearing.WOLF
